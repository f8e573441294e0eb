#include "entroprod/gradient.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "check.hpp"
#include "machines.hpp"

using namespace entroprod;

namespace {

using machines::Matrices;
using machines::Values;

constexpr double no_limit = 1e12;
// Of the largest derivative. Differences in double-double leave their error of order step^2.
constexpr double rounding = 1e-11;
// Where no step is skipped, the roundings of all of them add up.
constexpr double rounding_of_many = 1e-10;
constexpr double by_differences = 1e-8;
constexpr double step = 0x1p-16;

struct Gradient {
    ProductionValue value;
    Values of_f, of_g, of_c, of_s;

    explicit Gradient(const Matrices& p)
        : of_f(p.f.size()), of_g(p.g.size()), of_c(p.c.size()), of_s(p.s.size()) {}

    ParameterGradient out() { return {of_f.data(), of_g.data(), of_c.data(), of_s.data()}; }
};

Gradient of_total(const Matrices& p, std::int64_t n_steps, const ProductionOptions& options) {
    Gradient result(p);
    result.value =
        entropy_production_gradient(p.machine(), n_steps, options, no_limit, nullptr, result.out());
    return result;
}

Gradient of_rate(const Matrices& p, const ProductionOptions& options) {
    Gradient result(p);
    result.value = entropy_production_rate_gradient(p.machine(), options, nullptr, result.out());
    return result;
}

double largest(const Values& values) {
    double result = 0.0;
    for (const double value : values) result = std::max(result, std::abs(value));
    return result;
}

// Relative to the largest entry, or to the terms of the sums, which are of order one.
void check_close(const Gradient& got, const Gradient& wanted, double relative) {
    const double scale = std::max({largest(wanted.of_f), largest(wanted.of_g), largest(wanted.of_c),
                                   largest(wanted.of_s), 1.0});
    for (const auto& [ours, theirs] :
         {std::pair{&got.of_f, &wanted.of_f}, std::pair{&got.of_g, &wanted.of_g},
          std::pair{&got.of_c, &wanted.of_c}, std::pair{&got.of_s, &wanted.of_s}}) {
        for (std::size_t i = 0; i < ours->size(); ++i) {
            CHECK_CLOSE((*ours)[i], (*theirs)[i], 0.0, relative * scale);
        }
    }
}

// value(machine) by central differences; those of S move both mirrored entries by half.
template <class Value>
Gradient differences(const Matrices& p, const Value& value) {
    Gradient result(p);
    const auto moved = [&](Values Matrices::* which, std::size_t i, std::size_t mirrored) {
        double ends[2];
        for (const int side : {0, 1}) {
            Matrices q = p;
            const double change = side == 0 ? -0.5 * step : 0.5 * step;
            (q.*which)[i] += change;
            (q.*which)[mirrored] += change;
            ends[side] = value(q.machine());
        }
        return (ends[1] - ends[0]) / (2.0 * step);
    };
    for (std::size_t i = 0; i < p.f.size(); ++i) result.of_f[i] = moved(&Matrices::f, i, i);
    for (std::size_t i = 0; i < p.g.size(); ++i) result.of_g[i] = moved(&Matrices::g, i, i);
    for (std::size_t i = 0; i < p.c.size(); ++i) result.of_c[i] = moved(&Matrices::c, i, i);
    for (int i = 0; i < p.m; ++i) {
        for (int j = 0; j < p.m; ++j) {
            result.of_s[i * p.m + j] = moved(&Matrices::s, i * p.m + j, j * p.m + i);
        }
    }
    return result;
}

}  // namespace

TEST(gradient_of_the_total_by_differences) {
    for (const auto& [n, m] : {std::pair{1, 1}, {2, 2}, {4, 3}, {3, 4}, {6, 2}, {2, 6}}) {
        const auto matrices = machines::random(n, m, 20 * n + m);
        for (const int n_steps : {2, 15}) {
            const auto wanted = differences(matrices, [&](const LinearGaussian& machine) {
                return entropy_production(machine, n_steps, {.precision = Precision::extended},
                                          nullptr)
                    .value;
            });
            check_close(of_total(matrices, n_steps, {}), wanted, by_differences);
        }
    }
}

TEST(gradient_of_the_rate_by_differences) {
    for (const auto& [n, m] : {std::pair{2, 2}, {5, 3}}) {
        const auto matrices = machines::random(n, m, n);
        const auto wanted = differences(matrices, [](const LinearGaussian& machine) {
            return entropy_production_rate(machine, {.precision = Precision::extended}, nullptr)
                .value;
        });
        check_close(of_rate(matrices, {}), wanted, by_differences);
    }
}

TEST(gradient_in_every_size_and_precision) {
    for (int n = 1; n <= 5; ++n) {
        for (int m = 1; m <= 5; ++m) {
            const auto matrices = machines::random(n, m, 7 * n + m);
            for (const int n_steps : {1, 40, 5000}) {
                const auto wanted = of_total(matrices, n_steps, {.precision = Precision::extended});
                for (const bool shortcuts : {true, false}) {
                    check_close(of_total(matrices, n_steps,
                                         {.precision = Precision::double_precision,
                                          .shortcuts = shortcuts}),
                                wanted, shortcuts ? rounding : rounding_of_many);
                }
            }
        }
    }
}

TEST(gradient_shortcuts_change_nothing) {
    for (const double root : {0.5, 0.99, 0.997}) {
        const auto matrices = machines::with_root(root, 2, 2, 3);
        for (const int n_steps : {1000, 20000}) {
            check_close(of_total(matrices, n_steps, {}),
                        of_total(matrices, n_steps, {.shortcuts = false}), rounding);
        }
    }
}

TEST(gradient_where_leaps_overflow) {
    // The second state is neither driven nor seen, but its powers leave the range of double.
    const Matrices apart{2,
                         2,
                         {0.5, 0.0, 0.0, 1e30},
                         {0.3, 0.2, 0.0, 0.0},
                         {0.4, 0.0, -0.1, 0.0},
                         {},
                         {1.0, 0.0, 0.0, 1.0}};
    const auto got = of_total(apart, 5000, {.shortcuts = false});
    const auto wanted =
        of_total(apart, 5000, {.precision = Precision::extended, .shortcuts = false});
    check_close(got, wanted, rounding);
}

TEST(gradient_total_is_the_total) {
    const auto matrices = machines::with_root(0.999, 3, 2, 1);
    for (const std::int64_t n_steps : {100, 20000, 1'000'000'000}) {
        const auto total = entropy_production(matrices.machine(), n_steps, {}, nullptr);
        CHECK_CLOSE(of_total(matrices, n_steps, {}).value.value, total.value, rounding, 0.0);
    }
}

TEST(gradient_overflow_memory_and_poll) {
    const double one = 1.0, gain = 0.2, explosive = 1.5;
    const LinearGaussian growing(1, 1, &explosive, &gain, &one, &one);
    double f, g, c, s;
    const ParameterGradient out{&f, &g, &c, &s};
    CHECK_THROWS(Overflow,
                 entropy_production_gradient(growing, 100000, {}, no_limit, nullptr, out));
    const auto matrices = machines::random(6, 6, 1);
    Gradient result(matrices);
    const ProductionOptions every_step{.precision = Precision::double_precision,
                                       .shortcuts = false};
    CHECK_THROWS(MemoryLimit, entropy_production_gradient(matrices.machine(), 100000, every_step,
                                                          1e6, nullptr, result.out()));
    CHECK_THROWS(Interrupted, entropy_production_gradient(
                                  matrices.machine(), 1'000'000'000, every_step, no_limit,
                                  [](std::int64_t) { return false; }, result.out()));
}
