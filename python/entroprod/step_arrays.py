"""Checks of matrices that may change from step to step."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from entroprod.arrays import (
    SLACK_OF_PRODUCTS,
    FloatArray,
    as_float_array,
    require_invertible_spread,
)

# Asymmetry of a covariance that sums and products of doubles may leave, relative to the spreads.
_ASYMMETRY = 1e-12


def as_step_matrices(
    value: ArrayLike, name: str, shape: tuple[int | None, int | None]
) -> FloatArray:
    """Finite matrices (T, rows, cols), or a constant one (rows, cols); ``None`` leaves a size open.

    Which of the two is told by the number of axes alone.
    """
    matrices = as_float_array(value, name, (2, 3))
    if any(want is not None and want != have for want, have in zip(shape, matrices.shape[-2:])):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        msg = f"{name} must have shape ({wanted}) or (T, {wanted}), got {matrices.shape}"
        raise ValueError(msg)
    return matrices


def as_step_covariances(
    value: ArrayLike, name: str, size: int | None, *, definite: bool
) -> FloatArray:
    """Symmetric positive (semi)definite matrices (T, size, size), or a constant one (size, size).

    Asymmetry at rounding level is averaged away.
    """
    matrices = as_step_matrices(value, name, (size, size))
    if matrices.shape[-2] != matrices.shape[-1]:
        msg = f"{name} must be square matrices, got shape {matrices.shape}"
        raise ValueError(msg)
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
    _require_positive(matrices, name, definite=definite)
    if definite:
        require_invertible_spread(matrices, name)
    return matrices


def _require_positive(matrices: FloatArray, name: str, *, definite: bool) -> None:
    """Judges by the correlation matrices, so that the units of the components don't matter."""
    spread = np.sqrt(np.maximum(np.diagonal(matrices, axis1=-2, axis2=-1), 0.0))
    units = np.where(spread > 0.0, spread, 1.0)
    correlations = matrices / units[..., :, np.newaxis] / units[..., np.newaxis, :]
    smallest = np.linalg.eigvalsh(correlations)[..., 0]
    rounding = matrices.shape[-1] * np.finfo(np.float64).eps
    wrong = smallest <= rounding if definite else smallest < -SLACK_OF_PRODUCTS * rounding
    if np.any(wrong):
        step = [int(k) for k in np.argwhere(wrong)[0]]
        what = "definite" if definite else "semidefinite"
        msg = (
            f"{name} must be positive {what}; the smallest eigenvalue of its correlation matrix "
            f"is {smallest[tuple(step)]:.3g}{_at(step)}"
        )
        raise ValueError(msg)


def _at(step: list[int]) -> str:
    return f" at index {step[0]} of its time axis" if step else ""


def common_length(matrices: dict[str, FloatArray], n_steps: int | None) -> int:
    """The number of steps that all arguments with a time axis, and ``n_steps``, agree on."""
    lengths = {name: len(array) for name, array in matrices.items() if array.ndim == 3}
    if n_steps is not None:
        lengths["n_steps"] = n_steps
    if not lengths:
        msg = (
            f"one of {', '.join(matrices)} must have a leading time axis, or n_steps must be given"
        )
        raise ValueError(msg)
    first_name, first = next(iter(lengths.items()))
    for name, length in lengths.items():
        if length != first:
            msg = (
                f"{first_name} and {name} must have as many steps as each other, got {first} "
                f"and {length}"
            )
            raise ValueError(msg)
    return first


def first_steps(array: FloatArray, start: int, stop: int | None) -> FloatArray:
    """Part of the time axis; the whole of a constant matrix."""
    return array[start:stop] if array.ndim == 3 else array
