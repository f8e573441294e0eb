"""Laws of the whitened innovation reversal matrix R [S26] eqs 45-71, and of S_y through R."""

from __future__ import annotations

import math

import numpy as np

from entroprod.gaussian import reversal
from entroprod.laws.gaussian_case import GaussianCase
from entroprod.laws.law import law
from entroprod.laws.measurement import Measurement
from entroprod.laws.pair_case import EPSILON

_FROM_THE_MATRIX = "rounding of R, from its conditioning and its products"


@law(
    "R R = I: reversing twice changes nothing",
    _FROM_THE_MATRIX + ", times twice its norm",
    on=GaussianCase,
    source="[S26] eqs 45-71",
)
def involution(case: GaussianCase) -> Measurement:
    """Frobenius norm of R R - I."""
    matrix = case.reversal
    residual = float(np.linalg.norm(matrix @ matrix - np.eye(case.size)))
    own = EPSILON * case.size * float(np.linalg.norm(matrix)) ** 2
    return Measurement(residual, 2 * case.largest * case.reversal_error + own, math.sqrt(case.size))


@law(
    "tr R = tr J: m for odd T, 0 for even T",
    _FROM_THE_MATRIX + ", along the diagonal",
    on=GaussianCase,
    source="[S26] eqs 45-71",
)
def trace_of_reversal(case: GaussianCase) -> Measurement:
    """tr R against the trace of the block reversal."""
    expected = case.machine.n_outputs if case.n_steps % 2 else 0
    residual = abs(float(np.trace(case.reversal)) - expected)
    return Measurement(residual, math.sqrt(case.size) * case.reversal_error, 1.0)


@law(
    "singular values of R come in pairs (s, 1/s)",
    _FROM_THE_MATRIX + ", relative to the smallest singular value",
    on=GaussianCase,
    source="[S26] eqs 45-71",
)
def paired_singular_values(case: GaussianCase) -> Measurement:
    """Largest |ln s_i + ln s_(N + 1 - i)|."""
    values = case.singular_values
    residual = float(np.max(np.abs(np.log(values) + np.log(values[::-1]))))
    own = EPSILON * case.size * case.largest
    return Measurement(residual, 2 * case.largest * (case.reversal_error + own), 1.0)


@law(
    "S_y = |R - R^T|^2 / 4: the squared antisymmetric part",
    _FROM_THE_MATRIX + ", times its antisymmetric part, plus the error allowed to S_y",
    on=GaussianCase,
    source="[S26] eqs 45-71",
)
def antisymmetric_part(case: GaussianCase) -> Measurement:
    """S_y against a quarter of the squared antisymmetric part of R."""
    antisymmetric = float(np.linalg.norm(case.reversal - case.reversal.T))
    error = case.reversal_error
    tolerance = antisymmetric * error + error**2 + case.total_error
    return Measurement(abs(antisymmetric**2 / 4 - case.total), tolerance, case.scale)


@law(
    "|R|^2 = T m + 2 S_y, with R formed and with R never formed",
    _FROM_THE_MATRIX + ", times twice its norm, plus the error allowed to S_y",
    on=GaussianCase,
    source="[S26] eqs 45-71",
)
def norm_squared(case: GaussianCase) -> Measurement:
    """The larger deviation of the two squared norms from T m + 2 S_y."""
    norm = float(np.linalg.norm(case.reversal))
    expected = case.size + 2 * case.total
    streamed = reversal.reversal_norm_squared(case.machine, case.n_steps)
    residual = max(abs(norm**2 - expected), abs(streamed - expected))
    tolerance = 2 * norm * case.reversal_error + EPSILON * case.size * norm**2
    return Measurement(residual, tolerance + 2 * case.total_error, expected)


@law(
    "the step at t contributes half of (|its rows of R|^2 - m)",
    _FROM_THE_MATRIX + ", times twice its norm, plus the error allowed to S_y",
    on=GaussianCase,
    source="[S26] eqs 45-71",
)
def rows_of_reversal(case: GaussianCase) -> Measurement:
    """Largest deviation of ``per_step`` from the row norms of R, whose first block reads y_T."""
    m = case.machine.n_outputs
    squares = np.sum(case.reversal**2, axis=1).reshape(case.n_steps, m).sum(axis=1)
    per_step = (squares[::-1] - m) / 2
    residual = float(np.max(np.abs(per_step - case.per_step)))
    norm = float(np.sqrt(np.max(squares)))
    tolerance = norm * case.reversal_error + EPSILON * case.size * norm**2
    return Measurement(residual, tolerance + case.total_error, float(np.max(squares)))
