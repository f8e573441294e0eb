"""Density, quantiles and samples of a law that is known by its generating function."""

from __future__ import annotations

import math
from functools import cached_property
from typing import ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from entroprod.boundary.arrays import FloatArray, as_count, read_array, require_choice
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.gaussian.generating_function import LARGEST_LOG, GeneratingFunction
from entroprod.gaussian.sigma_inversion import Kind, invert

# Numbers drawn at a time.
_DRAWN_AT_ONCE = 2**20


class Distribution:
    """What follows from mean, variance, the place of the law, and its generating function.

    sigma = constant + sum_i (w_i z_i^2 / 2 + b_i z_i) with independent standard normal z_i.
    """

    # Of a frozen dataclass or a property of the subclass.
    mean: float
    variance: float
    # Whether p(-sigma) = exp(-sigma) p(sigma) with one and the same p.
    obeys_detailed_theorem: ClassVar[bool] = False

    # ------------------------------------------------------------------ of the subclass

    def _generating_function(self) -> GeneratingFunction | None:
        """Of sigma - constant; None where sigma is always the constant."""
        raise NotImplementedError

    def _place(self) -> float:
        """The constant."""
        return 0.0

    def _drawn_by(self) -> tuple[FloatArray, FloatArray]:
        """w and b of the normals that count, (J,) each."""
        raise NotImplementedError

    def _why_a_point(self) -> str:
        """Why sigma has a single value."""
        raise NotImplementedError

    # ------------------------------------------------------------------ moments

    @property
    def standard_deviation(self) -> float:
        """Of sigma, nats."""
        return math.sqrt(self.variance)

    @property
    def skewness(self) -> float:
        """Third cumulant over the 3/2th power of the second.

        Needs the weights.
        """
        variance = self.cumulant(2)
        if variance == 0.0:
            raise NumericalError(self._no("its skewness"))
        return self.cumulant(3) / (variance * math.sqrt(variance))

    def cumulant(self, order: int) -> float:
        """kappa_k, nats^k, infinite where it exceeds the doubles.

        kappa_k = (k - 1)!/2 sum_i w_i^(k-2) (w_i^2 + k b_i^2) for k >= 2. Needs the weights
        beyond k = 2.
        """
        order = as_count(order, "order")
        if order <= 2:
            return (self.mean, self.variance)[order - 1]
        function = self._generating_function()
        return function.cumulant(order) if function is not None else 0.0

    @property
    def finite_interval(self) -> tuple[float, float]:
        """Open interval of lambda in which E[exp(-lambda sigma)] is finite.

        Needs the weights.
        """
        function = self._generating_function()
        if function is None:
            return -math.inf, math.inf
        low, high = function.cuts
        return -high, -low

    def cumulant_generating_function(self, argument: ArrayLike) -> FloatArray:
        """ln E[exp(-lambda sigma)] for each lambda, of any shape; +inf where that diverges.

        Needs the weights.
        """
        values = _real_numbers(argument, "argument")
        flat = values.ravel()
        place = self._place()
        with np.errstate(over="ignore", invalid="ignore"):
            result = -place * flat if place else np.zeros(flat.shape)
            function = self._generating_function()
            if function is not None:
                result = result + function.on_the_axis(-flat)
        return np.asarray(result).reshape(values.shape)[()]

    # ------------------------------------------------------------------ distribution

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density of sigma at x, of any shape, in 1/nats. Needs the weights.

        Infinite at the end of a single weight, and at the place between two of opposite signs.

        Raises
        ------
        NumericalError
            If sigma has a single value and no density, or a relative error of 1e-10 can't be
            reached.
        ValueError, TypeError
            If x is NaN or no real number.
        """
        return self._evaluate("pdf", x)

    def cdf(self, x: ArrayLike) -> FloatArray:
        """P(sigma <= x), of any shape; relative error below 1e-10 in the lower tail too.

        Needs the weights; raises as :meth:`pdf` does.
        """
        return self._evaluate("cdf", x)

    def sf(self, x: ArrayLike) -> FloatArray:
        """P(sigma > x), of any shape; relative error below 1e-10 in the upper tail too.

        Needs the weights; raises as :meth:`pdf` does.
        """
        return self._evaluate("sf", x)

    def ppf(self, q: ArrayLike) -> FloatArray:
        """Quantile: x with P(sigma <= x) = q, for each q between 0 and 1, of any shape; nats.

        Needs the weights. Costs some ten evaluations of the distribution function per value.
        """
        levels = _real_numbers(q, "q")
        if not np.all((levels >= 0.0) & (levels <= 1.0)):
            msg = "q must lie between 0 and 1"
            raise ValueError(msg)
        found = [self._quantile(float(level)) for level in levels.ravel()]
        return np.array(found).reshape(levels.shape)[()]

    @cached_property
    def probability_negative(self) -> float:
        """P(sigma < 0): how often a path looks likelier backwards.

        Needs the weights.
        """
        if self._generating_function() is None:
            return 1.0 if self._place() < 0.0 else 0.0
        return float(self.cdf(0.0))

    def _no(self, what: str) -> str:
        return f"sigma is always {self._place():.6g} here, so {what} does not exist: " + (
            self._why_a_point()
        )

    def _evaluate(self, kind: Kind, x: ArrayLike) -> FloatArray:
        points = _real_numbers(x, "x")
        function = self._generating_function()
        flat = points.ravel() - self._place()
        if function is None:
            if kind == "pdf":
                raise NumericalError(self._no("a density"))
            result = np.where(flat >= 0.0, 1.0, 0.0)
            result = result if kind == "cdf" else 1.0 - result
        else:
            ends = {"pdf": (0.0, 0.0), "cdf": (0.0, 1.0), "sf": (1.0, 0.0)}[kind]
            result = np.where(flat < 0.0, *ends)
            finite = np.isfinite(flat)
            result[finite] = invert(function, flat[finite], kind)
        return result.reshape(points.shape)[()]

    def _quantile(self, level: float) -> float:
        from scipy.optimize import brentq

        function = self._generating_function()
        if function is None:
            return self._place() if level > 0.0 else -math.inf
        ends = function.ends
        if level in {0.0, 1.0}:
            return ends[int(level)] + self._place()
        low = _chernoff(function, math.log(level), -1) if ends[0] == -math.inf else ends[0]
        high = _chernoff(function, math.log1p(-level), 1) if ends[1] == math.inf else ends[1]
        low, high = low + self._place(), high + self._place()
        # The smaller tail is the one with digits.
        if level <= 0.5:
            target, tail = math.log(level), self.cdf
        else:
            target, tail = math.log1p(-level), self.sf

        def difference(x: float) -> float:
            probability = float(tail(x))
            # Beyond the smallest double the tail counts as smaller than any level.
            return math.log(probability) - target if probability > 0.0 else -1.0

        # Near an end all digits count.
        tolerance = 1e-14 * (high - low) if ends == (-math.inf, math.inf) else 1e-300
        return float(brentq(difference, low, high, xtol=tolerance, rtol=1e-14))

    # ------------------------------------------------------------------ fluctuation theorem

    @cached_property
    def fluctuation_variance(self) -> float:
        """Var exp(-sigma), infinite where exp(-2 sigma) has no mean.

        Needs the weights.
        """
        once, twice = (float(value) for value in self.cumulant_generating_function([1.0, 2.0]))
        if twice == math.inf:
            return math.inf
        # E[exp(-2 sigma)] - E[exp(-sigma)]^2
        excess = twice - 2.0 * once
        logarithm = 2.0 * once + (excess if excess > 1.0 else 0.0)
        if logarithm > LARGEST_LOG:
            return math.inf
        shrunk = -math.expm1(-excess) if excess > 1.0 else math.expm1(excess)
        return math.exp(logarithm) * max(shrunk, 0.0)

    @property
    def fluctuation_variance_is_finite(self) -> bool:
        """Whether all weights exceed -1/2. Needs the weights."""
        return self.finite_interval[1] > 2.0

    def n_paths_for(
        self, standard_error: float, *, of: Literal["mean", "fluctuation"] = "mean"
    ) -> int:
        """Independent paths after which Monte Carlo has this standard error.

        Parameters
        ----------
        standard_error : float
            Positive: of the average of sigma (nats), or of that of exp(-sigma).
        of : {"mean", "fluctuation"}
            Which average. "fluctuation" needs the weights.

        Raises
        ------
        NumericalError
            If exp(-sigma) has infinite variance: its average has no standard error.
        ValueError, TypeError
            Naming the argument.
        """
        require_choice(of, "of", "mean", "fluctuation")
        error = _real_numbers(standard_error, "standard_error")
        if error.ndim or not 0.0 < error < math.inf:
            msg = f"standard_error must be a positive number, got {standard_error!r}"
            raise ValueError(msg)
        variance = self.variance if of == "mean" else self.fluctuation_variance
        if variance == math.inf:
            raise NumericalError(
                f"exp(-sigma) has infinite variance: {self._heaviest()}, so no number of paths "
                "gives its average a standard error"
            )
        paths = variance / float(error) / float(error)
        if paths > 2.0**63:
            msg = f"standard_error is too small: it needs {paths:.3g} paths"
            raise ValueError(msg)
        return max(1, math.ceil(paths))

    def _heaviest(self) -> str:
        low = self.finite_interval[1]
        return f"the lowest weight is {-1.0 / low:.6g}, finite needs more than -1/2"

    # ------------------------------------------------------------------ samples

    def sample(self, n: int, rng: RandomSource = None) -> FloatArray:
        """Draw n independent values of sigma, (n,), nats, without drawing paths.

        Needs the weights. Costs n T m normals from ``rng``.
        """
        n = as_count(n, "n")
        generator = as_generator(rng)
        weights, slopes = self._drawn_by()
        require_memory(8 * (n + _DRAWN_AT_ONCE), "n", f"{n} values of sigma")
        result = np.full(n, self._place())
        rows = max(1, _DRAWN_AT_ONCE // max(1, weights.size))
        for start in range(0, n, rows):
            part = result[start : start + rows]
            normals = generator.standard_normal((part.size, weights.size))
            part += 0.5 * (normals**2 @ weights)
            if slopes.any():
                part += normals @ slopes
        return result


def _chernoff(function: GeneratingFunction, log_tail: float, side: int) -> float:
    """Where the tail of that side is at most exp(log_tail): P(x >= a) <= exp(K(s) - s a)."""
    cut = function.cuts[(side + 1) // 2]
    if math.isfinite(cut):
        place = 0.5 * cut
    else:
        # As for a normal law.
        place = side * math.sqrt(2.0 * (1.0 - log_tail) / function.cumulant(2))
    return (float(function.on_the_axis(np.array([place]))[0]) - log_tail) / place


def _real_numbers(value: ArrayLike, name: str) -> FloatArray:
    """float64 array of any shape, infinities included; NaN refused."""
    array = read_array(value, name)
    if array.dtype.kind not in "fiub":
        msg = f"{name} must hold real numbers, got dtype {array.dtype}"
        raise TypeError(msg)
    array = array.astype(np.float64)
    if np.isnan(array).any():
        msg = f"{name} must not be NaN"
        raise ValueError(msg)
    return array
