// The exact one-step predictor of a state-space model from a given start: its Kalman filter before,
// and until, it is steady.
#pragma once

#include <cstdint>

#include "entroprod/parallel.hpp"
#include "entroprod/steps.hpp"

namespace entroprod {

// x_{t+1} = A x_t + w, w ~ N(0, Q); y_t = C x_t + v, v ~ N(0, R).
struct StateSpaceSteps {
    int n_states;
    int n_outputs;
    StepMatrices transition;   // A (n, n)
    StepMatrices emission;     // C (m, n)
    StepMatrices process_cov;  // Q (n, n)
    StepMatrices obs_cov;      // R (m, m)
};

// The canonical form, arrays of the caller: F (T, n, n), G (T, n, m), S (T, m, m).
struct PredictorArrays {
    double* state_matrix;
    double* input_matrix;
    double* innovation_cov;
};

// From x_1 ~ N(., initial_cov). Returns how many steps have been done: all, or those before the
// first whose S is singular at rounding level or not finite; that S is filled in.
std::int64_t predict_exactly(const StateSpaceSteps& model, const double* initial_cov,
                             std::int64_t n_steps, const Poll& poll, const PredictorArrays& out);

}  // namespace entroprod
