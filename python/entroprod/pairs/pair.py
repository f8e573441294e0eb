"""A machine and what reads its sequences backwards: the object that questions are put to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.precision import Precision
from entroprod.boundary.progress import Report
from entroprod.boundary.randomness import RandomSource
from entroprod.machine.protocol import provenance
from entroprod.machine.reversals import TOKEN_REVERSAL, Reversal, TokenReversal
from entroprod.results.production import EntropyProduction
from entroprod.results.trajectory import StochasticEntropyProduction

# What there is where a machine has no closed form.
_SAMPLING = "monte_carlo estimates entropy production of any machine that can sample"
_SLOPE = (
    "the differences of monte_carlo's means at two lengths, over the steps between, estimate it"
)


class NotAvailable(TypeError, ValueError):
    """A question that has no answer for these machines; the message says why, and what there is.

    Of both classes, since it may be the kind of machine that has none, or the size of the question.

    Raised by the methods of a :class:`Pair`, and so by the functions that ask it.

    Examples
    --------
    >>> import entroprod as ep
    >>> coin = ep.HiddenMarkov([[0.9, 0.1], [0.3, 0.7]], [[0.8, 0.2], [0.2, 0.8]])
    >>> ep.entropy_production_rate(coin)
    Traceback (most recent call last):
        ...
    entroprod.NotAvailable: machine: a HiddenMarkov has no rate here: it is an average over ...
    """


class Sampled(NamedTuple):
    """What Monte Carlo averages are made of.

    ``moments`` are those of sigma and of e^-sigma: mean, sum_of_squares, minimum, maximum, and
    weight_sum, square_sum of the weights e^(-sigma - log_scale), and n_infinite. ``sigma`` are the
    values of the paths that weren't skipped, where they were to be kept.
    """

    moments: Mapping[str, float]
    sigma: FloatArray | None
    skip_reasons: Mapping[str, int]
    n_cut: int


class Pair:
    """A machine, the machine that reads its sequences reordered, and how they are reordered.

    Entropy production is a divergence between the two. Each question of the library is a method,
    which answers it or raises :class:`NotAvailable`: here all of them do. A kind of machine has a
    subclass with what it can do better than scoring and sampling, usually of
    :class:`entroprod.pairs.scored.ScoredPair`, and registers it with
    :func:`entroprod.register_pair`.

    Attributes
    ----------
    machine : Machine
        It makes the sequences: P.
    reader : Machine
        It reads them reordered: P_b. The machine itself, unless another one was given.
    reversal : Reversal
        How they are reordered.
    laws : tuple of entroprod.laws.Law
        What :func:`entroprod.verify` tests beside the laws that are about more general pairs.
    """

    machine: Any
    reader: Any
    reversal: Reversal = TOKEN_REVERSAL
    # Laws of this kind alone, for :func:`entroprod.verify`: made by ``entroprod.laws.law``.
    laws: tuple[Any, ...] = ()

    @property
    def told(self) -> dict[str, Any]:
        """What results record of the two machines."""
        told = provenance(self.machine)
        if self.reader is self.machine:
            return told
        return told | {"backward": provenance(self.reader)}

    def total(
        self, n_steps: int, *, precision: Precision = "auto", decomposition: bool = True
    ) -> EntropyProduction:
        """S_y = KL(P || P_b) of n_steps observations, nats, and where it comes from."""
        self.refuse("entropy production in closed form", _SAMPLING)

    def curve(self, n_steps: int, *, precision: Precision = "auto") -> FloatArray:
        """S_y(1) .. S_y(n_steps), (n_steps,), nats."""
        self.refuse("curve of entropy production in closed form", _SAMPLING)

    def rate(self, *, precision: Precision = "auto") -> float:
        """lim S_y(T) / T, nats per step."""
        self.refuse("rate in closed form", _SLOPE)

    def sigma_law(
        self, n_steps: int, *, precision: Precision = "auto", max_size: int | None = None
    ) -> Any:
        """The law of sigma over n_steps observations: an object with a mean, pdf, cdf, ..."""
        self.refuse("exact law of sigma", "monte_carlo with keep_sigma=True samples it")

    def sigma_variance_rate(self, *, precision: Precision = "auto") -> float:
        """lim Var(sigma) / T, nats^2 per step."""
        self.refuse("variance rate of sigma in closed form")

    def score(
        self, sequences: Any, *, keep_per_step: bool = False, n_threads: int | None = None
    ) -> StochasticEntropyProduction:
        """Sigma of given sequences."""
        self.refuse("sigma of given sequences")

    def score_reversals(
        self, sequences: Any, reversals: Mapping[str, Reversal], *, keep_per_step: bool = False
    ) -> dict[str, StochasticEntropyProduction]:
        """Sigma of given sequences under several reversals, whatever the pair's own is."""
        self.refuse("sigma of given sequences")

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
        """Moments of sigma over sampled paths."""
        self.refuse("sampled paths")

    def refuse(self, what: str, instead: str = "") -> NoReturn:
        """Raise NotAvailable: these machines have no ``what`` here, and what there is instead."""
        who = f"a {type(self.machine).__name__}"
        if self.reader is not self.machine:
            who += f" read by a {type(self.reader).__name__}"
        if not isinstance(self.reversal, TokenReversal):
            who += f" under {self.reversal!r}"
        raise NotAvailable(f"machine: {who} has no {what} here{f': {instead}' if instead else ''}")
