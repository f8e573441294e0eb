// How the forward memory of a pair of machines goes on, for ForwardMoments.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "decomposition/pair_parameters.hpp"
#include "decomposition/pair_stretches.hpp"
#include "production/forward_moments.hpp"
#include "runtime/work.hpp"

namespace entroprod {

// Covariance (n, n) and mean (n,) of the forward memory of a pair. With stretches there are no
// means.
template <class Real>
class ForwardOfPair {
public:
    explicit ForwardOfPair(PairParameters<Real>& parameters, PairStretches* stretches = nullptr)
        : parameters_(parameters),
          stretches_(stretches),
          n_(static_cast<std::size_t>(parameters.sizes().n)),
          scratch_(decomposition_kernels<Real>().scratch_size(
              parameters.sizes().n, parameters.sizes().b, parameters.sizes().m)),
          advance_(decomposition_kernels<Real>().forward(parameters.sizes())) {}

    std::size_t size() const { return n_ * n_ + n_; }
    std::vector<Real> start(const double* initial_mean) const {
        std::vector<Real> result(size(), Real(0.0));
        std::copy_n(initial_mean, n_, result.begin() + static_cast<std::ptrdiff_t>(n_ * n_));
        return result;
    }
    void advance(std::int64_t first_step, int count, Real* now) {
        for (int k = 0; k < count; ++k, now += size()) {
            Real* next = now + size();
            advance_(parameters_.sizes(), parameters_.at(first_step + k), now, now + n_ * n_, next,
                     next + n_ * n_, scratch_.data());
            interruption_point(work_per_step<Real>(parameters_.sizes().n, 0));
        }
    }
    // Of the covariance or the mean, each in its own units.
    double change(const Real* before, const Real* now) const {
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
    bool may_converge() const { return parameters_.constant(); }
    bool may_leap() const { return stretches_ != nullptr; }
    void leap(int index, Real* moments) {
        if constexpr (std::is_same_v<Real, double>) stretches_->leaps().leap(index, moments);
    }

private:
    PairParameters<Real>& parameters_;
    PairStretches* stretches_;
    std::size_t n_;
    std::vector<Real> scratch_;
    typename DecompositionKernels<Real>::Forward advance_;
};

}  // namespace entroprod
