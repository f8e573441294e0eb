// The recursions of entropy production for a machine whose F has bands: O(n^2 m) work a step.
//
// With A = F + G C, and F moving only pairs of components, each (n, n) matrix is walked through
// once a step, two rows at a time, while thin (m, n) products are gathered on the way:
//   Gamma -> F Gamma F + N C,                  N = F (Gamma G) + G, which needs those two rows
//   only, Omega -> F Omega F^T + N N^T, E     -> F^T E F + U C + (U C)^T + X^T X,  U = F^T B + 1/2
//   C^T (G^T B),  B = E G, Pi    -> F Pi F^T + U G^T + (U G^T)^T + G G^T,  U = F B + 1/2 G (C B),
//   B = Pi C^T.
// Of symmetric matrices only the upper triangle, with all of the 2 by 2 blocks on the diagonal, is
// read and written. All thin matrices are stored as (m, n).
#pragma once

#include <algorithm>
#include <cstddef>

#include "formulas/whitened_machine.hpp"
#include "numbers/large_products.hpp"
#include "runtime/work.hpp"
#include "simd/lanes/register_columns.hpp"
#include "simd/production/production_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

// Calls body(first, K) for groups of at most four of `count` thin rows, K fixed at compile time.
template <class Body>
ENTROPROD_INLINE void for_groups(int count, const Body& body) {
    int first = 0;
    for (; first + 4 <= count; first += 4) body(first, Extent<4>(4));
    switch (count - first) {
        case 3:
            body(first, Extent<3>(3));
            break;
        case 2:
            body(first, Extent<2>(2));
            break;
        case 1:
            body(first, Extent<1>(1));
            break;
        default:
            break;
    }
}

// Two neighbouring rows of a matrix, i (even) and i + 1.
template <class Real>
struct RowPair {
    int i;
    Real *first, *second;
};

// F or F^T: (F x)_i = diagonal_i x_i + partner_i x_{i ^ 1}.
template <class Real>
struct Side {
    const Real *diagonal, *partner;
};

// Numbers number i and i + 1 of a thin row; beyond its end there is 0.
template <class Real>
ENTROPROD_INLINE LanesOf<Real> second_of(const Real* row, int i, int n) {
    return LanesOf<Real>(i + 1 < n ? row[i + 1] : Real(0.0));
}

// to -> left from right + sum_k a_k^T b_k in the columns from `begin` on, of one pair of rows.
// `right` is that of the columns, x -> x right; a and b are K thin rows.
template <class Real, int K>
ENTROPROD_INLINE void transform_pair(int n, int begin, const Side<Real>& left,
                                     const Side<Real>& right, const RowPair<const Real>& from,
                                     const RowPair<Real>& to, Extent<K>, const Real* a,
                                     const Real* b) {
    using Vector = LanesOf<Real>;
    const int i = to.i;
    const Vector d0(left.diagonal[i]), p0(left.partner[i]);
    const Vector d1 = second_of(left.diagonal, i, n), p1 = second_of(left.partner, i, n);
    Vector a0[K], a1[K];
    for (int k = 0; k < K; ++k) {
        a0[k] = Vector(a[k * n + i]);
        a1[k] = second_of(a + k * n, i, n);
    }
    for_columns(begin, n, [&](int j, auto lanes) {
        const Vector d = lanes.load(right.diagonal + j), p = lanes.load(right.partner + j);
        const Vector x = lanes.load(from.first + j), y = lanes.load(from.second + j);
        const Vector u = x * d + swapped(x) * p, v = y * d + swapped(y) * p;
        Vector first = d0 * u + p0 * v, second = p1 * u + d1 * v;
        for (int k = 0; k < K; ++k) {
            const Vector thin = lanes.load(b + k * n + j);
            first += a0[k] * thin;
            second += a1[k] * thin;
        }
        lanes.store(to.first + j, first);
        lanes.store(to.second + j, second);
    });
}

