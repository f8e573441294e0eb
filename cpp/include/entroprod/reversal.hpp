// The innovation reversal matrix H^-1 J H of a linear-Gaussian machine, [S26 eqs 45-61].
#pragma once

#include <cstdint>

#include "entroprod/interruption.hpp"
#include "entroprod/linear_gaussian.hpp"

namespace entroprod {

// out (T m, T m), row-major: the whitened matrix (I x S^-1/2) H^-1 J H (I x S^1/2), S^1/2 the
// Cholesky factor. For the matrix itself pass machine.with_unit_innovations(). Costs T^2 m^3.
// Returns a bound of the size of every number that was computed; not finite if one has overflowed.
double innovation_reversal_matrix(const LinearGaussian& machine, std::int64_t n_steps,
                                  const Poll& poll, double* out);

}  // namespace entroprod
