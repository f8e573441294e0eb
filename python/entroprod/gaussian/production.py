"""Entropy production of linear-Gaussian machines by the core."""

from __future__ import annotations

from entroprod import _core
from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.memory import require_memory
from entroprod.boundary.precision import Precision
from entroprod.gaussian.core import _DOUBLING_MATRICES, _RECURSION_MATRICES, _overflow
from entroprod.gaussian.linear_gaussian import LinearGaussian


def rate_by_doubling(machine: LinearGaussian, precision: Precision) -> tuple[float, float]:
    """The core's own rate and its rounding error, of one output too, where theory gives 0."""
    machine._require_working_memory(_DOUBLING_MATRICES)
    try:
        rate, rounding_error, _ = _core.entropy_production_rate(machine._kernel, precision)
    except OverflowError as error:
        raise _overflow(machine, error) from None
    return rate, rounding_error


def total_of(
    machine: LinearGaussian, n_steps: int, precision: Precision, *, shortcuts: bool = True
) -> tuple[float, float, bool]:
    """Total, its rounding error, whether in extended precision; shortcuts off for benchmarks."""
    machine._require_working_memory(_RECURSION_MATRICES)
    try:
        return _core.entropy_production(machine._kernel, n_steps, precision, shortcuts)
    except OverflowError as error:
        raise _overflow(machine, error) from None


def curve_of(machine: LinearGaussian, n_steps: int, precision: Precision) -> FloatArray:
    """S_y(1) .. S_y(n_steps), nats; "auto" decides by the last value."""
    require_memory(8 * n_steps, "n_steps", f"a curve of {n_steps} values")
    machine._require_working_memory(_RECURSION_MATRICES)
    try:
        return _core.entropy_production_curve(machine._kernel, n_steps, precision, True)
    except OverflowError as error:
        raise _overflow(machine, error) from None
