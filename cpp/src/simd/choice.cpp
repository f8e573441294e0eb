// Which instruction set's kernels this processor runs.
#include "entroprod/instruction_set.hpp"
#include "simd/tables.hpp"

#include <cstdlib>
#include <string_view>

namespace entroprod {

Kernels kernels_baseline();
#ifdef ENTROPROD_X86
Kernels kernels_avx2();
namespace avx512 {
TrajectoryKernels trajectory();
DecompositionKernels<double>::AdvanceStretch decomposition_stretch(const PairSizes& sizes);
}  // namespace avx512
#endif

namespace {

Kernels best_up_to([[maybe_unused]] std::string_view allowed) {
#ifdef ENTROPROD_X86
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (allowed == "baseline" || !avx2) return kernels_baseline();
    Kernels result = kernels_avx2();
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl");
    if (allowed == "avx2" || !avx512) return result;
    result.instruction_set = "avx512";
    result.trajectory = avx512::trajectory();
    constexpr int avx512_lanes = 8;
    result.decomposition.n_segments = avx512_lanes;
    result.decomposition.advance_stretch = avx512::decomposition_stretch;
    return result;
#else
    return kernels_baseline();
#endif
}

const Kernels& kernels() {
    static const Kernels chosen = [] {
        // For tests of older processors' kernels and for hunting a fault: ENTROPROD_ISA=baseline.
        const char* allowed = std::getenv("ENTROPROD_ISA");
        return best_up_to(allowed == nullptr ? "" : allowed);
    }();
    return chosen;
}

}  // namespace

const char* instruction_set() { return kernels().instruction_set; }

template <>
const ProductionKernels<double>& production_kernels() {
    return kernels().production;
}
template <>
const ProductionKernels<Extended>& production_kernels() {
    return kernels().production_extended;
}
template <>
const StructuredKernels<double>& structured_kernels() {
    return kernels().structured;
}
template <>
const StructuredKernels<Extended>& structured_kernels() {
    return kernels().structured_extended;
}
template <>
const DecompositionKernels<double>& decomposition_kernels() {
    return kernels().decomposition;
}
template <>
const DecompositionKernels<Extended>& decomposition_kernels() {
    return kernels().decomposition_extended;
}
template <>
const GradientKernels<double>& gradient_kernels() {
    return kernels().gradient;
}
template <>
const GradientKernels<Extended>& gradient_kernels() {
    return kernels().gradient_extended;
}
const TrajectoryKernels& trajectory_kernels() { return kernels().trajectory; }
const TimeVaryingKernels& time_varying_kernels() { return kernels().time_varying; }
const ReversalKernels& reversal_kernels() { return kernels().reversal; }

}  // namespace entroprod
