"""The law of stochastic entropy production."""

from __future__ import annotations

from typing import Any

from entroprod.boundary.arrays import as_count
from entroprod.boundary.precision import Precision
from entroprod.machine.reversals import TOKEN_REVERSAL, Reversal
from entroprod.pairs.choice import choose_pair


def sigma_law(
    machine: Any,
    n_steps: int,
    *,
    precision: Precision = "auto",
    max_size: int | None = None,
    reversal: Reversal = TOKEN_REVERSAL,
    backward: Any = None,
) -> Any:
    """Exact law of the stochastic entropy production of ``n_steps`` observations.

    Parameters
    ----------
    machine : LinearGaussian, TimeVaryingLinearGaussian or discrete machine
        n states, m outputs; or n_symbols and log_prob, whose sequences are enumerated.
    n_steps : int
        T >= 1. Mean and variance take linear time until the recursions have converged and constant
        time from there on; what needs the weights takes O((T m)^3) time and 24 (T m)^2 bytes.
    precision : {"auto", "double", "extended"}
        Of mean and variance, as in :func:`entropy_production`.
    max_size : int, optional
        For linear-Gaussian machines: largest T m for which the weights are computed, by default
        4,000. So many rows take about half a minute of one core, twice as many eight times as long;
        Ctrl-C has to wait for LAPACK.
    reversal : Reversal
        How sequences are reordered; others than :class:`TokenReversal` are for discrete machines.
    backward : machine of the same kind, optional
        What reads the reordered sequences; by default ``machine`` itself. A time-varying machine
        needs to be told.

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
    n_steps = as_count(n_steps, "n_steps")
    pair = choose_pair(machine, backward, reversal)
    return pair.sigma_law(n_steps, precision=precision, max_size=max_size)


def sigma_variance_rate(
    machine: Any, *, backward: Any = None, precision: Precision = "auto"
) -> float:
    """Variance of sigma per step of the stationary process, lim Var(sigma) / T, in nats^2 per step.

    Over :func:`entropy_production_rate` it gives the Fano factor of entropy production, which is at
    least 2. Exactly 0 for a scalar output.

    Parameters
    ----------
    machine : LinearGaussian
    backward : LinearGaussian, optional
        What reads the reversed sequences: known where it is the machine itself.
    precision : {"auto", "double", "extended"}
        As in :func:`entropy_production`.

    Raises
    ------
    NumericalError
        If the machine has no stationary state, or a memory that never fades, naming the
        eigenvalue.
    NotAvailable
        Other kinds of machines, and other readers, have no closed form.
    ValueError, TypeError
        Naming the argument.

    Notes
    -----
    Source: ★ derived on the documentation's page on the law of sigma.

    Examples
    --------
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], [[1.0, 0.0], [0.0, 1.0]])
    >>> print(f"{ep.sigma_variance_rate(machine):.9f}")
    2.290007513
    """
    return choose_pair(machine, backward).sigma_variance_rate(precision=precision)
