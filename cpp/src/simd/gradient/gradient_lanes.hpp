// The adjoint recursion of gradient_kernel.hpp, a segment of steps in each lane.
//
// A step's K gives, with U = [C; F]^T K and Q = Gamma [A, G],
//   D = U [A, G]^T,  and to the sums  [C; F]: K Q^T,  [A, G]: Gamma^T U,  A: E A P,  F: Lambda F
//   Omega.
// Sums are many numbers: they are taken over a few steps at a time, whose factors wait for it.
#pragma once

#include <cstddef>

#include "simd/gradient/gradient_kernel.hpp"
#include "simd/lanes/lane_machine.hpp"
#include "simd/lanes/lane_matrix.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

// A machine and its transposes in every lane.
template <int N, int M>
struct LaneAdjointMachine {
    LaneMachine<N, M> forward;
    Lanes emission_over_filter_t[N * (M + N)];
    Lanes transition_and_input_t[(N + M) * N];

    explicit LaneAdjointMachine(const AdjointMachine<double>& machine) : forward(machine.forward) {
        spread_all(machine.emission_over_filter_t, emission_over_filter_t);
        spread_all(machine.transition_and_input_t, transition_and_input_t);
    }
};

// What the way forward leaves of a step.
template <int N, int M>
struct LaneRecord {
    Lanes gamma[N * N], omega[N * N], dual[N * N];  // before it
    Lanes moved[N * (N + M)];                       // Q
    Lanes x[M * N], y[M * M], n[N * M];             // X, Y, N
};

// What the way back adds.
template <int N, int M>
struct LaneFactors {
    Lanes both[(M + N) * (N + M)];  // K
    Lanes left[N * (N + M)];        // U
    Lanes transition[N * N];        // A P
    Lanes filter_t[N * N];          // F^T Lambda
};

// One step forward.
template <int N, int M>
ENTROPROD_INLINE void record_step(const LaneMachine<N, M>& machine, Lanes* gamma, Lanes* omega,
                                  Lanes* dual, LaneRecord<N, M>& record) {
    constexpr int width = N + M;
    constexpr Extent<N> n(N);
    constexpr Extent<width> wide(width);
    Lanes both[width * width];
    for (int i = 0; i < N * N; ++i) {
        record.gamma[i] = gamma[i];
        record.omega[i] = omega[i];
        record.dual[i] = dual[i];
    }
    multiply(n, n, wide, gamma, machine.transition_and_input, record.moved);
    multiply(wide, n, wide, machine.emission_over_filter, record.moved, both);
    Lanes x_t[N * M];
    for (int i = 0; i < M; ++i) {
        for (int j = 0; j < N; ++j) {
            const Lanes x = machine.emission_over_filter[i * N + j] - both[i * width + j];
            record.x[i * N + j] = x_t[j * M + i] = x;
        }
        for (int j = 0; j < M; ++j) {
            record.y[i * M + j] = Lanes(i == j ? 1.0 : 0.0) - both[i * width + N + j];
        }
    }
    for (int i = 0; i < N; ++i) {
        const Lanes* row = both + (M + i) * width;
        for (int j = 0; j < N; ++j) gamma[i * N + j] = row[j] + machine.input_emission[i * N + j];
        for (int j = 0; j < M; ++j) record.n[i * M + j] = row[N + j] + machine.input[i * M + j];
    }
    Lanes of_omega[N * N], of_dual[N * N];
    for (int i = 0; i < N * N; ++i) of_omega[i] = of_dual[i] = Lanes(0.0);
    add_symmetric<N, M>(record.n, record.n, of_omega);
    add_symmetric<N, M>(x_t, x_t, of_dual);
    map_symmetric<N>(machine.emission_over_filter + M * N, of_omega, omega);
    map_symmetric<N>(machine.transition_t, of_dual, dual);
}

// One step back: the adjoint goes from after to before it.
template <int N, int M>
ENTROPROD_INLINE void reverse_step(const LaneAdjointMachine<N, M>& machine,
                                   const LaneRecord<N, M>& record,
                                   const AdjointState<Lanes>& adjoint, LaneFactors<N, M>& factors) {
    constexpr int width = N + M;
    constexpr Extent<N> n(N);
    constexpr Extent<M> m(M);
    constexpr Extent<width> wide(width);
    const LaneMachine<N, M>& forward = machine.forward;
    Lanes of_x[M * N], of_n[N * M];
    multiply(m, n, n, record.x, adjoint.covariance, of_x);
    multiply(n, n, m, adjoint.observability, record.n, of_n);
    for (int i = 0; i < M; ++i) {
        Lanes* row = factors.both + i * width;
        for (int j = 0; j < N; ++j) row[j] = -of_x[i * N + j];
        for (int j = 0; j < M; ++j) row[N + j] = -record.y[i * M + j];
    }
    for (int i = 0; i < N; ++i) {
        Lanes* row = factors.both + (M + i) * width;
        for (int j = 0; j < N; ++j) row[j] = adjoint.gamma[i * N + j];
        for (int j = 0; j < M; ++j) row[N + j] = of_n[i * M + j];
    }
    multiply(n, wide, wide, machine.emission_over_filter_t, factors.both, factors.left);
    multiply(n, wide, n, factors.left, machine.transition_and_input_t, adjoint.gamma);
    multiply(n, n, n, forward.transition, adjoint.covariance, factors.transition);
    multiply(n, n, n, forward.filter_t, adjoint.observability, factors.filter_t);
    for (int i = 0; i < N * N; ++i) {
        adjoint.covariance[i] = forward.noise[i];
        adjoint.observability[i] = forward.emission_gram[i];
    }
    add_symmetric<N, N>(factors.transition, forward.transition, adjoint.covariance);
    add_symmetric<N, N>(factors.filter_t, forward.filter_t, adjoint.observability);
}

