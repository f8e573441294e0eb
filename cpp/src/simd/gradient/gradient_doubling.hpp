// The adjoints over many steps between which the forward state no longer changes, by doubling.
//
// Such steps apply one affine map to (P, Lambda, D), from (0, 0, 0). With h of them, and with
//   Z_h = -sum_l (F^T)^(h-1-l) C^T X A^l,    V_h = sum_l F^l N G^T (A^T)^(h-1-l)    for l < h,
// they take (P, Lambda, D) to what they make of (0, 0, 0) plus the image
//   A^h P (A^h)^T,  (F^h)^T Lambda F^h,  ((F^h)^T D + Z_h P) (A^h)^T + (F^h)^T Lambda V_h.
// Both the state after a + b steps and the sum of the states before each of them follow:
//   state_{a+b} = state_a + image_a(state_b),   sum_{a+b} = sum_a + b state_a + image_a(sum_b).
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "runtime/work.hpp"
#include "simd/gradient/gradient_kernel.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

template <class Real, int N>
ENTROPROD_INLINE double largest_of(Extent<N> size, const Real* values) {
    double result = 0.0;
    for (int i = 0; i < size; ++i) result = std::max(result, std::abs(to_double(values[i])));
    return result;
}

// What h steps do, as above: equal_steps_size(n) numbers.
template <class Real>
struct EqualSteps {
    Real* state;         // D, Lambda, P after them       (3, n, n)
    Real* sum;           // of those before each of them  (3, n, n)
    Real* transition;    // A^h
    Real* transition_t;  // (A^h)^T
    Real* filter;        // F^h
    Real* filter_t;      // (F^h)^T
    Real* z;
    Real* v;

    EqualSteps(Real* data, std::ptrdiff_t n)
        : state(data),
          sum(state + 3 * n * n),
          transition(sum + 3 * n * n),
          transition_t(transition + n * n),
          filter(transition_t + n * n),
          filter_t(filter + n * n),
          z(filter_t + n * n),
          v(z + n * n) {}
};

// Doubles the number of equal steps, from one.
template <class Real, int N>
class Doubling {
public:
    // memory: two times equal_steps_size(n) numbers and 5 n^2.
    Doubling(Extent<N> n, Real* memory)
        : n_(n),
          one_(memory, n),
          all_(memory + equal_steps_size(n), n),
          image_(memory + 2 * equal_steps_size(n)),
          product_(image_ + 3 * n * n),
          other_(product_ + n * n) {}

    // One step, from the record of the state that no longer changes.
    template <int M>
    void start(Extent<M> m, const AdjointMachine<Real>& machine, const Record<Real>& record,
               const AdjointScratch<Real>& scratch) {
        const WhitenedMachine<Real>& forward = machine.forward;
        const auto size = n_ * n_;
        for (int i = 0; i < 3 * size; ++i) one_.state[i] = one_.sum[i] = Real(0.0);
        // From (0, 0, 0) the step's own K gives D.
        adjoint_products(n_, m, record, AdjointState<Real>(one_.state, n_), Real(1.0), scratch);
        multiply(m + n_, n_ + m, n_, scratch.both, machine.transition_and_input_t, scratch.left);
        multiply(n_, m + n_, n_, machine.emission_over_filter_t, scratch.left, one_.state);
        for (int i = 0; i < size; ++i) {
            one_.state[size + i] = forward.emission_gram[i];
            one_.state[2 * size + i] = forward.noise[i];
            one_.transition[i] = forward.transition[i];
            one_.transition_t[i] = forward.transition_t[i];
            one_.filter[i] = forward.filter()[i];
            one_.filter_t[i] = forward.filter_t[i];
            one_.z[i] = one_.v[i] = Real(0.0);
        }
        for (int i = 0; i < m * n_; ++i) scratch.wide[i] = -record.products.x[i];
        add_transposed_product(m, n_, n_, forward.emission(), scratch.wide, one_.z);
        // G^T is the lower part of [A, G]^T.
        const Real* input_t = machine.transition_and_input_t + size;
        add_transposed_product(m, n_, n_, record.products.n_t, input_t, one_.v);
        std::copy_n(one_.state, equal_steps_size(n_), all_.state);
        n_done_ = 1.0;
    }

    // The binary digits of n_steps, from the second: twice as many steps, and one more.
    void run(std::int64_t n_steps, double roundoff, double work_of_round) {
        int digit = 62;
        while ((n_steps >> digit) == 0) --digit;
        while (--digit >= 0) {
            const bool unchanged = follow(all_, n_done_, roundoff);
            n_done_ *= 2.0;
            if (unchanged) {
                // They no longer change: each further step adds them to the sum as they are.
                const Real rest(static_cast<double>(n_steps) - n_done_);
                for (int i = 0; i < 3 * n_ * n_; ++i) all_.sum[i] += rest * all_.state[i];
                return;
            }
            square();
            if ((n_steps >> digit) & 1) {
                follow(one_, n_done_, roundoff);
                extend();
                n_done_ += 1.0;
            }
            interruption_point(work_of_round);
        }
    }

