"""Tables from CSV and Parquet files."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from entroprod.boundary.arrays import as_flag, require_choice
from entroprod.boundary.frames import as_frame
from entroprod.series.table import from_frame

if TYPE_CHECKING:
    import pandas as pd

_SEPARATORS = {".csv": ",", ".txt": ",", ".tsv": "\t"}
_PARQUET = (".parquet", ".pq")
_COMPRESSED = (".gz", ".bz2", ".xz", ".zst")


def read_table(
    path: str | os.PathLike[str],
    *,
    columns: Sequence[str | int] | None = None,
    index: str | int | None = None,
    separator: str | None = None,
    decimal: str = ".",
    header: bool = True,
) -> pd.DataFrame:
    r"""Read a table of numbers, or say exactly why it is none. Nothing is dropped or filled.

    Parameters
    ----------
    path : str or path
        A CSV file (.csv, .tsv or .txt, UTF-8, may be compressed) or a Parquet file (.parquet, .pq).
        Rows are steps in time, the oldest first.
    columns : sequence of str or int, optional
        Columns to take, by name or by position from 0; by default all but the index. A string of
        digits that is no name is a position.
    index : str or int, optional
        Column that labels the rows, such as a date. It isn't part of the numbers. Dates, times and
        numbers must increase strictly from row to row.
    separator : str, optional
        What separates the fields of a CSV file, one character (or a tab written as a backslash and
        t); by default a tab for .tsv and a comma otherwise.
    decimal : "." or ","
        What stands before the decimals of the numbers of a CSV file.
    header : bool
        Whether the first line of a CSV file names the columns; if not they are named by position.

    Returns
    -------
    DataFrame, (T, m)
        float64, all finite, no column constant.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError, TypeError
        If the file is empty, can't be parsed or is of another kind, lacks a column, or holds text,
        missing or infinite values, or a constant column; with the column and the row. Rows of a
        file are counted from 1, below the header.
    ImportError
        Without the extra ``series``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from entroprod.series import read_table
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = pathlib.Path(directory, "growth.csv")
    ...     _ = path.write_text("date,gdp,investment\n2001Q1,0.4,2\n2001Q2,0.7,-1\n")
    ...     read_table(path, index="date")
            gdp  investment
    date
    2001Q1  0.4         2.0
    2001Q2  0.7        -1.0
    """
    try:
        import pandas as pd
    except ImportError:
        raise ImportError('read_table needs pandas: pip install "entroprod[series]"') from None
    header = as_flag(header, "header")
    separator = _as_separator(separator)
    require_choice(decimal, "decimal", ".", ",")
    path = Path(path)
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    if not path.is_file():
        raise ValueError(f"{path} must be a file, it is a directory or a device")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty")
    suffix = _suffix(path)
    if suffix in _PARQUET:
        frame = _read_parquet(path)
    else:
        separator = separator or _SEPARATORS[suffix]
        if separator == decimal:
            raise ValueError(f"separator and decimal must differ, both are {decimal!r}: name both")
        frame = _read_csv(path, separator, decimal, header=header)
    frame = _choose(frame, path, columns, index)
    read = as_frame(frame, str(path))
    if read is None:
        raise TypeError(f"{path} must hold a table, got {type(frame).__name__}")
    table = from_frame(read, str(path), lambda row: f"row {row + 1}")
    return pd.DataFrame(table.values.copy(), index=frame.index, columns=list(table.columns))


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] in _COMPRESSED:
        suffixes.pop()
    suffix = suffixes[-1] if suffixes else ""
    if suffix not in _SEPARATORS and suffix not in _PARQUET:
        known = ", ".join((*_SEPARATORS, *_PARQUET))
        raise ValueError(f"{path} must be a table with a suffix of {known}; save it as one of them")
    return suffix


def _read_parquet(path: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        frame = pd.read_parquet(path)
    except ImportError:
        raise ImportError('Parquet files need pyarrow: pip install "entroprod[series]"') from None
    except (OSError, ValueError) as error:  # pyarrow's own errors are both or either
        raise ValueError(f"{path} can't be read as Parquet: {error}") from None
    if frame.empty:
        raise ValueError(f"{path} is empty: it has {frame.shape[0]} rows")
    return frame


def _read_csv(path: Path, separator: str, decimal: str, *, header: bool) -> pd.DataFrame:
    import pandas as pd

    try:
        first = pd.read_csv(
            path,
            sep=separator,
            header=None,
            nrows=1,
            dtype=str,
            keep_default_na=False,
            skipinitialspace=True,
            skip_blank_lines=False,
            encoding="utf-8-sig",
        )
        names = [str(name).strip() for name in first.iloc[0]]
        _require_table(names, path)
        if header:
            _require_header(names, path, separator)
        with warnings.catch_warnings():
            # pandas warns where a row has more fields than the header, and drops them.
            warnings.simplefilter("error", pd.errors.ParserWarning)
            frame = pd.read_csv(
                path,
                sep=separator,
                header=0 if header else None,
                index_col=False,
                low_memory=False,
                skipinitialspace=True,
                skip_blank_lines=False,
                decimal=decimal,
                # Later releases read numbers exactly without being asked.
                float_precision="round_trip" if pd.__version__ < "3" else None,
                encoding="utf-8-sig",
            )
    except pd.errors.EmptyDataError:
        raise ValueError(f"{path} is empty") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} must be UTF-8 text: {error}") from None
    except (pd.errors.ParserError, pd.errors.ParserWarning, OSError) as error:
        raise ValueError(f"{path} can't be read as CSV: {error}") from None
    if frame.empty:
        raise ValueError(f"{path} has no rows below its header")
    frame.columns = pd.Index(names if header else [str(j) for j in range(frame.shape[1])])
    return frame


def _as_separator(separator: str | None) -> str | None:
    if separator is None:
        return None
    if not isinstance(separator, str):
        raise TypeError(f"separator must be a character, got {separator!r}")
    separator = separator.replace("\\t", "\t")
    if len(separator) != 1:
        raise ValueError(f"separator must be one character, got {separator!r}")
    return separator


def _require_table(names: list[str], path: Path) -> None:
    """Raise where the first line is there for spreadsheets or readers, and isn't of the table."""
    if names[0].lower().startswith("sep="):
        raise ValueError(
            f"{path} begins with the line {names[0]!r}, which is meant for spreadsheets: remove "
            f"it, and name the separator, as in separator={names[0][4:5] or ';'!r}"
        )
    if names[0].startswith("#") and len(names) == 1:
        raise ValueError(
            f"{path} begins with the comment {names[0][:40]!r}: remove such lines, the names of "
            "the columns come first"
        )


