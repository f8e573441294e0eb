"""What results and machines have in common: they can be saved, loaded and copied."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, ClassVar

from entroprod.results.registry import made_of
from entroprod.results.storage import load, save

if TYPE_CHECKING:
    from typing_extensions import Self


class Stored:
    """Base of dataclasses that can be saved; each is registered by :func:`storable` as well."""

    # Values that are computed at their first use (cached properties), and saved if they have been.
    _kept_if_computed: ClassVar[tuple[str, ...]] = ()

    def save(self, path: str | os.PathLike[str], *, overwrite: bool = False) -> None:
        """Save it in a file; :func:`entroprod.load` loads it again.

        Parameters
        ----------
        path : str or path
            ``.npz`` suits: ``numpy.load`` shows the arrays in it.
        overwrite : bool
            Whether a file that is there already may be replaced.

        Raises
        ------
        TypeError, FileExistsError, ValueError, OSError
            As :func:`entroprod.save` does.
        """
        save(self, path, overwrite=overwrite)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Load one of this class; as :func:`entroprod.load`, which loads any.

        Raises
        ------
        TypeError
            If the file holds something else.
        """
        found = load(path)
        if not isinstance(found, cls):
            raise TypeError(f"{path} holds a {type(found).__name__}, no {cls.__name__}")
        return found

    def _stored_parts(self) -> dict[str, Any]:
        """What it is made of: arguments of the constructor by name."""
        return {
            item.name: getattr(self, item.name)
            for item in fields(self)  # type: ignore[arg-type]  # subclasses are dataclasses
            if item.init
        }


class Remade(Stored):
    """Base of machines: copies and pickles are made anew by the constructor, from its arguments."""

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return made_of, (type(self), self._stored_parts())
