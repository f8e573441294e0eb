#include "entroprod/reversal.hpp"

#include <vector>

#include "check.hpp"
#include "machines.hpp"

namespace {

constexpr int n_steps = 17;

std::vector<double> reversal_of(const entroprod::LinearGaussian& machine) {
    const std::size_t size = static_cast<std::size_t>(n_steps) * machine.n_outputs();
    std::vector<double> reversal(size * size);
    innovation_reversal_matrix(machine, n_steps, nullptr, reversal.data());
    return reversal;
}

}  // namespace

TEST(dense_definition) {
    for (const auto& [n, m] : {std::pair{1, 1}, {2, 2}, {3, 4}, {6, 3}, {2, 7}, {5, 9}}) {
        const auto matrices = machines::random(n, m, n + m);
        const auto got = reversal_of(matrices.machine());
        const auto wanted = machines::dense_reversal(matrices, n_steps);
        for (std::size_t i = 0; i < got.size(); ++i) {
            // Entries are at most about 1, and each is a sum of n_steps m products.
            CHECK_CLOSE(got[i], static_cast<double>(wanted[i]), 1e-13, 1e-14);
        }
    }
}

TEST(involution) {
    const auto machine = machines::random(3, 2, 5).machine();
    const auto reversal = reversal_of(machine);
    const std::size_t size = n_steps * 2;
    for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t j = 0; j < size; ++j) {
            double sum = 0.0;
            for (std::size_t k = 0; k < size; ++k) {
                sum += reversal[i * size + k] * reversal[k * size + j];
            }
            CHECK_CLOSE(sum, i == j ? 1.0 : 0.0, 0.0, 1e-13);
        }
    }
}

TEST(unwhitened) {
    const auto matrices = machines::random(2, 2, 8);
    auto unit = matrices;
    unit.l = {1, 0, 0, 1};
    const auto got = reversal_of(matrices.machine().with_unit_innovations());
    const auto wanted = machines::dense_reversal(unit, n_steps);
    for (std::size_t i = 0; i < got.size(); ++i) {
        CHECK_CLOSE(got[i], static_cast<double>(wanted[i]), 1e-13, 1e-14);
    }
}

TEST(interrupted) {
    // Takes more than the time between two polls.
    constexpr int long_enough = 2000;
    const auto machine = machines::random(300, 1, 8).machine();
    std::vector<double> out(long_enough * long_enough);
    const auto stop = [](std::int64_t) { return false; };
    CHECK_THROWS(entroprod::Interrupted,
                 innovation_reversal_matrix(machine, long_enough, stop, out.data()));
}
