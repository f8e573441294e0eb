// Compiled once per instruction set: its table of kernels.
#include "simd/tables.hpp"

#define ENTROPROD_STRING_OF(name) #name
#define ENTROPROD_STRING(name) ENTROPROD_STRING_OF(name)
#define ENTROPROD_JOIN_OF(a, b) a##b
#define ENTROPROD_JOIN(a, b) ENTROPROD_JOIN_OF(a, b)

namespace entroprod {

// kernels_baseline(), kernels_avx2(), ...
Kernels ENTROPROD_JOIN(kernels_, ENTROPROD_ISA)() {
    return {ENTROPROD_STRING(ENTROPROD_ISA),
            production_double(),
            production_extended(),
            decomposition_double(),
            decomposition_extended(),
            gradient_double(),
            gradient_extended(),
            trajectory(),
            reversal(),
            time_varying(),
            structured_double(),
            structured_extended()};
}

}  // namespace entroprod
