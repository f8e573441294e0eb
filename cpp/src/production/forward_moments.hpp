// Moments of the forward memory by forward time, kept now and then and made again in between.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "production/recursion.hpp"
#include "runtime/work.hpp"

namespace entroprod {

// The moments of the times 0 .. T, kept at the start of each block of steps until they have
// converged, and made again block by block. `Moments` makes them; it has
//   size()                            numbers of one time,
//   advance(first_step, count, now)   those of the next `count` times, one behind the other,
//   change(before, now)               how much they differ, relative,
//   may_converge()                    whether all steps are the same,
//   may_leap(), leap(k, now)          whether it can do 2^k steps at once, and to do so.
template <class Real, class Moments>
class ForwardMoments {
public:
    // start: the moments of time 0. block: a multiple of block_steps, with leaps 2^leap_index.
    ForwardMoments(Moments& moments, std::vector<Real> start, std::int64_t n_steps,
                   std::int64_t block, int n_states, bool shortcuts, int leap_index = 0)
        : moments_(moments),
          n_steps_(n_steps),
          block_(block),
          leap_index_(leap_index),
          size_(moments.size()),
          settled_(n_steps),
          buffer_(std::move(start)) {
        const bool may_converge = shortcuts && moments.may_converge();
        ConvergenceTest converged(unit_roundoff<Real>, n_states);
        ConvergenceTest leaps_converged(unit_roundoff<Real>, n_states, static_cast<int>(block));
        bool may_leap = moments.may_leap();
        for (std::int64_t first = 0; first < n_steps; first += block) {
            kept_.insert(kept_.end(), buffer_.data(), buffer_.data() + size_);
            // The first steps go one by one where they may be the last that differ.
            if (may_leap && (first > 0 || !may_converge)) {
                may_leap = leap_over_block();
                if (may_leap && may_converge && first + block < n_steps &&
                    leaps_converged(moments.change(&kept_.back() + 1 - size_, buffer_.data()))) {
                    settle(first + block, buffer_.data());
                    return;
                }
                if (may_leap) continue;
            }
            for (std::int64_t at = 0; at < block; at += block_steps) {
                fill(first, at, at + block_steps);
                const Real* last = buffer_.data() + (at + block_steps) * size_;
                if (may_converge && first + at + block_steps < n_steps &&
                    converged(moments.change(buffer_.data() + at * size_, last))) {
                    settle(first + at + block_steps, last);
                    return;
                }
            }
            std::copy_n(buffer_.data() + block * size_, size_, buffer_.begin());
        }
    }

    // From this time on, 0 .. T, the moments are those of the limit.
    std::int64_t settled() const { return settled_; }

    // The first of the times whose moments lie behind one another up to those of t, so that going
    // back from t to there is cheap. From `settled` on they are the same.
    std::int64_t together_from(std::int64_t t) const {
        return t >= settled_ ? settled_ : t / block_ * block_;
    }

    // The moments of time t, valid until the next call.
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

    // Those of time t, reached by leaps.
    std::vector<Real> leaped(std::int64_t t) {
        if (t >= settled_) return limit_;
        const std::int64_t index = t / block_;
        const auto from = kept_.begin() + static_cast<std::ptrdiff_t>(index * size_);
        std::vector<Real> result(from, from + static_cast<std::ptrdiff_t>(size_));
        for (int digit = 0; digit < leap_index_; ++digit) {
            if ((t >> digit) & 1) moments_.leap(digit, result.data());
        }
        return result;
    }

private:
    void settle(std::int64_t t, const Real* moments) {
        settled_ = t;
        limit_.assign(moments, moments + size_);
    }

    // From the first moments of a block to those of the next; false, with nothing done, where the
    // leap goes beyond the range of double, which single steps need not.
    bool leap_over_block() {
        const std::vector<Real> before(buffer_);
        moments_.leap(leap_index_, buffer_.data());
        const bool finite = std::all_of(buffer_.begin(), buffer_.end(), [](const Real& moment) {
            return std::isfinite(to_double(moment));
        });
        if (!finite) buffer_ = before;
        return finite;
    }

    // The moments number from + 1 .. to of the block that begins at time `first`.
    void fill(std::int64_t first, std::int64_t from, std::int64_t to) {
        const auto needed = static_cast<std::size_t>(to + 1) * size_;
        if (buffer_.size() < needed) buffer_.resize(needed, Real(0.0));
        for (std::int64_t k = from; k < std::min(to, n_steps_ - first); k += block_steps) {
            const std::int64_t end = std::min({k + block_steps, to, n_steps_ - first});
            moments_.advance(first + k, static_cast<int>(end - k), buffer_.data() + k * size_);
        }
    }

    Moments& moments_;
    std::int64_t n_steps_, block_;
    int leap_index_;
    std::size_t size_;
    std::int64_t settled_;
    std::vector<Real> buffer_, kept_, limit_;
    std::int64_t selected_ = -1;
};

// Of a whitened machine without means: Pi (n, n) from Pi_1 = 0.
template <class Real>
class Covariances {
public:
    // The machine may be a lean one.
    explicit Covariances(const WhitenedMachine<Real>& machine)
        : machine_(machine),
          size_(static_cast<std::size_t>(machine.n_states) * machine.n_states),
          scratch_(std::max(size_, LeanKernels<Real>(machine).scratch_size)),
          advance_(LeanKernels<Real>(machine).advance_covariance) {}

    std::size_t size() const { return size_; }
    void advance(std::int64_t, int count, Real* now) {
        advance_(machine_, count, now, scratch_.data());
        if (machine_.bands.diagonal == nullptr) {
            interruption_point(count * work_per_step<Real>(machine_.n_states, 0));
        }
    }
    double change(const Real* before, const Real* now) const {
        const double scale = largest(now, size_);
        return scale > 0.0 ? largest_difference(now, before, size_) / scale : 0.0;
    }
    bool may_converge() const { return true; }
    bool may_leap() const { return false; }
    void leap(int, Real*) {}

private:
    WhitenedMachine<Real> machine_;
    std::size_t size_;
    std::vector<Real> scratch_;
    typename ProductionKernels<Real>::AdvanceCovariance advance_;
};

// About the square root of n_steps, in whole blocks of steps, so that convergence is judged over
// equal spans.
inline std::int64_t steps_between_kept(std::int64_t n_steps) {
    const std::int64_t root = std::llround(std::sqrt(static_cast<double>(n_steps)));
    return std::max<std::int64_t>(1, (root + block_steps - 1) / block_steps) * block_steps;
}

}  // namespace entroprod
