"""Checks of matrices that may change from step to step."""

from __future__ import annotations

from numpy.typing import ArrayLike

from entroprod.boundary.arrays import FloatArray, as_float_array
from entroprod.boundary.covariances import require_covariances


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
    return require_covariances(matrices, name, definite=definite)


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
