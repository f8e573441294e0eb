#include "entroprod/linear_gaussian.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>

#include "cholesky.hpp"
#include "entroprod/matrix.hpp"
#include "simd/kernels.hpp"

namespace entroprod {
namespace {

using Dynamic = Extent<0>;

struct Whitening {
    std::vector<Extended> cholesky;          // L        (m, m)
    std::vector<Extended> inverse_cholesky;  // L^-1     (m, m)
    std::vector<Extended> emission;          // L^-1 C   (m, n)
    std::vector<Extended> input;             // G L      (n, m)

    Whitening(int n, int m, const std::vector<double>& input_matrix,
              const std::vector<double>& output_matrix, const std::vector<double>& innovation_cov)
        : cholesky(factor_cholesky(m, innovation_cov.data())),
          inverse_cholesky(invert_lower(m, cholesky)),
          emission(output_matrix.size()),
          input(input_matrix.size()) {
        const auto multiply_extended = kernels().production_extended.multiply;
        multiply_extended(m, m, n, inverse_cholesky.data(),
                          converted<Extended>(output_matrix).data(), emission.data());
        multiply_extended(n, m, m, converted<Extended>(input_matrix).data(), cholesky.data(),
                          input.data());
    }
};

// Powers of two near the spread that each component of the memory has after at least n steps, so
// that nothing depends on the units of the memory; scaling by them rounds nothing.
std::vector<double> memory_scales(int n_states, int n_outputs, const std::vector<double>& f,
                                  const std::vector<double>& g, const std::vector<double>& c,
                                  const std::vector<double>& s) {
    const Dynamic n(n_states), m(n_outputs);
    std::vector<double> power(f.size()), transposed(f.size()), product(f.size());
    std::vector<double> driven(g.size()), g_t(g.size());
    std::vector<double> covariance(f.size());
    multiply(n, m, n, g.data(), c.data(), power.data());
    for (std::size_t i = 0; i < f.size(); ++i) power[i] += f[i];
    multiply(n, m, m, g.data(), s.data(), driven.data());
    transpose(n, m, g.data(), g_t.data());
    multiply(n, m, n, driven.data(), g_t.data(), covariance.data());
    for (int steps = 1; steps < n; steps *= 2) {
        transpose(n, n, power.data(), transposed.data());
        multiply(n, n, n, power.data(), covariance.data(), product.data());
        multiply_into<true>(n, n, n, product.data(), transposed.data(), covariance.data());
        multiply(n, n, n, power.data(), power.data(), product.data());
        power.swap(product);
    }
    std::vector<double> scales(static_cast<std::size_t>(n_states), 1.0);
    for (int i = 0; i < n; ++i) {
        const double variance = covariance[static_cast<std::size_t>(i) * (n + 1)];
        if (std::isnormal(variance) && variance > 0.0)
            scales[i] = std::exp2(std::ilogb(variance) / 2);
    }
    return scales;
}

// Offsets of the parts of a WhitenedMachine within one block of storage.
struct Layout {
    std::size_t n, m;
    std::size_t emission_over_filter = 0;
    std::size_t transition_and_input = emission_over_filter + (m + n) * n;
    std::size_t transition = transition_and_input + n * (n + m);
    std::size_t transition_t = transition + n * n;
    std::size_t filter_t = transition_t + n * n;
    std::size_t input = filter_t + n * n;
    std::size_t input_emission = input + n * m;
    std::size_t noise = input_emission + n * n;
    std::size_t emission_gram = noise + n * n;
    std::size_t size = emission_gram + n * n;

