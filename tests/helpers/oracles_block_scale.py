"""Slow and obvious: entropy production under the reversal of blocks, from dense covariances."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import oracles

from entroprod import LinearGaussian


def block_order(n_steps: int, length: int) -> list[int]:
    """Positions in reversed order of blocks, the last of which may be shorter."""
    blocks = [list(range(n_steps))[start : start + length] for start in range(0, n_steps, length)]
    return [position for block in blocks[::-1] for position in block]


def total(machine: LinearGaussian, n_steps: int, length: int) -> float:
    """KL divergence of the law of a path from the law of the path with its blocks reversed.

    Both are centred Gaussians: the second has the covariance of the first with its rows and columns
    put back. They have one determinant, so that only the trace differs from the number of entries.
    """
    size = machine.n_outputs
    covariance: npt.NDArray[Any] = np.asarray(oracles.sequence_cov(machine, n_steps), np.float64)
    order = [size * t + i for t in block_order(n_steps, length) for i in range(size)]
    moved = covariance[np.ix_(order, order)]
    return 0.5 * float(np.trace(np.linalg.solve(covariance, moved)) - n_steps * size)
