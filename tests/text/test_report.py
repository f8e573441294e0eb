"""Reports: all numbers and texts in one page that fetches nothing and runs nothing foreign."""

from __future__ import annotations

import base64
import hashlib
import itertools
import json
import math
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pandas")

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st
from report_tables import CAUSAL, OTHER, PROVENANCE, Row, scored, skipped, two_groups

import entroprod as ep
from entroprod.text.report import colour, html_report, numbers, write_report
from entroprod.text.report.alignment import laid_over

# Colours are written with 8 bits a channel: half a unit of 1/255, which OKLab stretches near black.
EIGHT_BITS = 0.006
# What the web's accessibility guidelines ask of text of normal size.
READABLE = 4.5
# Sums in another order.
ROUNDING = 1e-12
# A page that browsers open at once.
MOST_BYTES = 12_000_000

VOID = {"meta", "br", "input", "link", "img", "hr"}
NASTY = "</span><script>alert(\"x\")</script> & 'quotes'\n\ttab \x1b[0m \u202ebidi \ufffd. End."


class Page(HTMLParser):
    """A page as elements with their text, which requires every tag to be closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[dict[str, Any]] = []
        self._open: list[dict[str, Any]] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {[each['tag'] for each in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice: {names}"
        element = {"tag": tag, "text": "", "inside": list(self._open), **dict(attrs)}
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append({"tag": tag, "text": "", "inside": list(self._open), **dict(attrs)})

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1]["tag"] == tag, f"</{tag}> closes <{self._open[-1]['tag']}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element["text"] += data

    def all(self, tag: str, css: str = "") -> list[dict[str, Any]]:
        return [
            each
            for each in self.elements
            if each["tag"] == tag and (not css or css in (each.get("class") or "").split())
        ]

    def text_of(self, index: int) -> dict[str, Any]:
        (card,) = (each for each in self.all("article") if each["id"] == f"text-{index}")
        return card

    def within(self, parent: dict[str, Any], tag: str, css: str = "") -> list[dict[str, Any]]:
        return [each for each in self.all(tag, css) if any(one is parent for one in each["inside"])]


def frame(rows: list[Row]) -> pd.DataFrame:
    table = pd.DataFrame(rows).set_index("index")
    table.attrs["provenance"] = PROVENANCE
    return table


def everything() -> list[Row]:
    """Two groups, and one text of each kind that lacks something."""
    rows = two_groups()
    generator = np.random.default_rng(1)
    for text in ("No end in sight", "A single sentence. with a tail", NASTY):
        rows.append(scored(text, len(rows), generator, "causal"))
    return [*rows, skipped("", len(rows), "empty text", "non-causal")]


def block_scales() -> ep.BlockScale:
    def log_prob(sequences: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A ring on which symbols go up more often than down, and sometimes stay."""
        step = np.diff(sequences, axis=1, prepend=0) % 3
        values: np.ndarray[Any, Any] = np.log(np.array([0.2, 0.6, 0.2]))[step]
        return values

    machine = ep.FunctionMachine(log_prob, n_symbols=3)
    sequences = np.random.default_rng(0).integers(0, 3, (6, 12))
    return ep.block_scale(machine, sequences, (1, 3, 12), sentences=(1,), delimiters={0})


def test_the_page_is_sound_and_needs_nothing_else() -> None:
    table = frame(everything())
    html = html_report(table, groups=ep.compare_groups(table), block_scale=block_scales())
    page = Page(html)
    assert html.startswith("<!DOCTYPE html>")
    assert not re.search(r"https?://|//[a-z]|@import|url\(|\ssrc=|<link|<iframe|<object", html)
    assert [each["tag"] for each in page.elements if "style" in each] == ["style"] * 0
    ids = [each["id"] for each in page.elements if "id" in each]
    assert len(ids) == len(set(ids))
    targets = {each["href"][1:] for each in page.all("a")}
    assert targets <= set(ids)
    labelled = {each["for"] for each in page.all("label") if "for" in each}
    assert labelled == {each["id"] for each in page.all("input")}
    for picture in page.all("svg", "chart"):
        assert picture["role"] == "img"
        assert picture["aria-label"]


def test_the_browser_is_told_to_run_nothing_else() -> None:
    page = Page(html_report(two_groups()))
    (policy,) = (each["content"] for each in page.all("meta") if "http-equiv" in each)
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        (element,) = page.all(tag)
        digest = base64.b64encode(hashlib.sha256(element["text"].encode()).digest()).decode()
        assert f"{tag}-src 'sha256-{digest}'" in policy


