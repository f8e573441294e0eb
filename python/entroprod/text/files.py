"""Texts from files: JSON with named groups, JSON Lines, CSV, Parquet, plain text."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from entroprod.boundary.arrays import as_flag
from entroprod.text.collection import Texts, described, label_of
from entroprod.text.csv_rows import csv_rows

_SEPARATORS = {".csv": ",", ".tsv": "\t"}
_PARQUET = (".parquet", ".pq")
_LINES = (".jsonl", ".ndjson")
TEXT_SUFFIXES = (".json", *_LINES, *_SEPARATORS, ".txt", *_PARQUET)
# What a file in JSON says about itself stands under this name, and is no group of texts.
_METADATA = "metadata"
_TEXT, _GROUP, _ID = "text", "group", "id"


@dataclass(frozen=True)
class _Columns:
    """Names of the columns; group and id are optional where they were not asked for."""

    text: str
    group: str | None
    id: str | None

    def of(self, record: Mapping[str, Any], where: str) -> tuple[Any, Any, Any]:
        """Text, group and id of one record."""
        return (
            _value(record, self.text, "text_column", where),
            self._optional(record, self.group, _GROUP, "group_column", where),
            self._optional(record, self.id, _ID, "id_column", where),
        )

    @staticmethod
    def _optional(
        record: Mapping[str, Any], name: str | None, usual: str, argument: str, where: str
    ) -> Any:
        if name is None:
            return record.get(usual)
        return _value(record, name, argument, where)


@dataclass
class _Rows:
    """Rows as they are read; what isn't a text is refused with its place."""

    texts: list[str] = field(default_factory=list)
    groups: list[str | None] = field(default_factory=list)
    ids: list[str | None] = field(default_factory=list)

    def add(self, text: Any, group: Any, name: Any, where: str) -> None:
        if not isinstance(text, str):
            raise TypeError(f"{where}: a text must be a string, got {described(text)}")
        self.texts.append(text)
        self.groups.append(label_of(group, "group", where))
        self.ids.append(label_of(name, "id", where))


def read_texts(
    path: str | os.PathLike[str],
    *,
    text_column: str = _TEXT,
    group_column: str | None = None,
    id_column: str | None = None,
    paragraphs: bool = False,
) -> Texts:
    r"""Read the texts of a file, in their order. No row is dropped: an empty text stays a row.

    Parameters
    ----------
    path : str or path
        UTF-8, of a kind told by its suffix:

        - ``.json``: an object with a list of texts for each group, ``{"a": ["..."], "b": [..]}``,
          groups within groups (named ``outer/inner``), or one list. An item is a string or an
          object with columns as below. An object called ``metadata`` is kept apart.
        - ``.jsonl``, ``.ndjson``: a string or an object on each line; empty lines don't count.
        - ``.csv``, ``.tsv``: a header, and a text in each row.
        - ``.parquet``, ``.pq``
        - ``.txt``: a text on each line, or in each paragraph.
    text_column : str
        Column, or field of an object, that holds the text.
    group_column, id_column : str, optional
        Those that hold the group and the name of a text. By default ``group`` and ``id`` where
        there are such.
    paragraphs : bool
        Whether empty lines separate the texts of a ``.txt`` file; line breaks within a text are
        then read as spaces.

    Returns
    -------
    Texts

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError, TypeError
        With the line, row or byte: not UTF-8, broken JSON, a missing column, a text that is no
        string; or no text at all.
    ImportError
        For Parquet, without the extra ``text``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from entroprod.text import read_texts
    >>> with tempfile.TemporaryDirectory() as directory:
    ...     path = pathlib.Path(directory, "stories.json")
    ...     _ = path.write_text('{"causal": ["It fell. It broke."], "other": ["He sat."]}')
    ...     read_texts(path).group_sizes()
    {'causal': 1, 'other': 1}
    """
    path = Path(path)
    paragraphs = as_flag(paragraphs, "paragraphs")
    columns = _Columns(text_column, group_column, id_column)
    suffix = path.suffix.lower()
    if suffix not in TEXT_SUFFIXES:
        raise ValueError(f"{path} must have a suffix of {', '.join(TEXT_SUFFIXES)}")
    if paragraphs and suffix != ".txt":
        raise ValueError(f"paragraphs is meant for .txt files, got {path}")
    rows, metadata = _Rows(), {}
    if suffix in _PARQUET:
        _require_file(path)
        _read_parquet(path, columns, rows)
    else:
        content = _decoded(path)
        if suffix == ".json":
            metadata = _read_json(content, path, columns, rows)
        elif suffix in _LINES:
            _read_lines(content, path, columns, rows)
        elif suffix in _SEPARATORS:
            _read_csv(content, path, _SEPARATORS[suffix], columns, rows)
        else:
            _read_plain(content, rows, paragraphs=paragraphs)
    if not rows.texts:
        raise ValueError(f"{path} holds no texts")
    return Texts(tuple(rows.texts), tuple(rows.groups), tuple(rows.ids), str(path), metadata)


def _require_file(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"no such file: {path}")
    if not path.is_file():
        raise ValueError(f"{path} must be a file, it is a directory or a device")
    if path.stat().st_size == 0:
        raise ValueError(f"{path} is empty")


