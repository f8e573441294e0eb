"""The protocol of autoregressive machines, and how sequences are handed to them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

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

# Sequences of one length that a machine is given at once, unless it takes all lengths together.
_BATCH = 512


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
        return np.asarray(self.function(np.asarray(sequences)))

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
        return np.asarray(self.sampler(steps, paths, as_generator(rng)))


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


def read_sequences(machine: Any, sequences: Any, name: str = "sequences") -> list[AnyArray]:
    """Validated sequences one by one: (T,) int64 symbols, or (T, m) float64 values.

    Raises
    ------
    ValueError, TypeError
        Naming the sequence and the position.
    """
    n_symbols = getattr(machine, "n_symbols", None)
    n_outputs = getattr(machine, "n_outputs", None)
    depth, leaf = _look_inside(sequences)
    discrete = n_symbols is not None
    if n_symbols is None and n_outputs is None:
        discrete = np.asarray(leaf).dtype.kind in "iu"

    def read(one: Any, where: str) -> AnyArray:
        array = read_array(one, where)
        return (
            _as_symbols(array, where, n_symbols)
            if discrete
            else _as_values(array, where, n_outputs)
        )

    alone = 1 if discrete else 2
    if depth == alone:
        return [read(sequences, name)]
    if depth != alone + 1:
        wanted = "(N, T) or (T,)" if discrete else "(N, T, m) or (T, m)"
        raise ValueError(f"{name} must have shape {wanted}, got {depth} dimension(s)")
    if len(sequences) == 0:
        raise ValueError(f"{name} must not be empty")
    return [read(one, f"{name}[{i}]") for i, one in enumerate(sequences)]


def _look_inside(value: Any) -> tuple[int, Any]:
    """Number of dimensions of an array or of nested lists, and the first number in it."""
    depth = 0
    while isinstance(value, (list, tuple)):
        depth += 1
        if not value:
            return depth, 0
        value = value[0]
    array = value if isinstance(value, np.ndarray) else read_array(value, "sequences")
    first = array.reshape(-1)[0] if array.size else array.dtype.type(0)
    return depth + array.ndim, first


def _as_symbols(array: AnyArray, name: str, n_symbols: int | None) -> AnyArray:
    if array.size == 0:
        raise ValueError(f"{name} must not be empty")
    if array.dtype.kind not in "iu":
        raise TypeError(f"{name} must hold symbols, which are integers; got dtype {array.dtype}")
    if array.ndim != 1:
        raise ValueError(f"{name} must have shape (T,), got {array.shape}")
    wrong = array < 0 if n_symbols is None else (array < 0) | (array >= n_symbols)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        most = "" if n_symbols is None else f" and below n_symbols = {n_symbols}"
        raise ValueError(f"{name} must hold symbols from 0{most}; got {array[at]} at step {at + 1}")
    return array.astype(np.int64)


def _as_values(array: AnyArray, name: str, n_outputs: int | None) -> AnyArray:
    values = as_float_array(array, name, 2, missing=True)
    if n_outputs is not None and values.shape[1] != n_outputs:
        raise ValueError(f"{name} must have shape (T, {n_outputs}), got {values.shape}")
    return values


def log_probs(
    machine: Any, sequences: Sequence[AnyArray], labels: Sequence[str], name: str
) -> list[FloatArray]:
    """Nats per step of sequences of any lengths, checked: (T_i,) each.

    ``labels`` name the sequences, and ``name`` the machine, in errors.
    """
    ragged = getattr(machine, "log_prob_ragged", None)
    if callable(ragged):
        given = list(ragged(list(sequences)))
        if len(given) != len(sequences):
            raise ValueError(
                f"{name}.log_prob_ragged must return an array for each of {len(sequences)} "
                f"sequences, got {len(given)}"
            )
        for row, sequence in zip(given, sequences):
            _require_shape(np.asarray(row), (len(sequence),), f"{name}.log_prob_ragged")
        return [_checked(np.asarray(row), name, label) for row, label in zip(given, labels)]
    result: list[FloatArray] = [np.empty(0)] * len(sequences)
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for i, sequence in enumerate(sequences):
        by_shape.setdefault(sequence.shape, []).append(i)
    for shape, members in by_shape.items():
        for start in range(0, len(members), _BATCH):
            batch = members[start : start + _BATCH]
            rows = np.asarray(machine.log_prob(np.stack([sequences[i] for i in batch])))
            _require_shape(rows, (len(batch), shape[0]), f"{name}.log_prob")
            for i, row in zip(batch, rows):
                result[i] = _checked(row, name, labels[i])
    return result


def _require_shape(values: AnyArray, shape: tuple[int, ...], name: str) -> None:
    if values.shape != shape:
        raise ValueError(f"{name} must return nats per step in shape {shape}, got {values.shape}")
    if values.dtype.kind not in "fiu":
        raise TypeError(f"{name} must return real numbers, got dtype {values.dtype}")


def _checked(row: AnyArray, name: str, label: str) -> FloatArray:
    values = row.astype(np.float64)
    wrong = np.isnan(values) | np.isposinf(values)
    if wrong.any():
        at = int(np.flatnonzero(wrong)[0])
        raise NumericalError(
            f"{name} gives a log-probability of {values[at]} at step {at + 1} of {label}"
        )
    return values


def provenance(machine: Any) -> dict[str, Any]:
    """What a machine tells of itself, for results to record."""
    told = getattr(machine, "provenance", None)
    return dict(told()) if callable(told) else {"machine": type(machine).__name__}
