"""Checks of a table of numbers: rows are steps in time, columns are what is observed."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeGuard

import numpy as np

from entroprod.boundary.arrays import FloatArray, require_no_mask

if TYPE_CHECKING:
    import pandas as pd

_ONE_DIMENSION = (
    "data must be a table (T, m) with time along the rows, got one series of {size} values. "
    "A single series has an entropy production rate of exactly 0 under any linear-Gaussian model; "
    "give two or more columns, or a table of one column ({how}) to go on"
)


@dataclass(frozen=True, eq=False)
class Table:
    """Finite numbers (T, m), no column constant, with the names of the columns."""

    values: FloatArray
    columns: tuple[str, ...]

    @property
    def n_rows(self) -> int:
        """Number of steps T."""
        return int(self.values.shape[0])

    @property
    def n_columns(self) -> int:
        """Number of outputs m."""
        return int(self.values.shape[1])


def as_table(data: Any) -> Table:
    """Table from a DataFrame or anything that NumPy reads as an array (T, m)."""
    if is_frame(data):
        return from_frame(data, "data", lambda row: f"row {row} (index {data.index[row]})")
    if _is_pandas(data, "Series"):
        raise ValueError(_ONE_DIMENSION.format(size=len(data), how="data.to_frame()"))
    values = _as_numbers(data)
    names = getattr(data, "columns", None)  # as other libraries' data frames have them
    if names is None or len(names) != values.shape[1]:
        names = range(values.shape[1])
    return _checked(values, tuple(str(name) for name in names), "data", lambda row: f"row {row}")


def from_frame(frame: pd.DataFrame, what: str, describe_row: Callable[[int], str]) -> Table:
    """Table from a DataFrame, whose index labels the rows and isn't part of the numbers.

    Parameters
    ----------
    frame : DataFrame
    what : str
        What messages call it.
    describe_row : callable
        What messages call a row, from its position.
    """
    import pandas as pd

    columns = tuple(str(name) for name in frame.columns)
    for name in columns:
        if columns.count(name) > 1:
            raise ValueError(f"{what} has more than one column {name!r}: give each its own name")
    if isinstance(frame.index, (pd.DatetimeIndex, pd.PeriodIndex, pd.TimedeltaIndex)) and not (
        frame.index.is_monotonic_increasing and frame.index.is_unique
    ):
        raise ValueError(
            f"{what} has an index of times that doesn't increase strictly: "
            "sort it (sort_index()) and remove what appears twice"
        )
    values = np.empty(frame.shape)
    for j, name in enumerate(columns):
        values[:, j] = _column_values(frame.iloc[:, j], name, what, describe_row)
    return _checked(values, columns, what, describe_row)


def is_frame(data: Any) -> TypeGuard[pd.DataFrame]:
    """Whether ``data`` is a pandas DataFrame; pandas is not imported to find out."""
    return _is_pandas(data, "DataFrame")


def _is_pandas(data: Any, kind: str) -> bool:
    pandas = sys.modules.get("pandas")
    return pandas is not None and isinstance(data, getattr(pandas, kind))


def _column_values(
    column: pd.Series[Any], name: str, what: str, describe_row: Callable[[int], str]
) -> FloatArray:
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype) and not pd.api.types.is_complex_dtype(
        column.dtype
    ):
        return np.asarray(column.to_numpy(dtype=np.float64, na_value=np.nan))
    row, value = next(
        ((i, v) for i, v in enumerate(column) if not _is_number(v)), (0, column.iloc[0])
    )
    raise TypeError(
        f"{what} must hold numbers only, column {name!r} holds {column.dtype} "
        f"({value!r} in {describe_row(row)}): leave it out by choosing columns, or make a column "
        "that labels the rows the index"
    )


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _as_numbers(data: Any) -> FloatArray:
    if not isinstance(data, np.ma.MaskedArray):  # a masked entry of a table is a missing one
        require_no_mask(data, "data")
    try:
        array = np.asarray(data)
    except ValueError as error:
        raise ValueError(f"data must be a table of numbers (T, m): {error}") from None
    if array.dtype.kind not in "fiub":
        raise TypeError(f"data must hold real numbers, got dtype {array.dtype}")
    if array.ndim == 1:
        raise ValueError(_ONE_DIMENSION.format(size=array.size, how="data.reshape(-1, 1)"))
    if array.ndim != 2:
        raise ValueError(f"data must be a table of shape (T, m), got shape {array.shape}")
    with np.errstate(over="ignore"):  # what a wider float overflows to is reported as infinite
        values = np.array(array, dtype=np.float64, order="C")
    if isinstance(data, np.ma.MaskedArray):
        values[np.ma.getmaskarray(data)] = np.nan
    return values


def _checked(
    values: FloatArray, columns: tuple[str, ...], what: str, describe_row: Callable[[int], str]
) -> Table:
    if values.size == 0:
        raise ValueError(f"{what} must not be empty, got shape {values.shape}")
    for bad, problem, remedy in (
        (np.isnan(values), "missing", "drop or fill such rows first, dropna() drops them"),
        (np.isinf(values), "infinite", "every value must be finite"),
    ):
        if bad.any():
            row, j = (int(k) for k in np.argwhere(bad)[0])
            raise ValueError(
                f"{what} has {int(bad.sum())} {problem} value(s), the first in column "
                f"{columns[j]!r}, {describe_row(row)}: {remedy}"
            )
    constant = [name for name, column in zip(columns, values.T) if (column == column[0]).all()]
    if constant and values.shape[0] > 1:
        names = ", ".join(map(repr, constant))
        raise ValueError(f"{what} has constant column(s) {names}: leave them out")
    values.flags.writeable = False
    return Table(values, columns)
