"""The exact law of stochastic entropy production."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from entroprod.boundary.arrays import FloatArray, as_read_only
from entroprod.boundary.precision import Precision
from entroprod.gaussian import core
from entroprod.gaussian.distribution import Distribution
from entroprod.gaussian.generating_function import PairedWeights
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.sigma_weights import skew_values
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result

if TYPE_CHECKING:
    import pandas as pd


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
    mean, variance = core.mean_and_variance(machine, n_steps, precision)
    errors = mean.rounding_error, variance.rounding_error
    return SigmaLaw(mean.value, variance.value, *errors, n_steps, max_size, machine)