    Layout(int n_states, int n_outputs)
        : n(static_cast<std::size_t>(n_states)), m(static_cast<std::size_t>(n_outputs)) {}
};

template <class Real>
WhitenedMachine<Real> view(int n, int m, const std::vector<Real>& storage) {
    const Layout at(n, m);
    const Real* data = storage.data();
    return {n,
            m,
            data + at.emission_over_filter,
            data + at.transition_and_input,
            data + at.transition,
            data + at.transition_t,
            data + at.filter_t,
            data + at.input,
            data + at.input_emission,
            data + at.noise,
            data + at.emission_gram};
}

// The storage behind a WhitenedMachine.
template <class Real>
std::vector<Real> assemble(int n_states, int n_outputs, const std::vector<double>& state_matrix,
                           const std::vector<double>& input_matrix,
                           const std::vector<double>& output_matrix, const Whitening& whitening) {
    const Dynamic n(n_states), m(n_outputs);
    const Layout at(n, m);
    std::vector<Real> storage(at.size);
    Real* data = storage.data();
    const auto f = converted<Real>(state_matrix);
    const auto emission = converted<Real>(whitening.emission);
    const auto input = converted<Real>(whitening.input);

    std::copy(emission.begin(), emission.end(), data + at.emission_over_filter);
    std::copy(f.begin(), f.end(), data + at.emission_over_filter + at.m * at.n);
    std::copy(input.begin(), input.end(), data + at.input);
    multiply(n, m, n, converted<Real>(input_matrix).data(), converted<Real>(output_matrix).data(),
             data + at.input_emission);
    for (std::size_t i = 0; i < f.size(); ++i) {
        data[at.transition + i] = f[i] + data[at.input_emission + i];
    }
    transpose(n, n, data + at.transition, data + at.transition_t);
    transpose(n, n, f.data(), data + at.filter_t);
    std::vector<Real> input_t(at.n * at.m);
    transpose(n, m, data + at.input, input_t.data());
    add_gram(m, n, input_t.data(), data + at.noise);
    add_gram(m, n, data + at.emission_over_filter, data + at.emission_gram);
    for (std::size_t i = 0; i < at.n; ++i) {
        Real* row = data + at.transition_and_input + i * (at.n + at.m);
        std::copy_n(data + at.transition + i * at.n, at.n, row);
        std::copy_n(data + at.input + i * at.m, at.m, row + at.n);
    }
    return storage;
}

}  // namespace

LinearGaussian::LinearGaussian(int n_states, int n_outputs, const double* state_matrix,
                               const double* input_matrix, const double* output_matrix,
                               const double* innovation_cov, const Poll& poll)
    : n_(n_states),
      m_(n_outputs),
      state_matrix_(state_matrix, state_matrix + static_cast<std::size_t>(n_) * n_),
      input_matrix_(input_matrix, input_matrix + static_cast<std::size_t>(n_) * m_),
      output_matrix_(output_matrix, output_matrix + static_cast<std::size_t>(m_) * n_),
      innovation_cov_(innovation_cov, innovation_cov + static_cast<std::size_t>(m_) * m_),
      initial_mean_(static_cast<std::size_t>(n_), 0.0),
      extended_(std::make_shared<ExtendedStorage>()) {
    const PollWatch watch(poll);
    if (static_cast<std::int64_t>(n_ + m_) * (n_ + m_) > std::numeric_limits<int>::max()) {
        throw std::length_error("the machine's matrices have more entries than an int can count");
    }
    const std::vector<double>& scales = memory_units_ =
        memory_scales(n_, m_, state_matrix_, input_matrix_, output_matrix_, innovation_cov_);
    for (int i = 0; i < n_; ++i) {
        for (int j = 0; j < n_; ++j) state_matrix_[i * n_ + j] *= scales[j] / scales[i];
        for (int j = 0; j < m_; ++j) input_matrix_[i * m_ + j] /= scales[i];
        for (int j = 0; j < m_; ++j) output_matrix_[j * n_ + i] *= scales[i];
    }
    const Whitening whitening(n_, m_, input_matrix_, output_matrix_, innovation_cov_);
    cholesky_ = converted<double>(whitening.cholesky);
    inverse_cholesky_ = converted<double>(whitening.inverse_cholesky);
    for (int i = 0; i < m_; ++i) log_det_ += 2.0 * std::log(cholesky_[i * m_ + i]);
    whitened_ = assemble<double>(n_, m_, state_matrix_, input_matrix_, output_matrix_, whitening);
}

WhitenedMachine<double> LinearGaussian::whitened() const { return view(n_, m_, whitened_); }

WhitenedMachine<Extended> LinearGaussian::whitened_extended() const {
    std::call_once(extended_->made, [this] {
        const Whitening whitening(n_, m_, input_matrix_, output_matrix_, innovation_cov_);
        extended_->whitened =
            assemble<Extended>(n_, m_, state_matrix_, input_matrix_, output_matrix_, whitening);
    });
    return view(n_, m_, extended_->whitened);
}

MachineSteps LinearGaussian::steps() const {
    return {n_,
            m_,
            {state_matrix_.data(), 0},
            {input_matrix_.data(), 0},
            {output_matrix_.data(), 0},
            {innovation_cov_.data(), 0},
            initial_mean_.data()};
}

LinearGaussian LinearGaussian::with_unit_innovations(const Poll& poll) const {
    std::vector<double> identity(static_cast<std::size_t>(m_) * m_, 0.0);
    for (int i = 0; i < m_; ++i) identity[static_cast<std::size_t>(i) * (m_ + 1)] = 1.0;
    return {
        n_,  m_, state_matrix_.data(), input_matrix_.data(), output_matrix_.data(), identity.data(),
        poll};
}

}  // namespace entroprod
