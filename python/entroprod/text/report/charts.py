"""Pictures of a report, as SVG that takes the page's colours and any width.

Places along the width are percentages, so that letters keep their size on a narrow screen.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.questions.block_scale import BlockScale, ScalePoint
from entroprod.text.report import numbers
from entroprod.text.report.colour import N_LEVELS, N_SIGNED
from entroprod.text.report.spelling import escaped, excerpt

# Dots in a strip, from which on more of them only darken it.
MOST_DOTS = 500
# Dots that would cover each other at their usual size.
_MANY_DOTS = 120
# Whiskers reach the last value within so many interquartile ranges of the box, as Tukey drew them.
_WHISKERS = 1.5

_STRIP_HEIGHT, _STRIP_GAP, _AXIS_HEIGHT = 34, 30, 26
# Steps of the spread of dots across a strip: low-discrepancy, so that neighbours part.
_GOLDEN = 0.6180339887498949
_SCALE_HEIGHT = 260
# Nats per token; differences below this are rounding, which no axis should blow up.
_ROUNDING = 1e-9
# Share of the width behind which a name has no room to the right, on a narrow screen.
_FAR_RIGHT = 0.8


@dataclass(frozen=True)
class Dot:
    """A value with what it is called, and the place on the page where it is shown."""

    value: float
    title: str
    link: str | None = None


@dataclass(frozen=True)
class Axis:
    """A linear axis along the width."""

    low: float
    high: float

    def at(self, value: float) -> str:
        """Place of a value as a percentage."""
        return f"{100 * (value - self.low) / (self.high - self.low):.2f}%"


def strips(groups: Sequence[tuple[str, FloatArray, Sequence[Dot]]], label: str) -> str:
    """Box and strip of each group's finite values, sorted, on one axis; empty where there are none.

    ``groups`` are (name, values, dots); ``label`` tells what the axis shows.
    """
    groups = [group for group in groups if group[1].size]
    if not groups:
        return ""
    everything = np.concatenate([values for _, values, _ in groups])
    axis = _axis(float(everything.min()), float(everything.max()))
    height = len(groups) * (_STRIP_HEIGHT + _STRIP_GAP) + _AXIS_HEIGHT
    parts = [_opening(height, f"Box and strip plot: {label}", _described(groups))]
    bottom = height - _AXIS_HEIGHT
    parts.append(_bottom_axis(axis, bottom))
    for i, (name, values, dots) in enumerate(groups):
        top = i * (_STRIP_HEIGHT + _STRIP_GAP)
        colour = f"g{i % 6}"
        parts.append(
            f'<text class="name" x="0" y="{top + 16}">{escaped(excerpt(name, 40))}'
            f'<tspan class="dim" dx="8">n = {len(values):,}</tspan></text>'
        )
        parts += _strip(axis, values, dots, top + _STRIP_GAP - 6, colour)
    parts.append("</svg>")
    return "".join(parts)


def bar(value: float, most: float) -> str:
    """A bar to the right of the middle for positive values, to the left for negative ones."""
    if math.isinf(value):
        value = math.copysign(most, value)
    width = 50 * min(abs(value) / most, 1.0) if most else 0.0
    start = 50.0 if value >= 0 else 50.0 - width
    kind = "up" if value >= 0 else "down"
    return (
        '<svg class="bar" aria-hidden="true"><line x1="50%" x2="50%" y1="0" y2="100%"/>'
        f'<rect class="{kind}" x="{start:.2f}%" width="{width:.2f}%" y="3" height="10" rx="2"/>'
        "</svg>"
    )


def ramp(most: float, *, signed: bool) -> str:
    """The legend of a colour scale up to ``most`` nats, from 0 or from its negative."""
    n_levels = 2 * N_SIGNED + 1 if signed else N_LEVELS + 1
    letter = "d" if signed else "s"
    width = 100 / n_levels
    cells = "".join(
        f'<rect class="{letter}{i}" x="{i * width:.3f}%" width="{width + 0.2:.3f}%" height="14"/>'
        for i in range(n_levels)
    )
    middle = "0" if signed else numbers.plain(most / 2)
    low = f"≤ {numbers.plain(-most)}" if signed else "0"
    labels = (
        f'<text x="0" y="28">{low}</text>'
        f'<text x="50%" y="28" text-anchor="middle">{middle}</text>'
        f'<text x="100%" y="28" text-anchor="end">≥ {numbers.plain(most)}</text>'
    )
    return f'<svg class="ramp" height="32" aria-hidden="true">{cells}{labels}</svg>'


def block_scales(result: BlockScale) -> str:
    """Sigma per token against the length of blocks, on a logarithmic axis; empty without means."""
    drawn = sorted(
        (point for point in result if point.mean is not None and math.isfinite(point.mean)),
        key=lambda point: point.block_length,
    )
    if not drawn:
        return ""
    lengths = [math.log(point.block_length) for point in drawn]
    reach = max(lengths[-1] - lengths[0], 1.0)
    across = Axis(lengths[0] - 0.06 * reach, lengths[0] + 1.06 * reach)
    ends = [_mean(point) + side * _error(point) for point in drawn for side in (-1, 1)]
    up = _axis(min(0.0, *ends), max(ends))
    told = "; ".join(f"{point.name}: {numbers.plain(_mean(point))}" for point in drawn)
    parts = [_opening(_SCALE_HEIGHT + 46, "Entropy production per token by length of blocks", told)]
    ticks = numbers.ticks(up.low, up.high)
    for tick, name in zip(ticks, numbers.tick_labels(ticks)):
        y = _height(up, tick)
        kind = "zero" if tick == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="0" x2="100%" y1="{y}" y2="{y}"/>')
        parts.append(f'<text class="tick" x="0" y="{y - 4}">{name}</text>')
    for unit, style in (("step", "g0"), ("sentence", "g1")):
        points = [point for point in drawn if point.unit == unit]
        parts += _scale_points(points, across, up, style, joined=unit == "step")
    parts.append(
        f'<text class="tick" x="50%" y="{_SCALE_HEIGHT + 42}" text-anchor="middle">'
        "tokens in a block, logarithmic</text></svg>"
    )
    return "".join(parts)


def _scale_points(
    points: Sequence[ScalePoint], across: Axis, up: Axis, style: str, *, joined: bool
) -> Iterable[str]:
    places = [(across.at(math.log(p.block_length)), _height(up, _mean(p))) for p in points]
    if joined:
        for (x1, y1), (x2, y2) in itertools.pairwise(places):
            yield f'<line class="path {style}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'
    else:
        # Below the marks, so that their halo hides none.
        for i, (point, (x, y)) in enumerate(zip(points, places)):
            yield _name_beside(point.name, x, y, i)
    for point, (x, y) in zip(points, places):
        low, high = (_height(up, _mean(point) + side * _error(point)) for side in (-1, 1))
        name = point.name.replace("step", "token")
        title = f"{name}: {numbers.uncertain(point.mean, point.standard_error)} nats per token"
        yield (
            f'<g class="{style}"><title>{title}</title>'
            f'<line class="error" x1="{x}" x2="{x}" y1="{low}" y2="{high}"/>'
        )
        if joined:
            yield f'<circle class="dot point" cx="{x}" cy="{y}" r="4.5"/></g>'
            label = f"{point.scale:,}"
            yield (
                f'<text class="tick" x="{x}" y="{_SCALE_HEIGHT + 20}" '
                f'text-anchor="middle">{label}</text>'
            )
        else:
            yield (
                f'<svg class="over" x="{x}" y="{y}">'
                '<path class="dot point" d="M0-6 6 0 0 6-6 0z"/></svg></g>'
            )


def _name_beside(name: str, x: str, y: float, i: int) -> str:
    """Name of a mark: above to the right and below to the left by turns, for close neighbours."""
    above = i % 2 == 0
    share = float(x.rstrip("%")) / 100
    rightwards = share < _FAR_RIGHT if above else share < 1 - _FAR_RIGHT
    anchor, shift = ("start", 6) if rightwards else ("end", -6)
    height = y - 10 if above else y + 19
    return (
        f'<text class="mark" x="{x}" dx="{shift}" y="{height}" text-anchor="{anchor}">{name}</text>'
    )


def _height(up: Axis, value: float) -> float:
    room = 22
    share = (value - up.low) / (up.high - up.low)
    return round(room + (_SCALE_HEIGHT - room) * (1 - share), 1)


def _mean(point: ScalePoint) -> float:
    return 0.0 if point.mean is None else point.mean


def _error(point: ScalePoint) -> float:
    error = point.standard_error
    return 0.0 if error is None or math.isinf(error) else error


def _axis(low: float, high: float) -> Axis:
    """An axis with some room; a single value stands in its middle."""
    room = 0.04 * (high - low)
    if high - low < _ROUNDING:
        room = 0.5 * abs(high) if abs(high) > _ROUNDING else 1.0
    return Axis(low - room, high + room)


def _opening(height: int, title: str, told: str) -> str:
    # The description is read out in place of the picture.
    return (
        f'<svg class="chart" role="img" height="{height}" '
        f'aria-label="{escaped(title)}. {escaped(told)}">'
    )


def _described(groups: Sequence[tuple[str, FloatArray, Sequence[Dot]]]) -> str:
    return "; ".join(
        f"{name}: median {numbers.plain(float(np.median(values)))}, quartiles "
        f"{numbers.plain(float(np.quantile(values, 0.25)))} and "
        f"{numbers.plain(float(np.quantile(values, 0.75)))}"
        for name, values, _ in groups
    )


def _bottom_axis(axis: Axis, bottom: int) -> str:
    parts = []
    ticks = numbers.ticks(axis.low, axis.high)
    for tick, name in zip(ticks, numbers.tick_labels(ticks)):
        x = axis.at(tick)
        kind = "zero" if tick == 0 else "grid"
        parts.append(f'<line class="{kind}" x1="{x}" x2="{x}" y1="0" y2="{bottom}"/>')
        parts.append(
            f'<text class="tick" x="{x}" y="{bottom + 18}" text-anchor="middle">{name}</text>'
        )
    return "".join(parts)


def _strip(
    axis: Axis, values: FloatArray, dots: Sequence[Dot], top: int, colour: str
) -> Iterable[str]:
    quarter, median, three = (float(q) for q in np.quantile(values, [0.25, 0.5, 0.75]))
    reach = _WHISKERS * (three - quarter)
    within = values[(values >= quarter - reach) & (values <= three + reach)]
    low, high = float(within.min()), float(within.max())
    middle = top + _STRIP_HEIGHT / 2
    share = 100 * (three - quarter) / (axis.high - axis.low)
    many = " many" if len(dots) > _MANY_DOTS else ""
    yield (
        f'<g class="{colour}{many}"><line class="whisker" x1="{axis.at(low)}" x2="{axis.at(high)}" '
        f'y1="{middle}" y2="{middle}"/><rect class="box" x="{axis.at(quarter)}" '
        f'width="{share:.2f}%" y="{top + 4}" height="{_STRIP_HEIGHT - 8}" rx="3"/>'
    )
    for i, dot in enumerate(dots):
        y = top + 4 + (_STRIP_HEIGHT - 8) * ((0.5 + i * _GOLDEN) % 1.0)
        circle = (
            f'<circle class="dot" cx="{axis.at(dot.value)}" cy="{y:.1f}" r="3.5">'
            f"<title>{escaped(dot.title)}</title></circle>"
        )
        yield f'<a href="#{dot.link}" tabindex="-1">{circle}</a>' if dot.link else circle
    yield (
        f'<line class="median" x1="{axis.at(median)}" x2="{axis.at(median)}" y1="{top}" '
        f'y2="{top + _STRIP_HEIGHT}"/></g>'
    )
