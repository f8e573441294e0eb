// Double-double arithmetic: a number is the unevaluated sum of two doubles, about 32 digits.
//
// Error-free transformations of Dekker (1971) and Knuth (1969), with the accurate sum and product
// whose relative errors, a few times 2^-106, are bounded by Joldes, Muller and Popescu (2017).
// Translation units that use it are compiled without contraction of a * b + c.
#pragma once

#include <cmath>
#include <cstddef>
#include <type_traits>

#include "formulas/isa.hpp"

namespace entroprod {

// Of doubles, or of registers of them, lane by lane.
template <class Number>
struct DoubleDouble {
    Number high{};
    Number low{};

    constexpr DoubleDouble() = default;
    constexpr DoubleDouble(Number value) : high(value) {}
    constexpr DoubleDouble(Number high_part, Number low_part) : high(high_part), low(low_part) {}
    // One number in every lane; subtracting 0 changes none.
    template <
        class One,
        std::enable_if_t<std::is_same_v<One, double> && !std::is_same_v<Number, double>, int> = 0>
    ENTROPROD_INLINE explicit DoubleDouble(DoubleDouble<One> value)
        : high(value.high - Number{}), low(value.low - Number{}) {}

    template <class One = Number, std::enable_if_t<std::is_same_v<One, double>, int> = 0>
    explicit constexpr operator double() const {
        return high;
    }
};
using Extended = DoubleDouble<double>;

inline namespace ENTROPROD_ISA {

// high + low == a + b exactly, for |a| >= |b|.
template <class Number>
ENTROPROD_INLINE DoubleDouble<Number> fast_two_sum(Number a, Number b) {
    const Number sum = a + b;
    return {sum, b - (sum - a)};
}

// high + low == a + b exactly.
template <class Number>
ENTROPROD_INLINE DoubleDouble<Number> two_sum(Number a, Number b) {
    const Number sum = a + b;
    const Number b_part = sum - a;
    return {sum, (a - (sum - b_part)) + (b - b_part)};
}

// a * b - c, rounded once.
ENTROPROD_INLINE double multiply_subtract(double a, double b, double c) {
    return __builtin_fma(a, b, -c);
}
template <class Register>
ENTROPROD_INLINE Register multiply_subtract(Register a, Register b, Register c) {
    Register result;
    for (std::size_t i = 0; i < sizeof(Register) / sizeof(double); ++i) {
        result[i] = __builtin_fma(a[i], b[i], -c[i]);
    }
    return result;
}

// high + low == a * b exactly (barring overflow and underflow).
template <class Number>
ENTROPROD_INLINE DoubleDouble<Number> two_product(Number a, Number b) {
    const Number product = a * b;
#if defined(__FMA__) || defined(__aarch64__)
    return {product, multiply_subtract(a, b, product)};
#else
    constexpr double splitter = 134217729.0;  // 2^27 + 1
    const Number a_scaled = splitter * a;
    const Number a_high = a_scaled - (a_scaled - a);
    const Number a_low = a - a_high;
    const Number b_scaled = splitter * b;
    const Number b_high = b_scaled - (b_scaled - b);
    const Number b_low = b - b_high;
    return {product,
            ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low};
#endif
}

template <class Number>
ENTROPROD_INLINE DoubleDouble<Number> operator+(const DoubleDouble<Number>& a,
                                                const DoubleDouble<Number>& b) {
    const DoubleDouble<Number> high = two_sum(a.high, b.high);
    const DoubleDouble<Number> low = two_sum(a.low, b.low);
    const Number middle = high.low + low.high;
    const DoubleDouble<Number> sum = fast_two_sum(high.high, middle);
    const Number last = sum.low + low.low;
    return fast_two_sum(sum.high, last);
}

template <class Number>
ENTROPROD_INLINE DoubleDouble<Number> operator-(const DoubleDouble<Number>& a) {
    return {-a.high, -a.low};
}

template <class Number>
ENTROPROD_INLINE DoubleDouble<Number> operator-(const DoubleDouble<Number>& a,
                                                const DoubleDouble<Number>& b) {
    return a + (-b);
}

template <class Number>
ENTROPROD_INLINE DoubleDouble<Number> operator*(const DoubleDouble<Number>& a,
                                                const DoubleDouble<Number>& b) {
    const DoubleDouble<Number> product = two_product(a.high, b.high);
    const Number rest = product.low + (a.high * b.low + a.low * b.high);
    return fast_two_sum(product.high, rest);
}

template <class Number>
ENTROPROD_INLINE DoubleDouble<Number> operator/(const DoubleDouble<Number>& a,
                                                const DoubleDouble<Number>& b) {
    const Number first = a.high / b.high;
    const DoubleDouble<Number> rest = a - b * DoubleDouble<Number>(first);
    const Number second = rest.high / b.high;
    const DoubleDouble<Number> last = rest - b * DoubleDouble<Number>(second);
    const Number third = last.high / b.high;
    return fast_two_sum(first, second) + DoubleDouble<Number>(third);
}

template <class Number>
ENTROPROD_INLINE DoubleDouble<Number>& operator+=(DoubleDouble<Number>& a,
                                                  const DoubleDouble<Number>& b) {
    return a = a + b;
}
template <class Number>
ENTROPROD_INLINE DoubleDouble<Number>& operator-=(DoubleDouble<Number>& a,
                                                  const DoubleDouble<Number>& b) {
    return a = a - b;
}
template <class Number>
ENTROPROD_INLINE DoubleDouble<Number>& operator*=(DoubleDouble<Number>& a,
                                                  const DoubleDouble<Number>& b) {
    return a = a * b;
}

// One Newton step on the double root squares its relative error.
inline Extended square_root(Extended a) {
    if (a.high <= 0.0) return {std::sqrt(a.high), 0.0};
    const double root = std::sqrt(a.high);
    const Extended rest = a - two_product(root, root);
    return fast_two_sum(root, rest.high / (2.0 * root));
}
inline double square_root(double a) { return std::sqrt(a); }

// ln a for a > 0: a = 2^k f with f within a factor sqrt(2) of 1, and ln f = 2 artanh z with
// z = (f - 1) / (f + 1), whose series keeps relative accuracy where a is near 1.
inline Extended logarithm(Extended a) {
    if (!(a.high > 0.0) || std::isinf(a.high)) return {std::log(a.high), 0.0};
    int k = std::ilogb(a.high);
    if (std::scalbn(a.high, -k) > 1.4142135623730951) ++k;
    const Extended f(std::scalbn(a.high, -k), std::scalbn(a.low, -k));
    const Extended z = (f - Extended(1.0)) / (f + Extended(1.0));
    const Extended square = z * z;
    // |z| <= 0.172: the first term left out is below 2^-107 of the sum.
    constexpr int last_power = 41;
    Extended sum = Extended(1.0) / Extended(last_power);
    for (int power = last_power - 2; power > 0; power -= 2) {
        sum = sum * square + Extended(1.0) / Extended(power);
    }
    constexpr Extended ln_2(0.6931471805599453, 2.3190468138462996e-17);
    return Extended(2.0) * z * sum + Extended(k) * ln_2;
}
inline double logarithm(double a) { return std::log(a); }

ENTROPROD_INLINE double to_double(Extended a) { return a.high; }
ENTROPROD_INLINE double to_double(double a) { return a; }

}  // namespace ENTROPROD_ISA

// Unit roundoff: the relative error of one operation.
template <class Real>
inline constexpr double unit_roundoff = 0x1p-53;
template <>
inline constexpr double unit_roundoff<Extended> = 0x1p-104;

}  // namespace entroprod
