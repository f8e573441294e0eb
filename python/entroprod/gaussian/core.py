"""The door to the core."""

from __future__ import annotations

from typing import Any

from entroprod.boundary.errors import NumericalError
from entroprod.gaussian.linear_gaussian import LinearGaussian

# Matrices of doubles, (n, n), at most: the state of the recursions now and before, in
# double-double; and the machine and three sums, each with its powers, of a doubling.
_RECURSION_MATRICES = 12


_DOUBLING_MATRICES = 60


def _overflow(machine: LinearGaussian, error: OverflowError) -> NumericalError:
    return NumericalError(
        f"{error}: the machine's transition F + G C has spectral radius "
        f"{machine.spectral_radius:.6g}, its state_matrix F {machine.filter_spectral_radius:.6g}"
    )


def _require_machine(machine: Any, name: str = "machine", *, or_else: str = "") -> None:
    if not isinstance(machine, LinearGaussian):
        wanted = f"a LinearGaussian or {or_else}" if or_else else "a LinearGaussian"
        msg = f"{name} must be {wanted}, got {type(machine).__name__}"
        raise TypeError(msg)
