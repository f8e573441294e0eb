"""Least squares of vector autoregressions for many paths at once, as statsmodels does it for one.

Batches are (B, T, m): B paths of T steps.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray

Criterion: TypeAlias = Literal["aic", "bic", "hqic", "fpe"]
AnyCriterion: TypeAlias = Criterion | Literal["aicc"]

# Relative size of a diagonal entry of a triangular factor below which it has lost its rank.
_RANK_TOLERANCE = 1e-10


def least_squares(
    paths: FloatArray, order: int
) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """VAR(p) with intercept for each path, equal to statsmodels' fit.

    Parameters
    ----------
    paths : ndarray, (B, T, m)
    order : int

    Returns
    -------
    coefficients : ndarray, (B, p, m, m)
    noise_cov : ndarray, (B, m, m)
        With the correction for degrees of freedom.
    full_rank : ndarray, (B,)
        False where the regressors are linearly dependent; the other results mean nothing there.
    """
    b, n_steps, m = paths.shape
    n = n_steps - order
    triangle = _triangle(_regression_rows(paths, order))
    k = 1 + order * m
    left = triangle[:, :k, :k].copy()
    diagonal = np.abs(np.diagonal(left, axis1=1, axis2=2))
    full_rank = diagonal.min(axis=1) > _RANK_TOLERANCE * diagonal.max(axis=1)
    left[~full_rank] = np.eye(k)
    solution = np.linalg.solve(left, triangle[:, :k, k:])
    coefficients = np.asarray(solution[:, 1:].reshape(b, order, m, m).swapaxes(2, 3))
    rest = triangle[:, k:, k:]
    noise_cov: FloatArray = rest.swapaxes(1, 2) @ rest / (n - k)
    return coefficients, noise_cov, full_rank


def select_orders(paths: FloatArray, max_lags: int, criterion: AnyCriterion) -> NDArray[np.intp]:
    """Order from 1 to ``max_lags`` with the smallest criterion, (B,)."""
    best: NDArray[np.intp] = criterion_values(paths, max_lags, criterion).argmin(axis=1)
    return best + 1


def criterion_values(paths: FloatArray, max_lags: int, criterion: AnyCriterion) -> FloatArray:
    """Information criterion at orders 1 .. max_lags on the same rows, (B, max_lags).

    One triangular factor serves all orders: leaving out the last lags adds their rows of the right
    side to the residual sum of squares.
    """
    b, n_steps, m = paths.shape
    n = n_steps - max_lags
    # Comparing criteria takes a few digits only.
    triangle = _quick_triangle(paths, max_lags)
    k = 1 + max_lags * m
    squares = triangle[:, k:, k:].swapaxes(1, 2) @ triangle[:, k:, k:]
    values = np.empty((b, max_lags))
    for order in range(max_lags, 0, -1):
        log_det = np.linalg.slogdet(squares / n)[1]
        values[:, order - 1] = _criterion(log_det, n, m, order, criterion)
        lag = triangle[:, k - m : k, -m:]
        squares = squares + lag.swapaxes(1, 2) @ lag
        k -= m
    return values


def _criterion(
    log_det: FloatArray, n: int, m: int, order: int, criterion: AnyCriterion
) -> FloatArray:
    """As statsmodels defines them (Lutkepohl 2005, section 4.3); "aicc" for small samples."""
    regressors = order * m + 1
    if criterion == "fpe":
        return np.asarray(np.exp(log_det) * ((n + regressors) / (n - regressors)) ** m)
    if criterion == "aicc":  # Hurvich and Tsai 1993, for vector autoregressions
        spare = n - regressors - m - 1
        penalty = m * (n + regressors) / spare if spare > 0 else np.inf
    else:
        weight = {"aic": 2.0, "bic": np.log(n), "hqic": 2.0 * np.log(np.log(n))}[criterion]
        penalty = weight * m * regressors / n
    return log_det + penalty


def _regression_rows(paths: FloatArray, lags: int) -> FloatArray:
    """Rows (1, y_{t-1}, .., y_{t-lags}, y_t) for t > lags, (B, T - lags, 1 + (lags + 1) m)."""
    b, n_steps, m = paths.shape
    n = n_steps - lags
    rows = np.empty((b, n, 1 + (lags + 1) * m))
    rows[:, :, 0] = 1.0
    for k in range(1, lags + 1):
        rows[:, :, 1 + (k - 1) * m : 1 + k * m] = paths[:, lags - k : lags - k + n]
    rows[:, :, 1 + lags * m :] = paths[:, lags:]
    return rows


def _triangle(rows: FloatArray) -> FloatArray:
    """Upper triangular R with R^T R = rows^T rows, up to signs of its rows; to full accuracy."""
    return np.asarray(np.linalg.qr(rows, mode="r"))


def _quick_triangle(paths: FloatArray, lags: int) -> FloatArray:
    """The same triangle, much faster, with half the digits where regressors are dependent."""
    try:
        return np.asarray(np.linalg.cholesky(_moments(paths, lags)).swapaxes(1, 2))
    except np.linalg.LinAlgError:
        return _triangle(_regression_rows(paths, lags))


def _moments(paths: FloatArray, lags: int) -> FloatArray:
    """Products rows^T rows of the regression rows, without forming those.

    A block of two lags differs from that of both lags less one by the products at the two ends of
    the path, so T enters the work once for each lag and not for each pair.
    """
    b, n_steps, m = paths.shape
    blocks = np.empty((b, lags + 1, lags + 1, m, m))
    sums = np.empty((b, lags + 1, m))
    newest = paths[:, lags:]
    sums[:, 0] = newest.sum(axis=1)
    for j in range(lags + 1):
        blocks[:, 0, j] = newest.swapaxes(1, 2) @ paths[:, lags - j : n_steps - j]
        blocks[:, j, 0] = blocks[:, 0, j].swapaxes(1, 2)
    first = paths[:, :lags][:, ::-1]
    last = paths[:, n_steps - lags :][:, ::-1]
    for i in range(1, lags + 1):
        enters, leaves = first[:, i - 1], last[:, i - 1]
        sums[:, i] = sums[:, i - 1] + enters - leaves
        blocks[:, i, 1:] = (
            blocks[:, i - 1, :-1]
            + enters[:, None, :, None] * first[:, :, None, :]
            - leaves[:, None, :, None] * last[:, :, None, :]
        )
    # The present comes last, as the right side of the regression.
    order = [*range(1, lags + 1), 0]
    k = 1 + (lags + 1) * m
    moments = np.empty((b, k, k))
    moments[:, 0, 0] = n_steps - lags
    moments[:, 0, 1:] = moments[:, 1:, 0] = sums[:, order].reshape(b, -1)
    moments[:, 1:, 1:] = (
        blocks[:, order][:, :, order].swapaxes(2, 3).reshape(b, (lags + 1) * m, (lags + 1) * m)
    )
    return moments
