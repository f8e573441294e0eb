// Cholesky factors of innovation covariances, always in double-double: a nearly singular S would
// otherwise cost as many digits as its condition has.
#pragma once

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "formulas/extended.hpp"
#include "runtime/work.hpp"

namespace entroprod {

// S = L L^T, S (m, m); throws if S isn't positive definite.
inline std::vector<Extended> factor_cholesky(int m, const double* s) {
    std::vector<Extended> lower(static_cast<std::size_t>(m) * m, Extended(0.0));
    for (int j = 0; j < m; ++j) {
        for (int i = j; i < m; ++i) {
            Extended rest = s[i * m + j];
            for (int k = 0; k < j; ++k) rest -= lower[i * m + k] * lower[j * m + k];
            interruption_point(j * work_of_extended);
            if (i > j) {
                lower[i * m + j] = rest / lower[j * m + j];
            } else if (rest.high > 0.0) {
                lower[j * m + j] = square_root(rest);
            } else {
                throw std::invalid_argument("the innovation covariance is not positive definite");
            }
        }
    }
    return lower;
}

// L^-1, lower triangular too.
inline std::vector<Extended> invert_lower(int m, const std::vector<Extended>& lower) {
    std::vector<Extended> inverse(lower.size(), Extended(0.0));
    for (int j = 0; j < m; ++j) {
        inverse[j * m + j] = Extended(1.0) / lower[j * m + j];
        for (int i = j + 1; i < m; ++i) {
            Extended sum;
            for (int k = j; k < i; ++k) sum += lower[i * m + k] * inverse[k * m + j];
            interruption_point((i - j) * work_of_extended);
            inverse[i * m + j] = -(sum / lower[i * m + i]);
        }
    }
    return inverse;
}

template <class To, class From>
std::vector<To> converted(const From* values, std::size_t size) {
    std::vector<To> result(size);
    std::transform(values, values + size, result.begin(),
                   [](From value) { return static_cast<To>(value); });
    return result;
}
template <class To, class From>
std::vector<To> converted(const std::vector<From>& values) {
    return converted<To>(values.data(), values.size());
}

}  // namespace entroprod
