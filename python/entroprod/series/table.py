"""Checks of a table of numbers: rows are steps in time, columns are what is observed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from entroprod.boundary.arrays import FloatArray, require_no_mask
from entroprod.boundary.frames import as_frame, columns_of, index_of, is_numeric, numbers_of
from entroprod.series.labels import check_labels

if TYPE_CHECKING:
    from entroprod.boundary.frames import Column, Frame

_ONE_DIMENSION = (
    "data must be a table (T, m) with time along the rows, got one series of {size} values. "
    "A single series has an entropy production rate of exactly 0 under any linear-Gaussian model; "
    "give two or more columns, or a table of one column ({how}) to go on"
)

# Whose past, from which a model predicts, doesn't vary.
_ALMOST_CONSTANT = "column(s) that are constant up to the last row:"


@dataclass(frozen=True, eq=False)
class Table:
    """Finite numbers (T, m), no column constant, with the names of the columns.

    ``notes`` are what to know about the labels of the rows.
    """

    values: FloatArray
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Number of steps T."""
        return int(self.values.shape[0])

    @property
    def n_columns(self) -> int:
        """Number of outputs m."""
        return int(self.values.shape[1])


def as_table(data: Any) -> Table:
    """Table from a data frame of any kind, or anything that NumPy reads as an array (T, m)."""
    frame = as_frame(data, "data")
    if frame is not None:
        return from_frame(frame, "data")
    if hasattr(data, "to_frame") and np.ndim(data) == 1:
        raise ValueError(_ONE_DIMENSION.format(size=len(data), how="data.to_frame()"))
    values = _as_numbers(data)
    return _checked(values, tuple(map(str, range(values.shape[1]))), "data", "row {}".format)


def from_frame(frame: Frame, what: str, describe_row: Callable[[int], str] | None = None) -> Table:
    """Table from a data frame, whose index labels the rows and isn't part of the numbers.

    Parameters
    ----------
    frame : narwhals DataFrame
        As from :func:`entroprod.boundary.frames.as_frame`.
    what : str
        What messages call it.
    describe_row : callable, optional
        What messages call a row, from its position; by default position and label.
    """
    index = index_of(frame)
    if describe_row is None:
        labels = index  # of which the function keeps hold

        def describe_row(row: int) -> str:
            return f"row {row}" if labels is None else f"row {row} (index {labels[row]})"

    notes = () if index is None else check_labels(index, what)
    columns = dict(columns_of(frame))
    values = np.empty((len(frame), len(columns)))
    for j, (name, column) in enumerate(columns.items()):
        _require_numbers(column, name, what, describe_row)
        values[:, j] = numbers_of(column)
    return _checked(values, tuple(columns), what, describe_row, notes)


def _require_numbers(
    column: Column, name: str, what: str, describe_row: Callable[[int], str]
) -> None:
    if is_numeric(column):
        return
    values = column.to_list()
    row = next((i for i, value in enumerate(values) if not _is_number(value)), 0)
    kind = getattr(column.to_native(), "dtype", column.dtype)
    shown = f" ({values[row]!r} in {describe_row(row)})" if values else ""
    raise TypeError(
        f"{what} must hold numbers only, column {name!r} holds {kind}{shown}: "
        "leave it out by choosing columns, or make a column that labels the rows the index"
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
    values: FloatArray,
    columns: tuple[str, ...],
    what: str,
    describe_row: Callable[[int], str],
    notes: tuple[str, ...] = (),
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
    for rows, problem in ((values, "constant column(s)"), (values[:-1], _ALMOST_CONSTANT)):
        constant = [name for name, one in zip(columns, rows.T) if (one == one[:1]).all()]
        if constant and len(rows) > 1:
            names = ", ".join(map(repr, constant))
            raise ValueError(f"{what} has {problem} {names}: leave them out")
    values.flags.writeable = False
    return Table(values, columns, notes)
