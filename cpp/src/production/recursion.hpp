// The recursions of entropy production, block by block of steps, until they have converged.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>
#include <type_traits>
#include <vector>

#include "entroprod/interruption.hpp"
#include "entroprod/production.hpp"
#include "production/leap.hpp"
#include "runtime/work.hpp"
#include "simd/production/production_kernels.hpp"

namespace entroprod {

// The recursions advance by blocks of this many steps and are examined in between.
inline constexpr int block_steps = 16;
// Where a kernel for it exists, many blocks make a stretch, whose segments advance side by side.
inline constexpr int stretch_steps = 1024;

template <class Real>
WhitenedMachine<Real> whitened(const LinearGaussian& machine);
template <>
inline WhitenedMachine<double> whitened(const LinearGaussian& machine) {
    return machine.whitened();
}
template <>
inline WhitenedMachine<Extended> whitened(const LinearGaussian& machine) {
    return machine.whitened_extended();
}

// Without (n, n) matrices where the machine has bands that make a step cheaper: thin products with
// many outputs cost as much as those of (n, n) matrices.
template <class Real>
WhitenedMachine<Real> lean(const LinearGaussian& machine) {
    if (machine.n_states() < 4 * machine.n_outputs()) return whitened<Real>(machine);
    if constexpr (std::is_same_v<Real, double>) {
        return machine.lean();
    } else {
        return machine.lean_extended();
    }
}

// The kernels for a lean machine, and their scratch memory.
template <class Real>
struct LeanKernels {
    typename ProductionKernels<Real>::Advance advance;
    typename ProductionKernels<Real>::AdvanceStretch advance_stretch;
    typename ProductionKernels<Real>::AdvanceCovariance advance_covariance;
    std::size_t scratch_size;

    explicit LeanKernels(const WhitenedMachine<Real>& machine) {
        const int n = machine.n_states, m = machine.n_outputs;
        const auto& any = production_kernels<Real>();
        if (machine.bands.diagonal != nullptr) {
            const auto& structured = structured_kernels<Real>();
            advance = structured.advance;
            advance_stretch = nullptr;
            advance_covariance = structured.advance_covariance;
            scratch_size = structured_scratch_size(n, m);
        } else {
            advance = any.advance(n, m);
            advance_stretch = any.advance_stretch(n, m);
            advance_covariance = any.advance_covariance(n);
            scratch_size = entroprod::scratch_size(n, m);
        }
    }
};

// The work of one step, for interruption points; that of large machines has its own within.
template <class Real>
double work_per_step(int n, int m) {
    const double weight = std::is_same_v<Real, double> ? 1.0 : work_of_extended;
    return weight * (n + m) * n * (5.0 * n + 2.0 * m);
}
template <class Real>
double work_per_step(const WhitenedMachine<Real>& machine) {
    // The kernels for bands have interruption points of their own.
    if (machine.bands.diagonal != nullptr) return 0.0;
    return work_per_step<Real>(machine.n_states, machine.n_outputs);
}

template <class Real>
double largest(const Real* values, std::size_t size) {
    double result = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
        result = std::max(result, std::abs(to_double(values[i])));
    }
    return result;
}

template <class Real>
double largest_difference(const Real* a, const Real* b, std::size_t size) {
    double result = 0.0;
    for (std::size_t i = 0; i < size; ++i) {
        result = std::max(result, std::abs(to_double(a[i] - b[i])));
    }
    return result;
}

// Has a sequence of matrices stopped changing? It has if its changes over a block of steps stay at
// rounding level for as many blocks as a delay in the machine could hide a change, or if they are
// small and have stopped falling, as rounding noise does.
class ConvergenceTest {
public:
    ConvergenceTest(double roundoff, int n_states, int steps = block_steps)
        : tolerance_(16.0 * roundoff),
          blocks_needed_(1 + (n_states + steps - 1) / steps),
          patience_(std::max(16, 4096 / steps)) {}

    // change: over the last block, relative.
    bool operator()(double change) {
        ++n_blocks_;
        quiet_blocks_ = change <= tolerance_ ? quiet_blocks_ + 1 : 0;
        if (change < 0.5 * smallest_) {
            smallest_ = change;
            blocks_since_ = 0;
        } else {
            ++blocks_since_;
        }
        // A slow decay halves the change in a thirtieth of the time that it takes to get there.
        const bool stagnant = change <= 1e4 * tolerance_ &&
                              blocks_since_ >= std::max<std::int64_t>(patience_, n_blocks_ / 4);
        return quiet_blocks_ >= blocks_needed_ || stagnant;
    }

private:
    double tolerance_;
    int blocks_needed_;
    int patience_;
    int quiet_blocks_ = 0;
    double smallest_ = std::numeric_limits<double>::infinity();
    std::int64_t n_blocks_ = 0;
    std::int64_t blocks_since_ = 0;
};

