"""Print pip constraints that hold packages to the lowest versions named in pyproject.toml."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

REQUIREMENT = re.compile(r"([\w.-]+)>=([\d.]+)")


def lowest(requirement: str) -> str:
    match = REQUIREMENT.fullmatch(requirement)
    if match is None:
        raise SystemExit(f"error: {requirement!r} must name its lowest version, NAME>=VERSION")
    return "==".join(match.groups())


def requirements() -> Iterable[str]:
    text = Path(__file__).parents[1].joinpath("pyproject.toml").read_text("utf-8")
    project = tomllib.loads(text)["project"]
    yield from project["dependencies"]
    for extra in project["optional-dependencies"].values():
        yield from extra


if __name__ == "__main__":
    print(*sorted({lowest(requirement) for requirement in requirements()}), sep="\n")
