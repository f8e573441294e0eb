"""``entroprod kalman``: entropy production of a linear-Gaussian machine given by matrices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

import entroprod as ep
from entroprod.boundary.memory import require_memory
from entroprod.cli import options, report
from entroprod.cli.files import check_output, write_file
from entroprod.cli.machine_input import MachineSource, takes_machine
from entroprod.cli.pictures import check_picture, save_picture

# A picture of more points than this has several of them in every pixel column.
MOST_PLOTTED_STEPS = 10_000

PerStep = Annotated[bool, typer.Option("--per-step", help="Print the contribution of every step.")]
Curve = Annotated[bool, typer.Option("--curve", help="Print S_y(1) .. S_y(T).")]
MonteCarloPaths = Annotated[
    int | None,
    typer.Option(
        "--monte-carlo",
        metavar="PATHS",
        min=2,
        help="Compare with the average over this many sampled paths.",
        show_default=False,
    ),
]
Csv = Annotated[
    Path | None,
    typer.Option(
        "--csv",
        metavar="TABLE",
        help="Save step, curve and contribution of every step (.csv).",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class KalmanRun:
    """Everything that was computed, ready to be printed, stored and drawn."""

    machine: ep.LinearGaussian
    result: ep.EntropyProduction
    rate: float | None
    no_rate: str | None
    per_step: npt.NDArray[np.float64] | None
    curve: npt.NDArray[np.float64] | None
    monte_carlo: ep.MonteCarlo | None
    seed: int | None


@takes_machine
def kalman(
    source: MachineSource,
    n_steps: options.Steps = 50,
    per_step: PerStep = False,
    curve: Curve = False,
    monte_carlo: MonteCarloPaths = None,
    seed: options.Seed = None,
    json: options.Json = False,
    csv: Csv = None,
    plot: options.Plot = None,
) -> None:
    """Entropy production of a Kalman filter, state-space model or vector autoregression.

    The machine comes from FILE (.npz or .json) or from matrices in the options; a vector
    autoregression is `--coefficients` and `--noise-cov`. All entropies are in nats.

    For example:

    - entroprod kalman --transition 0.9 --emission 1 --process-cov 1 --obs-cov 1
    - entroprod kalman machine.npz -T 100 --monte-carlo 20000 --seed 1 --plot curve.png
    - entroprod kalman machine.json --json
    """
    check_picture(plot)
    if csv is not None:
        check_output(csv, "--csv", (".csv",))
    machine = source.read()
    run = _compute(
        machine,
        n_steps,
        wants_per_step=per_step or csv is not None,
        wants_curve=curve or csv is not None,
        n_paths=monte_carlo,
        seed=seed,
    )
    if csv is not None:
        write_file(csv, report.to_csv(_columns(run), n_steps))
    if plot is not None:
        save_picture(_draw(run), plot)
    if json:
        report.print_json("kalman", _to_dict(run, per_step, curve, csv, plot))
    else:
        _print(run, per_step, curve)
        for path in (csv, plot):
            if path is not None:
                report.print_text(f"\nWritten: {path}")


def rate_or_reason(machine: ep.LinearGaussian) -> tuple[float | None, str | None]:
    """Return the rate in nats per step, or None and why there is none."""
    try:
        return ep.entropy_production_rate(machine), None
    except ep.NumericalError as error:
        return None, str(error)


def describe_machine(machine: ep.LinearGaussian) -> str:
    """Sizes and stability in one line."""
    states = f"{machine.n_states} state{'s' if machine.n_states > 1 else ''}"
    outputs = f"{machine.n_outputs} output{'s' if machine.n_outputs > 1 else ''}"
    return (
        f"{states}, {outputs}; spectral radius {machine.spectral_radius:.6g} "
        f"(filter {machine.filter_spectral_radius:.6g})"
    )


def monte_carlo_rows(result: ep.MonteCarlo, exact: float) -> list[report.Row]:
    """Rows that compare an estimate with the exact value and show the fluctuation theorem."""
    rows = [
        report.Row(
            f"Monte Carlo, {result.n_paths:,} paths",
            f"{report.format_uncertain(result.mean, result.standard_error)} nats",
            _deviation(result, exact),
        ),
        report.Row(
            "  average of exp(-sigma)",
            report.format_uncertain(result.fluctuation_mean, result.fluctuation_standard_error),
            f"1 in theory; effective sample size {result.effective_sample_size:,.0f}",
        ),
    ]
    return rows + [report.Row("  note", "", warning) for warning in result.warnings]


def _compute(
    machine: ep.LinearGaussian,
    n_steps: int,
    *,
    wants_per_step: bool,
    wants_curve: bool,
    n_paths: int | None,
    seed: int | None,
) -> KalmanRun:
    n_listed = wants_per_step + wants_curve
    if n_listed:
        require_memory(
            8 * n_listed * n_steps,
            "--n-steps",
            f"a list of {n_steps:,} steps with {n_listed} number(s) each",
        )
    result = ep.entropy_production(machine, n_steps)
    rate, no_rate = rate_or_reason(machine)
    per_step = result.per_step if wants_per_step else None
    curve = ep.entropy_production_curve(machine, n_steps) if wants_curve else None
    if n_paths is None:
        return KalmanRun(machine, result, rate, no_rate, per_step, curve, None, None)
    seed = options.chosen_seed(seed)
    with report.progress_bar(f"Sampling {n_paths:,} paths", n_paths) as show_done:
        sampled = ep.monte_carlo(machine, n_steps, n_paths, rng=seed, progress=show_done)
    return KalmanRun(machine, result, rate, no_rate, per_step, curve, sampled, seed)


def _columns(run: KalmanRun) -> dict[str, npt.NDArray[np.float64]]:
    columns = {}
    if run.curve is not None:
        columns["entropy_production"] = run.curve
    if run.per_step is not None:
        columns["per_step"] = run.per_step
    return columns


def _to_dict(
    run: KalmanRun, per_step: bool, curve: bool, csv: Path | None, plot: Path | None
) -> dict[str, Any]:
    machine = run.machine
    names = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")
    content: dict[str, Any] = {
        "machine": {
            "n_states": machine.n_states,
            "n_outputs": machine.n_outputs,
            "is_stationary": machine.is_stationary,
            "spectral_radius": machine.spectral_radius,
            "filter_spectral_radius": machine.filter_spectral_radius,
            **{name: getattr(machine, name) for name in names},
        },
        "n_steps": run.result.n_steps,
        "total": run.result.total,
        "rounding_error": run.result.rounding_error,
        "precision": run.result.precision,
        "rate": run.rate,
        "no_rate_because": run.no_rate,
    }
    if per_step:
        content["per_step"] = run.per_step
    if curve:
        content["curve"] = run.curve
    if run.monte_carlo is not None:
        content["monte_carlo"] = {**run.monte_carlo.to_dict(), "seed": run.seed}
        content["monte_carlo"].pop("sigma", None)
    written = [str(path) for path in (csv, plot) if path is not None]
    if written:
        content["written"] = written
    return content


def _print(run: KalmanRun, per_step: bool, curve: bool) -> None:
    result = run.result
    rows = [
        report.Row("Machine", describe_machine(run.machine)),
        report.Row(
            f"Entropy production, {result.n_steps:,} steps",
            f"{report.format_number(result.total)} nats",
            f"rounding error {result.rounding_error:.1g}, {result.precision} precision",
        ),
        report.Row("  per step", f"{report.format_number(result.total / result.n_steps)} nats"),
    ]
    if run.rate is not None:
        rows.append(report.Row("Rate", f"{report.format_number(run.rate)} nats per step"))
    else:
        rows.append(report.Row("Rate", "none:", str(run.no_rate)))
    if run.monte_carlo is not None:
        rows += monte_carlo_rows(run.monte_carlo, result.total)
        rows.append(report.Row("  seed", str(run.seed)))
    report.print_rows(rows)
    if per_step or curve:
        shown = _columns(run)
        if not per_step:
            shown.pop("per_step", None)
        if not curve:
            shown.pop("entropy_production", None)
        report.print_text("")
        report.print_table(shown, result.n_steps)


def _deviation(result: ep.MonteCarlo, exact: float) -> str:
    if result.standard_error <= 0:
        return "no spread among the paths"
    deviation = (result.mean - exact) / result.standard_error
    return f"{deviation:+.2f} standard errors from the exact value"


def _draw(run: KalmanRun) -> Any:
    from entroprod import plot

    n_steps = min(run.result.n_steps, MOST_PLOTTED_STEPS)
    curve = run.curve
    if curve is None:
        curve = ep.entropy_production_curve(run.machine, n_steps)
    title = ""
    if n_steps < run.result.n_steps:
        title = f"first {n_steps:,} of {run.result.n_steps:,} steps"
    sampled = [run.monte_carlo] if run.monte_carlo is not None and not title else []
    return plot.curve(curve[:n_steps], monte_carlo=sampled, rate=run.rate, title=title)
