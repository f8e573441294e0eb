"""Reversals of sequences: by token, by block, or by any permutation.

A reversal reorders a sequence. Entropy production compares the probability of the sequence with
that of the reordered one, and its fluctuation theorem needs the reordering to be a bijection of the
sequences that it is applied to ([S26]_ eqs 28-36). What can't be undone is refused, with a reason.
"""

from __future__ import annotations

import itertools
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import (
    as_count,
    require_choice,
)

IntArray: TypeAlias = NDArray[np.int64]

# Delimiters that are listed when a reversal is printed.
_MOST_SHOWN = 8


class Irreversible(ValueError):
    """A reversal is no bijection on a sequence; the message is the reason."""


@dataclass(frozen=True, eq=False)
class Plan:
    """How one sequence of T symbols is reordered.

    Attributes
    ----------
    order : ndarray, (T',)
        The reordered sequence is ``sequence[order]``: a permutation of 0 .. T'-1.
    starts : ndarray, (n_blocks,)
        Where the blocks of the original begin; each keeps its inner order.
    n_cut_off : int
        T - T': symbols behind the last block, which are left out.
    """

    order: IntArray
    starts: IntArray
    n_cut_off: int = 0

    def __post_init__(self) -> None:
        if not np.array_equal(np.sort(self.order), np.arange(len(self.order))):
            raise ValueError("order must be a permutation of 0 .. T'-1")
        starts = self.starts
        inside = starts.size and starts[0] == 0 and starts[-1] < len(self.order)
        if not (inside and (starts[1:] > starts[:-1]).all()):
            raise ValueError("starts must begin with 0 and increase up to less than T'")
        for array in (self.order, self.starts):
            array.flags.writeable = False

    @property
    def n_blocks(self) -> int:
        """Number of blocks."""
        return len(self.starts)

    @property
    def blocks(self) -> tuple[tuple[int, int], ...]:
        """The blocks of the original as (start, stop), from its beginning."""
        edges = [*self.starts.tolist(), len(self.order)]
        return tuple(itertools.pairwise(edges))

    @cached_property
    def inverse(self) -> IntArray:
        """Place in the reordered sequence of each symbol of the original, (T',)."""
        return np.argsort(self.order)

    @cached_property
    def is_identity(self) -> bool:
        """Whether the sequence stays as it is, as one of a single block does."""
        return bool((self.order == np.arange(len(self.order))).all())


class Reversal(ABC):
    """Base of all reversals: what ``plan`` answers is a bijection, or it raises.

    A reversal of one's own is a subclass that defines ``plan``.
    """

    @property
    def depends_on_length_alone(self) -> bool:
        """Whether all sequences of one length are reordered alike."""
        return False

    @abstractmethod
    def plan(self, sequence: NDArray[Any]) -> Plan:
        """Tell how a sequence, (T,) symbols or (T, m) values, is reordered.

        Raises
        ------
        Irreversible
            With the reason why the reordering couldn't be undone.
        """


@dataclass(frozen=True)
class TokenReversal(Reversal):
    """All positions reversed, [S26]_ eqs 7-13: (a, b, c) becomes (c, b, a).

    Examples
    --------
    >>> import numpy as np
    >>> import entroprod as ep
    >>> ep.TokenReversal().plan(np.array([5, 6, 7])).order
    array([2, 1, 0])
    """

    @property
    def depends_on_length_alone(self) -> bool:
        """Whether all sequences of one length are reordered alike."""
        return True

    def plan(self, sequence: NDArray[Any]) -> Plan:
        """Tell how a sequence is reordered; it never fails."""
        n_steps = len(sequence)
        return Plan(np.arange(n_steps)[::-1].copy(), np.arange(n_steps))


