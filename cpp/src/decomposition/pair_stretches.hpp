// When the steps of a pair of machines go by stretches, whose segments run side by side.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "decomposition/pair_leaps.hpp"
#include "decomposition/pair_parameters.hpp"
#include "production/recursion.hpp"

namespace entroprod {

// Stretches are for the decomposition of a constant, small pair without means, in double. The first
// steps at either end of the sequence, where memories fill, go one by one.
class PairStretches {
public:
    PairStretches(PairParameters<double>& parameters, bool without_means, bool decomposed,
                  std::int64_t n_steps, bool may_converge)
        : parameters_(parameters),
          kernels_(decomposition_kernels<double>()),
          may_converge_(may_converge),
          ready_at_(may_converge ? many_steps : few_steps) {
        if (!decomposed || !without_means || !parameters.constant() || n_steps < many_steps) return;
        advance_ = kernels_.advance_stretch(parameters.sizes());
        while ((std::int64_t{1} << 2 * block_index_) < n_steps) ++block_index_;
    }

    bool exist() const { return advance_ != nullptr; }
    // Blocks of 2^block_index() steps, no fewer than there are of them.
    int block_index() const { return block_index_; }

    // Made at their first use.
    const PairLeaps& leaps() {
        if (!leaps_) {
            leaps_.emplace(parameters_.sizes(), parameters_.at(0),
                           std::max(block_index_, most_index));
        }
        return *leaps_;
    }

    // The next stretch has segments of 2^index steps; false: there is none, with so many steps done
    // and so many left.
    bool next(std::int64_t done, std::int64_t left) {
        if (advance_ == nullptr || done < ready_at_) return false;
        for (index_ = most_index; index_ >= least_index; --index_) {
            // Where steps may soon repeat one another, not many more at once than so far.
            if (n_steps() <= left - few_steps && (!may_converge_ || n_steps() <= 4 * done)) {
                return true;
            }
        }
        return false;
    }
    int index() const { return index_; }
    int n_segments() const { return kernels_.n_segments; }
    std::int64_t n_steps() const { return std::int64_t{n_segments()} << index_; }

    // False, with nothing done, where a memory isn't clear: its steps go one by one then.
    bool advance(const PairStep<double>& step, const PairState<double>& state,
                 const double* covariance, const StretchArrays& out, std::int64_t done,
                 StretchSums& sums) {
        if (advance_(step, leaps().maps(index_), 1 << index_, state, covariance, out, sums)) {
            return true;
        }
        ready_at_ = done + n_steps();
        return false;
    }

private:
    static constexpr std::int64_t few_steps = 32;
    static constexpr std::int64_t many_steps = 256;
    static constexpr int least_index = 4, most_index = 7;

    PairParameters<double>& parameters_;
    const DecompositionKernels<double>& kernels_;
    DecompositionKernels<double>::AdvanceStretch advance_ = nullptr;
    bool may_converge_;
    std::int64_t ready_at_;
    std::optional<PairLeaps> leaps_;
    int block_index_ = 8;
    int index_ = 0;
};

}  // namespace entroprod
