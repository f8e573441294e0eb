#include "entroprod/sigma_law.hpp"

#include <cmath>
#include <utility>
#include <vector>

#include "check.hpp"
#include "machines.hpp"

using entroprod::Precision;
using entroprod::ProductionOptions;

namespace {

// The accuracy that is promised against the dense definition.
constexpr double relative = 1e-12;
constexpr double absolute = 1e-13;

// |R R^T - I|^2 / 2 from the dense matrix.
double dense_variance(const machines::Matrices& matrices, int n_steps) {
    const auto dense = machines::dense_reversal(matrices, n_steps);
    const auto size = static_cast<std::size_t>(std::lround(std::sqrt(dense.size())));
    machines::Wide sum = 0;
    for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t j = 0; j < size; ++j) {
            machines::Wide entry = i == j ? -1 : 0;
            for (std::size_t k = 0; k < size; ++k) {
                entry += dense[i * size + k] * dense[j * size + k];
            }
            sum += entry * entry;
        }
    }
    return static_cast<double>(sum / 2);
}

}  // namespace

TEST(dense_definition) {
    constexpr int n_steps = 21;  // a block of steps and a bit
    for (const auto& [n, m] : {std::pair{1, 1}, {2, 2}, {3, 2}, {2, 3}, {4, 4}, {6, 5}, {1, 6}}) {
        const auto matrices = machines::random(n, m, 10 * n + m);
        const auto machine = matrices.machine();
        const double wanted = dense_variance(matrices, n_steps);
        for (const auto precision :
             {Precision::automatic, Precision::double_precision, Precision::extended}) {
            const auto got = sigma_variance(machine, n_steps, {.precision = precision}, nullptr);
            CHECK_CLOSE(got.value, wanted, relative, absolute);
            CHECK(got.extended || precision != Precision::extended);
        }
    }
}

TEST(shortcuts_change_nothing) {
    const auto machine = machines::random(3, 2, 7).machine();
    for (const int n_steps : {1, 15, 16, 17, 1024, 1025, 3000}) {
        const auto quick = sigma_variance(machine, n_steps, {}, nullptr);
        const auto slow = sigma_variance(machine, n_steps, {.shortcuts = false}, nullptr);
        CHECK_CLOSE(quick.value, slow.value, relative, absolute);
    }
}

TEST(rate_is_the_slope) {
    const auto machine = machines::random(3, 2, 7).machine();
    const double rate = sigma_variance_rate(machine, {}, nullptr).value;
    const double first = sigma_variance(machine, 2000, {}, nullptr).value;
    const double second = sigma_variance(machine, 1'000'000'000, {}, nullptr).value;
    CHECK_CLOSE((second - first) / (1e9 - 2000.0), rate, relative, absolute);
}

TEST(one_step_is_its_own_reversal) {
    const auto machine = machines::random(3, 2, 7).machine();
    CHECK(sigma_variance(machine, 1, {}, nullptr).value == 0.0);
}

TEST(growth_overflows) {
    const auto machine = machines::with_root(1.5, 2, 2, 3).machine();
    CHECK_THROWS(entroprod::Overflow, sigma_variance(machine, 100'000, {}, nullptr));
}

TEST(interrupted) {
    const auto machine = machines::random(6, 5, 1).machine();
    const entroprod::Poll stop = [](std::int64_t) { return false; };
    const ProductionOptions every_step{.shortcuts = false};
    CHECK_THROWS(entroprod::Interrupted, sigma_variance(machine, 1'000'000'000, every_step, stop));
}