@dataclass(frozen=True, repr=False)
class BlockReversal(Reversal):
    """The order of blocks reversed, the order inside each kept, [S26]_ eqs 28-36.

    (a, b, c | d, e, f) becomes (d, e, f | a, b, c). Exactly one of the first four arguments tells
    where blocks end.

    Parameters
    ----------
    length : int, optional
        Blocks of so many steps; the last one may be shorter. The reordering depends on T alone,
        and is a bijection whatever the symbols are.
    boundaries : sequence of int, optional
        Where blocks begin, but for the first: increasing, between 1 and T - 1.
    delimiters : collection of int, optional
        Symbols that end a block, such as the tokens that end a sentence.
    cut : callable, optional
        cut(sequence) gives boundaries. Cutting the reordered sequence must give the same blocks in
        the other order, or else the sequence is Irreversible.
    per_block : int
        With delimiters: so many delimited pieces make a block; the last one may have fewer.
    tail : "cut" or "keep"
        With delimiters: what happens to symbols behind the last delimiter. They are cut off, as
        published, or kept, a last block that stays. Only "keep" is a bijection of T symbols;
        with "cut" E[e^-sigma] is 1 for sequences that end with a delimiter, and not exactly
        otherwise, since the probability of what is cut off depends on the order before it.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.

    Examples
    --------
    >>> import numpy as np
    >>> import entroprod as ep
    >>> tokens = np.array([5, 6, 0, 7, 0, 8])
    >>> plan = ep.BlockReversal(delimiters={0}).plan(tokens)
    >>> tokens[plan.order], plan.n_blocks, plan.n_cut_off
    (array([7, 0, 5, 6, 0]), 2, 1)
    """

    length: int | None = None
    boundaries: Sequence[int] | None = None
    delimiters: Collection[int] | None = None
    cut: Callable[[NDArray[Any]], Iterable[int]] | None = None
    per_block: int = 1
    tail: Literal["cut", "keep"] = "cut"

    def __post_init__(self) -> None:
        ways = ("length", "boundaries", "delimiters", "cut")
        given = [name for name in ways if getattr(self, name) is not None]
        if len(given) != 1:
            got = ", ".join(given) if given else "none"
            msg = (
                f"BlockReversal needs exactly one of length, boundaries, delimiters, cut; got {got}"
            )
            raise ValueError(msg)
        settle = partial_set(self)
        settle("per_block", as_count(self.per_block, "per_block"))
        require_choice(self.tail, "tail", "cut", "keep")
        if self.delimiters is None and (self.per_block != 1 or self.tail != "cut"):
            raise ValueError("per_block and tail are only used with delimiters")
        if self.length is not None:
            settle("length", as_count(self.length, "length"))
        elif self.boundaries is not None:
            settle("boundaries", _as_boundaries(self.boundaries, "boundaries"))
        elif self.delimiters is not None:
            settle("delimiters", _as_symbols(self.delimiters))
        elif not callable(self.cut):
            raise TypeError(f"cut must be callable, got {self.cut!r}")

    @property
    def depends_on_length_alone(self) -> bool:
        """Whether all sequences of one length are reordered alike."""
        return self.delimiters is None and self.cut is None

    def plan(self, sequence: NDArray[Any]) -> Plan:
        """Tell how a sequence is reordered.

        Raises
        ------
        Irreversible
            No delimiter in the sequence, boundaries outside of it, or a cut that the reordered
            sequence doesn't give back.
        ValueError
            What ``cut`` returns is no list of boundaries, or symbols are no integers.
        """
        n_steps = len(sequence)
        if self.delimiters is not None:
            return self._plan_delimited(sequence)
        if self.length is not None:
            starts = np.arange(0, n_steps, self.length)
        elif self.boundaries is not None:
            starts = _starts(self.boundaries, n_steps)
        else:
            starts = self._cut(sequence)
        plan = Plan(_reversed_order(starts, n_steps), starts)
        if self.cut is not None:
            again = self._cut(sequence[plan.order])
            if not np.array_equal(np.diff([*again, n_steps])[::-1], np.diff([*starts, n_steps])):
                raise Irreversible("cut doesn't find the same blocks in the reordered sequence")
        return plan

    def __repr__(self) -> str:
        given = []
        for field in fields(self):
            value = getattr(self, field.name)
            if value == field.default:
                continue
            text = repr(value)
            if isinstance(value, frozenset):
                many = len(value) > _MOST_SHOWN
                text = (
                    f"<{len(value)} symbols>"
                    if many
                    else "{" + ", ".join(map(str, sorted(value))) + "}"
                )
            given.append(f"{field.name}={text}")
        return f"BlockReversal({', '.join(given)})"

    @cached_property
    def _sorted_delimiters(self) -> IntArray:
        return np.array(sorted(self.delimiters or ()), dtype=np.int64)

    def _cut(self, sequence: NDArray[Any]) -> IntArray:
        given = () if self.cut is None else self.cut(sequence.copy())
        return _starts(_as_boundaries(given, "what cut returns"), len(sequence))

    def _plan_delimited(self, sequence: NDArray[Any]) -> Plan:
        if sequence.ndim != 1 or sequence.dtype.kind not in "iu":
            msg = f"delimiters need symbols, got a sequence of {sequence.dtype} with shape"
            raise ValueError(f"{msg} {sequence.shape}")
        # By bisection: np.isin takes longer to start than a sentence to be searched.
        wanted = self._sorted_delimiters
        nearest = np.minimum(np.searchsorted(wanted, sequence), len(wanted) - 1)
        ends = np.flatnonzero(wanted[nearest] == sequence) + 1
        if ends.size == 0:
            raise Irreversible("no delimiter in it")
        # Pieces are recovered from the reordered sequence, since each ends with its only delimiter,
        # and with them their number, on which alone the grouping depends.
        last = int(ends[-1])
        stops = ends[self.per_block - 1 :: self.per_block]
        starts = np.concatenate([[0], stops[stops < last]])
        order = _reversed_order(starts, last)
        if self.tail == "cut" or last == len(sequence):
            return Plan(order, starts, len(sequence) - last)
        order = np.concatenate([order, np.arange(last, len(sequence))])
        return Plan(order, np.concatenate([starts, [last]]))


