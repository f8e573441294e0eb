"""What a discrete machine says of all sequences up to some length: a tree of prefixes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray, as_count
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.machine.scoring import read_log_probs
from entroprod.pairs.pair import NotAvailable
from entroprod.results.registry import storable

# Sequences are scored so many symbols at a time.
_SYMBOLS_AT_ONCE = 2**20
# Logarithms of probabilities above this are none: single precision leaves 1e-7 or so.
ABOVE_ZERO = 1e-4
# What a machine in single precision may answer differently for the same symbols in another batch.
_BATCH_ROUNDING = 1e-4


@storable
@dataclass(frozen=True, eq=False)
class Prefixes:
    """Log-probabilities of all sequences of 1 .. T symbols, in lexicographic order.

    ``steps[s - 1]``, (k^s,), holds ln p(y_s | y_1 .. y_{s-1}) of each sequence of s symbols.
    """

    n_symbols: int
    steps: tuple[FloatArray, ...]

    @property
    def n_steps(self) -> int:
        """Length T of the longest sequences."""
        return len(self.steps)

    @cached_property
    def totals(self) -> tuple[FloatArray, ...]:
        """Log-probabilities of the sequences of s = 0 .. T symbols, (k^s,) each."""
        found = [np.zeros(1)]
        for step in self.steps:
            found.append(np.repeat(found[-1], self.n_symbols) + step)
        return tuple(found)

    @cached_property
    def total_probability(self) -> float:
        """Sum of the probabilities of all sequences of T symbols."""
        return float(np.exp(self.totals[-1]).sum())


def read_all(machine: Any, n_steps: int, max_symbols: int, name: str) -> Prefixes:
    """Prefixes of a machine, whose answers are checked.

    Raises
    ------
    NotAvailable
        If there are too many sequences, with their number.
    ValueError
        If the machine's answers have a wrong shape or are no logarithms of probabilities.
    NumericalError
        If they are NaN, or depend on later symbols.
    """
    k = as_count(machine.n_symbols, f"{name}.n_symbols")
    _require_few(k, n_steps, max_symbols)
    # Steps and totals of two machines, and as many arrays again to work with.
    require_memory(64 * k**n_steps, "n_steps", f"an enumeration of {k}^{n_steps} sequences")
    steps = tuple(np.empty(k**length) for length in range(1, n_steps + 1))
    for first, stop in _chunks(k**n_steps, n_steps):
        indices = np.arange(first, stop)
        logs = _answers(machine, digits(indices, k, n_steps), name)
        for length, level in enumerate(steps, start=1):
            stride = k ** (n_steps - length)
            start = -(-first // stride) * stride
            level[start // stride : -(-stop // stride)] = logs[start - first :: stride, length - 1]
            _require_causal(level[indices // stride], logs[:, length - 1], length, name)
    return Prefixes(k, steps)


def _require_few(k: int, n_steps: int, max_symbols: int) -> None:
    # Logarithms first: the number itself may have millions of digits.
    exponent = n_steps * np.log10(k)
    if exponent < 18.0 and k**n_steps * n_steps <= max_symbols:
        return
    # Also a single symbol, where the number of sequences isn't what is too large.
    number = f"{10 ** (exponent % 1):.3g}e{int(exponent)}" if exponent >= 6 else f"{k**n_steps:,}"
    msg = (
        f"n_steps is too large to enumerate: {k}^{n_steps} = {number} sequences of {n_steps} "
        f"symbols are more than {max_symbols:,} symbols in all (max_symbols of "
        "enumerate_sequences); monte_carlo estimates entropy production from samples"
    )
    raise NotAvailable(msg)


def _chunks(n_sequences: int, n_steps: int) -> Iterator[tuple[int, int]]:
    size = max(1, _SYMBOLS_AT_ONCE // n_steps)
    for start in range(0, n_sequences, size):
        yield start, min(start + size, n_sequences)


def _answers(machine: Any, sequences: NDArray[np.int64], name: str) -> FloatArray:
    given = machine.log_prob(sequences.copy())
    logs = read_log_probs(given, sequences.shape, f"{name}.log_prob").astype(np.float64)
    wrong = ~(logs <= ABOVE_ZERO)
    if wrong.any():
        row, position = (int(i) for i in np.argwhere(wrong)[0])
        value, sequence = logs[row, position], sequences[row].tolist()
        what = f"{value} at step {position + 1} of {sequence}"
        if np.isnan(value):
            raise NumericalError(f"{name}.log_prob gives {what}")
        msg = f"{name}.log_prob must return logarithms of probabilities, got {what}"
        raise ValueError(msg)
    return logs


def _require_causal(kept: FloatArray, given: FloatArray, length: int, name: str) -> None:
    with np.errstate(invalid="ignore"):
        differ = ~((kept == given) | (np.abs(kept - given) <= _BATCH_ROUNDING))
    if differ.any():
        row = int(np.flatnonzero(differ)[0])
        msg = (
            f"{name} is not autoregressive: its log-probability of the symbol at step {length} is "
            f"{kept[row]:.6g} or {given[row]:.6g}, depending on symbols that come later"
        )
        raise NumericalError(msg)


def digits(indices: NDArray[np.int64], n_symbols: int, n_steps: int) -> NDArray[np.int64]:
    """Sequences, (N, T), by their places in lexicographic order, (N,)."""
    result = np.empty((len(indices), n_steps), dtype=np.int64)
    rest = indices
    for position in range(n_steps - 1, -1, -1):
        rest, result[:, position] = np.divmod(rest, n_symbols)
    return result


def reversed_order(values: FloatArray, n_symbols: int, n_steps: int) -> FloatArray:
    """Values of all sequences of T symbols, (k^T,), each at the place of its reversal."""
    if n_symbols == 1:
        return values
    return values.reshape((n_symbols,) * n_steps).transpose().ravel()
