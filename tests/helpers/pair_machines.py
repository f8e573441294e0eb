"""Pairs of linear-Gaussian machines of all kinds, for tests of what is known of two machines."""

from __future__ import annotations

from typing import Any

import numpy as np
from time_varying_machines import machine_of

from entroprod import LinearGaussian, TimeVaryingLinearGaussian

ROTATION = LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], np.eye(2))
READER = LinearGaussian.from_var([[[0.5, 0.1], [-0.2, 0.4]], [[0.1, 0.0], [0.0, 0.1]]], np.eye(2))
WALK = LinearGaussian.from_state_space(np.eye(2), [[1.0, 0.3], [0.0, 1.0]], np.eye(2), np.eye(2))
SCALAR = LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])


def changing(machine: LinearGaussian, n_steps: int, mean: Any = None) -> TimeVaryingLinearGaussian:
    """The same machine with a time axis, so that nothing can be taken to be constant."""
    noise = np.repeat(machine.innovation_cov[None], n_steps, axis=0)
    parts = (machine.state_matrix, machine.input_matrix, machine.output_matrix)
    return TimeVaryingLinearGaussian(*parts, noise, initial_mean=mean)


PAIRS: dict[str, tuple[Any, Any]] = {
    "both change": (machine_of(8, 3, 2, 0), machine_of(8, 4, 2, 5)),
    "one output": (machine_of(8, 2, 1, 1), machine_of(9, 3, 1, 2)),
    "more outputs than states": (machine_of(8, 1, 3, 3), machine_of(8, 2, 3, 4)),
    "constant": (ROTATION, READER),
    "constant with means": (
        ROTATION.repeat(8, initial_mean=[1.0, -2.0]),
        READER.repeat(8, initial_mean=[0.5, 0.0, 3.0, 1.0]),
    ),
    "constant process, changing reader": (ROTATION, machine_of(8, 3, 2, 6)),
    "changing process, constant reader": (machine_of(8, 3, 2, 7), ROTATION),
    "by the kernel": (machine_of(9, 3, 2, 8), machine_of(9, 3, 2, 8).reversed_kernels()),
    "random walks": (WALK, changing(WALK, 8, [1.0, 2.0])),
    "nearly equal": (
        changing(ROTATION, 8),
        LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], (1 + 1e-9) * np.eye(2)),
    ),
}
