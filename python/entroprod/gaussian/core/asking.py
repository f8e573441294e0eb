"""What every question to the core has in common: precision, memory, overflow told as an error."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal, NamedTuple, ParamSpec, TypeVar

from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.gaussian.core.compiled import _core
from entroprod.gaussian.core.machines import ConstantMachine

# A transient has ended after this many times its time constant: exp(-80) is below double-double.
_TIME_CONSTANTS = 80.0

_P = ParamSpec("_P")
_R = TypeVar("_R")


class Value(NamedTuple):
    """A number, the estimated bound of its rounding error, whether in extended precision."""

    value: float
    rounding_error: float
    extended: bool

    @property
    def precision(self) -> Literal["double", "extended"]:
        """Arithmetic that was used."""
        return used_precision(self.extended)


def used_precision(extended: bool) -> Literal["double", "extended"]:
    """What results call the arithmetic that was used."""
    return "extended" if extended else "double"


def require_matrices(machine: ConstantMachine, n_matrices: int) -> None:
    """Refuse work on so many (n, n) matrices of doubles that don't fit."""
    n = machine.n_states
    require_memory(
        8 * n_matrices * n**2, "machine", f"work on {n_matrices} matrices of shape ({n}, {n})"
    )


def transient(machine: ConstantMachine, n_steps: int) -> float:
    """Steps of ``n_steps`` until the forward covariances have converged, if they do."""
    radius = machine.spectral_radius
    if radius >= 1.0:
        return n_steps
    constants = _TIME_CONSTANTS + machine.n_states
    return min(n_steps, constants / -math.log(max(radius, 1e-300)))


def ask(
    cause: Callable[[], str],
    question: Callable[_P, _R],
    *args: _P.args,
    **kwargs: _P.kwargs,
) -> _R:
    """The core's answer; where numbers overflow, a NumericalError that names step and cause."""
    try:
        return question(*args, **kwargs)
    except _core.CoreOverflow as error:
        raise NumericalError(f"{error}: {cause()}") from None


def radii(machine: ConstantMachine) -> str:
    """What makes the numbers of a constant machine overflow."""
    return (
        f"the machine's transition F + G C has spectral radius {machine.spectral_radius:.6g}, "
        f"its state_matrix F {machine.filter_spectral_radius:.6g}"
    )