@dataclass(frozen=True, eq=False)
class Permutation(Reversal):
    """Any reordering of positions.

    Parameters
    ----------
    order : array_like, (T,), or callable
        The reordered sequence is sequence[order]: a permutation of 0 .. T-1, for sequences of T
        steps alone; or a function of T that gives one.

    Raises
    ------
    ValueError, TypeError
        ``order`` is no permutation.

    Notes
    -----
    Source: [S26]_ eqs 28-36, of which the reversals of tokens and of blocks are cases.

    Examples
    --------
    >>> import numpy as np
    >>> import entroprod as ep
    >>> halves = ep.Permutation(lambda n_steps: np.roll(np.arange(n_steps), n_steps // 2))
    >>> halves.plan(np.array([1, 2, 3, 4])).order
    array([2, 3, 0, 1])
    """

    order: ArrayLike | Callable[[int], ArrayLike]

    def __post_init__(self) -> None:
        if not callable(self.order):
            partial_set(self)("order", _as_permutation(self.order, "order"))

    @property
    def depends_on_length_alone(self) -> bool:
        """Whether all sequences of one length are reordered alike."""
        return True

    def plan(self, sequence: NDArray[Any]) -> Plan:
        """Tell how a sequence is reordered.

        Raises
        ------
        Irreversible
            The sequence has another length than the permutation.
        ValueError, TypeError
            The function gives no permutation.
        """
        n_steps = len(sequence)
        if callable(self.order):
            order = _as_permutation(self.order(n_steps), f"order({n_steps})")
        else:
            order = np.asarray(self.order)
        if len(order) != n_steps:
            raise Irreversible(f"order permutes {len(order)} steps, the sequence has {n_steps}")
        return Plan(order.copy(), np.arange(n_steps))


def partial_set(frozen: object) -> Callable[[str, object], None]:
    """Return what sets a field of a frozen dataclass while it is being made."""
    return lambda name, value: object.__setattr__(frozen, name, value)


def require_reversal(value: object, name: str) -> Reversal:
    """Refuse what isn't a reversal."""
    if not isinstance(value, Reversal):
        hint = " (an instance: call it)" if isinstance(value, type) else ""
        raise TypeError(f"{name} must be a Reversal such as TokenReversal(), got {value!r}{hint}")
    return value


def require_plan(value: object, reversal: Reversal) -> Plan:
    """Refuse what a reversal of one's own answers in the place of a plan."""
    if not isinstance(value, Plan):
        raise TypeError(
            f"plan of {type(reversal).__name__} must return a Plan, got {type(value).__name__}"
        )
    return value


def _starts(boundaries: Sequence[int], n_steps: int) -> IntArray:
    if boundaries and boundaries[-1] >= n_steps:
        raise Irreversible(f"the boundary {boundaries[-1]} lies outside of {n_steps} steps")
    return np.array([0, *boundaries], dtype=np.int64)


def _reversed_order(starts: IntArray, n_steps: int) -> IntArray:
    lengths = np.diff(starts, append=n_steps)[::-1]
    # By how much each block moves: from where it starts to the sum of the lengths behind it.
    moves = starts[::-1] - (np.cumsum(lengths) - lengths)
    return np.asarray(np.arange(n_steps) + np.repeat(moves, lengths), dtype=np.int64)


def _as_boundaries(value: Iterable[int], name: str) -> tuple[int, ...]:
    try:
        starts = tuple(value)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of integers, got {value!r}") from None
    starts = tuple(as_count(start, f"each of {name}") for start in starts)
    if any(after <= before for before, after in itertools.pairwise(starts)):
        raise ValueError(f"{name} must increase, got {list(starts)}")
    return starts


def _as_symbols(value: Collection[int]) -> frozenset[int]:
    try:
        symbols = frozenset(value)
    except TypeError:
        raise TypeError(f"delimiters must be a collection of symbols, got {value!r}") from None
    if not symbols:
        raise ValueError("delimiters must not be empty")
    for symbol in symbols:
        if isinstance(symbol, (bool, np.bool_)) or not isinstance(symbol, (int, np.integer)):
            raise TypeError(f"delimiters must be integers, got {symbol!r}")
        if abs(int(symbol)) >= 2**63:
            raise ValueError(f"delimiters must be below 2^63 in size, got {symbol}")
    return frozenset(int(symbol) for symbol in symbols)


def _as_permutation(value: ArrayLike, name: str) -> IntArray:
    order = np.array(value)
    if order.ndim != 1 or order.dtype.kind not in "iu" or order.size == 0:
        raise TypeError(f"{name} must be a (T,) array of integers, got {value!r}")
    if not np.array_equal(np.sort(order), np.arange(order.size)):
        raise ValueError(f"{name} must be a permutation of 0 .. {order.size - 1}, got {value!r}")
    order = order.astype(np.int64)
    order.flags.writeable = False
    return order


TOKEN_REVERSAL = TokenReversal()
