"""Hidden Markov models: machines whose memory is the belief about a hidden state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import FloatArray, equal_arrays, hash_arrays
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.boundary.sequences import Reads, read_joined, read_paths
from entroprod.boundary.symbols import (
    SymbolArray,
    empty_sample,
    parts,
)
from entroprod.discrete.forward_filter import ForwardFilter
from entroprod.discrete.probabilities import (
    as_initial,
    as_square,
    as_stochastic_matrix,
    choose,
    cumulative,
    stationary_distribution,
)
from entroprod.results.registry import storable
from entroprod.results.stored import Remade


@storable
@dataclass(frozen=True, eq=False, repr=False)
class HiddenMarkov(Remade):
    """Hidden Markov model of n hidden states and k symbols, as an autoregressive machine.

    A hidden state z_t emits the symbol y_t, then moves on. The machine's memory is the **belief**:
    the distribution of the hidden state that emits next, given all symbols read. It is a
    deterministic function of the past, and equals ``initial`` before the first symbol.

    Immutable; equal models have equal probabilities.

    Parameters
    ----------
    transition : array_like, (n, n)
        Row i holds the probabilities of the hidden state that follows i. Rows sum to 1 within
        1e-12 and are taken as they are.
    emission : array_like, (n, k)
        Row i holds the probabilities of the symbols that hidden state i emits.
    initial : "stationary" or array_like, (n,)
        Probabilities of the hidden state that emits the first symbol.

    Raises
    ------
    ValueError, TypeError
        Naming the argument that has a wrong shape, isn't finite, or holds no probabilities.
    NumericalError
        If ``initial`` is "stationary" and several distributions are, naming the closed classes.

    Notes
    -----
    Source: [S26]_ eqs 1-13, with the forward filter of [R89]_ as the recursive memory. The backward
    memory g_{t+1} is what the same filter, started at ``initial``, holds after y_T .. y_{t+1}.

    Examples
    --------
    >>> import entroprod as ep
    >>> model = ep.HiddenMarkov([[0.9, 0.1], [0.3, 0.7]], [[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]])
    >>> model
    HiddenMarkov(n_states=2, n_symbols=3)
    >>> model.log_prob([0, 0, 2]).round(6)
    array([-0.430783, -0.339245, -1.818241])
    >>> model.memory([0, 0, 2]).round(6)
    array([0.623593, 0.376407])
    """

    transition: FloatArray
    emission: FloatArray
    initial: FloatArray

    def __init__(
        self,
        transition: ArrayLike,
        emission: ArrayLike,
        initial: Literal["stationary"] | ArrayLike = "stationary",
    ) -> None:
        matrix = as_square(transition, "transition")
        object.__setattr__(self, "transition", matrix)
        shown = as_stochastic_matrix(emission, "emission", (len(matrix), None))
        object.__setattr__(self, "emission", shown)
        object.__setattr__(self, "initial", as_initial(initial, matrix, "hidden states"))

    @property
    def n_states(self) -> int:
        """Number n of hidden states."""
        return len(self.transition)

    @property
    def n_symbols(self) -> int:
        """Size k of the alphabet."""
        return int(self.emission.shape[1])

    @cached_property
    def stationary_distribution(self) -> FloatArray:
        """pi with pi P = pi, of the hidden states, (n,), read-only.

        Raises
        ------
        NumericalError
            If there is more than one, naming the closed classes.
        """
        return stationary_distribution(self.transition, "hidden states")

    def log_prob(self, sequences: ArrayLike) -> FloatArray:
        """Log-probabilities ln p(y_t | y_1 .. y_{t-1}) of given sequences, step by step.

        Parameters
        ----------
        sequences : array_like of int, (N, T) or (T,)

        Returns
        -------
        ndarray, (N, T) or (T,)
            Nats; -inf for what can't happen, and for all that follows it.

        Raises
        ------
        ValueError, TypeError
            If there is no symbol, or one outside the alphabet, naming its sequence and position.
        MemoryError
            If the result doesn't fit.

        Notes
        -----
        O(T n^2) for each path, all paths together step by step; few long paths are cut into pieces
        that are read together. The belief is normalised at every step, so that nothing underflows,
        however long the sequence.
        """
        rows, single, _ = read_paths(Reads.of(self), sequences)
        # The result, and for a block of paths symbols, probabilities and a copy of these.
        block_size = min(rows.size, rows.shape[1] * self._filter.paths_at_once)
        need = 8 * rows.size + 24 * block_size
        require_memory(need, "sequences", f"log-probabilities of shape {rows.shape}")
        result = np.empty(rows.shape)
        for block in self._blocks(len(rows)):
            result[block] = self._filter.read(_by_steps(rows[block])).probabilities.T
        logarithms = _in_place_logarithm(result)
        return logarithms[0] if single else logarithms

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
        require_memory(8 * symbols.size, "sequences", f"{symbols.size} log-probabilities")
        starts = np.cumsum(lengths) - lengths
        result = np.empty(symbols.size)
        for paths in self._similar(lengths):
            longest = int(lengths[paths[0]])
            if self._filter.reads_in_pieces(longest, len(paths)):
                for start, length in zip(starts[paths], lengths[paths]):
                    path = symbols[start : start + length].astype(np.int64, copy=False)
                    read = self._filter.read(path[:, np.newaxis]).probabilities
                    result[start : start + length] = read[:, 0]
                continue
            # A mask, places, symbols, probabilities, and copies of the last three.
            require_memory(49 * longest * len(paths), "sequences", f"{len(paths)} paths at once")
            inside = np.arange(longest)[:, np.newaxis] < lengths[paths]
            where = np.arange(longest)[:, np.newaxis] + starts[paths]
            steps = np.zeros(inside.shape, dtype=np.int64)
            steps[inside] = symbols[where[inside]]
            together = self._filter.read_ragged(steps, inside.sum(axis=1))
            result[where[inside]] = together[inside]
        return np.split(_in_place_logarithm(result), starts[1:])

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
        shown = cumulative(self.emission)
        for part in parts(result, 2 * result.shape[1] + self.n_states + self.n_symbols):
            uniform = np.ascontiguousarray(generator.random((*part.shape, 2)).transpose(1, 2, 0))
            state = choose(first, uniform[0, 0])
            part[:, 0] = choose(shown[state], uniform[0, 1])
            for t in range(1, len(uniform)):
                state = choose(following[state], uniform[t, 0])
                part[:, t] = choose(shown[state], uniform[t, 1])
        return result

    def memory(self, sequences: ArrayLike) -> FloatArray:
        """Belief about the hidden state that emits next, after reading.

        Parameters
        ----------
        sequences : array_like of int, (N, T) or (T,)
            T may be 0: then nothing has been read, and the belief is ``initial``.

        Returns
        -------
        ndarray, (N, n) or (n,)

        Raises
        ------
        NumericalError
            If a sequence can't happen, and there is nothing to believe, naming it.
        ValueError, TypeError, MemoryError
            As for :meth:`log_prob`.
        """
        rows, single, _ = read_paths(Reads.of(self), sequences, empty=True)
        require_memory(8 * len(rows) * self.n_states, "sequences", f"{len(rows)} beliefs")
        result = np.empty((len(rows), self.n_states))
        for block in self._blocks(len(rows)):
            steps = _by_steps(rows[block])
            probabilities, belief = self._filter.read(steps)
            impossible = (probabilities == 0.0).any(axis=0)
            if impossible.any():
                path = int(np.flatnonzero(impossible)[0])
                position = int(np.flatnonzero(probabilities[:, path] == 0.0)[0])
                msg = (
                    f"sequences[{block.start + path}] can't happen: symbol "
                    f"{steps[position, path]} has probability 0 at step {position + 1}, and no "
                    "belief follows it"
                )
                raise NumericalError(msg)
            result[block] = belief.T
        return result[0] if single else result

    def _similar(self, lengths: NDArray[np.int64]) -> Iterator[NDArray[np.int64]]:
        """Paths, the longest first, none of which is less than half as long as the first."""
        order = np.argsort(-lengths, kind="stable")
        start = 0
        while start < len(order):
            n_similar = np.count_nonzero(2 * lengths[order[start:]] >= lengths[order[start]])
            stop = start + min(int(n_similar), self._filter.paths_at_once)
            yield order[start:stop]
            start = stop

    def _blocks(self, n_paths: int) -> list[slice]:
        size = self._filter.paths_at_once
        return [slice(start, start + size) for start in range(0, n_paths, size)]

    @cached_property
    def _filter(self) -> ForwardFilter:
        return ForwardFilter(*self._arrays())

    def __repr__(self) -> str:
        return f"HiddenMarkov(n_states={self.n_states}, n_symbols={self.n_symbols})"

    def _arrays(self) -> tuple[FloatArray, FloatArray, FloatArray]:
        return self.transition, self.emission, self.initial

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, HiddenMarkov):
            return NotImplemented
        return equal_arrays(self._arrays(), other._arrays())

    def __hash__(self) -> int:
        return hash_arrays(self._arrays())


def _by_steps(rows: SymbolArray) -> NDArray[np.int64]:
    return np.ascontiguousarray(rows.T.astype(np.int64, copy=False))


def _in_place_logarithm(probabilities: FloatArray) -> FloatArray:
    with np.errstate(divide="ignore"):
        return np.log(probabilities, out=probabilities)
