// The covariances of the forward memory, by forward time.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "production/recursion.hpp"

namespace entroprod {

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
          product_(std::max(size_, LeanKernels<Real>(machine).scratch_size)),
          advance_(LeanKernels<Real>(machine).advance_covariance) {
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
    // So many blocks come before the limit.
    std::int64_t n_kept() const { return n_kept_; }
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
            if (machine_.bands.diagonal == nullptr) {
                interruption_point(steps * work_per_step<Real>(machine_.n_states, 0));
            }
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

}  // namespace entroprod
