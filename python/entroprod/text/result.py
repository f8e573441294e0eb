"""What scoring texts gives: a table, and averages over it that say what was left out."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.results.registry import storable
from entroprod.results.result import Result, plain
from entroprod.text.table import COLUMNS, as_table

if TYPE_CHECKING:
    import pandas as pd

REVERSALS = ("token", "block")
# Logarithms above this have no exponential in doubles.
_LARGEST_EXPONENT = 709.0


@storable
@dataclass(frozen=True, eq=False)
class Average(Result):
    """Averages over the texts that have a sigma under one reversal.

    A value is None where there are too few texts for it.

    Attributes
    ----------
    reversal : str
        "token" or "block".
    n : int
        Texts with a sigma.
    skip_reasons : dict of str to int
        How many have none, for which reason.
    n_infinite : int
        Texts with sigma = +inf, which make the means infinite.
    n_single_block : int
        Texts of one block, whose sigma is exactly 0; with token reversal not counted.
    n_cut : int
        Texts that lost what stood behind their last block.
    sigma, sigma_error : float or None
        Mean of sigma, nats, and its standard error.
    sigma_per_token, sigma_per_token_error : float or None
        The same of sigma divided by the number of tokens, nats per token.
    fluctuation, fluctuation_error : float or None
        Mean of e^-sigma, whose expectation over samples of the machine is 1. Only for such.
    effective_sample_size : float or None
        (sum w)^2 / sum w^2 of the weights w = e^-sigma: how many texts carry that mean. With few of
        them neither the mean nor its error can be trusted.
    """

    reversal: str
    n: int
    skip_reasons: dict[str, int]
    n_infinite: int
    n_single_block: int
    n_cut: int
    sigma: float | None
    sigma_error: float | None
    sigma_per_token: float | None
    sigma_per_token_error: float | None
    fluctuation: float | None
    fluctuation_error: float | None
    effective_sample_size: float | None

    @property
    def n_skipped(self) -> int:
        """How many texts have no sigma."""
        return sum(self.skip_reasons.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name."""
        return super().to_dict() | {"n_skipped": self.n_skipped}


@storable
@dataclass(frozen=True, repr=False, eq=False)
class TextScores(Result):
    """Scored texts.

    The table has files of its own, Parquet or CSV, which :func:`read_results` reads; ``save``
    stores it beside the rest.

    Attributes
    ----------
    table : DataFrame
        A row for each text, in the order given; its index is the position of the text.

        ===============================  ===================================================
        group, id, text                  as given
        n_tokens, n_blocks, n_cut_off    tokens; blocks; tokens behind the last block
        sigma_token, sigma_block         entropy production, nats
        sigma_token_per_token            divided by the number of tokens
        sigma_block_per_token            divided by the number of tokens that aren't cut off
        log_forward, log_token_reversed  log-probability as it is, and with all tokens reversed
        log_forward_of_blocks            the first, without what is cut off
        log_block_reversed               log-probability with the blocks in reversed order
        skipped_token, skipped_block     reasons for missing values
        tokens, token_ids                lists
        per_token_forward                log-probability of each token after those before it
        per_token_token_reversed         after those behind it, in reversed order
        per_token_block_reversed         with the blocks in reversed order
        block_starts, sigma_per_block    where blocks begin, and what they contribute
        ===============================  ===================================================
    output : Path or None
        Where the table is stored.
    n_resumed : int
        Rows that an earlier run had finished.
    """

    table: pd.DataFrame
    output: Path | None
    n_resumed: int

    @property
    def provenance(self) -> dict[str, Any]:
        """How the table came about: machine, settings, texts."""
        told: dict[str, Any] = self.table.attrs["provenance"]
        return told

    def averages(self) -> tuple[Average, ...]:
        """Averages for token and for block reversal, with what is left out of them."""
        return averages(self.table)

    def to_frame(self) -> pd.DataFrame:
        """Give the table."""
        return self.table

    def to_dict(self) -> dict[str, Any]:
        """Number of texts, averages and provenance, without the table."""
        return {
            "n_texts": len(self.table),
            "n_resumed": self.n_resumed,
            "output": None if self.output is None else str(self.output),
            "averages": {each.reversal: each.to_dict() for each in self.averages()},
            "provenance": plain(self.provenance),
        }

    def _stored_parts(self) -> dict[str, Any]:
        return {
            "columns": _columns(self.table),
            "provenance": self.provenance,
            "output": None if self.output is None else str(self.output),
            "n_resumed": self.n_resumed,
        }

    @classmethod
    def _from_stored_parts(cls, parts: dict[str, Any]) -> TextScores:
        output = None if parts["output"] is None else Path(parts["output"])
        return cls(as_table(parts["columns"], parts["provenance"]), output, parts["n_resumed"])

    def _compared(self) -> dict[str, Any]:
        return self._stored_parts()

    def __repr__(self) -> str:
        lines = [f"TextScores({len(self.table)} texts)"]
        for each in self.averages():
            mean = "no values" if each.sigma_per_token is None else f"{each.sigma_per_token:.4g}"
            if each.sigma_per_token_error is not None:
                mean += f" ± {each.sigma_per_token_error:.2g}"
            line = f"  {each.reversal:<6} {mean} nats per token, mean of {each.n} texts"
            lines.append(line + (f", {each.n_skipped} skipped" if each.n_skipped else ""))
        return "\n".join(lines)


