"""The table of benchmarks: all rows in one file, the most telling ones in the README."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
UNITS = ("times faster", "times as long", "MB", "%", "")


@pytest.fixture
def report(monkeypatch: pytest.MonkeyPatch) -> Any:
    """bench/ lies beside the package, not in it."""
    monkeypatch.syspath_prepend(str(ROOT))
    pytest.importorskip("threadpoolctl")
    import bench.report

    return bench.report


def cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split(" | ")]


def recorded_rows() -> list[Any]:
    """The rows of the last run, read back from its file."""
    from bench.row import Row, Target
    from bench.timing import Ratio

    def parsed(text: str) -> tuple[float, str]:
        number, _, unit = text.removesuffix(" (missed)").partition(" ")
        return float(number.replace(",", "")), unit.strip()

    rows = []
    table = (ROOT / "bench" / "results" / "cpu.md").read_text(encoding="utf-8")
    for line in table.splitlines():
        if not line.startswith("| ") or line.startswith("| what"):
            continue
        what, against, goal, measured, typical, *_ = cells(line)
        value, unit = parsed(measured)
        assert unit in UNITS
        target = None
        if goal:
            sense, _, bound = goal.partition(" ")
            target = Target(sense, parsed(bound)[0])  # type: ignore[arg-type]
        rows.append(Row(what, against, unit, Ratio(value, parsed(typical)[0]), target))
    return rows


def table_of(text: str) -> list[str]:
    return re.findall(r"^\| .*\|$", text, re.MULTILINE)[1:]


def test_the_readme_shows_what_was_recorded(report: Any) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = table_of(readme.partition(report.BEGIN)[2].partition(report.END)[0])
    expected = report.short_table(report.most_telling(recorded_rows())).splitlines()[2:]
    assert len(shown) == len(report.MOST_TELLING) == 6
    assert shown == expected


def test_writing(report: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    readme, results = tmp_path / "README.md", tmp_path / "results" / "cpu.md"
    readme.write_text(f"before\n{report.BEGIN}\nold\n{report.END}\nafter\n", encoding="utf-8")
    monkeypatch.setattr(report, "README", readme)
    monkeypatch.setattr(report, "RESULTS", results)
    rows = recorded_rows()
    assert report.write(rows, "") == [readme, results]
    text = readme.read_text(encoding="utf-8")
    assert text.startswith("before\n")
    assert text.endswith("\nafter\n")
    assert "old" not in text
    assert [cells(line)[:2] for line in table_of(text)] == [list(r) for r in report.MOST_TELLING]
    assert len(table_of(results.read_text(encoding="utf-8"))) == len(rows)


def test_a_row_that_nothing_measures(report: Any, tmp_path: Path, monkeypatch: Any) -> None:
    readme = tmp_path / "README.md"
    before = f"{report.BEGIN}\n{report.END}\n"
    readme.write_text(before, encoding="utf-8")
    monkeypatch.setattr(report, "README", readme)
    monkeypatch.setattr(report, "RESULTS", tmp_path / "cpu.md")
    what, against = report.MOST_TELLING[2]
    rows = [row for row in recorded_rows() if (row.what, row.against) != (what, against)]
    with pytest.raises(RuntimeError, match=re.escape(what)):
        report.write(rows, "")
    assert readme.read_text(encoding="utf-8") == before
    assert not (tmp_path / "cpu.md").exists()
