// A machine's coefficients in every lane of registers.
#pragma once

#include "formulas/whitened_machine.hpp"
#include "simd/lanes/vector.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

template <int size>
ENTROPROD_INLINE void spread_all(const double* from, Lanes (&to)[size]) {
    for (int i = 0; i < size; ++i) to[i] = Lanes(from[i]);
}

template <int N, int M>
struct LaneMachine {
    Lanes emission_over_filter[(M + N) * N];
    Lanes transition_and_input[N * (N + M)];
    Lanes transition[N * N], transition_t[N * N], filter_t[N * N];
    Lanes input[N * M], input_emission[N * N], noise[N * N], emission_gram[N * N];

    ENTROPROD_INLINE explicit LaneMachine(const WhitenedMachine<double>& machine) {
        spread_all(machine.emission_over_filter, emission_over_filter);
        spread_all(machine.transition_and_input, transition_and_input);
        spread_all(machine.transition, transition);
        spread_all(machine.transition_t, transition_t);
        spread_all(machine.filter_t, filter_t);
        spread_all(machine.input, input);
        spread_all(machine.input_emission, input_emission);
        spread_all(machine.noise, noise);
        spread_all(machine.emission_gram, emission_gram);
    }

    ENTROPROD_INLINE WhitenedMachine<Lanes> view() const {
        return {N,
                M,
                emission_over_filter,
                transition_and_input,
                transition,
                transition_t,
                filter_t,
                input,
                input_emission,
                noise,
                emission_gram};
    }
};

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