// Of so many sums at a time the registers hold all.
inline constexpr int sums_at_once = 16;

// The largest divisor of `rows` whose rows of `cols` numbers fit.
constexpr int tile_of(int rows, int cols) {
    int tile = rows;
    while (tile > 1 && (tile * cols > sums_at_once || rows % tile != 0)) --tile;
    return tile;
}

// Matrices of so many steps, `stride` numbers apart.
struct Series {
    const Lanes* data;
    std::ptrdiff_t stride;

    template <class Step>
    Series(const Step* steps, const Lanes* part)
        : data(part), stride(sizeof(Step) / sizeof(Lanes)) {
        static_cast<void>(steps);
    }
    const Lanes* at(int k) const { return data + k * stride; }
};

// out += sum_k a_k^T b_k, or a_k b_k^T where by_rows: the factors' common extent is `inner`.
template <bool by_rows, int rows, int inner, int cols>
ENTROPROD_INLINE void sum_products(const Series& a, const Series& b, int count, Lanes* out) {
    constexpr int tile = tile_of(rows, cols);
    for (int first = 0; first < rows; first += tile) {
        Lanes sums[tile * cols];
        for (int i = 0; i < tile * cols; ++i) sums[i] = out[first * cols + i];
        for (int k = 0; k < count; ++k) {
            const Lanes *left = a.at(k), *right = b.at(k);
            for (int l = 0; l < inner; ++l) {
                for (int i = 0; i < tile; ++i) {
                    const int row = first + i;
                    const Lanes factor = by_rows ? left[row * inner + l] : left[l * rows + row];
                    for (int j = 0; j < cols; ++j) {
                        sums[i * cols + j] +=
                            factor * (by_rows ? right[j * inner + l] : right[l * cols + j]);
                    }
                }
            }
        }
        for (int i = 0; i < tile * cols; ++i) out[first * cols + i] = sums[i];
    }
}

// out += sum_k a_k
template <int size>
ENTROPROD_INLINE void sum_up(const Series& a, int count, Lanes* out) {
    for (int first = 0; first < size; first += sums_at_once) {
        constexpr int most = size < sums_at_once ? size : sums_at_once;
        const int here = size - first < most ? size - first : most;
        Lanes sums[most];
        for (int i = 0; i < here; ++i) sums[i] = out[first + i];
        for (int k = 0; k < count; ++k) {
            for (int i = 0; i < here; ++i) sums[i] += a.at(k)[first + i];
        }
        for (int i = 0; i < here; ++i) out[first + i] = sums[i];
    }
}

// What `count` steps contribute to the gradient.
template <int count, int N, int M>
ENTROPROD_INLINE void add_contributions(const LaneRecord<N, M>* records,
                                        const LaneFactors<N, M>* factors,
                                        const GradientSums<Lanes>& sums) {
    constexpr int width = N + M;
    const Series gamma(records, records->gamma), omega(records, records->omega);
    const Series dual(records, records->dual), moved(records, records->moved);
    const Series both(factors, factors->both), left(factors, factors->left);
    const Series transition(factors, factors->transition), filter_t(factors, factors->filter_t);
    sum_products<true, width, width, N>(both, moved, count, sums.left);
    sum_products<false, N, N, width>(gamma, left, count, sums.right);
    sum_products<false, N, N, N>(dual, transition, count, sums.transition);
    sum_products<false, N, N, N>(filter_t, omega, count, sums.filter);
    sum_up<width * width>(both, count, sums.products);
    sum_up<N * N>(dual, count, sums.dual);
    sum_up<N * N>(omega, count, sums.omega);
}

// The segments of all lanes, from the states at their starts and the adjoints at their ends.
// records: n_steps of them.
template <int N, int M>
void reverse_lanes(const LaneAdjointMachine<N, M>& machine, int n_steps, Lanes* state,
                   Lanes* adjoint, LaneRecord<N, M>* records, Lanes* sums) {
    constexpr int size = N * N;
    constexpr int steps_between = 8;
    for (int k = 0; k < n_steps; ++k) {
        record_step(machine.forward, state, state + size, state + 2 * size, records[k]);
    }
    LaneFactors<N, M> factors[steps_between];
    for (int first = n_steps - steps_between; first >= 0; first -= steps_between) {
        for (int k = steps_between - 1; k >= 0; --k) {
            reverse_step(machine, records[first + k], AdjointState<Lanes>(adjoint, N), factors[k]);
        }
        add_contributions<steps_between>(records + first, factors, GradientSums<Lanes>(sums, N, M));
    }
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
