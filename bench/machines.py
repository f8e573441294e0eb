"""The machines that benchmarks run on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import entroprod as ep

FloatArray = npt.NDArray[np.float64]

TRANSITION = np.array([[0.8, 0.3], [0.0, 0.5]])
EMISSION = np.array([[1.0, 0.5], [0.0, 1.0]])
PROCESS_COV = np.eye(2)
OBS_COV = np.eye(2)


def two_by_two() -> ep.LinearGaussian:
    """The Kalman filter with two states and two outputs of [S26]_ figure 5."""
    return ep.LinearGaussian.from_state_space(TRANSITION, EMISSION, PROCESS_COV, OBS_COV)


def large(n_states: int, n_outputs: int) -> ep.LinearGaussian:
    """A dense machine with both spectral radii well inside the unit circle."""
    rng = np.random.default_rng(0)
    scale = 1.0 / np.sqrt(n_states)
    return ep.LinearGaussian(
        state_matrix=0.5 * scale * rng.normal(size=(n_states, n_states)),
        input_matrix=0.3 * scale * rng.normal(size=(n_states, n_outputs)),
        output_matrix=scale * rng.normal(size=(n_outputs, n_states)),
        innovation_cov=np.eye(n_outputs),
    )


StateSpaceMatrices = tuple[FloatArray, FloatArray, FloatArray, FloatArray]


def filter_of_four_states() -> tuple[ep.LinearGaussian, StateSpaceMatrices]:
    """The Kalman filter of a stable model with four states and two outputs, and the model."""
    rng = np.random.default_rng(1)
    transition = 0.35 * rng.normal(size=(4, 4)) + 0.3 * np.eye(4)
    model = (transition, rng.normal(size=(2, 4)), np.eye(4), np.eye(2))
    return ep.LinearGaussian.from_state_space(*model), model
