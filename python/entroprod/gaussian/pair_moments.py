"""Mean of sigma for every length, its rate and its variance, of two linear-Gaussian machines."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from entroprod.boundary.arrays import FloatArray, as_count
from entroprod.boundary.precision import Precision, require_precision
from entroprod.gaussian import core
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.readers import GaussianMachine, backward_machine, require_length
from entroprod.gaussian.stability import marginal_eigenvalue
from entroprod.pairs.pair import NotAvailable

# Eigenvalues of a reader's filter beyond this modulus are looked at one by one: a double unit root
# is known to 1e-8 only.
_NEARLY_ONE = 1.0 - 1e-6
# Roundoffs, of the sizes of the matrices, up to which a mode of the memory counts as unseen.
_UNSEEN = 1e3


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
    backward, n_steps = _read(forward, backward, n_steps, precision)
    values, errors, extended = core.curve_of_pair(forward, backward, n_steps, precision)
    return PairCurve(values, errors, core.used_precision(extended))


def pair_variance(
    forward: GaussianMachine,
    backward: GaussianMachine,
    n_steps: int,
    precision: Precision = "auto",
) -> core.Value:
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
    backward, n_steps = _read(forward, backward, n_steps, precision)
    return core.variance_of_pair(forward, backward, n_steps, precision)


def pair_rate(
    forward: GaussianMachine, backward: GaussianMachine, precision: Precision = "auto"
) -> core.Value:
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
            return core.Value(0.0, 0.0, precision == "extended")
        return core.rate(machine, precision)
    LinearGaussian._refuse_marginal(
        marginal_eigenvalue(machine.transition),
        "has no stationary state: its transition F + G C",
    )
    return core.rate_of_pair(machine, _fading_part(reader), precision)


def _read(
    forward: GaussianMachine, backward: GaussianMachine, n_steps: int, precision: Precision
) -> tuple[GaussianMachine, int]:
    require_precision(precision)
    backward = backward_machine(forward, backward)
    n_steps = as_count(n_steps, "n_steps")
    require_length(forward, "machine", n_steps)
    require_length(backward, "backward", n_steps)
    return backward, n_steps


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


def _fading_part(reader: LinearGaussian) -> LinearGaussian:
    """The reader without modes of its memory that never fade, if it predicts the same without."""
    eigenvalue = reader._marginal_filter_eigenvalue()
    if eigenvalue is None:
        return reader
    message = "that reads backwards has a memory that never fades: its state_matrix F"
    schur, basis, n_fading = scipy.linalg.schur(
        reader.state_matrix, sort=lambda real, imaginary: math.hypot(real, imaginary) < _NEARLY_ONE
    )
    fading, lasting = schur[:n_fading, :n_fading], schur[n_fading:, n_fading:]
    apart = np.zeros((n_fading, len(lasting)))
    if n_fading:
        rest = -schur[:n_fading, n_fading:]
        apart = np.asarray(scipy.linalg.solve_sylvester(fading, -lasting, rest), np.float64)
    inputs = basis.T @ reader.input_matrix
    inputs[:n_fading] -= apart @ inputs[n_fading:]
    output = reader.output_matrix @ basis
    output[:, n_fading:] += output[:, :n_fading] @ apart
    size = float(np.linalg.norm(reader.output_matrix) * np.linalg.norm(reader.input_matrix))
    size *= (1.0 + float(np.linalg.norm(apart))) ** 2
    reached, power = inputs[n_fading:], 1.0
    for _ in range(len(lasting)):
        unseen = _UNSEEN * np.finfo(np.float64).eps * size * power
        if np.linalg.norm(output[:, n_fading:] @ reached) > unseen:
            LinearGaussian._refuse_marginal(eigenvalue, message)
        reached, power = lasting @ reached, power * float(np.linalg.norm(lasting))
    if n_fading == 0:
        # One state that nothing enters, in place of none.
        zero = np.zeros((1, 1))
        m = reader.n_outputs
        parts = (zero, np.zeros((1, m)), np.zeros((m, 1)))
    else:
        LinearGaussian._refuse_marginal(marginal_eigenvalue(fading), message)
        parts = (fading, inputs[:n_fading], output[:, :n_fading])
    return LinearGaussian(*parts, reader.innovation_cov)
