"""Imports between the folders of the package run one way, and its root shows the plan."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGE = "entroprod"
ROOT = Path(__file__).parents[2] / "python" / PACKAGE
# From the ground up. A folder may import those in lines above its own; those that share a line
# never import each other. The root module, "", hands on what lies above it.
PLAN = [
    ["_core", "_lapack"],
    ["boundary"],
    ["machine"],
    ["results"],
    ["pairs"],
    ["gaussian", "discrete"],
    ["questions"],
    ["series", "text", "neural", "laws"],
    ["testing"],
    [""],
    ["plot"],
    ["cli"],
]
RANKS = {folder: rank for rank, folders in enumerate(PLAN) for folder in folders}
KINDS = {"gaussian", "discrete"}
# Arrows against the plan, each with its reason.
UPWARDS = {
    ("results.picture", "plot"),  # a result finds its picture by name, when one is asked for
}
# Public functions name no kind; this one makes a machine.
MAKES_A_MACHINE = "questions.reverse_model"
# The one door to the core.
DOOR = "gaussian.core.compiled"

# A module, or a function of it, named by a string.
NAME = re.compile(rf"{PACKAGE}(\.\w+)+(:\w+)?")

Sources = dict[str, str]
Arrow = tuple[str, str]


def read_sources() -> Sources:
    """The text of each module by its name within the package; a package is named by its folder."""
    sources = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        sources[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path.read_text(
            "utf-8"
        )
    return sources


def imported(node: ast.AST) -> Iterator[str]:
    """What a statement imports, each name of a "from" after its module."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        assert node.level == 0, f"relative import in line {node.lineno}"
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Constant) and NAME.fullmatch(str(node.value)):
        yield f"{str(node.value).partition(':')[0]}.*"  # for import_module, here or elsewhere


@functools.cache
def imports_of(text: str) -> list[str]:
    """What a module imports from the package, in functions and for types as well."""
    names = [name for node in ast.walk(ast.parse(text)) for name in imported(node)]
    return [name for name in names if name.partition(".")[0] == PACKAGE]


def arrows(sources: Sources) -> set[Arrow]:
    """(importing module, imported module)."""
    modules = {f"{PACKAGE}.{name}".rstrip(".") for name in [*sources, "_core", "_lapack"]}
    found = set()
    for source, text in sources.items():
        for name in imports_of(text):
            full = name if name in modules else name.rpartition(".")[0]
            target = full[len(PACKAGE) + 1 :]
            by_string = name.endswith("*")
            if full in modules and not (by_string and folder(target) == folder(source)):
                found.add((source, target))
    return found


def folder(module: str) -> str:
    return module.partition(".")[0]


def against_plan(sources: Sources) -> list[str]:
    wrong = []
    for source, target in sorted(arrows(sources) - UPWARDS):
        here, there = folder(source), folder(target)
        if here != there and RANKS[there] >= RANKS[here]:
            wrong.append(f"{source} imports {target or 'the root'}, above it or beside it")
        if here == "questions" and there in KINDS and source != MAKES_A_MACHINE:
            wrong.append(f"{source} imports {target}: questions name no kind")
        if target in {"_core", "_lapack"} and source != DOOR:
            wrong.append(f"{source} imports {target}: only {DOOR} does")
    return wrong


def circle(sources: Sources) -> list[str]:
    """Modules that import each other in turn, or an empty list."""
    graph: dict[str, set[str]] = {}
    for source, target in arrows(sources) - UPWARDS:
        graph.setdefault(source, set()).add(target)
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_imports_run_one_way() -> None:
    assert against_plan(read_sources()) == []


def test_no_modules_import_each_other() -> None:
    assert circle(read_sources()) == []


def test_root_shows_the_plan() -> None:
    shown = {path.name for path in ROOT.iterdir() if not path.name.startswith(("_", "."))}
    assert shown == set(RANKS) - {"", "_core", "_lapack"} | {"py.typed"}
    assert [path.name for path in ROOT.glob("*.py")] == ["__init__.py"]


def test_exceptions_are_in_use() -> None:
    assert arrows(read_sources()) >= UPWARDS


@pytest.mark.parametrize(
    ("module", "code", "found"),
    [
        ("boundary.new", "from entroprod.machine.protocol import Machine", "boundary.new imports"),
        ("machine.new", "def f():\n    import entroprod.plot", "machine.new imports plot"),
        ("gaussian.new", "from entroprod.discrete import pair", "gaussian.new imports discrete"),
        (
            "results.new",
            "if TYPE_CHECKING:\n    from entroprod import LinearGaussian",
            "results.new imports the root",
        ),
        ("text.new", 'import_module("entroprod.cli.text")', "text.new imports cli.text"),
        ("laws.new", 'PICTURE = "entroprod.plot:curve"', "laws.new imports plot"),
        ("questions.new", "from entroprod.gaussian import pair", "questions name no kind"),
        ("series.new", "from entroprod import _core", "only gaussian.core"),
    ],
)
def test_a_wrong_arrow_is_found(module: str, code: str, found: str) -> None:
    wrong = against_plan({**read_sources(), module: code})
    assert any(found in line for line in wrong)


def test_a_circle_is_found() -> None:
    planted = {
        "text.one": "from entroprod.text import two",
        "text.two": "def f():\n    from entroprod.text.one import x",
    }
    assert set(circle({**read_sources(), **planted})) >= set(planted)
