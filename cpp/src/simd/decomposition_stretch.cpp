// The decomposition of a constant pair of machines over a stretch of steps, its segments side by
// side: one in each lane of a register.
//
// Symbols as in decomposition_kernel.hpp. Here h is given by its own white noise: with Pi = R R^T,
// R lower triangular, and w ~ N(0, I) that of e and then of h, one step is
//   y = N w,  N = [D, C R],   h' = M w,  M = [G, A R]   (h' the memory after it),
// and all that the step needs are covariances of linear maps of w:
//   e^B:   N - C^b Gamma M, and C^b Omega C^bT,
//   V  :   N J^-1 N^T with J = I + M^T Lambda M, what the observations behind say about w,
//   V^g:   N - W Gamma M, and W Omega W^T, W being the regression of y on g = Gamma h' + ..
#include <cmath>
#include <cstddef>
#include <memory>

#include "simd/lane_machine.hpp"
#include "simd/logarithm.hpp"
#include "simd/pick.hpp"
#include "simd/production_kernel.hpp"
#include "simd/tables.hpp"
#include "simd/vector.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

// A pair's coefficients in every lane; the products that no step changes, too.
template <int N, int M>
struct LanePair {
    Lanes transition[N * N], transition_t[N * N], input[N * M], emission[M * N], noise[M * M];
    Lanes filter[N * N], filter_t[N * N];
    Lanes emission_over_filter[(M + N) * N];  // of the backward machine
    Lanes back_filter_t[N * N];
    Lanes back_input_noise[N * M];     // G^b D
    Lanes back_input_emission[N * N];  // G^b C
    Lanes driven[N * N];               // G G^T
    Lanes gram[N * N];                 // (D^-1 C)^T D^-1 C
    Lanes log_det_ratio;

