#include "formulas/random.hpp"

#include <cstdint>
#include <numbers>
#include <vector>

#include "check.hpp"
#include "simd/trajectory/trajectory_kernels.hpp"

using entroprod::trajectory_kernels;
using entroprod::philox::block;

namespace {

using Counter = std::array<std::uint32_t, 4>;

// A double in [1, 2) from the high 52 of 64 bits.
double one_to_two(std::uint32_t high, std::uint32_t low) {
    const std::uint64_t bits = (std::uint64_t{high} << 32) | low;
    return 1.0 + static_cast<double>(bits >> 12) * 0x1p-52;
}

std::vector<double> draw(std::uint64_t key, std::uint64_t path, std::uint64_t first, int count) {
    std::vector<double> normals(static_cast<std::size_t>((count + 1) * trajectory_kernels().lanes));
    trajectory_kernels().draw_normals(key, path, first, count, normals.data());
    return normals;
}

}  // namespace

// Of the reference implementation of Salmon, Moraes, Dror and Shaw (2011).
TEST(known_answers) {
    constexpr std::uint32_t ones = 0xffffffff;
    static_assert(block({0, 0, 0, 0}, {0, 0}) ==
                  Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
    static_assert(block({ones, ones, ones, ones}, {ones, ones}) ==
                  Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
    static_assert(
        block({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
        Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});
}

TEST(vector_normals_are_the_plain_ones) {
    // Beyond 32 bits in key, path and index, so that every word of the counter matters.
    const std::uint64_t key = 0x123456789abcdef0;
    const std::uint64_t path = 0x3fffffffe;
    const std::uint64_t first = 0x500000000;
    constexpr int count = 1000;
    const int lanes = trajectory_kernels().lanes;
    const auto normals = draw(key, path, first, count);
    // Both sides round the uniforms exactly alike; logarithm, sine and cosine differ by roundings
    // of numbers below 9.
    constexpr double roundings = 16 * 0x1p-52;
    for (int i = 0; i < count; i += 2) {
        for (int lane = 0; lane < lanes; ++lane) {
            const std::uint64_t index = (first + i) / 2, of = path + lane;
            const Counter bits =
                block({static_cast<std::uint32_t>(index), static_cast<std::uint32_t>(index >> 32),
                       static_cast<std::uint32_t>(of), static_cast<std::uint32_t>(of >> 32)},
                      {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)});
            const double u = 2.0 - one_to_two(bits[0], bits[1]);
            const double v = one_to_two(bits[2], bits[3]) - 1.0;
            const double radius = std::sqrt(-2.0 * std::log(u));
            const double angle = 2.0 * std::numbers::pi * v;
            CHECK_CLOSE(normals[i * lanes + lane], radius * std::cos(angle), 1e-13, roundings);
            CHECK_CLOSE(normals[(i + 1) * lanes + lane], radius * std::sin(angle), 1e-13,
                        roundings);
        }
    }
}

TEST(moments_of_the_normal_distribution) {
    constexpr int count = 100000;
    const auto normals = draw(42, 0, 0, count);
    const std::size_t size = static_cast<std::size_t>(count) * trajectory_kernels().lanes;
    double sums[5] = {};
    for (std::size_t i = 0; i < size; ++i) {
        double power = 1.0;
        for (int k = 1; k <= 4; ++k) sums[k] += power *= normals[i];
    }
    const double expected[] = {0, 0, 1, 0, 3};
    const double variance[] = {0, 1, 2, 15, 96};  // of the k-th power
    for (int k = 1; k <= 4; ++k) {
        const double standard_error = std::sqrt(variance[k] / static_cast<double>(size));
        CHECK_CLOSE(sums[k] / static_cast<double>(size), expected[k], 0.0, 5 * standard_error);
    }
}

TEST(numbers_depend_on_path_and_index_alone) {
    const int lanes = trajectory_kernels().lanes;
    const auto all = draw(7, 0, 0, 64);
    const auto later = draw(7, 1, 32, 32);
    for (int i = 0; i < 32; ++i) {
        for (int lane = 1; lane < lanes; ++lane) {
            CHECK(all[(32 + i) * lanes + lane] == later[i * lanes + lane - 1]);
        }
    }
}
