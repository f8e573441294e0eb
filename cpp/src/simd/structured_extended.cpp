// Compiled without contraction of a * b + c, which would break the error-free transformations.
#include "simd/structured_kernel.hpp"
#include "simd/tables.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

StructuredKernels<Extended> structured_extended() {
    return {advance_structured<Extended>, advance_covariance_structured<Extended>};
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
