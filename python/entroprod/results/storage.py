"""Files of results: a ZIP archive of JSON and of arrays, which ``numpy.load`` opens too.

The first member, ``entroprod.json``, holds the version of the schema and everything but arrays; the
others are .npy files. Nothing is compressed. The comment of the archive is a digest of all members.
Nothing in a file is ever run: it names classes, and only those that the program has registered are
made.
"""

from __future__ import annotations

import errno
import hashlib
import io
import itertools
import json
import math
import os
import struct
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy

from entroprod.boundary.arrays import as_flag
from entroprod.boundary.files import opened, require_free, written_whole
from entroprod.boundary.memory import require_memory
from entroprod.results.encoding import AnyArray, Decoder, Encoder, readable_dtype

# Counts up when a file of today can't be read by yesterday's library any more.
SCHEMA = 1
_CONTENT = "entroprod.json"
_FORMAT = "entroprod"
_BEGIN = b"PK\x03\x04"
# Members are read in pieces, which an interruption waits for.
_PIECE = 2**20
# Beyond 4 GiB a member needs a longer header.
_LARGE = 2**31
# The same result gives the same bytes, whenever it is saved.
_NO_DATE = (1980, 1, 1, 0, 0, 0)
_READ_HEADER = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
# What reading a damaged archive raises.
_DAMAGE = (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, struct.error)


def save(value: Any, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
    """Save a result, a machine, or several of them, in one file.

    The file appears as a whole or not at all, and an old one stays until the new one is complete.
    :func:`load` gives back an equal value, to the last bit.

    Parameters
    ----------
    value : result or machine
        Also a number, a string, None, an array, or a list, tuple, set or dict of such values.
    path : str or path
        ``.npz`` suits: the file is an archive of NumPy arrays and one of JSON, so that
        ``numpy.load`` shows the arrays by name.
    overwrite : bool
        Whether a file that is there already may be replaced.

    Raises
    ------
    TypeError
        If something in ``value`` can't be saved, such as a function or an object of a class that
        isn't :func:`storable`, naming its place.
    FileExistsError
        If there is a file, and ``overwrite`` is False.
    ValueError
        If the path is a link, a directory or a device.
    OSError
        If the file can't be written.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]])
    >>> path = Path(tempfile.mkdtemp()) / "run.npz"
    >>> ep.save({"machine": machine, "production": ep.entropy_production(machine, 50)}, path)
    >>> ep.load(path)["machine"] == machine
    True
    """
    path = Path(path)
    require_free(path, overwrite=as_flag(overwrite, "overwrite"))
    encoder = Encoder()
    try:
        content = {
            "format": _FORMAT,
            "schema": SCHEMA,
            "written_by": version("entroprod"),
            "value": encoder.encode(value),
            "objects": encoder.objects,
        }
        text = json.dumps(content, allow_nan=False, indent=1).encode()
    except RecursionError:
        raise ValueError("value is nested too deeply to be saved") from None
    with written_whole(path, overwrite=overwrite) as stream:
        _write(stream, text, encoder.arrays)


def load(path: str | os.PathLike[str]) -> Any:
    """Load what :func:`save`, or the method ``save`` of a result or a machine, has saved.

    Parameters
    ----------
    path : str or path

    Returns
    -------
    result, machine or other value
        Equal to the one that was saved; arrays are read-only.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is a link, a directory or a device; no file of entroprod; incomplete, damaged or
        changed; written by a later version; or holds an object of a class that isn't registered
        in this program (see :func:`storable`).
    MemoryError
        If its arrays don't fit.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import entroprod as ep
    >>> path = Path(tempfile.mkdtemp()) / "production.npz"
    >>> machine = ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]])
    >>> ep.entropy_production(machine, 50).save(path)
    >>> ep.load(path)
    EntropyProduction(total=0.478..., n_steps=50, rounding_error=..., precision='double')
    """
    path = Path(path)
    with opened(path) as stream:
        try:
            return _read(stream)
        except RecursionError:
            raise ValueError(f"{path} can't be loaded: it is nested too deeply") from None
        except (*_DAMAGE, OSError) as error:
            # A damaged archive sends its reader to places before its beginning.
            if isinstance(error, OSError) and error.errno != errno.EINVAL:
                raise
            msg = f"{path} can't be loaded: it is incomplete or damaged: {error}"
            raise ValueError(msg) from error
        except ValueError as error:
            raise ValueError(f"{path} can't be loaded: {error}") from error


def _write(stream: IO[bytes], text: bytes, arrays: Mapping[str, AnyArray]) -> None:
    digest = hashlib.sha256()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_STORED) as archive:
        with _member(archive, _CONTENT, len(text), digest) as member:
            member.write(text)
        for name, array in arrays.items():
            with _member(archive, f"{name}.npy", array.nbytes, digest) as member:
                npy.write_array(member, array, allow_pickle=False)
        archive.comment = _comment(digest)


