"""Entropy production at all lengths of blocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

import entroprod as ep

from .row import Rows, faster, require_agreement
from .timing import Timer

N_STEPS, N_PATHS = 60, 200
N_SYMBOLS, N_STATES = 64, 128
SCALES = (1, 2, 5, 10, 20, 30)
# Sums of 60 log-probabilities which matrix products of other shapes make in other orders.
AGREEMENT = 1e-9


def rows(timer: Timer) -> Rows:
    """All measurements of this topic."""
    machine = ep.FunctionMachine(_recurrent, n_symbols=N_SYMBOLS)
    paths = np.random.default_rng(0).integers(0, N_SYMBOLS, (N_PATHS, N_STEPS))

    def together() -> list[float]:
        return [
            float(point.sigma_per_step.mean()) for point in ep.block_scale(machine, paths, SCALES)
        ]

    def one_by_one() -> list[float]:
        return [float(_sigma(machine, paths, scale).mean()) / N_STEPS for scale in SCALES]

    for ours, theirs in zip(together(), one_by_one()):
        require_agreement("block_scale", ours, theirs, AGREEMENT)
    times = timer.side_by_side(together, one_by_one, seconds=6.0)
    yield faster(
        f"`block_scale`, {len(SCALES)} scales of {N_PATHS} texts of {N_STEPS} symbols, a tanh cell",
        "`stochastic_entropy_production` at one scale after the other",
        times,
        at_least=1.4,
    )


def _sigma(
    machine: ep.FunctionMachine, paths: npt.NDArray[np.int64], scale: int
) -> npt.NDArray[np.float64]:
    reversal = ep.BlockReversal(length=scale)
    return ep.stochastic_entropy_production(machine, paths, reversal=reversal).sigma


_GENERATOR = np.random.default_rng(1)
_READ = _GENERATOR.normal(size=(N_SYMBOLS, N_STATES))
_KEEP = _GENERATOR.normal(size=(N_STATES, N_STATES)) / np.sqrt(N_STATES)
_WRITE = _GENERATOR.normal(size=(N_STATES, N_SYMBOLS)) / np.sqrt(N_STATES)


def _recurrent(sequences: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    n_paths, n_steps = sequences.shape
    memory, result = np.zeros((n_paths, N_STATES)), np.empty((n_paths, n_steps))
    for t in range(n_steps):
        logits = memory @ _WRITE
        norm = np.log(np.exp(logits).sum(axis=1))
        result[:, t] = logits[np.arange(n_paths), sequences[:, t]] - norm
        memory = np.tanh(memory @ _KEEP + _READ[sequences[:, t]])
    return result
