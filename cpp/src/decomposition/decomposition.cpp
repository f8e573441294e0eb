#include "entroprod/decomposition.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <optional>
#include <type_traits>
#include <utility>
#include <vector>

#include "decomposition/error_memory.hpp"
#include "decomposition/forward_pair.hpp"
#include "decomposition/pair_parameters.hpp"
#include "decomposition/pair_stretches.hpp"
#include "formulas/triangular.hpp"
#include "production/recursion.hpp"
#include "runtime/work.hpp"

namespace entroprod {
namespace {

// Gamma, Omega, Lambda and the offset of the backward reader.
template <class Real>
class BackwardReader {
public:
    BackwardReader(PairParameters<Real>& parameters, const double* initial_mean, bool decomposed)
        : sizes_(parameters.sizes()),
          parts_{static_cast<std::size_t>(sizes_.b) * sizes_.n,
                 static_cast<std::size_t>(sizes_.b) * sizes_.b,
                 static_cast<std::size_t>(sizes_.n) * sizes_.n, static_cast<std::size_t>(sizes_.b)},
          decomposed_(decomposed),
          scratch_(decomposition_kernels<Real>().scratch_size(sizes_.n, sizes_.b, sizes_.m)),
          order_(static_cast<std::size_t>(sizes_.b)),
          advance_(decomposition_kernels<Real>().advance(sizes_)),
          converged_(unit_roundoff<Real>, std::max(sizes_.n, sizes_.b)),
          stretches_converged_(unit_roundoff<Real>, std::max(sizes_.n, sizes_.b), 8 * block_steps) {
        std::size_t size = 0;
        for (const std::size_t part : parts_) size += part;
        now_.assign(size, Real(0.0));
        std::copy_n(initial_mean, sizes_.b, now_.end() - sizes_.b);
        before_ = now_;
    }

    PairTerms<Real> advance(const PairStep<Real>& step, const Real* covariance, const Real* mean) {
        PairTerms<Real> terms{};
        advance_(sizes_, step, state(), covariance, mean, scratch_.data(), order_.data(), terms);
        return terms;
    }

    PairState<Real> state() {
        Real* gamma = now_.data();
        Real* omega = gamma + parts_[0];
        Real* lambda = omega + parts_[1];
        return {gamma, omega, decomposed_ ? lambda : nullptr, lambda + parts_[2]};
    }

    // Whether further steps repeat the last one; to be asked once after each block of steps, or
    // stretch.
    bool converged(bool of_stretch) {
        double change = 0.0;
        std::size_t from = 0;
        for (const std::size_t part : parts_) {
            const double scale = largest(now_.data() + from, part);
            if (scale > 0.0) {
                change = std::max(
                    change,
                    largest_difference(now_.data() + from, before_.data() + from, part) / scale);
            }
            from += part;
        }
        before_ = now_;
        return (of_stretch ? stretches_converged_ : converged_)(change);
    }

private:
    PairSizes sizes_;
    std::size_t parts_[4];
    bool decomposed_;
    std::vector<Real> now_, before_, scratch_;
    std::vector<int> order_;
    typename DecompositionKernels<Real>::Advance advance_;
    ConvergenceTest converged_, stretches_converged_;
};

// Writes a step's terms where the caller wants them, and adds up what all steps share.
class Record {
public:
    Record(const DecompositionArrays& out, double roundoff) : out_(out), roundoff_(roundoff) {}

