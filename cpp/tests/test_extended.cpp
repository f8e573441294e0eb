#include <random>

#include "check.hpp"
#include "formulas/extended.hpp"

using entroprod::Extended;

namespace {

// The rounding error of one operation, with the slack of a few operations for renormalisation.
constexpr double one_operation = 4.0 * entroprod::unit_roundoff<Extended>;

double relative_difference(Extended a, Extended b) {
    const Extended difference = a - b;
    return std::abs(difference.high / b.high);
}

struct Numbers {
    std::mt19937_64 engine{1};
    std::uniform_real_distribution<double> uniform{-1.0, 1.0};
    Extended operator()() {
        const double high = uniform(engine);
        return entroprod::fast_two_sum(high, high * 0x1p-54 * uniform(engine));
    }
};

TEST(logarithms_of_double_double) {
    // ln(1 + 2^-60): the first terms of its series, which double would lose entirely.
    const entroprod::Extended near_one(1.0, 0x1p-60);
    CHECK_CLOSE(entroprod::logarithm(near_one).high, 0x1p-60 - 0x1p-121, 1e-30, 0.0);
    const entroprod::Extended two = entroprod::logarithm(entroprod::Extended(2.0));
    CHECK(two.high == 0.6931471805599453 && std::abs(two.low - 2.3190468138462996e-17) < 1e-32);
    for (const double value : {0x1p-900, 0.3, 0.999, 7.0, 1e300}) {
        CHECK_CLOSE(entroprod::logarithm(entroprod::Extended(value)).high, std::log(value), 1e-15,
                    0.0);
    }
}

}  // namespace

TEST(sum_of_doubles_is_exact) {
    const Extended sum = entroprod::two_sum(1.0, 0x1p-80);
    CHECK(sum.high == 1.0);
    CHECK(sum.low == 0x1p-80);
    const Extended swapped = entroprod::two_sum(0x1p-80, 1.0);
    CHECK(swapped.high == 1.0 && swapped.low == 0x1p-80);
}

TEST(product_of_doubles_is_exact) {
    const Extended square = entroprod::two_product(1.0 + 0x1p-30, 1.0 + 0x1p-30);
    CHECK(square.high == 1.0 + 0x1p-29);
    CHECK(square.low == 0x1p-60);
}

TEST(cancellation_keeps_the_low_part) {
    const Extended third = Extended(1.0) / Extended(3.0);
    const Extended rest = Extended(1.0) - third - third - third;
    CHECK(std::abs(rest.high) <= one_operation);
    CHECK(third.high == 1.0 / 3.0);
    CHECK(third.low != 0.0);
}

TEST(field_laws_hold_to_one_operation) {
    Numbers numbers;
    for (int trial = 0; trial < 10000; ++trial) {
        const Extended a = numbers(), b = numbers();
        if (a.high == 0.0 || b.high == 0.0) continue;
        CHECK((a + b).high == (b + a).high && (a + b).low == (b + a).low);
        CHECK(relative_difference(a * b / b, a) <= 2 * one_operation);
        if (std::abs((a + b).high) > 0.1)
            CHECK(relative_difference((a + b) - b, a) <= 1e-29 / std::abs(a.high));
    }
}

TEST(square_root_squares_back) {
    Numbers numbers;
    for (int trial = 0; trial < 1000; ++trial) {
        const Extended a = numbers();
        const Extended positive = a * a;
        if (positive.high == 0.0) continue;
        const Extended root = entroprod::square_root(positive);
        CHECK(relative_difference(root * root, positive) <= 4 * one_operation);
    }
    CHECK(entroprod::square_root(Extended(0.0)).high == 0.0);
    CHECK(std::isnan(entroprod::square_root(Extended(-1.0)).high));
}
