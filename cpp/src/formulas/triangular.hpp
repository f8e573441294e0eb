// Cholesky factors and triangular solves for small matrices, row-major. Factors are upper ones,
// A = U^T U, so that inner loops run along rows. Those that serve to solve hold the
// reciprocals of their diagonal on it.
#pragma once

#include <cmath>
#include <utility>

#include "formulas/extended.hpp"
#include "formulas/matrix.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

// Factors a covariance A (n, n), maybe singular, as U^T U. Row by row U takes the component of
// whose variance the largest part is left, and is zero from where all of that is rounding noise: in
// a fixed order a component that is noise could still have covariances of the square root of noise
// with those to come. U isn't triangular, only its rows in another order of columns are. Scaling
// rows and columns of A by powers of two scales U's columns, and nothing else changes. rest (n, n)
// is scratch.
template <class Real, int N>
ENTROPROD_INLINE void factor_semidefinite(Extent<N> n, const Real* a, Real* ENTROPROD_RESTRICT rest,
                                          Real* ENTROPROD_RESTRICT root) {
    for (int i = 0; i < n * n; ++i) {
        rest[i] = a[i];
        root[i] = Real(0.0);
    }
    RowsDone<Real, N> rows_done(n * n);
    for (int r = 0; r < n; ++r) {
        rows_done.one_more();
        int best = -1;
        double best_part = 4.0 * static_cast<int>(n) * unit_roundoff<Real>;
        for (int i = 0; i < n; ++i) {
            const double left = to_double(rest[i * n + i]);
            const double whole = to_double(a[i * n + i]);
            if (left > best_part * whole) {
                best = i;
                best_part = left / whole;
            }
        }
        if (best < 0) return;
        Real* row = root + r * n;
        const Real pivot = square_root(rest[best * n + best]);
        const Real inverse = Real(1.0) / pivot;
        // Of what is left the upper triangle counts; the component that has been taken leaves it.
        for (int k = 0; k < n; ++k) {
            Real& entry = k < best ? rest[k * n + best] : rest[best * n + k];
            row[k] = entry * inverse;
            entry = Real(0.0);
        }
        row[best] = Real(0.0);
        for (int i = 0; i < n; ++i) {
            const Real factor = row[i];
            for (int k = i; k < n; ++k) rest[i * n + k] -= factor * row[k];
        }
        row[best] = pivot;
    }
}

// Replaces a positive definite A by U, with reciprocals on the diagonal; returns ln det A, NaN if A
// isn't positive definite.
template <class Real, int N>
ENTROPROD_INLINE Real factor_definite(Extent<N> n, Real* a) {
    Real determinant(1.0);
    Real log_det(0.0);
    RowsDone<Real, N> rows_done(n * n);
    for (int j = 0; j < n; ++j) {
        rows_done.one_more();
        const Real pivot = a[j * n + j];
        Real* row = a + j * n;
        determinant *= pivot;
        // One logarithm for many pivots, taken before their product leaves the range of double.
        const double size = std::abs(to_double(determinant));
        if (!(size > 0x1p-200 && size < 0x1p200)) {
            log_det += logarithm(determinant);
            determinant = Real(1.0);
        }
        const Real inverse = Real(1.0) / square_root(pivot);
        row[j] = inverse;
        for (int i = j + 1; i < n; ++i) row[i] *= inverse;
        for (int k = j + 1; k < n; ++k) {
            const Real factor = row[k];
            for (int i = k; i < n; ++i) a[k * n + i] -= factor * row[i];
        }
    }
    return log_det + logarithm(determinant);
}

// Rows of x (rows, n) -> x U^-1, for the leading `rank` rows and columns of U, its reciprocals on
// its diagonal.
template <class Real, int R, int N>
ENTROPROD_INLINE void solve_from_right(Extent<R> rows, Extent<N> n, int rank, const Real* upper,
                                       Real* x) {
    for (int r = 0; r < rows; ++r) {
        Real* row = x + r * n;
        for (int i = 0; i < rank; ++i) {
            const Real value = row[i] * upper[i * n + i];
            row[i] = value;
            for (int k = i + 1; k < rank; ++k) row[k] -= value * upper[i * n + k];
        }
    }
}

// Rows of x (rows, n) -> x U^-T.
template <class Real, int R, int N>
ENTROPROD_INLINE void solve_transposed_from_right(Extent<R> rows, Extent<N> n, int rank,
                                                  const Real* upper, Real* x) {
    for (int r = 0; r < rows; ++r) {
        Real* row = x + r * n;
        for (int i = rank - 1; i >= 0; --i) {
            Real value = row[i];
            for (int k = i + 1; k < rank; ++k) value -= upper[i * n + k] * row[k];
            row[i] = value * upper[i * n + i];
        }
    }
}

// A direction of a covariance counts as absent when its variance, in units of the variances of the
// components and with what the directions before it explain taken away, is below this.
template <class Real>
constexpr double rank_threshold(int n) {
    return 16.0 * n * unit_roundoff<Real>;
}

// Pivoted Cholesky factor of a covariance A (n, n), destroyed: P^T A P = U^T U up to the threshold,
// with order[i] the component that comes i-th and reciprocals on the diagonal. Returns the rank;
// only that many rows of U are set. variances (n,) is scratch.
template <class Real, int N>
ENTROPROD_INLINE int factor_pivoted(Extent<N> n, Real* a, int* order, Real* variances) {
    for (int i = 0; i < n; ++i) {
        order[i] = i;
        variances[i] = a[i * n + i];
    }
    RowsDone<Real, N> rows_done(n * n);
    int rank = 0;
    for (; rank < n; ++rank) {
        rows_done.one_more();
        // The component of whose variance the largest part is left.
        int best = -1;
        double best_part = rank_threshold<Real>(n);
        for (int i = rank; i < n; ++i) {
            const double left = to_double(a[i * n + i]);
            const double whole = to_double(variances[i]);
            if (left > best_part * whole) {
                best = i;
                best_part = left / whole;
            }
        }
        if (best < 0) break;
        if (best != rank) {
            for (int k = 0; k < rank; ++k) std::swap(a[k * n + rank], a[k * n + best]);
            // A symmetric exchange within the part that is left, of which both triangles count.
            for (int k = rank; k < n; ++k) std::swap(a[rank * n + k], a[best * n + k]);
            for (int k = rank; k < n; ++k) std::swap(a[k * n + rank], a[k * n + best]);
            std::swap(order[rank], order[best]);
            std::swap(variances[rank], variances[best]);
        }
        Real* row = a + rank * n;
        const Real inverse = Real(1.0) / square_root(row[rank]);
        row[rank] = inverse;
        for (int i = rank + 1; i < n; ++i) row[i] *= inverse;
        for (int k = rank + 1; k < n; ++k) {
            const Real factor = row[k];
            for (int i = rank + 1; i < n; ++i) a[k * n + i] -= factor * row[i];
        }
    }
    return rank;
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
