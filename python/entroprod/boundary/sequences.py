"""Sequences as users give them: read once, checked against what a machine reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import as_count, as_float_array, read_array
from entroprod.boundary.symbols import as_integers, outside_alphabet

AnyArray: TypeAlias = NDArray[Any]


@dataclass(frozen=True)
class Reads:
    """What a machine reads, as it tells: symbols below one number, or vectors of another size."""

    n_symbols: int | None = None
    n_outputs: int | None = None
    # Whether NaN is a missing observation.
    missing: bool = False
    # The most steps that there are parameters for.
    longest: int | None = None

    @classmethod
    def of(cls, machine: Any, reader: Any = None) -> Reads:
        """What a machine reads; with another reader, what both do.

        A machine tells ``n_symbols`` or ``n_outputs``, and ``reads_missing = True`` where it takes
        NaN for a missing observation.
        """
        missing = all(
            getattr(one, "reads_missing", False) is True
            for one in (machine, machine if reader is None else reader)
        )
        return cls(told_size(machine, "n_symbols"), told_size(machine, "n_outputs"), missing)

    def up_to(self, longest: int) -> Reads:
        """The same, of so many steps at most."""
        return replace(self, longest=longest)


class Paths(NamedTuple):
    """Sequences of one length: (N, T) symbols, of the dtype given, or (N, T, m) float64 values.

    Views of what was given where possible. ``single`` tells that one came without the first axis;
    ``incomplete``, (N,), marks those with missing observations and is None if there are none.
    """

    paths: AnyArray
    single: bool
    incomplete: NDArray[np.bool_] | None = None


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


class Blocks(tuple[Block, ...]):
    """Sequences that have been read, by length: what asks for sequences takes them as they are."""

    __slots__ = ()


def read_sequences(reads: Reads, sequences: Any, name: str = "sequences") -> Blocks:
    """Validated sequences of whatever lengths, by length.

    Takes an array of many or of one, or a list of these or of numbers. Where the machine tells
    neither ``n_symbols`` nor ``n_outputs``, integers are symbols and real numbers values.

    Raises
    ------
    ValueError, TypeError
        Naming the sequence and the step.
    """
    if isinstance(sequences, Blocks):
        return sequences
    if not isinstance(sequences, (list, tuple)):
        sequences = read_array(sequences, name)
    depth, leaf = _look_inside(sequences, name)
    if reads.n_symbols is not None or reads.n_outputs is not None:
        discrete = reads.n_symbols is not None
    else:
        discrete = np.asarray(leaf).dtype.kind in "iu"
    alone = 1 if discrete else 2
    if depth not in {alone, alone + 1}:
        wanted = "(N, T) or (T,)" if discrete else "(N, T, m) or (T, m)"
        raise ValueError(f"{name} must have shape {wanted}, got {depth} dimension(s)")
    if depth == alone + 1 and len(sequences) == 0:
        raise ValueError(f"{name} must not be empty")
    if depth == alone + 1 and isinstance(sequences, (list, tuple)):
        if not _are_alike(sequences):
            arrays = [
                _as_block(_read(reads, one, f"{name}[{i}]", (alone,), discrete))
                for i, one in enumerate(sequences)
            ]
            return Blocks(by_length(arrays))
        sequences = np.stack(sequences)
    paths = _as_block(_read(reads, sequences, name, (alone, alone + 1), discrete))
    if depth == alone:
        paths = paths[np.newaxis]
    return Blocks([Block(paths, np.arange(len(paths)))])


def read_paths(reads: Reads, sequences: ArrayLike, *, empty: bool = False) -> Paths:
    """Validated sequences of one length, or one.

    With ``empty``, sequences of symbols may have no step.

    Raises
    ------
    ValueError, TypeError
        Naming the sequence and the step.
    """
    discrete = reads.n_symbols is not None
    alone = 1 if discrete else 2
    array = _read(reads, sequences, "sequences", (alone, alone + 1), discrete, empty=empty)
    single = array.ndim == alone
    paths = array[np.newaxis] if single else array
    return Paths(paths, single, _incomplete(paths) if reads.missing else None)


def paths_of(block: Block) -> Paths:
    """The sequences of a block of values, with what is missing in them."""
    return Paths(block.paths, False, _incomplete(block.paths))


def read_ragged(
    reads: Reads, sequences: Sequence[ArrayLike], name: str = "sequences"
) -> list[AnyArray]:
    """Validated sequences of whatever lengths, each by itself.

    Raises
    ------
    ValueError, TypeError
        Naming the sequence and the step.
    """
    if isinstance(sequences, (str, bytes)) or not hasattr(sequences, "__iter__"):
        raise TypeError(f"{name} must be a list of arrays, got {type(sequences).__name__}")
    return [read_one(reads, one, f"{name}[{i}]") for i, one in enumerate(sequences)]


def read_joined(
    reads: Reads, sequences: Sequence[ArrayLike]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Sequences of symbols, one after another, (sum of T_i,), and their lengths, (N,)."""
    if isinstance(sequences, np.ndarray) or not isinstance(sequences, Sequence):
        raise TypeError(f"sequences must be a list of arrays, got {type(sequences).__name__}")
    if not sequences:
        raise ValueError("sequences must not be empty, got a list of none")
    read = [one.astype(np.int64, copy=False) for one in read_ragged(reads, sequences)]
    return np.concatenate(read), np.array([one.size for one in read], dtype=np.int64)


