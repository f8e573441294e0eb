"""Each optional package absent: what needs it says what to install, all the rest works."""

from __future__ import annotations

import functools
import json
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution, requires
from pathlib import Path

import pytest
from features import DONE, NEEDS

if sys.version_info >= (3, 11):
    import tomllib
else:
    tomllib = pytest.importorskip("tomli")

HELPERS = Path(__file__).parents[1] / "helpers"
PROJECT = tomllib.loads(HELPERS.parents[1].joinpath("pyproject.toml").read_text("utf-8"))["project"]
# The packages of each extra, named on import as when they are installed.
EXTRAS: dict[str, frozenset[str]] = {
    extra: frozenset(re.split(r"[><=]", wanted)[0] for wanted in requirements)
    for extra, requirements in PROJECT["optional-dependencies"].items()
}
OPTIONAL = frozenset().union(*EXTRAS.values())
# Slow to import; their absence is seen in runs of their own.
SLOW = frozenset({"torch", "transformers"})


@functools.cache
def closure(package: str) -> frozenset[str]:
    """A package, and those of :data:`OPTIONAL` that are installed with it."""
    found = {package} & OPTIONAL
    for wanted in requires(package) or ():
        name, _, marker = wanted.partition(";")
        name = re.split(r"[^\w.-]", name)[0].lower()
        if "extra" not in marker and is_installed(name):
            found |= closure(name)
    return frozenset(found)


def is_installed(name: str) -> bool:
    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def expected(feature: str, hidden: frozenset[str]) -> set[str]:
    """The lines that may be the answer: an extra for any package that is hidden, or needs one.

    What a package is installed with it may need for other things than this one.
    """
    missing = {extra for package, extra in NEEDS[feature].items() if closure(package) & hidden}
    done = set() if NEEDS[feature].keys() & hidden else {DONE}
    return {f'pip install "entroprod[{extra}]"' for extra in missing} | done


def check(hidden: frozenset[str]) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "error", HELPERS / "features.py", *sorted(hidden)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found.keys() == NEEDS.keys()
    wrong = {
        feature: answer
        for feature, answer in found.items()
        if not any(answer.endswith(line) for line in expected(feature, hidden))
    }
    assert wrong == {}


@pytest.mark.parametrize("package", sorted(OPTIONAL - SLOW))
def test_without(package: str) -> None:
    check(SLOW | {package})


@pytest.mark.parametrize("package", sorted(SLOW))
def test_without_slow(package: str) -> None:
    check(frozenset({package}))


@pytest.mark.parametrize("extra", sorted(EXTRAS))
def test_with_one_extra_alone(extra: str) -> None:
    """Nothing that an extra promises needs a package of another."""
    check(OPTIONAL - frozenset().union(*map(closure, EXTRAS[extra])))


def test_with_none() -> None:
    check(OPTIONAL)


def test_every_package_is_needed() -> None:
    assert {package for packages in NEEDS.values() for package in packages} >= OPTIONAL


def test_import_loads_no_package_of_an_extra() -> None:
    code = f"import sys, entroprod; print(sorted({set(OPTIONAL)} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
