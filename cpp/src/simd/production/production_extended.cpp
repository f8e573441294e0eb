// Compiled without contraction of a * b + c, which would break the error-free transformations.
#include "simd/production/production_kernel.hpp"

#include "simd/production/production_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

using Production = ProductionKernels<Extended>;

Production::Advance pick(int, int) { return advance<Extended, 0, 0>; }

Production::AdvanceCovariance pick_covariance(int) { return advance_covariance<Extended, 0>; }

void multiply_matrices(int rows, int inner, int cols, const Extended* a, const Extended* b,
                       Extended* out) {
    multiply(Extent<0>(rows), Extent<0>(inner), Extent<0>(cols), a, b, out);
}

Production::AdvanceStretch no_stretch(int, int) { return nullptr; }

}  // namespace

Production production_extended() {
    return {pick, pick_covariance, multiply_matrices, 1, no_stretch};
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
