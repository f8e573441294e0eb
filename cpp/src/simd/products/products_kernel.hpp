// The loops of numbers/large_products.hpp: up to four rows share each load of the right factor.
#pragma once

#include <type_traits>

#include "entroprod/blas.hpp"
#include "numbers/large_products.hpp"
#include "simd/lanes/register_columns.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

// What a product is made of: a (rows, inner), or (inner, rows) where it is read transposed.
template <bool transposed, class Real>
struct Factors {
    int rows, inner, cols;
    const Real *a, *b;
    Real* out;

    ENTROPROD_INLINE Real left(int i, int k) const {
        return transposed ? a[k * rows + i] : a[i * inner + k];
    }
};

// `tile` rows from `row` on, and the columns that `lanes` have access to.
template <int tile, bool transposed, class Real, class Access>
ENTROPROD_INLINE void multiply_tile(const Factors<transposed, Real>& by, bool accumulate, int row,
                                    int first, const Access& lanes) {
    LanesOf<Real> sums[tile];
    for (int r = 0; r < tile; ++r) {
        sums[r] = accumulate ? lanes.load(by.out + (row + r) * by.cols + first)
                             : LanesOf<Real>(Real(0.0));
    }
    for (int k = 0; k < by.inner; ++k) {
        const LanesOf<Real> factor = lanes.load(by.b + k * by.cols + first);
        for (int r = 0; r < tile; ++r) sums[r] += LanesOf<Real>(by.left(row + r, k)) * factor;
    }
    for (int r = 0; r < tile; ++r) lanes.store(by.out + (row + r) * by.cols + first, sums[r]);
}

template <bool transposed, class Real>
void multiply_tiles(const Factors<transposed, Real>& by, bool accumulate) {
    constexpr int tile = 4;
    typename LargeProducts<Real>::Rows tiles_done(tile * register_lanes * by.inner);
    for_columns(0, by.cols, [&](int first, const auto& lanes) {
        int row = 0;
        for (; row + tile <= by.rows; row += tile) {
            multiply_tile<tile>(by, accumulate, row, first, lanes);
            tiles_done.one_more();
        }
        switch (by.rows - row) {
            case 3:
                multiply_tile<3>(by, accumulate, row, first, lanes);
                break;
            case 2:
                multiply_tile<2>(by, accumulate, row, first, lanes);
                break;
            case 1:
                multiply_tile<1>(by, accumulate, row, first, lanes);
                break;
            default:
                break;
        }
        tiles_done.one_more();
    });
}

template <bool transposed, class Real>
void multiply_any(const Factors<transposed, Real>& by, bool accumulate) {
    if constexpr (std::is_same_v<Real, double>) {
        if (blas::worthwhile(by.rows, by.cols, by.inner)) {
            blas::multiply(transposed, by.rows, by.cols, by.inner, by.a, by.b,
                           accumulate ? 1.0 : 0.0, by.out);
            return;
        }
    }
    multiply_tiles(by, accumulate);
}

template <class Real>
void LargeProducts<Real>::multiply(bool accumulate, int rows, int inner, int cols, const Real* a,
                                   const Real* b, Real* out) {
    multiply_any(Factors<false, Real>{rows, inner, cols, a, b, out}, accumulate);
}

template <class Real>
void LargeProducts<Real>::add_transposed(int inner, int rows, int cols, const Real* a,
                                         const Real* b, Real* out) {
    multiply_any(Factors<true, Real>{rows, inner, cols, a, b, out}, true);
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
