// Symbols as in the documentation of the law of sigma, all for the whitened machine. The backward
// memory after reading y_T .. y_{t+1} is Gamma h_{t+1} + zeta, Cov(zeta) = Omega, and with
//   X = C - C Gamma A,   Y = I - C Gamma G,   N = F Gamma G + G,
// the backward innovation at t is X h_t + Y e_t - C zeta. Its covariance with a later one at t is
//   rho_{s,t} B_t,   rho_{s,s+1} = [X_s Pi_s A^T + Y_s G^T, C],   rho_{s,t+1} = rho_{s,t} T_t,
//   B_t = [X_t^T; F Omega C^T - N Y^T],   T_t = [[A^T, 0], [-N G^T, F]],
// so that Z_t = B_t B_t^T + T_t Z_{t+1} T_t^T sums the squares of all of them.
#include "entroprod/sigma_law.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "numbers/large_products.hpp"
#include "production/forward_moments.hpp"
#include "production/geometric_sum.hpp"
#include "production/precision.hpp"
#include "production/recursion.hpp"
#include "runtime/work.hpp"

namespace entroprod {
namespace {

// What one step adds to twice the variance.
template <class Real>
struct VarianceTerms {
    Real squares;      // |Sigma^B - I|^2 + 2 tr(rho Z rho^T)
    double magnitude;  // the size of what is added up, before cancellation
    double lost;       // what the roundings of this step's own differences may do, in roundoffs
};

template <class Real>
double norm(const Real* values, std::size_t size) {
    double sum = 0.0;
    for (std::size_t i = 0; i < size; ++i) sum += to_double(values[i]) * to_double(values[i]);
    return std::sqrt(sum);
}

// A matrix of which blocks are read and written by row and column.
template <class Real>
struct Matrix {
    Matrix(int n_rows, int n_cols)
        : rows(n_rows),
          cols(n_cols),
          values(static_cast<std::size_t>(n_rows) * static_cast<std::size_t>(n_cols), Real(0.0)) {}

    Real& operator()(int i, int j) { return values[static_cast<std::size_t>(i) * cols + j]; }
    const Real& operator()(int i, int j) const {
        return values[static_cast<std::size_t>(i) * cols + j];
    }
    const Real* data() const { return values.data(); }
    Real* data() { return values.data(); }
    std::size_t size() const { return values.size(); }

    int rows, cols;
    std::vector<Real> values;
};

template <class Real>
void multiply_matrices(const Matrix<Real>& a, const Real* b, Matrix<Real>& out) {
    production_kernels<Real>().multiply(a.rows, a.cols, out.cols, a.data(), b, out.data());
}

template <class Real>
Matrix<Real> transposed(int rows, int cols, const Real* values) {
    Matrix<Real> result(cols, rows);
    transpose(Extent<0>(rows), Extent<0>(cols), values, result.data());
    return result;
}

template <class Real>
double variance_work(int n, int m) {
    // Two products of (2 n, 2 n) matrices, besides those of the entropy production.
    return work_per_step<Real>(n, m) * (1.0 + 16.0 * n / (5.0 * n + 2.0 * m));
}

// Gamma, Omega and Z, backward in time.
template <class Real>
class VarianceRecursion {
public:
    explicit VarianceRecursion(const WhitenedMachine<Real>& machine)
        : machine_(machine),
          n_(machine.n_states),
          m_(machine.n_outputs),
          readers_t_(transposed(m_ + n_, n_, machine.emission_over_filter)),
          writers_t_(transposed(n_, n_ + m_, machine.transition_and_input)),
          gamma_(n_, n_),
          omega_(n_, n_),
          z_(2 * n_, 2 * n_),
          left_(m_ + n_, n_),
          both_(m_ + n_, n_ + m_),
          noise_(m_ + n_, m_ + n_),
          x_(m_, n_),
          y_(m_, m_),
          driven_t_(m_, n_),
          seen_(m_, n_ + m_),
          excess_(m_, m_),
          rho_(m_, 2 * n_),
          rho_z_(m_, 2 * n_),
          basis_(m_, 2 * n_),
          carry_(2 * n_, 2 * n_),
          carry_t_(2 * n_, 2 * n_),
          product_(2 * n_, 2 * n_),
          converged_(unit_roundoff<Real>, machine.n_states),
          emission_norm_(norm(machine.emission(), x_.size())),
          transition_norm_(norm(machine.transition, gamma_.size())),
          input_norm_(norm(machine.input, driven_t_.size())),
          work_(variance_work<Real>(machine.n_states, machine.n_outputs)) {
        for (int i = 0; i < n_; ++i) {
            for (int j = 0; j < n_; ++j) {
                carry_(i, j) = carry_t_(j, i) = machine.transition_t[i * n_ + j];
                carry_(n_ + i, n_ + j) = carry_t_(n_ + j, n_ + i) = machine.filter()[i * n_ + j];
            }
        }
        for (int i = 0; i < m_; ++i) {
            for (int j = 0; j < n_; ++j) rho_(i, n_ + j) = machine.emission()[i * n_ + j];
        }
    }

