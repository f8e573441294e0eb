"""The forward filter of hidden Markov models: many paths step by step, a long one in pieces."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray

# Beliefs of so many numbers, and the products with them, stay in a cache of the second level.
_NUMBERS_OF_BELIEFS = 2**15
# A path is cut into pieces where there are at least so many of at least so many steps: the work
# grows by the number of states, and what it saves is the time that a call of NumPy takes anyway.
_FEWEST_PIECES, _SHORTEST_PIECE = 16, 64
# Probabilities that are kept of the pieces of one path at a time.
_NUMBERS_OF_PIECES = 2**20


class Read(NamedTuple):
    """Probability of each symbol given those before, (T, N), and the belief after the last, (n, N).

    Once a path is impossible its belief is 0 everywhere, and so are its probabilities.
    """

    probabilities: FloatArray
    belief: FloatArray


class ForwardFilter:
    """Belief about the hidden state that emits next, carried along symbols.

    ``transition`` is (n, n), ``emission`` (n, k), ``initial`` (n,), the belief before anything has
    been read.
    """

    def __init__(self, transition: FloatArray, emission: FloatArray, initial: FloatArray) -> None:
        self._carried = np.ascontiguousarray(transition.T)
        self._emission = emission
        self._initial = initial

    @property
    def paths_at_once(self) -> int:
        """How many paths fit a cache."""
        return max(1, _NUMBERS_OF_BELIEFS // len(self._initial))

    def reads_in_pieces(self, n_steps: int, n_paths: int) -> bool:
        """Whether so few and so long paths are cut into pieces."""
        return self._n_pieces(n_steps) >= _FEWEST_PIECES * n_paths

    def read(self, steps: NDArray[np.int64]) -> Read:
        """Read paths of one length; ``steps`` holds their symbols, (T, N)."""
        n_steps, n_paths = steps.shape
        if self.reads_in_pieces(n_steps, n_paths):
            paths = [self._read_long(path) for path in steps.T]
            return Read(*(np.concatenate(parts, axis=1) for parts in zip(*paths)))
        return self._read(steps, np.full(n_steps, n_paths), self._starts(n_paths))

    def read_ragged(self, steps: NDArray[np.int64], active: NDArray[np.int64]) -> FloatArray:
        """Probabilities, (T, N), of paths of which the first ``active[t]`` have a step t."""
        return self._read(steps, active, self._starts(steps.shape[1])).probabilities

    def _starts(self, n_paths: int) -> FloatArray:
        return np.repeat(self._initial[:, np.newaxis], n_paths, axis=1)

    def _read(
        self, steps: NDArray[np.int64], active: NDArray[np.int64], belief: FloatArray
    ) -> Read:
        probabilities = np.zeros(steps.shape)
        for t, going_on in enumerate(active.tolist()):
            if going_on < belief.shape[1]:
                belief = belief[:, :going_on]
            belief = belief * self._emission.take(steps[t, :going_on], axis=1)
            total = belief.sum(axis=0)
            probabilities[t, :going_on] = total
            if not total.all():
                total[total == 0.0] = 1.0
            belief /= total
            belief = self._carried @ belief
        return Read(probabilities, belief)

    def _n_pieces(self, n_steps: int) -> int:
        return min(_NUMBERS_OF_BELIEFS // len(self._initial) ** 2, n_steps // _SHORTEST_PIECE)

    def _read_long(self, path: NDArray[np.int64]) -> Read:
        """Stretch by stretch, so that the working memory stays small."""
        length = _NUMBERS_OF_PIECES // len(self._initial)
        parts, belief = [], self._starts(1)
        for start in range(0, len(path), length):
            part, belief = self._read_in_pieces(path[start : start + length], belief)
            parts.append(part)
        return Read(np.concatenate(parts), belief)

    def _read_in_pieces(self, path: NDArray[np.int64], belief: FloatArray) -> Read:
        """All pieces of a path at once, from every hidden state; then from the right beliefs.

        Where a piece leads from a belief is what it leads to from each state, weighted with how
        likely the state makes the piece. No weight is negative, so no digit is lost.
        """
        n, n_pieces = len(self._initial), max(1, self._n_pieces(len(path)))
        length = len(path) // n_pieces
        pieces = np.ascontiguousarray(path[: n_pieces * length].reshape(n_pieces, length).T)
        from_states = self._read(
            np.repeat(pieces, n, axis=1),
            np.full(length, n_pieces * n),
            np.tile(np.eye(n), n_pieces),
        )
        with np.errstate(divide="ignore"):
            logs = np.log(from_states.probabilities).sum(axis=0).reshape(n_pieces, n)
        arrived = from_states.belief.reshape(n, n_pieces, n)
        starts = np.zeros((n, n_pieces))
        starts[:, :1] = belief
        for piece in range(n_pieces - 1):
            weights = self._weights(starts[:, piece], logs[piece])
            starts[:, piece + 1] = arrived[:, piece] @ weights
        read = self._read(pieces, np.full(length, n_pieces), starts)
        rest = path[n_pieces * length :, np.newaxis]
        end = self._read(rest, np.ones(len(rest), dtype=np.int64), read.belief[:, -1:])
        whole = np.concatenate([read.probabilities.T.reshape(-1, 1), end.probabilities])
        return Read(whole, end.belief)

    @staticmethod
    def _weights(belief: FloatArray, logs: FloatArray) -> FloatArray:
        """Probabilities of the states at the start of a piece, given the piece; 0 if impossible."""
        with np.errstate(divide="ignore"):
            logs = np.log(belief) + logs
        highest = logs.max()
        if highest == -np.inf:
            return np.zeros_like(belief)
        weights = np.exp(logs - highest)
        return np.asarray(weights / weights.sum())
