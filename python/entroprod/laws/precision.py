"""How many digits a machine's log-probabilities have: what equal ones may differ by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from entroprod.boundary.arrays import FloatArray

# Nats that two evaluations of the same log-probability may differ by, for values up to a nat;
# larger values in proportion. Products of matrices in another order lose the last digits, layer
# after layer: 450 000 units of rounding are left to float64, 84 to float32, 13 to the halves.
TOLERANCES = {"float64": 1e-10, "float32": 1e-5, "float16": 0.0125, "bfloat16": 0.1}


@dataclass(frozen=True)
class Precision:
    """A tolerance per log-probability, in nats and relative to those above a nat, and its source.

    Attributes
    ----------
    tolerance : float
    source : str
        Where it comes from, for reports.
    """

    tolerance: float
    source: str


def find_precision(
    provenance: dict[str, Any], values: FloatArray, measure_noise: Callable[[], float]
) -> Precision:
    """The precision that a machine tells of, or that its values show.

    Parameters
    ----------
    provenance : dict
        What the machine tells of itself; its ``dtype`` decides where there is one.
    values : ndarray
        Log-probabilities as the machine returns them.
    measure_noise : callable
        Gives the largest relative difference between log-probabilities in batches of two sizes.
    """
    given = provenance.get("dtype", "")
    # A machine of several parts tells a list of them; the coarsest one limits the result.
    names = [str(one).rsplit(".", 1)[-1] for one in (given if isinstance(given, list) else [given])]
    if names and all(name in TOLERANCES for name in names):
        told = max(names, key=TOLERANCES.__getitem__)
        return Precision(TOLERANCES[told], f"the machine says that it computes in {told}")
    name = values.dtype.name
    if name != "float64" and name in TOLERANCES:
        return Precision(TOLERANCES[name], f"log_prob returns {name}")
    finite = values[np.isfinite(values)]
    if np.array_equal(finite, finite.astype(np.float32)):
        return Precision(TOLERANCES["float32"], "log_prob returns numbers with float32's digits")
    noise = measure_noise()
    if TOLERANCES["float64"] < noise <= TOLERANCES["float32"]:
        source = f"equal log-probabilities were found to differ by {noise:.0e}, as in float32"
        return Precision(TOLERANCES["float32"], source)
    return Precision(TOLERANCES["float64"], "log_prob returns float64")


def compare(found: FloatArray, expected: FloatArray) -> tuple[float, tuple[int, ...]]:
    """Largest difference per log-probability, in units of max(1, its size), and where it is.

    Rows are sequences. What follows a step of probability 0 has no probability to be compared; NaN
    anywhere before gives NaN.
    """
    if not found.size:
        return 0.0, ()
    defined = ~(behind_zero(found) | behind_zero(expected))
    with np.errstate(invalid="ignore"):
        difference = np.abs(found - expected) / np.maximum(1.0, np.abs(expected))
    difference = np.where(np.isinf(expected) & np.isfinite(found), np.inf, difference)
    difference[(found == expected) | ~defined] = 0.0
    worst = int(np.argmax(np.where(np.isnan(difference), np.inf, difference)))
    where = tuple(int(i) for i in np.unravel_index(worst, difference.shape))
    return float(difference[where]), where


def behind_zero(rows: FloatArray) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """Which log-probabilities, (N, T), stand behind a step of probability 0."""
    zero = np.isneginf(rows)
    return np.asarray(np.cumsum(zero, axis=-1) > zero)


def sizes(rows: FloatArray) -> FloatArray:
    """(N,) sum over steps of max(1, |log-probability|): what a sum's tolerance is in units of."""
    return np.asarray(np.maximum(1.0, np.abs(rows)).sum(axis=-1))
