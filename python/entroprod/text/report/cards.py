"""The lower half of a report: single texts, coloured by token, and those that were skipped."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.text.report import charts, numbers
from entroprod.text.report.alignment import laid_over
from entroprod.text.report.colour import level, signed_level
from entroprod.text.report.rows import REVERSALS, Reversal, TextRow, by_group
from entroprod.text.report.spelling import escaped, excerpt, shown
from entroprod.text.report.summary import LABELS, UNGROUPED

Order = Literal["given", "sigma_token", "sigma_block"]

# Tokens on a page, beyond which browsers turn slow; so many take about 6 MB.
MOST_TOKENS = 30_000
# Skipped texts that are listed one by one.
_MOST_SKIPPED = 200
# Share of all values that a colour scale covers; a few extreme ones would make all others pale.
_COVERED = 0.95
# Nats at which a scale ends at least: rounding isn't coloured as if it were something.
_SMALLEST_SCALE = 0.01

# Letter, name and meaning of every way to colour the texts.
VIEWS = (
    ("f", "forward", "How surprising each token is after all that stands before it."),
    (
        "t",
        "token-reversed",
        "How surprising each token is after all that stands behind it, read from the end.",
    ),
    (
        "b",
        "block-reversed",
        "How surprising each token is where the blocks come in reversed order: after the blocks "
        "behind its own, and what stands before it in its own.",
    ),
    (
        "x",
        "σ, token reversal",
        "Surprise token-reversed minus surprise forward. Orange tokens speak for the direction as "
        "written, blue ones against it; they add up to σ under token reversal.",
    ),
    (
        "y",
        "σ, block reversal",
        "Surprise block-reversed minus surprise forward. Orange tokens speak for the order of "
        "blocks as written, blue ones against it; they add up to σ under block reversal.",
    ),
)
_SIGNED = "xy"
# What stands for a token that only completes the character of the one before.
_CONTINUED = '<span class="odd" title="completes the character before it">·</span>'


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


def switches() -> str:
    """Radio buttons ahead of all else: style alone lets them colour the texts."""
    return "".join(
        f'<input class="view" type="radio" name="view" id="view-{letter}"'
        f"{' checked' if letter == 'f' else ''}>"
        for letter, _, _ in VIEWS
    )


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


def section(rows: Sequence[TextRow], chosen: Sequence[TextRow], order: Order) -> str:
    """All chosen texts with what colours them."""
    if not chosen:
        return ""
    scales = _scales(chosen)
    groups = list(by_group(rows))
    css = {group: f"g{i % 6}" for i, group in enumerate(groups)}
    cards = "".join(
        _card(row, place, scales, css[row.group] if len(groups) > 1 else "", groups)
        for place, row in enumerate(chosen)
    )
    return (
        f"<section><h2>Texts</h2>{_how_many(rows, chosen, order)}{_tools(scales)}"
        f'{_arrangement(groups)}<div id="list">{cards}</div></section>'
    )


def _how_many(rows: Sequence[TextRow], chosen: Sequence[TextRow], order: Order) -> str:
    """What is shown, and how much isn't."""
    n_scored = sum(row.has_values for row in rows)
    hidden = n_scored - len(chosen)
    if not hidden:
        return f'<p class="note">All {numbers.count(n_scored, "text")} with values.</p>'
    which = {
        "given": "the first as given",
        "sigma_token": "those with the largest σ per token under token reversal",
        "sigma_block": "those with the largest σ per token under block reversal",
    }[order]
    if len(by_group(rows)) > 1:
        which += ", of each group"
    return (
        f'<p class="note">{numbers.count(len(chosen), "text")} of {n_scored:,}: {which}. '
        f"<strong>{hidden:,} more are not shown</strong>; the summary above contains them.</p>"
    )


def _tools(scales: Scales) -> str:
    labels = "".join(f'<label for="view-{letter}">{name}</label>' for letter, name, _ in VIEWS)
    told = "".join(f'<p class="{letter}">{meaning}</p>' for letter, _, meaning in VIEWS)
    signed = "".join(
        f'<div class="{letter}">{charts.ramp(scales.sigma[letter], signed=True)}</div>'
        for letter in _SIGNED
    )
    return (
        f'<div class="tools"><div class="views">{labels}</div><div class="legend">'
        f'<div class="plain">{charts.ramp(scales.surprisal, signed=False)}</div>'
        f"{signed}</div></div>"
        f'<div class="told">{told}</div>'
    )


def _arrangement(groups: Sequence[str | None]) -> str:
    options = (
        ("place up", "as listed"),
        ("token down", "σ, token reversal: largest first"),
        ("token up", "σ, token reversal: smallest first"),
        ("block down", "σ, block reversal: largest first"),
        ("block up", "σ, block reversal: smallest first"),
    )
    choices = "".join(f'<option value="{value}">{name}</option>' for value, name in options)
    only = ""
    if len(groups) > 1:
        names = [UNGROUPED if group is None else group for group in groups]
        listed = "".join(
            f'<option value="{i}">{escaped(excerpt(name, 40))}</option>'
            for i, name in enumerate(names)
        )
        only = (
            f'<label>group <select id="only"><option value="">all</option>{listed}</select></label>'
        )
    return (
        f'<div class="order needs-js"><label>order <select id="order">{choices}</select></label>'
        f"{only}</div>"
    )


