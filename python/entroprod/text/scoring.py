"""One batch of texts: tokens, probabilities in all orders, and a row for each text."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.errors import NumericalError
from entroprod.machine.reversals import Reversal
from entroprod.questions.trajectory import score_reversals
from entroprod.results.trajectory import StochasticEntropyProduction
from entroprod.text.journal import Row
from entroprod.text.table import COLUMNS

TOKEN, BLOCK = "token", "block"
Scores = dict[str, StochasticEntropyProduction]

# How messages of the library name one of the sequences that were scored together.
_POSITION = re.compile(r"(?:sequences|texts)\[\d+\]:?")
_SEQUENCE = re.compile(rf"{_POSITION.pattern}|\bsequence \d+\b")


@dataclass(frozen=True)
class Item:
    """A text before it is scored: its tokens, or the reason why it has none."""

    index: int
    text: str
    group: str | None = None
    id: str | None = None
    token_ids: NDArray[np.int64] | None = None
    reason: str | None = None


class Scorer:
    """A machine with the reversals under which it reads texts.

    Parameters
    ----------
    machine : language machine
        With encode(texts), decode(token_ids) and what every machine has.
    reversals : mapping
        A reversal for each of "token" and "block".
    """

    def __init__(self, machine: Any, reversals: Mapping[str, Reversal]) -> None:
        self._machine = _Reader(machine)
        self._reversals = dict(reversals)
        self._spelled: dict[int, str] = {}

    def rows(self, items: Sequence[Item]) -> list[Row]:
        """Rows of the items, each of them with its values or with the reason why it has none."""
        items = [self._tokenised(item) for item in items]
        rows = {item.index: _blank_row(item) for item in items}
        encoded = [item for item in items if item.token_ids is not None]
        for item in encoded:
            tokens = [] if item.token_ids is None else item.token_ids.tolist()
            spelled = [self._spell(token) for token in tokens]
            rows[item.index] |= {"n_tokens": len(tokens), "token_ids": tokens, "tokens": spelled}
        if encoded:
            try:
                self._fill(rows, encoded)
            except ValueError:
                # One text spoils the batch: each of the others keeps its values.
                for item in encoded:
                    self._fill_alone(rows, item)
        return list(rows.values())

    def _tokenised(self, item: Item) -> Item:
        if item.token_ids is not None:
            return item
        if not item.text.strip():
            return replace(item, reason="empty text")
        shown = shown_text(item)
        if shown != item.text:
            reason = "no valid Unicode: a lone surrogate, shown as its escape sequence"
            return replace(item, text=shown, reason=reason)
        try:
            (encoded,) = self._machine.encode([item.text])
        except ValueError as error:
            return replace(item, reason=_reason(error))
        if len(encoded) == 0:
            return replace(item, reason="no token in it")
        return replace(item, token_ids=np.asarray(encoded, dtype=np.int64))

    def _fill(self, rows: dict[int, Row], items: Sequence[Item]) -> None:
        scores = self._scores(items)
        for name, columns in ((TOKEN, _token_columns), (BLOCK, _block_columns)):
            result = scores[name]
            for skip in result.skipped:
                rows[items[skip.index].index][f"skipped_{name}"] = skip.reason
            for place, i in enumerate(result.index.tolist()):
                rows[items[i].index] |= columns(result, place)

    def _fill_alone(self, rows: dict[int, Row], item: Item) -> None:
        try:
            self._fill(rows, [item])
        except ValueError as error:
            rows[item.index] |= dict.fromkeys(("skipped_token", "skipped_block"), _reason(error))

    def _scores(self, items: Sequence[Item]) -> Scores:
        sequences = [item.token_ids for item in items]
        try:
            return score_reversals(self._machine, sequences, self._reversals, keep_per_step=True)
        except NumericalError as error:
            # A machine names one of the orders that it was given together: alone, the text is known
            # by its place among all.
            if len(items) > 1:
                for item in items:
                    self._scores([item])
                raise NumericalError(
                    f"texts {items[0].index} to {items[-1].index}, scored together: {error}"
                ) from None
            named = _SEQUENCE.sub(f"text {items[0].index}", str(error))
            raise NumericalError(named) from None

    def _spell(self, token: int) -> str:
        if token not in self._spelled:
            self._spelled[token] = str(self._machine.decode([token]))
        return self._spelled[token]


class _Reader:
    """A machine without its provenance: that is told once, and may take a digest of all weights."""

    def __init__(self, machine: Any) -> None:
        self._machine = machine

    def __getattr__(self, name: str) -> Any:
        if name == "provenance":
            raise AttributeError(name)
        return getattr(self._machine, name)


def shown_text(item: Item) -> str:
    """The text of an item as a table can hold it, lone surrogates as their escape sequences."""
    return item.text.encode("utf-8", "backslashreplace").decode()


def _reason(error: ValueError) -> str:
    """The words of an error about a single text, without its place in the call."""
    return _POSITION.sub("", str(error)).strip()


def _blank_row(item: Item) -> Row:
    row: Row = dict.fromkeys(COLUMNS)
    row |= {"index": item.index, "group": item.group, "id": item.id, "text": item.text}
    return row | {"skipped_token": item.reason, "skipped_block": item.reason}


def _token_columns(result: StochasticEntropyProduction, place: int) -> Row:
    forward, backward = _per_token(result, place)
    sigma = float(result.sigma[place])
    return {
        "sigma_token": sigma,
        "sigma_token_per_token": sigma / int(result.lengths[place]),
        "log_forward": float(result.log_forward[place]),
        "log_token_reversed": float(result.log_backward[place]),
        "per_token_forward": forward.tolist(),
        "per_token_token_reversed": backward.tolist(),
    }


def _block_columns(result: StochasticEntropyProduction, place: int) -> Row:
    forward, backward = _per_token(result, place)
    sigma = float(result.sigma[place])
    starts = result.block_starts[place]
    return {
        "n_blocks": len(starts),
        "n_cut_off": int(result.n_cut_off[place]),
        "sigma_block": sigma,
        "sigma_block_per_token": sigma / int(result.lengths[place]),
        "log_forward_of_blocks": float(result.log_forward[place]),
        "log_block_reversed": float(result.log_backward[place]),
        "per_token_block_reversed": backward.tolist(),
        "block_starts": starts.tolist(),
        "sigma_per_block": np.add.reduceat(forward - backward, starts).tolist(),
    }


def _per_token(result: StochasticEntropyProduction, place: int) -> tuple[FloatArray, FloatArray]:
    forward, backward = result.per_step_forward, result.per_step_backward
    if forward is None or backward is None:
        raise TypeError("the values of every token weren't kept")
    return forward[place], backward[place]
