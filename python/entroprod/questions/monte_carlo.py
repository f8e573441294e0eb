"""Monte Carlo averages of the entropy production of any machine's own sequences."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, NamedTuple

import numpy as np

from entroprod.boundary.arrays import FloatArray, as_count, as_flag, as_read_only, as_thread_count
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.progress import Progress, Report, reporting
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.gaussian import trajectory as gaussian
from entroprod.gaussian.readers import backward_machine, require_length
from entroprod.machine.protocol import as_machine, require_sampler
from entroprod.machine.reversals import TOKEN_REVERSAL, Reversal, TokenReversal, require_reversal
from entroprod.machine.scoring import draw_paths
from entroprod.pairs.scored import backward_reader, collect, reorder, score_blocks, told_of
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
    require_reversal(reversal, "reversal")
    n_steps = as_count(n_steps, "n_steps")
    n_paths = as_count(n_paths, "n_paths")
    batch_size = as_count(batch_size, "batch_size")
    keep_sigma = as_flag(keep_sigma, "keep_sigma")
    as_thread_count(n_threads)
    in_core = gaussian.is_gaussian(machine, backward) and isinstance(reversal, TokenReversal)
    if keep_sigma or not in_core:
        require_memory(8 * n_paths, "n_paths", f"sigma of {n_paths} paths")
    if not in_core:
        run = _Run(machine, backward, reversal, n_steps)
        generator = as_generator(rng)
        with reporting(progress, n_paths, "Monte Carlo") as report:
            sigma = run.draw(n_paths, batch_size, generator, report)
        told = told_of(run.machine, run.other)
        shown = sigma if keep_sigma else None
        return _summarise(_moments(sigma), n_steps, n_paths, shown, run, told)
    other = backward_machine(machine, backward)
    require_length(machine, "machine", n_steps)
    require_length(other, "backward", n_steps)
    kept = np.empty(n_paths) if keep_sigma else None
    with reporting(progress, n_paths, "Monte Carlo") as report:
        moments = gaussian.sample_moments(
            machine, other, n_steps, n_paths, rng, n_threads, report, kept
        )
    return _summarise(moments, n_steps, n_paths, kept, None, told_of(machine, other))


class _Run:
    """Draws paths of a general machine, and counts what happens to them."""

    def __init__(self, machine: Any, backward: Any, reversal: Reversal, n_steps: int) -> None:
        self.machine = as_machine(machine, "machine")
        require_sampler(self.machine, "machine")
        self.other = backward_reader(self.machine, backward)
        self.reversal = reversal
        self.n_steps = n_steps
        self.skip_reasons: Counter[str] = Counter()
        self.n_cut = 0

    def draw(
        self,
        n_paths: int,
        batch_size: int,
        generator: np.random.Generator,
        report: Report | None,
    ) -> FloatArray:
        """Sigma of the paths that weren't skipped."""
        pieces: list[FloatArray] = []
        for start in range(0, n_paths, batch_size):
            pieces.append(self._draw_batch(min(batch_size, n_paths - start), generator))
            if report is not None:
                report(min(start + batch_size, n_paths))
        sigma = np.concatenate(pieces)
        if not sigma.size:
            reasons = "; ".join(self.skip_reasons)
            raise NumericalError(f"all {n_paths} sampled paths were skipped: {reasons}")
        return sigma

    def _draw_batch(self, n_paths: int, generator: np.random.Generator) -> FloatArray:
        block, known = draw_paths(self.machine, self.n_steps, n_paths, generator)
        blocks = [block]
        ahead = None if known is None else [known]
        reordering = reorder(self.reversal, blocks, keep_still=self.other is not self.machine)
        straight, back = score_blocks(self.machine, self.other, blocks, [reordering], ahead)
        impossible = np.argwhere(np.isneginf(straight[0]))
        if impossible.size:
            raise NumericalError(
                "machine.sample draws a path that has probability 0 under machine.log_prob, from "
                f"step {impossible[0, 1] + 1} on"
            )
        result = collect(reordering, straight, back[0])
        self.skip_reasons.update(result.skip_reasons)
        self.n_cut += int((result.n_cut_off > 0).sum())
        return result.sigma


def _moments(sigma: FloatArray) -> gaussian.Moments:
    """Moments of sigma as the core gives them; infinite ones weigh nothing in e^-sigma."""
    lowest = float(sigma.min())
    weights = np.exp(lowest - sigma) if math.isfinite(lowest) else np.zeros(1)
    mean = float(sigma.mean())
    return {
        "mean": mean,
        "sum_of_squares": float(((sigma - mean) ** 2).sum()) if math.isfinite(mean) else math.inf,
        "minimum": lowest,
        "maximum": float(sigma.max()),
        "weight_sum": float(weights.sum()),
        "square_sum": float((weights**2).sum()),
        "log_scale": -lowest,
        "n_infinite": float(np.isinf(sigma).sum()),
    }


def _summarise(
    moments: gaussian.Moments,
    n_steps: int,
    n_drawn: int,
    sigma: FloatArray | None,
    run: _Run | None,
    told: dict[str, Any],
) -> MonteCarlo:
    skip_reasons = {} if run is None else dict(run.skip_reasons)
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
        n_cut=0 if run is None else run.n_cut,
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
        sigma=None if sigma is None else as_read_only(sigma),
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
