// Decomposition and pairs: sums, signs, precision, and agreement with the kernels of one machine.
#include "entroprod/decomposition.hpp"

#include <cmath>
#include <cstdint>
#include <vector>

#include "check.hpp"
#include "machines.hpp"

namespace {

using entroprod::DecompositionArrays;
using entroprod::DecompositionValue;
using entroprod::LinearGaussian;
using entroprod::MachineSteps;
using machines::Values;

constexpr double relative = 1e-12;

struct Result {
    Values per_step, retrospective, loss, mismatch;
    std::vector<std::int32_t> rank;
    DecompositionValue value{};
};

Result decompose(const MachineSteps& forward, const MachineSteps& backward, int n_steps,
                 bool extended, bool shortcuts) {
    const auto size = static_cast<std::size_t>(n_steps);
    Result result{Values(size), Values(size), Values(size), Values(size),
                  std::vector<std::int32_t>(size)};
    const DecompositionArrays out{result.per_step.data(), result.retrospective.data(),
                                  result.loss.data(), result.mismatch.data(), result.rank.data()};
    result.value =
        entroprod::decompose(forward, backward, n_steps, {extended, shortcuts}, nullptr, out);
    return result;
}

double sum(const Values& values) {
    double total = 0.0;
    for (const double value : values) total += value;
    return total;
}

TEST(agrees_with_one_machine) {
    for (const auto& [n, m] : {std::pair{1, 1}, {2, 2}, {3, 2}, {5, 3}, {2, 4}}) {
        const auto machine = machines::random(n, m, 7).machine();
        for (const int n_steps : {1, 2, 17, 200}) {
            const double total = entroprod::entropy_production(machine, n_steps, {}, nullptr).value;
            Values per_step(static_cast<std::size_t>(n_steps));
            entroprod::entropy_production_per_step(machine, n_steps, {}, nullptr, per_step.data());
            for (const bool extended : {false, true}) {
                const Result result =
                    decompose(machine.steps(), machine.steps(), n_steps, extended, true);
                CHECK_CLOSE(result.value.total, total, relative, relative);
                CHECK_CLOSE(sum(result.retrospective), total, relative, relative * n_steps);
                CHECK(result.value.lowest >= -relative);
                for (int t = 0; t < n_steps; ++t) {
                    CHECK_CLOSE(result.per_step[t], per_step[t], relative, relative);
                    CHECK_CLOSE(result.loss[t] + result.mismatch[t], result.retrospective[t],
                                relative, relative);
                }
                CHECK(result.rank.back() == 0);
            }
        }
    }
}

TEST(double_agrees_with_extended) {
    const auto one = machines::random(4, 2, 1).machine();
    const auto other = machines::random(3, 2, 2).machine();
    const Result rough = decompose(one.steps(), other.steps(), 40, false, true);
    const Result fine = decompose(one.steps(), other.steps(), 40, true, true);
    CHECK(std::abs(rough.value.total - fine.value.total) <= rough.value.rounding_error);
    for (std::size_t t = 0; t < 40; ++t) {
        CHECK_CLOSE(rough.retrospective[t], fine.retrospective[t], relative, relative);
        CHECK_CLOSE(rough.loss[t], fine.loss[t], relative, relative);
    }
}

TEST(steps_that_repeat_are_a_constant_machine) {
    const auto p = machines::random(3, 2, 5);
    constexpr int n_steps = 70;
    const auto repeated = [&](const Values& matrix) {
        Values all;
        for (int t = 0; t < n_steps; ++t) all.insert(all.end(), matrix.begin(), matrix.end());
        return all;
    };
    const Values f = repeated(p.f), g = repeated(p.g), c = repeated(p.c), s = repeated(p.s);
    const Values mean(3, 0.0);
    const MachineSteps steps{
        3, 2, {f.data(), 9}, {g.data(), 6}, {c.data(), 6}, {s.data(), 4}, mean.data()};
    const auto machine = p.machine();
    const Result varying = decompose(steps, steps, n_steps, false, true);
    const Result constant = decompose(machine.steps(), machine.steps(), n_steps, false, true);
    CHECK_CLOSE(varying.value.total, constant.value.total, relative, relative);
    for (int t = 0; t < n_steps; ++t) {
        CHECK_CLOSE(varying.loss[t], constant.loss[t], relative, relative);
    }
}

TEST(shortcuts_change_nothing) {
    const auto one = machines::with_root(0.9, 2, 2, 3).machine();
    const auto other = machines::random(4, 2, 4).machine();
    const Result all = decompose(one.steps(), other.steps(), 2000, false, false);
    const Result few = decompose(one.steps(), other.steps(), 2000, false, true);
    CHECK_CLOSE(few.value.total, all.value.total, relative, 0.0);
    for (std::size_t t = 0; t < 2000; ++t) {
        CHECK_CLOSE(few.retrospective[t], all.retrospective[t], relative, relative);
    }
}

// Every value, and the ranks, with no step skipped.
void check_double_agrees(const LinearGaussian& forward, const LinearGaussian& backward, int n_steps,
                         double tolerance) {
    const Result rough = decompose(forward.steps(), backward.steps(), n_steps, false, false);
    const Result fine = decompose(forward.steps(), backward.steps(), n_steps, true, false);
    CHECK(std::abs(rough.value.total - fine.value.total) <= rough.value.rounding_error);
    CHECK(rough.value.lowest >= -tolerance);
    for (std::size_t t = 0; t < static_cast<std::size_t>(n_steps); ++t) {
        CHECK_CLOSE(rough.per_step[t], fine.per_step[t], tolerance, tolerance);
        CHECK_CLOSE(rough.retrospective[t], fine.retrospective[t], tolerance, tolerance);
        CHECK_CLOSE(rough.loss[t], fine.loss[t], tolerance, tolerance);
        CHECK_CLOSE(rough.mismatch[t], fine.mismatch[t], tolerance, tolerance);
        CHECK(rough.rank[t] == fine.rank[t]);
    }
}

TEST(segments_side_by_side_agree_with_extended) {
    for (int n = 1; n <= 4; ++n) {
        for (int m = 1; m <= 4; ++m) {
            const auto one = machines::with_root(0.97, n, m, 5 * n + m).machine();
            const auto other = machines::random(n, m, 7 * n + m).machine();
            check_double_agrees(one, one, 600, relative);
            check_double_agrees(one, other, 333, relative);
        }
    }
}

TEST(long_memories_over_many_stretches) {
    // Over a memory of some thousand steps rounding piles up to a few digits.
    const auto machine = machines::with_root(0.999, 2, 2, 3).machine();
    check_double_agrees(machine, machine, 5000, 1e-11);
}

TEST(memories_in_doubt_go_step_by_step) {
    // The last state repeats the first one.
    auto p = machines::random(3, 2, 4);
    for (int j = 0; j < 3; ++j) p.f[6 + j] = p.f[j];
    for (int j = 0; j < 2; ++j) p.g[4 + j] = p.g[j];
    const auto machine = p.machine();
    check_double_agrees(machine, machine, 600, relative);
    CHECK(decompose(machine.steps(), machine.steps(), 600, false, false).rank[100] == 2);
}

TEST(states_whose_leaps_overflow) {
    // The second state is neither driven nor seen, but its powers leave the range of double.
    const machines::Matrices apart{2,
                                   2,
                                   {0.5, 0.0, 0.0, 1e30},
                                   {0.3, 0.2, 0.0, 0.0},
                                   {0.4, 0.0, -0.1, 0.0},
                                   {},
                                   {1.0, 0.0, 0.0, 1.0}};
    const auto machine = apart.machine();
    check_double_agrees(machine, machine, 600, relative);
}

TEST(overflow_and_singular_noise_are_told) {
    const auto growing = machines::with_root(3.0, 2, 2, 3).machine();
    CHECK_THROWS(entroprod::Overflow,
                 decompose(growing.steps(), growing.steps(), 5000, false, true));
    auto p = machines::random(2, 2, 1);
    p.s = {1.0, 1.0, 1.0, 1.0};
    const Values mean(2, 0.0);
    const MachineSteps singular{
        2, 2, {p.f.data(), 0}, {p.g.data(), 0}, {p.c.data(), 0}, {p.s.data(), 0}, mean.data()};
    CHECK_THROWS(std::invalid_argument, decompose(singular, singular, 3, false, true));
}

}  // namespace
