"""Checks of arguments: the only place where user input becomes arrays and numbers for the core."""

from __future__ import annotations

import operator
import os
from collections.abc import Callable, Sequence
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray: TypeAlias = NDArray[np.float64]
ComplexArray: TypeAlias = NDArray[np.complex128]

# The core counts steps in 64-bit integers; this leaves room for products with small sizes.
_LARGEST_COUNT = 2**53
# More threads than any machine has processors; each takes memory of its own.
_MOST_THREADS = 1024

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
