#include "simd/kernels.hpp"

#include <cstdlib>
#include <cstring>

namespace entroprod {

Kernels kernels_baseline();
#ifdef ENTROPROD_HAS_AVX2
Kernels kernels_avx2();
#endif

const Kernels& kernels() {
    static const Kernels chosen = [] {
        // For tests of the fallback and for hunting a fault: ENTROPROD_ISA=baseline.
        const char* wanted = std::getenv("ENTROPROD_ISA");
        if (wanted != nullptr && std::strcmp(wanted, "baseline") == 0) return kernels_baseline();
#ifdef ENTROPROD_HAS_AVX2
        if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return kernels_avx2();
#endif
        return kernels_baseline();
    }();
    return chosen;
}

}  // namespace entroprod
