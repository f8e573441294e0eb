// The decomposition of a constant pair of machines over a stretch of steps, its segments side by
// side: one in each lane of a register.
//
// Symbols as in decomposition_kernel.hpp. With Pi = R R^T, R lower triangular, h is R w for white
// w, and with g = Gamma (A h + G e) + .. the step's covariances are sums of squares:
//   of e^B:      (C - C^b Gamma A) R w + (D - C^b Gamma G) e,       and C^b Omega C^bT,
//   of y - W g:  (C - W Gamma A) R w + (D - W Gamma G) e,           and W Omega W^T.
// What the observations from t on say about h_t leaves it ln det B_t less uncertain, twice the
// nats, B = I + R^T Lambda R, and what y_t adds to those behind it is
//   ln det V_t = ln det B_t - ln det B_{t+1} + ln det D D^T,
// one determinant a step.
#include <cmath>
#include <cstddef>

#include "simd/decomposition/decomposition_kernels.hpp"
#include "simd/lanes/lane_machine.hpp"
#include "simd/lanes/lane_matrix.hpp"
#include "simd/lanes/logarithm.hpp"
#include "simd/lanes/pick.hpp"
#include "simd/lanes/unset_array.hpp"
#include "simd/lanes/vector.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

// A pair's coefficients in every lane; the products that no step changes, too.
template <int N, int M>
struct LanePair {
    Lanes transition[N * N], input[N * M], emission[M * N], noise[M * M], filter_t[N * N];
    Lanes emission_over_filter[(M + N) * N];  // of the backward machine
    Lanes back_input_noise[N * M];            // G^b D
    Lanes back_input_emission[N * N];         // G^b C
    Lanes driven[N * N];                      // G G^T
    Lanes gram[N * N];                        // (D^-1 C)^T D^-1 C
    double log_det_ratio;
    double log_det_noise = 0.0;  // ln det D D^T

    explicit LanePair(const PairStep<double>& step) : log_det_ratio(step.log_det_ratio) {
        constexpr Extent<N> n(N);
        constexpr Extent<M> m(M);
        spread_all(step.transition, transition);
        spread_all(step.input, input);
        spread_all(step.emission, emission);
        spread_all(step.noise, noise);
        spread_all(step.filter_t, filter_t);
        for (int i = 0; i < M * N; ++i) emission_over_filter[i] = Lanes(step.back_emission[i]);
        for (int i = 0; i < N * N; ++i) {
            emission_over_filter[M * N + i] = Lanes(step.back_filter[i]);
        }
        double of_noise[N * M], of_emission[N * N], input_t[M * N], square[N * N] = {};
        multiply(n, m, m, step.back_input, step.noise, of_noise);
        multiply(n, m, n, step.back_input, step.emission, of_emission);
        spread_all(of_noise, back_input_noise);
        spread_all(of_emission, back_input_emission);
        transpose(n, m, step.input, input_t);
        add_gram(m, n, input_t, square);
        spread_all(square, driven);
        for (double& entry : square) entry = 0.0;
        add_gram(m, n, step.whitened_emission, square);
        spread_all(square, gram);
        for (int i = 0; i < M; ++i) log_det_noise += 2.0 * std::log(step.noise[i * M + i]);
    }
};

// Sums over the steps of a stretch, of all lanes. Where `margin` isn't positive or `probe` isn't
// finite, the stretch hasn't been clear.
struct LaneSums {
    Lanes production, magnitude, x_squared, parts_squared, lowest, margin, probe;

    LaneSums() {
        production = magnitude = x_squared = parts_squared = lowest = probe = Lanes(0.0);
        margin = Lanes(1.0);
    }
};

// Records in the margin by how much a covariance's determinant exceeds a part of the product of its
// variances. Where it does, so does what is left of each by those before it, in any order.
ENTROPROD_INLINE void require_part(double part, Lanes determinant, Lanes variances, Lanes& margin) {
    margin = lower(margin, determinant - Lanes(part) * variances);
}

