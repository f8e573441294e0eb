// Small matrices of lanes, of sizes known at compile time.
#pragma once

#include "formulas/matrix.hpp"
#include "simd/lanes/vector.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

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

template <int N>
ENTROPROD_INLINE Lanes product_of_diagonal(const Lanes* a) {
    Lanes result = a[0];
    for (int i = 1; i < N; ++i) result = result * a[i * N + i];
    return result;
}

// Replaces a symmetric positive definite A by L below its diagonal and the reciprocals of the
// pivots on it, A = L diag(pivots) L^T; returns det A.
template <int N>
ENTROPROD_INLINE Lanes factor(Lanes* a) {
    Lanes determinant(1.0);
    for (int j = 0; j < N; ++j) {
        const Lanes pivot = a[j * N + j];
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

// Of a symmetric positive definite A, which is destroyed.
template <int N>
ENTROPROD_INLINE Lanes determinant_of(Lanes* a) {
    if constexpr (N == 1) return a[0];
    if constexpr (N == 2) return a[0] * a[3] - a[2] * a[2];
    return factor<N>(a);
}

// Lower triangular matrices are kept row by row without what is above the diagonal.
constexpr int triangle(int n) { return n * (n + 1) / 2; }

// out = a R: (rows, N).
template <int rows, int N>
ENTROPROD_INLINE void multiply_by_root(const Lanes* a, const Lanes* root, Lanes* out) {
    for (int i = 0; i < rows; ++i) {
        for (int j = 0; j < N; ++j) {
            Lanes sum = a[i * N + j] * root[triangle(j) + j];
            for (int k = j + 1; k < N; ++k) sum += a[i * N + k] * root[triangle(k) + j];
            out[i * N + j] = sum;
        }
    }
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
