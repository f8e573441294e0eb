// The adjoint recursion over segments of steps side by side: one in each lane of a register.
//
// Leaps reach the states at the starts of the segments and the adjoints at their ends, so that each
// lane has its true ones.
#include <cstddef>

#include "simd/gradient/gradient_kernels.hpp"
#include "simd/gradient/gradient_lanes.hpp"
#include "simd/lanes/pick.hpp"
#include "simd/lanes/unset_array.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

// out += a + a^T
template <int N>
ENTROPROD_INLINE void add_with_transpose(const double* a, double* out) {
    for (int i = 0; i < N; ++i) {
        for (int j = 0; j < N; ++j) out[i * N + j] += a[i * N + j] + a[j * N + i];
    }
}

// matrix -> left matrix right + added
template <int N>
ENTROPROD_INLINE void map_and_add(const double* left, const double* right, const double* added,
                                  const double* matrix, double* out) {
    constexpr Extent<N> n(N);
    double product[N * N];
    multiply(n, n, n, left, matrix, product);
    for (int i = 0; i < N * N; ++i) out[i] = added[i];
    multiply_into<true>(n, n, n, product, right, out);
}

// The state some steps later; formulas as in gradient_leaps.hpp.
template <int N>
ENTROPROD_SHARED void leap_state(const GradientMaps<double>& maps, const double* now,
                                 double* next) {
    constexpr Extent<N> n(N);
    constexpr int size = N * N;
    const double *gamma = now, *omega = now + size, *dual = now + 2 * size;
    double *next_gamma = next, *next_omega = next + size, *next_dual = next + 2 * size;
    double ahead[size], ahead_t[size], back[size], back_t[size], product[size], cross[size];
    multiply(n, n, n, maps.filter, gamma, ahead);
    multiply(n, n, n, gamma, maps.transition, back);
    transpose(n, n, ahead, ahead_t);
    transpose(n, n, back, back_t);

    for (int i = 0; i < size; ++i) next_gamma[i] = maps.gamma[i];
    multiply_into<true>(n, n, n, ahead, maps.transition, next_gamma);

    map_and_add<N>(maps.filter, maps.filter_t, maps.omega, omega, next_omega);
    multiply(n, n, n, ahead, maps.noise, product);
    multiply_into<true>(n, n, n, product, ahead_t, next_omega);
    multiply(n, n, n, maps.v, ahead_t, cross);
    add_with_transpose<N>(cross, next_omega);

    map_and_add<N>(maps.transition_t, maps.transition, maps.dual, dual, next_dual);
    multiply(n, n, n, back_t, maps.gram, product);
    multiply_into<true>(n, n, n, product, back, next_dual);
    multiply(n, n, n, back_t, maps.z, cross);
    add_with_transpose<N>(cross, next_dual);
}

// The adjoint some steps earlier, from where Gamma was `gamma`.
template <int N>
ENTROPROD_SHARED void leap_adjoint(const GradientMaps<double>& maps, const double* gamma,
                                   double* adjoint) {
    constexpr Extent<N> n(N);
    constexpr int size = N * N;
    const AdjointState<double> now(adjoint, N);
    double ahead[size], back[size], product[size], left[size], sum[size];
    multiply(n, n, n, maps.filter, gamma, ahead);
    multiply(n, n, n, gamma, maps.transition, back);

    // (F^T D + (Z + Lambda_L Gamma A) P) A^T
    for (int i = 0; i < size; ++i) left[i] = maps.z[i];
    multiply_into<true>(n, n, n, maps.gram, back, left);
    multiply(n, n, n, left, now.covariance, product);
    multiply_into<true>(n, n, n, maps.filter_t, now.gamma, product);
    for (int i = 0; i < size; ++i) sum[i] = maps.adjoint[i];
    multiply_into<true>(n, n, n, product, maps.transition_t, sum);
    // F^T Lambda (V + F Gamma P_L)
    for (int i = 0; i < size; ++i) left[i] = maps.v[i];
    multiply_into<true>(n, n, n, ahead, maps.noise, left);
    multiply(n, n, n, maps.filter_t, now.observability, product);
    multiply_into<true>(n, n, n, product, left, sum);
    // Lambda_L Gamma P_L
    multiply(n, n, n, maps.gram, gamma, product);
    multiply_into<true>(n, n, n, product, maps.noise, sum);

    for (int i = 0; i < size; ++i) now.gamma[i] = sum[i];
    map_and_add<N>(maps.transition, maps.transition_t, maps.noise, now.covariance, sum);
    for (int i = 0; i < size; ++i) now.covariance[i] = sum[i];
    map_and_add<N>(maps.filter_t, maps.filter, maps.gram, now.observability, sum);
    for (int i = 0; i < size; ++i) now.observability[i] = sum[i];
}

template <int N>
void leap_states(const GradientMaps<double>& maps, int n_segments, double* states) {
    constexpr std::ptrdiff_t size = 3 * N * N;
    for (int i = 0; i < n_segments; ++i) {
        leap_state<N>(maps, states + i * size, states + (i + 1) * size);
    }
}

template <int N, int M>
void reverse_segments(const AdjointMachine<double>& machine, const GradientMaps<double>& maps,
                      int segment_steps, int n_segments, const double* states, double* adjoint,
                      double* sums) {
    constexpr int size = 3 * N * N;
    constexpr auto sums_size = static_cast<int>(gradient_sums_size(N, M));
    const LaneAdjointMachine<N, M> lane_machine(machine);
    const UnsetArray<LaneRecord<N, M>> records(static_cast<std::size_t>(segment_steps));
    for (int first = n_segments - register_lanes; first >= 0; first -= register_lanes) {
        Lanes lane_state[size], lane_adjoint[size], lane_sums[sums_size];
        for (int lane = register_lanes - 1; lane >= 0; --lane) {
            const double* state = states + static_cast<std::ptrdiff_t>(first + lane) * size;
            for (int i = 0; i < size; ++i) {
                lane_state[i].values[lane] = state[i];
                lane_adjoint[i].values[lane] = adjoint[i];
            }
            leap_adjoint<N>(maps, state, adjoint);
        }
        for (Lanes& sum : lane_sums) sum = Lanes(0.0);
        reverse_lanes<N, M>(lane_machine, segment_steps, lane_state, lane_adjoint, records.get(),
                            lane_sums);
        for (int i = 0; i < sums_size; ++i) {
            for (int lane = 0; lane < register_lanes; ++lane) sums[i] += lane_sums[i].values[lane];
        }
    }
}

template <int N, int M>
struct OfSegments {
    static constexpr GradientSegments<double> kernel = {leap_states<N>, reverse_segments<N, M>};
};
template <>
struct OfSegments<0, 0> {
    static constexpr GradientSegments<double> kernel = {nullptr, nullptr};
};

}  // namespace

GradientSegments<double> gradient_segments(int n, int m) { return pick<OfSegments>(n, m); }

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
