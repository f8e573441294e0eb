// States of a recursion kept on the way, from which each stretch of it can be run again.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "entroprod/gradient.hpp"

namespace entroprod {

// Keeps about as many states as there are steps between two of them, so that both the states and a
// tape of the steps in between need memory that grows with the square root of the number of steps.
template <class Real>
class Checkpoints {
public:
    // A tape has record_size numbers a step.
    Checkpoints(std::size_t state_size, std::size_t record_size, double memory_limit)
        : state_size_(state_size), record_size_(record_size), memory_limit_(memory_limit) {
        // Short stretches stay in the cache.
        while (spacing_ < longest_first && 2 * spacing_ * record_size <= cached_numbers) {
            spacing_ *= 2;
        }
    }

    // To be offered the state before step `at` now and then, that of step 0 first.
    void offer(std::int64_t at, const Real* state) {
        if (!starts_.empty() && at - starts_.back() < spacing_) return;
        if (static_cast<std::int64_t>(starts_.size()) >= 2 * spacing_) thin_out();
        require(states_.size() + state_size_);
        starts_.push_back(at);
        states_.insert(states_.end(), state, state + state_size_);
    }

    // No more states: the last stretch ends before step `end`.
    void finish(std::int64_t end) {
        while (!starts_.empty() && starts_.back() >= end) {
            starts_.pop_back();
            states_.resize(states_.size() - state_size_);
        }
        end_ = end;
        require(states_.size() + static_cast<double>(longest()) * record_size_);
    }

    std::size_t size() const { return starts_.size(); }
    const Real* state(std::size_t index) const { return states_.data() + index * state_size_; }
    std::int64_t n_steps(std::size_t index) const {
        return (index + 1 < starts_.size() ? starts_[index + 1] : end_) - starts_[index];
    }
    std::int64_t longest() const {
        std::int64_t result = 0;
        for (std::size_t i = 0; i < size(); ++i) result = std::max(result, n_steps(i));
        return result;
    }

private:
    static constexpr std::int64_t longest_first = 256;
    static constexpr std::size_t cached_numbers = 16384;

    // Keeps every other state.
    void thin_out() {
        std::size_t kept = 0;
        for (std::size_t i = 0; i < starts_.size(); i += 2, ++kept) {
            starts_[kept] = starts_[i];
            std::copy_n(states_.begin() + static_cast<std::ptrdiff_t>(i * state_size_), state_size_,
                        states_.begin() + static_cast<std::ptrdiff_t>(kept * state_size_));
        }
        starts_.resize(kept);
        states_.resize(kept * state_size_);
        spacing_ *= 2;
    }

    void require(double numbers) const {
        // A vector that grows holds up to three times its content for a moment.
        const double bytes = sizeof(Real) * (numbers + 2.0 * static_cast<double>(states_.size()));
        if (bytes > memory_limit_) throw MemoryLimit(bytes, memory_limit_);
    }

    std::size_t state_size_, record_size_;
    double memory_limit_;
    std::int64_t spacing_ = 16;
    std::int64_t end_ = 0;
    std::vector<std::int64_t> starts_;
    std::vector<Real> states_;
};

}  // namespace entroprod