@contextmanager
def _member(archive: zipfile.ZipFile, name: str, size: int, digest: Any) -> Iterator[_Digested]:
    """A new member of the archive, which is digested as well."""
    info = zipfile.ZipInfo(name, _NO_DATE)
    with archive.open(info, "w", force_zip64=size > _LARGE) as stream:
        yield _Digested(stream, digest)
    digest.update(b"\0" + name.encode())


class _Digested:
    """A stream all of whose content goes into a digest."""

    def __init__(self, stream: IO[bytes], digest: Any) -> None:
        self._stream, self._digest = stream, digest

    def write(self, data: bytes) -> None:
        self._stream.write(data)
        self._digest.update(data)


def _comment(digest: Any) -> bytes:
    return f"sha256 {digest.hexdigest()}".encode()


def _read(stream: IO[bytes]) -> Any:
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    if size < len(_BEGIN) or stream.read(len(_BEGIN)) != _BEGIN:
        raise ValueError("it is no file of entroprod")
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        if not members or members[0].filename != _CONTENT:
            raise ValueError("it is no file of entroprod, but another ZIP archive")
        _require_plain(members, size)
        digest = hashlib.sha256()
        text = b"".join(_pieces(archive, members[0], digest))
        content = _as_content(text)
        _require_schema(content)
        require_memory(size, "path", "what the file holds")
        arrays = {}
        for info in members[1:]:
            arrays[info.filename.removesuffix(".npy")] = _read_array(archive, info, digest)
        stream.seek(-len(archive.comment), os.SEEK_END)
        if archive.comment != _comment(digest) or stream.read() != archive.comment:
            raise ValueError("it has been changed since it was written")
    try:
        return Decoder(arrays, content["objects"]).decode(content["value"])
    except (KeyError, IndexError, TypeError, AttributeError, StopIteration) as error:
        raise ValueError(f"its content makes no sense: {error!r}") from error


def _require_plain(members: list[zipfile.ZipInfo], size: int) -> None:
    """Nothing compressed or encrypted, no name twice, and no more than the file can hold."""
    names = {info.filename for info in members}
    plain = all(
        info.compress_type == zipfile.ZIP_STORED
        and info.file_size == info.compress_size
        and not info.flag_bits & 1
        for info in members
    )
    if not plain or len(names) < len(members) or sum(info.file_size for info in members) > size:
        raise ValueError("it is no archive as entroprod writes them")


def _as_content(text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ValueError(f"{_CONTENT} in it is no JSON: {error}") from None
    if not isinstance(content, dict) or content.get("format") != _FORMAT:
        raise ValueError(f"{_CONTENT} in it is none of entroprod")
    return content


def _require_schema(content: Mapping[str, Any]) -> None:
    schema = content.get("schema")
    if type(schema) is not int or schema < 1:
        raise ValueError(f"its schema must be a number from 1 on, got {schema!r}")
    if schema > SCHEMA:
        raise ValueError(
            f"it has schema {schema}, written by entroprod {content.get('written_by')}, and this "
            f"version reads up to schema {SCHEMA}: upgrade entroprod"
        )


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo, digest: Any) -> AnyArray:
    pieces = _pieces(archive, info, digest)
    head = next(pieces, b"")
    beginning = io.BytesIO(head)
    read_header = _READ_HEADER.get(npy.read_magic(beginning))
    if read_header is None:
        raise ValueError(f"{info.filename} in it has an unknown form")
    shape, fortran, dtype = read_header(beginning)
    readable_dtype(dtype)
    begin = beginning.tell()
    n_bytes = info.file_size - begin
    if any(size < 0 for size in shape) or math.prod(shape) * dtype.itemsize != n_bytes:
        raise ValueError(f"{info.filename} in it has another size than it tells")
    memory = np.empty(n_bytes, dtype=np.uint8)
    at = 0
    for piece in itertools.chain([head[begin:]], pieces):
        memory[at : at + len(piece)] = np.frombuffer(piece, dtype=np.uint8)
        at += len(piece)
    memory.flags.writeable = False
    return np.ndarray(shape, dtype, memory, order="F" if fortran else "C")


def _pieces(archive: zipfile.ZipFile, info: zipfile.ZipInfo, digest: Any) -> Iterator[bytes]:
    with archive.open(info) as member:
        while piece := member.read(_PIECE):
            digest.update(piece)
            yield piece
    digest.update(b"\0" + info.filename.encode())
