"""What a run has finished, kept beside its output: a killed run loses at most one batch.

The first line tells what is being computed, and every further line holds one batch of rows. A line
is a checksum, a space, JSON and a line feed, appended in one piece and synchronised with the disk.
The checksum is of this line and of all before it: lines that were lost, doubled, swapped or changed
are found. Whatever ends the process, or the machine, only the last line can be torn; that is
recognised and cut off. The file is locked while a process writes to it.

By hand rather than in sqlite3: one file that is readable cut at any byte, every changed bit of it
found, and one synchronisation a batch, where a database has a second file without which it loses
what was stored, can't be opened once it is cut, and checks no bytes of its own.
"""

from __future__ import annotations

import errno
import json
import os
import warnings
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

try:
    import fcntl
except ImportError:  # no such locks on this system
    fcntl = None  # type: ignore[assignment]

Row: TypeAlias = dict[str, Any]
# Raises ValueError unless these rows are what may be stored as the ones from that place on.
Check: TypeAlias = Callable[[int, Sequence[Row]], None]

_FORMAT = "entroprod text journal 2"
# Where the same weights, told by their digest, lie is all the same.
_PLACES = ("machine.model",)
_CHECKSUM = 8  # hexadecimal digits of a CRC-32


class Journal:
    """The journal of one run, to be closed at its end, which unlocks it.

    Parameters
    ----------
    path : Path
    header : mapping
        What is computed, JSON-ready: a run goes on only where it is the same.
    """

    def __init__(
        self, path: Path, descriptor: int, n_rows: int = 0, end: int = 0, checksum: int = 0
    ) -> None:
        self.path = path
        self.n_rows = n_rows
        self._descriptor = descriptor
        self._end = end
        self._checksum = checksum

    @classmethod
    def begin(cls, path: Path, header: Mapping[str, Any], *, overwrite: bool = False) -> Journal:
        """Start a journal; only with ``overwrite`` may there be one already."""
        descriptor = _opened(path, os.O_CREAT | (0 if overwrite else os.O_EXCL))
        try:
            _lock(descriptor, path)
            os.ftruncate(descriptor, 0)
            journal = cls(path, descriptor)
            journal._append_line({"format": _FORMAT, **header})
            synchronise_directory(path)
        except BaseException:
            if not overwrite:  # it has just been made, and holds nothing
                path.unlink(missing_ok=True)
            os.close(descriptor)
            raise
        return journal

    @classmethod
    def resume(cls, path: Path, header: Mapping[str, Any], check: Check | None = None) -> Journal:
        """Go on with a journal; what was torn off at its end is removed.

        Raises
        ------
        ValueError
            The journal is damaged, ``check`` refuses its rows, or it belongs to another
            computation: with what differs.
        """
        descriptor = _opened(path)
        try:
            _lock(descriptor, path)
            journal = cls(path, descriptor)
            for number, line in enumerate(_lines(path), start=1):
                if number == 1:
                    _require_same(path, line.content, header)
                else:
                    rows = _rows_of(line.content, number, path)
                    try:
                        if check is not None:
                            check(journal.n_rows, rows)
                    except ValueError as error:
                        raise ValueError(f"{path} is damaged: line {number} {error}") from None
                    journal.n_rows += len(rows)
                journal._end, journal._checksum = line.end, line.checksum
            os.ftruncate(descriptor, journal._end)
            if not journal._end:  # it was killed before the first line was complete
                journal._append_line({"format": _FORMAT, **header})
        except BaseException:
            os.close(descriptor)
            raise
        return journal

    def append(self, rows: Sequence[Row]) -> None:
        """Store one batch; when this returns it is on the disk.

        Raises
        ------
        OSError
            The disk is full, or fails; the journal then ends with the batch before.
        """
        self._append_line({"rows": list(rows)})
        self.n_rows += len(rows)

    def batches(self) -> Iterator[list[Row]]:
        """All batches of rows, read from the disk one by one."""
        for number, line in enumerate(_lines(self.path), start=1):
            if number > 1:
                yield _rows_of(line.content, number, self.path)

    def remove(self) -> None:
        """Delete the file: everything in it is safe elsewhere."""
        self.path.unlink()
        synchronise_directory(self.path)

    def close(self) -> None:
        """Unlock it."""
        os.close(self._descriptor)

    def _append_line(self, content: Mapping[str, Any]) -> None:
        # ASCII: a lone surrogate, which has no UTF-8, is escaped as well.
        text = json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode("ascii")
        checksum = zlib.crc32(text, self._checksum)
        line = b"%08x %b\n" % (checksum, text)
        try:
            _write_all(self._descriptor, line, self._end)
            os.fsync(self._descriptor)
        except BaseException as error:
            with suppress(OSError):  # what stays torn is recognised as such
                os.ftruncate(self._descriptor, self._end)
            if isinstance(error, OSError):
                raise OSError(
                    error.errno, f"{error.strerror}: the batch couldn't be stored", str(self.path)
                ) from error
            raise
        self._end += len(line)
        self._checksum = checksum


