"""Rows of a CSV file with fields of any length, every one with the line where it ends."""

from __future__ import annotations

import csv
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


def csv_rows(
    lines: Iterable[str], what: str, separator: str = ","
) -> Iterator[tuple[int, dict[str, str]]]:
    """(line, fields by name) of every row below the header, from lines with their ends as they are.

    Raises
    ------
    ValueError
        Naming ``what``: without a header, with two columns of a name, or with the line of a row
        that has more or fewer fields than the header or isn't CSV.
    """
    reader = csv.reader(lines, delimiter=separator, strict=True)
    with _fields_of_any_length():
        try:
            names = next(reader, [])
        except csv.Error as error:
            raise ValueError(f"{what}, line {reader.line_num}: {error}") from None
    if not names:
        raise ValueError(f"{what} must begin with a header that names the columns")
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{what} has more than one column {name!r}")
    while True:
        with _fields_of_any_length():
            try:
                fields = next(reader, None)
            except csv.Error as error:
                raise ValueError(f"{what}, line {reader.line_num}: {error}") from None
        if fields is None:
            return
        if not fields:  # an empty line, which in a table of one column is an empty field
            if len(names) > 1:
                continue
            fields = [""]
        if len(fields) != len(names):
            raise ValueError(
                f"{what}, line {reader.line_num}: {len(fields)} fields where the header has "
                f"{len(names)}; a text with a comma must stand in quotes"
            )
        yield reader.line_num, dict(zip(names, fields))


@contextmanager
def _fields_of_any_length() -> Iterator[None]:
    """The module has one limit for everybody, set back at once."""
    before = csv.field_size_limit(sys.maxsize)
    try:
        yield
    finally:
        csv.field_size_limit(before)
