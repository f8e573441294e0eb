"""The protocol of autoregressive machines, and how sequences are handed to them."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entroprod.arrays import (
    FloatArray,
    RandomSource,
    as_count,
    as_float_array,
    as_generator,
    read_array,
)
from entroprod.errors import NumericalError

AnyArray: TypeAlias = NDArray[Any]

# How errors of machines name one of the sequences that they were given.
_PLACE = re.compile(r"\bsequences\[(\d+)\]")
# Steps that a machine is given at once, unless it takes all lengths together.
_BATCH = 2**17
# No logarithm of a probability is above 0; what single and half precision leave is below this.
_ABOVE_ZERO = 0.1


@runtime_checkable
class Machine(Protocol):
    """An autoregressive machine: what every function for general machines asks for.

    Symbols are integers from 0, values are real vectors; one attribute tells which:

    - ``n_symbols``: sequences are (N, T) integer arrays with entries below it;
    - ``n_outputs``: sequences are (N, T, m) arrays of real numbers, m = n_outputs.

    Where a machine has neither, integers are taken for symbols and real numbers for values.

    Further methods are used where a machine has them:

    - ``log_prob_ragged(sequences)``: a list of sequences of different lengths to a list of (T_i,)
      arrays. Without it sequences are grouped by length.
    - ``sample_with_log_prob(n_steps, n_paths, rng=...)``: sequences with their ``log_prob``, which
      sampling computes anyway.
    - ``memory(sequences)``: (N, d), the memory after reading (N, T) sequences, T >= 0. With it
      exact enumeration tells compression loss from model mismatch.
    - ``provenance()``: a dict of what a result should record of the machine.
    """

    def log_prob(self, sequences: Any) -> AnyArray:
        """(N, T) nats per step, ln p(y_t | y_1 .. y_{t-1}), of N sequences of one length."""

    def sample(self, n_steps: int, n_paths: int = 1, *, rng: RandomSource = None) -> AnyArray:
        """Draw N sequences of T steps."""


LogProb: TypeAlias = Callable[[AnyArray], ArrayLike]


@dataclass(frozen=True)
class FunctionMachine:
    """A machine made of functions.

    Parameters
    ----------
    function : callable
        (N, T) symbols or (N, T, m) values to (N, T) nats per step, ln p(y_t | y_1 .. y_{t-1}).
    sampler : callable, optional
        sampler(n_steps, n_paths, generator) draws N sequences of T steps.
    n_symbols, n_outputs : int
        Exactly one of them: how many symbols there are, or how many components a value has.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.

    Examples
    --------
    A die that repeats itself with probability 1/2 and else rolls anew:

    >>> import numpy as np
    >>> import entroprod as ep
    >>> def log_prob(sequences):
    ...     first = np.full((len(sequences), 1), -np.log(6))
    ...     same = sequences[:, 1:] == sequences[:, :-1]
    ...     return np.hstack([first, np.log(np.where(same, 7, 1) / 12)])
    >>> die = ep.FunctionMachine(log_prob, n_symbols=6)
    >>> ep.stochastic_entropy_production(die, [[0, 0, 3, 5], [1, 2, 2, 1]]).sigma
    array([0., 0.])
    """

    function: LogProb
    sampler: Callable[[int, int, np.random.Generator], ArrayLike] | None = None
    n_symbols: int | None = None
    n_outputs: int | None = None

    def __post_init__(self) -> None:
        for name in ("function", "sampler"):
            given = getattr(self, name)
            if not (callable(given) or (name == "sampler" and given is None)):
                raise TypeError(f"{name} must be callable, got {given!r}")
        if (self.n_symbols is None) == (self.n_outputs is None):
            raise ValueError("exactly one of n_symbols and n_outputs must be given")
        for name in ("n_symbols", "n_outputs"):
            if getattr(self, name) is not None:
                as_count(getattr(self, name), name)

    def log_prob(self, sequences: ArrayLike) -> AnyArray:
        """(N, T) nats per step, as the function gives them."""
        return read_array(self.function(np.asarray(sequences)), "what function returns")

    def sample(self, n_steps: int, n_paths: int = 1, *, rng: RandomSource = None) -> AnyArray:
        """Draw N sequences of T steps.

        Raises
        ------
        TypeError
            No sampler was given.
        """
        if self.sampler is None:
            raise TypeError("this FunctionMachine can't sample: it was made without a sampler")
        steps, paths = as_count(n_steps, "n_steps"), as_count(n_paths, "n_paths")
        return read_array(self.sampler(steps, paths, as_generator(rng)), "what sampler returns")


def as_machine(value: Any, name: str) -> Any:
    """A machine, from a machine or a function that gives log-probabilities."""
    if callable(getattr(value, "log_prob", None)):
        if isinstance(value, type):
            raise TypeError(f"{name} must be a machine, got the class {value.__name__}: make one")
        return value
    if callable(value) and not isinstance(value, type):
        return _Scorer(value)
    raise TypeError(
        f"{name} must have a method log_prob, or be a function of sequences that returns "
        f"log-probabilities; got {type(value).__name__}"
    )


@dataclass(frozen=True)
class _Scorer:
    """A bare function in the place of a machine."""

    log_prob: LogProb


def require_sampler(machine: Any, name: str) -> None:
    """Refuse a machine that can't draw sequences."""
    if not callable(getattr(machine, "sample", None)):
        raise TypeError(
            f"{name} must have a method sample(n_steps, n_paths, rng=...); "
            "FunctionMachine(function, sampler, ...) gives it one"
        )


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


