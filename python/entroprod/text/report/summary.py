"""The upper half of a report: what was measured, and what came out over all texts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from entroprod.questions.block_scale import BlockScale
from entroprod.text.report import charts, numbers
from entroprod.text.report.rows import REVERSALS, Reversal, TextRow, by_group, summarise
from entroprod.text.report.spelling import escaped, excerpt

if TYPE_CHECKING:
    from entroprod.text.group_comparison import Comparison, GroupComparison

LABELS: dict[Reversal, str] = {"token": "token reversal", "block": "block reversal"}
UNGROUPED = "without a group"
# Below this a difference between groups is called one; the p-value stands beside it.
_SIGNIFICANT = 0.05
# Reasons for missing values that are told one by one.
_MOST_REASONS = 8
# What is told about the machine at the top, if it tells it itself; all of it stands further below.
_FACTS = (
    (("model", "name", "machine"), "model"),
    (("first_token_text", "first_token", "first_symbol"), "first token predicted from"),
    (("architecture", "module"), "architecture"),
    (("dtype",), "numbers"),
    (("temperature",), "temperature"),
    (("window",), "window"),
)

MEANING = (
    "<b>σ</b>, the entropy production of a text, is the logarithm of its probability as written "
    "minus that of the same text in reversed order, both under the same model: it is positive "
    "where the text is likelier as it stands, and it is divided by the number of tokens here so "
    "that texts of different lengths compare.",
    "<b>Token reversal</b> turns round every token, and so measures word order and grammar above "
    "all; <b>block reversal</b> leaves {blocks} as they are and reverses their order, so that only "
    "the direction of what is told is left.",
    "A single text may have a negative σ; over texts that the model itself writes the mean of σ "
    "is never negative, and the mean of e<sup>−σ</sup> is 1 where nothing was cut off.",
)


def title(provenance: Mapping[str, Any]) -> str:
    """What a report is called that isn't given a name."""
    if "samples" in provenance:
        return "Entropy production of samples"
    source = provenance.get("source")
    name = PurePath(source).name if isinstance(source, str) else ""
    return f"Entropy production of {name or 'texts'}"


def lead(rows: Sequence[TextRow], provenance: Mapping[str, Any]) -> str:
    """What was measured, in a few lines."""
    groups = [group for group in by_group(rows) if group is not None]
    told = numbers.count(len(rows), "text")
    if len(groups) > 1:
        told += f" in {numbers.count(len(groups), 'group')}"
    told += f", {numbers.count(sum(len(row.tokens) for row in rows), 'token')}"
    facts = "".join(
        f"<dt>{label}</dt><dd>{escaped(value)}</dd>" for label, value in _facts(provenance)
    )
    meaning = " ".join(MEANING).format(blocks=_blocks(provenance))
    return (
        f'<p class="lead">{told}</p><dl>{facts}</dl><h2>What the numbers mean</h2><p>{meaning}</p>'
    )


def summary(rows: Sequence[TextRow]) -> str:
    """Median and mean of each group under both reversals, and what is left out of them."""
    groups = by_group(rows)
    body = []
    for i, (group, members) in enumerate(groups.items()):
        name = UNGROUPED if group is None else group
        head = escaped(excerpt(name, 60)) if len(groups) > 1 else "all texts"
        body.append(_summary_row(head, f"group g{i % 6}" if len(groups) > 1 else "", members))
    if len(groups) > 1:
        body.append(_summary_row("all texts", "", rows))
    left_out = _left_out(rows)
    return (
        '<h2>Summary</h2><div class="panel"><div class="scroll"><table>'
        "<caption>σ per token in nats: median, and mean ± standard error over texts</caption>"
        '<thead><tr><th rowspan="2" scope="col" class="left">group</th>'
        '<th rowspan="2" scope="col">texts</th>'
        + "".join(f'<th colspan="3" scope="colgroup">{LABELS[name]}</th>' for name in REVERSALS)
        + "</tr><tr>"
        + '<th scope="col">scored</th><th scope="col">median</th><th scope="col">mean</th>' * 2
        + f"</tr></thead><tbody>{''.join(body)}</tbody></table></div>{left_out}</div>"
    )


