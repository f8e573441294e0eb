"""The base of all results."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from entroprod.results.picture import draw
from entroprod.results.stored import Stored

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure


class Result(Stored):
    """Base of frozen dataclasses that hold what was computed.

    Their arrays are read-only, in copies too. Equal results are of one class and have equal values,
    NaN being equal to NaN. A result of one's own is a dataclass with ``frozen=True, eq=False``
    (with ``repr=False`` for a short repr), decorated with :func:`entroprod.storable`.
    """

    # Name of a function of entroprod.plot, or "module:function", that draws it.
    _picture: ClassVar[str | None] = None

    def __post_init__(self) -> None:
        _lock(self.__dict__)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts by name, ready for JSON."""
        return {name: plain(getattr(self, name)) for name in self._public()}

    def to_frame(self) -> pd.DataFrame:
        """Table of it; needs pandas.

        Raises
        ------
        TypeError
            If it has no rows.
        """
        raise TypeError(f"a {type(self).__name__} is no table: to_dict() has its values")

    def plot(self, *, title: str = "", axes: Any = None, **options: Any) -> Figure:
        """Picture of it, drawn into ``axes`` where given; needs matplotlib.

        By the function of :mod:`entroprod.plot` for this class, which takes ``options``.

        Raises
        ------
        TypeError
            If there is no picture of it.
        """
        if self._picture is None:
            raise TypeError(f"there is no picture of a {type(self).__name__}")
        return draw(self._picture, self, title=title, axes=axes, **options)

    def __repr__(self) -> str:
        told = ", ".join(f"{name}={_short(getattr(self, name))}" for name in self._public())
        return f"{type(self).__name__}({told})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return same(self._compared(), other._compared())

    def __hash__(self) -> int:
        # Numbers that are equal, and NaN, may differ in their hash: words and counts are enough.
        told = (v for v in self._compared().values() if type(v) in (int, str, bool))
        return hash((type(self), *told))

    def __setstate__(self, state: dict[str, Any]) -> None:
        # Copies of arrays, in pickles and deep copies, are writable.
        _lock(state)
        self.__dict__.update(state)

    def _public(self) -> list[str]:
        """Names of the fields that users see."""
        declared = fields(self)  # type: ignore[arg-type]  # subclasses are dataclasses
        return [item.name for item in declared if not item.name.startswith("_")]

    def _compared(self) -> dict[str, Any]:
        """What equal results have the same."""
        return {name: getattr(self, name) for name in self._public()}


def plain(value: Any) -> Any:
    """A value as JSON knows it: numbers, strings, lists, dicts by string, None.

    Of what is none of these the repr remains.
    """
    if isinstance(value, Result):
        return value.to_dict()
    if value is None or isinstance(value, (bool, str)):
        return value
    if isinstance(value, (np.ndarray, np.generic)):
        return plain(value.tolist())
    if isinstance(value, float):
        return float(value)
    if isinstance(value, int):
        return int(value)
    if isinstance(value, complex):
        return [value.real, value.imag]
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, (set, frozenset)):
        return sorted((plain(item) for item in value), key=json.dumps)
    return str(value) if isinstance(value, Path) else repr(value)


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, with arrays in them, and NaN equal to NaN."""
    if isinstance(one, np.ndarray) or isinstance(other, np.ndarray):
        if not (isinstance(one, np.ndarray) and isinstance(other, np.ndarray)):
            return False
        return np.array_equal(one, other, equal_nan=one.dtype.kind in "fc")
    if isinstance(one, float) and isinstance(other, float):
        return one == other or (math.isnan(one) and math.isnan(other))
    if isinstance(one, (list, tuple)) and type(one) is type(other):
        return len(one) == len(other) and all(same(a, b) for a, b in zip(one, other))
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    return bool(one == other)


def _lock(values: Mapping[str, Any]) -> None:
    """Make arrays among the values, and in tuples of them, read-only."""
    for value in values.values():
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
        elif isinstance(value, tuple):
            before = None
            for item in value:  # often the same array many times
                if item is not before and isinstance(item, np.ndarray):
                    item.flags.writeable = False
                before = item


def _short(value: Any) -> str:
    """Repr that doesn't grow with what is in it."""
    if isinstance(value, np.ndarray):
        return f"<{value.dtype} of shape {value.shape}>"
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, (tuple, list, dict)) and len(value) > 3:
        return f"<{len(value)} of a {type(value).__name__}>"
    if isinstance(value, (tuple, list)):
        told = ", ".join(_short(item) for item in value)
        return f"({told})" if isinstance(value, tuple) else f"[{told}]"
    return repr(value)
