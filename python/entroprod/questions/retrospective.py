"""The retrospective decomposition of any machine, bounded from below by a reverse model."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from entroprod.boundary.arrays import FloatArray, as_count, as_read_only
from entroprod.boundary.memory import require_memory
from entroprod.boundary.progress import Progress, reporting
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.boundary.sequences import Block
from entroprod.machine.protocol import (
    as_machine,
    provenance,
    require_homogeneous,
    require_same_size,
    require_sampler,
)
from entroprod.machine.scoring import draw_paths, log_probs
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

# Paths that are drawn and scored at once.
_BATCH = 256
# Chance that a sound pair of models is warned about.
_FALSE_ALARM = 1e-6


@storable
@dataclass(frozen=True, repr=False, eq=False)
class RetrospectiveBound(Result):
    """Lower bound of D_t and of S_y, estimated from sampled paths; its arrays are read-only.

    Errors are standard errors of means over paths, infinite for a single path or an infinite mean.
    Its picture is :func:`entroprod.plot.retrospective_bound`, which takes ``exact=`` as well.

    Attributes
    ----------
    per_step : ndarray, (T,)
        E[ln q(y_t | y_{t+1:T}) - ln p_t(y_t | g_{t+1})] for t = 1 .. T, nats: at most D_t in
        expectation. Single values may be negative, where q predicts worse than the machine.
    standard_error : ndarray, (T,)
    total, total_standard_error : float
        Sum over t, nats, at most S_y in expectation. The error is that of the sum over each path:
        steps of a path aren't independent.
    entropy_production, entropy_production_standard_error : float
        S_y by plain Monte Carlo from the same paths, nats.
    gap, gap_standard_error : float
        S_y - total, nats, from paired differences: E[ln P(y) - ln Q(y)] = KL(P || Q) >= 0, what
        the reverse model leaves out. Usually far more precise than either term.
    n_steps, n_paths : int
    n_infinite : int
        Paths with probability 0 when read backwards: S_y is infinite, and so is the bound, unless
        paths are also excluded.
    n_excluded : int
        Paths to which the reverse model gives probability 0. The bound is then -infinity: true,
        and useless.
    warnings : tuple of str
        What to keep in mind when using these numbers.
    provenance : dict
        What the machine and the reverse model tell of themselves.
    """

    per_step: FloatArray
    standard_error: FloatArray
    total: float
    total_standard_error: float
    entropy_production: float
    entropy_production_standard_error: float
    gap: float
    gap_standard_error: float
    n_steps: int
    n_paths: int
    n_infinite: int
    n_excluded: int
    warnings: tuple[str, ...]
    provenance: dict[str, Any]

    _picture: ClassVar[str] = "retrospective_bound"

    def to_frame(self) -> pd.DataFrame:
        """Table with a row per step, t = 1 .. T; needs pandas."""
        columns = {"per_step": self.per_step, "standard_error": self.standard_error}
        return as_frame(columns, rows=range(1, self.n_steps + 1), name="t")

    def __repr__(self) -> str:
        lines = [
            f"RetrospectiveBound(n_steps={self.n_steps}, n_paths={self.n_paths})",
            f"  bound {self.total:.6g} ± {self.total_standard_error:.2g} nats",
            f"  S_y   {self.entropy_production:.6g} "
            f"± {self.entropy_production_standard_error:.2g} nats",
            f"  gap   {self.gap:.6g} ± {self.gap_standard_error:.2g} nats",
        ]
        return "\n".join([*lines, *(f"  warning: {text}" for text in self.warnings)])


def retrospective_bound(
    machine: Any,
    reverse_model: Any,
    n_steps: int,
    n_paths: int,
    *,
    rng: RandomSource = None,
    batch_size: int = _BATCH,
    progress: Progress = False,
) -> RetrospectiveBound:
    """Lower bound of the retrospective entropy production D_t of any machine, step by step.

    D_t compares how the past really follows from the future, P(y_t | y_{t+1:T}), with how the
    machine predicts it when it reads backwards, p_t(y_t | g_{t+1}). The first is out of reach for
    most machines; a model q of it, fitted to samples, gives a lower bound. Fresh paths are drawn,
    scored and forgotten.

    Parameters
    ----------
    machine : Machine
        Anything with ``log_prob`` and ``sample`` (see :class:`Machine`).
    reverse_model : Machine or callable
        Reads reversed sequences: ``log_prob`` of (y_T, .., y_1) gives ln q(y_T),
        ln q(y_{T-1} | y_T), .., ln q(y_1 | y_{2:T}). It needn't sample. Whatever it is, the bound
        is valid; the better it predicts, the tighter. :func:`fit_reverse_model` and
        :func:`entroprod.neural.fit_reverse_model` make one.
    n_steps, n_paths : int
        T and N, each at least 1.
    rng : Generator, int or None
        Source of randomness; None takes fresh entropy. Paths must not be those that the reverse
        model was fitted to; those functions draw others, even from the same seed.
    batch_size : int
        Paths drawn and scored together. Another size draws other paths.
    progress : bool or callable
        True shows a bar (needs rich); a callable is called with (paths done, n_paths).

    Returns
    -------
    RetrospectiveBound
        ``per_step`` and ``total`` with errors, S_y from the same paths, the ``gap`` between them.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, the path and the step.
    MemoryError
        If the working memory doesn't fit.
    NumericalError
        A model gives NaN.

    Notes
    -----
    Source: [S26]_ eqs 83-101 for D_t; the bound is ★ derived on the documentation's page on the
    retrospective bound. In expectation it can't exceed S_y, however q was found: the conditionals
    of q make up a normalised distribution Q of whole sequences, and S_y - bound = KL(P || Q) >= 0.
    Nor can the samples say otherwise except by rare accident: E_P[Q/P] <= 1, so by Markov's
    inequality the sum of ln P - ln Q over all N paths is below -c with probability at most e^-c. A
    sum that has less than one chance in a million is a warning: q isn't normalised, it saw these
    very paths, or ``sample`` doesn't follow ``log_prob``.

    Differences are taken path by path, so that what both terms share, which is most of their
    spread, cancels. Where S_y is known exactly, S_y - ``gap`` is a more precise ``total``.

    Examples
    --------
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> reverse = ep.fit_reverse_model(machine, 6, 5000, order=5, rng=0)
    >>> bound = ep.retrospective_bound(machine, reverse, 6, 20_000, rng=0)
    >>> print(f"{bound.total:.2f}, exactly {ep.entropy_production(machine, 6).total:.2f}")
    0.31, exactly 0.31
    """
    machine = as_machine(machine, "machine")
    require_homogeneous(machine, "machine")
    require_sampler(machine, "machine")
    reverse_model = as_machine(reverse_model, "reverse_model")
    require_same_size(machine, reverse_model, "reverse_model")
    n_steps = as_count(n_steps, "n_steps")
    n_paths = as_count(n_paths, "n_paths")
    batch_size = as_count(batch_size, "batch_size")
    width = n_steps + len(_SUMS)
    # Paths, three log-probabilities of each step, and their differences, copied for the moments.
    rows = min(batch_size, n_paths) * width
    require_memory(8 * 8 * rows, "n_steps or batch_size", f"{batch_size} paths of {n_steps} steps")
    generator = as_generator(rng)
    moments = _Moments(width)
    with reporting(progress, n_paths, "Retrospective bound") as report:
        for start in range(0, n_paths, batch_size):
            size = min(batch_size, n_paths - start)
            moments.add(_differences(machine, reverse_model, n_steps, size, generator))
            if report is not None:
                report(start + size)
    told = {"machine": provenance(machine), "reverse_model": provenance(reverse_model)}
    return _summarise(moments, n_steps, told)


# What is averaged over paths besides the values of steps.
_SUMS = ("total", "entropy_production", "gap")


def _differences(
    machine: Any, reverse_model: Any, n_steps: int, n_paths: int, generator: np.random.Generator
) -> FloatArray:
    """(N, T + 3): ln q - ln p_b of each step, their sum, sigma, and ln P - ln Q of N new paths."""
    drawn, known = draw_paths(machine, n_steps, n_paths, generator)
    turned = Block(drawn.paths[:, ::-1], drawn.places, f"{drawn.label}, reversed")
    straight = [] if known is not None else [drawn]
    *first, back = log_probs(machine, [*straight, turned], "machine")
    ahead = first[0] if known is None else known
    (model,) = log_probs(reverse_model, [turned], "reverse_model")
    _require_possible(ahead)
    # 0 against 0: a model that excludes what happens bounds nothing.
    with np.errstate(invalid="ignore"):
        steps = np.where(np.isneginf(model), -np.inf, model - back)[:, ::-1]
    excluded = np.isneginf(model).any(axis=1)
    finite = np.where(np.isfinite(steps), steps, 0.0).sum(axis=1)
    infinite = np.where(np.isposinf(steps).any(axis=1), np.inf, finite)
    total = np.where(excluded, -np.inf, infinite)
    forward = ahead.sum(axis=1)
    sums = (total, forward - back.sum(axis=1), forward - model.sum(axis=1))
    return np.column_stack([steps, *sums])


def _require_possible(ahead: FloatArray) -> None:
    impossible = np.isneginf(ahead)
    if impossible.any():
        path, step = (int(i) for i in np.argwhere(impossible)[0])
        raise ValueError(
            f"machine.sample draws a path which machine.log_prob gives probability 0: path "
            f"{path + 1} of a batch, from step {step + 1} on"
        )


class _Moments:
    """Mean and spread of columns over rows that come in batches; infinities are counted."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self.mean = np.zeros(width)
        self._squares = np.zeros(width)
        self.n_high = np.zeros(width, dtype=np.int64)
        self.n_low = np.zeros(width, dtype=np.int64)

    def add(self, rows: FloatArray) -> None:
        """Take in (N, width) rows; two means are merged by the weights of their rows."""
        self.n_high += np.isposinf(rows).sum(axis=0)
        self.n_low += np.isneginf(rows).sum(axis=0)
        rows = np.where(np.isfinite(rows), rows, 0.0)
        size = len(rows)
        mean = rows.mean(axis=0)
        shift = mean - self.mean
        total = self.count + size
        self._squares += ((rows - mean) ** 2).sum(axis=0)
        self._squares += shift**2 * (self.count * size / total)
        self.mean += shift * (size / total)
        self.count = total

    def results(self) -> tuple[FloatArray, FloatArray]:
        """Means and their standard errors; -inf wins over +inf, which wins over numbers."""
        mean = np.where(self.n_high > 0, np.inf, self.mean)
        mean = np.where(self.n_low > 0, -np.inf, mean)
        if self.count == 1:
            return mean, np.full(mean.shape, np.inf)
        error = np.sqrt(self._squares / (self.count - 1) / self.count)
        return mean, np.where(np.isfinite(mean), error, np.inf)


