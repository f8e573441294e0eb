"""Densities fitted to sampled values, for averages of ratios of densities whose value is known.

E_q[p/q] is the integral of p for any q that covers it, and E_p[q/p] for samples of p is what any
normalised q has inside the support of p, whatever the unknown parts of p are: 1 where all of it is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import gammaln

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.sequences import AnyArray
from entroprod.laws.machine_case import MachineCase
from entroprod.laws.measurement import NotApplicable

# An average of ratios rests on few of them below this effective number, or above this share of one.
FEW_EFFECTIVE = 100.0
_DOMINANT_SHARE = 0.05
# Degrees of freedom of proposals with heavy tails: of finite variance, wider than any Gaussian.
_FREEDOM = 5.0
# Paths for each fitted number.
_PATHS_EACH = 8


@dataclass(frozen=True)
class Proposal:
    """A density of the next value given the one before, linear in it.

    Attributes
    ----------
    intercept : ndarray, (m,)
    slope : ndarray, (m, m)
        Zero for the first step.
    factor : ndarray, (m, m)
        Root of its scale matrix, lower-triangular.
    """

    intercept: FloatArray
    slope: FloatArray
    factor: FloatArray

    def draw(
        self, rng: np.random.Generator, n_draws: int, before: AnyArray | None
    ) -> tuple[AnyArray, FloatArray]:
        """(N, m) values of the Student-t density, and (N,) its logarithm there."""
        m = len(self.intercept)
        stretch = np.sqrt(_FREEDOM / rng.chisquare(_FREEDOM, size=(n_draws, 1)))
        scores = rng.standard_normal((n_draws, m)) * stretch
        constant = gammaln((_FREEDOM + m) / 2) - gammaln(_FREEDOM / 2)
        constant -= m / 2 * math.log(_FREEDOM * math.pi) + self._log_volume
        squares = np.sum(scores**2, axis=1)
        log_density = constant - (_FREEDOM + m) / 2 * np.log1p(squares / _FREEDOM)
        return self._mean(before) + scores @ self.factor.T, log_density

    def draw_normal(
        self, rng: np.random.Generator, n_draws: int, before: AnyArray | None
    ) -> AnyArray:
        """(N, m) values of the normal distribution."""
        scores = rng.standard_normal((n_draws, len(self.intercept)))
        return np.asarray(self._mean(before) + scores @ self.factor.T)

    def log_normal(self, values: AnyArray, before: AnyArray | None) -> FloatArray:
        """(N,) log-density of the normal distribution."""
        scores = np.linalg.solve(self.factor, (values - self._mean(before)).T).T
        constant = -len(self.intercept) / 2 * math.log(2 * math.pi) - self._log_volume
        return np.asarray(constant - np.sum(scores**2, axis=1) / 2)

    @property
    def _log_volume(self) -> float:
        return float(np.sum(np.log(np.diag(self.factor))))

    def _mean(self, before: AnyArray | None) -> FloatArray:
        return self.intercept if before is None else self.intercept + before @ self.slope.T


def fit_proposal(case: MachineCase, step: int, *, widened: float) -> Proposal:
    """A proposal for one step, by regression in the first half of the paths.

    ``widened``: factor of the covariance.
    """
    m = case.require_values()
    case.require_sampler()
    half = case.paths[: len(case.paths) // 2]
    if len(half) < _PATHS_EACH * (m + 1):
        raise NotApplicable(f"{len(half)} sampled paths are too few to fit a density to")
    known = np.ones((len(half), 1))
    if step:
        known = np.hstack([known, half[:, step - 1]])
    found, *_ = np.linalg.lstsq(known, half[:, step], rcond=None)
    rest = half[:, step] - known @ found
    try:
        factor = np.linalg.cholesky(widened * rest.T @ rest / len(half))
    except np.linalg.LinAlgError:
        raise NotApplicable("the sampled values have no density: they are dependent") from None
    slope = np.asarray(found[1:].T if step else np.zeros((m, m)), dtype=np.float64)
    return Proposal(found[0], slope, factor)


def require_carried_by_many(weights: FloatArray, what: str) -> None:
    """Not applicable where few of the weights make up their sum."""
    total, squares = float(weights.sum()), float(np.sum(weights**2))
    effective = total**2 / squares if squares else 0.0
    share = float(weights.max()) / total if total else 1.0
    if not (effective >= FEW_EFFECTIVE and share <= _DOMINANT_SHARE):
        raise NotApplicable(
            f"undecided: {what} is carried by few of {len(weights)} draws, {effective:.1f} "
            f"effective ones; the heaviest makes up {100 * share:.0f} %"
        )
