#include "simd/gradient/gradient_doubling.hpp"
#include "simd/gradient/gradient_kernel.hpp"
#include "simd/gradient/gradient_kernels.hpp"
#include "simd/lanes/pick.hpp"
#include "simd/lanes/vector.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

template <int N, int M>
struct OfSize {
    static constexpr GradientKernels<double>::OfSize kernel = {
        record_steps<double, N, M>, reverse_steps<double, N, M>, add_equal_steps<double, N, M>,
        double_steps<double, N, M>};
};

}  // namespace

GradientKernels<double> gradient_double() {
    return {pick<OfSize>, gradient_segments, register_lanes};
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
