// Likelihood of paths with missing observations, which are NaN: the density of what was observed,
// marginalised over the rest.
//
// After a gap the memory is known only up to N(h, P). The square root of P is carried on by
// orthogonal transformations, so that P can't lose its symmetry or its sign; where P can no longer
// change anything at rounding level, it is dropped and the plain recursion goes on.
#pragma once

#include "entroprod/time_varying.hpp"

namespace entroprod {

// As log_prob of time_varying.hpp. A step's number is the log-density of what was observed at it,
// given what has been read before; 0 where nothing was.
void log_prob_missing(const TimeVaryingMachine& machine, Batch batch, const double* y,
                      Direction direction, int n_threads, const Poll& poll, LogDensities out);

}  // namespace entroprod
