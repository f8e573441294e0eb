"""Laws of the closed forms among themselves: totals, per-step values, curve, precision."""

from __future__ import annotations

import numpy as np

from entroprod.laws.case import ABSOLUTE_FLOOR, EPSILON, Case, allowed_error
from entroprod.laws.law import Measurement, law
from entroprod.questions import production


@law("S_y(T) >= 0 for every T: it is a relative entropy", "the error that the results state")
def non_negative(case: Case) -> Measurement:
    """How far below zero the sum of the steps falls, which nothing has rounded up to zero."""
    values = case.per_step
    summed = EPSILON * case.n_steps * float(np.sum(np.abs(values)))
    lowest = min(case.total, float(np.min(case.curve)), float(np.sum(values)))
    allowed = case.production.rounding_error + summed + ABSOLUTE_FLOOR
    return Measurement(max(0.0, -lowest), allowed, case.scale)


@law("the curve at T is the total at T, and S_y(1) = 0", "the accuracy of the closed forms")
def curve_is_totals(case: Case) -> Measurement:
    """Largest excess of |curve - total| over what both may be wrong, at a few lengths."""
    lengths = sorted({1, 2, 3, 1 + case.n_steps // 2, case.n_steps - 1, case.n_steps})
    residual, tolerance = abs(float(case.curve[0])), ABSOLUTE_FLOOR
    for steps in lengths:
        if 1 <= steps <= case.n_steps:
            own = production.entropy_production(case.machine, steps)
            off = abs(own.total - float(case.curve[steps - 1]))
            allowed = 2 * (allowed_error(own.total) + own.rounding_error)
            if off * tolerance > residual * allowed:  # the worst of off / allowed
                residual, tolerance = off, allowed
    return Measurement(residual, tolerance, case.scale)


@law("per-step values add up to the total", "the accuracy of the closed forms")
def per_step_adds_up(case: Case) -> Measurement:
    """|sum of per_step - total|; single values may be large and of either sign."""
    values = case.per_step
    summed = EPSILON * case.n_steps * float(np.sum(np.abs(values)))
    return Measurement(
        abs(float(np.sum(values)) - case.total), case.total_error + summed, case.scale
    )


@law(
    "double precision is as near to extended precision as it says",
    "the rounding error that the double-precision result states",
)
def stated_rounding_error(case: Case) -> Measurement:
    """|total in double - total in extended precision| against the stated bound."""
    double = production.entropy_production(case.machine, case.n_steps, precision="double")
    extended = production.entropy_production(case.machine, case.n_steps, precision="extended")
    stated = double.rounding_error + extended.rounding_error
    return Measurement(
        abs(double.total - extended.total), stated + EPSILON * abs(extended.total), case.scale
    )
