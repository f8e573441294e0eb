"""Tables of scored texts on disk: Parquet, or CSV with its lists in JSON."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from entroprod.text.csv_rows import csv_rows
from entroprod.text.journal import Row, synchronise_directory

if TYPE_CHECKING:
    import pandas as pd

TABLE_SUFFIXES = (".parquet", ".pq", ".csv")

INTEGER, NUMBER, TEXT = "int64", "float64", "string"
INTEGERS, NUMBERS, TEXTS = "list of int64", "list of float64", "list of string"
# Every column of a table, in its order, and what it holds; nats where it is a number.
COLUMNS = {
    "index": INTEGER,
    "group": TEXT,
    "id": TEXT,
    "text": TEXT,
    "n_tokens": INTEGER,
    "n_blocks": INTEGER,
    "n_cut_off": INTEGER,
    "sigma_token": NUMBER,
    "sigma_block": NUMBER,
    "sigma_token_per_token": NUMBER,
    "sigma_block_per_token": NUMBER,
    "log_forward": NUMBER,
    "log_token_reversed": NUMBER,
    "log_forward_of_blocks": NUMBER,
    "log_block_reversed": NUMBER,
    "skipped_token": TEXT,
    "skipped_block": TEXT,
    "tokens": TEXTS,
    "token_ids": INTEGERS,
    "per_token_forward": NUMBERS,
    "per_token_token_reversed": NUMBERS,
    "per_token_block_reversed": NUMBERS,
    "block_starts": INTEGERS,
    "sigma_per_block": NUMBERS,
}
_LISTS = {INTEGERS: "int64", NUMBERS: "float64"}
_KEY = b"entroprod"
# Rows that are written, or compared, at once.
_PIECE = 1024
_NEEDS = 'needs pandas and pyarrow: pip install "entroprod[text]"'


def provenance_path(path: Path) -> Path:
    """Where the provenance of a CSV file stands."""
    return path.with_name(f"{path.name}.provenance.json")


def write_results(path: Path, batches: Iterable[list[Row]], provenance: dict[str, Any]) -> None:
    """Replace the file by a table of all rows as a whole, or leave it as it is.

    When this returns the table is on the disk. Memory holds one batch, however many there are.
    """
    if path.suffix.lower() == ".csv":
        with _replacing(provenance_path(path)) as stream:
            stream.write(json.dumps(provenance, indent=2).encode() + b"\n")
        with _replacing(path) as stream:
            _write_csv(stream, batches)
    else:
        with _replacing(path) as stream:
            _write_parquet(stream, batches, provenance)


def read_results(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table of scored texts, of a finished run or of one that is still going on.

    Parameters
    ----------
    path : str or path
        As written by :func:`score_texts` or :func:`score_samples`.

    Returns
    -------
    DataFrame
        A row per text, the same from CSV as from Parquet. Lists of numbers are arrays, lists of
        tokens are lists. ``attrs["provenance"]`` tells how the table came about.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is no such table.
    ImportError
        Without the extra ``text``.
    """
    path = Path(path)
    if path.suffix.lower() not in TABLE_SUFFIXES:
        raise ValueError(f"{path} must have a suffix of {', '.join(TABLE_SUFFIXES)}")
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    read = _read_csv if path.suffix.lower() == ".csv" else _read_parquet
    try:
        rows, provenance = read(path)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is no table of scored texts: it isn't UTF-8, {error.reason}"
        ) from None
    return as_table(rows, provenance)


def as_table(rows: dict[str, list[Any]], provenance: dict[str, Any]) -> pd.DataFrame:
    """DataFrame of columns by name, with None for what a row lacks."""
    _import_pandas()
    import pandas as pd

    columns: dict[str, Any] = {}
    for name, kind in COLUMNS.items():
        values = rows[name]
        if kind in _LISTS:
            values = [None if v is None else np.asarray(v, dtype=_LISTS[kind]) for v in values]
            columns[name] = pd.Series(values, dtype=object)
        elif kind == TEXTS:
            columns[name] = pd.Series(values, dtype=object)
        elif kind == INTEGER:
            columns[name] = pd.array(values, dtype="Int64")
        elif kind == NUMBER:
            columns[name] = pd.Series(values, dtype=np.float64)
        else:
            columns[name] = pd.Series(values, dtype="str" if _has_strings() else object)
    table = pd.DataFrame(columns).set_index("index")
    table.index = table.index.astype(np.int64)
    table.attrs["provenance"] = provenance
    return table


def columns_of(batches: Iterable[list[Row]]) -> dict[str, list[Any]]:
    """Turn rows into columns."""
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    for batch in batches:
        for row in batch:
            for name, values in columns.items():
                values.append(row[name])
    return columns


