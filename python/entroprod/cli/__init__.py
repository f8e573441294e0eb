"""The command line: ``entroprod kalman | series | train | text | report | verify | demo``.

This file is all that is imported when the console script starts, so that a missing extra is
reported in one line instead of as a traceback.
"""

from __future__ import annotations

import os
import signal
import sys

__all__ = ["main"]


def main() -> None:
    """Run the command line and leave the process with its exit code.

    The exit code is 0 when all went well, 1 when ``verify`` or ``demo`` found a disagreement,
    2 for an error, 130 after Ctrl-C, 141 when the reader of a pipe has gone.
    """
    try:
        from entroprod.cli.app import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] not in {"typer", "rich"}:
            raise
        print(
            "Error: the command line needs typer and rich; install them with: "
            'pip install "entroprod[cli]"',
            file=sys.stderr,
        )
        raise SystemExit(2) from None
    if sys.stdout is None:  # closed by the caller: what is printed has no reader
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123, SIM115  (for the life of the process)
    try:
        app(prog_name="entroprod")
    finally:
        # Impatient further interrupts would end what libraries do at exit in tracebacks.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
