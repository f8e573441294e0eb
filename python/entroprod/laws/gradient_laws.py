"""Laws of the gradients: against central differences of values in extended precision.

theory: the central difference (S(+h) - S(-h)) / 2h is off by h^2 S'''/6 and higher orders. Half the
step leaves a quarter of that, so (4 D(h/2) - D(h)) / 3 is off by order h^4, by less than the two
differ; what rounding of S does to it is divided by h.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from entroprod.gaussian.gradient import (
    entropy_production_gradient,
    entropy_production_rate_gradient,
)
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.laws.gaussian_case import GaussianCase, state_scales
from entroprod.laws.gaussian_pair_case import Array
from entroprod.laws.law import law
from entroprod.laws.measurement import Measurement, NotApplicable
from entroprod.laws.pair_case import ABSOLUTE_FLOOR, EPSILON, RATE_ACCURACY
from entroprod.questions import production

# Step of the differences, relative to the scales of states and outputs: rounding of values in
# extended precision, which are given out as doubles, costs eps / h of them.
_STEP = 1e-4
_NAMES = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")
# What the gradient promises, of its largest entry.
_ACCURACY = 1e-9
_WHY = "what halving the step changes, rounding over the step, and the accuracy of the gradient"


@law("the gradient of S_y is its slope in any direction", _WHY, on=GaussianCase)
def gradient_is_slope(case: GaussianCase) -> Measurement:
    """The gradient along a random direction against central differences of S_y."""
    gradient = entropy_production_gradient(case.machine, case.n_steps, precision="extended")

    def total(machine: LinearGaussian) -> tuple[float, float]:
        found = production.entropy_production(machine, case.n_steps, precision="extended")
        return found.total, found.rounding_error

    return _compare(case, gradient, total)


@law("the gradient of the rate is its slope in any direction", _WHY, on=GaussianCase)
def rate_gradient_is_slope(case: GaussianCase) -> Measurement:
    """The gradient along a random direction against central differences of the rate."""
    if case.machine.n_outputs == 1:
        raise NotApplicable("the rate of one output is always 0")
    if case.gap < _STEP * 1e2:
        raise NotApplicable("the machine is too near to a unit root for differences of the rate")
    gradient = entropy_production_rate_gradient(case.machine, precision="extended")

    def rate(machine: LinearGaussian) -> tuple[float, float]:
        found = production.entropy_production_rate(machine, precision="extended")
        return found, RATE_ACCURACY * EPSILON * found

    return _compare(case, gradient, rate)


def _compare(
    case: GaussianCase,
    gradient: Any,
    value: Callable[[LinearGaussian], tuple[float, float]],
) -> Measurement:
    machine = case.machine
    directions = _directions(case)
    expected = size = 0.0
    for name, direction in zip(_NAMES, directions):
        terms = getattr(gradient, name) * direction
        expected += float(np.sum(terms))
        size += float(np.sum(np.abs(terms)))
    slopes, rounding = [], 0.0
    for step in (_STEP, _STEP / 2):
        ends = [value(_moved(machine, directions, sign * step)) for sign in (1.0, -1.0)]
        slopes.append((ends[0][0] - ends[1][0]) / (2 * step))
        rounding = sum(error + EPSILON * abs(end) for end, error in ends) / step
    slope = (4 * slopes[1] - slopes[0]) / 3
    # Entries are rounded when they are moved: a relative eps of theirs over the step.
    rounding += EPSILON * _size_of_entries(machine, gradient) / _STEP
    tolerance = abs(slopes[1] - slopes[0]) + 2 * rounding + _ACCURACY * size + ABSOLUTE_FLOOR
    return Measurement(abs(slope - expected), tolerance, max(abs(slope), size, ABSOLUTE_FLOOR))


def _size_of_entries(machine: LinearGaussian, gradient: Any) -> float:
    return sum(
        float(np.sum(np.abs(getattr(gradient, name) * getattr(machine, name)))) for name in _NAMES
    )


def _directions(case: GaussianCase) -> tuple[Array, ...]:
    """Changes of the four matrices, of order one in the units of states and outputs."""
    machine, rng = case.machine, case.generator(22)
    states = state_scales(machine, 100)
    outputs = np.sqrt(np.diag(machine.innovation_cov))

    def draw(rows: Array, columns: Array) -> Array:
        return rng.uniform(-1, 1, (rows.size, columns.size)) * np.outer(rows, 1 / columns)

    # A covariance moves by C Z + Z^T C, which stays one for small steps.
    mixing = machine.innovation_cov @ draw(1 / outputs, 1 / outputs)
    return (
        draw(states, states),
        draw(states, outputs),
        draw(outputs, states),
        (mixing + mixing.T) / 2,
    )


def _moved(machine: LinearGaussian, directions: tuple[Array, ...], step: float) -> LinearGaussian:
    try:
        return LinearGaussian(
            *(getattr(machine, name) + step * one for name, one in zip(_NAMES, directions))
        )
    except ValueError as error:
        raise NotApplicable(
            f"undecidable: a change of {step:.0e} breaks the machine ({error})"
        ) from (None)
