"""Reverse models of finite memory, fitted to a machine's samples without a neural network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from entroprod.boundary.arrays import FloatArray, as_count
from entroprod.boundary.covariances import are_definite
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.boundary.sequences import AnyArray, told_size
from entroprod.gaussian.time_varying import TimeVaryingLinearGaussian
from entroprod.machine.protocol import FunctionMachine, as_machine, require_sampler
from entroprod.machine.scoring import draw_paths

# Paths sampled at once.
_BATCH = 4096
# Pseudo-counts of each symbol: Krichevsky and Trofimov's, whose regret is the least in the limit.
_PSEUDO_COUNT = 0.5


def fit_reverse_model(
    machine: Any, n_steps: int, n_paths: int, *, order: int, rng: RandomSource = None
) -> FunctionMachine | TimeVaryingLinearGaussian:
    """Fit a model q(y_t | y_{t+1}, .., y_{t+order}) to samples of a machine, for each t.

    It reads reversed sequences of up to ``n_steps`` steps, as :func:`retrospective_bound` wants it.
    Each step has parameters of its own, since a reversed sequence isn't homogeneous in time: near
    its end lies the machine's fixed start.

    - Values: linear regression with an intercept and Gaussian residuals. For linear-Gaussian
      machines, with ``order`` = T - 1 this tends to the exact q as samples grow.
    - Symbols: frequencies of what precedes each context of ``order`` symbols. What a context lacks
      in counts is filled in from the next shorter one.

    Parameters
    ----------
    machine : Machine
        Anything with ``sample``, and with n_symbols or n_outputs.
    n_steps, n_paths : int
        T and N, each at least 1; values need more paths than an equation has unknowns.
    order : int
        How many of the steps after t are used, at least 1. Parameters grow as T order m^2, or
        T n_symbols^(order + 1).
    rng : Generator, int or None
        Source of randomness. The paths differ from those that ``machine.sample`` draws from the
        same seed.

    Returns
    -------
    TimeVaryingLinearGaussian or FunctionMachine
        For values, whose memory holds the last ``order`` observations and a 1; for symbols.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    MemoryError
        If the samples or the parameters don't fit.
    NumericalError
        If values at some step follow from others without noise.

    Notes
    -----
    Whatever the fit, the bound of :func:`retrospective_bound` is valid. To choose an order, compare
    bounds; the best of many on the same few paths is a little too good.

    Examples
    --------
    >>> import numpy as np
    >>> import entroprod as ep
    >>> def log_prob(sequences):  # 0 -> 1 -> 2 -> 0 with probability 0.8
    ...     first = np.full((len(sequences), 1), -np.log(3))
    ...     turns = np.diff(sequences, axis=1) % 3 == 1
    ...     return np.hstack([first, np.log(np.where(turns, 0.8, 0.1))])
    >>> def sampler(n_steps, n_paths, generator):
    ...     moves = generator.choice([1, 0, 2], p=[0.8, 0.1, 0.1], size=(n_paths, n_steps))
    ...     return (generator.integers(3, size=(n_paths, 1)) + moves.cumsum(axis=1)) % 3
    >>> machine = ep.FunctionMachine(log_prob, sampler, n_symbols=3)
    >>> reverse = ep.fit_reverse_model(machine, 4, 20_000, order=1, rng=0)
    >>> bound = ep.retrospective_bound(machine, reverse, 4, 20_000, rng=0)
    >>> print(f"{bound.total:.1f}, exactly {3 * 0.7 * np.log(8):.1f}; lost: {bound.gap:.3f}")
    4.4, exactly 4.4; lost: 0.000
    """
    machine = as_machine(machine, "machine")
    require_sampler(machine, "machine")
    n_steps = as_count(n_steps, "n_steps")
    n_paths = as_count(n_paths, "n_paths")
    order = min(as_count(order, "order"), max(n_steps - 1, 1))
    n_symbols, n_outputs = told_size(machine, "n_symbols"), told_size(machine, "n_outputs")
    if n_symbols is not None:
        cells = n_steps * n_symbols ** (order + 1)
        require_memory(16 * cells, "order", f"a table of {cells} probabilities")
        paths = reversed_samples(machine, n_steps, n_paths, rng)
        model = _Tables.count(paths, n_symbols, order)
        return FunctionMachine(model.log_prob, n_symbols=n_symbols)
    if n_outputs is not None:
        paths = reversed_samples(machine, n_steps, n_paths, rng)
        return _regression(paths, order)
    raise TypeError(f"machine must have n_symbols or n_outputs, got {type(machine).__name__}")


def reversed_samples(machine: Any, n_steps: int, n_paths: int, rng: RandomSource) -> AnyArray:
    """(N, T) or (N, T, m) sampled paths, the last step first.

    A seed gives other paths than ``sample`` gives with it: who takes the same one to evaluate a
    model that was fitted to these must not meet them again.
    """
    size = n_steps * n_paths * (getattr(machine, "n_outputs", None) or 1)
    require_memory(3 * 8 * size, "n_paths", f"{n_paths} paths of {n_steps} steps")
    generator = np.random.default_rng(as_generator(rng).integers(2**63, size=4))
    batches = [
        draw_paths(machine, n_steps, min(_BATCH, n_paths - start), generator)[0].paths
        for start in range(0, n_paths, _BATCH)
    ]
    return np.concatenate(batches)[:, ::-1]


@dataclass(frozen=True, eq=False)
class _Tables:
    """Log-probabilities, (n^k, n) each, of the symbol at each position in the context before it."""

    tables: tuple[FloatArray, ...]
    n_symbols: int
    order: int

    @classmethod
    def count(cls, paths: AnyArray, n_symbols: int, order: int) -> _Tables:
        """Of (N, T) sequences."""
        tables = []
        for position in range(paths.shape[1]):
            prior = np.full((1, n_symbols), 1.0 / n_symbols)
            for length in range(min(position, order) + 1):
                cells = _context(paths, position, length, n_symbols) * n_symbols
                shape = (n_symbols**length, n_symbols)
                counts = np.bincount(cells + paths[:, position], minlength=shape[0] * shape[1])
                # The oldest symbol of a context is its most significant digit.
                shorter = np.tile(prior, (shape[0] // len(prior), 1))
                table = counts.reshape(shape) + _PSEUDO_COUNT * n_symbols * shorter
                prior = table / table.sum(axis=1, keepdims=True)
            tables.append(np.log(prior))
        return cls(tuple(tables), n_symbols, order)

    def log_prob(self, sequences: AnyArray) -> FloatArray:
        """(N, T) nats per step."""
        n_steps = sequences.shape[1]
        if n_steps > len(self.tables):
            msg = f"sequences must have at most {len(self.tables)} steps, as fitted; got {n_steps}"
            raise ValueError(msg)
        columns = [
            self.tables[t][
                _context(sequences, t, min(t, self.order), self.n_symbols), sequences[:, t]
            ]
            for t in range(n_steps)
        ]
        return np.column_stack(columns)


def _context(sequences: AnyArray, position: int, length: int, n_symbols: int) -> AnyArray:
    """Number, in base n_symbols, of the ``length`` symbols before a position."""
    code = np.zeros(len(sequences), dtype=np.int64)
    for back in range(length, 0, -1):
        code = code * n_symbols + sequences[:, position - back]
    return code


def _regression(paths: FloatArray, order: int) -> TimeVaryingLinearGaussian:
    """Regressions of each position of (N, T, m) sequences on those before it, as a machine.

    Its memory is (z_{s-1}, .., z_{s-order}, 1): every observation shifts the others.
    """
    n_paths, n_steps, m = paths.shape
    kept = order * m
    unknowns = min(n_steps - 1, order) * m + 1
    if n_paths < unknowns + m + 1:
        raise ValueError(
            f"n_paths must be at least {unknowns + m + 1} for {unknowns} unknowns in an equation "
            f"and residuals of {m} component(s), got {n_paths}"
        )
    per_step = (kept + 1) * (3 * kept + 2 * m + 1)
    require_memory(8 * n_steps * per_step + 16 * n_paths * (kept + 1), "order", "the regressions")
    output = np.zeros((n_steps, m, kept + 1))
    cov = np.empty((n_steps, m, m))
    for position in range(n_steps):
        length = min(position, order)
        columns = [paths[:, position - back] for back in range(1, length + 1)]
        known = np.column_stack([*columns, np.ones(n_paths)])
        coefficients = np.linalg.lstsq(known, paths[:, position], rcond=None)[0]
        residuals = paths[:, position] - known @ coefficients
        output[position, :, : length * m] = coefficients[:-1].T
        output[position, :, -1] = coefficients[-1]
        cov[position] = residuals.T @ residuals / (n_paths - known.shape[1])
        if not are_definite(cov[position]):
            raise NumericalError(
                f"y_t at t = {n_steps - position} follows from the {length} step(s) after it in "
                "every sampled path, so that residuals have no density"
            )
    shift = np.zeros((kept + 1, kept + 1))
    shift[m:kept, : kept - m] = np.eye(kept - m)
    shift[-1, -1] = 1.0
    read = np.eye(kept + 1, m)
    first = np.zeros(kept + 1)
    first[-1] = 1.0
    return TimeVaryingLinearGaussian(shift, read, output, cov, initial_mean=first)
