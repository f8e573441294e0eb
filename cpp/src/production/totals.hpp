// Sums of the recursion's terms: the total entropy production, and its curve.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <optional>
#include <type_traits>
#include <vector>

#include "entroprod/production.hpp"
#include "production/long_run.hpp"
#include "production/precision.hpp"
#include "production/recursion.hpp"
#include "production/rounding.hpp"
#include "runtime/work.hpp"

namespace entroprod {

// A negative entropy production can only be rounding, and 0 is nearer the truth.
inline double nonnegative(Extended value) { return std::max(value.high, 0.0); }

template <class Real>
StepTerms<Real> scaled(const StepTerms<Real>& terms, double factor) {
    return {terms.excess * Real(factor), terms.magnitude * factor, terms.x_squared * factor,
            terms.parts_squared * factor};
}

// The sums of the terms of some steps. The curve, if there is one, takes the total after each.
template <class Real>
StepTerms<Real> sum_terms(const StepTerms<Real>* terms, int n_steps, const Extended& total,
                          double* curve) {
    StepTerms<Real> sums{};
    for (int k = 0; k < n_steps; ++k) {
        sums.excess += terms[k].excess;
        sums.magnitude += terms[k].magnitude;
        sums.x_squared += terms[k].x_squared;
        sums.parts_squared += terms[k].parts_squared;
        if (curve) curve[k] = nonnegative(total + half(sums.excess));
    }
    return sums;
}

// Values on a straight line from `start`, which isn't one of them.
inline void add_line(const Extended& start, const Extended& slope, std::int64_t count,
                     double* values) {
    for (std::int64_t k = 0; k < count; ++k) {
        values[k] = nonnegative(start + slope * Extended(static_cast<double>(k + 1)));
        if (k % block_steps == 0) interruption_point(block_steps * work_of_extended);
    }
}

// From so many steps on a long run is worth its doublings, whatever the size of the machine.
inline constexpr std::int64_t long_run_steps = 1 << 14;

// The terms of all the steps to come, once the backward memory has converged. False, with nothing
// done, where something would grow beyond the range of double: step by step it can be said when.
template <class Real>
bool finish(const WhitenedMachine<Real>& machine, Recursion<Real>& recursion, std::int64_t n_steps,
            StepTerms<Real>& sums, double& memory_length) {
    std::vector<Real> settled_dual;
    const StepTerms<Real> terms = recursion.step_without_dual(settled_dual);
    const LongRun<Real> run(machine, settled_dual.data(), n_steps);
    const Real memory_part = run.sum(recursion.dual());
    sums = scaled(terms, static_cast<double>(n_steps));
    sums.excess += memory_part;
    sums.magnitude += to_double(memory_part);
    memory_length = memory_length / block_steps + run.memory_length();
    return std::isfinite(sums.magnitude);
}

// S_y(n_steps) from the recursion's beginning. The curve, unless it is nullptr, takes S_y(1) ..
// S_y(n_steps). Calls before_block() before each block or stretch. With shortcuts the recursion
// stops where its state no longer changes; with long_runs, too, where only E does. Where the
// transition never forgets, E may drift unseen: until_forgotten waits for that not to be possible.
template <class Real, class BeforeBlock>
ProductionValue total_of_steps(const LinearGaussian& machine, Recursion<Real>& recursion,
                               std::int64_t n_steps, bool shortcuts, bool long_runs,
                               bool until_forgotten, double* curve,
                               const BeforeBlock& before_block) {
    ErrorBound error(lean<double>(machine), unit_roundoff<Real>);
    Extended total;
    StepTerms<Real> slope{};  // a step's terms, where they no longer change
    std::optional<bool> forgotten;
    std::int64_t done = 0;
    const auto may_stop = [&] {
        if (!forgotten) {
            forgotten = !until_forgotten || forgets(lean<Real>(machine), n_steps, done);
        }
        return *forgotten;
    };
    bool converged = false;
    bool may_finish = !curve && long_runs;
    double memory_length = 0.0;
    while (done < n_steps && !(converged && shortcuts)) {
        if (may_finish && recursion.memory_converged() && n_steps - done >= long_run_steps) {
            StepTerms<Real> rest{};
            may_finish =
                finish(whitened<Real>(machine), recursion, n_steps - done, rest, memory_length);
            if (may_finish) {
                total += half(rest.excess);
                error.add(rest, static_cast<double>(n_steps - done), memory_length);
                done = n_steps;
                break;
            }
        }
        before_block();
        // The first steps go block by block: most memories end there.
        const bool may_stretch = !curve && done >= stretch_steps && n_steps - done >= stretch_steps;
        int steps = stretch_steps;
        StepTerms<Real> sums{};
        if (may_stretch && recursion.advance_stretch(sums)) {
            slope = scaled(sums, 1.0 / steps);
        } else {
            steps = static_cast<int>(std::min<std::int64_t>(block_steps, n_steps - done));
            const StepTerms<Real>* terms = recursion.advance(steps);
            sums = sum_terms(terms, steps, total, curve ? curve + done : nullptr);
            slope = terms[steps - 1];
        }
        total += half(sums.excess);
        error.add(sums, steps, memory_length);
        done += steps;
        if (!converged) {
            memory_length = static_cast<double>(done);
            converged = recursion.converged() && may_stop();
            // A memory of that many steps until rounding level decays within a few of them.
            if (converged) memory_length /= block_steps;
        }
    }
    const Extended per_step = half(slope.excess);
    if (curve) add_line(total, per_step, n_steps - done, curve + done);
    const auto rest = static_cast<double>(n_steps - done);
    total += per_step * Extended(rest);
    error.add(scaled(slope, rest), rest, memory_length);
    if (!std::isfinite(total.high)) throw Overflow(n_steps);
    return {nonnegative(total), error.nats(n_steps), std::is_same_v<Real, Extended>};
}

}  // namespace entroprod
