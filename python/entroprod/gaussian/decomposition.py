"""Two machines, one that generates and one that reads backwards, step by step."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from entroprod import _core
from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.readers import GaussianMachine
from entroprod.gaussian.time_varying import TimeVaryingLinearGaussian
from entroprod.results.production import Decomposition
from entroprod.results.registry import storable
from entroprod.results.stored import Stored

# Relative rounding error of a total that automatic precision accepts, as in the core.
_ACCEPTED_ERROR = 1e-12
_MISSING = {"n_memories": "a linear-Gaussian machine has a continuum of memories; see memory_rank"}


@dataclass(frozen=True)
class PairRecursion:
    """The recursions of a machine and the one that reads its sequences backwards."""

    forward: GaussianMachine
    backward: GaussianMachine

    def total(self, n_steps: int, precision: str) -> tuple[float, float, bool]:
        """Nats, their estimated rounding error, and whether they come from extended precision."""
        if precision != "extended":
            self._require_memory(n_steps, "double", 0, "the recursions of a pair")
            total, error, *_ = self._decompose(n_steps, "double", steps=False, decomposed=False)
            if precision == "double" or error <= _ACCEPTED_ERROR * total:
                return total, error, False
        self._require_memory(n_steps, "extended", 0, "the recursions of a pair")
        total, error, *_ = self._decompose(n_steps, "extended", steps=False, decomposed=False)
        return total, error, True

    def per_step(self, n_steps: int, precision: str) -> FloatArray:
        """Terms of the total, (T,), nats."""
        self._require_memory(n_steps, precision, 8, "per_step")
        if self.forward is self.backward and isinstance(self.forward, LinearGaussian):
            values = _core.entropy_production_per_step(
                self.forward._kernel, n_steps, precision, True
            )
        else:
            values = self._decompose(n_steps, precision, steps=True, decomposed=False)[3]
        values.flags.writeable = False
        return values

    def decomposition(
        self, n_steps: int, precision: str, *, refine: bool = False, shortcuts: bool = True
    ) -> Decomposition:
        """D, L, M and ranks; shortcuts off for benchmarks.

        With ``refine``, in extended precision where the backward memory is too nearly singular for
        double to tell what it says.
        """
        self._require_memory(n_steps, precision, 28, "a decomposition")
        found = self._decompose(
            n_steps, precision, steps=False, decomposed=True, shortcuts=shortcuts
        )
        if refine and precision == "double" and found[8] > _ACCEPTED_ERROR:
            return self.decomposition(n_steps, "extended", shortcuts=shortcuts)
        parts = found[4:8]
        for values in parts:
            values.flags.writeable = False
        return Decomposition(*parts, lowest=found[2], missing=_MISSING)

    def _decompose(
        self,
        n_steps: int,
        precision: str,
        *,
        steps: bool,
        decomposed: bool,
        shortcuts: bool = True,
    ) -> _core._PairResult:
        try:
            return _core.decompose(
                _of_core(self.forward),
                _of_core(self.backward),
                n_steps,
                steps,
                decomposed,
                precision == "extended",
                shortcuts,
            )
        except OverflowError as error:
            raise NumericalError(f"{error}: {self._radii()}") from None

    def _radii(self) -> str:
        return (
            f"the transition F + G C of machine {_radius(self.forward, 'spectral_radius')}, the "
            "state_matrix F of the machine that reads backwards "
            f"{_radius(self.backward, 'filter_spectral_radius')}"
        )

    def _require_memory(self, n_steps: int, precision: str, per_step: int, what: str) -> None:
        # The working memory holds moments of h at about 3 sqrt(T) + 300 times.
        n = self.forward.n_states
        working = (3 * int(n_steps**0.5 + 1) + 300) * n * (n + 1)
        real_size = 16 if precision == "extended" else 8
        require_memory(
            per_step * n_steps + real_size * working, "n_steps", f"{what} of {n_steps} steps"
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


def _of_core(machine: GaussianMachine) -> _core.LinearGaussian | _core._Parameters:
    if isinstance(machine, TimeVaryingLinearGaussian):
        return (*machine._matrices(), machine.initial_mean)
    return machine._kernel


def _radius(machine: GaussianMachine, name: str) -> str:
    if isinstance(machine, TimeVaryingLinearGaussian):
        return "changes in time"
    return f"has spectral radius {getattr(machine, name):.6g}"
