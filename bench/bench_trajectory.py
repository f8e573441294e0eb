"""Sampling, likelihood, Monte Carlo."""

from __future__ import annotations

import numpy as np

import entroprod as ep

from . import peers
from .hardware import idle_cores, usable_cores
from .machines import EMISSION, OBS_COV, PROCESS_COV, TRANSITION, two_by_two
from .row import Row, Rows, Target, costs, faster, require_agreement
from .timing import Timer

N_STEPS, N_PATHS = 50, 20_000
# Enough paths for a tenth of a second, in which starting the work doesn't count.
MANY_PATHS = 200_000


def rows(timer: Timer) -> Rows:
    """All measurements of this topic."""
    yield from _one_thread(timer)
    yield from _two_threads()
    yield from _sampling(timer)
    yield from _likelihood(timer)


def _one_thread(timer: Timer) -> Rows:
    machine = two_by_two()
    generator = np.random.Generator(np.random.PCG64(0))
    what = "`monte_carlo`, 20,000 paths of 50 steps, n = m = 2"
    normals = np.empty(N_PATHS * N_STEPS * machine.n_outputs)

    def ours() -> ep.MonteCarlo:
        return ep.monte_carlo(machine, N_STEPS, N_PATHS, rng=0, n_threads=1)

    mean, error, _ = peers.monte_carlo(machine, N_STEPS, N_PATHS, generator)
    result = ours()
    require_agreement("Monte Carlo", result.mean, mean, 6 * (error + result.standard_error))
    times = timer.side_by_side(ours, lambda: generator.standard_normal(out=normals))
    against = "`Generator(PCG64).standard_normal`, as many normals into a ready array"
    yield costs(what, against, times, at_most=1.0)
    times = timer.side_by_side(
        ours, lambda: peers.monte_carlo(machine, N_STEPS, N_PATHS, generator), seconds=4.0
    )
    yield faster(what, "vectorised NumPy, a loop over time on (N, m) arrays", times, at_least=8)


def _two_threads() -> Rows:
    if usable_cores() < 2:
        return
    machine = two_by_two()
    idle = idle_cores()
    times = Timer().side_by_side(
        lambda: ep.monte_carlo(machine, N_STEPS, MANY_PATHS, rng=0, n_threads=2),
        lambda: ep.monte_carlo(machine, N_STEPS, MANY_PATHS, rng=0, n_threads=1),
        seconds=4.0,
    )
    busy = idle is not None and idle < 1.9
    note = f"measured with {idle:.1f} cores idle: fewer than two" if busy else ""
    yield Row(
        f"`monte_carlo` on two threads, {MANY_PATHS:,} paths",
        "one thread",
        "times faster",
        times.speedup(),
        Target("≥", 1.8),
        times,
        note,
    )


def _sampling(timer: Timer) -> Rows:
    machine = two_by_two()
    generator = np.random.Generator(np.random.PCG64(0))
    times = timer.side_by_side(
        lambda: machine.sample(N_STEPS, N_PATHS, rng=0, n_threads=1),
        lambda: generator.standard_normal((N_PATHS, N_STEPS, machine.n_outputs)),
        seconds=1.0,
    )
    yield costs(
        "`sample`, 20,000 paths of 50 steps",
        "`standard_normal`, an array of that shape",
        times,
    )


def _likelihood(timer: Timer) -> Rows:
    machine = two_by_two()
    for n_steps, n_paths in ((20_000, 1), (50, 400)):
        y = machine.sample(n_steps, n_paths, rng=0)
        try:
            filters = [
                peers.statsmodels_filter(TRANSITION, EMISSION, PROCESS_COV, OBS_COV, path)
                for path in y
            ]
        except ImportError:
            return
        total = float(machine.log_prob(y).sum())
        theirs = float(sum(kalman.loglike() for kalman in filters))
        require_agreement("log-likelihood", total, theirs, 1e-9 * abs(total))
        times = timer.side_by_side(
            lambda y=y: machine.log_prob(y, n_threads=1),  # type: ignore[misc]
            lambda filters=filters: [kalman.loglike() for kalman in filters],  # type: ignore[misc]
            seconds=1.0,
        )
        paths = "path" if n_paths == 1 else "paths"
        yield faster(
            f"`log_prob`, {n_paths} {paths} of {n_steps:,} steps",
            "statsmodels' `KalmanFilter`",
            times,
        )
