"""Stochastic entropy production of paths, and its Monte Carlo average."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from entroprod import _core
from entroprod.arrays import (
    FloatArray,
    RandomSource,
    as_count,
    as_flag,
    as_read_only,
    as_thread_count,
    draw_key,
    require_memory,
)
from entroprod.errors import NumericalError
from entroprod.frames import as_frame
from entroprod.linear_gaussian import LinearGaussian
from entroprod.progress import Progress, reporting
from entroprod.sequences import as_sequences
from entroprod.time_varying import (
    Machine,
    backward_machine,
    log_densities,
    require_length,
    step_kernel,
)

if TYPE_CHECKING:
    import pandas as pd

# Below this effective number of paths the error of E[e^-sigma] is itself unreliable.
_FEW_EFFECTIVE_PATHS = 100.0
# Logarithms above this have no exponential in doubles.
_LARGEST_EXPONENT = 709.0
# An average of which one path makes up more than this rests on that path.
_DOMINANT_SHARE = 0.05


@dataclass(frozen=True, repr=False, eq=False)
class StochasticEntropyProduction:
    """Stochastic entropy production of N paths; its arrays are read-only.

    Attributes
    ----------
    sigma : ndarray, (N,)
        ln P(y) - ln P_b(y reversed), nats; positive where the path is likelier forward.
    log_forward, log_backward : ndarray, (N,)
        Its two terms, nats.
    n_steps : int
    """

    sigma: FloatArray
    log_forward: FloatArray
    log_backward: FloatArray
    n_steps: int

    def to_dict(self) -> dict[str, Any]:
        """Lists of numbers by name."""
        return {
            "sigma": self.sigma.tolist(),
            "log_forward": self.log_forward.tolist(),
            "log_backward": self.log_backward.tolist(),
            "n_steps": self.n_steps,
        }

    def to_frame(self) -> pd.DataFrame:
        """Table with a row per path; needs pandas."""
        names = ("sigma", "log_forward", "log_backward")
        columns = {name: getattr(self, name) for name in names}
        return as_frame(columns, rows=range(len(self.sigma)), name="path")

    def __repr__(self) -> str:
        return (
            f"StochasticEntropyProduction(n_paths={len(self.sigma)}, n_steps={self.n_steps}, "
            f"mean sigma={self.sigma.mean():.6g} nats)"
        )


@dataclass(frozen=True, repr=False, eq=False)
class MonteCarlo:
    """Monte Carlo estimate of entropy production and of the fluctuation theorem.

    Attributes
    ----------
    mean, standard_error : float
        Of sigma, nats: the estimate of S_y. The error is NaN-free: infinite for a single path.
    variance : float
        Of sigma over paths, nats^2 (unbiased); infinite for a single path.
    minimum, maximum : float
        Of sigma, nats.
    fluctuation_mean, fluctuation_standard_error : float
        Of e^-sigma, whose expectation is 1.
    effective_sample_size : float
        (sum w)^2 / sum w^2 of the weights w = e^-sigma: how many paths carry that average.
    largest_weight_share : float
        Part of the sum of weights that the heaviest path contributes.
    n_steps, n_paths : int
    sigma : ndarray, (n_paths,), or None
        Of each path, nats, read-only; only with ``keep_sigma=True``.
    warnings : tuple of str
        What to keep in mind when using these numbers.
    """

    mean: float
    standard_error: float
    variance: float
    minimum: float
    maximum: float
    fluctuation_mean: float
    fluctuation_standard_error: float
    effective_sample_size: float
    largest_weight_share: float
    n_steps: int
    n_paths: int
    sigma: FloatArray | None
    warnings: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name, without ``sigma``."""
        names = (field.name for field in fields(self) if field.name != "sigma")
        return {name: getattr(self, name) for name in names}

    def to_frame(self) -> pd.DataFrame:
        """Table of the kept ``sigma`` with a row per path; needs pandas and keep_sigma=True."""
        if self.sigma is None:
            msg = "to_frame needs sigma: call monte_carlo with keep_sigma=True"
            raise ValueError(msg)
        return as_frame({"sigma": self.sigma}, rows=range(self.n_paths), name="path")

    def __repr__(self) -> str:
        lines = [
            f"MonteCarlo(n_paths={self.n_paths}, n_steps={self.n_steps})",
            f"  sigma       {self.mean:.6g} ± {self.standard_error:.2g} nats",
            f"  E[e^-sigma] {self.fluctuation_mean:.6g} ± {self.fluctuation_standard_error:.2g}, "
            f"carried by {self.effective_sample_size:.1f} effective paths",
        ]
        return "\n".join([*lines, *(f"  warning: {text}" for text in self.warnings)])


