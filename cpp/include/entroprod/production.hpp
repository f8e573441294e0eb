// Entropy production of a linear-Gaussian machine in closed form, in nats.
//
// Time is linear in the number of steps, memory O(n^2) beyond the output (per step: times the
// square root of the number of steps). Once the recursions have converged to rounding level,
// further steps cost nothing; the total of many steps takes a time that grows with their logarithm
// as soon as the backward memory has converged, be the transition stable or not.
#pragma once

#include <cstdint>
#include <stdexcept>
#include <string>

#include "entroprod/interruption.hpp"
#include "entroprod/linear_gaussian.hpp"

namespace entroprod {

enum class Precision {
    automatic,  // double_precision, again in extended where the bound below asks for it
    double_precision,
    extended,  // double-double
};

struct ProductionOptions {
    Precision precision = Precision::automatic;
    bool shortcuts = true;  // stop recursing after convergence; off only to measure
};

struct ProductionValue {
    double value;
    double rounding_error;  // estimated bound of the value's rounding error
    bool extended;          // computed in double-double
};

// A number grew beyond the range of double at this step.
struct Overflow : std::runtime_error {
    explicit Overflow(std::int64_t at)
        : std::runtime_error("overflow in the recursions at step " + std::to_string(at)) {}
};

// S_y(n_steps) = 1/2 sum_t [tr(S^-1 Sigma^B_t) - m], [S26 eq 71].
ProductionValue entropy_production(const LinearGaussian& machine, std::int64_t n_steps,
                                   const ProductionOptions& options, const Poll& poll);

// curve (n_steps,): S_y(1) .. S_y(n_steps). Returns the last.
ProductionValue entropy_production_curve(const LinearGaussian& machine, std::int64_t n_steps,
                                         const ProductionOptions& options, const Poll& poll,
                                         double* curve);

// per_step (n_steps,): 1/2 [tr(S^-1 Sigma^B_t) - m] for t = 1 .. n_steps, [S26 eq 73].
void entropy_production_per_step(const LinearGaussian& machine, std::int64_t n_steps,
                                 const ProductionOptions& options, const Poll& poll,
                                 double* per_step);

// lim S_y(T) / T, from the fixed points of the recursions by doubling. The transition and the
// filter must be stable; throws Overflow where doubling diverges.
ProductionValue entropy_production_rate(const LinearGaussian& machine,
                                        const ProductionOptions& options, const Poll& poll);

}  // namespace entroprod