def _card(row: TextRow, place: int, scales: Scales, css: str, groups: Sequence[str | None]) -> str:
    data = "".join(
        f' data-{name}="{row.sigma_per_token[name]!r}"'
        if name in row.sigma_per_token
        else f' data-{name}=""'
        for name in REVERSALS
    )
    # Tokens that don't make up the text are shown as they are.
    words = laid_over(row.tokens, row.text) or row.tokens
    return (
        f'<article class="text" id="text-{row.index}" data-place="{place}"{data} '
        f'data-group="{groups.index(row.group)}">{_header(row, css)}'
        f'<p class="tokens" dir="auto">{_tokens(row, words, scales)}</p>'
        f"{_block_list(row, words, scales)}"
        '<details class="numbers needs-js"><summary>Tokens in numbers</summary></details></article>'
    )


def _header(row: TextRow, css: str) -> str:
    name = f"Text {row.index}" if row.id is None else escaped(excerpt(row.id, 60))
    parts = [f"<h3>{name}</h3>"]
    if row.group is not None:
        parts.append(f'<span class="swatch {css}">{escaped(excerpt(row.group, 40))}</span>')
    parts.append(f"<span>{numbers.count(len(row.tokens), 'token')}</span>")
    if row.n_blocks is not None:
        parts.append(f"<span>{numbers.count(row.n_blocks, 'block')}</span>")
    for reversal in REVERSALS:
        if reversal in row.skipped:
            parts.append(f"<span>no {LABELS[reversal]}: {escaped(row.skipped[reversal])}</span>")
        elif reversal in row.sigma:
            per_token, total = row.sigma_per_token[reversal], row.sigma[reversal]
            parts.append(
                f'<span title="{numbers.plain(total, 4)} nats altogether">{LABELS[reversal]} '
                f"<b>{numbers.exact(per_token, numbers.plain(per_token))}</b> per token</span>"
            )
    return f"<header>{''.join(parts)}</header>"


def _tokens(row: TextRow, words: Sequence[str], scales: Scales) -> str:
    n_kept = len(row.tokens) - row.n_cut_off
    starts = [0] if row.block_starts is None else row.block_starts.tolist()
    columns = _columns(row)
    spans = [_token(word, i, columns, scales) for i, word in enumerate(words)]
    if row.block_starts is None:
        return "".join(spans)
    stops = [*starts[1:], n_kept]
    blocks = [
        f'<span class="block" data-k="{k}">{"".join(spans[start:stop])}</span>'
        for k, (start, stop) in enumerate(zip(starts, stops), 1)
    ]
    if row.n_cut_off:
        blocks.append(f'<span class="tail">{"".join(spans[n_kept:])}</span>')
    return "".join(blocks)


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


def _token(token: str, i: int, columns: Mapping[str, FloatArray | None], scales: Scales) -> str:
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
    space = " " if token.startswith(" ") and len(token) > 1 else ""
    text = shown(token[len(space) :]) if token else _CONTINUED
    return f'{space}<span class="{" ".join(classes)}" title="{" · ".join(told)}">{text}</span>'


def _block_list(row: TextRow, words: Sequence[str], scales: Scales) -> str:
    if row.sigma_per_block is None or row.block_starts is None:
        return ""
    stops = [*row.block_starts[1:].tolist(), len(row.tokens) - row.n_cut_off]
    items = []
    for k, (start, stop) in enumerate(zip(row.block_starts.tolist(), stops)):
        value = float(row.sigma_per_block[k])
        text = escaped(excerpt("".join(words[start:stop]), 120))
        items.append(
            f'<li data-k="{k + 1}"><span class="k">{k + 1}</span><span class="what">{text}</span>'
            f"{charts.bar(value, scales.per_block)}"
            f'<span class="value">{numbers.exact(value, numbers.fixed(value, 2, sign=True))}</span>'
            "</li>"
        )
    tail = ""
    if row.n_cut_off:
        tail = (
            f'<p class="note">{numbers.count(row.n_cut_off, "token")} behind the last block, pale '
            "above, are left out of block reversal.</p>"
        )
    if row.n_blocks == 1:
        tail += '<p class="note">A single block stays where it is: σ is 0.</p>'
    return (
        '<ol class="blocks" aria-label="What each block contributes to σ under block reversal, in '
        f'nats">{"".join(items)}</ol>{tail}'
    )


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


def skipped(rows: Sequence[TextRow]) -> str:
    """Texts without a value under a reversal, and why."""
    wanting = [row for row in rows if row.skipped]
    if not wanting:
        return ""
    body = "".join(_skipped_row(row) for row in wanting[:_MOST_SKIPPED])
    rest = len(wanting) - _MOST_SKIPPED
    more = (
        f'<p class="note"><strong>{rest:,} more are not listed</strong>; their reasons are counted '
        "in the summary.</p>"
        if rest > 0
        else ""
    )
    return (
        f'<h2>Skipped</h2><p class="note">{numbers.count(len(wanting), "text")} without a value '
        "under at least one reversal; nothing else is left out.</p>"
        '<div class="panel"><div class="scroll"><table><thead><tr>'
        '<th scope="col" class="left">text</th><th scope="col" class="left">group</th>'
        '<th scope="col" class="left">begins with</th>'
        '<th scope="col" class="left">no token reversal</th>'
        '<th scope="col" class="left">no block reversal</th></tr></thead>'
        f"<tbody>{body}</tbody></table></div>{more}</div>"
    )


def _skipped_row(row: TextRow) -> str:
    name = f"{row.index}" if row.id is None else f"{row.index}, {excerpt(row.id, 40)}"
    cells = [
        "–" if row.group is None else row.group,
        excerpt(row.text, 80) or "(empty)",
        *(row.skipped.get(reversal, "–") for reversal in REVERSALS),
    ]
    tds = "".join(f'<td class="left wrap">{escaped(cell)}</td>' for cell in cells)
    return f'<tr><th scope="row">{escaped(name)}</th>{tds}</tr>'
