#include "simd/lanes/pick.hpp"
#include "simd/trajectory/trajectory_kernel.hpp"
#include "simd/trajectory/trajectory_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

template <int N, int M>
struct Generate {
    static constexpr TrajectoryKernels::Generate kernel = generate<N, M>;
};

template <int N, int M>
struct Filter {
    static constexpr TrajectoryKernels::Filter kernel = filter<N, M>;
};

template <int, int M>
struct ApplyLower {
    static constexpr TrajectoryKernels::ApplyLower kernel = apply_lower<M>;
};

}  // namespace

TrajectoryKernels trajectory() {
    return {pack_lanes,
            draw_normals,
            pick<Generate>,
            pick<Filter>,
            [](int m) { return pick<ApplyLower>(1, m); },
            generate<0, 0>,
            filter<0, 0>};
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
