// The adjoint of the recursions behind entropy production, for one kind of number and one or any
// size. Symbols as in production_kernel.hpp; half the excess of a step being its nats, the adjoints
// of the state after k steps, with j = T - k steps still to come, are
//
//   of E:      1/2 P_j,       P_{j+1} = A P_j A^T + G G^T,
//   of Omega:  1/2 Lambda_j,  Lambda_{j+1} = F^T Lambda_j F + C^T C,
//   of Gamma:  D_k = [C; F]^T K [A, G]^T  with  K = [-X_k P, -Y_k; D_{k+1}, Lambda N_k],
//
// P and Lambda those of k + 1. K is the adjoint of [C; F] Gamma_k [A, G].
#pragma once

#include <cstddef>

#include "simd/gradient/gradient_kernels.hpp"
#include "simd/production/production_kernel.hpp"

namespace entroprod {
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

// out += a^T b: (inner, rows) (inner, cols) -> (rows, cols).
template <class Real, int K, int R, int N>
ENTROPROD_INLINE void add_transposed_product(Extent<K> inner, Extent<R> rows, Extent<N> cols,
                                             const Real* a, const Real* b,
                                             Real* ENTROPROD_RESTRICT out) {
    if constexpr (may_use_blas<Real, K>) {
        if (blas::worthwhile(rows, cols, inner)) {
            blas::multiply(true, rows, cols, inner, a, b, 1.0, out);
            return;
        }
    }
    for (int k = 0; k < inner; ++k) {
        for (int i = 0; i < rows; ++i) {
            const Real factor = a[k * rows + i];
            for (int j = 0; j < cols; ++j) out[i * cols + j] += factor * b[k * cols + j];
        }
    }
}

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

// Runs work(copy) on a copy of a block of numbers, which the compiler can keep in registers, and
// copies it back; where the size is known only at run time (0 here), on the block itself.
template <std::size_t size, class Real, class Work>
ENTROPROD_INLINE void with_local(Real* numbers, const Work& work) {
    if constexpr (size > 0) {
        Real local[size];
        for (std::size_t i = 0; i < size; ++i) local[i] = numbers[i];
        work(local);
        for (std::size_t i = 0; i < size; ++i) numbers[i] = local[i];
    } else {
        work(numbers);
    }
}

// n_steps of the recursions, each recorded on the tape.
template <class Real, int N, int M>
void record_steps(const WhitenedMachine<Real>& machine, Real* state, int n_steps, Real* tape) {
    const Extent<N> n(machine.n_states);
    const Extent<M> m(machine.n_outputs);
    const auto size = n * n;
    const std::size_t stride = record_size(n, m);
    with_local<3 * N * N>(state, [&](Real* now) {
        for (int k = 0; k < n_steps; ++k) {
            const Record<Real> record(tape + k * stride, n, m);
            for (int i = 0; i < 3 * size; ++i) record.gamma[i] = now[i];
            StepTerms<Real> unused;
            step<false>(n, m, machine, record.products,
                        BackwardState<Real>{now, now + size, now + 2 * size},
                        static_cast<const Real*>(nullptr), unused);
        }
    });
}

// The steps on the tape, the last first.
template <class Real, int N, int M>
void reverse_steps(const AdjointMachine<Real>& machine, Real* tape, int n_steps, Real* adjoint,
                   Real* sums, Real* scratch) {
    const Extent<N> n(machine.forward.n_states);
    const Extent<M> m(machine.forward.n_outputs);
    const std::size_t stride = record_size(n, m);
    Real local_scratch[N > 0 ? adjoint_scratch_size(N, M) : 1];
    const AdjointScratch<Real> parts(N > 0 ? local_scratch : scratch, n, m);
    with_local<3 * N * N>(adjoint, [&](Real* now) {
        with_local<N == 0 ? 0 : gradient_sums_size(N, M)>(sums, [&](Real* local_sums) {
            for (int k = n_steps - 1; k >= 0; --k) {
                reverse_step<true>(n, m, machine, Record<Real>(tape + k * stride, n, m),
                                   AdjointState<Real>(now, n), Real(1.0),
                                   GradientSums<Real>(local_sums, n, m), parts);
            }
        });
    });
}

template <class Real, int N, int M>
void add_equal_steps(const AdjointMachine<Real>& machine, Real* record, double n_steps,
                     Real* adjoint_sums, Real* sums, Real* scratch) {
    const Extent<N> n(machine.forward.n_states);
    const Extent<M> m(machine.forward.n_outputs);
    reverse_step<false>(n, m, machine, Record<Real>(record, n, m),
                        AdjointState<Real>(adjoint_sums, n), Real(n_steps),
                        GradientSums<Real>(sums, n, m), AdjointScratch<Real>(scratch, n, m));
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
