"""The lower half of a report: single texts, coloured by token, and those that were skipped."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.text.report import charts, numbers
from entroprod.text.report.alignment import laid_over
from entroprod.text.report.colour import level, signed_level
from entroprod.text.report.rows import Reversal, TextRow, by_group
from entroprod.text.report.spelling import Piece, pieces
from entroprod.text.report.summary import UNGROUPED

Order = Literal["given", "sigma_token", "sigma_block"]

# Tokens on a page, beyond which browsers turn slow; so many take about 6 MB.
MOST_TOKENS = 30_000
# Skipped texts that are listed one by one.
_MOST_SKIPPED = 200
# Share of all values that a colour scale covers; a few extreme ones would make all others pale.
_COVERED = 0.95
# Nats at which a scale ends at least: rounding isn't coloured as if it were something.
_SMALLEST_SCALE = 0.01


class View(NamedTuple):
    """A way to colour the texts."""

    letter: str
    name: str
    meaning: str


VIEWS = (
    View("f", "forward", "How surprising each token is after all that stands before it."),
    View(
        "t",
        "token-reversed",
        "How surprising each token is after all that stands behind it, read from the end.",
    ),
    View(
        "b",
        "block-reversed",
        "How surprising each token is where the blocks come in reversed order: after the blocks "
        "behind its own, and what stands before it in its own.",
    ),
    View(
        "x",
        "σ, token reversal",
        "Surprise token-reversed minus surprise forward. Orange tokens speak for the direction as "
        "written, blue ones against it; they add up to σ under token reversal.",
    ),
    View(
        "y",
        "σ, block reversal",
        "Surprise block-reversed minus surprise forward. Orange tokens speak for the order of "
        "blocks as written, blue ones against it; they add up to σ under block reversal.",
    ),
)
_SIGNED = "xy"
# What stands for a token that only completes the character of the one before.
_CONTINUED = [Piece("·", "odd", "completes the character before it")]


@dataclass(frozen=True)
class Scales:
    """Ends of the scales of all texts that are shown, nats."""

    surprisal: float
    sigma: dict[str, float]
    per_block: float


def choose(rows: Sequence[TextRow], per_group: int, order: Order) -> list[TextRow]:
    """Texts to show: the first of each group in that order, as long as a page can hold them."""
    place = {row.index: i for i, row in enumerate(rows)}

    def rank(row: TextRow) -> tuple[float, int]:
        """First the largest value, where values decide; those without one come last."""
        if order == "given":
            return 0.0, place[row.index]
        name: Reversal = "token" if order == "sigma_token" else "block"
        return -row.sigma_per_token.get(name, -math.inf), place[row.index]

    ranked = [
        sorted((row for row in members if row.has_values), key=rank)[:per_group]
        for members in by_group(rows).values()
    ]
    chosen: list[TextRow] = []
    n_tokens = 0
    for i in range(max(map(len, ranked), default=0)):
        for members in ranked:
            if i < len(members):
                n_tokens += len(members[i].tokens)
                # One text is shown however long it is.
                if chosen and n_tokens > MOST_TOKENS:
                    return sorted(chosen, key=rank)
                chosen.append(members[i])
    return sorted(chosen, key=rank)


def switch_css() -> str:
    """Style that follows the radio buttons, apart from the colours."""
    rules = []
    for letter, _, _ in VIEWS:
        on = f"#view-{letter}:checked~main"
        legend = letter if letter in _SIGNED else "plain"
        rules += [
            f"{on} label[for=view-{letter}]"
            "{background:var(--ink);color:var(--page);border-color:var(--ink)}",
            f"{on} .told .{letter},{on} .legend .{legend}{{display:block}}",
            f"#view-{letter}:focus-visible~main label[for=view-{letter}]"
            "{outline:2px solid var(--link);outline-offset:2px}",
        ]
    return "\n".join(rules)


class Token(NamedTuple):
    """A token as it is shown: the steps of its colours, what is told of it, and what it says."""

    space: str
    css: str
    told: str
    pieces: list[Piece]


@dataclass(frozen=True)
class Block:
    """A block of tokens, with what it contributes to sigma."""

    tokens: list[Token]
    text: str
    value: float
    bar: charts.Bar


@dataclass(frozen=True)
class Card:
    """A text, in blocks and what is behind them; all of it is, where it isn't cut into blocks."""

    row: TextRow
    css: str
    group: int
    blocks: list[Block]
    rest: list[Token]


