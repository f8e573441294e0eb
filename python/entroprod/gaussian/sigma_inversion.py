"""Densities and distribution functions from generating functions.

The inverse Laplace transform (2 pi i)^-1 int exp(K(s) - s x) ds, for tail probabilities divided by
s or -s, runs along a hyperbola through the real saddle point of the whole integrand, bent around
the cut on the side on which exp(-s x) decays. With s = s0 + c (cosh u - 1) + i b sinh u the
trapezoid rule in u converges geometrically [TW14], and since nothing cancels at a saddle
point the tails keep their relative accuracy.

Of weights in pairs, K(s) = K(-1 - s), negative x are mirrored: s -> -1 - s turns the density at -y
into exp(-y) times that at y, and the lower tail into exp(-y) times an integral with its pole at -1
in place of 0. Of any weights, the law of -x takes the place of that of x where the hyperbola has to
bend to the left; and a straight line, on which nothing can grow, that of a hyperbola on which the
slopes would make the integrand grow before it decays.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import k0e, ndtr

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.errors import NumericalError
from entroprod.gaussian.generating_function import (
    BLOCK,
    ComplexArray,
    GeneratingFunction,
    PairedWeights,
    Weights,
)

Kind: TypeAlias = Literal["pdf", "cdf", "sf"]
BoolArray: TypeAlias = npt.NDArray[np.bool_]

# The promise: relative error of every value. Halving the step squares the error of the trapezoid
# rule, so that of the last sum lies far below its difference from the one before.
RELATIVE_ACCURACY = 1e-10
_CONVERGED = 1e-11
_FIRST_NODES = 16
_MOST_NODES = 2**15
# What is below exp(-800) is 0 as a double, whatever factor stands before it.
_NEGLIGIBLE_LOG = -800.0
# A tail of less than this leaves 1 as it is.
_BELOW_ROUNDING_LOG = -40.0
# Nodes beyond the point where the integrand has fallen so far add nothing.
_CUT_OFF_LOG = -42.0
# There cosh u comes near the end of the doubles.
_LAST = 700.0
# In units of the distance between the cuts; times its logarithm, below every rounding.
_NEAR_ZERO = 1e-60
# Slope of the hyperbola's asymptotes against the imaginary axis: below 1, where a Gaussian
# integrand would grow along them.
_BEND = 0.5
# An integrand that grows by exp of this from its saddle loses as many digits of its sum: three.
_MOST_GROWTH_LOG = 8.0
# Standard deviations beyond which no law with an end that far has anything.
_FARTHEST = 1e100


def invert(function: GeneratingFunction, x: FloatArray, kind: Kind) -> FloatArray:
    """Values at finite x, (B,), of a law that isn't a single point.

    A density is infinite at the end of a single weight, and between two of opposite signs.
    """
    if isinstance(function, PairedWeights):
        return _invert_pairs(function, x, kind)
    if isinstance(function, Weights):
        return _invert_any(function, x, kind)
    raise TypeError(f"no inversion of {type(function).__name__}")


def _invert_pairs(function: PairedWeights, x: FloatArray, kind: Kind) -> FloatArray:
    below = x < 0.0
    y = np.abs(x)
    if kind == "pdf":
        if function.gaps.size == 1:
            values = _density_of_a_pair(function, y)
        else:
            values = _values(_Problem(function), y)
        with np.errstate(under="ignore"):
            return np.asarray(values * np.exp(np.where(below, x, 0.0)))
    result = np.empty_like(x)
    lower = _values(_Problem(function, pole=-1.0, side=1), y[below])
    if kind == "cdf":
        result[below] = lower
        result[~below] = _values(_Problem(function, side=-1), y[~below])
    else:
        # The lower tail is at most 1/2, since the density at -y is the smaller one.
        result[below] = 1.0 - lower
        result[~below] = _values(_Problem(function, side=1), y[~below])
    return result


def _density_of_a_pair(function: PairedWeights, y: FloatArray) -> FloatArray:
    """Density at y >= 0 of a single pair of weights, a Bessel function: infinite at 0."""
    sine = 0.5 * np.sqrt(function.gaps[0])
    slope = np.sqrt(1.0 + sine**2) / (2.0 * sine)
    with np.errstate(under="ignore", over="ignore"):
        return np.asarray(np.exp(-function.cut * y) * k0e(slope * y) / (2.0 * np.pi * sine))


def _invert_any(function: Weights, x: FloatArray, kind: Kind) -> FloatArray:
    if function.weights.size == 0:
        return _of_normal(x / np.sqrt(function.spread), kind) / (
            np.sqrt(function.spread) if kind == "pdf" else 1.0
        )
    result = np.full(x.shape, np.nan)
    near = np.zeros(x.shape, np.bool_)
    if function.spread == 0.0:
        _fill_in_at_the_end(function, x, kind, result)
        smallest = float(np.min(np.abs(function.weights)))
        # There exp(-s x) decays where s w is large in all terms.
        near = np.abs(x - function.end) < 0.5 * function.weights.size * smallest
    for chosen, law, start in (
        (np.isnan(result) & ~near, function, 0.0),
        (np.isnan(result) & near, function.from_end(), function.end),
    ):
        right = x[chosen] >= function.end
        result[chosen] = _by_contours(law, x[chosen] - start, right, kind)
    return result


def _by_contours(function: Weights, x: FloatArray, right: BoolArray, kind: Kind) -> FloatArray:
    """Values at x, (B,), from a hyperbola bent to the right, or the left, or from a line."""
    result = np.full(x.shape, np.nan)
    mirrored = function.mirrored()
    for bend, turned in ((_BEND, False), (_BEND, True), (0.0, False)):
        for to_the_right in (True, False):
            chosen = np.flatnonzero(np.isnan(result) & ((right != turned) == to_the_right))
            if chosen.size == 0:
                continue
            side = {"pdf": 0, "cdf": -1, "sf": 1}[kind] * (1 if to_the_right else -1)
            problem = _Problem(function if to_the_right else mirrored, side=side, bend=bend)
            y = x[chosen] if to_the_right else -x[chosen]
            result[chosen] = _values(problem, y, lenient=True)
    if np.isnan(result).any():
        raise _not_converged(x[np.isnan(result)][0])
    return result


def _of_normal(units: FloatArray, kind: Kind) -> FloatArray:
    if kind == "pdf":
        with np.errstate(under="ignore", over="ignore"):
            return np.asarray(np.exp(-0.5 * units**2) / np.sqrt(2.0 * np.pi))
    return np.asarray(ndtr(units if kind == "cdf" else -units), np.float64)


def _fill_in_at_the_end(function: Weights, x: FloatArray, kind: Kind, result: FloatArray) -> None:
    """Values at and beyond the end of weights of one sign; between two of both the density's."""
    end, (low, high) = function.end, function.ends
    has_end = np.isfinite(low) or np.isfinite(high)
    result[x <= low] = 1.0 if kind == "sf" else 0.0
    result[x >= high] = 1.0 if kind == "cdf" else 0.0
    if kind != "pdf" or function.weights.size > 2:
        return
    density = np.inf
    if function.weights.size == 2 and has_end:
        # Ellipses around the point where both terms end, of area 2 pi times the distance from the
        # end over this root.
        root = np.sqrt(np.prod(np.abs(function.weights)))
        density = np.exp(-0.5 * np.sum(function.squares / function.weights**2)) / root
    result[x == end] = density


