// Entropy production of a pair of linear-Gaussian machines step by step, and its retrospective
// decomposition, in nats.
//
// The first machine generates y_1 .. y_T; the second, of any state size, reads the sequence from
// its end and predicts each y_t from those after it. Both may change from step to step. Each
// machine's parameters are indexed by the time t of the observation that it reads or emits.
// Time is linear in the number of steps, memory is n^2 times the square root of it.
#pragma once

#include <cstdint>

#include "entroprod/interruption.hpp"
#include "entroprod/production.hpp"
#include "entroprod/steps.hpp"

namespace entroprod {

// Arrays of the caller, (n_steps,) each, in the order of t. per_step may be nullptr, and so may the
// rest, all together: then there is no decomposition.
struct DecompositionArrays {
    double* per_step = nullptr;       // 1/2 [tr Sigma^B_t + |mean|^2 - m + ln(det S^b_t / det S_t)]
    double* retrospective = nullptr;  // D_t >= 0
    double* compression_loss = nullptr;  // L_t >= 0
    double* model_mismatch = nullptr;    // M_t = D_t - L_t >= 0
    std::int32_t* rank = nullptr;        // of the backward memory that y_t is judged by
};

struct DecompositionOptions {
    bool extended = false;  // double-double
    bool shortcuts = true;  // stop recursing after convergence, where both machines are constant
};

struct DecompositionValue {
    double total;           // the sum of per_step
    double rounding_error;  // estimated bound of the total's rounding error
    // The lowest of all D_t, L_t and M_t, or 0: what is negative can only be rounding, and is given
    // out as 0.
    double lowest;
    // Estimated bound of the relative error that the rounding of a nearly singular backward memory
    // causes in what it says about y_t, at the worst step: 1 where directions may have been lost.
    double loss_error;
};

// Throws Overflow where a number leaves the range of double, and std::invalid_argument where an
// innovation covariance isn't positive definite.
DecompositionValue decompose(const MachineSteps& forward, const MachineSteps& backward,
                             std::int64_t n_steps, const DecompositionOptions& options,
                             const Poll& poll, const DecompositionArrays& out);

}  // namespace entroprod
