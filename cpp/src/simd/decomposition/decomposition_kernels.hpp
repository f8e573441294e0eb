// The kernels of pairs of machines, as tables of functions.
#pragma once

#include <cstddef>

#include "formulas/extended.hpp"
#include "formulas/pair_step.hpp"

namespace entroprod {

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

// The best that this processor can run.
template <class Real>
const DecompositionKernels<Real>& decomposition_kernels();
template <>
const DecompositionKernels<double>& decomposition_kernels();
template <>
const DecompositionKernels<Extended>& decomposition_kernels();

// What the sources of this folder make, once per instruction set.
inline namespace ENTROPROD_ISA {

DecompositionKernels<double> decomposition_double();
DecompositionKernels<double>::AdvanceStretch decomposition_stretch(const PairSizes& sizes);
DecompositionKernels<Extended> decomposition_extended();

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