def test_every_text_is_there_token_by_token() -> None:
    rows = two_groups()
    page = Page(html_report(rows))
    assert len(page.all("article")) == len(CAUSAL) + len(OTHER)
    for row in rows:
        card = page.text_of(row["index"])
        (tokens,) = page.within(card, "p", "tokens")
        assert tokens["text"] == row["text"]
        spans = page.within(card, "span", "t")
        assert [each["text"] for each in spans] == [token.strip() for token in row["tokens"]]
        blocks = page.within(card, "span", "block")
        assert [each["data-k"] for each in blocks] == [str(k + 1) for k in range(row["n_blocks"])]


def test_numbers_of_texts_are_those_of_the_table() -> None:
    rows = everything()
    page = Page(html_report(rows))
    for row in rows:
        if row["tokens"] is None:
            assert not [one for one in page.all("article") if one["id"] == f"text-{row['index']}"]
            continue
        card = page.text_of(row["index"])
        values = [float(each["value"]) for each in page.within(card, "data")]
        expected = [row["sigma_token_per_token"]]
        if row["sigma_block"] is not None:
            expected += [row["sigma_block_per_token"], *row["sigma_per_block"]]
        assert values == expected


def test_tokens_carry_their_numbers_and_colours() -> None:
    row = two_groups()[0]
    page = Page(html_report([row]))
    ahead, back, blocks = (
        np.array(row[f"per_token_{name}"])
        for name in ("forward", "token_reversed", "block_reversed")
    )
    legends = [each["text"] for each in page.all("svg", "ramp")]
    most, *most_sigma = (float(text.split("≥")[1].replace(",", "")) for text in legends)
    for i, span in enumerate(page.all("span", "t")):
        told = span["title"].split(" · ")
        sigmas = (ahead[i] - back[i], ahead[i] - blocks[i])
        assert told == [
            f"{-ahead[i]:.2f} forward",
            f"{-back[i]:.2f} token-reversed",
            f"{-blocks[i]:.2f} block-reversed",
            f"{numbers.fixed(sigmas[0], 2, sign=True)} σ, token reversal",
            f"{numbers.fixed(sigmas[1], 2, sign=True)} σ, block reversal",
        ]
        assert span["class"].split() == [
            "t",
            *(
                f"{letter}{colour.level(-values[i], most)}"
                for letter, values in zip("ftb", (ahead, back, blocks))
            ),
            *(
                f"{letter}{colour.signed_level(sigma, end)}"
                for letter, sigma, end in zip("xy", sigmas, most_sigma)
            ),
        ]


def test_summary_of_groups() -> None:
    rows = everything()
    page = Page(html_report(rows))
    table = page.all("table")[0]
    body = [row for row in page.within(table, "tr") if page.within(row, "td")]
    causal = [row for row in rows if row["group"] == "causal"]
    for line, members in ((body[0], causal), (body[2], rows)):
        values = [float(each["value"]) for each in page.within(line, "data")]
        expected = []
        for name in ("token", "block"):
            present = [row[f"sigma_{name}_per_token"] for row in members]
            present = [value for value in present if value is not None]
            expected += [np.median(present), np.mean(present)]
        np.testing.assert_allclose(values, expected, rtol=ROUNDING)
    cells = [each["text"] for each in page.within(body[0], "td")]
    assert cells[:2] == [str(len(causal))] * 2
    assert cells[4] == str(len(causal) - 1)
    notes = [each["text"] for each in page.all("li") if "text" in each["text"]]
    assert "1 text without token reversal: empty text." in notes
    assert "1 text without block reversal: no delimiter in it." in notes
    assert any("1 text of a single block" in note for note in notes)
    n_cut = [row["n_cut_off"] for row in rows if row["n_cut_off"]]
    cut_off = f"{len(n_cut)} text that lost {sum(n_cut)} tokens behind the last block"
    assert any(note.startswith(cut_off) for note in notes)


def test_skipped_texts_are_listed_with_reasons() -> None:
    rows = everything()
    page = Page(html_report(rows))
    table = page.all("table")[-1]
    listed = [each["text"] for each in page.within(table, "tr")]
    assert len(listed) == 1 + 2
    assert "No end in sight" in listed[1]
    assert "no delimiter in it" in listed[1]
    assert listed[2].count("empty text") == 2


def test_many_reasons_are_counted_together() -> None:
    rows = [skipped("x", i, f"{i + 200} tokens are too many") for i in range(20)]
    rows += [skipped("x", 20 + i, "no " + "abcdefghijkl"[i]) for i in range(12)]
    notes = [each["text"] for each in Page(html_report(rows)).all("li")]
    assert notes[0] == "20 texts without token reversal: for example, 200 tokens are too many."
    assert notes[8] == "5 texts without token reversal: other reasons, listed below."
    assert len(notes) == 2 * 9