    // The step at the time whose forward covariance is given.
    VarianceTerms<Real> step(const Real* covariance) {
        read();
        const VarianceTerms<Real> terms = correlate(covariance);
        ++n_done_;
        if (!std::isfinite(terms.magnitude)) throw Overflow(n_done_);
        remember();
        interruption_point(work_);
        return terms;
    }

    // Whether further steps repeat the last one; to be asked after each block of them.
    bool converged() {
        double change = 0.0;
        const Matrix<Real>* now[] = {&gamma_, &omega_, &z_};
        before_.resize(3);
        for (int part = 0; part < 3; ++part) {
            const double scale = largest(now[part]->data(), now[part]->size());
            before_[part].resize(now[part]->size(), Real(0.0));
            if (scale > 0.0) {
                const double moved =
                    largest_difference(now[part]->data(), before_[part].data(), now[part]->size());
                change = std::max(change, moved / scale);
            }
            before_[part] = now[part]->values;
        }
        return converged_(change);
    }

    void set_memory(const Real* gamma, const Real* omega) {
        std::copy_n(gamma, gamma_.size(), gamma_.data());
        std::copy_n(omega, omega_.size(), omega_.data());
    }
    Matrix<Real>& z() { return z_; }
    const Matrix<Real>& carry() const { return carry_; }
    const Matrix<Real>& carry_t() const { return carry_t_; }

private:
    // X, Y, N, the next Gamma, and [C; F] Omega [C; F]^T.
    void read() {
        production_kernels<Real>().multiply(m_ + n_, n_, n_, machine_.emission_over_filter,
                                            gamma_.data(), left_.data());
        multiply_matrices(left_, machine_.transition_and_input, both_);
        parts_ = emission_norm_;
        for (int i = 0; i < m_; ++i) {
            for (int j = 0; j < n_; ++j) {
                x_(i, j) = machine_.emission()[i * n_ + j] - both_(i, j);
            }
            for (int j = 0; j < m_; ++j) y_(i, j) = Real(i == j ? 1.0 : 0.0) - both_(i, n_ + j);
            parts_ += norm(both_.data() + static_cast<std::size_t>(i) * both_.cols, n_);
        }
        for (int i = 0; i < n_; ++i) {
            for (int j = 0; j < n_; ++j) {
                gamma_(i, j) = both_(m_ + i, j) + machine_.input_emission[i * n_ + j];
            }
            for (int j = 0; j < m_; ++j) {
                driven_t_(j, i) = both_(m_ + i, n_ + j) + machine_.input[i * m_ + j];
            }
        }
        production_kernels<Real>().multiply(m_ + n_, n_, n_, machine_.emission_over_filter,
                                            omega_.data(), left_.data());
        multiply_matrices(left_, readers_t_.data(), noise_);
    }

