"""Laws of machines of symbols by their definition: sums over all sequences of a small length."""

from __future__ import annotations

import math

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.laws.law import law
from entroprod.laws.measurement import Measurement
from entroprod.laws.pair_case import EPSILON, ROUNDING_SLACK
from entroprod.laws.symbol_case import SymbolCase

_WHY = "the machine's precision, per log-probability of both orders, weighted"
_SOURCE = "[S26] eqs 14-36"


@law("S_y is the sum of P ln(P / P_b) over all sequences", _WHY, on=SymbolCase, source=_SOURCE)
def total_is_enumerated(case: SymbolCase) -> Measurement:
    """The total against the mean of sigma by scoring every sequence."""
    found = case.total_at(case.enumerated_steps)
    expected = float(case.mean_over_all(case.sigma_of_all.sigma))
    return _compare(case, np.array([found.total]), np.array([expected]), case.error_of(found))


@law(
    "a step contributes the mean of ln p(y_t | before) - ln p(y_t | after)",
    _WHY,
    on=SymbolCase,
    source=_SOURCE,
)
def per_step_is_enumerated(case: SymbolCase) -> Measurement:
    """Per-step values against means over all sequences, the worst step."""
    found = case.total_at(case.enumerated_steps)
    every = case.sigma_of_all
    ahead = np.stack(every.per_step_forward or ())
    back = np.stack(every.per_step_backward or ())
    expected = case.mean_over_all(ahead - back)
    return _compare(case, found.per_step, expected, case.error_of(found))


@law("Var sigma is that over all sequences", _WHY, on=SymbolCase, source=_SOURCE)
def sigma_variance_is_enumerated(case: SymbolCase) -> Measurement:
    """The variance of the law of sigma against that by scoring every sequence."""
    sigma = case.sigma_of_all.sigma
    mean = float(case.mean_over_all(sigma))
    exact = float(case.sigma_law.variance)
    if math.isinf(mean):
        return Measurement(0.0 if math.isinf(exact) else math.inf, 0.0, 1.0)
    expected = float(case.mean_over_all((sigma - mean) ** 2))
    largest = float(np.max(np.abs(sigma - mean)))
    allowed = (2 * largest + 1) * case.enumeration_error + ROUNDING_SLACK * EPSILON * largest**2
    return Measurement(
        abs(exact - expected), allowed, max(expected, 1.0), detail=case.enumeration_is
    )


def _compare(
    case: SymbolCase, found: FloatArray, expected: FloatArray, error: float
) -> Measurement:
    """Largest difference, infinite values being equal to each other alone."""
    off = np.where(found == expected, 0.0, np.abs(found - expected))
    allowed = error + case.enumeration_error
    finite = expected[np.isfinite(expected)]
    scale = max(1.0, float(np.max(np.abs(finite), initial=0.0)))
    return Measurement(float(np.max(off)), allowed, scale, detail=case.enumeration_is)
