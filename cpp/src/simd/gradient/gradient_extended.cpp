// Compiled without contraction of a * b + c, which would break the error-free transformations.
#include "simd/gradient/gradient_doubling.hpp"
#include "simd/gradient/gradient_kernel.hpp"
#include "simd/gradient/gradient_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

GradientKernels<Extended>::OfSize pick(int, int) {
    return {record_steps<Extended, 0, 0>, reverse_steps<Extended, 0, 0>,
            add_equal_steps<Extended, 0, 0>, double_steps<Extended, 0, 0>};
}

GradientSegments<Extended> no_segments(int, int) { return {nullptr, nullptr}; }

}  // namespace

GradientKernels<Extended> gradient_extended() { return {pick, no_segments, 1}; }

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
