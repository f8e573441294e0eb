"""Paths of machines: drawn, scored, and the moments of their sigma."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.progress import Report
from entroprod.boundary.sequences import Paths
from entroprod.gaussian.core.asking import radii
from entroprod.gaussian.core.compiled import _core
from entroprod.gaussian.core.machines import (
    ConstantMachine,
    PathMachine,
    StepMachine,
    is_constant,
)

Moments = dict[str, float]

_UNSTABLE_PAIR = "the transition of machine, or the state_matrix of backward, is unstable"


def sample(
    machine: StepMachine,
    n_steps: int,
    n_paths: int,
    key: int,
    n_threads: int,
    report: Report | None,
) -> FloatArray:
    """Paths, (N, T, m), the caller's own."""
    shape = (n_paths, n_steps, machine.n_outputs)
    require_memory(8 * math.prod(shape), "n_steps or n_paths", f"a sample of shape {shape}")
    if is_constant(machine):
        paths = _core.sample(machine._kernel, n_paths, n_steps, key, n_threads, report)
        if machine._may_overflow() and not np.isfinite(paths).all():
            raise NumericalError(
                "the paths overflow: the machine's transition F + G C has spectral radius "
                f"{machine.spectral_radius:.6g}"
            )
        return paths
    paths = _core.time_varying_sample(
        machine._step_kernel, n_paths, n_steps, key, n_threads, report
    )
    finite = np.isfinite(paths)
    if not finite.all():
        step = int(np.argwhere(~finite)[:, 1].min())
        raise NumericalError(
            f"the paths overflow at step {step + 1}: the transitions F_t + G_t C_t are unstable"
        )
    return paths


def log_prob(machine: PathMachine, sequences: Paths, n_threads: int) -> FloatArray:
    """Nats per step, (N, T)."""
    result = _by_completeness(
        sequences,
        lambda paths: _core.log_prob(machine._kernel, paths, n_threads),
        lambda paths: _core.missing_log_prob(machine._step_kernel, paths, False, True, n_threads),
    )
    _require_finite(machine, result)
    return result


def log_prob_both_ways(
    machine: PathMachine, sequences: Paths, n_threads: int
) -> tuple[FloatArray, FloatArray]:
    """Nats of whole paths and of the same reversed in time, (N,) each."""

    def complete(paths: FloatArray) -> FloatArray:
        return np.stack(_core.log_prob_both_ways(machine._kernel, paths, n_threads), axis=1)

    def missing(paths: FloatArray) -> FloatArray:
        ways = (
            _core.missing_log_prob(machine._step_kernel, paths, backward, False, n_threads)
            for backward in (False, True)
        )
        return np.stack(list(ways), axis=1)

    result = _by_completeness(sequences, complete, missing)
    _require_finite(machine, result)
    return result[:, 0].copy(), result[:, 1].copy()


def log_densities(
    machine: StepMachine,
    sequences: Paths,
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
        if any(matrix.ndim == 3 for matrix in machine._parameters()):
            # What the observations to come tell about the memory, a matrix for every step.
            size = paths.shape[1] * machine.n_states**2
            require_memory(8 * size, "sequences", f"gaps in {paths.shape[1]} steps")
        return _core.missing_log_prob(kernel, paths, backward, per_step, n_threads)

    result = _by_completeness(
        sequences,
        lambda paths: _core.time_varying_log_prob(kernel, paths, backward, per_step, n_threads),
        missing,
    )
    if not np.isfinite(result).all():
        raise NumericalError(
            "the log-density overflows: sequences are too large, or the machine's filter "
            "F_t is unstable, or its transition F_t + G_t C_t where observations are missing"
        )
    return result


def sigma_moments(
    machine: StepMachine,
    other: StepMachine,
    n_steps: int,
    n_paths: int,
    key: int,
    n_threads: int,
    report: Report | None,
    sigma: FloatArray | None,
) -> Moments:
    """Moments of sigma over sampled paths, each written to ``sigma``, (N,), if that is given."""
    alone = machine if is_constant(machine) and other is machine else None
    if alone is not None:
        _require_memory_of_groups(alone, n_steps, n_paths, n_threads)
        moments = _core.monte_carlo(alone._kernel, n_paths, n_steps, key, n_threads, report, sigma)
    else:
        pair = machine._step_kernel, other._step_kernel
        need = _core.pair_monte_carlo_memory(*pair, n_paths, n_steps, n_threads)
        what = f"groups of {n_steps} steps and the moments of {n_paths} paths"
        require_memory(int(need), "n_steps or n_paths", what)
        moments = _core.pair_monte_carlo(*pair, n_paths, n_steps, key, n_threads, report, sigma)
    if not (math.isfinite(moments["mean"]) and math.isfinite(moments["sum_of_squares"])):
        cause = _UNSTABLE_PAIR if alone is None else radii(alone)
        raise NumericalError(f"sigma overflows: {cause}")
    return moments


def _require_memory_of_groups(
    machine: ConstantMachine, n_steps: int, n_paths: int, n_threads: int
) -> None:
    # In Python's integers, which don't overflow: a step's share, of a group with one step to spare.
    step_memory = _core.monte_carlo_memory(machine._kernel, 1, 1) // 2
    require_memory(
        n_threads * (n_steps + 1) * step_memory,
        "n_steps",
        f"one group of paths of {n_steps} steps on each of {n_threads} thread(s)",
    )
    tasks = n_paths // _core.paths_per_task(machine._kernel, n_steps) + 1
    require_memory(64 * tasks, "n_paths", f"the moments of {n_paths} paths")


_Scorer = Callable[[FloatArray], FloatArray]


def _by_completeness(sequences: Paths, complete: _Scorer, missing: _Scorer) -> FloatArray:
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


def _require_finite(machine: ConstantMachine, log_densities: FloatArray) -> None:
    if not np.isfinite(log_densities).all():
        raise NumericalError(
            "the log-density overflows: sequences are too large, or the machine's filter, "
            f"state_matrix F of spectral radius {machine.filter_spectral_radius:.6g}, "
            "is unstable, or where observations are missing its transition F + G C of "
            f"spectral radius {machine.spectral_radius:.6g}"
        )
