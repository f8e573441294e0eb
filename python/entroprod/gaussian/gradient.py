"""Gradients of entropy production with respect to the parameters of a linear-Gaussian machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from entroprod import _core
from entroprod.boundary.arrays import FloatArray, as_count, as_read_only
from entroprod.boundary.memory import available_memory, require_memory
from entroprod.boundary.precision import Precision, require_precision
from entroprod.gaussian.core import _overflow, _require_machine
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

# Bytes of kept states below which the core isn't told how much memory is free: few machines need
# more, and to ask the system takes longer than the gradient of a small machine.
_NEGLIGIBLE_MEMORY = 2**26
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
    _require_machine(machine)
    n_steps = as_count(n_steps, "n_steps")
    require_precision(precision)
    return _entropy_production_gradient(machine, n_steps, precision)


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
    _require_machine(machine)
    require_precision(precision)
    machine.require_rate()
    _require_working_memory(machine, precision)
    if machine.n_outputs == 1:  # the spectrum of one output equals that of its reversal
        return EntropyProductionRateGradient(
            rate=0.0,
            state_matrix=_zeros_like(machine.state_matrix),
            input_matrix=_zeros_like(machine.input_matrix),
            output_matrix=_zeros_like(machine.output_matrix),
            innovation_cov=_zeros_like(machine.innovation_cov),
            rounding_error=0.0,
            precision="double",
        )
    try:
        rate, error, extended, state, inputs, output, cov = _core.entropy_production_rate_gradient(
            machine._kernel, precision
        )
    except OverflowError as overflow:
        raise _overflow(machine, overflow) from None
    return EntropyProductionRateGradient(
        rate=rate,
        state_matrix=as_read_only(state),
        input_matrix=as_read_only(inputs),
        output_matrix=as_read_only(output),
        innovation_cov=as_read_only(cov),
        rounding_error=error,
        precision="extended" if extended else "double",
    )


def _entropy_production_gradient(
    machine: LinearGaussian, n_steps: int, precision: Precision, *, shortcuts: bool = True
) -> EntropyProductionGradient:
    """Shortcuts off for benchmarks."""
    _require_working_memory(machine, precision)
    limit = float(_NEGLIGIBLE_MEMORY)
    try:
        try:
            result = _core.entropy_production_gradient(
                machine._kernel, n_steps, precision, shortcuts, limit
            )
        except _core.CoreMemoryLimit:
            limit = float(available_memory())
            result = _core.entropy_production_gradient(
                machine._kernel, n_steps, precision, shortcuts, limit
            )
    except OverflowError as overflow:
        raise _overflow(machine, overflow) from None
    total, error, extended, state, inputs, output, cov = result
    return EntropyProductionGradient(
        total=total,
        state_matrix=as_read_only(state),
        input_matrix=as_read_only(inputs),
        output_matrix=as_read_only(output),
        innovation_cov=as_read_only(cov),
        n_steps=n_steps,
        rounding_error=error,
        precision="extended" if extended else "double",
    )


def _require_working_memory(machine: LinearGaussian, precision: Precision) -> None:
    """What a few steps need; more is counted in the core."""
    size = machine.n_states + machine.n_outputs
    real_size = 8 if precision == "double" else 16
    what = f"the gradient of a machine of {machine.n_states} states, {machine.n_outputs} outputs"
    require_memory(60 * real_size * size**2, "machine", what)


def _zeros_like(array: FloatArray) -> FloatArray:
    return as_read_only(np.zeros_like(array))


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
