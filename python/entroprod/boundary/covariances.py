"""Reading and judging covariances."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import SLACK_OF_PRODUCTS, FloatArray, as_matrix

# Asymmetry of a covariance that sums and products of doubles may leave, relative to the spreads.
_ASYMMETRY = 1e-12


def as_covariance(value: ArrayLike, name: str, size: int | None, *, definite: bool) -> FloatArray:
    """Symmetric positive (semi)definite matrix of a given size.

    Asymmetry at rounding level is averaged away.
    """
    matrix = as_matrix(value, name, (size, size))
    if matrix.shape[0] != matrix.shape[1]:
        msg = f"{name} must be square, got shape {matrix.shape}"
        raise ValueError(msg)
    return require_covariances(matrix, name, definite=definite)


def require_covariances(matrices: FloatArray, name: str, *, definite: bool) -> FloatArray:
    """Symmetric positive (semi)definite matrices (m, m) or (T, m, m).

    Asymmetry at rounding level is averaged away.
    """
    spread = np.sqrt(np.abs(np.diagonal(matrices, axis1=-2, axis2=-1)))
    scale = spread[..., :, np.newaxis] * spread[..., np.newaxis, :]
    transposed = np.swapaxes(matrices, -2, -1)
    asymmetric = np.abs(matrices - transposed) > _ASYMMETRY * np.maximum(scale, np.abs(matrices))
    if asymmetric.any():
        *step, i, j = (int(k) for k in np.argwhere(asymmetric)[0])
        msg = (
            f"{name} must be symmetric, got {matrices[(*step, i, j)]:g} at ({i}, {j}) "
            f"and {matrices[(*step, j, i)]:g} at ({j}, {i}){_at(step)}"
        )
        raise ValueError(msg)
    matrices = 0.5 * matrices + 0.5 * transposed
    eigenvalues = _smallest_correlation_eigenvalue(matrices)
    rounding = _rounding(matrices)
    # Products B Q B^T of lower rank come with eigenvalues of either sign at rounding level.
    wrong = eigenvalues <= rounding if definite else eigenvalues < -SLACK_OF_PRODUCTS * rounding
    if np.any(wrong):
        step = [int(k) for k in np.argwhere(wrong)[0]]
        what = "definite" if definite else "semidefinite"
        msg = (
            f"{name} must be positive {what}; the smallest eigenvalue of its correlation matrix "
            f"is {eigenvalues[tuple(step)]:.3g}{_at(step)}"
        )
        raise ValueError(msg)
    if definite:
        require_invertible_spread(matrices, name)
    return matrices


def _at(step: list[int]) -> str:
    return f" at index {step[0]} of its time axis" if step else ""


def are_definite(covariances: FloatArray) -> NDArray[np.bool_]:
    """Whether symmetric matrices (.., m, m) are positive definite beyond rounding, whatever units.

    Infinite entries count as not definite.
    """
    finite = np.isfinite(covariances).all(axis=(-2, -1), keepdims=True)
    eigenvalues = _smallest_correlation_eigenvalue(np.where(finite, covariances, 0.0))
    return np.asarray(eigenvalues > _rounding(covariances))


def require_invertible_spread(covariances: FloatArray, name: str) -> None:
    """Refuse variances, (.., m, m), that have lost digits to underflow: their inverses overflow."""
    smallest = float(np.diagonal(covariances, axis1=-2, axis2=-1).min())
    if smallest < np.finfo(np.float64).tiny:
        msg = f"{name} has the variance {smallest:g}, too small for doubles: choose other units"
        raise ValueError(msg)


def _smallest_correlation_eigenvalue(covariances: FloatArray) -> FloatArray:
    """Of the correlation matrices, so that the units of the components don't matter."""
    spread = np.sqrt(np.maximum(np.diagonal(covariances, axis1=-2, axis2=-1), 0.0))
    units = np.where(spread > 0.0, spread, 1.0)
    correlations = covariances / units[..., :, np.newaxis] / units[..., np.newaxis, :]
    return np.asarray(np.linalg.eigvalsh(correlations)[..., 0])


def _rounding(matrices: FloatArray) -> float:
    """Error of the eigenvalues of a matrix whose entries are at most 1."""
    return float(matrices.shape[-1] * np.finfo(np.float64).eps)
