"""Sequences of symbols 0 .. k-1: reading what a user gives, and room for what is drawn."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import as_count, read_array
from entroprod.boundary.memory import require_memory

SymbolArray = NDArray[np.integer[Any]]

# Paths are drawn so many at a time that they need no more than so many numbers: 16 MiB.
_NUMBERS_AT_ONCE = 2**21


class SymbolSequences(NamedTuple):
    """Sequences as (N, T) integers; ``single`` tells that one came as (T,)."""

    rows: SymbolArray
    single: bool


def as_symbols(value: ArrayLike, n_symbols: int, *, empty: bool = False) -> SymbolSequences:
    """Sequences of one length, (N, T) or (T,), of symbols below ``n_symbols``.

    With ``empty``, T may be 0.
    """
    array = as_integers(value, "sequences", empty)
    if array.ndim not in {1, 2}:
        msg = f"sequences must have shape (N, T) or (T,), got {array.shape}"
        raise ValueError(msg)
    single = array.ndim == 1
    rows = array[np.newaxis] if single else array
    if rows.shape[0] == 0 or (rows.shape[1] == 0 and not empty):
        msg = f"sequences must not be empty, got shape {array.shape}"
        raise ValueError(msg)
    outside = (rows < 0) | (rows >= n_symbols)
    if outside.any():
        path, position = (int(i) for i in np.argwhere(outside)[0])
        name = "sequences" if single else f"sequences[{path}]"
        raise outside_alphabet(n_symbols, rows[path, position], name, position)
    return SymbolSequences(rows, single)


def as_ragged_symbols(
    sequences: Sequence[ArrayLike], n_symbols: int
) -> tuple[SymbolArray, NDArray[np.int64]]:
    """Sequences of any lengths, one after another, (sum of T_i,), and their lengths, (N,)."""
    if isinstance(sequences, np.ndarray) or not isinstance(sequences, Sequence):
        msg = f"sequences must be a list of arrays, got {type(sequences).__name__}"
        raise TypeError(msg)
    if not sequences:
        raise ValueError("sequences must not be empty, got a list of none")
    read = []
    for index, value in enumerate(sequences):
        array = as_integers(value, f"sequences[{index}]", False)
        if array.ndim != 1 or array.size == 0:
            msg = f"sequences[{index}] must have shape (T,), T >= 1, got {array.shape}"
            raise ValueError(msg)
        outside = (array < 0) | (array >= n_symbols)
        if outside.any():
            position = int(np.flatnonzero(outside)[0])
            raise outside_alphabet(n_symbols, array[position], f"sequences[{index}]", position)
        read.append(array.astype(np.int64, copy=False))
    return np.concatenate(read), np.array([array.size for array in read], dtype=np.int64)


def as_integers(value: ArrayLike, name: str, empty: bool) -> SymbolArray:
    """An array of integers; without ``empty``, at least one."""
    array = read_array(value, name)
    # An empty list has no integers to tell its kind by.
    if empty and array.size == 0 and array.dtype == np.float64:
        array = array.astype(np.int64)
    if array.size == 0 and array.dtype.kind == "f":
        msg = f"{name} must not be empty, got shape {array.shape}"
        raise ValueError(msg)
    if array.dtype.kind not in "iu":
        msg = f"{name} must hold symbols, which are integers; got dtype {array.dtype}"
        raise TypeError(msg)
    return array


def outside_alphabet(n_symbols: int, symbol: object, name: str, position: int) -> ValueError:
    """Error for a symbol that there isn't, at a position from 0; steps are told from 1."""
    return ValueError(
        f"{name} must hold symbols from 0 and below n_symbols = {n_symbols}; got {symbol} at step "
        f"{position + 1}"
    )


def empty_sample(n_steps: int, n_paths: int) -> NDArray[np.int64]:
    """Array for so many paths, (N, T), once the counts have been checked."""
    n_steps, n_paths = as_count(n_steps, "n_steps"), as_count(n_paths, "n_paths")
    what = f"a sample of shape ({n_paths}, {n_steps})"
    require_memory(8 * n_paths * n_steps, "n_steps or n_paths", what)
    return np.empty((n_paths, n_steps), dtype=np.int64)


def parts(paths: NDArray[np.int64], numbers_per_path: int) -> list[NDArray[np.int64]]:
    """Views of a few paths each, which need not too many numbers at a time."""
    rows = max(1, _NUMBERS_AT_ONCE // numbers_per_path)
    return [paths[start : start + rows] for start in range(0, len(paths), rows)]
