"""Checks of sequences of symbols (token ids), before a network sees them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import FloatArray, as_float_array
from entroprod.boundary.symbols import as_integers, outside_alphabet
from entroprod.neural.scoring import IntArray


def as_symbol(value: SupportsIndex, name: str, n_symbols: int) -> int:
    """One symbol 0 .. V-1."""
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


def as_symbol_array(sequences: ArrayLike, n_symbols: int) -> IntArray:
    """Sequences (N, T), or one as (T,), of symbols 0 .. V-1.

    Raises
    ------
    ValueError, TypeError
        If something else came, naming the first symbol that is wrong and where it is.
    """
    array = as_integers(sequences, "sequences", empty=False)
    if array.ndim not in (1, 2):
        msg = f"sequences must have shape (N, T) or (T,), got {array.shape}"
        raise ValueError(msg)
    if array.size == 0:
        msg = f"sequences must not be empty, got shape {array.shape}"
        raise ValueError(msg)
    wrong = np.argwhere((array < 0) | (array >= n_symbols))
    if len(wrong):
        *which, position = (int(index) for index in wrong[0])
        name = f"sequences[{which[0]}]" if which else "sequences"
        raise outside_alphabet(n_symbols, array[tuple(wrong[0])], name, position)
    return array.astype(np.int64)


def as_ragged_symbols(
    sequences: Sequence[ArrayLike], n_symbols: int, name: str = "sequences"
) -> list[IntArray]:
    """Sequences (T_i,) of symbols 0 .. V-1, of any lengths."""
    return [
        as_symbol_sequence(sequence, n_symbols, f"{name}[{index}]")
        for index, sequence in enumerate(_as_list(sequences, name))
    ]


def as_symbol_sequence(sequence: ArrayLike, n_symbols: int, name: str) -> IntArray:
    """One sequence (T,) of symbols 0 .. V-1."""
    array = as_integers(sequence, name, empty=False)
    _require_one(array, name, "(T,)", 1)
    wrong = np.flatnonzero((array < 0) | (array >= n_symbols))
    if len(wrong):
        raise outside_alphabet(n_symbols, array[wrong[0]], name, int(wrong[0]))
    return array.astype(np.int64)


def as_value_array(sequences: ArrayLike, n_outputs: int) -> FloatArray:
    """Sequences (N, T, m), or one as (T, m), of finite values."""
    array = as_float_array(sequences, "sequences", (2, 3))
    if array.shape[-1] != n_outputs:
        msg = (
            f"sequences must have shape (N, T, {n_outputs}) or (T, {n_outputs}), got {array.shape}"
        )
        raise ValueError(msg)
    return array


def as_ragged_values(sequences: Sequence[ArrayLike], n_outputs: int) -> list[FloatArray]:
    """Sequences (T_i, m) of finite values, of any lengths."""
    checked = []
    for index, sequence in enumerate(_as_list(sequences)):
        array = as_float_array(sequence, f"sequences[{index}]", 2)
        if array.shape[1] != n_outputs:
            msg = f"sequences[{index}] must have shape (T, {n_outputs}), got {array.shape}"
            raise ValueError(msg)
        checked.append(array)
    return checked


def _as_list(sequences: Sequence[ArrayLike], name: str = "sequences") -> list[ArrayLike]:
    if isinstance(sequences, (str, bytes)) or not hasattr(sequences, "__iter__"):
        msg = f"{name} must be a list of arrays, got {type(sequences).__name__}"
        raise TypeError(msg)
    return list(sequences)


def _require_one(array: NDArray[Any], name: str, shape: str, ndim: int) -> None:
    if array.ndim != ndim:
        msg = f"{name} must have shape {shape}, got {array.shape}"
        raise ValueError(msg)
    if array.size == 0:
        msg = f"{name} must not be empty, got shape {array.shape}"
        raise ValueError(msg)
