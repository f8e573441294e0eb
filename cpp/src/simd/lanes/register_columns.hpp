// Loops over the columns of a matrix, a register of either kind of number at a time.
#pragma once

#include <cstring>

#include "simd/lanes/extended_lanes.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

// Access to a whole register, or to the few numbers that are left at the end of a row.
struct WholeLanes {
    template <class Real>
    ENTROPROD_INLINE LanesOf<Real> load(const Real* from) const {
        return load_lanes(from);
    }
    template <class Real>
    ENTROPROD_INLINE void store(Real* to, const LanesOf<Real>& value) const {
        store_lanes(to, value);
    }
};
struct FewLanes {
    ENTROPROD_INLINE explicit FewLanes(int few) : count(few) {
#if defined(__AVX2__) && !defined(__AVX512F__)
        constexpr long long on_and_off[] = {-1, -1, -1, -1, 0, 0, 0, 0};
        std::memcpy(&mask, on_and_off + register_lanes - count, sizeof(mask));
#endif
    }

    ENTROPROD_INLINE Lanes load(const double* from) const {
#if defined(__AVX2__) && !defined(__AVX512F__)
        return Lanes(_mm256_maskload_pd(from, mask));
#else
        return load_padded(from);
#endif
    }
    ENTROPROD_INLINE ExtendedLanes load(const Extended* from) const { return load_padded(from); }

    ENTROPROD_INLINE void store(double* to, const Lanes& value) const {
#if defined(__AVX2__) && !defined(__AVX512F__)
        _mm256_maskstore_pd(to, mask, value.values);
#else
        store_padded(to, value);
#endif
    }
    ENTROPROD_INLINE void store(Extended* to, const ExtendedLanes& value) const {
        store_padded(to, value);
    }

private:
    template <class Real>
    ENTROPROD_INLINE LanesOf<Real> load_padded(const Real* from) const {
        Real padded[register_lanes] = {};
        for (int i = 0; i < count; ++i) padded[i] = from[i];
        return load_lanes(padded);
    }
    template <class Real>
    ENTROPROD_INLINE void store_padded(Real* to, const LanesOf<Real>& value) const {
        Real padded[register_lanes];
        store_lanes(padded, value);
        for (int i = 0; i < count; ++i) to[i] = padded[i];
    }

    int count;
#if defined(__AVX2__) && !defined(__AVX512F__)
    __m256i mask;
#endif
};

// Calls body(j, lanes) for the columns begin .. n - 1, a register at a time.
template <class Body>
ENTROPROD_INLINE void for_columns(int begin, int n, const Body& body) {
    int j = begin;
    for (; j + register_lanes <= n; j += register_lanes) body(j, WholeLanes{});
    if (j < n) body(j, FewLanes(n - j));
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
