"""Exact enumeration: every sequence of a discrete machine with its probability."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray, as_count, as_flag, as_positive, as_read_only
from entroprod.boundary.errors import NumericalError
from entroprod.discrete.enumeration_steps import MEMORY_TOLERANCE, EnumeratedSteps
from entroprod.discrete.information import relative_entropy_terms
from entroprod.discrete.prefixes import Prefixes, digits, read_all, reversed_order
from entroprod.discrete.sigma_law import DiscreteSigmaLaw, discrete_sigma_law
from entroprod.machine.protocol import require_discrete, require_same_size
from entroprod.machine.reversals import Reversal, TokenReversal, require_reversal
from entroprod.results.frames import as_frame
from entroprod.results.production import EntropyProduction
from entroprod.results.registry import storable
from entroprod.results.result import Result
from entroprod.results.unsaved import kind_of, machine_or_kind

if TYPE_CHECKING:
    import pandas as pd

# Symbols of all sequences together: 2^20 sequences of 20 symbols and their like, which take a
# second with a quick machine.
MAX_SYMBOLS = 2**25
# How far from 1 the probabilities of all sequences may sum: single precision leaves about 1e-7 a
# step.
_NORMALISATION = 1e-5
# Rounding of a log-probability summed over the steps, in units of its size.
_ROUNDING = 4.0 * float(np.finfo(np.float64).eps)


@storable
@dataclass(frozen=True, repr=False, eq=False)
class Enumeration(Result):
    """All k^T sequences of a discrete machine, in lexicographic order, with their probabilities.

    Made by :func:`enumerate_sequences`. Its arrays are read-only. Loaded from a file it computes
    all that it did before, but for what a machine's ``memory`` is needed for, if the machine
    couldn't be saved.

    Attributes
    ----------
    n_symbols : int
        k.
    n_steps : int
        T.
    """

    n_symbols: int
    n_steps: int
    _machine: Any = field(repr=False)
    _reader: Any = field(repr=False)
    _forward: Prefixes = field(repr=False)
    _backward: Prefixes = field(repr=False)

    @cached_property
    def sequences(self) -> NDArray[np.int64]:
        """All sequences, (k^T, T)."""
        result = digits(np.arange(self.n_symbols**self.n_steps), self.n_symbols, self.n_steps)
        result.flags.writeable = False
        return result

    @cached_property
    def log_prob(self) -> FloatArray:
        """ln P(y) of each sequence, (k^T,), nats; -inf for what can't happen."""
        return as_read_only(self._forward.totals[-1].copy())

    @cached_property
    def log_prob_backward(self) -> FloatArray:
        """ln P_b(y reversed) of each sequence, (k^T,), nats."""
        return as_read_only(
            reversed_order(self._backward.totals[-1], self.n_symbols, self.n_steps).copy()
        )

    @property
    def total_probability(self) -> float:
        """Sum of the probabilities of all sequences: 1, but for rounding, if all is well."""
        return self._forward.total_probability

    def entropy_production(
        self, *, decomposition: bool = True, memory_tolerance: float = MEMORY_TOLERANCE
    ) -> EntropyProduction:
        """S_y = KL(P || P_b) and where it comes from, by definition.

        Parameters
        ----------
        decomposition : bool
            Whether the result offers the decomposition.
        memory_tolerance : float
            Memories of the reader whose components differ by less, relative to the largest of that
            component, count as the same, and chains of such neighbours too. A larger one asks what
            a memory of few digits has lost: then ``model_mismatch`` is that of its mean prediction,
            and the two don't add up to ``retrospective`` any more.

        Returns
        -------
        EntropyProduction
            ``compression_loss`` and ``model_mismatch`` only where the reader has a method
            ``memory``. All may be infinite.

        Raises
        ------
        ValueError, TypeError
            Naming the argument.
        NumericalError
            If the probabilities don't sum to 1.
        """
        as_flag(decomposition, "decomposition")
        tolerance = as_positive(memory_tolerance, "memory_tolerance")
        self._require_normalised()
        ahead, behind = self.log_prob, self.log_prob_backward
        p = np.exp(ahead)
        total = float(_terms(ahead, behind).sum())
        with np.errstate(invalid="ignore"):
            sizes = np.where(p > 0.0, p * (np.abs(ahead) + np.abs(behind)), 0.0)
        error = 0.0 if math.isinf(total) else _ROUNDING * (1.0 + float(sizes.sum()))
        steps = EnumeratedSteps(self._forward, self._backward, self._reader, tolerance)
        return EntropyProduction(total, self.n_steps, error, "double", steps, decomposition)

    def entropy_production_curve(self) -> FloatArray:
        """S_y(1) .. S_y(T), (T,), nats, from the beginnings of the sequences.

        Raises
        ------
        NumericalError
            If the probabilities don't sum to 1.
        """
        self._require_normalised()
        values = np.empty(self.n_steps)
        for length in range(1, self.n_steps + 1):
            behind = reversed_order(self._backward.totals[length], self.n_symbols, length)
            values[length - 1] = _terms(self._forward.totals[length], behind).sum()
        return values

    def sigma_law(self, reversal: Reversal | None = None) -> DiscreteSigmaLaw:
        """Exact law of sigma = ln P(y) - ln P_b(y reordered).

        Parameters
        ----------
        reversal : Reversal, optional
            By default :class:`TokenReversal`. One with a function ``cut``, or of one's own, is
            asked for the plan of every sequence, which takes longer than all the rest.

        Raises
        ------
        TypeError
            If ``reversal`` is none.
        NumericalError
            If the probabilities don't sum to 1, or the reversal is no bijection on any sequence, or
            makes one of several.
        """
        reversal = require_reversal(TokenReversal() if reversal is None else reversal, "reversal")
        self._require_normalised()
        return discrete_sigma_law(self._forward, self._backward, reversal)

    def to_frame(self) -> pd.DataFrame:
        """Table with a row per sequence, its symbols separated by blanks; needs pandas."""
        names = [" ".join(map(str, row)) for row in self.sequences.tolist()]
        columns = {
            "sequence": names,
            "log_prob": self.log_prob,
            "log_prob_backward": self.log_prob_backward,
        }
        return as_frame(columns)

    def _require_normalised(self) -> None:
        for name, prefixes in (("machine", self._forward), ("backward", self._backward)):
            if abs(prefixes.total_probability - 1.0) > _NORMALISATION:
                msg = (
                    f"{name} is not normalised: the probabilities of all {self.n_symbols}^"
                    f"{self.n_steps} sequences sum to {prefixes.total_probability:.9g}"
                )
                raise NumericalError(msg)

    def __repr__(self) -> str:
        return (
            f"Enumeration({kind_of(self._machine)}, n_symbols={self.n_symbols}, "
            f"n_steps={self.n_steps}, total_probability={self.total_probability:.12g})"
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, and lists of those of all sequences."""
        return super().to_dict() | {
            "total_probability": self.total_probability,
            "log_prob": self.log_prob.tolist(),
            "log_prob_backward": self.log_prob_backward.tolist(),
        }

    def _stored_parts(self) -> dict[str, Any]:
        names = ("_machine", "_reader")
        machines = {name: machine_or_kind(getattr(self, name)) for name in names}
        return super()._stored_parts() | machines

    def _compared(self) -> dict[str, Any]:
        return super()._compared() | {
            "forward": self._forward.steps,
            "backward": self._backward.steps,
        }


def _terms(ahead: FloatArray, behind: FloatArray) -> FloatArray:
    """Terms of the relative entropy of distributions given by their logarithms, nats."""
    possible = ahead > -np.inf
    return relative_entropy_terms(np.exp(ahead), np.exp(behind), log_q=behind, possible=possible)


def enumerate_sequences(
    machine: Any, n_steps: int, *, backward: Any = None, max_symbols: int = MAX_SYMBOLS
) -> Enumeration:
    """Probabilities of all k^T sequences of a discrete machine, for small alphabets and lengths.

    Parameters
    ----------
    machine : discrete machine
        Anything with ``n_symbols`` and ``log_prob(sequences)``, nats per step, (N, T).
    n_steps : int
        T >= 1.
    backward : discrete machine, optional
        What reads the reversed sequences, of the same alphabet; by default ``machine`` itself.
    max_symbols : int
        Largest k^T T. Memory is asked for before anything is computed: 64 k^T bytes, and what the
        machine needs for 2^20 symbols.

    Returns
    -------
    Enumeration
        Sequences, log-probabilities, entropy production with its decomposition, curve, law of
        sigma.

    Raises
    ------
    NotAvailable
        A ValueError: if there are more symbols than that, with their number.
    ValueError
        If the machine's answers have a wrong shape.
    TypeError
        If a machine has no ``n_symbols`` or no ``log_prob``.
    MemoryError
        If (k^T,) numbers don't fit.
    NumericalError
        If the machine answers NaN, or what it says of a symbol depends on later ones.

    Notes
    -----
    Source: definitions of [S26]_ eqs 7-20, 83-101.

    Examples
    --------
    >>> import entroprod as ep
    >>> coin = ep.HiddenMarkov([[0.9, 0.1], [0.3, 0.7]], [[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]])
    >>> every = ep.enumerate_sequences(coin, 5)
    >>> every
    Enumeration(HiddenMarkov, n_symbols=3, n_steps=5, total_probability=1)
    >>> print(f"{every.sigma_law().fluctuation_mean:.9f}")
    1.000000000
    """
    require_discrete(machine, "machine")
    n_steps = as_count(n_steps, "n_steps")
    max_symbols = as_count(max_symbols, "max_symbols")
    reader = machine if backward is None else backward
    require_discrete(reader, "backward")
    require_same_size(machine, reader, "backward")
    forward = read_all(machine, n_steps, max_symbols, "machine")
    other = forward if reader is machine else read_all(reader, n_steps, max_symbols, "backward")
    return Enumeration(forward.n_symbols, n_steps, machine, reader, forward, other)
