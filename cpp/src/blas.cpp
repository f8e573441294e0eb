#include "entroprod/blas.hpp"

namespace entroprod::blas {
namespace {

Gemm installed_gemm = nullptr;

// From here on dgemm beats the loops, measured with OpenBLAS on AVX2.
constexpr long long smallest_product = 24LL * 24 * 24;

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
    installed_gemm(&no, transpose_a ? &yes : &no, &cols, &rows, &inner, &alpha,
                   const_cast<double*>(b), &cols, const_cast<double*>(a), &lda, &beta, out, &cols);
}

}  // namespace entroprod::blas
