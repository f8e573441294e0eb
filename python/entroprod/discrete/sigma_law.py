"""The exact law of stochastic entropy production of an enumerated machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import FloatArray, as_read_only, read_array
from entroprod.boundary.errors import NumericalError
from entroprod.discrete.information import logarithm
from entroprod.discrete.prefixes import Prefixes, digits, reversed_order
from entroprod.machine.reversals import (
    BlockReversal,
    Irreversible,
    Permutation,
    Reversal,
    TokenReversal,
    require_plan,
)
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

# Values of sigma that differ by less, relative to the log-probabilities that they are differences
# of (and to 1), are one: far above rounding, and a sigma that near 0 is 0.
_SAME = 1e-12
_SEQUENCES_AT_ONCE = 2**16


@storable
@dataclass(frozen=True, repr=False, eq=False)
class DiscreteSigmaLaw(Result):
    """Law of sigma = ln P(y) - ln P_b(y reordered) over all sequences of a discrete machine.

    Sequences that the reversal can't reorder, since it is no bijection on them, are left out, and
    all else is conditional on the others. Its picture is :func:`entroprod.plot.discrete_sigma_law`.

    Attributes
    ----------
    sigma : ndarray, (J,)
        Values that sigma takes, increasing, nats; the last may be +inf, where the reordered
        sequence is impossible.
    probability : ndarray, (J,)
        Of each; they sum to 1.
    n_steps : int
    mean : float
        E[sigma], nats; infinite where sigma is, with any probability.
    variance : float
        nats^2; infinite where the mean is.
    fluctuation_mean : float
        E[e^-sigma]. 1 for a bijection of sequences of T symbols, less what the reordered reading
        gives to sequences that the machine never makes.
    reversible_probability : float
        Of the sequences that the reversal can reorder.
    skipped : dict
        Probability of the others by the reason.
    """

    sigma: FloatArray
    probability: FloatArray
    n_steps: int
    mean: float
    variance: float
    fluctuation_mean: float
    reversible_probability: float
    skipped: Mapping[str, float]

    _picture: ClassVar[str] = "discrete_sigma_law"

    @property
    def standard_deviation(self) -> float:
        """Of sigma, nats."""
        return math.sqrt(self.variance)

    @property
    def probability_negative(self) -> float:
        """P(sigma < 0): how often a sequence looks likelier backwards."""
        return float(self.probability[self.sigma < 0.0].sum())

    @property
    def probability_infinite(self) -> float:
        """P(sigma = +inf): how often the reordered sequence is impossible."""
        return float(self.probability[self.sigma == np.inf].sum())

    def cdf(self, x: ArrayLike) -> FloatArray:
        """P(sigma <= x), of any shape.

        Raises
        ------
        ValueError, TypeError
            If x is NaN or no real number.
        """
        points = read_array(x, "x")
        if points.dtype.kind not in "fiub":
            msg = f"x must hold real numbers, got dtype {points.dtype}"
            raise TypeError(msg)
        if np.isnan(points).any():
            raise ValueError("x must not be NaN")
        sums = np.concatenate([[0.0], np.cumsum(self.probability)])
        found = sums[np.searchsorted(self.sigma, points.astype(np.float64), side="right")]
        below: FloatArray = np.minimum(found, 1.0)[()]
        return below

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and lists."""
        return super().to_dict() | {
            "probability_negative": self.probability_negative,
            "probability_infinite": self.probability_infinite,
        }

    def to_frame(self) -> pd.DataFrame:
        """Table with a row per value of sigma; needs pandas."""
        return as_frame({"sigma": self.sigma, "probability": self.probability})

    def __repr__(self) -> str:
        text = (
            f"DiscreteSigmaLaw(n_steps={self.n_steps}, {self.sigma.size} values, "
            f"mean={self.mean:.12g} nats, E[e^-sigma]={self.fluctuation_mean:.12g})"
        )
        lines = [
            f"  left out with probability {share:.6g}: {reason}"
            for reason, share in self.skipped.items()
        ]
        return "\n".join([text, *lines])


class _Scored(NamedTuple):
    """Probability and both log-probabilities of sequences that can be reordered, (N,) each."""

    weight: FloatArray
    ahead: FloatArray
    behind: FloatArray


def discrete_sigma_law(
    forward: Prefixes, backward: Prefixes, reversal: Reversal
) -> DiscreteSigmaLaw:
    """Law of sigma from the log-probabilities of all sequences and their reorderings."""
    k, n_steps = forward.n_symbols, forward.n_steps
    skipped: dict[str, float] = {}
    if isinstance(reversal, TokenReversal):
        ahead = forward.totals[-1]
        scored = _Scored(np.exp(ahead), ahead, reversed_order(backward.totals[-1], k, n_steps))
    else:
        scored = _by_plans(forward, backward, reversal, skipped)
    used = scored.ahead > -np.inf
    scored = _Scored(*(values[used] for values in scored))
    domain = float(scored.weight.sum())
    if domain == 0.0:
        reasons = "; ".join(skipped)
        msg = f"the reversal is no bijection on any sequence of {n_steps} steps: {reasons}"
        raise NumericalError(msg)
    sigma, probability = _merged(scored)
    probability = probability / domain
    mean = variance = math.inf
    if sigma[-1] < math.inf:
        mean = float(sigma @ probability)
        variance = float((sigma - mean) ** 2 @ probability)
    # The reordered sequence and what is cut off, with no exponential that could overflow.
    logarithms = logarithm(scored.weight) - scored.ahead + scored.behind
    return DiscreteSigmaLaw(
        sigma=as_read_only(sigma),
        probability=as_read_only(probability),
        n_steps=n_steps,
        mean=mean,
        variance=variance,
        fluctuation_mean=float(np.exp(logarithms).sum()) / domain,
        reversible_probability=domain,
        skipped=skipped,
    )


