"""Where entropy is produced, from the probabilities of all sequences, by definition."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray, as_float_array, as_read_only
from entroprod.boundary.memory import require_memory
from entroprod.discrete.information import logarithm, mean_log, relative_entropy_terms
from entroprod.discrete.prefixes import Prefixes, digits, reversed_order
from entroprod.discrete.probabilities import BoolArray
from entroprod.results.production import Decomposition
from entroprod.results.registry import storable
from entroprod.results.stored import Stored
from entroprod.results.unsaved import kind_of, machine_or_kind

# Memories whose components differ by less, relative to the largest of each component, are one:
# far above the rounding of a filter in doubles, far below what one symbol changes.
MEMORY_TOLERANCE = 1e-9
# Memories are asked for so many symbols at a time.
_SYMBOLS_AT_ONCE = 2**20


class _Step(NamedTuple):
    """Step t: joint law of (y_t, what comes after), and the reader's prediction of y_t.

    What comes after, u = (y_{t+1} .. y_T), is in lexicographic order.
    """

    t: int
    joint: FloatArray  # (k, k^(T-t))
    possible: BoolArray  # (k, k^(T-t)), also where the joint law is too small for doubles
    after: FloatArray  # (k^(T-t),)
    prediction: FloatArray  # (k, k^(T-t)), logarithms


@storable
@dataclass(frozen=True, eq=False)
class EnumeratedSteps(Stored):
    """The values of the steps of an enumerated machine, for the result that asks for them."""

    forward: Prefixes
    backward: Prefixes
    reader: Any
    memory_tolerance: float

    def per_step(self) -> FloatArray:
        """Mean of ln p(y_t | y_1 .. y_{t-1}) minus what the reader gives it, (T,), nats."""
        values = np.empty(self.forward.n_steps)
        for step in self._steps():
            totals, steps = self.forward.totals[step.t], self.forward.steps[step.t - 1]
            ahead = mean_log(np.exp(totals), steps)
            read = mean_log(step.joint, step.prediction, step.possible)
            values[step.t - 1] = ahead - read
        return as_read_only(values)

    def decomposition(self) -> Decomposition:
        """D; with a method ``memory`` of the reader also L, M and the number of memories."""
        n_steps = self.forward.n_steps
        retrospective, loss, mismatch = np.empty((3, n_steps))
        count = np.empty(n_steps, dtype=np.int64)
        remembers = callable(getattr(self.reader, "memory", None))
        for step in self._steps():
            at = step.t - 1
            retrospective[at] = _relative_entropy(
                step.joint, logarithm(step.after) + step.prediction, step.possible
            )
            if remembers:
                labels, count[at] = self._memories(step)
                loss[at], mismatch[at] = _split(step, labels)
        parts = [as_read_only(values) for values in (retrospective, loss, mismatch)]
        count.flags.writeable = False
        rank = "the memory of a discrete machine is told by its values; see n_memories"
        if remembers:
            missing = {"memory_rank": rank}
            return Decomposition(parts[0], parts[1], parts[2], n_memories=count, missing=missing)
        why = (
            f"{kind_of(self.reader)} has no method memory(sequences), so nothing tells which "
            "pasts it takes for the same; retrospective and total need none"
        )
        names = ("compression_loss", "model_mismatch", "memory_rank", "n_memories")
        return Decomposition(parts[0], None, None, missing=dict.fromkeys(names, why))

    def _stored_parts(self) -> dict[str, Any]:
        return super()._stored_parts() | {"reader": machine_or_kind(self.reader)}

    def _steps(self) -> Iterator[_Step]:
        k, n_steps = self.forward.n_symbols, self.forward.n_steps
        joint = np.exp(self.forward.totals[-1])
        possible = self.forward.totals[-1] > -np.inf
        for t in range(1, n_steps + 1):
            length = n_steps - t + 1
            joint, possible = joint.reshape(k, -1), possible.reshape(k, -1)
            # The reader's order is y_T .. y_t.
            read = reversed_order(self.backward.steps[length - 1], k, length)
            after = joint.sum(axis=0)
            yield _Step(t, joint, possible, after, read.reshape(k, -1))
            joint, possible = after, np.asarray(possible.any(axis=0))

    def _memories(self, step: _Step) -> tuple[NDArray[np.int64], int]:
        """Label of the reader's memory of each u, (k^(T-t),), and how many there are.

        What can't happen, or the reader finds impossible, leaves no memory: a label of its own.
        """
        k, length = self.forward.n_symbols, self.forward.n_steps - step.t
        read = reversed_order(self.backward.totals[length], k, length)
        known = np.flatnonzero((step.after > 0.0) & (read > -np.inf))
        labels = np.arange(len(step.after))
        if not known.size:
            return labels, 0
        sequences = digits(known, k, length)[:, ::-1]
        rows = max(1, _SYMBOLS_AT_ONCE // max(1, length))
        name = f"what {type(self.reader).__name__}.memory returns"
        memories = []
        for part in np.split(sequences, range(rows, len(sequences), rows)):
            given = self.reader.memory(np.ascontiguousarray(part))
            memory = as_float_array(given, name, 2)
            if len(memory) != len(part):
                msg = f"{name} must have shape (N, d) for {len(part)} sequences, got {memory.shape}"
                raise ValueError(msg)
            memories.append(memory)
        require_memory(32 * sum(part.size for part in memories), "n_steps", "all memories")
        memory = np.concatenate(memories)
        groups = _groups(memory, self.memory_tolerance)
        labels[known] = known[np.unique(groups, return_index=True)[1]][groups]
        return labels, int(groups.max()) + 1


def _split(step: _Step, labels: NDArray[np.int64]) -> tuple[float, float]:
    """L_t and M_t: relative entropies to the law of y_t given the memory, and from it."""
    k, size = step.joint.shape
    by_memory = np.array([np.bincount(labels, row, minlength=size) for row in step.joint])
    possible = np.zeros((k, size), dtype=bool)
    # The reader predicts the same from equal memories: a mean over what led to them.
    highest, model = np.full((k, size), -np.inf), np.zeros((k, size))
    for y in range(k):
        possible[y, labels[step.possible[y]]] = True
        np.maximum.at(highest[y], labels, step.prediction[y])
        offset = np.where(highest[y] > -np.inf, highest[y], 0.0)
        share = step.after * np.exp(step.prediction[y] - offset[labels])
        gathered = np.bincount(labels, share, minlength=size).astype(np.float64)
        model[y] = offset + logarithm(gathered)
    weight = by_memory.sum(axis=0)
    given_memory = logarithm(by_memory) - np.where(weight > 0.0, logarithm(weight), 0.0)
    loss = _relative_entropy(
        step.joint, logarithm(step.after) + given_memory[:, labels], step.joint > 0.0
    )
    return loss, _relative_entropy(by_memory, model, possible)


def _relative_entropy(p: FloatArray, log_q: FloatArray, possible: BoolArray) -> float:
    return float(relative_entropy_terms(p, np.exp(log_q), log_q=log_q, possible=possible).sum())


def _groups(memory: FloatArray, tolerance: float) -> NDArray[np.int64]:
    """Labels 0, 1, .. of rows, (N,): rows are apart where some component is.

    Component by component, sorted: neighbours within the tolerance stay together.
    """
    labels = np.zeros(len(memory), dtype=np.int64)
    for values in memory.T:
        order = np.lexsort((values, labels))
        apart = np.diff(values[order]) > tolerance * np.abs(values).max()
        apart |= np.diff(labels[order]) != 0
        labels[order] = np.concatenate([[0], np.cumsum(apart)])
    return labels
