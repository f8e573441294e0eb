"""Two machines, one that generates and one that reads backwards, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.precision import Precision
from entroprod.gaussian import core
from entroprod.gaussian.readers import GaussianMachine
from entroprod.results.production import Decomposition
from entroprod.results.registry import storable
from entroprod.results.stored import Stored

_MISSING = {"n_memories": "a linear-Gaussian machine has a continuum of memories; see memory_rank"}


@dataclass(frozen=True)
class PairRecursion:
    """The recursions of a machine and the one that reads its sequences backwards."""

    forward: GaussianMachine
    backward: GaussianMachine

    def total(self, n_steps: int, precision: Precision) -> core.Value:
        """Nats, their estimated rounding error, and whether they come from extended precision."""
        return core.total_of_pair(self.forward, self.backward, n_steps, precision)

    def per_step(self, n_steps: int, precision: str) -> FloatArray:
        """Terms of the total, (T,), nats."""
        return core.per_step(self.forward, self.backward, n_steps, precision)

    def decomposition(self, n_steps: int, precision: str, *, refine: bool = False) -> Decomposition:
        """D, L, M and ranks.

        With ``refine``, in extended precision where the backward memory is too nearly singular for
        double to tell what it says.
        """
        parts = core.decompose(self.forward, self.backward, n_steps, precision, refine=refine)
        return Decomposition(
            parts.retrospective,
            parts.compression_loss,
            parts.model_mismatch,
            parts.memory_rank,
            lowest=parts.lowest,
            missing=_MISSING,
        )


@storable(name="entroprod.GaussianSteps")
@dataclass(frozen=True)
class PairSteps(Stored):
    """The values of a pair's steps, for the result that computes them when asked."""

    pair: PairRecursion
    n_steps: int
    precision: str
    refine: bool

    def per_step(self) -> FloatArray:
        """Terms of the total, (T,), nats."""
        return self.pair.per_step(self.n_steps, self.precision)

    def decomposition(self) -> Decomposition:
        """The retrospective decomposition."""
        return self.pair.decomposition(self.n_steps, self.precision, refine=self.refine)

    def _stored_parts(self) -> dict[str, Any]:
        pair = {"machine": self.pair.forward, "reader": self.pair.backward}
        return super()._stored_parts() | {"pair": pair}

    @classmethod
    def _from_stored_parts(cls, parts: dict[str, Any]) -> PairSteps:
        pair = PairRecursion(parts["pair"]["machine"], parts["pair"]["reader"])
        return cls(**parts | {"pair": pair})
