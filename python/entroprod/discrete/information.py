"""Logarithms and relative entropies of probabilities that may be 0."""

from __future__ import annotations

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.discrete.probabilities import BoolArray

# Below this distance from 1 of a ratio, its relative entropy comes from a series of so many terms:
# |s| is then at most 0.053, whose 12th power, the next term over the first, is rounding.
_NEAR_ONE, _SERIES_TERMS = 0.1, 6


def relative_entropy_terms(
    p: FloatArray,
    q: FloatArray,
    *,
    log_q: FloatArray | None = None,
    possible: BoolArray | None = None,
) -> FloatArray:
    """p ln(p/q) - p + q entry by entry, nats: none is negative, and near p = q none cancels.

    Where both sum to the same, their sum is the relative entropy. 0 ln 0 = 0; infinite where q is 0
    and p isn't. ``log_q`` and ``possible`` tell 0 from probabilities too small for doubles.
    """
    p, q = np.broadcast_arrays(np.asarray(p, dtype=np.float64), np.asarray(q, dtype=np.float64))
    with np.errstate(divide="ignore", invalid="ignore", over="ignore", under="ignore"):
        logs = np.log(q) if log_q is None else log_q
        # r - ln(1 + r) = r s - 2 (atanh s - s), s = r / (2 + r): for r near 0 without cancellation.
        r = (q - p) / p
        s = r / (2.0 + r)
        square = s * s
        series = np.zeros_like(s)
        for power in range(_SERIES_TERMS, 0, -1):
            series = square * (1.0 / (2 * power + 1) + series)
        near = p * s * (r - 2.0 * series)
        far = np.maximum(p * (np.log(p) - logs) + (q - p), 0.0)
    terms = np.where(p > 0.0, np.where(np.abs(r) < _NEAR_ONE, near, far), q)
    lost = (p > 0.0 if possible is None else possible) & (logs == -np.inf)
    return np.where(lost, np.inf, terms)


def mean_log(
    weights: FloatArray, logarithms: FloatArray, possible: BoolArray | None = None
) -> float:
    """Sum of weights times logarithms with 0 ln 0 = 0, nats; -inf where a weight meets -inf.

    ``possible`` tells weights of 0 from those too small for doubles.
    """
    used = weights > 0.0
    if ((used if possible is None else possible) & (logarithms == -np.inf)).any():
        return -np.inf
    return float(np.sum(weights[used] * logarithms[used]))


def logarithm(probabilities: FloatArray) -> FloatArray:
    """Natural logarithm, -inf of 0."""
    with np.errstate(divide="ignore"):
        return np.log(probabilities)
