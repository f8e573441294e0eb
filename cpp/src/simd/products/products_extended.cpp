// Compiled without contraction of a * b + c, which would break the error-free transformations.
#include "simd/products/products_kernel.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

template struct LargeProducts<Extended>;

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
