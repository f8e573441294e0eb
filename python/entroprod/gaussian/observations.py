"""Sequences with or without missing observations."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import FloatArray, as_float_array


class Sequences(NamedTuple):
    """Paths as (N, T, m), NaN where an observation is missing.

    ``single`` tells that one path came as (T, m); ``incomplete`` (N,) marks the paths with missing
    observations and is None if there are none.
    """

    paths: FloatArray
    single: bool
    incomplete: NDArray[np.bool_] | None


def as_sequences(value: ArrayLike, n_outputs: int, longest: int | None = None) -> Sequences:
    """Paths of ``n_outputs`` components and at most ``longest`` steps; NaN means missing."""
    paths = as_float_array(value, "sequences", (2, 3), missing=True)
    if paths.shape[-1] != n_outputs:
        msg = (
            f"sequences must have shape (N, T, {n_outputs}) or (T, {n_outputs}), got {paths.shape}"
        )
        raise ValueError(msg)
    if longest is not None:
        require_steps("sequences", paths.shape[-2], "machine", longest)
    single = paths.ndim == 2
    if single:
        paths = paths[np.newaxis]
    # NaN survives every sum, so that complete paths are known without a mask of all entries.
    with np.errstate(over="ignore", invalid="ignore"):
        if not np.isnan(paths.sum()):
            return Sequences(paths, single, None)
    missing = np.isnan(paths)
    incomplete = np.asarray(missing.any(axis=(1, 2)))
    if not incomplete.any():
        return Sequences(paths, single, None)
    empty = np.flatnonzero(missing.all(axis=(1, 2)))
    if empty.size:
        msg = (
            f"sequences must have an observation in every path; path {int(empty[0])} has only "
            "missing ones (NaN)"
        )
        raise ValueError(msg)
    return Sequences(paths, single, incomplete)


def require_steps(name: str, n_steps: int, machine_name: str, longest: int) -> None:
    """Refuse more steps than a time-varying machine has."""
    if n_steps > longest:
        msg = f"{name}: {n_steps} steps are more than the {longest} of {machine_name}"
        raise ValueError(msg)
