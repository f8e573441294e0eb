"""The table, on the screen and in bench/results/cpu.md; its most telling rows in README.md."""

from __future__ import annotations

from pathlib import Path

from .hardware import machine_line, versions_line
from .row import Row, Target
from .timing import Comparison

ROOT = Path(__file__).resolve().parents[1]
README = ROOT / "README.md"
RESULTS = ROOT / "bench" / "results" / "cpu.md"
BEGIN = "<!-- benchmark table: begin -->"
END = "<!-- benchmark table: end -->"

# What README.md shows, by the names of the rows: what is measured, and against what.
MOST_TELLING = (
    ("`entropy_production`, n = m = 2, T = 800", "dense definition in NumPy"),
    ("`entropy_production`, T = 10⁹", "T = 800"),
    (
        "`entropy_production_gradient`, n = m = 2, T = 800",
        "the recursion in torch, differentiated by autograd",
    ),
    (
        "sigma of 1,000 paths of 1,000 steps, n = 4, m = 2",
        "two log-likelihoods each by statsmodels' `KalmanFilter`",
    ),
    (
        "`HiddenMarkov.log_prob`, 1,000 paths of 1,000 steps, n = k = 10",
        "a NumPy loop over the steps of each path",
    ),
    (
        "Scoring 60 texts of about 35 tokens in three orders",
        "one forward pass for each order and text, `log_softmax`",
    ),
)


def amount(value: float, unit: str) -> str:
    """Three digits and the unit."""
    if value >= 1000:
        digits = len(str(int(value))) - 3
        text = f"{round(value, -digits):,.0f}"
    else:
        text = f"{value:.3g}"
    return f"{text} {unit}"


def goal(target: Target, unit: str) -> str:
    """The target as words."""
    return f"{target.sense} {amount(target.bound, unit)}"


def duration(seconds: float) -> str:
    """Three digits and a fitting unit."""
    for factor, unit in ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs")):
        if seconds >= factor:
            return f"{seconds / factor:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def lines(row: Row) -> str:
    """One row for the screen."""
    outcome = amount(row.measured.value, row.unit)
    if row.target is not None:
        verdict = "MISSED" if row.missed else "reached"
        outcome += f"   target {goal(row.target, row.unit)}: {verdict}"
    if row.times is not None:
        outcome += f"   ({_best_times(row.times)})"
    heading = f"  {_plain(row.what)}\n    against {_plain(row.against)}:"
    return "\n      ".join([heading, outcome, *([row.note] if row.note else [])])


def most_telling(rows: list[Row]) -> list[Row]:
    """The rows that README.md shows, in its order."""
    named = {(row.what, row.against): row for row in rows}
    absent = [
        f"{what!r} against {against!r}"
        for what, against in MOST_TELLING
        if (what, against) not in named
    ]
    if absent:
        raise RuntimeError(f"README.md shows rows that nothing measures: {'; '.join(absent)}")
    return [named[name] for name in MOST_TELLING]


def short_table(rows: list[Row]) -> str:
    """Markdown for the README."""
    lines = [
        "| what | measured against | target | measured |",
        "|---|---|---|---|",
    ]
    for row in rows:
        target = "" if row.target is None else goal(row.target, row.unit)
        measured = amount(row.measured.value, row.unit) + (" (missed)" if row.missed else "")
        lines.append(f"| {row.what} | {row.against} | {target} | {measured} |")
    return "\n".join(lines)


def long_table(rows: list[Row]) -> str:
    """Markdown with times and medians."""
    lines = [
        "| what | measured against | target | measured | median of rounds | best times | note |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        target = "" if row.target is None else goal(row.target, row.unit)
        measured = amount(row.measured.value, row.unit) + (" (missed)" if row.missed else "")
        typical = amount(row.measured.typical, row.unit)
        times = "" if row.times is None else _best_times(row.times)
        cells = (row.what, row.against, target, measured, typical, times, row.note)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def write(rows: list[Row], load: str) -> list[Path]:
    """Replace the table in README.md and the results file; returns what was written."""
    readme = README.read_text(encoding="utf-8")
    before, begin, rest = readme.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        msg = f"{README.name} must have the lines {BEGIN} and {END}"
        raise RuntimeError(msg)
    measured_on = f"On {machine_line()}; one thread."
    middle = f"{BEGIN}\n{measured_on}\n\n{short_table(most_telling(rows))}\n{END}"
    results = "\n".join(
        [
            "# Benchmarks on the processor",
            "",
            "Written by `make bench`, which runs `python -m bench`.",
            "",
            f"- machine: {machine_line()}{load}",
            f"- versions: {versions_line()}",
            "- BLAS held to one thread; entroprod on one thread unless the row says otherwise",
            "- both tasks of a row in turns in one process; *measured* compares their best times,",
            "  *median of rounds* is the median of the ratios of each turn",
            "",
            long_table(rows),
            "",
        ]
    )
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(results, encoding="utf-8")
    README.write_text(before + middle + after, encoding="utf-8")
    return [README, RESULTS]


def _best_times(times: Comparison) -> str:
    return f"{duration(min(times.ours))} against {duration(min(times.peer))}"


def _plain(text: str) -> str:
    return text.replace("`", "")
