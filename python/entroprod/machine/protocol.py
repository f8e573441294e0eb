"""The protocol of autoregressive machines, and how sequences are handed to them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike

from entroprod.boundary.arrays import (
    as_count,
    read_array,
)
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.boundary.sequences import AnyArray


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

    A machine of values that takes NaN for a missing observation says so with ``reads_missing =
    True``; for others NaN is refused.

    A machine whose parameters change in time says so with ``time_homogeneous = False``, and how
    many steps it has with ``n_steps``.
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
        return BareFunction(value)
    raise TypeError(
        f"{name} must have a method log_prob, or be a function of sequences that returns "
        f"log-probabilities; got {type(value).__name__}"
    )


@dataclass(frozen=True)
class BareFunction:
    """A bare function in the place of a machine."""

    log_prob: LogProb


def require_sampler(machine: Any, name: str) -> None:
    """Refuse a machine that can't draw sequences."""
    if not callable(getattr(machine, "sample", None)):
        raise TypeError(
            f"{name} must have a method sample(n_steps, n_paths, rng=...); "
            "FunctionMachine(function, sampler, ...) gives it one"
        )


def require_same_size(machine: Any, reader: Any, name: str) -> None:
    """Refuse a reader of other symbols, or of other values, than the machine makes."""
    for size, other in (("n_symbols", "n_outputs"), ("n_outputs", "n_symbols")):
        mine, its = getattr(machine, size, None), getattr(reader, size, None)
        if mine is None:
            continue
        if its is None and getattr(reader, other, None) is not None:
            raise ValueError(f"{name} must have {size} = {mine}, as machine has; got none")
        if its is not None and its != mine:
            raise ValueError(f"{name} must have {size} = {mine}, as machine has; got {its}")


def require_homogeneous(machine: Any, name: str) -> None:
    """Refuse a machine whose parameters change in time: its log_prob can't read another order."""
    if not getattr(machine, "time_homogeneous", True):
        raise TypeError(
            f"{name} is a {type(machine).__name__}, whose parameters change in time: its sequences "
            "are only read backwards as a whole, with TokenReversal() and without keep_per_step, "
            "by a machine that changes in time with it"
        )


def provenance(machine: Any) -> dict[str, Any]:
    """What a machine tells of itself, for results to record."""
    told = getattr(machine, "provenance", None)
    return dict(told()) if callable(told) else {"machine": type(machine).__name__}


def is_discrete(value: Any) -> bool:
    """Whether a value is a machine of symbols."""
    return (
        not isinstance(value, type)
        and getattr(value, "n_symbols", None) is not None
        and callable(getattr(value, "log_prob", None))
    )


def require_discrete(value: Any, name: str) -> None:
    """Refuse what isn't a machine of symbols."""
    if not is_discrete(value):
        msg = (
            f"{name} must be a discrete machine, with n_symbols and log_prob, got "
            f"{type(value).__name__}"
        )
        raise TypeError(msg)
