"""Tables of every kind of frame: the same numbers, names, order and gaps decided in one place."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("statsmodels")
pytest.importorskip("pyarrow")
pytest.importorskip("narwhals")
pytest.importorskip("polars")

import pandas as pd
import polars as pl
import pyarrow as pa
from series_tables import GOOD

from entroprod.series import fit_var, read_table, series_entropy_production
from entroprod.series.labels import check_labels
from entroprod.series.table import Table, as_table

N = len(GOOD)
NAMES = ("output", "prices")


def as_dict(values: Any = GOOD) -> dict[str, Any]:
    return dict(zip(NAMES, np.asarray(values).T))


FRAMES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "pandas": pd.DataFrame,
    "pandas, nullable": lambda columns: pd.DataFrame(columns).convert_dtypes(),
    "pandas, Arrow": lambda columns: pd.DataFrame(columns).convert_dtypes(dtype_backend="pyarrow"),
    "polars": pl.DataFrame,
    "pyarrow": pa.table,
}


@pytest.fixture(params=list(FRAMES.values()), ids=list(FRAMES))
def make(request: pytest.FixtureRequest) -> Callable[[dict[str, Any]], Any]:
    kind: Callable[[dict[str, Any]], Any] = request.param
    return kind


class TestKinds:
    def test_numbers_and_names(self, make: Callable[[dict[str, Any]], Any]) -> None:
        table = as_table(make(as_dict()))
        assert table.columns == NAMES
        np.testing.assert_array_equal(table.values, GOOD)
        assert table.notes == ()
        assert fit_var(make(as_dict())) == fit_var(GOOD)

    def test_integers_and_truth_values(self, make: Callable[[dict[str, Any]], Any]) -> None:
        whole = np.rint(100 * GOOD[:, 0]).astype(np.int64)
        table = as_table(make({"whole": whole, "up": GOOD[:, 1] > 0}))
        np.testing.assert_array_equal(table.values, np.column_stack([whole, GOOD[:, 1] > 0]))

    def test_missing_values_are_told(self, make: Callable[[dict[str, Any]], Any]) -> None:
        whole: list[Any] = np.rint(100 * GOOD[:, 0]).astype(int).tolist()
        whole[7] = None
        with pytest.raises(ValueError, match=r"1 missing value.*column 'whole', row 7"):
            as_table(make({"whole": whole, "prices": GOOD[:, 1]}))

    def test_infinite_values_are_told(self, make: Callable[[dict[str, Any]], Any]) -> None:
        values = GOOD.copy()
        values[3, 1] = np.inf
        with pytest.raises(ValueError, match=r"1 infinite value.*column 'prices', row 3"):
            as_table(make(as_dict(values)))

    @pytest.mark.parametrize(
        "column",
        [["x"] * N, [dt.date(2000, 1, 1) + dt.timedelta(i) for i in range(N)]],
    )
    def test_other_columns_are_refused(
        self, make: Callable[[dict[str, Any]], Any], column: list[Any]
    ) -> None:
        with pytest.raises(TypeError, match=r"data must hold numbers only, column 'other' holds"):
            as_table(make({"output": GOOD[:, 0], "other": column}))

    def test_results_tell_the_names(self, make: Callable[[dict[str, Any]], Any]) -> None:
        result = series_entropy_production(
            make(as_dict()), lags=1, n_bootstrap=20, n_surrogates=20, rng=0
        )
        assert result.columns == NAMES


def test_frames_without_rows_or_columns() -> None:
    for empty in (pl.DataFrame({"a": []}), pa.table({}), pd.DataFrame(), pl.DataFrame()):
        with pytest.raises((ValueError, TypeError), match=r"data must (not be empty|hold numbers)"):
            as_table(empty)


def test_lazy_frames_and_series_are_refused() -> None:
    with pytest.raises(TypeError, match=r"data must hold rows, got a lazy frame.*collect\(\)"):
        as_table(pl.DataFrame(as_dict()).lazy())
    for series in (pl.Series(GOOD[:, 0]), pd.Series(GOOD[:, 0])):
        with pytest.raises(ValueError, match=r"one series of 40 values.*to_frame\(\)"):
            as_table(series)


def test_arrays_with_coordinates() -> None:
    xarray = pytest.importorskip("xarray")
    days = pd.date_range("2000", periods=N)
    array = xarray.DataArray(GOOD, coords={"day": days, "name": list(NAMES)}, dims=("day", "name"))
    assert as_table(array).columns == NAMES
    with pytest.raises(ValueError, match="doesn't increase strictly"):
        as_table(array[::-1])
    with pytest.raises(ValueError, match=r"shape \(T, m\)"):
        as_table(np.asarray(array)[np.newaxis])


def labelled(index: Any) -> Table:
    return as_table(pd.DataFrame(as_dict(), index=pd.Index(index)))


DAYS = pd.date_range("2000-01-31", periods=N)
ORDERED: dict[str, Any] = {
    "datetimes": DAYS,
    "datetimes of a zone": pd.date_range("2000", periods=N, tz="Europe/Paris"),
    "Arrow timestamps": DAYS.to_series().astype("timestamp[us][pyarrow]").array,
    "Arrow dates": pd.Series(DAYS.date).astype(pd.ArrowDtype(pa.date32())).array,
    "Python dates": DAYS.date,
    "strings of dates": DAYS.strftime("%Y-%m-%d"),
    "strings of times": DAYS.strftime("%Y-%m-%dT%H:%M:%S"),
    "strings of quarters": [f"{1990 + i // 4}Q{1 + i % 4}" for i in range(N)],
    "months": pd.period_range("2000-01", periods=N, freq="M"),
    "starts of months": pd.date_range("2000", periods=N, freq="MS"),
    "working days": pd.bdate_range("2000", periods=N),
    "times since": pd.timedelta_range("0h", periods=N, freq="h"),
    "years": np.arange(1980, 1980 + N),
    "fractions": np.arange(N) * 0.1,
}


@pytest.mark.parametrize("index", ORDERED.values(), ids=ORDERED)
def test_times_must_increase_whatever_they_are(index: Any) -> None:
    values = list(index)
    assert labelled(index).notes == ()
    twice = [*values[:5], values[4], *values[6:]]
    swapped = [*values[:5], values[6], values[5], *values[7:]]
    for changed in (values[::-1], twice, swapped):
        kept = pd.Index(changed, dtype=pd.Index(index).dtype)
        with pytest.raises(ValueError, match=r"doesn't increase strictly, .* in row \d+ and then"):
            labelled(kept)


@pytest.mark.parametrize("index", ORDERED.values(), ids=ORDERED)
def test_gaps_are_told(index: Any) -> None:
    full = pd.Index(index)
    frame = pd.DataFrame(as_dict(), index=full)
    kept = np.sort(np.random.default_rng(0).permutation(N)[:28])
    (note,) = as_table(frame.iloc[kept]).notes
    assert note.startswith("by its labels data has steps of ")
    assert note.endswith("its rows are taken as equally spaced all the same")
    with pytest.warns(UserWarning, match="equally spaced"):
        fit_var(frame.iloc[kept], lags=1)
    result = series_entropy_production(
        frame.iloc[kept], lags=1, n_bootstrap=20, n_surrogates=20, rng=0
    )
    assert note in result.notes


@pytest.mark.parametrize(
    "index", [[f"row {i}" for i in range(N)][::-1], ["a"] * N, [True, False] * (N // 2)]
)
def test_names_have_no_order(index: Any) -> None:
    assert labelled(index).notes == ()


def test_panels_are_refused() -> None:
    subjects = pd.MultiIndex.from_product([["a", "b"], range(N // 2)], names=["subject", "time"])
    with pytest.raises(ValueError, match=r"2 labels for each row \(subject, time\).*one series at"):
        as_table(pd.DataFrame(as_dict(), index=subjects))


def test_missing_labels_are_refused() -> None:
    for missing in (pd.NaT, None):
        with pytest.raises(ValueError, match="no label for row 3"):
            check_labels(pd.Index([*DAYS[:3], missing, *DAYS[4:]]), "data")


def test_columns_constant_up_to_the_last_row() -> None:
    values = GOOD.copy()
    values[:-1, 1] = 3.0
    with pytest.raises(ValueError, match=r"constant up to the last row: 'prices'"):
        fit_var(pd.DataFrame(values, columns=list(NAMES)))


def test_labels_of_files(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    frame = pd.DataFrame(as_dict(), index=DAYS.strftime("%Y-%m-%d"))
    frame.to_csv(path)
    assert list(read_table(path, index=0).columns) == list(NAMES)
    assert list(read_table(path, index="0").columns) == list(NAMES)
    frame[::-1].to_csv(path)
    with pytest.raises(ValueError, match=r"a\.csv has an index of times .*2000-03-10 in row 0"):
        read_table(path, index=0)
    pd.DataFrame(GOOD).to_csv(path)
    assert read_table(path, index=0).to_numpy().tolist() == GOOD.tolist()