// R of Pi = R R^T; a component without any variance has none.
template <int N>
ENTROPROD_INLINE void root_of(const Lanes* pi, Lanes* root, Lanes& margin) {
    const Lanes tiny(1e-290);
    Lanes rest[N * N];
    Lanes determinant(1.0), variances(1.0);
    for (int i = 0; i < N * N; ++i) rest[i] = pi[i];
    for (int j = 0; j < N; ++j) {
        const Lanes pivot = rest[j * N + j] + tiny;
        determinant = determinant * pivot;
        variances = variances * (pi[j * N + j] + tiny);
        const Lanes inverse = Lanes(1.0) / square_root(pivot);
        for (int i = j; i < N; ++i) root[triangle(i) + j] = rest[i * N + j] * inverse;
        for (int i = j + 1; i < N; ++i) {
            for (int k = j + 1; k <= i; ++k) {
                rest[i * N + k] -= root[triangle(i) + j] * root[triangle(k) + j];
            }
        }
    }
    require_part(clear_variance, determinant, variances, margin);
}

// R for the times from the starts of the segments to their ends: (n_steps + 1, triangle(N)).
template <int N>
ENTROPROD_SHARED void run_forward(const Lanes* transition, const Lanes* driven, int n_steps,
                                  Lanes* pi, Lanes* roots, Lanes& margin) {
    for (int k = 0; k < n_steps; ++k) {
        root_of<N>(pi, roots + k * triangle(N), margin);
        map_symmetric<N>(transition, driven, pi);
    }
    root_of<N>(pi, roots + n_steps * triangle(N), margin);
}

template <int N, int M>
struct LaneState {
    Lanes gamma[N * N], omega[N * N], lambda[N * N];
    Lanes log_det;  // ln det B
};

// det B. It carries the relative error of a rounding over the part that it is of B's diagonal.
template <int N>
ENTROPROD_INLINE Lanes det_of_information(const Lanes* lambda, const Lanes* root, Lanes& margin) {
    constexpr double well_conditioned = 0x1p-11;
    Lanes seen[N * N], b[N * N];
    multiply_by_root<N, N>(lambda, root, seen);
    for (int i = 0; i < N; ++i) {
        for (int j = 0; j <= i; ++j) {
            Lanes sum(i == j ? 1.0 : 0.0);
            for (int k = i; k < N; ++k) sum += root[triangle(k) + i] * seen[k * N + j];
            b[i * N + j] = b[j * N + i] = sum;
        }
    }
    const Lanes diagonal = product_of_diagonal<N>(b);
    const Lanes result = determinant_of<N>(b);
    require_part(well_conditioned, result, diagonal, margin);
    return result;
}

// How the maps of w and e that a step needs are named.
template <int N, int M>
struct StepMaps {
    Lanes gamma_a[N * N], gamma_g[N * M];
    Lanes read[N * N];  // Gamma A R
    Lanes seen[M * N];  // C R
};

// det V^g.
template <int N, int M>
ENTROPROD_INLINE Lanes det_given_memory(const Lanes* omega, const Lanes* noise,
                                        const StepMaps<N, M>& maps, Lanes& margin) {
    Lanes memory[N * N], weights[M * N];
    for (int i = 0; i < N * N; ++i) memory[i] = omega[i];
    add_symmetric<N, N>(maps.read, maps.read, memory);
    add_symmetric<N, M>(maps.gamma_g, maps.gamma_g, memory);
    const Lanes variances = product_of_diagonal<N>(memory);
    require_part(clear_variance, factor<N>(memory), variances, margin);
    for (int r = 0; r < M; ++r) {
        Lanes* row = weights + r * N;
        for (int i = 0; i < N; ++i) {
            row[i] = dot<N>(maps.seen + r * N, maps.read + i * N) +
                     dot<M>(noise + r * M, maps.gamma_g + i * M);
            for (int k = 0; k < i; ++k) row[i] -= memory[i * N + k] * row[k];
        }
        for (int i = N - 1; i >= 0; --i) {
            row[i] = row[i] * memory[i * N + i];
            for (int k = i + 1; k < N; ++k) row[i] -= memory[k * N + i] * row[k];
        }
    }
    Lanes of_h[M * N], of_e[M * M], rest[M * N], covariance[M * M];
    multiply(Extent<M>(M), Extent<N>(N), Extent<N>(N), weights, maps.read, of_h);
    multiply(Extent<M>(M), Extent<N>(N), Extent<M>(M), weights, maps.gamma_g, of_e);
    multiply(Extent<M>(M), Extent<N>(N), Extent<N>(N), weights, omega, rest);
    for (int i = 0; i < M * N; ++i) of_h[i] = maps.seen[i] - of_h[i];
    for (int i = 0; i < M * M; ++i) of_e[i] = noise[i] - of_e[i];
    for (int i = 0; i < M * M; ++i) covariance[i] = Lanes(0.0);
    add_symmetric<M, N>(of_h, of_h, covariance);
    add_symmetric<M, M>(of_e, of_e, covariance);
    add_symmetric<M, N>(rest, weights, covariance);
    return determinant_of<M>(covariance);
}

