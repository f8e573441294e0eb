"""Values as JSON and arrays, and back: exactly, with their types.

JSON holds what it knows itself; all else is an object with a single key that begins with "$".
Arrays stand apart, by name. Objects of registered classes are listed, what one is made of before
it, so that one that occurs twice is one again.
"""

from __future__ import annotations

import json
import math
import re
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entroprod.results.registry import class_named, made_of, name_of_class, parts_of

AnyArray = NDArray[Any]

# Kinds of arrays whose bytes mean the same everywhere: no objects, no records.
_KINDS = "biufcSUmM"
# Wider floats, and pairs of them, differ from system to system.
_WIDEST = {"f": 8, "c": 16}
_LARGEST_INTEGER = 2**63
_LONGEST_NAME = 80


class Encoder:
    """Turns values into JSON; ``arrays`` and ``objects`` collect what stands apart."""

    def __init__(self) -> None:
        self.arrays: dict[str, AnyArray] = {}
        self.objects: list[dict[str, Any]] = []
        self._names: dict[int, str] = {}
        self._numbers: dict[int, int | None] = {}
        # What was met stays alive, or else another value could take its identity.
        self._met: list[Any] = []

    def encode(self, value: Any, where: str = "") -> Any:
        """JSON of a value; ``where`` tells its place.

        Raises
        ------
        TypeError
            If it, or something in it, is of a kind that can't be saved, naming its place.
        ValueError
            If an object holds itself.
        """
        kind = type(value)
        if value is None or kind is bool:
            return value
        if isinstance(value, np.generic):
            _require_portable(value.dtype, where)
            return {"$scalar": [value.dtype.str, value.tobytes().hex()]}
        if kind is np.ndarray:
            return {"$array": self._array(value, where)}
        known = _SIMPLE.get(kind)
        if known is not None:
            return known(value)
        if kind in (list, tuple):
            return self._row(value, where)
        if kind in (set, frozenset):
            members = [self.encode(member, f"{where} (a member)") for member in value]
            return {f"${kind.__name__}": sorted(members, key=json.dumps)}
        if kind is dict:
            return self._dict(value, where)
        if name_of_class(kind) is not None:
            return {"$object": self._object(value, where)}
        raise TypeError(_refused(value, where))

    def _row(self, value: Sequence[Any], where: str) -> Any:
        if _is_ragged(value):
            ragged = self._ragged(value, where)
            return {"$ragged": {**ragged, "type": type(value).__name__}}
        items = [self.encode(item, f"{where}[{i}]") for i, item in enumerate(value)]
        return items if type(value) is list else {"$tuple": items}

    def _dict(self, value: Mapping[Any, Any], where: str) -> Any:
        if all(type(key) is str and not key.startswith("$") and _is_unicode(key) for key in value):
            return {key: self.encode(item, _inside(where, key)) for key, item in value.items()}
        pairs = [
            [self.encode(key, f"{where} (a key)"), self.encode(item, f"{where}[{key!r}]")]
            for key, item in value.items()
        ]
        return {"$dict": pairs}

    def _object(self, value: Any, where: str) -> int:
        number = self._numbers.get(id(value), -1)
        if number is None:
            raise ValueError(f"{where or 'value'} holds itself, which can't be saved")
        if number >= 0:
            return number
        self._numbers[id(value)] = None
        self._met.append(value)
        parts = parts_of(value)
        self._met.append(parts)
        entry: dict[str, Any] = {
            "class": name_of_class(type(value)),
            "parts": {
                name: self.encode(part, _inside(where, name)) for name, part in parts.items()
            },
        }
        names = getattr(value, "_kept_if_computed", ())
        computed = {name: value.__dict__[name] for name in names if name in value.__dict__}
        if computed:
            entry["computed"] = {
                name: self.encode(part, _inside(where, name)) for name, part in computed.items()
            }
        self.objects.append(entry)
        self._numbers[id(value)] = len(self.objects) - 1
        return len(self.objects) - 1

    def _array(self, value: AnyArray, where: str) -> str:
        if id(value) in self._names:
            return self._names[id(value)]
        _require_portable(value.dtype, where)
        stem = re.sub(r"[^A-Za-z0-9_.]+", "_", where).strip("._")[:_LONGEST_NAME] or "value"
        name, count = stem, 1
        while name in self.arrays:
            count += 1
            name = f"{stem}_{count}"
        self.arrays[name] = value
        self._names[id(value)] = name
        self._met.append(value)
        return name

    def _ragged(self, rows: Sequence[AnyArray | None], where: str) -> dict[str, str]:
        """Many arrays as three: those that differ one after the other, lengths, and which where."""
        places: dict[int, int] = {}
        different: list[AnyArray] = []
        picks = np.empty(len(rows), dtype=np.int64)
        for i, row in enumerate(rows):
            if row is None:
                picks[i] = -1
                continue
            if id(row) not in places:
                places[id(row)] = len(different)
                different.append(row)
            picks[i] = places[id(row)]
        lengths = np.array([len(row) for row in different], dtype=np.int64)
        return {
            "values": self._array(np.concatenate(different), where),
            "lengths": self._array(lengths, f"{where}.lengths"),
            "picks": self._array(picks, f"{where}.picks"),
        }


