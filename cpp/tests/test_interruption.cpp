#include "entroprod/interruption.hpp"

#include <chrono>
#include <stdexcept>
#include <string>
#include <vector>

#include "check.hpp"
#include "entroprod/linear_gaussian.hpp"
#include "entroprod/production.hpp"
#include "entroprod/reversal.hpp"
#include "entroprod/trajectory.hpp"
#include "machines.hpp"
#include "runtime/work.hpp"

using entroprod::Interrupted;
using entroprod::interruption_point;
using entroprod::Watch;

namespace {

// How often a watch is asked while `work` runs.
template <class Work>
int times_asked(const Work& work) {
    int asked = 0;
    const Watch watch([&] { ++asked; });
    work();
    return asked;
}

// Whether work asks at least so often, and stops when it is told to.
template <class Work>
bool can_be_stopped(int asked_at_least, const Work& work) {
    int left = asked_at_least;
    const Watch watch([&] {
        if (--left <= 0) throw Interrupted();
    });
    try {
        work();
    } catch (const Interrupted&) {
        return true;
    }
    return false;
}

}  // namespace

TEST(asked_once_in_a_million) {
    interruption_point(1e9);  // nobody watches
    CHECK(times_asked([] { interruption_point(10.0); }) == 0);
    CHECK(times_asked([] { interruption_point(1e6); }) == 1);
    const int asked = times_asked([] {
        for (int k = 0; k < 100'000; ++k) interruption_point(100.0);
    });
    CHECK(asked == 10);
}

TEST(inner_watches_first_and_all_of_them) {
    std::string order;
    const Watch outer([&] { order += 'o'; });
    {
        const Watch inner([&] { order += 'i'; });
        interruption_point(1e6);
    }
    interruption_point(1e6);
    CHECK(order == "ioo");
}

TEST(watch_ends_with_an_exception) {
    const auto fail = [] {
        const Watch watch([] { throw std::logic_error("from the check"); });
        interruption_point(1e6);
    };
    CHECK_THROWS(std::logic_error, fail());
    interruption_point(1e6);  // nobody watches any more
}

TEST(polls_are_spared) {
    int polls = 0;
    const entroprod::Poll poll = [&](std::int64_t done) { return done == 7 && ++polls < 3; };
    entroprod::PollWatch watch(poll);
    watch.done(7);
    const auto start = std::chrono::steady_clock::now();
    CHECK_THROWS(Interrupted, while (true) interruption_point(1e6););
    CHECK(polls == 3);
    CHECK(std::chrono::steady_clock::now() - start >= std::chrono::milliseconds(150));
}

// Lower bounds of the work, in millions of multiplications, that each call does in one task, one
// step or one product: it has to ask about as often.
TEST(paths_ask_within_a_task) {
    const auto small = machines::random(2, 2, 1).machine();
    const auto large = machines::random(60, 60, 1).machine();
    std::vector<double> y(2'000'000), terms(1'000'000);
    double forward = 0.0, backward = 0.0;
    const auto draw = [&] { sample(small, {1, 1'000'000}, 1, 1, nullptr, y.data()); };
    const auto score = [&] { log_prob(small, {1, 1'000'000}, y.data(), 1, nullptr, terms.data()); };
    const auto score_twice = [&] {
        log_prob_both_ways(small, {1, 1'000'000}, y.data(), 1, nullptr, &forward, &backward);
    };
    const auto average = [&] { monte_carlo(small, {1, 1'000'000}, 1, 1, nullptr, nullptr); };
    const auto average_large = [&] { monte_carlo(large, {16, 50}, 1, 1, nullptr, nullptr); };
    CHECK(can_be_stopped(16, draw));
    CHECK(can_be_stopped(16, score));
    CHECK(can_be_stopped(32, score_twice));
    CHECK(can_be_stopped(32, average));
    CHECK(can_be_stopped(3, average_large));
}

TEST(production_asks_within_a_step) {
    using entroprod::Precision;
    const auto small = machines::random(1, 1, 1).machine();
    const auto large = machines::random(60, 60, 1).machine();
    std::vector<double> curve(1'000'000);
    const auto tail_of_curve = [&] {
        entropy_production_curve(small, 1'000'000, {}, nullptr, curve.data());
    };
    const auto tail_of_steps = [&] {
        entropy_production_per_step(small, 1'000'000, {}, nullptr, curve.data());
    };
    CHECK(can_be_stopped(16, tail_of_curve));
    CHECK(can_be_stopped(1, tail_of_steps));
    // Of one step, or of the products of a doubling, n = m = 60.
    constexpr double step_work = 120.0 * 60 * (5 * 60 + 2 * 60) / 1e6;
    for (const auto precision : {Precision::double_precision, Precision::extended}) {
        const double weight = precision == Precision::extended ? entroprod::work_of_extended : 1.0;
        const int questions = static_cast<int>(0.5 * weight * step_work);
        CHECK(can_be_stopped(
            questions, [&] { entropy_production(large, 1, {.precision = precision}, nullptr); }));
        CHECK(can_be_stopped(
            questions, [&] { entropy_production_rate(large, {.precision = precision}, nullptr); }));
    }
}

TEST(matrices_ask) {
    const auto matrices = machines::random(100, 100, 1);
    const auto machine = matrices.machine();
    std::vector<double> out(1'000'000);
    // Factoring S in double-double: m^3 / 3 products, and inverting the factor as many.
    CHECK(can_be_stopped(6, [&] { matrices.machine(); }));
    CHECK(can_be_stopped(6, [&] { machine.with_unit_innovations(); }));
    CHECK(
        can_be_stopped(10, [&] { innovation_reversal_matrix(machine, 10, nullptr, out.data()); }));
}