// Twice the nats of production, D and L of one step of every lane.
struct LaneTerms {
    Lanes production, retrospective, compression_loss;
};

// tr Cov(e^B), the products with Gamma A, Gamma G and Omega given.
template <int N, int M>
ENTROPROD_INLINE Lanes spread_of_innovation(const LanePair<N, M>& pair, const Lanes* root,
                                            const Lanes* of_a, const Lanes* of_g,
                                            const Lanes* of_omega, const Lanes* seen,
                                            LaneSums& sums) {
    Lanes x[M * N], x_root[M * N];
    for (int i = 0; i < M * N; ++i) x[i] = pair.emission[i] - of_a[i];
    multiply_by_root<M, N>(x, root, x_root);
    const Lanes x_squared = dot<M * N>(x_root, x_root);
    sums.x_squared += x_squared;
    for (int i = 0; i < M * N; ++i) {
        const Lanes part = seen[i] - x_root[i];
        sums.parts_squared += part * part + seen[i] * seen[i];
    }
    Lanes spread = x_squared + dot<M * N>(of_omega, pair.emission_over_filter);
    for (int i = 0; i < M * M; ++i) {
        const Lanes y = pair.noise[i] - of_g[i];
        spread += y * y;
    }
    return spread;
}

// One step, from the R of its time: its terms, and the state takes in its observation.
template <int N, int M>
ENTROPROD_INLINE LaneTerms step_back(const LanePair<N, M>& pair, const Lanes* root,
                                     LaneState<N, M>& state, LaneSums& sums) {
    constexpr Extent<N> n(N);
    constexpr Extent<M> m(M);
    constexpr auto rows = m + n;
    Lanes of_a[(M + N) * N], of_g[(M + N) * M], of_omega[(M + N) * N];
    StepMaps<N, M> maps;
    multiply(n, n, n, state.gamma, pair.transition, maps.gamma_a);
    multiply(n, n, m, state.gamma, pair.input, maps.gamma_g);
    multiply_by_root<N, N>(maps.gamma_a, root, maps.read);
    multiply_by_root<M, N>(pair.emission, root, maps.seen);
    multiply(rows, n, n, pair.emission_over_filter, maps.gamma_a, of_a);
    multiply(rows, n, m, pair.emission_over_filter, maps.gamma_g, of_g);
    multiply(rows, n, n, pair.emission_over_filter, state.omega, of_omega);

    const Lanes spread = spread_of_innovation(pair, root, of_a, of_g, of_omega, maps.seen, sums);
    sums.magnitude += spread;
    Pack determinants;
    determinants.part[1] =
        det_given_memory<N, M>(state.omega, pair.noise, maps, sums.margin).values;

    Lanes noise[N * M];
    for (int i = 0; i < N * N; ++i) {
        state.gamma[i] = of_a[M * N + i] + pair.back_input_emission[i];
        state.omega[i] = Lanes(0.0);
    }
    for (int i = 0; i < N * M; ++i) noise[i] = of_g[M * M + i] + pair.back_input_noise[i];
    add_symmetric<N, N>(of_omega + M * N, pair.emission_over_filter + M * N, state.omega);
    add_symmetric<N, M>(noise, noise, state.omega);
    map_symmetric<N>(pair.filter_t, pair.gram, state.lambda);
    determinants.part[0] = det_of_information<N>(state.lambda, root, sums.margin).values;

    // What has left the range of normal numbers has no logarithm here.
    sums.margin = lower(sums.margin, Lanes(determinants.part[1]) - Lanes(1e-290));
    sums.probe += Lanes(determinants.part[0]) + Lanes(determinants.part[1]);
    const Pack logs = logarithm(determinants);
    const Lanes by_future = Lanes(logs.part[0]) - state.log_det + Lanes(pair.log_det_noise);
    state.log_det = Lanes(logs.part[0]);
    const Lanes excess = spread - Lanes(static_cast<double>(M));
    return {excess + Lanes(pair.log_det_ratio), excess - by_future,
            Lanes(logs.part[1]) - by_future};
}

