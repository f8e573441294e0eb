"""Files that are read and written as a whole: regular ones, never through a link or a device."""

from __future__ import annotations

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

# What a file system without hard links answers.
_NO_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK, errno.EXDEV}
_KINDS = (
    (stat.S_ISLNK, "a symbolic link"),
    (stat.S_ISDIR, "a directory"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def require_regular(path: Path, mode: int) -> None:
    """Refuse what isn't a regular file."""
    if not stat.S_ISREG(mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(mode)), "no file")
        raise ValueError(f"path must name a regular file: {path} is {kind}")


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """A regular file, to be read.

    Raises
    ------
    FileNotFoundError
        If there is none.
    ValueError
        If it is a link, a directory, a pipe or a device.
    """
    require_regular(path, os.lstat(path).st_mode)
    # It may have become something else since: no link is followed, no pipe waited for.
    flags = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)
    flags |= getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, flags), "rb") as stream:
        require_regular(path, os.fstat(stream.fileno()).st_mode)
        yield stream


def require_free(path: Path, *, overwrite: bool) -> None:
    """Refuse a path under which nothing may be written.

    Raises
    ------
    FileNotFoundError
        If its directory doesn't exist.
    FileExistsError
        If there is a file, and ``overwrite`` is False.
    ValueError
        If there is something else than a regular file.
    """
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "there is no such directory", str(path.parent))
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    require_regular(path, mode)
    if not overwrite:
        raise _exists(path)


@contextmanager
def written_whole(path: Path, *, overwrite: bool) -> Iterator[IO[bytes]]:
    """Stream whose content takes the name of a file once it is on the disk.

    What is there already stays until then, whatever breaks off the writing. Errors as of
    :func:`require_free`.
    """
    require_free(path, overwrite=overwrite)
    temporary = path.with_name(f".{path.name[:200]}.{secrets.token_hex(4)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    descriptor = os.open(temporary, flags, 0o666)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        if overwrite:
            temporary.replace(path)
        else:
            _name_anew(temporary, path)
        _synchronise_directory(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _synchronise_directory(path: Path) -> None:
    """Make the name of a file as safe as its content, where the system can."""
    with suppress(OSError):
        descriptor = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _name_anew(temporary: Path, path: Path) -> None:
    """Give a file its name, unless somebody else has taken it meanwhile."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        raise _exists(path) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        # Without links nothing is both indivisible and careful: careful as of now.
        require_free(path, overwrite=False)
        temporary.replace(path)
    else:
        temporary.unlink()


def _exists(path: Path) -> FileExistsError:
    hint = "is there already: choose another path, or replace it with overwrite=True"
    return FileExistsError(errno.EEXIST, hint, str(path))
