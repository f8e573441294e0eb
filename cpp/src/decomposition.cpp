#include "entroprod/decomposition.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "pair_parameters.hpp"
#include "recursion.hpp"

namespace entroprod {
namespace {

template <class Real>
const DecompositionKernels<Real>& decomposition_kernels();
template <>
const DecompositionKernels<double>& decomposition_kernels() {
    return kernels().decomposition;
}
template <>
const DecompositionKernels<Extended>& decomposition_kernels() {
    return kernels().decomposition_extended;
}

// Covariance and mean of the forward memory at the times 1 .. T, kept at the start of each block of
// steps until they have converged, and made again block by block.
template <class Real>
class ForwardMoments {
public:
    ForwardMoments(PairParameters<Real>& parameters, const double* initial_mean,
                   std::int64_t n_steps, std::int64_t block, bool shortcuts)
        : parameters_(parameters),
          n_steps_(n_steps),
          block_(block),
          n_(static_cast<std::size_t>(parameters.sizes().n)),
          size_(n_ * n_ + n_),
          settled_(n_steps),
          buffer_(size_, Real(0.0)),
          scratch_(decomposition_kernels<Real>().scratch_size(
              parameters.sizes().n, parameters.sizes().b, parameters.sizes().m)),
          advance_(decomposition_kernels<Real>().forward(parameters.sizes())) {
        std::copy_n(initial_mean, n_, buffer_.begin() + static_cast<std::ptrdiff_t>(n_ * n_));
        const bool may_converge = shortcuts && parameters.constant();
        ConvergenceTest converged(unit_roundoff<Real>, parameters.sizes().n);
        for (std::int64_t first = 0; first < n_steps; first += block) {
            kept_.insert(kept_.end(), buffer_.data(), buffer_.data() + size_);
            for (std::int64_t at = 0; at < block; at += block_steps) {
                fill(first, at, at + block_steps);
                if (may_converge && first + at + block_steps < n_steps && converged(change(at))) {
                    settled_ = first + at + block_steps;
                    const Real* last = buffer_.data() + (at + block_steps) * size_;
                    limit_.assign(last, last + size_);
                    return;
                }
            }
            std::copy_n(buffer_.data() + block * size_, size_, buffer_.begin());
        }
    }

    // From this time on, 0 .. T, the moments are those of the limit.
    std::int64_t settled() const { return settled_; }

    // The moments of time t, (n, n) and then (n,); valid until the next call. Going back one step
    // at a time is cheap.
    const Real* at(std::int64_t t) {
        if (t >= settled_) return limit_.data();
        const std::int64_t index = t / block_;
        if (index != selected_) {
            std::copy_n(kept_.begin() + static_cast<std::ptrdiff_t>(index * size_), size_,
                        buffer_.begin());
            fill(index * block_, 0, std::min(block_, settled_ - index * block_) - 1);
            selected_ = index;
        }
        return buffer_.data() + (t - index * block_) * size_;
    }

private:
    // The moments number from + 1 .. to of the block that begins at time `first`.
    void fill(std::int64_t first, std::int64_t from, std::int64_t to) {
        const auto needed = static_cast<std::size_t>(to + 1) * size_;
        if (buffer_.size() < needed) buffer_.resize(needed, Real(0.0));
        for (std::int64_t k = from; k < to && first + k < n_steps_; ++k) {
            const Real* now = buffer_.data() + k * size_;
            Real* next = buffer_.data() + (k + 1) * size_;
            advance_(parameters_.sizes(), parameters_.at(first + k), now, now + n_ * n_, next,
                     next + n_ * n_, scratch_.data());
            interruption_point(work_per_step<Real>(parameters_.sizes().n, 0));
        }
    }

    // Over the block_steps that begin at number k of the buffer: of the covariance or the mean,
    // each in its own units.
    double change(std::int64_t k) const {
        const Real* before = buffer_.data() + k * size_;
        const Real* now = before + block_steps * size_;
        double result = 0.0;
        for (const auto& [from, count] :
             {std::pair{std::size_t{0}, n_ * n_}, std::pair{n_ * n_, n_}}) {
            const double scale = largest(now + from, count);
            if (scale > 0.0) {
                result =
                    std::max(result, largest_difference(now + from, before + from, count) / scale);
            }
        }
        return result;
    }

    PairParameters<Real>& parameters_;
    std::int64_t n_steps_, block_;
    std::size_t n_, size_;
    std::int64_t settled_;
    std::vector<Real> buffer_, scratch_, kept_, limit_;
    typename DecompositionKernels<Real>::Forward advance_;
    std::int64_t selected_ = -1;
};

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
          converged_(unit_roundoff<Real>, std::max(sizes_.n, sizes_.b)) {
        std::size_t size = 0;
        for (const std::size_t part : parts_) size += part;
        now_.assign(size, Real(0.0));
        std::copy_n(initial_mean, sizes_.b, now_.end() - sizes_.b);
        before_ = now_;
    }

    PairTerms<Real> advance(const PairStep<Real>& step, const Real* covariance, const Real* mean) {
        PairTerms<Real> terms{};
        Real* gamma = now_.data();
        Real* omega = gamma + parts_[0];
        Real* lambda = omega + parts_[1];
        Real* offset = lambda + parts_[2];
        advance_(sizes_, step, {gamma, omega, decomposed_ ? lambda : nullptr, offset}, covariance,
                 mean, scratch_.data(), order_.data(), terms);
        return terms;
    }

