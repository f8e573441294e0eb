"""Entropy production of Markov chains, and of pairs of them, in closed form."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray, as_read_only
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.discrete.information import logarithm, mean_log, relative_entropy_terms
from entroprod.discrete.markov_chain import MarkovChain
from entroprod.discrete.probabilities import BoolArray, closed_classes
from entroprod.results.production import Decomposition
from entroprod.results.registry import storable
from entroprod.results.stored import Stored

_EPSILON = float(np.finfo(np.float64).eps)
# Rounding of sums over k symbols, doubled: of the terms, and of the probabilities in them.
_ROUNDING_PER_SYMBOL = 2.0
# A distribution whose entries differ by less from the stationary one, in units of rounding per
# symbol, has arrived there.
_ARRIVED = 8.0
# Joint probabilities, (steps, k, k), that are handled at once.
_NUMBERS_AT_ONCE = 2**17
_MISSING = {"memory_rank": "the memory of a Markov chain is a symbol, not a vector; see n_memories"}


class _Settled(NamedTuple):
    """The stationary distribution, the rate in it, nats per step, and the rate's rounding error."""

    distribution: FloatArray
    rate: float
    error: float


@dataclass(frozen=True, eq=False)
class ChainProduction:
    """Entropy production of a chain, by one that reads its sequences backwards."""

    forward: MarkovChain
    backward: MarkovChain

    @property
    def n_symbols(self) -> int:
        """Size k of the common alphabet."""
        return self.forward.n_symbols

    # ------------------------------------------------------------------ rate and totals

    @cached_property
    def settled(self) -> _Settled:
        """Of the stationary process; a NumericalError where it isn't unique."""
        distribution = self.forward.stationary_distribution
        ahead = distribution[:, np.newaxis] * self.forward.transition
        behind = distribution[:, np.newaxis] * self.backward.transition
        # Asked of what can happen, not of probabilities, which may underflow.
        if self._one_way[closed_classes(self.forward.transition)[0]].any():
            return _Settled(distribution, math.inf, 0.0)
        logs = logarithm(distribution) + self._backward_logs
        terms = relative_entropy_terms(ahead, behind.T, log_q=logs)
        rate = float(np.sum(terms))
        # A ratio is known to rounding, its relative entropy to that times its distance from 1.
        error = rate + float(np.sum(np.abs(ahead - behind.T)))
        return _Settled(distribution, rate, self._rounding(error))

    def total(self, n_steps: int) -> tuple[float, float]:
        """S_y and its rounding error, nats.

        S_y = (T - 1) rate + sum_t (p_t - pi) . c + p_1 . ln p_1 - p_T . ln b_1, with the laws p_t
        of y_t, the mean log-ratios c_i = sum_j P_ij ln(P_ij / B_ji), and the reader's first
        distribution b_1.
        """
        if self._reaches_one_way(n_steps):
            return math.inf, 0.0
        reference, first = self._reference(), self.forward.initial
        if reference is not None and all(
            np.array_equal(one, reference.distribution) for one in (first, self.backward.initial)
        ):
            return (n_steps - 1) * reference.rate, (n_steps - 1) * reference.error
        base = np.zeros_like(first) if reference is None else reference.distribution
        visits, rest = _visits(first - base, self.forward.transition, n_steps - 1, base)
        # What is never visited has no weight, however infinite its ratio.
        finite = np.where(np.isfinite(self._log_ratios), self._log_ratios, 0.0)
        weighted = self.forward.transition * finite
        start = mean_log(first, logarithm(first))
        end = mean_log(base + rest, np.where(self._read_first, self.backward._log_initial, 0.0))
        total = float(visits @ weighted.sum(axis=1)) + start - end
        error = float(np.abs(visits) @ np.abs(weighted).sum(axis=1)) - start + abs(end)
        error = self._rounding(error)
        if reference is not None:
            total += (n_steps - 1) * reference.rate
            error += (n_steps - 1) * reference.error
        return max(total, 0.0), error

    def curve(self, n_steps: int) -> FloatArray:
        """S_y(1) .. S_y(n_steps), (n_steps,), nats."""
        require_memory(24 * n_steps, "n_steps", f"a curve of {n_steps} values")
        # Only what differs from the rate is summed up, so that rounding doesn't pile up.
        reference = self._reference()
        rate = 0.0 if reference is None else reference.rate
        rising = np.arange(n_steps) * rate
        rising[1:] += np.cumsum(self._by_steps(n_steps)[:-1] - rate)
        ends = np.empty(n_steps)
        for start, laws, support, fixed in self._laws(n_steps):
            stop = n_steps if fixed else start + len(laws)
            ends[start:stop] = self._last(laws, support)
        return np.maximum(rising + ends, 0.0)

    # ------------------------------------------------------------------ values of single steps

    def per_step(self, n_steps: int) -> FloatArray:
        """Mean of ln p(y_t | y_{t-1}) - ln b(y_t | y_{t+1}), (T,), nats."""
        require_memory(32 * n_steps, "n_steps", f"per_step of {n_steps} steps")
        ahead, behind = np.empty(n_steps + 1), np.empty(n_steps)
        forward = self.forward.transition
        own = np.array([mean_log(row, logarithm(row)) for row in forward])
        read = np.array([mean_log(row, logs) for row, logs in zip(forward, self._backward_logs)])
        first = self.forward.initial
        ahead[0] = mean_log(first, logarithm(first))
        for start, laws, support, fixed in self._laws(n_steps):
            stop = n_steps if fixed else start + len(laws)
            ahead[start + 1 : stop + 1] = _mean(laws, support, own)
            behind[start:stop] = _mean(laws, support, read)
            if stop == n_steps:
                behind[-1] = _mean(laws[-1:], support[-1:], self.backward._log_initial)[0]
        return ahead[:n_steps] - behind

    def retrospective(self, n_steps: int) -> FloatArray:
        """D_t, (T,), nats."""
        require_memory(24 * n_steps, "n_steps", f"a decomposition of {n_steps} steps")
        values = self._by_steps(n_steps)
        for start, laws, support, fixed in self._laws(n_steps):
            if fixed or start + len(laws) == n_steps:
                values[-1] = self._last(laws[-1:], support[-1:])[0]
        return values

    def _by_steps(self, n_steps: int) -> FloatArray:
        """D_t of the steps that another follows; the last entry is not one of them.

        KL between the joint laws of (y_t, y_{t+1}) and of (y_{t+1}, then y_t as the reader has it).
        """
        values = np.empty(n_steps)
        forward, backward = self.forward.transition, self.backward.transition
        for start, laws, support, fixed in self._laws(n_steps):
            joint = laws[:, :, np.newaxis] * forward
            after = joint.sum(axis=1)[:, np.newaxis, :]
            logs = logarithm(after) + self._backward_logs
            terms = relative_entropy_terms(joint, after * backward.T, log_q=logs).sum(axis=(1, 2))
            terms[support @ self._one_way] = np.inf
            stop = n_steps if fixed else start + len(laws)
            values[start:stop] = terms
        return values

    def _last(self, laws: FloatArray, support: BoolArray) -> FloatArray:
        """D_T = KL(p_T || b_1) for each law of the last symbol, (steps,), nats."""
        terms: FloatArray = relative_entropy_terms(laws, self.backward.initial).sum(axis=1)
        terms[support @ ~self._read_first] = np.inf
        return terms

    def _laws(self, n_steps: int) -> Iterator[tuple[int, FloatArray, BoolArray, bool]]:
        """First index, laws of y_t, (steps, k), where they may be positive, whether they stay.

        Once the law has become the stationary one, it comes alone and for all steps that are left.
        """
        k = self.n_symbols
        rows = max(1, _NUMBERS_AT_ONCE // k**2)
        reference = self._reference()
        forward, edges = self.forward.transition, self.forward.transition > 0.0
        law, support = self.forward.initial, self.forward.initial > 0.0
        start = 0
        while start < n_steps:
            length = min(rows, n_steps - start)
            laws, supports = np.empty((length, k)), np.empty((length, k), dtype=bool)
            for row in range(length):
                if reference is not None and _arrived(law, reference.distribution, support):
                    if row:
                        yield start, laws[:row], supports[:row], False
                    settled = reference.distribution[np.newaxis]
                    yield start + row, settled, settled > 0.0, True
                    return
                laws[row], supports[row] = law, support
                law, support = law @ forward, support @ edges
                law = law / law.sum()
            yield start, laws, supports, False
            start += length

    # ------------------------------------------------------------------ ratios, and where they end

    @cached_property
    def _backward_logs(self) -> FloatArray:
        return self.backward._log_transition.T

    @cached_property
    def _one_way(self) -> BoolArray:
        """(k,) symbols from which a step leads that the reader can't make backwards."""
        forward, backward = self.forward.transition, self.backward.transition
        return np.asarray(((forward > 0.0) & (backward.T == 0.0)).any(axis=1))

    @cached_property
    def _log_ratios(self) -> FloatArray:
        """ln(P_ij / B_ji), (k, k), of the steps that there are; 0 elsewhere."""
        used = self.forward.transition > 0.0
        ratios = np.zeros_like(self.forward.transition)
        ratios[used] = self.forward._log_transition[used] - self._backward_logs[used]
        ratios.flags.writeable = False
        return ratios

    def _reference(self) -> _Settled | None:
        """The stationary process, where there is one and it has a finite rate."""
        try:
            settled = self.settled
        except NumericalError:
            return None
        return settled if settled.rate < math.inf else None

    def _reaches_one_way(self, n_steps: int) -> bool:
        """Whether a path of so many steps may be impossible backwards."""
        edges = self.forward.transition > 0.0
        start = self.forward.initial > 0.0
        reached = start
        for _ in range(n_steps - 2):
            wider = reached | (reached @ edges)
            if np.array_equal(wider, reached):
                break
            reached = wider
        if n_steps > 1 and bool((reached & self._one_way).any()):
            return True
        if self._read_first.all():
            return False
        return bool((_support_after(start, edges, n_steps - 1) & ~self._read_first).any())

    @property
    def _read_first(self) -> BoolArray:
        """(k,) symbols that the reader may begin with."""
        return self.backward.initial > 0.0

    def _rounding(self, size: float) -> float:
        return _ROUNDING_PER_SYMBOL * self.n_symbols * _EPSILON * size


@storable(name="entroprod.ChainSteps")
@dataclass(frozen=True, eq=False)
class ChainSteps(Stored):
    """The values of a chain's steps, for the result that computes them when asked."""

    production: ChainProduction
    n_steps: int

    def per_step(self) -> FloatArray:
        """Terms of the total, (T,), nats."""
        return as_read_only(self.production.per_step(self.n_steps))

    def decomposition(self) -> Decomposition:
        """All is mismatch: the reader remembers y_{t+1}, and nothing else tells about y_t."""
        values = as_read_only(self.production.retrospective(self.n_steps))
        nothing = as_read_only(np.zeros(self.n_steps))
        return Decomposition(values, nothing, values, n_memories=self._count(), missing=_MISSING)

    def _stored_parts(self) -> dict[str, Any]:
        chains = {"machine": self.production.forward, "reader": self.production.backward}
        return super()._stored_parts() | {"production": chains}

    @classmethod
    def _from_stored_parts(cls, parts: dict[str, Any]) -> ChainSteps:
        chains = parts["production"]
        return cls(ChainProduction(chains["machine"], chains["reader"]), parts["n_steps"])

    def _count(self) -> NDArray[np.int64]:
        counts = np.empty(self.n_steps, dtype=np.int64)
        for start, laws, support, fixed in self.production._laws(self.n_steps):
            stop = self.n_steps if fixed else start + len(laws)
            counts[start:stop] = support.sum(axis=1)
        # g_{t+1} is y_{t+1}, and nothing has been read at T.
        counts = np.append(counts[1:], 1)
        counts.flags.writeable = False
        return counts


def _mean(laws: FloatArray, support: BoolArray, values: FloatArray) -> FloatArray:
    """Expectation of values that may be -inf under each law, (steps,)."""
    means = laws @ np.where(np.isfinite(values), values, 0.0)
    means[support @ (values == -np.inf)] = -np.inf
    return np.asarray(means)


def _arrived(law: FloatArray, stationary: FloatArray, support: BoolArray) -> bool:
    """Whether a law is the stationary one to rounding, nothing else being possible either."""
    if not np.array_equal(support, stationary > 0.0):
        return False
    return bool(np.abs(law - stationary).max() <= _ARRIVED * _EPSILON * math.sqrt(law.size))


def _visits(
    start: FloatArray, transition: FloatArray, n_steps: int, base: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Sum of start P^s over s < n_steps, and start P^n_steps, (k,) each.

    ``start`` has the sum 0 where ``base`` is the stationary distribution: then P - 1 base does the
    same to it, and its powers fade. By steps, or by doubling where these are fewer products.
    """
    k = len(start)
    if not start.any():
        return start, start
    powers = transition - base
    if n_steps <= 2 * k * max(1, n_steps.bit_length()):
        total = np.zeros(k)
        for _ in range(n_steps):
            total += start
            start = start @ powers
        return total, start
    total, sums = np.zeros(k), np.eye(k)
    while n_steps:
        if n_steps % 2:
            total += start @ sums
            start = start @ powers
        sums = sums + powers @ sums
        powers = powers @ powers
        if not base.any():
            # Rounding of the sums of rows would double with every product.
            powers /= powers.sum(axis=1, keepdims=True)
        n_steps //= 2
    return total, start


def _support_after(start: BoolArray, edges: BoolArray, n_steps: int) -> BoolArray:
    """Where a path may be after exactly so many steps, by doubling."""
    while n_steps:
        if n_steps % 2:
            start = start @ edges
        n_steps //= 2
        edges = (edges.astype(np.float32) @ edges.astype(np.float32)) > 0.0
    return start
