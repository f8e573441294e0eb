// Standard normal numbers for a pack of paths: Philox bits through the Box-Muller transformation.
//
// Sine and cosine, like the logarithm, are polynomials through the function's values at the
// Chebyshev nodes of a short range, with relative errors below 0.4 unit roundoffs; no table, no
// branch.
#pragma once

#include <array>
#include <cstdint>

#include "formulas/random.hpp"
#include "simd/lanes/logarithm.hpp"
#include "simd/lanes/vector.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

// Cosine and sine of 2 pi v for v in [0, 1): quarter turns are split off exactly.
ENTROPROD_INLINE void cos_sin_of_turn(const Pack& v, Pack& cosine, Pack& sine) {
    // sin(pi d / 2) / d and cos(pi d / 2) in powers of d^2, d^2 up to 1/4.
    constexpr std::array<double, 7> sine_over_d{5.633933781537854251e-08, -3.598643352982309905e-06,
                                                1.604411507421909101e-04, -4.681754132340975628e-03,
                                                7.969262624604300793e-02, -6.459640975062442836e-01,
                                                1.570796326794896619};
    constexpr std::array<double, 8> cosine_of_d{-6.321256869628588110e-09, 4.710609726757822774e-07,
                                                -2.520203677046025954e-05, 9.192602741831557575e-04,
                                                -2.086348076331120960e-02, 2.536695079010466980e-01,
                                                -1.233700550136169749,     1.0};
    constexpr double round_to_integer = 6755399441055744.0;  // 1.5 * 2^52
    const Pack turned = v * spread(4.0) + spread(round_to_integer);
    const BitPack quarter = bits_of(turned);
    const Pack d = v * spread(4.0) - (turned - spread(round_to_integer));
    const Pack square = d * d;
    const BitPack s = bits_of(d * polynomial(square, sine_over_d));
    const BitPack c = bits_of(polynomial(square, cosine_of_d));
    // An odd number of quarter turns exchanges them; the signs follow from bit 1.
    const BitPack odd = spread(std::uint64_t{0}) - (quarter & spread(std::uint64_t{1}));
    const BitPack exchange = (s ^ c) & odd;
    const BitPack sine_sign = shift_left<62>(quarter & spread(std::uint64_t{2}));
    const BitPack cosine_sign =
        shift_left<62>((quarter + spread(std::uint64_t{1})) & spread(std::uint64_t{2}));
    cosine = from_bits((c ^ exchange) ^ cosine_sign);
    sine = from_bits((s ^ exchange) ^ sine_sign);
}

// A double in [1, 2) from 52 of the 64 bits (high word, low word).
ENTROPROD_INLINE Pack one_to_two(const BitPack& high, const BitPack& low) {
    const BitPack joined = shift_left<32>(high) | (low & spread(std::uint64_t{0xFFFFFFFF}));
    return from_bits(shift_right<12>(joined) | spread(std::uint64_t{0x3FF0000000000000}));
}

// Uniform numbers of a pack of paths.
struct UniformSource {
    std::uint64_t key;
    BitPack path_low, path_high;

    UniformSource(std::uint64_t generator_key, std::uint64_t first_path) : key(generator_key) {
        for (int lane = 0; lane < pack_lanes; ++lane) {
            const std::uint64_t path = first_path + static_cast<std::uint64_t>(lane);
            path_low.part[lane / register_lanes][lane % register_lanes] = path & 0xFFFFFFFFu;
            path_high.part[lane / register_lanes][lane % register_lanes] = path >> 32;
        }
    }

    // u in (0, 1] and v in [0, 1) from one block of bits.
    ENTROPROD_INLINE void draw(std::uint64_t block, Pack& u, Pack& v) const {
        BitPack x0 = spread(block);  // low word; the high word is ignored
        BitPack x1 = spread(block >> 32);
        BitPack x2 = path_low;
        BitPack x3 = path_high;
        auto key_0 = static_cast<std::uint32_t>(key);
        auto key_1 = static_cast<std::uint32_t>(key >> 32);
        for (int round = 0; round < philox::n_rounds; ++round) {
            const BitPack a = multiply_low(x0, philox::multiplier_0);
            const BitPack b = multiply_low(x2, philox::multiplier_1);
            x0 = shift_right<32>(b) ^ x1 ^ spread(std::uint64_t{key_0});
            x1 = b;
            x2 = shift_right<32>(a) ^ x3 ^ spread(std::uint64_t{key_1});
            x3 = a;
            key_0 += philox::weyl_0;
            key_1 += philox::weyl_1;
        }
        u = spread(2.0) - one_to_two(x0, x1);
        v = one_to_two(x2, x3) - spread(1.0);
    }
};

// Two independent standard normals from two uniforms, by radius and angle.
ENTROPROD_INLINE void box_muller(const Pack& u, const Pack& v, Pack& first, Pack& second) {
    const Pack radius = square_root(logarithm(u) * spread(-2.0));
    Pack cosine, sine;
    cos_sin_of_turn(v, cosine, sine);
    first = radius * cosine;
    second = radius * sine;
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
