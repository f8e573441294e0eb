"""Where the parts of a report's pictures stand; the page's templates draw them."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.questions.block_scale import BlockScale, ScalePoint
from entroprod.text.report import numbers

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
    """A linear axis along the width, in percent: letters keep their size on a narrow screen."""

    low: float
    high: float

    def at(self, value: float) -> str:
        """Place of a value."""
        return self.share(value - self.low)

    def share(self, length: float) -> str:
        """How much of the axis a length takes."""
        return f"{100 * length / (self.high - self.low):.2f}%"


@dataclass(frozen=True)
class Strip:
    """Box and dots of a group's finite values; every dot with its height."""

    name: str
    n: int
    quartiles: tuple[float, float, float]
    whiskers: tuple[float, float]
    dots: list[tuple[Dot, str]]
    top: int
    height: int = _STRIP_HEIGHT

    @property
    def middle(self) -> float:
        """Height of the whiskers."""
        return self.top + self.height / 2

    @property
    def many(self) -> bool:
        """Whether dots would cover each other at their usual size."""
        return len(self.dots) > _MANY_DOTS


@dataclass(frozen=True)
class Strips:
    """Strips of groups below each other, on one axis."""

    label: str
    told: str
    axis: Axis
    ticks: list[tuple[float, str]]
    strips: list[Strip]
    height: int
    bottom: int


def strips(groups: Sequence[tuple[str, FloatArray, Sequence[Dot]]], label: str) -> Strips | None:
    """Box and strip of each group's finite values, sorted, on one axis; None where there are none.

    ``groups`` are (name, values, dots); ``label`` tells what the axis shows.
    """
    groups = [group for group in groups if group[1].size]
    if not groups:
        return None
    everything = np.concatenate([values for _, values, _ in groups])
    axis = _axis(float(everything.min()), float(everything.max()))
    bottom = len(groups) * (_STRIP_HEIGHT + _STRIP_GAP)
    drawn = [
        _strip(name, values, dots, i * (_STRIP_HEIGHT + _STRIP_GAP) + _STRIP_GAP - 6)
        for i, (name, values, dots) in enumerate(groups)
    ]
    told = "; ".join(
        "{}: median {}, quartiles {} and {}".format(
            strip.name, *(numbers.plain(strip.quartiles[i]) for i in (1, 0, 2))
        )
        for strip in drawn
    )
    return Strips(label, told, axis, _ticks(axis), drawn, bottom + _AXIS_HEIGHT, bottom)


def _strip(name: str, values: FloatArray, dots: Sequence[Dot], top: int) -> Strip:
    quarter, median, three = (float(q) for q in np.quantile(values, [0.25, 0.5, 0.75]))
    reach = _WHISKERS * (three - quarter)
    within = values[(values >= quarter - reach) & (values <= three + reach)]
    heights = (
        top + 4 + (_STRIP_HEIGHT - 8) * ((0.5 + i * _GOLDEN) % 1.0) for i in range(len(dots))
    )
    return Strip(
        name,
        len(values),
        (quarter, median, three),
        (float(within.min()), float(within.max())),
        [(dot, f"{y:.1f}") for dot, y in zip(dots, heights)],
        top,
    )


@dataclass(frozen=True)
class Bar:
    """Where a bar begins, and how long it is, in percent."""

    kind: str
    start: str
    width: str


def bar(value: float, most: float) -> Bar:
    """A bar to the right of the middle for positive values, to the left for negative ones."""
    if math.isinf(value):
        value = math.copysign(most, value)
    width = 50 * min(abs(value) / most, 1.0) if most else 0.0
    start = 50.0 if value >= 0 else 50.0 - width
    return Bar("up" if value >= 0 else "down", f"{start:.2f}%", f"{width:.2f}%")


@dataclass(frozen=True)
class Mark:
    """A mean with its error, as heights, and where its name stands."""

    name: str
    scale: int
    title: str
    x: str
    y: float
    low: float
    high: float
    name_y: float
    anchor: str
    shift: int


@dataclass(frozen=True)
class ScalePicture:
    """Sigma per token against the length of blocks: marks of both units."""

    told: str
    up: Axis
    ticks: list[tuple[float, str]]
    steps: list[Mark]
    sentences: list[Mark]
    height: int = _SCALE_HEIGHT

    @property
    def path(self) -> list[tuple[tuple[str, float], tuple[str, float]]]:
        """Lines from mark to mark."""
        return list(itertools.pairwise((mark.x, mark.y) for mark in self.steps))

    def at_height(self, value: float) -> float:
        """Height of a value."""
        return _height(self.up, value)


def block_scales(result: BlockScale) -> ScalePicture | None:
    """Sigma per token against the length of blocks, on a logarithmic axis; None without means."""
    drawn = sorted(
        (point for point in result if point.mean is not None and math.isfinite(point.mean)),
        key=lambda point: point.block_length,
    )
    if not drawn:
        return None
    lengths = [math.log(point.block_length) for point in drawn]
    reach = max(lengths[-1] - lengths[0], 1.0)
    across = Axis(lengths[0] - 0.06 * reach, lengths[0] + 1.06 * reach)
    ends = [_mean(point) + side * _error(point) for point in drawn for side in (-1, 1)]
    up = _axis(min(0.0, *ends), max(ends))
    told = "; ".join(f"{point.name}: {numbers.plain(_mean(point))}" for point in drawn)
    steps, sentences = (
        [
            _mark(point, across, up, i)
            for i, point in enumerate(point for point in drawn if point.unit == unit)
        ]
        for unit in ("step", "sentence")
    )
    return ScalePicture(told, up, _ticks(up), steps, sentences)


def _mark(point: ScalePoint, across: Axis, up: Axis, i: int) -> Mark:
    x, y = across.at(math.log(point.block_length)), _height(up, _mean(point))
    low, high = (_height(up, _mean(point) + side * _error(point)) for side in (-1, 1))
    name = point.name.replace("step", "token")
    # Names above to the right and below to the left by turns, for close neighbours.
    above = i % 2 == 0
    share = float(x.rstrip("%")) / 100
    rightwards = share < _FAR_RIGHT if above else share < 1 - _FAR_RIGHT
    return Mark(
        name=point.name,
        scale=point.scale,
        title=f"{name}: {numbers.uncertain(point.mean, point.standard_error)} nats per token",
        x=x,
        y=y,
        low=low,
        high=high,
        name_y=y - 10 if above else y + 19,
        anchor="start" if rightwards else "end",
        shift=6 if rightwards else -6,
    )


def _ticks(axis: Axis) -> list[tuple[float, str]]:
    places = numbers.ticks(axis.low, axis.high)
    return list(zip(places, numbers.tick_labels(places)))


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
