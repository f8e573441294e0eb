"""Laws of exact values among themselves: totals, per-step values, curve, precision."""

from __future__ import annotations

import contextlib
import math

import numpy as np

from entroprod.laws.gaussian_pair_case import GaussianPairCase
from entroprod.laws.law import law
from entroprod.laws.measurement import ONE_NAT, Measurement
from entroprod.laws.pair_case import ABSOLUTE_FLOOR, EPSILON, PairCase
from entroprod.pairs.pair import NotAvailable


@law(
    "S_y(T) >= 0 for every T: it is a relative entropy",
    "the error that the results state",
    on=PairCase,
    source="[S26] eqs 14-20",
)
def non_negative(case: PairCase) -> Measurement:
    """How far below zero the sum of the steps falls, which nothing has rounded up to zero."""
    values = case.per_step
    lowest = min(case.finite_total, float(np.sum(values)))
    with contextlib.suppress(NotAvailable):  # not every kind of pair has a curve
        lowest = min(lowest, float(np.min(case.curve)))
    summed = EPSILON * case.exact_steps * float(np.sum(np.abs(values)))
    allowed = case.production.rounding_error + summed + ABSOLUTE_FLOOR
    return Measurement(max(0.0, -lowest), allowed, case.scale)


@law(
    "the curve at T is the total at T, and S_y(1) = 0 of a machine that reads itself",
    "the accuracy of the exact values",
    on=PairCase,
    check="check_curve",
)
def curve_is_totals(case: PairCase) -> Measurement:
    """Largest excess of |curve - total| over what both may be wrong, at a few lengths."""
    n_steps = case.exact_steps
    lengths = sorted({1, 2, 3, 1 + n_steps // 2, n_steps - 1, n_steps})
    curve = case.curve
    residual, tolerance = 0.0, ABSOLUTE_FLOOR
    if case.reads_itself:
        residual = abs(float(curve[0]))
    for steps in lengths:
        if 1 <= steps <= n_steps:
            own = case.total_at(steps)
            here = float(curve[steps - 1])
            off = 0.0 if own.total == here else abs(own.total - here)
            allowed = 2 * case.error_of(own)
            if math.isnan(off) or off * tolerance > residual * allowed:  # worst of off / allowed
                residual, tolerance = off, allowed
    return Measurement(residual, tolerance, max(float(curve[-1]), ONE_NAT))


@law("per-step values add up to the total", "the accuracy of the exact values", on=PairCase)
def per_step_adds_up(case: PairCase) -> Measurement:
    """|sum of per_step - total|; single values may be large and of either sign."""
    total, values = case.finite_total, case.per_step
    summed = EPSILON * case.exact_steps * float(np.sum(np.abs(values)))
    return Measurement(abs(float(np.sum(values)) - total), case.total_error + summed, case.scale)


@law(
    "double precision is as near to extended precision as it says",
    "the rounding error that the double-precision result states",
    on=GaussianPairCase,
)
def stated_rounding_error(case: GaussianPairCase) -> Measurement:
    """|total in double - total in extended precision| against the stated bound."""
    double = case.total_at(case.n_steps, precision="double")
    extended = case.total_at(case.n_steps, precision="extended")
    stated = double.rounding_error + extended.rounding_error
    return Measurement(
        abs(double.total - extended.total), stated + EPSILON * abs(extended.total), case.scale
    )