def read_header(path: Path) -> dict[str, Any]:
    """What a journal says is being computed; empty if it was killed before it could."""
    for line in _lines(path):
        return line.content
    return {}


def _opened(path: Path, flags: int = 0) -> int:
    """Descriptor of a regular file, which no link may lead to: it is about to be written over."""
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise ValueError(f"the journal {path} must be a regular file, it is a link or a device")
    return os.open(path, os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | flags, 0o666)


class _Line(NamedTuple):
    """A line's content, the position behind it, and the checksum of all up to there."""

    content: dict[str, Any]
    end: int
    checksum: int


def _lines(path: Path) -> Iterator[_Line]:
    """Return the lines one by one; a torn last one is left out."""
    end = checksum = 0
    with path.open("rb") as stream:
        for number, line in enumerate(stream, start=1):
            text = line[_CHECKSUM + 1 : -1]
            checksum = zlib.crc32(text, checksum)
            if line != b"%08x %b\n" % (checksum, text):
                if stream.read(1) or _is_json(text):
                    raise ValueError(
                        f"{path} is damaged: line {number} doesn't have the checksum of what "
                        "stands up to there: a line was changed, lost, doubled or moved; the run "
                        "can't go on from it"
                    )
                return
            content = json.loads(text)
            if not isinstance(content, dict):
                raise ValueError(f"{path} is no journal: line {number} holds no object")
            end += len(line)
            yield _Line(content, end, checksum)


def _is_json(text: bytes) -> bool:
    """Whether a line is whole, as a torn one isn't."""
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _rows_of(content: Mapping[str, Any], number: int, path: Path) -> list[Row]:
    rows = content.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError(f"{path} is damaged: line {number} holds no rows")
    return rows


def _require_same(path: Path, found: Mapping[str, Any], header: Mapping[str, Any]) -> None:
    if found.get("format") != _FORMAT:
        raise ValueError(f"{path} is of another version of entroprod: {found.get('format')!r}")
    wanted = json.loads(json.dumps({"format": _FORMAT, **header}))
    different = sorted(_differences(found, wanted, ""))
    if different:
        raise ValueError(f"{path} belongs to another run: {'; '.join(different)}")


def _differences(found: Any, wanted: Any, name: str) -> Iterator[str]:
    if isinstance(found, dict) and isinstance(wanted, dict):
        for key in {**found, **wanted}:
            inner = f"{name}.{key}" if name else key
            yield from _differences(found.get(key), wanted.get(key), inner)
    elif found != wanted and name not in _PLACES:
        yield f"{name} was {_short(found)} and is now {_short(wanted)}"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _lock(descriptor: int, path: Path) -> None:
    """Take the file for this process alone; the system gives it back whatever happens."""
    if fcntl is None:
        return
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise ValueError(f"another process is writing to {path}: wait for it, or end it") from None
    except OSError as error:
        if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.EINVAL):
            raise
        warnings.warn(
            f"the file system of {path} has no locks: make sure that no other process writes there",
            stacklevel=2,
        )
    try:
        same = os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        same = False
    if not same:
        raise ValueError(f"another process has just finished or replaced {path}: look again")


def _write_all(descriptor: int, content: bytes, position: int) -> None:
    done = 0
    while done < len(content):
        done += os.pwrite(descriptor, content[done:], position + done)


def synchronise_directory(path: Path) -> None:
    """Make the name of a file as safe as its content, where the system can."""
    with suppress(OSError):
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
