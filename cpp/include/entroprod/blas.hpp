// The one BLAS routine that the core needs, handed in at start (by the Python binding: SciPy's).
#pragma once

namespace entroprod::blas {

// Fortran interface of dgemm with 32-bit integers.
using Gemm = void (*)(char* trans_a, char* trans_b, int* m, int* n, int* k, double* alpha,
                      double* a, int* lda, double* b, int* ldb, double* beta, double* c, int* ldc);

// Without a routine the core's own loops serve every size.
void set_gemm(Gemm gemm);

// A call through the pointer costs about 100 ns, so small products are faster in a loop.
bool worthwhile(int rows, int cols, int inner);

// Interruptible; row-major out = op(a) b + beta out, op(a) (rows, inner) being a, or a^T of an a
// (inner, rows).
void multiply(bool transpose_a, int rows, int cols, int inner, const double* a, const double* b,
              double beta, double* out);

}  // namespace entroprod::blas
