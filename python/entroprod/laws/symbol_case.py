"""Machines of symbols under examination, whose sequences can be enumerated; and Markov chains."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.discrete.pair import ChainPair, EnumeratedPair
from entroprod.discrete.prefixes import ABOVE_ZERO
from entroprod.laws.machine_case import MachineCase
from entroprod.laws.measurement import NotApplicable
from entroprod.laws.pair_case import EPSILON, ROUNDING_SLACK, allowed_error
from entroprod.pairs.pair import Pair
from entroprod.results.production import EntropyProduction
from entroprod.results.trajectory import StochasticEntropyProduction

# The second eigenvalue of a chain is run down to exp(-DECAY), below rounding.
_DECAY = 60.0
_SHORTEST_TRANSIENT = 100


@dataclass(frozen=True)
class SymbolCase(MachineCase):
    """The case of laws of pairs whose exact values come from enumerating all sequences."""

    examines: ClassVar[type[Pair]] = EnumeratedPair

    @property
    def enumerated_steps(self) -> int:
        """T', the largest length up to T whose sequences are few enough."""
        return int(self.enumerated.shape[1])

    @property
    def exact_steps(self) -> int:
        """T', at which the library enumerates in no time, too."""
        return self.enumerated_steps

    def total_at(self, n_steps: int, **options: Any) -> EntropyProduction:
        """S_y of a number of steps as the library computes it."""
        self._require_form()
        return super().total_at(n_steps, **options)

    @cached_property
    def curve(self) -> FloatArray:
        """(T',) S_y(1) .. S_y(T'), nats."""
        self._require_form()
        return super().curve

    @cached_property
    def sigma_law(self) -> Any:
        """The exact law of sigma as the library computes it, of ``law_steps`` steps."""
        self._require_form()
        return super().sigma_law

    def _require_form(self) -> None:
        if problem := self.form_problem:
            raise NotApplicable(problem)
        highest = max(
            float(self.score(self.enumerated, by=one).max()) for one in (self.machine, self.reader)
        )
        if highest > ABOVE_ZERO:
            raise NotApplicable(f"log_prob gives {highest:.3g}, no logarithm of a probability")

    def error_of(self, found: EntropyProduction) -> float:
        """With what the machine's precision allows."""
        return super().error_of(found) + self.enumeration_error

    @property
    def law_error(self) -> float:
        """What the machine's precision may do to averages over the exact law of sigma."""
        return self.enumeration_error

    @property
    def lost_share(self) -> float:
        """Probability that the reader gives to sequences whose originals are impossible."""
        impossible = self.enumerated[~self.enumerated_possible]
        if not len(impossible):
            return 0.0
        back = self.score(impossible[:, ::-1], by=self.reader).sum(axis=1)
        return float(np.exp(back).sum())

    @property
    def sigma_of_all(self) -> StochasticEntropyProduction:
        """Sigma of all possible sequences of T' steps."""
        return self.enumerated_production["token"]

    @property
    def weights(self) -> FloatArray:
        """Probabilities of the possible sequences of T' steps."""
        return np.asarray(np.exp(self.sigma_of_all.log_forward))

    def mean_over_all(self, values: FloatArray) -> FloatArray:
        """Means over all sequences of (n, ..) values; impossible ones weigh nothing."""
        with np.errstate(invalid="ignore"):
            weighted = self.weights.reshape(-1, *[1] * (values.ndim - 1)) * values
        return np.asarray(np.where(np.isnan(weighted), 0.0, weighted).sum(axis=0))

    @cached_property
    def enumeration_error(self) -> float:
        """What the machine's precision may do to means over all sequences of sums over steps."""
        found = self.sigma_of_all
        ahead = np.stack(found.per_step_forward or ())
        back = np.stack(found.per_step_backward or ())
        finite = np.where(np.isfinite(back), back, 0.0)
        sizes = np.maximum(1.0, np.abs(ahead)) + np.maximum(1.0, np.abs(finite))
        # An error of a log-probability is one of the weight, too.
        weighted = self.weights * sizes.sum(axis=1) * (1 + np.abs(ahead - finite).sum(axis=1))
        return self.tolerance_of_sums * float(weighted.sum())

    @property
    def tolerance_of_sums(self) -> float:
        """The machine's precision, in nats and relative to what exceeds a nat."""
        return self.tolerance


@dataclass(frozen=True)
class ChainCase(SymbolCase):
    """The case of laws of two Markov chains, which have closed forms at any length."""

    examines: ClassVar[type[Pair]] = ChainPair

    @property
    def exact_steps(self) -> int:
        """T: the closed forms cost nothing."""
        return self.n_steps

    @property
    def law_steps(self) -> int:
        """T', since the law of sigma is enumerated for chains, too."""
        return self.enumerated_steps

    def error_of(self, found: EntropyProduction) -> float:
        """What the closed forms promise."""
        return allowed_error(found.total) + found.rounding_error

    @property
    def tolerance_of_sums(self) -> float:
        """Rounding: a chain's log-probabilities are looked up in a table."""
        return ROUNDING_SLACK * EPSILON

    def steps_past_transient(self) -> int:
        """As many as the second eigenvalue takes to fade below rounding."""
        moduli = np.sort(np.abs(np.linalg.eigvals(self.machine.transition)))[::-1]
        second = float(moduli[1]) if moduli.size > 1 else 0.0
        if second >= 1 - math.sqrt(EPSILON):
            raise NotApplicable(f"an eigenvalue of modulus {second:.6g} does not decay")
        if second == 0.0:
            return _SHORTEST_TRANSIENT
        return max(_SHORTEST_TRANSIENT, math.ceil(_DECAY / -math.log(second)))

    @cached_property
    def stationary(self) -> FloatArray:
        """(k,) the stationary distribution, from the eigenvector; not applicable if not unique."""
        values, vectors = np.linalg.eig(self.machine.transition.T)
        at_one = np.flatnonzero(np.abs(values - 1) < math.sqrt(EPSILON))
        if len(at_one) != 1:
            raise NotApplicable(f"the chain has {len(at_one)} stationary distributions")
        vector: Any = np.real(vectors[:, at_one[0]])
        return np.asarray(np.abs(vector) / np.abs(vector).sum())
