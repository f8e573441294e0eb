// The kernels of entropy production and of the reversal matrix, as tables of functions.
#pragma once

#include <cstddef>
#include <cstdint>

#include "formulas/extended.hpp"
#include "formulas/production_step.hpp"
#include "formulas/whitened_machine.hpp"

namespace entroprod {

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

struct ReversalKernels {
    // out[k] = above[k] + sum_b factors[b] basis[b * stride + k] for k < width; above may be
    // nullptr, read as zeros.
    using AddRow = void (*)(int m, std::int64_t width, const double* above, const double* factors,
                            const double* basis, std::int64_t stride, double* out);
    AddRow (*add_row)(int m);
};

// The best that this processor can run.
template <class Real>
const ProductionKernels<Real>& production_kernels();
template <>
const ProductionKernels<double>& production_kernels();
template <>
const ProductionKernels<Extended>& production_kernels();

template <class Real>
const StructuredKernels<Real>& structured_kernels();
template <>
const StructuredKernels<double>& structured_kernels();
template <>
const StructuredKernels<Extended>& structured_kernels();

const ReversalKernels& reversal_kernels();

// What the sources of this folder make, once per instruction set.
inline namespace ENTROPROD_ISA {

ProductionKernels<double> production_double();
ProductionKernels<double>::AdvanceStretch production_stretch(int n, int m);
ProductionKernels<Extended> production_extended();
StructuredKernels<double> structured_double();
StructuredKernels<Extended> structured_extended();
ReversalKernels reversal();

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
