// Double-double arithmetic: a number is the unevaluated sum of two doubles, about 32 digits.
//
// Error-free transformations of Dekker (1971) and Knuth (1969), with the accurate sum and product
// whose relative errors, a few times 2^-106, are bounded by Joldes, Muller and Popescu (2017).
// Translation units that use it are compiled without contraction of a * b + c.
#pragma once

#include <cmath>

#include "entroprod/isa.hpp"

namespace entroprod {

struct Extended {
    double high = 0.0;
    double low = 0.0;

    constexpr Extended() = default;
    constexpr Extended(double value) : high(value) {}
    constexpr Extended(double high_part, double low_part) : high(high_part), low(low_part) {}
    explicit constexpr operator double() const { return high; }
};

inline namespace ENTROPROD_ISA {

// high + low == a + b exactly, for |a| >= |b|.
ENTROPROD_INLINE Extended fast_two_sum(double a, double b) {
    const double sum = a + b;
    return {sum, b - (sum - a)};
}

// high + low == a + b exactly.
ENTROPROD_INLINE Extended two_sum(double a, double b) {
    const double sum = a + b;
    const double b_part = sum - a;
    return {sum, (a - (sum - b_part)) + (b - b_part)};
}

// high + low == a * b exactly (barring overflow and underflow).
ENTROPROD_INLINE Extended two_product(double a, double b) {
    const double product = a * b;
#if defined(__FMA__) || defined(__aarch64__)
    return {product, __builtin_fma(a, b, -product)};
#else
    constexpr double splitter = 134217729.0;  // 2^27 + 1
    const double a_scaled = splitter * a;
    const double a_high = a_scaled - (a_scaled - a);
    const double a_low = a - a_high;
    const double b_scaled = splitter * b;
    const double b_high = b_scaled - (b_scaled - b);
    const double b_low = b - b_high;
    return {product,
            ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low};
#endif
}

ENTROPROD_INLINE Extended operator+(Extended a, Extended b) {
    const Extended high = two_sum(a.high, b.high);
    const Extended low = two_sum(a.low, b.low);
    const Extended sum = fast_two_sum(high.high, high.low + low.high);
    return fast_two_sum(sum.high, sum.low + low.low);
}

ENTROPROD_INLINE Extended operator-(Extended a) { return {-a.high, -a.low}; }

ENTROPROD_INLINE Extended operator-(Extended a, Extended b) { return a + (-b); }

ENTROPROD_INLINE Extended operator*(Extended a, Extended b) {
    const Extended product = two_product(a.high, b.high);
    return fast_two_sum(product.high, product.low + (a.high * b.low + a.low * b.high));
}

ENTROPROD_INLINE Extended operator/(Extended a, Extended b) {
    const double first = a.high / b.high;
    const Extended rest = a - b * Extended(first);
    const double second = rest.high / b.high;
    const Extended last = rest - b * Extended(second);
    return fast_two_sum(first, second) + Extended(last.high / b.high);
}

ENTROPROD_INLINE Extended& operator+=(Extended& a, Extended b) { return a = a + b; }
ENTROPROD_INLINE Extended& operator-=(Extended& a, Extended b) { return a = a - b; }
ENTROPROD_INLINE Extended& operator*=(Extended& a, Extended b) { return a = a * b; }

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
