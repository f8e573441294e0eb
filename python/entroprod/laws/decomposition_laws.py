"""Laws of the retrospective decomposition [S26] eqs 83-101: D_t, and its parts L_t and M_t."""

from __future__ import annotations

import numpy as np

from entroprod.laws.gaussian_case import GaussianCase
from entroprod.laws.gaussian_pair_case import Array
from entroprod.laws.law import law
from entroprod.laws.measurement import Measurement, NotApplicable
from entroprod.laws.pair_case import EPSILON, ROUNDING_SLACK, PairCase

_SOURCE = "[S26] eqs 83-101"


@law(
    "the steps' retrospective entropy productions add up to S_y",
    "the accuracy of both sums",
    on=PairCase,
    source=_SOURCE,
)
def decomposition_adds_up(case: PairCase) -> Measurement:
    """|sum of D_t - S_y|: the log-determinants that distinguish D_t from per_step cancel."""
    total, values = case.finite_total, case.retrospective
    size = case.size + float(np.sum(values) + np.sum(np.abs(case.production.per_step)))
    residual = abs(float(np.sum(values)) - total)
    return Measurement(residual, case.total_error + ROUNDING_SLACK * EPSILON * size, size)


@law(
    "D_t = L_t + M_t: what the memory has lost, and what it predicts wrongly",
    "rounding of a step's terms, and the error that the result states",
    on=PairCase,
    source=_SOURCE,
)
def decomposition_splits(case: PairCase) -> Measurement:
    """Largest |D_t - L_t - M_t|."""
    values = case.retrospective
    parts = case.production.compression_loss + case.production.model_mismatch
    residual = float(np.max(np.where(values == parts, 0.0, np.abs(values - parts))))
    finite = np.where(np.isfinite(case.production.per_step), case.production.per_step, 0.0)
    size = case.size / case.exact_steps + float(np.max(np.abs(finite)))
    return Measurement(residual, case.total_error + ROUNDING_SLACK * EPSILON * size, size)


@law(
    "D_t, L_t and M_t are relative entropies: never negative",
    "rounding of a step's terms",
    on=PairCase,
    source=_SOURCE,
)
def decomposition_non_negative(case: PairCase) -> Measurement:
    """How far below zero any of them falls, before it is given out as zero."""
    case.require_decomposition()
    found = case.production._decomposition
    parts = (found.retrospective, found.compression_loss, found.model_mismatch)
    lowest = min([found.lowest, *(float(np.min(one)) for one in parts if one is not None)])
    finite = np.where(np.isfinite(case.production.per_step), case.production.per_step, 0.0)
    size = case.size / case.exact_steps + float(np.max(np.abs(finite)))
    allowed = case.production.rounding_error + ROUNDING_SLACK * EPSILON * size
    return Measurement(max(0.0, -lowest), allowed, size)


@law(
    "S_y >= sum of L_t >= 0, the refined second law",
    "the accuracy of both sums",
    on=PairCase,
    source=_SOURCE,
)
def refined_second_law(case: PairCase) -> Measurement:
    """How far the sum of L_t is above S_y."""
    case.require_decomposition()
    size = case.size + float(np.sum(np.abs(case.production.per_step)))
    residual = max(0.0, case.production.second_law_bound - case.finite_total)
    return Measurement(residual, case.total_error + ROUNDING_SLACK * EPSILON * size, size)


@law(
    "D_t is the relative entropy of dense Gaussian conditioning",
    "rounding of R and of a Cholesky factor, by the conditioning of the stacked response",
    on=GaussianCase,
    source=_SOURCE,
    check="check_retrospective",
)
def retrospective_is_dense(case: GaussianCase) -> Measurement:
    """Largest deviation of a step.

    Factored from its end, the covariance of the sequence has the conditional covariances of y_t
    given all that comes after it on its diagonal.
    """
    response, inverse = case.responses
    condition = float(np.linalg.norm(response, 2) * np.linalg.norm(inverse, 2))
    if case.size * EPSILON * condition**2 > 1:
        raise NotApplicable(
            "undecidable: the dense covariance is singular to rounding, its condition is "
            f"{condition**2:.1e}"
        )
    factor = np.linalg.cholesky((response @ response.T)[::-1, ::-1])
    log_determinants = _by_step(2 * np.log(np.diag(factor)), case)[::-1]
    squares = _by_step(np.sum(case.reversal**2, axis=1), case)[::-1]
    expected = (squares - case.machine.n_outputs - log_determinants) / 2
    residual = float(np.max(np.abs(case.production.retrospective - expected)))
    of_rows = 2 * case.reversal_error * float(np.sqrt(np.max(squares)))
    of_factor = ROUNDING_SLACK * EPSILON * case.size * condition**2
    size = float(np.max(squares)) + case.machine.n_outputs
    return Measurement(residual, of_rows + of_factor + case.total_error, size)


def _by_step(values: Array, case: GaussianCase) -> Array:
    """(T,) sums of (T m,) values over the components of each step."""
    sums: Array = values.reshape(case.n_steps, -1).sum(axis=1)
    return sums
