// The hot kernels, as a table of functions: one table per instruction set, one chosen at run time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "entroprod/linear_gaussian.hpp"
#include "entroprod/time_varying.hpp"

namespace entroprod {

// Memory of the machine that reads backwards, after k observations; (n, n) each.
template <class Real>
struct BackwardState {
    Real* gamma;  // its mean's dependence on the forward memory
    Real* omega;  // the covariance of the rest
    Real* dual;   // accumulated weight of the forward noise; unused with covariances given
};

// What one step adds, in nats times two, with what a bound of its rounding error needs: sizes, for
// which double is enough whatever Real is.
template <class Real, class Size = double>
struct StepTerms {
    Real excess;         // tr(S^-1 Sigma^B) - m
    Size magnitude;      // the sum of the terms' sizes before the subtraction
    Size x_squared;      // |X|^2
    Size parts_squared;  // |C Gamma A|^2, X being the difference of C and that
};

// How L steps of the recursions change a state, (n, n) each:
//   Gamma -> gamma + F^L Gamma A^L,
//   Omega -> F^L Omega (F^L)^T + what it is from Omega = 0,
//   E     -> (A^L)^T E A^L     + what it is from E = 0,
// and the sum of their terms is that from Omega = E = 0 plus <emission_gram, Omega> + <noise, E>.
template <class Real>
struct LeapMaps {
    const Real* gamma;          // Gamma after L steps from 0
    const Real* filter;         // F^L
    const Real* filter_t;       // (F^L)^T
    const Real* transition;     // A^L
    const Real* transition_t;   // (A^L)^T
    const Real* emission_gram;  // sum_j (F^j)^T C^T C F^j  for j < L
    const Real* noise;          // sum_j A^j G G^T (A^j)^T  for j < L
};

constexpr std::size_t scratch_size(int n, int m) {
    const auto rows = static_cast<std::size_t>(n) + m;
    const auto square = static_cast<std::size_t>(n > m ? n : m) * n;
    return rows * n + rows * rows + 2 * static_cast<std::size_t>(m) * n + square;
}

template <class Real>
struct ProductionKernels {
    // n_steps of the recursions; terms (n_steps,). With covariances, step k takes the matrix at
    // k * covariance_stride (which may be negative or 0); with nullptr the dual form.
    using Advance = void (*)(const WhitenedMachine<Real>& machine, const BackwardState<Real>& state,
                             int n_steps, const Real* covariances, std::ptrdiff_t covariance_stride,
                             Real* scratch, StepTerms<Real>* terms);
    // covariances (n_steps + 1, n, n): fills in all but the first.
    using AdvanceCovariance = void (*)(const WhitenedMachine<Real>& machine, int n_steps,
                                       Real* covariances, Real* scratch);
    // n_segments times segment_steps steps at once, the dual form: returns the sums of their terms.
    // segment_steps is a multiple of 16, and the maps are those of so many steps.
    using AdvanceStretch = StepTerms<Real> (*)(const WhitenedMachine<Real>& machine,
                                               const LeapMaps<Real>& maps, int segment_steps,
                                               const BackwardState<Real>& state);
    // out (rows, cols) = a (rows, inner) b (inner, cols)
    using Multiply = void (*)(int rows, int inner, int cols, const Real* a, const Real* b,
                              Real* out);
    Advance (*advance)(int n, int m);  // the variant for a machine of this size
    AdvanceCovariance (*advance_covariance)(int n);
    Multiply multiply;
    int n_segments;                                   // a power of 2
    AdvanceStretch (*advance_stretch)(int n, int m);  // may return nullptr: there is none
};

// The same for a machine that has bands, of any size; scratch of structured_scratch_size(n, m).
template <class Real>
struct StructuredKernels {
    typename ProductionKernels<Real>::Advance advance;
    typename ProductionKernels<Real>::AdvanceCovariance advance_covariance;
};

constexpr std::size_t structured_scratch_size(int n, int m) {
    return 9 * static_cast<std::size_t>(n) * m + n + m;
}

// What the adjoint recursions need of a machine: transposes, too.
template <class Real>
struct AdjointMachine {
    WhitenedMachine<Real> forward;
    const Real* emission_over_filter_t;  // [C; F]^T  (n, m + n)
    const Real* transition_and_input_t;  // [A, G]^T  (n + m, n)
};

// Sums over steps, in one block, from which the gradient follows; symbols as in
// simd/gradient_kernel.hpp.
template <class Real>
struct GradientSums {
    Real* left;        // of [C; F] where it multiplies Gamma     (m + n, n)
    Real* right;       // of [A, G] there                         (n, n + m)
    Real* products;    // of K                                    (m + n, n + m)
    Real* dual;        // of E                                    (n, n)
    Real* omega;       // of Omega                                (n, n)
    Real* transition;  // of E A P, A where it multiplies E       (n, n)
    Real* filter;      // of Lambda F Omega, F where it multiplies Omega (n, n)

