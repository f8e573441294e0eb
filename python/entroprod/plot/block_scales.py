"""Pictures of entropy production against the length of blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from entroprod.plot.style import BLUE, GREY, INK, VERMILION, axes_or_new, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    import entroprod as ep


def block_scale(result: ep.BlockScale, *, title: str = "", axes: Axes | None = None) -> Figure:
    """Plot entropy production per step against the length of the blocks that are reversed.

    Blocks of so many steps are dots on a line, blocks of so many sentences are diamonds at their
    mean length. Error bars are one standard error over sequences; scales at which no sequence has
    a finite mean are left out.

    Parameters
    ----------
    result : BlockScale
    title : str
        Written above the axes.
    axes : matplotlib Axes, optional
        Where to draw; a new figure is made if not given.

    Raises
    ------
    ValueError
        No scale has a finite mean.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod import plot
    >>> machine = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], [[1, 0], [0, 1]])
    >>> result = ep.block_scale(machine, machine.sample(40, 500, rng=0))
    >>> figure = plot.block_scale(result)
    >>> figure.axes[0].get_xscale()
    'log'
    """
    drawn = sorted(
        (point for point in result if point.mean is not None and np.isfinite(point.mean)),
        key=lambda point: point.block_length,
    )
    if not drawn:
        raise ValueError("result has no scale with a finite mean")
    axes = axes_or_new(axes)
    axes.set_xscale("log")
    axes.axhline(0.0, color=GREY, linewidth=0.8, zorder=1)
    for unit, label, style in (
        ("step", "blocks of so many steps", {"color": BLUE, "marker": "o", "linestyle": "-"}),
        ("sentence", "blocks of whole sentences", {"color": VERMILION, "marker": "D"}),
    ):
        points = [point for point in drawn if point.unit == unit]
        if points:
            _draw_scales(axes, points, label, style)
    axes.set_xlabel("length of a block (steps)")
    ticks = [point.block_length for point in drawn if point.unit == "step"]
    if ticks:
        axes.set_xticks(ticks)
        axes.minorticks_off()
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.set_ylabel(r"$\sigma / T$ (nats per step)")
    return tidy(axes, title, legend=True)


def _draw_scales(
    axes: Axes, points: Sequence[ep.ScalePoint], label: str, style: dict[str, str]
) -> None:
    """Draw dots with error bars, those of a single sequence without, and sentences with a name."""
    x = [point.block_length for point in points]
    y = [float(point.mean or 0.0) for point in points]
    errors = [point.standard_error or 0.0 for point in points]
    bars = [error if np.isfinite(error) else 0.0 for error in errors]
    look: dict[str, Any] = {"linestyle": "none", **style}
    axes.errorbar(x, y, yerr=bars, label=label, markersize=5, linewidth=1.3, elinewidth=1.1, **look)
    for i, (point, height) in enumerate(zip(points, y)):
        if point.unit == "sentence":
            # By turns above and below: two and three sentences may be equally long in short texts.
            above = i % 2 == 0
            axes.annotate(
                point.name,
                (point.block_length, height),
                xytext=(6, 6) if above else (-6, -14),
                ha="left" if above else "right",
                textcoords="offset points",
                fontsize="small",
                color=INK,
            )
