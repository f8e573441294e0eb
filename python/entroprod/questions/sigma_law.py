"""The law of stochastic entropy production."""

from __future__ import annotations

from typing import Any, overload

from entroprod.boundary.arrays import as_count
from entroprod.discrete.enumeration import enumerate_sequences
from entroprod.discrete.sigma_law import DiscreteSigmaLaw
from entroprod.gaussian.core import Precision, _require_machine, _require_precision
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.production import _entropy_production
from entroprod.gaussian.sigma_law import SigmaLaw, _require_working_memory, _sigma_variance
from entroprod.gaussian.sigma_weights import DENSE_LIMIT
from entroprod.machine.protocol import is_discrete
from entroprod.machine.reversals import Reversal, TokenReversal


@overload
def sigma_law(
    machine: LinearGaussian, n_steps: int, *, precision: Precision = ..., max_size: int = ...
) -> SigmaLaw: ...


@overload
def sigma_law(
    machine: Any, n_steps: int, *, reversal: Reversal | None = ..., backward: Any = ...
) -> DiscreteSigmaLaw: ...


def sigma_law(
    machine: Any,
    n_steps: int,
    *,
    precision: Precision = "auto",
    max_size: int = DENSE_LIMIT,
    reversal: Reversal | None = None,
    backward: Any = None,
) -> SigmaLaw | DiscreteSigmaLaw:
    """Exact law of the stochastic entropy production of ``n_steps`` observations.

    Parameters
    ----------
    machine : LinearGaussian or discrete machine
        n states, m outputs; or n_symbols and log_prob, whose sequences are enumerated.
    n_steps : int
        T >= 1. Mean and variance take linear time until the recursions have converged and constant
        time from there on; what needs the weights takes O((T m)^3) time and 24 (T m)^2 bytes.
    precision : {"auto", "double", "extended"}
        Of mean and variance, as in :func:`entropy_production`.
    max_size : int
        Largest T m for which the weights are computed. 4,000 rows take about half a minute of one
        core, twice as many eight times as long; Ctrl-C has to wait for LAPACK.
    reversal : Reversal, optional
        For discrete machines: how sequences are reordered; by default :class:`TokenReversal`.
    backward : discrete machine, optional
        For discrete machines: what reads the reordered sequences; by default ``machine`` itself.

    Returns
    -------
    SigmaLaw or DiscreteSigmaLaw
        ``mean`` and ``variance``, and on demand weights, cumulants, density, distribution
        function, quantiles, samples, and what they tell about Monte Carlo. For discrete machines
        the values of sigma and their probabilities.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    MemoryError
        If the forward covariances of a memory that never fades don't fit.
    NumericalError
        If an unstable machine's covariances overflow, naming the step and the eigenvalue.

    Notes
    -----
    Source: ★ derived on the documentation's page on the law of sigma, from the innovation reversal
    matrix of [S26]_ eqs 45-61.

    Examples
    --------
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> law = ep.sigma_law(machine, 6)
    >>> law
    SigmaLaw(n_steps=6, mean=0.310875795157 nats, standard_deviation=0.902795165218 nats)
    >>> print(f"{law.probability_negative:.6f}")
    0.380460
    >>> law.n_paths_for(0.01)
    8151
    """
    if is_discrete(machine):
        if precision == "extended" or max_size != DENSE_LIMIT:
            raise ValueError("precision and max_size are for linear-Gaussian machines")
        return enumerate_sequences(machine, n_steps, backward=backward).sigma_law(reversal)
    _require_machine(machine, or_else="a discrete machine with n_symbols and log_prob")
    if not (backward is None and (reversal is None or isinstance(reversal, TokenReversal))):
        msg = (
            "reversal and backward are for discrete machines: the law of a LinearGaussian is known "
            "for its own token reversal; monte_carlo samples others"
        )
        raise ValueError(msg)
    n_steps = as_count(n_steps, "n_steps")
    _require_precision(precision)
    max_size = as_count(max_size, "max_size")
    _require_working_memory(machine, n_steps)
    mean, mean_error, _ = _entropy_production(machine, n_steps, precision)
    variance, variance_error, _ = _sigma_variance(machine, n_steps, precision)
    return SigmaLaw(mean, variance, mean_error, variance_error, n_steps, max_size, machine)
