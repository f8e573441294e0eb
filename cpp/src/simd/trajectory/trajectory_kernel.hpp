// Recursions along paths of a linear-Gaussian machine, one path in each lane of a pack.
//
// Blocks of steps are stored as (step, component, lane); all is whitened: innovations are N(0, I).
#pragma once

#include <cstddef>
#include <cstdint>

#include "formulas/whitened_machine.hpp"
#include "numbers/large_products.hpp"
#include "simd/lanes/normal.hpp"
#include "simd/lanes/vector.hpp"
#include "simd/trajectory/trajectory_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

// out[i] += sum_j a[i, j] x[j] for packs x and out, or -= with sign = -1; rows of a lie `stride`
// apart. Four rows at a time share each load of x.
template <int sign, int R, int K>
ENTROPROD_INLINE void add_product(Extent<R> rows, Extent<K> inner, const double* a, int stride,
                                  const Pack* x, Pack* out) {
    constexpr int tile = 4;
    int i = 0;
    for (; i + tile <= rows; i += tile) {
        Pack sum[tile];
        for (int r = 0; r < tile; ++r) sum[r] = out[i + r];
        for (int j = 0; j < inner; ++j) {
            for (int r = 0; r < tile; ++r) {
                sum[r] = add_multiple(sum[r], x[j], sign * a[(i + r) * stride + j]);
            }
        }
        for (int r = 0; r < tile; ++r) out[i + r] = sum[r];
    }
    for (; i < rows; ++i) {
        Pack sum = out[i];
        for (int j = 0; j < inner; ++j) sum = add_multiple(sum, x[j], sign * a[i * stride + j]);
        out[i] = sum;
    }
}

// The memory h and the next one; local for fixed sizes, else in scratch memory of
// 2 (n + m) packs.
template <int N, int M>
struct PathState {
    Pack memory[N], next[N], output[M];
    explicit PathState(double*, int, int) {}
};
template <>
struct PathState<0, 0> {
    Pack *memory, *next, *output, *innovation;
    PathState(double* scratch, int n, int m)
        : memory(reinterpret_cast<Pack*>(scratch)),
          next(memory + n),
          output(next + n),
          innovation(output + m) {}
};

// C, F and G; for fixed sizes a local copy, which stores to paths can't alias, so that the
// compiler loads each number once and not at every step.
template <int N, int M>
struct Coefficients {
    double emission[M * N], filter[N * N], input[N * M];
    explicit Coefficients(const WhitenedMachine<double>& machine) {
        for (int i = 0; i < M * N; ++i) emission[i] = machine.emission()[i];
        for (int i = 0; i < N * N; ++i) filter[i] = machine.filter()[i];
        for (int i = 0; i < N * M; ++i) input[i] = machine.input[i];
    }
};
template <>
struct Coefficients<0, 0> {
    const double *emission, *filter, *input;
    Bands<double> bands;  // if there are, there is no filter
    explicit Coefficients(const WhitenedMachine<double>& machine)
        : emission(machine.emission()),
          filter(machine.filter()),
          input(machine.input),
          bands(machine.bands) {}
};

// h -> F h for an F of bands.
ENTROPROD_INLINE void apply_bands(int n, const Bands<double>& bands, Pack* memory) {
    int i = 0;
    for (; i + 2 <= n; i += 2) {
        const Pack first = memory[i], second = memory[i + 1];
        memory[i] = add_multiple(first * spread(bands.diagonal[i]), second, bands.partner[i]);
        memory[i + 1] =
            add_multiple(second * spread(bands.diagonal[i + 1]), first, bands.partner[i + 1]);
    }
    if (i < n) memory[i] = memory[i] * spread(bands.diagonal[i]);
}

// h -> F h + G y
template <int N, int M>
ENTROPROD_INLINE void absorb(Extent<N> n, Extent<M> m, const Coefficients<N, M>& machine,
                             PathState<N, M>& state) {
    if constexpr (N == 0) {
        if (machine.bands.diagonal != nullptr) {
            apply_bands(n, machine.bands, state.memory);
            add_product<1>(n, m, machine.input, m, state.output, state.memory);
            return;
        }
    }
    for (int i = 0; i < n; ++i) state.next[i] = spread(0.0);
    add_product<1>(n, n, machine.filter, n, state.memory, state.next);
    add_product<1>(n, m, machine.input, m, state.output, state.next);
    for (int i = 0; i < n; ++i) state.memory[i] = state.next[i];
}

// |y - C h|^2
template <int N, int M>
ENTROPROD_INLINE Pack squared_innovation(Extent<N> n, Extent<M> m,
                                         const Coefficients<N, M>& machine,
                                         PathState<N, M>& state) {
    Pack square = spread(0.0);
    if constexpr (N == 0) {
        // All rows of C together share each load of the memory.
        for (int i = 0; i < m; ++i) state.innovation[i] = state.output[i];
        add_product<-1>(m, n, machine.emission, n, state.memory, state.innovation);
        for (int i = 0; i < m; ++i) square = square + state.innovation[i] * state.innovation[i];
        return square;
    }
    for (int i = 0; i < m; ++i) {
        Pack innovation[1] = {state.output[i]};
        add_product<-1>(Extent<1>(1), n, machine.emission + i * n, n, state.memory, innovation);
        square = square + innovation[0] * innovation[0];
    }
    return square;
}

