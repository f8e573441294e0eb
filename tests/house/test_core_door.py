"""One module imports the compiled library; everything else asks it through ``gaussian.core``."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
DOOR = Path("python/entroprod/gaussian/core/compiled.py")
LIBRARY = ("entroprod._core", "entroprod._lapack")
# Tests of what no question asks: several answers of one call, without the checks around it.
TESTS_OF_THE_CORE = {Path("tests/gaussian/test_decomposition.py")}


def imported(source: str) -> Iterator[str]:
    """Full names of all that a module imports, anywhere in it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # A relative import is read as one from the root.
            parent = "entroprod" if node.level else node.module
            yield from (f"{parent}.{alias.name}" for alias in node.names)


def opens(source: str) -> bool:
    return any(name.startswith(LIBRARY) for name in imported(source))


def sources(*folders: str) -> Iterator[tuple[Path, str]]:
    for folder in folders:
        for path in (REPOSITORY / folder).rglob("*.py"):
            yield path.relative_to(REPOSITORY), path.read_text(encoding="utf-8")


def test_tests_and_benchmarks_ask_as_the_package_does() -> None:
    found = {path for path, source in sources("bench", "tests") if opens(source)}
    assert found == TESTS_OF_THE_CORE


def test_the_core_has_one_door() -> None:
    assert [path for path, source in sources("python") if opens(source)] == [DOOR]


def test_nobody_goes_around_the_questions() -> None:
    """What the door opens is for the modules beside it alone."""
    door = ".".join(DOOR.relative_to("python").with_suffix("").parts)
    found = {
        path.parent
        for path, source in sources("python", "bench", "tests")
        if any(name.startswith(door) for name in imported(source))
    }
    assert found == {DOOR.parent}


@pytest.mark.parametrize(
    "source",
    [
        "from entroprod import _core",
        "from . import _core",
        "import entroprod._core",
        "from entroprod._core import sample",
        "def late():\n    from entroprod import LinearGaussian, _lapack",
    ],
)
def test_every_way_to_import_it_is_seen(source: str) -> None:
    assert opens(source)
