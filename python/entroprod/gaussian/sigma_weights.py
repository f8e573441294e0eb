"""Weights of sigma from the antisymmetric part of the dense innovation reversal matrix."""

from __future__ import annotations

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.memory import require_memory
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.reversal import innovation_reversal_matrix

# Rows beyond which the singular values take minutes, during which LAPACK can't be interrupted.
DENSE_LIMIT = 4000
# Copies of the matrix that the singular values need.
_COPIES = 3


def skew_values(machine: LinearGaussian, n_steps: int, max_size: int) -> FloatArray:
    """(J,) a_j = sinh theta_j of each pair of singular values exp(+-theta_j) of R, 0 if rounding.

    R - R^T is antisymmetric: its singular values come in equal pairs, of which there are at most
    m floor(T/2).
    """
    size = n_steps * machine.n_outputs
    if size > max_size:
        msg = (
            f"n_steps is too large for the weights: they take the singular values of a matrix of "
            f"T m = {size} rows, more than max_size = {max_size}; mean and variance have no limit"
        )
        raise ValueError(msg)
    require_memory(
        8 * _COPIES * size**2, "n_steps", f"the weights' matrices of shape ({size}, {size})"
    )
    matrix = innovation_reversal_matrix(machine, n_steps)
    rounding = float(np.finfo(np.float64).eps * np.linalg.norm(matrix))
    values = np.linalg.svd(0.5 * (matrix - matrix.T), compute_uv=False)
    n_pairs = machine.n_outputs * (n_steps // 2)
    pairs = 0.5 * (values[0 : 2 * n_pairs : 2] + values[1 : 2 * n_pairs : 2])
    return np.asarray(np.where(pairs > rounding, pairs, 0.0), dtype=np.float64)
