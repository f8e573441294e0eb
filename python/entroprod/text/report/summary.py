"""The upper half of a report: what was measured, and what came out over all texts."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np

from entroprod.questions.block_scale import BlockScale
from entroprod.text.report import charts, numbers
from entroprod.text.report.rows import REVERSALS, Reversal, Summary, TextRow, by_group, summarise
from entroprod.text.report.spelling import excerpt

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

_METRICS = {f"sigma_{name}_per_token": name for name in REVERSALS}


def title(provenance: Mapping[str, Any]) -> str:
    """What a report is called that isn't given a name."""
    if "samples" in provenance:
        return "Entropy production of samples"
    source = provenance.get("source")
    name = PurePath(source).name if isinstance(source, str) else ""
    return f"Entropy production of {name or 'texts'}"


@dataclass(frozen=True)
class Lead:
    """What was measured, in a few lines."""

    n_texts: int
    n_groups: int
    n_tokens: int
    facts: list[tuple[str, str]]
    blocks: str


def lead(rows: Sequence[TextRow], provenance: Mapping[str, Any]) -> Lead:
    """What was measured."""
    return Lead(
        n_texts=len(rows),
        n_groups=sum(group is not None for group in by_group(rows)),
        n_tokens=sum(len(row.tokens) for row in rows),
        facts=list(_facts(provenance)),
        blocks=_blocks(provenance),
    )


@dataclass(frozen=True)
class Line:
    """A group in the summary: a value for each reversal."""

    name: str
    css: str
    n_texts: int
    values: list[Summary]


@dataclass(frozen=True)
class Overview:
    """Median and mean of each group under both reversals, and what is left out of them."""

    lines: list[Line]
    left_out: list[str]


def summary(rows: Sequence[TextRow]) -> Overview:
    """All groups, and all texts."""
    groups = by_group(rows)
    several = len(groups) > 1
    lines = [
        _line(UNGROUPED if group is None else group, f"group g{i % 6}", members)
        for i, (group, members) in enumerate(groups.items())
        if several
    ]
    return Overview([*lines, _line("all texts", "", rows)], list(_left_out(rows)))


def _line(name: str, css: str, members: Sequence[TextRow]) -> Line:
    return Line(name, css, len(members), [summarise(members, each) for each in REVERSALS])


def _left_out(rows: Sequence[TextRow]) -> Iterator[str]:
    """What is missing from the means, or distorts them."""
    for name in REVERSALS:
        of = summarise(rows, name)
        for reason, number in _alike(of.skip_reasons):
            yield f"{numbers.count(number, 'text')} without {LABELS[name]}: {reason}."
        if of.n_infinite:
            yield (
                f"{numbers.count(of.n_infinite, 'text')} with an infinite σ under {LABELS[name]}: "
                "reordered, it has probability 0. The mean is infinite with it."
            )
        if of.n_one_block:
            yield (
                f"{numbers.count(of.n_one_block, 'text')} of a single block, with σ = 0 under "
                f"{LABELS[name]}; the mean contains the zeros."
            )
    n_cut = sum(row.n_cut_off > 0 for row in rows)
    if n_cut:
        n_tokens = sum(row.n_cut_off for row in rows)
        yield (
            f"{numbers.count(n_cut, 'text')} that lost {numbers.count(n_tokens, 'token')} behind "
            "the last block under block reversal."
        )


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


@dataclass(frozen=True)
class Finding:
    """A comparison in words: what it is of, and whether the groups differ."""

    comparison: Comparison
    label: str
    medians: tuple[float, float] | None

    @property
    def differ(self) -> bool:
        """Whether the groups differ beyond chance."""
        p_value = self.comparison.p_value_holm
        return p_value is not None and p_value < _SIGNIFICANT


@dataclass(frozen=True)
class Distributions:
    """Values of all texts by group, and how groups differ."""

    several: bool
    thinned: bool
    pictures: list[tuple[str, charts.Strips]]
    findings: list[Finding]
    most_dots: int = charts.MOST_DOTS


def distributions(
    rows: Sequence[TextRow], shown: set[int], groups: GroupComparison | None
) -> Distributions:
    """Pictures under both reversals, where there are values, and what the tests say."""
    members = by_group(rows)
    pictures = ((LABELS[name], _strips(rows, name, shown)) for name in REVERSALS)
    return Distributions(
        several=len(members) > 1,
        thinned=any(len(each) > charts.MOST_DOTS for each in members.values()),
        pictures=[(label, picture) for label, picture in pictures if picture is not None],
        findings=[] if groups is None else list(_findings(groups)),
    )


def _findings(groups: GroupComparison) -> Iterator[Finding]:
    medians = {(each.metric, each.group): each.median for each in groups.summaries}
    for one in groups.comparisons:
        if one.metric in _METRICS:
            first, second = (medians.get((one.metric, of)) for of in (one.first, one.second))
            both = None if first is None or second is None else (first, second)
            yield Finding(one, LABELS[_METRICS[one.metric]], both)


def _strips(rows: Sequence[TextRow], name: Reversal, shown: set[int]) -> charts.Strips | None:
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


class Scales:
    """Entropy production against the length of blocks: picture and table."""

    def __init__(self, result: BlockScale) -> None:
        self.points = list(result)
        self.picture = charts.block_scales(result)


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


def flat(value: Any, prefix: str = "") -> Iterator[tuple[str, str]]:
    """All that is recorded about the run, by dotted names."""
    for name, item in value.items():
        path = f"{prefix}{name}"
        if isinstance(item, Mapping) and item:
            yield from flat(item, f"{path}.")
        else:
            yield path, _shown(item)


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_shown(item)}" for name, item in value.items()) or "–"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_shown, value)) or "–"
    return "–" if value is None else str(value)
