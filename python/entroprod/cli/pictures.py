"""Saving figures; matplotlib is loaded only when a picture was asked for."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

from entroprod.cli.files import PICTURE_SUFFIXES, check_output, write_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def check_picture(path: Path | None) -> None:
    """Raise before the work starts if the picture could not be drawn or stored after it."""
    if path is None:
        return
    check_output(path, "--plot", PICTURE_SUFFIXES)
    import entroprod.plot  # noqa: F401  (names the missing extra)


def save_picture(figure: Figure, path: Path) -> None:
    """Draw in memory and store the picture as a whole."""
    stream = io.BytesIO()
    figure.savefig(stream, format=path.suffix.lower().removeprefix("."), dpi=200)
    write_file(path, stream.getvalue())
