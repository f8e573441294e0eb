"""The code of every page runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

PAGES = sorted(Path(__file__).parents[2].joinpath("docs").glob("*.md"))
# The code of a cell, after its options (":tags: ...").
CODE_CELL = re.compile(
    r"^```\{code-cell\} python\n(?::[^\n]*\n)*(.*?)^```$", re.DOTALL | re.MULTILINE
)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_cells_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = page.read_text(encoding="utf-8")
    namespace: dict[str, object] = {}
    for cell in CODE_CELL.finditer(text):
        lines_before = text.count("\n", 0, cell.start(1))
        code = compile("\n" * lines_before + cell[1], str(page), "exec")
        exec(code, namespace)  # noqa: S102


def test_there_are_pages() -> None:
    assert PAGES
