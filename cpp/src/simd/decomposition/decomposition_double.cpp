#include "simd/decomposition/decomposition_kernel.hpp"
#include "simd/decomposition/decomposition_kernels.hpp"
#include "simd/lanes/pick.hpp"
#include "simd/lanes/vector.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

template <int N, int M>
struct AdvancePair {
    static constexpr DecompositionKernels<double>::Advance kernel = advance_pair<double, N, M>;
};

template <int N, int M>
struct AdvanceForward {
    static constexpr DecompositionKernels<double>::Forward kernel = advance_forward<double, N, M>;
};

DecompositionKernels<double>::Forward pick_forward(const PairSizes& sizes) {
    return pick<AdvanceForward>(sizes.n, sizes.m);
}

// Kernels of their own only for pairs of equal sizes, as those of a machine with itself.
DecompositionKernels<double>::Advance pick_pair(const PairSizes& sizes) {
    return sizes.n == sizes.b ? pick<AdvancePair>(sizes.n, sizes.m) : advance_pair<double, 0, 0>;
}

}  // namespace

DecompositionKernels<double> decomposition_double() {
    return {pick_pair, pick_forward, pair_scratch_size, register_lanes, decomposition_stretch};
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
