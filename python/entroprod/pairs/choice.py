"""Who answers for a machine and its reader: the one place where that is decided."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

from entroprod.machine.reversals import TOKEN_REVERSAL, Reversal, require_reversal
from entroprod.pairs.pair import Pair
from entroprod.pairs.scored import ScoredPair

Make: TypeAlias = Callable[[Any, Any, Reversal], Pair | None]


class _Kind(NamedTuple):
    machine: type
    reader: type
    make: Make


_kinds: list[_Kind] = []


def register_pair(machine_class: type, reader_class: type, make: Make) -> None:
    """Say who answers for the machines of a class, read backwards by those of another.

    This is all that a new kind of machine has to tell the library: every function then asks the
    pair that ``make`` returns.

    Parameters
    ----------
    machine_class, reader_class : type
        Classes of the machine that makes the sequences and of the one that reads them; subclasses
        are meant, too (by inheritance: a protocol that a class merely fulfils is none of its
        ancestors). The closest classes are asked first, the machine's before the reader's; of
        registrations for the same classes, the last is asked first.
    make : callable
        make(machine, backward, reversal) returns a :class:`Pair`, or None to leave these to the
        next registration. ``backward`` is None where the machine reads its own sequences.

    Raises
    ------
    TypeError
        Naming the argument.

    Examples
    --------
    A chain of independent symbols: read backwards, it is as likely as forwards.

    >>> import numpy as np
    >>> import entroprod as ep
    >>> class Coins:
    ...     n_symbols = 2
    ...     def log_prob(self, sequences):
    ...         return np.full(np.shape(sequences), -np.log(2.0))
    >>> class CoinsPair(ep.ScoredPair):
    ...     def rate(self, *, precision="auto"):
    ...         return 0.0
    >>> ep.register_pair(Coins, Coins, CoinsPair)
    >>> ep.entropy_production_rate(Coins())
    0.0
    """
    for name, value in (("machine_class", machine_class), ("reader_class", reader_class)):
        if not isinstance(value, type):
            raise TypeError(f"{name} must be a class, got {value!r}")
    if not callable(make):
        raise TypeError(f"make must be callable, got {make!r}")
    _kinds.append(_Kind(machine_class, reader_class, make))
    _makers.cache_clear()


@lru_cache(maxsize=256)
def _makers(machine: type, reader: type) -> tuple[Make, ...]:
    """What is registered for two classes, closest first."""
    ancestors = machine.__mro__, reader.__mro__
    found = [
        (ancestors[0].index(kind.machine), ancestors[1].index(kind.reader), -place, kind.make)
        for place, kind in enumerate(_kinds)
        if kind.machine in ancestors[0] and kind.reader in ancestors[1]
    ]
    return tuple(make for *_, make in sorted(found, key=lambda one: one[:3]))


def choose_pair(machine: Any, backward: Any = None, reversal: Reversal = TOKEN_REVERSAL) -> Pair:
    """The pair that answers for a machine and its reader.

    Parameters
    ----------
    machine : Machine or callable
    backward : Machine or callable, optional
        What reads the reordered sequences; by default the machine itself.
    reversal : Reversal

    Raises
    ------
    ValueError, TypeError
        Naming the argument: what is no machine, no reversal, or a reader of other sequences.
    """
    require_reversal(reversal, "reversal")
    reader = machine if backward is None else backward
    classes: tuple[Any, Any] = type(machine), type(reader)
    for make in _makers(*classes):
        pair = make(machine, backward, reversal)
        if isinstance(pair, Pair):
            return pair
        if pair is not None:
            raise TypeError(
                f"make, registered for a {type(machine).__name__} and a {type(reader).__name__}, "
                f"must return a Pair or None, got {pair!r}"
            )
    return ScoredPair(machine, backward, reversal)
