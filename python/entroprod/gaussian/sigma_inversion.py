"""Density and distribution function of sigma from its moment generating function.

theory: E[exp(s sigma)] = exp(K(s)) = prod_j (1 - g_j s (1 + s))^(-1/2), with g_j = 4 sinh^2 theta_j
over the pairs of singular values exp(+-theta_j) of the whitened reversal matrix. It is analytic
off two cuts of the real axis, s >= r and s <= -1 - r.

The inverse Laplace transform (2 pi i)^-1 int exp(K(s) - s x) ds, for tail probabilities divided by
s or -s, runs along a hyperbola through the real saddle point of the whole integrand, bent around
the right cut, the side on which exp(-s x) decays. With s = s0 + c (cosh u - 1) + i b sinh u the
trapezoid rule in u converges geometrically [TW14], and since nothing cancels at a saddle
point the tails keep their relative accuracy.

Negative x are mirrored: K(-1 - s) = K(s) turns the density at -y into exp(-y) times that at y, and
the lower tail into exp(-y) times an integral with its pole at -1 in place of 0.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.special import k0e

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.errors import NumericalError

Kind: TypeAlias = Literal["pdf", "cdf", "sf"]
ComplexArray: TypeAlias = npt.NDArray[np.complex128]

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
# In units of the distance between the cuts; times its logarithm, below every rounding.
_NEAR_ZERO = 1e-60
# Slope of the hyperbola's asymptotes against the imaginary axis: below 1, where a Gaussian
# integrand would grow along them.
_BEND = 0.5
# Complex numbers in flight; more leave the cache.
_BLOCK = 2**18


def invert(gaps: FloatArray, x: FloatArray, kind: Kind) -> FloatArray:
    """Values at finite x, (B,), of the law with the positive ``gaps`` g_j, (J,).

    ``pdf`` at 0 is infinite for a single gap, whose density has a logarithmic singularity there.
    """
    below = x < 0.0
    y = np.abs(x)
    if kind == "pdf":
        values = _density_of_a_pair(gaps[0], y) if gaps.size == 1 else _values(_Problem(gaps), y)
        with np.errstate(under="ignore"):
            return np.asarray(values * np.exp(np.where(below, x, 0.0)))
    result = np.empty_like(x)
    lower = _values(_Problem(gaps, pole=-1.0, side=1), y[below])
    if kind == "cdf":
        result[below] = lower
        result[~below] = _values(_Problem(gaps, pole=0.0, side=-1), y[~below])
    else:
        # The lower tail is at most 1/2, since the density at -y is the smaller one.
        result[below] = 1.0 - lower
        result[~below] = _values(_Problem(gaps, pole=0.0, side=1), y[~below])
    return result


def _density_of_a_pair(gap: float, y: FloatArray) -> FloatArray:
    """Density at y >= 0 of a single pair of weights, a Bessel function: infinite at 0."""
    sine = 0.5 * np.sqrt(gap)
    slope = np.sqrt(1.0 + sine**2) / (2.0 * sine)
    with np.errstate(under="ignore", over="ignore"):
        return np.asarray(np.exp(-_cut(gap) * y) * k0e(slope * y) / (2.0 * np.pi * sine))


def _cut(gap: float) -> float:
    """Where the cut of a pair begins: 1/w_+ = 1/(exp(2 asinh a) - 1), with g = 4 a^2."""
    return 1.0 / float(np.expm1(2.0 * np.arcsinh(0.5 * np.sqrt(gap))))


def _values(problem: _Problem, y: FloatArray) -> FloatArray:
    """Values of one kind of integral at y >= 0, (B,)."""
    result = np.empty_like(y)
    settled = problem.settle(y, result)
    open_points = np.flatnonzero(~settled)
    # So many points at a time that their first nodes fill a block.
    batch = max(1, _BLOCK // (4 * _FIRST_NODES))
    for start in range(0, open_points.size, batch):
        chosen = open_points[start : start + batch]
        # So near 0 nothing changes, and exp(-s y) would need astronomical s to decay.
        near = y[chosen] * (1.0 + problem.cut) < _NEAR_ZERO
        result[chosen] = problem.integrate(np.where(near, 0.0, y[chosen]))
    return result


class _Problem:
    """The integral of exp(K(s) - s y), over +-(s - pole) if ``side`` tells the saddle's side."""

    def __init__(self, gaps: FloatArray, pole: float = 0.0, side: int = 0) -> None:
        self.gaps, self.pole, self.side = gaps, pole, side
        self.cut = _cut(float(np.max(gaps)))
        self.low = pole if side > 0 else -1.0 - self.cut
        self.high = pole if side < 0 else self.cut

    def settle(self, y: FloatArray, result: FloatArray) -> npt.NDArray[np.bool_]:
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
        """Chernoff's bound of the logarithm of the tail beyond y, at half the way to the cut."""
        half = 0.5 * self.cut
        with np.errstate(over="ignore"):
            exponent = half * y
        return np.asarray(self._log_moment(np.array([half + 0j]))[0].real - exponent)

    def integrate(self, y: FloatArray) -> FloatArray:
        saddle, width = self._saddle(y)
        contour = _Contour(saddle, width)
        height = self._exponent(saddle[:, None].astype(np.complex128), y)[:, 0].real
        mirror = y if self.pole else np.zeros_like(y)
        end = self._end(contour, y, height)
        n_nodes, step = _FIRST_NODES, end / _FIRST_NODES
        nodes = np.arange(n_nodes + 1)
        weights = np.where(nodes == 0, 0.5, 1.0)
        total = self._sum(contour, y, height, step[:, None] * nodes, weights)
        result = np.empty_like(y)
        active = np.arange(y.size)
        while True:
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
            left = ~done
            if not left.any():
                return result
            if n_nodes >= _MOST_NODES:
                msg = (
                    f"the inversion at |x| = {y[left][0]:.17g} has not converged to "
                    f"{RELATIVE_ACCURACY:g} with {n_nodes} nodes"
                )
                raise NumericalError(msg)
            active, y, height, step = active[left], y[left], height[left], step[left]
            contour, total, mirror = contour.at(left), refined[left], mirror[left]

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

    def _end(self, contour: _Contour, y: FloatArray, height: FloatArray) -> FloatArray:
        """(B,) where the integrand has become negligible."""
        end = np.full(y.shape, np.nan)
        u, growth = 2.0, 0.5
        while np.isnan(end).any():
            s, slope = contour(np.full((y.size, 1), u))
            size = self._exponent(s, y)[:, 0].real - height + np.log(np.abs(slope[:, 0]))
            small = size < _CUT_OFF_LOG + np.log(contour.width)
            end[np.isnan(end) & small] = u
            if u > 700.0:  # cosh u reaches the end of the doubles
                end[np.isnan(end)] = u
            growth = max(growth, 0.125 * u)
            u += growth
        return end

    def _exponent(self, s: ComplexArray, y: FloatArray) -> ComplexArray:
        """(B, n) logarithm of the integrand."""
        result = self._log_moment(s.ravel()).reshape(s.shape) - s * y[:, None]
        return result - np.log(self.side * (s - self.pole)) if self.side else result

    def _log_moment(self, s: ComplexArray) -> ComplexArray:
        # The factors of a pair have arguments of opposite signs, so the principal logarithm of
        # their product is the continuous one.
        product = s * (1.0 + s)
        result = np.zeros_like(s)
        at_once = max(1, _BLOCK // s.size)
        for start in range(0, self.gaps.size, at_once):
            gaps = self.gaps[start : start + at_once, None]
            result += np.log(1.0 - gaps * product).sum(axis=0)
        return -0.5 * result

    def _saddle(self, y: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Minimum of the integrand on the real axis, roughly, and its width; (B,) each.

        Newton's method on the derivative of the exponent, which is monotone, within a bracket.
        """
        low, high = np.full(y.shape, self.low), np.full(y.shape, self.high)
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

    def _derivatives(self, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """First and second derivative of the exponent, without the term in y."""
        slope, curvature = np.zeros_like(s), np.zeros_like(s)
        if self.side:
            distance = s - self.pole
            slope, curvature = -1.0 / distance, 1.0 / distance**2
        at_once = max(1, _BLOCK // s.size)
        for start in range(0, self.gaps.size, at_once):
            gaps = self.gaps[start : start + at_once, None]
            share = gaps / (1.0 - gaps * (s * (1.0 + s)))
            pull = share * (1.0 + 2.0 * s)
            slope = slope + 0.5 * pull.sum(axis=0)
            curvature = curvature + (share + 0.5 * pull**2).sum(axis=0)
        return slope, curvature


class _Contour:
    """Hyperbola s(u) = s0 + c (cosh u - 1) + i b sinh u for each of B points."""

    def __init__(self, saddle: FloatArray, width: FloatArray) -> None:
        self.saddle, self.width = saddle, width

    def at(self, chosen: npt.NDArray[np.bool_]) -> _Contour:
        return _Contour(self.saddle[chosen], self.width[chosen])

    def __call__(self, u: FloatArray) -> tuple[ComplexArray, ComplexArray]:
        """s and ds/du at the nodes u, (B, n)."""
        rise = self.width[:, None]
        bend = _BEND * rise
        # cosh u - 1 = 2 sinh^2(u/2)
        s = self.saddle[:, None] + bend * 2.0 * np.sinh(0.5 * u) ** 2 + 1j * rise * np.sinh(u)
        return s, bend * np.sinh(u) + 1j * rise * np.cosh(u)
