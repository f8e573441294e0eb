#include "entroprod/time_varying.hpp"

#include <algorithm>
#include <limits>
#include <numbers>
#include <stdexcept>
#include <vector>

#include "check.hpp"
#include "entroprod/missing.hpp"
#include "entroprod/predictor.hpp"
#include "machines.hpp"

using entroprod::Batch;
using entroprod::Direction;
using entroprod::TimeVaryingMachine;
using machines::Values;

namespace {

constexpr std::uint64_t key = 2024;
constexpr double missing = std::numeric_limits<double>::quiet_NaN();

// Matrices of machines of one size, one after the other.
struct Varying {
    int n, m, n_steps;
    Values f, g, c, s, mean;

    Varying(int n_states, int n_outputs, int steps) : n(n_states), m(n_outputs), n_steps(steps) {
        for (int t = 0; t < n_steps; ++t) {
            const auto one = machines::random(n, m, 100 * n + 10 * m + t);
            f.insert(f.end(), one.f.begin(), one.f.end());
            g.insert(g.end(), one.g.begin(), one.g.end());
            c.insert(c.end(), one.c.begin(), one.c.end());
            s.insert(s.end(), one.s.begin(), one.s.end());
        }
        for (int i = 0; i < n; ++i) mean.push_back(0.5 - i);
    }

    entroprod::MachineSteps steps() const {
        return {n,
                m,
                {f.data(), n * n},
                {g.data(), n * m},
                {c.data(), m * n},
                {s.data(), m * m},
                mean.data()};
    }
    TimeVaryingMachine machine() const { return TimeVaryingMachine(steps(), n_steps); }
};

TimeVaryingMachine constant(const machines::Matrices& p, const Values& mean) {
    return TimeVaryingMachine(
        {p.n, p.m, {p.f.data(), 0}, {p.g.data(), 0}, {p.c.data(), 0}, {p.s.data(), 0}, mean.data()},
        1);
}

Values sample_of(const TimeVaryingMachine& machine, Batch batch, int n_threads = 1) {
    Values y(static_cast<std::size_t>(batch.n_paths * batch.n_steps * machine.n_outputs()));
    sample(machine, batch, key, n_threads, nullptr, y.data());
    return y;
}

// ln p(y_t | read before) of one complete path by the definition, in the order of time.
Values plain_log_prob(const Varying& p, const double* y, Direction direction) {
    const int n = p.n, m = p.m;
    Values result(static_cast<std::size_t>(p.n_steps)), h = p.mean, next(h.size());
    for (int read = 0; read < p.n_steps; ++read) {
        const int t = direction == Direction::forward ? read : p.n_steps - 1 - read;
        const double *f = &p.f[t * n * n], *g = &p.g[t * n * m], *c = &p.c[t * m * n];
        // Elimination of S turns the innovation e into S^-1 e and yields the determinant.
        Values s(p.s.begin() + t * m * m, p.s.begin() + (t + 1) * m * m),
            e(y + t * m, y + t * m + m);
        for (int i = 0; i < m; ++i) {
            for (int j = 0; j < n; ++j) e[i] -= c[i * n + j] * h[j];
        }
        double sum = m * std::log(2.0 * std::numbers::pi);
        for (int k = 0; k < m; ++k) {
            sum += std::log(s[k * m + k]) + e[k] * e[k] / s[k * m + k];
            for (int i = k + 1; i < m; ++i) {
                const double factor = s[i * m + k] / s[k * m + k];
                for (int j = k; j < m; ++j) s[i * m + j] -= factor * s[k * m + j];
                e[i] -= factor * e[k];
            }
        }
        result[t] = -0.5 * sum;
        for (int i = 0; i < n; ++i) {
            next[i] = 0.0;
            for (int j = 0; j < n; ++j) next[i] += f[i * n + j] * h[j];
            for (int j = 0; j < m; ++j) next[i] += g[i * m + j] * y[t * m + j];
        }
        h = next;
    }
    return result;
}

constexpr std::pair<int, int> sizes[] = {{1, 1}, {2, 2}, {2, 3}, {4, 4}, {5, 2}, {3, 6}};

// Log-densities of a few terms, each with few roundings.
constexpr double rounding = 1e-12;

}  // namespace

