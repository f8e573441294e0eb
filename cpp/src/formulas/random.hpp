// Philox4x32-10, the counter-based generator of Salmon, Moraes, Dror and Shaw (2011).
//
// Random numbers are a function of (key, path, index): they don't depend on threads, on batches or
// on how many numbers were drawn before.
#pragma once

#include <array>
#include <cstdint>

namespace entroprod::philox {

inline constexpr std::uint32_t multiplier_0 = 0xD2511F53u;
inline constexpr std::uint32_t multiplier_1 = 0xCD9E8D57u;
inline constexpr std::uint32_t weyl_0 = 0x9E3779B9u;
inline constexpr std::uint32_t weyl_1 = 0xBB67AE85u;
inline constexpr int n_rounds = 10;

// One block of 128 random bits; the plain form of what the vector kernels do for many paths.
constexpr std::array<std::uint32_t, 4> block(std::array<std::uint32_t, 4> counter,
                                             std::array<std::uint32_t, 2> key) {
    for (int round = 0; round < n_rounds; ++round) {
        const std::uint64_t first = std::uint64_t{multiplier_0} * counter[0];
        const std::uint64_t second = std::uint64_t{multiplier_1} * counter[2];
        counter = {static_cast<std::uint32_t>(second >> 32) ^ counter[1] ^ key[0],
                   static_cast<std::uint32_t>(second),
                   static_cast<std::uint32_t>(first >> 32) ^ counter[3] ^ key[1],
                   static_cast<std::uint32_t>(first)};
        key = {key[0] + weyl_0, key[1] + weyl_1};
    }
    return counter;
}

}  // namespace entroprod::philox
