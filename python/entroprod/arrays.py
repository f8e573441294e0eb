"""Checks of arguments: the only place where user input becomes arrays and numbers for the core."""

from __future__ import annotations

import operator
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]
ComplexArray: TypeAlias = NDArray[np.complex128]
RandomSource: TypeAlias = np.random.Generator | int | None

# The core counts steps in 64-bit integers; this leaves room for products with small sizes.
_LARGEST_COUNT = 2**53
# More threads than any machine has processors; each takes memory of its own.
_MOST_THREADS = 1024
# Asymmetry of a covariance that sums and products of doubles may leave, relative to the spreads.
_ASYMMETRY = 1e-12
# Asking how much memory is free takes longer than filling so little of it.
_ALWAYS_FREE = 1 << 20

# How much further than size * epsilon below zero an eigenvalue of a semidefinite correlation matrix
# may come out where the matrix was made by products of three: random ones reach a few times that.
SLACK_OF_PRODUCTS = 16.0


def as_float_array(
    value: ArrayLike, name: str, ndim: int | tuple[int, ...], *, missing: bool = False
) -> FloatArray:
    """Finite float64 array in C order, a view of ``value`` where possible.

    Takes whatever has ``__array__`` or DLPack. Integers and booleans of any kind are converted;
    complex numbers, objects and strings are refused, and so is what is masked. With ``missing``,
    NaN is let through.
    """
    wanted = (ndim,) if isinstance(ndim, int) else ndim
    array = read_array(value, name)
    if array.dtype.kind not in "fiub":
        msg = f"{name} must hold real numbers, got dtype {array.dtype}"
        raise TypeError(msg)
    if array.ndim not in wanted:
        dimensions = " or ".join(str(n) for n in wanted)
        msg = f"{name} must have {dimensions} dimension(s), got shape {array.shape}"
        raise ValueError(msg)
    if array.size == 0:
        msg = f"{name} must not be empty, got shape {array.shape}"
        raise ValueError(msg)
    # A float wider than float64 may overflow to infinity, which the next check names.
    with np.errstate(over="ignore"):
        array = np.require(array, np.float64, ["C_CONTIGUOUS", "ALIGNED"])
    finite = np.isfinite(array)
    if missing and not finite.all():
        finite |= np.isnan(array)
    if not finite.all():
        index = tuple(int(i) for i in np.argwhere(~finite)[0])
        where = f" at index {index}" if index else ""
        msg = f"{name} must be finite, got {array[index]}{where}"
        raise ValueError(msg)
    return array


def read_array(value: ArrayLike, name: str) -> NDArray[Any]:
    """Array of whatever dtype, a view where possible; what is masked is refused."""
    require_no_mask(value, name)
    try:
        only_dlpack = hasattr(value, "__dlpack__") and not hasattr(value, "__array__")
        read: Callable[[Any], NDArray[Any]] = np.from_dlpack if only_dlpack else np.asarray
        return read(value)
    except (ValueError, TypeError, BufferError, RuntimeError) as error:
        msg = f"{name} must be an array of numbers that NumPy can read: {error}"
        raise ValueError(msg) from None


