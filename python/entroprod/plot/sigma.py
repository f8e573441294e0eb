"""Pictures of how the entropy production of single paths is distributed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

import numpy as np
from matplotlib.figure import Figure

from entroprod.boundary.arrays import FloatArray, as_count
from entroprod.plot.style import BLUE, INK, SKY, VERMILION, axes_or_new, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    import entroprod as ep


class HasSigma(Protocol):
    """Results with one stochastic entropy production per path."""

    @property
    def sigma(self) -> FloatArray | None:
        """(N,) stochastic entropy production in nats."""


def sigma_histogram(
    result: HasSigma, *, bins: int = 80, title: str = "", axes: Axes | None = None
) -> Figure:
    r"""Plot how the entropy production of single paths is distributed, with its mean.

    Next to the density of sigma stands the density weighted with exp(-sigma): both have area 1
    (the fluctuation theorem, [S26] eq 20), and where the weighted one is ragged the average of
    exp(-sigma) rests on few paths. Infinite values can't be drawn: their share stands in the
    legend, and is missing from both areas.

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
        ``result.sigma`` is None or has no finite value, or ``bins`` isn't a number of bins.

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
    finite = sigma[np.isfinite(sigma)]
    if finite.size == 0:
        raise ValueError("result.sigma has no finite value: nothing to draw")
    edges = np.histogram_bin_edges(finite, bins=as_count(bins, "bins"))
    axes = axes_or_new(axes)
    heights, weighted = (
        np.histogram(finite, bins=edges, weights=weights / sigma.size)[0]
        for weights in (np.ones_like(finite), np.exp(-finite))
    )
    label = r"$p(\sigma)$"
    axes.stairs(heights / np.diff(edges), edges, fill=True, color=SKY, alpha=0.6, label=label)
    axes.stairs(
        weighted / np.diff(edges),
        edges,
        color=VERMILION,
        linewidth=1.4,
        label=r"$p(\sigma)\,e^{-\sigma}$",
    )
    if finite.size == sigma.size:
        mean = float(sigma.mean())
        axes.axvline(mean, color=INK, linewidth=1.2, linestyle="--", label=f"mean {mean:.3g} nats")
    else:
        share = f"infinite: {sigma.size - finite.size:,} of {sigma.size:,}"
        axes.plot([], [], linestyle="none", label=share)
    axes.set_xlabel(r"entropy production of a path $\sigma$ (nats)")
    axes.set_ylabel("probability density (1/nats)")
    axes.set_ylim(bottom=0)
    return tidy(axes, title, legend=True)


def sigma_law(
    law: ep.SigmaLaw | ep.PairSigmaLaw | ep.QuadraticLaw,
    *,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Plot the exact density of sigma, and the density times e^-sigma.

    A machine that reads itself is its own reverse, so the detailed fluctuation theorem
    p(-sigma) = e^-sigma p(sigma) holds, and the second curve is the mirror image of the first. With
    another reader it is the density of sigma on the reader's paths. P(sigma < 0) is shaded.

    Parameters
    ----------
    law : SigmaLaw, PairSigmaLaw or QuadraticLaw
        Not of a sigma that has a single value.
    title : str
        Written above the axes.
    axes : matplotlib Axes, optional
        Where to draw; a new figure is made if not given.

    Raises
    ------
    NumericalError
        sigma has a single value and no density.

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
    axes = axes_or_new(axes)
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
    label = r"$p(\sigma)\,e^{-\sigma}$"
    if law.obeys_detailed_theorem:
        # e^-sigma alone overflows far below 0.
        turned, label = law.pdf(-sigma), label[:-1] + r" = p(-\sigma)$"
    else:
        with np.errstate(over="ignore", under="ignore", invalid="ignore"):
            turned = density * np.exp(-sigma)
    axes.plot(sigma, turned, color=VERMILION, linewidth=1.4, linestyle=(0, (4, 3)), label=label)
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
    axes = axes_or_new(axes)
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
