"""A constant linear-Gaussian machine that reads itself, under examination.

It also holds the honest error estimates. A law is kept to within what rounding alone may do, and
how much that is depends on the machine: near-singular noise, unit roots and filters with growing
memory amplify every last digit. Two estimates are added up:

- *inputs*: the quantity is computed again for machines whose entries are moved by a relative
  ``NUDGE``, and the largest change is scaled down to one unit of rounding. This is the conditioning
  of the quantity, whatever the cause;
- *products*: the sum of absolute values behind each entry of a product of matrices, times the
  unit of rounding: it sees the cancellation that the first estimate is blind to.

theory: H is the stacked response, R the whitened innovation reversal matrix [S26] eq 61.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import ClassVar, TypeVar

import numpy as np

from entroprod.boundary.errors import NumericalError
from entroprod.gaussian import reversal
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.pair import OwnReader
from entroprod.laws.gaussian_pair_case import (
    N_COMPARED_PATHS,
    N_NUDGED,
    NUDGE,
    Array,
    GaussianPairCase,
)
from entroprod.laws.measurement import NotApplicable
from entroprod.laws.pair_case import DENSE_LIMIT, EPSILON, ROUNDING_SLACK
from entroprod.pairs.pair import Pair

Found = TypeVar("Found")


@dataclass(frozen=True)
class GaussianCase(GaussianPairCase):
    """The case of laws that take a constant machine which reads its own sequences."""

    examines: ClassVar[type[Pair]] = OwnReader
    default_steps: ClassVar[int] = 50
    default_paths: ClassVar[int] = 20_000

    @property
    def knows_spread(self) -> bool:
        """Whether the dense matrix is small enough."""
        return self.size <= DENSE_LIMIT

    def sigma_spread(self) -> tuple[float, float]:
        """From the dense matrix where that is small enough, else from the sampled paths."""
        if not self.knows_spread:
            return super().sigma_spread()
        excess = self.singular_values**2 - 1
        deviation = math.sqrt(float(np.sum(excess**2)) / 2)
        return deviation, self.sigma_error + self.total_error

    # ------------------------------------------------------------------ the dense matrix

    @cached_property
    def reversal(self) -> Array:
        """(T m, T m) whitened R as the library computes it."""
        self.require_dense()
        return reversal.innovation_reversal_matrix(self.machine, self.n_steps)

    @cached_property
    def singular_values(self) -> Array:
        """(T m,) singular values of R, largest first."""
        return np.asarray(np.linalg.svd(self.reversal, compute_uv=False), dtype=np.float64)

    @property
    def largest(self) -> float:
        """Largest singular value of R."""
        return float(self.singular_values[0])

    @cached_property
    def reversal_error(self) -> float:
        """What rounding may do to R, Frobenius norm."""
        changes = [
            float(np.linalg.norm(changed - self.reversal))
            for changed in self._nudged(
                lambda machine: reversal.innovation_reversal_matrix(machine, self.n_steps)
            )
        ]
        inputs = ROUNDING_SLACK * EPSILON / NUDGE * max(changes)
        response, inverse = self.responses
        by_blocks = (self.n_steps, self.machine.n_outputs, self.size)
        turned = np.abs(response).reshape(by_blocks)[::-1].reshape(self.size, self.size)
        products = EPSILON * math.sqrt(self.size) * float(np.linalg.norm(np.abs(inverse) @ turned))
        return inputs + products

    @cached_property
    def responses(self) -> tuple[Array, Array]:
        """(T m, T m) whitened H and its inverse; blocks C A^(l-1) G and -C F^(l-1) G."""
        self.require_dense()
        machine = self.machine
        factor = np.linalg.cholesky(machine.innovation_cov)
        output = np.linalg.solve(factor, machine.output_matrix)
        inputs = machine.input_matrix @ factor
        return (
            self._stack(machine.transition, inputs, output),
            self._stack(machine.state_matrix, -inputs, output),
        )

    def _stack(self, matrix: Array, inputs: Array, output: Array) -> Array:
        """Block lower-triangular Toeplitz matrix of I, output inputs, output matrix inputs, .."""
        m = self.machine.n_outputs
        stacked = np.eye(self.size)
        for lag in range(1, self.n_steps):
            with np.errstate(over="ignore", invalid="ignore"):
                block = output @ inputs
                inputs = matrix @ inputs
            if not np.all(np.isfinite(block)):
                raise NotApplicable(f"the response overflows after {lag} steps")
            for column in range(self.n_steps - lag):
                row = (column + lag) * m
                stacked[row : row + m, column * m : (column + 1) * m] = block
        return stacked

    # ------------------------------------------------------------------ single sequences

    @property
    def sigma_error(self) -> float:
        """What rounding may do to the sigma of one typical path, nats."""
        return ROUNDING_SLACK * EPSILON * self.size + (
            2 * self.reversal_error * self.largest * self.size
        )

    @cached_property
    def innovations(self) -> Array:
        """(k, T m) a few whitened innovation sequences, drawn by NumPy."""
        rng = np.random.default_rng(self.seed)
        return rng.standard_normal((N_COMPARED_PATHS, self.size))

    @cached_property
    def sequences(self) -> Array:
        """(k, T, m) the sequences made of ``innovations`` by the dense response."""
        stacked = (self.innovations @ self.responses[0].T).reshape(
            N_COMPARED_PATHS, self.n_steps, self.machine.n_outputs
        )
        return stacked @ np.linalg.cholesky(self.machine.innovation_cov).T

    # ------------------------------------------------------------------ conditioning

    def root_sensitivity(
        self, machine: LinearGaussian, quantity: Callable[[LinearGaussian], float]
    ) -> float:
        """What one rounding of every entry of ``machine`` does to the root of ``quantity``.

        Entropy production is a sum of squares, so its root is what moves linearly, even near zero.
        """
        root = math.sqrt(max(0.0, quantity(machine)))
        nudged = GaussianCase(OwnReader(machine), self.n_steps, self.n_paths, self.seed)
        changes = [
            abs(math.sqrt(max(0.0, changed)) - root)
            for changed in nudged._nudged(quantity, normwise=True)
        ]
        return ROUNDING_SLACK * EPSILON / NUDGE * max(changes)

    def _nudged(
        self, quantity: Callable[[LinearGaussian], Found], *, normwise: bool = False
    ) -> list[Found]:
        rng = np.random.default_rng(self.seed)
        found = []
        for _ in range(N_NUDGED):
            try:
                found.append(quantity(nudge(self.machine, rng, normwise=normwise)))
            except (ValueError, NumericalError) as error:
                raise NotApplicable(
                    f"undecidable: a relative change of {NUDGE:.0e} in the matrices breaks the "
                    f"machine ({error})"
                ) from None
        return found


def nudge(
    machine: LinearGaussian, rng: np.random.Generator, *, normwise: bool = False
) -> LinearGaussian:
    """The machine with every entry moved by a relative ``NUDGE``, up or down at random.

    ``normwise``: relative to the largest entry of its matrix, so that zeros move too; entries are
    compared in units of the standard deviations of the states and outputs that they connect.
    """
    cov = machine.innovation_cov
    outputs = np.sqrt(np.diag(cov))
    states = state_scales(machine, 100) if normwise else np.ones(machine.n_states)

    def moved(matrix: Array, rows: Array, columns: Array) -> Array:
        signs = rng.choice([-1.0, 1.0], size=matrix.shape)
        size = np.abs(matrix)
        if normwise:
            units = np.outer(rows, 1 / columns)
            size = np.max(size / units) * units
        return matrix + NUDGE * signs * size

    noise = moved(cov, outputs, 1 / outputs)
    return LinearGaussian(
        moved(machine.state_matrix, states, states),
        moved(machine.input_matrix, states, outputs),
        moved(machine.output_matrix, outputs, states),
        np.tril(noise) + np.tril(noise, -1).T,
    )


def state_scales(machine: LinearGaussian, n_steps: int) -> Array:
    """(n,) standard deviation of each state within n_steps; 1 for a state that never moves."""
    cov = np.zeros((machine.n_states, machine.n_states))
    drive = machine.input_matrix @ machine.innovation_cov @ machine.input_matrix.T
    with np.errstate(over="ignore", invalid="ignore"):
        for _ in range(min(n_steps, 100)):
            cov = machine.transition @ cov @ machine.transition.T + drive
    variances = np.diag(cov)
    if not np.all(np.isfinite(variances)):
        raise NotApplicable(f"the state overflows within {n_steps} steps")
    return np.sqrt(np.where(variances > 0, variances, 1.0))
