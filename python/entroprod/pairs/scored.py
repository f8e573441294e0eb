"""Sequences of any machine, reordered and scored."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from entroprod.boundary.arrays import FloatArray, as_read_only
from entroprod.boundary.sequences import AnyArray, Block
from entroprod.gaussian.time_varying import TimeVaryingLinearGaussian
from entroprod.machine.protocol import as_machine, provenance
from entroprod.machine.reversals import (
    IntArray,
    Irreversible,
    Plan,
    Reversal,
    require_plan,
)
from entroprod.machine.scoring import log_probs
from entroprod.results.trajectory import PerStep, Skipped, StochasticEntropyProduction


def told_of(machine: Any, other: Any) -> dict[str, Any]:
    """What the machine tells of itself, with what another reader tells under ``backward``."""
    told = provenance(machine)
    return told if other is machine else told | {"backward": provenance(other)}


def backward_reader(machine: Any, backward: Any) -> Any:
    """The machine that reads the reordered sequences."""
    other = machine if backward is None else as_machine(backward, "backward")
    if any(isinstance(one, TimeVaryingLinearGaussian) for one in (machine, other)):
        raise TypeError(
            "a TimeVaryingLinearGaussian is only read backwards as a whole: with TokenReversal() "
            "and without keep_per_step, by linear-Gaussian machines"
        )
    for name, instead in (("n_symbols", "n_outputs"), ("n_outputs", "n_symbols")):
        mine, its = getattr(machine, name, None), getattr(other, name, None)
        if mine is not None and its is None and getattr(other, instead, None) is not None:
            raise ValueError(f"backward must have {name} = {mine}, as machine has; got none")
        if mine is not None and its is not None and mine != its:
            raise ValueError(f"backward must have {name} = {mine}, as machine has; got {its}")
    return other


class Piece(NamedTuple):
    """Sequences of one block whose reordered versions are of one length, too."""

    # Which block, and which of its rows.
    source: int
    rows: IntArray
    plans: list[Plan]
    # The reordered sequences; None where they stay as they are and needn't be scored again.
    moved: Block | None
    # Places among the given sequences.
    places: IntArray

    @property
    def n_steps(self) -> int:
        """Number of steps that are kept."""
        return len(self.plans[0].order)

    @property
    def order(self) -> IntArray:
        """(T',) where it is the same for all rows, else (n, T')."""
        first = self.plans[0]
        if all(plan is first for plan in self.plans):
            return first.order
        return np.array([plan.order for plan in self.plans])


class Reordering(NamedTuple):
    """What one reversal does to all given sequences."""

    reversal: Reversal
    pieces: list[Piece]
    skipped: list[Skipped]


def reorder(
    reversal: Reversal, blocks: Sequence[Block], name: str = "", *, keep_still: bool = False
) -> Reordering:
    """Reorder all sequences; those that stay as they are are marked unless ``keep_still``."""
    pieces: list[Piece] = []
    skipped: list[Skipped] = []
    label = f" reordered ({name})" if name else " reordered"
    for source, block in enumerate(blocks):
        members: dict[tuple[int, bool], list[tuple[int, Plan]]] = {}
        for row, plan in enumerate(_plans(reversal, block)):
            if isinstance(plan, str):
                skipped.append(Skipped(int(block.places[row]), plan))
            else:
                still = not keep_still and plan.is_identity
                members.setdefault((len(plan.order), still), []).append((row, plan))
        for (_, still), given in members.items():
            rows = np.array([row for row, _ in given])
            piece = Piece(source, rows, [plan for _, plan in given], None, block.places[rows])
            if not still:
                paths = _of_rows(block.paths, rows)
                moved = Block(_reordered(paths, piece.order), piece.places, label)
                piece = piece._replace(moved=moved)
            pieces.append(piece)
    return Reordering(reversal, pieces, skipped)


def _plans(reversal: Reversal, block: Block) -> list[Plan | str]:
    """How each row is reordered, or the reason why it can't be."""

    def plan(path: AnyArray) -> Plan | str:
        try:
            # A copy, for a reversal of one's own may write into it.
            made = require_plan(reversal.plan(path.copy()), reversal)
        except Irreversible as error:
            return str(error)
        if len(made.order) + made.n_cut_off != len(path):
            raise ValueError(
                f"the plan of {reversal!r} covers {len(made.order) + made.n_cut_off} steps "
                f"of a sequence of {len(path)}"
            )
        return made

    if reversal.depends_on_length_alone:
        return [plan(block.paths[0])] * len(block.paths)
    return [plan(path) for path in block.paths]


def _of_rows(values: AnyArray, rows: IntArray) -> AnyArray:
    """Chosen rows, without a copy where these are all."""
    return values if len(rows) == len(values) else values[rows]


def _reordered(paths: AnyArray, order: IntArray) -> AnyArray:
    if order.ndim == 1:
        return paths[:, order]
    return paths[np.arange(len(paths))[:, np.newaxis], order]


Values = list[FloatArray]


