#include "entroprod/linear_gaussian.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <mutex>
#include <stdexcept>
#include <utility>

#include "formulas/whitened_machine.hpp"
#include "numbers/cholesky.hpp"
#include "numbers/large_products.hpp"
#include "simd/production/production_kernels.hpp"

namespace entroprod {
namespace {

using Dynamic = Extent<0>;

// Below this number of states the kernels for any F are as fast.
constexpr int fewest_with_bands = 8;

}  // namespace

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
        const auto multiply_extended = production_kernels<Extended>().multiply;
        multiply_extended(m, m, n, inverse_cholesky.data(),
                          converted<Extended>(output_matrix).data(), emission.data());
        multiply_extended(n, m, m, converted<Extended>(input_matrix).data(), cholesky.data(),
                          input.data());
    }
};

template <class Real>
struct LinearGaussian::Storage {
    std::once_flag once;
    bool is_made = false;  // by the constructor
    std::vector<Real> data;
};
struct LinearGaussian::Storages {
    Storage<double> whitened, lean;
    Storage<Extended> whitened_extended, lean_extended;
    Storage<double> state_matrix;  // with bands only
};

namespace {

// Powers of two near the roots of n variances, `stride` numbers apart.
std::vector<double> scales_of(const double* variances, int stride, int n) {
    std::vector<double> scales(static_cast<std::size_t>(n), 1.0);
    for (int i = 0; i < n; ++i) {
        const double variance = variances[static_cast<std::size_t>(i) * stride];
        if (std::isnormal(variance) && variance > 0.0)
            scales[i] = std::exp2(std::ilogb(variance) / 2);
    }
    return scales;
}

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
    return scales_of(covariance.data(), n + 1, n);
}

// The same for an F of bands, by the responses to each innovation: O(n^2 m^2) work.
std::vector<double> memory_scales(const std::vector<double>& diagonal,
                                  const std::vector<double>& partner, const std::vector<double>& g,
                                  const std::vector<double>& c, const std::vector<double>& s) {
    const int n_states = static_cast<int>(diagonal.size());
    const Dynamic n(n_states), m(static_cast<int>(g.size() / diagonal.size()));
    const std::vector<Extended> lower = factor_cholesky(m, s.data());
    std::vector<double> response(g.size()), next(g.size()), seen(s.size());  // A^k G L, C A^k G L
    multiply(n, m, m, g.data(), converted<double>(lower).data(), response.data());
    std::vector<double> variance(diagonal.size(), 0.0);
    for (int step = 0; step < n; ++step) {
        multiply(m, n, m, c.data(), response.data(), seen.data());
        multiply(n, m, m, g.data(), seen.data(), next.data());
        for (int i = 0; i < n; ++i) {
            const int other = (i ^ 1) < n ? i ^ 1 : i;
            for (int j = 0; j < m; ++j) {
                const double entry = response[i * m + j];
                variance[i] += entry * entry;
                next[i * m + j] += diagonal[i] * entry + partner[i] * response[other * m + j];
            }
        }
        response.swap(next);
    }
    return scales_of(variance.data(), 1, n);
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

// Offsets of the parts of a lean WhitenedMachine within one block of storage.
struct LeanLayout {
    std::size_t n, m;
    std::size_t emission = 0;
    std::size_t input = emission + m * n;
    std::size_t input_t = input + n * m;
    std::size_t diagonal = input_t + m * n;
    std::size_t partner = diagonal + n;
    std::size_t partner_t = partner + n;
    std::size_t size = partner_t + n;

    LeanLayout(int n_states, int n_outputs)
        : n(static_cast<std::size_t>(n_states)), m(static_cast<std::size_t>(n_outputs)) {}
};

template <class Real>
WhitenedMachine<Real> lean_view(int n, int m, const std::vector<Real>& storage) {
    const LeanLayout at(n, m);
    const Real* data = storage.data();
    WhitenedMachine<Real> result{};
    result.n_states = n;
    result.n_outputs = m;
    result.emission_over_filter = data + at.emission;
    result.input = data + at.input;
    result.input_t = data + at.input_t;
    result.bands = {data + at.diagonal, data + at.partner, data + at.partner_t};
    return result;
}

template <class Real>
std::vector<Real> assemble_lean(int n, int m, const std::vector<double>& diagonal,
                                const std::vector<double>& partner, const Whitening& whitening) {
    const LeanLayout at(n, m);
    std::vector<Real> storage(at.size, Real(0.0));
    Real* data = storage.data();
    for (std::size_t i = 0; i < at.n * at.m; ++i) {
        data[at.emission + i] = static_cast<Real>(whitening.emission[i]);
        data[at.input + i] = static_cast<Real>(whitening.input[i]);
    }
    transpose(Dynamic(n), Dynamic(m), data + at.input, data + at.input_t);
    for (std::size_t i = 0; i < at.n; ++i) {
        data[at.diagonal + i] = Real(diagonal[i]);
        data[at.partner + i] = Real(partner[i]);
        if ((i ^ 1) < at.n) data[at.partner_t + (i ^ 1)] = Real(partner[i]);
    }
    return storage;
}

// F as a matrix.
std::vector<double> filled(const std::vector<double>& diagonal,
                           const std::vector<double>& partner) {
    const std::size_t n = diagonal.size();
    std::vector<double> matrix(n * n, 0.0);
    for (std::size_t i = 0; i < n; ++i) {
        matrix[i * n + i] = diagonal[i];
        if ((i ^ 1) < n) matrix[i * n + (i ^ 1)] = partner[i];
    }
    return matrix;
}

}  // namespace

