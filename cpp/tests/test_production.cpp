#include "entroprod/production.hpp"

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include "check.hpp"
#include "formulas/extended.hpp"
#include "machines.hpp"

using entroprod::LinearGaussian;
using entroprod::Precision;
using entroprod::ProductionOptions;

namespace {

// The accuracy that is promised against the dense definition.
constexpr double relative = 1e-12;
constexpr double absolute = 1e-13;

constexpr Precision precisions[] = {Precision::automatic, Precision::double_precision,
                                    Precision::extended};

std::vector<double> curve_of(const LinearGaussian& machine, int n_steps,
                             const ProductionOptions& options) {
    std::vector<double> curve(static_cast<std::size_t>(n_steps));
    entropy_production_curve(machine, n_steps, options, nullptr, curve.data());
    return curve;
}

template <class Call>
std::string overflow_of(Call&& call) {
    try {
        call();
    } catch (const entroprod::Overflow& overflow) {
        return overflow.what();
    }
    return "none";
}

// A total without a curve takes long stretches at once; with a curve it goes step by step.
constexpr ProductionOptions every_step{.precision = Precision::double_precision,
                                       .shortcuts = false};

void check_stretches(const LinearGaussian& machine, int n_steps) {
    const auto total = entropy_production(machine, n_steps, every_step, nullptr);
    const double wanted = curve_of(machine, n_steps, every_step).back();
    // Step by step, each step may add a roundoff of the sum so far and of its own terms.
    const double roundoffs = n_steps * entroprod::unit_roundoff<double>;
    CHECK_CLOSE(total.value, wanted, roundoffs, machine.n_outputs() * roundoffs);
}

}  // namespace

TEST(dense_definition) {
    constexpr int n_steps = 33;  // two blocks of steps and a bit
    for (const auto& [n, m] : {std::pair{1, 1}, {2, 2}, {3, 2}, {2, 3}, {4, 4}, {6, 5}, {1, 6}}) {
        const auto matrices = machines::random(n, m, 10 * n + m);
        const auto machine = matrices.machine();
        const auto wanted = machines::dense_per_step(matrices, n_steps);
        const double total = std::accumulate(wanted.begin(), wanted.end(), 0.0);
        for (const Precision precision : precisions) {
            const ProductionOptions options{.precision = precision};
            const auto got = entropy_production(machine, n_steps, options, nullptr);
            CHECK_CLOSE(got.value, total, relative, absolute);
            CHECK(got.extended || precision != Precision::extended);
            std::vector<double> per_step(n_steps);
            entropy_production_per_step(machine, n_steps, options, nullptr, per_step.data());
            for (int t = 0; t < n_steps; ++t) {
                CHECK_CLOSE(per_step[t], wanted[t], relative, absolute);
            }
        }
    }
}

TEST(curve_equals_totals) {
    const auto matrices = machines::random(3, 2, 7);
    const auto machine = matrices.machine();
    const auto curve = curve_of(machine, 40, {});
    for (int t = 1; t <= 40; ++t) {
        const auto total = entropy_production(machine, t, {}, nullptr);
        CHECK_CLOSE(curve[t - 1], total.value, relative, absolute);
    }
    CHECK_CLOSE(curve[0], machines::dense_per_step(matrices, 1)[0], relative, absolute);
}

TEST(shortcuts_change_nothing) {
    constexpr int n_steps = 5000;
    for (const int n : {2, 6}) {
        const auto machine = machines::random(n, 2, n).machine();
        const auto with = entropy_production(machine, n_steps, {}, nullptr);
        const auto without = entropy_production(machine, n_steps, {.shortcuts = false}, nullptr);
        CHECK_CLOSE(with.value, without.value, relative, absolute);
        std::vector<double> fast(n_steps), slow(n_steps);
        entropy_production_per_step(machine, n_steps, {}, nullptr, fast.data());
        entropy_production_per_step(machine, n_steps, {.shortcuts = false}, nullptr, slow.data());
        for (int t = 0; t < n_steps; ++t) CHECK_CLOSE(fast[t], slow[t], relative, absolute);
        CHECK_CLOSE(std::accumulate(fast.begin(), fast.end(), 0.0), with.value, relative, absolute);
    }
}