def _summarise(moments: _Moments, n_steps: int, told: dict[str, Any]) -> RetrospectiveBound:
    mean, error = moments.results()
    values = dict(zip(_SUMS, mean[n_steps:].tolist()))
    errors = dict(zip(_SUMS, error[n_steps:].tolist()))
    n_excluded = int(moments.n_low[n_steps])
    n_infinite = int(moments.n_high[n_steps + 1])
    return RetrospectiveBound(
        per_step=as_read_only(mean[:n_steps].copy()),
        standard_error=as_read_only(error[:n_steps].copy()),
        total=values["total"],
        total_standard_error=errors["total"],
        entropy_production=values["entropy_production"],
        entropy_production_standard_error=errors["entropy_production"],
        gap=values["gap"],
        gap_standard_error=errors["gap"],
        n_steps=n_steps,
        n_paths=moments.count,
        n_infinite=n_infinite,
        n_excluded=n_excluded,
        warnings=_warnings(moments.count, values["gap"], n_excluded, n_infinite),
        provenance=told,
    )


def _warnings(n_paths: int, gap: float, n_excluded: int, n_infinite: int) -> tuple[str, ...]:
    texts: list[str] = []
    if n_paths * gap < math.log(_FALSE_ALARM):
        texts.append(
            f"the reverse model gives paths e^{-gap:.3g} times the probability that the machine "
            "gives them, on (geometric) average: it isn't normalised, it was fitted to these very "
            "paths, or machine.sample doesn't follow machine.log_prob. The bound can't be trusted"
        )
    if n_excluded:
        texts.append(
            f"{n_excluded} of {n_paths} paths have probability 0 under the reverse model: the "
            "bound is -infinity, and useless"
        )
    if n_infinite:
        texts.append(
            f"{n_infinite} of {n_paths} paths have probability 0 when read backwards: their sigma, "
            "and with it S_y, is infinite"
        )
    return tuple(texts)
