"""What measuring a law gives: a residual, a tolerance, and why that tolerance."""

from __future__ import annotations

import math
from dataclasses import dataclass

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
