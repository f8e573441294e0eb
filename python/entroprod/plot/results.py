"""Pictures of entropy production over time, and of series."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from entroprod.boundary.arrays import FloatArray, as_float_array
from entroprod.plot.style import (
    BLUE,
    GREY,
    ORANGE,
    SKY,
    VERMILION,
    axes_or_new,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    import entroprod as ep
    from entroprod.series import SeriesEntropyProduction

# Height of the axes over what fills them, for a legend of two lines.
_ROOM_FOR_LEGEND = 1.25
# Rates in extended precision below this are rounding; nearly reversible machines have more.
_NO_RATE = 1e-24


def curve(
    values: npt.ArrayLike,
    *,
    monte_carlo: Sequence[ep.MonteCarlo] = (),
    rate: float | None = None,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Plot entropy production against the number of steps, with Monte Carlo estimates.

    Parameters
    ----------
    values : (T,) array_like
        S_y(1), .., S_y(T) in nats, as from ``ep.entropy_production_curve``.
    monte_carlo : sequence of MonteCarlo
        Estimates, each drawn at its own number of steps with an error bar of one standard error.
    rate : float, optional
        Nats per step; the last point is continued backwards at this slope as a dashed line.
    title : str
        Written above the axes.
    axes : matplotlib Axes, optional
        Where to draw; a new figure is made if not given.

    Raises
    ------
    ValueError, TypeError
        ``values`` is not a one-dimensional array of at least one number, all finite.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod import plot
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> figure = plot.curve(ep.entropy_production_curve(machine, 20))
    >>> figure.axes[0].get_ylabel()
    'entropy production $S_y(T)$ (nats)'
    """
    heights = as_float_array(values, "values", 1)
    axes = axes_or_new(axes)
    steps = np.arange(1, heights.size + 1)
    # A line through a single point shows nothing.
    marker = "o" if heights.size == 1 else None
    axes.plot(steps, heights, color=BLUE, linewidth=1.5, marker=marker, label="exact", zorder=3)
    if monte_carlo:
        _draw_estimates(axes, monte_carlo)
    if rate is not None:
        _draw_slope(axes, steps, heights, rate)
    axes.set_xlabel("number of steps $T$")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("entropy production $S_y(T)$ (nats)")
    axes.set_ylim(bottom=min(0.0, *axes.get_ylim()))
    axes.set_xlim(left=0)
    return tidy(axes, title, legend=True)


def per_step(result: ep.EntropyProduction, *, title: str = "", axes: Axes | None = None) -> Figure:
    """Plot the contribution of every step to the entropy production of ``result``.

    Parameters
    ----------
    result : EntropyProduction
        Its ``per_step`` (T,) array, in nats, is drawn.
    title : str
        Written above the axes.
    axes : matplotlib Axes, optional
        Where to draw; a new figure is made if not given.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod import plot
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> figure = plot.per_step(ep.entropy_production(machine, 20))
    >>> figure.axes[0].get_xlabel()
    'step $t$'
    """
    axes = axes_or_new(axes)
    values = np.asarray(result.per_step, dtype=np.float64)
    axes.axhline(0.0, color=GREY, linewidth=0.8, zorder=1)
    axes.plot(
        np.arange(1, values.size + 1),
        values,
        color=BLUE,
        linewidth=1.4,
        marker="o" if values.size <= 100 else None,
        markersize=3,
    )
    axes.set_xlabel("step $t$")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylabel("contribution of the step (nats)")
    return tidy(axes, title)


def decomposition(
    result: ep.EntropyProduction, *, title: str = "", axes: Axes | None = None
) -> Figure:
    """Plot where entropy is produced: compression loss and model mismatch, stacked over time.

    The height of the stack is the retrospective entropy production D_t of the step, and its area
    the entropy production of the sequence.

    Parameters
    ----------
    result : EntropyProduction
        Its ``compression_loss`` and ``model_mismatch``, (T,) each, in nats, are drawn.
    title : str
        Written above the axes.
    axes : matplotlib Axes, optional
        Where to draw; a new figure is made if not given.

    Raises
    ------
    ValueError
        If the decomposition was left out of ``result``, or is infinite.
    NumericalError
        If the machine has no ``memory`` that tells the two apart.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod import plot
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> figure = plot.decomposition(ep.entropy_production(machine, 20))
    >>> figure.axes[0].get_ylabel()
    'entropy production of the step (nats)'
    """
    loss, mismatch = result.compression_loss, result.model_mismatch
    if not np.isfinite(loss + mismatch).all():
        step = 1 + int(np.flatnonzero(~np.isfinite(loss + mismatch))[0])
        msg = f"result has infinite entropy production, first at step {step}: nothing to draw"
        raise ValueError(msg)
    axes = axes_or_new(axes)
    # Steps, not slopes: a value belongs to one time.
    edges = np.arange(0.5, loss.size + 1.0)
    # Rounding isn't drawn as if it were entropy production.
    shown = result.total > result.rounding_error
    total = result.total if shown else 1.0
    base = np.zeros(loss.size)
    for given, color, name in (
        (loss, BLUE, "compression loss $L_t$"),
        (mismatch, ORANGE, "model mismatch $M_t$"),
    ):
        values = given if shown else np.zeros_like(given)
        share = 100.0 * float(values.sum()) / total
        axes.stairs(
            base + values,
            edges,
            baseline=base,
            fill=True,
            color=color,
            linewidth=0.0,
            label=f"{name}, {share:.3g} % of {result.total if shown else 0.0:.3g} nats",
        )
        base = base + values
    axes.set_xlabel("step $t$")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(edges[0], edges[-1])
    axes.set_ylabel("entropy production of the step (nats)")
    axes.set_ylim(0.0, _ROOM_FOR_LEGEND * (float(base.max()) if shown else 1.0))
    return tidy(axes, title, legend=True)


