"""Paths of linear-Gaussian machines, reversed step by step, in the core."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from entroprod import _core
from entroprod.boundary.arrays import FloatArray, as_thread_count
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.progress import Report
from entroprod.boundary.randomness import RandomSource, draw_key
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.observations import as_sequences, log_densities
from entroprod.gaussian.readers import (
    GaussianMachine,
    require_length,
)


def score(
    machine: GaussianMachine, other: GaussianMachine, sequences: Any, n_threads: int | None
) -> tuple[FloatArray, FloatArray, int]:
    """Log-densities forward and backward, (N,) each, and T, of paths of one length."""
    read = as_sequences(sequences, machine.n_outputs)
    n_steps = read.paths.shape[1]
    threads = as_thread_count(n_threads)
    if other is machine and isinstance(machine, LinearGaussian):
        ahead, back = machine._score_both_ways(read, threads)
        return ahead, back, n_steps
    require_length(machine, "machine", n_steps)
    require_length(other, "backward", n_steps)
    ahead, back = (
        log_densities(one, read, threads, backward=reverse, per_step=False)
        for one, reverse in ((machine, False), (other, True))
    )
    return ahead, back, n_steps


def is_ragged(sequences: Any) -> bool:
    """Whether these are paths of different lengths: a list of two-dimensional arrays."""
    if not isinstance(sequences, (list, tuple)):
        return False
    lengths = {np.shape(one)[0] for one in sequences if getattr(one, "ndim", 0) == 2}
    return len(lengths) > 1


Moments = dict[str, float]


def sample_moments(
    machine: GaussianMachine,
    other: GaussianMachine,
    n_steps: int,
    n_paths: int,
    rng: RandomSource,
    n_threads: int | None,
    report: Report | None,
    sigma: FloatArray | None,
) -> Moments:
    """Moments of sigma over sampled paths, each written to ``sigma`` if that is given."""
    threads = as_thread_count(n_threads)
    key = draw_key(rng)
    alone = machine if other is machine and isinstance(machine, LinearGaussian) else None
    run: Callable[..., Moments]
    if alone is not None:
        _require_memory(alone, n_steps, n_paths, threads)
        run = partial(_core.monte_carlo, alone._kernel)
    else:
        pair = machine._step_kernel, other._step_kernel
        run = partial(_core.pair_monte_carlo, *pair)
        need = _core.pair_monte_carlo_memory(*pair, n_paths, n_steps, threads)
        what = f"groups of {n_steps} steps and the moments of {n_paths} paths"
        require_memory(int(need), "n_steps or n_paths", what)
    moments = run(n_paths, n_steps, key, threads, report, sigma)
    if not (math.isfinite(moments["mean"]) and math.isfinite(moments["sum_of_squares"])):
        raise NumericalError("sigma overflows: " + _unstable(machine, other))
    return moments


def _require_memory(machine: LinearGaussian, n_steps: int, n_paths: int, threads: int) -> None:
    # In Python's integers, which don't overflow: a step's share, of a group with one step to spare.
    step_memory = _core.monte_carlo_memory(machine._kernel, 1, 1) // 2
    require_memory(
        threads * (n_steps + 1) * step_memory,
        "n_steps",
        f"one group of paths of {n_steps} steps on each of {threads} thread(s)",
    )
    tasks = n_paths // _core.paths_per_task(machine._kernel, n_steps) + 1
    require_memory(64 * tasks, "n_paths", f"the moments of {n_paths} paths")


def _unstable(machine: GaussianMachine, other: GaussianMachine) -> str:
    if isinstance(machine, LinearGaussian) and other is machine:
        return (
            f"the machine's transition F + G C has spectral radius {machine.spectral_radius:.6g}, "
            f"its state_matrix F {machine.filter_spectral_radius:.6g}"
        )
    return "the transition of machine, or the state_matrix of backward, is unstable"
