"""Slow, obvious twins of the moments and the law of sigma of two linear-Gaussian machines.

Nothing here calls entroprod. From the definition: the path is y = y_0 + Y e with standard normal e,
the reader's white innovations on it are e^B = R e + beta, and

    sigma = (|R e + beta|^2 - |e|^2 + ln det S^b - ln det S) / 2.

All in mpmath with ``DIGITS`` digits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import mpmath
import numpy as np
import numpy.typing as npt
from oracles_decomposition import Steps, repeated

Array = npt.NDArray[Any]
DIGITS = 50


class Whitened(NamedTuple):
    """R (T m, T m), beta (T m, 1) and ln det S^b - ln det S, in mpmath."""

    matrix: mpmath.matrix
    mean: mpmath.matrix
    log_ratio: mpmath.mpf


def steps_of(machine: Any, n_steps: int) -> Steps:
    """Any machine step by step; without an initial_mean it starts at 0."""

    def steps(matrix: Array) -> Array:
        return np.broadcast_to(matrix, (n_steps, *matrix.shape)) if matrix.ndim == 2 else matrix

    if not hasattr(machine, "initial_mean"):
        return repeated(machine, n_steps)
    return Steps(
        steps(machine.state_matrix),
        steps(machine.input_matrix),
        steps(machine.output_matrix),
        steps(machine.innovation_cov),
        machine.initial_mean,
    )


def _exact(array: Array) -> mpmath.matrix:
    return mpmath.matrix(np.atleast_2d(array).tolist())


def whitened(forward: Any, backward: Any, n_steps: int) -> Whitened:
    """R, beta and the ratio of determinants, step by step from the definition."""
    with mpmath.workdps(DIGITS):
        ahead, back = steps_of(forward, n_steps), steps_of(backward, n_steps)
        m = ahead.cov.shape[1]
        size = n_steps * m
        path, path_mean = mpmath.zeros(size, size), mpmath.zeros(size, 1)
        memory, memory_mean = mpmath.zeros(ahead.state.shape[1], size), _exact(ahead.initial_mean).T
        log_ratio = mpmath.mpf(0)
        for t in range(n_steps):
            rows = slice(t * m, (t + 1) * m)
            root = mpmath.cholesky(_exact(ahead.cov[t]))
            now = _exact(ahead.output[t]) * memory
            now[:, rows] += root
            path[rows, :] = now
            path_mean[rows, 0] = _exact(ahead.output[t]) * memory_mean
            memory = _exact(ahead.state[t]) * memory + _exact(ahead.inputs[t]) * now
            memory_mean = (
                _exact(ahead.state[t]) * memory_mean + _exact(ahead.inputs[t]) * path_mean[rows, 0]
            )
            log_ratio -= mpmath.log(mpmath.det(_exact(ahead.cov[t])))
        matrix, mean = mpmath.zeros(size, size), mpmath.zeros(size, 1)
        memory, memory_mean = mpmath.zeros(back.state.shape[1], size), _exact(back.initial_mean).T
        for t in reversed(range(n_steps)):
            rows = slice(t * m, (t + 1) * m)
            inverse = mpmath.cholesky(_exact(back.cov[t])) ** -1
            matrix[rows, :] = inverse * (path[rows, :] - _exact(back.output[t]) * memory)
            mean[rows, 0] = inverse * (path_mean[rows, 0] - _exact(back.output[t]) * memory_mean)
            memory = _exact(back.state[t]) * memory + _exact(back.inputs[t]) * path[rows, :]
            memory_mean = (
                _exact(back.state[t]) * memory_mean + _exact(back.inputs[t]) * path_mean[rows, 0]
            )
            log_ratio += mpmath.log(mpmath.det(_exact(back.cov[t])))
        return Whitened(matrix, mean, log_ratio)


def mean(forward: Any, backward: Any, n_steps: int) -> mpmath.mpf:
    """E sigma = (|R|^2 + |beta|^2 - T m + ln det S^b / det S) / 2, nats."""
    with mpmath.workdps(DIGITS):
        found = whitened(forward, backward, n_steps)
        squares = sum(entry**2 for entry in found.matrix) + sum(entry**2 for entry in found.mean)
        return (squares - found.matrix.rows + found.log_ratio) / 2


def variance(forward: Any, backward: Any, n_steps: int) -> mpmath.mpf:
    """Var sigma = |R^T R - I|^2 / 2 + |R^T beta|^2, nats^2."""
    with mpmath.workdps(DIGITS):
        found = whitened(forward, backward, n_steps)
        excess = found.matrix.T * found.matrix - mpmath.eye(found.matrix.rows)
        slopes = found.matrix.T * found.mean
        return sum(entry**2 for entry in excess) / 2 + sum(entry**2 for entry in slopes)


def rate(forward: Any, backward: Any, n_points: int) -> float:
    """Entropy production per step as an integral over frequencies, by the trapezoid rule.

    The reader's innovations are its inverse filter, backwards in time, on the forward spectrum.
    """
    identity = np.eye(len(forward.innovation_cov))
    transition = forward.state_matrix + forward.input_matrix @ forward.output_matrix
    inverse = np.linalg.inv(backward.innovation_cov)
    total = 0.0
    for omega in 2 * np.pi * np.arange(n_points) / n_points:
        phase = np.exp(1j * omega)
        ahead = identity + forward.output_matrix @ np.linalg.solve(
            phase * np.eye(len(transition)) - transition, forward.input_matrix
        )
        back = identity - backward.output_matrix @ np.linalg.solve(
            np.eye(len(backward.state_matrix)) / phase - backward.state_matrix,
            backward.input_matrix,
        )
        both = back @ ahead
        total += np.trace(inverse @ both @ forward.innovation_cov @ both.conj().T).real
    logs = [np.linalg.slogdet(machine.innovation_cov)[1] for machine in (backward, forward)]
    return float((total / n_points - len(identity) + logs[0] - logs[1]) / 2)


def pdf_by_fourier(weights: Array, slopes: Array, constant: float, x: float) -> float:
    """Density of c + sum_i (w_i z_i^2 / 2 + b_i z_i), from its characteristic function.

    By the trapezoid rule along the imaginary axis, in double precision: right to rounding of the
    largest density where many weights, or slopes, make it decay before it oscillates.
    """
    spread = np.sqrt(np.sum(weights**2 / 2 + slopes**2))
    t = np.linspace(0, 60 / spread, 60_001)
    share = 1 - 1j * t[:, None] * weights
    exponent = (-((t[:, None] * slopes) ** 2) / share - np.log(share)).sum(axis=1) / 2
    values = np.exp(exponent - 1j * t * (x - constant)).real
    return float((values.sum() - (values[0] + values[-1]) / 2) * (t[1] - t[0]) / np.pi)