LinearGaussian::LinearGaussian(int n_states, int n_outputs, const double* state_matrix,
                               const double* input_matrix, const double* output_matrix,
                               const double* innovation_cov, const Poll& poll)
    : LinearGaussian(n_states, n_outputs,
                     {state_matrix, state_matrix + static_cast<std::size_t>(n_states) * n_states},
                     {}, {}, input_matrix, output_matrix, innovation_cov, poll) {}

LinearGaussian LinearGaussian::with_bands(int n_states, int n_outputs, const double* diagonal,
                                          const double* partner, const double* input_matrix,
                                          const double* output_matrix, const double* innovation_cov,
                                          const Poll& poll) {
    std::vector<double> pairs(partner, partner + n_states);
    if (n_states % 2 == 1) pairs.back() = 0.0;
    if (n_states < fewest_with_bands) {
        const auto matrix = filled({diagonal, diagonal + n_states}, pairs);
        return {n_states,      n_outputs,      matrix.data(), input_matrix,
                output_matrix, innovation_cov, poll};
    }
    return {
        n_states,      n_outputs,      {},  {diagonal, diagonal + n_states}, pairs, input_matrix,
        output_matrix, innovation_cov, poll};
}

LinearGaussian::LinearGaussian(int n_states, int n_outputs, std::vector<double> state_matrix,
                               std::vector<double> diagonal, std::vector<double> partner,
                               const double* input_matrix, const double* output_matrix,
                               const double* innovation_cov, const Poll& poll)
    : n_(n_states),
      m_(n_outputs),
      state_matrix_(std::move(state_matrix)),
      diagonal_(std::move(diagonal)),
      partner_(std::move(partner)),
      input_matrix_(input_matrix, input_matrix + static_cast<std::size_t>(n_) * m_),
      output_matrix_(output_matrix, output_matrix + static_cast<std::size_t>(m_) * n_),
      innovation_cov_(innovation_cov, innovation_cov + static_cast<std::size_t>(m_) * m_),
      initial_mean_(static_cast<std::size_t>(n_), 0.0),
      storages_(std::make_shared<Storages>()) {
    const PollWatch watch(poll);
    if (static_cast<std::int64_t>(n_ + m_) * (n_ + m_) > std::numeric_limits<int>::max()) {
        throw std::length_error("the machine's matrices have more entries than an int can count");
    }
    memory_units_ =
        has_bands()
            ? memory_scales(diagonal_, partner_, input_matrix_, output_matrix_, innovation_cov_)
            : memory_scales(n_, m_, state_matrix_, input_matrix_, output_matrix_, innovation_cov_);
    scale_memory(memory_units_);
    const Whitening whitening(n_, m_, input_matrix_, output_matrix_, innovation_cov_);
    cholesky_ = converted<double>(whitening.cholesky);
    inverse_cholesky_ = converted<double>(whitening.inverse_cholesky);
    for (int i = 0; i < m_; ++i) log_det_ += 2.0 * std::log(cholesky_[i * m_ + i]);
    if (has_bands()) {
        make(storages_->lean, Form::lean, whitening);
    } else {
        make(storages_->whitened, Form::whitened, whitening);
    }
}

