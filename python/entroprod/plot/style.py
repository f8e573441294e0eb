"""How all pictures look: colours, axes, and a Figure that notebooks show without pyplot."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from matplotlib.figure import Figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's palette: told apart with any common form of colour blindness, and in print.
BLUE = "#0072B2"
VERMILION = "#D55E00"
GREEN = "#009E73"
PURPLE = "#CC79A7"
ORANGE = "#E69F00"
SKY = "#56B4E9"
INK = "#222222"
GREY = "#8C8C8C"
PALETTE = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY)


class Picture(Figure):
    """A Figure that notebooks show, without pyplot."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=150)
        return stream.getvalue()


def axes_or_new(axes: Axes | None) -> Axes:
    """The given axes, or those of a new figure."""
    if axes is not None:
        return axes
    return Picture(figsize=(6.0, 4.0), layout="constrained").add_subplot()


def tidy(axes: Axes, title: str, legend: bool = False) -> Figure:
    """Remove what carries no information, and return the figure."""
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(GREY)
    axes.tick_params(color=GREY, labelcolor=INK)
    if title:
        axes.set_title(title, loc="left", fontsize="medium", color=INK)
    if legend:
        axes.legend(frameon=False, fontsize="small", loc="best")
    figure = axes.figure.figure
    if not isinstance(figure, Figure):
        raise TypeError("axes must belong to a Figure")
    return figure
