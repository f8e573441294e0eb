#include <numbers>
#include <vector>

#include "check.hpp"
#include "entroprod/production.hpp"
#include "entroprod/reversal.hpp"
#include "entroprod/trajectory.hpp"
#include "machines.hpp"

using entroprod::LinearGaussian;
using entroprod::Precision;
using entroprod::ProductionOptions;

namespace {

constexpr double relative = 1e-12;
constexpr double absolute = 1e-13;

struct Structured {
    machines::Matrices matrices;
    machines::Values diagonal, partner;

    LinearGaussian with_bands() const {
        return LinearGaussian::with_bands(matrices.n, matrices.m, diagonal.data(), partner.data(),
                                          matrices.g.data(), matrices.c.data(), matrices.s.data());
    }
};

// Pairs of components turn, a last one without a partner decays; what the outputs feed back is
// small enough for both spectral radii to stay below 1.
Structured structured(int n, int m, double radius, unsigned seed) {
    Structured result{machines::random(n, m, seed), {}, {}};
    machines::Values& f = result.matrices.f;
    std::fill(f.begin(), f.end(), 0.0);
    for (int i = 0; i < n; ++i) {
        const double angle = 0.1 + std::numbers::pi * (i / 2) / n;
        const bool paired = (i ^ 1) < n;
        result.diagonal.push_back(radius * (paired ? std::cos(angle) : 1.0));
        const double turn = radius * std::sin(angle);
        result.partner.push_back(!paired ? 0.0 : i % 2 == 0 ? -turn : turn);
        f[i * n + i] = result.diagonal[i];
        if (paired) f[i * n + (i ^ 1)] = result.partner[i];
    }
    for (double& entry : result.matrices.c) entry *= 0.3;
    return result;
}

// Fewer than 8 states take the kernels for any machine, and so do many outputs.
constexpr std::pair<int, int> sizes[] = {{1, 1}, {7, 2},  {8, 1},  {8, 2},  {9, 2},
                                         {9, 3}, {13, 3}, {17, 4}, {21, 5}, {16, 16}};

void check_all(const std::vector<double>& got, const std::vector<double>& wanted,
               double of_largest) {
    double largest = 0.0;
    for (const double value : wanted) largest = std::max(largest, std::abs(value));
    for (std::size_t i = 0; i < wanted.size(); ++i) {
        CHECK_CLOSE(got[i], wanted[i], 0.0, of_largest * largest);
    }
}

}  // namespace

TEST(dense_definition) {
    constexpr int n_steps = 21;
    for (const auto& [n, m] : sizes) {
        const Structured example = structured(n, m, 0.7, 10 * n + m);
        const auto machine = example.with_bands();
        const auto wanted = machines::dense_per_step(example.matrices, n_steps);
        double total = 0.0;
        for (const double term : wanted) total += term;
        for (const Precision precision : {Precision::double_precision, Precision::extended}) {
            const ProductionOptions options{.precision = precision};
            const auto got = entropy_production(machine, n_steps, options, nullptr);
            CHECK_CLOSE(got.value, total, relative, absolute * n * m);
            std::vector<double> per_step(n_steps);
            entropy_production_per_step(machine, n_steps, options, nullptr, per_step.data());
            // Each step is the difference of a trace and m.
            for (int t = 0; t < n_steps; ++t) {
                CHECK_CLOSE(per_step[t], wanted[t], relative, relative * m);
            }
        }
    }
}

TEST(every_function_equals_the_dense_machine) {
    constexpr int n_steps = 70;  // more than a block of steps, with and without covariances
    for (const auto& [n, m] : sizes) {
        const Structured example = structured(n, m, 0.9, n + 10 * m);
        const auto bands = example.with_bands(), any = example.matrices.machine();
        const auto rate = entropy_production_rate(any, {}, nullptr);
        CHECK_CLOSE(entropy_production_rate(bands, {}, nullptr).value, rate.value, relative,
                    absolute);
        const auto size = static_cast<std::size_t>(n_steps) * m;
        std::vector<double> got(size * size), wanted(size * size);
        innovation_reversal_matrix(any, n_steps, nullptr, wanted.data());
        innovation_reversal_matrix(bands, n_steps, nullptr, got.data());
        check_all(got, wanted, relative);
        innovation_reversal_matrix(any.with_unit_innovations(), n_steps, nullptr, wanted.data());
        innovation_reversal_matrix(bands.with_unit_innovations(), n_steps, nullptr, got.data());
        check_all(got, wanted, relative);

        constexpr std::int64_t n_paths = 5;
        std::vector<double> paths(size * n_paths), again(size * n_paths);
        sample(any, {n_paths, n_steps}, 7, 1, nullptr, paths.data());
        sample(bands, {n_paths, n_steps}, 7, 2, nullptr, again.data());
        check_all(again, paths, relative);
        std::vector<double> densities(n_steps * n_paths), others(n_steps * n_paths);
        log_prob(any, {n_paths, n_steps}, paths.data(), 1, nullptr, densities.data());
        log_prob(bands, {n_paths, n_steps}, paths.data(), 1, nullptr, others.data());
        check_all(others, densities, relative);
        const auto moments = monte_carlo(bands, {n_paths, n_steps}, 7, 1, nullptr, nullptr);
        CHECK_CLOSE(moments.mean, monte_carlo(any, {n_paths, n_steps}, 7, 1, nullptr, nullptr).mean,
                    1e-10, 1e-10);
    }
}

TEST(shortcuts_change_nothing) {
    const auto machine = structured(12, 2, 0.8, 3).with_bands();
    constexpr int n_steps = 3000;
    const auto with = entropy_production(machine, n_steps, {}, nullptr);
    const auto without = entropy_production(machine, n_steps, {.shortcuts = false}, nullptr);
    CHECK_CLOSE(with.value, without.value, relative, absolute);
    std::vector<double> fast(n_steps), slow(n_steps);
    entropy_production_per_step(machine, n_steps, {}, nullptr, fast.data());
    entropy_production_per_step(machine, n_steps, {.shortcuts = false}, nullptr, slow.data());
    check_all(fast, slow, relative);
}

TEST(a_memory_that_never_fades) {
    const auto machine = structured(10, 1, 1.0, 3).with_bands();
    const auto same = structured(10, 1, 1.0, 3).matrices.machine();
    const ProductionOptions options{.precision = Precision::double_precision};
    const auto got = entropy_production(machine, 500, options, nullptr);
    const auto wanted = entropy_production(same, 500, options, nullptr);
    CHECK_CLOSE(got.value, wanted.value, relative, got.rounding_error + wanted.rounding_error);
    // Both estimate it alike.
    CHECK(got.rounding_error < 10.0 * wanted.rounding_error);
    CHECK(wanted.rounding_error < 10.0 * got.rounding_error);
    const auto growing = structured(10, 1, 1.5, 3).with_bands();
    CHECK_THROWS(entroprod::Overflow, entropy_production(growing, 100'000, options, nullptr));
}

TEST(poll_stops_the_recursion) {
    const auto machine = structured(64, 2, 0.9, 1).with_bands();
    const ProductionOptions options{.precision = Precision::extended, .shortcuts = false};
    std::int64_t seen = -1;
    const auto poll = [&](std::int64_t done) {
        seen = done;
        return false;
    };
    CHECK_THROWS(entroprod::Interrupted, entropy_production(machine, 1'000'000'000, options, poll));
    CHECK(seen >= 0);
}
