"""Exact reverse models and D_t by definition, for small machines: slow, and nothing left out.

Nothing here calls entroprod. A discrete machine is a function of (N, T) symbols that gives (N, T)
nats per step; a reverse model is the same of reversed sequences.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
LogProb = Callable[[Array], Array]


def all_sequences(n_symbols: int, n_steps: int) -> Array:
    """(n^T, T) every sequence once, in the order of their numbers in base n."""
    return np.array(list(itertools.product(range(n_symbols), repeat=n_steps)))


def probabilities(log_prob: LogProb, n_symbols: int, n_steps: int) -> Array:
    """(n, .., n) joint probability of y_1 .. y_T."""
    joint = np.exp(log_prob(all_sequences(n_symbols, n_steps)).sum(axis=1))
    return np.asarray(joint).reshape((n_symbols,) * n_steps)


def posteriors(joint: Array) -> list[Array]:
    """P(y_t | y_{t+1:T}) for t = 1 .. T, with the axes y_t .. y_T; 0 where that can't happen."""
    result = []
    for t in range(joint.ndim):
        together = joint.sum(axis=tuple(range(t)))
        given = together.sum(axis=0, keepdims=True)
        result.append(np.divide(together, given, out=np.zeros_like(together), where=given > 0))
    return result


def exact_reverse(joint: Array) -> LogProb:
    """The posterior itself as a reverse model."""
    tables = posteriors(joint)

    def log_prob(reversed_sequences: Array) -> Array:
        sequences = reversed_sequences[:, ::-1]
        columns = [table[tuple(sequences[:, t:].T)] for t, table in enumerate(tables)]
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(np.stack(columns[::-1], axis=1)))

    return log_prob


def retrospective(log_prob: LogProb, joint: Array) -> Array:
    """(T,) D_t = E KL( P(y_t | y_{t+1:T}) || p_t(y_t | g_{t+1}) ), summed over all sequences."""
    n_symbols, n_steps = len(joint), joint.ndim
    sequences = all_sequences(n_symbols, n_steps)
    backward = log_prob(sequences[:, ::-1])[:, ::-1]
    exact = exact_reverse(joint)(sequences[:, ::-1])[:, ::-1]
    weights = joint.ravel()
    happens = weights > 0
    return np.asarray(weights[happens] @ (exact - backward)[happens])


def hidden_markov(transition: Array, emission: Array, initial: Array) -> LogProb:
    """ln p(y_t | y_1 .. y_{t-1}) of a hidden Markov model, one sequence at a time."""

    def log_prob(sequences: Array) -> Array:
        result = np.empty(sequences.shape)
        for row, sequence in zip(result, sequences):
            belief = initial
            for t, symbol in enumerate(sequence):
                joint = belief * emission[:, symbol]
                row[t] = np.log(joint.sum())
                belief = joint / joint.sum() @ transition
        return result

    return log_prob


def sample_hidden_markov(
    transition: Array, emission: Array, initial: Array, n_steps: int, rng: np.random.Generator
) -> Array:
    """(T,) one sequence."""
    state = rng.choice(len(initial), p=initial)
    symbols = np.empty(n_steps, dtype=np.int64)
    for t in range(n_steps):
        symbols[t] = rng.choice(emission.shape[1], p=emission[state])
        state = rng.choice(len(initial), p=transition[state])
    return symbols


def reversed_hidden_markov(
    transition: Array, emission: Array, initial: Array, n_steps: int
) -> LogProb:
    """Exact q of a hidden Markov model of any length: hidden states form a chain backwards too.

    P(z_t = i | z_{t+1} = j) = pi_t(i) P_ij / pi_{t+1}(j), with pi_t the law of z_t: a hidden Markov
    model whose transition changes with time.
    """
    laws = [initial]
    for _ in range(n_steps - 1):
        laws.append(laws[-1] @ transition)
    back = [(law[:, None] * transition / (law @ transition)).T for law in laws[:-1]]

    def log_prob(reversed_sequences: Array) -> Array:
        result = np.empty(reversed_sequences.shape)
        for row, sequence in zip(result, reversed_sequences):
            belief = laws[-1]
            for s, symbol in enumerate(sequence):
                joint = belief * emission[:, symbol]
                row[s] = np.log(joint.sum())
                belief = joint / joint.sum()
                if s < n_steps - 1:
                    belief = belief @ back[n_steps - 2 - s]
        return result

    return log_prob


def gaussian_reverse(cov: Array, n_outputs: int) -> LogProb:
    """Exact q of a Gaussian process of mean 0 with the (T m, T m) covariance of (y_1, .., y_T).

    Each step's number is the difference of the log-densities of two stretches at the end.
    """

    def log_density(values: Array, part: Array) -> Array:
        solved = np.linalg.solve(part, values.T).T
        quadratic = (values * solved).sum(axis=1)
        constant = len(part) * np.log(2 * np.pi) + np.linalg.slogdet(part)[1]
        return np.asarray(-0.5 * (quadratic + constant))

    def log_prob(reversed_sequences: Array) -> Array:
        n_paths, n_steps, m = reversed_sequences.shape
        sequences = reversed_sequences[:, ::-1].reshape(n_paths, -1)
        stretches = [np.zeros(n_paths)]
        for s in range(1, n_steps + 1):
            start = (n_steps - s) * m
            stretches.append(log_density(sequences[:, start:], cov[start:, start:]))
        return np.diff(np.stack(stretches, axis=1), axis=1)

    return log_prob
