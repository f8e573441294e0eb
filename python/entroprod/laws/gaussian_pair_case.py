"""Two linear-Gaussian machines under examination: both joint densities, dense.

theory: whitened innovations are affine in the sequence, e = W y + c, for either machine; those of
the reader are W_b y + c_b, with the sequence in its given order. For e = W y + c standard normal,
e_b = Q e + d with Q = W_b W^-1 and d = c_b - Q c, and

    sigma = ln P(y) - ln P_b(y reversed) = (|Q e + d|^2 - |e|^2) / 2 + ln|S_b| / 2 - ln|S| / 2,

the determinants being those of all innovation covariances together. A machine that reads itself
has d = 0, equal determinants, and Q = R, the whitened innovation reversal matrix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

import numpy as np
import numpy.typing as npt

from entroprod.gaussian.pair import GaussianPair
from entroprod.laws.machine_case import MachineCase
from entroprod.laws.measurement import NotApplicable
from entroprod.laws.pair_case import DENSE_LIMIT, EPSILON, ROUNDING_SLACK, is_homogeneous
from entroprod.pairs.pair import Pair
from entroprod.questions.sigma_law import sigma_law

Array = npt.NDArray[np.float64]

# Relative change of the entries that measures conditioning: far above the rounding of the
# computation itself (2^-52), far below where the change stops being linear.
NUDGE = 2.0**-44
N_NUDGED = 3
# Powers of the spectral radius are run down to exp(-DECAY): below rounding with room for the
# polynomial factors of repeated eigenvalues.
DECAY = 60.0
_SHORTEST_TRANSIENT = 1000
# Paths whose log-probabilities are compared one by one with dense formulas.
N_COMPARED_PATHS = 8


class Steps(NamedTuple):
    """Parameters at every step, (T, ., .) each, and the first memory, (n,)."""

    state: Array
    inputs: Array
    output: Array
    cov: Array
    mean: Array


class Whitened(NamedTuple):
    """Whitened innovations W y + c of a machine, and the logarithm of the determinant of its S."""

    matrix: Array
    offset: Array
    log_determinant: float


class Dense(NamedTuple):
    """What sigma is made of: Q, d, and (ln|S_b| - ln|S|) / 2."""

    matrix: Array
    offset: Array
    constant: float

    @property
    def total(self) -> float:
        """E[sigma], nats."""
        squares = float(np.sum(self.matrix**2)) - len(self.matrix)
        return (squares + float(self.offset @ self.offset)) / 2 + self.constant

    @property
    def excess(self) -> Array:
        """Q^T Q - I: sigma is e^T (Q^T Q - I) e / 2 and what is linear in e."""
        return self.matrix.T @ self.matrix - np.eye(len(self.matrix))

    @property
    def variance(self) -> float:
        """Var(sigma), nats^2."""
        linear = self.matrix.T @ self.offset
        return float(np.sum(self.excess**2)) / 2 + float(linear @ linear)

    def log_moment(self, order: float) -> float:
        """ln E[exp(-order sigma)], where that is finite: always for an order between 0 and 1."""
        weighted = np.eye(len(self.matrix)) + order * self.excess
        linear = self.matrix.T @ self.offset
        constant = float(self.offset @ self.offset) / 2 + self.constant
        quadratic = float(linear @ np.linalg.solve(weighted, linear))
        found = -np.linalg.slogdet(weighted)[1] / 2 + order**2 * quadratic / 2 - order * constant
        return float(found)


@dataclass(frozen=True)
class GaussianPairCase(MachineCase):
    """The case of laws of any two linear-Gaussian machines, constant or not."""

    examines: ClassVar[type[Pair]] = GaussianPair
    compares_densities: ClassVar[bool] = True

    def steps_past_transient(self) -> int:
        """At least 1000, and as many as all memories take to fade below rounding."""
        return max(_SHORTEST_TRANSIENT, math.ceil(DECAY / self.gap))

    @property
    def gap(self) -> float:
        """Decay of the memories, nats of amplitude a step: minus the log of their radius."""
        if not all(map(is_homogeneous, (self.machine, self.reader))):
            raise NotApplicable("a machine that changes in time has no transient that ends")
        radii = [self.machine.spectral_radius]
        radii += [one.filter_spectral_radius for one in (self.machine, self.reader)]
        if max(radii) >= 1:
            raise NotApplicable(f"an eigenvalue of modulus {max(radii):.6g} does not decay")
        return -math.log(max(radii)) if max(radii) > 0 else math.inf

    def require_dense(self) -> None:
        """Not applicable where the dense matrices are too large."""
        if self.size > DENSE_LIMIT:
            raise NotApplicable(
                f"needs the dense matrix of {self.size} rows, more than {DENSE_LIMIT}; "
                f"n_steps <= {max(1, DENSE_LIMIT // self.machine.n_outputs)} would test it"
            )

    @cached_property
    def sigma_law(self) -> Any:
        """The exact law of sigma as the library computes it."""
        return sigma_law(self.machine, self.law_steps, backward=self.backward, max_size=DENSE_LIMIT)

    def require_whole_law(self) -> None:
        """The weights take a dense matrix."""
        self.require_dense()

    @cached_property
    def both_steps(self) -> tuple[Steps, Steps]:
        """Parameters of the machine and of the reader, in the order of time."""
        return _steps(self.machine, self.n_steps), _steps(self.reader, self.n_steps)

    @cached_property
    def both_whitened(self) -> tuple[Whitened, Whitened]:
        """Dense joint densities of the machine, and of the reader of the sequence reversed."""
        self.require_dense()
        ahead, back = self.both_steps
        return _whitened(ahead), _whitened_backwards(back)

    @cached_property
    def dense(self) -> Dense:
        """Of this pair."""
        return _dense(*self.both_whitened)

    @cached_property
    def nudged_whitened(self) -> tuple[tuple[Whitened, Whitened], ...]:
        """Of pairs whose entries are moved by a relative ``NUDGE``, up or down at random."""
        self.require_dense()
        rng = self.generator(20)
        found = []
        for _ in range(N_NUDGED):
            ahead, back = (_nudge(steps, rng) for steps in self.both_steps)
            if self.reads_itself:
                back = ahead
            found.append((_whitened(ahead), _whitened_backwards(back)))
        return tuple(found)

    @cached_property
    def nudged_dense(self) -> tuple[Dense, ...]:
        """Of the same pairs."""
        return tuple(_dense(*one) for one in self.nudged_whitened)

    def dense_steps(self, dense: Dense) -> Array:
        """(T,) mean of ln p(y_t | before) - ln p(y_t | after) in the order of time, nats.

        The reader's rows of Q are in the order in which it reads.
        """
        squares = np.sum(dense.matrix**2, axis=1) + dense.offset**2
        m = int(self.machine.n_outputs)
        rows = squares.reshape(self.n_steps, m).sum(axis=1)[::-1]
        ahead, back = (np.linalg.slogdet(steps.cov)[1] for steps in self.both_steps)
        values: Array = (rows - m + back - ahead) / 2
        return values

    @cached_property
    def products_error(self) -> float:
        """What the products behind Q may lose, Frobenius norm, in units of its own."""
        ahead, back = self.both_whitened
        inverse = np.abs(np.linalg.inv(ahead.matrix))
        return EPSILON * math.sqrt(self.size) * float(np.linalg.norm(np.abs(back.matrix) @ inverse))

    @cached_property
    def drawn(self) -> Array:
        """(k, T, m) sequences of the machine, made of normal numbers by the dense density."""
        ahead, _ = self.both_whitened
        normal = self.generator(21).standard_normal((N_COMPARED_PATHS, self.size))
        paths = np.linalg.solve(ahead.matrix, (normal - ahead.offset).T).T
        return np.asarray(paths.reshape(N_COMPARED_PATHS, self.n_steps, -1), dtype=np.float64)

    def second_moment(self, n_steps: int, name: str) -> float:
        """Of steps reversed, by the dense densities, where the reader is another machine."""
        constant = all(map(is_homogeneous, (self.machine, self.reader)))
        if name != "token" or (self.reads_itself and constant):
            return super().second_moment(n_steps, name)
        self.require_dense()
        ahead, back = (_first(steps, n_steps) for steps in self.both_steps)
        dense = _dense(_whitened(ahead), _whitened_backwards(back))
        if float(np.linalg.eigvalsh(dense.excess)[0]) <= -1 / 4:
            raise NotApplicable("undecided: exp(-sigma) has heavy tails, no fourth moment")
        return math.exp(dense.log_moment(2.0))

    def moved_by_rounding(self, changes: list[float]) -> float:
        """What rounding of all entries does to what moved so much when they were nudged."""
        return ROUNDING_SLACK * EPSILON / NUDGE * max(map(abs, changes))


def _steps(machine: Any, n_steps: int) -> Steps:
    def spread(matrix: Array) -> Array:
        if matrix.ndim == 3:
            return matrix[:n_steps]
        return np.broadcast_to(matrix, (n_steps, *matrix.shape))

    return Steps(
        spread(machine.state_matrix),
        spread(machine.input_matrix),
        spread(machine.output_matrix),
        spread(machine.innovation_cov),
        np.asarray(getattr(machine, "initial_mean", np.zeros(machine.n_states))),
    )


def _first(steps: Steps, n_steps: int) -> Steps:
    state, inputs, output, cov = (one[:n_steps] for one in steps[:4])
    return Steps(state, inputs, output, cov, steps.mean)


def _nudge(steps: Steps, rng: np.random.Generator) -> Steps:
    def moved(matrix: Array) -> Array:
        return matrix * (1.0 + NUDGE * rng.choice([-1.0, 1.0], size=matrix.shape))

    noise = moved(steps.cov)
    below = np.tril(noise, -1)
    cov = np.tril(noise) + np.swapaxes(below, 1, 2)
    state, inputs, output = (moved(one) for one in steps[:3])
    return Steps(state, inputs, output, cov, moved(steps.mean))


def _whitened(steps: Steps) -> Whitened:
    """From e_t = y_t - C_t h_t, h_{t+1} = F_t h_t + G_t y_t, every h being affine in y."""
    n_steps, m, n = steps.output.shape
    size = n_steps * m
    try:
        factors = np.linalg.cholesky(steps.cov)
    except np.linalg.LinAlgError:
        raise NotApplicable(
            f"undecidable: a relative change of {NUDGE:.0e} in the matrices breaks the machine"
        ) from None
    # The last column is what doesn't depend on y.
    memory = np.zeros((n, size + 1))
    memory[:, -1] = steps.mean
    rows = np.empty((size, size + 1))
    for step in range(n_steps):
        block = slice(step * m, (step + 1) * m)
        own = -steps.output[step] @ memory
        own[:, block] += np.eye(m)
        rows[block] = np.linalg.solve(factors[step], own)
        memory = steps.state[step] @ memory
        memory[:, block] += steps.inputs[step]
    if not np.isfinite(rows).all():
        raise NotApplicable("the dense joint density overflows")
    logs = 2 * float(np.sum(np.log(np.diagonal(factors, axis1=1, axis2=2))))
    return Whitened(rows[:, :-1], rows[:, -1], logs)


def _whitened_backwards(steps: Steps) -> Whitened:
    """The same of a machine that reads y_T first, in the order of time."""
    state, inputs, output, cov = (one[::-1] for one in steps[:4])
    turned = _whitened(Steps(state, inputs, output, cov, steps.mean))
    n_steps, m, _ = steps.output.shape
    size = n_steps * m
    columns = turned.matrix.reshape(size, n_steps, m)[:, ::-1].reshape(size, size)
    return Whitened(columns, turned.offset, turned.log_determinant)


def _dense(ahead: Whitened, back: Whitened) -> Dense:
    matrix = np.asarray(np.linalg.solve(ahead.matrix.T, back.matrix.T).T, dtype=np.float64)
    if not np.isfinite(matrix).all():
        raise NotApplicable("the dense matrix of the pair overflows")
    offset = back.offset - matrix @ ahead.offset
    return Dense(matrix, offset, (back.log_determinant - ahead.log_determinant) / 2)