def test_what_texts_contain_is_shown_and_never_markup() -> None:
    generator = np.random.default_rng(0)
    # Half of a surrogate pair can't be written to a file as it is.
    nasty = NASTY.replace("End", "\ud800 End")
    row = scored(nasty, 0, generator, nasty) | {"id": nasty}
    dead = skipped(nasty, 1, nasty, nasty)
    provenance = {"machine": {"model": nasty}, "source": nasty, nasty: {nasty: [nasty]}}
    html = html_report([row, dead], provenance, title=nasty)
    page = Page(html)
    assert len(page.all("script")) == 1
    assert "\u202e" not in html
    assert "\x1b" not in html
    html.encode()
    (tokens,) = page.all("p", "tokens")
    shown = tokens["text"]
    for piece in ('</span><script>alert("x")</script>', "[U+001B]", "[U+202E]", "[U+D800]", "↵"):
        assert piece in shown
    assert "part of a character" in html


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


def test_characters_in_pieces_are_shown_whole() -> None:
    row = two_groups(["She said “no”. He left."], ())[0]
    for mark in "“”":
        place = next(i for i, token in enumerate(row["tokens"]) if mark in token)
        row["tokens"][place] = row["tokens"][place].replace(mark, "\ufffd")
    page = Page(html_report([row]))
    assert page.all("p", "tokens")[0]["text"] == row["text"]
    assert page.all("span", "what")[0]["text"] == "She said “no”."


def test_groups_are_compared_in_words_and_numbers() -> None:
    table = frame(two_groups(CAUSAL * 6, OTHER * 6))
    groups = ep.compare_groups(table)
    page = Page(html_report(table, groups=groups))
    token, block = groups.comparisons
    assert token.p_value_holm is not None
    assert block.p_value_holm is not None
    assert block.p_value_holm < 0.05 < token.p_value_holm
    findings = [each["text"] for each in page.all("li") if "rank-biserial" in each["text"]]
    assert "shows no difference between causal and non-causal beyond chance" in findings[0]
    assert findings[1].startswith("Block reversal tells causal and non-causal apart")
    values = [float(each["value"]) for each in page.all("data")]
    for one in (token, block):
        assert {one.u, one.p_value, one.p_value_holm, one.rank_biserial} <= set(values)


def test_charts_show_every_value() -> None:
    rows = two_groups()
    page = Page(html_report(rows))
    token, block = page.all("svg", "chart")
    for picture, name in ((token, "token"), (block, "block")):
        dots = page.within(picture, "circle")
        places = [float(dot["cx"].rstrip("%")) for dot in dots]
        values: list[float] = []
        for group in ("causal", "non-causal"):
            own = [row[f"sigma_{name}_per_token"] for row in rows if row["group"] == group]
            values += sorted(own)
        # Places are linear in the values, to the hundredth of a percent in which they are written.
        slope, offset = np.polyfit(values, places, 1)
        np.testing.assert_allclose(np.polyval([slope, offset], values), places, atol=0.02)
        assert 0 <= min(places) <= max(places) <= 100


def test_block_scales_are_drawn_and_listed() -> None:
    result = block_scales()
    page = Page(html_report(two_groups(), block_scale=result))
    (picture,) = (one for one in page.all("svg", "chart") if "blocks" in one["aria-label"])
    assert len(page.within(picture, "circle")) == 3
    assert len(page.within(picture, "path")) == 1
    values = [float(each["value"]) for each in page.all("data")]
    assert {point.mean for point in result} <= set(values)


def test_many_texts_stay_usable() -> None:
    generator = np.random.default_rng(0)
    texts = [CAUSAL[i % 4] for i in range(3000)]
    rows = [scored(text, i, generator, "ab"[i % 2]) for i, text in enumerate(texts)]
    html = html_report(rows, max_texts_per_group=10, order="sigma_block")
    assert len(html) < MOST_BYTES
    page = Page(html)
    shown = [int(each["id"].removeprefix("text-")) for each in page.all("article")]
    expected = []
    for group in "ab":
        ranked = sorted(
            (row for row in rows if row["group"] == group),
            key=lambda row: -row["sigma_block_per_token"],
        )
        expected += ranked[:10]
    expected.sort(key=lambda row: -row["sigma_block_per_token"])
    assert shown == [row["index"] for row in expected]
    assert "2,980 more are not shown" in html
    assert "Of larger groups 500 dots are drawn" in html
    assert len(page.all("circle", "dot")) == 2 * 2 * 500


