#include "simd/products/products_kernel.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

template struct LargeProducts<double>;

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
