"""Parts of reports: tokens laid over their text, colours, numbers and ticks."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pandas")

from hypothesis import given
from hypothesis import strategies as st
from report_tables import two_groups

from entroprod.text.report import colour, html_report, numbers
from entroprod.text.report.alignment import laid_over

# Colours are written with 8 bits a channel: half a unit of 1/255, which OKLab stretches near black.
EIGHT_BITS = 0.006
# What the web's accessibility guidelines ask of text of normal size.
READABLE = 4.5


@pytest.mark.parametrize(
    ("tokens", "text", "expected"),
    [
        (["It", " fell", "."], "It fell.", ["It", " fell", "."]),
        ([" It", " fell", "."], "It fell.", [" It", " fell", "."]),
        # Without the spaces that a tokenizer of words puts in between.
        (["It", "fell", "."], "It fell.", ["It", " fell", "."]),
        # Bytes one by one: ï of two, and a quotation mark of three.
        (["na", "\ufffd", "\ufffd", "ve"], "naïve", ["na", "ï", "", "ve"]),
        (["\ufffd", "\ufffd", "\ufffd", "a"], "“a", ["“", "", "", "a"]),
        # Two of the three bytes in one token.
        ([" \ufffd", "\ufffd", "a"], "“a", [" “", "", "a"]),
        (["\ufffd"] * 6, "語文", ["語", "", "", "文", "", ""]),
        (["a", "\ufffd", "\ufffd"], "aé", ["a", "é", ""]),
        # What stands in the text as it is.
        (["a", "\ufffd", "b"], "a\ufffdb", ["a", "\ufffd", "b"]),
        (["a", "\ufffd"], "ab", None),
        (["a", "\ufffd", "c"], "abc", None),
        (["a", "b"], "abc", None),
        (["a", "b", "c"], "ab", None),
        (["x"], "a", None),
        (["a", "\ufffd"], "a", None),
    ],
)
def test_tokens_are_laid_over_their_text(
    tokens: list[str], text: str, expected: list[str] | None
) -> None:
    assert laid_over(tokens, text) == expected


@given(st.text(alphabet="aé“ \U0001f600.", min_size=1, max_size=12), st.data())
def test_cut_at_any_bytes_the_text_is_still_there(text: str, data: st.DataObject) -> None:
    encoded = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(encoded)), max_size=6)) - {len(encoded)})
    edges = [0, *cuts, len(encoded)]
    tokens = [encoded[a:b].decode(errors="replace") for a, b in itertools.pairwise(edges)]
    found = laid_over(tokens, text)
    # Two broken characters that differ, with a whole one like the first between: not to be told.
    if found is not None:
        assert "".join(found) == text
    if len(set(text)) == len(text):
        assert found is not None


def oklab(colour_code: str) -> np.ndarray[Any, Any]:
    """From sRGB, by the inverse way of the one in the package."""
    parts = np.array([int(colour_code[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    cones = np.array(
        [
            [0.4122214708, 0.5363325363, 0.0514459929],
            [0.2119034982, 0.6806995451, 0.1073969566],
            [0.0883024619, 0.2817188376, 0.6299787005],
        ]
    )
    mixed = np.array(
        [
            [0.2104542553, 0.7936177850, -0.0040720468],
            [1.9779984951, -2.4285922050, 0.4505937099],
            [0.0259040371, 0.7827717662, -0.8086757660],
        ]
    )
    result: np.ndarray[Any, Any] = mixed @ np.cbrt(cones @ linear)
    return result


def luminance(colour_code: str) -> float:
    parts = np.array([int(colour_code[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


@pytest.mark.parametrize(
    ("scheme", "ink"), [(colour.LIGHT, "#1c1e22"), (colour.DARK, "#e8e9ec")], ids=["light", "dark"]
)
def test_colours_are_even_and_readable(scheme: colour.Scheme, ink: str) -> None:
    assert f"--ink: {ink}" in html_report(two_groups())
    surprisal, signed = scheme.surprisal(), scheme.signed()
    for ramp in (surprisal, signed[: colour.N_SIGNED + 1], signed[colour.N_SIGNED :]):
        points = np.array([oklab(code) for code in ramp])
        steps = np.linalg.norm(np.diff(points, axis=0), axis=1)
        np.testing.assert_allclose(steps, steps.mean(), atol=2 * EIGHT_BITS)
        # Read by lightness alone.
        lightness = np.diff(points[:, 0])
        assert (lightness < 0).all() or (lightness > 0).all()
    for code in (*surprisal, *signed):
        light, dark = sorted((luminance(code), luminance(ink)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= READABLE


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.04222, "−0.0422"),
        (4.0506151, "4.05"),
        (478.8167, "479"),
        (1234567.0, "1,234,567"),
        (4.47e-6, "4.47 × 10⁻⁶"),
        (math.inf, "+∞"),
    ],
)
def test_plain_numbers(value: float, text: str) -> None:
    assert numbers.plain(value) == text


@pytest.mark.parametrize(
    ("low", "high", "labels"),
    [
        (0.0, 1.0, ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        (1.9, 5.1, ["2", "3", "4", "5"]),
        (-0.031, 0.042, ["−0.02", "0.00", "0.02", "0.04"]),
        (0.0, 7e5, ["0", "200000", "400000", "600000"]),
    ],
)
def test_ticks(low: float, high: float, labels: list[str]) -> None:
    ticks = numbers.ticks(low, high)
    assert numbers.tick_labels(ticks) == labels