def test_given_is_the_order_of_the_table() -> None:
    rows = two_groups()[::-1]
    shown = [each["id"] for each in Page(html_report(rows)).all("article")]
    assert shown == [f"text-{row['index']}" for row in rows]


def test_long_texts_are_limited_by_tokens() -> None:
    generator = np.random.default_rng(0)
    rows = [scored("It is long. " * 3000, i, generator) for i in range(4)]
    html = html_report(rows)
    assert html.count("<article") == 2
    assert "2 more are not shown" in html


def test_infinite_sigma_is_counted_and_shown() -> None:
    rows = two_groups()
    row = rows[0]
    row["per_token_token_reversed"][2] = -math.inf
    row |= {"sigma_token": math.inf, "sigma_token_per_token": math.inf}
    page = Page(html_report(rows))
    assert any("1 text with an infinite σ" in each["text"] for each in page.all("li"))
    assert "∞" in page.all("span", "t")[2]["title"]
    assert len(page.within(page.all("svg", "chart")[0], "circle")) == len(rows) - 1


def test_tables_of_every_kind_give_the_same_page(tmp_path: Path) -> None:
    from entroprod.text.table import read_results, write_results

    rows = two_groups()
    table = frame(rows)
    html = html_report(rows, PROVENANCE)
    assert html_report(table) == html
    for name in ("table.parquet", "table.csv"):
        write_results(tmp_path / name, [rows], PROVENANCE)
        assert html_report(read_results(tmp_path / name)) == html


def test_a_single_group_has_no_comparison() -> None:
    rows = two_groups(CAUSAL, ())
    page = Page(html_report(rows))
    assert not page.all("select", "only")
    headings = [each["text"] for each in page.all("h2")]
    assert "All texts" in headings
    assert "Groups" not in headings


def test_nothing_but_skipped_texts() -> None:
    html = html_report([skipped("", 0, "empty text"), skipped(" ", 1, "empty text")])
    Page(html)
    assert "2 texts without token reversal: empty text." in html


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda row: row.pop("tokens"), "rows\\[0\\] lacks the column 'tokens'"),
        (lambda row: row["per_token_forward"].pop(), "numbers in per_token_forward, and not"),
        (lambda row: row["sigma_per_block"].pop(), "numbers in sigma_per_block, and not"),
        (lambda row: row.update(block_starts=[1, 2, 3]), "block_starts that don't divide"),
    ],
)
def test_rows_that_do_not_fit_are_refused(change: Any, match: str) -> None:
    row = two_groups()[0]
    change(row)
    with pytest.raises(ValueError, match=match):
        html_report([row])


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"rows": []}, ValueError, "rows must not be empty"),
        ({"rows": "table.csv"}, TypeError, "rows must be a table"),
        ({"rows": [3]}, TypeError, r"rows\[0\] must be a mapping"),
        ({"rows": two_groups() * 2}, ValueError, "rows must have an index each, got 0 2 times"),
        ({"groups": {}}, TypeError, "groups must be a GroupComparison"),
        ({"block_scale": [0.1]}, TypeError, "block_scale must be a BlockScale"),
        ({"provenance": 3}, TypeError, "provenance must be a mapping"),
        ({"order": "random"}, ValueError, "order"),
        ({"max_texts_per_group": 0}, ValueError, "max_texts_per_group"),
    ],
)
def test_refused(arguments: dict[str, Any], error: type[Exception], match: str) -> None:
    given: dict[str, Any] = {"rows": two_groups()} | arguments
    with pytest.raises(error, match=match):
        html_report(**given)


def test_reports_are_written_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    rows = two_groups()
    assert write_report(path, rows, PROVENANCE) == path
    assert path.read_text(encoding="utf-8") == html_report(rows, PROVENANCE)
    with pytest.raises(ValueError, match="lacks the column"):
        write_report(path, [{}])
    assert path.read_text(encoding="utf-8") == html_report(rows, PROVENANCE)
    assert [each.name for each in tmp_path.iterdir()] == ["report.html"]
    with pytest.raises(ValueError, match=r"path must end with \.html"):
        write_report(tmp_path / "report.pdf", rows)
    with pytest.raises(FileNotFoundError, match="no such directory"):
        write_report(tmp_path / "nowhere" / "report.html", rows)


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


