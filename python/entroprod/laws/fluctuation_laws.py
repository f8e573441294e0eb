"""Laws of sigma for any machine: the fluctuation theorem and the second law.

By enumeration they are exact. By sampling they hold on average, and are left undecided where few
paths carry the average; the sampled lengths are halved until they don't.

theory: [S26] eqs 14-36. Sequences that are impossible but whose reordering is possible have no
sigma, and their share is lost to E[exp(-sigma)]; for a reversal that undoes itself it is the
probability of an infinite sigma.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from entroprod.laws.law import law
from entroprod.laws.machine_case import REVERSALS, MachineCase
from entroprod.laws.measurement import DECISIVE_FOR_MACHINES, Measurement, NotApplicable, Worst
from entroprod.laws.monte_carlo_laws import N_STANDARD_ERRORS
from entroprod.laws.precision import sizes
from entroprod.laws.proposals import require_carried_by_many

_ROUNDING = "the machine's precision, per log-probability of both orders, weighted"
_FIVE = (
    "five standard errors, the larger of what the weights give and what E[exp(-2 sigma)] does as "
    "an average over the reader's paths, E[exp(sigma)] of a machine that reads itself"
)


@law(
    "E[exp(-sigma)] = 1 over all sequences, symbols reversed",
    _ROUNDING,
    on=MachineCase,
    symbols=True,
    source="[S26] eqs 14-36",
)
def enumerated_fluctuation(case: MachineCase) -> Measurement:
    """|E[exp(-sigma)] + lost share - 1| by enumeration."""
    return _by_enumeration(case, "token")


@law(
    "E[exp(-sigma)] = 1 over all sequences, blocks of two symbols reversed",
    _ROUNDING,
    on=MachineCase,
    symbols=True,
)
def enumerated_block_fluctuation(case: MachineCase) -> Measurement:
    """|E[exp(-sigma)] + lost share - 1| by enumeration."""
    return _by_enumeration(case, "block")


def _by_enumeration(case: MachineCase, name: str) -> Measurement:
    found = case.enumerated_production[name]
    possible = case.enumerated_possible
    probabilities = np.exp(found.log_forward)
    with np.errstate(invalid="ignore"):
        terms = np.where(np.isinf(found.sigma), 0.0, probabilities * np.exp(-found.sigma))
    impossible = case.enumerated[~possible]
    lost = 0.0
    if len(impossible):
        orders = np.stack([REVERSALS[name].plan(one).order for one in impossible])
        moved = np.take_along_axis(impossible, orders, axis=1)
        lost = float(np.exp(case.score(moved, by=case.reader).sum(axis=1)).sum())
    ahead = np.stack(found.per_step_forward or ())
    back = np.stack(found.per_step_backward or ())
    size = sizes(ahead) + sizes(np.where(np.isfinite(back), back, 0.0))
    tolerance = case.tolerance * (float(np.sum(terms * size)) + lost * ahead.shape[1])
    mean = float(terms.sum())
    worst = Worst()
    worst.see(abs(mean + lost - 1), tolerance, f"it is {mean:.6g}")
    text = case.enumeration_is
    if lost:
        text += f", {len(impossible)} of them impossible, which lose {lost:.3g}"
    return worst.measurement(text, case.precision.source)


@law(
    "the mean of sigma is not negative: the second law",
    _ROUNDING + "; five standard errors where it is sampled",
    on=MachineCase,
    source="[S26] eqs 14-36",
)
def second_law(case: MachineCase) -> Measurement:
    """How far below zero the mean of sigma is, by enumeration where the alphabet allows it."""
    worst = Worst()
    try:
        found = case.enumerated_production["token"]
    except NotApplicable:
        sigma = case.path_sigma(case.n_steps, "token")
        mean = float(sigma.mean())
        error = 0.0
        if math.isfinite(mean):
            error = N_STANDARD_ERRORS * float(sigma.std()) / math.sqrt(len(sigma))
        tolerance = error + case.tolerance * case.n_steps
        detail = f"{case.paths_are} of T = {case.n_steps}; it is {mean:.6g}"
        return Measurement(max(0.0, -mean), tolerance, max(1.0, tolerance), 1.0, detail)
    terms = np.exp(found.log_forward) * found.sigma
    ahead = np.stack(found.per_step_forward or ())
    back = np.stack(found.per_step_backward or ())
    size = sizes(ahead) + sizes(np.where(np.isfinite(back), back, 0.0))
    tolerance = case.tolerance * float(np.sum(np.exp(found.log_forward) * size))
    mean = float(terms.sum())
    worst.see(max(0.0, -mean), tolerance, "")
    return worst.measurement(f"{case.enumeration_is}; it is {mean:.6g}", case.precision.source)


@law("E[exp(-sigma)] + P(sigma infinite) = 1 over paths, steps reversed", _FIVE, on=MachineCase)
def sampled_fluctuation(case: MachineCase) -> Measurement:
    """|mean - 1| over sampled paths of the largest length that decides."""
    return _at_some_length(case, "token", _mean_weight)


@law(
    "E[exp(-sigma)] + P(sigma infinite) = 1 over paths, blocks of two steps reversed",
    _FIVE,
    on=MachineCase,
)
def sampled_block_fluctuation(case: MachineCase) -> Measurement:
    """|mean - 1| over sampled paths of the largest even length that decides."""
    return _at_some_length(case, "block", _mean_weight)


@law(
    "E[tanh(sigma/2) / (1 + exp(sigma))] = 0: each path and its reverse balance",
    "five standard errors of a bounded quantity",
    on=MachineCase,
)
def reversed_pairs_balance(case: MachineCase) -> Measurement:
    """The fluctuation theorem of single pairs, which no rare path can dominate.

    A path y and its reverse have P(y) tanh(sigma/2)/(1 + e^sigma) in common but for the sign, since
    P(reverse) = P(y) e^-sigma and sigma(reverse) = -sigma.
    """
    case.require_own_reader()
    case.require_reversible()
    return _at_some_length(case, "token", _balance)


def _mean_weight(case: MachineCase, n_steps: int, name: str) -> tuple[float, float]:
    """Mean of e^-sigma, with infinite sigma counted as 1, less 1; and its tolerance."""
    sigma = case.path_sigma(n_steps, name)
    infinite = np.isinf(sigma)
    weights = np.where(infinite, 1.0, np.exp(-sigma))
    require_carried_by_many(weights, "E[exp(-sigma)]")
    # Where rare heavy paths are missing from the one average, they show in the other.
    second = case.second_moment(n_steps, name)
    if infinite.any() and not case.reads_itself:
        raise NotApplicable("undecided: another machine reads, and sigma may be infinite")
    variance = max(float(weights.var()), second - 1)
    return float(weights.mean()) - 1, N_STANDARD_ERRORS * math.sqrt(variance / len(sigma))


def _balance(case: MachineCase, n_steps: int, name: str) -> tuple[float, float]:
    """Mean of the bounded quantity over its mean size, and its tolerance in the same unit."""
    sigma = case.path_sigma(n_steps, name)
    values = np.tanh(sigma / 2) / (1 + np.exp(np.minimum(sigma, 700.0)))
    size = float(np.abs(values).mean())
    if size == 0.0:
        return 0.0, 0.0  # sigma is 0 of every path: a reversible machine
    require_carried_by_many(np.abs(values), "the balance of pairs")
    error = N_STANDARD_ERRORS * float(values.std()) / math.sqrt(len(values))
    return float(values.mean()) / size, error / size


def _at_some_length(
    case: MachineCase, name: str, measure: Callable[[MachineCase, int, str], tuple[float, float]]
) -> Measurement:
    """Measure at the largest of the lengths T, T/2, T/4 .. at which the average decides."""
    case.path_sigma(case.n_steps, name)  # what hinders it at all lengths is raised here
    shortest = 4 if name == "block" else 2
    n_steps = case.n_steps - case.n_steps % 2 if name == "block" else case.n_steps
    if n_steps < shortest:
        raise NotApplicable(f"needs n_steps >= {shortest}")
    undecided = ""
    while n_steps >= shortest:
        try:
            residual, tolerance = measure(case, n_steps, name)
        except NotApplicable as reason:
            undecided = undecided or str(reason)
        else:
            tolerance += 2 * case.tolerance * n_steps
            if tolerance <= DECISIVE_FOR_MACHINES or math.isnan(tolerance):
                worst = Worst()
                worst.see(abs(residual), tolerance, f"{residual:+.3g} from it")
                return worst.measurement(f"{case.paths_are} of T = {n_steps}")
            undecided = undecided or f"undecided: sampling alone may reach {tolerance:.1e}"
        n_steps //= 2
        n_steps -= n_steps % 2 if name == "block" else 0
    raise NotApplicable(f"{undecided}; shorter sequences don't decide it either")
