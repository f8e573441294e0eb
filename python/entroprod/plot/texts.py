"""Pictures of scored texts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.figure import Figure

from entroprod.plot.style import INK, PALETTE, Picture, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from entroprod.text.group_comparison import Comparison, GroupComparison, GroupSummary

# Half the width of the strip of single values, in units of the distance of two groups.
_SPREAD = 0.16
# Dots beyond which they are drawn smaller.
_MANY = 100
# Columns that are known by a longer name.
_LABELS = {
    "sigma_token_per_token": r"$\sigma_\mathrm{token}/T$ (nats per token)",
    "sigma_block_per_token": r"$\sigma_\mathrm{block}/T'$ (nats per token)",
    "sigma_token": r"$\sigma_\mathrm{token}$ (nats)",
    "sigma_block": r"$\sigma_\mathrm{block}$ (nats)",
}


def groups(
    result: GroupComparison, *, title: str = "", axes: Sequence[Axes] | None = None
) -> Figure:
    """Plot a box, and every text as a dot, for each group: one panel for each metric.

    A box spans the quartiles, with a line at the median; whiskers reach to the outermost value
    within one and a half times its height. Above a panel stand p and r of the comparison, p
    corrected by Holm's method; with more than two groups, the smallest p. Infinite values can't be
    drawn: their number stands below the name of the group.

    Parameters
    ----------
    result : GroupComparison
        As from ``ep.compare_groups``.
    title : str
        Written above the first panel.
    axes : sequence of matplotlib Axes, optional
        Where to draw, one for each metric; a new figure is made if not given.

    Raises
    ------
    ValueError
        The number of axes isn't that of the metrics.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod import plot
    >>> table = {"group": ["a"] * 4 + ["b"] * 4, "sigma": [5, 6, 7, 9, 1, 2, 3, 6.5]}
    >>> figure = plot.groups(ep.compare_groups(table, metrics="sigma"))
    >>> figure.axes[0].get_ylabel()
    'sigma'
    """
    n_panels = len(result.metrics)
    if axes is None:
        longest = max(map(len, result.groups))
        width = max(3.0, 0.8 + max(0.9, 0.11 * longest) * len(result.groups))
        figure = Picture(figsize=(width * n_panels, 4.0), layout="constrained")
        panels = list(figure.subplots(1, n_panels, squeeze=False)[0])
    else:
        panels = list(axes)
        if len(panels) != n_panels:
            raise ValueError(
                f"axes must hold one for each of the {n_panels} metrics, got {len(panels)}"
            )
    for panel, metric in zip(panels, result.metrics):
        summaries = [each for each in result.summaries if each.metric == metric]
        for place, (summary, color) in enumerate(zip(summaries, _colors(len(summaries)))):
            _draw_group(panel, place, summary, color)
        panel.set_xticks(range(len(summaries)), [_tick(each) for each in summaries])
        panel.set_xlim(-0.6, len(summaries) - 0.4)
        panel.set_ylabel(_LABELS.get(metric, metric))
        panel.set_title(_verdict(result.of(metric)), fontsize="small", color=INK)
        tidy(panel, title if panel is panels[0] else "")
    return tidy(panels[0], "")


def _colors(n: int) -> list[str]:
    return [PALETTE[i % len(PALETTE)] for i in range(n)]


def _draw_group(axes: Axes, place: int, summary: GroupSummary, color: str) -> None:
    values = summary.values[np.isfinite(summary.values)]
    if values.size == 0:
        return
    if values.size > 1:
        line = {"color": INK, "linewidth": 1.0}
        axes.boxplot(
            values,
            positions=[place],
            widths=2.6 * _SPREAD,
            showfliers=False,  # every value is drawn as a dot
            manage_ticks=False,
            patch_artist=True,
            boxprops={"facecolor": color, "alpha": 0.25, "edgecolor": INK, "linewidth": 1.0},
            medianprops={"color": INK, "linewidth": 1.8},
            whiskerprops=line,
            capprops=line,
        )
    # The same picture every time: dots are set apart in the order of the table.
    beside = np.random.default_rng(0).uniform(-_SPREAD, _SPREAD, values.size)
    axes.plot(
        place + beside,
        values,
        "o",
        color=color,
        markersize=4 if values.size <= _MANY else 2,
        markeredgecolor="white",
        markeredgewidth=0.4 if values.size <= _MANY else 0.0,
        alpha=0.9,
        linestyle="none",
        zorder=3,
    )


def _tick(summary: GroupSummary) -> str:
    text = f"{summary.group}\n$n$ = {summary.n}"
    return text + (f"\n{summary.n_infinite} infinite" if summary.n_infinite else "")


def _verdict(comparisons: Sequence[Comparison]) -> str:
    tested = [each for each in comparisons if each.p_value_holm is not None]
    if not tested:
        return "not compared"
    best = min(tested, key=lambda each: each.p_value_holm or 0.0)
    text = rf"$p_\mathrm{{Holm}}$ = {best.p_value_holm:.2g}, $r$ = {best.rank_biserial:.2g}"
    return text if len(comparisons) == 1 else f"{best.first}, {best.second}: {text}"
