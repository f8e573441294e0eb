// Gradients of entropy production with respect to a machine's parameters, by the adjoint of the
// recursions of production.hpp. In nats per unit of each entry.
#pragma once

#include <cstdint>
#include <stdexcept>

#include "entroprod/linear_gaussian.hpp"
#include "entroprod/parallel.hpp"
#include "entroprod/production.hpp"

namespace entroprod {

// Arrays of the caller, in the shapes of the parameters. That of S is symmetric, and its inner
// product with a symmetric change of S is the change of the value.
struct ParameterGradient {
    double* state_matrix;    // of F (n, n)
    double* input_matrix;    // of G (n, m)
    double* output_matrix;   // of C (m, n)
    double* innovation_cov;  // of S (m, m)
};

// The states that the way back needs would take more memory than the caller allows.
struct MemoryLimit : std::runtime_error {
    MemoryLimit(double needed, double available);
};

// Of S_y(n_steps), whose value is returned. Time is linear in the number of steps until the
// recursions have converged, and grows with its logarithm from there; memory grows with the square
// root of the number of steps until convergence, and MemoryLimit is thrown before it exceeds
// memory_limit bytes.
ProductionValue entropy_production_gradient(const LinearGaussian& machine, std::int64_t n_steps,
                                            const ProductionOptions& options, double memory_limit,
                                            const Poll& poll, const ParameterGradient& gradient);

// Of lim S_y(T) / T, whose value is returned. The transition and the filter must be stable; throws
// Overflow where doubling diverges.
ProductionValue entropy_production_rate_gradient(const LinearGaussian& machine,
                                                 const ProductionOptions& options, const Poll& poll,
                                                 const ParameterGradient& gradient);

}  // namespace entroprod
