"""Laws of Markov chains: closed forms against enumeration, and what detailed balance means."""

from __future__ import annotations

import math

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.discrete.enumeration import Enumeration, enumerate_sequences
from entroprod.laws.law import law
from entroprod.laws.measurement import Measurement, NotApplicable
from entroprod.laws.pair_case import EPSILON, RATE_ACCURACY, ROUNDING_SLACK
from entroprod.laws.symbol_case import ChainCase

_WHY = "rounding of the closed forms, and of sums over all sequences"


@law("S_y(1) .. S_y(T) of a chain are those of all its sequences", _WHY, on=ChainCase)
def chain_curve_is_enumerated(case: ChainCase) -> Measurement:
    """The curve in closed form against enumeration."""
    n_steps = case.enumerated_steps
    expected = _every(case).entropy_production_curve()
    return _compare(case, case.curve[:n_steps], expected)


@law("D_t, L_t and M_t of a chain are those of all its sequences", _WHY, on=ChainCase)
def chain_decomposition_is_enumerated(case: ChainCase) -> Measurement:
    """The decomposition in closed form against conditioning by enumeration, the worst value."""
    n_steps = case.enumerated_steps
    found, expected = case.total_at(n_steps), _every(case).entropy_production()
    names = ("retrospective", "compression_loss", "model_mismatch")
    return _compare(
        case,
        np.concatenate([getattr(found, name) for name in names]),
        np.concatenate([getattr(expected, name) for name in names]),
    )


@law(
    "the rate is half the sum of currents times forces, (J_ij - J_ji) ln(J_ij / J_ji)",
    "rounding of the stationary distribution, and the accuracy of the rate",
    on=ChainCase,
    source="[S76]",
)
def rate_is_currents_times_forces(case: ChainCase) -> Measurement:
    """The rate against the stationary flows J_ij = pi_i P_ij."""
    case.require_own_reader()
    flow = case.stationary[:, np.newaxis] * case.machine.transition
    if math.isinf(case.rate):
        one_way = bool(np.any((case.machine.transition > 0) & (case.machine.transition.T == 0)))
        return Measurement(0.0 if one_way else math.inf, 0.0, 1.0)
    both = (flow > 0) & (flow.T > 0)
    forces = np.log(np.where(both, flow, 1.0) / np.where(both, flow.T, 1.0))
    expected = float(np.sum((flow - flow.T) * forces)) / 2
    allowed = RATE_ACCURACY * expected + _rounding(case) * float(np.sum(flow * np.abs(forces)) + 1)
    return Measurement(abs(case.rate - expected), allowed, max(expected, 1.0))


@law(
    "detailed balance: pi_i P_ij = pi_j P_ji, and neither rate nor S_y from pi",
    "rounding of the balance, squared over the flows, and of the closed forms",
    on=ChainCase,
    source="[S76]",
)
def detailed_balance(case: ChainCase) -> Measurement:
    """The rate and, from the stationary start, the total of a chain in detailed balance."""
    case.require_own_reader()
    pi = case.stationary
    flow = pi[:, np.newaxis] * case.machine.transition
    gap = float(np.max(np.abs(flow - flow.T)))
    rounding = _rounding(case)
    if gap > rounding:
        raise NotApplicable(f"the chain isn't in detailed balance (by {gap:.1e})")
    values = [case.rate]
    if np.max(np.abs(case.machine.initial - pi)) <= rounding:
        values.append(case.total / case.n_steps)
    smallest = float(np.min(flow, where=flow > 0, initial=1.0))
    allowed = flow.size * rounding**2 / smallest + rounding
    return Measurement(max(abs(value) for value in values), allowed, 1.0)


def _rounding(case: ChainCase) -> float:
    """Of the eigenvector, amplified by the distance of the second eigenvalue from 1."""
    gap = max(EPSILON, -math.expm1(-1.0 / case.steps_past_transient()))
    return ROUNDING_SLACK * EPSILON * len(case.machine.transition) / gap


def _every(case: ChainCase) -> Enumeration:
    return enumerate_sequences(case.machine, case.enumerated_steps, backward=case.backward)


def _compare(case: ChainCase, found: FloatArray, expected: FloatArray) -> Measurement:
    off = np.where(found == expected, 0.0, np.abs(found - expected))
    finite = expected[np.isfinite(expected)]
    scale = max(1.0, float(np.max(np.abs(finite), initial=0.0)))
    allowed = case.enumeration_error + ROUNDING_SLACK * EPSILON * scale
    return Measurement(float(np.max(off)), allowed, scale, detail=case.enumeration_is)
