"""Entropy production of linear-Gaussian machines in closed form and linear time."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from entroprod import _core
from entroprod.arrays import FloatArray, as_count, as_flag, require_choice, require_memory
from entroprod.decomposition import Decomposition, IntArray, Pair
from entroprod.errors import NumericalError
from entroprod.frames import as_frame
from entroprod.linear_gaussian import LinearGaussian
from entroprod.time_varying import (
    GaussianMachine,
    backward_machine,
    require_length,
    require_machine,
)

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Precision: TypeAlias = Literal["auto", "double", "extended"]

# Matrices of doubles, (n, n), at most: the state of the recursions now and before, in
# double-double; and the machine and three sums, each with its powers, of a doubling.
_RECURSION_MATRICES = 12
_DOUBLING_MATRICES = 60


@dataclass(frozen=True, repr=False)
class EntropyProduction:
    """Entropy production of a machine over a number of steps, and where it comes from.

    What has a value for every step is computed when first asked for.

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
    _pair: Pair = field(compare=False)
    _decomposed: bool = field(compare=False)
    _refine: bool = field(compare=False)

    @cached_property
    def per_step(self) -> FloatArray:
        """½ [tr(S^-1 Sigma^B_t) - m] for t = 1 .. T, (T,), in nats; the sum is ``total``.

        Sigma^B_t is the covariance of the backward innovation at t [S26 eq 73]. Single values may
        be negative, unlike their sum. For a pair of machines: with the square of the mean and the
        log-ratio of the determinants of their innovation covariances.

        Raises
        ------
        MemoryError
            If (T,) numbers and the working memory don't fit.
        """
        return self._pair.per_step(self.n_steps, self.precision)

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
        lost. Errors as for ``retrospective``.
        """
        return self._decomposition.compression_loss

    @property
    def model_mismatch(self) -> FloatArray:
        """M_t for t = 1 .. T, (T,), in nats: never negative.

        KL between the law of y_t given the memory g_{t+1} and what the backward machine predicts
        from that memory. Errors as for ``retrospective``.
        """
        return self._decomposition.model_mismatch

    @property
    def memory_rank(self) -> IntArray:
        """Rank of the covariance of the backward memory g_{t+1}, (T,).

        Directions count whose variance exceeds 16 b u of the variances of the components that they
        are made of, with b the size of the memory and u the unit roundoff of ``precision``
        (1.1e-16 or 4.9e-32). Errors as for ``retrospective``.
        """
        return self._decomposition.memory_rank

    @cached_property
    def second_law_bound(self) -> float:
        """Sum of ``compression_loss``, in nats: S_y is at least that. [S26], refined second law."""
        return float(self.compression_loss.sum())

    @cached_property
    def _decomposition(self) -> Decomposition:
        if not self._decomposed:
            msg = "the decomposition was left out: call entropy_production with decomposition=True"
            raise ValueError(msg)
        return self._pair.decomposition(self.n_steps, self.precision, refine=self._refine)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers and strings, without what has a value for every step."""
        return {
            "total": self.total,
            "n_steps": self.n_steps,
            "rounding_error": self.rounding_error,
            "precision": self.precision,
        }

    def to_frame(self) -> pd.DataFrame:
        """Table with a row per step, t = 1 .. T; needs pandas."""
        names = ["per_step"]
        if self._decomposed:
            names += ["retrospective", "compression_loss", "model_mismatch", "memory_rank"]
        columns = {name: getattr(self, name) for name in names}
        return as_frame(columns, rows=range(1, self.n_steps + 1), name="t")

    def plot(self, *, title: str = "", axes: Axes | None = None) -> Figure:
        """Picture of L_t and M_t, stacked, over t: see :func:`entroprod.plot.decomposition`."""
        from entroprod import plot

        return plot.decomposition(self, title=title, axes=axes)

    def __repr__(self) -> str:
        return (
            f"EntropyProduction(total={self.total:.12g} nats, n_steps={self.n_steps}, "
            f"rounding_error={self.rounding_error:.1e}, precision={self.precision!r})"
        )


def entropy_production(
    machine: GaussianMachine,
    n_steps: int,
    *,
    backward: GaussianMachine | None = None,
    decomposition: bool = True,
    precision: Precision = "auto",
) -> EntropyProduction:
    """Entropy production S_y = KL(P || P_b) of ``n_steps`` observations, in nats.

    The mean of the log-ratio of the probability of a sequence to that of its reversal, both under
    the same machine. Time is linear in the number of steps until the recursions have converged to
    rounding level and constant from there on; memory is O(n^2).

    Parameters
    ----------
    machine : LinearGaussian or TimeVaryingLinearGaussian
        It makes the sequences: P.
    n_steps : int
        T >= 1.
    backward : LinearGaussian or TimeVaryingLinearGaussian, optional
        The machine that reads the reversed sequences, P_b, of any state size; by default
        ``machine`` itself. A time-varying machine has two readings, and needs to be told (see
        :class:`TimeVaryingLinearGaussian`). With ``backward`` the result is the relative entropy
        between a process and that model of it backwards in time.
    decomposition : bool
        Whether the result offers the decomposition into compression loss and model mismatch,
        which costs several times as much once it is asked for.
    precision : {"auto", "double", "extended"}
        "double", "extended" (double-double, about 32 digits), or "auto": double, and again in
        extended where the estimated rounding error exceeds 1e-12 of the value, as it does for
        nearly reversible machines and for some with long memory. With "auto" the decomposition
        is also repeated in extended where the backward memory is so nearly singular that double
        can't tell what it says.

    Returns
    -------
    EntropyProduction
        With ``total`` and, computed when asked for, ``per_step``, ``retrospective``,
        ``compression_loss``, ``model_mismatch`` and ``second_law_bound``.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    NumericalError
        If an unstable machine's covariances overflow, naming the step and the eigenvalue.

    Notes
    -----
    Source: [S26]_ eqs 71, 73; computed by the dual recursion of the documentation's theory page. A
    negative result can only be rounding and is returned as 0. The decomposition is that of [S26]_
    eqs 83-101; its recursions and those of pairs are ★ derived on the documentation's page on
    decomposition.

    Examples
    --------
    The scalar Kalman filter of [S26]_ figure 5:

    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> result = ep.entropy_production(machine, 6)
    >>> print(f"{result.total:.10f}")
    0.3108757952
    >>> print(f"{result.per_step.sum():.10f}")
    0.3108757952

    Its memory of one number, read backwards, holds nearly all that the observations to come say
    about one; what is missing is the right prediction from it:

    >>> print(f"{result.second_law_bound:.6f} + {result.model_mismatch.sum():.6f}")
    0.000825 + 0.310051
    """
    require_machine(machine, "machine")
    n_steps = as_count(n_steps, "n_steps")
    _require_precision(precision)
    as_flag(decomposition, "decomposition")
    pair = Pair(machine, backward_machine(machine, backward))
    if backward is None and isinstance(machine, LinearGaussian):
        total, error, extended = _entropy_production(machine, n_steps, precision)
    else:
        require_length(machine, "machine", n_steps)
        require_length(pair.backward, "backward", n_steps)
        total, error, extended = pair.total(n_steps, precision)
    chosen = "extended" if extended else "double"
    refine = precision == "auto"
    return EntropyProduction(total, n_steps, error, chosen, pair, decomposition, refine)