def _require_header(names: list[str], path: Path, separator: str) -> None:
    if len(names) == 1 and separator == "," and any(mark in names[0] for mark in ";\t|"):
        raise ValueError(
            f"{path} has the one column {names[0]!r} when it is split at commas: "
            "name another separator, as in separator=';'"
        )
    if all(_is_number(name) for name in names):
        raise ValueError(
            f"{path} has numbers in its first line ({', '.join(names)}) where names of columns "
            "were expected: add a line of names, or say header=False"
        )
    for name in names:
        if name and names.count(name) > 1:
            raise ValueError(f"{path} has more than one column {name!r}: give each its own name")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _choose(
    frame: pd.DataFrame,
    path: Path,
    columns: Sequence[str | int] | None,
    index: str | int | None,
) -> pd.DataFrame:
    labels = None if index is None else _position(frame, path, index, "index")
    if columns is None:
        chosen = [j for j in range(frame.shape[1]) if j != labels]
    else:
        if isinstance(columns, str):
            raise TypeError(f"columns must be a sequence of names or positions, got {columns!r}")
        chosen = [_position(frame, path, column, "columns") for column in columns]
        if len(set(chosen)) < len(chosen) or labels in chosen:
            raise ValueError(f"columns must not repeat a column or the index, got {list(columns)}")
    if not chosen:
        raise ValueError(f"{path} leaves no column of numbers to read")
    unnamed = [j for j in chosen if str(frame.columns[j]) == ""]
    if unnamed:
        raise ValueError(
            f"{path} has no name for column {unnamed[0]} (counting from 0), which may be an index: "
            f"say index={unnamed[0]}, or choose columns"
        )
    selected = frame.iloc[:, chosen]
    return selected if labels is None else selected.set_index(frame.iloc[:, labels])


def _position(frame: pd.DataFrame, path: Path, column: str | int, argument: str) -> int:
    names = [str(name) for name in frame.columns]
    if isinstance(column, str):
        if column in names:
            return names.index(column)
        if column.isdecimal() and int(column) < len(names):  # as a command line gives a position
            return int(column)
    elif isinstance(column, int) and not isinstance(column, bool):
        if 0 <= column < len(names):
            return column
    else:
        raise TypeError(f"{argument} must name columns or give positions, got {column!r}")
    shown = ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")
    raise ValueError(f"{argument}: {path} has no column {column!r}, its columns are {shown}")
