#include "simd/structured_kernel.hpp"
#include "simd/tables.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

StructuredKernels<double> structured_double() {
    return {advance_structured<double>, advance_covariance_structured<double>};
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