template <int N>
ENTROPROD_INLINE void load_packs(Extent<N> size, const double* from, Pack* to) {
    for (int i = 0; i < size; ++i) to[i] = load(from + i * pack_lanes);
}
template <int N>
ENTROPROD_INLINE void store_packs(Extent<N> size, const Pack* from, double* to) {
    for (int i = 0; i < size; ++i) store(to + i * pack_lanes, from[i]);
}

// Sums of few terms are added to a total of many, which keeps rounding small on long paths.
inline constexpr int steps_between_totals = 64;

// Turns innovations into observations in place, for steps 0 .. n_steps - 1, and carries the memory
// (n, lanes) on. Adds each path's sum of squared innovations to squares (lanes,).
template <int N, int M>
void generate(const WhitenedMachine<double>& machine, std::int64_t n_steps, double* steps,
              double* memory, double* squares, double* scratch) {
    const Extent<N> n(machine.n_states);
    const Extent<M> m(machine.n_outputs);
    PathState<N, M> state(scratch, n, m);
    const Coefficients<N, M> coefficients(machine);
    load_packs(n, memory, state.memory);
    for (std::int64_t done = 0; done < n_steps; done += steps_between_totals) {
        const std::int64_t end =
            done + steps_between_totals < n_steps ? done + steps_between_totals : n_steps;
        Pack sum = spread(0.0);
        for (std::int64_t t = done; t < end; ++t) {
            double* step = steps + t * m * pack_lanes;
            load_packs(m, step, state.output);
            for (int i = 0; i < m; ++i) sum = sum + state.output[i] * state.output[i];
            add_product<1>(m, n, coefficients.emission, n, state.memory, state.output);
            store_packs(m, state.output, step);
            absorb(n, m, coefficients, state);
        }
        store(squares, load(squares) + sum);
    }
    store_packs(n, state.memory, memory);
}

// Innovations of given observations: adds their squared norms to squares (lanes,), and stores them
// step by step in step_squares (n_steps, lanes) unless it is nullptr. direction -1 reads the block
// from its last step to its first; step_squares is in the order of reading.
template <int N, int M>
void filter(const WhitenedMachine<double>& machine, std::int64_t n_steps, int direction,
            const double* steps, double* memory, double* squares, double* step_squares,
            double* scratch) {
    const Extent<N> n(machine.n_states);
    const Extent<M> m(machine.n_outputs);
    PathState<N, M> state(scratch, n, m);
    const Coefficients<N, M> coefficients(machine);
    load_packs(n, memory, state.memory);
    const std::int64_t first = direction > 0 ? 0 : n_steps - 1;
    for (std::int64_t done = 0; done < n_steps; done += steps_between_totals) {
        const std::int64_t end =
            done + steps_between_totals < n_steps ? done + steps_between_totals : n_steps;
        Pack sum = spread(0.0);
        for (std::int64_t k = done; k < end; ++k) {
            const double* step = steps + (first + direction * k) * m * pack_lanes;
            load_packs(m, step, state.output);
            const Pack square = squared_innovation(n, m, coefficients, state);
            if (step_squares != nullptr) store(step_squares + k * pack_lanes, square);
            sum = sum + square;
            absorb(n, m, coefficients, state);
        }
        store(squares, load(squares) + sum);
    }
    store_packs(n, state.memory, memory);
}

// y -> L y for each step of a block, L (m, m) lower triangular, in place.
template <int M>
void apply_lower(int n_outputs, const double* lower, std::int64_t n_steps, double* steps) {
    const Extent<M> m(n_outputs);
    for (std::int64_t t = 0; t < n_steps; ++t) {
        double* step = steps + t * m * pack_lanes;
        // From the last component upwards, since each needs only those before it.
        for (int i = m - 1; i >= 0; --i) {
            Pack sum = spread(0.0);
            for (int j = 0; j <= i; ++j) {
                sum = add_multiple(sum, load(step + j * pack_lanes), lower[i * m + j]);
            }
            store(step + i * pack_lanes, sum);
        }
    }
}

// Normals number first, .. first + count - 1 of each path, first even: (count, lanes). Writes one
// more if count is odd. Two short loops overlap better in the processor than one long one.
inline void draw_normals(std::uint64_t key, std::uint64_t first_path, std::uint64_t first,
                         std::int64_t count, double* normals) {
    const UniformSource source(key, first_path);
    for (std::int64_t i = 0; i < count; i += 2) {
        Pack u, v;
        source.draw((first + static_cast<std::uint64_t>(i)) / 2, u, v);
        store(normals + i * pack_lanes, u);
        store(normals + (i + 1) * pack_lanes, v);
    }
    for (std::int64_t i = 0; i < count; i += 2) {
        Pack one, two;
        box_muller(load(normals + i * pack_lanes), load(normals + (i + 1) * pack_lanes), one, two);
        store(normals + i * pack_lanes, one);
        store(normals + (i + 1) * pack_lanes, two);
    }
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
