"""Decomposition of entropy production, and pairs of machines."""

from __future__ import annotations

import math

import entroprod as ep
from entroprod import _core
from entroprod.production import _entropy_production

from .machines import two_by_two
from .row import Row, Rows, costs, require_agreement
from .timing import Ratio, Timer

_STEPS = 10**4


def rows(timer: Timer) -> Rows:
    """All measurements of this topic."""
    machine = two_by_two()
    kernel = machine._kernel
    result = ep.entropy_production(machine, _STEPS)
    require_agreement("sum of D_t", float(result.retrospective.sum()), result.total, 1e-9)

    def decomposed(n_steps: int, *, shortcuts: bool) -> object:
        return _core.decompose(kernel, kernel, n_steps, False, True, False, shortcuts)

    what = "D, L and M of every step, n = m = 2, T = 10⁴"
    times = timer.side_by_side(
        lambda: decomposed(_STEPS, shortcuts=True),
        lambda: _entropy_production(machine, _STEPS, "double", shortcuts=False),
    )
    yield costs(
        f"{what}, with shortcuts", "`entropy_production`, without shortcuts", times, at_most=4.0
    )
    times = timer.side_by_side(
        lambda: decomposed(_STEPS, shortcuts=False),
        lambda: _core.entropy_production_per_step(kernel, _STEPS, "double", False),
    )
    yield costs(f"{what}, without shortcuts", "`per_step`, without shortcuts", times)
    times = timer.side_by_side(
        lambda: decomposed(_STEPS, shortcuts=False),
        lambda: _entropy_production(machine, _STEPS, "double", shortcuts=False),
    )
    yield costs(f"{what}, without shortcuts", "`entropy_production`, without shortcuts", times)
    times = timer.side_by_side(
        lambda: decomposed(100 * _STEPS, shortcuts=False),
        lambda: decomposed(_STEPS, shortcuts=False),
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
