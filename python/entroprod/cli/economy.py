"""The real data of ``entroprod demo``: the growth of the US economy, and its arrow of time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from entroprod.cli import report
from entroprod.cli.series import result_rows

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from entroprod.series import SeriesEntropyProduction

# Columns of statsmodels' macrodata: quarterly, seasonally adjusted, in 2005 dollars.
LABELS = {"realgdp": "GDP", "realcons": "consumption", "realinv": "investment"}
SOURCE = "real US quarterly series 1959Q1 to 2009Q3 (FRED), shipped with statsmodels"


@dataclass(frozen=True)
class Economy:
    """Levels as published, growth in per cent a quarter, and what was found in the growth."""

    levels: pd.DataFrame
    growth: pd.DataFrame
    result: SeriesEntropyProduction


def analyse_economy(rng: np.random.Generator, show_done: report.ShowDone) -> Economy:
    """Take growth rates, 100 times the differences of logarithms, and analyse them."""
    from statsmodels.datasets import macrodata

    from entroprod.series import series_entropy_production

    data = macrodata.load_pandas().data
    quarters = [
        f"{year:.0f}Q{quarter:.0f}"
        for year, quarter in zip(data["year"], data["quarter"], strict=True)
    ]
    levels = data[list(LABELS)].set_axis(quarters).rename_axis("quarter")
    growth = 100.0 * np.log(levels).diff().iloc[1:]
    result = series_entropy_production(growth, rng=rng, progress=show_done)
    return Economy(levels, growth, result)


def print_economy(economy: Economy) -> None:
    """Print what the data are, what was done to them, and what was found."""
    result = economy.result
    report.print_heading("3. The arrow of time of the US economy")
    rows = [
        report.Row("Data", f"{', '.join(LABELS.values())}: {SOURCE}"),
        report.Row(
            "Made stationary",
            f"growth rates, 100 x differences of logarithms: {result.n_observations} quarters, "
            "in per cent a quarter",
        ),
    ]
    report.print_rows(rows)
    report.print_rows(result_rows(result))
    significance = 1.0 - result.confidence_level
    verdict = "rejected" if result.p_value <= significance else "not rejected"
    report.print_text(
        f"Reversibility is {verdict} at the {100 * significance:.0f} % level; "
        "a step is a quarter of a year."
    )


def draw_economy(economy: Economy) -> Figure:
    """Draw the growth rates over time, and their rate among those of reversible surrogates."""
    from matplotlib.figure import Figure

    from entroprod import plot

    figure = Figure(figsize=(10.0, 4.2), layout="constrained")
    left, right = np.asarray(figure.subfigures(1, 2, width_ratios=(1.15, 1.0), wspace=0.04))
    panels = left.subplots(len(LABELS), 1, sharex=True)
    years = [float(label[:4]) + (int(label[5]) - 1) / 4 for label in economy.growth.index]
    for axes, (name, label), color in zip(panels, LABELS.items(), plot.PALETTE, strict=False):
        _draw_growth(axes, years, economy.growth[name].to_numpy(), label, color)
    panels[-1].set_xlabel("year")
    left.supylabel("growth (% per quarter)", fontsize="medium")
    plot.series_rate(
        economy.result,
        title=f"Entropy production of a VAR({economy.result.order}), 1 step = 1 quarter",
        axes=right.subplots(),
    )
    return figure


def _draw_growth(
    axes: Axes,
    years: list[float],
    values: np.ndarray[tuple[int], np.dtype[np.float64]],
    label: str,
    color: str,
) -> None:
    from entroprod import plot

    axes.axhline(0.0, color=plot.GREY, linewidth=0.8)
    axes.plot(years, values, color=color, linewidth=1.2)
    axes.set_xlim(years[0], years[-1])
    plot.tidy(axes, f"Real {label}")
