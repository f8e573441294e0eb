// A linear-Gaussian autoregressive machine in canonical form:
//
//   y_t = C h_t + e_t,  e_t ~ N(0, S),  h_{t+1} = F h_t + G y_t,  h_1 = 0,
//
// h of size n, y of size m. Its generative transition is A = F + G C.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "entroprod/extended.hpp"
#include "entroprod/interruption.hpp"
#include "entroprod/steps.hpp"

namespace entroprod {

// The machine after whitening, y -> L^-1 y with S = L L^T: C -> L^-1 C, G -> G L, S -> I.
// All row-major. Stacked copies let the recursions do their work in few, larger products.
template <class Real>
struct WhitenedMachine {
    int n_states;
    int n_outputs;
    const Real* emission_over_filter;  // [C; F]   (m + n, n)
    const Real* transition_and_input;  // [A, G]   (n, n + m)
    const Real* transition;            // A        (n, n)
    const Real* transition_t;          // A^T      (n, n)
    const Real* filter_t;              // F^T      (n, n)
    const Real* input;                 // G        (n, m)
    const Real* input_emission;        // G C      (n, n)
    const Real* noise;                 // G G^T    (n, n)
    const Real* emission_gram;         // C^T C    (n, n)

    const Real* emission() const { return emission_over_filter; }
    const Real* filter() const { return emission_over_filter + n_outputs * n_states; }
};

class LinearGaussian {
public:
    // F (n, n), G (n, m), C (m, n), S (m, m), copied. S must be symmetric; throws
    // std::invalid_argument if it isn't positive definite, std::length_error if
    // (n + m)^2 exceeds an int.
    LinearGaussian(int n_states, int n_outputs, const double* state_matrix,
                   const double* input_matrix, const double* output_matrix,
                   const double* innovation_cov, const Poll& poll = nullptr);

    int n_states() const { return n_; }
    int n_outputs() const { return m_; }

    // L and L^-1, lower triangular (m, m), and ln det S.
    const std::vector<double>& cholesky() const { return cholesky_; }
    const std::vector<double>& inverse_cholesky() const { return inverse_cholesky_; }
    double log_det() const { return log_det_; }

    // (n,), powers of 2: the units in which the whitened machine measures the memory.
    const std::vector<double>& memory_units() const { return memory_units_; }

    // Views that live as long as the machine. The extended one is made at its first use, which is
    // safe from several threads.
    WhitenedMachine<double> whitened() const;
    WhitenedMachine<Extended> whitened_extended() const;

    // The same parameters at every step, the memory in units of its own spread.
    MachineSteps steps() const;

    // The same machine with S = I: its whitened quantities are this machine's unwhitened ones.
    LinearGaussian with_unit_innovations(const Poll& poll = nullptr) const;

private:
    int n_;
    int m_;
    std::vector<double> memory_units_;
    // In units of the memory's own spread.
    std::vector<double> state_matrix_, input_matrix_, output_matrix_;
    std::vector<double> innovation_cov_;
    std::vector<double> initial_mean_;
    std::vector<double> cholesky_, inverse_cholesky_;
    double log_det_ = 0.0;
    std::vector<double> whitened_;

    struct ExtendedStorage {
        std::once_flag made;
        std::vector<Extended> whitened;
    };
    std::shared_ptr<ExtendedStorage> extended_;
};

}  // namespace entroprod
