"""What is to be verified: a machine and its reader, with the size that is told of it."""

from __future__ import annotations

from typing import Any, SupportsIndex

from entroprod.boundary.arrays import as_count
from entroprod.boundary.sequences import told_size
from entroprod.laws.pair_case import is_homogeneous
from entroprod.machine.protocol import as_machine
from entroprod.pairs.choice import choose_pair
from entroprod.pairs.pair import Pair

_SIZES = ("n_symbols", "n_outputs")


def pair_of(
    machine: Any,
    backward: Any = None,
    *,
    n_symbols: SupportsIndex | None = None,
    n_outputs: SupportsIndex | None = None,
) -> Pair:
    """The pair of anything that ``as_machine`` takes; by default each machine reads itself.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    """
    known = _tell_size(machine, n_symbols, n_outputs)
    if backward is None:
        # A machine that changes in time can read backwards in two ways, and any reader will do to
        # put both of them to the test.
        return choose_pair(known, None if is_homogeneous(known) else known)
    if backward is machine:
        return choose_pair(known, known)
    reader = as_machine(backward, "backward")
    sizes = {name: told_size(known, name) for name in _SIZES}
    if all(told_size(reader, name) is None for name in _SIZES):
        reader = _Sized(reader, {name: size for name, size in sizes.items() if size is not None})
    return choose_pair(known, reader)


def _tell_size(
    machine: Any, n_symbols: SupportsIndex | None, n_outputs: SupportsIndex | None
) -> Any:
    """The machine, which tells its number of symbols or of components, if need be as given."""
    given = {"n_symbols": n_symbols, "n_outputs": n_outputs}
    known = as_machine(machine, "machine")
    told = {name: told_size(known, name) for name in given}
    for name, value in given.items():
        if value is not None and told[name] is not None and as_count(value, name) != told[name]:
            raise ValueError(f"{name} must be {told[name]}, as machine tells; got {value}")
    if any(value is not None for value in told.values()):
        return known
    if (n_symbols is None) == (n_outputs is None):
        raise ValueError(
            "exactly one of n_symbols and n_outputs must be given for a machine that tells neither"
        )
    sizes = {name: as_count(value, name) for name, value in given.items() if value is not None}
    return _Sized(known, sizes)


class _Sized:
    """A machine with the number of symbols or components that it doesn't tell itself."""

    def __init__(self, machine: Any, sizes: dict[str, int]) -> None:
        self._machine = machine
        self.n_symbols = sizes.get("n_symbols")
        self.n_outputs = sizes.get("n_outputs")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._machine, name)
