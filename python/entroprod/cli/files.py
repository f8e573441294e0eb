"""Files that a command writes: checked before the work, written in one piece after it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable
from pathlib import Path

PICTURE_SUFFIXES = (".png", ".svg", ".pdf")


def check_output(path: Path, option: str, suffixes: tuple[str, ...]) -> None:
    """Raise unless a file with one of these suffixes can be written at ``path``.

    Called before the work starts, so that nobody waits for a result that cannot be stored.
    Nothing stays behind: the probe is a temporary file which is removed at once.
    """
    if path.suffix.lower() not in suffixes:
        wanted = ", ".join(suffixes)
        got = path.suffix or "no suffix"
        raise ValueError(f"{option}: the name must end in one of {wanted}; got {path} ({got})")
    if path.is_dir():
        raise ValueError(f"{option}: {path} is a directory")
    if not path.parent.is_dir():
        raise ValueError(f"{option}: there is no directory {path.parent}")
    try:
        descriptor, probe = _create_beside(path)
        os.close(descriptor)
        probe.unlink()
    except OSError as error:
        raise ValueError(f"{option}: cannot write {path}: {error.strerror}") from error


def check_directory(path: Path, option: str) -> None:
    """Create the directory ``path`` if needed and raise unless files can be written there."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        descriptor, probe = _create_beside(path / "probe")
        os.close(descriptor)
        probe.unlink()
    except OSError as error:
        raise ValueError(f"{option}: cannot write to {path}: {error.strerror}") from error


def write_file(path: Path, content: bytes | Iterable[bytes]) -> None:
    """Write bytes, or pieces of them, to ``path`` as a whole or not at all.

    They go to a temporary file that takes the name in the end.
    """
    # A link is followed: the file that it points to is replaced, not the link.
    path = Path(os.path.realpath(path))
    descriptor, temporary = _create_beside(path)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.writelines([content] if isinstance(content, bytes) else content)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _create_beside(path: Path) -> tuple[int, Path]:
    """Open a new hidden file in the directory of ``path``, with the user's usual permissions."""
    path = Path(os.path.realpath(path))
    temporary = path.parent / f".{path.name}.{secrets.token_hex(4)}.tmp"
    return os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o666), temporary
