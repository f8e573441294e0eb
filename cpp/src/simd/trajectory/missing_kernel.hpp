// The recursion along one path with missing observations.
//
// With the memory known up to N(h, U U^T), what is observed at a step and the next memory are, but
// for their means, linear in independent standard normals z (m) and x (n):
//
//   [y_o - C_o h ]   [L_o    C_o U] [z]
//   [h' - A h    ] = [G L    A U  ] [x],   S = L L^T, A = F + G C,
//
// o the rows that are observed. Reflections from the right turn the array into [D 0; K U'], lower
// triangular: D D^T is the covariance of y_o, w = D^-1 (y_o - C_o h) is white, the next memory has
// mean A h + K w and covariance U' U'^T ([AM79] section 6.5). No covariance is ever subtracted.
#pragma once

#include <cmath>
#include <limits>
#include <numbers>

#include "entroprod/steps.hpp"
#include "numbers/large_products.hpp"
#include "simd/trajectory/trajectory_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

// Parts of the scratch memory.
template <int N, int M>
struct MissingScratch {
    double *next, *predicted, *innovation, *seen, *array, *reflector;

    MissingScratch(double* scratch, Extent<N> n, Extent<M> m)
        : next(scratch),
          predicted(next + n),
          innovation(predicted + m),
          seen(innovation + m),
          array(seen + m * n),
          reflector(array + (m + n) * (m + n)) {}
};

// Makes the row-major (rows, cols) array lower triangular by reflections from the right; rows <=
// cols. Entries above the diagonal are left as they are, to be read as zeros.
template <bool fixed>
ENTROPROD_INLINE void make_lower(int rows, int cols, double* array, double* reflector) {
    RowsDone<double, fixed ? 1 : 0> rows_done(rows * cols);
    for (int r = 0; r < rows; ++r) {
        rows_done.one_more();
        double* row = array + r * cols;
        double rest = 0.0;
        for (int j = r + 1; j < cols; ++j) rest += row[j] * row[j];
        if (rest == 0.0) continue;
        const double norm = std::sqrt(row[r] * row[r] + rest);
        const double diagonal = row[r] > 0.0 ? -norm : norm;
        reflector[r] = row[r] - diagonal;
        for (int j = r + 1; j < cols; ++j) reflector[j] = row[j];
        // 2 / |reflector|^2
        const double scale = -1.0 / (diagonal * reflector[r]);
        row[r] = diagonal;
        for (int i = r + 1; i < rows; ++i) {
            double* below = array + i * cols;
            double overlap = 0.0;
            for (int j = r; j < cols; ++j) overlap += below[j] * reflector[j];
            overlap *= scale;
            for (int j = r; j < cols; ++j) below[j] -= overlap * reflector[j];
        }
    }
}

// A step with the memory known exactly and nothing missing.
template <int N, int M>
ENTROPROD_INLINE double plain_step(Extent<N> n, Extent<M> m, const StepParameters& parameters,
                                   std::int64_t t, const double* y, double* memory,
                                   const MissingScratch<N, M>& scratch) {
    const MachineSteps& machine = parameters.machine;
    const double* lower = parameters.inverse_cholesky.at(t);
    multiply(m, n, Extent<1>(1), machine.output.at(t), memory, scratch.innovation);
    double square = 0.0;
    for (int i = 0; i < m; ++i) {
        scratch.innovation[i] = y[i] - scratch.innovation[i];
        double white = 0.0;
        for (int j = 0; j <= i; ++j) white += lower[i * m + j] * scratch.innovation[j];
        square += white * white;
    }
    multiply(n, n, Extent<1>(1), machine.state.at(t), memory, scratch.next);
    multiply_into<true>(n, m, Extent<1>(1), machine.input.at(t), y, scratch.next);
    for (int i = 0; i < n; ++i) memory[i] = scratch.next[i];
    return -parameters.normalisation.at(t)[0] - 0.5 * square;
}