def _has_strings() -> bool:
    """Whether pandas has a string type in which what is missing stays missing."""
    import pandas as pd

    return int(pd.__version__.split(".")[0]) >= 3


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """Stream whose content takes the name of a file once it is on the disk."""
    # A link is followed: the file that it points to is replaced, not the link.
    path = Path(os.path.realpath(path))
    # Always the same name: what a killed run has left goes when the next one comes. The lock of the
    # journal keeps others away; a link of that name isn't followed.
    temporary = path.with_name(f".{path.name}.partial")
    temporary.unlink(missing_ok=True)
    try:
        with temporary.open("xb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(path)
        synchronise_directory(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _write_parquet(
    stream: IO[bytes], batches: Iterable[list[Row]], provenance: dict[str, Any]
) -> None:
    pyarrow, parquet = _import_pyarrow()
    kinds = {
        INTEGER: pyarrow.int64(),
        NUMBER: pyarrow.float64(),
        TEXT: pyarrow.string(),
        INTEGERS: pyarrow.list_(pyarrow.int64()),
        NUMBERS: pyarrow.list_(pyarrow.float64()),
        TEXTS: pyarrow.list_(pyarrow.string()),
    }
    schema = pyarrow.schema(
        [(name, kinds[kind]) for name, kind in COLUMNS.items()],
        metadata={_KEY: json.dumps(provenance).encode()},
    )
    with parquet.ParquetWriter(stream, schema, compression="zstd") as writer:
        for rows in pieces(batches):
            writer.write_table(pyarrow.Table.from_pylist(rows, schema=schema))


def pieces(batches: Iterable[list[Row]]) -> Iterator[list[Row]]:
    """Rows in larger batches, which take less time each."""
    waiting: list[Row] = []
    for batch in batches:
        waiting += batch
        while len(waiting) >= _PIECE:
            yield waiting[:_PIECE]
            del waiting[:_PIECE]
    if waiting:
        yield waiting


def _read_parquet(path: Path) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    pyarrow, parquet = _import_pyarrow()
    try:
        table = parquet.read_table(path)
    except (OSError, pyarrow.ArrowException) as error:
        raise ValueError(f"{path} can't be read as Parquet: {error}") from None
    told = (table.schema.metadata or {}).get(_KEY)
    if told is None or table.column_names != list(COLUMNS):
        raise ValueError(f"{path} is no table of scored texts")
    columns = {
        name: table.column(name).to_pylist()
        if kind not in _LISTS
        else [v.values.to_numpy() if v.is_valid else None for v in table.column(name)]
        for name, kind in COLUMNS.items()
    }
    return columns, json.loads(told)


def require_packages(path: Path | None) -> None:
    """Raise ImportError unless the table can be made, and stored there: asked before the work."""
    _import_pandas()
    if path is not None and path.suffix.lower() != ".csv":
        _import_pyarrow()


def _import_pandas() -> Any:
    try:
        import pandas as pd
    except ImportError:
        raise ImportError(f"a table of texts {_NEEDS}") from None
    return pd


def _import_pyarrow() -> tuple[Any, Any]:
    """Pyarrow and its Parquet module, or the line that installs them."""
    try:
        import pyarrow as pa
        from pyarrow import parquet
    except ImportError:
        raise ImportError(f"a Parquet file {_NEEDS}") from None
    return pa, parquet


def _write_csv(stream: IO[bytes], batches: Iterable[list[Row]]) -> None:
    class Encoder:
        @staticmethod
        def write(line: str) -> None:
            stream.write(line.encode())

    # All strings in quotes, or else a carriage return in a text would end its line.
    writer = csv.writer(Encoder, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    writer.writerow(COLUMNS)
    for batch in batches:
        for row in batch:
            writer.writerow([_field(row[name]) for name in COLUMNS])


def _field(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, list) else value


def _read_csv(path: Path) -> tuple[dict[str, list[Any]], dict[str, Any]]:
    beside = provenance_path(path)
    try:
        provenance = json.loads(beside.read_bytes())
    except FileNotFoundError:
        provenance = {}
    except ValueError as error:
        raise ValueError(f"{beside} is broken JSON: {error}") from None
    columns: dict[str, list[Any]] = {name: [] for name in COLUMNS}
    with path.open(encoding="utf-8", newline="") as stream:
        for number, record in csv_rows(stream, str(path)):
            if list(record) != list(COLUMNS):
                raise ValueError(f"{path} is no table of scored texts")
            for name, kind in COLUMNS.items():
                try:
                    columns[name].append(_value(record[name], name, kind))
                except ValueError as error:
                    raise ValueError(f"{path}, line {number}, column {name}: {error}") from None
    return columns, provenance


def _value(field: str, name: str, kind: str) -> Any:
    if not field:
        return "" if name == "text" else None
    if kind == TEXT:
        return field
    if kind == INTEGER:
        return int(field)
    if kind == NUMBER:
        return float(field)
    values = json.loads(field)
    return np.array(values, dtype=_LISTS[kind]) if kind in _LISTS else values
