"""The arrow of time of generative models, as a number: entropy production."""

from importlib.metadata import version as _version

from entroprod.boundary.errors import NumericalError
from entroprod.discrete.enumeration import Enumeration, enumerate_sequences
from entroprod.discrete.hidden_markov import HiddenMarkov
from entroprod.discrete.markov_chain import MarkovChain
from entroprod.discrete.pair import EnumeratedPair
from entroprod.discrete.sigma_law import DiscreteSigmaLaw
from entroprod.gaussian.adapters import from_control, from_scipy, from_statsmodels
from entroprod.gaussian.discretisation import hippo_legs, s4d_legs
from entroprod.gaussian.gradient import (
    EntropyProductionGradient,
    EntropyProductionRateGradient,
    entropy_production_gradient,
    entropy_production_rate_gradient,
)
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.pair import GaussianPair
from entroprod.gaussian.pair_law import PairSigmaLaw
from entroprod.gaussian.quadratic_law import QuadraticLaw
from entroprod.gaussian.reversal import innovation_reversal_matrix, reversal_norm_squared
from entroprod.gaussian.sigma_law import SigmaLaw
from entroprod.gaussian.state_space import StateSpace
from entroprod.gaussian.structured import DiagonalSSM
from entroprod.gaussian.time_varying import TimeVaryingLinearGaussian
from entroprod.laws.verification import Verification, verify
from entroprod.machine.protocol import FunctionMachine, Machine
from entroprod.machine.reversals import (
    BlockReversal,
    Irreversible,
    Permutation,
    Plan,
    Reversal,
    TokenReversal,
)
from entroprod.pairs.choice import register_pair
from entroprod.pairs.pair import NotAvailable, Pair
from entroprod.pairs.scored import ScoredPair
from entroprod.questions.block_scale import BlockScale, ScalePoint, block_scale
from entroprod.questions.monte_carlo import monte_carlo
from entroprod.questions.production import (
    entropy_production,
    entropy_production_curve,
    entropy_production_rate,
)
from entroprod.questions.retrospective import RetrospectiveBound, retrospective_bound
from entroprod.questions.reverse_model import fit_reverse_model
from entroprod.questions.sigma_law import sigma_law, sigma_variance_rate
from entroprod.questions.trajectory import score_reversals, stochastic_entropy_production
from entroprod.results.production import EntropyProduction
from entroprod.results.registry import storable
from entroprod.results.result import Result
from entroprod.results.storage import load, save
from entroprod.results.trajectory import MonteCarlo, Skipped, StochasticEntropyProduction
from entroprod.series import SeriesEntropyProduction, fit_var, series_entropy_production
from entroprod.text.group_comparison import GroupComparison
from entroprod.text.groups import compare_groups

__version__ = _version("entroprod")

__all__ = [
    "BlockReversal",
    "BlockScale",
    "DiagonalSSM",
    "DiscreteSigmaLaw",
    "EntropyProduction",
    "EntropyProductionGradient",
    "EntropyProductionRateGradient",
    "EnumeratedPair",
    "Enumeration",
    "FunctionMachine",
    "GaussianPair",
    "GroupComparison",
    "HiddenMarkov",
    "Irreversible",
    "LinearGaussian",
    "Machine",
    "MarkovChain",
    "MonteCarlo",
    "NotAvailable",
    "NumericalError",
    "Pair",
    "PairSigmaLaw",
    "Permutation",
    "Plan",
    "QuadraticLaw",
    "Result",
    "RetrospectiveBound",
    "Reversal",
    "ScalePoint",
    "ScoredPair",
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
    "load",
    "monte_carlo",
    "register_pair",
    "retrospective_bound",
    "reversal_norm_squared",
    "s4d_legs",
    "save",
    "score_reversals",
    "series_entropy_production",
    "sigma_law",
    "sigma_variance_rate",
    "stochastic_entropy_production",
    "storable",
    "verify",
]

# Pickles and pages name what is public by its public place, whatever folder it lives in.
for _name in __all__:
    globals()[_name].__module__ = __name__