TEST(stretches_equal_single_steps) {
    for (const double root : {0.5, 0.999, 1.0, 1.002, 1.01}) {
        for (const auto& [n, m] :
             {std::pair{1, 1}, {1, 4}, {2, 1}, {2, 2}, {3, 2}, {4, 3}, {4, 4}}) {
            const auto machine = machines::with_root(root, n, m, 10 * n + m).machine();
            for (const int n_steps : {2047, 2048, 5000}) check_stretches(machine, n_steps);
        }
    }
}

TEST(overflow_in_a_stretch) {
    const auto machine = machines::with_root(1.05, 2, 2, 1).machine();
    constexpr int n_steps = 20000;
    const auto of_total =
        overflow_of([&] { entropy_production(machine, n_steps, every_step, nullptr); });
    CHECK(of_total != "none");
    CHECK(of_total == overflow_of([&] { curve_of(machine, n_steps, every_step); }));
    // The second state is neither driven nor seen, but the powers of its eigenvalue overflow.
    const double filter[] = {0.8, 0.0, 0.0, 20.0}, gain[] = {0.1, 0.0}, emission[] = {1.0, 0.0};
    const double one = 1.0;
    check_stretches(LinearGaussian(2, 1, filter, gain, emission, &one), 5000);
}

TEST(shortcuts_between_stretches) {
    const auto machine = machines::with_root(0.997, 2, 2, 3).machine();
    constexpr int n_steps = 200000;
    const auto with =
        entropy_production(machine, n_steps, {.precision = Precision::double_precision}, nullptr);
    const auto without = entropy_production(machine, n_steps, every_step, nullptr);
    CHECK_CLOSE(with.value, without.value, relative, absolute);
}

TEST(rate_is_the_slope) {
    for (const auto& [n, m] : {std::pair{2, 2}, {5, 3}}) {
        const auto machine = machines::random(n, m, 3).machine();
        const auto rate = entropy_production_rate(machine, {}, nullptr);
        const auto curve = curve_of(machine, 400, {.precision = Precision::extended});
        // The difference of two numbers of a few nats carries their rounding.
        CHECK_CLOSE(rate.value, curve[399] - curve[398], 1e-11, absolute);
        CHECK(rate.value > 0.0);
    }
}

TEST(published_scalar_filter) {
    const auto machine = machines::scalar_filter(0.9, 1.0, 1.0, 1.0).machine();
    const auto curve = curve_of(machine, 6, {});
    CHECK_CLOSE(curve[1], 0.0417851635, 0.0, 5e-11);  // ten published digits
    CHECK_CLOSE(curve[5], 0.3108757952, 0.0, 5e-11);
    const auto rate = entropy_production_rate(machine, {}, nullptr);
    CHECK(rate.value <= 1e-15);  // one output: bounded entropy production
}

TEST(a_billion_steps) {
    const auto machine = machines::random(2, 2, 1).machine();
    constexpr std::int64_t n_steps = 1'000'000'000;
    const auto total = entropy_production(machine, n_steps, {}, nullptr);
    const auto rate = entropy_production_rate(machine, {}, nullptr);
    // The transient is a few nats among many.
    CHECK_CLOSE(total.value / n_steps, rate.value, 1e-7, 0.0);
}

TEST(unit_root_and_overflow) {
    const double one = 1.0, gain = 0.2, filter = 0.8;
    const LinearGaussian walk(1, 1, &filter, &gain, &one, &one);
    CHECK(entropy_production(walk, 1000, {}, nullptr).value > 0.0);
    CHECK_THROWS(entroprod::Overflow, entropy_production_rate(walk, {}, nullptr));
    const double explosive = 1.5;
    const LinearGaussian growing(1, 1, &explosive, &gain, &one, &one);
    CHECK(entropy_production(growing, 10, {}, nullptr).value > 0.0);
    CHECK_THROWS(entroprod::Overflow, entropy_production(growing, 100000, {}, nullptr));
}

