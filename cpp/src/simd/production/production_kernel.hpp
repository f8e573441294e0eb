// The recursions behind entropy production, for one kind of number and one or any size; symbols as
// in formulas/production_step.hpp.
#pragma once

#include <cstddef>

#include "formulas/production_step.hpp"
#include "numbers/large_products.hpp"
#include "simd/production/production_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

template <class Real, int N, int M>
ENTROPROD_INLINE void advance_with(Extent<N> n, Extent<M> m, const WhitenedMachine<Real>& machine,
                                   const BackwardState<Real>& state, int n_steps,
                                   const Real* covariances, std::ptrdiff_t covariance_stride,
                                   const Scratch<Real>& scratch, StepTerms<Real>* terms) {
    if (covariances == nullptr) {
        for (int k = 0; k < n_steps; ++k) {
            step<false>(n, m, machine, scratch, state, covariances, terms[k]);
        }
    } else {
        for (int k = 0; k < n_steps; ++k) {
            step<true>(n, m, machine, scratch, state, covariances + k * covariance_stride,
                       terms[k]);
        }
    }
}

template <class Real, int N, int M>
void advance(const WhitenedMachine<Real>& machine, const BackwardState<Real>& state, int n_steps,
             const Real* covariances, std::ptrdiff_t covariance_stride, Real* scratch_memory,
             StepTerms<Real>* terms) {
    if constexpr (N > 0) {
        // Local copies, which the compiler can keep in registers.
        constexpr int size = N * N;
        Real gamma[size], omega[size], dual[size], local[scratch_size(N, M)];
        const BackwardState<Real> copy{gamma, omega, dual};
        for (int i = 0; i < size; ++i) {
            gamma[i] = state.gamma[i];
            omega[i] = state.omega[i];
            dual[i] = state.dual[i];
        }
        advance_with(Extent<N>(N), Extent<M>(M), machine, copy, n_steps, covariances,
                     covariance_stride, Scratch<Real>(local, N, M), terms);
        for (int i = 0; i < size; ++i) {
            state.gamma[i] = gamma[i];
            state.omega[i] = omega[i];
            state.dual[i] = dual[i];
        }
    } else {
        const Extent<N> n(machine.n_states);
        const Extent<M> m(machine.n_outputs);
        advance_with(n, m, machine, state, n_steps, covariances, covariance_stride,
                     Scratch<Real>(scratch_memory, n, m), terms);
    }
}

// covariances[k] for k = 1 .. n_steps from covariances[0]: Pi -> A Pi A^T + G G^T.
template <class Real, int N>
void advance_covariance(const WhitenedMachine<Real>& machine, int n_steps, Real* covariances,
                        Real* product) {
    const Extent<N> n(machine.n_states);
    const auto size = n * n;
    for (int k = 0; k < n_steps; ++k) {
        const Real* now = covariances + static_cast<std::ptrdiff_t>(k) * size;
        Real* next = covariances + static_cast<std::ptrdiff_t>(k + 1) * size;
        multiply(n, n, n, machine.transition, now, product);
        multiply(n, n, n, product, machine.transition_t, next);
        for (int i = 0; i < size; ++i) next[i] += machine.noise[i];
    }
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
