// A register of double-double numbers, and what a kernel for either kind of number needs besides
// arithmetic: to load and store, to exchange neighbours, to add up the lanes.
//
// Translation units that use ExtendedLanes are compiled without contraction of a * b + c.
#pragma once

#include <cstring>
#include <type_traits>

#include "entroprod/extended.hpp"
#include "simd/lanes/vector.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

struct ExtendedLanes {
    DoubleRegister high, low;

    ExtendedLanes() = default;
    ENTROPROD_INLINE ExtendedLanes(DoubleRegister high_part, DoubleRegister low_part)
        : high(high_part), low(low_part) {}
    ENTROPROD_INLINE explicit ExtendedLanes(Extended value)
        : high(value.high - DoubleRegister{}), low(value.low - DoubleRegister{}) {}
};

// The operations of extended.hpp, lane by lane.
ENTROPROD_INLINE ExtendedLanes fast_two_sum(DoubleRegister a, DoubleRegister b) {
    const DoubleRegister sum = a + b;
    return {sum, b - (sum - a)};
}

ENTROPROD_INLINE ExtendedLanes two_sum(DoubleRegister a, DoubleRegister b) {
    const DoubleRegister sum = a + b;
    const DoubleRegister b_part = sum - a;
    return {sum, (a - (sum - b_part)) + (b - b_part)};
}

ENTROPROD_INLINE ExtendedLanes two_product(DoubleRegister a, DoubleRegister b) {
    const DoubleRegister product = a * b;
#if defined(__FMA__) || defined(__aarch64__)
    DoubleRegister rest;
    for (int i = 0; i < register_lanes; ++i) rest[i] = __builtin_fma(a[i], b[i], -product[i]);
    return {product, rest};
#else
    const DoubleRegister splitter = 134217729.0 - DoubleRegister{};  // 2^27 + 1
    const DoubleRegister a_scaled = splitter * a;
    const DoubleRegister a_high = a_scaled - (a_scaled - a);
    const DoubleRegister a_low = a - a_high;
    const DoubleRegister b_scaled = splitter * b;
    const DoubleRegister b_high = b_scaled - (b_scaled - b);
    const DoubleRegister b_low = b - b_high;
    return {product,
            ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low};
#endif
}

ENTROPROD_INLINE ExtendedLanes operator+(const ExtendedLanes& a, const ExtendedLanes& b) {
    const ExtendedLanes high = two_sum(a.high, b.high);
    const ExtendedLanes low = two_sum(a.low, b.low);
    const ExtendedLanes sum = fast_two_sum(high.high, high.low + low.high);
    return fast_two_sum(sum.high, sum.low + low.low);
}
ENTROPROD_INLINE ExtendedLanes operator-(const ExtendedLanes& a, const ExtendedLanes& b) {
    return a + ExtendedLanes(-b.high, -b.low);
}
ENTROPROD_INLINE ExtendedLanes operator*(const ExtendedLanes& a, const ExtendedLanes& b) {
    const ExtendedLanes product = two_product(a.high, b.high);
    return fast_two_sum(product.high, product.low + (a.high * b.low + a.low * b.high));
}
ENTROPROD_INLINE ExtendedLanes& operator+=(ExtendedLanes& a, const ExtendedLanes& b) {
    return a = a + b;
}

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

ENTROPROD_INLINE ExtendedLanes load_lanes(const Extended* from) {
    DoubleRegister first, second;
    std::memcpy(&first, from, sizeof(first));
    std::memcpy(&second, from + register_lanes / 2, sizeof(second));
    return {Rearrange::every_other<0>(first, second), Rearrange::every_other<1>(first, second)};
}
ENTROPROD_INLINE void store_lanes(Extended* to, const ExtendedLanes& value) {
    const DoubleRegister first = Rearrange::interleaved<false>(value.high, value.low);
    const DoubleRegister second = Rearrange::interleaved<true>(value.high, value.low);
    std::memcpy(static_cast<void*>(to), &first, sizeof(first));
    std::memcpy(static_cast<void*>(to + register_lanes / 2), &second, sizeof(second));
}

ENTROPROD_INLINE double sum_of_lanes(const Lanes& a) {
    double result = a.values[0];
    for (int i = 1; i < register_lanes; ++i) result += a.values[i];
    return result;
}
ENTROPROD_INLINE Extended sum_of_lanes(const ExtendedLanes& a) {
    Extended result{a.high[0], a.low[0]};
    for (int i = 1; i < register_lanes; ++i) result += Extended{a.high[i], a.low[i]};
    return result;
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
