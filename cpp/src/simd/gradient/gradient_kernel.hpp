// The recursions and their adjoint, for one kind of number and one or any size; symbols as in
// formulas/adjoint_step.hpp.
#pragma once

#include <cstddef>

#include "formulas/adjoint_step.hpp"
#include "numbers/large_products.hpp"
#include "simd/gradient/gradient_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

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
