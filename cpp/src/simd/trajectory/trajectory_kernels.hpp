// The kernels of paths, as tables of functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "entroprod/steps.hpp"
#include "formulas/whitened_machine.hpp"

namespace entroprod {

// One path in each lane. Blocks of steps are (n_steps, m, lanes), a memory is (n, lanes).
struct TrajectoryKernels {
    using DrawNormals = void (*)(std::uint64_t key, std::uint64_t first_path, std::uint64_t first,
                                 std::int64_t count, double* normals);
    using Generate = void (*)(const WhitenedMachine<double>& machine, std::int64_t n_steps,
                              double* steps, double* memory, double* squares, double* scratch);
    using Filter = void (*)(const WhitenedMachine<double>& machine, std::int64_t n_steps,
                            int direction, const double* steps, double* memory, double* squares,
                            double* step_squares, double* scratch);
    using ApplyLower = void (*)(int m, const double* lower, std::int64_t n_steps, double* steps);
    int lanes;
    DrawNormals draw_normals;
    Generate (*generate)(int n, int m);  // the variants for a machine of this size
    Filter (*filter)(int n, int m);
    ApplyLower (*apply_lower)(int m);
    Generate generate_structured;  // for a machine that has bands
    Filter filter_structured;
};

// A memory that is known up to N(mean, root root^T).
struct UncertainMemory {
    double* mean;  // (n,)
    double* root;  // (n, n)
    bool certain;  // root is 0
};

// As TrajectoryKernels, with parameters that change from step to step, and one path alone where
// observations are missing.
struct TimeVaryingKernels {
    using Generate = void (*)(const StepParameters& parameters, std::int64_t first_step,
                              std::int64_t n_steps, double* steps, double* memory, double* squares,
                              double* scratch);
    using Filter = void (*)(const StepParameters& parameters, std::int64_t first_step,
                            std::int64_t n_steps, int direction, const double* steps,
                            double* memory, double* squares, double* step_squares, double* scratch);
    using FilterMissing = void (*)(const StepParameters& parameters, std::int64_t first_step,
                                   std::int64_t n_steps, int direction, const double* y,
                                   const StepMatrices& information, UncertainMemory& state,
                                   double* scratch, double* log_prob);
    int lanes;  // need not be those of TrajectoryKernels
    TrajectoryKernels::DrawNormals draw_normals;
    Generate (*generate)(int n, int m);  // the variants for a machine of this size
    Filter (*filter)(int n, int m);
    FilterMissing (*filter_missing)(int n, int m);
};

// Numbers of scratch memory that filter_missing needs.
constexpr std::size_t missing_scratch_size(int n, int m) {
    const auto rows = static_cast<std::size_t>(n) + m;
    return rows * rows + 2 * rows + static_cast<std::size_t>(m) * (n + 1);
}

// The best that this processor can run.
const TrajectoryKernels& trajectory_kernels();
const TimeVaryingKernels& time_varying_kernels();

// What the sources of this folder make, once per instruction set.
inline namespace ENTROPROD_ISA {

TrajectoryKernels trajectory();
TimeVaryingKernels time_varying();

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
