"""Derivatives of total and rate by the parameters of a machine."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from entroprod.boundary.arrays import FloatArray, as_read_only
from entroprod.boundary.memory import available_memory, require_memory
from entroprod.boundary.precision import Precision
from entroprod.gaussian.core.asking import Value, ask, radii
from entroprod.gaussian.core.compiled import _core
from entroprod.gaussian.core.machines import ConstantMachine

# Bytes of kept states below which the core isn't told how much memory is free: few machines need
# more, and to ask the system takes longer than the gradient of a small machine.
_NEGLIGIBLE_MEMORY = 2**26


class Gradient(NamedTuple):
    """A value and its derivatives by F, G, C and S, read-only."""

    value: Value
    state_matrix: FloatArray
    input_matrix: FloatArray
    output_matrix: FloatArray
    innovation_cov: FloatArray


def gradient(
    machine: ConstantMachine, n_steps: int, precision: Precision, *, shortcuts: bool = True
) -> Gradient:
    """S_y of ``n_steps`` and its derivatives; shortcuts off to measure."""
    _require_working_memory(machine, precision)

    def within(limit: float) -> Gradient:
        found = ask(
            lambda: radii(machine),
            _core.entropy_production_gradient,
            machine._kernel,
            n_steps,
            precision,
            shortcuts,
            limit,
        )
        return _read(*found)

    try:
        return within(float(_NEGLIGIBLE_MEMORY))
    except _core.CoreMemoryLimit:
        return within(float(available_memory()))


def rate_gradient(machine: ConstantMachine, precision: Precision) -> Gradient:
    """The rate and its derivatives: all exactly 0 for a scalar output."""
    _require_working_memory(machine, precision)
    n, m = machine.n_states, machine.n_outputs
    if m == 1:  # the spectrum of one output equals that of its reversal
        shapes = (n, n), (n, m), (m, n), (m, m)
        return Gradient(Value(0.0, 0.0, False), *(as_read_only(np.zeros(s)) for s in shapes))
    return _read(
        *ask(
            lambda: radii(machine),
            _core.entropy_production_rate_gradient,
            machine._kernel,
            precision,
        )
    )


def _read(value: float, rounding_error: float, extended: bool, *by: FloatArray) -> Gradient:
    return Gradient(
        Value(value, rounding_error, extended), *(as_read_only(matrix) for matrix in by)
    )


def _require_working_memory(machine: ConstantMachine, precision: Precision) -> None:
    """What a few steps need; more is counted in the core."""
    size = machine.n_states + machine.n_outputs
    real_size = 8 if precision == "double" else 16
    what = f"the gradient of a machine of {machine.n_states} states, {machine.n_outputs} outputs"
    require_memory(60 * real_size * size**2, "machine", what)