def score_blocks(
    machine: Any,
    other: Any,
    blocks: Sequence[Block],
    reorderings: Sequence[Reordering],
    ahead: Values | None = None,
) -> tuple[Values, list[list[FloatArray | None]]]:
    """Nats per step of all sequences, and of all their reorderings, in one go where possible.

    ``ahead`` are those of the sequences as they are, where they are known already.
    """
    straight = list(blocks) if ahead is None else []
    moved = [piece.moved for one in reorderings for piece in one.pieces if piece.moved is not None]
    if other is machine:
        values = log_probs(machine, straight + moved, "machine")
    else:
        values = log_probs(machine, straight, "machine") + log_probs(other, moved, "backward")
    rest = iter(values[len(straight) :])
    back = [
        [None if piece.moved is None else next(rest) for piece in one.pieces] for one in reorderings
    ]
    return (values[: len(blocks)] if ahead is None else ahead), back


def collect(
    reordering: Reordering,
    ahead: Values,
    back: Sequence[FloatArray | None],
    told: dict[str, Any] | None = None,
    *,
    keep_per_step: bool = False,
) -> StochasticEntropyProduction:
    """The result of one reversal from the values of every step in both orders."""
    parts = [
        _Part.of(piece, _of_rows(ahead[piece.source], piece.rows)[:, : piece.n_steps], moved)
        for piece, moved in zip(reordering.pieces, back)
    ]
    index = _joined([part.places for part in parts], np.int64)
    place = np.argsort(index)
    log_forward, log_backward = (
        _joined([np.asarray(values.sum(axis=1)) for values in of_part], np.float64)[place]
        for of_part in ([part.forward for part in parts], [part.backward for part in parts])
    )
    _require_possible(log_forward, index[place], parts)
    plans = [part.plans[row] for part in parts for row in range(len(part.plans))]
    plans = [plans[i] for i in place]
    return StochasticEntropyProduction(
        sigma=as_read_only(log_forward - log_backward),
        log_forward=as_read_only(log_forward),
        log_backward=as_read_only(log_backward),
        lengths=_integers([len(plan.order) for plan in plans]),
        index=_integers(index[place]),
        block_starts=tuple(plan.starts for plan in plans),
        n_cut_off=_integers([plan.n_cut_off for plan in plans]),
        skipped=tuple(sorted(reordering.skipped, key=lambda skip: skip.index)),
        reversal=reordering.reversal,
        per_step_forward=_rows([p.forward for p in parts], place) if keep_per_step else None,
        per_step_backward=_rows([p.backward for p in parts], place) if keep_per_step else None,
        provenance=told or {},
    )


class _Part(NamedTuple):
    """A piece with its values per step, (n, T') each, in the order of the given sequences."""

    places: IntArray
    plans: list[Plan]
    forward: FloatArray
    backward: FloatArray

    @classmethod
    def of(cls, piece: Piece, forward: FloatArray, moved: FloatArray | None) -> _Part:
        if piece.moved is None or moved is None:
            return cls(piece.places, piece.plans, forward, forward)
        backward = np.empty_like(moved)
        if piece.order.ndim == 1:
            backward[:, piece.order] = moved
        else:
            np.put_along_axis(backward, piece.order, moved, axis=1)
        return cls(piece.places, piece.plans, forward, backward)


def _joined(pieces: Sequence[AnyArray], dtype: type[np.generic]) -> AnyArray:
    return np.concatenate(pieces) if pieces else np.empty(0, dtype)


def _rows(pieces: Sequence[FloatArray], place: IntArray) -> PerStep:
    rows = [as_read_only(row.copy()) for piece in pieces for row in piece]
    return tuple(rows[i] for i in place)


def _of_steps(
    log_forward: FloatArray,
    log_backward: FloatArray,
    n_steps: int,
    reversal: Reversal,
    told: dict[str, Any],
) -> StochasticEntropyProduction:
    """The result of paths of one length, all steps reversed."""
    n_paths = len(log_forward)
    return StochasticEntropyProduction(
        sigma=as_read_only(log_forward - log_backward),
        log_forward=as_read_only(log_forward),
        log_backward=as_read_only(log_backward),
        lengths=_integers([n_steps] * n_paths),
        index=_integers(range(n_paths)),
        block_starts=(_integers(range(n_steps)),) * n_paths,
        n_cut_off=_integers([0] * n_paths),
        skipped=(),
        reversal=reversal,
        per_step_forward=None,
        per_step_backward=None,
        provenance=told,
    )


def _require_possible(log_forward: FloatArray, index: IntArray, parts: Sequence[_Part]) -> None:
    impossible = np.flatnonzero(np.isneginf(log_forward))
    if not impossible.size:
        return
    wanted = int(index[impossible[0]])
    rows = {int(i): row for part in parts for i, row in zip(part.places, part.forward)}
    step = int(np.flatnonzero(np.isneginf(rows[wanted]))[0]) + 1
    raise ValueError(
        f"sequences[{wanted}] has probability 0 under the machine, from step {step} on: "
        "its sigma is undefined"
    )


def _integers(values: Sequence[int] | IntArray) -> IntArray:
    array = np.array(values, dtype=np.int64)
    array.flags.writeable = False
    return array
