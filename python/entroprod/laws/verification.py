"""``verify``: every law that applies to a machine, tested and reported."""

from __future__ import annotations

import operator
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np

from entroprod.boundary.arrays import as_count
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.laws.catalogue import laws_of, make_case
from entroprod.laws.law import LawResult
from entroprod.laws.subject import pair_of
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

_MARKS = {True: "pass", False: "FAIL", None: "skip"}
_WIDTH = 100


@storable
@dataclass(frozen=True, repr=False, eq=False)
class Verification(Result):
    """What ``verify`` found.

    Attributes
    ----------
    laws : tuple of LawResult
        Every law in a fixed order, the skipped ones included.
    n_steps, n_paths : int
        Length and number of the sequences that were used.
    seed : int
        With the same seed the report is the same.
    """

    laws: tuple[LawResult, ...]
    n_steps: int
    n_paths: int
    seed: int

    @property
    def passed(self) -> bool:
        """Whether no law failed, and at least one that is about the values was tested.

        A report in which all such laws were skipped proves nothing, and doesn't pass.
        """
        return not self.failures and any(law.about_values for law in self.tested)

    @property
    def tested(self) -> tuple[LawResult, ...]:
        """The laws that were tested, whatever came out."""
        return tuple(law for law in self.laws if not law.skipped)

    @property
    def failures(self) -> tuple[LawResult, ...]:
        """The laws that failed."""
        return tuple(law for law in self.laws if law.passed is False)

    @property
    def skipped(self) -> tuple[LawResult, ...]:
        """The laws that did not apply or could not be decided, each with its reason."""
        return tuple(law for law in self.laws if law.skipped)

    def __getitem__(self, name: str) -> LawResult:
        """The result of one law by its name; KeyError lists the names."""
        for law in self.laws:
            if law.name == name:
                return law
        raise KeyError(f"no law {name!r}; there are {', '.join(law.name for law in self.laws)}")

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready: ``passed``, how many laws were tested, the settings, a list of laws."""
        return {
            "passed": self.passed,
            "n_tested": len(self.tested),
            "n_failed": len(self.failures),
            "n_skipped": len(self.skipped),
            "n_steps": self.n_steps,
            "n_paths": self.n_paths,
            "seed": self.seed,
            "laws": [law.to_dict() for law in self.laws],
        }

    def to_frame(self) -> pd.DataFrame:
        """One row per law, indexed by its name; needs pandas."""
        return as_frame([law.to_dict() for law in self.laws]).set_index("name")

    def __repr__(self) -> str:
        n_tested = len(self.tested)
        if self.failures:
            verdict = f"FAILED {len(self.failures)} of {n_tested} laws"
        elif self.passed:
            verdict = f"passed {n_tested} laws"
        else:
            verdict = "UNDECIDED, no law about the values was tested"
        lines = [
            f"Verification: {verdict}, {len(self.skipped)} skipped "
            f"(n_steps={self.n_steps}, n_paths={self.n_paths}, seed={self.seed})"
        ]
        name_width = max(len(law.name) for law in self.laws)
        for law in self.laws:
            lines.append(_row(law, name_width))
        return "\n".join(lines)


def _row(law: LawResult, name_width: int) -> str:
    head = f"  {_MARKS[law.passed]}  {law.name:<{name_width}}  "
    if law.skipped:
        body = law.reason
    else:
        sign = "<=" if law.passed else "> "
        head += f"{law.residual:8.1e} {sign} {law.tolerance:<9.1e}"
        shown = law.detail and not law.passed
        body = f"{law.statement} ({law.detail})" if shown else law.statement
    indent = " " * len(head)
    return textwrap.fill(body, _WIDTH, initial_indent=head, subsequent_indent=indent)


def verify(
    machine: Any,
    *,
    backward: Any = None,
    n_steps: SupportsIndex | None = None,
    n_paths: SupportsIndex | None = None,
    rng: RandomSource = 0,
    n_symbols: SupportsIndex | None = None,
    n_outputs: SupportsIndex | None = None,
) -> Verification:
    """Test every law of entropy production that applies to a machine and its reader.

    Of any machine: its probabilities add up to one, later symbols don't change earlier
    log-probabilities, nor do other sequences in the batch and padding; what it samples has the
    probabilities that it tells, its memory is all that matters of the past, and sigma obeys the
    fluctuation theorem: by enumeration where the alphabet allows it, by sampling elsewhere. What is
    known exactly, such as total, curve, decomposition, rate and the law of sigma, agrees with
    itself and with samples.

    Of linear-Gaussian machines, and of pairs of them: exact values are compared with dense joint
    densities, and those of a constant machine with the innovation reversal matrix, with spectral
    integrals, with each other in other bases and precisions, and gradients with differences. Of
    machines of symbols: with sums over all sequences; of Markov chains also with currents and
    detailed balance.

    Tolerances follow the conditioning of the machine, or its precision (the ``dtype`` of its
    provenance, or else what its numbers show). A law that rounding or sampling leaves undecided,
    that doesn't apply, or takes more memory or time than there is, is listed as skipped with the
    reason.

    Parameters
    ----------
    machine : LinearGaussian, Machine or callable
        See :class:`Machine`; or a function of sequences that returns (N, T) nats per step.
    backward : Machine or callable, optional
        What reads the reversed sequences; by default the machine itself, also where it changes in
        time, with the parameters of time t for y_t.
    n_steps : int, default 12, and 50 for a constant linear-Gaussian machine that reads itself
        T >= 1. Laws of the dense (T m, T m) matrix need T m <= 1200 and are skipped beyond.
    n_paths : int, default 2000, and 20000 for a constant linear-Gaussian machine that reads itself
        N >= 1 Monte-Carlo paths; laws that sample need N T <= 2e10 and are skipped beyond.
    rng : Generator, int or None, default 0
        Source of all randomness; None takes fresh entropy.
    n_symbols, n_outputs : int, optional
        One of them for a function, or a machine that doesn't tell: its number of symbols, or of
        components of a value.

    Returns
    -------
    Verification
        One ``LawResult`` per law (residual, tolerance and why, passed or skipped), and ``passed``:
        no law failed and at least one about the values was tested.

    Raises
    ------
    TypeError
        ``machine`` or ``backward`` is none, or a number is no integer.
    ValueError
        ``n_steps`` or ``n_paths`` is less than 1; the machine tells neither n_symbols nor
        n_outputs, or others than are given, or than ``backward`` has.

    Notes
    -----
    Source: [S26]_ eqs 7-36 and § 6; the laws without a source are ★ derived on the documentation's
    theory and verification pages. What the machine itself raises is not caught.

    Examples
    --------
    >>> import numpy as np
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> report = ep.verify(machine, n_steps=10, n_paths=1000)
    >>> report.passed
    True
    >>> report["involution"].passed
    True

    Logits that have seen the symbol that they should predict:

    >>> def log_prob(sequences):
    ...     return np.log(np.where(sequences == 0, 0.9, 0.8))
    >>> [law.name for law in ep.verify(log_prob, n_symbols=2).failures]
    ['sequences_add_up_to_one', 'next_symbols_add_up_to_one', ...]
    """
    steps = None if n_steps is None else as_count(n_steps, "n_steps")
    paths = None if n_paths is None else as_count(n_paths, "n_paths")
    seed = _seed(rng)
    pair = pair_of(machine, backward, n_symbols=n_symbols, n_outputs=n_outputs)
    laws = laws_of(pair)
    case = make_case(laws, pair, steps, paths, seed)
    return Verification(tuple(law(case) for law in laws), case.n_steps, case.n_paths, seed)


def _seed(rng: RandomSource) -> int:
    """The integer that makes the report reproducible: the one given, or a drawn one."""
    generator = as_generator(rng)
    if rng is None or isinstance(rng, np.random.Generator):
        return int(generator.integers(2**63))
    return operator.index(rng)
