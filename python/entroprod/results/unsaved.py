"""What stands in a file for what couldn't be saved: it tells so when it is asked for more."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray
from entroprod.machine.reversals import Plan, Reversal
from entroprod.results.encoding import Encoder
from entroprod.results.registry import storable


@storable
@dataclass(frozen=True)
class UnsavedMachine:
    """A machine of which a file only knows the kind."""

    kind: str
    why: str
    remembers: bool

    @property
    def memory(self) -> Any:
        """Missing, if the machine had none; a ValueError otherwise."""
        if not self.remembers:
            raise AttributeError("memory")
        raise ValueError(_lost("the memory of its machine", self.why))


@storable
@dataclass(frozen=True)
class UnsavedReversal(Reversal):
    """A reversal of which a file only knows the repr."""

    text: str
    why: str

    def plan(self, sequence: NDArray[Any]) -> Plan:  # noqa: ARG002
        """Raise ValueError: a plan needs the reversal itself."""
        raise ValueError(_lost("the plan of its reversal", self.why))

    def __repr__(self) -> str:
        return self.text


@storable
@dataclass(frozen=True)
class UnsavedSteps:
    """Values of steps that hadn't been computed, and can't be any more."""

    why: str

    def per_step(self) -> FloatArray:
        """Raise ValueError."""
        raise ValueError(_lost("per_step", self.why))

    def decomposition(self) -> Any:
        """Raise ValueError."""
        raise ValueError(_lost("the decomposition", self.why))


def why_not(value: object) -> str | None:
    """Why a value can't be saved; None where it can."""
    try:
        Encoder().encode(value, f"the {type(value).__name__}")
    except (TypeError, ValueError) as error:
        return str(error)
    return None


def machine_or_kind(machine: Any) -> Any:
    """The machine, or what stands for it where it can't be saved."""
    why = why_not(machine)
    if why is None:
        return machine
    return UnsavedMachine(kind_of(machine), why, callable(getattr(machine, "memory", None)))


def reversal_or_text(reversal: Reversal) -> Reversal:
    """The reversal, or what stands for it where it can't be saved."""
    why = why_not(reversal)
    return reversal if why is None else UnsavedReversal(repr(reversal), why)


def kind_of(machine: Any) -> str:
    """Name of the machine's class."""
    return machine.kind if isinstance(machine, UnsavedMachine) else type(machine).__name__


def _lost(what: str, why: str) -> str:
    return (
        f"{what} isn't there: this result was loaded from a file, before it was saved that hadn't "
        f"been computed, and {why}"
    )
