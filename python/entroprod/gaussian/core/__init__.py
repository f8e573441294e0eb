"""The door to the core: every question about linear-Gaussian machines that is computed there.

Behind it stand what such a question always needs: its precision, the working memory asked for
before, and overflow told as a NumericalError with its cause. The core knows machines by what
:class:`ConstantMachine` and :class:`StepMachine` name, and by no class. Arguments have been checked
before they get here.
"""

from entroprod.gaussian.core.asking import (
    Value,
    used_precision,
)
from entroprod.gaussian.core.compiled import instruction_set
from entroprod.gaussian.core.derivatives import Gradient, gradient, rate_gradient
from entroprod.gaussian.core.machines import (
    ConstantMachine,
    Kernel,
    Parameters,
    PathMachine,
    StepKernel,
    StepMachine,
    banded_kernel,
    exact_predictor,
    kernel,
    step_kernel,
)
from entroprod.gaussian.core.pairs import (
    Parts,
    curve_of_pair,
    decompose,
    per_step,
    radii_of_pair,
    rate_of_pair,
    total_of_pair,
    variance_of_pair,
)
from entroprod.gaussian.core.paths import (
    Moments,
    log_densities,
    log_prob,
    log_prob_both_ways,
    sample,
    sigma_moments,
)
from entroprod.gaussian.core.production import (
    curve,
    mean_and_variance,
    rate,
    reversal_matrix,
    sigma_variance,
    sigma_variance_rate,
    total,
)

__all__ = [
    "ConstantMachine",
    "Gradient",
    "Kernel",
    "Moments",
    "Parameters",
    "Parts",
    "PathMachine",
    "StepKernel",
    "StepMachine",
    "Value",
    "banded_kernel",
    "curve",
    "curve_of_pair",
    "decompose",
    "exact_predictor",
    "gradient",
    "instruction_set",
    "kernel",
    "log_densities",
    "log_prob",
    "log_prob_both_ways",
    "mean_and_variance",
    "per_step",
    "radii_of_pair",
    "rate",
    "rate_gradient",
    "rate_of_pair",
    "reversal_matrix",
    "sample",
    "sigma_moments",
    "sigma_variance",
    "sigma_variance_rate",
    "step_kernel",
    "total",
    "total_of_pair",
    "used_precision",
    "variance_of_pair",
]