// rows += sum_k a_k^T b_k
template <class Real, int K>
ENTROPROD_INLINE void add_to_pair(int n, int begin, const RowPair<Real>& rows, Extent<K>,
                                  const Real* a, const Real* b) {
    using Vector = LanesOf<Real>;
    Vector a0[K], a1[K];
    for (int k = 0; k < K; ++k) {
        a0[k] = Vector(a[k * n + rows.i]);
        a1[k] = second_of(a + k * n, rows.i, n);
    }
    for_columns(begin, n, [&](int j, auto lanes) {
        Vector first = lanes.load(rows.first + j), second = lanes.load(rows.second + j);
        for (int k = 0; k < K; ++k) {
            const Vector thin = lanes.load(b + k * n + j);
            first += a0[k] * thin;
            second += a1[k] * thin;
        }
        lanes.store(rows.first + j, first);
        lanes.store(rows.second + j, second);
    });
}

// All of to -> left from right + sum_k a_k^T b_k for one pair, k < count.
template <class Real>
ENTROPROD_INLINE void map_pair(int n, int begin, const Side<Real>& left, const Side<Real>& right,
                               const RowPair<const Real>& from, const RowPair<Real>& to, int count,
                               const Real* a, const Real* b) {
    for_groups(count, [&](int first, auto size) {
        const Real* group_a = a + first * n;
        const Real* group_b = b + first * n;
        if (first == 0) {
            transform_pair(n, begin, left, right, from, to, size, group_a, group_b);
        } else {
            add_to_pair(n, begin, to, size, group_a, group_b);
        }
    });
}

// first[k], second[k] = both rows times thin_k, over the columns from `begin` on.
template <class Real, int K>
ENTROPROD_INLINE void dot_pair(int n, int begin, const RowPair<const Real>& rows, Extent<K>,
                               const Real* thin, Real* first, Real* second) {
    using Vector = LanesOf<Real>;
    Vector sums[2][K];
    for (int k = 0; k < K; ++k) sums[0][k] = sums[1][k] = Vector(Real(0.0));
    for_columns(begin, n, [&](int j, auto lanes) {
        const Vector x = lanes.load(rows.first + j), y = lanes.load(rows.second + j);
        for (int k = 0; k < K; ++k) {
            const Vector factor = lanes.load(thin + k * n + j);
            sums[0][k] += x * factor;
            sums[1][k] += y * factor;
        }
    });
    for (int k = 0; k < K; ++k) {
        first[k] = sum_of_lanes(sums[0][k]);
        second[k] = sum_of_lanes(sums[1][k]);
    }
}

// out_k += weight_k at both rows' numbers, times the rows.
template <class Real, int K>
ENTROPROD_INLINE void gather_pair(int n, int begin, const RowPair<const Real>& rows, Extent<K>,
                                  const Real* weight, Real* out) {
    using Vector = LanesOf<Real>;
    Vector w0[K], w1[K];
    for (int k = 0; k < K; ++k) {
        w0[k] = Vector(weight[k * n + rows.i]);
        w1[k] = second_of(weight + k * n, rows.i, n);
    }
    for_columns(begin, n, [&](int j, auto lanes) {
        const Vector x = lanes.load(rows.first + j), y = lanes.load(rows.second + j);
        for (int k = 0; k < K; ++k) {
            Real* to = out + k * n + j;
            lanes.store(to, lanes.load(to) + w0[k] * x + w1[k] * y);
        }
    });
}

