// Moments of pairs: the dual and the forward recursion, both precisions, and the totals of pairs.
#include "entroprod/pair_moments.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "entroprod/decomposition.hpp"
#include "entroprod/sigma_law.hpp"
#include "machines.hpp"

namespace {

using entroprod::MachineSteps;
using entroprod::Precision;
using entroprod::ProductionOptions;
using entroprod::ProductionValue;
using machines::Values;

constexpr double relative = 1e-12;
constexpr ProductionOptions in_double{Precision::double_precision, true};
constexpr ProductionOptions in_extended{Precision::extended, true};

struct Curve {
    Values values, errors;
};

Curve curve_of(const MachineSteps& forward, const MachineSteps& backward, int n_steps,
               const ProductionOptions& options) {
    const auto size = static_cast<std::size_t>(n_steps);
    Curve result{Values(size), Values(size)};
    entroprod::pair_curve(forward, backward, n_steps, options, nullptr, result.values.data(),
                          result.errors.data());
    return result;
}

// The same machine with a parameter of its own at every step.
class Repeated {
public:
    Repeated(const machines::Matrices& p, int n_steps, double mean)
        : p_(p), mean_(static_cast<std::size_t>(p.n), mean) {
        for (int t = 0; t < n_steps; ++t) cov_.insert(cov_.end(), p.s.begin(), p.s.end());
    }
    MachineSteps steps() const {
        return {p_.n,
                p_.m,
                {p_.f.data(), 0},
                {p_.g.data(), 0},
                {p_.c.data(), 0},
                {cov_.data(), static_cast<std::ptrdiff_t>(p_.m) * p_.m},
                mean_.data()};
    }
    // Without a time axis.
    MachineSteps constant() const {
        MachineSteps result = steps();
        result.innovation_cov = {p_.s.data(), 0};
        return result;
    }

private:
    machines::Matrices p_;
    Values mean_, cov_;
};

TEST(curves_are_totals) {
    const Repeated one(machines::random(3, 2, 1), 20, 1.0),
        other(machines::random(4, 2, 2), 20, -0.5);
    for (const auto& options : {in_double, in_extended}) {
        const Curve changing = curve_of(one.steps(), other.steps(), 20, options);
        const Curve constant = curve_of(one.constant(), other.constant(), 20, options);
        for (int t = 1; t <= 20; ++t) {
            const auto total =
                entroprod::decompose(one.steps(), other.steps(), t,
                                     {options.precision == Precision::extended, true}, nullptr, {});
            const auto at = static_cast<std::size_t>(t - 1);
            const double rounded = 1e-15 * total.total;
            CHECK(std::abs(changing.values[at] - total.total) <=
                  changing.errors[at] + total.rounding_error + rounded);
            CHECK(std::abs(constant.values[at] - total.total) <=
                  constant.errors[at] + total.rounding_error + rounded);
        }
    }
}

TEST(double_keeps_its_promise) {
    const Repeated one(machines::with_root(0.99, 2, 2, 3), 300, 0.0),
        other(machines::random(4, 2, 4), 300, 0.0);
    for (const auto& [forward, backward] :
         {std::pair{one.steps(), other.steps()}, {one.constant(), other.constant()}}) {
        const Curve rough = curve_of(forward, backward, 300, in_double);
        const Curve fine = curve_of(forward, backward, 300, in_extended);
        for (std::size_t t = 0; t < 300; ++t) {
            CHECK(std::abs(rough.values[t] - fine.values[t]) <= rough.errors[t]);
        }
        const auto one_value = entroprod::pair_variance(forward, backward, 300, in_double, nullptr);
        const auto sharp = entroprod::pair_variance(forward, backward, 300, in_extended, nullptr);
        CHECK(std::abs(one_value.value - sharp.value) <= one_value.rounding_error);
    }
}

TEST(a_machine_that_reads_itself) {
    const auto machine = machines::random(3, 2, 7).machine();
    const ProductionValue rate =
        entroprod::pair_rate(machine.steps(), machine.steps(), in_double, nullptr);
    CHECK_CLOSE(rate.value, entroprod::entropy_production_rate(machine, {}, nullptr).value,
                relative, relative);
    for (const int n_steps : {1, 2, 40, 3000}) {
        const double exact = entroprod::sigma_variance(machine, n_steps, {}, nullptr).value;
        const auto found =
            entroprod::pair_variance(machine.steps(), machine.steps(), n_steps, {}, nullptr);
        CHECK_CLOSE(found.value, exact, relative, relative);
    }
    Values values(500);
    entroprod::entropy_production_curve(machine, 500, {}, nullptr, values.data());
    const Curve curve = curve_of(machine.steps(), machine.steps(), 500, {});
    for (std::size_t t = 0; t < 500; ++t) {
        CHECK_CLOSE(curve.values[t], values[t], relative, relative);
    }
}

TEST(shortcuts_change_no_variance) {
    const auto one = machines::with_root(0.9, 2, 2, 3).machine();
    const auto other = machines::random(4, 2, 4).machine();
    for (const std::int64_t n_steps : {15, 16, 17, 257, 3000}) {
        const auto quick =
            entroprod::pair_variance(one.steps(), other.steps(), n_steps, in_double, nullptr);
        const auto slow = entroprod::pair_variance(one.steps(), other.steps(), n_steps,
                                                   {Precision::double_precision, false}, nullptr);
        CHECK_CLOSE(quick.value, slow.value, relative, 0.0);
    }
    const auto long_run =
        entroprod::pair_variance(one.steps(), other.steps(), 1'000'000'000, in_double, nullptr);
    const auto half =
        entroprod::pair_variance(one.steps(), other.steps(), 500'000'000, in_double, nullptr);
    CHECK_CLOSE(long_run.value, 2.0 * half.value, 1e-6, 0.0);
}

TEST(overflow_is_told) {
    const auto wild = machines::with_root(3.0, 2, 2, 5).machine();
    const auto other = machines::random(2, 2, 6).machine();
    CHECK_THROWS(entroprod::Overflow, curve_of(wild.steps(), other.steps(), 2000, in_double));
    CHECK_THROWS(entroprod::Overflow,
                 entroprod::pair_rate(wild.steps(), other.steps(), in_double, nullptr));
}

}  // namespace