    explicit LanePair(const PairStep<double>& step) : log_det_ratio(step.log_det_ratio) {
        constexpr Extent<N> n(N);
        constexpr Extent<M> m(M);
        spread_all(step.transition, transition);
        spread_all(step.transition_t, transition_t);
        spread_all(step.input, input);
        spread_all(step.emission, emission);
        spread_all(step.noise, noise);
        spread_all(step.filter, filter);
        spread_all(step.filter_t, filter_t);
        spread_all(step.back_filter_t, back_filter_t);
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

ENTROPROD_INLINE double sum_of_lanes(Lanes a) {
    double result = 0.0;
    for (int lane = 0; lane < register_lanes; ++lane) result += a.values[lane];
    return result;
}
ENTROPROD_INLINE double lowest_of_lanes(Lanes a) {
    double result = a.values[0];
    for (int lane = 1; lane < register_lanes; ++lane) {
        // A NaN, too, is the lowest.
        if (!(a.values[lane] >= result)) result = a.values[lane];
    }
    return result;
}

// sum_k a_k b_k with rows of `inner` numbers.
template <int inner>
ENTROPROD_INLINE Lanes dot(const Lanes* a, const Lanes* b) {
    Lanes sum = a[0] * b[0];
    for (int k = 1; k < inner; ++k) sum += a[k] * b[k];
    return sum;
}

// out += a b^T, of which the result is known to be symmetric: (rows, inner) each.
template <int rows, int inner>
ENTROPROD_INLINE void add_symmetric(const Lanes* a, const Lanes* b, Lanes* out) {
    for (int i = 0; i < rows; ++i) {
        for (int j = 0; j <= i; ++j) {
            out[i * rows + j] += dot<inner>(a + i * inner, b + j * inner);
            out[j * rows + i] = out[i * rows + j];
        }
    }
}

// a -> left a left^T + added, all symmetric.
template <int N>
ENTROPROD_INLINE void map_symmetric(const Lanes* left, const Lanes* added, Lanes* a) {
    Lanes product[N * N];
    multiply(Extent<N>(N), Extent<N>(N), Extent<N>(N), left, a, product);
    for (int i = 0; i < N * N; ++i) a[i] = added[i];
    add_symmetric<N, N>(product, left, a);
}

// Replaces a symmetric positive definite A by L below its diagonal and the reciprocals of the
// pivots on it, A = L diag(pivots) L^T; returns the product of the pivots. Of each pivot is
// recorded by how much it exceeds `clear` times the diagonal.
template <int N>
ENTROPROD_INLINE Lanes factor(double clear, Lanes* a, Lanes& margin) {
    Lanes determinant(1.0);
    Lanes whole[N];
    for (int i = 0; i < N; ++i) whole[i] = a[i * N + i];
    for (int j = 0; j < N; ++j) {
        const Lanes pivot = a[j * N + j];
        margin = lower(margin, pivot - Lanes(clear) * whole[j]);
        determinant = j == 0 ? pivot : determinant * pivot;
        const Lanes inverse = Lanes(1.0) / pivot;
        a[j * N + j] = inverse;
        for (int i = j + 1; i < N; ++i) {
            const Lanes entry = a[i * N + j] * inverse;
            for (int k = j + 1; k <= i; ++k) a[i * N + k] -= entry * a[k * N + j];
            // Later rows still need the entry times the pivot.
            a[j * N + i] = entry;
        }
        for (int i = j + 1; i < N; ++i) a[i * N + j] = a[j * N + i];
    }
    return determinant;
}

// R of Pi = R R^T; a component without any variance has none.
template <int N>
ENTROPROD_INLINE void root_of(const Lanes* pi, Lanes* root, Lanes& margin) {
    constexpr double tiny = 1e-290;
    Lanes rest[N * N];
    for (int i = 0; i < N * N; ++i) rest[i] = pi[i], root[i] = Lanes(0.0);
    for (int j = 0; j < N; ++j) {
        const Lanes pivot = rest[j * N + j];
        margin = lower(margin, pivot - Lanes(clear_variance) * pi[j * N + j] + Lanes(tiny));
        const Lanes inverse = Lanes(1.0) / square_root(pivot + Lanes(tiny));
        for (int i = j; i < N; ++i) root[i * N + j] = rest[i * N + j] * inverse;
        for (int i = j + 1; i < N; ++i) {
            for (int k = j + 1; k <= i; ++k) rest[i * N + k] -= root[i * N + j] * root[k * N + j];
        }
    }
}

// A R and C R for each step of the segments: (n_steps, N + M, N), in the order of time.
template <int N, int M>
void run_forward(const LanePair<N, M>& pair, int n_steps, Lanes* pi, Lanes* roots, Lanes& margin) {
    constexpr Extent<N> n(N);
    constexpr Extent<M> m(M);
    for (int k = 0; k < n_steps; ++k) {
        Lanes root[N * N];
        root_of<N>(pi, root, margin);
        Lanes* out = roots + static_cast<std::ptrdiff_t>(k) * (N + M) * N;
        multiply(n, n, n, pair.transition, root, out);
        multiply(m, n, n, pair.emission, root, out + N * N);
        map_symmetric<N>(pair.transition, pair.driven, pi);
    }
}

template <int N, int M>
struct LaneState {
    Lanes gamma[N * N], omega[N * N], lambda[N * N];
};

// [first, second], (rows, A) and (rows, B) -> (rows, A + B).
template <int rows, int A, int B>
ENTROPROD_INLINE void beside(const Lanes* first, const Lanes* second, Lanes* out) {
    for (int i = 0; i < rows; ++i) {
        for (int j = 0; j < A; ++j) out[i * (A + B) + j] = first[i * A + j];
        for (int j = 0; j < B; ++j) out[i * (A + B) + A + j] = second[i * B + j];
    }
}

// det V: N J^-1 N^T.
template <int N, int M>
ENTROPROD_INLINE Lanes det_given_future(const Lanes* lambda, const Lanes* moved, const Lanes* seen,
                                        Lanes& margin) {
    constexpr int Z = M + N;
    Lanes lambda_moved[N * Z], information[Z * Z], covariance[M * M], solved[M * Z];
    multiply(Extent<N>(N), Extent<N>(N), Extent<Z>(Z), lambda, moved, lambda_moved);
    for (int i = 0; i < Z; ++i) {
        for (int j = 0; j <= i; ++j) {
            Lanes sum(i == j ? 1.0 : 0.0);
            for (int k = 0; k < N; ++k) sum += moved[k * Z + i] * lambda_moved[k * Z + j];
            information[i * Z + j] = information[j * Z + i] = sum;
        }
    }
    factor<Z>(0.0, information, margin);
    for (int r = 0; r < M; ++r) {
        for (int i = 0; i < Z; ++i) {
            Lanes value = seen[r * Z + i];
            for (int k = 0; k < i; ++k) value -= information[i * Z + k] * solved[r * Z + k];
            solved[r * Z + i] = value;
        }
    }
    for (int i = 0; i < M; ++i) {
        Lanes scaled[Z];
        for (int k = 0; k < Z; ++k) scaled[k] = solved[i * Z + k] * information[k * Z + k];
        for (int j = 0; j <= i; ++j) {
            covariance[i * M + j] = covariance[j * M + i] = dot<Z>(scaled, solved + j * Z);
        }
    }
    return factor<M>(0.0, covariance, margin);
}

// det V^g, from N and Gamma M.
template <int N, int M>
ENTROPROD_INLINE Lanes det_given_memory(const Lanes* omega, const Lanes* read, const Lanes* seen,
                                        Lanes& margin) {
    constexpr int Z = M + N;
    Lanes memory[N * N], weights[M * N];
    for (int i = 0; i < N * N; ++i) memory[i] = omega[i];
    add_symmetric<N, Z>(read, read, memory);
    factor<N>(clear_variance, memory, margin);
    for (int r = 0; r < M; ++r) {
        Lanes* row = weights + r * N;
        for (int i = 0; i < N; ++i) {
            row[i] = dot<Z>(seen + r * Z, read + i * Z);
            for (int k = 0; k < i; ++k) row[i] -= memory[i * N + k] * row[k];
        }
        for (int i = N - 1; i >= 0; --i) {
            row[i] = row[i] * memory[i * N + i];
            for (int k = i + 1; k < N; ++k) row[i] -= memory[k * N + i] * row[k];
        }
    }
    Lanes residual[M * Z], rest[M * N], covariance[M * M];
    multiply(Extent<M>(M), Extent<N>(N), Extent<Z>(Z), weights, read, residual);
    for (int i = 0; i < M * Z; ++i) residual[i] = seen[i] - residual[i];
    multiply(Extent<M>(M), Extent<N>(N), Extent<N>(N), weights, omega, rest);
    for (int i = 0; i < M * M; ++i) covariance[i] = Lanes(0.0);
    add_symmetric<M, Z>(residual, residual, covariance);
    add_symmetric<M, N>(rest, weights, covariance);
    return factor<M>(0.0, covariance, margin);
}

// Twice the nats of production, D and L of one step of every lane.
struct LaneTerms {
    Lanes production, retrospective, compression_loss;
};

// One step: its terms, and the state takes in its observation.
template <int N, int M>
ENTROPROD_INLINE LaneTerms step_back(const LanePair<N, M>& pair, const Lanes* roots,
                                     LaneState<N, M>& state, LaneSums& sums) {
    constexpr int Z = M + N;
    constexpr Extent<N> n(N);
    constexpr Extent<M> m(M);
    constexpr Extent<Z> z(Z);
    Lanes moved[N * Z], seen[M * Z], read[N * Z], both[Z * Z], product[Z * N];
    beside<N, M, N>(pair.input, roots, moved);
    beside<M, M, N>(pair.noise, roots + N * N, seen);
    multiply(n, n, z, state.gamma, moved, read);
    multiply(z, n, z, pair.emission_over_filter, read, both);
    multiply(z, n, n, pair.emission_over_filter, state.omega, product);

    Lanes spread(0.0);
    for (int i = 0; i < M; ++i) {
        for (int j = 0; j < Z; ++j) {
            const Lanes part = both[i * Z + j];
            const Lanes x = seen[i * Z + j] - part;
            spread += x * x;
            if (j < M) continue;
            sums.x_squared += x * x;
            sums.parts_squared += part * part + seen[i * Z + j] * seen[i * Z + j];
        }
    }
    spread += dot<M * N>(product, pair.emission_over_filter);
    LaneTerms terms;
    const Lanes of_excess = spread - Lanes(static_cast<double>(M));
    terms.production = of_excess + pair.log_det_ratio;
    sums.magnitude += spread + Lanes(M + std::abs(pair.log_det_ratio.values[0]));

    Pack determinants;
    determinants.part[0] = det_given_future<N, M>(state.lambda, moved, seen, sums.margin).values;
    determinants.part[1] = det_given_memory<N, M>(state.omega, read, seen, sums.margin).values;
    // What has left the range of normal numbers has no logarithm here.
    for (const auto& part : determinants.part) {
        sums.margin = lower(sums.margin, Lanes(part) - Lanes(1e-290));
        sums.probe += Lanes(part);
    }
    const Pack logs = logarithm(determinants);
    terms.retrospective = of_excess - Lanes(logs.part[0]);
    terms.compression_loss = Lanes(logs.part[1]) - Lanes(logs.part[0]);

    Lanes gamma_a[N * N], noise[N * M];
    multiply(n, n, n, state.gamma, pair.transition, gamma_a);
    for (int i = 0; i < N * N; ++i) state.gamma[i] = pair.back_input_emission[i];
    multiply_into<true>(n, n, n, pair.emission_over_filter + M * N, gamma_a, state.gamma);
    for (int i = 0; i < N; ++i) {
        for (int j = 0; j < M; ++j) {
            noise[i * M + j] = both[(M + i) * Z + j] + pair.back_input_noise[i * M + j];
        }
    }
    for (Lanes& entry : state.omega) entry = Lanes(0.0);
    add_symmetric<N, N>(product + M * N, pair.emission_over_filter + M * N, state.omega);
    add_symmetric<N, M>(noise, noise, state.omega);
    map_symmetric<N>(pair.filter_t, pair.gram, state.lambda);
    return terms;
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
            const Lanes* now = roots + static_cast<std::ptrdiff_t>(left) * (N + M) * N;
            const LaneTerms terms = step_back(pair, now, state, sums);
            part += terms.production;
            write(terms, n_steps, left, out, sums);
        }
        sums.production += part;
    }
}

// What L steps make of Gamma, Omega and Lambda.
template <int N>
ENTROPROD_INLINE void leap_back(const PairMaps<double>& maps, double* gamma, double* omega,
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
ENTROPROD_INLINE void spread_covariance(const PairMaps<double>& maps, const double* first,
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
    const auto roots = std::make_unique_for_overwrite<Lanes[]>(
        static_cast<std::size_t>(segment_steps) * (N + M) * N);
    LaneSums all;
    Lanes pi[size];
    spread_covariance<N>(maps, covariance, pi);
    run_forward(pair, segment_steps, pi, roots.get(), all.margin);
    if (!(lowest_of_lanes(all.margin) > 0.0)) return false;

    double numbers[3 * size];
    for (int i = 0; i < size; ++i) {
        numbers[i] = state.gamma[i];
        numbers[size + i] = state.omega[i];
        numbers[2 * size + i] = state.lambda[i];
    }
    LaneState<N, M> lanes;
    spread_state(maps, numbers, lanes);
    run_back(pair, segment_steps, roots.get(), lanes, out, all);
    sums.production = sum_of_lanes(all.production);
    sums.magnitude = sum_of_lanes(all.magnitude);
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
