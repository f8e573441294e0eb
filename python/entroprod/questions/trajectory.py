"""Stochastic entropy production of given sequences, under any machine and any reversal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from entroprod.boundary.arrays import as_flag, as_thread_count
from entroprod.machine.reversals import TOKEN_REVERSAL, Reversal, require_reversal
from entroprod.pairs.choice import choose_pair
from entroprod.results.trajectory import StochasticEntropyProduction


def stochastic_entropy_production(
    machine: Any,
    sequences: Any,
    *,
    reversal: Reversal = TOKEN_REVERSAL,
    backward: Any = None,
    keep_per_step: bool = False,
    n_threads: int | None = None,
) -> StochasticEntropyProduction:
    """Entropy production sigma = ln P(y) - ln P_b(y reordered) of given sequences.

    One machine reads the sequence forwards, the same or another one reads it reordered.

    Parameters
    ----------
    machine : Machine or callable
        Anything with ``log_prob`` (see :class:`Machine`), or a function of sequences that returns
        (N, T) nats per step.
    sequences : array_like, (N, T, m) or (T, m) values, (N, T) or (T,) symbols, or a list of such
        For linear-Gaussian machines NaN is a missing observation: both terms are then log-densities
        of what was observed.
    reversal : Reversal
        By default all steps are reversed. Sequences on which it is no bijection are ``skipped``.
    backward : Machine or callable, optional
        The machine that reads the reordered sequence, of any state size: a time-varying one
        predicts and reads y_t with its parameters of time t. By default the machine itself; a
        time-varying machine has two readings (see :class:`TimeVaryingLinearGaussian`), and needs
        to be told.
    keep_per_step : bool
        Whether to return the log-probability of every step in both orders.
    n_threads : int, optional
        For linear-Gaussian machines; by default one for each processor available.

    Returns
    -------
    StochasticEntropyProduction
        With ``sigma``, ``log_forward``, ``log_backward``, each (N,), in nats.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, the sequence and the step; also where a sequence has probability 0
        forward, so that its sigma is undefined.
    NumericalError
        The machine gives NaN, or an unstable filter overflows.

    Notes
    -----
    Source: [S26]_ eqs 7-36. Costs two evaluations of the likelihood. sigma is infinite where the
    reordered sequence has probability 0.

    Examples
    --------
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> ep.stochastic_entropy_production(machine, [[0.1], [0.7], [2.0]]).sigma.round(6)
    array([0.318754])
    """
    keep_per_step = as_flag(keep_per_step, "keep_per_step")
    as_thread_count(n_threads)
    pair = choose_pair(machine, backward, reversal)
    return pair.score(sequences, keep_per_step=keep_per_step, n_threads=n_threads)


def score_reversals(
    machine: Any,
    sequences: Any,
    reversals: Mapping[str, Reversal],
    *,
    backward: Any = None,
    keep_per_step: bool = False,
) -> dict[str, StochasticEntropyProduction]:
    """Entropy production of given sequences under several reversals.

    The order as given is scored once for all of them, and machines that take sequences of different
    lengths together get all orders at once.

    Parameters
    ----------
    machine, sequences, backward, keep_per_step
        As in :func:`stochastic_entropy_production`.
    reversals : mapping of str to Reversal
        At least one.

    Returns
    -------
    dict of str to StochasticEntropyProduction
        By the names of the reversals.

    Raises
    ------
    ValueError, TypeError, NumericalError
        As :func:`stochastic_entropy_production`.

    Notes
    -----
    Source: [S26]_ eqs 7-36.

    Examples
    --------
    >>> import entroprod as ep
    >>> machine = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], [[1, 0], [0, 1]])
    >>> reversals = {"step": ep.TokenReversal(), "half": ep.BlockReversal(length=4)}
    >>> results = ep.score_reversals(machine, machine.sample(8, 3, rng=0), reversals)
    >>> {name: result.n_blocks.tolist() for name, result in results.items()}
    {'step': [8, 8, 8], 'half': [2, 2, 2]}
    """
    keep_per_step = as_flag(keep_per_step, "keep_per_step")
    if not isinstance(reversals, Mapping) or not reversals:
        raise TypeError("reversals must be a mapping of names to reversals, and not empty")
    for name, reversal in reversals.items():
        require_reversal(reversal, f"reversals[{name!r}]")
    pair = choose_pair(machine, backward)
    return pair.score_reversals(sequences, reversals, keep_per_step=keep_per_step)
