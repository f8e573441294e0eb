// Packs of doubles, one path in each lane, in the vector registers of the instruction set.
//
// A pack is two registers wide, so that every operation comes with an independent twin that hides
// its latency.
#pragma once

#include <cstdint>
#include <cstring>

#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#include "formulas/isa.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

#if defined(__AVX512F__)
inline constexpr int register_bytes = 64;
#elif defined(__AVX2__)
inline constexpr int register_bytes = 32;
#else
inline constexpr int register_bytes = 16;
#endif
inline constexpr int pack_registers = 2;
inline constexpr int register_lanes = register_bytes / 8;
inline constexpr int pack_lanes = pack_registers * register_lanes;

using DoubleRegister = double __attribute__((vector_size(register_bytes)));
using BitsRegister = std::uint64_t __attribute__((vector_size(register_bytes)));

template <class Register>
struct PackOf {
    Register part[pack_registers];

    PackOf() = default;
    // Register by register: GCC copies larger structs in 16-byte pieces, and a 32-byte load of what
    // two 16-byte stores have just written has to wait for both.
    ENTROPROD_INLINE PackOf(const PackOf& other) { *this = other; }
    ENTROPROD_INLINE PackOf& operator=(const PackOf& other) {
        for (int i = 0; i < pack_registers; ++i) part[i] = other.part[i];
        return *this;
    }
};
using Pack = PackOf<DoubleRegister>;
using BitPack = PackOf<BitsRegister>;

#define ENTROPROD_PACK_OPERATOR(op)                                                                \
    template <class Register>                                                                      \
    ENTROPROD_INLINE PackOf<Register> operator op(PackOf<Register> a, const PackOf<Register>& b) { \
        for (int i = 0; i < pack_registers; ++i) a.part[i] = a.part[i] op b.part[i];               \
        return a;                                                                                  \
    }
ENTROPROD_PACK_OPERATOR(+)
ENTROPROD_PACK_OPERATOR(-)
ENTROPROD_PACK_OPERATOR(*)
ENTROPROD_PACK_OPERATOR(/)
ENTROPROD_PACK_OPERATOR(&)
ENTROPROD_PACK_OPERATOR(|)
ENTROPROD_PACK_OPERATOR(^)
#undef ENTROPROD_PACK_OPERATOR

template <int count>
ENTROPROD_INLINE BitPack shift_left(BitPack a) {
    for (auto& part : a.part) part = part << count;
    return a;
}
template <int count>
ENTROPROD_INLINE BitPack shift_right(BitPack a) {
    for (auto& part : a.part) part = part >> count;
    return a;
}

// Subtracting 0 changes no number, so no instruction is spent on it; adding 0 would change -0.
ENTROPROD_INLINE Pack spread(double value) {
    Pack result;
    for (auto& part : result.part) part = value - DoubleRegister{};
    return result;
}
ENTROPROD_INLINE BitPack spread(std::uint64_t value) {
    BitPack result;
    for (auto& part : result.part) part = value | BitsRegister{};
    return result;
}

// One register as a number, with the arithmetic that the templates of matrix.hpp ask for.
struct Lanes {
    DoubleRegister values;

    Lanes() = default;
    ENTROPROD_INLINE explicit Lanes(DoubleRegister all) : values(all) {}
    ENTROPROD_INLINE explicit Lanes(double value) : values(value - DoubleRegister{}) {}
    ENTROPROD_INLINE Lanes& operator+=(Lanes other) {
        values += other.values;
        return *this;
    }
    ENTROPROD_INLINE Lanes& operator-=(Lanes other) {
        values -= other.values;
        return *this;
    }
};
ENTROPROD_INLINE Lanes operator+(Lanes a, Lanes b) { return Lanes(a.values + b.values); }
ENTROPROD_INLINE Lanes operator-(Lanes a, Lanes b) { return Lanes(a.values - b.values); }
ENTROPROD_INLINE Lanes operator*(Lanes a, Lanes b) { return Lanes(a.values * b.values); }
ENTROPROD_INLINE Lanes operator/(Lanes a, Lanes b) { return Lanes(a.values / b.values); }
ENTROPROD_INLINE Lanes operator-(Lanes a) { return Lanes(-a.values); }
ENTROPROD_INLINE Lanes lower(Lanes a, Lanes b) {
    return Lanes(a.values < b.values ? a.values : b.values);
}
ENTROPROD_INLINE Lanes higher(Lanes a, Lanes b) {
    return Lanes(a.values > b.values ? a.values : b.values);
}

