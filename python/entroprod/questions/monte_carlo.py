"""Monte Carlo averages of the entropy production of any machine's own sequences."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

from entroprod.boundary.arrays import as_count, as_flag, as_read_only, as_thread_count
from entroprod.boundary.progress import Progress, reporting
from entroprod.boundary.randomness import RandomSource
from entroprod.machine.reversals import TOKEN_REVERSAL, Reversal
from entroprod.pairs.choice import choose_pair
from entroprod.pairs.pair import Sampled
from entroprod.results.trajectory import MonteCarlo

# Below this effective number of paths the error of E[e^-sigma] is itself unreliable.
_FEW_EFFECTIVE_PATHS = 100.0
# Logarithms above this have no exponential in doubles.
_LARGEST_EXPONENT = 709.0
# An average of which one path makes up more than this rests on that path.
_DOMINANT_SHARE = 0.05
# Paths that are drawn and scored at once where the core doesn't do it.
_BATCH = 256


def monte_carlo(
    machine: Any,
    n_steps: int,
    n_paths: int,
    *,
    reversal: Reversal = TOKEN_REVERSAL,
    backward: Any = None,
    rng: RandomSource = None,
    keep_sigma: bool = False,
    n_threads: int | None = None,
    batch_size: int = _BATCH,
    progress: Progress = False,
) -> MonteCarlo:
    """Estimate entropy production, and E[e^-sigma], from sampled sequences.

    Sequences are drawn, scored and forgotten.

    Parameters
    ----------
    machine : Machine
        Anything with ``log_prob`` and ``sample`` (see :class:`Machine`).
    n_steps, n_paths : int
        T and N, each at least 1.
    reversal : Reversal
        By default all steps are reversed. Sampled paths on which it is no bijection are left out of
        all averages, and counted: these are then averages over the others.
    backward : Machine or callable, optional
        The machine that reads the reordered sequences, as in :func:`stochastic_entropy_production`.
    rng : Generator, int or None
        Source of randomness; None takes fresh entropy. The result is the same for any number of
        threads.
    keep_sigma : bool
        Whether to return sigma of each path.
    n_threads : int, optional
        For linear-Gaussian machines; by default one for each processor available.
    batch_size : int
        Paths drawn and scored together, for other machines. Another size draws other paths.
    progress : bool or callable
        True shows a bar (needs rich); a callable is called with (paths done, n_paths).

    Returns
    -------
    MonteCarlo
        Means with standard errors, and ``warnings`` where the average of e^-sigma is carried by
        few paths, where paths were skipped or cut, and where sigma is infinite.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    MemoryError
        If the working memory, or sigma, doesn't fit.
    NumericalError
        If an unstable machine's paths overflow, or every path was skipped.

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
    n_steps = as_count(n_steps, "n_steps")
    n_paths = as_count(n_paths, "n_paths")
    batch_size = as_count(batch_size, "batch_size")
    keep_sigma = as_flag(keep_sigma, "keep_sigma")
    as_thread_count(n_threads)
    pair = choose_pair(machine, backward, reversal)
    with reporting(progress, n_paths, "Monte Carlo") as report:
        sampled = pair.sample_moments(
            n_steps,
            n_paths,
            rng=rng,
            keep_sigma=keep_sigma,
            n_threads=n_threads,
            batch_size=batch_size,
            report=report,
        )
    return _summarise(sampled, n_steps, n_paths, pair.told)


def _summarise(sampled: Sampled, n_steps: int, n_drawn: int, told: dict[str, Any]) -> MonteCarlo:
    moments, skip_reasons = sampled.moments, dict(sampled.skip_reasons)
    n_paths = n_drawn - sum(skip_reasons.values())
    variance = moments["sum_of_squares"] / (n_paths - 1) if n_paths > 1 else math.inf
    weights, squares = moments["weight_sum"], moments["square_sum"]
    # Relative to e^log_scale, the heaviest path has weight 1.
    mean_weight = weights / n_paths
    spread = max(squares / n_paths - mean_weight**2, 0.0)
    error = math.sqrt(spread / (n_paths - 1)) if n_paths > 1 else math.inf
    effective = weights**2 / squares if squares else 0.0
    share = 1.0 / weights if weights else 1.0
    counts = _Counts(
        n_drawn=n_drawn,
        n_skipped=n_drawn - n_paths,
        n_cut=sampled.n_cut,
        n_infinite=int(moments.get("n_infinite", 0)),
    )
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
        n_paths=n_drawn,
        sigma=None if sampled.sigma is None else as_read_only(sampled.sigma),
        warnings=_warnings(effective, share, counts),
        skip_reasons=skip_reasons,
        n_infinite=counts.n_infinite,
        n_cut=counts.n_cut,
        provenance=told,
    )


class _Counts(NamedTuple):
    n_drawn: int
    n_skipped: int
    n_cut: int
    n_infinite: int


def _scaled(value: float, log_scale: float) -> float:
    """value e^log_scale, infinite where it is too large for a double."""
    if value == 0.0:
        return 0.0
    exponent = math.log(value) + log_scale
    return math.exp(exponent) if exponent < _LARGEST_EXPONENT else math.inf


def _warnings(effective: float, share: float, counts: _Counts) -> tuple[str, ...]:
    texts: list[str] = []
    n_paths = counts.n_drawn - counts.n_skipped
    if 0.0 < effective < _FEW_EFFECTIVE_PATHS or (effective and share > _DOMINANT_SHARE):
        texts.append(
            f"E[e^-sigma] is dominated by few paths: {effective:.1f} effective of {n_paths}, the "
            f"heaviest makes up {100.0 * share:.1f} % of the sum; its standard error can't be "
            "trusted"
        )
    if counts.n_skipped:
        texts.append(
            f"{counts.n_skipped} of {counts.n_drawn} paths are left out, see skip_reasons: the "
            "averages are over the others"
        )
    if counts.n_cut:
        texts.append(
            f"{counts.n_cut} paths lost what stood behind their last block: E[e^-sigma] of these "
            "isn't exactly 1"
        )
    if counts.n_infinite:
        texts.append(
            f"{counts.n_infinite} paths have probability 0 when reordered: their sigma is "
            "infinite, and so is the mean; in E[e^-sigma] they count as 0"
        )
    return tuple(texts)
