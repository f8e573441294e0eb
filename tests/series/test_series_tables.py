"""Forms of a table, arrays and files, and those that are refused by name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("statsmodels")
pytest.importorskip("pyarrow")

import pandas as pd
from series_tables import GOOD, ROTATION, Array, growth, rows_of

import entroprod as ep
from entroprod.series import fit_var, read_table, series_entropy_production


def test_arrays_frames_and_files_give_the_same(tmp_path: Path) -> None:
    quarters = pd.period_range("1959Q2", periods=202, freq="Q")
    frame = growth().set_axis(quarters, axis=0)
    dated = frame.set_axis(quarters.to_timestamp(), axis=0)
    dated.to_csv(tmp_path / "growth.csv", index_label="quarter")
    dated.to_csv(tmp_path / "growth.tsv.gz", index_label="quarter", sep="\t")
    dated.to_parquet(tmp_path / "growth.parquet")
    dated.reset_index(names="quarter").to_parquet(tmp_path / "plain.pq")
    expected = fit_var(frame.to_numpy())
    for table in (
        frame,
        dated,
        np.asfortranarray(frame.to_numpy()),
        frame.to_numpy().tolist(),
        read_table(tmp_path / "growth.csv", index="quarter"),
        read_table(tmp_path / "growth.csv", columns=["realgdp", "realcons", "realinv"]),
        read_table(str(tmp_path / "growth.tsv.gz"), columns=[1, 2, 3], index=0),
        read_table(tmp_path / "growth.parquet"),
        read_table(tmp_path / "plain.pq", index="quarter"),
    ):
        assert fit_var(table) == expected
    table = read_table(tmp_path / "growth.csv", columns=["realinv", "realgdp"], index="quarter")
    assert list(table.columns) == ["realinv", "realgdp"]
    assert table.index[0] == "1959-04-01"


def test_awkward_arrays_work() -> None:
    table = rows_of(ROTATION, 80, 1)
    expected = fit_var(table, lags=1)
    table.flags.writeable = False
    assert fit_var(table, lags=1) == expected
    assert fit_var(np.repeat(table, 2, axis=0)[::2], lags=1) == expected
    integers = (table * 100).astype(np.int32)
    assert fit_var(integers, lags=1) == fit_var(integers.astype(np.float64), lags=1)
    nullable = pd.DataFrame(integers).astype("Int64")
    assert fit_var(nullable, lags=1) == fit_var(integers, lags=1)


def test_file_without_a_header(tmp_path: Path) -> None:
    path = tmp_path / "numbers.txt"
    path.write_text("1.5;2\n2.5;-3\n")
    table = read_table(path, header=False, separator=";")
    assert table.to_numpy().tolist() == [[1.5, 2.0], [2.5, -3.0]]
    assert list(table.columns) == ["0", "1"]


def test_decimal_commas_and_tabs(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("x;y\n1,5;2\n2,5;-3,25\n")
    table = read_table(path, separator=";", decimal=",")
    assert table.to_numpy().tolist() == [[1.5, 2.0], [2.5, -3.25]]
    path.write_text("x\ty\n1.5\t2\n2.5\t-3\n")
    assert read_table(path, separator="\\t").to_numpy().tolist() == [[1.5, 2.0], [2.5, -3.0]]


def with_value(value: float) -> Array:
    table = GOOD.copy()
    table[7, 1] = value
    return table


@pytest.mark.parametrize(
    ("data", "error", "message"),
    [
        (with_value(np.nan), ValueError, "1 missing value.*column '1', row 7"),
        (with_value(-np.inf), ValueError, "1 infinite value.*column '1', row 7"),
        (np.ma.masked_less(GOOD, -2.0), ValueError, "missing value"),
        (pd.DataFrame(with_value(np.nan), columns=["a", "b"]), ValueError, "column 'b', row 7"),
        (GOOD.astype(complex), TypeError, "data must hold real numbers, got dtype complex128"),
        (GOOD.astype(object), TypeError, "data must hold real numbers, got dtype object"),
        ([["a", "b"]] * 9, TypeError, "data must hold real numbers, got dtype <U1"),
        ([[1.0], [1.0, 2.0]], ValueError, "data must be a table of numbers"),
        (GOOD[:, 0], ValueError, r"one series of 40 values.*exactly 0.*reshape\(-1, 1\)"),
        (pd.Series(GOOD[:, 0]), ValueError, r"one series of 40 values.*to_frame\(\)"),
        (GOOD[np.newaxis], ValueError, r"shape \(T, m\), got shape \(1, 40, 2\)"),
        (GOOD * [1e300, 1.0], ValueError, "data has column '0' of spread .*e\\+.*other units"),
        (GOOD * [1.0, 1e-300], ValueError, "data has column '1' of spread .*e-30.*other units"),
        (GOOD * 1e200, ValueError, "data has column .*other units"),
        (
            [*GOOD[:-1], np.ma.masked_less(GOOD[0] * 0.0, 1.0)],
            ValueError,
            "data must have no masked entries, got 2",
        ),
        (np.empty((0, 2)), ValueError, "data must not be empty"),
        (pd.DataFrame({"a": []}), ValueError, "data must not be empty|numbers only"),
        (np.column_stack([GOOD, np.full(40, 3.0)]), ValueError, "constant.*'2'"),
        (GOOD.T, ValueError, "too few rows.*got 2; time must run along the rows"),
        (GOOD[:5], ValueError, r"too few rows: one lag with 2 column\(s\) needs at least 6, got 5"),
        (
            pd.DataFrame({"x": GOOD[:, 0], "when": ["now"] * 40}),
            TypeError,
            "column 'when' holds .*'now' in row 0",
        ),
        (
            pd.DataFrame({"x": GOOD[:, 0], "day": pd.date_range("2000", periods=40)}),
            TypeError,
            "column 'day' holds datetime64",
        ),
        (pd.DataFrame(GOOD, columns=["a", "a"]), ValueError, "more than one column 'a'"),
        (
            pd.DataFrame(GOOD, index=pd.date_range("2000", periods=40)[::-1]),
            ValueError,
            "doesn't increase strictly",
        ),
        (
            np.column_stack([GOOD, np.arange(40.0)]),
            ep.NumericalError,
            r"column\(s\) '2' that their past predicts exactly",
        ),
        (
            np.column_stack([GOOD, GOOD.sum(axis=1)]),
            ep.NumericalError,
            "tied by a linear relation.*'0', '1', '2'",
        ),
    ],
)
def test_bad_tables_are_refused(data: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        fit_var(data)
    with pytest.raises(error, match=message):
        series_entropy_production(data)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"max_lags": 0}, ValueError, "max_lags must be between 1"),
        ({"max_lags": 2.5}, TypeError, "max_lags must be an integer"),
        ({"max_lags": 13}, ValueError, "max_lags=13 with 2.*needs at least 42, got 40"),
        ({"lags": 13}, ValueError, "lags=13 with 2"),
        ({"lags": 1, "max_lags": 2}, ValueError, "give one of them"),
        ({"criterion": "likelihood"}, ValueError, "criterion must be one of 'aic', 'bic'"),
    ],
)
def test_bad_options_of_the_fit(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        fit_var(GOOD, **options)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_bootstrap": 19}, ValueError, "n_bootstrap must be at least 20, got 19"),
        ({"n_surrogates": 0}, ValueError, "n_surrogates must be between 1"),
        ({"n_surrogates": 99.0}, TypeError, "n_surrogates must be an integer"),
        ({"confidence_level": 95}, ValueError, "confidence_level must lie between 0 and 1"),
        ({"confidence_level": "high"}, TypeError, "confidence_level must be a number"),
        ({"rng": -1}, ValueError, "rng must be at least 0"),
        ({"progress": "yes"}, TypeError, "progress must be True, False or a callable"),
    ],
)
def test_bad_options_of_the_estimate(
    options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        series_entropy_production(GOOD, **options)


def test_unstable_fit_has_no_rate() -> None:
    noise = np.random.default_rng(0).normal(size=(60, 2))
    explosive = 1.2 ** np.arange(60)[:, np.newaxis] * [1.0, -1.0] + noise
    assert not fit_var(explosive, lags=1).is_stationary
    with pytest.raises(
        ep.NumericalError, match=r"VAR\(1\) fitted to data.*eigenvalue 1\.19.*trend"
    ):
        series_entropy_production(explosive, lags=1)


@pytest.mark.parametrize(
    ("name", "content", "options", "error", "message"),
    [
        ("a.csv", "", {}, ValueError, "is empty"),
        ("a.csv", "\n", {}, ValueError, "is empty|no rows|numbers only|no name"),
        ("a.csv", "x,y\n", {}, ValueError, "no rows below its header"),
        ("a.csv", "x,y\n1,2\n3,four\n", {}, TypeError, "column 'y' holds .*'four' in row 2"),
        ("a.csv", "day,y\n1 May,2\n2 May,4\n", {}, TypeError, "column 'day'.*the index"),
        ("a.csv", "x,y\n1,2\n3,\n", {}, ValueError, "1 missing value.*'y', row 2"),
        ("a.csv", "x,y\n1,2\n\n3,4\n", {}, ValueError, "2 missing value.*row 2"),
        ("a.csv", "x,y\n1,2\n3,inf\n", {}, ValueError, "1 infinite value.*'y', row 2"),
        ("a.csv", "x,y\n1,2\n3,2\n", {}, ValueError, "constant.*'y'"),
        ("a.csv", "x,y\n1,2\n3,4,5\n", {}, ValueError, "can't be read as CSV.*line 3"),
        ("a.csv", "x,y\n1,2,3\n3,4,5\n", {}, ValueError, "can't be read as CSV"),
        ("a.csv", 'x,y\n1,"2\n3,4\n', {}, ValueError, "can't be read as CSV"),
        ("a.csv", "1,2\n3,4\n", {}, ValueError, "numbers in its first line"),
        ("a.csv", "x;y\n1;2\n3;5\n", {}, ValueError, "name another separator"),
        ("a.csv", "sep=;\nx;y\n1;2\n3;5\n", {}, ValueError, "'sep=;'.*separator=';'"),
        ("a.csv", "# made by hand\nx,y\n1,2\n3,5\n", {}, ValueError, "comment '# made by hand'"),
        ("a.csv", "x,y\n1,2\n", {"separator": ";;"}, ValueError, "separator must be one char"),
        ("a.csv", "x,y\n1,2\n", {"separator": [[]]}, TypeError, "separator must be a character"),
        ("a.csv", "x,y\n1,2\n", {"decimal": ","}, ValueError, "separator and decimal must differ"),
        ("a.csv", "x,y\n1,2\n", {"decimal": "x"}, ValueError, "decimal must be .*got .x."),
        ("a.csv", "x,x\n1,2\n3,5\n", {}, ValueError, "more than one column 'x'"),
        ("a.csv", ",x\n0,2\n1,5\n", {}, ValueError, "no name for column 0.*index=0"),
        ("a.csv", b"x,y\n1,\xff\n", {}, ValueError, "must be UTF-8"),
        ("a.csv", "x,y\n1,2\n3,5\n", {"columns": ["z"]}, ValueError, "columns: .*no column 'z'"),
        ("a.csv", "x,y\n1,2\n3,5\n", {"columns": "x"}, TypeError, "columns must be a sequence"),
        ("a.csv", "x,y\n1,2\n3,5\n", {"columns": ["x", 0]}, ValueError, "must not repeat"),
        ("a.csv", "x,y\n1,2\n3,5\n", {"index": 2}, ValueError, "index: .*no column 2"),
        ("a.csv", "x,y\n1,2\n3,5\n", {"index": 1.5}, TypeError, "index must name"),
        ("a.csv", "x\n1\n3\n", {"index": "x"}, ValueError, "leaves no column"),
        ("a.csv.gz", "x,y\n1,2\n", {}, ValueError, "can't be read as CSV"),
        ("a.xlsx", "x", {}, ValueError, "suffix of .csv"),
        ("a", "x", {}, ValueError, "suffix of .csv"),
        ("a.parquet", "x,y\n1,2\n", {}, ValueError, "can't be read as Parquet"),
    ],
)
def test_bad_files_are_refused(
    tmp_path: Path,
    name: str,
    content: str | bytes,
    options: dict[str, Any],
    error: type[Exception],
    message: str,
) -> None:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    with pytest.raises(error, match=message):
        read_table(path, **options)
    assert [each.name for each in tmp_path.iterdir()] == [name]


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"no such file: .*none\.csv"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(ValueError, match="must be a file"):
        read_table(tmp_path)
    pd.DataFrame({"x": []}).to_parquet(tmp_path / "empty.parquet")
    with pytest.raises(ValueError, match="is empty"):
        read_table(tmp_path / "empty.parquet")
