#include "entroprod/trajectory.hpp"

#include <limits>
#include <numbers>
#include <vector>

#include "check.hpp"
#include "entroprod/production.hpp"
#include "machines.hpp"

using entroprod::Batch;
using entroprod::LinearGaussian;

namespace {

constexpr std::uint64_t key = 2024;

std::vector<double> sample_of(const LinearGaussian& machine, Batch batch, int n_threads = 1) {
    const std::int64_t size = batch.n_paths * batch.n_steps * machine.n_outputs();
    std::vector<double> y(static_cast<std::size_t>(size));
    sample(machine, batch, key, n_threads, nullptr, y.data());
    return y;
}

// ln p(y_t | y_1 .. y_{t-1}) of one path, y (T, m), from the definition of the machine.
std::vector<double> plain_log_prob(const machines::Matrices& p, const double* y, int n_steps) {
    const int n = p.n, m = p.m;
    std::vector<double> result, h(n, 0.0), next(n), e(m);
    double log_det = 0.0;
    for (int i = 0; i < m; ++i) log_det += 2.0 * std::log(p.l[i * m + i]);
    for (int t = 0; t < n_steps; ++t, y += m) {
        double square = 0.0;
        for (int i = 0; i < m; ++i) {
            e[i] = y[i];
            for (int j = 0; j < n; ++j) e[i] -= p.c[i * n + j] * h[j];
            for (int j = 0; j < i; ++j) e[i] -= p.l[i * m + j] * e[j];
            e[i] /= p.l[i * m + i];  // by now whitened
            square += e[i] * e[i];
        }
        result.push_back(-0.5 * (square + log_det + m * std::log(2.0 * std::numbers::pi)));
        for (int i = 0; i < n; ++i) {
            next[i] = 0.0;
            for (int j = 0; j < n; ++j) next[i] += p.f[i * n + j] * h[j];
            for (int j = 0; j < m; ++j) next[i] += p.g[i * m + j] * y[j];
        }
        h = next;
    }
    return result;
}

constexpr std::pair<int, int> sizes[] = {{1, 1}, {2, 2}, {2, 3}, {4, 4}, {5, 2}, {3, 6}, {9, 7}};

}  // namespace

TEST(log_prob_by_definition) {
    // A last group that isn't full, and more than one block of steps.
    constexpr int n_paths = 21, n_steps = 300;
    for (const auto& [n, m] : sizes) {
        const auto matrices = machines::random(n, m, n * m);
        const auto machine = matrices.machine();
        const auto y = sample_of(machine, {n_paths, n_steps});
        std::vector<double> got(n_paths * n_steps), forward(n_paths), backward(n_paths);
        log_prob(machine, {n_paths, n_steps}, y.data(), 2, nullptr, got.data());
        log_prob_both_ways(machine, {n_paths, n_steps}, y.data(), 2, nullptr, forward.data(),
                           backward.data());
        for (int path = 0; path < n_paths; ++path) {
            const std::vector<double> own(y.begin() + path * n_steps * m,
                                          y.begin() + (path + 1) * n_steps * m);
            const auto wanted = plain_log_prob(matrices, own.data(), n_steps);
            double sum = 0.0;
            for (int t = 0; t < n_steps; ++t) {
                CHECK_CLOSE(got[path * n_steps + t], wanted[t], 1e-12, 1e-12);
                sum += wanted[t];
            }
            CHECK_CLOSE(forward[path], sum, 1e-12, 0.0);
            std::vector<double> reversed(own.size());
            for (int t = 0; t < n_steps; ++t) {
                for (int i = 0; i < m; ++i) reversed[t * m + i] = own[(n_steps - 1 - t) * m + i];
            }
            sum = 0.0;
            for (const double term : plain_log_prob(matrices, reversed.data(), n_steps)) {
                sum += term;
            }
            CHECK_CLOSE(backward[path], sum, 1e-12, 0.0);
        }
    }
}

TEST(samples_do_not_depend_on_threads_or_batch) {
    const auto machine = machines::random(3, 2, 1).machine();
    const auto alone = sample_of(machine, {1500, 40}, 1);
    CHECK(alone == sample_of(machine, {1500, 40}, 2));
    CHECK(alone == sample_of(machine, {1500, 40}, 5));
    auto fewer = sample_of(machine, {700, 40}, 3);
    CHECK(std::equal(fewer.begin(), fewer.end(), alone.begin()));
    // A longer path begins like the shorter one.
    const auto longer = sample_of(machine, {1, 600}, 1);
    CHECK(std::equal(longer.begin(), longer.begin() + 80, alone.begin()));
}

