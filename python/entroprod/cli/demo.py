"""``entroprod demo``: published curves, exact against sampled values, and a real economy."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import numpy as np
import numpy.typing as npt
import typer

import entroprod as ep
from entroprod.cli import options, report
from entroprod.cli.economy import analyse_economy, draw_economy, print_economy
from entroprod.cli.exit_codes import DISAGREEMENT
from entroprod.cli.files import check_directory, write_file
from entroprod.cli.pictures import save_picture
from entroprod.cli.published import (
    PRINTED_ACCURACY,
    SCALAR,
    TWO_DIMENSIONAL,
    PublishedMachine,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

N_PATHS = 20_000
MACHINES = (SCALAR, TWO_DIMENSIONAL)


@dataclass(frozen=True)
class ReproducedCurve:
    """A published curve, computed again."""

    published: PublishedMachine
    machine: ep.LinearGaussian
    curve: npt.NDArray[np.float64]
    rate: float

    @property
    def largest_difference(self) -> float:
        """Largest absolute difference from the published values, in nats."""
        return float(np.abs(self.curve - np.array(self.published.curve)).max())


def demo(
    output: Annotated[
        Path, typer.Option("--output", metavar="DIRECTORY", help="Where to put the pictures.")
    ] = Path("demo"),
    seed: options.RepeatableSeed = 0,
) -> None:
    """Show in half a minute what entroprod does: published values, sampling, real data.

    Three parts: the published entropy production of two Kalman filters is computed again; exact
    values are compared with averages over sampled paths; and the growth of the US economy is
    tested for an arrow of time. Leaves two pictures, and the table that the third part used.

    The exit code is 1 if the published values are not met.

    For example:

    - entroprod demo --output demo
    """
    _require_extras()
    check_directory(output, "--output")
    rng = np.random.default_rng(seed)
    reproduced = [_reproduce(published) for published in MACHINES]
    _print_published(reproduced)
    sampled = _sample(reproduced, rng)
    _print_sampled(reproduced, sampled)
    curves = output / "kalman.png"
    save_picture(_draw_curves(reproduced, sampled), curves)
    with report.progress_bar("Bootstrap and surrogates") as show_done:
        economy = analyse_economy(rng, show_done)
    print_economy(economy)
    growth = output / "us_economy.png"
    save_picture(draw_economy(economy), growth)
    table = output / "us_economy.csv"
    write_file(table, economy.levels.to_csv().encode())
    _print_closing(curves, growth, table)
    if any(each.largest_difference > PRINTED_ACCURACY for each in reproduced):
        raise typer.Exit(DISAGREEMENT)


def _require_extras() -> None:
    """Name every missing extra before the work starts."""
    missing = [
        extra
        for extra, module in (("series", "statsmodels"), ("plot", "matplotlib"))
        if importlib.util.find_spec(module) is None
    ]
    if missing:
        raise ImportError(f'the demo needs more: pip install "entroprod[cli,{",".join(missing)}]"')


def _reproduce(published: PublishedMachine) -> ReproducedCurve:
    machine = ep.LinearGaussian.from_state_space(
        published.transition, published.emission, published.process_cov, published.obs_cov
    )
    curve = ep.entropy_production_curve(machine, len(published.curve))
    return ReproducedCurve(published, machine, curve, ep.entropy_production_rate(machine))


def _print_published(reproduced: list[ReproducedCurve]) -> None:
    report.print_heading(
        "1. Two published curves of entropy production [S26 Fig 5], computed again"
    )
    rows = []
    for each in reproduced:
        agrees = each.largest_difference <= PRINTED_ACCURACY
        rows.append(
            report.Row(
                f"Kalman filter, {each.published.name}",
                f"largest difference {each.largest_difference:.1e} nats",
                f"over T = 1 .. {each.curve.size}; printed with 10 decimals, so that it "
                + ("agrees" if agrees else "DOES NOT AGREE"),
            )
        )
    report.print_rows(rows)


def _sample(
    reproduced: list[ReproducedCurve], rng: np.random.Generator
) -> list[list[ep.MonteCarlo]]:
    """For each machine and each number of steps, an independent Monte Carlo estimate."""
    total = sum(each.curve.size for each in reproduced)
    with report.progress_bar("Sampling paths", total) as show_done:
        estimates: list[list[ep.MonteCarlo]] = []
        for each in reproduced:
            row: list[ep.MonteCarlo] = []
            for n_steps in range(1, each.curve.size + 1):
                row.append(ep.monte_carlo(each.machine, n_steps, N_PATHS, rng=rng))
                show_done(sum(map(len, estimates)) + len(row))
            estimates.append(row)
    return estimates


def _print_sampled(reproduced: list[ReproducedCurve], sampled: list[list[ep.MonteCarlo]]) -> None:
    report.print_heading(f"2. Exact values against averages over {N_PATHS:,} sampled paths")
    rows = []
    for each, estimates in zip(reproduced, sampled, strict=True):
        # One step is the same in both directions: sigma is 0 on every path, without spread.
        deviations = [
            (estimate.mean - exact) / estimate.standard_error
            for exact, estimate in zip(each.curve[1:], estimates[1:], strict=True)
        ]
        inside = sum(abs(deviation) <= 1 for deviation in deviations)
        last = estimates[-1]
        rows += [
            report.Row(
                f"Kalman filter, {each.published.name}",
                f"T = {last.n_steps}: exact {each.curve[-1]:.4f}, sampled "
                + report.format_uncertain(last.mean, last.standard_error)
                + " nats",
            ),
            report.Row(
                "",
                f"T = 2 .. {last.n_steps}: {inside} of {len(deviations)} within one standard "
                f"error, the farthest at {max(map(abs, deviations)):.1f}",
            ),
            report.Row("", f"rate {report.format_number(each.rate)} nats per step, exact"),
        ]
    report.print_rows(rows)


def _draw_curves(reproduced: list[ReproducedCurve], sampled: list[list[ep.MonteCarlo]]) -> Figure:
    from matplotlib.figure import Figure

    from entroprod import plot

    figure = Figure(figsize=(9.0, 3.8), layout="constrained")
    panels = figure.subplots(1, len(reproduced), squeeze=False)[0]
    for axes, each, estimates in zip(panels, reproduced, sampled, strict=True):
        plot.curve(
            each.curve,
            monte_carlo=estimates,
            rate=each.rate,
            title=f"Kalman filter, {each.published.name}",
            axes=axes,
        )
    return figure


def _print_closing(curves: Path, growth: Path, table: Path) -> None:
    report.print_heading("Pictures, to look at")
    report.print_rows(
        [
            report.Row(str(curves), "entropy production of the two Kalman filters"),
            report.Row(str(growth), "growth of the US economy, and its arrow of time"),
        ]
    )
    report.print_heading("What to try next")
    commands = (
        "entroprod kalman --transition 0.9 --emission 1 --process-cov 1 --obs-cov 1 -T 1000000000",
        "entroprod kalman --coefficients '[[[0.5, 0.3], [-0.3, 0.5]]]' "
        "--noise-cov '[[1, 0], [0, 1]]' --plot curve.png",
        f"entroprod series {table} --index quarter --transform log-diff --criterion aic",
        "entroprod verify --transition 0.9 --emission 1 --process-cov 1 --obs-cov 1",
    )
    for command in commands:
        report.print_text(f"  {command}")
