"""The pair of any machine: sequences are reordered and scored, and sampled."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from entroprod.boundary.arrays import FloatArray, as_read_only
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.progress import Report
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.boundary.sequences import AnyArray, Block, Reads, read_sequences
from entroprod.machine.protocol import (
    as_machine,
    require_homogeneous,
    require_same_size,
    require_sampler,
)
from entroprod.machine.reversals import (
    TOKEN_REVERSAL,
    IntArray,
    Irreversible,
    Plan,
    Reversal,
    require_plan,
)
from entroprod.machine.scoring import draw_paths, log_probs
from entroprod.pairs.pair import Pair, Sampled
from entroprod.results.trajectory import PerStep, Skipped, StochasticEntropyProduction, integers


class ScoredPair(Pair):
    """The pair of any machine: it scores sequences in both orders, and samples.

    Parameters
    ----------
    machine : Machine or callable
        Anything with ``log_prob``, or a function of sequences that returns (N, T) nats per step.
    backward : Machine or callable, optional
        What reads the reordered sequences; by default the machine itself.
    reversal : Reversal, optional
        By default all steps are reversed.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    """

    def __init__(
        self, machine: Any, backward: Any = None, reversal: Reversal = TOKEN_REVERSAL
    ) -> None:
        self.machine = as_machine(machine, "machine")
        self.reader = self.machine if backward is None else as_machine(backward, "backward")
        self.reversal = reversal
        require_same_size(self.machine, self.reader, "backward")

    def score(
        self, sequences: Any, *, keep_per_step: bool = False, n_threads: int | None = None
    ) -> StochasticEntropyProduction:
        """Sigma of given sequences; ``n_threads`` is the machine's own matter here."""
        found = self.score_reversals(
            sequences, {"sigma": self.reversal}, keep_per_step=keep_per_step
        )
        return found["sigma"]

    def score_reversals(
        self, sequences: Any, reversals: Mapping[str, Reversal], *, keep_per_step: bool = False
    ) -> dict[str, StochasticEntropyProduction]:
        """Sigma of given sequences under several reversals: in the order as given scored once."""
        machine, reader = self._readers_of_any_order()
        blocks = read_sequences(Reads.of(machine, reader), sequences)
        reorderings = [
            reorder(reversal, blocks, name, keep_still=reader is not machine)
            for name, reversal in reversals.items()
        ]
        ahead, back = score_blocks(machine, reader, blocks, reorderings)
        told = self.told
        return {
            name: collect(one, ahead, its_back, told, keep_per_step=keep_per_step)
            for name, one, its_back in zip(reversals, reorderings, back)
        }

    def sample_moments(
        self,
        n_steps: int,
        n_paths: int,
        *,
        rng: RandomSource,
        keep_sigma: bool,
        n_threads: int | None,
        batch_size: int,
        report: Report | None,
    ) -> Sampled:
        """Moments of sigma over paths that are drawn, scored and forgotten, batch by batch."""
        self._readers_of_any_order()
        require_sampler(self.machine, "machine")
        require_memory(8 * n_paths, "n_paths", f"sigma of {n_paths} paths")
        generator = as_generator(rng)
        pieces: list[FloatArray] = []
        skip_reasons: Counter[str] = Counter()
        n_cut = 0
        for start in range(0, n_paths, batch_size):
            found = self._draw(n_steps, min(batch_size, n_paths - start), generator)
            pieces.append(found.sigma)
            skip_reasons.update(found.skip_reasons)
            n_cut += int((found.n_cut_off > 0).sum())
            if report is not None:
                report(min(start + batch_size, n_paths))
        sigma = np.concatenate(pieces)
        if not sigma.size:
            raise NumericalError(
                f"all {n_paths} sampled paths were skipped: {'; '.join(skip_reasons)}"
            )
        return Sampled(moments_of(sigma), sigma if keep_sigma else None, skip_reasons, n_cut)

    def _readers_of_any_order(self) -> tuple[Any, Any]:
        """Both machines, if their log_prob can read steps in another order."""
        require_homogeneous(self.machine, "machine")
        require_homogeneous(self.reader, "backward")
        return self.machine, self.reader

    def _draw(
        self, n_steps: int, n_paths: int, generator: np.random.Generator
    ) -> StochasticEntropyProduction:
        block, known = draw_paths(self.machine, n_steps, n_paths, generator)
        blocks = [block]
        ahead = None if known is None else [known]
        reordering = reorder(self.reversal, blocks, keep_still=self.reader is not self.machine)
        straight, back = score_blocks(self.machine, self.reader, blocks, [reordering], ahead)
        impossible = np.argwhere(np.isneginf(straight[0]))
        if impossible.size:
            raise NumericalError(
                "machine.sample draws a path that has probability 0 under machine.log_prob, from "
                f"step {impossible[0, 1] + 1} on"
            )
        return collect(reordering, straight, back[0])


def moments_of(sigma: FloatArray) -> dict[str, float]:
    """Moments of sigma as the core gives them; infinite ones weigh nothing in e^-sigma."""
    lowest = float(sigma.min())
    weights = np.exp(lowest - sigma) if math.isfinite(lowest) else np.zeros(1)
    mean = float(sigma.mean())
    return {
        "mean": mean,
        "sum_of_squares": float(((sigma - mean) ** 2).sum()) if math.isfinite(mean) else math.inf,
        "minimum": lowest,
        "maximum": float(sigma.max()),
        "weight_sum": float(weights.sum()),
        "square_sum": float((weights**2).sum()),
        "log_scale": -lowest,
        "n_infinite": float(np.isinf(sigma).sum()),
    }


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
        lengths=integers([len(plan.order) for plan in plans]),
        index=integers(index[place]),
        block_starts=tuple(plan.starts for plan in plans),
        n_cut_off=integers([plan.n_cut_off for plan in plans]),
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
