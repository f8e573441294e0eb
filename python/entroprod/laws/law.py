"""What a law is, and what testing one gives: a residual, a tolerance, and why that tolerance."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from entroprod.boundary.errors import NumericalError
from entroprod.results.registry import storable
from entroprod.results.result import Result

# What a law is tested on: a Case or a MachineCase.
CaseT = TypeVar("CaseT")

# A law whose tolerance exceeds this part of the quantity itself says nothing: it is reported as
# skipped, with the reason, rather than as passed.
DECISIVE = 1e-2
# Entropy productions below a nat are compared with a nat: no single sequence could show them.
ONE_NAT = 1.0
# Sums of probabilities, and differences of log-probabilities, are compared with 1: a tolerance
# beyond this part of it decides nothing.
DECISIVE_FOR_MACHINES = 0.3


class NotApplicable(Exception):
    """Raised inside a law that does not apply to a machine; the message is the reason."""


@dataclass(frozen=True)
class Measurement:
    """How far a law is from holding, in the law's own unit.

    Attributes
    ----------
    residual : float
        Distance from the law, 0 where it holds exactly.
    tolerance : float
        What rounding, or sampling, alone may produce for this machine.
    scale : float
        Natural size of the quantity, never infinite: what the tolerance is judged by.
    decisive : float
        The part of ``scale`` that the tolerance must not exceed for the law to say anything.
    detail : str
        What was tested, and where the law is furthest from holding.
    because : str
        What of this machine the tolerance comes from.
    """

    residual: float
    tolerance: float
    scale: float
    decisive: float = DECISIVE
    detail: str = ""
    because: str = ""


class Worst:
    """The residual that exceeds its tolerance most, or comes nearest to it, of several."""

    def __init__(self) -> None:
        self.residual = 0.0
        self.tolerance = 0.0
        self.where = ""
        self.n_seen = 0

    def see(self, residual: float, tolerance: float, where: str) -> None:
        """Take one more into account; NaN is the worst of all."""
        self.n_seen += 1
        if math.isnan(self.residual):
            return
        if math.isnan(residual):
            self.residual, self.tolerance, self.where = residual, tolerance, where
            return
        first_off = self.residual == 0.0 and residual > 0.0  # whatever the tolerances are
        if self.n_seen == 1 or first_off or residual * self.tolerance > self.residual * tolerance:
            self.residual, self.tolerance, self.where = residual, tolerance, where

    def measurement(self, what: str, because: str = "") -> Measurement:
        """What a law of quantities around 1 makes of it."""
        if not self.n_seen:
            raise NotApplicable("nothing that it could be tested on is possible")
        return Measurement(
            self.residual,
            self.tolerance,
            1.0 + self.residual,  # the size of what should be 1, or of what should be 0, in nats
            DECISIVE_FOR_MACHINES,
            what if self.residual == 0.0 else f"{what}; {self.where}",
            because,
        )


@storable
@dataclass(frozen=True, eq=False)
class LawResult(Result):
    """One law, tested on one machine.

    Attributes
    ----------
    name : str
        Short identifier, the same for every machine.
    statement : str
        The law in one line.
    residual, tolerance : float
        The law counts as kept when the residual is at most the tolerance; NaN when skipped.
    reason : str
        Why this tolerance; for a skipped law, why it was skipped.
    passed : bool or None
        None when the law was skipped.
    detail : str
        What was tested, and where the law is furthest from holding, if the law tells.

    Examples
    --------
    >>> from entroprod.laws import LawResult
    >>> LawResult("trace", "tr R = tr J", 1e-15, 1e-13, "rounding", True).skipped
    False
    """

    name: str
    statement: str
    residual: float
    tolerance: float
    reason: str
    passed: bool | None
    detail: str = ""

    @property
    def skipped(self) -> bool:
        """Whether the law did not apply, or could not be decided, for this machine."""
        return self.passed is None

    def to_dict(self) -> dict[str, Any]:
        """All fields, JSON-ready: a skipped law has None for its residual and tolerance."""
        unknown = {"residual": None, "tolerance": None} if self.skipped else {}
        return super().to_dict() | unknown


@dataclass(frozen=True)
class Law(Generic[CaseT]):
    """A law by name: its statement, why its tolerance is what it is, and how it is measured."""

    name: str
    statement: str
    why: str
    measure: Callable[[CaseT], Measurement]

    def __call__(self, case: CaseT) -> LawResult:
        """Test the law on one case; a law that does not apply is skipped, with the reason."""
        try:
            # Unstable machines reach the end of the doubles: what overflows is undecidable.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                found = self.measure(case)
        except NotApplicable as reason:
            return self._skip(str(reason))
        except NumericalError as error:
            return self._skip(f"a quantity it needs cannot be computed: {error}")
        except MemoryError as error:
            return self._skip(f"needs more memory than there is: {error}")
        except OverflowError:  # of Python's own floats, where NumPy's give infinity
            return self._skip("undecidable: the residual or its tolerance exceeds all doubles")
        if found.tolerance > found.decisive * found.scale:
            return self._skip(
                f"undecidable: rounding or sampling alone may reach {found.tolerance:.1e} where "
                f"the quantity itself is {found.scale:.1e}"
            )
        # NaN, in the residual or the tolerance, compares false and so fails, as it should.
        return LawResult(
            name=self.name,
            statement=self.statement,
            residual=found.residual,
            tolerance=found.tolerance,
            reason=f"{self.why} ({found.because})" if found.because else self.why,
            passed=bool(found.residual <= found.tolerance),
            detail=found.detail,
        )

    def _skip(self, reason: str) -> LawResult:
        return LawResult(self.name, self.statement, math.nan, math.nan, reason, None)


def law(statement: str, why: str) -> Callable[[Callable[[CaseT], Measurement]], Law[CaseT]]:
    """Turn a function that measures a case into a ``Law`` named after the function."""

    def named(measure: Callable[[CaseT], Measurement]) -> Law[CaseT]:
        return Law(measure.__name__, statement, why, measure)

    return named
