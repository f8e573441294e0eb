"""Paths of linear-Gaussian machines, reversed step by step, in the core."""

from __future__ import annotations

from entroprod.boundary.arrays import FloatArray, as_thread_count
from entroprod.boundary.progress import Report
from entroprod.boundary.randomness import RandomSource, draw_key
from entroprod.boundary.sequences import Paths
from entroprod.gaussian import core
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.readers import (
    GaussianMachine,
    require_length,
)


def score(
    machine: GaussianMachine, other: GaussianMachine, read: Paths, n_threads: int | None
) -> tuple[FloatArray, FloatArray, int]:
    """Log-densities forward and backward, (N,) each, and T, of paths of one length."""
    n_steps = read.paths.shape[1]
    threads = as_thread_count(n_threads)
    if other is machine and isinstance(machine, LinearGaussian):
        ahead, back = core.log_prob_both_ways(machine, read, threads)
        return ahead, back, n_steps
    require_length(machine, "machine", n_steps)
    require_length(other, "backward", n_steps)
    ahead, back = (
        core.log_densities(one, read, threads, backward=reverse, per_step=False)
        for one, reverse in ((machine, False), (other, True))
    )
    return ahead, back, n_steps


Moments = core.Moments


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
    return core.sigma_moments(machine, other, n_steps, n_paths, key, threads, report, sigma)
