"""Reports: all numbers and texts in one page that fetches nothing and runs nothing foreign."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import math
import re
import unicodedata
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("pandas")

from report_pages import NASTY, Page, block_scales, everything, frame
from report_tables import CAUSAL, OTHER, PROVENANCE, scored, skipped, two_groups

import entroprod as ep
from entroprod.text.report import colour, html_report, numbers, write_report
from entroprod.text.report.spelling import spelled_out

# Sums in another order.
ROUNDING = 1e-12
# A page that browsers open at once.
MOST_BYTES = 12_000_000


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


HOSTILE = {
    "markup": NASTY,
    "script": "<script>alert(1)</script><img src=x onerror=alert(1)>",
    "attribute": '" onmouseover="alert(1)" x=\'',
    "entities": "&lt;b&gt; &amp; &#60;",
    "template": "{{ 7 * 7 }} {% raw %} {# no #}",
    "nothing": "a\x00b",
    "right to left": "\u202ealert\u2066(1)\u200f",
    # Half of a surrogate pair can't be written to a file as it is.
    "surrogate": "a \ud800 b",
    "long": "x" * 5000,
}


def report_of(content: str) -> str:
    """A report in which one string stands wherever a string may."""
    generator = np.random.default_rng(0)
    rows = [
        scored(f"{content}. End. Or not.", i, generator, content + "ab"[i % 2]) | {"id": content}
        for i in range(4)
    ]
    rows.append(skipped(content, 4, content, content + "a") | {"skipped_block": content + "2"})
    columns: dict[str, list[Any]] = {name: [row[name] for row in rows] for name in rows[0]}
    metrics = ["sigma_block_per_token", content]
    table = {**columns, content: list(range(5))}
    groups = ep.compare_groups(table, metrics=metrics, n_bootstrap=100)
    provenance = {"machine": {"model": content}, "source": content, content: {content: [content]}}
    scales = block_scales()
    point, *others = scales
    point = dataclasses.replace(point, skip_reasons={content: 1})
    scales = dataclasses.replace(scales, points=(point, *others))
    return html_report(rows, provenance, groups=groups, block_scale=scales, title=content)


@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE)
def test_what_strings_contain_is_shown_and_never_markup(content: str) -> None:
    """Whatever a string stands for: a text, a name, a reason, a metric, something recorded."""
    html = report_of(content)
    html.encode()
    page, harmless = Page(html), Page(report_of("harmless"))
    tags, expected = ({each["tag"] for each in one.elements} for one in (page, harmless))
    assert tags - {"br"} == expected - {"br"}
    attributes, expected = (
        {name for one in some.elements for name in one} for some in (page, harmless)
    )
    assert attributes == expected
    assert len(page.all("script")) == len(page.all("style")) == 1
    assert not any(unicodedata.category(one) in {"Cf", "Cs"} for one in html)
    assert not any(unicodedata.category(one) == "Cc" and one not in "\n\t" for one in html)
    assert page.all("h1")[0]["text"] == page.all("title")[0]["text"] == spelled_out(content)
    tokens = page.all("p", "tokens")[0]["text"]
    for word in re.findall(r"[\w<>&{}%#;'\"]+", content):
        assert word in tokens


def test_marks_for_what_is_not_seen() -> None:
    generator = np.random.default_rng(0)
    row = scored(NASTY.replace("End", "\ud800 End"), 0, generator)
    html = html_report([row])
    (tokens,) = Page(html).all("p", "tokens")
    for piece in ('</span><script>alert("x")</script>', "[U+001B]", "[U+202E]", "[U+D800]", "↵"):
        assert piece in tokens["text"]
    assert "part of a character" in html


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