def stochastic_entropy_production(
    machine: Machine,
    sequences: ArrayLike,
    *,
    backward: Machine | None = None,
    n_threads: int | None = None,
) -> StochasticEntropyProduction:
    """Entropy production sigma = ln P(y) - ln P_b(y reversed) of given paths.

    One machine reads the path forwards, the same or another one backwards, from its end.

    Parameters
    ----------
    machine : LinearGaussian or TimeVaryingLinearGaussian
    sequences : array_like, (N, T, m) or (T, m)
        NaN is a missing observation: both are then log-densities of what was observed.
    backward : LinearGaussian or TimeVaryingLinearGaussian, optional
        The machine that reads the reversed sequence, of any state size: a time-varying one predicts
        and reads y_t with its parameters of time t. By default the machine itself; a time-varying
        machine has two readings (see :class:`TimeVaryingLinearGaussian`), and needs to be told.
    n_threads : int, optional
        By default one for each processor available.

    Returns
    -------
    StochasticEntropyProduction
        With ``sigma``, ``log_forward``, ``log_backward``, each (N,), in nats.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    NumericalError
        If an unstable filter overflows.

    Notes
    -----
    Source: [S26]_ eqs 7-20. Costs two evaluations of the likelihood.

    Examples
    --------
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> ep.stochastic_entropy_production(machine, [[0.1], [0.7], [2.0]]).sigma.round(6)
    array([0.318754])
    """
    other = backward_machine(machine, backward)
    read = as_sequences(sequences, machine.n_outputs)
    n_steps = read.paths.shape[1]
    threads = as_thread_count(n_threads)
    if other is machine and isinstance(machine, LinearGaussian):
        ahead, back = machine._score_both_ways(read, threads)
        return _scored(ahead, back, n_steps)
    require_length(machine, "machine", n_steps)
    require_length(other, "backward", n_steps)
    ahead, back = (
        log_densities(one, read, threads, backward=reverse, per_step=False)
        for one, reverse in ((machine, False), (other, True))
    )
    return _scored(ahead, back, n_steps)


def _scored(ahead: FloatArray, back: FloatArray, n_steps: int) -> StochasticEntropyProduction:
    return StochasticEntropyProduction(
        sigma=as_read_only(ahead - back),
        log_forward=as_read_only(ahead),
        log_backward=as_read_only(back),
        n_steps=n_steps,
    )


def monte_carlo(
    machine: Machine,
    n_steps: int,
    n_paths: int,
    *,
    backward: Machine | None = None,
    rng: RandomSource = None,
    keep_sigma: bool = False,
    n_threads: int | None = None,
    progress: Progress = False,
) -> MonteCarlo:
    """Estimate entropy production, and E[e^-sigma], from sampled paths.

    Paths are drawn, scored and forgotten: a batch of at most 512 leaves 64 bytes of moments.

    Parameters
    ----------
    machine : LinearGaussian or TimeVaryingLinearGaussian
    n_steps, n_paths : int
        T and N, each at least 1.
    backward : LinearGaussian or TimeVaryingLinearGaussian, optional
        The machine that reads the reversed sequences, as in :func:`stochastic_entropy_production`.
    rng : Generator, int or None
        Source of the key of the counter-based generator; None takes fresh entropy. The result is
        the same for any number of threads.
    keep_sigma : bool
        Whether to return sigma of each path.
    n_threads : int, optional
        By default one for each processor available.
    progress : bool or callable
        True shows a bar (needs rich); a callable is called with (paths done, n_paths).

    Returns
    -------
    MonteCarlo
        Means with standard errors, and ``warnings`` where the average of e^-sigma is carried by
        few paths.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    MemoryError
        If the working memory, or sigma, doesn't fit.
    NumericalError
        If an unstable machine's paths overflow.

    Notes
    -----
    Source: [S26]_ eqs 14-20: the mean of sigma is S_y, that of e^-sigma is 1.

    Examples
    --------
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> result = ep.monte_carlo(machine, 6, 20_000, rng=0)
    >>> abs(result.mean - ep.entropy_production(machine, 6).total) < 4 * result.standard_error
    True
    """
    other = backward_machine(machine, backward)
    n_steps = as_count(n_steps, "n_steps")
    n_paths = as_count(n_paths, "n_paths")
    keep_sigma = as_flag(keep_sigma, "keep_sigma")
    require_length(machine, "machine", n_steps)
    require_length(other, "backward", n_steps)
    threads = as_thread_count(n_threads)
    key = draw_key(rng)
    alone = machine if other is machine and isinstance(machine, LinearGaussian) else None
    run: Callable[..., dict[str, float]]
    if alone is not None:
        _require_memory(alone, n_steps, n_paths, threads)
        run = partial(_core.monte_carlo, alone._kernel)
    else:
        pair = step_kernel(machine), step_kernel(other)
        run = partial(_core.pair_monte_carlo, *pair)
        need = _core.pair_monte_carlo_memory(*pair, n_paths, n_steps, threads)
        what = f"groups of {n_steps} steps and the moments of {n_paths} paths"
        require_memory(int(need), "n_steps or n_paths", what)
    sigma = None
    if keep_sigma:
        require_memory(8 * n_paths, "n_paths", f"sigma of {n_paths} paths")
        sigma = np.empty(n_paths)
    with reporting(progress, n_paths, "Monte Carlo") as report:
        moments = run(n_paths, n_steps, key, threads, report, sigma)
    if not (math.isfinite(moments["mean"]) and math.isfinite(moments["sum_of_squares"])):
        raise NumericalError("sigma overflows: " + _unstable(machine, other))
    return _summarise(moments, n_steps, n_paths, sigma)