def _not_converged(x: float) -> NumericalError:
    return NumericalError(
        f"the inversion at |x| = {abs(x):.17g} has not converged to {RELATIVE_ACCURACY:g} with "
        f"{_MOST_NODES} nodes"
    )


def _values(problem: _Problem, y: FloatArray, *, lenient: bool = False) -> FloatArray:
    """Values of one kind of integral at y, (B,); NaN, if that is allowed, where there is none."""
    result = np.empty_like(y)
    settled = problem.settle(y, result)
    open_points = np.flatnonzero(~settled)
    # So many points at a time that their first nodes fill a block.
    batch = max(1, BLOCK // (4 * _FIRST_NODES))
    for start in range(0, open_points.size, batch):
        chosen = open_points[start : start + batch]
        # So near 0 nothing changes, and exp(-s y) would need astronomical s to decay.
        near = np.abs(y[chosen]) * problem.width < _NEAR_ZERO
        found = problem.integrate(np.where(near, 0.0, y[chosen]))
        if not lenient and np.isnan(found).any():
            raise _not_converged(y[chosen][np.isnan(found)][0])
        result[chosen] = found
    return result


class _Problem:
    """The integral of exp(K(s) - s y), over +-(s - pole) if ``side`` tells the saddle's side."""

    def __init__(
        self,
        function: GeneratingFunction,
        pole: float = 0.0,
        side: int = 0,
        bend: float = _BEND,
    ) -> None:
        self.function, self.pole, self.side, self.bend = function, pole, side, bend
        low, self.cut = function.cuts
        self.unit = 1.0 / np.sqrt(function.cumulant(2))
        # Between the cuts, as far as there are any.
        ends = [-low, self.cut]
        self.width = sum(1e3 * self.unit if np.isinf(end) else end for end in ends)
        self.low = pole if side > 0 else low
        self.high = pole if side < 0 else self.cut

    def settle(self, y: FloatArray, result: FloatArray) -> BoolArray:
        """Fill in the values that need no integral; which they are."""
        bound = self._tail_bound(y)
        if self.side < 0:
            settled = bound < _BELOW_ROUNDING_LOG
            result[settled] = 1.0
            return settled
        settled = bound < _NEGLIGIBLE_LOG
        result[settled] = 0.0
        return settled

    def _tail_bound(self, y: FloatArray) -> FloatArray:
        """Chernoff's bound of the logarithm of the tail beyond y."""
        with np.errstate(over="ignore", invalid="ignore"):
            if np.isfinite(self.cut):
                # At half the way to the cut.
                half = 0.5 * self.cut
                return np.asarray(self.function.on_the_axis(np.array([half]))[0] - half * y)
            # As if it were normal.
            place = np.clip(y - self.function.cumulant(1), 0.0, _FARTHEST / self.unit)
            place = place * self.unit**2
            return np.asarray(self.function.on_the_axis(place) - place * y)

    def integrate(self, y: FloatArray) -> FloatArray:
        saddle, width = self._saddle(y)
        contour = _Contour(saddle, width, self.bend)
        height = self._exponent(saddle[:, None].astype(np.complex128), y)[:, 0].real
        mirror = y if self.pole else np.zeros_like(y)
        end, growth = self._end(contour, y, height)
        result = np.full(y.shape, np.nan)
        # At its saddle the integrand is at its largest.
        vanishing = (height < _NEGLIGIBLE_LOG) & (self.side >= 0)
        result[vanishing] = 0.0
        active = np.flatnonzero((growth <= _MOST_GROWTH_LOG) & ~vanishing)
        if active.size == 0:
            return result
        contour, y, height = contour.at(active), y[active], height[active]
        mirror, end = mirror[active], end[active]
        n_nodes, step = _FIRST_NODES, end / _FIRST_NODES
        nodes = np.arange(n_nodes + 1)
        weights = np.where(nodes == 0, 0.5, 1.0)
        total = self._sum(contour, y, height, step[:, None] * nodes, weights)
        while active.size and n_nodes < _MOST_NODES:
            n_nodes *= 2
            step = 0.5 * step
            odd = step[:, None] * np.arange(1, n_nodes, 2)
            refined = total + self._sum(contour, y, height, odd, np.ones(odd.shape[1]))
            before, now = 2.0 * step * total, step * refined
            done = (np.abs(now - before) <= _CONVERGED * now) & (now > 0.0)
            with np.errstate(divide="ignore", under="ignore"):
                result[active[done]] = np.exp(
                    height[done] - mirror[done] + np.log(now[done] / np.pi)
                )
            left = np.flatnonzero(~done)
            active, y, height, step = active[left], y[left], height[left], step[left]
            contour, total, mirror = contour.at(left), refined[left], mirror[left]
        return result

    def _sum(
        self,
        contour: _Contour,
        y: FloatArray,
        height: FloatArray,
        u: FloatArray,
        weights: FloatArray,
    ) -> FloatArray:
        """Sum over the nodes u, (B, n), of the imaginary part of the integrand, (B,)."""
        s, slope = contour(u)
        with np.errstate(under="ignore", over="ignore"):
            values = np.exp(self._exponent(s, y) - height[:, None]) * slope
        return np.asarray(values.imag @ weights)

    def _end(
        self, contour: _Contour, y: FloatArray, height: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """Where the integrand has become negligible, and how much it has grown before; (B,) each.

        The growth, a logarithm, is that of the integrand over its value at the saddle.
        """
        end, most = np.full(y.shape, np.nan), np.full(y.shape, -np.inf)
        u, growth = 2.0, 0.5
        while np.isnan(end).any():
            s, slope = contour(np.full((y.size, 1), u))
            with np.errstate(over="ignore", invalid="ignore"):
                exponent = self._exponent(s, y)[:, 0].real - height
            size = exponent + np.log(np.abs(slope[:, 0]))
            still = np.isnan(end)
            most[still] = np.fmax(most[still], exponent[still])
            end[still & (size < _CUT_OFF_LOG + np.log(contour.width))] = u
            if u >= _LAST:
                end[np.isnan(end)] = u
            growth = max(growth, 0.125 * u)
            u = min(u + growth, _LAST)
        return end, most

    def _exponent(self, s: ComplexArray, y: FloatArray) -> ComplexArray:
        """(B, n) logarithm of the integrand."""
        result = self.function.log_moment(s.ravel()).reshape(s.shape) - s * y[:, None]
        return result - np.log(self.side * (s - self.pole)) if self.side else result

    def _saddle(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Minimum of the integrand on the real axis, roughly, and its width; (B,) each.

        Newton's method on the derivative of the exponent, which is monotone, within a bracket.
        """
        low, high = self._bracket(y)
        s = 0.5 * (low + high)
        for _ in range(200):
            slope, curvature = self._derivatives(s)
            slope = slope - y
            high = np.where(slope > 0.0, s, high)
            low = np.where(slope > 0.0, low, s)
            moved = s - slope / curvature
            # Never all the way to a singularity.
            moved = np.clip(moved, s - 0.9 * (s - low), s + 0.9 * (high - s))
            # Nothing depends on the exact place: a small part of the width will do.
            near = np.abs(moved - s) * np.sqrt(curvature) < 1e-2
            s = np.where(near, s, moved)
            if near.all():
                break
        return s, 1.0 / np.sqrt(self._derivatives(s)[1])

    def _bracket(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Finite bounds of the saddle point, (B,) each."""
        bounds = []
        for bound, start, sign in (
            (self.low, min(self.high, 0.0), -1.0),
            (self.high, max(self.low, 0.0), 1.0),
        ):
            place = np.full(y.shape, bound)
            if np.isinf(bound):
                step = self.unit
                place[:] = start + sign * step
                with np.errstate(over="ignore", invalid="ignore"):
                    while (short := sign * (self._derivatives(place)[0] - y) < 0.0).any():
                        step *= 2.0
                        place[short] = start + sign * step
            bounds.append(place)
        return bounds[0], bounds[1]

    def _derivatives(self, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """First and second derivative of the exponent, without the term in y."""
        slope, curvature = self.function.derivatives(s)
        if self.side:
            distance = s - self.pole
            slope, curvature = slope - 1.0 / distance, curvature + 1.0 / distance**2
        return slope, curvature


class _Contour:
    """Hyperbola s(u) = s0 + c (cosh u - 1) + i b sinh u for each of B points."""

    def __init__(self, saddle: FloatArray, width: FloatArray, bend: float) -> None:
        self.saddle, self.width, self.bend = saddle, width, bend

    def at(self, chosen: npt.NDArray[np.intp]) -> _Contour:
        return _Contour(self.saddle[chosen], self.width[chosen], self.bend)

    def __call__(self, u: FloatArray) -> tuple[ComplexArray, ComplexArray]:
        """s and ds/du at the nodes u, (B, n)."""
        rise = self.width[:, None]
        bend = self.bend * rise
        # cosh u - 1 = 2 sinh^2(u/2)
        s = self.saddle[:, None] + bend * 2.0 * np.sinh(0.5 * u) ** 2 + 1j * rise * np.sinh(u)
        return s, bend * np.sinh(u) + 1j * rise * np.cosh(u)
