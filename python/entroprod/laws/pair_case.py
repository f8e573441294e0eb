"""A machine and its reader under examination: what the laws of every pair share.

Each kind of pair whose laws share more has a case of its own, whose class derives from the case of
the more general kind as the pair's class does, so that one object serves all laws of a pair.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.laws.measurement import ONE_NAT, NotApplicable
from entroprod.pairs.pair import Pair
from entroprod.questions import monte_carlo, production
from entroprod.questions.sigma_law import sigma_law
from entroprod.results.production import EntropyProduction
from entroprod.results.trajectory import MonteCarlo

EPSILON = float(np.finfo(np.float64).eps)
# One relative change of every entry stands for many roundings, one per operation and step; they
# partly cancel.
ROUNDING_SLACK = 32.0
# What the closed forms promise: relative error, and an absolute floor in nats.
RELATIVE_ACCURACY = 1e-12
ABSOLUTE_FLOOR = 1e-13
# Relative error of a rate, and the floor in nats per step under which it counts as zero: a
# nearly reversible machine at 1e-14 nats per step must still be right to 1e-6.
RATE_ACCURACY = 1e-10
RATE_FLOOR = 1e-20
# Rows of the dense matrices; beyond it one law would take seconds and hundreds of megabytes.
DENSE_LIMIT = 1200
# Steps of all paths together; beyond it sampling would take longer than a few minutes.
SAMPLING_LIMIT = 2 * 10**10
# Fewer sampled values than this tell nothing of their own spread.
_FEW_PATHS = 100


@dataclass(frozen=True)
class PairCase:
    """A pair, a length, a number of paths, and a seed for everything random.

    Parameters
    ----------
    pair : Pair
        The machine and what reads its sequences backwards.
    n_steps : int
        T, length of the sequences.
    n_paths : int
        N, Monte-Carlo paths.
    seed : int
        The same seed gives the same residuals.
    """

    pair: Any
    n_steps: int
    n_paths: int
    seed: int

    # The pairs that this is the case of, and steps and paths where none are asked for: machines
    # that have to be asked for every number are tested on short sequences, so that a small network
    # takes seconds.
    examines: ClassVar[type[Pair]] = Pair
    default_steps: ClassVar[int] = 12
    default_paths: ClassVar[int] = 2000

    @property
    def machine(self) -> Any:
        """What makes the sequences."""
        return self.pair.machine

    @property
    def reader(self) -> Any:
        """What reads them backwards."""
        return self.pair.reader

    @property
    def reads_itself(self) -> bool:
        """Whether the machine reads its own sequences."""
        return self.reader is self.machine

    @property
    def backward(self) -> Any:
        """The argument of that name which makes this pair."""
        return None if self.reads_itself and is_homogeneous(self.machine) else self.reader

    def require_own_reader(self) -> None:
        """Not applicable where another machine reads."""
        if not self.reads_itself:
            raise NotApplicable("another machine reads the sequences")

    def generator(self, stream: int) -> np.random.Generator:
        """One of the independent sources of randomness of the laws."""
        return np.random.default_rng([self.seed, stream])

    # ------------------------------------------------------------------ closed forms

    @property
    def exact_steps(self) -> int:
        """Length for which exact values are asked for: T, or less where these are dear."""
        return self.n_steps

    @property
    def law_steps(self) -> int:
        """Length for which the exact law of sigma is asked for."""
        return self.exact_steps

    @property
    def size(self) -> int:
        """Numbers in a sequence of that length."""
        return self.exact_steps * int(getattr(self.machine, "n_outputs", None) or 1)

    def total_at(self, n_steps: int, **options: Any) -> EntropyProduction:
        """S_y of a number of steps as the library computes it."""
        return production.entropy_production(
            self.machine, n_steps, backward=self.backward, **options
        )

    @cached_property
    def production(self) -> EntropyProduction:
        """S_y as the library computes it."""
        return self.total_at(self.exact_steps)

    @property
    def total(self) -> float:
        """S_y, nats."""
        return self.production.total

    @property
    def finite_total(self) -> float:
        """S_y, nats; not applicable where it is infinite."""
        if math.isinf(self.total):
            raise NotApplicable("entropy production is infinite")
        return self.total

    @property
    def scale(self) -> float:
        """Natural size of entropy productions over so many steps, nats."""
        return max(self.total, ONE_NAT)

    @property
    def total_error(self) -> float:
        """What the library allows itself on ``total``, nats."""
        return self.error_of(self.production)

    def error_of(self, found: EntropyProduction) -> float:
        """What the library allows itself on an entropy production, nats."""
        return allowed_error(found.total) + found.rounding_error

    def require_decomposition(self) -> None:
        """Not applicable where no decomposition is known, or its lists don't fit."""
        self._require_lists()
        if not self.production._decomposed:
            raise NotApplicable("no decomposition of these machines is known")

    @property
    def retrospective(self) -> FloatArray:
        """(T,) D_t, nats."""
        self.require_decomposition()
        return self.production.retrospective

    @cached_property
    def curve(self) -> FloatArray:
        """(T,) S_y(1) .. S_y(T), nats."""
        self._require_lists()
        return production.entropy_production_curve(
            self.machine, self.exact_steps, backward=self.backward
        )

    @cached_property
    def per_step(self) -> FloatArray:
        """(T,) what each step contributes to S_y(T), nats."""
        self._require_lists()
        return self.production.per_step

    def _require_lists(self) -> None:
        # Curve, contributions, and two temporaries of their size.
        require_memory(4 * 8 * self.n_steps, "n_steps", f"lists of {self.n_steps} values")

    @cached_property
    def rate(self) -> float:
        """lim S_y(T)/T, nats per step; not applicable where there is none."""
        try:
            return production.entropy_production_rate(self.machine, backward=self.backward)
        except NumericalError as error:
            raise NotApplicable(f"no rate: {error}") from None

    def steps_past_transient(self) -> int:
        """Steps after which S_y grows by its rate, to rounding."""
        raise NotApplicable("nothing tells when the transient of these machines is over")

    # ------------------------------------------------------------------ paths

    @cached_property
    def sigma_law(self) -> Any:
        """The exact law of sigma as the library computes it, of ``law_steps`` steps."""
        return sigma_law(self.machine, self.law_steps, backward=self.backward)

    def require_sampling(self) -> None:
        """Not applicable where sampling N paths of T steps would take too long."""
        if self.n_steps * self.n_paths > SAMPLING_LIMIT:
            raise NotApplicable(
                f"needs {self.n_steps * self.n_paths:.1e} sampled steps, more than "
                f"{SAMPLING_LIMIT:.0e}; n_paths <= {SAMPLING_LIMIT // self.n_steps} would test it"
            )

    @property
    def monte_carlo(self) -> MonteCarlo:
        """N sampled paths of ``exact_steps`` steps with their sigma kept."""
        return self.sampled(self.exact_steps)

    def sampled(self, n_steps: int) -> MonteCarlo:
        """N sampled paths with their sigma kept."""
        if n_steps not in self._sampled:
            self.require_sampling()
            self._sampled[n_steps] = monte_carlo.monte_carlo(
                self.machine,
                n_steps,
                self.n_paths,
                backward=self.backward,
                rng=self.seed,
                keep_sigma=True,
            )
        return self._sampled[n_steps]

    @cached_property
    def _sampled(self) -> dict[int, MonteCarlo]:
        return {}

    @property
    def sigma(self) -> FloatArray:
        """(N,) stochastic entropy production of sampled paths of ``law_steps`` steps, nats."""
        kept = self.sampled(self.law_steps).sigma
        if kept is None:
            raise AssertionError("monte_carlo(keep_sigma=True) kept no sigma")
        return kept

    @property
    def sigma_error(self) -> float:
        """What rounding may do to the sigma of one typical path, nats."""
        raise NotApplicable("nothing tells the rounding error of sigma")

    def require_whole_law(self) -> None:
        """Not applicable where more than mean and variance of sigma can't be known."""

    @property
    def law_error(self) -> float:
        """What the machine's precision may do to averages over the exact law of sigma."""
        return 0.0

    @property
    def lost_share(self) -> float:
        """Probability that the reader gives to sequences whose originals are impossible."""
        return 0.0

    @property
    def knows_spread(self) -> bool:
        """Whether ``sigma_spread`` is exact, rather than that of the sampled paths."""
        return False

    def sigma_spread(self) -> tuple[float, float]:
        """Standard deviation of sigma, and what rounding may do to its mean; nats."""
        if self.n_paths < _FEW_PATHS:
            raise NotApplicable(f"{self.n_paths} paths don't tell how far sigma spreads")
        return math.sqrt(self.monte_carlo.variance), 2 * self.total_error


def allowed_error(value: float) -> float:
    """Error that the library allows itself on an entropy production of this value, nats."""
    if math.isinf(value):
        return ABSOLUTE_FLOOR  # it is infinite or it isn't
    return RELATIVE_ACCURACY * abs(value) + ABSOLUTE_FLOOR


def is_homogeneous(machine: Any) -> bool:
    """Whether the parameters of a machine stay the same."""
    return bool(getattr(machine, "time_homogeneous", True))


def emits_symbols(machine: Any) -> bool:
    """Whether a machine emits symbols, rather than values."""
    return getattr(machine, "n_symbols", None) is not None
