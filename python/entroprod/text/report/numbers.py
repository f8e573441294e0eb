"""Numbers as a reader wants them, with the exact ones beside."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

_MINUS = "\u2212"
# Beyond which a number is written with a power of ten.
_MOST_DECIMALS = 6
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def plain(value: float, digits: int = 3, *, sign: bool = False) -> str:
    """So many significant digits, but no more than three decimals for large ones."""
    if math.isinf(value):
        return f"{_MINUS if value < 0 else '+'}∞"
    if value == 0:
        return "0"
    power = math.floor(math.log10(abs(value)))
    text = f"{value:.{digits - 1}e}" if not -4 <= power < 15 else _fixed(value, digits - 1 - power)
    if "e" in text:
        mantissa, exponent = text.split("e")
        text = f"{mantissa} × 10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    if sign and value > 0:
        text = f"+{text}"
    return text.replace("-", _MINUS)


def fixed(value: float, decimals: int, *, sign: bool = False) -> str:
    """So many decimals, for numbers that stand below each other."""
    if math.isinf(value):
        return plain(value)
    text = f"{value:+.{decimals}f}" if sign else f"{value:.{decimals}f}"
    if float(text) == 0:
        text = text.lstrip("+-")
    return text.replace("-", _MINUS)


def uncertain(value: float | None, error: float | None) -> str:
    """A value and its standard error, both rounded to the error's second digit."""
    if value is None:
        return "–"
    if error is None or not (math.isfinite(error) and error > 0) or not math.isfinite(value):
        return plain(value)
    decimals = max(1 - math.floor(math.log10(error)), 0)
    if decimals > _MOST_DECIMALS:
        return f"{plain(value)} ± {plain(error, 2)}"
    return f"{fixed(value, decimals)} ± {fixed(error, decimals)}"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Such as "1 text" and "1,200 texts"."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def ticks(low: float, high: float, most: int = 6) -> list[float]:
    """Round numbers from low to high, at most so many."""
    if not high > low:
        return [low]
    step = 10.0 ** math.floor(math.log10((high - low) / most))
    for factor in (1, 2, 5, 10, 20):
        first, last = (
            math.ceil(low / (step * factor) - 1e-9),
            math.floor(high / (step * factor) + 1e-9),
        )
        if last - first < most:
            return [k * step * factor for k in range(first, last + 1)]
    return [low, high]


def tick_labels(places: Sequence[float]) -> list[str]:
    """What ticks are called: as many decimals as tell them apart."""
    step = min((b - a for a, b in itertools.pairwise(places)), default=0.0)
    if not step:
        return [plain(place) for place in places]
    decimals = max(-math.floor(math.log10(step) + 1e-9), 0)
    return [fixed(place, decimals) for place in places]


def round_up(value: float) -> float:
    """The next number of one digit: a good end of a scale."""
    if not value > 0:
        return 1.0
    unit = 10.0 ** math.floor(math.log10(value))
    return next(f * unit for f in (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 10.1) if f * unit >= value)


def _fixed(value: float, decimals: int) -> str:
    return f"{value:,.{max(decimals, 0)}f}"
