"""A machine that scores sequences, under examination: they and their scores, on demand.

What a law asks for may be missing: a sampler, a small alphabet, well-formed answers. Then it raises
``NotApplicable`` with the reason.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from entroprod.boundary.arrays import FloatArray, read_array
from entroprod.boundary.memory import require_memory
from entroprod.boundary.sequences import AnyArray
from entroprod.laws.measurement import NotApplicable
from entroprod.laws.pair_case import PairCase, emits_symbols, is_homogeneous
from entroprod.laws.precision import Precision, compare, find_precision
from entroprod.machine.protocol import FunctionMachine, provenance
from entroprod.machine.reversals import BlockReversal, Reversal, TokenReversal
from entroprod.pairs.choice import choose_pair
from entroprod.pairs.pair import Pair
from entroprod.pairs.scored import ScoredPair
from entroprod.results.trajectory import MonteCarlo, StochasticEntropyProduction

# Sequences that laws of single ones are tested on, half drawn from the machine, half at random.
_N_GIVEN = 8
_MOST_GIVEN = 2**19
# Sequences that are enumerated; a network scores as many short ones in seconds.
ENUMERATED = 4096
# Symbols that a law which asks for every next symbol has scored; a small network's minute.
SCORED_SYMBOLS = 2**18
# Sequences that a machine is given at once.
BATCH = 512
# Lengths at which the form of answers is looked at, and the steps of all of them together.
_MOST_LENGTHS = 64
_MOST_SCORED = 2**20
# Values beyond this have squares, and log-probabilities, at the end of the doubles.
_LARGEST_VALUE = 1e150
# Fewer paths drawn from log_prob itself than this decide nothing.
_FEW_PATHS = 200

REVERSALS: dict[str, Reversal] = {"token": TokenReversal(), "block": BlockReversal(length=2)}


@dataclass(frozen=True)
class MachineCase(PairCase):
    """The case of laws of any machine that scores sequences: ``log_prob``, and maybe ``sample``."""

    examines: ClassVar[type[Pair]] = ScoredPair
    # Whether other laws compare the densities themselves, and samples with them.
    compares_densities: ClassVar[bool] = False

    # ------------------------------------------------------------------ what the machine is

    @property
    def n_symbols(self) -> int | None:
        """Size of the alphabet, or None for values."""
        return getattr(self.machine, "n_symbols", None)

    def require_symbols(self) -> int:
        """Size of the alphabet."""
        if self.n_symbols is None:
            raise NotApplicable("the machine emits values, not symbols")
        return self.n_symbols

    def require_values(self) -> int:
        """Components of a value."""
        if emits_symbols(self.machine):
            raise NotApplicable("the machine emits symbols, not values")
        return int(self.machine.n_outputs)

    @property
    def has_sampler(self) -> bool:
        """Whether the machine can draw sequences."""
        return can_sample(self.machine)

    def require_sampler(self) -> None:
        """Not applicable where the machine can't draw sequences."""
        if not self.has_sampler:
            raise NotApplicable("the machine has no sampler")

    def require_reversible(self) -> None:
        """Not applicable where reordered sequences can't be read."""
        if not (is_homogeneous(self.machine) and is_homogeneous(self.reader)):
            raise NotApplicable("a machine that changes in time reads steps in no other order")
        if problem := self.form_problem:
            raise NotApplicable(problem)

    @cached_property
    def exchanged(self) -> Pair:
        """The pair in which machine and reader have exchanged their places."""
        return self.pair if self.reads_itself else choose_pair(self.reader, self.machine)

    @cached_property
    def precision(self) -> Precision:
        """What equal log-probabilities may differ by."""

        def found(machine: Any) -> Precision:
            def noise() -> float:
                together = self.score(self.given, by=machine)
                return compare(self.score(self.given[:-1], by=machine), together[:-1])[0]

            return find_precision(provenance(machine), self.raw(self.given, by=machine), noise)

        machines = [self.machine] if self.reads_itself else [self.machine, self.reader]
        if not is_homogeneous(self.reader):
            machines = machines[:1]  # its log_prob is about sequences that aren't reversed
        return max(map(found, machines), key=lambda one: one.tolerance)

    @property
    def tolerance(self) -> float:
        """What equal log-probabilities may differ by: nats, and relative to those above a nat."""
        return self.precision.tolerance

    # ------------------------------------------------------------------ scoring

    @property
    def n_given(self) -> int:
        """How many sequences laws of single ones are tested on: fewer, if they are very long."""
        return max(2, min(_N_GIVEN, _MOST_GIVEN // self.n_steps))

    def raw(self, paths: AnyArray, *, by: Any = None) -> AnyArray:
        """What log_prob returns for (N, T) symbols or (N, T, m) values of one batch."""
        own = by is None or by is self.machine
        machine, what = (self.machine, "log_prob") if own else (by, "log_prob of the reader")
        answer = _read(machine.log_prob(paths.copy()), what)
        if answer.shape != paths.shape[:2] or answer.dtype.kind not in "fiu":
            raise NotApplicable(
                f"{what} returns {answer.dtype} of shape {answer.shape} for sequences of shape "
                f"{paths.shape}, not {paths.shape[:2]} real numbers"
            )
        return answer

    def score(self, paths: AnyArray, *, by: Any = None) -> FloatArray:
        """(N, T) log-probabilities of paths of one length, as log_prob gives them."""
        rows = [self.raw(paths[at : at + BATCH], by=by) for at in range(0, len(paths), BATCH)]
        return np.concatenate(rows).astype(np.float64)

    def score_ragged(self, sequences: list[AnyArray]) -> list[FloatArray]:
        """Log-probabilities of sequences of different lengths, as log_prob_ragged gives them."""
        together = getattr(self.machine, "log_prob_ragged", None)
        if not callable(together):
            raise NotApplicable(
                "the machine has no log_prob_ragged: sequences of different lengths never meet"
            )
        given = together([one.copy() for one in sequences])
        rows = [_read(row, "log_prob_ragged") for row in given]
        if [row.shape for row in rows] != [(len(one),) for one in sequences]:
            raise NotApplicable(
                f"log_prob_ragged returns shapes {[row.shape for row in rows]} for sequences of "
                f"{[len(one) for one in sequences]} steps"
            )
        return [row.astype(np.float64) for row in rows]

    def lengths_up_to(self, n_steps: int) -> list[int]:
        """Some lengths from 1 on, the last one included, that aren't too many steps together."""
        n_lengths = min(n_steps, _MOST_LENGTHS, max(2, _MOST_SCORED // n_steps))
        return [int(n) for n in np.unique(np.linspace(1, n_steps, n_lengths).astype(np.int64))]

    @cached_property
    def form_problem(self) -> str:
        """What is wrong with the form of the log-probabilities that come back, or nothing."""
        given = self.given  # if there are none, that is no problem of their scores
        try:
            sequences = [given[0, :n_steps] for n_steps in self.lengths_up_to(self.n_steps)]
            for one in sequences:
                self.score(one[np.newaxis])
            self.score(given)
            if callable(getattr(self.machine, "log_prob_ragged", None)):
                self.score_ragged(sequences)
        except NotApplicable as reason:
            return str(reason)
        return ""

    # ------------------------------------------------------------------ sequences

    @cached_property
    def given(self) -> AnyArray:
        """(k, T) or (k, T, m) sequences: every other one drawn by the machine, if it can."""
        sequences = self.random_like(self.generator(0), self.n_given)
        if self.has_sampler and not self.sample_problem:
            sequences[::2] = self.drawn_first[: self.n_given // 2]
        return sequences

    def random_like(self, rng: np.random.Generator, n_paths: int) -> AnyArray:
        """Sequences at random: any symbols, or normal values of the size of the machine's."""
        if self.n_symbols is not None:
            return rng.integers(self.n_symbols, size=(n_paths, self.n_steps))
        normal = rng.standard_normal((n_paths, self.n_steps, self.require_values()))
        center, spread = self.scales
        return center + spread * normal

    @cached_property
    def scales(self) -> tuple[FloatArray, FloatArray]:
        """(m,) mean and standard deviation of the machine's values; 0 and 1 where it draws none."""
        m = self.require_values()
        if not self.has_sampler or self.sample_problem:
            return np.zeros(m), np.ones(m)
        drawn = self.drawn_first.reshape(-1, m)
        _require_squares(drawn)
        spread = drawn.std(axis=0)
        return drawn.mean(axis=0), np.where(spread > 0.0, spread, 1.0)

    @cached_property
    def drawn_first(self) -> AnyArray:
        """A few sequences as the machine draws them."""
        return np.asarray(self.machine.sample(self.n_steps, self.n_given, rng=self.generator(1)))

    @cached_property
    def sample_problem(self) -> str:
        """What is wrong with the form of the sequences that the machine draws, or nothing."""
        return self.describe_sample(self.drawn_first, self.n_given)

    def describe_sample(self, drawn: AnyArray, n_paths: int, n_steps: int | None = None) -> str:
        """What is wrong with drawn sequences, of T steps or as told, or nothing."""
        shape: tuple[int, ...] = (n_paths, self.n_steps if n_steps is None else n_steps)
        if self.n_symbols is None:
            shape += (self.require_values(),)
        if drawn.shape != shape:
            return f"sample returns shape {drawn.shape} where {shape} was asked for"
        if self.n_symbols is None:
            if drawn.dtype.kind != "f" or not np.isfinite(drawn).all():
                return f"sample returns {drawn.dtype} values that aren't all finite real numbers"
            return ""
        if drawn.dtype.kind not in "iu":
            return f"sample returns {drawn.dtype} where symbols are integers"
        if drawn.min() < 0 or drawn.max() >= self.n_symbols:
            return (
                f"sample returns symbols from {drawn.min()} to {drawn.max()}, outside of "
                f"0 .. {self.n_symbols - 1}"
            )
        return ""

    @cached_property
    def paths(self) -> AnyArray:
        """Sequences that follow the machine's probabilities: drawn by it, or from log_prob."""
        if not self.has_sampler:
            return self._drawn_from_log_prob()
        if self.sample_problem:
            raise NotApplicable(self.sample_problem)
        n_values = self.n_paths * self.n_steps * int(getattr(self.machine, "n_outputs", None) or 1)
        require_memory(16 * n_values, "n_paths", f"{self.n_paths} paths and their scores")
        rng = self.generator(2)
        pieces = []
        for start in range(0, self.n_paths, BATCH):
            n_paths = min(BATCH, self.n_paths - start)
            drawn = np.asarray(self.machine.sample(self.n_steps, n_paths, rng=rng))
            if problem := self.describe_sample(drawn, n_paths):
                raise NotApplicable(problem)
            _require_squares(drawn)
            pieces.append(drawn)
        return np.concatenate(pieces)

    @property
    def paths_are(self) -> str:
        """Where the paths come from, for reports."""
        how = "sampled paths" if self.has_sampler else "paths drawn from log_prob itself"
        return f"{len(self.paths)} {how}"

    @cached_property
    def path_scores(self) -> FloatArray:
        """(N, T) log-probabilities of the paths."""
        return self.score(self.paths)

    def _drawn_from_log_prob(self) -> AnyArray:
        """Draw symbol after symbol by inverting the cumulated next-symbol probabilities."""
        if self.n_symbols is None:
            self.require_sampler()
        n_symbols = self.require_symbols()
        each = n_symbols * self.n_steps * (self.n_steps + 1) // 2
        n_paths = min(self.n_paths, SCORED_SYMBOLS // each)
        if n_paths < min(_FEW_PATHS, self.n_paths):
            raise NotApplicable(
                f"the machine has no sampler, and drawing from log_prob takes {each} scored "
                f"symbols a path, {_FEW_PATHS} times over more than {SCORED_SYMBOLS}"
            )
        rng = self.generator(2)
        paths = np.empty((n_paths, self.n_steps), dtype=np.int64)
        for step in range(self.n_steps):
            probabilities = np.exp(self.next_scores(paths[:, :step]))
            cumulated = probabilities.cumsum(axis=1)
            level = rng.random((n_paths, 1)) * cumulated[:, -1:]
            paths[:, step] = (cumulated <= level).sum(axis=1)
        return paths

    # ------------------------------------------------------------------ all symbols, all sequences

    def next_scores(self, prefixes: AnyArray) -> FloatArray:
        """(N, n_symbols) log-probabilities of every symbol after each prefix, (N, t)."""
        n_symbols = self.require_symbols()
        distinct, which = np.unique(prefixes, axis=0, return_inverse=True)
        if prefixes.shape[1] == 0:
            distinct, which = prefixes[:1], np.zeros(len(prefixes), dtype=np.int64)
        symbols = np.arange(n_symbols)
        rows = []
        for prefix in distinct:
            longer = np.empty((n_symbols, len(prefix) + 1), dtype=np.int64)
            longer[:, :-1], longer[:, -1] = prefix, symbols
            rows.append(longer)
        last = self.score(np.concatenate(rows))[:, -1].reshape(len(distinct), n_symbols)
        return np.asarray(last[which.reshape(-1)])

    def n_affordable(self, symbols_each: float, what: str) -> int:
        """How often something that scores so many symbols may be done; at least once."""
        n_times = int(SCORED_SYMBOLS / symbols_each)
        if n_times < 1:
            raise NotApplicable(
                f"{what} takes {symbols_each:.0f} scored symbols, more than {SCORED_SYMBOLS}"
            )
        return n_times

    @cached_property
    def enumerated(self) -> AnyArray:
        """(n_symbols^T', T') all sequences of the largest feasible length T' <= n_steps."""
        n_symbols = self.require_symbols()
        n_steps = 0
        while n_steps < self.n_steps and n_symbols ** (n_steps + 1) <= ENUMERATED:
            n_steps += 1
        if n_steps == 0:
            raise NotApplicable(
                f"enumeration takes {n_symbols} sequences for one step, more than {ENUMERATED}"
            )
        every = itertools.product(range(n_symbols), repeat=n_steps)
        return np.array(list(every), dtype=np.int64)

    @cached_property
    def enumerated_scores(self) -> FloatArray:
        """Log-probabilities of all enumerated sequences."""
        return self.score(self.enumerated)

    @property
    def enumeration_is(self) -> str:
        """What was enumerated, for reports."""
        count, n_steps = self.enumerated.shape
        return f"all {count} sequences of T = {n_steps}"

    # ------------------------------------------------------------------ entropy production

    def sampled(self, n_steps: int) -> MonteCarlo:
        """N sampled paths with their sigma kept."""
        self.require_sampler()
        if problem := self.sample_problem or self.form_problem:
            raise NotApplicable(problem)
        return super().sampled(n_steps)

    @property
    def sigma_error(self) -> float:
        """What rounding may do to the sigma of one typical path, nats."""
        scores = np.maximum(1.0, np.abs(self.path_scores[:, : self.law_steps]))
        return 2 * self.tolerance * float(scores.sum(axis=1).mean())

    @cached_property
    def enumerated_production(self) -> dict[str, StochasticEntropyProduction]:
        """Entropy production of all enumerated sequences that are possible, by reversal."""
        self.require_reversible()
        if self.enumerated.shape[1] < 2 and self.n_steps > 1:
            raise NotApplicable(
                f"enumeration takes {self.n_symbols}^2 sequences for two steps, more than "
                f"{ENUMERATED}"
            )
        paths = self.enumerated[self.enumerated_possible]
        if not len(paths):
            raise NotApplicable(f"{self.enumeration_is} have probability 0")
        found: dict[str, StochasticEntropyProduction] = self.pair.score_reversals(
            paths, REVERSALS, keep_per_step=True
        )
        return found

    @property
    def enumerated_possible(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Which enumerated sequences have a probability above 0."""
        return np.asarray(np.isfinite(self.enumerated_scores).all(axis=1))

    def path_sigma(self, n_steps: int, name: str) -> FloatArray:
        """(N,) sigma of the first steps of the paths, under one of the reversals."""
        if (n_steps, name) not in self._path_sigma:
            self._path_sigma[n_steps, name] = self._sigma_of_paths(n_steps, name)
        return self._path_sigma[n_steps, name]

    def _sigma_of_paths(self, n_steps: int, name: str) -> FloatArray:
        paths = self.paths[:, :n_steps]
        both = self.machine, self.reader
        if name == "token" and not all(map(is_homogeneous, both)):
            found: StochasticEntropyProduction = self.pair.score(paths)
            return found.sigma
        self.require_reversible()
        if np.isneginf(self.path_scores).any():
            raise NotApplicable("some of the paths that were drawn have probability 0")
        order = REVERSALS[name].plan(np.arange(n_steps)).order
        ahead = self.path_scores[:, :n_steps].sum(axis=1)
        return np.asarray(ahead - self.score(paths[:, order], by=self.reader).sum(axis=1))

    @cached_property
    def _path_sigma(self) -> dict[tuple[int, str], FloatArray]:
        return {}

    def second_moment(self, n_steps: int, name: str) -> float:
        """E[exp(-2 sigma)] as an average of exp(-sigma) over the reader's paths.

        Of a machine that reads itself, that is E[exp(sigma)] over its own. Heavy paths that are
        rare in the one average aren't in the other.
        """
        if self.reads_itself and is_homogeneous(self.machine):
            sigma = self.path_sigma(n_steps, name)
            finite = np.isfinite(sigma)
            return float(np.where(finite, np.exp(np.where(finite, sigma, 0.0)), 1.0).mean())
        return float(self._weights_of_reader(n_steps, name).mean())

    def _weights_of_reader(self, n_steps: int, name: str) -> FloatArray:
        """(N,) exp(-sigma) of paths that the reader has drawn, put into the machine's order."""
        if not can_sample(self.reader):
            raise NotApplicable("the reader has no sampler, which would show its rare paths")
        self.require_reversible()
        drawn = np.asarray(self.reader.sample(n_steps, len(self.paths), rng=self.generator(13)))
        if problem := self.describe_sample(drawn, len(self.paths), n_steps):
            raise NotApplicable(f"of the reader: {problem}")
        order = REVERSALS[name].plan(np.arange(n_steps)).order
        given = np.empty_like(drawn)
        given[:, order] = drawn
        back = self.score(drawn, by=self.reader).sum(axis=1)
        return np.asarray(np.exp(back - self.score(given).sum(axis=1)))


def _require_squares(drawn: AnyArray) -> None:
    """Not applicable where log-probabilities are beyond the doubles, or close to it."""
    largest = float(np.max(np.abs(drawn)))
    if largest > _LARGEST_VALUE:
        raise NotApplicable(
            f"undecidable: the machine draws values of {largest:.0e}, whose squares exceed all "
            "doubles"
        )


def can_sample(machine: Any) -> bool:
    """Whether a machine can draw sequences."""
    if isinstance(machine, FunctionMachine):
        return machine.sampler is not None
    return callable(getattr(machine, "sample", None))


def _read(answer: Any, method: str) -> AnyArray:
    try:
        return read_array(answer, f"what {method} returns")
    except ValueError as error:
        raise NotApplicable(str(error)) from None
