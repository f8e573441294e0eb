// Moments of sigma = ln P(y) - ln P_b(y reversed) of a pair of linear-Gaussian machines: its mean,
// the entropy production S(t), for all lengths t = 1 .. T in one pass; its rate; its variance.
//
// As in decomposition.hpp the first machine generates and the second, of any state size, reads from
// the end; either may change from step to step, with parameters indexed by the time of the
// observation. Time is linear in the number of steps.
#pragma once

#include <cstdint>

#include "entroprod/interruption.hpp"
#include "entroprod/production.hpp"
#include "entroprod/steps.hpp"

namespace entroprod {

// curve (n_steps,): S(1) .. S(n_steps), nats; rounding_errors (n_steps,): estimated bounds of their
// rounding errors. Automatic precision decides by the last. Returns the last.
ProductionValue pair_curve(const MachineSteps& forward, const MachineSteps& backward,
                           std::int64_t n_steps, const ProductionOptions& options, const Poll& poll,
                           double* curve, double* rounding_errors);

// lim S(T) / T of two constant machines, from the fixed points of the recursions by doubling. The
// forward transition and the backward filter must be stable; throws Overflow where doubling
// diverges, and takes no notice of initial means, which fade.
ProductionValue pair_rate(const MachineSteps& forward, const MachineSteps& backward,
                          const ProductionOptions& options, const Poll& poll);

// Var sigma of n_steps observations, nats^2. Memory is n^2 times the square root of the number of
// steps.
ProductionValue pair_variance(const MachineSteps& forward, const MachineSteps& backward,
                              std::int64_t n_steps, const ProductionOptions& options,
                              const Poll& poll);

}  // namespace entroprod
