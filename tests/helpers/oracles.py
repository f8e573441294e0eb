"""Slow, obvious twins of the core: dense definitions, and recursions in 50 digits.

Nothing here calls entroprod. Every function takes anything with the four matrices of the canonical
form (theory: F = state_matrix, G = input_matrix, C = output_matrix, S = innovation_cov), so that a
machine of the library and a plain ``Matrices`` do equally well.

Three layers, each checked against the next in ``tests/house/test_oracles.py``:

- *dense, long double* (64-bit mantissa on x86): the stacked response, its inverse, the reversal
  matrix, exactly as [S26] eqs 45-71 define them. Double precision alone would not do as an oracle:
  the dense definition subtracts traces, and loses up to four digits at T = 60;
- *50 digits* (mpmath): the same dense definition for short sequences, and the linear-time
  recursion, whose cancellations 50 digits absorb, for long ones and for the rate;
- *spectral*: the rate as an integral over frequencies, in two algebraic forms.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol

import mpmath
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
DIGITS = 50


class CanonicalForm(Protocol):
    """What the oracles need to know of a machine."""

    @property
    def state_matrix(self) -> Array: ...
    @property
    def input_matrix(self) -> Array: ...
    @property
    def output_matrix(self) -> Array: ...
    @property
    def innovation_cov(self) -> Array: ...


class Matrices(NamedTuple):
    """The canonical form without any validation: y_t = C h_t + e_t, h_{t+1} = F h_t + G y_t."""

    state_matrix: Array
    input_matrix: Array
    output_matrix: Array
    innovation_cov: Array


# --------------------------------------------------------------------------- dense definition


def _long(array: Array) -> Array:
    return np.asarray(array, dtype=np.longdouble)


def cholesky(matrix: Array) -> Array:
    """Lower Cholesky factor in the dtype of ``matrix`` (LAPACK has no long double)."""
    size = len(matrix)
    factor = np.zeros_like(matrix)
    for j in range(size):
        for i in range(j, size):
            rest = matrix[i, j] - factor[i, :j] @ factor[j, :j]
            factor[i, j] = np.sqrt(rest) if i == j else rest / factor[j, j]
    return factor


def solve_lower(lower: Array, right: Array) -> Array:
    """Forward substitution in the dtype of the arguments."""
    solution = np.zeros_like(right)
    for i in range(len(lower)):
        solution[i] = (right[i] - lower[i, :i] @ solution[:i]) / lower[i, i]
    return solution


def stacked_response(machine: CanonicalForm, n_steps: int) -> Array:
    """(T m, T m) H with y = H e, long double: identity blocks, then C A^(l-1) G below them."""
    state, inputs, output, cov = (_long(a) for a in _four(machine))
    transition = state + inputs @ output
    m = len(cov)
    response = np.zeros((n_steps * m, n_steps * m), dtype=np.longdouble)
    block, reached = np.eye(m, dtype=np.longdouble), inputs
    for lag in range(n_steps):
        for column in range(n_steps - lag):
            row = column + lag
            response[row * m : (row + 1) * m, column * m : (column + 1) * m] = block
        block, reached = output @ reached, transition @ reached
    return response


def block_reversal(n_steps: int, n_outputs: int) -> Array:
    """(T m, T m) J: turns the order of the T blocks round, keeps the order inside each."""
    return np.kron(np.eye(n_steps)[::-1], np.eye(n_outputs)).astype(np.longdouble)


def reversal_matrix(machine: CanonicalForm, n_steps: int, *, whiten: bool = True) -> Array:
    """(T m, T m) H^-1 J H in long double, whitened with the Cholesky factor of S. [S26] eq 61.

    H is unit lower triangular, so applying its inverse is forward substitution, no approximation.
    """
    response = stacked_response(machine, n_steps)
    m = len(machine.innovation_cov)
    dense = solve_lower(response, block_reversal(n_steps, m) @ response)
    if not whiten:
        return dense
    factor = np.kron(np.eye(n_steps), cholesky(_long(machine.innovation_cov))).astype(np.longdouble)
    return solve_lower(factor, dense @ factor)


def total(machine: CanonicalForm, n_steps: int) -> float:
    """S_y in nats as half the trace of eq 71 in [S26], written as a sum of squares of R - R^T."""
    dense = reversal_matrix(machine, n_steps)
    return float(np.sum((dense - dense.T) ** 2) / 4)


def total_by_trace(machine: CanonicalForm, n_steps: int) -> float:
    """S_y in nats literally as in [S26] eq 71: half of (a trace minus T m)."""
    dense = reversal_matrix(machine, n_steps)
    return float((np.sum(dense**2) - len(dense)) / 2)


def per_step(machine: CanonicalForm, n_steps: int) -> Array:
    """(T,) half of tr(S^-1 Cov(backward innovation at t)) - m, nats, [S26] eq 73.

    The backward machine reads y_T first, so its innovation at time t is block T + 1 - t of R e.
    """
    m = len(machine.innovation_cov)
    squares = np.sum(reversal_matrix(machine, n_steps) ** 2, axis=1)
    by_position = squares.reshape(n_steps, m).sum(axis=1)
    return np.asarray((by_position[::-1] - m) / 2, dtype=np.float64)


def curve(machine: CanonicalForm, n_steps: int) -> Array:
    """(T,) S_y(1) .. S_y(T), each from its own dense matrix."""
    return np.array([total(machine, steps) for steps in range(1, n_steps + 1)])


def sequence_cov(machine: CanonicalForm, n_steps: int) -> Array:
    """(T m, T m) covariance of the stacked sequence, H (I x S) H^T, long double."""
    response = stacked_response(machine, n_steps)
    cov = np.kron(np.eye(n_steps), _long(machine.innovation_cov)).astype(np.longdouble)
    return response @ cov @ response.T


def log_density(machine: CanonicalForm, sequences: Array) -> Array:
    """(N, T) log p(y_t | y_1 .. y_{t-1}) in nats: differences of multivariate normal log-densities.

    Each term is ln N(y_{1:t}) - ln N(y_{1:t-1}) with the dense covariance of the sequence; through
    the Cholesky factor of that covariance the marginals are leading sub-blocks.
    """
    n_paths, n_steps, m = sequences.shape
    factor = cholesky(sequence_cov(machine, n_steps))
    scores = solve_lower(factor, _long(sequences).reshape(n_paths, -1).T).T
    joint = -0.5 * np.log(2 * np.longdouble(np.pi)) - np.log(np.diag(factor)) - scores**2 / 2
    return np.asarray(joint.reshape(n_paths, n_steps, m).sum(axis=2), dtype=np.float64)


# --------------------------------------------------------------------------- fifty digits


def _four(machine: CanonicalForm) -> tuple[Array, Array, Array, Array]:
    return (
        np.asarray(machine.state_matrix),
        np.asarray(machine.input_matrix),
        np.asarray(machine.output_matrix),
        np.asarray(machine.innovation_cov),
    )


def _digits(array: Array) -> Array:
    """The same numbers as mpmath floats (every double is exactly representable)."""
    exact: Array = np.vectorize(lambda x: mpmath.mpf(float(x)), otypes=[object])(array)
    return exact


def _inverse(matrix: Array) -> Array:
    """Inverse of a small matrix of mpmath floats."""
    return np.array((mpmath.matrix(matrix.tolist()) ** -1).tolist(), dtype=object)


def _identity(size: int) -> Array:
    return _digits(np.eye(size))


class _Recursion(NamedTuple):
    """The four matrices and what the linear-time recursion makes of them, in 50 digits."""

    state: Array
    inputs: Array
    output: Array
    cov: Array
    transition: Array
    inverse_cov: Array

    @classmethod
    def of(cls, machine: CanonicalForm) -> _Recursion:
        state, inputs, output, cov = (_digits(a) for a in _four(machine))
        return cls(state, inputs, output, cov, state + inputs @ output, _inverse(cov))

    def forward(self, state_cov: Array) -> Array:
        """Pi_{t+1} from Pi_t: covariance of h_{t+1}."""
        a, g = self.transition, self.inputs
        return np.asarray(a @ state_cov @ a.T + g @ self.cov @ g.T)

    def backward(self, gamma: Array, omega: Array) -> tuple[Array, Array]:
        """(Gamma_t, Omega_t) from those of t + 1."""
        f, g, c = self.state, self.inputs, self.output
        gain = f @ gamma @ g + g
        return f @ gamma @ self.transition + g @ c, gain @ self.cov @ gain.T + f @ omega @ f.T

    def weights(self, gamma: Array, omega: Array) -> tuple[Array, Any]:
        """(W, c): tr(S^-1 Sigma^B_t) = tr(Pi_t W) + c, with (Gamma, Omega) of t + 1."""
        c, a, g = self.output, self.transition, self.inputs
        x = c - c @ gamma @ a
        y = _identity(len(self.cov)) - c @ gamma @ g
        noise = y @ self.cov @ y.T + c @ omega @ c.T
        return x.T @ self.inverse_cov @ x, np.trace(self.inverse_cov @ noise)


def _in_digits(function: Callable[..., Any]) -> Callable[..., Any]:
    """Runs a function with 50 significant digits."""

    def with_digits(*args: Any, **options: Any) -> Any:
        with mpmath.workdps(DIGITS):
            return function(*args, **options)

    return with_digits


@_in_digits
def exact_curve(machine: CanonicalForm, n_steps: int) -> list[Any]:
    """S_y(1) .. S_y(T), nats, mpmath floats: the recursion of [S26] eq 71 in 50 digits."""
    recursion = _Recursion.of(machine)
    n, m = recursion.inputs.shape
    zero = _digits(np.zeros((n, n)))
    state_covs, weights, constants = [zero], [], []
    gamma, omega = zero, zero
    for _ in range(n_steps):
        weight, constant = recursion.weights(gamma, omega)
        weights.append(weight)
        constants.append(constant)
        gamma, omega = recursion.backward(gamma, omega)
        state_covs.append(recursion.forward(state_covs[-1]))
    sums = []
    for steps in range(1, n_steps + 1):
        traces = sum(np.sum(state_covs[t] * weights[steps - 1 - t]) for t in range(steps))
        sums.append((traces + sum(constants[:steps]) - steps * m) / 2)
    return sums


@_in_digits
def exact_per_step(machine: CanonicalForm, n_steps: int) -> list[Any]:
    """(T,) half of tr(S^-1 Sigma^B_t) - m, nats, mpmath floats."""
    recursion = _Recursion.of(machine)
    n, m = recursion.inputs.shape
    zero = _digits(np.zeros((n, n)))
    pairs = [(zero, zero)]
    for _ in range(n_steps - 1):
        pairs.append(recursion.backward(*pairs[-1]))
    values, state_cov = [], zero
    for gamma, omega in reversed(pairs):
        weight, constant = recursion.weights(gamma, omega)
        values.append((np.sum(state_cov * weight) + constant - m) / 2)
        state_cov = recursion.forward(state_cov)
    return values


@_in_digits
def exact_total(machine: CanonicalForm, n_steps: int) -> Any:
    """S_y(T), nats, an mpmath float."""
    return mpmath.fsum(exact_per_step(machine, n_steps))


@_in_digits
def exact_dense_total(machine: CanonicalForm, n_steps: int) -> Any:
    """S_y(T) from the dense definition in 50 digits, O(T^3 m^3): keep T m small."""
    recursion = _Recursion.of(machine)
    m = len(recursion.cov)
    blocks = [_identity(m)]
    reached = recursion.inputs
    for _ in range(n_steps - 1):
        blocks.append(recursion.output @ reached)
        reached = recursion.transition @ reached
    zero = _digits(np.zeros((m, m)))
    response = np.block(
        [[blocks[i - j] if i >= j else zero for j in range(n_steps)] for i in range(n_steps)]
    )
    turned = _digits(np.asarray(block_reversal(n_steps, m), dtype=np.float64))
    dense = _inverse(response) @ turned @ response
    wide = np.kron(np.eye(n_steps, dtype=int), np.ones((m, m), dtype=int))
    cov = wide * np.tile(recursion.cov, (n_steps, n_steps))
    inverse = wide * np.tile(recursion.inverse_cov, (n_steps, n_steps))
    return (np.trace(inverse @ dense @ cov @ dense.T) - n_steps * m) / 2


def _stein(left: Array, right: Array, constant: Array) -> Array:
    """X = left X right + constant by doubling, for stable left and right."""
    while True:
        change = left @ constant @ right
        constant = constant + change
        if max(abs(x) for x in change.flat) < mpmath.mpf(10) ** (-DIGITS - 5):
            return constant
        left, right = left @ left, right @ right


@_in_digits
def exact_rate(machine: CanonicalForm) -> Any:
    """lim S_y(T)/T in nats per step from the three fixed points, an mpmath float."""
    recursion = _Recursion.of(machine)
    f, g, a, s = recursion.state, recursion.inputs, recursion.transition, recursion.cov
    state_cov = _stein(a, a.T, g @ s @ g.T)
    gamma = _stein(f, a, g @ recursion.output)
    gain = f @ gamma @ g + g
    omega = _stein(f, f.T, gain @ s @ gain.T)
    weight, constant = recursion.weights(gamma, omega)
    return (np.sum(state_cov * weight) + constant - len(s)) / 2


# --------------------------------------------------------------------------- spectral forms


def spectrum(machine: CanonicalForm, n_points: int) -> Array:
    """(n_points, m, m) f(w) = H(e^-iw) S H(e^-iw)^dagger on a uniform grid of [0, 2 pi)."""
    state, inputs, output, cov = (np.asarray(a, dtype=np.complex128) for a in _four(machine))
    shift = np.exp(1j * np.linspace(0, 2 * np.pi, n_points, endpoint=False))
    resolvent = shift[:, None, None] * np.eye(len(state)) - (state + inputs @ output)
    response = np.eye(len(cov)) + output @ np.linalg.solve(
        resolvent, np.broadcast_to(inputs, (n_points, *inputs.shape))
    )
    return response @ cov @ response.conj().transpose(0, 2, 1)


def spectral_rate_by_trace(machine: CanonicalForm, n_points: int) -> float:
    """Mean over frequencies of (tr(f^-T f) - m)/2, nats per step: cancels near reversibility."""
    density = spectrum(machine, n_points)
    traces = np.trace(np.linalg.solve(density.transpose(0, 2, 1), density), axis1=1, axis2=2)
    return float(np.mean(traces.real - density.shape[1]) / 2)


def spectral_rate(machine: CanonicalForm, n_points: int) -> float:
    """Mean over frequencies of tr(conj(f)^-1 Im f f^-1 (Im f)^T), nats per step: squares only."""
    density = spectrum(machine, n_points)
    antisymmetric = (density.imag - density.imag.transpose(0, 2, 1)) / 2
    left = np.linalg.solve(density.conj(), antisymmetric.astype(np.complex128))
    right = np.linalg.solve(density, antisymmetric.transpose(0, 2, 1).astype(np.complex128))
    return float(np.mean(np.einsum("wij,wji->w", left, right).real))