    // Sigma^B - I and rho, and what they add.
    VarianceTerms<Real> correlate(const Real* covariance) {
        Matrix<Real> filtered(m_, n_);
        multiply_matrices(x_, covariance, filtered);
        double size = m_;
        for (int i = 0; i < m_; ++i) {
            for (int j = 0; j < n_; ++j) seen_(i, j) = filtered(i, j);
            for (int j = 0; j < m_; ++j) seen_(i, n_ + j) = y_(i, j);
            for (int k = 0; k < m_; ++k) {
                Real entry = noise_(i, k);
                for (int j = 0; j < n_; ++j) entry += filtered(i, j) * x_(k, j);
                for (int j = 0; j < m_; ++j) entry += y_(i, j) * y_(k, j);
                excess_(i, k) = entry - Real(i == k ? 1.0 : 0.0);
                if (i == k) size += std::abs(to_double(entry));
            }
        }
        Matrix<Real> later(m_, n_);
        multiply_matrices(seen_, writers_t_.data(), later);
        for (int i = 0; i < m_; ++i) std::copy_n(&later(i, 0), n_, &rho_(i, 0));
        multiply_matrices(rho_, z_.data(), rho_z_);

        VarianceTerms<Real> terms{};
        terms.squares =
            inner_product(Extent<0>(m_ * m_), excess_.data(), excess_.data()) +
            Real(2.0) * inner_product(Extent<0>(2 * m_ * n_), rho_.data(), rho_z_.data());
        estimate(norm(filtered.data(), filtered.size()), norm(covariance, gamma_.size()), size,
                 terms);
        return terms;
    }

    // filtered: the norm of X Pi. X is a difference and loses `parts_` roundoffs, which Pi
    // amplifies, in Sigma^B as in rho.
    void estimate(double filtered, double covariance, double size,
                  VarianceTerms<Real>& terms) const {
        const double roundoff = unit_roundoff<Real>;
        const double excess = norm(excess_.data(), excess_.size());
        const double in_excess = 4.0 * size + 2.0 * filtered * parts_;
        const double in_rho = 4.0 * (filtered * transition_norm_ +
                                     norm(y_.data(), y_.size()) * input_norm_ + emission_norm_) +
                              parts_ * covariance * transition_norm_;
        const double z_size = norm(z_.data(), z_.size());
        terms.magnitude = excess * excess;
        for (int i = 0; i < m_; ++i) {
            const double row = norm(&rho_(i, 0), static_cast<std::size_t>(rho_.cols));
            terms.magnitude += 2.0 * row * row * z_size;
        }
        terms.lost = 2.0 * excess * in_excess + roundoff * in_excess * in_excess +
                     4.0 * norm(rho_z_.data(), rho_z_.size()) * in_rho +
                     2.0 * roundoff * in_rho * in_rho * z_size;
    }

    // The next Omega and Z.
    void remember() {
        for (int i = 0; i < m_; ++i) {
            for (int j = 0; j < n_; ++j) {
                Real entry = noise_(m_ + j, i);
                for (int k = 0; k < m_; ++k) entry -= driven_t_(k, j) * y_(i, k);
                basis_(i, j) = x_(i, j);
                basis_(i, n_ + j) = entry;
            }
        }
        for (int i = 0; i < n_; ++i) {
            for (int j = 0; j < n_; ++j) {
                Real entry(0.0);
                for (int k = 0; k < m_; ++k) {
                    entry -= driven_t_(k, i) * machine_.input[j * m_ + k];
                }
                carry_(n_ + i, j) = carry_t_(j, n_ + i) = entry;
                omega_(i, j) = noise_(m_ + i, m_ + j);
            }
        }
        add_gram(Extent<0>(m_), Extent<0>(n_), driven_t_.data(), omega_.data());
        multiply_matrices(carry_, z_.data(), product_);
        multiply_matrices(product_, carry_t_.data(), z_);
        add_gram(Extent<0>(m_), Extent<0>(2 * n_), basis_.data(), z_.data());
    }

    WhitenedMachine<Real> machine_;
    int n_, m_;
    Matrix<Real> readers_t_;  // [C; F]^T   (n, m + n)
    Matrix<Real> writers_t_;  // [A, G]^T   (n + m, n)
    Matrix<Real> gamma_, omega_, z_;
    Matrix<Real> left_, both_, noise_, x_, y_, driven_t_, seen_, excess_, rho_, rho_z_;
    Matrix<Real> basis_;            // B^T  (m, 2 n)
    Matrix<Real> carry_, carry_t_;  // T and T^T  (2 n, 2 n)
    Matrix<Real> product_;
    std::vector<std::vector<Real>> before_;
    ConvergenceTest converged_;
    double emission_norm_, transition_norm_, input_norm_;
    double work_;
    double parts_ = 0.0;
    std::int64_t n_done_ = 0;
};

// Adds up steps, with an estimate of their rounding errors.
template <class Real>
class VarianceSum {
public:
    // memory_length: over how many steps rounding errors pile up.
    void add(const VarianceTerms<Real>& terms, double n_steps, double memory_length) {
        total_ += half(terms.squares) * Extended(n_steps);
        error_ += 0.5 * n_steps * (terms.magnitude * (4.0 + memory_length) + terms.lost);
    }

