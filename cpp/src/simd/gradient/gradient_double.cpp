#include "simd/gradient/gradient_doubling.hpp"
#include "simd/gradient/gradient_kernel.hpp"
#include "simd/gradient/gradient_kernels.hpp"
#include "simd/lanes/pick.hpp"
#include "simd/lanes/vector.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

template <int N, int M>
struct RecordSteps {
    static constexpr GradientKernels<double>::RecordSteps kernel = record_steps<double, N, M>;
};
template <int N, int M>
struct ReverseSteps {
    static constexpr GradientKernels<double>::ReverseSteps kernel = reverse_steps<double, N, M>;
};
template <int N, int M>
struct AddEqualSteps {
    static constexpr GradientKernels<double>::AddEqualSteps kernel = add_equal_steps<double, N, M>;
};
template <int N, int M>
struct DoubleSteps {
    static constexpr GradientKernels<double>::DoubleSteps kernel = double_steps<double, N, M>;
};

// Equal steps are passed once in a computation, single ones by the thousand.
constexpr int largest_of_equal_steps = largest_fixed < 3 ? largest_fixed : 3;

GradientKernels<double>::OfSize of_size(int n, int m) {
    return {pick<RecordSteps>(n, m), pick<ReverseSteps>(n, m),
            pick<AddEqualSteps, largest_of_equal_steps>(n, m),
            pick<DoubleSteps, largest_of_equal_steps>(n, m)};
}

}  // namespace

GradientKernels<double> gradient_double() { return {of_size, gradient_segments, register_lanes}; }

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
