"""The arrow of time of generative models, as a number: entropy production."""

from importlib.metadata import version as _version

from entroprod import _core, _lapack

_core.set_gemm_address(_lapack.dgemm_address())

from entroprod.adapters import from_control, from_scipy, from_statsmodels
from entroprod.block_scale import BlockScale, ScalePoint, block_scale
from entroprod.continuous import hippo_legs, s4d_legs
from entroprod.discrete_law import DiscreteSigmaLaw
from entroprod.enumeration import Enumeration, enumerate_sequences
from entroprod.errors import NumericalError
from entroprod.gradient import (
    EntropyProductionGradient,
    EntropyProductionRateGradient,
    entropy_production_gradient,
    entropy_production_rate_gradient,
)
from entroprod.hidden_markov import HiddenMarkov
from entroprod.linear_gaussian import LinearGaussian
from entroprod.machine import FunctionMachine, Machine
from entroprod.markov_chain import MarkovChain
from entroprod.production import (
    entropy_production,
    entropy_production_curve,
    entropy_production_rate,
)
from entroprod.production_result import EntropyProduction
from entroprod.retrospective import RetrospectiveBound, retrospective_bound
from entroprod.reversal import innovation_reversal_matrix, reversal_norm_squared
from entroprod.reversals import (
    BlockReversal,
    Irreversible,
    Permutation,
    Plan,
    Reversal,
    TokenReversal,
)
from entroprod.reverse_model import fit_reverse_model
from entroprod.series import SeriesEntropyProduction, fit_var, series_entropy_production
from entroprod.sigma_law import SigmaLaw, sigma_law, sigma_variance_rate
from entroprod.state_space import StateSpace
from entroprod.structured import DiagonalSSM
from entroprod.text.group_comparison import GroupComparison
from entroprod.text.groups import compare_groups
from entroprod.time_varying import TimeVaryingLinearGaussian
from entroprod.trajectory import (
    MonteCarlo,
    Skipped,
    StochasticEntropyProduction,
    monte_carlo,
    score_reversals,
    stochastic_entropy_production,
)
from entroprod.verification import Verification, verify

__version__ = _version("entroprod")

__all__ = [
    "BlockReversal",
    "BlockScale",
    "DiagonalSSM",
    "DiscreteSigmaLaw",
    "EntropyProduction",
    "EntropyProductionGradient",
    "EntropyProductionRateGradient",
    "Enumeration",
    "FunctionMachine",
    "GroupComparison",
    "HiddenMarkov",
    "Irreversible",
    "LinearGaussian",
    "Machine",
    "MarkovChain",
    "MonteCarlo",
    "NumericalError",
    "Permutation",
    "Plan",
    "RetrospectiveBound",
    "Reversal",
    "ScalePoint",
    "SeriesEntropyProduction",
    "SigmaLaw",
    "Skipped",
    "StateSpace",
    "StochasticEntropyProduction",
    "TimeVaryingLinearGaussian",
    "TokenReversal",
    "Verification",
    "block_scale",
    "compare_groups",
    "entropy_production",
    "entropy_production_curve",
    "entropy_production_gradient",
    "entropy_production_rate",
    "entropy_production_rate_gradient",
    "enumerate_sequences",
    "fit_reverse_model",
    "fit_var",
    "from_control",
    "from_scipy",
    "from_statsmodels",
    "hippo_legs",
    "innovation_reversal_matrix",
    "monte_carlo",
    "retrospective_bound",
    "reversal_norm_squared",
    "s4d_legs",
    "score_reversals",
    "series_entropy_production",
    "sigma_law",
    "sigma_variance_rate",
    "stochastic_entropy_production",
    "verify",
]