// Both at once.
template <class Real, int K>
ENTROPROD_INLINE void dot_and_gather_pair(int n, int begin, const RowPair<const Real>& rows,
                                          Extent<K>, const Real* thin, Real* first, Real* second,
                                          Real* out) {
    using Vector = LanesOf<Real>;
    Vector sums[2][K], w0[K], w1[K];
    for (int k = 0; k < K; ++k) {
        sums[0][k] = sums[1][k] = Vector(Real(0.0));
        w0[k] = Vector(thin[k * n + rows.i]);
        w1[k] = second_of(thin + k * n, rows.i, n);
    }
    for_columns(begin, n, [&](int j, auto lanes) {
        const Vector x = lanes.load(rows.first + j), y = lanes.load(rows.second + j);
        for (int k = 0; k < K; ++k) {
            const Vector factor = lanes.load(thin + k * n + j);
            sums[0][k] += x * factor;
            sums[1][k] += y * factor;
            Real* to = out + k * n + j;
            lanes.store(to, lanes.load(to) + w0[k] * x + w1[k] * y);
        }
    });
    for (int k = 0; k < K; ++k) {
        first[k] = sum_of_lanes(sums[0][k]);
        second[k] = sum_of_lanes(sums[1][k]);
    }
}

// The parts of a block of scratch memory of structured_scratch_size(n, m) numbers. What is stacked
// is stacked so that one call adds all its products.
template <class Real>
struct ThinScratch {
    Real* seen;    // C Gamma            (m, n)
    Real* driven;  // B^T                (m, n)
    Real* n_t;     // N^T                (m, n)
    Real* left;    // [U^T; C; X], or [U^T; G^T; G^T]  (3 m, n)
    Real* right;   // [C; U^T; X], or [G^T; U^T; G^T]  (3 m, n)
    Real* zeros;   // the partner of a last row that has none  (n,)
    Real* square;  // (m, m)

    ThinScratch(Real* data, int n, int m)
        : seen(data),
          driven(seen + m * n),
          n_t(driven + m * n),
          left(n_t + m * n),
          right(left + 3 * m * n),
          zeros(right + 3 * m * n),
          square(zeros + n) {
        std::fill_n(zeros, n, Real(0.0));
    }
};

// Of one step, for interruption points; double-double ones are done a register at a time.
template <class Real>
double structured_work(const WhitenedMachine<Real>& machine) {
    const double weight = std::is_same_v<Real, double> ? 1.0 : work_of_extended;
    return weight * machine.n_states * machine.n_states * (8.0 + 8.0 * machine.n_outputs);
}

template <class Real>
class StructuredStep {
public:
    StructuredStep(const WhitenedMachine<Real>& machine, Real* scratch)
        : machine_(machine),
          n_(machine.n_states),
          m_(machine.n_outputs),
          filter_{machine.bands.diagonal, machine.bands.partner},
          filter_t_{machine.bands.diagonal, machine.bands.partner_t},
          scratch_(scratch, n_, m_) {}

    // Before the first step from a state, in the dual form or not.
    void begin(const BackwardState<Real>& state, bool dual_form) {
        gather_all(state.gamma, machine_.emission(), scratch_.seen);
        if (!dual_form) return;
        stack(machine_.emission());
        symmetric_product(state.dual, machine_.input_t, scratch_.driven);
    }

    void advance(const BackwardState<Real>& state, const Real* covariance, StepTerms<Real>& terms) {
        Real noise_part = split_x(terms);
        move_gamma(state.gamma);
        noise_part += trace_of_image(state.omega, machine_.emission());
        move_omega(state.omega);
        const Real* x = scratch_.left + 2 * m_ * n_;
        const Real memory_part =
            covariance == nullptr ? move_dual(state.dual) : trace_of_image(covariance, x);
        terms.excess = memory_part + (noise_part - Real(static_cast<double>(m_)));
        terms.magnitude = to_double(memory_part) + to_double(noise_part) + m_;
    }