def _summary_row(head: str, css: str, members: Sequence[TextRow]) -> str:
    cells = []
    for name in REVERSALS:
        of = summarise(members, name)
        median = "–" if of.median is None else numbers.exact(of.median, numbers.plain(of.median))
        mean = numbers.uncertain(of.mean, of.standard_error)
        if of.mean is not None:
            mean = numbers.exact(of.mean, mean)
        cells += [f"{of.n_scored:,}", median, mean]
    tds = "".join(f"<td>{cell}</td>" for cell in cells)
    return f'<tr><th scope="row" class="{css}">{head}</th><td>{len(members):,}</td>{tds}</tr>'


def _left_out(rows: Sequence[TextRow]) -> str:
    """What is missing from the means, or distorts them."""
    told = []
    for name in REVERSALS:
        of = summarise(rows, name)
        told += [
            f"{numbers.count(number, 'text')} without {LABELS[name]}: {escaped(reason)}."
            for reason, number in _alike(of.skip_reasons)
        ]
        if of.n_infinite:
            told.append(
                f"{numbers.count(of.n_infinite, 'text')} with an infinite σ under {LABELS[name]}: "
                "reordered, it has probability 0. The mean is infinite with it."
            )
        if of.n_one_block:
            told.append(
                f"{numbers.count(of.n_one_block, 'text')} of a single block, with σ = 0 under "
                f"{LABELS[name]}; the mean contains the zeros."
            )
    n_cut = sum(row.n_cut_off > 0 for row in rows)
    if n_cut:
        n_tokens = sum(row.n_cut_off for row in rows)
        told.append(
            f"{numbers.count(n_cut, 'text')} that lost {numbers.count(n_tokens, 'token')} behind "
            "the last block under block reversal."
        )
    if not told:
        return '<p class="note">All texts have values; nothing is left out.</p>'
    return '<ul class="findings note">' + "".join(f"<li>{one}</li>" for one in told) + "</ul>"


def _alike(reasons: Mapping[str, int]) -> Iterator[tuple[str, int]]:
    """The most common reasons first; those that differ in numbers alone are counted together."""
    same: dict[str, list[str]] = {}
    for reason in reasons:
        same.setdefault(re.sub(r"\d+", "", reason), []).append(reason)
    counted = [(members, sum(reasons[one] for one in members)) for members in same.values()]
    counted.sort(key=lambda each: -each[1])
    for members, number in counted[:_MOST_REASONS]:
        yield (members[0] if len(members) == 1 else f"for example, {members[0]}"), number
    rest = sum(number for _, number in counted[_MOST_REASONS:])
    if rest:
        yield "other reasons, listed below", rest


def distributions(rows: Sequence[TextRow], shown: set[int], groups: GroupComparison | None) -> str:
    """Values of all texts by group, and how groups differ."""
    pictures = []
    for name in REVERSALS:
        picture = _strips(rows, name, shown)
        if picture:
            pictures.append(f"<div><h3>{LABELS[name].capitalize()}</h3>{picture}</div>")
    if not pictures:
        return ""
    several = len(by_group(rows)) > 1
    statistics = "" if groups is None else _comparisons(groups)
    heading = "Groups" if several else "All texts"
    return (
        f'<h2>{heading}</h2><div class="panel"><div class="pair">{"".join(pictures)}</div>'
        '<p class="note">σ per token in nats. Dots are texts: a click leads to one that is shown '
        "below. The box holds the middle half, the thick line is the median, the thin one reaches "
        f"the last value within 1.5 box lengths.{_thinned(rows)}</p>{statistics}</div>"
    )


