// A linear-Gaussian autoregressive machine in canonical form:
//
//   y_t = C h_t + e_t,  e_t ~ N(0, S),  h_{t+1} = F h_t + G y_t,  h_1 = 0,
//
// h of size n, y of size m. Its generative transition is A = F + G C.
#pragma once

#include <memory>
#include <vector>

#include "entroprod/interruption.hpp"
#include "entroprod/steps.hpp"

namespace entroprod {

template <class Number>
struct DoubleDouble;
using Extended = DoubleDouble<double>;
template <class Real>
struct WhitenedMachine;
struct Whitening;

class LinearGaussian {
public:
    // F (n, n), G (n, m), C (m, n), S (m, m), copied. S must be symmetric; throws
    // std::invalid_argument if it isn't positive definite, std::length_error if
    // (n + m)^2 exceeds an int.
    LinearGaussian(int n_states, int n_outputs, const double* state_matrix,
                   const double* input_matrix, const double* output_matrix,
                   const double* innovation_cov, const Poll& poll = nullptr);

    // The same with an F of bands, diagonal (n,) and partner (n,), which makes filtering O(n m) and
    // a step of the recursions O(n^2 m). No (n, n) matrix is made before something asks for it.
    static LinearGaussian with_bands(int n_states, int n_outputs, const double* diagonal,
                                     const double* partner, const double* input_matrix,
                                     const double* output_matrix, const double* innovation_cov,
                                     const Poll& poll = nullptr);

    int n_states() const { return n_; }
    int n_outputs() const { return m_; }

    // L and L^-1, lower triangular (m, m), and ln det S.
    const std::vector<double>& cholesky() const { return cholesky_; }
    const std::vector<double>& inverse_cholesky() const { return inverse_cholesky_; }
    double log_det() const { return log_det_; }

    // (n,), powers of 2: the units in which the whitened machine measures the memory.
    const std::vector<double>& memory_units() const { return memory_units_; }

    // Views that live as long as the machine. What isn't there yet is made at its first use, which
    // is safe from several threads.
    WhitenedMachine<double> whitened() const;
    WhitenedMachine<Extended> whitened_extended() const;

    // The same parameters at every step, the memory in units of its own spread.
    MachineSteps steps() const;

    // The same views without any (n, n) matrix where the machine has bands: only C, G, G^T and the
    // bands are there then, and filter() isn't.
    WhitenedMachine<double> lean() const;
    WhitenedMachine<Extended> lean_extended() const;

    // The same machine with S = I: its whitened quantities are this machine's unwhitened ones.
    LinearGaussian with_unit_innovations(const Poll& poll = nullptr) const;

private:
    // With bands state_matrix is empty, without them diagonal and partner are.
    LinearGaussian(int n_states, int n_outputs, std::vector<double> state_matrix,
                   std::vector<double> diagonal, std::vector<double> partner,
                   const double* input_matrix, const double* output_matrix,
                   const double* innovation_cov, const Poll& poll);

    bool has_bands() const { return !diagonal_.empty(); }
    void scale_memory(const std::vector<double>& scales);

    int n_;
    int m_;
    std::vector<double> memory_units_;
    // In units of the memory's own spread.
    std::vector<double> state_matrix_, diagonal_, partner_, input_matrix_, output_matrix_;
    std::vector<double> innovation_cov_;
    std::vector<double> initial_mean_;
    std::vector<double> cholesky_, inverse_cholesky_;
    double log_det_ = 0.0;

    template <class Real>
    struct Storage;
    struct Storages;
    std::shared_ptr<Storages> storages_;

    enum class Form { whitened, lean };
    template <class Real>
    void make(Storage<Real>& storage, Form form, const Whitening& whitening) const;
    // At its first use.
    template <class Real>
    const std::vector<Real>& made(Storage<Real>& storage, Form form) const;
};

}  // namespace entroprod
