"""Discrete machines by definition: explicit loops over sequences, hidden paths and symbols.

Nothing here calls entroprod. A machine is a function log_prob(sequence) of one sequence, a tuple of
symbols, that returns one logarithm per step.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Hashable, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
Symbols = tuple[int, ...]
LogProb = Callable[[Symbols], list[float]]
Memory = Callable[[Symbols], Hashable]


def safe_log(x: float) -> float:
    return math.log(x) if x > 0.0 else -math.inf


def chain_log_prob(transition: Array, initial: Array) -> LogProb:
    def log_prob(sequence: Symbols) -> list[float]:
        logs = [safe_log(initial[sequence[0]])]
        for before, after in itertools.pairwise(sequence):
            logs.append(safe_log(transition[before, after]))
        return logs

    return log_prob


def hidden_probability(
    transition: Array, emission: Array, initial: Array, sequence: Symbols
) -> float:
    """Sum over all paths of the hidden state."""
    total = 0.0
    for path in itertools.product(range(len(transition)), repeat=len(sequence)):
        weight = initial[path[0]] * emission[path[0], sequence[0]]
        for t in range(1, len(sequence)):
            weight *= transition[path[t - 1], path[t]] * emission[path[t], sequence[t]]
        total += weight
    return float(total)


def hidden_log_prob(transition: Array, emission: Array, initial: Array) -> LogProb:
    """Ratios of the probabilities of beginnings; -inf from the first impossible symbol on."""

    def log_prob(sequence: Symbols) -> list[float]:
        before, logs = 1.0, []
        for t in range(1, len(sequence) + 1):
            now = hidden_probability(transition, emission, initial, sequence[:t])
            logs.append(math.log(now / before) if now > 0.0 else -math.inf)
            before = now
        return logs

    return log_prob


def hidden_belief(
    transition: Array, emission: Array, initial: Array, sequence: Symbols
) -> list[float]:
    """Distribution of the state that emits next, by Bayes' rule, one symbol at a time."""
    n = len(transition)
    belief = [float(p) for p in initial]
    for symbol in sequence:
        joint = [belief[i] * emission[i, symbol] for i in range(n)]
        total = sum(joint)
        belief = [sum(joint[i] / total * transition[i, j] for i in range(n)) for j in range(n)]
    return belief


def all_sequences(n_symbols: int, n_steps: int) -> list[Symbols]:
    return list(itertools.product(range(n_symbols), repeat=n_steps))


def probability(log_prob: LogProb, sequence: Symbols) -> float:
    return math.exp(sum(log_prob(sequence)))


def entropy_production(forward: LogProb, backward: LogProb, n_symbols: int, n_steps: int) -> float:
    """Mean of ln P(y) - ln P_b(y reversed)."""
    total = 0.0
    for y in all_sequences(n_symbols, n_steps):
        weight = probability(forward, y)
        if weight > 0.0:
            total += weight * (sum(forward(y)) - sum(backward(y[::-1])))
    return total


def law(
    forward: LogProb, n_symbols: int, n_steps: int, reorder: Callable[[Symbols], Symbols | None]
) -> tuple[dict[Symbols, tuple[float, float]], float]:
    """Probability and sigma of each sequence that can be reordered, and the mean of e^-sigma."""
    found, weights, mean = {}, 0.0, 0.0
    for y in all_sequences(n_symbols, n_steps):
        turned, weight = reorder(y), probability(forward, y)
        if turned is None or weight == 0.0:
            continue
        sigma = sum(forward(y[: len(turned)])) - sum(forward(turned))
        found[y] = weight, sigma
        weights += weight
        mean += weight * math.exp(-sigma)
    return found, mean / weights


def decomposition(
    forward: LogProb, backward: LogProb, memory: Memory, n_symbols: int, n_steps: int
) -> dict[str, Array]:
    """per_step, D, L and M by their definitions: means of logarithms of conditional probabilities.

    ``memory`` is what the backward reader holds after it has read a sequence.
    """
    joint = {y: probability(forward, y) for y in all_sequences(n_symbols, n_steps)}
    values = {name: np.zeros(n_steps) for name in ("per_step", "D", "L", "M")}
    for t in range(n_steps):
        p_now_after: dict[Any, float] = defaultdict(float)
        p_after: dict[Any, float] = defaultdict(float)
        p_now_memory: dict[Any, float] = defaultdict(float)
        p_memory: dict[Any, float] = defaultdict(float)
        for y, weight in joint.items():
            after = y[t + 1 :]
            held = memory(after[::-1])
            p_now_after[y[t], after] += weight
            p_after[after] += weight
            p_now_memory[y[t], held] += weight
            p_memory[held] += weight
        for y, weight in joint.items():
            if weight == 0.0:
                continue
            after = y[t + 1 :]
            held = memory(after[::-1])
            given_all = math.log(p_now_after[y[t], after] / p_after[after])
            given_memory = math.log(p_now_memory[y[t], held] / p_memory[held])
            read = backward(y[t:][::-1])[-1]
            values["per_step"][t] += weight * (forward(y[: t + 1])[-1] - read)
            values["D"][t] += weight * (given_all - read)
            values["L"][t] += weight * (given_all - given_memory)
            values["M"][t] += weight * (given_memory - read)
    return values


def conditional_mutual_information(
    forward: LogProb, memory: Memory, n_symbols: int, n_steps: int, t: int
) -> float:
    """I(a; b | c) = H(a,c) + H(b,c) - H(a,b,c) - H(c) of a = y_t, b = y_{t+1:T}, c = g_{t+1}."""
    tables: list[dict[Any, float]] = [defaultdict(float) for _ in range(4)]
    for y in all_sequences(n_symbols, n_steps):
        weight, a, b = probability(forward, y), y[t], y[t + 1 :]
        c = memory(b[::-1])
        for table, key in zip(tables, ((a, c), (b, c), (a, b, c), c)):
            table[key] += weight
    entropies = [-sum(p * math.log(p) for p in table.values() if p > 0.0) for table in tables]
    return entropies[0] + entropies[1] - entropies[2] - entropies[3]


def rate_of_cycle(p: float) -> float:
    """Three symbols on a ring, clockwise with probability p: (2p - 1) ln(p / (1 - p))."""
    return (2.0 * p - 1.0) * math.log(p / (1.0 - p))


def exact_chain_total(
    transition: Sequence[Sequence[Fraction]], initial: Sequence[Fraction], n_steps: int
) -> mpmath.mpf:
    """S_y of a chain without zeros, with 60 digits: exact laws of y_t, logarithms by mpmath."""
    k = len(initial)
    with mpmath.workdps(60):

        def log(x: Fraction) -> mpmath.mpf:
            return mpmath.log(mpmath.mpf(x.numerator) / x.denominator)

        def real(x: Fraction) -> mpmath.mpf:
            return mpmath.mpf(x.numerator) / x.denominator

        law = list(initial)
        total = mpmath.fsum(real(law[i]) * log(initial[i]) for i in range(k))
        for _ in range(n_steps - 1):
            total += mpmath.fsum(
                real(law[i] * transition[i][j]) * (log(transition[i][j]) - log(transition[j][i]))
                for i in range(k)
                for j in range(k)
            )
            law = [
                sum((law[i] * transition[i][j] for i in range(k)), Fraction(0)) for j in range(k)
            ]
        return total - mpmath.fsum(real(law[i]) * log(initial[i]) for i in range(k))
