"""Stochastic entropy production of given sequences, under any machine and any reversal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from entroprod.arrays import FloatArray, as_flag, as_read_only
from entroprod.machine import AnyArray, as_machine, log_probs, provenance, read_sequences
from entroprod.reversals import (
    IntArray,
    Irreversible,
    Plan,
    Reversal,
    TokenReversal,
    require_reversal,
)
from entroprod.time_varying import TimeVaryingLinearGaussian
from entroprod.trajectory import gaussian
from entroprod.trajectory.result import Skipped, StochasticEntropyProduction

TOKEN_REVERSAL = TokenReversal()


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
    require_reversal(reversal, "reversal")
    if isinstance(reversal, TokenReversal) and not keep_per_step:
        fast = gaussian.score(machine, sequences, backward, n_threads)
        if fast is not None:
            return _of_steps(*fast, reversal, machine)
    results = score_reversals(
        machine, sequences, {"sigma": reversal}, backward=backward, keep_per_step=keep_per_step
    )
    return results["sigma"]


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
    machine = as_machine(machine, "machine")
    given = read_sequences(machine, sequences)
    other = backward_reader(machine, backward)
    plans = {name: plan_all(reversal, given) for name, reversal in reversals.items()}
    ahead, back = score_plans(machine, other, given, plans)
    told = provenance(machine)
    return {
        name: collect(reversal, plans[name], ahead, back[name], told, keep_per_step=keep_per_step)
        for name, reversal in reversals.items()
    }


def backward_reader(machine: Any, backward: Any) -> Any:
    """The machine that reads the reordered sequences."""
    other = machine if backward is None else as_machine(backward, "backward")
    if any(isinstance(one, TimeVaryingLinearGaussian) for one in (machine, other)):
        raise TypeError(
            "a TimeVaryingLinearGaussian is only read backwards as a whole: with TokenReversal() "
            "and without keep_per_step, by linear-Gaussian machines"
        )
    for name in ("n_symbols", "n_outputs"):
        mine, its = getattr(machine, name, None), getattr(other, name, None)
        if mine is not None and its is not None and mine != its:
            raise ValueError(f"backward must have {name} = {mine}, as machine has; got {its}")
    return other


PlanOrReason = Plan | str


def plan_all(reversal: Reversal, sequences: Sequence[AnyArray]) -> list[PlanOrReason]:
    """How each sequence is reordered, or the reason why it can't be."""
    return [plan_one(reversal, sequence) for sequence in sequences]


def plan_one(reversal: Reversal, sequence: AnyArray) -> PlanOrReason:
    """How a sequence is reordered, or the reason why it can't be."""
    try:
        plan = reversal.plan(sequence)
    except Irreversible as error:
        return str(error)
    if len(plan.order) + plan.n_cut_off != len(sequence):
        raise ValueError(
            f"the plan of {reversal!r} covers {len(plan.order) + plan.n_cut_off} steps "
            f"of a sequence of {len(sequence)}"
        )
    return plan


def score_plans(
    machine: Any,
    other: Any,
    sequences: Sequence[AnyArray],
    plans: Mapping[str, Sequence[PlanOrReason]],
    ahead: Sequence[FloatArray] | None = None,
) -> tuple[list[FloatArray], dict[str, list[FloatArray | None]]]:
    """Nats per step of all sequences, and of all their reorderings, in one go where possible.

    ``ahead`` are those of the sequences as they are, where they are known already. A sequence that
    stays as it is isn't scored again, so that its sigma is exactly 0.
    """
    forward = [(i, "") for i in range(len(sequences))] if ahead is None else []
    moved = [
        (i, name, plan)
        for name, of_one in plans.items()
        for i, plan in enumerate(of_one)
        if isinstance(plan, Plan) and not (other is machine and plan.is_identity)
    ]
    first = [sequences[i] for i, _ in forward]
    second = [sequences[i][plan.order] for i, _, plan in moved]
    names = [f"sequences[{i}]" for i, _ in forward]
    moved_names = [f"sequences[{i}] reordered ({name})" for i, name, _ in moved]
    if other is machine:
        values = log_probs(machine, first + second, names + moved_names, "machine")
    else:
        values = log_probs(machine, first, names, "machine")
        values += log_probs(other, second, moved_names, "backward")
    straight = list(values[: len(first)]) if ahead is None else list(ahead)
    back: dict[str, list[FloatArray | None]] = {name: [None] * len(sequences) for name in plans}
    for (i, name, _), row in zip(moved, values[len(first) :]):
        back[name][i] = row
    return straight, back


def collect(
    reversal: Reversal,
    plans: Sequence[PlanOrReason],
    ahead: Sequence[FloatArray],
    back: Sequence[FloatArray | None],
    told: dict[str, Any] | None = None,
    *,
    keep_per_step: bool = False,
) -> StochasticEntropyProduction:
    """The result of one reversal from the values of every step in both orders."""
    index: list[int] = []
    skipped: list[Skipped] = []
    forward: list[FloatArray] = []
    backward: list[FloatArray] = []
    kept: list[Plan] = []
    for i, plan in enumerate(plans):
        if isinstance(plan, str):
            skipped.append(Skipped(i, plan))
            continue
        index.append(i)
        kept.append(plan)
        straight, moved = ahead[i][: len(plan.order)], back[i]
        _require_possible(straight, i)
        forward.append(straight)
        backward.append(straight if moved is None else moved[plan.inverse])
    log_forward = _sums(forward)
    log_backward = _sums(backward)
    return StochasticEntropyProduction(
        sigma=as_read_only(log_forward - log_backward),
        log_forward=as_read_only(log_forward),
        log_backward=as_read_only(log_backward),
        lengths=_integers([len(plan.order) for plan in kept]),
        index=_integers(index),
        block_starts=tuple(plan.starts for plan in kept),
        n_cut_off=_integers([plan.n_cut_off for plan in kept]),
        skipped=tuple(skipped),
        reversal=reversal,
        per_step_forward=tuple(map(_locked, forward)) if keep_per_step else None,
        per_step_backward=tuple(map(_locked, backward)) if keep_per_step else None,
        provenance=told or {},
    )


def _of_steps(
    log_forward: FloatArray,
    log_backward: FloatArray,
    n_steps: int,
    reversal: Reversal,
    machine: Any,
) -> StochasticEntropyProduction:
    """The result of paths of one length, all steps reversed."""
    n_paths = len(log_forward)
    return StochasticEntropyProduction(
        sigma=as_read_only(log_forward - log_backward),
        log_forward=as_read_only(log_forward),
        log_backward=as_read_only(log_backward),
        lengths=_integers([n_steps] * n_paths),
        index=_integers(range(n_paths)),
        block_starts=(_integers(range(n_steps)),) * n_paths,
        n_cut_off=_integers([0] * n_paths),
        skipped=(),
        reversal=reversal,
        per_step_forward=None,
        per_step_backward=None,
        provenance=provenance(machine),
    )


def _require_possible(forward: FloatArray, index: int) -> None:
    impossible = np.isneginf(forward)
    if impossible.any():
        step = int(np.flatnonzero(impossible)[0]) + 1
        raise ValueError(
            f"sequences[{index}] has probability 0 under the machine, from step {step} on: "
            "its sigma is undefined"
        )


def _sums(rows: Sequence[FloatArray]) -> FloatArray:
    return np.array([row.sum() for row in rows], dtype=np.float64)


def _integers(values: Sequence[int]) -> IntArray:
    array = np.array(values, dtype=np.int64)
    array.flags.writeable = False
    return array


def _locked(row: FloatArray) -> FloatArray:
    return as_read_only(row.copy())
