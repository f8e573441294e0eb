// Chooses the instance of a kernel that is compiled for a machine's size, or the one for any size.
#pragma once

#include "formulas/isa.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

// Machines up to this size, in both dimensions, have kernels of their own; CMakeLists.txt says it
// for each instruction set.
inline constexpr int largest_fixed = ENTROPROD_LARGEST_FIXED;

// Choose<N, M>::kernel with N = n, M = m where both are small, else Choose<0, 0>::kernel.
// What takes little of the time may choose a smaller `largest`.
// Choose must have a name of its own among all translation units, even in an unnamed namespace:
// GCC gives pick external linkage in spite of it, and the linker would keep one of two namesakes.
template <template <int, int> class Choose, int largest = largest_fixed, int N = 1, int M = 1>
auto pick(int n, int m) {
    if (n == N && m == M) return Choose<N, M>::kernel;
    if constexpr (M < largest) {
        return pick<Choose, largest, N, M + 1>(n, m);
    } else if constexpr (N < largest) {
        return pick<Choose, largest, N + 1, 1>(n, m);
    } else {
        return Choose<0, 0>::kernel;
    }
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
