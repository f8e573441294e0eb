"""What the core has to know of a machine, and the copies of machines that it keeps."""

from __future__ import annotations

from typing import Protocol, TypeAlias, TypeGuard

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.gaussian.core.compiled import _core

# The core's own copies, as machines keep them.
Kernel: TypeAlias = _core.LinearGaussian
StepKernel: TypeAlias = _core.TimeVaryingMachine
# F, G, C, S and the memory before the first observation.
Parameters: TypeAlias = tuple[FloatArray, FloatArray, FloatArray, FloatArray, FloatArray]


class ConstantMachine(Protocol):
    """A linear-Gaussian machine whose parameters stay the same."""

    @property
    def n_states(self) -> int:
        """Size n of the memory."""

    @property
    def n_outputs(self) -> int:
        """Size m of an observation."""

    @property
    def spectral_radius(self) -> float:
        """Largest modulus of an eigenvalue of A = F + G C."""

    @property
    def filter_spectral_radius(self) -> float:
        """Largest modulus of an eigenvalue of F."""

    @property
    def _kernel(self) -> Kernel: ...


class StepMachine(Protocol):
    """A linear-Gaussian machine whose parameters may change from step to step."""

    @property
    def n_states(self) -> int:
        """Size n of the memory."""

    @property
    def n_outputs(self) -> int:
        """Size m of an observation."""

    @property
    def _step_kernel(self) -> StepKernel: ...

    def _parameters(self) -> Parameters: ...


class PathMachine(ConstantMachine, StepMachine, Protocol):
    """A constant machine that draws and reads paths."""

    def _may_overflow(self) -> bool:
        """Whether paths can grow without bound; where to look at them costs less, True."""


def is_constant(machine: StepMachine) -> TypeGuard[PathMachine]:
    """Whether the core keeps the machine as one that stays the same."""
    return isinstance(getattr(machine, "_kernel", None), Kernel)


def kernel(
    state_matrix: FloatArray,
    input_matrix: FloatArray,
    output_matrix: FloatArray,
    innovation_cov: FloatArray,
) -> Kernel:
    """The core's copy of a constant machine with a dense state matrix."""
    n, m = input_matrix.shape
    # It consists of ten matrices of about that size.
    require_memory(80 * (n + m) ** 2, "state_matrix", f"a machine of {n} states, {m} outputs")
    return Kernel(state_matrix, input_matrix, output_matrix, innovation_cov)


def banded_kernel(
    diagonal: FloatArray,
    partner: FloatArray,
    input_matrix: FloatArray,
    output_matrix: FloatArray,
    innovation_cov: FloatArray,
) -> Kernel:
    """The core's copy of a constant machine whose state matrix has blocks of two.

    ``partner``, (n,), couples each component with the other of its block.
    """
    return Kernel.with_bands(diagonal, partner, input_matrix, output_matrix, innovation_cov)


def step_kernel(parameters: Parameters, n_steps: int) -> StepKernel:
    """The core's copy of a machine of ``n_steps`` steps; memory for the caller's own is asked, too.

    Matrices are (n_steps, rows, columns), or (rows, columns) where they stay the same.
    """
    *matrices, cov, _ = parameters
    size = cov.size + sum(matrix.size for matrix in matrices)
    # A copy each; the core also the factor of S and its inverse.
    require_memory(16 * (size + 2 * cov.size), "state_matrix", f"a machine of {n_steps} steps")
    return StepKernel(*parameters, n_steps)


def exact_predictor(
    transition: FloatArray,
    emission: FloatArray,
    process_cov: FloatArray,
    obs_cov: FloatArray,
    initial_cov: FloatArray,
    n_steps: int,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """F, G and S of every step of a state-space model's Kalman filter, (T, rows, columns) each."""
    n, m = transition.shape[-1], emission.shape[-2]
    require_memory(
        8 * (n * n + n * m + m * m) * n_steps, "n_steps", f"the filter of {n_steps} steps"
    )
    state, gain, innovation_cov, done = _core.exact_predictor(
        transition, emission, process_cov, obs_cov, initial_cov, n_steps
    )
    if done < n_steps:
        _refuse_step(innovation_cov[done], done)
    return state, gain, innovation_cov


def _refuse_step(innovation_cov: FloatArray, index: int) -> None:
    if np.isfinite(innovation_cov).all():
        msg = (
            f"the innovation covariance C P C^T + R of step {index + 1} is singular: obs_cov is, "
            "and neither process_cov nor initial_cov makes up for it; or one of them is so large "
            "that the others are lost beside it to rounding"
        )
    else:
        msg = f"the innovation covariance C P C^T + R overflows at step {index + 1}"
    raise NumericalError(msg)