@dataclass(frozen=True)
class Texts:
    """The chosen texts, what colours them, and how many aren't shown."""

    scales: Scales
    groups: list[str]
    cards: Iterator[Card]
    n_shown: int
    n_scored: int
    which: str

    @property
    def n_hidden(self) -> int:
        """How many have values but aren't shown."""
        return self.n_scored - self.n_shown


def texts(rows: Sequence[TextRow], chosen: Sequence[TextRow], order: Order) -> Texts | None:
    """All chosen texts with what colours them, made one by one; None where there are none."""
    if not chosen:
        return None
    scales = _scales(chosen)
    groups = list(by_group(rows))
    which = {
        "given": "the first as given",
        "sigma_token": "those with the largest σ per token under token reversal",
        "sigma_block": "those with the largest σ per token under block reversal",
    }[order]
    return Texts(
        scales=scales,
        groups=[UNGROUPED if group is None else group for group in groups],
        cards=(_card(row, scales, groups) for row in chosen),
        n_shown=len(chosen),
        n_scored=sum(row.has_values for row in rows),
        which=which + (", of each group" if len(groups) > 1 else ""),
    )


def _card(row: TextRow, scales: Scales, groups: Sequence[str | None]) -> Card:
    # Tokens that don't make up the text are shown as they are.
    words = laid_over(row.tokens, row.text) or row.tokens
    columns = _columns(row)
    tokens = [_token(word, i, columns, scales) for i, word in enumerate(words)]
    group = groups.index(row.group)
    css = f"g{group % 6}" if len(groups) > 1 else ""
    if row.block_starts is None:
        return Card(row, css, group, [], tokens)
    n_kept = len(row.tokens) - row.n_cut_off
    values = np.zeros(len(row.block_starts)) if row.sigma_per_block is None else row.sigma_per_block
    edges = itertools.pairwise([*row.block_starts.tolist(), n_kept])
    blocks = [
        Block(tokens[a:b], "".join(words[a:b]), value, charts.bar(value, scales.per_block))
        for (a, b), value in zip(edges, values.tolist())
    ]
    return Card(row, css, group, blocks, tokens[n_kept:])


def _columns(row: TextRow) -> Mapping[str, FloatArray | None]:
    def surprise(values: FloatArray | None) -> FloatArray | None:
        return None if values is None else -values

    return {
        "f": surprise(row.forward),
        "t": surprise(row.reversed),
        "b": surprise(row.block_reversed),
        "x": row.sigma_of_tokens("token"),
        "y": row.sigma_of_tokens("block"),
    }


def _token(word: str, i: int, columns: Mapping[str, FloatArray | None], scales: Scales) -> Token:
    classes, told = ["t"], []
    for letter, name, _ in VIEWS:
        values = columns[letter]
        if values is None or i >= len(values):
            continue
        value = float(values[i])
        if letter in _SIGNED:
            classes.append(f"{letter}{signed_level(value, scales.sigma[letter])}")
            told.append(f"{numbers.fixed(value, 2, sign=True)} {name}")
        else:
            classes.append(f"{letter}{level(value, scales.surprisal)}")
            told.append(f"{numbers.fixed(value, 2)} {name}")
    # A space in front isn't coloured: at the end of a line it would be left there alone.
    space = " " if word.startswith(" ") and len(word) > 1 else ""
    said = pieces(word[len(space) :]) if word else _CONTINUED
    return Token(space, " ".join(classes), " · ".join(told), said)


def _scales(rows: Sequence[TextRow]) -> Scales:
    columns = [_columns(row) for row in rows]
    surprisals = [one[letter] for one in columns for letter in "ftb"]
    return Scales(
        numbers.round_up(_end(surprisals, _COVERED)),
        {
            letter: numbers.round_up(_end([one[letter] for one in columns], _COVERED))
            for letter in _SIGNED
        },
        _end([row.sigma_per_block for row in rows], 1.0),
    )


def _end(values: Sequence[FloatArray | None], covered: float) -> float:
    """The size that so large a share of all finite values keeps below."""
    present = np.concatenate([np.abs(one) for one in values if one is not None] or [np.zeros(1)])
    finite = present[np.isfinite(present)]
    return max(float(np.quantile(finite, covered)) if finite.size else 0.0, _SMALLEST_SCALE)


@dataclass(frozen=True)
class Skipped:
    """Texts without a value under a reversal: how many, and those that are listed."""

    n: int
    listed: list[TextRow]

    @property
    def n_more(self) -> int:
        """How many aren't listed."""
        return self.n - len(self.listed)


def skipped(rows: Sequence[TextRow]) -> Skipped:
    """Texts without a value under a reversal."""
    wanting = [row for row in rows if row.skipped]
    return Skipped(len(wanting), wanting[:_MOST_SKIPPED])
