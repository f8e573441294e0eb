"""The next value of one component: its density, integrated below and above a point.

theory: nodes y = at + width sinh(u) with u equidistant: dense near the point, and reaching millions
of widths; the trapezoid rule converges geometrically for smooth densities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from entroprod.arrays import FloatArray
from entroprod.laws.machine_case import MachineCase
from entroprod.machine import AnyArray

# Nodes reach sinh(14) = 600 000 widths; a Cauchy density leaves 3e-6 outside.
_REACH = 14.0
# Many nodes around a mode that is known; fewer around each of many values drawn from the density.
_N_NODES = 1024
_N_NODES_AT = 256
# The mode is looked for on grids of this many nodes, each reaching 27 units, finer thrice.
_N_SEARCH = 65
_SEARCH_REACH = 4.0
_SEARCH_UNITS = (1.0, 1.0 / 30.0, 1.0 / 900.0)
# Width of the dense part, in units of 1/density at the mode: a tenth of a normal's 2.5 deviations.
_WIDTH = 0.1
# Sequences scored for one integral below and above a value.
N_SCORED = _N_SEARCH * len(_SEARCH_UNITS) + _N_NODES_AT + 2


@dataclass(frozen=True)
class Integral:
    """The density of the next value, integrated.

    Attributes
    ----------
    below, above : float
        Integrals up to the point and from it on.
    error : float
        What leaving out every other node changes.
    scale : float
        Sum of density times max(1, |log-density|): what the machine's precision is multiplied by.
    """

    below: float
    above: float
    error: float
    scale: float

    @property
    def total(self) -> float:
        """Integral over all values."""
        return self.below + self.above


def integrate_next(case: MachineCase, prefix: AnyArray, at: float | None = None) -> Integral:
    """Integrate the density of the value after a prefix, (t, 1), below and above a point.

    The point is where the density seems largest, or ``at``, a value that may be expected.
    """
    center, spread = (float(array[0]) for array in case.scales)

    def log_density(values: FloatArray) -> FloatArray:
        longer = np.empty((len(values), len(prefix) + 1, 1))
        longer[:, :-1], longer[:, -1, 0] = prefix, values
        return case.score(longer)[:, -1]

    best = center if at is None else at
    peak = float(log_density(np.array([best]))[0])
    for start, unit in zip((center, None, None), _SEARCH_UNITS):
        middle = best if start is None else start
        values = middle + spread * unit * np.sinh(np.linspace(-1, 1, _N_SEARCH) * _SEARCH_REACH)
        found = log_density(values)
        if float(np.max(found)) > peak:
            best, peak = float(values[np.argmax(found)]), float(np.max(found))
    width = _WIDTH * math.exp(min(-peak, 700.0))
    point, n_nodes = (best, _N_NODES) if at is None else (at, _N_NODES_AT)
    u = np.linspace(-_REACH, _REACH, n_nodes + 1)
    scores = log_density(point + width * np.sinh(u))
    terms = np.exp(scores) * width * np.cosh(u) * (u[1] - u[0])
    below, above = _halves(terms)
    coarse = _halves(2 * terms[::2])
    finite = np.where(np.isfinite(scores), scores, 0.0)
    return Integral(
        below=below,
        above=above,
        error=abs(sum(coarse) - below - above),
        scale=float(np.sum(terms * np.maximum(1.0, np.abs(finite)))),
    )


def _halves(terms: FloatArray) -> tuple[float, float]:
    middle = len(terms) // 2
    return (
        float(terms[:middle].sum() + terms[middle] / 2),
        float(terms[middle + 1 :].sum() + terms[middle] / 2),
    )