class Decoder:
    """Turns JSON and arrays into values again."""

    def __init__(self, arrays: Mapping[str, AnyArray], objects: Sequence[Any]) -> None:
        self._arrays = arrays
        self._made: list[Any] = []
        for entry in objects:
            self._made.append(self._object(entry))

    def decode(self, given: Any) -> Any:
        """Value of JSON.

        Raises
        ------
        ValueError
            If it is none that an ``Encoder`` makes, or names a class that isn't registered.
        """
        if isinstance(given, list):
            return [self.decode(item) for item in given]
        if not isinstance(given, dict):
            return given
        if not any(key.startswith("$") for key in given):
            return {key: self.decode(item) for key, item in given.items()}
        (key, content), *more = given.items()
        read = _READ.get(key)
        if read is None or more:
            raise ValueError(f"it holds a value of an unknown kind {key!r}")
        return read(self, content)

    def _object(self, entry: Any) -> Any:
        cls = class_named(entry["class"])
        parts = {name: self.decode(part) for name, part in entry["parts"].items()}
        try:
            made = made_of(cls, parts)
        except (TypeError, ValueError, KeyError, ArithmeticError) as error:
            raise ValueError(
                f"a {cls.__qualname__} can't be made of what it holds: {error}"
            ) from error
        for name, part in entry.get("computed", {}).items():
            if name not in getattr(cls, "_kept_if_computed", ()):
                raise ValueError(f"{cls.__qualname__} has no value {name!r} that would be kept")
            made.__dict__[name] = self.decode(part)
        return made

    def _of_list(self, made: int) -> Any:
        return self._made[made]

    def _array(self, name: str) -> AnyArray:
        return self._arrays[name]

    def _ragged(self, content: Mapping[str, str]) -> Any:
        values, lengths, picks = (self._arrays[content[n]] for n in ("values", "lengths", "picks"))
        stops = np.cumsum(lengths)
        rows = [values[stop - length : stop] for stop, length in zip(stops, lengths)]
        chosen = (None if pick < 0 else rows[pick] for pick in picks.tolist())
        return tuple(chosen) if content["type"] == "tuple" else list(chosen)


def _refused(value: Any, where: str) -> str:
    kind = type(value)
    what = f"{kind.__module__}.{kind.__qualname__}"
    msg = f"{where or 'value'} can't be saved: it is a {what}"
    if isinstance(value, np.ndarray):
        return f"{msg}, which is more than a plain array"
    if hasattr(kind, "_stored_parts") or hasattr(kind, "__dataclass_fields__"):
        return f"{msg}, a class that isn't registered: decorate it with entroprod.storable"
    return msg


def _is_portable(dtype: np.dtype[Any]) -> bool:
    return dtype.kind in _KINDS and dtype.itemsize <= _WIDEST.get(dtype.kind, dtype.itemsize)


def _require_portable(dtype: np.dtype[Any], where: str) -> None:
    if not _is_portable(dtype):
        raise TypeError(f"{where or 'value'} can't be saved: its numbers have dtype {dtype}")


def readable_dtype(given: Any) -> np.dtype[Any]:
    """The dtype that a file tells, refused where no array is saved with it."""
    dtype: np.dtype[Any] = np.dtype(given)
    if not _is_portable(dtype):
        raise ValueError(f"it holds an array of dtype {dtype}")
    return dtype


def _inside(where: str, name: str) -> str:
    if not name.isidentifier():
        return f"{where}[{name!r}]"
    return f"{where}.{name}" if where else name


def _is_ragged(value: Sequence[Any]) -> bool:
    """Whether it holds arrays of one axis and one dtype, some of which may be missing."""
    arrays = [item for item in value if item is not None]
    if len(value) < 2 or not arrays or type(arrays[0]) is not np.ndarray:
        return False
    dtype = arrays[0].dtype
    return all(type(a) is np.ndarray and a.ndim == 1 and a.dtype == dtype for a in arrays)


def _is_unicode(text: str) -> bool:
    """Whether it has no half of a surrogate pair, which JSON would put together with another."""
    if text.isascii():
        return True
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _of_text(value: str) -> Any:
    if _is_unicode(value):
        return value
    return {"$text": value.encode("utf-8", "surrogatepass").hex()}


def _of_integer(value: int) -> Any:
    # Long numbers in decimal digits take quadratic time, and are refused for that.
    return value if abs(value) < _LARGEST_INTEGER else {"$integer": hex(value)}


def _of_float(value: float) -> Any:
    return value if math.isfinite(value) else {"$float": struct.pack(">d", value).hex()}


def _as_float(content: str) -> float:
    number: float = struct.unpack(">d", bytes.fromhex(content))[0]
    return number


def _as_scalar(content: Sequence[str]) -> Any:
    dtype = readable_dtype(content[0])
    return np.frombuffer(bytes.fromhex(content[1]), dtype=dtype, count=1)[0]


_SIMPLE: dict[type, Callable[[Any], Any]] = {
    str: _of_text,
    int: _of_integer,
    float: _of_float,
    complex: lambda value: {"$complex": [_of_float(value.real), _of_float(value.imag)]},
    bytes: lambda value: {"$bytes": value.hex()},
}
_READ: dict[str, Callable[[Decoder, Any], Any]] = {
    "$text": lambda _, content: bytes.fromhex(content).decode("utf-8", "surrogatepass"),
    "$integer": lambda _, content: int(content, 16),
    "$float": lambda _, content: _as_float(content),
    "$complex": lambda self, content: complex(*(self.decode(part) for part in content)),
    "$bytes": lambda _, content: bytes.fromhex(content),
    "$scalar": lambda _, content: _as_scalar(content),
    "$array": Decoder._array,
    "$ragged": Decoder._ragged,
    "$tuple": lambda self, content: tuple(self.decode(item) for item in content),
    "$set": lambda self, content: {self.decode(item) for item in content},
    "$frozenset": lambda self, content: frozenset(self.decode(item) for item in content),
    "$dict": lambda self, content: {self.decode(key): self.decode(item) for key, item in content},
    "$object": Decoder._of_list,
}
