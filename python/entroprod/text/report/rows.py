"""Rows of a table of scored texts, read and checked for a report."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.frames import as_frame, index_of, is_missing
from entroprod.machine.reversals import IntArray

Reversal = Literal["token", "block"]
REVERSALS: tuple[Reversal, Reversal] = ("token", "block")

NEEDED = (
    "index",
    "group",
    "id",
    "text",
    "n_tokens",
    "n_blocks",
    "n_cut_off",
    *(f"sigma_{name}" for name in REVERSALS),
    *(f"sigma_{name}_per_token" for name in REVERSALS),
    *(f"skipped_{name}" for name in REVERSALS),
    "tokens",
    "per_token_forward",
    "per_token_token_reversed",
    "per_token_block_reversed",
    "block_starts",
    "sigma_per_block",
)


@dataclass(frozen=True)
class TextRow:
    """One text of a report; what a text lacks is None.

    Attributes
    ----------
    index : int
    group, id : str or None
    text : str
    tokens : tuple of str
    sigma, sigma_per_token : dict of str to float
        By reversal, "token" or "block", where the text has one; nats, and nats per token.
    skipped : dict of str to str
        By reversal, why it has none.
    forward, reversed, block_reversed : ndarray or None
        Nats per token, (n_tokens,) the first two and (n_tokens - n_cut_off,) the last.
    block_starts, sigma_per_block : ndarray or None
        (n_blocks,) each.
    n_cut_off : int
        Tokens behind the last block.
    """

    index: int
    group: str | None
    id: str | None
    text: str
    tokens: tuple[str, ...]
    sigma: dict[str, float]
    sigma_per_token: dict[str, float]
    skipped: dict[str, str]
    forward: FloatArray | None
    reversed: FloatArray | None
    block_reversed: FloatArray | None
    block_starts: IntArray | None
    sigma_per_block: FloatArray | None
    n_cut_off: int

    @property
    def n_blocks(self) -> int | None:
        """Number of blocks, where the text was cut."""
        return None if self.block_starts is None else len(self.block_starts)

    @property
    def has_values(self) -> bool:
        """Whether its tokens have numbers to be coloured by."""
        return self.forward is not None

    def sigma_of_tokens(self, name: Reversal) -> FloatArray | None:
        """What each token contributes to sigma: forward minus reordered, nats."""
        other = self.reversed if name == "token" else self.block_reversed
        if self.forward is None or other is None:
            return None
        contributions: FloatArray = self.forward[: len(other)] - other
        return contributions


@dataclass(frozen=True)
class Summary:
    """Values per token of one group under one reversal.

    Attributes
    ----------
    values : ndarray
        The finite ones, sorted.
    n_infinite, n_one_block : int
        Texts whose sigma is infinite, or 0 since they have one block.
    skip_reasons : dict of str to int
    """

    values: FloatArray
    n_infinite: int
    n_one_block: int
    skip_reasons: dict[str, int]

    @property
    def n_scored(self) -> int:
        """Number of texts with a sigma."""
        return len(self.values) + self.n_infinite

    @property
    def mean(self) -> float | None:
        """Mean, nats per token; infinite where a value is."""
        if self.n_infinite:
            return math.inf
        return float(self.values.mean()) if self.values.size else None

    @property
    def standard_error(self) -> float | None:
        """Standard error of the mean."""
        if self.n_infinite or self.values.size < 2:
            return None
        return float(self.values.std(ddof=1) / math.sqrt(self.values.size))

    @property
    def median(self) -> float | None:
        """Median, nats per token."""
        values = np.concatenate([self.values, np.full(self.n_infinite, np.inf)])
        if not values.size:
            return None
        middle = values[[(values.size - 1) // 2, values.size // 2]]
        return float(middle.mean())


def read_rows(table: Any) -> list[TextRow]:
    """Rows of a DataFrame of scored texts, of an object that has one, or of mappings.

    Raises
    ------
    ValueError, TypeError
        What isn't such a table, with the row and the column.
    """
    rows = [_read(row, f"rows[{i}]") for i, row in enumerate(_mappings(table))]
    if not rows:
        raise ValueError("rows must not be empty: there is nothing to report")
    (index, number), *_ = Counter(row.index for row in rows).most_common(1)
    if number > 1:
        raise ValueError(
            f"rows must have an index each, got {index} {number} times: number tables that were "
            "put together anew, as by reset_index(drop=True)"
        )
    return rows


def summarise(rows: Iterable[TextRow], name: Reversal) -> Summary:
    """Values per token of texts under one reversal."""
    rows = list(rows)
    values = np.array([row.sigma_per_token[name] for row in rows if name in row.sigma_per_token])
    finite = np.isfinite(values)
    one_block = (row.n_blocks == 1 for row in rows) if name == "block" else ()
    return Summary(
        np.sort(values[finite]).astype(np.float64),
        int((~finite).sum()),
        sum(one_block),
        dict(Counter(row.skipped[name] for row in rows if name in row.skipped)),
    )


def by_group(rows: Iterable[TextRow]) -> dict[str | None, list[TextRow]]:
    """Texts by group, in the order of their first appearance."""
    groups: dict[str | None, list[TextRow]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    return groups


def _mappings(table: Any) -> Iterable[Mapping[str, Any]]:
    table = getattr(table, "table", table)
    frame = as_frame(table, "rows", "text")
    if frame is not None:
        index = index_of(frame)
        rows: Iterator[dict[str, Any]] = frame.iter_rows(named=True)
        if index is None or "index" in frame.columns:
            return rows
        return ({"index": place, **row} for place, row in zip(index, rows))
    if isinstance(table, (str, bytes, Mapping)) or not isinstance(table, Iterable):
        raise TypeError(
            f"rows must be a table of scored texts or a sequence of rows, got "
            f"{type(table).__name__}"
        )
    return table


def _read(row: Any, where: str) -> TextRow:
    if not isinstance(row, Mapping):
        raise TypeError(f"{where} must be a mapping of columns to values, got {row!r}")
    missing = [name for name in NEEDED if name not in row]
    if missing:
        raise ValueError(f"{where} lacks the column {missing[0]!r} of a table of scored texts")
    value: dict[str, Any] = {name: None if is_missing(row[name]) else row[name] for name in NEEDED}
    tokens = tuple(value["tokens"] if value["tokens"] is not None else ())
    starts = value["block_starts"]
    read = TextRow(
        index=int(value["index"]),
        group=_string(value["group"]),
        id=_string(value["id"]),
        text=_string(value["text"]) or "",
        tokens=tokens,
        sigma=_by_reversal(value, "sigma_{}", float),
        sigma_per_token=_by_reversal(value, "sigma_{}_per_token", float),
        skipped=_by_reversal(value, "skipped_{}", str),
        forward=_numbers(value["per_token_forward"]),
        reversed=_numbers(value["per_token_token_reversed"]),
        block_reversed=_numbers(value["per_token_block_reversed"]),
        block_starts=None if starts is None else np.asarray(starts, dtype=np.int64),
        sigma_per_block=_numbers(value["sigma_per_block"]),
        n_cut_off=int(value["n_cut_off"] or 0),
    )
    _require_fitting(read, where)
    return read


def _require_fitting(row: TextRow, where: str) -> None:
    n_tokens = len(row.tokens)
    n_kept = n_tokens - row.n_cut_off
    for name, values, wanted in (
        ("per_token_forward", row.forward, n_tokens),
        ("per_token_token_reversed", row.reversed, n_tokens),
        ("per_token_block_reversed", row.block_reversed, n_kept),
        ("sigma_per_block", row.sigma_per_block, row.n_blocks),
    ):
        if values is not None and len(values) != wanted:
            raise ValueError(f"{where} has {len(values)} numbers in {name}, and not {wanted}")
    starts = row.block_starts
    if starts is not None and not (
        starts.size and starts[0] == 0 and (np.diff([*starts, n_kept]) > 0).all()
    ):
        raise ValueError(f"{where} has block_starts that don't divide its {n_kept} tokens")


def _string(value: Any) -> str | None:
    return None if value is None else str(value)


def _by_reversal(value: Mapping[str, Any], pattern: str, kind: type) -> dict[str, Any]:
    read = {name: value[pattern.format(name)] for name in REVERSALS}
    return {name: kind(one) for name, one in read.items() if one is not None}


def _numbers(value: Sequence[float] | None) -> FloatArray | None:
    return None if value is None else np.asarray(value, dtype=np.float64)
