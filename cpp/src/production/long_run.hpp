// The rest of a run whose backward memory no longer changes, in a time that grows with the
// logarithm of the number of steps.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "numbers/large_products.hpp"
#include "production/recursion.hpp"

namespace entroprod {

// Powers of the transition with entries up to this size are on their way to nothing.
inline constexpr double small_power = 0.25;

// What forgets, below, tells, for a machine with bands in O(n m) a step: a state without symmetry
// is followed, in place of all of them, for so many steps at most.
template <class Real>
bool forgets_by_bands(const WhitenedMachine<Real>& machine, std::int64_t n_steps) {
    const double weight = std::is_same_v<Real, double> ? 1.0 : work_of_extended;
    const double work = weight * machine.n_states * (2.0 * machine.n_outputs + 2.0);
    const Extent<0> n(machine.n_states), m(machine.n_outputs), one(1);
    std::vector<Real> state(static_cast<std::size_t>(n)), next(state),
        seen(static_cast<std::size_t>(m));
    for (int i = 0; i < n; ++i) state[i] = Real(std::cos(1.0 + i * i));
    const double first = largest(state.data(), state.size());
    for (std::int64_t step = 0; step < n_steps; ++step) {
        multiply(m, n, one, machine.emission(), state.data(), seen.data());
        multiply(n, m, one, machine.input, seen.data(), next.data());
        for (int i = 0; i < n; ++i) {
            const int other = (i ^ 1) < n ? i ^ 1 : i;
            next[i] +=
                machine.bands.diagonal[i] * state[i] + machine.bands.partner[i] * state[other];
        }
        state.swap(next);
        interruption_point(work);
        if (largest(state.data(), state.size()) <= small_power * first / n) return true;
    }
    return false;
}

// Whether the transition forgets within so many steps: else a rounding error in E lives on, and E
// may drift for ever by less in a block than tells its convergence. n_done: so many steps of the
// recursion have been taken, of each of which one with bands is a small part.
template <class Real>
bool forgets(const WhitenedMachine<Real>& machine, std::int64_t n_steps, std::int64_t n_done = 0) {
    if (machine.bands.diagonal != nullptr) {
        constexpr std::int64_t always_worth_it = 1 << 16;
        return forgets_by_bands(machine, std::min(n_steps, std::max(n_done, always_worth_it)));
    }
    const int n = machine.n_states;
    const std::size_t size = static_cast<std::size_t>(n) * n;
    std::vector<Real> power(machine.transition, machine.transition + size), product(size);
    for (std::int64_t steps = 1; steps <= n_steps / 2; steps *= 2) {
        if (largest(power.data(), size) <= small_power) return true;
        production_kernels<Real>().multiply(n, n, n, power.data(), power.data(), product.data());
        power.swap(product);
    }
    return largest(power.data(), size) <= small_power;
}

// With Gamma and Omega, X and W = X^T X are constant, and what is left of the recursions is
//   E -> A^T E A + W,  where each step adds <G G^T, E> and a constant.
// It needn't converge: A may have eigenvalues on the unit circle. j steps are described by
//   A^j,  noise_j = sum_i A^i G G^T (A^i)^T,  dual_j = sum_i (A^i)^T W A^i  for i < j,
// which is E after j steps from 0, and sum_j, what these add. They add <noise_j, E> more from
// another E. Hence for j steps and then k
//   noise_j + A^j noise_k (A^j)^T,  dual_k + (A^k)^T dual_j A^k,  sum_j + sum_k + <noise_k,
//   dual_j>,
// by the binary digits of the number of steps.
template <class Real>
class LongRun {
public:
    // settled_dual: W, as E after one step from 0.
    LongRun(const WhitenedMachine<Real>& machine, const Real* settled_dual, std::int64_t n_steps)
        : machine_(machine),
          n_(machine.n_states),
          size_(static_cast<std::size_t>(machine.n_states) * machine.n_states),
          first_dual_(settled_dual),
          power_(machine.transition, machine.transition + size_),
          power_t_(machine.transition_t, machine.transition_t + size_),
          noise_(machine.noise, machine.noise + size_),
          dual_(settled_dual, settled_dual + size_),
          product_(size_),
          image_(size_) {
        int digit = 62;
        while (digit > 0 && (n_steps >> digit) == 0) --digit;
        while (--digit >= 0) {
            twice();
            if ((n_steps >> digit) & 1) one_more();
        }
    }

    // What the steps add from E = dual, besides the constants; not finite after an overflow.
    Real sum(const Real* dual) const { return sum_ + inner_product(n_ * n_, noise_.data(), dual); }

    // Over how many steps rounding errors of the transition pile up: while its powers aren't small.
    // Where they are large, so are the errors that they carry on.
    double memory_length() const { return memory_length_ * largest_power_; }

private:
    using Matrix = std::vector<Real>;

    void twice() {
        sum_ += sum_ + inner_product(n_ * n_, noise_.data(), dual_.data());
        add_image(power_.data(), noise_.data(), power_t_.data(), noise_.data(), noise_);
        add_image(power_t_.data(), dual_.data(), power_.data(), dual_.data(), dual_);
        multiply_matrices(power_.data(), power_.data(), product_);
        set_power(2.0 * n_done_);
    }

    // First the steps so far, then one.
    void one_more() {
        sum_ += inner_product(n_ * n_, machine_.noise, dual_.data());
        add_image(machine_.transition, noise_.data(), machine_.transition_t, machine_.noise,
                  noise_);
        add_image(machine_.transition_t, dual_.data(), machine_.transition, first_dual_, dual_);
        multiply_matrices(power_.data(), machine_.transition, product_);
        set_power(n_done_ + 1.0);
    }

    void set_power(double n_steps) {
        power_.swap(product_);
        transpose(n_, n_, power_.data(), power_t_.data());
        n_done_ = n_steps;
        const double size_of_power = largest(power_.data(), size_);
        if (size_of_power > small_power) memory_length_ = n_steps;
        largest_power_ = std::max(largest_power_, size_of_power);
    }

    // out = first + left inner right; inner and first may be out.
    void add_image(const Real* left, const Real* inner, const Real* right, const Real* first,
                   Matrix& out) {
        multiply_matrices(left, inner, product_);
        multiply_matrices(product_.data(), right, image_);
        for (std::size_t i = 0; i < size_; ++i) out[i] = first[i] + image_[i];
    }

    void multiply_matrices(const Real* a, const Real* b, Matrix& out) {
        production_kernels<Real>().multiply(n_, n_, n_, a, b, out.data());
    }

    WhitenedMachine<Real> machine_;
    Extent<0> n_;
    std::size_t size_;
    const Real* first_dual_;
    Matrix power_, power_t_, noise_, dual_, product_, image_;
    Real sum_ = Real(0.0);
    double n_done_ = 1.0;
    double memory_length_ = 1.0;
    double largest_power_ = 1.0;
};

}  // namespace entroprod