ENTROPROD_INLINE double sum_of_lanes(Lanes a) {
    double result = a.values[0];
    for (int lane = 1; lane < register_lanes; ++lane) result += a.values[lane];
    return result;
}

ENTROPROD_INLINE Pack load(const double* from) {
    Pack result;
    for (auto& part : result.part) {
        std::memcpy(&part, from, sizeof(part));
        from += register_lanes;
    }
    return result;
}
ENTROPROD_INLINE void store(double* to, const Pack& value) {
    for (const auto& part : value.part) {
        std::memcpy(to, &part, sizeof(part));
        to += register_lanes;
    }
}

ENTROPROD_INLINE BitPack bits_of(const Pack& a) {
    BitPack result;
    for (int i = 0; i < pack_registers; ++i) {
        result.part[i] = reinterpret_cast<BitsRegister>(a.part[i]);
    }
    return result;
}
ENTROPROD_INLINE Pack from_bits(const BitPack& a) {
    Pack result;
    for (int i = 0; i < pack_registers; ++i) {
        result.part[i] = reinterpret_cast<DoubleRegister>(a.part[i]);
    }
    return result;
}

// All bits set where a > b.
ENTROPROD_INLINE BitPack greater(const Pack& a, const Pack& b) {
    BitPack result;
    for (int i = 0; i < pack_registers; ++i) {
        result.part[i] = reinterpret_cast<BitsRegister>(a.part[i] > b.part[i]);
    }
    return result;
}

// a + b * factor
ENTROPROD_INLINE Pack add_multiple(const Pack& a, const Pack& b, double factor) {
    return a + b * spread(factor);
}

#if defined(__AVX512F__)
// GCC 12 warns of uninitialised values in the plain forms of these intrinsics.
inline constexpr __mmask8 every_lane = 0xFF;
#endif

ENTROPROD_INLINE DoubleRegister square_root(DoubleRegister a) {
#if defined(__AVX512F__)
    return _mm512_maskz_sqrt_pd(every_lane, a);
#elif defined(__AVX2__)
    return _mm256_sqrt_pd(a);
#elif defined(__SSE2__)
    return _mm_sqrt_pd(a);
#elif defined(__aarch64__)
    return vsqrtq_f64(a);
#else
    for (int i = 0; i < register_lanes; ++i) a[i] = __builtin_sqrt(a[i]);
    return a;
#endif
}
ENTROPROD_INLINE Pack square_root(Pack a) {
    for (auto& part : a.part) part = square_root(part);
    return a;
}
ENTROPROD_INLINE Lanes square_root(Lanes a) { return Lanes(square_root(a.values)); }

// Products of the low 32 bits of each lane with a 32-bit number; high bits are ignored.
ENTROPROD_INLINE BitPack multiply_low(BitPack a, std::uint32_t b) {
    for (auto& part : a.part) {
        [[maybe_unused]] const BitsRegister factor = BitsRegister{} + std::uint64_t{b};
#if defined(__AVX512F__)
        part = reinterpret_cast<BitsRegister>(_mm512_maskz_mul_epu32(
            every_lane, reinterpret_cast<__m512i>(part), reinterpret_cast<__m512i>(factor)));
#elif defined(__AVX2__)
        part = reinterpret_cast<BitsRegister>(
            _mm256_mul_epu32(reinterpret_cast<__m256i>(part), reinterpret_cast<__m256i>(factor)));
#elif defined(__SSE2__)
        part = reinterpret_cast<BitsRegister>(
            _mm_mul_epu32(reinterpret_cast<__m128i>(part), reinterpret_cast<__m128i>(factor)));
#else
        part = (part & 0xFFFFFFFFu) * factor;
#endif
    }
    return a;
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
