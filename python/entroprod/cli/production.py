"""Entropy production on the command line: computed, printed, stored and drawn, of any machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, TypeVar

import numpy as np
import numpy.typing as npt
import typer

import entroprod as ep
from entroprod.boundary.memory import require_memory
from entroprod.cli import options, report
from entroprod.cli.files import check_output, write_file
from entroprod.cli.pictures import check_picture, save_picture
from entroprod.machine.protocol import provenance

Answer = TypeVar("Answer")

# A picture of more points than this has several of them in every pixel column.
MOST_PLOTTED_STEPS = 10_000
_NUMBERS = (
    "n_states",
    "n_outputs",
    "n_symbols",
    "is_stationary",
    "spectral_radius",
    "filter_spectral_radius",
    "state_matrix",
    "input_matrix",
    "output_matrix",
    "innovation_cov",
)

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
class Wanted:
    """What the options ask for."""

    n_steps: int
    per_step: bool
    curve: bool
    n_paths: int | None
    seed: int | None
    json: bool
    csv: Path | None
    plot: Path | None


@dataclass(frozen=True)
class Run:
    """Everything that was computed, ready to be printed, stored and drawn.

    What a machine has no exact answer to is None, and the reason stands beside it.
    """

    machine: Any
    n_steps: int
    result: ep.EntropyProduction | None
    no_result: str | None
    rate: float | None
    no_rate: str | None
    per_step: npt.NDArray[np.float64] | None
    curve: npt.NDArray[np.float64] | None
    monte_carlo: ep.MonteCarlo | None
    seed: int | None


def run_production(command: str, read: Callable[[], Any], wanted: Wanted) -> None:
    """Read the machine, compute what is asked for, and say it."""
    check_picture(wanted.plot)
    if wanted.csv is not None:
        check_output(wanted.csv, "--csv", (".csv",))
    run = _compute(read(), wanted)
    if wanted.csv is not None:
        write_file(wanted.csv, report.to_csv(_columns(run), run.n_steps))
    if wanted.plot is not None:
        save_picture(_draw(run), wanted.plot)
    if wanted.json:
        report.print_json(command, _to_dict(run, wanted))
        return
    _print(run, wanted)
    for path in (wanted.csv, wanted.plot):
        if path is not None:
            report.print_text(f"\nWritten: {path}")


def describe_machine(machine: Any) -> str:
    """Sizes and stability in one line."""
    if not isinstance(getattr(machine, "spectral_radius", None), float):
        sizes = ("n_symbols", "n_outputs")
        given = {name: getattr(machine, name, None) for name in sizes}
        told = [f"{name} = {value}" for name, value in given.items() if value is not None]
        return f"{type(machine).__name__}, {', '.join(told) or 'of unknown size'}"
    states = f"{machine.n_states} state{'s' if machine.n_states > 1 else ''}"
    outputs = f"{machine.n_outputs} output{'s' if machine.n_outputs > 1 else ''}"
    return (
        f"{states}, {outputs}; spectral radius {machine.spectral_radius:.6g} "
        f"(filter {machine.filter_spectral_radius:.6g})"
    )


def monte_carlo_rows(result: ep.MonteCarlo, exact: float | None) -> list[report.Row]:
    """Rows that compare an estimate with the exact value and show the fluctuation theorem."""
    rows = [
        report.Row(
            f"Monte Carlo, {result.n_paths:,} paths",
            f"{report.format_uncertain(result.mean, result.standard_error)} nats",
            "" if exact is None else _deviation(result, exact),
        ),
        report.Row(
            "  average of exp(-sigma)",
            report.format_uncertain(result.fluctuation_mean, result.fluctuation_standard_error),
            f"1 in theory; effective sample size {result.effective_sample_size:,.0f}",
        ),
    ]
    return rows + [report.Row("  note", "", warning) for warning in result.warnings]


def _compute(machine: Any, wanted: Wanted) -> Run:
    n_steps = wanted.n_steps
    wants_per_step = wanted.per_step or wanted.csv is not None
    wants_curve = wanted.curve or wanted.csv is not None
    n_listed = wants_per_step + wants_curve
    if n_listed:
        require_memory(
            8 * n_listed * n_steps,
            "--n-steps",
            f"a list of {n_steps:,} steps with {n_listed} number(s) each",
        )
    exact = (ep.NotAvailable,)
    result, no_result = _or_reason(lambda: ep.entropy_production(machine, n_steps), exact)
    if result is None and (wanted.n_paths is None or n_listed or wanted.plot is not None):
        if n_listed or wanted.plot is not None:
            raise ValueError(
                f"--per-step, --curve, --csv and --plot need exact values, but {no_result}"
            )
        raise ValueError(f"{no_result} (--monte-carlo PATHS)")
    none = (ep.NotAvailable, ep.NumericalError)
    rate, no_rate = _or_reason(lambda: ep.entropy_production_rate(machine), none)
    per_step = result.per_step if result is not None and wants_per_step else None
    curve = ep.entropy_production_curve(machine, n_steps) if wants_curve else None
    found = Run(machine, n_steps, result, no_result, rate, no_rate, per_step, curve, None, None)
    if wanted.n_paths is None:
        return found
    seed = options.chosen_seed(wanted.seed)
    with report.progress_bar(f"Sampling {wanted.n_paths:,} paths", wanted.n_paths) as show_done:
        sampled = ep.monte_carlo(machine, n_steps, wanted.n_paths, rng=seed, progress=show_done)
    return replace(found, monte_carlo=sampled, seed=seed)


def _or_reason(
    question: Callable[[], Answer], reasons: tuple[type[Exception], ...]
) -> tuple[Answer | None, str | None]:
    """The answer, or None and why there is none."""
    try:
        return question(), None
    except reasons as error:
        return None, str(error)


def _columns(run: Run) -> dict[str, npt.NDArray[np.float64]]:
    columns = {}
    if run.curve is not None:
        columns["entropy_production"] = run.curve
    if run.per_step is not None:
        columns["per_step"] = run.per_step
    return columns


def _to_dict(run: Run, wanted: Wanted) -> dict[str, Any]:
    content: dict[str, Any] = {"machine": _numbers_of(run.machine), "n_steps": run.n_steps}
    if run.result is None:
        content |= {"total": None, "no_total_because": run.no_result}
    else:
        content |= {
            "total": run.result.total,
            "rounding_error": run.result.rounding_error,
            "precision": run.result.precision,
        }
    content |= {"rate": run.rate, "no_rate_because": run.no_rate}
    if wanted.per_step:
        content["per_step"] = run.per_step
    if wanted.curve:
        content["curve"] = run.curve
    if run.monte_carlo is not None:
        content["monte_carlo"] = {**run.monte_carlo.to_dict(), "seed": run.seed}
        content["monte_carlo"].pop("sigma", None)
    written = [str(path) for path in (wanted.csv, wanted.plot) if path is not None]
    if written:
        content["written"] = written
    return content


def _numbers_of(machine: Any) -> dict[str, Any]:
    """What a machine consists of, as far as it tells: sizes, stability, matrices."""
    given = {name: getattr(machine, name, None) for name in _NUMBERS}
    numbers = {name: value for name, value in given.items() if value is not None}
    return numbers or provenance(machine)


def _print(run: Run, wanted: Wanted) -> None:
    result = run.result
    rows = [report.Row("Machine", describe_machine(run.machine))]
    label = f"Entropy production, {run.n_steps:,} steps"
    if result is None:
        rows.append(report.Row(label, "not exactly:", str(run.no_result)))
    else:
        rows += [
            report.Row(
                label,
                f"{report.format_number(result.total)} nats",
                f"rounding error {result.rounding_error:.1g}, {result.precision} precision",
            ),
            report.Row("  per step", f"{report.format_number(result.total / run.n_steps)} nats"),
        ]
    if run.rate is not None:
        rows.append(report.Row("Rate", f"{report.format_number(run.rate)} nats per step"))
    else:
        rows.append(report.Row("Rate", "none:", str(run.no_rate)))
    if run.monte_carlo is not None:
        rows += monte_carlo_rows(run.monte_carlo, None if result is None else result.total)
        rows.append(report.Row("  seed", str(run.seed)))
    report.print_rows(rows)
    if wanted.per_step or wanted.curve:
        shown = _columns(run)
        if not wanted.per_step:
            shown.pop("per_step", None)
        if not wanted.curve:
            shown.pop("entropy_production", None)
        report.print_text("")
        report.print_table(shown, run.n_steps)


def _deviation(result: ep.MonteCarlo, exact: float) -> str:
    if result.standard_error <= 0:
        return "no spread among the paths"
    deviation = (result.mean - exact) / result.standard_error
    return f"{deviation:+.2f} standard errors from the exact value"


def _draw(run: Run) -> Any:
    from entroprod import plot

    n_steps = min(run.n_steps, MOST_PLOTTED_STEPS)
    curve = run.curve
    if curve is None:
        curve = ep.entropy_production_curve(run.machine, n_steps)
    title = ""
    if n_steps < run.n_steps:
        title = f"first {n_steps:,} of {run.n_steps:,} steps"
    sampled = [run.monte_carlo] if run.monte_carlo is not None and not title else []
    return plot.curve(curve[:n_steps], monte_carlo=sampled, rate=run.rate, title=title)
