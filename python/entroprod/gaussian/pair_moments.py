"""Mean of sigma for every length, its rate and its variance, of two linear-Gaussian machines."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import scipy.linalg

from entroprod import _core
from entroprod.boundary.arrays import FloatArray, as_count, as_read_only
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.precision import Precision, require_precision
from entroprod.gaussian.decomposition import PairRecursion, _of_core
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.production import rate_by_doubling
from entroprod.gaussian.readers import GaussianMachine, backward_machine, require_length
from entroprod.gaussian.stability import marginal_eigenvalue
from entroprod.pairs.pair import NotAvailable

# Eigenvalues of a reader's filter beyond this modulus are looked at one by one: a double unit root
# is known to 1e-8 only.
_NEARLY_ONE = 1.0 - 1e-6
# Roundoffs, of the sizes of the matrices, up to which a mode of the memory counts as unseen.
_UNSEEN = 1e3
# The core keeps (n, n) numbers of double-double for every 256th step, 256 more, and some matrices.
_BETWEEN_KEPT = 256
_MATRICES_OF_A_STEP = 60
# A transient has ended after this many times its time constant: exp(-80) is below double-double.
_TIME_CONSTANTS = 80.0


class Value(NamedTuple):
    """A number from the core, with an estimated bound of its rounding error."""

    value: float
    rounding_error: float
    extended: bool


@dataclass(frozen=True, eq=False)
class PairCurve:
    """Entropy production of the first 1, .., T observations.

    Attributes
    ----------
    values : ndarray, (T,)
        S(1), .., S(T), nats.
    rounding_errors : ndarray, (T,)
        Estimated bounds of their rounding errors, nats.
    precision : {"double", "extended"}
        In which the recursions ran.
    """

    values: FloatArray
    rounding_errors: FloatArray
    precision: str


def pair_curve(
    forward: GaussianMachine,
    backward: GaussianMachine,
    n_steps: int,
    precision: Precision = "auto",
) -> PairCurve:
    """Entropy production S(1), .., S(n_steps) of a machine and its reader, in one pass.

    S(t) = KL(P || P_b) of the first t observations: the reader begins with y_t and its initial
    memory, and reads and predicts each observation with its parameters of that observation's time.

    Parameters
    ----------
    forward : LinearGaussian or TimeVaryingLinearGaussian
        n states, m outputs.
    backward : LinearGaussian or TimeVaryingLinearGaussian
        The reader, of b states and m outputs.
    n_steps : int
        T >= 1. Time is O(T (n^3 + b^3)).
    precision : {"auto", "double", "extended"}
        "auto" runs in double, and again in double-double where the estimated rounding error of the
        last value exceeds 1e-12 of it.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    MemoryError
        If (T,) numbers don't fit.
    NumericalError
        If covariances overflow, naming the step.

    Notes
    -----
    Source: ★ derived on the documentation's page on machines that change in time.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod.gaussian.pair_moments import pair_curve
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> reader = ep.LinearGaussian.from_var([[[0.6]]], [[3.0]])
    >>> pair_curve(machine, reader, 3).values.round(6)
    array([0.008375, 0.061441, 0.117093])
    """
    pair, n_steps = _read(forward, backward, n_steps, precision)
    require_memory(16 * n_steps, "n_steps", f"a curve of {n_steps} values")
    try:
        values, errors, extended = _core.pair_curve(
            _of_core(pair.forward), _of_core(pair.backward), n_steps, precision, True
        )
    except OverflowError as error:
        raise NumericalError(f"{error}: {pair._radii()}") from None
    return PairCurve(
        as_read_only(values), as_read_only(errors), "extended" if extended else "double"
    )


def pair_variance(
    forward: GaussianMachine,
    backward: GaussianMachine,
    n_steps: int,
    precision: Precision = "auto",
) -> Value:
    """Variance of sigma = ln P - ln P_b of n_steps observations, nats^2, in linear time.

    Parameters and errors as in :func:`pair_curve`.

    Notes
    -----
    Source: ★ derived on the documentation's page on the law of sigma.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod.gaussian.pair_moments import pair_variance
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> print(f"{pair_variance(machine, machine, 6).value:.9f}")
    0.815039110
    """
    pair, n_steps = _read(forward, backward, n_steps, precision)
    n, b = pair.forward.n_states, pair.backward.n_states
    kept = _BETWEEN_KEPT + _transient(pair, n_steps) // _BETWEEN_KEPT
    require_memory(
        16 * (kept * n * (n + 1) + _MATRICES_OF_A_STEP * (n + b) ** 2),
        "n_steps",
        f"the forward covariances of {n_steps} steps",
    )
    try:
        return Value(
            *_core.pair_variance(
                _of_core(pair.forward), _of_core(pair.backward), n_steps, precision, True
            )
        )
    except OverflowError as error:
        raise NumericalError(f"{error}: {pair._radii()}") from None


def pair_rate(
    forward: GaussianMachine, backward: GaussianMachine, precision: Precision = "auto"
) -> Value:
    """Entropy production per step, lim S(T) / T, of two machines without a time axis.

    For a machine that reads itself as :func:`entroprod.entropy_production_rate`.

    Parameters
    ----------
    forward, backward : LinearGaussian or TimeVaryingLinearGaussian
        Initial means don't matter: they fade.
    precision : {"auto", "double", "extended"}
        As in :func:`pair_curve`.

    Raises
    ------
    NumericalError
        If the forward machine has no stationary state, or the reader has a memory that never fades
        and that its predictions depend on, naming the eigenvalue.
    ValueError, TypeError
        Naming the argument, one that changes in time among them.

    Notes
    -----
    Source: ★ the limit of the recursions for two machines on the documentation's page on machines
    that change in time.

    Examples
    --------
    A rotation, and a reader that takes half as much of it for granted:

    >>> import entroprod as ep
    >>> from entroprod.gaussian.pair_moments import pair_rate
    >>> noise = [[1.0, 0.0], [0.0, 1.0]]
    >>> machine = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], noise)
    >>> reader = ep.LinearGaussian.from_var([[[0.5, 0.15], [-0.15, 0.5]]], noise)
    >>> print(f"{pair_rate(machine, reader).value:.9f}")
    0.306818182
    """
    require_precision(precision)
    backward = backward_machine(forward, backward)
    machine, reader = _constant(forward, "machine"), _constant(backward, "backward")
    if machine == reader:
        machine.require_rate()
        if machine.n_outputs == 1:
            # The spectrum of one output equals that of its reversal.
            return Value(0.0, 0.0, precision == "extended")
        value, error = rate_by_doubling(machine, precision)
        return Value(value, error, precision == "extended")
    LinearGaussian._refuse_marginal(
        marginal_eigenvalue(machine.transition),
        "has no stationary state: its transition F + G C",
    )
    fading = _fading_part(reader)
    try:
        return Value(*_core.pair_rate(_of_core(machine), fading, precision))
    except OverflowError as error:
        raise NumericalError(f"{error}: {PairRecursion(machine, reader)._radii()}") from None


def _read(
    forward: GaussianMachine, backward: GaussianMachine, n_steps: int, precision: Precision
) -> tuple[PairRecursion, int]:
    require_precision(precision)
    pair = PairRecursion(forward, backward_machine(forward, backward))
    n_steps = as_count(n_steps, "n_steps")
    require_length(forward, "machine", n_steps)
    require_length(pair.backward, "backward", n_steps)
    return pair, n_steps


def _transient(pair: PairRecursion, n_steps: int) -> int:
    """Steps until the forward covariances have converged, if they do."""
    if not isinstance(pair.forward, LinearGaussian) or pair.forward.spectral_radius >= 1.0:
        return n_steps
    constants = _TIME_CONSTANTS + pair.forward.n_states
    return int(min(n_steps, constants / -np.log(max(pair.forward.spectral_radius, 1e-300))))


def _constant(machine: GaussianMachine, name: str) -> LinearGaussian:
    if isinstance(machine, LinearGaussian):
        return machine
    changing = [
        matrix
        for matrix, array in zip(
            ("state_matrix", "input_matrix", "output_matrix", "innovation_cov"),
            machine._matrices(),
        )
        if array.ndim == 3
    ]
    if changing:
        msg = (
            f"{name} must be the same at all steps to have a rate, but its {changing[0]} has a "
            "time axis; entropy_production_curve gives the values of each length"
        )
        raise NotAvailable(msg)
    return LinearGaussian(*machine._matrices())


def _fading_part(reader: LinearGaussian) -> _core.LinearGaussian | _core._Parameters:
    """The reader without modes of its memory that never fade, if it predicts the same without."""
    eigenvalue = reader._marginal_filter_eigenvalue()
    if eigenvalue is None:
        return _of_core(reader)
    message = "that reads backwards has a memory that never fades: its state_matrix F"
    schur, basis, n_fading = scipy.linalg.schur(
        reader.state_matrix, sort=lambda real, imaginary: math.hypot(real, imaginary) < _NEARLY_ONE
    )
    fading, lasting = schur[:n_fading, :n_fading], schur[n_fading:, n_fading:]
    apart = np.zeros((n_fading, len(lasting)))
    if n_fading:
        apart = scipy.linalg.solve_sylvester(fading, -lasting, -schur[:n_fading, n_fading:])
    inputs = basis.T @ reader.input_matrix
    inputs[:n_fading] -= apart @ inputs[n_fading:]
    output = reader.output_matrix @ basis
    output[:, n_fading:] += output[:, :n_fading] @ apart
    size = np.linalg.norm(reader.output_matrix) * np.linalg.norm(reader.input_matrix)
    size *= (1.0 + np.linalg.norm(apart)) ** 2
    reached, power = inputs[n_fading:], 1.0
    for _ in range(len(lasting)):
        unseen = _UNSEEN * np.finfo(np.float64).eps * size * power
        if np.linalg.norm(output[:, n_fading:] @ reached) > unseen:
            LinearGaussian._refuse_marginal(eigenvalue, message)
        reached, power = lasting @ reached, power * np.linalg.norm(lasting)
    if n_fading == 0:
        # One state that nothing enters, in place of none.
        zero = np.zeros((1, 1))
        m = reader.n_outputs
        parts = (zero, np.zeros((1, m)), np.zeros((m, 1)))
    else:
        LinearGaussian._refuse_marginal(marginal_eigenvalue(fading), message)
        parts = (fading, inputs[:n_fading], output[:, :n_fading])
    state, given, seen = (np.ascontiguousarray(part) for part in parts)
    return state, given, seen, reader.innovation_cov, np.zeros(len(state))
