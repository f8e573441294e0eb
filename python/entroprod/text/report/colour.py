"""Colours for numbers: steps that look equally far apart, under any colour vision.

Ramps run through one hue each from the colour of the page, in equal steps of OKLab, in which equal
distances look alike; since lightness falls along them, they are read without hue as well. Text
stays readable on every step: the contrast with the ink is at least 4.5.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from entroprod.boundary.arrays import FloatArray

# Steps of surprisal above none, and of sigma on either side of zero.
N_LEVELS = 15
N_SIGNED = 8

# OKLab to linear sRGB, by Ottosson, "A perceptual color space for image processing" (2020).
_TO_CONES = np.array(
    [
        [1.0, 0.3963377774, 0.2158037573],
        [1.0, -0.1055613458, -0.0638541728],
        [1.0, -0.0894841775, -1.2914855480],
    ]
)
_TO_LINEAR = np.array(
    [
        [4.0767416621, -3.3077115913, 0.2309699292],
        [-1.2684380046, 2.6097574011, -0.3413193965],
        [-0.0041960863, -0.7034186147, 1.7076147010],
    ]
)


@dataclass(frozen=True)
class Scheme:
    """A page's colours for numbers: where ramps begin, and where they end.

    Each is (lightness, chroma, hue in degrees) of OKLCH.
    """

    paper: tuple[float, float, float]
    surprising: tuple[float, float, float]
    positive: tuple[float, float, float]
    negative: tuple[float, float, float]

    def surprisal(self) -> list[str]:
        """N_LEVELS + 1 colours from none to the most surprising."""
        return _ramp(self.paper, self.surprising, N_LEVELS)

    def signed(self) -> list[str]:
        """2 N_SIGNED + 1 colours from the most negative over zero to the most positive."""
        below = _ramp(self.paper, self.negative, N_SIGNED)
        return below[:0:-1] + _ramp(self.paper, self.positive, N_SIGNED)


LIGHT = Scheme((1.0, 0.0, 0.0), (0.72, 0.15, 308.0), (0.74, 0.15, 58.0), (0.70, 0.12, 245.0))
DARK = Scheme((0.235, 0.008, 265.0), (0.50, 0.17, 308.0), (0.50, 0.11, 55.0), (0.49, 0.11, 250.0))


def level(value: float, most: float) -> int:
    """Step of a surprisal, 0 .. N_LEVELS; what is above ``most`` is the last one."""
    return round(N_LEVELS * min(max(value / most, 0.0), 1.0))


def signed_level(value: float, most: float) -> int:
    """Step of a sigma, 0 .. 2 N_SIGNED, N_SIGNED for zero."""
    return N_SIGNED + round(N_SIGNED * min(max(value / most, -1.0), 1.0))


def css() -> str:
    """Style that defines the steps as variables, and gives each view's classes its colours."""
    steps = [f".f{i}" for i in range(N_LEVELS + 1)]
    rules = [
        f":root{{{_variables(LIGHT)}}}",
        f"@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}",
    ]
    for view in "ftb":
        rules += [
            f"#view-{view}:checked~main .{view}{i}{{background-color:var(--s{i})}}"
            for i in range(1, len(steps))
        ]
    for view in "xy":
        rules += [
            f"#view-{view}:checked~main .{view}{i}{{background-color:var(--d{i})}}"
            for i in range(2 * N_SIGNED + 1)
            if i != N_SIGNED
        ]
    rules += [f".ramp .s{i}{{fill:var(--s{i})}}" for i in range(N_LEVELS + 1)]
    rules += [f".ramp .d{i}{{fill:var(--d{i})}}" for i in range(2 * N_SIGNED + 1)]
    return "\n".join(rules)


def _variables(scheme: Scheme) -> str:
    named = [f"--s{i}:{colour}" for i, colour in enumerate(scheme.surprisal())]
    named += [f"--d{i}:{colour}" for i, colour in enumerate(scheme.signed())]
    return ";".join(named)


def _ramp(
    start: tuple[float, float, float], end: tuple[float, float, float], n_steps: int
) -> list[str]:
    first, last = _oklab(start), _oklab(end)
    return [_hex(first + (last - first) * i / n_steps) for i in range(n_steps + 1)]


def _oklab(colour: tuple[float, float, float]) -> FloatArray:
    lightness, chroma, hue = colour
    angle = math.radians(hue)
    return np.array([lightness, chroma * math.cos(angle), chroma * math.sin(angle)])


def _hex(oklab: FloatArray) -> str:
    linear = np.clip(_TO_LINEAR @ (_TO_CONES @ oklab) ** 3, 0.0, 1.0)
    encoded = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    return "#" + "".join(f"{round(255 * part):02x}" for part in encoded.tolist())
