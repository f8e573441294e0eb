"""python -m bench: measure, print, and write the table."""

from __future__ import annotations

import argparse
import sys
import time

from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from . import (
    bench_block_scale,
    bench_decomposition,
    bench_discrete,
    bench_gradient,
    bench_linear_gaussian,
    bench_neural,
    bench_production,
    bench_retrospective,
    bench_reversal,
    bench_sigma_law,
    bench_structured,
    bench_time_varying,
    bench_trajectory,
    report,
)
from .hardware import idle_cores, machine_line, usable_cores
from .row import Row, Topic
from .timing import Timer

TOPICS: dict[str, Topic] = {
    "production": bench_production.rows,
    "decomposition": bench_decomposition.rows,
    "gradient": bench_gradient.rows,
    "reversal": bench_reversal.rows,
    "sigma_law": bench_sigma_law.rows,
    "trajectory": bench_trajectory.rows,
    "retrospective": bench_retrospective.rows,
    "time_varying": bench_time_varying.rows,
    "linear_gaussian": bench_linear_gaussian.rows,
    "structured": bench_structured.rows,
    "neural": bench_neural.rows,
    "discrete": bench_discrete.rows,
    "block_scale": bench_block_scale.rows,
}


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description="Measure entroprod against peers, side by side."
    )
    parser.add_argument(
        "--only",
        nargs="+",
        choices=TOPICS,
        metavar="TOPIC",
        help=f"only these of {', '.join(TOPICS)}; prints the table and writes nothing",
    )
    parser.add_argument("--no-write", action="store_true", help="leave README.md and results alone")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="count the processor's time instead of the wall's, for a look on a busy machine "
        "(not for the threads' row); writes nothing",
    )
    parser.add_argument(
        "--check", action="store_true", help="exit code 1 if a target has been missed"
    )
    return parser.parse_args()


def _measure(topics: list[str], timer: Timer) -> list[Row]:
    rows: list[Row] = []
    with threadpool_limits(limits=1, user_api="blas"):
        for topic in topics:
            print(f"\n{topic}", flush=True)
            for row in TOPICS[topic](timer):
                rows.append(row)
                print(report.lines(row), flush=True)
    return rows


def main() -> int:
    """Run the chosen topics; returns the exit code."""
    arguments = _arguments()
    idle = idle_cores()
    load = "" if idle is None else f"; {idle:.1f} of {usable_cores()} cores idle at the start"
    print(f"{machine_line()}{load}")
    timer = Timer(time.process_time if arguments.cpu_time else time.perf_counter)
    rows = _measure(arguments.only or list(TOPICS), timer)
    print(f"\n{report.short_table(rows)}\n")
    if arguments.only or arguments.cpu_time or arguments.no_write:
        print("nothing written")
    else:
        for path in report.write(rows, load):
            print(f"written: {path.relative_to(report.ROOT)}")
    missed = sum(row.missed for row in rows)
    if missed:
        print(f"{missed} of {sum(row.target is not None for row in rows)} targets missed")
    return 1 if missed and arguments.check else 0


if __name__ == "__main__":
    sys.exit(main())