// Gamma, Omega and the dual covariance, and the terms of the last block of steps.
template <class Real>
class Recursion {
public:
    // The machine may be a lean one.
    Recursion(const WhitenedMachine<Real>& machine, PollWatch& watch)
        : machine_(machine),
          kernels_(machine),
          watch_(watch),
          work_per_step_(work_per_step(machine)),
          size_(static_cast<std::size_t>(machine.n_states) * machine.n_states),
          now_(3 * size_, Real(0.0)),
          before_(3 * size_),
          scratch_(kernels_.scratch_size),
          advance_(kernels_.advance),
          advance_stretch_(kernels_.advance_stretch),
          over_blocks_(machine.n_states, block_steps),
          over_stretches_(machine.n_states, stretch_steps) {}

    // At most block_steps. With covariances: see ProductionKernels.
    const StepTerms<Real>* advance(int n_steps, const Real* covariances = nullptr,
                                   std::ptrdiff_t stride = 0) {
        before_ = now_;
        advance_(machine_, state(), n_steps, covariances, stride, scratch_.data(), terms_);
        for (int k = 0; k < n_steps; ++k) {
            if (!std::isfinite(terms_[k].magnitude)) throw Overflow(n_done_ + k + 1);
        }
        of_stretch_ = false;
        count(n_steps);
        return terms_;
    }

    // A whole stretch without covariances; sums are those of its terms. False, with nothing done,
    // where there is no kernel for it or something grew beyond the range of double.
    bool advance_stretch(StepTerms<Real>& sums) {
        if (advance_stretch_ == nullptr) return false;
        before_ = now_;
        if constexpr (std::is_same_v<Real, double>) {
            const int segment_steps = stretch_steps / production_kernels<Real>().n_segments;
            if (!leap_) leap_.emplace(machine_, segment_steps);
            sums = advance_stretch_(machine_, leap_->maps(), segment_steps, state());
        }
        const bool finite = std::all_of(now_.begin(), now_.end(),
                                        [](Real entry) { return std::isfinite(to_double(entry)); });
        if (!finite || !std::isfinite(sums.magnitude)) {
            now_ = before_;
            advance_stretch_ = nullptr;
            return false;
        }
        of_stretch_ = true;
        count(stretch_steps);
        return true;
    }

    // Gamma, Omega and the dual covariance after the last step, (3, n, n).
    const Real* numbers() const { return now_.data(); }
    std::int64_t n_done() const { return n_done_; }

    // Whether further steps repeat the last one; to be asked once after each block or stretch.
    bool converged() {
        const double of_memory = std::max(change_of(0), change_of(1));
        Tests& tests = of_stretch_ ? over_stretches_ : over_blocks_;
        memory_converged_ = tests.of_memory(of_memory);
        return tests.of_all(std::max(of_memory, change_of(2)));
    }

    // Of the backward memory alone, at the last call of converged.
    bool memory_converged() const { return memory_converged_; }

    // One more step with E = 0: its terms are those that stay once Gamma and Omega do, and the
    // E that it leaves is what each step adds to E then.
    StepTerms<Real> step_without_dual(std::vector<Real>& dual) {
        std::vector<Real> copy = now_;
        std::fill(copy.begin() + static_cast<std::ptrdiff_t>(2 * size_), copy.end(), Real(0.0));
        StepTerms<Real> terms{};
        advance_(machine_, state_in(copy), 1, nullptr, 0, scratch_.data(), &terms);
        dual.assign(copy.begin() + static_cast<std::ptrdiff_t>(2 * size_), copy.end());
        return terms;
    }
    const Real* dual() const { return now_.data() + 2 * size_; }

private:
    struct Tests {
        ConvergenceTest of_memory, of_all;
        Tests(int n_states, int steps)
            : of_memory(unit_roundoff<Real>, n_states, steps),
              of_all(unit_roundoff<Real>, n_states, steps) {}
    };

    // Of Gamma, Omega or E over the last block or stretch, relative.
    double change_of(int part) const {
        const Real* now = now_.data() + part * size_;
        const double scale = largest(now, size_);
        if (scale == 0.0) return 0.0;
        return largest_difference(now, before_.data() + part * size_, size_) / scale;
    }

    BackwardState<Real> state() { return state_in(now_); }
    BackwardState<Real> state_in(std::vector<Real>& parts) const {
        return {parts.data(), parts.data() + size_, parts.data() + 2 * size_};
    }

    void count(int n_steps) {
        n_done_ += n_steps;
        watch_.done(n_done_);
        interruption_point(n_steps * work_per_step_);
    }

    WhitenedMachine<Real> machine_;
    LeanKernels<Real> kernels_;
    PollWatch& watch_;
    double work_per_step_;
    std::size_t size_;
    std::vector<Real> now_, before_, scratch_;
    typename ProductionKernels<Real>::Advance advance_;
    typename ProductionKernels<Real>::AdvanceStretch advance_stretch_;
    std::optional<Leap> leap_;
    StepTerms<Real> terms_[block_steps];
    bool of_stretch_ = false;
    Tests over_blocks_, over_stretches_;
    bool memory_converged_ = false;
    std::int64_t n_done_ = 0;
};

}  // namespace entroprod
