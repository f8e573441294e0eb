"""Sequences as users give them, by length."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from entroprod.boundary.arrays import as_count, as_float_array, read_array

AnyArray: TypeAlias = NDArray[Any]


class Block(NamedTuple):
    """Sequences of one length.

    ``paths`` are (n, T) int64 symbols or (n, T, m) float64 values; ``places``, (n,), are theirs
    among the given sequences, and ``label`` what was done to them, for errors.
    """

    paths: AnyArray
    places: NDArray[np.int64]
    label: str = ""

    @property
    def n_steps(self) -> int:
        """Number of steps T."""
        return int(self.paths.shape[1])

    def name_of(self, row: int) -> str:
        """What a row is called in errors."""
        return f"sequences[{self.places[row]}]{self.label}"


def read_sequences(machine: Any, sequences: Any, name: str = "sequences") -> list[Block]:
    """Validated sequences, by length.

    Raises
    ------
    ValueError, TypeError
        Naming the sequence and the step.
    """
    n_symbols, n_outputs = told_size(machine, "n_symbols"), told_size(machine, "n_outputs")
    depth, leaf = _look_inside(sequences, name)
    discrete = n_symbols is not None
    if n_symbols is None and n_outputs is None:
        discrete = np.asarray(leaf).dtype.kind in "iu"

    def read(one: Any, where: str, ndim: int) -> AnyArray:
        array = read_array(one, where)
        if discrete:
            return _as_symbols(array, where, n_symbols, ndim)
        return _as_values(array, where, n_outputs, ndim)

    alone = 1 if discrete else 2
    if depth == alone:
        return [Block(read(sequences, name, alone)[np.newaxis], np.zeros(1, np.int64))]
    if depth != alone + 1:
        wanted = "(N, T) or (T,)" if discrete else "(N, T, m) or (T, m)"
        raise ValueError(f"{name} must have shape {wanted}, got {depth} dimension(s)")
    if len(sequences) == 0:
        raise ValueError(f"{name} must not be empty")
    if not isinstance(sequences, (list, tuple)):
        return [Block(read(sequences, name, alone + 1), np.arange(len(sequences)))]
    return by_length([read(one, f"{name}[{i}]", alone) for i, one in enumerate(sequences)])


def by_length(sequences: Sequence[AnyArray], label: str = "") -> list[Block]:
    """Put sequences of one length together."""
    members: dict[tuple[int, ...], list[int]] = {}
    for i, sequence in enumerate(sequences):
        members.setdefault(sequence.shape, []).append(i)
    return [
        Block(np.stack([sequences[i] for i in index]), np.array(index), label)
        for index in members.values()
    ]


def told_size(machine: Any, name: str) -> int | None:
    """What a machine tells of n_symbols or n_outputs, checked; None where it tells nothing."""
    told = getattr(machine, name, None)
    return None if told is None else as_count(told, f"machine.{name}")


def _look_inside(value: Any, name: str) -> tuple[int, Any]:
    """Number of dimensions of an array or of nested lists, and the first number in it."""
    depth = 0
    while isinstance(value, (list, tuple)):
        depth += 1
        if not value:
            return depth, 0
        value = value[0]
    array = value if isinstance(value, np.ndarray) else read_array(value, name)
    if array.dtype.kind in "OSU":
        got = f"dtype {array.dtype}" if array.ndim else type(array.item()).__name__
        raise TypeError(f"{name} must hold numbers, in an array or in lists of one; got {got}")
    first = array.reshape(-1)[0] if array.size else array.dtype.type(0)
    return depth + array.ndim, first


def _as_symbols(array: AnyArray, name: str, n_symbols: int | None, ndim: int) -> AnyArray:
    if array.size == 0:
        raise ValueError(f"{name} must not be empty")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold symbols, which are integers; got dtype {array.dtype}")
    if array.ndim != ndim:
        raise ValueError(f"{name} must have {ndim} dimension(s), got shape {array.shape}")
    if array.min() < 0 or (n_symbols is not None and array.max() >= n_symbols):
        wrong = array < 0 if n_symbols is None else (array < 0) | (array >= n_symbols)
        at = tuple(int(i) for i in np.argwhere(wrong)[0])
        most = "" if n_symbols is None else f" and below n_symbols = {n_symbols}"
        which = name if ndim == 1 else f"{name}[{at[0]}]"
        raise ValueError(
            f"{which} must hold symbols from 0{most}; got {array[at]} at step {at[-1] + 1}"
        )
    if array.max() > np.iinfo(np.int64).max:
        raise ValueError(f"{name} must hold symbols below 2^63, got {array.max()}")
    return array.astype(np.int64)


def _as_values(array: AnyArray, name: str, n_outputs: int | None, ndim: int) -> AnyArray:
    values = as_float_array(array, name, ndim, missing=True)
    if n_outputs is not None and values.shape[-1] != n_outputs:
        wanted = "(T, m)" if ndim == 2 else "(N, T, m)"
        raise ValueError(f"{name} must have shape {wanted}, m = {n_outputs}; got {values.shape}")
    return values
