"""``entroprod machine``: entropy production of any machine, from a Python file."""

from __future__ import annotations

from typing import Annotated

import typer

from entroprod.cli import options
from entroprod.cli.machine_input import read_reference
from entroprod.cli.production import Csv, Curve, MonteCarloPaths, PerStep, Wanted, run_production

Reference = Annotated[
    str,
    typer.Argument(
        metavar="MACHINE",
        help="A machine in Python code, as FILE.py:NAME or MODULE:NAME; the code is run.",
        show_default=False,
    ),
]


def machine(
    reference: Reference,
    n_steps: options.Steps = 12,
    per_step: PerStep = False,
    curve: Curve = False,
    monte_carlo: MonteCarloPaths = None,
    seed: options.Seed = None,
    json: options.Json = False,
    csv: Csv = None,
    plot: options.Plot = None,
) -> None:
    """Entropy production of any machine: exact where that can be, sampled where it is asked for.

    NAME is a machine (anything with log_prob), or a function without arguments that makes one. All
    entropies are in nats.

    For example:

    - entroprod machine motor.py:motor --n-steps 8
    - entroprod machine motor.py:motor --monte-carlo 20000 --seed 1 --plot motor.png
    """
    wanted = Wanted(n_steps, per_step, curve, monte_carlo, seed, json, csv, plot)
    run_production("machine", lambda: read_reference(reference), wanted)