def read_one(reads: Reads, sequence: ArrayLike, name: str) -> AnyArray:
    """One validated sequence, (T,) or (T, m)."""
    discrete = reads.n_symbols is not None
    return _read(reads, sequence, name, (1 if discrete else 2,), discrete)


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


def require_steps(name: str, n_steps: int, machine_name: str, longest: int) -> None:
    """Refuse more steps than a time-varying machine has."""
    if n_steps > longest:
        msg = f"{name}: {n_steps} steps are more than the {longest} of {machine_name}"
        raise ValueError(msg)


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


def _are_alike(sequences: Sequence[Any]) -> bool:
    """Whether these are plain arrays of one shape and dtype, which need not be read one by one."""
    first = sequences[0]
    return all(
        type(one) is np.ndarray and one.shape == first.shape and one.dtype == first.dtype
        for one in sequences
    )


def _read(
    reads: Reads,
    value: ArrayLike,
    name: str,
    ndims: tuple[int, ...],
    discrete: bool,
    *,
    empty: bool = False,
) -> AnyArray:
    if discrete:
        return _read_symbols(value, name, reads.n_symbols, ndims, empty)
    values = as_float_array(value, name, ndims, missing=reads.missing)
    if reads.n_outputs is not None and values.shape[-1] != reads.n_outputs:
        wanted = _shapes(ndims, f", {reads.n_outputs}")
        raise ValueError(f"{name} must have shape {wanted}, got {values.shape}")
    if reads.longest is not None:
        require_steps(name, values.shape[-2], "machine", reads.longest)
    return values


def _read_symbols(
    value: ArrayLike, name: str, n_symbols: int | None, ndims: tuple[int, ...], empty: bool
) -> AnyArray:
    array = as_integers(value, name, empty)
    if array.ndim not in ndims:
        raise ValueError(f"{name} must have shape {_shapes(ndims)}, got {array.shape}")
    if array.size == 0:
        if empty and len(array) > 0:
            return array
        raise ValueError(f"{name} must not be empty, got shape {array.shape}")
    largest = np.iinfo(np.int64).max if n_symbols is None else n_symbols - 1
    if array.min() < 0 or array.max() > largest:
        at = tuple(int(i) for i in np.argwhere((array < 0) | (array > largest))[0])
        which = name if array.ndim == 1 else f"{name}[{at[0]}]"
        raise outside_alphabet(n_symbols, array[at], which, at[-1])
    return array


def _shapes(ndims: tuple[int, ...], last: str = "") -> str:
    """In words: "(N, T) or (T,)", with what comes after T; or "(T,)" alone."""
    one = f"(T{last or ','})"
    return f"(N, T{last}) or {one}" if len(ndims) == 2 else one


def _as_block(array: AnyArray) -> AnyArray:
    """Symbols of one dtype, whatever they came in."""
    return array.astype(np.int64, copy=False) if array.dtype.kind in "iu" else array


def _incomplete(paths: AnyArray) -> NDArray[np.bool_] | None:
    """Which paths have missing observations, (N,); None if none has."""
    # NaN survives every sum, so that complete paths are known without a mask of all entries.
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isnan(paths.sum()):
            return None
    missing = np.isnan(paths)
    incomplete = np.asarray(missing.any(axis=(1, 2)))
    if not incomplete.any():
        return None
    empty = np.flatnonzero(missing.all(axis=(1, 2)))
    if empty.size:
        msg = (
            f"sequences must have an observation in every path; path {int(empty[0])} has only "
            "missing ones (NaN)"
        )
        raise ValueError(msg)
    return incomplete
