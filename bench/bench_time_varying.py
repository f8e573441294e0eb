"""Machines that change in time, sigma of given paths, missing observations."""

from __future__ import annotations

import numpy as np

import entroprod as ep

from . import peers
from .machines import filter_of_four_states
from .row import Rows, costs, faster, require_agreement
from .timing import Timer

N_STEPS, N_PATHS = 1_000, 1_000
# Of statsmodels, which takes each path by itself, a part stands for all.
PEER_PATHS = 20
MISSING_SHARE = 0.1


def rows(timer: Timer) -> Rows:
    """All measurements of this topic."""
    yield from _time_varying(timer)
    yield from _against_statsmodels(timer)


def _time_varying(timer: Timer) -> Rows:
    machine, _ = filter_of_four_states()
    y = machine.sample(N_STEPS, N_PATHS, rng=0)
    names = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")
    varying = ep.TimeVaryingLinearGaussian(
        *(np.repeat(getattr(machine, name)[None], N_STEPS, axis=0) for name in names)
    )

    def ours() -> float:
        found = ep.stochastic_entropy_production(varying, y, backward=varying, n_threads=1)
        return float(found.sigma.sum())

    def constant() -> float:
        return float(ep.stochastic_entropy_production(machine, y, n_threads=1).sigma.sum())

    expected = constant()
    require_agreement("sigma", ours(), expected, 1e-9 * abs(expected))
    yield costs(
        f"sigma of {N_PATHS:,} paths of {N_STEPS:,} steps, n = 4, m = 2, parameters per step",
        "the constant machine",
        timer.side_by_side(ours, constant),
    )


def _against_statsmodels(timer: Timer) -> Rows:
    machine, model = filter_of_four_states()
    complete = machine.sample(N_STEPS, N_PATHS, rng=0)
    gaps = np.random.default_rng(0).random(complete.shape) < MISSING_SHARE
    for y, what, at_least in (
        (complete, "", 20.0),
        (np.where(gaps, np.nan, complete), ", a tenth missing", None),
    ):
        try:
            filters = [
                (
                    peers.statsmodels_filter(*model, path),
                    peers.statsmodels_filter(*model, path[::-1]),
                )
                for path in y[:PEER_PATHS]
            ]
        except ImportError:
            return

        def theirs(filters: list[tuple[object, object]] = filters) -> float:
            return float(sum(one.loglike() - two.loglike() for one, two in filters))  # type: ignore[attr-defined]

        def ours(y: peers.FloatArray = y) -> peers.FloatArray:
            return ep.stochastic_entropy_production(machine, y, n_threads=1).sigma

        mine = float(ours()[:PEER_PATHS].sum())
        require_agreement("sigma", mine, theirs(), 1e-8 * N_STEPS * PEER_PATHS)
        times = timer.side_by_side(ours, theirs, seconds=4.0)
        scaled = type(times)(times.ours, tuple(t * N_PATHS / PEER_PATHS for t in times.peer))
        yield faster(
            f"sigma of {N_PATHS:,} paths of {N_STEPS:,} steps, n = 4, m = 2{what}",
            "two log-likelihoods each by statsmodels' `KalmanFilter`",
            scaled,
            at_least,
            note=f"statsmodels measured on {PEER_PATHS} of the paths",
        )
