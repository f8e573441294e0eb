"""What a command prints: aligned rows for people, strict JSON for programs."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rich.progress
from rich.console import Console
from rich.text import Text

import entroprod


@dataclasses.dataclass(frozen=True)
class Row:
    """One printed line: what it is, its value, and a remark."""

    label: str
    value: str = ""
    note: str = ""


class _Console(Console):
    """Rich's console ends the process when the reader of a pipe has gone; that is for us to do."""

    def on_broken_pipe(self) -> None:
        raise  # noqa: PLE0704  (called while the BrokenPipeError is handled)


def print_rows(rows: Sequence[Row]) -> None:
    """Print rows with their values aligned; labels are bold on a terminal."""
    console = _Console(file=sys.stdout, highlight=False)
    label_width = max(len(row.label) for row in rows)
    value_width = max((len(row.value) for row in rows if row.note), default=0)
    for row in rows:
        line = Text(row.label.ljust(label_width), style="bold")
        line.append("  " + row.value.ljust(value_width), style="not bold")
        line.append("  " + row.note, style="not bold dim")
        line.rstrip()
        console.print(line, soft_wrap=True)


def print_heading(text: str) -> None:
    """Print a heading with an empty line above it."""
    console = _Console(file=sys.stdout, highlight=False)
    console.print()
    console.print(Text(text, style="bold"), soft_wrap=True)


def print_text(text: str) -> None:
    """Print text as it is."""
    _Console(file=sys.stdout, highlight=False).print(Text(text), soft_wrap=True)


def print_table(columns: Mapping[str, Sequence[Any] | np.ndarray[Any, Any]]) -> None:
    """Print columns of numbers, right-aligned under their names."""
    cells = {name: [name, *map(format_number, values)] for name, values in columns.items()}
    widths = {name: max(map(len, texts)) for name, texts in cells.items()}
    for texts in zip(*cells.values(), strict=True):
        padded = (text.rjust(width) for text, width in zip(texts, widths.values(), strict=True))
        print("  ".join(padded))


def print_json(command: str, content: Mapping[str, Any]) -> None:
    """Print one strict JSON object to stdout, one name per line.

    A number that is not finite becomes null.
    """
    document = {"command": command, "entroprod_version": entroprod.__version__, **content}
    lines = (
        f"  {json.dumps(name)}: {json.dumps(to_plain(value), allow_nan=False)}"
        for name, value in document.items()
    )
    print("{\n" + ",\n".join(lines) + "\n}")


def to_csv(columns: Mapping[str, Sequence[Any] | np.ndarray[Any, Any]]) -> bytes:
    """Write columns as a CSV file, every float with all its digits."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(to_plain(values) for values in columns.values()), strict=True))
    return stream.getvalue().encode()


def to_plain(value: Any) -> Any:
    """Turn results, arrays and paths into what JSON knows."""
    if hasattr(value, "to_dict"):
        return to_plain(value.to_dict())
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return to_plain(value.tolist())
    if isinstance(value, np.generic):
        return to_plain(value.item())
    if isinstance(value, (list, tuple)):
        return [to_plain(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, Path):
        return str(value)
    return value


def format_number(value: Any) -> str:
    """Write twelve significant digits, all of which double precision delivers here."""
    if isinstance(value, (int, np.integer)):
        return f"{value:,}"
    return f"{value:.12g}"


def format_uncertain(value: float, error: float) -> str:
    """Write a value and its standard error, both rounded to the error's second digit."""
    if not (math.isfinite(error) and error > 0):
        return f"{value:.6g} ± {error:.2g}"
    decimals = 1 - math.floor(math.log10(error))
    if 0 <= decimals <= 12:
        return f"{value:.{decimals}f} ± {error:.{decimals}f}"
    return f"{value:.6g} ± {error:.2g}"


class ShowDone(Protocol):
    """Tell a progress bar how much is done; the shape of the library's progress callbacks."""

    def __call__(self, done: int, total: int | None = None) -> None:
        """Show that ``done`` of ``total`` units are done."""


@contextmanager
def progress_bar(description: str, total: int | None = None) -> Iterator[ShowDone]:
    """Show a progress bar on stderr; only on a terminal, and gone when the work is done."""
    console = Console(file=sys.stderr)
    if not console.is_terminal:
        yield lambda done, total=None: None  # noqa: ARG005
        return
    bar = rich.progress.Progress(
        rich.progress.TextColumn("{task.description}"),
        rich.progress.BarColumn(),
        rich.progress.TaskProgressColumn(),
        rich.progress.TimeRemainingColumn(),
        console=console,
        transient=True,
    )
    with bar:
        task = bar.add_task(description, total=total)

        def show_done(done: int, total: int | None = None) -> None:
            bar.update(task, completed=done, total=total)

        yield show_done