    const EqualSteps<Real>& result() const { return all_; }

private:
    // Lets the steps of `first` come before those of all_, n_more: the states and the sums. True
    // where that leaves the states as they were.
    bool follow(const EqualSteps<Real>& first, double n_more, double roundoff) {
        const auto size = n_ * n_;
        image(first, all_.sum);
        for (int i = 0; i < 3 * size; ++i) {
            all_.sum[i] = first.sum[i] + Real(n_more) * first.state[i] + image_[i];
        }
        image(first, all_.state);
        bool unchanged = true;
        for (int part = 0; part < 3; ++part) {
            const double added = largest_of(size, image_ + part * size);
            const double scale = largest_of(size, all_.state + part * size);
            unchanged = unchanged && added <= 0.25 * roundoff * scale;
        }
        for (int i = 0; i < 3 * size; ++i) all_.state[i] = first.state[i] + image_[i];
        return unchanged;
    }

    // The image of a state (or a sum of states) under the steps of `first`.
    void image(const EqualSteps<Real>& first, const Real* state) {
        const auto size = n_ * n_;
        const Real *gamma = state, *observability = state + size, *covariance = state + 2 * size;
        Real *of_gamma = image_, *of_observability = image_ + size,
             *of_covariance = image_ + 2 * size;
        multiply(n_, n_, n_, first.transition, covariance, product_);
        multiply(n_, n_, n_, product_, first.transition_t, of_covariance);
        multiply(n_, n_, n_, first.filter_t, gamma, other_);
        multiply_into<true>(n_, n_, n_, first.z, covariance, other_);
        multiply(n_, n_, n_, other_, first.transition_t, of_gamma);
        multiply(n_, n_, n_, first.filter_t, observability, product_);
        multiply(n_, n_, n_, product_, first.filter, of_observability);
        multiply_into<true>(n_, n_, n_, product_, first.v, of_gamma);
    }

    // The maps of twice as many steps.
    void square() {
        multiply(n_, n_, n_, all_.filter_t, all_.z, product_);
        multiply_into<true>(n_, n_, n_, all_.z, all_.transition, product_);
        multiply(n_, n_, n_, all_.filter, all_.v, other_);
        multiply_into<true>(n_, n_, n_, all_.v, all_.transition_t, other_);
        keep(product_, all_.z);
        keep(other_, all_.v);
        multiply(n_, n_, n_, all_.transition, all_.transition, product_);
        multiply(n_, n_, n_, all_.filter, all_.filter, other_);
        keep_powers();
    }

    // The maps of one step more.
    void extend() {
        multiply(n_, n_, n_, one_.filter_t, all_.z, product_);
        multiply_into<true>(n_, n_, n_, one_.z, all_.transition, product_);
        multiply(n_, n_, n_, one_.filter, all_.v, other_);
        multiply_into<true>(n_, n_, n_, one_.v, all_.transition_t, other_);
        keep(product_, all_.z);
        keep(other_, all_.v);
        multiply(n_, n_, n_, all_.transition, one_.transition, product_);
        multiply(n_, n_, n_, all_.filter, one_.filter, other_);
        keep_powers();
    }

    void keep_powers() {
        keep(product_, all_.transition);
        keep(other_, all_.filter);
        transpose(n_, n_, all_.transition, all_.transition_t);
        transpose(n_, n_, all_.filter, all_.filter_t);
    }

    void keep(const Real* from, Real* to) {
        for (int i = 0; i < n_ * n_; ++i) to[i] = from[i];
    }

    Extent<N> n_;
    EqualSteps<Real> one_, all_;
    Real *image_, *product_, *other_;
    double n_done_ = 0.0;
};

// n_steps equal steps from adjoints of 0: the adjoints before them, and the sums of those after
// each of them. memory: doubling_size(n, m) numbers.
template <class Real, int N, int M>
void double_steps(const AdjointMachine<Real>& machine, Real* record, std::int64_t n_steps,
                  double roundoff, Real* adjoint, Real* adjoint_sums, Real* memory,
                  double work_of_round) {
    const Extent<N> n(machine.forward.n_states);
    const Extent<M> m(machine.forward.n_outputs);
    Real* rest = memory + adjoint_scratch_size(n, m);
    Doubling<Real, N> doubling(n, rest);
    doubling.start(m, machine, Record<Real>(record, n, m), AdjointScratch<Real>(memory, n, m));
    doubling.run(n_steps, roundoff, work_of_round);
    for (int i = 0; i < 3 * n * n; ++i) {
        adjoint[i] = doubling.result().state[i];
        adjoint_sums[i] = doubling.result().sum[i];
    }
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