def averages(table: pd.DataFrame) -> tuple[Average, ...]:
    """Averages of a table of scored texts for token and for block reversal."""
    of_samples = "samples" in table.attrs.get("provenance", {})
    return tuple(_average(table, name, of_samples=of_samples) for name in REVERSALS)


def _average(table: pd.DataFrame, name: str, *, of_samples: bool) -> Average:
    reasons = table[f"skipped_{name}"]
    scored = table[reasons.isna()]
    sigma = scored[f"sigma_{name}"].to_numpy(np.float64)
    by_block = name == "block"
    mean, error = _mean(sigma)
    mean_per_token, error_per_token = _mean(scored[f"sigma_{name}_per_token"].to_numpy(np.float64))
    fluctuation = _fluctuation(sigma) if of_samples else (None, None, None)
    return Average(
        reversal=name,
        n=len(sigma),
        skip_reasons=dict(Counter(str(reason) for reason in reasons.dropna())),
        n_infinite=int(np.isinf(sigma).sum()),
        n_single_block=int((scored["n_blocks"] == 1).sum()) if by_block else 0,
        n_cut=int((scored["n_cut_off"] > 0).sum()) if by_block else 0,
        sigma=mean,
        sigma_error=error,
        sigma_per_token=mean_per_token,
        sigma_per_token_error=error_per_token,
        fluctuation=fluctuation[0],
        fluctuation_error=fluctuation[1],
        effective_sample_size=fluctuation[2],
    )


def _mean(values: FloatArray) -> tuple[float | None, float | None]:
    """Mean and standard error; None where there are too few, infinite where a value is."""
    if values.size == 0:
        return None, None
    if np.isinf(values).any():
        return math.inf, None
    error = float(values.std(ddof=1)) / math.sqrt(values.size) if values.size > 1 else None
    return float(values.mean()), error


def _fluctuation(sigma: FloatArray) -> tuple[float | None, float | None, float | None]:
    """Mean of e^-sigma, its standard error, and how many texts carry it."""
    if sigma.size == 0:
        return None, None, None
    lowest = float(sigma.min())
    if math.isinf(lowest):
        return 0.0, None, 0.0
    weights = np.exp(lowest - sigma)  # relative to the largest, while they are summed
    effective = float(weights.sum() ** 2 / (weights**2).sum())
    if -lowest > _LARGEST_EXPONENT:
        return math.inf, None, effective
    mean, error = _mean(weights)
    scale = math.exp(-lowest)
    return (
        None if mean is None else mean * scale,
        None if error is None else error * scale,
        effective,
    )


def _columns(table: pd.DataFrame) -> dict[str, list[Any]]:
    """Columns by name, as :func:`as_table` takes them: what a row lacks is None."""
    found: dict[str, list[Any]] = {}
    for name in COLUMNS:
        values = table.index.to_series() if name == "index" else table[name]
        given = zip(values.tolist(), values.isna())
        found[name] = [None if missing else value for value, missing in given]
    return found
