#include "entroprod/linear_gaussian.hpp"
#include "formulas/extended.hpp"
#include "formulas/whitened_machine.hpp"

#include <limits>
#include <stdexcept>
#include <thread>

#include "check.hpp"

using entroprod::LinearGaussian;

namespace {

// n = 2, m = 2, with correlated innovations.
constexpr double state_matrix[] = {0.3, 0.1, -0.2, 0.4};
constexpr double input_matrix[] = {0.5, -0.1, 0.2, 0.3};
constexpr double output_matrix[] = {1.0, 0.5, 0.0, 1.0};
constexpr double innovation_cov[] = {2.0, 0.6, 0.6, 1.0};

LinearGaussian machine() {
    return {2, 2, state_matrix, input_matrix, output_matrix, innovation_cov};
}

}  // namespace

TEST(cholesky_factor_squares_to_the_covariance) {
    const auto m = machine();
    const auto& l = m.cholesky();
    const auto& inverse = m.inverse_cholesky();
    for (int i = 0; i < 2; ++i) {
        for (int j = 0; j < 2; ++j) {
            const double square = l[2 * i] * l[2 * j] + l[2 * i + 1] * l[2 * j + 1];
            CHECK_CLOSE(square, innovation_cov[2 * i + j], 1e-15, 0.0);
            const double unit = l[2 * i] * inverse[j] + l[2 * i + 1] * inverse[2 + j];
            CHECK_CLOSE(unit, i == j ? 1.0 : 0.0, 1e-15, 1e-15);
        }
    }
    CHECK_CLOSE(m.log_det(), std::log(2.0 * 1.0 - 0.6 * 0.6), 1e-14, 0.0);
}

TEST(whitening_keeps_the_transition) {
    const auto m = machine();
    const auto w = m.whitened();
    const double transition[] = {0.3 + 0.5, 0.1 + 0.25 - 0.1, -0.2 + 0.2, 0.4 + 0.1 + 0.3};
    for (int i = 0; i < 4; ++i) {
        // The memory may be in other units: component j in those of i.
        const double units = w.filter()[i] / state_matrix[i];
        CHECK_CLOSE(w.transition[i], transition[i] * units, 1e-15, 1e-16);
    }
    for (int i = 0; i < 2; ++i) {
        for (int j = 0; j < 2; ++j) {
            const double noise =
                w.input[2 * i] * w.input[2 * j] + w.input[2 * i + 1] * w.input[2 * j + 1];
            CHECK_CLOSE(w.noise[2 * i + j], noise, 1e-15, 1e-16);
            CHECK(w.transition_t[2 * i + j] == w.transition[2 * j + i]);
            CHECK(w.filter_t[2 * i + j] == w.filter()[2 * j + i]);
        }
    }
}

TEST(extended_machine_rounds_to_the_double_one) {
    const auto m = machine();
    std::thread other([&] { (void)m.whitened_extended(); });
    const auto wide = m.whitened_extended();
    other.join();
    const auto w = m.whitened();
    for (int i = 0; i < 4; ++i) {
        CHECK_CLOSE(wide.transition[i].high, w.transition[i], 4e-16, 1e-16);
        CHECK_CLOSE(wide.input[i].high, w.input[i], 4e-16, 1e-16);
        CHECK_CLOSE(wide.emission()[i].high, w.emission()[i], 4e-16, 1e-16);
    }
}

TEST(unit_innovations_keep_the_matrices) {
    const auto plain = machine().with_unit_innovations();
    const auto w = plain.whitened();
    // In whatever units the memory is, C G stays.
    for (int i = 0; i < 2; ++i) {
        for (int j = 0; j < 2; ++j) {
            double product = 0.0;
            double wanted = 0.0;
            for (int k = 0; k < 2; ++k) {
                product += w.emission()[2 * i + k] * w.input[2 * k + j];
                wanted += output_matrix[2 * i + k] * input_matrix[2 * k + j];
            }
            CHECK_CLOSE(product, wanted, 1e-15, 1e-16);
        }
    }
    CHECK(plain.log_det() == 0.0);
}

TEST(indefinite_covariance_is_refused) {
    const double indefinite[] = {1.0, 2.0, 2.0, 1.0};
    const double singular[] = {0.0, 0.0, 0.0, 1.0};
    const double broken[] = {std::numeric_limits<double>::quiet_NaN(), 0.0, 0.0, 1.0};
    for (const double* s : {indefinite, singular, broken}) {
        CHECK_THROWS(std::invalid_argument,
                     LinearGaussian(2, 2, state_matrix, input_matrix, output_matrix, s));
    }
}
