"""Two machines, one that generates and one that reads backwards."""

from __future__ import annotations

from typing import NamedTuple

from numpy import int32
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray, as_read_only
from entroprod.boundary.memory import require_memory
from entroprod.boundary.precision import Precision
from entroprod.gaussian.core.asking import Value, ask, transient
from entroprod.gaussian.core.compiled import _core
from entroprod.gaussian.core.machines import Kernel, Parameters, StepMachine, is_constant

# For the variance the core keeps (n, n) numbers of double-double for every 256th step, 256 more,
# and some matrices.
_BETWEEN_KEPT = 256
_MATRICES_OF_A_STEP = 60
# Relative rounding error of a total that automatic precision accepts, as in the core.
_ACCEPTED_ERROR = 1e-12


class Parts(NamedTuple):
    """D, L, M in nats and ranks of the backward memory, of every step: (T,) each, read-only."""

    retrospective: FloatArray
    compression_loss: FloatArray
    model_mismatch: FloatArray
    memory_rank: NDArray[int32]
    # The lowest part before those below 0 were given out as 0: rounding.
    lowest: float


def total_of_pair(
    forward: StepMachine, backward: StepMachine, n_steps: int, precision: Precision
) -> Value:
    """KL(P || P_b) of ``n_steps`` in nats."""
    if precision != "extended":
        _require_memory(forward, n_steps, "double", 0, "the recursions of a pair")
        total, error, *_ = _ask(forward, backward, n_steps, "double")
        if precision == "double" or error <= _ACCEPTED_ERROR * total:
            return Value(total, error, False)
    _require_memory(forward, n_steps, "extended", 0, "the recursions of a pair")
    total, error, *_ = _ask(forward, backward, n_steps, "extended")
    return Value(total, error, True)


def curve_of_pair(
    forward: StepMachine, backward: StepMachine, n_steps: int, precision: Precision
) -> tuple[FloatArray, FloatArray, bool]:
    """S(1), .., S(T) and bounds of their rounding errors, nats, (T,); whether in extended."""
    require_memory(16 * n_steps, "n_steps", f"a curve of {n_steps} values")
    values, errors, extended = ask(
        lambda: radii_of_pair(forward, backward),
        _core.pair_curve,
        _of_core(forward),
        _of_core(backward),
        n_steps,
        precision,
        True,
    )
    return as_read_only(values), as_read_only(errors), extended


def rate_of_pair(forward: StepMachine, backward: StepMachine, precision: Precision) -> Value:
    """Nats per step of two machines that stay the same, from fixed points."""
    return Value(
        *ask(
            lambda: radii_of_pair(forward, backward),
            _core.pair_rate,
            _of_core(forward),
            _of_core(backward),
            precision,
        )
    )


def variance_of_pair(
    forward: StepMachine, backward: StepMachine, n_steps: int, precision: Precision
) -> Value:
    """Variance of sigma = ln P - ln P_b of ``n_steps``, nats^2."""
    n, b = forward.n_states, backward.n_states
    steps = transient(forward, n_steps) if is_constant(forward) else n_steps
    kept = _BETWEEN_KEPT + int(steps) // _BETWEEN_KEPT
    require_memory(
        16 * (kept * n * (n + 1) + _MATRICES_OF_A_STEP * (n + b) ** 2),
        "n_steps",
        f"the forward covariances of {n_steps} steps",
    )
    return Value(
        *ask(
            lambda: radii_of_pair(forward, backward),
            _core.pair_variance,
            _of_core(forward),
            _of_core(backward),
            n_steps,
            precision,
            True,
        )
    )


def per_step(
    forward: StepMachine,
    backward: StepMachine,
    n_steps: int,
    precision: str,
    *,
    shortcuts: bool = True,
) -> FloatArray:
    """Terms of the total, (T,), nats; shortcuts off to measure."""
    _require_memory(forward, n_steps, precision, 8, "per_step")
    if forward is backward and is_constant(forward):
        values = ask(
            lambda: radii_of_pair(forward, backward),
            _core.entropy_production_per_step,
            forward._kernel,
            n_steps,
            precision,
            shortcuts,
        )
    else:
        values = _ask(forward, backward, n_steps, precision, steps=True, shortcuts=shortcuts)[3]
    return as_read_only(values)


def decompose(
    forward: StepMachine,
    backward: StepMachine,
    n_steps: int,
    precision: str,
    *,
    refine: bool = False,
    shortcuts: bool = True,
) -> Parts:
    """What the total consists of; shortcuts off to measure.

    With ``refine``, in extended precision where the backward memory is too nearly singular for
    double to tell what it says.
    """
    _require_memory(forward, n_steps, precision, 28, "a decomposition")
    found = _ask(forward, backward, n_steps, precision, decomposed=True, shortcuts=shortcuts)
    lowest, loss_error = found[2], found[8]
    if refine and precision == "double" and loss_error > _ACCEPTED_ERROR:
        return decompose(forward, backward, n_steps, "extended", shortcuts=shortcuts)
    retrospective, loss, mismatch, rank = found[4:8]
    rank.flags.writeable = False
    return Parts(
        as_read_only(retrospective), as_read_only(loss), as_read_only(mismatch), rank, lowest
    )


def _ask(
    forward: StepMachine,
    backward: StepMachine,
    n_steps: int,
    precision: str,
    *,
    steps: bool = False,
    decomposed: bool = False,
    shortcuts: bool = True,
) -> _core._PairResult:
    return ask(
        lambda: radii_of_pair(forward, backward),
        _core.decompose,
        _of_core(forward),
        _of_core(backward),
        n_steps,
        steps,
        decomposed,
        precision == "extended",
        shortcuts,
    )


def _of_core(machine: StepMachine) -> Kernel | Parameters:
    return machine._kernel if is_constant(machine) else machine._parameters()


def radii_of_pair(forward: StepMachine, backward: StepMachine) -> str:
    """What makes the numbers of two machines overflow."""
    transition = _radius(forward.spectral_radius) if is_constant(forward) else _CHANGES
    filter_matrix = _radius(backward.filter_spectral_radius) if is_constant(backward) else _CHANGES
    return (
        f"the transition F + G C of machine {transition}, the state_matrix F of the machine that "
        f"reads backwards {filter_matrix}"
    )


_CHANGES = "changes in time"


def _radius(radius: float) -> str:
    return f"has spectral radius {radius:.6g}"


def _require_memory(
    machine: StepMachine, n_steps: int, precision: str, per_step: int, what: str
) -> None:
    # The working memory holds moments of h at about 3 sqrt(T) + 300 times.
    n = machine.n_states
    working = (3 * int(n_steps**0.5 + 1) + 300) * n * (n + 1)
    real_size = 16 if precision == "extended" else 8
    require_memory(
        per_step * n_steps + real_size * working, "n_steps", f"{what} of {n_steps} steps"
    )
