"""Labels of the rows of a table: that they are one series, in the order of time, and how evenly."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import pandas as pd

_QUARTER = re.compile(r"\d{4}-?[qQ][1-4]")
# Times that are written as decimal fractions have steps that are equal up to rounding.
_ROUNDING = 1e-6
_FEWEST_FOR_A_CALENDAR = 3


def check_labels(index: pd.Index[Any], what: str) -> tuple[str, ...]:
    """Return what to know about the steps between the rows, which are taken as equal.

    Times are what pandas, Arrow or Python call dates, times and periods, strings of them as in ISO
    8601 (and quarters such as 2001Q3), and numbers. Other labels are names, of any order.

    Raises
    ------
    ValueError
        Times that don't increase strictly, with the row; a label that is missing among them; or
        rows that have several labels, as those of several series in one table.
    """
    import pandas as pd

    if isinstance(index, pd.MultiIndex):
        raise ValueError(
            f"{what} has {index.nlevels} labels for each row ({', '.join(map(str, index.names))}), "
            "as of several series in one table: give one series at a time, with one label a row"
        )
    if isinstance(index, pd.RangeIndex) and index.step > 0:
        return ()
    times = _as_times(index)
    if times is None:
        return ()
    if times.isna().any():
        row = int(np.argmax(times.isna()))
        raise ValueError(f"{what} has no label for row {row}, and times for others: give it one")
    places = _on_a_line(times)
    steps = np.diff(places)
    if not (steps > 0).all():
        row = int(np.argmax(steps <= 0))
        raise ValueError(
            f"{what} has an index of times that doesn't increase strictly, {index[row]} in row "
            f"{row} and then {index[row + 1]}: sort it (sort_index()), remove what appears twice, "
            "or give it no index (reset_index(drop=True)) if these are no times"
        )
    if _is_even(times, steps):
        return ()
    least, most = steps.min(), steps.max()
    shown = [
        str(pd.Timedelta(int(one))) if _is_dated(times) else f"{one:g}" for one in (least, most)
    ]
    return (
        f"by its labels {what} has steps of {shown[0]} to {shown[1]}: its rows are taken as "
        "equally spaced all the same",
    )


def _as_times(index: pd.Index[Any]) -> pd.Index[Any] | None:
    """Datetimes, periods, differences of times or numbers; None for names."""
    import pandas as pd

    types = pd.api.types
    if isinstance(index, (pd.DatetimeIndex, pd.PeriodIndex, pd.TimedeltaIndex)):
        return index
    if types.is_bool_dtype(index.dtype) or types.is_complex_dtype(index.dtype):
        return None
    if types.is_numeric_dtype(index.dtype):
        return index.astype(np.float64)
    values = index.to_list()
    if not values or any(isinstance(one, (bool, int, float)) for one in values if one == one):
        return None
    if all(isinstance(one, str) and _QUARTER.fullmatch(one) for one in values):
        return pd.PeriodIndex([one.replace("-", "") for one in values], freq="Q")
    try:
        return pd.DatetimeIndex(pd.to_datetime(values, format="ISO8601", utc=True))
    except (ValueError, TypeError, OverflowError):
        return None


def _is_dated(times: pd.Index[Any]) -> bool:
    import pandas as pd

    return isinstance(times, (pd.DatetimeIndex, pd.TimedeltaIndex))


def _on_a_line(times: pd.Index[Any]) -> NDArray[Any]:
    """Nanoseconds, numbers of periods, or the numbers themselves."""
    import pandas as pd

    if isinstance(times, pd.PeriodIndex):
        return times.asi8
    if isinstance(times, (pd.DatetimeIndex, pd.TimedeltaIndex)):
        return times.as_unit("ns").asi8
    return times.to_numpy()


def _is_even(times: pd.Index[Any], steps: NDArray[Any]) -> bool:
    """Whether all steps are equal, in time or in the calendar (months, working days)."""
    import pandas as pd

    if not steps.size or np.ptp(steps) <= _ROUNDING * steps.max():
        return True
    if not isinstance(times, pd.DatetimeIndex) or len(times) < _FEWEST_FOR_A_CALENDAR:
        return False
    with warnings.catch_warnings():  # that a later pandas gives another object
        warnings.simplefilter("ignore")
        return pd.infer_freq(times) is not None
