#include "entroprod/blas.hpp"

#include <algorithm>
#include <cstddef>

#include "runtime/work.hpp"

namespace entroprod::blas {
namespace {

Gemm installed_gemm = nullptr;

// From here on dgemm beats the loops, measured with OpenBLAS on AVX2.
constexpr long long smallest_product = 24LL * 24 * 24;

// A call can't be interrupted, so large products are done by so many rows that a call takes some
// hundredths of a second; by fewer than these its speed would suffer.
constexpr double work_at_once = 1e8;
constexpr int fewest_rows = 32;

}  // namespace

void set_gemm(Gemm gemm) { installed_gemm = gemm; }

bool worthwhile(int rows, int cols, int inner) {
    return installed_gemm != nullptr &&
           static_cast<long long>(rows) * cols * inner >= smallest_product;
}

void multiply(bool transpose_a, int rows, int cols, int inner, const double* a, const double* b,
              double beta, double* out) {
    // Row-major data read as column-major is the transpose: out^T = b^T op(a)^T.
    char no = 'N';
    char yes = 'T';
    double alpha = 1.0;
    int lda = transpose_a ? rows : inner;
    const double work_per_row = static_cast<double>(inner) * cols;
    const int rows_at_once = std::max(
        fewest_rows,
        static_cast<int>(std::min(work_at_once / work_per_row, static_cast<double>(rows))));
    for (int row = 0; row < rows; row += rows_at_once) {
        int count = std::min(rows_at_once, rows - row);
        const double* from = a + static_cast<std::ptrdiff_t>(row) * (transpose_a ? 1 : inner);
        installed_gemm(&no, transpose_a ? &yes : &no, &cols, &count, &inner, &alpha,
                       const_cast<double*>(b), &cols, const_cast<double*>(from), &lda, &beta,
                       out + static_cast<std::ptrdiff_t>(row) * cols, &cols);
        interruption_point(count * work_per_row);
    }
}

}  // namespace entroprod::blas
