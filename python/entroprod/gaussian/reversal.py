"""The innovation reversal matrix of linear-Gaussian machines, and its norm."""

from __future__ import annotations

import numpy as np

from entroprod.boundary.arrays import FloatArray, as_count, as_flag
from entroprod.gaussian import core
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.readers import require_constant


def innovation_reversal_matrix(
    machine: LinearGaussian, n_steps: int, *, whiten: bool = True, out: FloatArray | None = None
) -> FloatArray:
    """Matrix that maps the innovations of a path to those of the reversed path.

    With the stacked y = H e, it is H^-1 J H, J the reversal of time: backward innovations are its
    product with the forward ones.

    Parameters
    ----------
    machine : LinearGaussian
    n_steps : int
        T >= 1.
    whiten : bool
        Whether innovations are measured in units of S^1/2 (the Cholesky factor), on both sides.
    out : ndarray, (T m, T m), optional
        Writeable float64 array in C order to fill.

    Returns
    -------
    ndarray, (T m, T m)
        Dimensionless; ``out`` if given. Rows and columns run over time first, then components.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    MemoryError
        If (T m)^2 numbers don't fit.
    NumericalError
        If an unstable machine's impulse response overflows.

    Notes
    -----
    Source: [S26]_ eqs 45-61. Costs O(T^2 m^3), about as much as writing the numbers.

    Examples
    --------
    An involution, whatever the machine:

    >>> import numpy as np
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> matrix = ep.innovation_reversal_matrix(machine, 4)
    >>> np.allclose(matrix @ matrix, np.eye(4))
    True
    """
    require_constant(machine)
    n_steps = as_count(n_steps, "n_steps")
    whiten = as_flag(whiten, "whiten")
    if out is not None:
        _require_target(out, n_steps * machine.n_outputs)
    return core.reversal_matrix(machine, n_steps, out, whiten=whiten)


def reversal_norm_squared(machine: LinearGaussian, n_steps: int, *, whiten: bool = True) -> float:
    """Squared Frobenius norm of :func:`innovation_reversal_matrix`, which is never formed.

    Parameters
    ----------
    machine : LinearGaussian
    n_steps : int
        T >= 1.
    whiten : bool
        As in :func:`innovation_reversal_matrix`.

    Returns
    -------
    float
        T m + 2 S_y for the whitened matrix. Dimensionless.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    NumericalError
        If an unstable machine's covariances overflow.

    Notes
    -----
    Source: [S26]_ eq 71. Costs as much as :func:`entropy_production`.

    Examples
    --------
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> print(f"{ep.reversal_norm_squared(machine, 6):.10f}")
    6.6217515903
    """
    require_constant(machine)
    n_steps = as_count(n_steps, "n_steps")
    whiten = as_flag(whiten, "whiten")
    excess = core.total(machine, n_steps, "auto", whiten=whiten).value
    return n_steps * machine.n_outputs + 2.0 * excess


def _require_target(out: FloatArray, width: int) -> None:
    if not isinstance(out, np.ndarray) or out.dtype != np.float64:
        kind = out.dtype if isinstance(out, np.ndarray) else type(out).__name__
        msg = f"out must be a float64 ndarray, got {kind}"
        raise TypeError(msg)
    if out.shape != (width, width):
        msg = f"out must have shape ({width}, {width}), got {out.shape}"
        raise ValueError(msg)
    if not (out.flags.c_contiguous and out.flags.writeable and out.flags.aligned):
        msg = "out must be writeable, aligned and in C order"
        raise ValueError(msg)
