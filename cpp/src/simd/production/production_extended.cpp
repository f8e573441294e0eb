// Compiled without contraction of a * b + c, which would break the error-free transformations.
#include "simd/production/production_kernel.hpp"

#include <algorithm>

#include "runtime/work.hpp"
#include "simd/lanes/register_columns.hpp"
#include "simd/production/production_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

using Production = ProductionKernels<Extended>;

Production::Advance pick(int, int) { return advance<Extended, 0, 0>; }

Production::AdvanceCovariance pick_covariance(int) { return advance_covariance<Extended, 0>; }

// One register's worth of columns from `first` on: four rows at a time share each load of b.
template <class Access>
ENTROPROD_INLINE void multiply_columns(const Access& lanes, int first, int rows, int inner,
                                       int cols, const Extended* a, const Extended* b,
                                       Extended* out) {
    constexpr int tile = 4;
    for (int i = 0; i < rows; i += tile) {
        const int size = std::min(tile, rows - i);
        ExtendedLanes sums[tile];
        for (auto& sum : sums) sum = ExtendedLanes(Extended(0.0));
        for (int k = 0; k < inner; ++k) {
            const ExtendedLanes factor = lanes.load(b + k * cols + first);
            for (int r = 0; r < tile; ++r) {
                // Rows beyond the last repeat it, and are dropped.
                const int row = i + std::min(r, size - 1);
                sums[r] += ExtendedLanes(a[row * inner + k]) * factor;
            }
        }
        for (int r = 0; r < size; ++r) lanes.store(out + (i + r) * cols + first, sums[r]);
    }
}

void multiply_matrices(int rows, int inner, int cols, const Extended* a, const Extended* b,
                       Extended* out) {
    for_columns(0, cols, [&](int first, const auto& lanes) {
        multiply_columns(lanes, first, rows, inner, cols, a, b, out);
        interruption_point(work_of_extended * rows * inner * register_lanes);
    });
}

Production::AdvanceStretch no_stretch(int, int) { return nullptr; }

}  // namespace

Production production_extended() {
    return {pick, pick_covariance, multiply_matrices, 1, no_stretch};
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