def _by_plans(
    forward: Prefixes, backward: Prefixes, reversal: Reversal, skipped: dict[str, float]
) -> _Scored:
    """Sequences by the way they are reordered; what can't be is counted in ``skipped``."""
    k, n_steps = forward.n_symbols, forward.n_steps
    weights = np.exp(forward.totals[-1])
    parts = []
    possible = np.flatnonzero(forward.totals[-1] > -np.inf)
    met = np.zeros(len(weights), dtype=bool)
    for order, indices in _by_order(reversal, possible, weights, n_steps, k, skipped).items():
        places = np.frombuffer(order, dtype=np.int64)
        length = len(places)
        prefixes = indices // k ** (n_steps - length)
        powers = k ** np.arange(length - 1, -1, -1, dtype=np.int64)
        reordered = digits(prefixes, k, length)[:, places] @ powers
        if length == n_steps:
            twice = reordered[met[reordered]]
            if twice.size:
                same = digits(twice[:1], k, n_steps)[0].tolist()
                msg = f"{type(reversal).__name__} is no bijection: several sequences become {same}"
                raise NumericalError(msg)
            met[reordered] = True
        ahead, behind = forward.totals[length][prefixes], backward.totals[length][reordered]
        parts.append(_Scored(weights[indices], ahead, behind))
    if not parts:
        return _Scored(*np.full((3, 1), -np.inf))
    return _Scored(*(np.concatenate(columns) for columns in zip(*parts)))


def _by_order(
    reversal: Reversal,
    possible: NDArray[np.int64],
    weights: FloatArray,
    n_steps: int,
    k: int,
    skipped: dict[str, float],
) -> dict[bytes, NDArray[np.int64]]:
    """Places of the possible sequences, by the bytes of the order that reorders them."""
    groups: dict[bytes, list[NDArray[np.int64]]] = {}
    for start in range(0, possible.size, _SEQUENCES_AT_ONCE):
        places = possible[start : start + _SEQUENCES_AT_ONCE]
        sequences = digits(places, k, n_steps)
        _, first, label = np.unique(
            _what_is_seen(reversal, sequences), axis=0, return_index=True, return_inverse=True
        )
        ends = np.cumsum(np.bincount(label.ravel()))[:-1]
        alike = np.split(places[np.argsort(label.ravel(), kind="stable")], ends)
        for one, those in zip(first.tolist(), alike):
            try:
                order = require_plan(reversal.plan(sequences[one].copy()), reversal).order
            except Irreversible as error:
                reason = str(error)
                skipped[reason] = skipped.get(reason, 0.0) + float(weights[those].sum())
                continue
            key = np.ascontiguousarray(order, dtype=np.int64).tobytes()
            groups.setdefault(key, []).append(those)
    return {order: np.concatenate(parts) for order, parts in groups.items()}


def _what_is_seen(reversal: Reversal, sequences: NDArray[np.int64]) -> NDArray[Any]:
    """What a plan depends on, a row for each sequence: equal rows have equal plans."""
    if type(reversal) is Permutation:
        return np.zeros((len(sequences), 1), dtype=bool)
    if type(reversal) is BlockReversal and reversal.cut is None:
        return np.isin(sequences, np.fromiter(reversal.delimiters or (), np.int64))
    return sequences


def _merged(scored: _Scored) -> tuple[FloatArray, FloatArray]:
    """Different values of sigma, increasing, and the sum of the weights of each."""
    sigma = scored.ahead - scored.behind
    finite = np.isfinite(sigma)
    sizes = np.maximum(np.abs(scored.ahead[finite]), np.abs(scored.behind[finite]))
    same = _SAME * (1.0 + float(sizes.max(initial=0.0)))
    values, weights = sigma[finite], scored.weight[finite]
    order = np.argsort(values, kind="stable")
    values, weights = values[order], weights[order]
    atoms = sums = np.empty(0)
    if values.size:
        label = np.concatenate([[0], np.cumsum(np.diff(values) > same)])
        sums = np.asarray(np.bincount(label, weights), dtype=np.float64)
        atoms = np.asarray(np.bincount(label, weights * values) / sums, dtype=np.float64)
        atoms[np.abs(atoms) <= same] = 0.0
    if not finite.all():
        atoms = np.append(atoms, np.inf)
        sums = np.append(sums, scored.weight[~finite].sum())
    return atoms, sums
