#include "simd/lanes/pick.hpp"
#include "simd/lanes/vector.hpp"
#include "simd/production/production_kernel.hpp"
#include "simd/production/production_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

template <int N, int M>
struct Advance {
    static constexpr ProductionKernels<double>::Advance kernel = advance<double, N, M>;
};

template <int N, int>
struct AdvanceCovariance {
    static constexpr ProductionKernels<double>::AdvanceCovariance kernel =
        advance_covariance<double, N>;
};

void multiply_matrices(int rows, int inner, int cols, const double* a, const double* b,
                       double* out) {
    multiply(Extent<0>(rows), Extent<0>(inner), Extent<0>(cols), a, b, out);
}

}  // namespace

ProductionKernels<double> production_double() {
    return {pick<Advance>, [](int n) { return pick<AdvanceCovariance>(n, 1); }, multiply_matrices,
            register_lanes, production_stretch};
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
