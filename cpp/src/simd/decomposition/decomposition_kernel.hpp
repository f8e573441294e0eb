// One step of a pair of machines, for one kind of number and one or any size; symbols as in
// formulas/pair_step.hpp.
#pragma once

#include <cstddef>

#include "formulas/pair_step.hpp"
#include "numbers/large_products.hpp"
#include "simd/decomposition/decomposition_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

// Machines of equal, small sizes know them at compile time.
template <class Real, int N, int M>
void advance_pair(const PairSizes& sizes, const PairStep<Real>& step, const PairState<Real>& state,
                  const Real* covariance, const Real* mean, Real* scratch, int* order,
                  PairTerms<Real>& terms) {
    if constexpr (N > 0) {
        static_cast<void>(sizes);
        Real local[pair_scratch_size(N, N, M)];
        static_cast<void>(scratch);
        advance_pair_with(Extent<N>(N), Extent<N>(N), Extent<M>(M), step, state, covariance, mean,
                          local, order, terms);
    } else {
        advance_pair_with(Extent<0>(sizes.n), Extent<0>(sizes.b), Extent<0>(sizes.m), step, state,
                          covariance, mean, scratch, order, terms);
    }
}

template <class Real, int N, int M>
void advance_forward(const PairSizes& sizes, const PairStep<Real>& step, const Real* covariance,
                     const Real* mean, Real* next_covariance, Real* next_mean, Real* scratch) {
    const Extent<N> n(sizes.n);
    const Extent<M> m(sizes.m);
    Real* transposed = scratch + static_cast<std::ptrdiff_t>(n) * n;
    multiply(n, n, n, step.transition, covariance, scratch);
    multiply(n, n, n, scratch, step.transition_t, next_covariance);
    multiply_transposed<true>(n, m, n, step.input, step.input, next_covariance, transposed);
    multiply(n, n, Extent<1>(1), step.transition, mean, next_mean);
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
