// All kernels of one instruction set.
#pragma once

#include "simd/decomposition/decomposition_kernels.hpp"
#include "simd/gradient/gradient_kernels.hpp"
#include "simd/production/production_kernels.hpp"
#include "simd/trajectory/trajectory_kernels.hpp"

namespace entroprod {

struct Kernels {
    const char* instruction_set;
    ProductionKernels<double> production;
    ProductionKernels<Extended> production_extended;
    DecompositionKernels<double> decomposition;
    DecompositionKernels<Extended> decomposition_extended;
    GradientKernels<double> gradient;
    GradientKernels<Extended> gradient_extended;
    TrajectoryKernels trajectory;
    ReversalKernels reversal;
    TimeVaryingKernels time_varying;
    StructuredKernels<double> structured;
    StructuredKernels<Extended> structured_extended;
};

}  // namespace entroprod
