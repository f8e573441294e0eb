// Over how many steps the rounding errors of a pair of machines pile up.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "decomposition/pair_parameters.hpp"

namespace entroprod {

// Over how many steps rounding errors of Gamma, Omega and Pi pile up. An error of Gamma goes on as
// F^b error A, one of Omega as F^b error F^bT, one of Pi as A error A^T; what the matrices do to a
// vector that they have been applied to again and again tells how much of it is left.
template <class Real>
class ErrorMemory {
public:
    explicit ErrorMemory(const PairSizes& sizes)
        : sizes_(sizes),
          back_(static_cast<std::size_t>(sizes.b), 1.0),
          ahead_(static_cast<std::size_t>(sizes.n), 1.0) {}

    void pass(const PairStep<Real>& step) {
        const double back = growth(sizes_.b, step.back_filter, back_);
        const double ahead = growth(sizes_.n, step.transition_t, ahead_);
        of_gamma_ = 1.0 + back * ahead * of_gamma_;
        of_omega_ = 1.0 + back * back * of_omega_;
        of_covariance_ = 1.0 + ahead * ahead * of_covariance_;
    }

    // So many steps at once, whose growth is taken to be the same in each.
    void pass(const PairMaps<double>& maps, int n_steps) {
        const double back = growth(sizes_.b, maps.back_filter, back_);
        const double ahead = growth(sizes_.n, maps.transition_t, ahead_);
        of_gamma_ = sum_of_powers(back * ahead, n_steps) + back * ahead * of_gamma_;
        of_omega_ = sum_of_powers(back * back, n_steps) + back * back * of_omega_;
        of_covariance_ = sum_of_powers(ahead * ahead, n_steps) + ahead * ahead * of_covariance_;
    }

    double length() const { return std::max({of_gamma_, of_omega_, of_covariance_}); }

private:
    // sum_j r^j for j < n_steps, r^n_steps being `power`.
    static double sum_of_powers(double power, int n_steps) {
        // Nearer to 1 the difference loses digits, and the sum is n_steps to as many.
        constexpr double near_one = 1e-9;
        const double ratio = std::pow(power, 1.0 / n_steps);
        if (std::abs(1.0 - ratio) <= near_one) return n_steps;
        return (1.0 - power) / (1.0 - ratio);
    }

    // vector -> matrix vector, normed; its growth.
    template <class Number>
    static double growth(int size, const Number* matrix, std::vector<double>& vector) {
        std::vector<double> image(vector.size(), 0.0);
        double before = 0.0, after = 0.0;
        for (int i = 0; i < size; ++i) {
            for (int j = 0; j < size; ++j) image[i] += to_double(matrix[i * size + j]) * vector[j];
            before += vector[i] * vector[i];
            after += image[i] * image[i];
        }
        // What has been wiped out entirely starts anew.
        if (!(after > 0.0) || !std::isfinite(after)) {
            std::fill(vector.begin(), vector.end(), 1.0);
            return after > 0.0 ? after : 0.0;
        }
        const double norm = std::sqrt(after);
        for (int i = 0; i < size; ++i) vector[i] = image[i] / norm;
        return norm / std::sqrt(before);
    }

    PairSizes sizes_;
    std::vector<double> back_, ahead_;
    double of_gamma_ = 0.0, of_omega_ = 0.0, of_covariance_ = 0.0;
};

}  // namespace entroprod
