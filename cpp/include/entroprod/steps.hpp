// A linear-Gaussian machine whose parameters may change from step to step, as arrays of the caller:
//
//   y_t = C_t h_t + e_t,  e_t ~ N(0, S_t),  h_{t+1} = F_t h_t + G_t y_t,  t = 1 .. T,
//
// from a known h_1. A constant machine is the case in which every stride is 0.
#pragma once

#include <cstddef>
#include <cstdint>

namespace entroprod {

// Row-major matrices, one a step, `stride` numbers apart; 0 where all steps share one.
struct StepMatrices {
    const double* data;
    std::ptrdiff_t stride;

    // Of step t = 0 .. T - 1.
    const double* at(std::int64_t t) const { return data + t * stride; }
};

struct MachineSteps {
    int n_states;
    int n_outputs;
    StepMatrices state;           // F (n, n)
    StepMatrices input;           // G (n, m)
    StepMatrices output;          // C (m, n)
    StepMatrices innovation_cov;  // S (m, m)
    const double* initial_mean;   // h_1 (n,)
};

// A machine's parameters with what whitens its innovations, S_t = L_t L_t^T.
struct StepParameters {
    MachineSteps machine;
    StepMatrices cholesky;          // L (m, m)
    StepMatrices inverse_cholesky;  // L^-1 (m, m)
    StepMatrices normalisation;     // 1/2 (m ln 2 pi + ln det S), one number
};

}  // namespace entroprod