    template <class Real>
    void add(std::int64_t first, std::int64_t count, const PairTerms<Real>& terms,
             double memory_length, int expected_rank) {
        const Extended nats = Extended(0.5) * Extended(terms.production);
        if (out_.per_step != nullptr) std::fill_n(out_.per_step + first, count, to_double(nats));
        total_ += nats * Extended(static_cast<double>(count));
        error_ += static_cast<double>(count) *
                  (terms.magnitude * (4.0 + memory_length) + 8.0 * terms.sensitivity);
        if (out_.retrospective == nullptr) return;
        const double d = 0.5 * to_double(terms.retrospective);
        const double l = 0.5 * to_double(terms.compression_loss);
        const double m = 0.5 * to_double(terms.retrospective - terms.compression_loss);
        negative_ = std::min({negative_, d, l, m});
        // An error of the memory's variance in a direction, relative to it, counts squared.
        loss_error_ =
            std::max(loss_error_,
                     terms.rank < expected_rank ? 1.0 : 1.0 / (terms.clearance * terms.clearance));
        std::fill_n(out_.retrospective + first, count, std::max(d, 0.0));
        std::fill_n(out_.compression_loss + first, count, std::max(l, 0.0));
        std::fill_n(out_.model_mismatch + first, count, std::max(m, 0.0));
        std::fill_n(out_.rank + first, count, static_cast<std::int32_t>(terms.rank));
    }

    // A stretch that has written its own values, with memories of full rank.
    void add(std::int64_t first, std::int64_t count, const StretchSums& sums, double memory_length,
             int rank, double rank_threshold) {
        total_ += Extended(0.5 * sums.production);
        error_ += sums.magnitude * (4.0 + memory_length) + 8.0 * sums.sensitivity;
        negative_ = std::min(negative_, sums.lowest);
        const double clearance = clear_variance / rank_threshold;
        loss_error_ = std::max(loss_error_, 1.0 / (clearance * clearance));
        std::fill_n(out_.rank + first, count, static_cast<std::int32_t>(rank));
    }

    StretchArrays arrays(std::int64_t first) const {
        return {out_.per_step == nullptr ? nullptr : out_.per_step + first,
                out_.retrospective + first, out_.compression_loss + first,
                out_.model_mismatch + first};
    }

    DecompositionValue value() const {
        return {std::max(to_double(total_), 0.0), roundoff_ * error_, negative_, loss_error_};
    }

private:
    DecompositionArrays out_;
    double roundoff_;
    Extended total_;
    double error_ = 0.0;
    double negative_ = 0.0;
    double loss_error_ = 0.0;
};

template <class Real>
bool is_finite(const PairTerms<Real>& terms) {
    return std::isfinite(terms.magnitude) && std::isfinite(to_double(terms.retrospective)) &&
           std::isfinite(to_double(terms.compression_loss));
}

// The run of both machines over all steps, the last first.
template <class Real>
class PairRun {
public:
    PairRun(const MachineSteps& forward, const MachineSteps& backward, std::int64_t n_steps,
            bool shortcuts, const DecompositionArrays& out)
        : sizes_{forward.n_states, backward.n_states, forward.n_outputs},
          parameters_(forward, backward),
          n_steps_(n_steps),
          may_converge_(shortcuts && parameters_.constant()),
          work_(4.0 * work_per_step<Real>(std::max(sizes_.n, sizes_.b), sizes_.m)),
          reader_(parameters_, backward.initial_mean, out.retrospective != nullptr),
          memory_(sizes_),
          record_(out, unit_roundoff<Real>) {
        std::int64_t block = steps_between_kept(n_steps);
        int leap_index = 0;
        PairStretches* stretches = nullptr;
        if constexpr (std::is_same_v<Real, double>) {
            const bool without_means = all_zero(forward.initial_mean, sizes_.n) &&
                                       all_zero(backward.initial_mean, sizes_.b);
            stretches = &stretches_.emplace(parameters_, without_means,
                                            out.retrospective != nullptr, n_steps, may_converge_);
            if (stretches->exist()) {
                leap_index = stretches->block_index();
                block = std::int64_t{1} << leap_index;
            } else {
                stretches_.reset();
                stretches = nullptr;
            }
        }
        source_.emplace(parameters_, stretches);
        moments_.emplace(*source_, source_->start(forward.initial_mean), n_steps, block, sizes_.n,
                         shortcuts, leap_index);
    }