void LinearGaussian::scale_memory(const std::vector<double>& scales) {
    for (int i = 0; i < n_; ++i) {
        if (has_bands()) {
            if ((i ^ 1) < n_) partner_[i] *= scales[i ^ 1] / scales[i];
        } else {
            for (int j = 0; j < n_; ++j) state_matrix_[i * n_ + j] *= scales[j] / scales[i];
        }
        for (int j = 0; j < m_; ++j) input_matrix_[i * m_ + j] /= scales[i];
        for (int j = 0; j < m_; ++j) output_matrix_[j * n_ + i] *= scales[i];
    }
}

template <class Real>
void LinearGaussian::make(Storage<Real>& storage, Form form, const Whitening& whitening) const {
    if (form == Form::lean) {
        storage.data = assemble_lean<Real>(n_, m_, diagonal_, partner_, whitening);
    } else {
        storage.data =
            assemble<Real>(n_, m_, has_bands() ? filled(diagonal_, partner_) : state_matrix_,
                           input_matrix_, output_matrix_, whitening);
    }
    storage.is_made = true;
}

template <class Real>
const std::vector<Real>& LinearGaussian::made(Storage<Real>& storage, Form form) const {
    std::call_once(storage.once, [&] {
        if (storage.is_made) return;
        make(storage, form, {n_, m_, input_matrix_, output_matrix_, innovation_cov_});
    });
    return storage.data;
}

WhitenedMachine<double> LinearGaussian::whitened() const {
    return view(n_, m_, made(storages_->whitened, Form::whitened));
}

WhitenedMachine<Extended> LinearGaussian::whitened_extended() const {
    return view(n_, m_, made(storages_->whitened_extended, Form::whitened));
}

WhitenedMachine<double> LinearGaussian::lean() const {
    if (!has_bands()) return whitened();
    return lean_view(n_, m_, made(storages_->lean, Form::lean));
}

WhitenedMachine<Extended> LinearGaussian::lean_extended() const {
    if (!has_bands()) return whitened_extended();
    return lean_view(n_, m_, made(storages_->lean_extended, Form::lean));
}

MachineSteps LinearGaussian::steps() const {
    Storage<double>& matrix = storages_->state_matrix;
    if (has_bands()) {
        std::call_once(matrix.once, [&] { matrix.data = filled(diagonal_, partner_); });
    }
    return {n_,
            m_,
            {has_bands() ? matrix.data.data() : state_matrix_.data(), 0},
            {input_matrix_.data(), 0},
            {output_matrix_.data(), 0},
            {innovation_cov_.data(), 0},
            initial_mean_.data()};
}

LinearGaussian LinearGaussian::with_unit_innovations(const Poll& poll) const {
    std::vector<double> identity(static_cast<std::size_t>(m_) * m_, 0.0);
    for (int i = 0; i < m_; ++i) identity[static_cast<std::size_t>(i) * (m_ + 1)] = 1.0;
    return {n_,
            m_,
            state_matrix_,
            diagonal_,
            partner_,
            input_matrix_.data(),
            output_matrix_.data(),
            identity.data(),
            poll};
}

}  // namespace entroprod
