// A register of double-double numbers, and what a kernel for either kind of number needs besides
// arithmetic: to load and store, to exchange neighbours, to add up the lanes.
//
// Translation units that use ExtendedLanes are compiled without contraction of a * b + c.
#pragma once

#include <cstring>
#include <type_traits>

#include "formulas/extended.hpp"
#include "simd/lanes/vector.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

using ExtendedLanes = DoubleDouble<DoubleRegister>;

// A register's worth of either kind of number.
template <class Real>
using LanesOf = std::conditional_t<std::is_same_v<Real, double>, Lanes, ExtendedLanes>;

// Rearrangements, for registers of two and of four lanes.
template <class Register>
struct Rearranged {
    static constexpr int lanes = sizeof(Register) / sizeof(double);
    static_assert(lanes == 2 || lanes == 4);

    // Lanes 0 and 1, 2 and 3, .. exchanged.
    ENTROPROD_INLINE static Register swapped(Register a) {
        if constexpr (lanes == 2) {
            return __builtin_shufflevector(a, a, 1, 0);
        } else {
            return __builtin_shufflevector(a, a, 1, 0, 3, 2);
        }
    }
    // Every other number of a and then of b, from the first (start 0) or the second on.
    template <int start>
    ENTROPROD_INLINE static Register every_other(Register a, Register b) {
        if constexpr (lanes == 2) {
            return __builtin_shufflevector(a, b, start, start + 2);
        } else {
            return __builtin_shufflevector(a, b, start, start + 2, start + 4, start + 6);
        }
    }
    // a_0, b_0, a_1, b_1, ..: the lower half of that, or the upper.
    template <bool upper>
    ENTROPROD_INLINE static Register interleaved(Register a, Register b) {
        if constexpr (lanes == 2) {
            return __builtin_shufflevector(a, b, upper, upper + 2);
        } else {
            constexpr int first = upper ? 2 : 0;
            return __builtin_shufflevector(a, b, first, first + 4, first + 1, first + 5);
        }
    }
};
using Rearrange = Rearranged<DoubleRegister>;

// Lanes 0 and 1, 2 and 3, .. exchanged.
ENTROPROD_INLINE Lanes swapped(const Lanes& a) { return Lanes(Rearrange::swapped(a.values)); }
ENTROPROD_INLINE ExtendedLanes swapped(const ExtendedLanes& a) {
    return {Rearrange::swapped(a.high), Rearrange::swapped(a.low)};
}

ENTROPROD_INLINE Lanes load_lanes(const double* from) {
    Lanes result;
    std::memcpy(&result.values, from, sizeof(result.values));
    return result;
}
ENTROPROD_INLINE void store_lanes(double* to, const Lanes& value) {
    std::memcpy(to, &value.values, sizeof(value.values));
}

// From two registers of pairs high, low, high, low, .. and back to the first or second of them.
ENTROPROD_INLINE ExtendedLanes from_pairs(DoubleRegister first, DoubleRegister second) {
    return {Rearrange::every_other<0>(first, second), Rearrange::every_other<1>(first, second)};
}
template <bool second>
ENTROPROD_INLINE DoubleRegister to_pairs(const ExtendedLanes& value) {
    return Rearrange::interleaved<second>(value.high, value.low);
}

ENTROPROD_INLINE ExtendedLanes load_lanes(const Extended* from) {
    DoubleRegister first, second;
    std::memcpy(&first, from, sizeof(first));
    std::memcpy(&second, from + register_lanes / 2, sizeof(second));
    return from_pairs(first, second);
}
ENTROPROD_INLINE void store_lanes(Extended* to, const ExtendedLanes& value) {
    const DoubleRegister first = to_pairs<false>(value);
    const DoubleRegister second = to_pairs<true>(value);
    std::memcpy(static_cast<void*>(to), &first, sizeof(first));
    std::memcpy(static_cast<void*>(to + register_lanes / 2), &second, sizeof(second));
}

ENTROPROD_INLINE Extended sum_of_lanes(const ExtendedLanes& a) {
    Extended result{a.high[0], a.low[0]};
    for (int i = 1; i < register_lanes; ++i) result += Extended{a.high[i], a.low[i]};
    return result;
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