    // covariances (n_steps + 1, n, n): fills in all but the first.
    void advance_covariances(int n_steps, Real* covariances) {
        const std::ptrdiff_t size = static_cast<std::ptrdiff_t>(n_) * n_;
        stack(machine_.input_t);
        copy(machine_.input_t, scratch_.left + 2 * m_ * n_);
        copy(machine_.input_t, scratch_.right + 2 * m_ * n_);
        symmetric_product(covariances, machine_.emission(), scratch_.driven);
        for (int k = 0; k < n_steps; ++k) {
            interruption_point(structured_work<Real>(machine_));
            const Real* now = covariances + k * size;
            move_symmetric(now, covariances + (k + 1) * size, filter_, machine_.emission());
        }
    }

private:
    void copy(const Real* from, Real* to) const { std::copy_n(from, m_ * n_, to); }

    // The parts of the stacks that don't change: what U meets.
    void stack(const Real* met) const {
        copy(met, scratch_.left + m_ * n_);
        copy(met, scratch_.right);
    }

    template <class Number>
    RowPair<Number> pair(Number* matrix, int i) const {
        Number* row = matrix + static_cast<std::ptrdiff_t>(i) * n_;
        return {i, row, i + 1 < n_ ? row + n_ : scratch_.zeros};
    }

    static RowPair<const Real> reading(const RowPair<Real>& rows) {
        return {rows.i, rows.first, rows.second};
    }

    Real dot(const Real* a, const Real* b) const {
        LanesOf<Real> sum(Real(0.0));
        for_columns(0, n_,
                    [&](int j, auto lanes) { sum += lanes.load(a + j) * lanes.load(b + j); });
        return sum_of_lanes(sum);
    }

    // out (m, n) = weight (m, n) matrix
    void gather_all(const Real* matrix, const Real* weight, Real* out) const {
        std::fill_n(out, m_ * n_, Real(0.0));
        for (int i = 0; i < n_; i += 2) gather(pair(matrix, i), 0, weight, out);
    }

    void gather(const RowPair<const Real>& rows, int begin, const Real* weight, Real* out) const {
        for_groups(m_, [&](int first, auto size) {
            gather_pair(n_, begin, rows, size, weight + first * n_, out + first * n_);
        });
    }

    // X into both stacks, and the terms that don't need Omega: the squared norm of Y, and what
    // tells how many digits X has lost.
    Real split_x(StepTerms<Real>& terms) const;
    void move_gamma(Real* gamma) const;
    void move_omega(Real* omega) const;
    // Returns tr(G^T E G) of the E before.
    Real move_dual(Real* dual) const;

    // tr(thin matrix thin^T) of a symmetric matrix.
    Real trace_of_image(const Real* matrix, const Real* thin) const;
    // What the 2 by 2 block on the diagonal adds to that.
    Real trace_of_block(const RowPair<const Real>& rows, const Real* thin) const;
    // out (m, n) = thin matrix for a symmetric matrix.
    void symmetric_product(const Real* matrix, const Real* thin, Real* out) const;
    void add_symmetric_product(const RowPair<const Real>& rows, const Real* thin, Real* out) const;
    // U^T into both stacks: side B + 1/2 met^T (square), the square being `thin` B.
    void make_u(const Side<Real>& side, const Real* thin) const;
    // One step of E or Pi, whose B is known; leaves the next B. `thin` is that of B = matrix
    // thin^T.
    void move_symmetric(const Real* from, Real* to, const Side<Real>& side, const Real* thin) const;

    WhitenedMachine<Real> machine_;
    int n_, m_;
    Side<Real> filter_, filter_t_;
    ThinScratch<Real> scratch_;
};

