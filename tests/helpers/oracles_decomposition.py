"""Retrospective decomposition and entropy production of pairs, by dense Gaussian conditioning.

Nothing here calls entroprod. The whole sequence, and the memory of the backward reader at each
time, are linear functions of white noise, built from the definition; every conditional covariance
is what projections leave of them, in mpmath with ``DIGITS`` digits, so that neither cancellation
nor near-singular memories cost anything visible.

theory: F = state_matrix, G = input_matrix, C = output_matrix, S = innovation_cov, each (T, ., .).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import mpmath
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
DIGITS = 60
# With exact inputs and that many digits, a direction without variance leaves noise far below this,
# and one with variance (entries are multiples of 1/16, T is small) stays far above.
RANK_TOLERANCE = mpmath.mpf(10) ** -40


class Steps(NamedTuple):
    """A machine step by step, without any validation."""

    state: Array  # (T, n, n)
    inputs: Array  # (T, n, m)
    output: Array  # (T, m, n)
    cov: Array  # (T, m, m)
    initial_mean: Array  # (n,)


class Decomposition(NamedTuple):
    """Per-step values, (T,) each, in nats."""

    per_step: Array
    retrospective: Array
    compression_loss: Array
    model_mismatch: Array
    rank: Array


def repeated(machine: Any, n_steps: int) -> Steps:
    """A machine with constant matrices, step by step, started at 0."""

    def steps(matrix: Array) -> Array:
        return np.repeat(np.asarray(matrix)[np.newaxis], n_steps, axis=0)

    return Steps(
        steps(machine.state_matrix),
        steps(machine.input_matrix),
        steps(machine.output_matrix),
        steps(machine.innovation_cov),
        np.zeros(len(machine.state_matrix)),
    )


def _exact(array: Array) -> mpmath.matrix:
    return mpmath.matrix(np.atleast_2d(array).tolist())


def _forward(machine: Steps, n_steps: int) -> tuple[mpmath.matrix, mpmath.matrix]:
    """Mean (T m, 1) and factor (T m, T m) with y = mean + factor xi, xi ~ N(0, I)."""
    m = machine.cov.shape[1]
    mean = mpmath.zeros(n_steps * m, 1)
    factor = mpmath.zeros(n_steps * m, n_steps * m)
    memory_mean = _exact(machine.initial_mean).T
    memory = mpmath.zeros(machine.state.shape[1], n_steps * m)
    for t in range(n_steps):
        root = mpmath.cholesky(_exact(machine.cov[t]))
        now = _exact(machine.output[t]) * memory
        now[:, t * m : (t + 1) * m] += root
        now_mean = _exact(machine.output[t]) * memory_mean
        factor[t * m : (t + 1) * m, :] = now
        mean[t * m : (t + 1) * m, 0] = now_mean
        memory = _exact(machine.state[t]) * memory + _exact(machine.inputs[t]) * now
        memory_mean = _exact(machine.state[t]) * memory_mean + _exact(machine.inputs[t]) * now_mean
    return mean, factor


def _conditional(joint: mpmath.matrix, given: mpmath.matrix) -> tuple[mpmath.matrix, int]:
    """Cov(a | b) for a = joint xi, b = given xi, and the rank of Cov(b).

    Gram-Schmidt on the rows of ``given``: a row that the rows before it explain adds nothing.
    """
    basis: list[mpmath.matrix] = []
    for i in range(given.rows):
        row = given[i, :]
        size = mpmath.norm(row)
        for _ in range(2):
            for unit in basis:
                row = row - (row * unit.T)[0] * unit
        if mpmath.norm(row) > RANK_TOLERANCE * size:
            basis.append(row / mpmath.norm(row))
    rest = joint.copy()
    for unit in basis:
        rest = rest - (rest * unit.T) * unit
    return rest * rest.T, len(basis)


def decompose(forward: Steps, backward: Steps, n_steps: int) -> Decomposition:
    """D_t, L_t and M_t from their definitions as Gaussian relative entropies. [S26] eqs 83-101."""
    with mpmath.workdps(DIGITS):
        m = forward.cov.shape[1]
        mean, factor = _forward(forward, n_steps)
        values = np.zeros((5, n_steps))
        memory = mpmath.zeros(backward.state.shape[1], n_steps * m)
        memory_mean = _exact(backward.initial_mean).T
        for t in reversed(range(n_steps)):
            rows = slice(t * m, (t + 1) * m)
            y, y_mean = factor[rows, :], mean[rows, 0]
            cov = _exact(backward.cov[t])
            precision = cov**-1
            error = y - _exact(backward.output[t]) * memory
            error_mean = y_mean - _exact(backward.output[t]) * memory_mean
            square = _trace(precision * (error * error.T + error_mean * error_mean.T))
            determinant = mpmath.det(cov)
            ratio = mpmath.log(determinant / mpmath.det(_exact(forward.cov[t])))
            by_future, _ = _conditional(y, factor[(t + 1) * m :, :])
            by_memory, rank = _conditional(y, memory)
            log_future, log_memory = (
                mpmath.log(mpmath.det(by_future)),
                mpmath.log(mpmath.det(by_memory)),
            )
            # The mean of y given g, minus what the backward machine predicts, has this covariance:
            # that of the prediction error without what g leaves open.
            bias = square - _trace(precision * by_memory)
            values[:, t] = [
                (square - m + ratio) / 2,
                (square - m + mpmath.log(determinant) - log_future) / 2,
                (log_memory - log_future) / 2,
                (_trace(precision * by_memory) - m + mpmath.log(determinant) - log_memory + bias)
                / 2,
                rank,
            ]
            memory = _exact(backward.state[t]) * memory + _exact(backward.inputs[t]) * y
            memory_mean = (
                _exact(backward.state[t]) * memory_mean + _exact(backward.inputs[t]) * y_mean
            )
        return Decomposition(*values)


def _trace(matrix: mpmath.matrix) -> mpmath.mpf:
    return mpmath.fsum(matrix[i, i] for i in range(matrix.rows))