// Writes what the lanes hold to places `stride` apart, the first lane's last.
ENTROPROD_INLINE void scatter(Lanes value, std::ptrdiff_t stride, double* to) {
    for (int lane = 0; lane < register_lanes; ++lane) {
        to[(register_lanes - 1 - lane) * stride] = value.values[lane];
    }
}

// A step's values, `at` steps after the start of its segment.
ENTROPROD_INLINE void write(const LaneTerms& terms, int n_steps, int at, const StretchArrays& out,
                            LaneSums& sums) {
    const Lanes half(0.5), zero(0.0);
    const Lanes d = half * terms.retrospective;
    const Lanes l = half * terms.compression_loss;
    const Lanes m = half * (terms.retrospective - terms.compression_loss);
    sums.lowest = lower(sums.lowest, lower(d, lower(l, m)));
    sums.probe += d + l;
    scatter(higher(d, zero), n_steps, out.retrospective + at);
    scatter(higher(l, zero), n_steps, out.compression_loss + at);
    scatter(higher(m, zero), n_steps, out.model_mismatch + at);
    if (out.per_step != nullptr) scatter(half * terms.production, n_steps, out.per_step + at);
}

// All segments, from their ends. Sums of sums lose less to rounding than one long sum.
template <int N, int M>
void run_back(const LanePair<N, M>& pair, int n_steps, const Lanes* roots, LaneState<N, M>& state,
              const StretchArrays& out, LaneSums& sums) {
    constexpr int steps_between = 16;
    for (int left = n_steps; left > 0;) {
        Lanes part(0.0);
        for (int k = 0; k < steps_between && left > 0; ++k) {
            --left;
            const LaneTerms terms = step_back(pair, roots + left * triangle(N), state, sums);
            part += terms.production;
            write(terms, n_steps, left, out, sums);
        }
        sums.production += part;
    }
}

// What L steps make of Gamma, Omega and Lambda.
template <int N>
ENTROPROD_SHARED void leap_back(const PairMaps<double>& maps, double* gamma, double* omega,
                                double* lambda) {
    constexpr Extent<N> n(N);
    double carried[N * N], carried_t[N * N], product[N * N], other[N * N];
    multiply(n, n, n, maps.back_filter, gamma, carried);
    transpose(n, n, carried, carried_t);

    multiply(n, n, n, maps.back_filter, omega, product);
    multiply(n, n, n, product, maps.back_filter_t, omega);
    multiply(n, n, n, carried, maps.covariance, product);
    multiply_into<true>(n, n, n, product, carried_t, omega);
    multiply(n, n, n, maps.cross, carried_t, other);
    for (int i = 0; i < N; ++i) {
        for (int j = 0; j < N; ++j) {
            omega[i * N + j] += maps.omega[i * N + j] + (other[i * N + j] + other[j * N + i]);
        }
    }
    multiply(n, n, n, carried, maps.transition, gamma);
    for (int i = 0; i < N * N; ++i) gamma[i] += maps.gamma[i];
    multiply(n, n, n, maps.filter_t, lambda, product);
    multiply(n, n, n, product, maps.filter, lambda);
    for (int i = 0; i < N * N; ++i) lambda[i] += maps.lambda[i];
}

