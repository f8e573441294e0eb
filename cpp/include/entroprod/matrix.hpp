// Products of small dense matrices, row-major and without gaps.
//
// One source serves three sizes: an Extent fixed at compile time unrolls completely, a run-time
// Extent loops with unit stride and can be interrupted, and large double products go to BLAS.
#pragma once

#include <type_traits>

#include "entroprod/blas.hpp"
#include "entroprod/extended.hpp"
#include "entroprod/interruption.hpp"

namespace entroprod {

// A number of rows or columns: fixed (Extent<3>) or known at run time (Extent<0>).
template <int Fixed>
struct Extent {
    constexpr Extent(int) {}
    constexpr operator int() const { return Fixed; }
};
template <>
struct Extent<0> {
    int value;
    constexpr Extent(int v) : value(v) {}
    constexpr operator int() const { return value; }
};

// Sum of two extents, fixed if both are.
template <int A, int B>
constexpr Extent<(A > 0 && B > 0) ? A + B : 0> operator+(Extent<A> a, Extent<B> b) {
    return {static_cast<int>(a) + static_cast<int>(b)};
}

// Product of two extents, fixed if both are.
template <int A, int B>
constexpr Extent<A * B> operator*(Extent<A> a, Extent<B> b) {
    return {static_cast<int>(a) * static_cast<int>(b)};
}

inline namespace ENTROPROD_ISA {

template <class Real, int Fixed>
inline constexpr bool may_use_blas = std::is_same_v<Real, double> && Fixed == 0;

// Interruption points for the rows of a product; none where its size is fixed, and small.
template <class Real, bool fixed>
class RowsDone {
public:
    ENTROPROD_INLINE explicit RowsDone(int multiplications_per_row)
        : per_row_(multiplications_per_row *
                   (std::is_same_v<Real, double> ? 1.0 : work_of_extended)) {}

    ENTROPROD_INLINE void one_more() {
        constexpr double worth_a_call = 1e5;
        if constexpr (!fixed) {
            work_ += per_row_;
            if (work_ < worth_a_call) return;
            interruption_point(work_);
            work_ = 0.0;
        }
    }

private:
    double per_row_;
    double work_ = 0.0;
};

// out = a b, or out += a b: (rows, inner) (inner, cols) -> (rows, cols).
template <bool accumulate, class Real, int R, int K, int N>
ENTROPROD_INLINE void multiply_into(Extent<R> rows, Extent<K> inner, Extent<N> cols, const Real* a,
                                    const Real* b, Real* ENTROPROD_RESTRICT out) {
    if constexpr (may_use_blas<Real, K>) {
        if (blas::worthwhile(rows, cols, inner)) {
            blas::multiply(false, rows, cols, inner, a, b, accumulate ? 1.0 : 0.0, out);
            return;
        }
    }
    RowsDone<Real, (K > 0)> rows_done(inner * cols);
    for (int i = 0; i < rows; ++i) {
        Real* ENTROPROD_RESTRICT row = out + i * cols;
        if constexpr (!accumulate) {
            for (int j = 0; j < cols; ++j) row[j] = Real(0.0);
        }
        for (int k = 0; k < inner; ++k) {
            const Real factor = a[i * inner + k];
            for (int j = 0; j < cols; ++j) row[j] += factor * b[k * cols + j];
        }
        rows_done.one_more();
    }
}

template <class Real, int R, int K, int N>
ENTROPROD_INLINE void multiply(Extent<R> rows, Extent<K> inner, Extent<N> cols, const Real* a,
                               const Real* b, Real* out) {
    multiply_into<false>(rows, inner, cols, a, b, out);
}

// out += x^T x: (inner, cols) -> (cols, cols).
template <class Real, int K, int N>
ENTROPROD_INLINE void add_gram(Extent<K> inner, Extent<N> cols, const Real* x,
                               Real* ENTROPROD_RESTRICT out) {
    if constexpr (may_use_blas<Real, N>) {
        if (blas::worthwhile(cols, cols, inner)) {
            blas::multiply(true, cols, cols, inner, x, x, 1.0, out);
            return;
        }
    }
    RowsDone<Real, (N > 0)> rows_done(cols * cols);
    for (int k = 0; k < inner; ++k) {
        const Real* row = x + k * cols;
        for (int i = 0; i < cols; ++i) {
            const Real factor = row[i];
            for (int j = 0; j < cols; ++j) out[i * cols + j] += factor * row[j];
        }
        rows_done.one_more();
    }
}

template <class Real, int R, int N>
ENTROPROD_INLINE void transpose(Extent<R> rows, Extent<N> cols, const Real* a,
                                Real* ENTROPROD_RESTRICT out) {
    for (int i = 0; i < rows; ++i) {
        for (int j = 0; j < cols; ++j) out[j * rows + i] = a[i * cols + j];
    }
}

// sum_i a_i b_i, in four interleaved parts that don't wait for each other.
template <class Real, int N>
ENTROPROD_INLINE Real inner_product(Extent<N> size, const Real* a, const Real* b) {
    constexpr int parts = 4;
    Real sums[parts] = {Real(0.0), Real(0.0), Real(0.0), Real(0.0)};
    int i = 0;
    for (; i + parts <= size; i += parts) {
        for (int part = 0; part < parts; ++part) sums[part] += a[i + part] * b[i + part];
    }
    for (; i < size; ++i) sums[0] += a[i] * b[i];
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
