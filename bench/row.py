"""A row of the table: what was measured against what, the target, and the outcome."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from .timing import Comparison, Ratio, Timer


@dataclass(frozen=True)
class Target:
    """What the measured value has to reach."""

    sense: Literal["≥", "≤", "<"]
    bound: float

    def holds(self, value: float) -> bool:
        """Whether the value reaches the target."""
        if self.sense == "≥":
            return value >= self.bound
        return value <= self.bound if self.sense == "≤" else value < self.bound


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes
    ----------
    what, against : str
        The task, and what it is measured against.
    unit : str
        Of the measured value and the target: "times faster", "times as long", "%", "MB".
    measured : Ratio
    target : Target or None
        None for what is only good to know.
    times : Comparison or None
        Seconds per call behind the ratio.
    note : str
        What to keep in mind about this measurement.
    """

    what: str
    against: str
    unit: str
    measured: Ratio
    target: Target | None = None
    times: Comparison | None = None
    note: str = ""

    @property
    def missed(self) -> bool:
        """Whether there is a target which the measured value doesn't reach."""
        return self.target is not None and not self.target.holds(self.measured.value)


Rows: TypeAlias = Iterator[Row]
Topic: TypeAlias = Callable[[Timer], Rows]


def faster(
    what: str, against: str, times: Comparison, at_least: float | None = None, note: str = ""
) -> Row:
    """A row that tells how many times faster than its peer a task is."""
    target = None if at_least is None else Target("≥", at_least)
    return Row(what, against, "times faster", times.speedup(), target, times, note)


def costs(
    what: str, against: str, times: Comparison, at_most: float | None = None, note: str = ""
) -> Row:
    """A row that tells how many times its peer's time a task takes."""
    target = None if at_most is None else Target("≤", at_most)
    return Row(what, against, "times as long", times.cost(), target, times, note)


def require_agreement(what: str, ours: float, peer: float, tolerance: float) -> None:
    """Refuse to compare the times of two computations that don't compute the same thing."""
    if not abs(ours - peer) <= tolerance:
        msg = f"{what}: ours gives {ours!r}, the peer {peer!r}; they should agree to {tolerance:g}"
        raise RuntimeError(msg)
