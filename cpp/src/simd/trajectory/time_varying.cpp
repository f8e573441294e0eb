#include "simd/trajectory/time_varying_kernel.hpp"

#include "simd/lanes/pick.hpp"
#include "simd/trajectory/missing_kernel.hpp"
#include "simd/trajectory/trajectory_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

template <int N, int M>
struct GenerateStepwise {
    static constexpr TimeVaryingKernels::Generate kernel = generate_stepwise<N, M>;
};

template <int N, int M>
struct FilterStepwise {
    static constexpr TimeVaryingKernels::Filter kernel = filter_stepwise<N, M>;
};

template <int N, int M>
struct FilterMissing {
    static constexpr TimeVaryingKernels::FilterMissing kernel = filter_missing<N, M>;
};

}  // namespace

TimeVaryingKernels time_varying() {
    return {pack_lanes, draw_normals, pick<GenerateStepwise>, pick<FilterStepwise>,
            pick<FilterMissing>};
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
