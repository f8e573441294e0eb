"""Laws of two linear-Gaussian machines, constant or not, against their dense joint densities."""

from __future__ import annotations

import math

import numpy as np

from entroprod.laws.gaussian_pair_case import Array, GaussianPairCase, Whitened
from entroprod.laws.law import law
from entroprod.laws.measurement import Measurement
from entroprod.laws.pair_case import EPSILON, ROUNDING_SLACK

_WHY = "how the dense value moves when all entries are nudged, and rounding of its products"


@law(
    "S_y is the relative entropy of the two dense joint densities",
    _WHY + "; the error allowed to S_y",
    on=GaussianPairCase,
    source="[S26] eqs 14-36",
)
def total_is_dense(case: GaussianPairCase) -> Measurement:
    """The total against (|Q|^2 + |d|^2 - T m + ln|S_b| - ln|S|) / 2."""
    dense = case.dense
    moved = case.moved_by_rounding([one.total - dense.total for one in case.nudged_dense])
    norm = float(np.linalg.norm(dense.matrix))
    products = norm * case.products_error + EPSILON * case.size * (norm**2 + _offset(dense.offset))
    tolerance = moved + products + case.total_error
    return Measurement(abs(dense.total - case.total), tolerance, max(case.scale, norm**2 / 2))


@law(
    "the steps' values are means over the dense joint density of log-ratios",
    _WHY + "; the error allowed to S_y",
    on=GaussianPairCase,
)
def per_step_is_dense(case: GaussianPairCase) -> Measurement:
    """Per-step values against rows of Q and determinants, the worst step."""
    dense = case.dense
    expected = case.dense_steps(dense)
    moved = max(
        case.moved_by_rounding(list(case.dense_steps(one) - expected)) for one in case.nudged_dense
    )
    size = float(np.sum(dense.matrix**2)) + _offset(dense.offset)
    tolerance = moved + math.sqrt(size) * case.products_error + EPSILON * case.size * size
    residual = float(np.max(np.abs(case.per_step - expected)))
    return Measurement(residual, tolerance + case.total_error, max(1.0, size))


@law(
    "log-probabilities of both readings are those of the dense joint densities",
    "how they move when all entries are nudged, and rounding of both ways",
    on=GaussianPairCase,
)
def scores_are_dense(case: GaussianPairCase) -> Measurement:
    """Largest deviation of ln P(y) and ln P_b(y reversed) over a few sequences."""
    found = case.pair.score(case.drawn)
    residual = tolerance = size = 0.0
    flat = case.drawn.reshape(len(case.drawn), -1)
    for i, values in enumerate((found.log_forward, found.log_backward)):
        expected, terms = _log_density(case.both_whitened[i], flat)
        changes = [_log_density(both[i], flat)[0] - expected for both in case.nudged_whitened]
        moved = case.moved_by_rounding([float(np.max(np.abs(one))) for one in changes])
        residual = max(residual, float(np.max(np.abs(values - expected))))
        tolerance = max(tolerance, moved + ROUNDING_SLACK * EPSILON * float(np.max(terms)))
        size = max(size, float(np.max(np.abs(expected))))
    return Measurement(residual, tolerance, max(1.0, size))


def _offset(offset: Array) -> float:
    return float(offset @ offset)


def _log_density(one: Whitened, paths: Array) -> tuple[Array, Array]:
    """ln of the density of flat sequences, and the sizes of what it is the sum of."""
    scores = paths @ one.matrix.T + one.offset
    sizes = np.abs(paths) @ np.abs(one.matrix).T + np.abs(one.offset)
    constant = one.log_determinant / 2 + paths.shape[1] * math.log(2 * math.pi) / 2
    terms = np.sum(np.abs(scores) * sizes, axis=1) + abs(one.log_determinant) + paths.shape[1]
    return -np.sum(scores**2, axis=1) / 2 - constant, terms * math.sqrt(paths.shape[1])
