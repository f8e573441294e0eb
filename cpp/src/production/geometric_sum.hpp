// Fixed points of linear recursions, by doubling.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "numbers/large_products.hpp"
#include "production/recursion.hpp"

namespace entroprod {

// Sums sum_j L^j X R^j by doubling: after each round twice as many terms, and L, R squared.
template <class Real>
class GeometricSum {
public:
    GeometricSum(int n, const Real* left, const Real* right, const Real* first)
        : n_(n),
          size_(static_cast<std::size_t>(n) * n),
          left_(left, left + size_),
          right_(right, right + size_),
          sum_(first, first + size_),
          product_(size_),
          next_(size_) {
        while (!add_round()) {
        }
    }

    const Real* sum() const { return sum_.data(); }
    double n_terms() const { return n_terms_; }

private:
    // True when the sum no longer changes.
    bool add_round() {
        multiply(left_, sum_, product_);
        multiply(product_, right_, next_);
        const double added = largest(next_.data(), size_);
        for (std::size_t i = 0; i < size_; ++i) sum_[i] += next_[i];
        const double scale = largest(sum_.data(), size_);
        n_terms_ *= 2.0;
        if (!std::isfinite(scale) || !std::isfinite(added) || n_terms_ > longest) {
            throw Overflow(static_cast<std::int64_t>(n_terms_));
        }
        if (added <= 0.25 * unit_roundoff<Real> * scale) return true;
        multiply(left_, left_, product_);
        left_.swap(product_);
        multiply(right_, right_, product_);
        right_.swap(product_);
        return false;
    }

    void multiply(const std::vector<Real>& a, const std::vector<Real>& b, std::vector<Real>& out) {
        production_kernels<Real>().multiply(n_, n_, n_, a.data(), b.data(), out.data());
    }

    // A memory of more steps than this is a unit root to all intents.
    static constexpr double longest = 0x1p60;

    int n_;
    std::size_t size_;
    std::vector<Real> left_, right_, sum_, product_, next_;
    double n_terms_ = 1.0;
};

// The limits of Gamma, Pi and Omega, from stable transition and filter.
template <class Real>
struct FixedPoints {
    explicit FixedPoints(const WhitenedMachine<Real>& machine)
        : gamma(machine.n_states, machine.filter(), machine.transition, machine.input_emission),
          covariance(machine.n_states, machine.transition, machine.transition_t, machine.noise),
          omega(machine.n_states, machine.filter(), machine.filter_t,
                driving_noise(machine, gamma.sum()).data()) {}

    double memory_length() const {
        return std::max({gamma.n_terms(), covariance.n_terms(), omega.n_terms()});
    }

    GeometricSum<Real> gamma, covariance, omega;

private:
    // N N^T with N = F Gamma G + G, the noise that drives Omega.
    static std::vector<Real> driving_noise(const WhitenedMachine<Real>& machine,
                                           const Real* gamma) {
        const Extent<0> n(machine.n_states), m(machine.n_outputs);
        const std::size_t size = static_cast<std::size_t>(n) * n;
        const std::size_t wide = static_cast<std::size_t>(n) * m;
        std::vector<Real> product(size), driven(wide), driven_t(wide), noise(size, Real(0.0));
        multiply(n, n, n, machine.filter(), gamma, product.data());
        multiply(n, n, m, product.data(), machine.input, driven.data());
        for (std::size_t i = 0; i < wide; ++i) driven[i] += machine.input[i];
        transpose(n, m, driven.data(), driven_t.data());
        add_gram(m, n, driven_t.data(), noise.data());
        return noise;
    }
};

}  // namespace entroprod