    ProductionValue value(std::int64_t n_steps) const {
        if (!std::isfinite(total_.high)) throw Overflow(n_steps);
        const double error =
            std::isfinite(error_) ? error_ : std::numeric_limits<double>::infinity();
        return {std::max(total_.high, 0.0), unit_roundoff<Real> * error,
                std::is_same_v<Real, Extended>};
    }

private:
    Extended total_;
    double error_ = 0.0;
};

// Forward covariances are kept once in so many steps, and made again from there.
constexpr std::int64_t most_between_kept = 1024;

template <class Real>
ProductionValue run_variance(const LinearGaussian& machine, std::int64_t n_steps, bool shortcuts,
                             const Poll& poll) {
    const PollWatch watch(poll);
    const auto view = whitened<Real>(machine);
    const std::int64_t block = std::min(steps_between_kept(n_steps), most_between_kept);
    Covariances<Real> covariances(view);
    ForwardMoments<Real, Covariances<Real>> forward(
        covariances, std::vector<Real>(covariances.size(), Real(0.0)), n_steps, block,
        view.n_states, shortcuts);
    const std::int64_t settled = forward.settled();
    VarianceRecursion<Real> recursion(view);
    VarianceSum<Real> sum;
    bool converged = false;
    double memory_length = 0.0;
    VarianceTerms<Real> last{};
    std::int64_t end = n_steps;  // of the times that are still to come
    while (end > 0) {
        const bool constant = end > settled;
        // Those of the forward covariances pile up likewise.
        const auto forward_length = static_cast<double>(constant ? settled / block_steps : end);
        if (constant && converged && shortcuts) {
            sum.add(last, static_cast<double>(end - settled), memory_length + forward_length);
            end = settled;
            continue;
        }
        const std::int64_t from = std::max(forward.together_from(end - 1), end - block);
        for (std::int64_t t = end - 1; t >= from; --t) {
            last = recursion.step(forward.at(t));
            sum.add(last, 1.0, memory_length + forward_length);
            const std::int64_t done = n_steps - t;
            if (!converged && done % block_steps == 0) {
                memory_length = static_cast<double>(done);
                converged = recursion.converged();
                // A memory of that many steps until rounding level decays within a few of them.
                if (converged) memory_length /= block_steps;
            }
        }
        end = from;
    }
    return sum.value(n_steps);
}

template <class Real>
ProductionValue run_variance_rate(const LinearGaussian& machine, const Poll& poll) {
    const PollWatch watch(poll);
    const auto view = whitened<Real>(machine);
    const FixedPoints<Real> fixed(view);
    // One step with Z = 0 leaves B B^T in its place.
    VarianceRecursion<Real> recursion(view);
    recursion.set_memory(fixed.gamma.sum(), fixed.omega.sum());
    recursion.step(fixed.covariance.sum());
    const GeometricSum<Real> z(2 * view.n_states, recursion.carry().data(),
                               recursion.carry_t().data(), recursion.z().data());
    std::copy_n(z.sum(), recursion.z().size(), recursion.z().data());
    recursion.set_memory(fixed.gamma.sum(), fixed.omega.sum());
    const VarianceTerms<Real> terms = recursion.step(fixed.covariance.sum());
    VarianceSum<Real> sum;
    const double memory_length = std::max(fixed.memory_length(), z.n_terms());
    sum.add(terms, 1.0, memory_length / block_steps);
    return sum.value(static_cast<std::int64_t>(memory_length));
}

}  // namespace

ProductionValue sigma_variance(const LinearGaussian& machine, std::int64_t n_steps,
                               const ProductionOptions& options, const Poll& poll) {
    return with_precision(options.precision, [&](auto real) {
        return run_variance<decltype(real)>(machine, n_steps, options.shortcuts, poll);
    });
}

ProductionValue sigma_variance_rate(const LinearGaussian& machine, const ProductionOptions& options,
                                    const Poll& poll) {
    return with_precision(options.precision, [&](auto real) {
        return run_variance_rate<decltype(real)>(machine, poll);
    });
}

}  // namespace entroprod