TEST(innovations_of_samples_are_white) {
    const auto matrices = machines::random(2, 2, 3);
    const auto machine = matrices.machine();
    constexpr int n_paths = 4000, n_steps = 10;
    const auto y = sample_of(machine, {n_paths, n_steps});
    std::vector<double> terms(n_paths * n_steps);
    log_prob(machine, {n_paths, n_steps}, y.data(), 1, nullptr, terms.data());
    double mean = 0.0;
    for (const double term : terms) mean += term / static_cast<double>(terms.size());
    // ln p = constant - chi-square(2) / 2, whose mean and variance are 1.
    const double expected = -std::log(2.0 * std::numbers::pi) - 0.5 * machine.log_det() - 1.0;
    CHECK_CLOSE(mean, expected, 0.0, 5.0 / std::sqrt(static_cast<double>(terms.size())));
}

TEST(monte_carlo_is_the_average_over_samples) {
    constexpr Batch batch{1300, 33};
    for (const auto& [n, m] : sizes) {
        const auto machine = machines::random(n, m, 2).machine();
        const auto y = sample_of(machine, batch);
        std::vector<double> forward(batch.n_paths), backward(batch.n_paths), sigma(batch.n_paths);
        log_prob_both_ways(machine, batch, y.data(), 1, nullptr, forward.data(), backward.data());
        const auto got = monte_carlo(machine, batch, key, 3, nullptr, sigma.data());
        double mean = 0.0, weights = 0.0, squares = 0.0;
        for (int i = 0; i < batch.n_paths; ++i) {
            CHECK_CLOSE(sigma[i], forward[i] - backward[i], 1e-10, 1e-11);
            mean += sigma[i] / batch.n_paths;
            weights += std::exp(-sigma[i]);
            squares += std::exp(-2.0 * sigma[i]);
        }
        CHECK(got.count == batch.n_paths);
        CHECK_CLOSE(got.mean, mean, 1e-11, 1e-13);
        CHECK_CLOSE(got.weight_sum * std::exp(got.log_scale), weights, 1e-11, 0.0);
        CHECK_CLOSE(got.square_sum * std::exp(2.0 * got.log_scale), squares, 1e-11, 0.0);
        const double variance = got.sum_of_squares / (batch.n_paths - 1);
        const double exact = entropy_production(machine, batch.n_steps, {}, nullptr).value;
        CHECK_CLOSE(got.mean, exact, 0.0, 5.0 * std::sqrt(variance / batch.n_paths));
        const auto again = monte_carlo(machine, batch, key, 1, nullptr, nullptr);
        CHECK(again.mean == got.mean && again.weight_sum == got.weight_sum);
    }
}

TEST(merged_weights_do_not_overflow) {
    entroprod::SigmaMoments low{1, -2000.0, 0.0, -2000.0, -2000.0, 2000.0, 1.0, 1.0};
    const entroprod::SigmaMoments high{1, 2000.0, 0.0, 2000.0, 2000.0, -2000.0, 1.0, 1.0};
    low.merge(high);
    CHECK(low.count == 2 && low.mean == 0.0 && low.minimum == -2000.0 && low.maximum == 2000.0);
    CHECK(low.sum_of_squares == 2 * 2000.0 * 2000.0);
    CHECK(low.log_scale == 2000.0 && low.weight_sum == 1.0 && low.square_sum == 1.0);
    const auto before = low.mean;
    low.merge({});
    CHECK(low.mean == before && low.count == 2);
}

TEST(interrupted) {
    const auto machine = machines::random(4, 4, 2).machine();
    for (const int n_threads : {1, 2}) {
        std::int64_t seen = -1;
        const auto stop = [&](std::int64_t done) {
            seen = done;
            return false;
        };
        CHECK_THROWS(entroprod::Interrupted,
                     monte_carlo(machine, {10'000'000, 100}, key, n_threads, stop, nullptr));
        CHECK(seen >= 0 && seen < 10'000'000);
    }
}
