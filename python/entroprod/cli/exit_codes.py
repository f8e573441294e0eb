"""Every way a command can end: its exit code, and one line on stderr that says why."""

from __future__ import annotations

import os
import sys
import traceback
import warnings
from typing import Any

import typer
from typer.core import TyperGroup

import entroprod as ep

DISAGREEMENT = 1
ERROR = 2
# As shells report a process that a signal has ended: 128 and the signal's number.
INTERRUPTED = 130
BROKEN_PIPE = 141

# Typer comes with its own copy of click or uses the installed one, depending on its version: the
# base of all its usage errors is reached through a class that both export.
_UsageError = typer.BadParameter.__mro__[1]

# What a user's input can raise; anything else is a fault of ours and is reported as such.
_EXPECTED = (ValueError, TypeError, OSError, MemoryError, ImportError, ep.NumericalError)


class ReportingGroup(TyperGroup):
    """The command group, with errors as one line on stderr and never a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> Any:
        """Parse and run; leave with the exit code (or return it outside of standalone mode)."""
        standalone = kwargs.pop("standalone_mode", True)
        words = args[0] if args else kwargs.get("args")
        words = list(sys.argv[1:] if words is None else words)
        debug = "--debug" in words
        kwargs["standalone_mode"] = False
        kwargs["args"] = [word for word in words if word != "--debug"]
        with warnings.catch_warnings():
            warnings.showwarning = _show_warning
            try:
                outcome = super().main(*args[1:], **kwargs)
                code = outcome if isinstance(outcome, int) else 0
            except (KeyboardInterrupt, typer.Abort):
                code = INTERRUPTED
            except Exception as error:  # noqa: BLE001  (the last place that can report it)
                if debug:
                    traceback.print_exc()
                else:
                    _print_line(f"Error: {_describe(error)}")
                code = ERROR
        if code == INTERRUPTED:
            _print_line("Interrupted.")
        if standalone:
            sys.exit(code)
        return code

    def invoke(self, ctx: Any) -> Any:
        """Run the command; a reader that has gone away (head, less) ends it quietly."""
        try:
            outcome = super().invoke(ctx)
            sys.stdout.flush()
        except BrokenPipeError:
            # Python flushes stdout once more at exit, which must not fail again.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(BROKEN_PIPE) from None
        return outcome


def _describe(error: Exception) -> str:
    """One line that names the argument; usage errors already do."""
    if isinstance(error, _UsageError):
        return f"{error.format_message()} (--help explains the options)"  # type: ignore[attr-defined]
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror}"
    if isinstance(error, MemoryError) and not str(error):
        return "out of memory"
    if isinstance(error, _EXPECTED):
        return str(error)
    return (
        f"unexpected {type(error).__name__}: {error}. This is a fault of entroprod; "
        "--debug shows where it happened"
    )


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    _print_line(f"Warning: {message}")


def _print_line(text: str) -> None:
    print(" ".join(text.split()), file=sys.stderr, flush=True)
