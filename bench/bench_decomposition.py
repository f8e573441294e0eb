"""Decomposition of entropy production, and pairs of machines."""

from __future__ import annotations

import math

import entroprod as ep
from entroprod.gaussian import core

from .machines import two_by_two
from .row import Row, Rows, costs, require_agreement
from .timing import Ratio, Timer

_STEPS = 10**4


def _decomposed(machine: ep.LinearGaussian, n_steps: int, *, shortcuts: bool) -> object:
    return core.decompose(machine, machine, n_steps, "double", shortcuts=shortcuts)


def _against_total(
    timer: Timer, machine: ep.LinearGaussian, n_steps: int, name: str, at_most: float | None
) -> Row:
    times = timer.side_by_side(
        lambda: _decomposed(machine, n_steps, shortcuts=False),
        lambda: core.total(machine, n_steps, "double", shortcuts=False),
    )
    return costs(
        f"D, L and M of every step, n = m = 2, T = {name}, every step computed",
        "`entropy_production`, every step computed",
        times,
        at_most,
        "" if at_most else "a third of it is fresh memory for the values",
    )


def rows(timer: Timer) -> Rows:
    """All measurements of this topic."""
    machine = two_by_two()
    result = ep.entropy_production(machine, _STEPS)
    require_agreement("sum of D_t", float(result.retrospective.sum()), result.total, 1e-9)

    yield _against_total(timer, machine, _STEPS, "10⁴", 4.0)
    yield _against_total(timer, machine, 10 * _STEPS, "10⁵", None)
    what = "D, L and M of every step, n = m = 2, T = 10⁴"
    times = timer.side_by_side(
        lambda: _decomposed(machine, _STEPS, shortcuts=False),
        lambda: core.per_step(machine, machine, _STEPS, "double", shortcuts=False),
    )
    yield costs(f"{what}, every step computed", "`per_step`, every step computed", times, 4.0)
    times = timer.side_by_side(
        lambda: _decomposed(machine, _STEPS, shortcuts=True),
        lambda: core.total(machine, _STEPS, "double", shortcuts=False),
    )
    yield costs(f"{what}, with shortcuts", "`entropy_production`, every step computed", times)
    times = timer.side_by_side(
        lambda: _decomposed(machine, 100 * _STEPS, shortcuts=False),
        lambda: _decomposed(machine, _STEPS, shortcuts=False),
        seconds=6.0,
    )
    exponent = [math.log(cost, 100) for cost in (times.cost().value, times.cost().typical)]
    yield Row(
        "D, L and M, without shortcuts: power of T by which time grows",
        "T = 10⁶ against T = 10⁴; linear time is 1",
        "",
        Ratio(*exponent),
        times=times,
    )
