"""The law of a quadratic form of Gaussian noise."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from entroprod.boundary.arrays import (
    FloatArray,
    as_float_array,
    as_matrix,
    as_read_only,
)
from entroprod.gaussian.distribution import Distribution
from entroprod.gaussian.generating_function import Weights
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

_ASYMMETRY = 1e-8


@storable
@dataclass(frozen=True, repr=False, eq=False)
class QuadraticLaw(Distribution, Result):
    """Law of sigma = c + sum_i (w_i z_i^2 / 2 + b_i z_i) with independent standard normal z_i.

    A generalised noncentral chi-square: a term with w_i != 0 is w_i (z_i + b_i / w_i)^2 / 2 up to
    a constant, of noncentrality (b_i / w_i)^2; one with w_i = 0 is normal.

    Parameters
    ----------
    weights : array_like, (J,)
        w, of any signs.
    slopes : array_like, (J,), optional
        b; by default 0.
    constant : float
        c.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.

    Notes
    -----
    Source: ★ derived on the documentation's page on the law of sigma.

    Examples
    --------
    >>> import entroprod as ep
    >>> law = ep.QuadraticLaw([2.0, -0.5], [0.5, 1.0], 0.1)
    >>> law
    QuadraticLaw(J=2, mean=0.85 nats, standard_deviation=1.83711730709 nats)
    >>> print(f"{law.cdf(0.0):.9f}")
    0.284107818
    """

    weights: FloatArray
    slopes: FloatArray
    constant: float

    _picture: ClassVar[str] = "sigma_law"

    def __init__(
        self, weights: ArrayLike, slopes: ArrayLike | None = None, constant: float = 0.0
    ) -> None:
        given = as_float_array(weights, "weights", 1)
        linear = np.zeros(given.size) if slopes is None else as_float_array(slopes, "slopes", 1)
        if linear.shape != given.shape:
            msg = f"slopes must have shape {given.shape}, as weights has, got {linear.shape}"
            raise ValueError(msg)
        object.__setattr__(self, "weights", as_read_only(given.copy()))
        object.__setattr__(self, "slopes", as_read_only(linear.copy()))
        object.__setattr__(self, "constant", float(as_float_array(constant, "constant", 0)))

    @classmethod
    def of_form(
        cls, matrix: ArrayLike, vector: ArrayLike | None = None, constant: float = 0.0
    ) -> QuadraticLaw:
        """Law of e^T Q e / 2 + v^T e + c with standard normal e, from the eigenvalues of Q.

        Parameters
        ----------
        matrix : array_like, (J, J)
            Q, symmetric. Eigenvalues at its rounding level count as 0.
        vector : array_like, (J,), optional
            v; by default 0.
        constant : float
            c.

        Raises
        ------
        ValueError, TypeError
            Naming the argument.

        Examples
        --------
        >>> import entroprod as ep
        >>> law = ep.QuadraticLaw.of_form([[1.0, 2.0], [2.0, -0.5]], [1.0, 0.0])
        >>> print(f"{law.mean:.6f} {law.variance:.6f}")
        0.250000 5.625000
        """
        form = as_matrix(matrix, "matrix", (None, None))
        size = len(form)
        form = as_matrix(form, "matrix", (size, size))
        scale = float(np.linalg.norm(form))
        if np.linalg.norm(form - form.T) > _ASYMMETRY * scale:
            raise ValueError("matrix must be symmetric")
        linear = np.zeros(size) if vector is None else as_float_array(vector, "vector", 1)
        if linear.shape != (size,):
            msg = f"vector must have shape ({size},), as matrix has rows, got {linear.shape}"
            raise ValueError(msg)
        weights, basis = np.linalg.eigh(0.5 * (form + form.T))
        slopes = basis.T @ linear
        return cls(*without_rounding(weights, slopes, scale), constant)

    # ------------------------------------------------------------------ for the distribution

    @cached_property
    def _parts(self) -> Weights:
        return Weights(self.weights, self.slopes)

    def _generating_function(self) -> Weights | None:
        return self._parts if self.weights.any() or self.slopes.any() else None

    def _place(self) -> float:
        return self.constant

    def _drawn_by(self) -> tuple[FloatArray, FloatArray]:
        counts = (self.weights != 0.0) | (self.slopes != 0.0)
        return self.weights[counts], self.slopes[counts]

    def _why_a_point(self) -> str:
        return "all weights and slopes are 0"

    # ------------------------------------------------------------------ moments and output

    @property
    def mean(self) -> float:  # type: ignore[override]  # in nats, like the attribute of other laws
        """c + sum_i w_i / 2, nats."""
        return self.constant + self._parts.cumulant(1)

    @property
    def variance(self) -> float:  # type: ignore[override]
        """sum_i (w_i^2 / 2 + b_i^2), nats^2."""
        return self._parts.cumulant(2)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers."""
        return {
            "mean": self.mean,
            "variance": self.variance,
            "standard_deviation": self.standard_deviation,
            "weights": self.weights.tolist(),
            "slopes": self.slopes.tolist(),
            "constant": self.constant,
            "fluctuation_variance": self.fluctuation_variance,
            "probability_negative": self.probability_negative,
        }

    def to_frame(self) -> pd.DataFrame:
        """Table of the weights and slopes; needs pandas."""
        return as_frame({"weight": self.weights, "slope": self.slopes})

    def __repr__(self) -> str:
        return (
            f"QuadraticLaw(J={self.weights.size}, mean={self.mean:.12g} nats, "
            f"standard_deviation={self.standard_deviation:.12g} nats)"
        )


def without_rounding(
    weights: FloatArray, slopes: FloatArray, scale: float
) -> tuple[FloatArray, FloatArray]:
    """Weights at the rounding level of ``scale``, and slopes at that of all slopes, as 0."""
    epsilon = float(np.finfo(np.float64).eps)
    none = np.abs(slopes) <= epsilon * float(np.linalg.norm(slopes))
    return (
        np.where(np.abs(weights) <= epsilon * scale, 0.0, weights),
        np.where(none, 0.0, slopes),
    )