// Any step: h and U (n, n) are replaced by the next ones.
template <int N, int M>
ENTROPROD_INLINE double uncertain_step(Extent<N> n, Extent<M> m, const StepParameters& parameters,
                                       std::int64_t t, const double* y, double* memory,
                                       double* root, const MissingScratch<N, M>& scratch) {
    const MachineSteps& machine = parameters.machine;
    const double *c = machine.output.at(t), *f = machine.state.at(t), *g = machine.input.at(t);
    const double* lower = parameters.cholesky.at(t);
    const int cols = m + n;
    multiply(m, n, Extent<1>(1), c, memory, scratch.predicted);
    multiply(m, n, n, c, root, scratch.seen);
    int observed = 0;
    for (int i = 0; i < m; ++i) {
        if (std::isnan(y[i])) continue;
        double* row = scratch.array + observed * cols;
        for (int j = 0; j < m; ++j) row[j] = lower[i * m + j];
        for (int j = 0; j < n; ++j) row[m + j] = scratch.seen[i * n + j];
        scratch.innovation[observed++] = y[i] - scratch.predicted[i];
    }
    for (int i = 0; i < n; ++i) {
        double* row = scratch.array + (observed + i) * cols;
        for (int j = 0; j < cols; ++j) row[j] = 0.0;
        for (int k = 0; k < m; ++k) {
            for (int j = 0; j <= k; ++j) row[j] += g[i * m + k] * lower[k * m + j];
            for (int j = 0; j < n; ++j) row[m + j] += g[i * m + k] * scratch.seen[k * n + j];
        }
        for (int k = 0; k < n; ++k) {
            for (int j = 0; j < n; ++j) row[m + j] += f[i * n + k] * root[k * n + j];
        }
    }
    make_lower<(N > 0 && M > 0)>(observed + n, cols, scratch.array, scratch.reflector);

    const double half_log_two_pi = 0.5 * std::log(2.0 * std::numbers::pi);
    double log_prob = 0.0;
    for (int i = 0; i < observed; ++i) {
        const double* row = scratch.array + i * cols;
        double white = scratch.innovation[i];
        for (int j = 0; j < i; ++j) white -= row[j] * scratch.innovation[j];
        white /= row[i];
        scratch.innovation[i] = white;
        log_prob -= half_log_two_pi + std::log(std::abs(row[i])) + 0.5 * white * white;
    }
    multiply(n, n, Extent<1>(1), f, memory, scratch.next);
    multiply_into<true>(n, m, Extent<1>(1), g, scratch.predicted, scratch.next);
    for (int i = 0; i < n; ++i) {
        const double* row = scratch.array + (observed + i) * cols;
        memory[i] = scratch.next[i];
        for (int j = 0; j < observed; ++j) memory[i] += row[j] * scratch.innovation[j];
        for (int j = 0; j < n; ++j) root[i * n + j] = j <= i ? row[observed + j] : 0.0;
    }
    return log_prob;
}

// Whether the observations still to come can't tell N(h, U U^T) from an exactly known h. Complete,
// they have the covariance I + W W^T in units of their innovations, |W|^2 = tr(U^T Lambda U) with
// the information Lambda that they hold about the memory, and incomplete ones tell less. Forgetting
// U then changes a log-density by less than a rounding of it.
template <int N>
ENTROPROD_INLINE bool can_be_dropped(Extent<N> n, const double* root, const double* information) {
    double total = 0.0;
    for (int i = 0; i < n; ++i) {
        for (int j = 0; j < n; ++j) {
            double cov = 0.0;
            for (int k = 0; k <= (i < j ? i : j); ++k) cov += root[i * n + k] * root[j * n + k];
            total += information[i * n + j] * cov;
        }
    }
    return total <= std::numeric_limits<double>::epsilon();
}

// Reads steps first_step .. + n_steps of one path y (n_steps, m), from the last one on with
// direction -1, and stores their log-densities in the order of time. information is Lambda after
// each step, at its t.
template <int N, int M>
void filter_missing(const StepParameters& parameters, std::int64_t first_step, std::int64_t n_steps,
                    int direction, const double* y, const StepMatrices& information,
                    UncertainMemory& state, double* workspace, double* log_prob) {
    const Extent<N> n(parameters.machine.n_states);
    const Extent<M> m(parameters.machine.n_outputs);
    const MissingScratch<N, M> scratch(workspace, n, m);
    for (std::int64_t read = 0; read < n_steps; ++read) {
        const std::int64_t k = direction > 0 ? read : n_steps - 1 - read;
        const std::int64_t t = first_step + k;
        bool complete = true;
        for (int i = 0; i < m; ++i) complete = complete && !std::isnan(y[k * m + i]);
        if (complete && state.certain) {
            log_prob[k] = plain_step(n, m, parameters, t, y + k * m, state.mean, scratch);
            continue;
        }
        log_prob[k] =
            uncertain_step(n, m, parameters, t, y + k * m, state.mean, state.root, scratch);
        state.certain = complete && can_be_dropped(n, state.root, information.at(t));
        if (state.certain) {
            for (int i = 0; i < n * n; ++i) state.root[i] = 0.0;
        }
    }
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