def _decoded(path: Path) -> str:
    _require_file(path)
    content = path.read_bytes()
    try:
        # A mark of the byte order is no part of the first text.
        return content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path} must be UTF-8: byte {error.start} (line {line}) is "
            f"0x{content[error.start]:02x}, {error.reason}; save it as UTF-8"
        ) from None


def _value(record: Mapping[str, Any], name: str, argument: str, where: str) -> Any:
    if name not in record:
        shown = ", ".join(map(repr, list(record)[:20])) or "nothing"
        raise ValueError(f"{where}: {argument} {name!r} isn't there; there is {shown}")
    return record[name]


def _loaded(content: str, where: str, first_line: int = 1) -> Any:
    """JSON whose objects have each name once: of two groups of a name, one would vanish."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"{where} has the name {twice!r} twice in one object")
        return found

    try:
        return json.loads(content, object_pairs_hook=unique)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{where} is broken JSON: {error.msg} at line {first_line + error.lineno - 1}, "
            f"column {error.colno}"
        ) from None
    except RecursionError:
        raise ValueError(f"{where} is nested too deeply") from None
    except ValueError as error:  # a number of more digits than Python reads
        words = str(error)
        raise ValueError(words if where in words else f"{where}: {words}") from None


def _read_json(content: str, path: Path, columns: _Columns, rows: _Rows) -> dict[str, Any]:
    loaded = _loaded(content, str(path))
    if isinstance(loaded, list):
        _add_items(loaded, None, str(path), columns, rows)
        return {}
    if not isinstance(loaded, dict):
        raise TypeError(
            f"{path} must hold an object of named groups or a list, got {described(loaded)}"
        )
    _add_groups(loaded, "", str(path), columns, rows)
    metadata: dict[str, Any] = loaded.get(_METADATA, {})
    return metadata


def _add_groups(
    groups: dict[str, Any], prefix: str, where: str, columns: _Columns, rows: _Rows
) -> None:
    for name, value in groups.items():
        place = f"{where}: {prefix}{name}"
        if not name:
            raise ValueError(f"{place}: a group of texts must have a name, got ''")
        if name == _METADATA:
            if not isinstance(value, dict):  # texts, maybe, which must not be lost
                raise TypeError(f"{place} must be an object, got {described(value)}")
        elif isinstance(value, list):
            _add_items(value, prefix + name, place, columns, rows)
        elif isinstance(value, dict):
            _add_groups(value, f"{prefix}{name}/", where, columns, rows)
        else:
            raise TypeError(f"{place} must be a list of texts, got {described(value)}")


def _add_items(
    items: list[Any], group: str | None, where: str, columns: _Columns, rows: _Rows
) -> None:
    for i, item in enumerate(items):
        place = f"{where}[{i}]"
        if not isinstance(item, dict):
            rows.add(item, group, None, place)
            continue
        text, own_group, name = columns.of(item, place)
        rows.add(text, group if own_group is None else own_group, name, place)


def _read_lines(content: str, path: Path, columns: _Columns, rows: _Rows) -> None:
    # Only line feeds end lines: other characters that do elsewhere may stand in a JSON string.
    for number, line in enumerate(content.split("\n"), start=1):
        if not line.strip():
            continue
        place = f"{path}, line {number}"
        item = _loaded(line, str(path), number)
        if isinstance(item, dict):
            rows.add(*columns.of(item, place), place)
        else:
            rows.add(item, None, None, place)


def _read_csv(content: str, path: Path, separator: str, columns: _Columns, rows: _Rows) -> None:
    records = csv_rows(io.StringIO(content, newline=""), str(path), separator)
    for number, record in records:
        place = f"{path}, line {number}"
        text, group, name = columns.of(record, place)
        rows.add(text, group, name, place)


def _read_parquet(path: Path, columns: _Columns, rows: _Rows) -> None:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise ImportError('Parquet files need pyarrow: pip install "entroprod[text]"') from None
    try:
        table = parquet.read_table(path)
    except (OSError, ArrowException) as error:
        raise ValueError(f"{path} can't be read as Parquet: {error}") from None
    wanted = (columns.text, columns.group or _GROUP, columns.id or _ID)
    # Asked of the names alone, so that a table without rows names a missing column too.
    columns.of(dict.fromkeys(table.column_names), str(path))
    present = [name for name in wanted if name in table.column_names]
    for number, record in enumerate(_records(table.select(present)), start=1):
        place = f"{path}, row {number}"
        rows.add(*columns.of(record, place), place)


def _records(table: Any) -> Iterator[dict[str, Any]]:
    for batch in table.to_batches():
        yield from batch.to_pylist()


def _read_plain(content: str, rows: _Rows, *, paragraphs: bool) -> None:
    lines = content.replace("\r\n", "\n").removesuffix("\n").split("\n")
    if not paragraphs:
        texts = lines
    else:
        blocks: list[list[str]] = [[]]
        for line in lines:
            if line.strip():
                blocks[-1].append(line.strip())
            elif blocks[-1]:
                blocks.append([])
        texts = [" ".join(block) for block in blocks if block]
    for i, text in enumerate(texts, start=1):
        rows.add(text, None, None, f"line {i}")