template <class Real>
Real StructuredStep<Real>::split_x(StepTerms<Real>& terms) const {
    using Vector = LanesOf<Real>;
    Real y_squared(0.0);
    Vector x_squared(Real(0.0)), parts_squared(Real(0.0));
    for (int a = 0; a < m_; ++a) {
        const Real* seen = scratch_.seen + a * n_;
        Real* x = scratch_.left + (2 * m_ + a) * n_;
        Real* fed = scratch_.square;  // row a of C Gamma G
        for (int b = 0; b < m_; ++b) {
            fed[b] = dot(seen, machine_.input_t + b * n_);
            const Real y = Real(a == b ? 1.0 : 0.0) - fed[b];
            y_squared += y * y;
        }
        for_columns(0, n_, [&](int j, auto lanes) {
            const Vector now = lanes.load(seen + j);
            const Vector kept = now * lanes.load(filter_t_.diagonal + j) +
                                swapped(now) * lanes.load(filter_t_.partner + j);
            Vector entered(Real(0.0));
            for (int b = 0; b < m_; ++b) {
                entered += Vector(fed[b]) * lanes.load(machine_.emission() + b * n_ + j);
            }
            const Vector moved = kept + entered;
            const Vector rest = lanes.load(machine_.emission() + a * n_ + j) - moved;
            x_squared += rest * rest;
            parts_squared += kept * kept + entered * entered;
            lanes.store(x + j, rest);
        });
        std::copy_n(x, n_, scratch_.right + (2 * m_ + a) * n_);
    }
    terms.x_squared = to_double(sum_of_lanes(x_squared));
    terms.parts_squared = to_double(sum_of_lanes(parts_squared));
    return y_squared;
}

template <class Real>
void StructuredStep<Real>::move_gamma(Real* gamma) const {
    std::fill_n(scratch_.seen, m_ * n_, Real(0.0));
    for (int i = 0; i < n_; i += 2) {
        const RowPair<Real> rows = pair(gamma, i);
        const bool whole = i + 1 < n_;
        for_groups(m_, [&](int group, auto size) {
            Real first[size], second[size];
            dot_pair(n_, 0, reading(rows), size, machine_.input_t + group * n_, first, second);
            for (int k = 0; k < size; ++k) {
                const Real* input = machine_.input_t + (group + k) * n_ + i;
                Real* out = scratch_.n_t + (group + k) * n_ + i;
                out[0] = filter_.diagonal[i] * first[k] + filter_.partner[i] * second[k] + input[0];
                if (!whole) continue;
                out[1] = filter_.partner[i + 1] * first[k] + filter_.diagonal[i + 1] * second[k] +
                         input[1];
            }
        });
        map_pair(n_, 0, filter_, filter_t_, reading(rows), rows, m_, scratch_.n_t,
                 machine_.emission());
        gather(reading(rows), 0, machine_.emission(), scratch_.seen);
    }
}

template <class Real>
void StructuredStep<Real>::move_omega(Real* omega) const {
    for (int i = 0; i < n_; i += 2) {
        const RowPair<Real> rows = pair(omega, i);
        map_pair(n_, i, filter_, filter_, reading(rows), rows, m_, scratch_.n_t, scratch_.n_t);
    }
}

template <class Real>
Real StructuredStep<Real>::move_dual(Real* dual) const {
    Real result(0.0);
    for (int k = 0; k < m_; ++k) {
        result += dot(machine_.input_t + k * n_, scratch_.driven + k * n_);
    }
    move_symmetric(dual, dual, filter_t_, machine_.input_t);
    return result;
}

template <class Real>
Real StructuredStep<Real>::trace_of_block(const RowPair<const Real>& rows, const Real* thin) const {
    const int i = rows.i;
    Real result(0.0);
    for (int k = 0; k < m_; ++k) {
        const Real* row = thin + k * n_ + i;
        result += row[0] * row[0] * rows.first[i];
        if (i + 1 < n_) {
            result +=
                row[1] * (Real(2.0) * row[0] * rows.first[i + 1] + row[1] * rows.second[i + 1]);
        }
    }
    return result;
}

template <class Real>
Real StructuredStep<Real>::trace_of_image(const Real* matrix, const Real* thin) const {
    Real on_diagonal(0.0), above(0.0);
    for (int i = 0; i < n_; i += 2) {
        const RowPair<const Real> rows = pair(matrix, i);
        on_diagonal += trace_of_block(rows, thin);
        if (i + 2 >= n_) continue;
        for_groups(m_, [&](int group, auto size) {
            Real first[size], second[size];
            dot_pair(n_, i + 2, rows, size, thin + group * n_, first, second);
            for (int k = 0; k < size; ++k) {
                const Real* row = thin + (group + k) * n_ + i;
                above += row[0] * first[k] + row[1] * second[k];
            }
        });
    }
    return on_diagonal + Real(2.0) * above;
}