// The states at the ends of the segments into the lanes, the latest first; that at the start of the
// earliest stays in `state`.
template <int N, int M>
ENTROPROD_INLINE void spread_state(const PairMaps<double>& maps, double (&state)[3 * N * N],
                                   LaneState<N, M>& lanes) {
    constexpr int size = N * N;
    for (int lane = 0; lane < register_lanes; ++lane) {
        for (int i = 0; i < size; ++i) {
            lanes.gamma[i].values[lane] = state[i];
            lanes.omega[i].values[lane] = state[size + i];
            lanes.lambda[i].values[lane] = state[2 * size + i];
        }
        leap_back<N>(maps, state, state + size, state + 2 * size);
    }
}

// The covariances at the starts of the segments into the lanes, that of the earliest given.
template <int N>
ENTROPROD_SHARED void spread_covariance(const PairMaps<double>& maps, const double* first,
                                        Lanes* pi) {
    constexpr Extent<N> n(N);
    double now[N * N], product[N * N];
    for (int i = 0; i < N * N; ++i) now[i] = first[i];
    for (int lane = register_lanes - 1; lane >= 0; --lane) {
        for (int i = 0; i < N * N; ++i) pi[i].values[lane] = now[i];
        multiply(n, n, n, maps.transition, now, product);
        multiply(n, n, n, product, maps.transition_t, now);
        for (int i = 0; i < N * N; ++i) now[i] += maps.covariance[i];
    }
}

template <int N, int M>
bool advance_pair_stretch(const PairStep<double>& step, const PairMaps<double>& maps,
                          int segment_steps, const PairState<double>& state,
                          const double* covariance, const StretchArrays& out, StretchSums& sums) {
    constexpr int size = N * N;
    const LanePair<N, M> pair(step);
    const UnsetArray<Lanes> roots((static_cast<std::size_t>(segment_steps) + 1) * triangle(N));
    LaneSums all;
    Lanes pi[size];
    spread_covariance<N>(maps, covariance, pi);
    run_forward<N>(pair.transition, pair.driven, segment_steps, pi, roots.get(), all.margin);
    if (!(lowest_of_lanes(all.margin) > 0.0)) return false;

    double numbers[3 * size];
    for (int i = 0; i < size; ++i) {
        numbers[i] = state.gamma[i];
        numbers[size + i] = state.omega[i];
        numbers[2 * size + i] = state.lambda[i];
    }
    LaneState<N, M> lanes;
    spread_state(maps, numbers, lanes);
    Pack behind;
    behind.part[0] = behind.part[1] =
        det_of_information<N>(lanes.lambda, roots.get() + segment_steps * triangle(N), all.margin)
            .values;
    lanes.log_det = Lanes(logarithm(behind).part[0]);
    run_back(pair, segment_steps, roots.get(), lanes, out, all);
    sums.production = sum_of_lanes(all.production);
    sums.magnitude = sum_of_lanes(all.magnitude) +
                     register_lanes * segment_steps * (M + std::abs(step.log_det_ratio));
    sums.sensitivity = std::sqrt(sum_of_lanes(all.x_squared) * sum_of_lanes(all.parts_squared));
    sums.lowest = lowest_of_lanes(all.lowest);
    const double probe = sum_of_lanes(all.probe) + sums.magnitude;
    if (!(lowest_of_lanes(all.margin) > 0.0) || !std::isfinite(probe)) return false;
    for (const double entry : numbers) {
        if (!std::isfinite(entry)) return false;
    }
    for (int i = 0; i < size; ++i) {
        state.gamma[i] = numbers[i];
        state.omega[i] = numbers[size + i];
        state.lambda[i] = numbers[2 * size + i];
    }
    return true;
}

template <int N, int M>
struct AdvancePairStretch {
    static constexpr DecompositionKernels<double>::AdvanceStretch kernel =
        advance_pair_stretch<N, M>;
};
template <>
struct AdvancePairStretch<0, 0> {
    static constexpr DecompositionKernels<double>::AdvanceStretch kernel = nullptr;
};

}  // namespace

DecompositionKernels<double>::AdvanceStretch decomposition_stretch(const PairSizes& sizes) {
    return sizes.n == sizes.b ? pick<AdvancePairStretch>(sizes.n, sizes.m) : nullptr;
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
