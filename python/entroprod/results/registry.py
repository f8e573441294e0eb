"""Classes whose objects can be saved, by the names under which files know them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any, TypeVar, overload

T = TypeVar("T", bound=type)

# By the name in files, and by the class.
_CLASSES: dict[str, type] = {}
_NAMES: dict[type, str] = {}
# Classes of the library are named by it alone, so that its folders may change.
_LIBRARY = __name__.partition(".")[0]


@overload
def storable(cls: T) -> T: ...
@overload
def storable(*, name: str | None = None) -> Callable[[T], T]: ...


def storable(cls: T | None = None, *, name: str | None = None) -> T | Callable[[T], T]:
    """Class decorator: objects of this class can be saved and loaded, also inside of others.

    A file names the class; loading looks the name up among the decorated classes of the running
    program and imports nothing, so the module that defines a class of your own has to be imported
    before.

    Parameters
    ----------
    cls : type
        A dataclass or a NamedTuple, which is saved as its fields (those of ``__init__``) and made
        anew by its constructor; or any class with a method ``_stored_parts()`` that gives a dict,
        and, where the constructor doesn't take just that, a class method
        ``_from_stored_parts(parts)``. Parts are numbers, strings, bytes, None, arrays, tuples,
        lists, sets and dicts of them, and objects of decorated classes.
    name : str, optional
        Under which files know it; by default the module and the name of the class. Give one where
        the module may be renamed, or is ``__main__``.

    Raises
    ------
    TypeError
        If a class is none of these.
    ValueError
        If the name belongs to another class.

    Examples
    --------
    >>> import tempfile
    >>> from dataclasses import dataclass
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import entroprod as ep
    >>> @ep.storable(name="example.Waiting")
    ... @dataclass(frozen=True)
    ... class Waiting:
    ...     times: np.ndarray
    ...     unit: str
    >>> path = Path(tempfile.mkdtemp()) / "waiting.npz"
    >>> ep.save(Waiting(np.array([0.5, 2.0]), "s"), path)
    >>> ep.load(path)
    Waiting(times=array([0.5, 2. ]), unit='s')
    """
    if cls is None:
        return lambda given: _register(given, name)
    return _register(cls, name)


def name_of_class(cls: type) -> str | None:
    """Name of a class in files, None if it isn't registered."""
    return _NAMES.get(cls)


def class_named(name: str) -> type:
    """Class of a name in a file.

    Raises
    ------
    ValueError
        If no class is registered under it.
    """
    try:
        return _CLASSES[name]
    except KeyError:
        raise ValueError(
            f"it holds an object of class {name!r}, which isn't registered here: import the module "
            "that defines it first, decorated with entroprod.storable"
        ) from None


def parts_of(value: Any) -> dict[str, Any]:
    """What an object of a registered class is made of."""
    own = getattr(value, "_stored_parts", None)
    if own is not None:
        parts: dict[str, Any] = own()
        return parts
    if dataclasses.is_dataclass(value):
        return {
            item.name: getattr(value, item.name) for item in dataclasses.fields(value) if item.init
        }
    return dict(zip(value._fields, value))


def made_of(cls: type, parts: dict[str, Any]) -> Any:
    """Object of a registered class, made of its parts again."""
    own = getattr(cls, "_from_stored_parts", None)
    return cls(**parts) if own is None else own(parts)


def _register(cls: T, name: str | None) -> T:
    if not isinstance(cls, type):
        raise TypeError(f"cls must be a class, got {cls!r}; storable(name=...) gives it a name")
    if not (name is None or isinstance(name, str)):
        raise TypeError(f"name must be a string, got {name!r}")
    simple = dataclasses.is_dataclass(cls) or (issubclass(cls, tuple) and hasattr(cls, "_fields"))
    if not (simple or hasattr(cls, "_stored_parts")):
        raise TypeError(
            f"{cls.__qualname__} must be a dataclass, a NamedTuple or have a method _stored_parts "
            "to be storable"
        )
    if name is None:
        module = cls.__module__
        top = module.partition(".")[0]
        name = f"{_LIBRARY if top == _LIBRARY else module}.{cls.__qualname__}"
    known = _CLASSES.get(name)
    # A cell of a notebook that runs again defines the same class once more.
    if known is not None and (known.__module__, known.__qualname__) != (
        cls.__module__,
        cls.__qualname__,
    ):
        raise ValueError(f"the name {name!r} belongs to another class, of {known.__module__}")
    _CLASSES[name] = cls
    _NAMES[cls] = name
    return cls