TEST(log_prob_by_definition) {
    // A last group that isn't full, and more than one block of steps.
    constexpr int n_paths = 19, n_steps = 300;
    for (const auto& [n, m] : sizes) {
        const Varying matrices(n, m, n_steps);
        const auto machine = matrices.machine();
        const auto y = sample_of(machine, {n_paths, n_steps});
        for (const Direction direction : {Direction::forward, Direction::backward}) {
            Values got(n_paths * n_steps), total(n_paths), gaps(n_paths * n_steps);
            log_prob(machine, {n_paths, n_steps}, y.data(), direction, 2, nullptr,
                     {got.data(), total.data()});
            // Without a gap, the other recursion does the same.
            log_prob_missing(machine, {n_paths, n_steps}, y.data(), direction, 2, nullptr,
                             {gaps.data(), nullptr});
            for (int path = 0; path < n_paths; ++path) {
                const auto wanted = plain_log_prob(matrices, &y[path * n_steps * m], direction);
                double sum = 0.0;
                for (int t = 0; t < n_steps; ++t) {
                    CHECK_CLOSE(got[path * n_steps + t], wanted[t], rounding, rounding);
                    CHECK_CLOSE(gaps[path * n_steps + t], wanted[t], rounding, rounding);
                    sum += wanted[t];
                }
                CHECK_CLOSE(total[path], sum, rounding, 0.0);
            }
        }
    }
}

TEST(constant_machine_is_the_other_topic) {
    constexpr Batch batch{21, 301};
    for (const auto& [n, m] : sizes) {
        const auto matrices = machines::random(n, m, n + m);
        const auto plain = matrices.machine();
        const auto machine = constant(matrices, Values(n, 0.0));
        CHECK(machine.is_constant());
        Values wanted(batch.n_paths * batch.n_steps * m);
        sample(plain, batch, key, 1, nullptr, wanted.data());
        const auto y = sample_of(machine, batch, 2);
        for (std::size_t i = 0; i < y.size(); ++i) CHECK_CLOSE(y[i], wanted[i], 0.0, rounding);
        Values forward(batch.n_paths), backward(batch.n_paths), got(batch.n_paths);
        log_prob_both_ways(plain, batch, y.data(), 1, nullptr, forward.data(), backward.data());
        log_prob(machine, batch, y.data(), Direction::backward, 1, nullptr, {nullptr, got.data()});
        for (int i = 0; i < batch.n_paths; ++i) CHECK_CLOSE(got[i], backward[i], rounding, 0.0);
    }
}

TEST(results_do_not_depend_on_threads) {
    constexpr Batch batch{1100, 40};
    const Varying one(3, 2, 40), two(2, 2, 40);
    const auto machine = one.machine(), other = two.machine();
    auto y = sample_of(machine, batch, 1);
    CHECK(y == sample_of(machine, batch, 4));
    Values sigma(batch.n_paths), again(batch.n_paths);
    const auto first = monte_carlo(machine, other, batch, key, 1, nullptr, sigma.data());
    const auto second = monte_carlo(machine, other, batch, key, 3, nullptr, again.data());
    CHECK(sigma == again && first.mean == second.mean && first.count == batch.n_paths);
    Values ahead(batch.n_paths), back(batch.n_paths);
    log_prob(machine, batch, y.data(), Direction::forward, 2, nullptr, {nullptr, ahead.data()});
    log_prob(other, batch, y.data(), Direction::backward, 2, nullptr, {nullptr, back.data()});
    for (int i = 0; i < batch.n_paths; ++i) {
        CHECK_CLOSE(sigma[i], ahead[i] - back[i], 0.0, 1e-10);
    }
    for (std::size_t i = 0; i < y.size(); i += 7) y[i] = missing;
    Values alone(batch.n_paths), shared(batch.n_paths);
    log_prob_missing(machine, batch, y.data(), Direction::forward, 1, nullptr,
                     {nullptr, alone.data()});
    log_prob_missing(machine, batch, y.data(), Direction::forward, 3, nullptr,
                     {nullptr, shared.data()});
    CHECK(alone == shared);
}

