"""``entroprod verify``: every law that applies to a machine, for people and for pipelines."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from entroprod.cli import options, report
from entroprod.cli.exit_codes import DISAGREEMENT
from entroprod.cli.machine_input import MachineSource, takes_machine
from entroprod.cli.production import describe_machine
from entroprod.laws import LawResult
from entroprod.laws.verification import Verification
from entroprod.laws.verification import verify as run_verification

Steps = Annotated[
    int | None,
    typer.Option(
        "--n-steps",
        "-T",
        min=1,
        help="Number of steps T; by default 50, and 12 where every number must be asked for.",
        show_default=False,
    ),
]
Paths = Annotated[
    int | None,
    typer.Option(
        "--n-paths",
        min=1,
        help="Number of sampled paths; by default 20000, and 2000 where every number must be "
        "asked for.",
        show_default=False,
    ),
]
MARKS = {True: "passed", False: "FAILED", None: "skipped"}


@takes_machine
def verify(
    source: MachineSource,
    n_steps: Steps = None,
    n_paths: Paths = None,
    seed: options.RepeatableSeed = 0,
    json: options.Json = False,
) -> None:
    """Test every law that applies to a machine, and exact against sampled values.

    The machine comes from FILE (.npz, .json, or FILE.py:NAME for one in Python code) or from
    matrices in the options.

    The exit code, for pipelines, is 0 if all laws that could be tested hold, 1 if one fails or if
    none about the values could be tested, 2 for an error. Skipped laws are listed with the reason.

    For example:

    - entroprod verify machine.npz
    - entroprod verify motor.py:motor
    - entroprod verify machine.json --n-steps 200 --n-paths 100000 --json > report.json
    """
    machine = source.read_any()
    with report.progress_bar("Testing the laws"):
        verification = run_verification(machine, n_steps=n_steps, n_paths=n_paths, rng=seed)
    if json:
        report.print_json("verify", verification.to_dict())
    else:
        _print(machine, verification)
    if not verification.passed:
        raise typer.Exit(DISAGREEMENT)


def _print(machine: Any, verification: Verification) -> None:
    n_tested, n_skipped = len(verification.tested), len(verification.skipped)
    rows = [
        report.Row("Machine", describe_machine(machine)),
        report.Row(
            "Tested with",
            f"{verification.n_steps:,} steps, {verification.n_paths:,} paths, "
            f"seed {verification.seed}",
        ),
    ]
    report.print_rows(rows)
    report.print_heading("Laws, each with its residual and what rounding or sampling may produce")
    report.print_rows([_law_row(law) for law in verification.laws])
    if verification.failures:
        verdict = f"{len(verification.failures)} of {n_tested} laws do NOT hold"
    elif verification.passed:
        verdict = f"All {n_tested} laws that could be tested hold"
    else:
        verdict = "Undecided: NO law about the values could be tested"
    report.print_heading(f"{verdict} ({n_skipped} skipped).")


def _law_row(law: LawResult) -> report.Row:
    label = f"{MARKS[law.passed]}  {law.name}"
    if law.skipped:
        return report.Row(label, "", law.reason)
    relation = "<=" if law.passed else "> "
    return report.Row(label, f"{law.residual:.1e} {relation} {law.tolerance:.1e}", law.statement)
