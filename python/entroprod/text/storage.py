"""The output of a run and the journal beside it: what may be replaced, what is there already."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from entroprod.text.journal import Check, Journal
from entroprod.text.table import (
    TABLE_SUFFIXES,
    as_table,
    columns_of,
    pieces,
    read_results,
    require_packages,
    write_results,
)

if TYPE_CHECKING:
    import pandas as pd

# Renewing the output may take this share of the time, and is done no more often than so.
_SHARE = 0.05
_SECONDS = 2.0


class OutputFile:
    """A table of results on the disk, whole at every moment.

    Parameters
    ----------
    path : Path
    provenance : dict
        What is stored with the table.
    """

    def __init__(self, path: Path, provenance: dict[str, Any]) -> None:
        if path.suffix.lower() not in TABLE_SUFFIXES:
            raise ValueError(
                f"output must have a suffix of {', '.join(TABLE_SUFFIXES)}, got {path}"
            )
        self.path = path
        self.journal_path = path.with_name(f"{path.name}.journal")
        self._provenance = provenance

    def require_writable(self, n_bytes: int) -> None:
        """Raise unless the output can be stored: asked before the work, not after.

        Raises
        ------
        ValueError
            The path lies in no directory.
        OSError
            There is no permission, or no room for about ``n_bytes``.
        ImportError
            Without the extra ``text``.
        """
        require_packages(self.path)
        # A link is followed, as it is when the table is stored.
        directory = Path(os.path.realpath(self.path)).parent
        if not directory.is_dir():
            raise ValueError(f"output: there is no directory {directory}")
        # Always the same name: what a killed run has left goes when the next one comes.
        probe = self.path.with_name(f".{self.path.name}.probe")
        try:
            probe.unlink(missing_ok=True)
            with probe.open("xb") as stream:
                stream.write(bytes(4096))
                stream.flush()
                os.fsync(stream.fileno())
        except OSError as error:
            raise OSError(
                error.errno, f"the output can't be written: {error.strerror}", str(self.path)
            ) from None
        finally:
            probe.unlink(missing_ok=True)
        free = shutil.disk_usage(directory).free
        if free < n_bytes:
            raise OSError(
                f"output {self.path} may need {n_bytes / 2**20:.3g} MiB with its journal, and "
                f"{free / 2**20:.3g} MiB are free"
            )

    def require_startable(self, *, resume: bool, overwrite: bool) -> None:
        """Raise where there is something that may not be replaced, or nothing to resume."""
        path, journal = self.path, self.journal_path
        if path.is_dir():
            raise ValueError(f"output {path} is a directory")
        target = Path(os.path.realpath(path))
        if target.is_symlink() or (target.exists() and not target.is_file()):
            raise ValueError(f"output {path} must be a regular file, it is a device or a loop")
        if resume and overwrite:
            raise ValueError("resume and overwrite exclude each other")
        if resume and not journal.exists():
            done = f"; {path} holds a finished run" if path.exists() else ""
            raise ValueError(f"nothing to resume: there is no journal {journal}{done}")
        if resume or overwrite:
            return
        if journal.exists():
            raise ValueError(
                f"{journal} holds an unfinished run: go on with it (resume), or start anew "
                "(overwrite)"
            )
        if path.exists():
            raise ValueError(
                f"{path} is there already: choose another output, or replace it (overwrite)"
            )

    def open_journal(
        self, header: Mapping[str, Any], check: Check, *, resume: bool, overwrite: bool
    ) -> Journal:
        """Start a journal, or go on with it if ``check`` finds that its rows belong there."""
        self.require_startable(resume=resume, overwrite=overwrite)
        if resume:
            return Journal.resume(self.journal_path, header, check)
        return Journal.begin(self.journal_path, header, overwrite=overwrite)

    @contextmanager
    def kept_fresh(self, journal: Journal) -> Iterator[Callable[[], None]]:
        """What renews the output when it is time for it, as breaking off the work does too."""
        ready = time.monotonic() + _SECONDS

        def renew_now_and_then() -> None:
            nonlocal ready
            begin = time.monotonic()
            if begin < ready:
                return
            self._store(journal)
            end = time.monotonic()
            ready = end + max(_SECONDS, (end - begin) / _SHARE)

        try:
            yield renew_now_and_then
        except (KeyboardInterrupt, Exception) as error:
            if not journal.n_rows:  # nothing was done, and nothing stays behind
                journal.remove()
                raise
            # Of two failures the first is the one to tell.
            try:
                self._store(journal)
            except (OSError, ValueError):
                raise error from None
            raise

    def finish(self, journal: Journal) -> pd.DataFrame:
        """Store all rows, make sure that all can be read, and only then remove the journal."""
        self._store(journal)
        table = read_results(self.path)
        begin = 0
        for rows in pieces(journal.batches()):
            wanted = as_table(columns_of([rows]), {})
            if not _is_same(table.iloc[begin : begin + len(rows)], wanted):
                raise OSError(
                    f"{self.path} isn't what was written, from row {begin} on; all rows are in "
                    f"{self.journal_path}"
                )
            begin += len(rows)
        if not len(table) == begin == journal.n_rows:
            raise OSError(
                f"{self.path} holds {len(table)} rows instead of {journal.n_rows}; they are all in "
                f"{self.journal_path}"
            )
        journal.remove()
        return table

    def _store(self, journal: Journal) -> None:
        write_results(self.path, journal.batches(), self._provenance)


def _is_same(table: pd.DataFrame, other: pd.DataFrame) -> bool:
    """Whether all values are equal to the last bit, and what is missing is missing in both."""
    return table.index.equals(other.index) and all(
        _plain(table[name]) == _plain(other[name]) for name in other.columns
    )


def _plain(column: pd.Series[Any]) -> list[Any]:
    return [
        None if missing else value.tolist() if isinstance(value, np.ndarray) else value
        for value, missing in zip(column.tolist(), column.isna().tolist())
    ]
