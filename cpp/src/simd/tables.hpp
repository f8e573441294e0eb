// What each topic contributes to the table of kernels of one instruction set.
#pragma once

#include "entroprod/isa.hpp"
#include "simd/kernels.hpp"

namespace entroprod {
inline namespace ENTROPROD_ISA {

ProductionKernels<double> production_double();
ProductionKernels<Extended> production_extended();
int stretch_segments();  // of every kernel of this instruction set
ProductionKernels<double>::AdvanceStretch production_stretch(int n, int m);
DecompositionKernels<double> decomposition_double();
DecompositionKernels<double>::AdvanceStretch decomposition_stretch(const PairSizes& sizes);
DecompositionKernels<Extended> decomposition_extended();
GradientKernels<double> gradient_double();
GradientSegments<double> gradient_segments(int n, int m);
GradientKernels<Extended> gradient_extended();
TrajectoryKernels trajectory();
ReversalKernels reversal();
TimeVaryingKernels time_varying();
StructuredKernels<double> structured_double();
StructuredKernels<Extended> structured_extended();

}  // namespace ENTROPROD_ISA
}  // namespace entroprod
