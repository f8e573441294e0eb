// The logarithm of every lane of a pack.
//
// A polynomial through the function's values at the Chebyshev nodes of a short range, with a
// relative error below 0.4 unit roundoffs; no table, no branch.
#pragma once

#include <array>
#include <cstdint>

#include "simd/lanes/vector.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

// Coefficients of Horner's scheme, highest power first.
template <std::size_t size>
ENTROPROD_INLINE Pack polynomial(const Pack& x, const std::array<double, size>& coefficients) {
    Pack result = spread(coefficients[0]);
    for (std::size_t i = 1; i < size; ++i) result = result * x + spread(coefficients[i]);
    return result;
}

// ln(u) for positive, normal u: u = 2^k f, f in (1/sqrt 2, sqrt 2], ln f = 2 artanh((f - 1)/(f +
// 1)).
ENTROPROD_INLINE Pack logarithm(const Pack& u) {
    constexpr double ln_2 = 0.693147180559945309417;
    constexpr double sqrt_2 = 1.41421356237309504880;
    constexpr double two_52 = 4503599627370496.0;
    // 2 artanh(s) / s in powers of s^2, s^2 up to (3 - 2 sqrt 2)^2.
    constexpr std::array<double, 8> artanh{1.480971036065670543e-01, 1.531252814836405463e-01,
                                           1.818363168022933407e-01, 2.222219705672604517e-01,
                                           2.857142876064168169e-01, 3.999999999930233807e-01,
                                           6.666666666666765106e-01, 2.0};
    const BitPack bits = bits_of(u);
    const BitPack mantissa = (bits & spread(std::uint64_t{0x000FFFFFFFFFFFFF})) |
                             spread(std::uint64_t{0x3FF0000000000000});
    const BitPack above = greater(from_bits(mantissa), spread(sqrt_2));
    // Halve f by lowering its exponent, and raise k, where f exceeds sqrt 2.
    const BitPack one_exponent = above & spread(std::uint64_t{0x0010000000000000});
    const Pack f = from_bits(mantissa ^ one_exponent);
    BitPack exponent = shift_right<52>(bits);
    for (int i = 0; i < pack_registers; ++i) exponent.part[i] -= above.part[i];
    // An integer below 2^52 becomes a double by setting the exponent of 2^52.
    const Pack k =
        from_bits(exponent | spread(std::uint64_t{0x4330000000000000})) - spread(two_52 + 1023.0);
    const Pack s = (f - spread(1.0)) / (f + spread(1.0));
    return add_multiple(s * polynomial(s * s, artanh), k, ln_2);
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
