// One step of the recursions behind entropy production, for any kind of number.
//
// Symbols as in the documentation of the theory, all for the whitened machine: with k the number
// of observations that the backward memory has read,
//   X_k = C - C Gamma_k A,   Y_k = I - C Gamma_k G,   N_k = F Gamma_k G + G,
//   Gamma_{k+1} = F Gamma_k A + G C,   Omega_{k+1} = F Omega_k F^T + N_k N_k^T,
// and the dual of the forward covariance, E_{k+1} = A^T E_k A + X_k^T X_k, E_0 = 0.
#pragma once

#include <cstddef>

#include "formulas/matrix.hpp"
#include "formulas/whitened_machine.hpp"

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

constexpr std::size_t scratch_size(int n, int m) {
    const auto rows = static_cast<std::size_t>(n) + m;
    const auto square = static_cast<std::size_t>(n > m ? n : m) * n;
    return rows * n + rows * rows + 2 * static_cast<std::size_t>(m) * n + square;
}

inline namespace ENTROPROD_ISA {

// The parts of a block of scratch memory of scratch_size(n, m) numbers.
template <class Real>
struct Scratch {
    Real* left;     // [C; F] Gamma            (m + n, n)
    Real* both;     // [C; F] Gamma [A, G]     (m + n, n + m)
    Real* x;        // X                       (m, n)
    Real* n_t;      // N^T                     (m, n)
    Real* product;  //                         (n, n), or (m, n)

    Scratch(Real* data, int n, int m)
        : left(data),
          both(left + (m + n) * n),
          x(both + (m + n) * (n + m)),
          n_t(x + m * n),
          product(n_t + m * n) {}
};

// Splits [C; F] Gamma [A, G] into X, N^T and the next Gamma; returns the terms that don't need
// Omega: the squared norm of Y, and what tells how many digits X has lost.
template <class Real, class Size, int N, int M>
ENTROPROD_INLINE void split_products(Extent<N> n, Extent<M> m, const WhitenedMachine<Real>& machine,
                                     const Scratch<Real>& scratch, Real* gamma, Real& y_squared,
                                     StepTerms<Real, Size>& terms) {
    const auto width = n + m;
    const Real* c = machine.emission();
    Size x_squared(0.0);
    Size parts_squared(0.0);
    y_squared = Real(0.0);
    for (int i = 0; i < m; ++i) {
        const Real* row = scratch.both + i * width;
        for (int j = 0; j < n; ++j) {
            const Real x = c[i * n + j] - row[j];
            scratch.x[i * n + j] = x;
            x_squared += Size(x) * Size(x);
            parts_squared += Size(row[j]) * Size(row[j]);
        }
        for (int j = 0; j < m; ++j) {
            const Real y = Real(i == j ? 1.0 : 0.0) - row[n + j];
            y_squared += y * y;
        }
    }
    for (int i = 0; i < n; ++i) {
        const Real* row = scratch.both + (m + i) * width;
        for (int j = 0; j < n; ++j) gamma[i * n + j] = row[j] + machine.input_emission[i * n + j];
        for (int j = 0; j < m; ++j) scratch.n_t[j * n + i] = row[n + j] + machine.input[i * m + j];
    }
    terms.x_squared = x_squared;
    terms.parts_squared = parts_squared;
}

// One step of all recursions. With `covariance` (Pi of the matching forward time) the step's own
// term tr(X Pi X^T); without it the dual form <G G^T, E>, which needs no forward recursion.
template <bool with_covariance, class Real, class Size, int N, int M>
ENTROPROD_INLINE void step(Extent<N> n, Extent<M> m, const WhitenedMachine<Real>& machine,
                           const Scratch<Real>& scratch, const BackwardState<Real>& state,
                           const Real* covariance, StepTerms<Real, Size>& terms) {
    const auto n_plus_m = m + n;
    multiply(n_plus_m, n, n, machine.emission_over_filter, state.gamma, scratch.left);
    multiply(n_plus_m, n, n_plus_m, scratch.left, machine.transition_and_input, scratch.both);
    Real noise_part;
    split_products(n, m, machine, scratch, state.gamma, noise_part, terms);

    noise_part += inner_product(n * n, machine.emission_gram, state.omega);
    multiply(n, n, n, machine.filter(), state.omega, scratch.product);
    multiply(n, n, n, scratch.product, machine.filter_t, state.omega);
    add_gram(m, n, scratch.n_t, state.omega);

    Real memory_part;
    if constexpr (with_covariance) {
        multiply(m, n, n, scratch.x, covariance, scratch.product);
        memory_part = inner_product(m * n, scratch.product, scratch.x);
    } else {
        memory_part = inner_product(n * n, machine.noise, state.dual);
        multiply(n, n, n, machine.transition_t, state.dual, scratch.product);
        multiply(n, n, n, scratch.product, machine.transition, state.dual);
        add_gram(m, n, scratch.x, state.dual);
    }
    terms.excess = memory_part + (noise_part - Real(static_cast<double>(m)));
    terms.magnitude = Size(memory_part) + Size(noise_part) + Size(static_cast<double>(m));
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