def require_no_mask(value: object, name: str) -> None:
    """NumPy reads a masked array, in a list too, without its mask: values that were ruled out."""
    if isinstance(value, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(value)
        if masked.any():
            index = tuple(int(i) for i in np.argwhere(masked)[0])
            msg = (
                f"{name} must have no masked entries, got {np.count_nonzero(masked)}, the first "
                f"at index {index}"
            )
            raise ValueError(msg)
    elif isinstance(value, (list, tuple)):
        for item in value:
            if isinstance(item, (list, tuple, np.ma.MaskedArray)):
                require_no_mask(item, name)


def as_complex_array(value: ArrayLike, name: str, ndim: int | tuple[int, ...]) -> ComplexArray:
    """Finite complex128 array in C order, a copy; real numbers are converted."""
    array = read_array(value, name)
    if array.dtype.kind != "c":
        return as_float_array(array, name, ndim).astype(np.complex128)
    return as_float_array(array.real, name, ndim) + 1j * as_float_array(array.imag, name, ndim)


def as_positive(value: ArrayLike, name: str) -> float:
    """A finite number above 0."""
    number = float(as_float_array(value, name, 0))
    if not number > 0.0:
        msg = f"{name} must be positive, got {number:g}"
        raise ValueError(msg)
    return number


def as_matrix(value: ArrayLike, name: str, shape: tuple[int | None, int | None]) -> FloatArray:
    """Finite float64 matrix of a shape in which ``None`` leaves a size open."""
    matrix = as_float_array(value, name, 2)
    if any(want is not None and want != have for want, have in zip(shape, matrix.shape)):
        wanted = ", ".join("any" if size is None else str(size) for size in shape)
        msg = f"{name} must have shape ({wanted}), got {matrix.shape}"
        raise ValueError(msg)
    return matrix


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


def as_count(value: SupportsIndex, name: str) -> int:
    """Integer of at least 1."""
    if isinstance(value, (bool, np.bool_)):
        msg = f"{name} must be an integer, got {value!r}"
        raise TypeError(msg)
    try:
        count = operator.index(value)
    except TypeError:
        msg = f"{name} must be an integer, got {value!r}"
        raise TypeError(msg) from None
    if not 1 <= count <= _LARGEST_COUNT:
        msg = f"{name} must be between 1 and 2**53, got {count}"
        raise ValueError(msg)
    return count


def as_flag(value: bool, name: str) -> bool:
    """True or False, and nothing that merely counts as such."""
    if not isinstance(value, (bool, np.bool_)):
        msg = f"{name} must be True or False, got {value!r}"
        raise TypeError(msg)
    return bool(value)


def require_choice(value: object, name: str, *choices: str) -> None:
    """Refuse what is none of the words."""
    if not (isinstance(value, str) and value in choices):
        *first, last = (f'"{choice}"' for choice in choices)
        msg = f"{name} must be {', '.join(first)} or {last}, got {value!r}"
        raise ValueError(msg)


def equal_arrays(mine: Sequence[FloatArray], theirs: Sequence[FloatArray]) -> bool:
    """Whether two machines of a kind have the same numbers."""
    return all(np.array_equal(a, b) for a, b in zip(mine, theirs))


def hash_arrays(arrays: Sequence[FloatArray]) -> int:
    """Hash of the numbers, the same for arrays that are equal."""
    # Adding 0.0 makes -0.0 and 0.0, which are equal, the same bytes.
    return hash(tuple((array + 0.0).tobytes() for array in arrays))


def as_read_only(array: FloatArray) -> FloatArray:
    """The array, its own memory locked: arrays inside a result are read-only."""
    array.flags.writeable = False
    return array


def as_thread_count(n_threads: int | None) -> int:
    """Number of threads, by default one for each processor that this process may use."""
    if n_threads is not None:
        return min(as_count(n_threads, "n_threads"), _MOST_THREADS)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def as_generator(rng: RandomSource) -> np.random.Generator:
    """Generator from a generator, a seed or None (fresh entropy)."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        return np.random.default_rng()
    if isinstance(rng, (bool, np.bool_)):
        msg = f"rng must be a numpy Generator, an integer of at least 0 or None, got {rng!r}"
        raise TypeError(msg)
    try:
        seed = operator.index(rng)
    except TypeError:
        msg = f"rng must be a numpy Generator, an integer of at least 0 or None, got {rng!r}"
        raise TypeError(msg) from None
    if seed < 0:
        msg = f"rng must be at least 0 as a seed, got {seed}"
        raise ValueError(msg)
    return np.random.default_rng(seed)


def draw_key(rng: RandomSource) -> int:
    """64-bit key of the core's counter-based generator."""
    return int(as_generator(rng).integers(2**64, dtype=np.uint64))


def require_memory(n_bytes: int, name: str, what: str) -> None:
    """Raise ``MemoryError`` where ``what``, sized by argument ``name``, needs more than is free."""
    if n_bytes <= _ALWAYS_FREE:
        return
    free = available_memory()
    if n_bytes > free:
        msg = (
            f"{name} is too large: {what} needs {_readable(n_bytes)}, "
            f"and {_readable(free)} of memory is available"
        )
        raise MemoryError(msg)


def available_memory() -> int:
    """Bytes that can be allocated without swapping, as far as the system tells."""
    limits = [sys.maxsize]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        limits += [int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line]
    except OSError:  # not Linux: all that is installed is the best bound there is
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    try:
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()) - used)
    except (OSError, ValueError):  # no control group, or one without a limit ("max")
        pass
    return max(min(limits), 0)


def _readable(n_bytes: int) -> str:
    size = float(n_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024.0:
            return f"{size:.4g} {unit}"
        size /= 1024.0
    return f"{size:,.4g} TiB"
