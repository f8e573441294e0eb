#include "entroprod/production.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "entroprod/matrix.hpp"
#include "geometric_sum.hpp"
#include "precision.hpp"
#include "recursion.hpp"
#include "rounding.hpp"
#include "totals.hpp"

namespace entroprod {
namespace {

template <class Real>
ProductionValue run_curve(const LinearGaussian& machine, std::int64_t n_steps, bool shortcuts,
                          const Poll& poll, double* curve) {
    PollWatch watch(poll);
    Recursion<Real> recursion(whitened<Real>(machine), watch);
    return total_of_steps(machine, recursion, n_steps, shortcuts, shortcuts, curve, [] {});
}

// Forward covariances Pi_1 .. Pi_T, kept at the start of each block of steps until they have
// converged, and made again block by block.
template <class Real>
class ForwardCovariances {
public:
    ForwardCovariances(const WhitenedMachine<Real>& machine, std::int64_t n_steps,
                       std::int64_t block, bool shortcuts)
        : machine_(machine),
          block_(block),
          size_(static_cast<std::size_t>(machine.n_states) * machine.n_states),
          buffer_(static_cast<std::size_t>(block + 1) * size_, Real(0.0)),
          product_(size_),
          advance_(production_kernels<Real>().advance_covariance(machine.n_states)) {
        ConvergenceTest converged(unit_roundoff<Real>, machine.n_states);
        const std::int64_t n_blocks = (n_steps + block - 1) / block;
        for (n_kept_ = 0; n_kept_ < n_blocks; ++n_kept_) {
            const Real* first = buffer_.data();
            kept_.insert(kept_.end(), first, first + size_);
            if (fill(converged) && shortcuts) {
                ++n_kept_;
                break;
            }
            std::copy_n(buffer_.end() - static_cast<std::ptrdiff_t>(size_), size_, buffer_.begin());
        }
        limit_.assign(buffer_.end() - static_cast<std::ptrdiff_t>(size_), buffer_.end());
    }

    bool is_limit(std::int64_t index) const { return index >= n_kept_; }
    const Real* limit() const { return limit_.data(); }

    // The covariances of one block of times.
    const Real* block(std::int64_t index) {
        std::copy_n(kept_.begin() + static_cast<std::ptrdiff_t>(index * size_), size_,
                    buffer_.begin());
        ConvergenceTest unused(unit_roundoff<Real>, machine_.n_states);
        fill(unused);
        return buffer_.data();
    }

private:
    // Fills the buffer from its first matrix; true once the covariances have converged.
    bool fill(ConvergenceTest& converged) {
        bool result = false;
        for (std::int64_t at = 0; at < block_; at += block_steps) {
            const int steps = static_cast<int>(std::min<std::int64_t>(block_steps, block_ - at));
            Real* from = buffer_.data() + static_cast<std::size_t>(at) * size_;
            Real* to = from + static_cast<std::size_t>(steps) * size_;
            advance_(machine_, steps, from, product_.data());
            const double scale = largest(to, size_);
            result = converged(scale > 0.0 ? largest_difference(to, from, size_) / scale : 0.0);
            interruption_point(steps * work_per_step<Real>(machine_.n_states, 0));
        }
        return result;
    }

    WhitenedMachine<Real> machine_;
    std::int64_t block_;
    std::size_t size_;
    std::vector<Real> buffer_, product_, kept_, limit_;
    typename ProductionKernels<Real>::AdvanceCovariance advance_;
    std::int64_t n_kept_ = 0;
};

template <class Real>
void run_per_step(const LinearGaussian& machine, std::int64_t n_steps, bool shortcuts,
                  const Poll& poll, double* per_step) {
    PollWatch watch(poll);
    const auto view = whitened<Real>(machine);
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
