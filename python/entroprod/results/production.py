"""The result of entropy production in closed form or by enumeration, whatever the machine."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import FloatArray, as_float_array, as_read_only
from entroprod.boundary.errors import NumericalError
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result
from entroprod.results.unsaved import UnsavedSteps, why_not

if TYPE_CHECKING:
    import pandas as pd


_PARTS = ("retrospective", "compression_loss", "model_mismatch", "memory_rank", "n_memories")

IntArray: TypeAlias = NDArray[np.signedinteger[Any]]


@storable
@dataclass(frozen=True, eq=False)
class Decomposition:
    """Retrospective decomposition, (T,) each, nats, and how much the backward memory holds.

    What a kind of machine doesn't have is None, and ``missing`` tells why, by its name. ``lowest``
    is the lowest of all values before those below 0 were given out as 0: rounding.
    """

    retrospective: FloatArray
    compression_loss: FloatArray | None
    model_mismatch: FloatArray | None
    memory_rank: IntArray | None = None
    n_memories: IntArray | None = None
    lowest: float = 0.0
    missing: Mapping[str, str] = field(default_factory=dict)


class StepValues(Protocol):
    """Computes what has a value for every step, once it is asked for."""

    def per_step(self) -> FloatArray:
        """Terms of the total, (T,), nats."""
        ...

    def decomposition(self) -> Decomposition:
        """The retrospective decomposition."""
        ...


@storable
@dataclass(frozen=True, eq=False)
class GivenSteps:
    """Values of steps that are there from the beginning, and no decomposition."""

    values: FloatArray

    def per_step(self) -> FloatArray:
        """Terms of the total, (T,), nats."""
        return self.values

    def decomposition(self) -> Decomposition:
        """Raise NumericalError."""
        raise NumericalError("this kind of machine tells no retrospective decomposition")


@storable
@dataclass(frozen=True, repr=False, eq=False)
class EntropyProduction(Result):
    """Entropy production of a machine over a number of steps, and where it comes from.

    What has a value for every step is computed when first asked for, also after loading, if the
    machine could be saved; otherwise a file holds what had been computed. Its picture is
    :func:`entroprod.plot.decomposition`.

    Attributes
    ----------
    total : float
        S_y = KL(P || P_b) in nats.
    n_steps : int
    rounding_error : float
        Estimated bound of the rounding error of ``total``, in nats.
    precision : "double" or "extended"
        Arithmetic that was used: double, or double-double with about 32 digits.
    """

    total: float
    n_steps: int
    rounding_error: float
    precision: str
    _steps: StepValues
    _decomposed: bool

    _picture: ClassVar[str] = "decomposition"
    _kept_if_computed: ClassVar[tuple[str, ...]] = ("per_step", "_decomposition")

    @classmethod
    def from_steps(cls, per_step: ArrayLike, *, rounding_error: float = 0.0) -> EntropyProduction:
        """The result of a machine whose entropy production is known step by step.

        Parameters
        ----------
        per_step : array_like, (T,)
            Terms of the total, nats.
        rounding_error : float
            Bound of the rounding error of their sum, nats, at least 0. A sum below 0 by no more
            than that is given out as 0.

        Raises
        ------
        ValueError, TypeError
            Naming the argument.

        Examples
        --------
        >>> import entroprod as ep
        >>> ep.EntropyProduction.from_steps([0.25, 0.0, 0.5])
        EntropyProduction(total=0.75 nats, n_steps=3, rounding_error=0.0e+00, precision='double')
        """
        values = as_read_only(as_float_array(per_step, "per_step", 1).copy())
        error = float(as_float_array(rounding_error, "rounding_error", 0))
        total = math.fsum(values)
        if error < 0.0 or total < -error:
            raise ValueError(
                f"per_step must not sum to less than 0 beyond rounding_error, got {total:.6g} "
                f"and {error:.6g}"
            )
        return cls(max(total, 0.0), len(values), error, "double", GivenSteps(values), False)

    @cached_property
    def per_step(self) -> FloatArray:
        """E[ln p(y_t | f_{t-1}) - ln p(y_t | g_{t+1})] for t = 1 .. T, (T,), in nats.

        f_{t-1} is the memory of what comes before y_t, g_{t+1} the backward memory of what comes
        after. The sum is ``total``; single values may be negative. For a linear-Gaussian machine
        this is ½ [tr(S^-1 Sigma^B_t) - m] with the covariance Sigma^B_t of the backward innovation
        [S26 eq 73], for a pair of them with the square of its mean and the log-ratio of the
        determinants of their innovation covariances.

        Raises
        ------
        MemoryError
            If (T,) numbers and the working memory don't fit.
        """
        return self._steps.per_step()

    @property
    def retrospective(self) -> FloatArray:
        """D_t for t = 1 .. T, (T,), in nats: all of it that lies in step t, never negative.

        KL between the law of y_t given all that comes after it and what the backward reading
        predicts, on average; the sum is ``total``. [S26 eqs 83-101] Beyond rounding, D_t equals
        ``compression_loss`` + ``model_mismatch``.

        Raises
        ------
        MemoryError
            If the arrays and the working memory don't fit.
        ValueError
            If the decomposition was left out.
        """
        return self._decomposition.retrospective

    @property
    def compression_loss(self) -> FloatArray:
        """L_t for t = 1 .. T, (T,), in nats: I(y_t; y_{t+1:T} | g_{t+1}), never negative.

        What the observations after t say about y_t and the memory g_{t+1} that has read them has
        lost. Exactly 0 for a Markov chain. Errors as for ``retrospective``, and a NumericalError
        for an enumerated machine without a method ``memory``.
        """
        values: FloatArray = self._part("compression_loss")
        return values

    @property
    def model_mismatch(self) -> FloatArray:
        """M_t for t = 1 .. T, (T,), in nats: never negative.

        KL between the law of y_t given the memory g_{t+1} and what the backward machine predicts
        from that memory. Errors as for ``compression_loss``.
        """
        values: FloatArray = self._part("model_mismatch")
        return values

    @property
    def memory_rank(self) -> IntArray:
        """Rank of the covariance of a linear-Gaussian machine's backward memory g_{t+1}, (T,).

        Directions count whose variance exceeds 16 b u of the variances of the components that they
        are made of, with b the size of the memory and u the unit roundoff of ``precision``
        (1.1e-16 or 4.9e-32). Errors as for ``retrospective``, and a NumericalError for machines of
        another kind.
        """
        values: IntArray = self._part("memory_rank")
        return values

    @property
    def n_memories(self) -> IntArray:
        """Number of different backward memories g_{t+1} of a discrete machine, (T,).

        Those of a sequence that can be. Errors as for ``compression_loss``.
        """
        values: IntArray = self._part("n_memories")
        return values

    @cached_property
    def second_law_bound(self) -> float:
        """Sum of ``compression_loss``, in nats: S_y is at least that. [S26], refined second law."""
        return float(self.compression_loss.sum())

    @cached_property
    def _decomposition(self) -> Decomposition:
        if not self._decomposed and not isinstance(self._steps, GivenSteps):
            msg = "the decomposition was left out: call entropy_production with decomposition=True"
            raise ValueError(msg)
        return self._steps.decomposition()

    def _part(self, name: str) -> Any:
        found = self._decomposition
        values = getattr(found, name)
        if values is None:
            why = found.missing.get(name, "this kind of machine doesn't tell it")
            raise NumericalError(f"{name} doesn't exist here: {why}")
        return values

    def to_frame(self) -> pd.DataFrame:
        """Table with a row per step, t = 1 .. T; needs pandas."""
        names = ["per_step"]
        if self._decomposed:
            found = self._decomposition
            names += [name for name in _PARTS if getattr(found, name) is not None]
        columns = {name: getattr(self, name) for name in names}
        return as_frame(columns, rows=range(1, self.n_steps + 1), name="t")

    def _stored_parts(self) -> dict[str, Any]:
        why = why_not(self._steps)
        steps = {} if why is None else {"_steps": UnsavedSteps(why)}
        return super()._stored_parts() | steps

    def __repr__(self) -> str:
        return (
            f"EntropyProduction(total={self.total:.12g} nats, n_steps={self.n_steps}, "
            f"rounding_error={self.rounding_error:.1e}, precision={self.precision!r})"
        )
