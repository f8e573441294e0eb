"""Pictures of results (extra ``plot``).

Every function takes results, draws into ``axes`` if given or into a new figure, and returns the
matplotlib Figure. pyplot is never touched: there is no global state, no window opens, and the
functions work without a display. Save with ``figure.savefig("curve.png")``.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

try:
    from matplotlib.figure import Figure
    from matplotlib.ticker import MaxNLocator
except ImportError as error:
    raise ImportError('entroprod.plot needs matplotlib: pip install "entroprod[plot]"') from error

from entroprod.arrays import FloatArray, as_count, as_float_array

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    import entroprod as ep
    from entroprod.series import SeriesEntropyProduction

__all__ = [
    "curve",
    "decomposition",
    "discrete_sigma_law",
    "per_step",
    "series_rate",
    "sigma_histogram",
    "sigma_law",
]

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

# Height of the axes over what fills them, for a legend of two lines.
_ROOM_FOR_LEGEND = 1.25
# Rates in extended precision below this are rounding; nearly reversible machines have more.
_NO_RATE = 1e-24


class Picture(Figure):
    """A Figure that notebooks show, without pyplot."""

    def _repr_png_(self) -> bytes:
        stream = io.BytesIO()
        self.savefig(stream, format="png", dpi=150)
        return stream.getvalue()


class HasSigma(Protocol):
    """Results with one stochastic entropy production per path."""

    @property
    def sigma(self) -> FloatArray | None:
        """(N,) stochastic entropy production in nats."""


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
    axes = _axes_or_new(axes)
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
    axes = _axes_or_new(axes)
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
    axes = _axes_or_new(axes)
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


def sigma_histogram(
    result: HasSigma, *, bins: int = 80, title: str = "", axes: Axes | None = None
) -> Figure:
    r"""Plot how the entropy production of single paths is distributed, with its mean.

    Next to the density of sigma stands the density weighted with exp(-sigma): both have area 1
    (the fluctuation theorem, [S26] eq 20), and where the weighted one is ragged the average of
    exp(-sigma) rests on few paths.

    Parameters
    ----------
    result : StochasticEntropyProduction or MonteCarlo
        Its ``sigma`` (N,), in nats, is drawn; a MonteCarlo must have kept it.
    bins : int
        Number of bins.
    title : str
        Written above the axes.
    axes : matplotlib Axes, optional
        Where to draw; a new figure is made if not given.

    Raises
    ------
    ValueError, TypeError
        ``result.sigma`` is None or empty, or ``bins`` isn't a number of bins.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod import plot
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> result = ep.monte_carlo(machine, 5, 1000, rng=0, keep_sigma=True)
    >>> figure = plot.sigma_histogram(result)
    >>> figure.axes[0].get_ylabel()
    'probability density (1/nats)'
    """
    if result.sigma is None:
        raise ValueError("result.sigma is None: run monte_carlo with keep_sigma=True")
    sigma = np.asarray(result.sigma, dtype=np.float64)
    if sigma.size == 0:
        raise ValueError("result.sigma is empty")
    edges = np.histogram_bin_edges(sigma, bins=as_count(bins, "bins"))
    axes = _axes_or_new(axes)
    heights, _ = np.histogram(sigma, bins=edges, density=True)
    weighted, _ = np.histogram(sigma, bins=edges, weights=np.exp(-sigma) / sigma.size)
    axes.stairs(heights, edges, fill=True, color=SKY, alpha=0.6, label=r"$p(\sigma)$")
    axes.stairs(
        weighted / np.diff(edges),
        edges,
        color=VERMILION,
        linewidth=1.4,
        label=r"$p(\sigma)\,e^{-\sigma}$",
    )
    mean = float(sigma.mean())
    axes.axvline(mean, color=INK, linewidth=1.2, linestyle="--", label=f"mean {mean:.3g} nats")
    axes.set_xlabel(r"entropy production of a path $\sigma$ (nats)")
    axes.set_ylabel("probability density (1/nats)")
    axes.set_ylim(bottom=0)
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
    axes = _axes_or_new(axes)
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


def sigma_law(law: ep.SigmaLaw, *, title: str = "", axes: Axes | None = None) -> Figure:
    """Plot the exact density of sigma, and the density times e^-sigma, which is its mirror image.

    The machine is its own reverse, so the detailed fluctuation theorem
    p(-sigma) = e^-sigma p(sigma) holds. P(sigma < 0) is shaded.

    Parameters
    ----------
    law : SigmaLaw
        Not of a sigma that is always 0.
    title : str
        Written above the axes.
    axes : matplotlib Axes, optional
        Where to draw; a new figure is made if not given.

    Raises
    ------
    NumericalError
        sigma is always 0 and has no density.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod import plot
    >>> rotation = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], [[1, 0], [0, 1]])
    >>> figure = plot.sigma_law(ep.sigma_law(rotation, 20))
    >>> figure.axes[0].get_ylabel()
    'probability density (1/nats)'
    """
    spread = law.standard_deviation
    # All but a thousandth of each tail, with 0 in view, which is left out: the density of a single
    # pair of weights is infinite there.
    ends = law.ppf([1e-3, 0.999]) if spread else np.array([-1.0, 1.0])
    reach = np.linspace(min(ends[0], -0.2 * spread), ends[1], 201)
    sigma = reach[np.abs(reach) > 1e-9 * spread]
    density = law.pdf(sigma)
    axes = _axes_or_new(axes)
    below = sigma < 0
    axes.fill_between(
        sigma[below],
        density[below],
        color=SKY,
        alpha=0.6,
        linewidth=0,
        label=rf"$P(\sigma<0)$ = {law.probability_negative:.3g}",
    )
    axes.plot(sigma, density, color=BLUE, linewidth=1.8, label=r"$p(\sigma)$")
    axes.plot(
        sigma,
        # e^-sigma alone overflows far below 0.
        law.pdf(-sigma),
        color=VERMILION,
        linewidth=1.4,
        linestyle=(0, (4, 3)),
        label=r"$p(\sigma)\,e^{-\sigma} = p(-\sigma)$",
    )
    axes.axvline(
        law.mean, color=INK, linewidth=1.2, linestyle="--", label=f"mean {law.mean:.3g} nats"
    )
    axes.set_xlabel(r"entropy production of a path $\sigma$ (nats)")
    axes.set_ylabel("probability density (1/nats)")
    axes.set_ylim(bottom=0)
    return tidy(axes, title, legend=True)


def discrete_sigma_law(
    law: ep.DiscreteSigmaLaw, *, bins: int = 80, title: str = "", axes: Axes | None = None
) -> Figure:
    r"""Plot the probabilities of the finite values of sigma, and those times e^-sigma.

    Few values are drawn one by one, many in bins. Where every sequence can be reordered both sum
    to 1, which is the fluctuation theorem.

    Parameters
    ----------
    law : DiscreteSigmaLaw
        Of a discrete machine; the probability of sigma = +inf stands in the legend.
    bins : int
        Number of bins, and the most values that are drawn one by one.
    title : str
        Written above the axes.
    axes : matplotlib Axes, optional
        Where to draw; a new figure is made if not given.

    Raises
    ------
    ValueError, TypeError
        ``bins`` isn't a number of bins, or sigma is always infinite.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod import plot
    >>> cycle = ep.MarkovChain([[0, 0.75, 0.25], [0.25, 0, 0.75], [0.75, 0.25, 0]])
    >>> figure = plot.discrete_sigma_law(ep.sigma_law(cycle, 6))
    >>> figure.axes[0].get_ylabel()
    'probability'
    """
    bins = as_count(bins, "bins")
    finite = np.isfinite(law.sigma)
    sigma, probability = law.sigma[finite], law.probability[finite]
    if sigma.size == 0:
        raise ValueError("law has no finite value of sigma: nothing to draw")
    weighted = probability * np.exp(-sigma)
    mirrored = r"$p(\sigma)\,e^{-\sigma}$, " + f"sum {law.fluctuation_mean:.4g}"
    axes = _axes_or_new(axes)
    if sigma.size <= bins:
        axes.vlines(sigma, 0.0, probability, color=SKY, linewidth=3.0, label=r"$p(\sigma)$")
        axes.plot(
            sigma,
            weighted,
            color=VERMILION,
            linestyle="none",
            marker="_",
            markersize=7,
            markeredgewidth=1.4,
            label=mirrored,
        )
    else:
        edges = np.histogram_bin_edges(sigma, bins=bins)
        heights, shares = (
            np.histogram(sigma, bins=edges, weights=values)[0] for values in (probability, weighted)
        )
        axes.stairs(heights, edges, fill=True, color=SKY, alpha=0.6, label=r"$p(\sigma)$")
        axes.stairs(shares, edges, color=VERMILION, linewidth=1.4, label=mirrored)
    if law.mean < np.inf:
        label = f"mean {law.mean:.3g} nats"
        axes.axvline(law.mean, color=INK, linewidth=1.2, linestyle="--", label=label)
    else:
        share = f"infinite with probability {law.probability_infinite:.3g}"
        axes.plot([], [], linestyle="none", label=share)
    axes.set_xlabel(r"entropy production of a sequence $\sigma$ (nats)")
    axes.set_ylabel("probability")
    axes.set_ylim(bottom=0)
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


def _axes_or_new(axes: Axes | None) -> Axes:
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
