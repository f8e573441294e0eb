"""Sequences with or without missing observations, and their log-densities."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entroprod import _core
from entroprod.boundary.arrays import (
    FloatArray,
    as_float_array,
)
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory


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


Scorer = Callable[[FloatArray], FloatArray]


def score(sequences: Sequences, complete: Scorer, missing: Scorer) -> FloatArray:
    """Numbers for each path, (N, ...): complete paths by one function, the others by the other."""
    paths, incomplete = sequences.paths, sequences.incomplete
    if incomplete is None:
        return complete(paths)
    if incomplete.all():
        return missing(paths)
    require_memory(paths.nbytes, "sequences", "a copy that parts complete from incomplete paths")
    some = missing(paths[incomplete])
    result = np.empty((len(paths), *some.shape[1:]))
    result[incomplete] = some
    result[~incomplete] = complete(paths[~incomplete])
    return result


class StepMachine(Protocol):
    """What scoring step by step needs of a linear-Gaussian machine, constant or not."""

    @property
    def n_states(self) -> int:
        """Size n of the memory."""

    @property
    def _step_kernel(self) -> _core.TimeVaryingMachine: ...

    def _matrices(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]: ...


def log_densities(
    machine: StepMachine,
    sequences: Sequences,
    n_threads: int,
    *,
    backward: bool,
    per_step: bool,
) -> FloatArray:
    """Nats, (N, T) per step in the order of time or (N,) in total.

    Backward, the machine reads each path from its end, at time t with its parameters of time t.
    """
    kernel = machine._step_kernel

    def missing(paths: FloatArray) -> FloatArray:
        if any(matrix.ndim == 3 for matrix in machine._matrices()):
            # What the observations to come tell about the memory, a matrix for every step.
            size = paths.shape[1] * machine.n_states**2
            require_memory(8 * size, "sequences", f"gaps in {paths.shape[1]} steps")
        return _core.missing_log_prob(kernel, paths, backward, per_step, n_threads)

    result = score(
        sequences,
        lambda paths: _core.time_varying_log_prob(kernel, paths, backward, per_step, n_threads),
        missing,
    )
    if not np.isfinite(result).all():
        msg = (
            "the log-density overflows: sequences are too large, or the machine's filter "
            "F_t is unstable, or its transition F_t + G_t C_t where observations are missing"
        )
        raise NumericalError(msg)
    return result
