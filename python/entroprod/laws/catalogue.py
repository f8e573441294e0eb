"""All laws of the library, found in the modules of this folder whose names end in ``_laws``."""

from __future__ import annotations

import pkgutil
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from entroprod.laws.law import Law
from entroprod.laws.pair_case import PairCase
from entroprod.pairs.pair import Pair

# Modules whose laws come first in a report, in the order in which it is best read: the form of the
# answers, their values, what follows from them. Others come after, by name.
_READ_FIRST = (
    "scoring_laws",
    "normalisation_laws",
    "sampling_laws",
    "memory_laws",
    "reversal_laws",
    "production_laws",
    "decomposition_laws",
)


def _modules() -> list[str]:
    found = [one.name for one in pkgutil.iter_modules([str(Path(__file__).parent)])]
    names = sorted(name for name in found if name.endswith("_laws"))
    first = [name for name in _READ_FIRST if name in names]
    return first + [name for name in names if name not in first]


def _find() -> Iterator[Law[Any]]:
    for name in _modules():
        module = import_module(f"entroprod.laws.{name}")
        for value in vars(module).values():
            if isinstance(value, Law) and value.measure.__module__ == module.__name__:
                yield value


CATALOGUE: tuple[Law[Any], ...] = tuple(_find())


def laws_of(pair: Pair) -> tuple[Law[Any], ...]:
    """The laws of the catalogue that are about a pair, and those that it brings along."""
    return tuple(law for law in (*CATALOGUE, *pair.laws) if law.concerns(pair))


def make_case(
    laws: tuple[Law[Any], ...],
    pair: Pair,
    n_steps: int | None = None,
    n_paths: int | None = None,
    seed: int = 0,
) -> PairCase:
    """One case for all of these laws, which are about the pair; where not told, its own lengths.

    Machines of a fixed length get no more steps.
    """
    chosen = max((law.on for law in laws), key=lambda one: len(one.__mro__), default=PairCase)
    limits = [
        int(machine.n_steps)
        for machine in (pair.machine, pair.reader)
        if not getattr(machine, "time_homogeneous", True)
    ]
    steps = min([chosen.default_steps if n_steps is None else n_steps, *limits])
    return chosen(pair, steps, chosen.default_paths if n_paths is None else n_paths, seed)
