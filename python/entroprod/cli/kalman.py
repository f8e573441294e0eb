"""``entroprod kalman``: entropy production of a linear-Gaussian machine given by matrices."""

from __future__ import annotations

from entroprod.cli import options
from entroprod.cli.machine_input import MachineSource, takes_machine
from entroprod.cli.production import Csv, Curve, MonteCarloPaths, PerStep, Wanted, run_production


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
    wanted = Wanted(n_steps, per_step, curve, monte_carlo, seed, json, csv, plot)
    run_production("kalman", source.read, wanted)
