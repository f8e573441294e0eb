// Compiled without contraction of a * b + c, which would break the error-free transformations.
#include "simd/decomposition/decomposition_kernel.hpp"
#include "simd/decomposition/decomposition_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

DecompositionKernels<Extended>::Advance pick_pair(const PairSizes&) {
    return advance_pair<Extended, 0, 0>;
}

DecompositionKernels<Extended>::Forward pick_forward(const PairSizes&) {
    return advance_forward<Extended, 0, 0>;
}

DecompositionKernels<Extended>::AdvanceStretch no_stretch(const PairSizes&) { return nullptr; }

}  // namespace

DecompositionKernels<Extended> decomposition_extended() {
    return {pick_pair, pick_forward, pair_scratch_size, 1, no_stretch};
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