TEST(a_gap_of_a_random_walk) {
    // y_{t+1} = y_t + e: after k missing steps, the next observation has variance k + 1.
    const Values one{1.0}, zero{0.0};
    const TimeVaryingMachine walk(
        {1, 1, {zero.data(), 0}, {one.data(), 0}, {one.data(), 0}, {one.data(), 0}, zero.data()},
        1);
    const Values y{0.5, missing, missing, 2.0, 1.0};
    Values got(5);
    log_prob_missing(walk, {1, 5}, y.data(), Direction::forward, 1, nullptr, {got.data(), nullptr});
    const auto normal = [](double x, double variance) {
        return -0.5 * (std::log(2.0 * std::numbers::pi * variance) + x * x / variance);
    };
    CHECK_CLOSE(got[0], normal(0.5, 1.0), rounding, 0.0);
    CHECK(got[1] == 0.0 && got[2] == 0.0);
    CHECK_CLOSE(got[3], normal(1.5, 3.0), rounding, 0.0);
    CHECK_CLOSE(got[4], normal(-1.0, 1.0), rounding, 0.0);
}

TEST(uncertainty_is_forgotten_only_when_it_is_over) {
    // The memory is unseen for a long time after the gap, and then seen again.
    constexpr int n_steps = 60;
    const Values f{0.99}, g{1.0}, s{1.0}, mean{0.0};
    Values c(n_steps, 0.0), y(n_steps, 0.1);
    c[0] = c[n_steps - 1] = 1.0;
    y[0] = missing;
    const TimeVaryingMachine machine(
        {1, 1, {f.data(), 0}, {g.data(), 0}, {c.data(), 1}, {s.data(), 0}, mean.data()}, n_steps);
    Values got(n_steps);
    log_prob_missing(machine, {1, n_steps}, y.data(), Direction::forward, 1, nullptr,
                     {got.data(), nullptr});
    // h_2 = y_1 ~ N(0, 1), and from then on h' = 0.99 h + 0.1.
    double h = 0.0;
    for (int t = 1; t < n_steps - 1; ++t) h = 0.99 * h + 0.1;
    const double variance = 1.0 + std::pow(0.99, 2 * (n_steps - 2));
    const double e = 0.1 - h;
    CHECK_CLOSE(got[n_steps - 1],
                -0.5 * (std::log(2.0 * std::numbers::pi * variance) + e * e / variance), 1e-12,
                0.0);
}

TEST(exact_predictor_settles_to_the_steady_one) {
    const auto steady = machines::scalar_filter(0.9, 1.0, 1.0, 1.0);
    const double a = 0.9, one = 1.0, start = 5.0;
    constexpr int n_steps = 200;
    Values f(n_steps), g(n_steps), s(n_steps);
    const entroprod::StateSpaceSteps model{1, 1, {&a, 0}, {&one, 0}, {&one, 0}, {&one, 0}};
    CHECK(predict_exactly(model, &start, n_steps, nullptr, {f.data(), g.data(), s.data()}) ==
          n_steps);
    CHECK(s[0] == 6.0);
    CHECK_CLOSE(g[0], 0.9 * 5.0 / 6.0, rounding, 0.0);
    CHECK_CLOSE(s[n_steps - 1], steady.s[0], rounding, 0.0);
    CHECK_CLOSE(g[n_steps - 1], steady.g[0], rounding, 0.0);
    CHECK_CLOSE(f[n_steps - 1], steady.f[0], rounding, 0.0);
    // Without any noise, the second observation is known from the first.
    const double zero = 0.0;
    const entroprod::StateSpaceSteps silent{1, 1, {&a, 0}, {&one, 0}, {&zero, 0}, {&zero, 0}};
    CHECK(predict_exactly(silent, &start, n_steps, nullptr, {f.data(), g.data(), s.data()}) == 1);
}

TEST(indefinite_covariance) {
    const Values f{0.5}, g{1.0}, c{1.0}, s{1.0, -1.0}, mean{0.0};
    CHECK_THROWS(
        std::invalid_argument,
        TimeVaryingMachine(
            {1, 1, {f.data(), 0}, {g.data(), 0}, {c.data(), 0}, {s.data(), 1}, mean.data()}, 2));
}

TEST(interrupted_within_a_path) {
    const auto machine = constant(machines::random(4, 4, 2), Values(4, 0.0));
    Values y(4 * 300'000, 0.1), total(1);
    // A gap at every step, so that none is quick.
    for (std::size_t i = 0; i < y.size(); i += 4) y[i] = missing;
    const auto stop = [](std::int64_t) { return false; };
    const Batch batch{1, 300'000};
    CHECK_THROWS(entroprod::Interrupted,
                 log_prob_missing(machine, batch, y.data(), Direction::forward, 1, stop,
                                  {nullptr, total.data()}));
    CHECK_THROWS(entroprod::Interrupted,
                 monte_carlo(machine, machine, {8, 3'000'000}, key, 2, stop, nullptr));
}