def _thinned(rows: Sequence[TextRow]) -> str:
    if all(len(members) <= charts.MOST_DOTS for members in by_group(rows).values()):
        return ""
    return f" Of larger groups {charts.MOST_DOTS} dots are drawn, evenly over the ranks."


def _strips(rows: Sequence[TextRow], name: Reversal, shown: set[int]) -> str:
    groups = []
    for group, members in by_group(rows).items():
        finite = [row for row in members if math.isfinite(row.sigma_per_token.get(name, math.inf))]
        finite.sort(key=lambda row: row.sigma_per_token[name])
        values = np.array([row.sigma_per_token[name] for row in finite], dtype=np.float64)
        picked = range(len(finite))
        if len(finite) > charts.MOST_DOTS:
            ranks = np.linspace(0, len(finite) - 1, charts.MOST_DOTS).round().astype(int)
            picked = ranks.tolist()
        dots = [_dot(finite[i], name, shown) for i in picked]
        label = group if group is not None else (UNGROUPED if len(by_group(rows)) > 1 else "all")
        groups.append((label, values, dots))
    return charts.strips(groups, f"σ per token, {LABELS[name]}")


def _dot(row: TextRow, name: Reversal, shown: set[int]) -> charts.Dot:
    value = row.sigma_per_token[name]
    link = f"text-{row.index}" if row.index in shown else None
    return charts.Dot(value, f"{numbers.plain(value)} – {excerpt(row.text, 60)}", link)


def _comparisons(groups: GroupComparison) -> str:
    findings = []
    body = []
    for one in groups.comparisons:
        if one.metric in _METRICS:
            findings.append(f"<li>{_finding(one, groups)}</li>")
        body.append(_comparison_row(one))
    notes = "".join(f"<li>{escaped(note)}</li>" for note in groups.notes)
    level = f"{100 * groups.confidence_level:g} %"
    return (
        f'<ul class="findings">{"".join(findings)}</ul><details><summary>Statistics</summary>'
        '<div class="scroll"><table><thead><tr><th scope="col" class="left">metric</th>'
        '<th scope="col" class="left">groups</th><th scope="col">n</th><th scope="col">U</th>'
        '<th scope="col">p</th><th scope="col">p, Holm</th><th scope="col">rank-biserial r</th>'
        f'<th scope="col">{level} interval</th></tr></thead><tbody>{"".join(body)}</tbody></table>'
        '</div><p class="note">Mann–Whitney’s test, two-sided; r is positive where the first group '
        f"has the larger values; intervals by {groups.n_bootstrap:,} bootstrap replicates.</p>"
        f'<ul class="findings note">{notes}</ul></details>'
    )


_METRICS = {f"sigma_{name}_per_token": name for name in REVERSALS}


def _finding(one: Comparison, groups: GroupComparison) -> str:
    """What a test says, in a sentence with its numbers."""
    pair = f"<b>{escaped(one.first)}</b> and <b>{escaped(one.second)}</b>"
    label = LABELS[_METRICS[one.metric]].capitalize()
    if one.p_value_holm is None or one.rank_biserial is None:
        return f"{label}: {pair} weren’t compared, since a group has no values."
    medians = {each.group: each.median for each in groups.summaries if each.metric == one.metric}
    low, high = medians.get(one.first), medians.get(one.second)
    numbers_told = (
        f"p = {numbers.plain(one.p_value_holm, 2)} after Holm’s correction, "
        f"rank-biserial r = {numbers.plain(one.rank_biserial, 2)}"
    )
    if one.interval is not None:
        ends = " to ".join(numbers.plain(end, 2) for end in one.interval)
        numbers_told += f" ({ends})"
    if low is not None and high is not None:
        numbers_told = (
            f"medians {numbers.plain(low)} and {numbers.plain(high)} nats per token, {numbers_told}"
        )
    if one.p_value_holm < _SIGNIFICANT:
        return f"{label} tells {pair} apart: {numbers_told}."
    return f"{label} shows no difference between {pair} beyond chance: {numbers_told}."


