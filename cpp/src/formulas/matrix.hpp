// Products of small dense matrices, row-major and without gaps.
//
// One source serves two kinds of sizes: an Extent fixed at compile time unrolls, a run-time Extent
// leaves products to LargeProducts, whose definition belongs to the place that runs them.
#pragma once

#include <type_traits>

#include "formulas/extended.hpp"
#include "formulas/isa.hpp"

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

// Products whose sizes are known only at run time; see numbers/large_products.hpp.
template <class Real>
struct LargeProducts;

// Told of each row that a loop has done, made with the multiplications of one: with sizes that are
// fixed, and small, nobody waits for them.
struct NobodyWaits {
    ENTROPROD_INLINE explicit NobodyWaits(int) {}
    ENTROPROD_INLINE void one_more() {}
};
template <class Real, int Fixed>
struct WhoWaits {
    using Type = NobodyWaits;
};
template <class Real>
struct WhoWaits<Real, 0> {
    using Type = typename LargeProducts<Real>::Rows;
};
template <class Real, int Fixed>
using RowsDone = typename WhoWaits<Real, Fixed>::Type;

// Whether a product's loop over rows is kept. Where a row of doubles is much work, unrolling it
// would make nothing faster, and take much longer to compile; registers of lanes gain by it.
template <class Real, int work_of_row>
inline constexpr bool keep_rows = std::is_same_v<Real, double> && work_of_row >= 12;

// One row of a product.
template <bool accumulate, class Real, int K, int N>
ENTROPROD_INLINE void multiply_row(Extent<K> inner, Extent<N> cols, const Real* a, const Real* b,
                                   Real* ENTROPROD_RESTRICT row) {
    if constexpr (!accumulate) {
        for (int j = 0; j < cols; ++j) row[j] = Real(0.0);
    }
    for (int k = 0; k < inner; ++k) {
        const Real factor = a[k];
        for (int j = 0; j < cols; ++j) row[j] += factor * b[k * cols + j];
    }
}

// out = a b, or out += a b: (rows, inner) (inner, cols) -> (rows, cols).
template <bool accumulate, class Real, int R, int K, int N>
ENTROPROD_INLINE void multiply_into(Extent<R> rows, Extent<K> inner, Extent<N> cols, const Real* a,
                                    const Real* b, Real* ENTROPROD_RESTRICT out) {
    if constexpr (R == 0 || K == 0 || N == 0) {
        LargeProducts<Real>::multiply(accumulate, rows, inner, cols, a, b, out);
    } else if constexpr (keep_rows<Real, K * N>) {
        constexpr int n_rows = R;
        ENTROPROD_KEEP_LOOP
        for (int i = 0; i < n_rows; ++i) {
            multiply_row<accumulate>(inner, cols, a + i * inner, b, out + i * cols);
        }
    } else {
        for (int i = 0; i < rows; ++i) {
            multiply_row<accumulate>(inner, cols, a + i * inner, b, out + i * cols);
        }
    }
}

template <class Real, int R, int K, int N>
ENTROPROD_INLINE void multiply(Extent<R> rows, Extent<K> inner, Extent<N> cols, const Real* a,
                               const Real* b, Real* out) {
    multiply_into<false>(rows, inner, cols, a, b, out);
}

// out += a^T b: (inner, rows) (inner, cols) -> (rows, cols).
template <class Real, int K, int R, int N>
ENTROPROD_INLINE void add_transposed_product(Extent<K> inner, Extent<R> rows, Extent<N> cols,
                                             const Real* a, const Real* b,
                                             Real* ENTROPROD_RESTRICT out) {
    if constexpr (R == 0 || K == 0 || N == 0) {
        LargeProducts<Real>::add_transposed(inner, rows, cols, a, b, out);
    } else {
        for (int k = 0; k < inner; ++k) {
            for (int i = 0; i < rows; ++i) {
                const Real factor = a[k * rows + i];
                for (int j = 0; j < cols; ++j) out[i * cols + j] += factor * b[k * cols + j];
            }
        }
    }
}

// out += x^T x: (inner, cols) -> (cols, cols).
template <class Real, int K, int N>
ENTROPROD_INLINE void add_gram(Extent<K> inner, Extent<N> cols, const Real* x,
                               Real* ENTROPROD_RESTRICT out) {
    add_transposed_product(inner, cols, cols, x, x, out);
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
