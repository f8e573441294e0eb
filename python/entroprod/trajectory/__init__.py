"""Stochastic entropy production of sequences, and its Monte Carlo average."""

from entroprod.trajectory.monte_carlo import monte_carlo
from entroprod.trajectory.paths import score_reversals, stochastic_entropy_production
from entroprod.trajectory.result import MonteCarlo, Skipped, StochasticEntropyProduction

__all__ = [
    "MonteCarlo",
    "Skipped",
    "StochasticEntropyProduction",
    "monte_carlo",
    "score_reversals",
    "stochastic_entropy_production",
]
