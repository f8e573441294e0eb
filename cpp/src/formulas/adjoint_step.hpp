// One step of the adjoint of the recursions behind entropy production, for one kind of number and
// one or any size. Symbols as in production_step.hpp; half the excess of a step being its nats, the
// adjoints of the state after k steps, with j = T - k steps still to come, are
//
//   of E:      1/2 P_j,       P_{j+1} = A P_j A^T + G G^T,
//   of Omega:  1/2 Lambda_j,  Lambda_{j+1} = F^T Lambda_j F + C^T C,
//   of Gamma:  D_k = [C; F]^T K [A, G]^T  with  K = [-X_k P, -Y_k; D_{k+1}, Lambda N_k],
//
// P and Lambda those of k + 1. K is the adjoint of [C; F] Gamma_k [A, G].
#pragma once

#include <cstddef>

#include "formulas/matrix.hpp"
#include "formulas/production_step.hpp"
#include "formulas/whitened_machine.hpp"

namespace entroprod {

// What the adjoint recursions need of a machine: transposes, too.
template <class Real>
struct AdjointMachine {
    WhitenedMachine<Real> forward;
    const Real* emission_over_filter_t;  // [C; F]^T  (n, m + n)
    const Real* transition_and_input_t;  // [A, G]^T  (n + m, n)
};

// Sums over steps, in one block, from which the gradient follows; symbols as in
// above.
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

inline namespace ENTROPROD_ISA {

// The adjoints of the state, one block of 3 n^2 numbers, in nats.
template <class Real>
struct AdjointState {
    Real* gamma;          // D
    Real* observability;  // Lambda, twice the adjoint of Omega
    Real* covariance;     // P, twice the adjoint of E

    AdjointState(Real* data, std::ptrdiff_t n)
        : gamma(data), observability(gamma + n * n), covariance(observability + n * n) {}
};

// The parts of a tape's record of one step: the state before it, and the step's scratch memory.
template <class Real>
struct Record {
    Real* gamma;
    Real* omega;
    Real* dual;
    Scratch<Real> products;

    Record(Real* data, int n, int m)
        : gamma(data), omega(gamma + n * n), dual(omega + n * n), products(dual + n * n, n, m) {}
};

// The parts of a block of scratch memory of adjoint_scratch_size(n, m) numbers.
template <class Real>
struct AdjointScratch {
    Real* both;     // K               (m + n, n + m)
    Real* left;     // K [A, G]^T      (m + n, n)
    Real* wide;     //                 (m, n)
    Real* product;  //                 (n, n)
    Real* image;    //                 (n, n)

    AdjointScratch(Real* data, std::ptrdiff_t n, std::ptrdiff_t m)
        : both(data),
          left(both + (m + n) * (n + m)),
          wide(left + (m + n) * n),
          product(wide + m * n),
          image(product + n * n) {}
};

// K, from the adjoints after a step and the step's record; `weight` steps at once, with the sums of
// their adjoints.
template <class Real, int N, int M>
ENTROPROD_INLINE void adjoint_products(Extent<N> n, Extent<M> m, const Record<Real>& record,
                                       const AdjointState<Real>& adjoint, Real weight,
                                       const AdjointScratch<Real>& scratch) {
    const auto width = n + m;
    multiply(m, n, n, record.products.x, adjoint.covariance, scratch.wide);
    for (int i = 0; i < m; ++i) {
        Real* row = scratch.both + i * width;
        const Real* forward = record.products.both + i * width;
        for (int j = 0; j < n; ++j) row[j] = -scratch.wide[i * n + j];
        for (int j = 0; j < m; ++j) {
            row[n + j] = weight * (forward[n + j] - Real(i == j ? 1.0 : 0.0));
        }
    }
    multiply(m, n, n, record.products.n_t, adjoint.observability, scratch.wide);
    for (int i = 0; i < n; ++i) {
        Real* row = scratch.both + (m + i) * width;
        for (int j = 0; j < n; ++j) row[j] = adjoint.gamma[i * n + j];
        for (int j = 0; j < m; ++j) row[n + j] = scratch.wide[j * n + i];
    }
}

// Adds what one step (or `weight` equal ones) contributes to the gradient, and with `advance` takes
// the adjoints to before the step.
template <bool advance, class Real, int N, int M>
ENTROPROD_INLINE void reverse_step(Extent<N> n, Extent<M> m, const AdjointMachine<Real>& machine,
                                   const Record<Real>& record, const AdjointState<Real>& adjoint,
                                   Real weight, const GradientSums<Real>& sums,
                                   const AdjointScratch<Real>& scratch) {
    const auto height = m + n;
    const auto width = n + m;
    adjoint_products(n, m, record, adjoint, weight, scratch);
    multiply(height, width, n, scratch.both, machine.transition_and_input_t, scratch.left);
    transpose(n, n, record.gamma, scratch.product);
    multiply_into<true>(height, n, n, scratch.left, scratch.product, sums.left);
    add_transposed_product(height, n, width, record.products.left, scratch.both, sums.right);
    for (int i = 0; i < height * width; ++i) sums.products[i] += scratch.both[i];
    for (int i = 0; i < n * n; ++i) {
        sums.dual[i] += weight * record.dual[i];
        sums.omega[i] += weight * record.omega[i];
    }
    if constexpr (advance) {
        multiply(n, height, n, machine.emission_over_filter_t, scratch.left, adjoint.gamma);
    }
    const WhitenedMachine<Real>& forward = machine.forward;
    multiply(n, n, n, forward.transition, adjoint.covariance, scratch.product);
    multiply_into<true>(n, n, n, record.dual, scratch.product, sums.transition);
    if constexpr (advance) {
        multiply(n, n, n, scratch.product, forward.transition_t, adjoint.covariance);
        for (int i = 0; i < n * n; ++i) adjoint.covariance[i] += forward.noise[i];
    }
    multiply(n, n, n, adjoint.observability, forward.filter(), scratch.product);
    multiply_into<true>(n, n, n, scratch.product, record.omega, sums.filter);
    if constexpr (advance) {
        multiply(n, n, n, forward.filter_t, scratch.product, adjoint.observability);
        for (int i = 0; i < n * n; ++i) adjoint.observability[i] += forward.emission_gram[i];
    }
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
