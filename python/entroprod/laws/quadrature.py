"""The next value of one component: its density, integrated.

theory: nodes y = mode + width sinh(u) with u equidistant: dense near the mode, and reaching half a
million widths; the trapezoid rule converges geometrically for smooth densities.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.sequences import AnyArray
from entroprod.laws.machine_case import MachineCase

# Nodes reach sinh(14) = 600 000 widths; a Cauchy density leaves 3e-6 outside.
_REACH = 14.0
# Tails that fall more slowly than |y|^-1.2 are taken for densities that can't be normalised.
_SLOWEST_DECAY = 0.2
# Many nodes for the total; fewer for the place of each of many values, which goes into a bin.
_N_NODES = 1024
_N_NODES_AT = 256
# The mode is looked for on grids of this many nodes, each reaching 27 units, finer thrice.
_N_SEARCH = 65
_SEARCH_REACH = 4.0
_SEARCH_UNITS = (1.0, 1.0 / 30.0, 1.0 / 900.0)
# Width of the dense part, in units of 1/density at the mode: a tenth of a normal's 2.5 deviations.
_WIDTH = 0.1
# Sequences scored for the place of one value.
N_SCORED = _N_SEARCH * len(_SEARCH_UNITS) + _N_NODES_AT + 2


@dataclass(frozen=True)
class Integral:
    """The density of the next value, integrated.

    Attributes
    ----------
    total : float
        Over all values.
    error : float
        What leaving out every other node changes in it, and what lies beyond the nodes.
    scale : float
        Sum of density times max(1, |log-density|): what the machine's precision is multiplied by.
    places : ndarray, (2,)
        Integrals over the values below a point, and over those that are likelier than it, as parts
        of the total.
    place_error : float
        What leaving out every other node changes in them.
    """

    total: float
    error: float
    scale: float
    places: FloatArray
    place_error: float


def integrate_next(case: MachineCase, prefix: AnyArray, at: float | None = None) -> Integral:
    """Integrate the density of the value after a prefix, (t, 1): all, and relative to a point.

    The point, ``at``, is by default where the density seems largest.
    """
    center, spread = (float(array[0]) for array in case.scales)

    def log_density(values: FloatArray) -> FloatArray:
        longer = np.empty((len(values), len(prefix) + 1, 1))
        longer[:, :-1], longer[:, -1, 0] = prefix, values
        return case.score(longer)[:, -1]

    point = center if at is None else at
    level = float(log_density(np.array([point]))[0])
    mode, peak = point, level
    for start, unit in zip((center, None, None), _SEARCH_UNITS):
        middle = mode if start is None else start
        values = middle + spread * unit * np.sinh(np.linspace(-1, 1, _N_SEARCH) * _SEARCH_REACH)
        found = log_density(values)
        if float(np.max(found)) > peak:
            mode, peak = float(values[np.argmax(found)]), float(np.max(found))
    if at is None:
        point, level = mode, peak
    width = _WIDTH * math.exp(min(-peak, 700.0))
    u = np.linspace(-_REACH, _REACH, (_N_NODES if at is None else _N_NODES_AT) + 1)
    nodes = _Nodes(mode + width * np.sinh(u), width * np.cosh(u), u[1] - u[0])
    scores = log_density(nodes.values)
    coarse = _Nodes(nodes.values[::2], nodes.slopes[::2], 2 * nodes.step)
    total = nodes.integral(scores)
    places, fewer = nodes.places(scores, point, level), coarse.places(scores[::2], point, level)
    with np.errstate(invalid="ignore", divide="ignore"):
        places, place_error = places / total, np.max(np.abs(places - fewer)) / total
    return Integral(
        total=total,
        error=abs(coarse.integral(scores[::2]) - total) + nodes.beyond(scores),
        scale=nodes.integral(scores, np.maximum(1.0, np.abs(np.where(scores > -700, scores, 0)))),
        places=places,
        place_error=float(place_error),
    )


@dataclass(frozen=True)
class _Nodes:
    """Values at equidistant u, with their derivatives, and the distance of the u."""

    values: FloatArray
    slopes: FloatArray
    step: float

    def integral(self, scores: FloatArray, factor: FloatArray | float = 1.0) -> float:
        return float(np.sum(np.exp(scores) * factor * self.slopes) * self.step)

    def beyond(self, scores: FloatArray) -> float:
        """Integral of the density outside of the nodes, where it falls like a power there.

        theory: of p ~ y^-(1 + a) it is y p(y) / a, and y grows like e^u towards either end.
        """
        outside = 0.0
        for end, inner in ((0, 8), (-1, -9)):
            # Far from the nodes the slope dy/du is the distance itself.
            left, before = (scores[i] + math.log(self.slopes[i]) for i in (end, inner))
            if left > -math.inf:
                decay = (before - left) / (8.0 * self.step)
                outside += math.exp(left) / decay if decay > _SLOWEST_DECAY else 0.0
        return outside

    def places(self, scores: FloatArray, point: float, level: float) -> FloatArray:
        """(2,) integrals up to a point, and over log-densities above a level."""
        terms = np.exp(scores) * self.slopes * self.step
        pieces = (terms[1:] + terms[:-1]) / 2
        before = np.clip((point - self.values[:-1]) / np.diff(self.values), 0.0, 1.0)
        # Density and its logarithm are taken as linear in value between nodes.
        below = np.sum(pieces * before + np.diff(terms) * (before**2 - before) / 2)
        lower, higher = np.minimum(scores[1:], scores[:-1]), np.maximum(scores[1:], scores[:-1])
        with np.errstate(invalid="ignore", divide="ignore"):
            share = (higher - level) / (higher - lower)
        share = np.where(lower >= level, 1.0, np.where(higher <= level, 0.0, share))
        return np.array([below, np.sum(share * pieces)])
