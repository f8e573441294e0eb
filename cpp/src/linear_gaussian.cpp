#include "entroprod/linear_gaussian.hpp"

#include <cmath>
#include <cstddef>
#include <stdexcept>

#include "entroprod/matrix.hpp"

namespace entroprod {
namespace {

using Dynamic = Extent<0>;

// S = L L^T; false if S isn't positive definite.
template <class Real>
bool factor_cholesky(int m, const double* s, std::vector<Real>& lower) {
    lower.assign(static_cast<std::size_t>(m) * m, Real(0.0));
    for (int j = 0; j < m; ++j) {
        for (int i = j; i < m; ++i) {
            Real rest = Real(s[i * m + j]);
            for (int k = 0; k < j; ++k) rest -= lower[i * m + k] * lower[j * m + k];
            if (i > j) {
                lower[i * m + j] = rest / lower[j * m + j];
            } else if (to_double(rest) > 0.0) {
                lower[j * m + j] = square_root(rest);
            } else {
                return false;
            }
        }
    }
    return true;
}

template <class Real>
std::vector<Real> invert_lower(int m, const std::vector<Real>& lower) {
    std::vector<Real> inverse(static_cast<std::size_t>(m) * m, Real(0.0));
    for (int j = 0; j < m; ++j) {
        inverse[j * m + j] = Real(1.0) / lower[j * m + j];
        for (int i = j + 1; i < m; ++i) {
            Real sum = Real(0.0);
            for (int k = j; k < i; ++k) sum += lower[i * m + k] * inverse[k * m + j];
            inverse[i * m + j] = -(sum / lower[i * m + i]);
        }
    }
    return inverse;
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

template <class Real>
std::vector<Real> widened(const std::vector<double>& values) {
    return std::vector<Real>(values.begin(), values.end());
}

template <class Real>
std::vector<Real> whiten(int n_states, int n_outputs, const std::vector<double>& state_matrix,
                         const std::vector<double>& input_matrix,
                         const std::vector<double>& output_matrix,
                         const std::vector<Real>& cholesky,
                         const std::vector<Real>& inverse_cholesky) {
    const Dynamic n(n_states), m(n_outputs);
    const Layout at(n, m);
    std::vector<Real> storage(at.size);
    Real* data = storage.data();
    const auto f = widened<Real>(state_matrix);
    const auto g = widened<Real>(input_matrix);
    const auto c = widened<Real>(output_matrix);

    Real* filter = data + at.emission_over_filter + at.m * at.n;
    multiply(m, m, n, inverse_cholesky.data(), c.data(), data + at.emission_over_filter);
    for (std::size_t i = 0; i < f.size(); ++i) filter[i] = f[i];
    multiply(n, m, m, g.data(), cholesky.data(), data + at.input);
    multiply(n, m, n, g.data(), c.data(), data + at.input_emission);
    for (std::size_t i = 0; i < f.size(); ++i) {
        data[at.transition + i] = f[i] + data[at.input_emission + i];
    }
    transpose(n, n, data + at.transition, data + at.transition_t);
    transpose(n, n, f.data(), data + at.filter_t);
    std::vector<Real> input_t(at.n * at.m);
    transpose(n, m, data + at.input, input_t.data());
    add_gram(m, n, input_t.data(), data + at.noise);
    add_gram(m, n, data + at.emission_over_filter, data + at.emission_gram);
    for (int i = 0; i < n; ++i) {
        Real* row = data + at.transition_and_input + static_cast<std::size_t>(i) * (at.n + at.m);
        for (int j = 0; j < n; ++j) row[j] = data[at.transition + i * at.n + j];
        for (int j = 0; j < m; ++j) row[n + j] = data[at.input + i * at.m + j];
    }
    return storage;
}

}  // namespace

LinearGaussian::LinearGaussian(int n_states, int n_outputs, const double* state_matrix,
                               const double* input_matrix, const double* output_matrix,
                               const double* innovation_cov)
    : n_(n_states),
      m_(n_outputs),
      state_matrix_(state_matrix, state_matrix + static_cast<std::size_t>(n_) * n_),
      input_matrix_(input_matrix, input_matrix + static_cast<std::size_t>(n_) * m_),
      output_matrix_(output_matrix, output_matrix + static_cast<std::size_t>(m_) * n_),
      innovation_cov_(innovation_cov, innovation_cov + static_cast<std::size_t>(m_) * m_),
      extended_(std::make_shared<ExtendedStorage>()) {
    if (!factor_cholesky(m_, innovation_cov, cholesky_)) {
        throw std::invalid_argument("the innovation covariance is not positive definite");
    }
    inverse_cholesky_ = invert_lower(m_, cholesky_);
    for (int i = 0; i < m_; ++i) log_det_ += 2.0 * std::log(cholesky_[i * m_ + i]);
    whitened_ = whiten<double>(n_, m_, state_matrix_, input_matrix_, output_matrix_, cholesky_,
                               inverse_cholesky_);
}

WhitenedMachine<double> LinearGaussian::whitened() const { return view(n_, m_, whitened_); }

WhitenedMachine<Extended> LinearGaussian::whitened_extended() const {
    std::call_once(extended_->made, [this] {
        std::vector<Extended> lower;
        if (!factor_cholesky(m_, innovation_cov_.data(), lower)) {
            throw std::invalid_argument("the innovation covariance is not positive definite");
        }
        const auto inverse = invert_lower(m_, lower);
        extended_->whitened =
            whiten<Extended>(n_, m_, state_matrix_, input_matrix_, output_matrix_, lower, inverse);
    });
    return view(n_, m_, extended_->whitened);
}

LinearGaussian LinearGaussian::with_unit_innovations() const {
    std::vector<double> identity(static_cast<std::size_t>(m_) * m_, 0.0);
    for (int i = 0; i < m_; ++i) identity[static_cast<std::size_t>(i) * (m_ + 1)] = 1.0;
    return {
        n_, m_, state_matrix_.data(), input_matrix_.data(), output_matrix_.data(), identity.data()};
}

}  // namespace entroprod
