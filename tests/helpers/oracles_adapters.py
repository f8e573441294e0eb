"""Slow and obvious: autocovariances, and the Riccati recursion run until it stands still."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

import entroprod as ep

Array = npt.NDArray[np.float64]


def autocovariances(model: ep.StateSpace, n_lags: int) -> Array:
    """E[y_{t+k} y_t^T] for k = 0 .. n_lags - 1 of a stationary state space, (n_lags, m, m)."""
    a, c, q, r, cross = model
    n = len(a)
    # vec(P) = (A kron A) vec(P) + vec(Q)
    state = np.linalg.solve(np.eye(n * n) - np.kron(a, a), q.ravel()).reshape(n, n)
    lags = [c @ state @ c.T + r]
    seen = a @ state @ c.T + cross  # E[x_{t+1} y_t^T]
    for _ in range(n_lags - 1):
        lags.append(c @ seen)
        seen = a @ seen
    return np.array(lags)


def filtered_long(model: ep.StateSpace, n_steps: int) -> tuple[Array, Array]:
    """Predictor gain and innovation covariance after n_steps of the Kalman filter."""
    a, c, q, r, cross = model
    predicted = q.copy()
    for _ in range(n_steps):
        s = c @ predicted @ c.T + r
        gain = (a @ predicted @ c.T + cross) @ np.linalg.inv(s)
        predicted = a @ predicted @ a.T + q - gain @ s @ gain.T
        predicted = (predicted + predicted.T) / 2
    return gain, s
