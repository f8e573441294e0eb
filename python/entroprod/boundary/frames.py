"""Data frames of every kind that narwhals takes, such as pandas, polars and pyarrow, in one way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

from entroprod.boundary.arrays import FloatArray

if TYPE_CHECKING:
    import narwhals.stable.v2 as nw
    import pandas as pd

    Frame: TypeAlias = nw.DataFrame[Any]
    Column: TypeAlias = nw.Series[Any]


def as_frame(data: Any, name: str, extra: str = "series") -> Frame | None:
    """Frame, whose columns have each a name of their own; None where ``data`` is none.

    ``extra`` is that of the package that a message tells to install.

    Raises
    ------
    TypeError
        The frame is a lazy one, which holds a query and no rows.
    ValueError
        Two columns have the same name.
    ImportError
        Without narwhals, where ``data`` may be a frame.
    """
    if isinstance(data, (np.ndarray, list, tuple, str, bytes, Mapping)) or np.isscalar(data):
        return None
    if type(data).__module__.partition(".")[0] == "xarray" and hasattr(data, "to_pandas"):
        data = data.to_pandas()  # whose columns are named by the coordinates
    if not hasattr(type(data), "columns"):
        return None
    try:
        import narwhals.stable.v2 as nw
        from narwhals.exceptions import NarwhalsError
    except ImportError:
        raise ImportError(
            f'{name}: data frames need narwhals: pip install "entroprod[{extra}]"'
        ) from None
    try:
        frame = nw.from_native(data, pass_through=True)
        if isinstance(frame, nw.LazyFrame):
            raise TypeError(f"{name} must hold rows, got a lazy frame: give {name}.collect()")
        names = [str(column) for column in getattr(frame, "columns", ())]
    except NarwhalsError:  # pandas allows a name twice
        names = [str(column) for column in data.columns]
    for column in names:
        if names.count(column) > 1:
            raise ValueError(f"{name} has more than one column {column!r}: give each its own name")
    return frame if isinstance(frame, nw.DataFrame) else None


def columns_of(frame: Frame) -> Iterator[tuple[str, Column]]:
    """Columns with their names, which in the frame itself may be numbers."""
    for name in frame.columns:
        yield str(name), frame.get_column(name)


def index_of(frame: Frame) -> pd.Index[Any] | None:
    """What labels the rows, of the frames that have an index."""
    import narwhals.stable.v2 as nw

    return nw.maybe_get_index(frame)


def is_numeric(column: Column) -> bool:
    """Whether a column holds real numbers, or truth values, by its type."""
    import narwhals.stable.v2 as nw

    return column.dtype.is_numeric() or column.dtype == nw.Boolean


def numbers_of(column: Column) -> FloatArray:
    """A numeric column as float64 (T,), NaN where a value is missing."""
    import narwhals.stable.v2 as nw

    return np.array(column.cast(nw.Float64).to_numpy(), dtype=np.float64)


def is_missing(value: Any) -> bool:
    """Whether a value is one of the ways in which tables say that there is none."""
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return not np.ndim(value) and bool(value != value)  # NaN alone differs from itself
