// Machines for tests, with the factor L of their covariance, and the dense definition.
#pragma once

#include <cmath>
#include <cstddef>
#include <random>
#include <vector>

#include "entroprod/linear_gaussian.hpp"

namespace machines {

using Values = std::vector<double>;
using Wide = long double;

struct Matrices {
    int n, m;
    Values f, g, c, l, s;

    entroprod::LinearGaussian machine() const {
        return {n, m, f.data(), g.data(), c.data(), s.data()};
    }
};

inline Values square(int m, const Values& l) {
    Values s(l.size(), 0.0);
    for (int i = 0; i < m; ++i) {
        for (int j = 0; j < m; ++j) {
            for (int k = 0; k < m; ++k) s[i * m + j] += l[i * m + k] * l[j * m + k];
        }
    }
    return s;
}

// Both the transition and the filter are stable: their row sums are below 1.
inline Matrices random(int n, int m, unsigned seed) {
    std::mt19937_64 engine(seed);
    std::uniform_real_distribution<double> uniform(-1.0, 1.0);
    const auto draw = [&](int size, double scale) {
        Values values(static_cast<std::size_t>(size));
        for (double& value : values) value = scale * uniform(engine);
        return values;
    };
    Matrices result{n, m, draw(n * n, 0.5 / n), draw(n * m, 0.7 / m), draw(m * n, 0.7 / n), {}, {}};
    result.l.assign(static_cast<std::size_t>(m) * m, 0.0);
    for (int i = 0; i < m; ++i) {
        for (int j = 0; j < i; ++j) result.l[i * m + j] = 0.3 * uniform(engine);
        result.l[i * m + i] = 1.0 + 0.5 * uniform(engine);
    }
    result.s = square(m, result.l);
    return result;
}

// The transition is triangular with this eigenvalue and smaller ones; G and C are positive, which
// keeps the filter's eigenvalues below the transition's.
inline Matrices with_root(double root, int n, int m, unsigned seed) {
    Matrices result = random(n, m, seed);
    for (double& entry : result.g) entry = std::abs(entry);
    for (double& entry : result.c) entry = std::abs(entry);
    for (int i = 0; i < n; ++i) {
        for (int j = 0; j < n; ++j) {
            double& entry = result.f[i * n + j];
            entry = j > i ? 0.5 * entry : j == i ? root / (1 + i) : 0.0;
            for (int k = 0; k < m; ++k) entry -= result.g[i * m + k] * result.c[k * n + j];
        }
    }
    return result;
}

// The steady-state Kalman filter of a scalar state-space model, its Riccati equation iterated.
inline Matrices scalar_filter(double a, double c, double q, double r) {
    double p = q;
    for (int k = 0; k < 1000; ++k) p = a * a * (p - p * c * c * p / (c * c * p + r)) + q;
    const double s = c * c * p + r;
    const double gain = p * c / s;
    return {1, 1, {a - a * gain * c}, {a * gain}, {c}, {std::sqrt(s)}, {s}};
}

// R = H^-1 J H of the whitened machine, (T m, T m), from its definition.
inline std::vector<Wide> dense_reversal(const Matrices& p, int n_steps) {
    const int n = p.n, m = p.m;
    std::vector<Wide> a(static_cast<std::size_t>(n) * n), c(static_cast<std::size_t>(m) * n),
        g(static_cast<std::size_t>(n) * m);
    for (int i = 0; i < n; ++i) {
        for (int j = 0; j < n; ++j) {
            a[i * n + j] = p.f[i * n + j];
            for (int k = 0; k < m; ++k) a[i * n + j] += Wide(p.g[i * m + k]) * p.c[k * n + j];
        }
        for (int j = 0; j < m; ++j) {
            g[i * m + j] = 0;
            for (int k = 0; k < m; ++k) g[i * m + j] += Wide(p.g[i * m + k]) * p.l[k * m + j];
        }
    }
    for (int j = 0; j < n; ++j) {
        for (int i = 0; i < m; ++i) {
            Wide rest = p.c[i * n + j];
            for (int k = 0; k < i; ++k) rest -= Wide(p.l[i * m + k]) * c[k * n + j];
            c[i * n + j] = rest / p.l[i * m + i];
        }
    }
    const std::vector<Wide> f(p.f.begin(), p.f.end());

    // blocks[l] = sign C power^(l-1) G, blocks[0] = I
    const auto blocks = [&](const std::vector<Wide>& power, Wide sign) {
        std::vector<std::vector<Wide>> result(n_steps);
        std::vector<Wide> column = g;
        for (int l = 0; l < n_steps; ++l) {
            auto& block = result[l];
            block.assign(static_cast<std::size_t>(m) * m, 0);
            if (l == 0) {
                for (int i = 0; i < m; ++i) block[i * m + i] = 1;
                continue;
            }
            for (int i = 0; i < m; ++i) {
                for (int j = 0; j < m; ++j) {
                    for (int k = 0; k < n; ++k) {
                        block[i * m + j] += sign * c[i * n + k] * column[k * m + j];
                    }
                }
            }
            std::vector<Wide> next(column.size(), 0);
            for (int i = 0; i < n; ++i) {
                for (int k = 0; k < n; ++k) {
                    for (int j = 0; j < m; ++j) {
                        next[i * m + j] += power[i * n + k] * column[k * m + j];
                    }
                }
            }
            column = next;
        }
        return result;
    };
    const auto response = blocks(a, 1), inverse = blocks(f, -1);
    const int size = n_steps * m;
    std::vector<Wide> reversal(static_cast<std::size_t>(size) * size, 0);
    for (int s = 0; s < n_steps; ++s) {
        for (int t = 0; t < n_steps; ++t) {
            // Column block t of J H has its blocks at the reversed times.
            for (int u = 0; u <= s && n_steps - 1 - u >= t; ++u) {
                const auto& left = inverse[s - u];
                const auto& right = response[n_steps - 1 - u - t];
                for (int i = 0; i < m; ++i) {
                    for (int j = 0; j < m; ++j) {
                        Wide& entry =
                            reversal[static_cast<std::size_t>(s * m + i) * size + t * m + j];
                        for (int k = 0; k < m; ++k) entry += left[i * m + k] * right[k * m + j];
                    }
                }
            }
        }
    }
    return reversal;
}

// 1/2 (|row|^2 - 1) summed over the m rows of each backward innovation, in the order of time.
inline Values dense_per_step(const Matrices& p, int n_steps) {
    const auto reversal = dense_reversal(p, n_steps);
    const std::size_t size = static_cast<std::size_t>(n_steps) * p.m;
    Values result(static_cast<std::size_t>(n_steps));
    for (int s = 0; s < n_steps; ++s) {
        Wide sum = -p.m;
        for (std::size_t i = 0; i < size * p.m; ++i) {
            const Wide entry = reversal[s * p.m * size + i];
            sum += entry * entry;
        }
        result[n_steps - 1 - s] = static_cast<double>(sum / 2);
    }
    return result;
}

}  // namespace machines