def test_rounding_is_not_drawn_as_if_it_were_something() -> None:
    rows = two_groups(CAUSAL, ())
    for i, row in enumerate(rows):
        tiny = 1e-17 * (i - 2)
        row["per_token_block_reversed"] = row["per_token_forward"]
        row |= {"sigma_block": tiny, "sigma_block_per_token": tiny}
        row["sigma_per_block"] = [tiny] * row["n_blocks"]
    page = Page(html_report(rows))
    bars = [each for one in page.all("svg", "bar") for each in page.within(one, "rect")]
    assert {bar["width"] for bar in bars} == {"0.00%"}
    ticks = [each["text"] for each in page.within(page.all("svg", "chart")[1], "text")]
    assert max(map(len, ticks)) < len("all n = 4 and some more")
    assert numbers.uncertain(1e-17, 2e-18) == "1.00 × 10⁻¹⁷ ± 2.0 × 10⁻¹⁸"
    assert numbers.uncertain(0.45717, 0.03123) == "0.457 ± 0.031"


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


CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)


def browse(path: Path, *options: str) -> str:
    """What a headless browser prints about a page."""
    done = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={path.parent / 'profile'}",
            "--window-size=1280,4000",
            *options,
            path.as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    return done.stdout.decode()


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")
def test_a_browser_draws_it(tmp_path: Path) -> None:
    image = pytest.importorskip("matplotlib.image")
    table = frame(everything())
    groups = ep.compare_groups(table)
    path = write_report(tmp_path / "report.html", table, groups=groups, block_scale=block_scales())
    brightness = []
    for of, preferred in ((colour.LIGHT, 1), (colour.DARK, 0)):
        picture = tmp_path / "page.png"
        browse(
            path, f"--blink-settings=preferredColorScheme={preferred}", f"--screenshot={picture}"
        )
        pixels = np.rint(255 * image.imread(picture)[:, :, :3]).astype(int)
        codes = np.unique(pixels @ [1 << 16, 1 << 8, 1]).tolist()
        # Steps of the scale as backgrounds of tokens, and in the legend.
        assert set(of.surprisal()) <= {f"#{code:06x}" for code in codes}
        brightness.append(pixels.mean())
    assert brightness[0] > 200 > 80 > brightness[1]


# Does by program what a reader does with the pointer, and writes down what there is to see then.
READER = """
<script>
const visible = () => [...document.querySelectorAll(".text:not([hidden])")].map((one) => one.id);
const told = {order: {}};
const set = (id, value) => {
  const control = document.getElementById(id);
  control.value = value;
  control.dispatchEvent(new Event("change"));
};
for (const way of ["block down", "token up", "place up"]) {
  set("order", way);
  told.order[way] = visible();
}
set("only", "1");
told.group = visible();
const token = document.querySelector("#text-0 .t");
token.dispatchEvent(new PointerEvent("pointerover", {bubbles: true}));
told.tip = tip.hidden ? null : tip.textContent;
const numbers = document.querySelector("#text-0 .numbers");
numbers.addEventListener("toggle", () => {
  told.rows = [...numbers.querySelectorAll("tr")].map((row) => row.textContent);
  document.documentElement.dataset.told = JSON.stringify(told);
});
numbers.open = true;
</script>
"""


@pytest.mark.skipif(CHROMIUM is None, reason="no chromium on the path")
def test_a_reader_sorts_and_looks_up(tmp_path: Path) -> None:
    rows = two_groups()
    html = html_report(rows)
    path = tmp_path / "report.html"
    look = ("--dump-dom", "--virtual-time-budget=2000")
    # The policy lets the page's own script run, and no other.
    path.write_text(html.replace("</body>", READER + "</body>"), encoding="utf-8")
    (root,) = Page(browse(path, *look)).all("html")
    assert root["class"] == "js"
    assert "data-told" not in root
    free = re.sub(r'<meta http-equiv="Content[^>]*>', "", html)
    path.write_text(free.replace("</body>", READER + "</body>"), encoding="utf-8")
    (root,) = Page(browse(path, *look)).all("html")
    told = json.loads(root["data-told"])

    def names(ranked: list[Row]) -> list[str]:
        return [f"text-{row['index']}" for row in ranked]

    by_block = sorted(rows, key=lambda row: -row["sigma_block_per_token"])
    by_token = sorted(rows, key=lambda row: row["sigma_token_per_token"])
    assert told["order"] == {
        "block down": names(by_block),
        "token up": names(by_token),
        "place up": names(rows),
    }
    assert told["group"] == names([row for row in rows if row["group"] == "non-causal"])
    first = f"{-rows[0]['per_token_forward'][0]:.2f}"
    assert told["tip"].startswith(f"{first} forward\n")
    assert len(told["rows"]) == 1 + len(rows[0]["tokens"])
    assert told["rows"][1].startswith(f"The{first}")
