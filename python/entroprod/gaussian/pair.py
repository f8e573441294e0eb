"""Who answers for linear-Gaussian machines: closed forms, and paths in the core."""

from __future__ import annotations

from typing import Any

import numpy as np

from entroprod.boundary.arrays import FloatArray, as_count
from entroprod.boundary.memory import require_memory
from entroprod.boundary.precision import Precision, require_precision
from entroprod.boundary.progress import Report
from entroprod.boundary.randomness import RandomSource
from entroprod.boundary.sequences import Reads, paths_of, read_sequences
from entroprod.gaussian import core, trajectory
from entroprod.gaussian.decomposition import PairRecursion, PairSteps
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.pair_law import PairSigmaLaw, pair_sigma_law
from entroprod.gaussian.pair_moments import pair_curve, pair_rate
from entroprod.gaussian.readers import GaussianMachine, backward_machine, require_length
from entroprod.gaussian.sigma_law import SigmaLaw, law_of
from entroprod.gaussian.sigma_weights import DENSE_LIMIT
from entroprod.gaussian.time_varying import TimeVaryingLinearGaussian
from entroprod.machine.reversals import TOKEN_REVERSAL, Reversal, TokenReversal
from entroprod.pairs.choice import register_pair
from entroprod.pairs.pair import Sampled
from entroprod.pairs.scored import ScoredPair
from entroprod.results.production import EntropyProduction
from entroprod.results.trajectory import StochasticEntropyProduction


class GaussianPair(ScoredPair):
    """Two linear-Gaussian machines, constant or not, all steps reversed: see [S26]_ § 6."""

    machine: GaussianMachine
    reader: GaussianMachine

    def __init__(
        self, machine: Any, backward: Any = None, reversal: Reversal = TOKEN_REVERSAL
    ) -> None:
        super().__init__(machine, backward_machine(machine, backward), reversal)

    @classmethod
    def of(cls, machine: Any, backward: Any, reversal: Reversal) -> GaussianPair | None:
        """The pair of two machines; None for reversals that there is no closed form for."""
        if not isinstance(reversal, TokenReversal):
            return None
        if backward is None and isinstance(machine, LinearGaussian):
            return OwnReader(machine, None, reversal)
        return cls(machine, backward, reversal)

    def total(
        self, n_steps: int, *, precision: Precision = "auto", decomposition: bool = True
    ) -> EntropyProduction:
        """By the recursions of two machines; see [S26]_ eqs 71, 73."""
        require_precision(precision)
        self._require_length(n_steps)
        found = self._recursion.total(n_steps, precision)
        return self._result(n_steps, precision, decomposition, found)

    def curve(self, n_steps: int, *, precision: Precision = "auto") -> FloatArray:
        """In one pass of the recursions of two machines."""
        return pair_curve(self.machine, self.reader, n_steps, precision).values.copy()

    def rate(self, *, precision: Precision = "auto") -> float:
        """From the fixed points of the recursions of two machines."""
        return pair_rate(self.machine, self.reader, precision).value

    def sigma_law(
        self, n_steps: int, *, precision: Precision = "auto", max_size: int | None = None
    ) -> SigmaLaw | PairSigmaLaw:
        """A generalised noncentral chi-square, from the reversal matrix of two machines."""
        size = DENSE_LIMIT if max_size is None else max_size
        return pair_sigma_law(self.machine, self.reader, n_steps, precision, size)

    def sigma_variance_rate(self, *, precision: Precision = "auto") -> float:
        """Known where the reader is the machine itself."""
        if self.reader != self.machine or not isinstance(self.machine, LinearGaussian):
            return super().sigma_variance_rate(precision=precision)
        return OwnReader(self.machine).sigma_variance_rate(precision=precision)

    def score(
        self, sequences: Any, *, keep_per_step: bool = False, n_threads: int | None = None
    ) -> StochasticEntropyProduction:
        """In the core, for paths of one length whose steps needn't be kept."""
        blocks = read_sequences(Reads.of(self.machine, self.reader), sequences)
        if keep_per_step or len(blocks) > 1:
            return super().score(blocks, keep_per_step=keep_per_step, n_threads=n_threads)
        read = paths_of(blocks[0])
        ahead, back, n_steps = trajectory.score(self.machine, self.reader, read, n_threads)
        return StochasticEntropyProduction.of_steps(ahead, back, n_steps, self.reversal, self.told)

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
        """Drawn and scored in the core, which keeps no path."""
        self._require_length(n_steps)
        if keep_sigma:
            require_memory(8 * n_paths, "n_paths", f"sigma of {n_paths} paths")
        sigma = np.empty(n_paths) if keep_sigma else None
        moments = trajectory.sample_moments(
            self.machine, self.reader, n_steps, n_paths, rng, n_threads, report, sigma
        )
        return Sampled(moments, sigma, {}, 0)

    @property
    def _recursion(self) -> PairRecursion:
        return PairRecursion(self.machine, self.reader)

    def _require_length(self, n_steps: int) -> None:
        require_length(self.machine, "machine", n_steps)
        require_length(self.reader, "backward", n_steps)

    def _result(
        self,
        n_steps: int,
        precision: Precision,
        decomposition: bool,
        found: core.Value,
    ) -> EntropyProduction:
        steps = PairSteps(self._recursion, n_steps, found.precision, precision == "auto")
        return EntropyProduction(
            found.value, n_steps, found.rounding_error, found.precision, steps, decomposition
        )


class OwnReader(GaussianPair):
    """A constant linear-Gaussian machine that reads its own sequences backwards."""

    machine: LinearGaussian
    reader: LinearGaussian

    def total(
        self, n_steps: int, *, precision: Precision = "auto", decomposition: bool = True
    ) -> EntropyProduction:
        """By the dual recursion of the documentation's theory page."""
        require_precision(precision)
        found = core.total(self.machine, n_steps, precision)
        return self._result(n_steps, precision, decomposition, found)

    def curve(self, n_steps: int, *, precision: Precision = "auto") -> FloatArray:
        """In one pass of the dual recursion."""
        require_precision(precision)
        return core.curve(self.machine, n_steps, precision)

    def rate(self, *, precision: Precision = "auto") -> float:
        """From the fixed points of the recursions; 0 for one output, by theorem."""
        require_precision(precision)
        self.machine.require_rate()
        if self.machine.n_outputs == 1:
            return 0.0  # the spectrum of one output equals that of its reversal
        return core.rate(self.machine, precision).value

    def sigma_law(
        self, n_steps: int, *, precision: Precision = "auto", max_size: int | None = None
    ) -> SigmaLaw:
        """A generalised chi-square, from the innovation reversal matrix."""
        require_precision(precision)
        size = DENSE_LIMIT if max_size is None else as_count(max_size, "max_size")
        return law_of(self.machine, n_steps, precision, size)

    def sigma_variance_rate(self, *, precision: Precision = "auto") -> float:
        """By doubling; 0 for one output."""
        require_precision(precision)
        self.machine.require_rate()
        if self.machine.n_outputs == 1:
            return 0.0
        return core.sigma_variance_rate(self.machine, precision).value


for _machine in (LinearGaussian, TimeVaryingLinearGaussian):
    for _reader in (LinearGaussian, TimeVaryingLinearGaussian):
        register_pair(_machine, _reader, GaussianPair.of)
