// The kernels of the gradient of entropy production, as tables of functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formulas/adjoint_step.hpp"
#include "formulas/whitened_machine.hpp"

namespace entroprod {

constexpr std::size_t equal_steps_size(std::size_t n) { return 12 * n * n; }
constexpr std::size_t doubling_size(std::size_t n, std::size_t m) {
    return adjoint_scratch_size(n, m) + 2 * equal_steps_size(n) + 5 * n * n;
}

// How L steps change a state and an adjoint, (n, n) each; as in gradient_leaps.hpp.
template <class Real>
struct GradientMaps {
    const Real* filter;        // F^L
    const Real* filter_t;      // (F^L)^T
    const Real* transition;    // A^L
    const Real* transition_t;  // (A^L)^T
    const Real* gram;          // sum_j (F^j)^T C^T C F^j  for j < L
    const Real* noise;         // sum_j A^j G G^T (A^j)^T  for j < L
    const Real* z;             // Z
    const Real* v;             // V
    const Real* gamma;         // Gamma, Omega, E after L steps from 0
    const Real* omega;
    const Real* dual;
    const Real* adjoint;  // D before L steps from Gamma = 0, with D = Lambda = P = 0 after them
};

// A state is one block of its parts Gamma, Omega, E; an adjoint one of D, Lambda, P.
//
// Several segments of steps side by side; both may be nullptr: there is no such kernel.
template <class Real>
struct GradientSegments {
    // states (n_segments + 1, 3, n, n): fills in all but the first, a segment's steps apart.
    using LeapStates = void (*)(const GradientMaps<Real>& maps, int n_segments, Real* states);
    // As ReverseSteps below, for so many segments of segment_steps each, from the states at their
    // starts. n_segments is a multiple of GradientKernels::n_segments.
    using ReverseSegments = void (*)(const AdjointMachine<Real>& machine,
                                     const GradientMaps<Real>& maps, int segment_steps,
                                     int n_segments, const Real* states, Real* adjoint, Real* sums);
    LeapStates leap_states;
    ReverseSegments reverse_segments;
};

template <class Real>
struct GradientKernels {
    // n_steps of the recursions; tape: n_steps records of record_size(n, m) numbers.
    using RecordSteps = void (*)(const WhitenedMachine<Real>& machine, Real* state, int n_steps,
                                 Real* tape);
    // The steps on the tape, the last first: the adjoint goes from after to before them, and what
    // they contribute to the gradient is added to the sums.
    using ReverseSteps = void (*)(const AdjointMachine<Real>& machine, Real* tape, int n_steps,
                                  Real* adjoint, Real* sums, Real* scratch);
    // n_steps equal ones at once, with the sums of the adjoints after each of them.
    using AddEqualSteps = void (*)(const AdjointMachine<Real>& machine, Real* record,
                                   double n_steps, Real* adjoint_sums, Real* sums, Real* scratch);
    // From an adjoint of 0 after n_steps equal steps to that before them, and the sums of those
    // after each. memory: doubling_size(n, m) numbers. work_of_round: for
    // interruption points.
    using DoubleSteps = void (*)(const AdjointMachine<Real>& machine, Real* record,
                                 std::int64_t n_steps, double roundoff, Real* adjoint,
                                 Real* adjoint_sums, Real* memory, double work_of_round);
    struct OfSize {
        RecordSteps record_steps;
        ReverseSteps reverse_steps;
        AddEqualSteps add_equal_steps;
        DoubleSteps double_steps;
    };
    OfSize (*of_size)(int n, int m);
    GradientSegments<Real> (*segments)(int n, int m);
    int n_segments;  // side by side, a power of 2
};

// The best that this processor can run.
template <class Real>
const GradientKernels<Real>& gradient_kernels();
template <>
const GradientKernels<double>& gradient_kernels();
template <>
const GradientKernels<Extended>& gradient_kernels();

// What the sources of this folder make, once per instruction set.
inline namespace ENTROPROD_ISA {

GradientKernels<double> gradient_double();
GradientSegments<double> gradient_segments(int n, int m);
GradientKernels<Extended> gradient_extended();

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