TEST(poll_stops_the_recursion) {
    const auto machine = machines::random(6, 6, 1).machine();
    const ProductionOptions options{.precision = Precision::extended, .shortcuts = false};
    std::int64_t seen = -1;
    const auto poll = [&](std::int64_t done) {
        seen = done;
        return false;
    };
    CHECK_THROWS(entroprod::Interrupted, entropy_production(machine, 1'000'000'000, options, poll));
    CHECK(seen > 0);
}

namespace {

// A transition A that isn't stable, read by a filter F = A - G C that is: G C moves every
// eigenvalue by the gain.
LinearGaussian with_transition(int n, const std::vector<double>& transition, double gain) {
    std::vector<double> filter = transition, input(transition.size()), output(transition.size());
    std::vector<double> identity(transition.size(), 0.0);
    for (int i = 0; i < n; ++i) {
        identity[i * (n + 1)] = 1.0;
        for (int j = 0; j < n; ++j) {
            output[i * n + j] = i == j ? 1.0 : 0.1 * ((i - j) % 2);
            input[i * n + j] = i == j ? gain : 0.05;
        }
    }
    for (int i = 0; i < n; ++i) {
        for (int j = 0; j < n; ++j) {
            for (int k = 0; k < n; ++k) filter[i * n + j] -= input[i * n + k] * output[k * n + j];
        }
    }
    return {n, n, filter.data(), input.data(), output.data(), identity.data()};
}

std::vector<LinearGaussian> machines_that_remember() {
    const double c = std::cos(0.7), s = std::sin(0.7);
    return {with_transition(2, {1, 0, 0, 1}, 0.5),           // two random walks
            with_transition(2, {1, 1, 0, 1}, 0.6),           // a trend
            with_transition(2, {c, -s, s, c}, 0.5),          // a cycle
            with_transition(2, {0.9999, 0.1, 0, 0.5}, 0.5),  // a long memory
            with_transition(
                5, {c, -s, 0, 0, 0, s, c, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0.5},
                0.7)};
}

}  // namespace

TEST(long_runs_equal_single_steps) {
    constexpr std::int64_t n_steps = 40'001;  // a number of many binary digits
    for (const auto& machine : machines_that_remember()) {
        const auto plain = entropy_production(
            machine, n_steps, {.precision = Precision::extended, .shortcuts = false}, nullptr);
        for (const auto precision : precisions) {
            const auto fast =
                entropy_production(machine, n_steps, {.precision = precision}, nullptr);
            CHECK_CLOSE(fast.value, plain.value, 2.0 * 0x1p-53,
                        fast.rounding_error + plain.rounding_error);
            if (precision != Precision::double_precision) {
                CHECK(fast.rounding_error <= 1e-12 * fast.value);
            }
        }
    }
}

TEST(long_runs_take_few_steps) {
    constexpr std::int64_t n_steps = 1'000'000'000;
    for (const auto& machine : machines_that_remember()) {
        int asked = 0;
        const entroprod::Watch watch([&] { ++asked; });
        const auto total = entropy_production(machine, n_steps, {}, nullptr);
        CHECK(std::isfinite(total.value) && total.value > 0.0);
        CHECK(asked < 100);
    }
}

TEST(long_run_of_an_unstable_machine_says_where_it_overflows) {
    // The filter is stable, so the backward memory converges while the transition's grows.
    const auto machine = with_transition(2, {1.01, 0, 0, 0.5}, 0.6);
    try {
        entropy_production(machine, 1'000'000'000, {}, nullptr);
        CHECK(false);
    } catch (const entroprod::Overflow& error) {
        // (1.01^k)^2 leaves the range of double after 35,000 steps, and before 40,000.
        CHECK(std::string(error.what()).find("at step 3") != std::string::npos);
    }
}
