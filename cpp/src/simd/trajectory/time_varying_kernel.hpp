// Recursions along paths with parameters of their own at every step, one path in each lane of a
// pack. Blocks of steps are stored as (step, component, lane).
#pragma once

#include "entroprod/steps.hpp"
#include "simd/trajectory/trajectory_kernel.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

// Local for fixed sizes, else in scratch memory of 2 (n + m) packs.
template <int N, int M>
struct StepState {
    Pack memory[N], next[N], output[M], innovation[M];
    explicit StepState(double*, int, int) {}
};
template <>
struct StepState<0, 0> {
    Pack *memory, *next, *output, *innovation;
    StepState(double* scratch, int n, int m)
        : memory(reinterpret_cast<Pack*>(scratch)),
          next(memory + n),
          output(next + n),
          innovation(output + m) {}
};

// h -> F h + G y
template <int N, int M>
ENTROPROD_INLINE void absorb_with(Extent<N> n, Extent<M> m, const double* filter,
                                  const double* input, StepState<N, M>& state) {
    for (int i = 0; i < n; ++i) state.next[i] = spread(0.0);
    add_product<1>(n, n, filter, n, state.memory, state.next);
    add_product<1>(n, m, input, m, state.output, state.next);
    for (int i = 0; i < n; ++i) state.memory[i] = state.next[i];
}

// Turns normals into observations in place, for steps first_step .. + n_steps, and carries the
// memory (n, lanes) on. Adds each path's sum of squared normals to squares (lanes,).
template <int N, int M>
void generate_stepwise(const StepParameters& parameters, std::int64_t first_step,
                       std::int64_t n_steps, double* steps, double* memory, double* squares,
                       double* scratch) {
    const MachineSteps& machine = parameters.machine;
    const Extent<N> n(machine.n_states);
    const Extent<M> m(machine.n_outputs);
    StepState<N, M> state(scratch, n, m);
    load_packs(n, memory, state.memory);
    Pack sum = spread(0.0);
    for (std::int64_t k = 0; k < n_steps; ++k) {
        const std::int64_t t = first_step + k;
        const double* lower = parameters.cholesky.at(t);
        double* step = steps + k * m * pack_lanes;
        load_packs(m, step, state.innovation);
        for (int i = 0; i < m; ++i) {
            sum = sum + state.innovation[i] * state.innovation[i];
            state.output[i] = spread(0.0);
            for (int j = 0; j <= i; ++j) {
                state.output[i] =
                    add_multiple(state.output[i], state.innovation[j], lower[i * m + j]);
            }
        }
        add_product<1>(m, n, machine.output.at(t), n, state.memory, state.output);
        store_packs(m, state.output, step);
        absorb_with(n, m, machine.state.at(t), machine.input.at(t), state);
        // Sums of few terms are added to a total of many, which keeps rounding small.
        if (k % steps_between_totals == steps_between_totals - 1 || k == n_steps - 1) {
            store(squares, load(squares) + sum);
            sum = spread(0.0);
        }
    }
    store_packs(n, state.memory, memory);
}

// Innovations of given observations of steps first_step .. + n_steps, whitened: adds their squared
// norms to squares (lanes,), and stores them in step_squares (n_steps, lanes), in the order of
// time, unless it is nullptr. direction -1 reads the block from its last step to its first.
template <int N, int M>
void filter_stepwise(const StepParameters& parameters, std::int64_t first_step,
                     std::int64_t n_steps, int direction, const double* steps, double* memory,
                     double* squares, double* step_squares, double* scratch) {
    const MachineSteps& machine = parameters.machine;
    const Extent<N> n(machine.n_states);
    const Extent<M> m(machine.n_outputs);
    StepState<N, M> state(scratch, n, m);
    load_packs(n, memory, state.memory);
    Pack sum = spread(0.0);
    for (std::int64_t read = 0; read < n_steps; ++read) {
        const std::int64_t k = direction > 0 ? read : n_steps - 1 - read;
        const std::int64_t t = first_step + k;
        const double* lower = parameters.inverse_cholesky.at(t);
        load_packs(m, steps + k * m * pack_lanes, state.output);
        for (int i = 0; i < m; ++i) state.innovation[i] = state.output[i];
        add_product<-1>(m, n, machine.output.at(t), n, state.memory, state.innovation);
        Pack square = spread(0.0);
        for (int i = 0; i < m; ++i) {
            Pack white = spread(0.0);
            for (int j = 0; j <= i; ++j) {
                white = add_multiple(white, state.innovation[j], lower[i * m + j]);
            }
            square = square + white * white;
        }
        if (step_squares != nullptr) store(step_squares + k * pack_lanes, square);
        sum = sum + square;
        absorb_with(n, m, machine.state.at(t), machine.input.at(t), state);
        if (read % steps_between_totals == steps_between_totals - 1 || read == n_steps - 1) {
            store(squares, load(squares) + sum);
            sum = spread(0.0);
        }
    }
    store_packs(n, state.memory, memory);
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