    GradientSums(Real* data, std::ptrdiff_t n, std::ptrdiff_t m)
        : left(data),
          right(left + (m + n) * n),
          products(right + n * (n + m)),
          dual(products + (m + n) * (n + m)),
          omega(dual + n * n),
          transition(omega + n * n),
          filter(transition + n * n) {}
};

constexpr std::size_t gradient_sums_size(std::size_t n, std::size_t m) {
    return (m + n) * (3 * n + m) + 4 * n * n;
}
constexpr std::size_t record_size(int n, int m) {
    return 3 * static_cast<std::size_t>(n) * n + scratch_size(n, m);
}
constexpr std::size_t adjoint_scratch_size(std::size_t n, std::size_t m) {
    return (m + n) * (2 * n + m) + (m + 2 * n) * n;
}
constexpr std::size_t equal_steps_size(std::size_t n) { return 12 * n * n; }
constexpr std::size_t doubling_size(std::size_t n, std::size_t m) {
    return adjoint_scratch_size(n, m) + 2 * equal_steps_size(n) + 5 * n * n;
}

// How L steps change a state and an adjoint, (n, n) each; as in gradient_leap.hpp.
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
    // after each. memory: doubling_size(n, m) numbers. Calls after_round() now and then.
    using DoubleSteps = void (*)(const AdjointMachine<Real>& machine, Real* record,
                                 std::int64_t n_steps, double roundoff, Real* adjoint,
                                 Real* adjoint_sums, Real* memory,
                                 const std::function<void()>& after_round);
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

struct ReversalKernels {
    // out[k] = above[k] + sum_b factors[b] basis[b * stride + k] for k < width; above may be
    // nullptr, read as zeros.
    using AddRow = void (*)(int m, std::int64_t width, const double* above, const double* factors,
                            const double* basis, std::int64_t stride, double* out);
    AddRow (*add_row)(int m);
};

// One step of a pair of machines, the one that generates and the one that reads backwards, in units
// in which the backward machine's innovations are N(0, I):
//   y = C h + D e, h -> A h + G e with e ~ N(0, I), and h -> F h + .. given y;  g -> F^b g + G^b y.
template <class Real>
struct PairStep {
    const Real* transition;         // A        (n, n)
    const Real* transition_t;       // A^T      (n, n)
    const Real* input;              // G        (n, m)
    const Real* emission;           // C        (m, n)
    const Real* noise;              // D        (m, m), lower triangular
    const Real* filter;             // F        (n, n)
    const Real* filter_t;           // F^T      (n, n)
    const Real* whitened_emission;  // D^-1 C   (m, n)
    const Real* back_filter;        // F^b      (b, b)
    const Real* back_filter_t;      // (F^b)^T  (b, b)
    const Real* back_input;         // G^b      (b, m)
    const Real* back_emission;      // C^b      (m, b)
    Real log_det_ratio;             // ln det S^b - ln det S
};

// What the backward reader knows: g = Gamma h + offset + a rest of covariance Omega, and the
// information Lambda that the observations it has read hold about h.
template <class Real>
struct PairState {
    Real* gamma;   // (b, n)
    Real* omega;   // (b, b)
    Real* lambda;  // (n, n); nullptr: no decomposition
    Real* offset;  // (b,)
};

template <class Real>
struct PairTerms {
    Real production;        // twice the nats of per_step
    Real retrospective;     // twice D_t
    Real compression_loss;  // twice L_t
    double magnitude;       // sum of the sizes of what is added up for production
    double sensitivity;     // how much the rounding of X changes it, in units of roundoff
    int rank;
    // Part of its variance that the last direction of the memory that counts has left, over what
    // doesn't count.
    double clearance;
};

// n and b are the state sizes of the two machines, m the size of an observation.
struct PairSizes {
    int n, b, m;
};

// What L steps of a constant pair do: h -> A^L h + p, and a reader that knows nothing behind them
// has g = gamma h + r after them, h being the memory before them; p and r are noise.
template <class Real>
struct PairMaps {
    const Real* transition;     // A^L        (n, n)
    const Real* transition_t;   // (A^L)^T    (n, n)
    const Real* filter;         // F^L        (n, n)
    const Real* filter_t;       // (F^L)^T    (n, n)
    const Real* back_filter;    // (F^b)^L    (b, b)
    const Real* back_filter_t;  //            (b, b)
    const Real* covariance;     // Cov(p)     (n, n)
    const Real* cross;          // Cov(r, p)  (b, n)
    const Real* omega;          // Cov(r)     (b, b)
    const Real* gamma;          //            (b, n)
    const Real* lambda;         // sum_j (F^j)^T (D^-1 C)^T D^-1 C F^j  for j < L  (n, n)
};

// Where a stretch of steps writes its terms, in nats, by forward time; per_step may be nullptr.
struct StretchArrays {
    double* per_step;
    double* retrospective;
    double* compression_loss;
    double* model_mismatch;
};

// Sums over a stretch, as in PairTerms, and the lowest of all values before those below 0 were
// raised to it.
struct StretchSums {
    double production, magnitude, sensitivity, lowest;
};

// A stretch goes ahead if the determinants of all memories are at least this part of the products
// of their variances. No direction has less of its variance left by others then, so that there is
// no doubt about ranks, and no need to look for an order of pivots.
inline constexpr double clear_variance = 0x1p-26;

template <class Real>
struct DecompositionKernels {
    // One step backwards in time; covariance (n, n) and mean (n,) are those of h at this time.
    // order (b,) is scratch too.
    using Advance = void (*)(const PairSizes& sizes, const PairStep<Real>& step,
                             const PairState<Real>& state, const Real* covariance, const Real* mean,
                             Real* scratch, int* order, PairTerms<Real>& terms);
    // One step of the forward covariance and mean: A Pi A^T + G G^T and A mean.
    using Forward = void (*)(const PairSizes& sizes, const PairStep<Real>& step,
                             const Real* covariance, const Real* mean, Real* next_covariance,
                             Real* next_mean, Real* scratch);
    // n_segments times segment_steps steps of a constant pair without means at once; covariance is
    // that of h at the first of these times. False where some memory isn't clear or something has
    // left the range of double; then the state stays as it was.
    using AdvanceStretch = bool (*)(const PairStep<Real>& step, const PairMaps<Real>& maps,
                                    int segment_steps, const PairState<Real>& state,
                                    const Real* covariance, const StretchArrays& out,
                                    StretchSums& sums);
    Advance (*advance)(const PairSizes& sizes);  // the variants for these sizes
    Forward (*forward)(const PairSizes& sizes);
    std::size_t (*scratch_size)(int n, int b, int m);
    int n_segments;                                             // a power of 2
    AdvanceStretch (*advance_stretch)(const PairSizes& sizes);  // may return nullptr: there is none
};

struct Kernels {
    const char* instruction_set;
    ProductionKernels<double> production;
    ProductionKernels<Extended> production_extended;
    DecompositionKernels<double> decomposition;
    DecompositionKernels<Extended> decomposition_extended;
    GradientKernels<double> gradient;
    GradientKernels<Extended> gradient_extended;
    TrajectoryKernels trajectory;
    ReversalKernels reversal;
    TimeVaryingKernels time_varying;
    StructuredKernels<double> structured;
    StructuredKernels<Extended> structured_extended;
};

// The best table that this processor can run.
const Kernels& kernels();

}  // namespace entroprod
