"""Who answers for machines of symbols: closed forms of Markov chains, enumeration of the others."""

from __future__ import annotations

from typing import Any

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.precision import Precision, require_no_extended
from entroprod.discrete.chain_production import ChainProduction, ChainSteps
from entroprod.discrete.enumeration import enumerate_sequences
from entroprod.discrete.hidden_markov import HiddenMarkov
from entroprod.discrete.markov_chain import MarkovChain
from entroprod.discrete.sigma_law import DiscreteSigmaLaw
from entroprod.machine.protocol import is_discrete
from entroprod.machine.reversals import TOKEN_REVERSAL, Reversal, TokenReversal
from entroprod.pairs.choice import register_pair
from entroprod.pairs.scored import ScoredPair
from entroprod.results.production import EntropyProduction


class EnumeratedPair(ScoredPair):
    """Machines with ``n_symbols``: exact while all their sequences can be enumerated."""

    @classmethod
    def of(cls, machine: Any, backward: Any, reversal: Reversal) -> EnumeratedPair | None:
        """The pair of two machines of symbols; None for others."""
        both = (machine, machine if backward is None else backward)
        return cls(machine, backward, reversal) if all(map(is_discrete, both)) else None

    def total(
        self, n_steps: int, *, precision: Precision = "auto", decomposition: bool = True
    ) -> EntropyProduction:
        """By definition; see [S26]_ eqs 14-20."""
        require_no_extended(precision)
        self._require_all_steps_reversed()
        every = enumerate_sequences(self.machine, n_steps, backward=self.reader)
        return every.entropy_production(decomposition=decomposition)

    def curve(self, n_steps: int, *, precision: Precision = "auto") -> FloatArray:
        """By definition, from the beginnings of all sequences."""
        require_no_extended(precision)
        self._require_all_steps_reversed()
        every = enumerate_sequences(self.machine, n_steps, backward=self.reader)
        return every.entropy_production_curve()

    def sigma_law(
        self, n_steps: int, *, precision: Precision = "auto", max_size: int | None = None
    ) -> DiscreteSigmaLaw:
        """The values of sigma and their probabilities, under any reversal."""
        require_no_extended(precision)
        if max_size is not None:
            raise ValueError(
                "max_size is for linear-Gaussian machines; a machine of symbols has none"
            )
        every = enumerate_sequences(self.machine, n_steps, backward=self.reader)
        return every.sigma_law(self.reversal)

    def _require_all_steps_reversed(self) -> None:
        if not isinstance(self.reversal, TokenReversal):
            self.refuse(
                "entropy production in closed form",
                "sigma_law has its mean, monte_carlo estimates it",
            )


class HiddenMarkovPair(EnumeratedPair):
    """A hidden Markov model: enumerated; and why it has no rate."""

    def rate(self, *, precision: Precision = "auto") -> float:
        """Not here."""
        self.refuse(
            "rate",
            "it is an average over beliefs, of which there are infinitely many. "
            "entropy_production_curve gives exact values for short sequences, and the differences "
            "of monte_carlo's means at two lengths, over the steps between, estimate the rate",
        )


class ChainPair(EnumeratedPair):
    """Two Markov chains of one alphabet, all steps reversed: closed forms, in O(k^3 log T)."""

    machine: MarkovChain
    reader: MarkovChain

    def __init__(
        self, machine: Any, backward: Any = None, reversal: Reversal = TOKEN_REVERSAL
    ) -> None:
        super().__init__(machine, backward, reversal)
        self._production = ChainProduction(self.machine, self.reader)

    @classmethod
    def of(cls, machine: Any, backward: Any, reversal: Reversal) -> ChainPair | None:
        """The pair of two chains; None for reversals that there is no closed form for."""
        return cls(machine, backward, reversal) if isinstance(reversal, TokenReversal) else None

    def total(
        self, n_steps: int, *, precision: Precision = "auto", decomposition: bool = True
    ) -> EntropyProduction:
        """From the mean log-ratios of the steps and the laws of the symbols."""
        require_no_extended(precision)
        total, error = self._production.total(n_steps)
        steps = ChainSteps(self._production, n_steps)
        return EntropyProduction(total, n_steps, error, "double", steps, decomposition)

    def curve(self, n_steps: int, *, precision: Precision = "auto") -> FloatArray:
        """In one pass through the laws of the symbols."""
        require_no_extended(precision)
        return self._production.curve(n_steps)

    def rate(self, *, precision: Precision = "auto") -> float:
        """Of the stationary process; see [S76]_."""
        require_no_extended(precision)
        return self._production.settled.rate


register_pair(object, object, EnumeratedPair.of)
register_pair(HiddenMarkov, object, HiddenMarkovPair.of)
register_pair(MarkovChain, MarkovChain, ChainPair.of)
