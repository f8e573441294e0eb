"""The error bar that rounding puts on entropy production: scoring the same sequences twice."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray
from entroprod.results.registry import storable
from entroprod.results.result import Result

Score = Callable[[list[NDArray[np.int64]]], list[FloatArray]]
# Sequences side by side in the second scoring, at most.
_FEW = 3


@storable(name="entroprod.neural.SelfTest")
@dataclass(frozen=True, repr=False, eq=False)
class SelfTest(Result):
    """The same sequences scored twice, in other batches and in another order.

    Both would be the same in exact arithmetic. Sigma is a difference of two such log-probabilities
    too, so ``rms_per_sequence`` is the standard error that rounding puts on it.

    Attributes
    ----------
    n_sequences, n_tokens : int
    max_per_token, rms_per_token : float
        Differences of ln p of a token, nats.
    max_per_sequence, rms_per_sequence : float
        Differences of ln p of a sequence, nats.
    dtype, device : str
        In which, and where, the model computes.
    """

    n_sequences: int
    n_tokens: int
    max_per_token: float
    rms_per_token: float
    max_per_sequence: float
    rms_per_sequence: float
    dtype: str
    device: str

    def __repr__(self) -> str:
        return (
            f"SelfTest(rounding puts {self.rms_per_sequence:.2g} nats (at most "
            f"{self.max_per_sequence:.2g}) on sigma of a sequence, {self.rms_per_token:.2g} (at "
            f"most {self.max_per_token:.2g}) on a token; {self.n_sequences} sequences, "
            f"{self.n_tokens:,} tokens, {self.dtype} on {self.device})"
        )


def compare_scorings(
    together: Score,
    sequences: Sequence[NDArray[np.int64]],
    rng: np.random.Generator,
    *,
    dtype: str,
    device: str,
) -> SelfTest:
    """Score all sequences together, and then a few at a time in a random order.

    One of the few stands in its batch twice, so that a single sequence meets another batch, too.
    """
    first = together(list(sequences))
    second: list[FloatArray] = [np.empty(0)] * len(sequences)
    order = rng.permutation(len(sequences))
    start = 0
    while start < len(order):
        few = order[start : start + int(rng.integers(1, _FEW + 1))]
        batch = [sequences[i] for i in (*few, few[0])]
        for place, values in zip(few, together(batch)):
            second[place] = values
        start += len(few)
    # A token that is impossible both times doesn't differ.
    with np.errstate(invalid="ignore"):
        differences = [np.where(a == b, 0.0, a - b) for a, b in zip(first, second)]
    tokens = np.concatenate(differences)
    sums = np.array([each.sum() for each in differences])
    return SelfTest(
        n_sequences=len(sequences),
        n_tokens=len(tokens),
        max_per_token=float(np.abs(tokens).max()),
        rms_per_token=float(np.sqrt(np.mean(tokens**2))),
        max_per_sequence=float(np.abs(sums).max()),
        rms_per_sequence=float(np.sqrt(np.mean(sums**2))),
        dtype=dtype,
        device=device,
    )
