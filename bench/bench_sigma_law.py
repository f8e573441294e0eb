"""The law of sigma."""

from __future__ import annotations

import numpy as np

import entroprod as ep
from entroprod.gaussian import core

from . import peers
from .machines import two_by_two
from .row import Rows, costs, faster, require_agreement
from .timing import Timer


def rows(timer: Timer) -> Rows:
    """All measurements of this topic."""
    yield from _variance(timer)
    yield from _distribution(timer)


def _dense_variance(machine: ep.LinearGaussian, n_steps: int) -> float:
    """|R R^T - I|^2 / 2 with the peers' dense matrix."""
    matrix = peers.reversal_matrix(machine, n_steps)
    excess = matrix @ matrix.T - np.eye(len(matrix))
    return float(np.sum(excess**2) / 2)


def _variance(timer: Timer) -> Rows:
    machine, n_steps = two_by_two(), 800
    variance = ep.sigma_law(machine, n_steps).variance
    require_agreement(
        "variance of sigma", variance, _dense_variance(machine, n_steps), 1e-9 * variance
    )
    times = timer.side_by_side(
        lambda: ep.sigma_law(machine, n_steps),
        lambda: _dense_variance(machine, n_steps),
        seconds=3.0,
    )
    what = "Mean and variance of sigma, n = m = 2, T = 800"
    yield faster(what, "dense definition in NumPy", times)
    times = timer.side_by_side(
        lambda: core.sigma_variance(machine, 10**5, "double", shortcuts=False),
        lambda: core.total(machine, 10**5, "double", shortcuts=False),
        seconds=1.0,
    )
    yield costs("Variance of sigma, T = 10⁵, every step computed", "its mean likewise", times)
    times = timer.side_by_side(
        lambda: core.sigma_variance(machine, 10**6, "double", shortcuts=False),
        lambda: core.sigma_variance(machine, 10**5, "double", shortcuts=False),
        seconds=2.0,
    )
    yield costs(
        "Variance of sigma, T = 10⁶, every step", "T = 10⁵ (linear time would be 10)", times
    )


def _distribution(timer: Timer) -> Rows:
    law = ep.sigma_law(two_by_two(), 50)
    places = np.linspace(law.mean - 3 * law.standard_deviation, 3 * law.mean, 100)
    sampled = np.mean(law.sample(10**5, rng=0)[:, None] <= places[::10], axis=0)
    require_agreement(
        "distribution of sigma", float(np.max(np.abs(law.cdf(places[::10]) - sampled))), 0.0, 0.01
    )
    times = timer.side_by_side(
        lambda: law.cdf(places),
        lambda: ep.monte_carlo(law._machine, 50, 10**5, rng=0, n_threads=1),
        seconds=2.0,
    )
    yield costs(
        "Distribution function of sigma at 100 places to 10 digits, T m = 100",
        "10⁵ sampled paths, which give 2 digits",
        times,
    )
