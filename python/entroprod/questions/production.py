"""Entropy production: in closed form where the machine has one, by enumeration otherwise."""

from __future__ import annotations

from typing import Any

from entroprod.boundary.arrays import FloatArray, as_count, as_flag
from entroprod.boundary.precision import Precision
from entroprod.pairs.choice import choose_pair
from entroprod.results.production import EntropyProduction


def entropy_production(
    machine: Any,
    n_steps: int,
    *,
    backward: Any = None,
    decomposition: bool = True,
    precision: Precision = "auto",
) -> EntropyProduction:
    """Entropy production S_y = KL(P || P_b) of ``n_steps`` observations, in nats.

    The mean of the log-ratio of the probability of a sequence to that of its reversal, both under
    the same machine.

    - Linear-Gaussian machines: in closed form. Time is linear in the number of steps until the
      recursions have converged to rounding level and constant from there on; memory is O(n^2).
    - A :class:`MarkovChain`: in closed form, in O(k^3 log T).
    - Any other discrete machine, with ``n_symbols`` and ``log_prob``: by enumeration of its k^T
      sequences, as far as :func:`enumerate_sequences` goes; beyond that :func:`monte_carlo`
      estimates it.

    Parameters
    ----------
    machine : LinearGaussian, TimeVaryingLinearGaussian or discrete machine
        It makes the sequences: P.
    n_steps : int
        T >= 1.
    backward : machine of the same kind, optional
        The machine that reads the reversed sequences, P_b, of any state size; by default
        ``machine`` itself. A time-varying machine has two readings, and needs to be told (see
        :class:`TimeVaryingLinearGaussian`). With ``backward`` the result is the relative entropy
        between a process and that model of it backwards in time.
    decomposition : bool
        Whether the result offers the decomposition into compression loss and model mismatch,
        which costs several times as much once it is asked for.
    precision : {"auto", "double", "extended"}
        "double", "extended" (double-double, about 32 digits), or "auto": double, and again in
        extended where the estimated rounding error exceeds 1e-12 of the value, as it does for
        nearly reversible machines and for some with long memory. With "auto" the decomposition
        is also repeated in extended where the backward memory is so nearly singular that double
        can't tell what it says.

    Returns
    -------
    EntropyProduction
        With ``total`` and, computed when asked for, ``per_step``, ``retrospective``,
        ``compression_loss``, ``model_mismatch`` and ``second_law_bound``.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    NumericalError
        If an unstable machine's covariances overflow, naming the step and the eigenvalue.

    Notes
    -----
    Source: [S26]_ eqs 71, 73; computed by the dual recursion of the documentation's theory page. A
    negative result can only be rounding and is returned as 0. The decomposition is that of [S26]_
    eqs 83-101; its recursions and those of pairs are ★ derived on the documentation's page on
    decomposition.

    Examples
    --------
    The scalar Kalman filter of [S26]_ figure 5:

    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> result = ep.entropy_production(machine, 6)
    >>> print(f"{result.total:.10f}")
    0.3108757952
    >>> print(f"{result.per_step.sum():.10f}")
    0.3108757952

    Its memory of one number, read backwards, holds nearly all that the observations to come say
    about one; what is missing is the right prediction from it:

    >>> print(f"{result.second_law_bound:.6f} + {result.model_mismatch.sum():.6f}")
    0.000825 + 0.310051
    """
    n_steps = as_count(n_steps, "n_steps")
    as_flag(decomposition, "decomposition")
    pair = choose_pair(machine, backward)
    return pair.total(n_steps, precision=precision, decomposition=decomposition)


def entropy_production_curve(
    machine: Any, n_steps: int, *, backward: Any = None, precision: Precision = "auto"
) -> FloatArray:
    """Entropy production S_y(1), .., S_y(n_steps) in nats, in one pass.

    Parameters
    ----------
    machine : LinearGaussian, TimeVaryingLinearGaussian or discrete machine
        Other discrete machines than a :class:`MarkovChain` are enumerated.
    n_steps : int
        T >= 1.
    backward : machine of the same kind, optional
        What reads the reversed sequences, as in :func:`entropy_production`.
    precision : {"auto", "double", "extended"}
        As in :func:`entropy_production`; "auto" decides by the last value.

    Returns
    -------
    ndarray, (n_steps,)
        Nats. The caller's own: unlike the arrays in a result, it may be written to.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    MemoryError
        If (n_steps,) numbers don't fit.
    NumericalError
        If an unstable machine's covariances overflow.

    Notes
    -----
    Source: [S26]_ eq 71 for each T.

    Examples
    --------
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> ep.entropy_production_curve(machine, 4).round(6)
    array([0.      , 0.041785, 0.112813, 0.187484])
    """
    n_steps = as_count(n_steps, "n_steps")
    return choose_pair(machine, backward).curve(n_steps, precision=precision)


def entropy_production_rate(
    machine: Any, *, backward: Any = None, precision: Precision = "auto"
) -> float:
    """Entropy production per step of the stationary process, lim S_y(T) / T, in nats per step.

    Of a linear-Gaussian machine: exactly 0 for a scalar output; computed from the fixed points of
    the recursions by doubling: right up to spectral radii close to 1, and for nearly reversible
    machines. Of a Markov chain: sum_ij pi_i P_ij ln(P_ij / P_ji), +inf where a step of the
    stationary process has no way back; right for nearly reversible ones, too.

    Parameters
    ----------
    machine : LinearGaussian or MarkovChain
        A :class:`HiddenMarkov` has no closed form: see the error for what there is.
    backward : machine of the same kind, optional
        What reads the reversed sequences, as in :func:`entropy_production`.
    precision : {"auto", "double", "extended"}
        As in :func:`entropy_production`.

    Raises
    ------
    NumericalError
        If the machine has no stationary state, or a memory that never fades, naming the
        eigenvalue; or more than one stationary state, naming the closed classes.
    ValueError, TypeError
        Naming the argument.

    Notes
    -----
    Source: the limit of [S26]_ eq 71; equal to the spectral formula of the documentation. Of Markov
    chains: [S76]_.

    Examples
    --------
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], [[1.0, 0.0], [0.0, 1.0]])
    >>> print(f"{ep.entropy_production_rate(machine):.12f}")
    0.545454545455
    """
    return choose_pair(machine, backward).rate(precision=precision)
