"""Texts and tables of texts in frames of every kind."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("narwhals")
pytest.importorskip("polars")
pytest.importorskip("pyarrow")

import pandas as pd
import polars as pl
import pyarrow as pa
from published_texts import BLOCK
from report_tables import two_groups
from text_machines import CharacterMachine

from entroprod.text import as_texts, compare_groups, score_texts
from entroprod.text.report import html_report

KINDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": pd.DataFrame,
    "pandas, nullable": lambda columns: pd.DataFrame(columns).convert_dtypes(),
    "polars": lambda columns: pl.DataFrame(columns, strict=False),
    "pyarrow": pa.table,
}


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def make(request: pytest.FixtureRequest) -> Callable[[dict[str, Any]], Any]:
    kind: Callable[[dict[str, Any]], Any] = request.param
    return kind


def test_texts(make: Callable[[dict[str, Any]], Any]) -> None:
    frame = make({"year": [1, 2, 3], "text": ["a.", "b. a.", "c."], "group": ["x", None, "y"]})
    texts = as_texts(frame)
    assert texts.texts == ("a.", "b. a.", "c.")
    assert texts.groups == ("x", None, "y")
    assert texts.ids == (None,) * 3
    named = as_texts(make({"text": ["a."], "id": [7]}))
    assert named.ids == ("7",)
    scored = score_texts(CharacterMachine(), frame).table
    assert list(scored.text) == ["a.", "b. a.", "c."]


def test_other_frames_are_no_texts(make: Callable[[dict[str, Any]], Any]) -> None:
    with pytest.raises(ValueError, match=r"texts must have a column 'text' .* has 'words', 'x'"):
        as_texts(make({"words": ["a."], "x": [1]}))
    with pytest.raises(TypeError, match=r"texts\['text'\] must hold strings, got .* at index 1"):
        as_texts(make({"text": ["a.", None]}))


def test_groups(make: Callable[[dict[str, Any]], Any]) -> None:
    columns: dict[str, Any] = {
        "kind": [*(name for name, values in BLOCK.items() for _ in values), None],
        "sigma": [*(value for values in BLOCK.values() for value in values), 1.0],
        "n": [*range(59), None, 3],
    }
    expected = compare_groups(columns, group="kind", metrics=["sigma", "n"])
    found = compare_groups(make(columns), group="kind", metrics=["sigma", "n"])
    assert found.comparisons == expected.comparisons
    assert found.summaries == expected.summaries
    assert found.n_ungrouped == 1
    assert found.summaries[3].n_missing == 1
    with pytest.raises(TypeError, match="metrics: column 'kind' must hold numbers"):
        compare_groups(make(columns), group="kind", metrics="kind")
    with pytest.raises(ValueError, match="no column 'x', it has 'kind', 'sigma', 'n'"):
        compare_groups(make(columns), group="x", metrics="sigma")


def test_reports(make: Callable[[dict[str, Any]], Any]) -> None:
    rows = two_groups()
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    assert html_report(make(columns)) == html_report(rows)


def test_missing_values_of_every_kind() -> None:
    missing = [None, np.nan, pd.NA, pd.NaT]
    frame = pd.DataFrame({"text": ["a."] * 4, "group": pd.Series(missing, dtype=object)})
    assert as_texts(frame).groups == (None,) * 4
