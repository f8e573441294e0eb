"""Gradients of entropy production with respect to the parameters of a linear-Gaussian machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from entroprod.boundary.arrays import FloatArray, as_count
from entroprod.boundary.precision import Precision, require_precision
from entroprod.gaussian import core
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.readers import require_constant
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

_PARAMETERS = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")


@storable
@dataclass(frozen=True, eq=False, repr=False)
class EntropyProductionGradient(Result):
    """Entropy production S_y of a number of steps, and its gradient.

    Entry by entry the derivatives of ``total``, in nats per unit of the entry. That of the
    innovation covariance is a symmetric matrix B with dS_y = tr(B dS) for symmetric changes dS: a
    covariance has no others.

    Attributes
    ----------
    total : float
        S_y in nats.
    state_matrix : ndarray, (n, n)
        Derivatives with respect to F.
    input_matrix : ndarray, (n, m)
        With respect to G.
    output_matrix : ndarray, (m, n)
        With respect to C.
    innovation_cov : ndarray, (m, m)
        With respect to S; symmetric.
    n_steps : int
    rounding_error : float
        Estimated bound of the rounding error of ``total``, in nats.
    precision : "double" or "extended"
        Arithmetic that was used: double, or double-double with about 32 digits.
    """

    total: float
    state_matrix: FloatArray
    input_matrix: FloatArray
    output_matrix: FloatArray
    innovation_cov: FloatArray
    n_steps: int
    rounding_error: float
    precision: str

    def to_frame(self) -> pd.DataFrame:
        """Table with a row per entry of each matrix; needs pandas."""
        return _as_table(self)

    def __repr__(self) -> str:
        return (
            f"EntropyProductionGradient(total={self.total:.12g} nats, n_steps={self.n_steps}, "
            f"{_norms(self)}, precision={self.precision!r})"
        )


@storable
@dataclass(frozen=True, eq=False, repr=False)
class EntropyProductionRateGradient(Result):
    """Entropy production rate of a stationary machine, and its gradient.

    Entry by entry the derivatives of ``rate``, in nats per step and unit of the entry; that of the
    innovation covariance as in :class:`EntropyProductionGradient`.

    Attributes
    ----------
    rate : float
        lim S_y(T) / T in nats per step.
    state_matrix : ndarray, (n, n)
        Derivatives with respect to F.
    input_matrix : ndarray, (n, m)
        With respect to G.
    output_matrix : ndarray, (m, n)
        With respect to C.
    innovation_cov : ndarray, (m, m)
        With respect to S; symmetric.
    rounding_error : float
        Estimated bound of the rounding error of ``rate``, in nats per step.
    precision : "double" or "extended"
        Arithmetic that was used: double, or double-double with about 32 digits.
    """

    rate: float
    state_matrix: FloatArray
    input_matrix: FloatArray
    output_matrix: FloatArray
    innovation_cov: FloatArray
    rounding_error: float
    precision: str

    def to_frame(self) -> pd.DataFrame:
        """Table with a row per entry of each matrix; needs pandas."""
        return _as_table(self)

    def __repr__(self) -> str:
        return (
            f"EntropyProductionRateGradient(rate={self.rate:.12g} nats per step, "
            f"{_norms(self)}, precision={self.precision!r})"
        )


def entropy_production_gradient(
    machine: LinearGaussian, n_steps: int, *, precision: Precision = "auto"
) -> EntropyProductionGradient:
    """Entropy production of ``n_steps`` observations and its derivatives, in nats.

    By the adjoint of the recursion behind :func:`entropy_production`, at a few times its cost
    whatever the number of parameters: time is linear in the number of steps until the recursion has
    converged, and grows with its logarithm from there on. Unit roots and unstable machines are
    valid.

    Parameters
    ----------
    machine : LinearGaussian
    n_steps : int
        T >= 1.
    precision : {"auto", "double", "extended"}
        As in :func:`entropy_production`; "auto" decides by the total, which near reversibility
        loses its digits before the gradient does.

    Returns
    -------
    EntropyProductionGradient
        With ``total`` and an array for each parameter, accurate to about 1e-10 of its largest
        entry.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    MemoryError
        If the states to which the adjoint recursion returns, about the square root of as many as
        there are steps before convergence, don't fit.
    NumericalError
        If an unstable machine's covariances overflow, naming the step and the eigenvalue.

    Notes
    -----
    Source: ★ derived on the documentation's gradients page, from [S26]_ eq 71.

    Examples
    --------
    What a stronger rotation would add to the entropy production of a rotating process:

    >>> import numpy as np
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], np.eye(2))
    >>> gradient = ep.entropy_production_gradient(machine, 50)
    >>> print(f"{gradient.total:.6f}")
    26.621433
    >>> rotation = np.array([[0.0, 1.0], [-1.0, 0.0]])
    >>> print(f"{np.sum(gradient.output_matrix * rotation):.6f}")
    200.376709
    """
    require_constant(machine)
    n_steps = as_count(n_steps, "n_steps")
    require_precision(precision)
    found = core.gradient(machine, n_steps, precision)
    return EntropyProductionGradient(
        total=found.value.value,
        state_matrix=found.state_matrix,
        input_matrix=found.input_matrix,
        output_matrix=found.output_matrix,
        innovation_cov=found.innovation_cov,
        n_steps=n_steps,
        rounding_error=found.value.rounding_error,
        precision=found.value.precision,
    )


def entropy_production_rate_gradient(
    machine: LinearGaussian, *, precision: Precision = "auto"
) -> EntropyProductionRateGradient:
    """Entropy production rate and its derivatives, in nats per step.

    Exactly 0 for a scalar output. Computed from the fixed points of the recursion and of its
    adjoint, by doubling.

    Parameters
    ----------
    machine : LinearGaussian
    precision : {"auto", "double", "extended"}
        As in :func:`entropy_production`.

    Returns
    -------
    EntropyProductionRateGradient
        With ``rate`` and an array for each parameter.

    Raises
    ------
    NumericalError
        If the machine has no stationary state, or a memory that never fades, naming the
        eigenvalue.
    MemoryError
        If the working memory, some thirty matrices of the machine's size, doesn't fit.
    ValueError, TypeError
        Naming the argument.

    Notes
    -----
    Source: ★ derived on the documentation's gradients page.

    Examples
    --------
    >>> import numpy as np
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], np.eye(2))
    >>> ep.entropy_production_rate_gradient(machine).output_matrix.round(6) + 0.0
    array([[ 0.413223,  2.066116],
           [-2.066116,  0.413223]])
    """
    require_constant(machine)
    require_precision(precision)
    machine.require_rate()
    found = core.rate_gradient(machine, precision)
    return EntropyProductionRateGradient(
        rate=found.value.value,
        state_matrix=found.state_matrix,
        input_matrix=found.input_matrix,
        output_matrix=found.output_matrix,
        innovation_cov=found.innovation_cov,
        rounding_error=found.value.rounding_error,
        precision=found.value.precision,
    )


def _as_table(
    gradient: EntropyProductionGradient | EntropyProductionRateGradient,
) -> pd.DataFrame:
    rows = [
        {"parameter": name, "row": i, "column": j, "gradient": float(value)}
        for name in _PARAMETERS
        for (i, j), value in np.ndenumerate(getattr(gradient, name))
    ]
    return as_frame(rows).set_index(["parameter", "row", "column"])


def _norms(gradient: EntropyProductionGradient | EntropyProductionRateGradient) -> str:
    return ", ".join(
        f"|{name}|={np.linalg.norm(getattr(gradient, name)):.4g}" for name in _PARAMETERS
    )