def _require_memory(machine: LinearGaussian, n_steps: int, n_paths: int, threads: int) -> None:
    # In Python's integers, which don't overflow: a step's share, of a group with one step to spare.
    step_memory = _core.monte_carlo_memory(machine._kernel, 1, 1) // 2
    require_memory(
        threads * (n_steps + 1) * step_memory,
        "n_steps",
        f"one group of paths of {n_steps} steps on each of {threads} thread(s)",
    )
    tasks = n_paths // _core.paths_per_task(machine._kernel, n_steps) + 1
    require_memory(64 * tasks, "n_paths", f"the moments of {n_paths} paths")


def _unstable(machine: Machine, other: Machine) -> str:
    if isinstance(machine, LinearGaussian) and other is machine:
        return (
            f"the machine's transition F + G C has spectral radius {machine.spectral_radius:.6g}, "
            f"its state_matrix F {machine.filter_spectral_radius:.6g}"
        )
    return "the transition of machine, or the state_matrix of backward, is unstable"


def _summarise(
    moments: dict[str, float], n_steps: int, n_paths: int, sigma: FloatArray | None
) -> MonteCarlo:
    variance = moments["sum_of_squares"] / (n_paths - 1) if n_paths > 1 else math.inf
    weights, squares = moments["weight_sum"], moments["square_sum"]
    # Relative to e^log_scale, the heaviest path has weight 1.
    mean_weight = weights / n_paths
    spread = max(squares / n_paths - mean_weight**2, 0.0)
    error = math.sqrt(spread / (n_paths - 1)) if n_paths > 1 else math.inf
    effective = weights**2 / squares
    share = 1.0 / weights
    return MonteCarlo(
        mean=moments["mean"],
        standard_error=math.sqrt(variance / n_paths),
        variance=variance,
        minimum=moments["minimum"],
        maximum=moments["maximum"],
        fluctuation_mean=_scaled(mean_weight, moments["log_scale"]),
        fluctuation_standard_error=_scaled(error, moments["log_scale"]),
        effective_sample_size=effective,
        largest_weight_share=share,
        n_steps=n_steps,
        n_paths=n_paths,
        sigma=None if sigma is None else as_read_only(sigma),
        warnings=_warnings(effective, share, n_paths),
    )


def _scaled(value: float, log_scale: float) -> float:
    """value e^log_scale, infinite where it is too large for a double."""
    if value == 0.0:
        return 0.0
    exponent = math.log(value) + log_scale
    return math.exp(exponent) if exponent < _LARGEST_EXPONENT else math.inf


def _warnings(effective: float, share: float, n_paths: int) -> tuple[str, ...]:
    if effective >= _FEW_EFFECTIVE_PATHS and share <= _DOMINANT_SHARE:
        return ()
    return (
        f"E[e^-sigma] is dominated by few paths: {effective:.1f} effective of {n_paths}, the "
        f"heaviest makes up {100.0 * share:.1f} % of the sum; its standard error can't be trusted",
    )