    DecompositionValue run(PollWatch& watch) {
        std::int64_t left = n_steps_;
        while (left > 0) {
            if (repeats_ && left > moments_->settled()) {
                const std::int64_t settled = moments_->settled();
                record_.add(settled, left - settled, terms_, memory_.length(), full_rank());
                left = settled;
                continue;
            }
            const std::int64_t n_steps = advance_stretch(left);
            if (n_steps == 0) advance(left - 1);
            left -= n_steps > 0 ? n_steps : 1;
            watch.done(done_);
        }
        const DecompositionValue result = record_.value();
        if (!std::isfinite(result.total)) throw Overflow(n_steps_);
        return result;
    }

private:
    static bool all_zero(const double* values, int size) {
        return std::all_of(values, values + size, [](double value) { return value == 0.0; });
    }

    // Observations fill the memory, if nothing in it is redundant.
    int full_rank() const {
        return static_cast<int>(std::min<std::int64_t>(sizes_.b, done_ * sizes_.m));
    }

    void advance(std::int64_t t) {
        const Real* now = moments_->at(t);
        const auto covariance_size = static_cast<std::ptrdiff_t>(sizes_.n) * sizes_.n;
        terms_ = reader_.advance(parameters_.at(t), now, now + covariance_size);
        interruption_point(work_);
        if (!is_finite(terms_)) throw Overflow(done_ + 1);
        memory_.pass(parameters_.at(t));
        record_.add(t, 1, terms_, memory_.length(), full_rank());
        ++done_;
        if (done_ % block_steps == 0 && may_converge_ && !converged_) {
            converged_ = reader_.converged(false);
        }
        repeats_ = converged_;
    }

    // The last steps of those that are left, side by side; returns how many, 0 where they have to
    // go one by one.
    std::int64_t advance_stretch(std::int64_t left) {
        if constexpr (std::is_same_v<Real, double>) {
            if (!stretches_ || (converged_ && left > moments_->settled())) return 0;
            if (!stretches_->next(done_, left)) return 0;
            const std::int64_t n_steps = stretches_->n_steps();
            const std::int64_t first = left - n_steps;
            StretchSums sums{};
            interruption_point(static_cast<double>(n_steps) * work_);
            if (!stretches_->advance(parameters_.at(first), reader_.state(),
                                     moments_->leaped(first).data(), record_.arrays(first), done_,
                                     sums)) {
                return 0;
            }
            const PairMaps<double> maps = stretches_->leaps().maps(stretches_->index());
            for (int i = 0; i < stretches_->n_segments(); ++i) {
                memory_.pass(maps, 1 << stretches_->index());
            }
            record_.add(first, n_steps, sums, memory_.length(), sizes_.b,
                        rank_threshold<double>(sizes_.b));
            done_ += n_steps;
            if (may_converge_ && !converged_) converged_ = reader_.converged(true);
            repeats_ = false;
            return n_steps;
        } else {
            static_cast<void>(left);
            return 0;
        }
    }

    PairSizes sizes_;
    PairParameters<Real> parameters_;
    std::int64_t n_steps_;
    bool may_converge_;
    double work_;
    std::optional<PairStretches> stretches_;
    std::optional<ForwardOfPair<Real>> source_;
    std::optional<ForwardMoments<Real, ForwardOfPair<Real>>> moments_;
    BackwardReader<Real> reader_;
    ErrorMemory<Real> memory_;
    Record record_;
    std::int64_t done_ = 0;
    PairTerms<Real> terms_{};  // of the last step that went alone
    bool converged_ = false;
    bool repeats_ = false;  // further steps repeat those terms, where Pi has settled
};

template <class Real>
DecompositionValue run(const MachineSteps& forward, const MachineSteps& backward,
                       std::int64_t n_steps, bool shortcuts, const Poll& poll,
                       const DecompositionArrays& out) {
    PollWatch watch(poll);
    return PairRun<Real>(forward, backward, n_steps, shortcuts, out).run(watch);
}

}  // namespace

DecompositionValue decompose(const MachineSteps& forward, const MachineSteps& backward,
                             std::int64_t n_steps, const DecompositionOptions& options,
                             const Poll& poll, const DecompositionArrays& out) {
    const auto run_with = options.extended ? run<Extended> : run<double>;
    return run_with(forward, backward, n_steps, options.shortcuts, poll, out);
}

}  // namespace entroprod
