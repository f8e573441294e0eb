// The recursions of entropy production over a stretch of steps, its segments side by side: one in
// each lane of a register.
#include "simd/lanes/lane_machine.hpp"
#include "simd/lanes/pick.hpp"
#include "simd/lanes/vector.hpp"
#include "simd/production/production_kernel.hpp"
#include "simd/production/production_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

using LaneTerms = StepTerms<Lanes, Lanes>;

// matrix -> left matrix right, plus the same lane of what is to be added.
template <int N>
ENTROPROD_SHARED void map_and_add(const double* left, const double* right, const Lanes* added,
                                  int lane, double* matrix) {
    constexpr Extent<N> n(N);
    double product[N * N];
    multiply(n, n, n, left, matrix, product);
    multiply(n, n, n, product, right, matrix);
    for (int i = 0; i < N * N; ++i) matrix[i] += added[i].values[lane];
}

// Gamma at the starts of the segments into the lanes, at the end of the last into the state.
template <int N>
ENTROPROD_INLINE void spread_gamma(const LeapMaps<double>& maps, double* state, Lanes* gamma) {
    Lanes leap[N * N];
    for (int i = 0; i < N * N; ++i) leap[i] = Lanes(maps.gamma[i]);
    for (int lane = 0; lane < register_lanes; ++lane) {
        for (int i = 0; i < N * N; ++i) gamma[i].values[lane] = state[i];
        map_and_add<N>(maps.filter, maps.transition, leap, lane, state);
    }
}

ENTROPROD_INLINE void clear(LaneTerms& terms) {
    terms.excess = terms.magnitude = terms.x_squared = terms.parts_squared = Lanes(0.0);
}

ENTROPROD_INLINE void add(const LaneTerms& more, LaneTerms& terms) {
    terms.excess += more.excess;
    terms.magnitude += more.magnitude;
    terms.x_squared += more.x_squared;
    terms.parts_squared += more.parts_squared;
}

// All segments, n_steps each. Sums of sums lose less to rounding than one long sum.
template <int N, int M>
ENTROPROD_INLINE LaneTerms advance_lanes(const WhitenedMachine<Lanes>& machine, int n_steps,
                                         const BackwardState<Lanes>& state) {
    constexpr int steps_between = 16;
    Lanes local[scratch_size(N, M)];
    const Scratch<Lanes> scratch(local, N, M);
    LaneTerms sums;
    clear(sums);
    for (int done = 0; done < n_steps; done += steps_between) {
        LaneTerms part;
        clear(part);
        for (int k = 0; k < steps_between; ++k) {
            LaneTerms terms;
            step<false>(Extent<N>(N), Extent<M>(M), machine, scratch, state,
                        static_cast<const Lanes*>(nullptr), terms);
            add(terms, part);
        }
        add(part, sums);
    }
    return sums;
}

// The segments begin with their true Gamma but with Omega = E = 0; what their sums lack for that is
// linear in the true Omega and E at their starts.
template <int N, int M>
StepTerms<double> advance_stretch(const WhitenedMachine<double>& machine,
                                  const LeapMaps<double>& maps, int segment_steps,
                                  const BackwardState<double>& state) {
    constexpr int size = N * N;
    const LaneMachine<N, M> lane_machine(machine);
    Lanes gamma[size], omega[size], dual[size];
    spread_gamma<N>(maps, state.gamma, gamma);
    for (int i = 0; i < size; ++i) omega[i] = dual[i] = Lanes(0.0);
    const LaneTerms sums = advance_lanes<N, M>(lane_machine.view(), segment_steps,
                                               BackwardState<Lanes>{gamma, omega, dual});
    StepTerms<double> result{0.0, 0.0, 0.0, 0.0};
    for (int lane = 0; lane < register_lanes; ++lane) {
        const double rest = inner_product(Extent<size>(size), maps.emission_gram, state.omega) +
                            inner_product(Extent<size>(size), maps.noise, state.dual);
        result.excess += sums.excess.values[lane] + rest;
        result.magnitude += sums.magnitude.values[lane] + rest;
        result.x_squared += sums.x_squared.values[lane];
        result.parts_squared += sums.parts_squared.values[lane];
        map_and_add<N>(maps.filter, maps.filter_t, omega, lane, state.omega);
        map_and_add<N>(maps.transition_t, maps.transition, dual, lane, state.dual);
    }
    return result;
}

template <int N, int M>
struct AdvanceStretch {
    static constexpr ProductionKernels<double>::AdvanceStretch kernel = advance_stretch<N, M>;
};
template <>
struct AdvanceStretch<0, 0> {
    static constexpr ProductionKernels<double>::AdvanceStretch kernel = nullptr;
};

}  // namespace

ProductionKernels<double>::AdvanceStretch production_stretch(int n, int m) {
    return pick<AdvanceStretch>(n, m);
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
