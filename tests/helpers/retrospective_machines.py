"""Machines of a few steps whose reverse is known, and models of it, for the retrospective bound."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles_retrospective as exact

import entroprod as ep

Array = np.ndarray[Any, Any]

# Standard errors by which a mean of many paths may be off: one in 3.5 million by chance.
FIVE = 5.0

N_STEPS = 4
TRANSITION = np.array([[0.1, 0.7, 0.2], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]])
INITIAL = np.array([0.5, 0.2, 0.3])
HIDDEN = (
    np.array([[0.1, 0.85, 0.05], [0.05, 0.15, 0.8], [0.8, 0.1, 0.1]]),
    np.array([[0.8, 0.1, 0.1], [0.1, 0.6, 0.3], [0.2, 0.1, 0.7]]),
    np.array([0.4, 0.3, 0.3]),
)


def drawn_from(joint: Array) -> Any:
    """Sampler of sequences with a known joint law."""
    n_symbols, n_steps = len(joint), joint.ndim
    sequences = exact.all_sequences(n_symbols, n_steps)

    def sampler(steps: int, n_paths: int, generator: np.random.Generator) -> Array:
        assert steps == n_steps
        return sequences[generator.choice(len(sequences), size=n_paths, p=joint.ravel())]

    return sampler


def as_machine(log_prob: exact.LogProb, n_symbols: int, n_steps: int) -> ep.FunctionMachine:
    joint = exact.probabilities(log_prob, n_symbols, n_steps)
    return ep.FunctionMachine(log_prob, drawn_from(joint), n_symbols=n_symbols)


def chain() -> ep.FunctionMachine:
    """A Markov chain is a hidden one that shows its states."""
    log_prob = exact.hidden_markov(TRANSITION, np.eye(3), INITIAL)
    return as_machine(log_prob, 3, N_STEPS)


def hidden() -> ep.FunctionMachine:
    return as_machine(exact.hidden_markov(*HIDDEN), 3, N_STEPS)


MACHINES = {"chain": chain, "hidden": hidden}


def joint_of(machine: ep.FunctionMachine, n_steps: int = N_STEPS) -> Array:
    assert machine.n_symbols is not None
    return exact.probabilities(machine.log_prob, machine.n_symbols, n_steps)


def uniform(sequences: Array) -> Array:
    return np.full(sequences.shape, -np.log(3))


def assert_not_above(bound: ep.RetrospectiveBound, d: Array) -> None:
    assert (bound.per_step <= d + FIVE * bound.standard_error).all()
    assert bound.total <= d.sum() + FIVE * bound.total_standard_error


def gaussian() -> ep.LinearGaussian:
    return ep.LinearGaussian.from_state_space(
        [[0.8, 0.3], [0.0, 0.5]], [[1.0, 0.5], [0.0, 1.0]], np.eye(2), np.eye(2)
    )