def entropy_production_curve(
    machine: LinearGaussian, n_steps: int, *, precision: Precision = "auto"
) -> FloatArray:
    """Entropy production S_y(1), .., S_y(n_steps) in nats, in one pass.

    Parameters
    ----------
    machine : LinearGaussian
    n_steps : int
        T >= 1.
    precision : {"auto", "double", "extended"}
        As in :func:`entropy_production`; "auto" decides by the last value.

    Returns
    -------
    ndarray, (n_steps,)
        Nats. The caller's own: unlike the arrays in a result, it may be written to.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    MemoryError
        If (n_steps,) numbers don't fit.
    NumericalError
        If an unstable machine's covariances overflow.

    Notes
    -----
    Source: [S26]_ eq 71 for each T.

    Examples
    --------
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> ep.entropy_production_curve(machine, 4).round(6)
    array([0.      , 0.041785, 0.112813, 0.187484])
    """
    _require_machine(machine)
    n_steps = as_count(n_steps, "n_steps")
    _require_precision(precision)
    require_memory(8 * n_steps, "n_steps", f"a curve of {n_steps} values")
    machine._require_working_memory(_RECURSION_MATRICES)
    try:
        return _core.entropy_production_curve(machine._kernel, n_steps, precision, True)
    except OverflowError as error:
        raise _overflow(machine, error) from None


def entropy_production_rate(machine: LinearGaussian, *, precision: Precision = "auto") -> float:
    """Entropy production per step of the stationary process, lim S_y(T) / T, in nats per step.

    Exactly 0 for a scalar output. Computed from the fixed points of the recursions by doubling:
    right up to spectral radii close to 1, and for nearly reversible machines.

    Parameters
    ----------
    machine : LinearGaussian
    precision : {"auto", "double", "extended"}
        As in :func:`entropy_production`.

    Raises
    ------
    NumericalError
        If the machine has no stationary state, or a memory that never fades, naming the
        eigenvalue.
    ValueError, TypeError
        Naming the argument.

    Notes
    -----
    Source: the limit of [S26]_ eq 71; equal to the spectral formula of the documentation.

    Examples
    --------
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], [[1.0, 0.0], [0.0, 1.0]])
    >>> print(f"{ep.entropy_production_rate(machine):.12f}")
    0.545454545455
    """
    _require_machine(machine)
    _require_precision(precision)
    machine.require_rate()
    if machine.n_outputs == 1:
        return 0.0  # the spectrum of one output equals that of its reversal
    return _rate_by_doubling(machine, precision)[0]


def _rate_by_doubling(machine: LinearGaussian, precision: Precision) -> tuple[float, float]:
    """The core's own rate and its rounding error, of one output too, where theory gives 0."""
    machine._require_working_memory(_DOUBLING_MATRICES)
    try:
        rate, rounding_error, _ = _core.entropy_production_rate(machine._kernel, precision)
    except OverflowError as error:
        raise _overflow(machine, error) from None
    return rate, rounding_error


def _entropy_production(
    machine: LinearGaussian, n_steps: int, precision: Precision, *, shortcuts: bool = True
) -> tuple[float, float, bool]:
    """Total, its rounding error, whether in extended precision; shortcuts off for benchmarks."""
    machine._require_working_memory(_RECURSION_MATRICES)
    try:
        return _core.entropy_production(machine._kernel, n_steps, precision, shortcuts)
    except OverflowError as error:
        raise _overflow(machine, error) from None


def _overflow(machine: LinearGaussian, error: OverflowError) -> NumericalError:
    return NumericalError(
        f"{error}: the machine's transition F + G C has spectral radius "
        f"{machine.spectral_radius:.6g}, its state_matrix F {machine.filter_spectral_radius:.6g}"
    )


def _require_machine(machine: LinearGaussian, name: str = "machine") -> None:
    if not isinstance(machine, LinearGaussian):
        msg = f"{name} must be a LinearGaussian, got {type(machine).__name__}"
        raise TypeError(msg)


def _require_precision(precision: str) -> None:
    require_choice(precision, "precision", "auto", "double", "extended")
