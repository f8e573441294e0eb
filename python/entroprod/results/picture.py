"""Pictures of results, found by name: results know what they look like, not how it is drawn."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PICTURES = "entroprod.plot"


def draw(picture: str, result: Any, **options: Any) -> Figure:
    """Picture of a result by a function of :mod:`entroprod.plot`, or by ``"module:function"``.

    Raises
    ------
    ImportError
        Without matplotlib, with the line that installs it.
    """
    module, _, function = picture.rpartition(":")
    figure: Figure = getattr(import_module(module or _PICTURES), function)(result, **options)
    return figure
