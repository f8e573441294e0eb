"""Generating functions of quadratic forms of Gaussian noise.

theory: x = c + sum_i (w_i z_i^2 / 2 + b_i z_i) with independent standard normal z_i has

    K(s) = ln E[exp(s x)] = c s + sum_i [-ln(1 - s w_i) + s^2 b_i^2 / (1 - s w_i)] / 2,

analytic off two cuts of the real axis, from 1/w_max to infinity and from minus infinity to 1/w_min.
The laws here leave c out: it only shifts x.
"""

from __future__ import annotations

import math
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from entroprod.boundary.arrays import FloatArray

ComplexArray: TypeAlias = npt.NDArray[np.complex128]

# Complex numbers in flight; more leave the cache.
BLOCK = 2**18
# exp of more than this leaves the doubles.
LARGEST_LOG = 709.0


class GeneratingFunction(Protocol):
    """K(s) between and beside its cuts."""

    @property
    def cuts(self) -> tuple[float, float]:
        """Where the cuts of the real axis begin, below 0 and above; infinite where none does."""

    @property
    def ends(self) -> tuple[float, float]:
        """Between which numbers the values lie."""

    def log_moment(self, s: ComplexArray) -> ComplexArray:
        """K at each of s, (n,), continued from the real axis between the cuts."""

    def derivatives(self, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """K' and K'' at real s, (n,), between the cuts."""

    def cumulant(self, order: int) -> float:
        """The k-th derivative of K at 0."""

    def on_the_axis(self, s: FloatArray) -> FloatArray:
        """K at real s of any size, (n,); +inf where the expectation diverges."""


class PairedWeights:
    """Weights in pairs exp(+-2 theta) - 1 without slopes, as (J,) gaps g = 4 sinh^2 theta > 0.

    K(s) = -sum_j ln(1 - g_j s (1 + s)) / 2 is symmetric under s -> -1 - s.
    """

    def __init__(self, gaps: FloatArray) -> None:
        self.gaps = gaps
        largest = float(np.max(gaps)) if gaps.size else 0.0
        # 1/w_+ = 1/(exp(2 asinh a) - 1), with g = 4 a^2.
        self.cut = 1.0 / float(np.expm1(_double_angle(largest))) if largest else math.inf

    @property
    def cuts(self) -> tuple[float, float]:
        """-1 - 1/w_max and 1/w_max."""
        return -1.0 - self.cut, self.cut

    @property
    def ends(self) -> tuple[float, float]:
        """There are none."""
        return -math.inf, math.inf

    def log_moment(self, s: ComplexArray) -> ComplexArray:
        """K at each of s, (n,)."""
        # The factors of a pair have arguments of opposite signs, so the principal logarithm of
        # their product is the continuous one.
        product = s * (1.0 + s)
        result = np.zeros_like(s)
        at_once = max(1, BLOCK // s.size)
        for start in range(0, self.gaps.size, at_once):
            gaps = self.gaps[start : start + at_once, None]
            result += np.log(1.0 - gaps * product).sum(axis=0)
        return -0.5 * result

    def derivatives(self, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """K' and K'' at real s, (n,), between the cuts."""
        slope, curvature = np.zeros_like(s), np.zeros_like(s)
        at_once = max(1, BLOCK // s.size)
        for start in range(0, self.gaps.size, at_once):
            gaps = self.gaps[start : start + at_once, None]
            share = gaps / (1.0 - gaps * (s * (1.0 + s)))
            pull = share * (1.0 + 2.0 * s)
            slope = slope + 0.5 * pull.sum(axis=0)
            curvature = curvature + (share + 0.5 * pull**2).sum(axis=0)
        return slope, curvature

    def cumulant(self, order: int) -> float:
        """(k - 1)!/2 sum_i w_i^k, all of whose pairs are positive."""
        if self.gaps.size == 0:
            return 0.0
        angles = _double_angle(self.gaps)
        heavier = np.expm1(angles)
        unit = float(np.max(heavier))
        with np.errstate(under="ignore"):
            fading = -float(order) * angles
            both = 1.0 + np.exp(fading) if order % 2 == 0 else -np.expm1(fading)
            total = float(np.sum((heavier / unit) ** order * both))
        return _scaled(total, math.lgamma(order) - math.log(2.0) + order * math.log(unit))

    def on_the_axis(self, s: FloatArray) -> FloatArray:
        """K at real s, (n,); +inf beyond the cuts."""
        with np.errstate(over="ignore"):
            product = -s * (1.0 + s)
        result = np.zeros(s.shape)
        if self.gaps.size:
            # At infinite product, past the last double, the factor is negative too.
            diverges = 1.0 + float(np.max(self.gaps)) * product <= 0.0
            result[diverges] = np.inf
            inside = product[~diverges]
            for gap in self.gaps:
                result[~diverges] -= 0.5 * np.log1p(gap * inside)
        return result


class Weights:
    """Any weights w and slopes b, (J,) each; b of a zero weight makes x partly normal.

    Near the end of x, which is the sum of -b^2 / 2 w, what is left of K is a small difference:
    ``from_end`` is the law of x less its end, s^2 b^2 / (1 - s w) becoming s b^2 / w (1 - s w).
    """

    def __init__(self, weights: FloatArray, slopes: FloatArray) -> None:
        flat = weights == 0.0
        # Variance of the normal part.
        self.spread = float(np.sum(slopes[flat] ** 2))
        self.weights = weights[~flat]
        self.squares = slopes[~flat] ** 2
        self.measured_from_end = False

    @property
    def cuts(self) -> tuple[float, float]:
        """1/w_min and 1/w_max, infinite where no weight has that sign."""
        low = float(np.min(self.weights, initial=0.0))
        high = float(np.max(self.weights, initial=0.0))
        return (1.0 / low if low else -math.inf), (1.0 / high if high else math.inf)

    @property
    def end(self) -> float:
        """-sum b^2 / 2 w: where x ends, if all weights have one sign and nothing is normal."""
        with np.errstate(over="ignore", invalid="ignore"):
            return -0.5 * float(np.sum(self.squares / self.weights))

    @property
    def ends(self) -> tuple[float, float]:
        """The end, on its side; infinite where there is none."""
        low, high = self.cuts
        bounded = self.spread == 0.0 and self.weights.size > 0
        return (
            self.end if bounded and low == -math.inf else -math.inf,
            self.end if bounded and high == math.inf else math.inf,
        )

    def mirrored(self) -> Weights:
        """Of -x."""
        return self._with(-self.weights, self.measured_from_end)

    def from_end(self) -> Weights:
        """Of x less its end; nothing may be normal."""
        return self._with(self.weights, True)

    def _with(self, weights: FloatArray, measured_from_end: bool) -> Weights:
        result = Weights(np.zeros(0), np.zeros(0))
        result.spread, result.weights, result.squares = self.spread, weights, self.squares
        result.measured_from_end = measured_from_end
        return result

    def log_moment(self, s: ComplexArray) -> ComplexArray:
        """K at each of s, (n,)."""
        # 1 - s w leaves the real axis with s, so the principal logarithm is the continuous one.
        logs, shares = np.zeros_like(s), np.zeros_like(s)
        at_once = max(1, BLOCK // s.size)
        for start in range(0, self.weights.size, at_once):
            part = slice(start, start + at_once)
            weights, squares = self.weights[part, None], self.squares[part, None]
            if self.measured_from_end:
                squares = squares / weights
            factor = 1.0 - weights * s
            logs += np.log(factor).sum(axis=0)
            shares += (squares / factor).sum(axis=0)
        pull = s * shares if self.measured_from_end else s * s * (self.spread + shares)
        return 0.5 * (pull - logs)

    def derivatives(self, s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """K' and K'' at real s, (n,), between the cuts."""
        slope, curvature = self.spread * s, np.full_like(s, self.spread)
        at_once = max(1, BLOCK // s.size)
        for start in range(0, self.weights.size, at_once):
            part = slice(start, start + at_once)
            weights, squares = self.weights[part, None], self.squares[part, None]
            factor = 1.0 - weights * s
            pull = weights / factor
            if self.measured_from_end:
                drift = 0.5 / weights / factor / factor
            else:
                # d/ds of s^2 / 2 (1 - s w)
                drift = s * (1.0 - 0.5 * weights * s) / factor / factor
            slope = slope + (0.5 * pull + squares * drift).sum(axis=0)
            curvature = curvature + (0.5 * pull**2 + squares / factor**3).sum(axis=0)
        return slope, curvature

    def cumulant(self, order: int) -> float:
        """(k - 1)!/2 sum_i w_i^(k-2) (w_i^2 + k b_i^2), k >= 2; half the sum of w_i for k = 1."""
        if order == 1:
            mean = 0.5 * float(np.sum(self.weights))
            return mean - self.end if self.measured_from_end else mean
        normal = self.spread if order == 2 else 0.0
        if self.weights.size == 0:
            return normal
        unit = float(np.max(np.abs(self.weights)))
        with np.errstate(under="ignore"):
            ratios = (self.weights / unit) ** (order - 2)
            total = float(np.sum(ratios * (self.weights**2 + order * self.squares)))
        scale = math.lgamma(order) - math.log(2.0) + (order - 2) * math.log(unit)
        return normal + _scaled(total, scale)

    def on_the_axis(self, s: FloatArray) -> FloatArray:
        """K at real s, (n,); +inf beyond the cuts."""
        low, high = self.cuts
        inside = (s > low) & (s < high)
        result = np.where((s == 0.0) | inside, 0.0, np.inf)
        part = s[inside]
        with np.errstate(over="ignore"):
            total = 0.5 * self.spread * part * part
            for weight, square in zip(self.weights, self.squares):
                product = weight * part
                pull = part / weight if self.measured_from_end else part * part
                total += 0.5 * (pull * square / (1.0 - product) - np.log1p(-product))
        result[inside] = total
        return result


def _double_angle(gaps: FloatArray | float) -> FloatArray:
    """2 theta with g = 4 sinh^2 theta."""
    return np.asarray(2.0 * np.arcsinh(0.5 * np.sqrt(gaps)))


def _scaled(total: float, logarithm: float) -> float:
    """total exp(logarithm), infinite where that exceeds the doubles."""
    if total == 0.0:
        return 0.0
    logarithm += math.log(abs(total))
    return math.copysign(math.exp(logarithm) if logarithm < LARGEST_LOG else math.inf, total)
