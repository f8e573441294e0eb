"""The code of every page runs as it stands; pages are complete and load nothing from outside."""

from __future__ import annotations

import importlib
import re
from pathlib import Path
from typing import Any

import pytest

DOCS = Path(__file__).parents[2] / "docs"
PARTS = ("tutorials", "how_to", "explanation", "reference")
PAGES = [DOCS / "index.md", *sorted(page for part in PARTS for page in (DOCS / part).glob("*.md"))]
# The code of a cell, after its options (":tags: ...").
CODE_CELL = re.compile(
    r"^```\{code-cell\} python\n(?::[^\n]*\n)*(.*?)^```$", re.DOTALL | re.MULTILINE
)
WITH_CODE = [page for page in PAGES if CODE_CELL.search(page.read_text(encoding="utf-8"))]
# A page, and a heading in it, that a link leads to.
LINK = re.compile(r"\]\(([^)\s#]*\.md)?(?:#[^)\s]*)?\)")
TOCTREE = re.compile(r"^```\{toctree\}\n(?::[^\n]*\n)*\n?(.*?)^```$", re.DOTALL | re.MULTILINE)

DOCUMENTED = (
    "entroprod",
    "entroprod.laws",
    "entroprod.neural",
    "entroprod.plot",
    "entroprod.series",
    "entroprod.testing",
    "entroprod.text",
    "entroprod.text.report",
)


def name_of(page: Path) -> str:
    return str(page.relative_to(DOCS).with_suffix(""))


@pytest.mark.parametrize("page", WITH_CODE, ids=name_of)
def test_cells_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")  # of commands: other tests run beside this one
    text = page.read_text(encoding="utf-8")
    namespace: dict[str, object] = {}
    for cell in CODE_CELL.finditer(text):
        lines_before = text.count("\n", 0, cell.start(1))
        code = compile("\n" * lines_before + cell[1], str(page), "exec")
        exec(code, namespace)  # noqa: S102


def test_there_are_pages() -> None:
    assert {page.parent.name for page in WITH_CODE} >= {"tutorials", "how_to", "explanation"}


@pytest.mark.parametrize("part", PARTS)
def test_an_index_leads_to_every_page_of_its_part(part: str) -> None:
    text = (DOCS / part / "index.md").read_text(encoding="utf-8")
    listed = {line for tree in TOCTREE.findall(text) for line in tree.split()}
    linked = {link.removesuffix(".md") for link in LINK.findall(text) if link}
    pages = {page.stem for page in (DOCS / part).glob("*.md")} - {"index"}
    assert listed == pages
    assert linked == pages


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_lead_to_pages(page: Path) -> None:
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if link]
    assert [link for link in links if not (page.parent / link).is_file()] == []


def documented_names() -> set[str]:
    """What the directives of the reference describe, by full name."""
    found = set()
    for page in (DOCS / "reference").glob("*.md"):
        module = "entroprod"
        blocks = re.findall(
            r"^```\{eval-rst\}\n(.*?)^```$",
            page.read_text(encoding="utf-8"),
            re.DOTALL | re.MULTILINE,
        )
        lines = "\n".join(blocks).splitlines()
        for line, following in zip(lines, [*lines[1:], ""]):
            directive = re.match(r"\.\. (\w+):: ([\w.]+)$", line)
            if directive is None:
                continue
            kind, name = directive.groups()
            if kind == "currentmodule":
                module = name
            elif kind == "automodule":
                members = re.match(r"   :members:(.*)", following)
                named = members[1].split(",") if members and members[1].strip() else None
                public = importlib.import_module(name).__all__ if members and not named else named
                found |= {f"{name}.{member.strip()}" for member in public or ()}
            else:
                found.add(name if name.startswith("entroprod.") else f"{module}.{name}")
    return found


@pytest.mark.parametrize("module", DOCUMENTED)
def test_the_reference_is_complete(module: str) -> None:
    """A name that the root hands on needs no second entry under its sub-package."""
    found = documented_names()
    package = importlib.import_module(module)
    public = importlib.import_module("entroprod")
    absent = [
        name
        for name in package.__all__
        if f"{module}.{name}" not in found
        and not (
            f"entroprod.{name}" in found and getattr(package, name) is getattr(public, name, None)
        )
    ]
    assert absent == []


def test_what_is_documented_exists() -> None:
    parts = [name.rpartition(".") for name in documented_names()]
    assert len(parts) > 100
    absent = [
        f"{module}.{name}"
        for module, _, name in parts
        if not hasattr(importlib.import_module(module), name)
    ]
    assert absent == []


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The extension that the pages are built with."""
    monkeypatch.syspath_prepend(str(DOCS / "extensions"))
    return importlib.import_module("offline")


@pytest.mark.parametrize(
    "page",
    [
        '<script src="https://cdn.example/mathjax.js"></script>',
        '<script type="module">import "https://cdn.example/widget.js"</script>',
        '<link rel="stylesheet" href="//cdn.example/style.css">',
        '<link rel="preload" as="font" href="https://cdn.example/font.woff2">',
        '<img src="http://cdn.example/badge.svg">',
        '<img srcset="small.png 1x, https://cdn.example/large.png 2x">',
        "<style>@font-face { src: url('https://cdn.example/font.woff2') }</style>",
        '<style>@import "https://cdn.example/style.css";</style>',
        '<p style="background: url(https://cdn.example/paper.png)">',
        '<iframe src="https://cdn.example/"></iframe>',
    ],
)
def test_what_a_page_loads_from_outside_is_found(offline: Any, page: str, tmp_path: Path) -> None:
    assert len(offline.loaded_from_outside(page)) == 1
    (tmp_path / "page.html").write_text(page, encoding="utf-8")
    (found,) = offline.outside_references(tmp_path)
    assert found.startswith("page.html: ")
    assert "cdn.example" in found


def test_links_for_readers_and_own_files_are_no_matter(offline: Any, tmp_path: Path) -> None:
    page = (
        '<a href="https://arxiv.org/abs/2604.07867">paper</a><link rel="canonical" '
        'href="https://docs.example/"><img src="_images/a.png"><script src="_static/mathjax/'
        'tex-svg.js"></script><style>p { background: url(data:image/png;base64,AA) }</style>'
        "<p>from 'https://example.org' one may @import url(//a.b)</p>"
    )
    assert offline.loaded_from_outside(page) == []
    (tmp_path / "own.css").write_text("@import 'other.css';", encoding="utf-8")
    assert offline.outside_references(tmp_path) == []
    (tmp_path / "own.css").write_text("@import url(//a.b/c.css);", encoding="utf-8")
    assert offline.outside_references(tmp_path) == ["own.css: //a.b/c.css"]
