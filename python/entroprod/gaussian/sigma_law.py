"""The exact law of stochastic entropy production."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from entroprod import _core
from entroprod.boundary.arrays import FloatArray, as_read_only
from entroprod.boundary.memory import require_memory
from entroprod.boundary.precision import Precision
from entroprod.gaussian.core import _overflow
from entroprod.gaussian.distribution import Distribution
from entroprod.gaussian.generating_function import PairedWeights
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.production import total_of
from entroprod.gaussian.sigma_weights import skew_values
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

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
class SigmaLaw(Distribution, Result):
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

    obeys_detailed_theorem: ClassVar[bool] = True
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

    # ------------------------------------------------------------------ for the distribution

    @cached_property
    def _function(self) -> PairedWeights:
        return PairedWeights(self._gaps)

    def _generating_function(self) -> PairedWeights | None:
        return self._function if self._gaps.size else None

    def _drawn_by(self) -> tuple[FloatArray, FloatArray]:
        weights = self.weights[self.weights != 0.0]
        return weights, np.zeros(weights.size)

    def _why_a_point(self) -> str:
        return (
            "the innovation reversal matrix is symmetric to rounding, every path is as likely "
            "backwards"
        )

    def _heaviest(self) -> str:
        return f"the largest mu is {1.0 + self.weights[-1]:.6g}, finite needs less than 2"

    # ------------------------------------------------------------------ output

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