def series_rate(
    result: SeriesEntropyProduction, *, title: str = "", axes: Axes | None = None
) -> Figure:
    """Plot the rate of a table against the rates of reversible surrogates, with its interval.

    Parameters
    ----------
    result : SeriesEntropyProduction
        Rates in nats per step.
    title : str
        Written above the axes.
    axes : matplotlib Axes, optional
        Where to draw; a new figure is made if not given.

    Raises
    ------
    ValueError
        No surrogate has a rate.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod import plot, series
    >>> rotation = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], [[1, 0], [0, 1]])
    >>> table = rotation.sample(200, rng=1)[0]
    >>> result = series.series_entropy_production(table, n_bootstrap=50, n_surrogates=50, rng=0)
    >>> figure = plot.series_rate(result)
    >>> figure.axes[0].get_xlabel()
    'entropy production rate (nats per step)'
    """
    if len(result.null_rates) == 0:
        raise ValueError("result.null_rates is empty: no surrogate has a rate")
    axes = axes_or_new(axes)
    counts, edges = np.histogram(result.null_rates, bins="auto")
    axes.stairs(
        counts,
        edges,
        fill=True,
        color=SKY,
        alpha=0.6,
        label=f"{result.n_surrogates:,} reversible surrogates",
    )
    _draw_interval(axes, result, float(counts.max()))
    axes.set_xlim(left=min(0.0, float(edges[0])))
    axes.set_xlabel("entropy production rate (nats per step)")
    axes.set_ylabel("number of surrogates")
    return tidy(axes, title, legend=True)


def _draw_estimates(axes: Axes, results: Sequence[ep.MonteCarlo]) -> None:
    """Draw dots with error bars: many under the exact curve, a single one where it is seen."""
    axes.errorbar(
        [result.n_steps for result in results],
        [result.mean for result in results],
        yerr=[result.standard_error for result in results],
        fmt="o",
        color=VERMILION,
        markersize=3.4,
        markeredgewidth=0,
        elinewidth=1.0,
        capsize=0,
        label=_monte_carlo_label(results),
        zorder=2 if len(results) > 1 else 4,
    )


def _draw_interval(axes: Axes, result: SeriesEntropyProduction, top: float) -> None:
    """Draw the observed rate and its interval above ``top``, where they hide nothing."""
    height = 1.1 * top
    axes.vlines(result.rate, 0, height, color=VERMILION, linewidth=1.2, linestyle=(0, (4, 2)))
    axes.plot(
        result.rate,
        height,
        "o",
        color=VERMILION,
        markersize=6,
        clip_on=False,
        label=f"observed {result.rate:.3g} ($p$ = {result.p_value:.2g})",
    )
    axes.plot(
        result.interval,
        [height, height],
        color=VERMILION,
        linewidth=1.8,
        marker="|",
        markersize=9,
        clip_on=False,
        label=f"its {100 * result.confidence_level:.9g} % interval",
    )
    axes.set_ylim(0, 1.2 * top)


def _draw_slope(axes: Axes, steps: npt.NDArray[Any], heights: FloatArray, rate: float) -> None:
    """Draw the line of slope ``rate`` through the last point, from where it is positive."""
    line = heights[-1] + rate * (steps - steps[-1])
    shown = line >= 0
    axes.plot(
        steps[shown],
        line[shown],
        color=GREY,
        linewidth=1.2,
        linestyle=(0, (4, 2)),
        label=f"rate {_short(rate)} nats per step",
        zorder=1,
    )


def _monte_carlo_label(results: Sequence[ep.MonteCarlo]) -> str:
    counts = sorted({result.n_paths for result in results})
    paths = f"{counts[0]:,}" if len(counts) == 1 else f"{counts[0]:,} to {counts[-1]:,}"
    return f"Monte Carlo, {paths} paths (± 1 s.e.)"


def _short(value: float) -> str:
    return "0" if abs(value) < _NO_RATE else f"{value:.3g}"
