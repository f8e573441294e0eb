"""Markov chains: machines whose memory is the last symbol."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import FloatArray, equal_arrays, hash_arrays
from entroprod.boundary.memory import require_memory
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.boundary.sequences import Reads, read_joined, read_paths
from entroprod.boundary.symbols import (
    SymbolArray,
    empty_sample,
    parts,
)
from entroprod.discrete.information import logarithm
from entroprod.discrete.probabilities import (
    as_initial,
    as_square,
    choose,
    cumulative,
    stationary_distribution,
)
from entroprod.results.registry import storable
from entroprod.results.stored import Remade


@storable
@dataclass(frozen=True, eq=False, repr=False)
class MarkovChain(Remade):
    """Markov chain of k symbols 0 .. k-1: the discrete machine that remembers its last symbol.

    Immutable; equal chains have equal probabilities.

    Parameters
    ----------
    transition : array_like, (k, k)
        Row i holds the probabilities of what follows symbol i. Rows sum to 1 within 1e-12 and are
        taken as they are.
    initial : "stationary" or array_like, (k,)
        Probabilities of the first symbol.

    Raises
    ------
    ValueError, TypeError
        Naming the argument that has a wrong shape, isn't finite, or holds no probabilities.
    NumericalError
        If ``initial`` is "stationary" and several distributions are, naming the closed classes.

    Notes
    -----
    Source: [S26]_ section on Markov chains; its entropy production is that of [C99]_. The reader of
    the reversed sequence has the same transition and the same initial distribution.

    Examples
    --------
    A cycle of three symbols that turns clockwise three times out of four:

    >>> import entroprod as ep
    >>> cycle = ep.MarkovChain([[0, 0.75, 0.25], [0.25, 0, 0.75], [0.75, 0.25, 0]])
    >>> cycle
    MarkovChain(n_symbols=3)
    >>> print(f"{ep.entropy_production_rate(cycle):.6f}")  # (2p - 1) ln(p / (1 - p))
    0.549306
    >>> cycle.sample(8, 2, rng=0)
    array([[1, 2, 0, 1, 2, 1, 2, 0],
           [1, 2, 1, 0, 2, 0, 1, 0]])
    """

    transition: FloatArray
    initial: FloatArray

    def __init__(
        self, transition: ArrayLike, initial: Literal["stationary"] | ArrayLike = "stationary"
    ) -> None:
        matrix = as_square(transition, "transition")
        object.__setattr__(self, "transition", matrix)
        object.__setattr__(self, "initial", as_initial(initial, matrix, "symbols"))

    @property
    def n_symbols(self) -> int:
        """Size k of the alphabet."""
        return len(self.transition)

    @cached_property
    def stationary_distribution(self) -> FloatArray:
        """pi with pi P = pi, (k,), read-only.

        Raises
        ------
        NumericalError
            If there is more than one, naming the closed classes.
        """
        return stationary_distribution(self.transition, "symbols")

    def log_prob(self, sequences: ArrayLike) -> FloatArray:
        """Log-probabilities ln p(y_t | y_{t-1}) of given sequences, step by step.

        Parameters
        ----------
        sequences : array_like of int, (N, T) or (T,)

        Returns
        -------
        ndarray, (N, T) or (T,)
            Nats; -inf for what can't happen.

        Raises
        ------
        ValueError, TypeError
            If there is no symbol, or one outside the alphabet, naming its sequence and position.
        MemoryError
            If the result doesn't fit.

        Examples
        --------
        >>> import entroprod as ep
        >>> ep.MarkovChain([[0.9, 0.1], [0.5, 0.5]]).log_prob([0, 0, 1]).round(6)
        array([-0.182322, -0.105361, -2.302585])
        """
        rows, single, _ = read_paths(Reads.of(self), sequences)
        require_memory(24 * rows.size, "sequences", f"log-probabilities of shape {rows.shape}")
        result = np.empty(rows.shape)
        result[:, 0] = self._log_initial[rows[:, 0]]
        result[:, 1:] = self._log_steps(rows[:, :-1], rows[:, 1:])
        return result[0] if single else result

    def log_prob_ragged(self, sequences: Sequence[ArrayLike]) -> list[FloatArray]:
        """Log-probabilities of sequences of many lengths at once.

        Parameters
        ----------
        sequences : list of array_like of int, (T_i,)

        Returns
        -------
        list of ndarray, (T_i,)
            As :meth:`log_prob` gives them one by one. Errors as there.
        """
        symbols, lengths = read_joined(Reads.of(self), sequences)
        require_memory(24 * symbols.size, "sequences", f"{symbols.size} log-probabilities")
        ends = np.cumsum(lengths)
        result = np.empty(symbols.size)
        result[1:] = self._log_steps(symbols[:-1], symbols[1:])
        first = ends - lengths
        result[first] = self._log_initial[symbols[first]]
        return np.split(result, ends[:-1])

    def sample(
        self, n_steps: int, n_paths: int = 1, *, rng: RandomSource = None
    ) -> NDArray[np.int64]:
        """Draw sequences.

        Parameters
        ----------
        n_steps, n_paths : int
            T and N, each at least 1.
        rng : Generator, int or None
            A seed gives path i the same symbols for any ``n_paths`` above i.

        Returns
        -------
        ndarray of int, (N, T)

        Raises
        ------
        ValueError, TypeError
            Naming the argument.
        MemoryError
            If (N, T) symbols don't fit.
        """
        result = empty_sample(n_steps, n_paths)
        generator = as_generator(rng)
        first, following = cumulative(self.initial), cumulative(self.transition)
        for part in parts(result, result.shape[1] + self.n_symbols):
            uniform = np.ascontiguousarray(generator.random(part.shape).T)
            symbol = choose(first, uniform[0])
            part[:, 0] = symbol
            for t in range(1, len(uniform)):
                symbol = choose(following[symbol], uniform[t])
                part[:, t] = symbol
        return result

    def memory(self, sequences: ArrayLike) -> FloatArray:
        """What the chain remembers after reading: its last symbol, as 1 among zeros.

        Parameters
        ----------
        sequences : array_like of int, (N, T) or (T,)
            T may be 0: then nothing has been read, and all entries are 0.

        Returns
        -------
        ndarray, (N, k) or (k,)
        """
        rows, single, _ = read_paths(Reads.of(self), sequences, empty=True)
        require_memory(8 * len(rows) * self.n_symbols, "sequences", f"{len(rows)} memories")
        result = np.zeros((len(rows), self.n_symbols))
        if rows.shape[1]:
            result[np.arange(len(rows)), rows[:, -1]] = 1.0
        return result[0] if single else result

    @cached_property
    def _log_initial(self) -> FloatArray:
        return logarithm(self.initial)

    @cached_property
    def _log_transition(self) -> FloatArray:
        return logarithm(self.transition)

    def _log_steps(self, before: SymbolArray, after: SymbolArray) -> FloatArray:
        pair = before.astype(np.int64)
        pair *= self.n_symbols
        pair += after.astype(np.int64, copy=False)
        return self._log_transition.ravel()[pair]

    def __repr__(self) -> str:
        return f"MarkovChain(n_symbols={self.n_symbols})"

    def _arrays(self) -> tuple[FloatArray, FloatArray]:
        return self.transition, self.initial

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, MarkovChain):
            return NotImplemented
        return equal_arrays(self._arrays(), other._arrays())

    def __hash__(self) -> int:
        return hash_arrays(self._arrays())
