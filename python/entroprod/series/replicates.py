"""Simulated copies of a fitted vector autoregression, forward or reversible, and their refits.

Batches are (B, T, m): B replicates of T steps. Each replicate has a random stream of its own, so
that the size of a batch doesn't change the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.covariances import are_definite
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.progress import Report
from entroprod.gaussian import core
from entroprod.gaussian.stability import SURELY_STABLE, marginal_eigenvalue
from entroprod.series.regression import Criterion, least_squares, select_orders

# Bytes for the paths that are drawn at once: many, since each step in time is a few calls.
_PATH_BYTES = 1 << 26
# Bytes for the regressors of a batch: enough to spread the cost of a call, little enough for caches
# and for a prompt answer to an interrupt.
_BATCH_BYTES = 1 << 23
_LARGEST_BATCH = 64


@dataclass(frozen=True, eq=False)
class Simulator:
    """Draws stationary paths of a VAR(p) without intercept.

    Parameters
    ----------
    coefficients : ndarray, (p, m, m)
    noise_cov : ndarray, (m, m)
    residuals : ndarray, (n, m), optional
        Innovations to draw from, with replacement; Gaussian ones without.
    """

    coefficients: FloatArray
    noise_cov: FloatArray
    residuals: FloatArray | None = None
    _start: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        # A factor of the stationary covariance of (y_t, y_{t-1}, .., y_{t-p+1}).
        p, m, _ = self.coefficients.shape
        companion = np.eye(p * m, k=-m)
        companion[:m] = np.concatenate(list(self.coefficients), axis=1)
        noise = np.zeros((p * m, p * m))
        noise[:m, :m] = self.noise_cov
        stationary = scipy.linalg.solve_discrete_lyapunov(companion, noise)
        values, vectors = np.linalg.eigh(0.5 * (stationary + stationary.T))
        object.__setattr__(self, "_start", vectors * np.sqrt(np.maximum(values, 0.0)))

    def draw(self, n_steps: int, streams: list[np.random.Generator]) -> FloatArray:
        """Forward paths, (B, T, m)."""
        p, m, _ = self.coefficients.shape
        path = np.empty((len(streams), (p + n_steps) * m))
        factor = np.linalg.cholesky(self.noise_cov)
        for own, stream in zip(path, streams):
            start = self._start @ stream.standard_normal(p * m)
            own[: p * m] = start.reshape(p, m)[::-1].ravel()
            if self.residuals is None:
                noise = stream.standard_normal((n_steps, m)) @ factor.T
            else:
                noise = self.residuals[stream.integers(len(self.residuals), size=n_steps)]
            own[p * m :] = noise.ravel()
        # Paths lie oldest first, so the last p observations are one slice: A_p, .., A_1 stacked.
        weights = np.concatenate([a.T for a in self.coefficients[::-1]])
        for now in range(p * m, (p + n_steps) * m, m):
            path[:, now : now + m] += path[:, now - p * m : now] @ weights
        return path[:, p * m :].reshape(-1, n_steps, m)

    def draw_reversible(self, n_steps: int, streams: list[np.random.Generator]) -> FloatArray:
        """Paths of the nearest reversible process, (B, T, m).

        The sum of a path and of an independent reversed one, over the root of 2: half the sum of
        the two spectra is (f + f^T) / 2, exactly.
        """
        forward = self.draw(n_steps, streams)
        backward = self.draw(n_steps, streams)[:, ::-1]
        paths: FloatArray = (forward + backward) / np.sqrt(2.0)
        return paths


@dataclass(frozen=True)
class Refit:
    """How a replicate is fitted: at a given order, or by a choice up to a largest order."""

    order: int
    criterion: Criterion | None
    max_lags: int

    @property
    def _largest(self) -> int:
        return self.order if self.criterion is None else self.max_lags

    def batch_size(self, n_steps: int, n_columns: int) -> int:
        """Replicates that are worth fitting at once."""
        row = n_columns * (self._largest + 1) + 1
        return max(1, min(_LARGEST_BATCH, _BATCH_BYTES // (8 * n_steps * row)))

    def orders(self, paths: FloatArray) -> list[int]:
        """Order of each path."""
        if self.criterion is None:
            return [self.order] * len(paths)
        return [int(order) for order in select_orders(paths, self.max_lags, self.criterion)]


@dataclass(frozen=True, eq=False)
class Replicates:
    """Rates of the replicates that have one, (B',), and how many have none, by reason."""

    rates: FloatArray
    failures: dict[str, int]

    @property
    def n_failed(self) -> int:
        """Number of replicates without a rate."""
        return sum(self.failures.values())


def replicate_rates(
    simulator: Simulator,
    refit: Refit,
    n_steps: int,
    streams: list[np.random.Generator],
    *,
    reversible: bool,
    report: Report | None = None,
    done: int = 0,
) -> Replicates:
    """Entropy production rates of refitted replicates, one to a stream, in nats per step."""
    rates: list[float] = []
    failures: dict[str, int] = {}
    m = simulator.noise_cov.shape[0]
    drawn = max(1, min(_LARGEST_BATCH, _PATH_BYTES // (8 * n_steps * m)))
    fitted = refit.batch_size(n_steps, m)
    draw = simulator.draw_reversible if reversible else simulator.draw
    for first in range(0, len(streams), drawn):
        paths = draw(n_steps, streams[first : first + drawn])
        for begin in range(0, len(paths), fitted):
            batch = paths[begin : begin + fitted]
            for outcome in _rates_of_paths(batch, refit):
                if isinstance(outcome, str):
                    failures[outcome] = failures.get(outcome, 0) + 1
                else:
                    rates.append(outcome)
            if report is not None:
                report(done + first + begin + len(batch))
    found = np.array(rates, dtype=np.float64)
    found.flags.writeable = False
    return Replicates(found, failures)


def _rates_of_paths(paths: FloatArray, refit: Refit) -> Iterator[float | str]:
    """For each path its rate, or the reason why it has none; in the order of the paths."""
    orders = refit.orders(paths)
    outcomes: dict[int, float | str] = {}
    for order in sorted(set(orders)):
        members = [i for i, own in enumerate(orders) if own == order]
        coefficients, noise_cov, full_rank = least_squares(paths[members], order)
        outcomes |= zip(members, _rates(coefficients, noise_cov, full_rank))
    return (outcomes[i] for i in range(len(orders)))


def _rates(
    coefficients: FloatArray, noise_cov: FloatArray, full_rank: NDArray[np.bool_]
) -> Iterator[float | str]:
    """Rate of each VAR(p), or why it has none; (B, p, m, m), (B, m, m) and (B,).

    What :class:`LinearGaussian` would check one by one is checked for all at once.
    """
    b, p, m, _ = coefficients.shape
    noise_cov = 0.5 * (noise_cov + noise_cov.swapaxes(1, 2))
    definite = full_rank.copy()
    definite[full_rank] = are_definite(noise_cov[full_rank])
    shift, enter = np.eye(p * m, k=-m), np.eye(p * m, m)
    outputs = coefficients.swapaxes(1, 2).reshape(b, m, p * m)
    companions = shift + enter @ outputs
    radii = np.zeros(b)
    radii[definite] = np.abs(np.linalg.eigvals(companions[definite])).max(axis=1)
    for i in range(b):
        if not full_rank[i]:
            yield "refit without full rank"
        elif not definite[i]:
            yield "singular noise covariance"
        elif radii[i] >= SURELY_STABLE and marginal_eigenvalue(companions[i]) is not None:
            yield "unit root or unstable"
        else:
            kernel = core.kernel(shift, enter, outputs[i], noise_cov[i])
            yield _rate(_Refit(kernel, p * m, m, float(radii[i])))


@dataclass(frozen=True)
class _Refit:
    """A VAR(p) as the core knows it."""

    _kernel: core.Kernel
    n_states: int
    n_outputs: int
    spectral_radius: float
    # The state matrix shifts the past by one step, until it is forgotten.
    filter_spectral_radius: float = 0.0


def _rate(machine: _Refit) -> float | str:
    if machine.n_outputs == 1:
        return 0.0  # the spectrum of one output equals that of its reversal
    try:
        # Errors of sampling are far above the rounding errors of doubles.
        return core.rate(machine, "double").value
    except NumericalError:
        return "numerical failure"