def _comparison_row(one: Comparison) -> str:
    def cell(value: float | None, digits: int = 3) -> str:
        return "–" if value is None else numbers.exact(value, numbers.plain(value, digits))

    interval = "–" if one.interval is None else " … ".join(cell(end) for end in one.interval)
    u = "–" if one.u is None else numbers.exact(one.u, f"{one.u:,g}")
    return (
        f'<tr><th scope="row">{escaped(one.metric)}</th>'
        f'<td class="left">{escaped(one.first)}, {escaped(one.second)}</td>'
        f"<td>{one.n_first:,}, {one.n_second:,}</td><td>{u}</td><td>{cell(one.p_value)}</td>"
        f"<td>{cell(one.p_value_holm)}</td><td>{cell(one.rank_biserial)}</td><td>{interval}</td></tr>"
    )


def block_scales(result: BlockScale) -> str:
    """Entropy production against the length of blocks: picture and table."""
    body = []
    for point in result:
        reasons = "; ".join(f"{n:,} {escaped(why)}" for why, n in point.skip_reasons.items())
        mean = numbers.uncertain(point.mean, point.standard_error)
        if point.mean is not None:
            mean = numbers.exact(point.mean, mean)
        body.append(
            f'<tr><th scope="row">{point.name.replace("step", "token")}</th>'
            f"<td>{numbers.plain(point.block_length)}</td><td>{mean}</td>"
            f"<td>{point.n_scored:,}</td><td>{point.n_one_block:,}</td>"
            f"<td>{point.n_infinite:,}</td>"
            f'<td class="left">{reasons or "–"}</td></tr>'
        )
    return (
        f'<h2>Length of blocks</h2><div class="panel">{charts.block_scales(result)}'
        '<p class="note">σ per token in nats when blocks of so many tokens, or of whole sentences, '
        "are put in reversed order: mean and standard error over texts. A text of a single block "
        "counts with its σ = 0.</p>"
        '<details><summary>Numbers</summary><div class="scroll"><table><thead><tr>'
        '<th scope="col" class="left">block</th><th scope="col">tokens</th>'
        '<th scope="col">σ per token</th><th scope="col">scored</th>'
        '<th scope="col">of one block</th><th scope="col">infinite</th>'
        '<th scope="col" class="left">skipped</th></tr></thead>'
        f"<tbody>{''.join(body)}</tbody></table></div></details></div>"
    )


def provenance_section(provenance: Mapping[str, Any]) -> str:
    """All that is recorded about the run."""
    items = "".join(
        f"<dt>{escaped(name)}</dt><dd>{escaped(value)}</dd>" for name, value in _flat(provenance)
    )
    if not items:
        items = "<dt>nothing recorded</dt><dd></dd>"
    return (
        '<h2>Provenance</h2><details class="panel"><summary>How these numbers came about</summary>'
        f"<dl>{items}</dl></details>"
    )


def _blocks(provenance: Mapping[str, Any]) -> str:
    settings = provenance.get("settings")
    per_block = settings.get("per_block", 1) if isinstance(settings, Mapping) else 1
    return "sentences" if per_block == 1 else f"blocks of {per_block} sentences"


def _facts(provenance: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    machine = provenance.get("machine")
    told = machine if isinstance(machine, Mapping) else provenance
    for names, label in _FACTS:
        for name in names:
            if told.get(name) is not None:
                yield label, _shown(told[name])
                break
    source = provenance.get("source")
    if source is not None:
        yield "texts from", _shown(source)
    samples = provenance.get("samples")
    if isinstance(samples, Mapping):
        yield "texts", f"{samples.get('n')} written by the model itself"


def _flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, item in value.items():
        path = f"{prefix}{name}"
        if isinstance(item, Mapping) and item:
            yield from _flat(item, f"{path}.")
        else:
            yield path, _shown(item)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(item)}" for name, item in value.items()) or "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value)) or "–"
    return "–" if value is None else str(value)
