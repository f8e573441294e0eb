#include "simd/production/production_kernels.hpp"
#include "simd/production/structured_kernel.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

StructuredKernels<double> structured_double() {
    return {advance_structured<double>, advance_covariance_structured<double>};
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
