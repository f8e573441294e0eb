"""How often the reversibility test rejects and the intervals cover, on simulated tables.

    python bench/calibrate_series.py --tables 200 --jobs 2

Prints one line for each process and length. Rejections of reversible processes should be near
5 %, and coverage near 95 %; the standard error of a percentage from N tables is given.
"""

from __future__ import annotations

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

# Before NumPy is loaded: each worker is one thread.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from numpy.typing import NDArray
from scipy import stats

import entroprod as ep
from entroprod.series import SeriesEntropyProduction, series_entropy_production

LEVEL = 0.95
SIGNIFICANCE = 0.05
METHODS = ("entroprod", "percentile", "basic", "bias-corrected", "basic of sqrt")
Interval = tuple[float, float]


@dataclass(frozen=True)
class Process:
    """A VAR, or the sum of a forward and a reversed path of one, which is reversible."""

    name: str
    machine: ep.LinearGaussian
    reversible_sum: bool = False

    @property
    def rate(self) -> float:
        return 0.0 if self.reversible_sum else ep.entropy_production_rate(self.machine)

    def draw(self, n_rows: int, rng: np.random.Generator) -> NDArray[np.float64]:
        burn_in = 400  # all spectral radii here are below 0.96: 0.96^400 is 1e-7
        paths = self.machine.sample(n_rows + burn_in, 2, rng=rng)[:, burn_in:]
        if self.reversible_sum:
            return np.asarray(paths[0] + paths[1, ::-1])
        return np.asarray(paths[0])


def var(coefficients: list[list[float]], noise_cov: list[list[float]]) -> ep.LinearGaussian:
    return ep.LinearGaussian.from_var([coefficients], noise_cov)


def rotating(angle: float) -> ep.LinearGaussian:
    coefficients = [[0.5, 0.1 + angle], [0.1 - angle, 0.5]]
    return var(coefficients, [[1.0, 0.3], [0.3, 1.5]])


IDENTITY = [[1.0, 0.0], [0.0, 1.0]]
CHAIN = [[0.5, 0.3, 0.0], [-0.3, 0.4, 0.3], [0.0, -0.3, 0.6]]
PROCESSES = (
    Process("reversible VAR(1)", var([[0.5, 0.2], [0.2, 0.5]], IDENTITY)),
    Process("reversible VAR(1), persistent", var([[0.85, 0.1], [0.1, 0.85]], IDENTITY)),
    Process(
        "reversible sum, m = 2", var([[0.5, 0.4], [-0.4, 0.5]], [[1.0, 0.5], [0.5, 1.5]]), True
    ),
    Process("reversible sum, m = 3", var(CHAIN, np.eye(3).tolist()), True),
    Process("irreversible, small", rotating(0.1)),
    Process("irreversible, moderate", rotating(0.25)),
    Process("irreversible, strong", rotating(0.6)),
)


@dataclass(frozen=True)
class Task:
    process: int
    n_rows: int
    criterion: str
    replicates: int
    seed: tuple[int, ...]


def one_table(task: Task) -> tuple[float, dict[str, Interval]] | None:
    """p-value and intervals; None where the fit has no rate."""
    rng = np.random.default_rng(task.seed)
    table = PROCESSES[task.process].draw(task.n_rows, rng)
    try:
        result = series_entropy_production(
            table,
            criterion=task.criterion,  # type: ignore[arg-type]
            n_bootstrap=task.replicates,
            n_surrogates=task.replicates,
            confidence_level=LEVEL,
            rng=rng,
        )
    except ep.NumericalError:
        return None
    return result.p_value, other_intervals(result) | {"entroprod": result.interval}


def other_intervals(result: SeriesEntropyProduction) -> dict[str, Interval]:
    """The textbook intervals from the same bootstrap."""
    tails = np.array([0.5 - LEVEL / 2, 0.5 + LEVEL / 2])
    rates, rate = result.bootstrap_rates, result.rate
    low, high = np.quantile(rates, tails)
    below = np.clip((rates < rate).mean(), 0.5 / rates.size, 1.0 - 0.5 / rates.size)
    shifted = stats.norm.cdf(2.0 * stats.norm.ppf(below) + stats.norm.ppf(tails))
    corrected = np.quantile(rates, shifted)
    root = np.maximum(2.0 * np.sqrt(rate) - np.sqrt([high, low]), 0.0) ** 2
    return {
        "percentile": (low, high),
        "basic": (max(2.0 * rate - high, 0.0), max(2.0 * rate - low, 0.0)),
        "bias-corrected": (corrected[0], corrected[1]),
        "basic of sqrt": (root[0], root[1]),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--tables", type=int, default=200, help="tables for each line")
    parser.add_argument("--replicates", type=int, default=199)
    parser.add_argument("--rows", type=int, nargs="+", default=[100, 200, 1000])
    parser.add_argument("--criterion", default="bic")
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    error = 100.0 * np.sqrt(SIGNIFICANCE * (1.0 - SIGNIFICANCE) / options.tables)
    print(f"{options.tables} tables a line, order by {options.criterion}; ", end="")
    print(f"standard error of 5 % or 95 %: {error:.1f} %\n")
    heads = ("process", "T", "rate", "failed", "rejected", *METHODS)
    print("| " + " | ".join(heads) + " |\n|" + "---|" * len(heads))
    with ProcessPoolExecutor(options.jobs) as pool:
        for n_rows in options.rows:
            for number, process in enumerate(PROCESSES):
                tasks = [
                    Task(
                        number,
                        n_rows,
                        options.criterion,
                        options.replicates,
                        (options.seed, number, n_rows, i),
                    )
                    for i in range(options.tables)
                ]
                done = [each for each in pool.map(one_table, tasks, chunksize=4) if each]
                print(line(process, n_rows, done, options.tables))
                sys.stdout.flush()


def line(
    process: Process, n_rows: int, done: list[tuple[float, dict[str, Interval]]], tables: int
) -> str:
    rejected = np.mean([p <= SIGNIFICANCE for p, _ in done])
    # The exact rate of a reversible machine is 0 up to rounding.
    rate = process.rate if process.rate > 1e-12 else 0.0
    coverage = [np.mean([each[m][0] <= rate <= each[m][1] for _, each in done]) for m in METHODS]
    numbers = [f"{100.0 * share:.1f} %" for share in (rejected, *coverage)]
    return f"| {process.name} | {n_rows} | {rate:.4g} | {tables - len(done)} | " + (
        " | ".join(numbers) + " |"
    )


if __name__ == "__main__":
    main()
