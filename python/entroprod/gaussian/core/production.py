"""Total, curve, rate and reversal of one machine, and the variance of sigma."""

from __future__ import annotations

import math

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.precision import Precision
from entroprod.gaussian.core.asking import Value, ask, radii, require_matrices, transient
from entroprod.gaussian.core.compiled import _core
from entroprod.gaussian.core.machines import ConstantMachine, Kernel

# Matrices of doubles, (n, n), at most: the state of the recursions now and before, in
# double-double; and the machine and three sums, each with its powers, of a doubling, for which
# doubles alone need half.
_RECURSION_MATRICES = 12
_DOUBLING_MATRICES = 60
_MATRICES_OF_THE_VARIANCE_RATE = 160
# Forward covariances are kept once in this many steps until they have converged.
_BETWEEN_KEPT = 1024
# The core's blocks of steps have about sqrt(T) of them, and at least so many.
_SHORTEST_BLOCK = 16
# Matrices (n, n), at most, of the machine and of one step of the recursions of the variance.
_MATRICES_OF_A_STEP = 40


def total(
    machine: ConstantMachine,
    n_steps: int,
    precision: Precision,
    *,
    whiten: bool = True,
    shortcuts: bool = True,
) -> Value:
    """S_y of ``n_steps`` in nats.

    Without ``whiten`` that of the machine with unit innovations; shortcuts off to measure.
    """
    require_matrices(machine, _RECURSION_MATRICES)
    kernel = _with_innovations(machine, whiten)
    return Value(
        *ask(
            lambda: radii(machine), _core.entropy_production, kernel, n_steps, precision, shortcuts
        )
    )


def curve(
    machine: ConstantMachine, n_steps: int, precision: Precision, *, shortcuts: bool = True
) -> FloatArray:
    """S_y(1), .., S_y(T) in nats, (T,), the caller's own; shortcuts off to measure."""
    require_memory(8 * n_steps, "n_steps", f"a curve of {n_steps} values")
    require_matrices(machine, _RECURSION_MATRICES)
    return ask(
        lambda: radii(machine),
        _core.entropy_production_curve,
        machine._kernel,
        n_steps,
        precision,
        shortcuts,
    )


def rate(machine: ConstantMachine, precision: Precision) -> Value:
    """Nats per step by doubling, of one output too, where theory gives 0."""
    require_matrices(machine, _of_doubling(_DOUBLING_MATRICES, precision))
    return Value(
        *ask(lambda: radii(machine), _core.entropy_production_rate, machine._kernel, precision)
    )


def mean_and_variance(
    machine: ConstantMachine, n_steps: int, precision: Precision
) -> tuple[Value, Value]:
    """Of sigma: nats, nats^2; the memory of both is asked for before the first."""
    _require_kept_covariances(machine, n_steps)
    return total(machine, n_steps, precision), sigma_variance(machine, n_steps, precision)


def sigma_variance(
    machine: ConstantMachine, n_steps: int, precision: Precision, *, shortcuts: bool = True
) -> Value:
    """Variance of sigma of ``n_steps``, nats^2; shortcuts off to measure."""
    _require_kept_covariances(machine, n_steps)
    return Value(
        *ask(
            lambda: radii(machine),
            _core.sigma_variance,
            machine._kernel,
            n_steps,
            precision,
            shortcuts,
        )
    )


def sigma_variance_rate(machine: ConstantMachine, precision: Precision) -> Value:
    """Variance of sigma per step, nats^2, by doubling."""
    require_matrices(machine, _of_doubling(_MATRICES_OF_THE_VARIANCE_RATE, precision))
    return Value(
        *ask(lambda: radii(machine), _core.sigma_variance_rate, machine._kernel, precision)
    )


def reversal_matrix(
    machine: ConstantMachine, n_steps: int, out: FloatArray | None, *, whiten: bool
) -> FloatArray:
    """H^-1 J H, (T m, T m), in ``out`` where that is given."""
    if out is None:
        width = n_steps * machine.n_outputs
        require_memory(8 * width**2, "n_steps", f"a matrix of shape ({width}, {width})")
        out = np.empty((width, width))
    kernel = _with_innovations(machine, whiten)
    bound = _core.innovation_reversal_matrix(kernel, n_steps, out)
    # Where no entry can be near overflow, there is no need to look at them all.
    if not bound < 1e300 and not np.isfinite(out).all():
        raise NumericalError(f"the innovation reversal matrix overflows: {radii(machine)}")
    return out


def _with_innovations(machine: ConstantMachine, whiten: bool) -> Kernel:
    return machine._kernel if whiten else machine._kernel.with_unit_innovations()


def _of_doubling(n_matrices: int, precision: Precision) -> int:
    return n_matrices // 2 if precision == "double" else n_matrices


def _require_kept_covariances(machine: ConstantMachine, n_steps: int) -> None:
    """The forward covariances that are kept until they have converged."""
    steps = int(transient(machine, n_steps))
    block = min(n_steps, _BETWEEN_KEPT, _SHORTEST_BLOCK + math.isqrt(n_steps))
    kept = block + steps // block + _MATRICES_OF_A_STEP
    require_memory(
        16 * kept * machine.n_states**2,
        "n_steps",
        f"the forward covariances of {steps} steps before they converge",
    )
