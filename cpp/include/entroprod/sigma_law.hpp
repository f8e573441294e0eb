// Variance of the stochastic entropy production sigma of a linear-Gaussian machine, in nats^2.
//
// Var sigma = 1/2 |R R^T - I|_F^2 with the whitened innovation reversal matrix R, which is never
// formed: time is linear in the number of steps until the recursions have converged to rounding
// level and constant from there on; memory is O(n^2) times the square root of the steps until then,
// or a thousandth of them.
#pragma once

#include <cstdint>

#include "entroprod/linear_gaussian.hpp"
#include "entroprod/parallel.hpp"
#include "entroprod/production.hpp"

namespace entroprod {

// Var sigma of n_steps observations.
ProductionValue sigma_variance(const LinearGaussian& machine, std::int64_t n_steps,
                               const ProductionOptions& options, const Poll& poll);

// lim Var sigma / T, from the fixed points of the recursions by doubling; see
// entropy_production_rate.
ProductionValue sigma_variance_rate(const LinearGaussian& machine, const ProductionOptions& options,
                                    const Poll& poll);

}  // namespace entroprod
