"""Derivatives of entropy production, by complex steps through formulas without conjugation.

S_y is a rational function of the entries of F, G, C and S as long as transposes are not conjugated,
so that f(x + i h) = f(x) + i h f'(x) + O(h^2): the imaginary part divided by a tiny h is the
derivative, and nothing is subtracted. Two layers, each checked against the other in
``tests/gaussian/test_gradient.py``:

- *dense*, double precision: the stacked response and the reversal matrix, [S26] eqs 45-71;
- *50 digits* (mpmath): the recursion forward in time for the covariance of the memory and backward
  for what the reversed reader knows, and its fixed points for the rate.

Neither calls entroprod, nor shares the core's dual recursion. A derivative with respect to the
covariance S moves both of its mirrored entries by one half.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import mpmath
import numpy as np
import numpy.typing as npt
from oracles import DIGITS, CanonicalForm

Array = npt.NDArray[Any]
# Far below the rounding of the value, so that the neglected h^2 vanishes; far above underflow.
_STEP = 1e-30
_EXACT_STEP = mpmath.mpf(10) ** -40


class Gradient(NamedTuple):
    """Derivatives in the shapes of the parameters."""

    state_matrix: Array
    input_matrix: Array
    output_matrix: Array
    innovation_cov: Array


# --------------------------------------------------------------------------- dense definition


def _dense_total(state: Array, inputs: Array, output: Array, cov: Array, n_steps: int) -> Any:
    """S_y in nats, [S26] eq 71, for real or complex matrices."""
    m = len(cov)
    transition = state + inputs @ output
    response = np.zeros((n_steps * m, n_steps * m), dtype=complex)
    block, reached = np.eye(m, dtype=complex), inputs
    for lag in range(n_steps):
        for column in range(n_steps - lag):
            row = column + lag
            response[row * m : (row + 1) * m, column * m : (column + 1) * m] = block
        block, reached = output @ reached, transition @ reached
    turned = response.reshape(n_steps, m, -1)[::-1].reshape(response.shape)
    dense = np.linalg.solve(response, turned)
    weight = np.kron(np.eye(n_steps), np.linalg.inv(cov))
    noise = np.kron(np.eye(n_steps), cov)
    return 0.5 * (np.trace(weight @ dense @ noise @ dense.T) - n_steps * m)


def dense_gradient(machine: CanonicalForm, n_steps: int) -> Gradient:
    """Derivatives of S_y(T) in nats per unit of each entry; O(T^3 m^3) for each of them."""
    return _by_complex_steps(
        machine,
        lambda f, g, c, s: float(_dense_total(f, g, c, s, n_steps).imag / _STEP),
        1j * _STEP,
        lambda parameter: np.asarray(parameter, dtype=complex),
    )


# --------------------------------------------------------------------------- fifty digits


def _exact_total(state: Array, inputs: Array, output: Array, cov: Array, n_steps: int) -> Any:
    """S_y as a sum over time of half of tr(S^-1 Sigma^B_t) - m."""
    transition = state + inputs @ output
    weight = _inverse(cov)
    memories = [(0 * state, 0 * state)]
    for _ in range(n_steps - 1):
        memories.append(_read_one_more(state, inputs, output, cov, *memories[-1]))
    total, memory_cov = mpmath.mpf(0), 0 * state
    for gamma, omega in reversed(memories):
        total += _innovation_excess(state, inputs, output, cov, weight, memory_cov, gamma, omega)
        memory_cov = transition @ memory_cov @ transition.T + inputs @ cov @ inputs.T
    return total


def _exact_rate(state: Array, inputs: Array, output: Array, cov: Array) -> Any:
    """The same at the limits of the three recursions."""
    transition = state + inputs @ output
    gamma = _stein(state, transition, inputs @ output)
    gain = state @ gamma @ inputs + inputs
    omega = _stein(state, state.T, gain @ cov @ gain.T)
    memory_cov = _stein(transition, transition.T, inputs @ cov @ inputs.T)
    weight = _inverse(cov)
    return _innovation_excess(state, inputs, output, cov, weight, memory_cov, gamma, omega)


def _read_one_more(
    state: Array, inputs: Array, output: Array, cov: Array, gamma: Array, omega: Array
) -> tuple[Array, Array]:
    gain = state @ gamma @ inputs + inputs
    transition = state + inputs @ output
    return (
        state @ gamma @ transition + inputs @ output,
        gain @ cov @ gain.T + state @ omega @ state.T,
    )


def _innovation_excess(
    state: Array,
    inputs: Array,
    output: Array,
    cov: Array,
    weight: Array,
    memory_cov: Array,
    gamma: Array,
    omega: Array,
) -> Any:
    """Half of tr(S^-1 Sigma^B) - m."""
    x = output - output @ gamma @ (state + inputs @ output)
    y = _numbers(np.eye(len(cov))) - output @ gamma @ inputs
    backward = x @ memory_cov @ x.T + y @ cov @ y.T + output @ omega @ output.T
    return (np.trace(weight @ backward) - len(cov)) / 2


def _numbers(array: Array) -> Array:
    exact: Array = np.vectorize(lambda x: mpmath.mpc(float(x)), otypes=[object])(array)
    return exact


def _inverse(matrix: Array) -> Array:
    return np.array((mpmath.matrix(matrix.tolist()) ** -1).tolist(), dtype=object)


def _stein(left: Array, right: Array, total: Array) -> Array:
    """X = left X right + total, by doubling."""
    while True:
        change = left @ total @ right
        total = total + change
        # The imaginary parts, of the size of the step, need digits of their own.
        if max(abs(x) for x in change.flat) < mpmath.mpf(10) ** (-2 * DIGITS):
            return total
        left, right = left @ left, right @ right


def exact_gradient(machine: CanonicalForm, n_steps: int) -> Gradient:
    """Derivatives of S_y(T) in nats per unit of each entry, right to all digits of a double."""
    with mpmath.workdps(DIGITS):
        return _by_complex_steps(
            machine,
            lambda f, g, c, s: float(_exact_total(f, g, c, s, n_steps).imag / _EXACT_STEP),
            mpmath.mpc(0, _EXACT_STEP),
            _numbers,
        )


def exact_rate_gradient(machine: CanonicalForm) -> Gradient:
    """Derivatives of lim S_y(T)/T in nats per step and unit of each entry."""
    with mpmath.workdps(DIGITS):
        return _by_complex_steps(
            machine,
            lambda *parameters: float(_exact_rate(*parameters).imag / _EXACT_STEP),
            mpmath.mpc(0, _EXACT_STEP),
            _numbers,
        )


def _by_complex_steps(
    machine: CanonicalForm,
    derivative: Callable[..., float],
    step: Any,
    number: Callable[[Array], Array],
) -> Gradient:
    parameters = [
        number(np.asarray(matrix))
        for matrix in (
            machine.state_matrix,
            machine.input_matrix,
            machine.output_matrix,
            machine.innovation_cov,
        )
    ]
    gradients = []
    for which, parameter in enumerate(parameters):
        gradient = np.zeros(parameter.shape)
        for i, j in np.ndindex(parameter.shape):
            moved = parameter.copy()
            moved[i, j] += step / 2 if which == 3 else step
            if which == 3:
                moved[j, i] += step / 2
            gradient[i, j] = derivative(*parameters[:which], moved, *parameters[which + 1 :])
        gradients.append(gradient)
    return Gradient(*gradients)
