"""Machines that change in time, and masks of missing observations, for tests."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from entroprod import TimeVaryingLinearGaussian

Array = npt.NDArray[Any]


def matrices(n_steps: int, n: int, m: int, seed: int = 0) -> dict[str, Any]:
    """Parameters of every step; row sums keep filter and transition stable."""
    rng = np.random.default_rng(seed)

    def draw(rows: int, cols: int, size: float) -> Array:
        return size / cols * rng.uniform(-1, 1, (n_steps, rows, cols))

    root = np.eye(m) * rng.uniform(0.5, 1.5, (n_steps, m, 1)) + 0.3 * np.tril(
        rng.uniform(-1, 1, (n_steps, m, m)), -1
    )
    return {
        "state_matrix": draw(n, n, 0.5),
        "input_matrix": draw(n, m, 0.7),
        "output_matrix": draw(m, n, 0.7),
        "innovation_cov": root @ np.swapaxes(root, 1, 2),
    }


def machine_of(n_steps: int, n: int, m: int, seed: int = 0) -> TimeVaryingLinearGaussian:
    """A machine with other parameters at every step and a first memory that isn't 0."""
    mean = np.random.default_rng(seed + 1).standard_normal(n)
    return TimeVaryingLinearGaussian(**matrices(n_steps, n, m, seed), initial_mean=mean)


def with_gaps(sequences: Array, seed: int = 0, share: float = 0.3) -> Array:
    """A copy in which single components, and two steps in the middle, are missing (NaN).

    The first path stays complete, the last but one misses all but one entry.
    """
    rng = np.random.default_rng(seed)
    result = np.array(sequences)
    n_paths, n_steps, _ = result.shape
    mask = rng.random(result.shape) < share
    mask[:, n_steps // 2 : n_steps // 2 + 2] = True
    if n_paths > 1:
        mask[-2] = True
    mask[:, n_steps // 3, 0] = False
    mask[0] = False
    result[mask] = np.nan
    return result
