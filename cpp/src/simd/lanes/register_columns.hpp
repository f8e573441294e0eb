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
        mask = first_lanes(count);
        mask_of_first = first_lanes(2 * count);
        mask_of_second = first_lanes(2 * count - register_lanes);
#endif
    }

    ENTROPROD_INLINE Lanes load(const double* from) const {
#if defined(__AVX2__) && !defined(__AVX512F__)
        return Lanes(_mm256_maskload_pd(from, mask));
#else
        return load_padded(from);
#endif
    }
    ENTROPROD_INLINE ExtendedLanes load(const Extended* from) const {
#if defined(__AVX2__) && !defined(__AVX512F__)
        const double* numbers = &from->high;
        return from_pairs(_mm256_maskload_pd(numbers, mask_of_first),
                          _mm256_maskload_pd(numbers + register_lanes, mask_of_second));
#else
        return load_padded(from);
#endif
    }

    ENTROPROD_INLINE void store(double* to, const Lanes& value) const {
#if defined(__AVX2__) && !defined(__AVX512F__)
        _mm256_maskstore_pd(to, mask, value.values);
#else
        store_padded(to, value);
#endif
    }
    ENTROPROD_INLINE void store(Extended* to, const ExtendedLanes& value) const {
#if defined(__AVX2__) && !defined(__AVX512F__)
        double* numbers = &to->high;
        _mm256_maskstore_pd(numbers, mask_of_first, to_pairs<false>(value));
        _mm256_maskstore_pd(numbers + register_lanes, mask_of_second, to_pairs<true>(value));
#else
        store_padded(to, value);
#endif
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
    // All bits set in the first `few` lanes.
    ENTROPROD_INLINE static __m256i first_lanes(int few) {
        constexpr long long on_and_off[] = {-1, -1, -1, -1, 0, 0, 0, 0};
        const int on = few < 0 ? 0 : few > register_lanes ? register_lanes : few;
        __m256i result;
        std::memcpy(&result, on_and_off + register_lanes - on, sizeof(result));
        return result;
    }
    __m256i mask, mask_of_first, mask_of_second;  // of doubles; of the halves of pairs of them
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
