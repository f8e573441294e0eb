"""The innovation reversal matrix of linear-Gaussian machines, and its norm."""

from __future__ import annotations

import numpy as np

from entroprod import _core
from entroprod.boundary.arrays import FloatArray, as_count, as_flag
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.gaussian.core import _RECURSION_MATRICES, _overflow, _require_machine
from entroprod.gaussian.linear_gaussian import LinearGaussian


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
    _require_machine(machine)
    n_steps = as_count(n_steps, "n_steps")
    whiten = as_flag(whiten, "whiten")
    width = n_steps * machine.n_outputs
    if out is None:
        require_memory(8 * width**2, "n_steps", f"a matrix of shape ({width}, {width})")
        out = np.empty((width, width))
    else:
        _require_target(out, width)
    kernel = machine._kernel if whiten else machine._kernel.with_unit_innovations()
    bound = _core.innovation_reversal_matrix(kernel, n_steps, out)
    # Where no entry can be near overflow, there is no need to look at them all.
    if not bound < 1e300:
        _require_finite(machine, out)
    return out


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
    _require_machine(machine)
    n_steps = as_count(n_steps, "n_steps")
    whiten = as_flag(whiten, "whiten")
    kernel = machine._kernel if whiten else machine._kernel.with_unit_innovations()
    machine._require_working_memory(_RECURSION_MATRICES)
    try:
        excess = _core.entropy_production(kernel, n_steps, "auto", True)[0]
    except OverflowError as error:
        raise _overflow(machine, error) from None
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


def _require_finite(machine: LinearGaussian, matrix: FloatArray) -> None:
    if not np.isfinite(matrix).all():
        msg = (
            "the innovation reversal matrix overflows: the machine's transition F + G C has "
            f"spectral radius {machine.spectral_radius:.6g}, its state_matrix F "
            f"{machine.filter_spectral_radius:.6g}"
        )
        raise NumericalError(msg)
