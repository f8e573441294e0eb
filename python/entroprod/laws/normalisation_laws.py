"""Laws of probabilities that add up to one: over all sequences, and over the next step."""

from __future__ import annotations

import math

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.sequences import AnyArray
from entroprod.laws.law import law
from entroprod.laws.machine_case import SCORED_SYMBOLS, MachineCase
from entroprod.laws.measurement import Measurement, Worst
from entroprod.laws.monte_carlo_laws import N_STANDARD_ERRORS
from entroprod.laws.precision import sizes
from entroprod.laws.proposals import Proposal, fit_proposal, require_carried_by_many
from entroprod.laws.quadrature import integrate_next

_PRECISION = "the machine's precision, per log-probability"
# Prefixes whose next step is summed over.
_MOST_PREFIXES = 64
# Draws from the proposal for each prefix.
_N_DRAWS = 4096


@law(
    "the probabilities of all sequences add up to 1",
    _PRECISION + ", weighted",
    on=MachineCase,
    symbols=True,
)
def sequences_add_up_to_one(case: MachineCase) -> Measurement:
    """|sum - 1| by enumeration."""
    scores = case.enumerated_scores
    probabilities = np.exp(scores.sum(axis=1))
    finite = np.where(np.isfinite(scores), scores, 0.0)
    tolerance = case.tolerance * float(np.sum(probabilities * sizes(finite)))
    worst = Worst()
    total = float(probabilities.sum())
    worst.see(abs(total - 1), tolerance, f"the sum is {total:.6g}")
    return worst.measurement(case.enumeration_is, case.precision.source)


@law(
    "the probabilities of the next symbol add up to 1",
    _PRECISION + ", weighted",
    on=MachineCase,
    symbols=True,
)
def next_symbols_add_up_to_one(case: MachineCase) -> Measurement:
    """Largest |sum - 1| over prefixes of all lengths."""
    n_symbols = case.require_symbols()
    each = n_symbols * (case.n_steps + 1) / 2
    n_prefixes = min(_MOST_PREFIXES, case.n_affordable(each, "one prefix with every next symbol"))
    lengths = np.unique(np.linspace(0, case.n_steps - 1, n_prefixes).astype(int))
    per_length = max(1, n_prefixes // len(lengths))
    worst = Worst()
    for length in lengths:
        for prefix in np.unique(case.given[:per_length, :length], axis=0):
            if length and not np.isfinite(case.score(prefix[np.newaxis])).all():
                continue  # an impossible past has no next symbol
            scores = case.next_scores(prefix[np.newaxis])[0]
            probabilities = np.exp(scores)
            finite = np.where(np.isfinite(scores), scores, 0.0)
            allowed = case.tolerance * float(np.sum(probabilities * np.maximum(1, np.abs(finite))))
            off = abs(float(probabilities.sum()) - 1)
            worst.see(off, allowed, f"{probabilities.sum():.6g} after {length} symbols")
    what = f"{worst.n_seen} prefixes of up to {case.n_steps - 1} symbols"
    return worst.measurement(what, case.precision.source)


@law(
    "the density of the next value integrates to 1",
    "the machine's precision, and what half of the nodes change; five standard errors if sampled",
    on=MachineCase,
    symbols=False,
)
def next_values_integrate_to_one(case: MachineCase) -> Measurement:
    """Quadrature for one component; importance sampling from a wider proposal for several."""
    if case.require_values() == 1:
        return _by_quadrature(case)
    return _by_importance(case)


def _by_quadrature(case: MachineCase) -> Measurement:
    worst = Worst()
    for length in np.unique(np.linspace(0, case.n_steps - 1, 4).astype(int)):
        for sequence in case.given[:2]:
            found = integrate_next(case, sequence[:length])
            allowed = case.tolerance * found.scale + found.error
            worst.see(abs(found.total - 1), allowed, f"{found.total:.6g} after {length} values")
    return worst.measurement(f"quadrature after {worst.n_seen} prefixes")


def _by_importance(case: MachineCase) -> Measurement:
    rng = case.generator(6)
    n_draws = min(_N_DRAWS, max(1, SCORED_SYMBOLS // (2 * case.n_steps)))
    worst = Worst()
    for length in sorted({0, case.n_steps - 1}):
        proposal = fit_proposal(case, length, widened=2.0)
        weights = _weights(case, proposal, case.paths[0, :length], rng, n_draws)
        allowed = N_STANDARD_ERRORS * float(weights.std()) / math.sqrt(n_draws) + case.tolerance
        mean = float(weights.mean())
        worst.see(abs(mean - 1), allowed, f"{mean:.4g} after {length} values")
    return worst.measurement(f"{n_draws} values of a wider density after {worst.n_seen} prefixes")


def _weights(
    case: MachineCase,
    proposal: Proposal,
    prefix: AnyArray,
    rng: np.random.Generator,
    n_draws: int,
) -> FloatArray:
    """p / q of the next value, drawn from the proposal q: their mean is the integral of p."""
    before = prefix[-1:] if len(prefix) else None
    draws, log_density = proposal.draw(rng, n_draws, before)
    longer = np.empty((n_draws, len(prefix) + 1, draws.shape[1]))
    longer[:, :-1], longer[:, -1] = prefix, draws
    weights: FloatArray = np.exp(case.score(longer)[:, -1] - log_density)
    require_carried_by_many(weights, "the integral by sampling")
    return weights
