"""The exact law of stochastic entropy production."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from entroprod import _core
from entroprod.boundary.arrays import FloatArray, as_count, as_read_only, read_array, require_choice
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.precision import Precision
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.gaussian.core import _overflow
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.production import total_of
from entroprod.gaussian.sigma_inversion import Kind, invert
from entroprod.gaussian.sigma_weights import skew_values
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

# Numbers drawn at a time.
_DRAWN_AT_ONCE = 2**20
# Forward covariances are kept once in this many steps until they have converged.
_BETWEEN_KEPT = 1024
# The core's blocks of steps have about sqrt(T) of them, and at least so many.
_SHORTEST_BLOCK = 16
# Matrices (n, n), at most, of the machine and of one step of the recursions; those of the rate come
# with their powers.
_MATRICES_OF_A_STEP = 40
_MATRICES_OF_THE_RATE = 160
# A transient has ended after this many times its time constant: exp(-80) is below double-double.
_TIME_CONSTANTS = 80.0


@storable
@dataclass(frozen=True, repr=False, eq=False)
class SigmaLaw(Result):
    """Law of sigma = ln P(y) - ln P_b(y reversed) of a machine's own paths.

    sigma is a generalised chi-square, sum_i w_i z_i^2 / 2 with independent standard normal z_i.
    Mean and variance are known at any length; everything that needs the weights takes the singular
    values of a (T m, T m) matrix at its first use, and is refused beyond ``max_size`` rows. Its
    picture is :func:`entroprod.plot.sigma_law`.

    Attributes
    ----------
    mean : float
        E[sigma] = S_y, nats.
    variance : float
        nats^2; at least 2 S_y.
    mean_rounding_error, variance_rounding_error : float
        Estimated bounds of their rounding errors.
    n_steps : int
    max_size : int
        Largest T m for which the weights are computed.
    """

    mean: float
    variance: float
    mean_rounding_error: float
    variance_rounding_error: float
    n_steps: int
    max_size: int
    _machine: LinearGaussian = field(repr=False)

    _picture: ClassVar[str] = "sigma_law"
    _kept_if_computed: ClassVar[tuple[str, ...]] = ("_gaps", "weights")

    # ------------------------------------------------------------------ weights

    @cached_property
    def _gaps(self) -> FloatArray:
        """(J,) positive g_j = (s_j - 1/s_j)^2, one per pair of singular values, largest first."""
        gaps = 4.0 * skew_values(self._machine, self.n_steps, self.max_size) ** 2
        return as_read_only(gaps[gaps > 0.0])

    @cached_property
    def weights(self) -> FloatArray:
        """w_i = mu_i - 1, (T m,), increasing; mu_i are the eigenvalues of R^T R.

        In pairs exp(+-2 theta) - 1, theta = asinh a with the singular values a of the
        antisymmetric part of R, which keeps their digits for nearly reversible machines. Values of
        a at the rounding level of R count as 0. Computed at first access.

        Raises
        ------
        ValueError
            If T m exceeds ``max_size``.
        MemoryError
            If the matrices don't fit.
        NumericalError
            If an unstable machine's matrix overflows.
        """
        angles = 2.0 * np.arcsinh(0.5 * np.sqrt(self._gaps))
        zeros = np.zeros(self.n_steps * self._machine.n_outputs - 2 * angles.size)
        return as_read_only(np.concatenate([np.expm1(-angles), zeros, np.expm1(angles[::-1])]))

    # ------------------------------------------------------------------ moments

    @property
    def standard_deviation(self) -> float:
        """Of sigma, nats."""
        return math.sqrt(self.variance)

    @property
    def skewness(self) -> float:
        """Third cumulant over the 3/2th power of the second; positive unless sigma is always 0.

        Needs the weights.
        """
        variance = self.cumulant(2)
        if variance == 0.0:
            raise NumericalError(_ALWAYS_ZERO.format("its skewness"))
        return self.cumulant(3) / (variance * math.sqrt(variance))

    def cumulant(self, order: int) -> float:
        """kappa_k = (k - 1)!/2 sum_i w_i^k, nats^k, infinite where it exceeds the doubles.

        Needs the weights beyond k = 2. All are positive, and nothing cancels: the weights of a pair
        are exp(2 theta) - 1 and minus exp(-2 theta) of that.
        """
        order = as_count(order, "order")
        if order <= 2:
            return (self.mean, self.variance)[order - 1]
        gaps = self._gaps
        if gaps.size == 0:
            return 0.0
        angles = 2.0 * np.arcsinh(0.5 * np.sqrt(gaps))
        heavier = np.expm1(angles)
        unit = float(heavier[0])
        with np.errstate(under="ignore"):
            fading = -float(order) * angles
            both = 1.0 + np.exp(fading) if order % 2 == 0 else -np.expm1(fading)
            total = float(np.sum((heavier / unit) ** order * both))
        if total == 0.0:
            return 0.0
        logarithm = math.lgamma(order) - math.log(2.0) + math.log(total) + order * math.log(unit)
        return math.exp(logarithm) if logarithm < 709.0 else math.inf

    @property
    def finite_interval(self) -> tuple[float, float]:
        """Open interval of lambda in which E[exp(-lambda sigma)] is finite; centred at 1/2.

        Needs the weights.
        """
        if self._gaps.size == 0:
            return -math.inf, math.inf
        # 1 + g lambda (1 - lambda) > 0: up to 1/w_max beyond 0 and 1.
        beyond = 1.0 / float(self.weights[-1])
        return -beyond, 1.0 + beyond

    def cumulant_generating_function(self, argument: ArrayLike) -> FloatArray:
        """ln E[exp(-lambda sigma)] for each lambda, of any shape; +inf where that diverges.

        0 at lambda = 0 and 1, and symmetric under lambda -> 1 - lambda. Needs the weights.
        """
        values = _real_numbers(argument, "argument")
        with np.errstate(over="ignore"):
            product = values * (1.0 - values)
        flat = product.ravel()
        result = np.zeros(flat.shape)
        if self._gaps.size:
            # At infinite product, past the last double, the factor is negative too.
            diverges = 1.0 + float(self._gaps[0]) * flat <= 0.0
            result[diverges] = np.inf
            inside = flat[~diverges]
            for gap in self._gaps:
                result[~diverges] -= 0.5 * np.log1p(gap * inside)
        return result.reshape(values.shape)[()]

    # ------------------------------------------------------------------ distribution

    def pdf(self, x: ArrayLike) -> FloatArray:
        """Density of sigma at x, of any shape, in 1/nats. Needs the weights.

        Infinite at 0 where sigma has a single pair of weights. p(-x) = exp(-x) p(x).

        Raises
        ------
        NumericalError
            If sigma is always 0 and has no density, or a relative error of 1e-10 can't be reached.
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
        """P(sigma < 0): how often a path looks likelier backwards; at most 1/2.

        Needs the weights.
        """
        return float(self.cdf(0.0)) if self._gaps.size else 0.0

    def _evaluate(self, kind: Kind, x: ArrayLike) -> FloatArray:
        points = _real_numbers(x, "x")
        flat = points.ravel()
        if self._gaps.size == 0:
            if kind == "pdf":
                raise NumericalError(_ALWAYS_ZERO.format("a density"))
            result = np.where(flat >= 0.0, 1.0, 0.0)
            result = result if kind == "cdf" else 1.0 - result
        else:
            ends = {"pdf": (0.0, 0.0), "cdf": (0.0, 1.0), "sf": (1.0, 0.0)}[kind]
            result = np.where(flat < 0.0, *ends)
            finite = np.isfinite(flat)
            result[finite] = invert(self._gaps, flat[finite], kind)
        return result.reshape(points.shape)[()]

    def _quantile(self, level: float) -> float:
        from scipy.optimize import brentq

        if self._gaps.size == 0:
            return 0.0 if level > 0.0 else -math.inf
        if level in {0.0, 1.0}:
            return -math.inf if level == 0.0 else math.inf
        # Chernoff: P(sigma >= x) <= exp(K(s) - s x), and below, at s = -1 - s, K being the same.
        half = 0.5 / float(self.weights[-1])
        height = float(self.cumulant_generating_function(-half))
        low = -(height - math.log(level)) / (1.0 + half)
        high = (height - math.log1p(-level)) / half
        # The smaller tail is the one with digits.
        if level <= 0.5:
            target, tail = math.log(level), self.cdf
        else:
            target, tail = math.log1p(-level), self.sf

        def difference(x: float) -> float:
            probability = float(tail(x))
            # Beyond the smallest double the tail counts as smaller than any level.
            return math.log(probability) - target if probability > 0.0 else -1.0

        return float(brentq(difference, low, high, xtol=1e-14 * (high - low), rtol=1e-14))

    # ------------------------------------------------------------------ fluctuation theorem

    @cached_property
    def fluctuation_variance(self) -> float:
        """Var exp(-sigma), whose mean is 1; infinite unless all mu_i exceed 1/2.

        Needs the weights.
        """
        if not self.fluctuation_variance_is_finite:
            return math.inf
        # E[exp(-2 sigma)] = prod_j (1 - 2 g_j)^(-1/2)
        logarithm = -0.5 * float(np.sum(np.log1p(-2.0 * self._gaps)))
        return math.expm1(logarithm) if logarithm < 709.0 else math.inf

    @property
    def fluctuation_variance_is_finite(self) -> bool:
        """Whether all mu_i exceed 1/2, that is s_max^2 < 2. Needs the weights."""
        return self._gaps.size == 0 or float(self._gaps[0]) < 0.5

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
            cause = "the largest mu is"
            msg = (
                f"exp(-sigma) has infinite variance: {cause} {1.0 + self.weights[-1]:.6g}, finite "
                "needs less than 2, so no number of paths gives its average a standard error"
            )
            raise NumericalError(msg)
        paths = variance / float(error) / float(error)
        if paths > 2.0**63:
            msg = f"standard_error is too small: it needs {paths:.3g} paths"
            raise ValueError(msg)
        return max(1, math.ceil(paths))

    # ------------------------------------------------------------------ samples and output

    def sample(self, n: int, rng: RandomSource = None) -> FloatArray:
        """Draw n independent values of sigma, (n,), nats, without drawing paths.

        Needs the weights. Costs n T m normals from ``rng``.
        """
        n = as_count(n, "n")
        generator = as_generator(rng)
        weights = self.weights[self.weights != 0.0]
        require_memory(8 * (n + _DRAWN_AT_ONCE), "n", f"{n} values of sigma")
        result = np.zeros(n)
        rows = max(1, _DRAWN_AT_ONCE // max(1, weights.size))
        for start in range(0, n, rows):
            part = result[start : start + rows]
            normals = generator.standard_normal((part.size, weights.size))
            part[:] = 0.5 * (normals**2 @ weights)
        return result

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers; those that need the weights only where these have been computed."""
        result: dict[str, Any] = {
            "mean": self.mean,
            "variance": self.variance,
            "standard_deviation": self.standard_deviation,
            "mean_rounding_error": self.mean_rounding_error,
            "variance_rounding_error": self.variance_rounding_error,
            "n_steps": self.n_steps,
        }
        if "_gaps" in self.__dict__:
            result["weights"] = self.weights.tolist()
            result["fluctuation_variance"] = self.fluctuation_variance
            result["probability_negative"] = self.probability_negative
        return result

    def to_frame(self) -> pd.DataFrame:
        """Table of the weights, increasing; needs pandas, and the weights."""
        return as_frame({"weight": self.weights})

    def __repr__(self) -> str:
        return (
            f"SigmaLaw(n_steps={self.n_steps}, mean={self.mean:.12g} nats, "
            f"standard_deviation={self.standard_deviation:.12g} nats)"
        )


def law_of(machine: LinearGaussian, n_steps: int, precision: Precision, max_size: int) -> SigmaLaw:
    """The law of a machine that reads its own sequences: mean and variance by the core."""
    _require_working_memory(machine, n_steps)
    mean, mean_error, _ = total_of(machine, n_steps, precision)
    variance, variance_error, _ = sigma_variance_of(machine, n_steps, precision)
    return SigmaLaw(mean, variance, mean_error, variance_error, n_steps, max_size, machine)


def variance_rate_of(machine: LinearGaussian, precision: Precision) -> float:
    """Variance of sigma per step of the stationary process, nats^2; 0 for one output."""
    if machine.n_outputs == 1:
        return 0.0  # the spectrum of one output equals that of its reversal
    machine._require_working_memory(_MATRICES_OF_THE_RATE)
    try:
        return _core.sigma_variance_rate(machine._kernel, precision)[0]
    except OverflowError as error:
        raise _overflow(machine, error) from None


_ALWAYS_ZERO = (
    "sigma is always 0 here, so {} does not exist: the innovation reversal matrix is symmetric to "
    "rounding, every path is as likely backwards"
)


def sigma_variance_of(
    machine: LinearGaussian, n_steps: int, precision: Precision, *, shortcuts: bool = True
) -> tuple[float, float, bool]:
    """Variance, its rounding error, whether in extended precision; shortcuts off to measure."""
    try:
        return _core.sigma_variance(machine._kernel, n_steps, precision, shortcuts)
    except OverflowError as error:
        raise _overflow(machine, error) from None


def _require_working_memory(machine: LinearGaussian, n_steps: int) -> None:
    """The forward covariances that are kept until they have converged."""
    radius = machine.spectral_radius
    transient = float(n_steps)
    if radius < 1.0:
        constants = _TIME_CONSTANTS + machine.n_states
        transient = min(transient, constants / -math.log(max(radius, 1e-300)))
    block = min(n_steps, _BETWEEN_KEPT, _SHORTEST_BLOCK + math.isqrt(n_steps))
    kept = block + int(transient) // block + _MATRICES_OF_A_STEP
    require_memory(
        16 * kept * machine.n_states**2,
        "n_steps",
        f"the forward covariances of {int(transient)} steps before they converge",
    )


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
