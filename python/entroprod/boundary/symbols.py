"""Symbols 0 .. k-1: reading what a user gives, and room for what is drawn."""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import as_count, read_array
from entroprod.boundary.memory import require_memory

SymbolArray = NDArray[np.integer[Any]]

# Paths are drawn so many at a time that they need no more than so many numbers: 16 MiB.
_NUMBERS_AT_ONCE = 2**21


def as_symbol(value: SupportsIndex, name: str, n_symbols: int) -> int:
    """One symbol 0 .. n_symbols - 1."""
    # An integer too large for an array is no symbol either.
    large = isinstance(value, int) and not -(2**63) <= value < 2**63
    given: Any = -1 if large else value
    symbol = as_integers(given, name, empty=False)
    if symbol.ndim != 0:
        msg = f"{name} must be one symbol, got shape {symbol.shape}"
        raise ValueError(msg)
    if not 0 <= int(symbol) < n_symbols:
        msg = f"{name} must be a symbol 0 .. {n_symbols - 1}, got {value}"
        raise ValueError(msg)
    return int(symbol)


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


def outside_alphabet(n_symbols: int | None, symbol: object, name: str, position: int) -> ValueError:
    """Error for a symbol that there isn't, at a position from 0; steps are told from 1."""
    below = "2^63" if n_symbols is None else f"n_symbols = {n_symbols}"
    return ValueError(
        f"{name} must hold symbols from 0 and below {below}; got {symbol} at step {position + 1}"
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
