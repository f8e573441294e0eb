// Compiled without contraction of a * b + c, which would break the error-free transformations.
#include "simd/production/production_kernels.hpp"
#include "simd/production/structured_kernel.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

StructuredKernels<Extended> structured_extended() {
    return {advance_structured<Extended>, advance_covariance_structured<Extended>};
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
