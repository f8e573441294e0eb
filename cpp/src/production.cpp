#include "entroprod/production.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "entroprod/matrix.hpp"
#include "forward.hpp"
#include "geometric_sum.hpp"
#include "long_run.hpp"
#include "precision.hpp"
#include "recursion.hpp"
#include "rounding.hpp"

namespace entroprod {
namespace {

// A negative entropy production can only be rounding, and 0 is nearer the truth.
double nonnegative(Extended value) { return std::max(value.high, 0.0); }

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
void add_line(const Extended& start, const Extended& slope, std::int64_t count, double* values) {
    for (std::int64_t k = 0; k < count; ++k) {
        values[k] = nonnegative(start + slope * Extended(static_cast<double>(k + 1)));
        if (k % block_steps == 0) interruption_point(block_steps * work_of_extended);
    }
}

// From so many steps on a long run is worth its doublings, whatever the size of the machine.
constexpr std::int64_t long_run_steps = 1 << 14;

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

template <class Real>
ProductionValue run_curve(const LinearGaussian& machine, std::int64_t n_steps, bool shortcuts,
                          const Poll& poll, double* curve) {
    PollWatch watch(poll);
    const auto view = lean<Real>(machine);
    Recursion<Real> recursion(view, watch);
    ErrorBound error(lean<double>(machine), unit_roundoff<Real>);
    Extended total;
    StepTerms<Real> slope{};  // a step's terms, where they no longer change
    std::optional<bool> does_forget;
    const auto transition_forgets = [&] {
        if (!does_forget) does_forget = forgets(view, n_steps);
        return *does_forget;
    };
    bool converged = false;
    // Doubling takes products of (n, n) matrices, which bands are there to avoid.
    bool may_finish = !curve && shortcuts && view.bands.diagonal == nullptr;
    double memory_length = 0.0;
    std::int64_t done = 0;
    while (done < n_steps && !(converged && shortcuts)) {
        if (may_finish && recursion.memory_converged() && n_steps - done >= long_run_steps) {
            StepTerms<Real> rest{};
            may_finish = finish(view, recursion, n_steps - done, rest, memory_length);
            if (may_finish) {
                total += half(rest.excess);
                error.add(rest, static_cast<double>(n_steps - done), memory_length);
                done = n_steps;
                break;
            }
        }
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
            converged = recursion.converged() && transition_forgets();
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

template <class Real>
void run_per_step(const LinearGaussian& machine, std::int64_t n_steps, bool shortcuts,
                  const Poll& poll, double* per_step) {
    PollWatch watch(poll);
    const auto view = lean<Real>(machine);
    const auto size = static_cast<std::ptrdiff_t>(view.n_states) * view.n_states;
    const std::int64_t block = std::min(
        n_steps,
        std::max<std::int64_t>(block_steps, std::llround(std::sqrt(static_cast<double>(n_steps)))));
    ForwardCovariances<Real> forward(view, n_steps, block, shortcuts);
    Recursion<Real> recursion(view, watch);
    bool converged = false;
    double last = 0.0;
    for (std::int64_t index = (n_steps - 1) / block; index >= 0; --index) {
        const std::int64_t first = index * block;
        const std::int64_t count = std::min(block, n_steps - first);
        const bool constant = forward.is_limit(index);
        if (constant && converged && shortcuts) {
            std::fill_n(per_step + first, count, last);
            interruption_point(static_cast<double>(count));
            continue;
        }
        const Real* covariances = constant ? forward.limit() : forward.block(index);
        // The backward memory meets the times of the block from its end.
        for (std::int64_t done = 0; done < count; done += block_steps) {
            const int steps = static_cast<int>(std::min<std::int64_t>(block_steps, count - done));
            const std::int64_t at = count - 1 - done;
            const StepTerms<Real>* terms = recursion.advance(
                steps, constant ? covariances : covariances + at * size, constant ? 0 : -size);
            for (int k = 0; k < steps; ++k) {
                per_step[first + at - k] = 0.5 * to_double(terms[k].excess);
            }
            last = 0.5 * to_double(terms[steps - 1].excess);
            converged = converged || recursion.converged();
        }
    }
}

template <class Real>
ProductionValue run_rate(const LinearGaussian& machine, const Poll& poll) {
    const PollWatch watch(poll);
    const auto view = whitened<Real>(machine);
    const Extent<0> n(view.n_states), m(view.n_outputs);
    const FixedPoints<Real> fixed(view);

    // From the fixed points one step of the recursion has the rate as its term.
    const std::size_t size = static_cast<std::size_t>(n) * n;
    std::vector<Real> state(3 * size, Real(0.0));
    std::copy_n(fixed.gamma.sum(), size, state.begin());
    std::copy_n(fixed.omega.sum(), size, state.begin() + static_cast<std::ptrdiff_t>(size));
    std::vector<Real> scratch(scratch_size(n, m));
    StepTerms<Real> terms{};
    production_kernels<Real>().advance(n, m)(
        view, {state.data(), state.data() + size, state.data() + 2 * size}, 1,
        fixed.covariance.sum(), 0, scratch.data(), &terms);
    ErrorBound error(machine.whitened(), unit_roundoff<Real>);
    const double memory_length = fixed.memory_length();
    error.add(terms, 1, memory_length / block_steps);
    const Extended rate = half(terms.excess);
    if (!std::isfinite(rate.high)) throw Overflow(static_cast<std::int64_t>(memory_length));
    return {nonnegative(rate), error.nats(static_cast<std::int64_t>(memory_length)),
            std::is_same_v<Real, Extended>};
}

}  // namespace

ProductionValue entropy_production_curve(const LinearGaussian& machine, std::int64_t n_steps,
                                         const ProductionOptions& options, const Poll& poll,
                                         double* curve) {
    return with_precision(options.precision, [&](auto real) {
        return run_curve<decltype(real)>(machine, n_steps, options.shortcuts, poll, curve);
    });
}

ProductionValue entropy_production(const LinearGaussian& machine, std::int64_t n_steps,
                                   const ProductionOptions& options, const Poll& poll) {
    return entropy_production_curve(machine, n_steps, options, poll, nullptr);
}

void entropy_production_per_step(const LinearGaussian& machine, std::int64_t n_steps,
                                 const ProductionOptions& options, const Poll& poll,
                                 double* per_step) {
    // The total has the same terms, so its precision is theirs.
    Precision precision = options.precision;
    if (precision == Precision::automatic) {
        const bool extended = entropy_production(machine, n_steps, options, poll).extended;
        precision = extended ? Precision::extended : Precision::double_precision;
    }
    if (precision == Precision::extended) {
        run_per_step<Extended>(machine, n_steps, options.shortcuts, poll, per_step);
    } else {
        run_per_step<double>(machine, n_steps, options.shortcuts, poll, per_step);
    }
}

ProductionValue entropy_production_rate(const LinearGaussian& machine,
                                        const ProductionOptions& options, const Poll& poll) {
    return with_precision(options.precision,
                          [&](auto real) { return run_rate<decltype(real)>(machine, poll); });
}

}  // namespace entroprod
