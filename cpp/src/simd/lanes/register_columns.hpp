// Loops over the columns of a matrix, a register of either kind of number at a time.
#pragma once

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
    int count;

    template <class Real>
    ENTROPROD_INLINE LanesOf<Real> load(const Real* from) const {
        Real padded[register_lanes] = {};
        for (int i = 0; i < count; ++i) padded[i] = from[i];
        return load_lanes(padded);
    }
    template <class Real>
    ENTROPROD_INLINE void store(Real* to, const LanesOf<Real>& value) const {
        Real padded[register_lanes];
        store_lanes(padded, value);
        for (int i = 0; i < count; ++i) to[i] = padded[i];
    }
};

// Calls body(j, lanes) for the columns begin .. n - 1, a register at a time.
template <class Body>
ENTROPROD_INLINE void for_columns(int begin, int n, const Body& body) {
    int j = begin;
    for (; j + register_lanes <= n; j += register_lanes) body(j, WholeLanes{});
    if (j < n) body(j, FewLanes{n - j});
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
