"""What a command prints: aligned rows for people, strict JSON for programs."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import rich.progress
from rich.console import Console
from rich.text import Text

import entroprod
from entroprod.boundary.arrays import FloatArray

# Numbers that become Python objects at once: few enough not to be felt in memory, enough to spread
# the cost of a call.
_CHUNK = 1 << 16
# Characters of twelve significant digits with signs, point and a three-digit exponent.
_WIDEST_NUMBER = len("-1.23456789012e-100")


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


def print_to_stderr(text: str) -> None:
    """Print a remark that isn't part of the output."""
    print(text, file=sys.stderr, flush=True)


def print_table(columns: Mapping[str, FloatArray], n_rows: int) -> None:
    """Print columns of numbers, right-aligned under their names, below the number of each step."""
    names = ["step", *columns]
    few = n_rows <= _CHUNK
    widths = [len(f"{n_rows:,}")] + [0 if few else _WIDEST_NUMBER for _ in columns]
    for chunk in _chunks(columns, n_rows):
        cells = [list(map(format_number, values)) for values in chunk.values()]
        if few:
            widths = [max(map(len, texts)) for texts in cells]
        if names:
            widths = [max(width, len(name)) for width, name in zip(widths, names)]
            _print_padded([names], widths)
            names = []
        _print_padded(zip(*cells, strict=True), widths)


def _print_padded(rows: Iterable[Iterable[str]], widths: Sequence[int]) -> None:
    for row in rows:
        print("  ".join(text.rjust(width) for text, width in zip(row, widths, strict=False)))


def print_json(command: str, content: Mapping[str, Any]) -> None:
    """Print one strict JSON object to stdout, one name per line.

    A number that is not finite becomes null. Long arrays are written piece by piece.
    """
    document = {"command": command, "entroprod_version": entroprod.__version__, **content}
    separator = "{\n"
    for name, value in document.items():
        sys.stdout.write(f"{separator}  {json.dumps(name)}: ")
        sys.stdout.writelines(_json_pieces(value))
        separator = ",\n"
    sys.stdout.write("\n}\n")


def _json_pieces(value: Any) -> Iterator[str]:
    if not (isinstance(value, np.ndarray) and value.ndim == 1):
        yield json.dumps(to_plain(value), allow_nan=False)
        return
    yield "["
    for begin in range(0, len(value), _CHUNK):
        numbers = json.dumps(to_plain(value[begin : begin + _CHUNK]), allow_nan=False)
        yield (", " if begin else "") + numbers[1:-1]
    yield "]"


def to_csv(columns: Mapping[str, FloatArray], n_rows: int) -> Iterator[bytes]:
    """Pieces of a CSV file of the columns, every float with all its digits, and of the steps."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["step", *columns])
    for chunk in _chunks(columns, n_rows):
        writer.writerows(zip(*(to_plain(values) for values in chunk.values()), strict=True))
        yield stream.getvalue().encode()
        stream.seek(0)
        stream.truncate()


def _chunks(columns: Mapping[str, FloatArray], n_rows: int) -> Iterator[dict[str, Any]]:
    """The columns, with the steps that they belong to, some rows at a time."""
    for begin in range(0, n_rows, _CHUNK):
        end = min(begin + _CHUNK, n_rows)
        steps = {"step": np.arange(begin + 1, end + 1)}
        yield steps | {name: values[begin:end] for name, values in columns.items()}


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
