"""The arrow of time of generative models, as a number: entropy production."""

from importlib.metadata import version as _version

from entroprod import _core, _lapack

_core.set_gemm_address(_lapack.dgemm_address())

from entroprod.adapters import from_control, from_scipy, from_statsmodels
from entroprod.errors import NumericalError
from entroprod.gradient import (
    EntropyProductionGradient,
    EntropyProductionRateGradient,
    entropy_production_gradient,
    entropy_production_rate_gradient,
)
from entroprod.linear_gaussian import LinearGaussian
from entroprod.production import (
    EntropyProduction,
    entropy_production,
    entropy_production_curve,
    entropy_production_rate,
)
from entroprod.reversal import innovation_reversal_matrix, reversal_norm_squared
from entroprod.series import SeriesEntropyProduction, fit_var, series_entropy_production
from entroprod.state_space import StateSpace
from entroprod.trajectory import (
    MonteCarlo,
    StochasticEntropyProduction,
    monte_carlo,
    stochastic_entropy_production,
)
from entroprod.verification import Verification, verify

__version__ = _version("entroprod")

__all__ = [
    "EntropyProduction",
    "EntropyProductionGradient",
    "EntropyProductionRateGradient",
    "LinearGaussian",
    "MonteCarlo",
    "NumericalError",
    "SeriesEntropyProduction",
    "StateSpace",
    "StochasticEntropyProduction",
    "Verification",
    "entropy_production",
    "entropy_production_curve",
    "entropy_production_gradient",
    "entropy_production_rate",
    "entropy_production_rate_gradient",
    "fit_var",
    "from_control",
    "from_scipy",
    "from_statsmodels",
    "innovation_reversal_matrix",
    "monte_carlo",
    "reversal_norm_squared",
    "series_entropy_production",
    "stochastic_entropy_production",
    "verify",
]
