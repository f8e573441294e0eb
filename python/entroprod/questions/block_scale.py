"""Entropy production per step against the length of the blocks that are reversed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from entroprod.boundary.arrays import FloatArray, as_count, as_read_only
from entroprod.boundary.memory import require_memory
from entroprod.boundary.sequences import Block, Reads, read_sequences
from entroprod.machine.protocol import as_machine
from entroprod.machine.reversals import BlockReversal, IntArray, Reversal, require_reversal
from entroprod.questions.trajectory import score_reversals
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result, plain
from entroprod.results.trajectory import StochasticEntropyProduction

if TYPE_CHECKING:
    import pandas as pd

Unit = Literal["step", "sentence"]

DEFAULT_SCALES = (1, 2, 5, 10, 20, 50)
# What one step of one order occupies at the peak: a reordered symbol or value, its log-probability
# as the machine gives it, and the checked copy of that.
_BYTES_PER_NUMBER = 8
_COPIES = 2


@storable
@dataclass(frozen=True, repr=False, eq=False)
class ScalePoint(Result):
    """Entropy production per step of N sequences with blocks of one scale.

    Attributes
    ----------
    unit : "step" or "sentence"
        What the scale counts.
    scale : int
        How many of them make a block; the last block of a sequence may have fewer.
    block_length : float
        The scale in steps. For sentences, their mean: all steps over all blocks.
    mean, standard_error : float or None
        Of sigma per step, over all sequences that have one, nats per step; every sequence counts
        alike, and a sequence of a single block with its 0, as published. None where every sequence
        was skipped. The error is infinite for a single sequence.
    mean_reordered, standard_error_reordered : float or None
        The same without sequences of a single block, whose order stays. None where there is none.
    n_one_block : int
        Number of sequences of a single block.
    n_infinite : int
        Number of infinite sigma, each of which makes the mean infinite.
    sigma_per_step : ndarray, (N',)
        Sigma of each sequence over its number of scored steps, nats per step.
    index : ndarray, (N',)
        Which of the given sequences these are.
    n_blocks, lengths, n_cut_off : ndarray, (N',)
        Number of blocks, of scored steps, and of steps behind the last sentence, left out.
    skip_reasons : dict of str to int
        How many sequences have no sigma, for which reason.
    """

    unit: Unit
    scale: int
    block_length: float
    mean: float | None
    standard_error: float | None
    mean_reordered: float | None
    standard_error_reordered: float | None
    n_one_block: int
    n_infinite: int
    sigma_per_step: FloatArray
    index: IntArray
    n_blocks: IntArray
    lengths: IntArray
    n_cut_off: IntArray
    skip_reasons: dict[str, int]

    @property
    def name(self) -> str:
        """Such as ``"10 steps"`` or ``"1 sentence"``."""
        return _named(self.scale, self.unit)

    @property
    def n_scored(self) -> int:
        """Number of sequences that have a sigma."""
        return len(self.index)

    @property
    def n_skipped(self) -> int:
        """Number of sequences that have none."""
        return sum(self.skip_reasons.values())

    def summary(self) -> dict[str, Any]:
        """Plain values by name, without those of single sequences."""
        counts = {"n_scored": self.n_scored, "n_skipped": self.n_skipped}
        return {"name": self.name} | {name: plain(getattr(self, name)) for name in _PLAIN} | counts

    def to_dict(self) -> dict[str, Any]:
        """Plain values and lists by name."""
        return self.summary() | super().to_dict()

    def to_frame(self) -> pd.DataFrame:
        """Table with a row for each sequence that has a sigma; needs pandas."""
        return as_frame({name: getattr(self, name) for name in _PER_SEQUENCE})

    def __repr__(self) -> str:
        value = "no sequence has a sigma"
        if self.mean is not None and self.standard_error is not None:
            value = f"{self.mean:.6g} ± {self.standard_error:.2g} nats per step"
        counts = [f"{self.n_scored} scored"]
        for number, what in (
            (self.n_one_block, "of one block"),
            (self.n_skipped, "skipped"),
            (self.n_infinite, "infinite"),
        ):
            if number:
                counts.append(f"{number} {what}")
        return f"ScalePoint({self.name}: {value}; {', '.join(counts)})"


_PER_SEQUENCE = ("index", "sigma_per_step", "n_blocks", "lengths", "n_cut_off")
_PLAIN = tuple(
    field.name for field in fields(ScalePoint) if field.name not in (*_PER_SEQUENCE, "skip_reasons")
)


@storable
@dataclass(frozen=True, repr=False, eq=False)
class BlockScale(Result):
    """Entropy production per step at every scale of blocks, of the same N sequences.

    Its picture is :func:`entroprod.plot.block_scale`.

    Attributes
    ----------
    points : tuple of ScalePoint
        One for each scale, in the order in which they were asked for.
    n_sequences : int
    provenance : dict
        What the machine tells of itself.
    """

    points: tuple[ScalePoint, ...]
    n_sequences: int
    provenance: dict[str, Any]

    _picture: ClassVar[str] = "block_scale"

    def __getitem__(self, name: str) -> ScalePoint:
        """Return the point of a name such as ``"10 steps"``."""
        for point in self.points:
            if point.name == name:
                return point
        names = ", ".join(repr(point.name) for point in self.points)
        raise KeyError(f"no scale is called {name!r}; there are {names}")

    def __iter__(self) -> Iterator[ScalePoint]:
        return iter(self.points)

    def __len__(self) -> int:
        return len(self.points)

    def to_frame(self, *, per_sequence: bool = False) -> pd.DataFrame:
        """Table with a row for each scale, or for each scale of each sequence; needs pandas."""
        if not per_sequence:
            return as_frame([point.summary() for point in self.points]).set_index("name")
        columns: dict[str, Any] = {"name": np.repeat(*self._names_and_counts())}
        for name in _PER_SEQUENCE:
            columns[name] = np.concatenate([getattr(point, name) for point in self.points])
        return as_frame(columns)

    def _names_and_counts(self) -> tuple[list[str], list[int]]:
        return [point.name for point in self.points], [point.n_scored for point in self.points]

    def __repr__(self) -> str:
        lines = [f"BlockScale({self.n_sequences} sequences)"]
        return "\n".join([*lines, *(f"  {point!r}" for point in self.points)])


def block_scale(
    machine: Any,
    sequences: Any,
    scales: Sequence[int] = DEFAULT_SCALES,
    *,
    sentences: Sequence[int] = (),
    delimiters: Collection[int] | str | None = None,
    backward: Any = None,
) -> BlockScale:
    """Entropy production per step of the same sequences, by the length of the reversed blocks.

    Blocks of one step are all that a token reversal moves; longer ones keep what lies inside them,
    so that what is left is the irreversibility between blocks. A block as long as the sequence
    leaves 0.

    Parameters
    ----------
    machine : Machine or callable
        As in :func:`stochastic_entropy_production`.
    sequences : array_like, (N, T) or (T,) symbols, (N, T, m) or (T, m) values, or a list of such
    scales : sequence of int
        Numbers of steps that make a block.
    sentences : sequence of int
        Numbers of sentences that make a block. Needs symbols.
    delimiters : collection of int, or str, optional
        The symbols that end a sentence; or the characters, which the machine is asked about. By
        default it is asked without naming any. It then needs a method
        ``sentence_reversal(per_block=..., delimiters=...)``, as machines of language models have.
    backward : Machine or callable, optional
        The machine that reads the reordered sequences.

    Returns
    -------
    BlockScale
        In nats per step.

    Raises
    ------
    ValueError, TypeError, MemoryError, NumericalError
        Naming the argument; otherwise as :func:`score_reversals`.

    Notes
    -----
    Source: [S26]_ eqs 28-36 at every scale. All orders of all sequences are scored together, and
    the order as given once. Sequences that can't be cut are counted with the reason; those of a
    single block count as 0, and their number is told.

    Examples
    --------
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], [[1, 0], [0, 1]])
    >>> result = ep.block_scale(machine, machine.sample(40, 500, rng=0), (1, 4, 40))
    >>> [round(point.mean, 2) for point in result]
    [0.54, 0.23, 0.0]
    >>> result["40 steps"]
    ScalePoint(40 steps: 0 ± 0 nats per step; 500 scored, 500 of one block)
    """
    machine = as_machine(machine, "machine")
    reversals: dict[tuple[int, Unit], Reversal] = {}
    for scale in _as_scales(scales, "scales"):
        reversals[scale, "step"] = BlockReversal(length=scale)
    for scale in _as_scales(sentences, "sentences"):
        reversals[scale, "sentence"] = _sentence_reversal(machine, scale, delimiters)
    if not reversals:
        raise ValueError("scales and sentences must not both be empty")
    if delimiters is not None and not any(unit == "sentence" for _, unit in reversals):
        raise ValueError("delimiters is only used with sentences, and got none")
    given = read_sequences(Reads.of(machine, backward), sequences)
    _require_memory(given, n_orders=len(reversals) + 1)
    named = {_named(*scale): reversal for scale, reversal in reversals.items()}
    results = score_reversals(machine, given, named, backward=backward)
    points = tuple(_point(scale, unit, results[_named(scale, unit)]) for scale, unit in reversals)
    told = next(iter(results.values())).provenance
    return BlockScale(points, sum(len(block.places) for block in given), told)


def _named(scale: int, unit: Unit) -> str:
    return f"{scale} {unit}" if scale == 1 else f"{scale} {unit}s"


def _as_scales(value: Sequence[int], name: str) -> list[int]:
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{name} must be a sequence of integers, got {value!r}")
    try:
        scales = [as_count(scale, f"each of {name}") for scale in value]
    except TypeError as error:
        if "each of" in str(error):
            raise
        raise TypeError(f"{name} must be a sequence of integers, got {value!r}") from None
    if len(set(scales)) < len(scales):
        raise ValueError(f"{name} must not repeat a scale, got {scales}")
    return scales


def _sentence_reversal(
    machine: Any, per_block: int, delimiters: Collection[int] | str | None
) -> Reversal:
    if delimiters is not None and not isinstance(delimiters, str):
        return BlockReversal(delimiters=delimiters, per_block=per_block)
    make = getattr(machine, "sentence_reversal", None)
    if not callable(make):
        raise TypeError(
            "sentences needs delimiters: the machine has no method sentence_reversal that knows "
            "which symbols end a sentence"
        )
    named = {} if delimiters is None else {"delimiters": delimiters}
    made = make(per_block=per_block, **named)
    return require_reversal(made, "what machine.sentence_reversal returns")


def _require_memory(sequences: Sequence[Block], n_orders: int) -> None:
    values = sum(block.paths.size for block in sequences)
    steps = sum(len(block.places) * block.n_steps for block in sequences)
    need = n_orders * (values + _COPIES * steps) * _BYTES_PER_NUMBER
    require_memory(need, "sequences", f"{steps:,} steps in {n_orders} orders")


def _point(scale: int, unit: Unit, result: StochasticEntropyProduction) -> ScalePoint:
    per_step = result.sigma / result.lengths
    n_blocks = result.n_blocks
    moved = n_blocks > 1
    length = float(scale)
    if unit == "sentence":
        # None are there to measure where all are skipped.
        length = float(result.lengths.sum() / max(n_blocks.sum(), 1))
    mean, error = _mean_and_error(per_step)
    mean_reordered, error_reordered = _mean_and_error(per_step[moved])
    n_blocks.flags.writeable = False
    return ScalePoint(
        unit=unit,
        scale=scale,
        block_length=length,
        mean=mean,
        standard_error=error,
        mean_reordered=mean_reordered,
        standard_error_reordered=error_reordered,
        n_one_block=int((~moved).sum()),
        n_infinite=result.n_infinite,
        sigma_per_step=as_read_only(per_step),
        index=result.index,
        n_blocks=n_blocks,
        lengths=result.lengths,
        n_cut_off=result.n_cut_off,
        skip_reasons=result.skip_reasons,
    )


def _mean_and_error(values: FloatArray) -> tuple[float | None, float | None]:
    if not values.size:
        return None, None
    if np.isinf(values).any():
        return float("inf"), float("inf")
    if values.size == 1:
        return float(values[0]), float("inf")
    return float(values.mean()), float(values.std(ddof=1) / np.sqrt(values.size))