template <class Real>
void StructuredStep<Real>::symmetric_product(const Real* matrix, const Real* thin,
                                             Real* out) const {
    std::fill_n(out, m_ * n_, Real(0.0));
    for (int i = 0; i < n_; i += 2) add_symmetric_product(pair(matrix, i), thin, out);
}

template <class Real>
void StructuredStep<Real>::add_symmetric_product(const RowPair<const Real>& rows, const Real* thin,
                                                 Real* out) const {
    const int i = rows.i;
    for_groups(m_, [&](int group, auto size) {
        Real first[size], second[size];
        dot_and_gather_pair(n_, i + 2, rows, size, thin + group * n_, first, second,
                            out + group * n_);
        for (int k = 0; k < size; ++k) {
            const Real* factor = thin + (group + k) * n_ + i;
            Real* to = out + (group + k) * n_ + i;
            to[0] += first[k] + factor[0] * rows.first[i];
            if (i + 1 == n_) continue;
            to[0] += factor[1] * rows.first[i + 1];
            to[1] += second[k] + factor[0] * rows.first[i + 1] + factor[1] * rows.second[i + 1];
        }
    });
}

template <class Real>
void StructuredStep<Real>::make_u(const Side<Real>& side, const Real* thin) const {
    using Vector = LanesOf<Real>;
    const Real* met = scratch_.right;
    for (int k = 0; k < m_; ++k) {
        const Real* driven = scratch_.driven + k * n_;
        Real* weights = scratch_.square;
        for (int l = 0; l < m_; ++l) weights[l] = Real(0.5) * dot(thin + l * n_, driven);
        Real* u = scratch_.left + k * n_;
        for_columns(0, n_, [&](int j, auto lanes) {
            const Vector now = lanes.load(driven + j);
            Vector sum =
                now * lanes.load(side.diagonal + j) + swapped(now) * lanes.load(side.partner + j);
            for (int l = 0; l < m_; ++l) sum += Vector(weights[l]) * lanes.load(met + l * n_ + j);
            lanes.store(u + j, sum);
        });
    }
    copy(scratch_.left, scratch_.right + m_ * n_);
}

template <class Real>
void StructuredStep<Real>::move_symmetric(const Real* from, Real* to, const Side<Real>& side,
                                          const Real* thin) const {
    make_u(side, thin);
    std::fill_n(scratch_.driven, m_ * n_, Real(0.0));
    for (int i = 0; i < n_; i += 2) {
        const RowPair<Real> rows = pair(to, i);
        map_pair(n_, i, side, side, pair(from, i), rows, 3 * m_, scratch_.left, scratch_.right);
        add_symmetric_product(reading(rows), thin, scratch_.driven);
    }
}

// These have the signatures of the kernels for any F.
template <class Real>
void advance_structured(const WhitenedMachine<Real>& machine, const BackwardState<Real>& state,
                        int n_steps, const Real* covariances, std::ptrdiff_t covariance_stride,
                        Real* scratch, StepTerms<Real>* terms) {
    StructuredStep<Real> step(machine, scratch);
    step.begin(state, covariances == nullptr);
    for (int k = 0; k < n_steps; ++k) {
        interruption_point(structured_work<Real>(machine));
        step.advance(state, covariances == nullptr ? nullptr : covariances + k * covariance_stride,
                     terms[k]);
    }
}

template <class Real>
void advance_covariance_structured(const WhitenedMachine<Real>& machine, int n_steps,
                                   Real* covariances, Real* scratch) {
    StructuredStep<Real>(machine, scratch).advance_covariances(n_steps, covariances);
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
