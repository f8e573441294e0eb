#include "entroprod/production.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <vector>

#include "numbers/large_products.hpp"
#include "production/forward_moments.hpp"
#include "production/geometric_sum.hpp"
#include "production/precision.hpp"
#include "production/recursion.hpp"
#include "production/totals.hpp"
#include "runtime/work.hpp"

namespace entroprod {
namespace {

template <class Real>
ProductionValue run_curve(const LinearGaussian& machine, std::int64_t n_steps, bool shortcuts,
                          const Poll& poll, double* curve) {
    PollWatch watch(poll);
    const auto view = lean<Real>(machine);
    Recursion<Real> recursion(view, watch);
    // Doubling takes products of (n, n) matrices, which bands are there to avoid.
    const bool long_runs = shortcuts && view.bands.diagonal == nullptr;
    return total_of_steps(machine, recursion, n_steps, shortcuts, long_runs, true, curve, [] {});
}

template <class Real>
void run_per_step(const LinearGaussian& machine, std::int64_t n_steps, bool shortcuts,
                  const Poll& poll, double* per_step) {
    PollWatch watch(poll);
    const auto view = lean<Real>(machine);
    const auto size = static_cast<std::ptrdiff_t>(view.n_states) * view.n_states;
    Covariances<Real> covariances(view);
    ForwardMoments<Real, Covariances<Real>> forward(
        covariances, std::vector<Real>(covariances.size(), Real(0.0)), n_steps,
        steps_between_kept(n_steps), view.n_states, shortcuts);
    Recursion<Real> recursion(view, watch);
    bool converged = false;
    double last = 0.0;
    // The backward memory meets the times from their end.
    for (std::int64_t end = n_steps; end > 0;) {
        const std::int64_t from = forward.together_from(end - 1);
        const bool constant = end > forward.settled();
        if (constant && converged && shortcuts) {
            std::fill_n(per_step + from, end - from, last);
            interruption_point(static_cast<double>(end - from));
            end = from;
            continue;
        }
        const int steps = static_cast<int>(std::min<std::int64_t>(block_steps, end - from));
        const StepTerms<Real>* terms =
            recursion.advance(steps, forward.at(end - 1), constant ? 0 : -size);
        for (int k = 0; k < steps; ++k) {
            per_step[end - 1 - k] = 0.5 * to_double(terms[k].excess);
        }
        last = per_step[end - steps];
        end -= steps;
        converged = converged || recursion.converged();
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
