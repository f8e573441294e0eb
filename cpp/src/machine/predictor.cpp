#include "entroprod/predictor.hpp"

#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "entroprod/interruption.hpp"
#include "numbers/large_products.hpp"
#include "runtime/work.hpp"

namespace entroprod {
namespace {

using Dynamic = Extent<0>;

void make_symmetric(int size, double* a) {
    for (int i = 0; i < size; ++i) {
        for (int j = 0; j < i; ++j) {
            a[i * size + j] = a[j * size + i] = 0.5 * (a[i * size + j] + a[j * size + i]);
        }
    }
}

constexpr double epsilon = std::numeric_limits<double>::epsilon();

// S = L L^T; false where S isn't finite, or its correlation matrix is singular at rounding level.
bool factor(int m, const double* s, double* lower) {
    const double smallest = m * epsilon;
    for (int j = 0; j < m; ++j) {
        for (int i = j; i < m; ++i) {
            double rest = s[i * m + j];
            for (int k = 0; k < j; ++k) rest -= lower[i * m + k] * lower[j * m + k];
            if (!std::isfinite(rest)) return false;
            if (i > j) {
                lower[i * m + j] = rest / lower[j * m + j];
            } else if (rest > 0.0 && rest > smallest * s[j * m + j]) {
                lower[j * m + j] = std::sqrt(rest);
            } else {
                return false;
            }
        }
    }
    return true;
}

// row -> row S^-1
void divide(int m, const double* lower, double* row) {
    for (int i = 0; i < m; ++i) {
        for (int k = 0; k < i; ++k) row[i] -= lower[i * m + k] * row[k];
        row[i] /= lower[i * m + i];
    }
    for (int i = m - 1; i >= 0; --i) {
        for (int k = i + 1; k < m; ++k) row[i] -= lower[k * m + i] * row[k];
        row[i] /= lower[i * m + i];
    }
}

class Predictor {
public:
    Predictor(const StateSpaceSteps& model, const double* initial_cov)
        : model_(model),
          n_(model.n_states),
          m_(model.n_outputs),
          cov_(initial_cov, initial_cov + static_cast<std::size_t>(n_) * n_),
          unread_(size(n_, n_), 0.0),
          seen_(size(m_, n_)),
          transposed_(size(n_, n_ > m_ ? n_ : m_)),
          product_(size(n_, n_ > m_ ? n_ : m_)),
          lower_(size(m_, m_)) {}

    // The canonical form of step t, and P for the next one; false where S is singular.
    bool step(std::int64_t t, double* f, double* g, double* s) {
        const Dynamic n(n_), m(m_);
        const double *a = model_.transition.at(t), *c = model_.emission.at(t);
        const double *q = model_.process_cov.at(t), *r = model_.obs_cov.at(t);
        multiply(m, n, n, c, cov_.data(), seen_.data());
        transpose(m, n, c, transposed_.data());
        multiply(m, n, m, seen_.data(), transposed_.data(), s);
        for (int i = 0; i < m_ * m_; ++i) s[i] += r[i];
        make_symmetric(m_, s);
        if (is_rounding(c, s) || !factor(m_, s, lower_.data())) return false;
        // G = A P C^T S^-1, F = A - G C
        transpose(m, n, seen_.data(), transposed_.data());
        multiply(n, n, m, a, transposed_.data(), g);
        for (int i = 0; i < n_; ++i) divide(m_, lower_.data(), g + i * m_);
        multiply(n, m, n, g, c, f);
        for (int i = 0; i < n_ * n_; ++i) f[i] = a[i] - f[i];
        multiply(n, n, n, a, cov_.data(), product_.data());
        transpose(n, n, a, transposed_.data());
        multiply(n, n, n, product_.data(), transposed_.data(), unread_.data());
        // P = F P F^T + G R G^T + Q (Joseph): a sum of squares, whatever rounding does to G.
        multiply(n, n, n, f, cov_.data(), product_.data());
        transpose(n, n, f, transposed_.data());
        multiply(n, n, n, product_.data(), transposed_.data(), cov_.data());
        multiply(n, m, m, g, r, product_.data());
        transpose(n, m, g, transposed_.data());
        multiply_into<true>(n, m, n, product_.data(), transposed_.data(), cov_.data());
        for (int i = 0; i < n_ * n_; ++i) cov_[static_cast<std::size_t>(i)] += q[i];
        make_symmetric(n_, cov_.data());
        return true;
    }

private:
    // Whether a variance of S is no more than what rounding of F = A - G C, squared, leaves of the
    // part of C A P A^T C^T that has been subtracted: all noise is gone.
    bool is_rounding(const double* c, const double* s) const {
        const double relative = 4.0 * n_ * epsilon;
        for (int k = 0; k < m_; ++k) {
            double variance = 0.0;
            for (int i = 0; i < n_; ++i) {
                for (int j = 0; j < n_; ++j) {
                    variance += c[k * n_ + i] * unread_[static_cast<std::size_t>(i * n_ + j)] *
                                c[k * n_ + j];
                }
            }
            if (s[k * m_ + k] <= relative * relative * variance) return true;
        }
        return false;
    }

    static std::size_t size(int rows, int cols) { return static_cast<std::size_t>(rows) * cols; }

    const StateSpaceSteps& model_;
    int n_, m_;
    // P_t, and A P A^T of the step before.
    std::vector<double> cov_, unread_;
    std::vector<double> seen_, transposed_, product_, lower_;
};

}  // namespace

std::int64_t predict_exactly(const StateSpaceSteps& model, const double* initial_cov,
                             std::int64_t n_steps, const Poll& poll, const PredictorArrays& out) {
    const std::int64_t n = model.n_states, m = model.n_outputs;
    Predictor predictor(model, initial_cov);
    const PollWatch watch(poll);
    const double work = static_cast<double>(n) * (5.0 * n * n + 6.0 * n * m + 2.0 * m * m);
    for (std::int64_t t = 0; t < n_steps; ++t) {
        interruption_point(work);
        if (!predictor.step(t, out.state_matrix + t * n * n, out.input_matrix + t * n * m,
                            out.innovation_cov + t * m * m)) {
            return t;
        }
    }
    return n_steps;
}

}  // namespace entroprod