    // Whether further steps repeat the last one; to be asked once after each block of steps.
    bool converged() {
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
        return converged_(change);
    }

private:
    PairSizes sizes_;
    std::size_t parts_[4];
    bool decomposed_;
    std::vector<Real> now_, before_, scratch_;
    std::vector<int> order_;
    typename DecompositionKernels<Real>::Advance advance_;
    ConvergenceTest converged_;
};

// Over how many steps rounding errors of Gamma, Omega and Pi pile up. An error of Gamma goes on as
// F^b error A, one of Omega as F^b error F^bT, one of Pi as A error A^T; what the matrices do to a
// vector that they have been applied to again and again tells how much of it is left.
template <class Real>
class ErrorMemory {
public:
    explicit ErrorMemory(const PairSizes& sizes)
        : sizes_(sizes),
          back_(static_cast<std::size_t>(sizes.b), 1.0),
          ahead_(static_cast<std::size_t>(sizes.n), 1.0) {}

    void pass(const PairStep<Real>& step) {
        const double back = growth(sizes_.b, step.back_filter, back_);
        const double ahead = growth(sizes_.n, step.transition_t, ahead_);
        of_gamma_ = 1.0 + back * ahead * of_gamma_;
        of_omega_ = 1.0 + back * back * of_omega_;
        of_covariance_ = 1.0 + ahead * ahead * of_covariance_;
    }

    double length() const { return std::max({of_gamma_, of_omega_, of_covariance_}); }

private:
    // vector -> matrix vector, normed; its growth.
    static double growth(int size, const Real* matrix, std::vector<double>& vector) {
        std::vector<double> image(vector.size(), 0.0);
        double before = 0.0, after = 0.0;
        for (int i = 0; i < size; ++i) {
            for (int j = 0; j < size; ++j) image[i] += to_double(matrix[i * size + j]) * vector[j];
            before += vector[i] * vector[i];
            after += image[i] * image[i];
        }
        // What has been wiped out entirely starts anew.
        if (!(after > 0.0) || !std::isfinite(after)) {
            std::fill(vector.begin(), vector.end(), 1.0);
            return after > 0.0 ? after : 0.0;
        }
        const double norm = std::sqrt(after);
        for (int i = 0; i < size; ++i) vector[i] = image[i] / norm;
        return norm / std::sqrt(before);
    }

    PairSizes sizes_;
    std::vector<double> back_, ahead_;
    double of_gamma_ = 0.0, of_omega_ = 0.0, of_covariance_ = 0.0;
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

template <class Real>
DecompositionValue run(const MachineSteps& forward, const MachineSteps& backward,
                       std::int64_t n_steps, bool shortcuts, const Poll& poll,
                       const DecompositionArrays& out) {
    PollWatch watch(poll);
    PairParameters<Real> parameters(forward, backward);
    const std::int64_t root = std::llround(std::sqrt(static_cast<double>(n_steps)));
    // Whole blocks of steps, so that convergence is judged over equal spans.
    const std::int64_t block = (root + block_steps - 1) / block_steps * block_steps;
    ForwardMoments<Real> moments(parameters, forward.initial_mean, n_steps, block, shortcuts);
    BackwardReader<Real> reader(parameters, backward.initial_mean, out.retrospective != nullptr);
    ErrorMemory<Real> memory(parameters.sizes());
    Record record(out, unit_roundoff<Real>);
    const bool may_converge = shortcuts && parameters.constant();
    const double work =
        4.0 * work_per_step<Real>(std::max(forward.n_states, backward.n_states), forward.n_outputs);
    // Observations fill the memory, if nothing in it is redundant.
    const auto full_rank = [&](std::int64_t n_read) {
        return static_cast<int>(
            std::min<std::int64_t>(backward.n_states, n_read * backward.n_outputs));
    };
    bool converged = false;
    std::int64_t done = 0;
    PairTerms<Real> terms{};
    const auto covariance_size = static_cast<std::ptrdiff_t>(forward.n_states) * forward.n_states;
    for (std::int64_t t = n_steps - 1; t >= 0; --t) {
        if (converged && t >= moments.settled()) {
            const std::int64_t first = moments.settled();
            record.add(first, t + 1 - first, terms, memory.length(), full_rank(done));
            t = first;
            continue;
        }
        const Real* now = moments.at(t);
        terms = reader.advance(parameters.at(t), now, now + covariance_size);
        interruption_point(work);
        if (!is_finite(terms)) throw Overflow(done + 1);
        memory.pass(parameters.at(t));
        record.add(t, 1, terms, memory.length(), full_rank(done));
        watch.done(++done);
        if (done % block_steps == 0 && may_converge && !converged) converged = reader.converged();
    }
    const DecompositionValue result = record.value();
    if (!std::isfinite(result.total)) throw Overflow(n_steps);
    return result;
}

}  // namespace

DecompositionValue decompose(const MachineSteps& forward, const MachineSteps& backward,
                             std::int64_t n_steps, const DecompositionOptions& options,
                             const Poll& poll, const DecompositionArrays& out) {
    const auto run_with = options.extended ? run<Extended> : run<double>;
    return run_with(forward, backward, n_steps, options.shortcuts, poll, out);
}

}  // namespace entroprod
