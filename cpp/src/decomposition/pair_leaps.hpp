// How many steps of a constant pair of machines at once change what is known about it.
#pragma once

#include <cmath>
#include <cstddef>
#include <vector>

#include "numbers/doubled_maps.hpp"
#include "simd/decomposition/decomposition_kernels.hpp"

namespace entroprod {

// A reader of two stretches, from the end, has after
// the later one g = gamma h_1 + r_2, and h_1 = A h_0 + p_1 (with A, F^b for the powers A^L,
// (F^b)^L) after the earlier one, which it reads then:
//   g -> F^b g + gamma h_0 + r_1 = (F^b gamma A + gamma) h_0 + F^b gamma p_1 + F^b r_2 + r_1,
//   h_2 = A A h_0 + A p_1 + p_2.
class PairLeaps {
public:
    // Up to 2^n_doublings steps.
    PairLeaps(const PairSizes& sizes, const PairStep<double>& step, int n_doublings)
        : sizes_(sizes),
          transition_(sizes.n, sizes.n, step.transition),
          filter_(sizes.n, sizes.n, step.filter),
          back_filter_(sizes.b, sizes.b, step.back_filter) {
        const auto [n, b, m] = sizes;
        const WideMatrix input(n, m, step.input);
        const WideMatrix back_input(b, m, step.back_input);
        const WideMatrix emission(m, n, step.emission), whitened(m, n, step.whitened_emission);
        const WideMatrix driven = back_input * WideMatrix(m, m, step.noise);
        covariance_ = input * transposed(input);
        cross_ = driven * transposed(input);
        omega_ = driven * transposed(driven);
        gamma_ = back_input * emission;
        lambda_ = transposed(whitened) * whitened;
        maps_.make(*this, n_doublings);
    }

    // Of 2^index steps.
    PairMaps<double> maps(int index) const {
        PartsOf<const double> parts(maps_.numbers(index));
        const auto take = [&](int rows, int cols) { return parts.take(rows, cols); };
        const auto [n, b, m] = sizes_;
        return {take(n, n), take(n, n), take(n, n), take(n, n), take(b, b), take(b, b),
                take(n, n), take(b, n), take(b, b), take(b, n), take(n, n)};
    }

    // Pi, the covariance of h, 2^index steps later.
    void leap(int index, double* covariance) const {
        const PairMaps<double> by = maps(index);
        const Extent<0> n(sizes_.n);
        std::vector<double> product(static_cast<std::size_t>(n) * n);
        multiply(n, n, n, by.transition, covariance, product.data());
        multiply(n, n, n, product.data(), by.transition_t, covariance);
        for (int i = 0; i < n * n; ++i) covariance[i] += by.covariance[i];
    }

private:
    friend class DoubledMaps;

    void twice() {
        const WideMatrix transition_t = transposed(transition_);
        const WideMatrix filter_t = transposed(filter_);
        const WideMatrix back_filter_t = transposed(back_filter_);
        const WideMatrix carried = back_filter_ * gamma_;  // how p_1 and h_1 enter g
        const WideMatrix carried_t = transposed(carried);
        const WideMatrix both = carried * transposed(cross_);

        omega_ = carried * covariance_ * carried_t + back_filter_ * omega_ * back_filter_t +
                 omega_ + both + transposed(both);
        cross_ =
            carried * covariance_ * transition_t + back_filter_ * cross_ + cross_ * transition_t;
        gamma_ = carried * transition_ + gamma_;
        covariance_ = transition_ * covariance_ * transition_t + covariance_;
        lambda_ = filter_t * lambda_ * filter_ + lambda_;
        transition_ = transition_ * transition_;
        filter_ = filter_ * filter_;
        back_filter_ = back_filter_ * back_filter_;
    }

    std::vector<WideMatrix> now() const {
        return {transition_,  transposed(transition_),
                filter_,      transposed(filter_),
                back_filter_, transposed(back_filter_),
                covariance_,  cross_,
                omega_,       gamma_,
                lambda_};
    }

    PairSizes sizes_;
    WideMatrix transition_, filter_, back_filter_, covariance_, cross_, omega_, gamma_, lambda_;
    DoubledMaps maps_;
};

}  // namespace entroprod
