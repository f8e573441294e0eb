#include "numbers/large_products.hpp"
#include "simd/lanes/pick.hpp"
#include "simd/production/production_kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {
namespace {

template <bool has_above, int M>
ENTROPROD_INLINE void add_row_of(Extent<M> m, std::int64_t width, const double* above,
                                 const double* factors, const double* basis, std::int64_t stride,
                                 double* out) {
    for (std::int64_t k = 0; k < width; ++k) {
        double sum = has_above ? above[k] : 0.0;
        for (int b = 0; b < m; ++b) sum += factors[b] * basis[b * stride + k];
        out[k] = sum;
    }
}

template <int M>
void add_row(int m, std::int64_t width, const double* above, const double* factors,
             const double* basis, std::int64_t stride, double* out) {
    if constexpr (M > 0) {
        if (above == nullptr) {
            add_row_of<false>(Extent<M>(M), width, above, factors, basis, stride, out);
        } else {
            add_row_of<true>(Extent<M>(M), width, above, factors, basis, stride, out);
        }
    } else {
        // Four rows of the basis at a time, so that out is written few times.
        constexpr int group = 4;
        for (int b = 0; b < m; b += group) {
            const double* from = b == 0 ? above : out;
            const double* some_factors = factors + b;
            const double* some_basis = basis + b * stride;
            switch (m - b) {
                case 1:
                    add_row<1>(1, width, from, some_factors, some_basis, stride, out);
                    break;
                case 2:
                    add_row<2>(2, width, from, some_factors, some_basis, stride, out);
                    break;
                case 3:
                    add_row<3>(3, width, from, some_factors, some_basis, stride, out);
                    break;
                default:
                    add_row<group>(group, width, from, some_factors, some_basis, stride, out);
            }
        }
    }
}

template <int, int M>
struct AddRow {
    static constexpr ReversalKernels::AddRow kernel = add_row<M>;
};

}  // namespace

ReversalKernels reversal() {
    return {[](int m) { return pick<AddRow>(1, m); }};
}

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