def log_probs(machine: Any, blocks: Sequence[Block], name: str) -> list[FloatArray]:
    """Nats per step of every block, (n, T) each, checked; ``name`` is the machine's in errors.

    A machine that takes sequences of different lengths together gets all of them at once.
    """
    ragged = getattr(machine, "log_prob_ragged", None)
    if callable(ragged):
        return _log_probs_ragged(ragged, blocks, f"{name}.log_prob_ragged")
    results = []
    for block in blocks:
        rows = np.empty(block.paths.shape[:2])
        size = max(1, _BATCH // block.n_steps)
        for start in range(0, len(rows), size):
            batch = _own(block.paths[start : start + size])
            shape = batch.shape[:2]
            with _naming(_names([block], start)):
                given = machine.log_prob(batch)
            rows[start : start + size] = read_log_probs(given, shape, f"{name}.log_prob")
        results.append(require_probabilities(rows, block, name))
    return results


def _own(paths: AnyArray) -> AnyArray:
    """A copy for the machine, which may write into it; and in C order, as torch wants it."""
    return np.array(paths, order="C")


def _log_probs_ragged(
    function: Callable[[list[AnyArray]], Sequence[ArrayLike]], blocks: Sequence[Block], name: str
) -> list[FloatArray]:
    shapes = [block.paths.shape[1:2] for block in blocks for _ in block.paths]
    sequences = [path for block in blocks for path in _own(block.paths)]
    with _naming(_names(blocks)):
        given = list(function(sequences)) if sequences else []
    if len(given) != len(shapes):
        raise ValueError(
            f"{name} must return an array for each of {len(shapes)} sequences, got {len(given)}"
        )
    read = [read_log_probs(row, shape, name) for row, shape in zip(given, shapes)]
    results, start = [], 0
    for block in blocks:
        rows = read[start : start + len(block.paths)]
        values = np.array(rows, np.float64).reshape(block.paths.shape[:2])
        results.append(require_probabilities(values, block, name))
        start += len(block.paths)
    return results


def _names(blocks: Sequence[Block], start: int = 0) -> Iterator[str]:
    """What sequences are called in errors, block by block, from a row of the first on."""
    names = (block.name_of(row) for block in blocks for row in range(len(block.paths)))
    return itertools.islice(names, start, None)


@contextmanager
def _naming(names: Iterator[str]) -> Iterator[None]:
    """Let errors that a machine raises call the sequences as the user does.

    The machine names them by their places in what it was given: sorted by length, and reordered
    ones among them.
    """
    try:
        yield
    except (ValueError, TypeError, NumericalError) as error:
        known = [] if _PLACE.search(str(error)) is None else list(names)

        def rename(found: re.Match[str]) -> str:
            place = int(found[1])
            return known[place] if place < len(known) else found[0]

        text = _PLACE.sub(rename, str(error))
        if text == str(error) or type(error) not in (ValueError, TypeError, NumericalError):
            raise
        raise type(error)(text) from error


def read_log_probs(given: Any, shape: tuple[int, ...], name: str) -> AnyArray:
    """What a machine gave as nats per step: real numbers, in the shape that was asked for."""
    values = read_array(given, f"what {name} returns")
    if values.shape != shape:
        raise ValueError(f"{name} must return nats per step in shape {shape}, got {values.shape}")
    if values.dtype.kind not in "fiu":
        raise TypeError(f"{name} must return real numbers, got dtype {values.dtype}")
    return values


def require_probabilities(rows: FloatArray, block: Block, name: str) -> FloatArray:
    """Refuse NaN and positive infinity, and for symbols all that no logarithm of a probability is.

    Densities may exceed 1.
    """
    # NaN survives the maximum; -inf, a probability of 0, is fine.
    highest = _ABOVE_ZERO if block.paths.ndim == 2 else np.finfo(np.float64).max
    if rows.max() <= highest:
        return rows
    row, step = (int(i) for i in np.argwhere(~(rows <= highest))[0])
    value, name_of_row = rows[row, step], block.name_of(row)
    why = "; logarithms of probabilities aren't above 0" if np.isfinite(value) else ""
    raise NumericalError(
        f"{name} gives a log-probability of {value} at step {step + 1} of {name_of_row}{why}"
    )


def draw_paths(
    machine: Any, n_steps: int, n_paths: int, generator: np.random.Generator
) -> tuple[Block, FloatArray | None]:
    """Sampled paths, and their nats per step where the machine's sampling computes them."""
    together = getattr(machine, "sample_with_log_prob", None)
    known = None
    if callable(together):
        answer = together(n_steps, n_paths, rng=generator)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise TypeError(
                "machine.sample_with_log_prob must return a tuple of two, sequences and "
                f"their log_prob; got {type(answer).__name__}"
            )
        drawn, known = answer
    else:
        drawn = machine.sample(n_steps, n_paths, rng=generator)
    blocks = read_sequences(machine, drawn, "what machine.sample returns")
    got = blocks[0].paths.shape[:2]
    if len(blocks) != 1 or got != (n_paths, n_steps):
        raise ValueError(
            f"machine.sample must return {n_paths} paths of {n_steps} steps, got {got}"
        )
    block = blocks[0]._replace(label=" of a batch")
    if known is None:
        return block, None
    name = "machine.sample_with_log_prob"
    read = read_log_probs(known, got, name).astype(np.float64)
    return block, require_probabilities(read, block, name)


def provenance(machine: Any) -> dict[str, Any]:
    """What a machine tells of itself, for results to record."""
    told = getattr(machine, "provenance", None)
    return dict(told()) if callable(told) else {"machine": type(machine).__name__}
