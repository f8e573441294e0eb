"""Entropy production in closed form."""

from __future__ import annotations

import numpy as np

import entroprod as ep
from entroprod.gaussian import core

from . import peers
from .machines import large, two_by_two
from .memory import peak_growth
from .row import Row, Rows, Target, costs, faster, require_agreement
from .timing import Ratio, Timer


def rows(timer: Timer) -> Rows:
    """All measurements of this topic."""
    yield from _short(timer)
    yield from _long(timer)
    yield _large(timer)
    yield from _good_to_know(timer)


def _short(timer: Timer) -> Rows:
    machine, n_steps = two_by_two(), 800
    total = ep.entropy_production(machine, n_steps).total
    for triangular in (False, True):
        slow = peers.entropy_production(machine, n_steps, triangular=triangular)
        require_agreement("entropy production", total, slow, 1e-9 * total)
    what = "`entropy_production`, n = m = 2, T = 800"
    times = timer.side_by_side(
        lambda: ep.entropy_production(machine, n_steps),
        lambda: peers.entropy_production(machine, n_steps),
        seconds=5.0,
    )
    yield faster(what, "dense definition in NumPy", times, at_least=10_000)
    times = timer.side_by_side(
        lambda: ep.entropy_production(machine, n_steps),
        lambda: peers.entropy_production(machine, n_steps, triangular=True),
    )
    yield faster(what, "the same with SciPy's triangular solver", times)
    times = timer.side_by_side(
        lambda: ep.entropy_production_curve(machine, n_steps),
        lambda: peers.entropy_production(machine, n_steps),
    )
    yield faster(
        "`entropy_production_curve`, all of T = 1 .. 800", "dense definition, T = 800 alone", times
    )


def _long(timer: Timer) -> Rows:
    machine, n_steps = two_by_two(), 10**6
    what = "T = 10⁶, n = m = 2, every step computed"
    times = timer.side_by_side(
        lambda: core.total(machine, n_steps, "auto", shortcuts=False),
        lambda: peers.entropy_production(machine, 200),
    )
    yield costs(what, "dense definition in NumPy at T = 200", times, at_most=1.0)
    megabytes = peak_growth(n_steps) / 1e6
    yield Row(
        what,
        "peak of resident memory above its start",
        "MB",
        Ratio(megabytes, megabytes),
        Target("<", 50.0),
    )


def _large(timer: Timer) -> Row:
    n, m, n_steps = 256, 64, 64
    machine = large(n, m)
    matrix = np.random.default_rng(1).normal(size=(n, n))
    times = timer.side_by_side(
        lambda: core.total(machine, n_steps, "double", shortcuts=False),
        lambda: matrix @ matrix,
        seconds=8.0,
    )
    # Products of one step: [C; F] Gamma, that times [A, G]; F Omega F^T and A^T E A, two products
    # each; N N^T and X^T X.
    step = 2 * (m + n) * n * n + 2 * (m + n) * n * (n + m) + 2 * 4 * n**3 + 2 * 2 * n * n * m
    share = times.speedup() * (100.0 * n_steps * step / (2 * n**3))
    return Row(
        f"Rate of the recursion's own matrix products, n = {n}, m = {m}",
        "rate of `A @ A` in NumPy, 256 by 256",
        "%",
        share,
        Target("≥", 60.0),
        times,
        f"ours is {n_steps} steps, all computed",
    )


def _good_to_know(timer: Timer) -> Rows:
    machine = two_by_two()
    times = timer.side_by_side(
        lambda: ep.entropy_production(machine, 10**9),
        lambda: ep.entropy_production(machine, 800),
        seconds=0.5,
    )
    yield costs("`entropy_production`, T = 10⁹", "T = 800", times)
    times = timer.side_by_side(
        lambda: core.total(machine, 10**6, "auto", shortcuts=False),
        lambda: core.total(machine, 10**5, "auto", shortcuts=False),
        seconds=1.0,
    )
    yield costs("T = 10⁶, every step computed", "T = 10⁵ (linear time would be 10)", times)
    times = timer.side_by_side(
        lambda: core.total(machine, 10**4, "extended", shortcuts=False),
        lambda: core.total(machine, 10**4, "double", shortcuts=False),
        seconds=1.0,
    )
    yield costs('Precision "extended" (32 digits), every step', 'precision "double"', times)
    n_points = 512
    rate = ep.entropy_production_rate(machine)
    slow_rate = peers.entropy_production_rate(machine, n_points)
    require_agreement("rate", rate, slow_rate, 1e-9 * rate)
    times = timer.side_by_side(
        lambda: ep.entropy_production_rate(machine),
        lambda: peers.entropy_production_rate(machine, n_points),
        seconds=0.5,
    )
    yield faster(
        "`entropy_production_rate`, n = m = 2",
        f"spectral formula in NumPy, {n_points} points",
        times,
    )
