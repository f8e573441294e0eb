"""Laws of the entropy production rate: the spectral integral, the slope, and where it is zero.

theory: f(w) is the spectral density matrix of the output, A = transition, F = state_matrix.
"""

from __future__ import annotations

import math

import numpy as np

from entroprod.gaussian import core
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.laws.gaussian_case import GaussianCase, state_scales
from entroprod.laws.gaussian_pair_case import DECAY, Array
from entroprod.laws.law import law
from entroprod.laws.measurement import ONE_NAT, Measurement, NotApplicable
from entroprod.laws.pair_case import (
    ABSOLUTE_FLOOR,
    EPSILON,
    RATE_ACCURACY,
    RATE_FLOOR,
    RELATIVE_ACCURACY,
    PairCase,
)

MAX_POINTS = 2**19
CHUNK = 2**13
# Frequencies times n^3 that the quadrature may cost: about two seconds.
MAX_WORK = 2**27


@law(
    "the rate is the spectral integral of tr(conj(f)^-1 Im f f^-1 (Im f)^T)",
    "accuracy of the rate, error of the quadrature, and rounding of the spectrum",
    on=GaussianCase,
)
def rate_is_spectral(case: GaussianCase) -> Measurement:
    """The rate against an integral over frequencies, a sum of squares without cancellation."""
    rate = case.rate
    n_points = _points(case)
    values = spectral_integrand(case.machine, n_points)
    integral = float(np.mean(values))
    quadrature = abs(integral - float(np.mean(values[::2])))

    def coarse(machine: LinearGaussian) -> float:
        return float(np.mean(spectral_integrand(machine, n_points // 2)))

    root = math.sqrt(max(0.0, integral))
    moved = case.root_sensitivity(case.machine, coarse)
    rounding = 2 * root * moved + moved**2
    tolerance = RATE_ACCURACY * abs(rate) + RATE_FLOOR + quadrature + rounding
    return Measurement(abs(rate - integral), tolerance, max(integral, ABSOLUTE_FLOOR))


@law(
    "the rate is the slope of S_y(T) once the transient is over",
    "the error allowed to S_y at both lengths, over their distance",
    on=PairCase,
)
def rate_is_slope(case: PairCase) -> Measurement:
    """The rate against (S_y(2 N) - S_y(N)) / N, with N past the transient."""
    rate = case.rate
    steps = case.steps_past_transient()
    ends = [case.total_at(n * steps) for n in (1, 2)]
    if math.isinf(rate) or math.isinf(ends[0].total):
        same = math.isinf(ends[1].total) == math.isinf(rate)
        return Measurement(0.0 if same else math.inf, 0.0, 1.0)
    slope = (ends[1].total - ends[0].total) / steps
    errors = sum(RELATIVE_ACCURACY * abs(end.total) + end.rounding_error for end in ends)
    tolerance = RATE_ACCURACY * abs(rate) + (errors + 2 * ABSOLUTE_FLOOR) / steps
    return Measurement(abs(rate - slope), tolerance, max(rate, ABSOLUTE_FLOOR))


@law(
    "one output: the rate is zero, S_y(T) stays bounded",
    "the rounding error that the recursions state, and the floor of a rate",
    on=GaussianCase,
)
def scalar_output(case: GaussianCase) -> Measurement:
    """The recursions' own rate, which isn't told that there is one output."""
    if case.machine.n_outputs > 1:
        raise NotApplicable(f"the machine has {case.machine.n_outputs} outputs")
    stated = case.rate
    found = core.rate(case.machine, "auto")
    allowed = found.rounding_error + RATE_FLOOR
    return Measurement(max(abs(found.value), abs(stated)), allowed, ONE_NAT)


@law(
    "VAR(1) with Phi S symmetric: detailed balance, the rate is zero",
    "floor of the closed forms, and rounding of Phi S",
    on=GaussianCase,
)
def symmetric_var(case: GaussianCase) -> Measurement:
    """The rate of a first-order autoregression whose coefficient matrix commutes with its noise."""
    machine = case.machine
    if np.any(machine.state_matrix):
        raise NotApplicable("not a first-order autoregression: its state matrix is not zero")
    lagged = machine.output_matrix @ machine.input_matrix @ machine.innovation_cov
    spread = np.sqrt(np.diag(machine.innovation_cov))
    asymmetry = float(np.max(np.abs(lagged - lagged.T) / np.outer(spread, spread)))
    if asymmetry > machine.n_outputs * EPSILON * 8:
        raise NotApplicable(f"coefficients times noise are not symmetric (by {asymmetry:.1e})")
    condition = np.linalg.cond(machine.innovation_cov / np.outer(spread, spread))
    rounding = machine.n_outputs * (condition * (asymmetry + EPSILON)) ** 2 / case.gap
    return Measurement(abs(case.rate), ABSOLUTE_FLOOR + float(rounding), ONE_NAT)


def _points(case: GaussianCase) -> int:
    """Trapezoid points whose error, the spectral radius to that power, is below rounding."""
    machine = case.machine
    needed = max(64.0, DECAY / case.gap)
    n_points = 1 << math.ceil(math.log2(needed))
    work = n_points * max(machine.n_states, machine.n_outputs) ** 3
    if n_points > MAX_POINTS or work > MAX_WORK:
        raise NotApplicable(
            f"the quadrature would need {n_points} frequencies for {machine.n_states} states: "
            "the spectral radius is too near 1"
        )
    return n_points


def spectral_integrand(machine: LinearGaussian, n_points: int) -> Array:
    """(n_points,) tr(conj(f)^-1 Im f f^-1 (Im f)^T) on a uniform grid of [0, 2 pi), nats per step.

    Outputs are whitened with the innovations and states scaled to one: neither changes the value.
    """
    factor = np.linalg.cholesky(machine.innovation_cov)
    scales = state_scales(machine, 100)
    inputs = machine.input_matrix @ factor / scales[:, None]
    output = np.linalg.solve(factor, machine.output_matrix) * scales
    transition = machine.transition * scales / scales[:, None]
    values = np.empty(n_points)
    for start in range(0, n_points, CHUNK):
        stop = min(n_points, start + CHUNK)
        shift = np.exp(2j * np.pi / n_points * np.arange(start, stop))
        resolvent = shift[:, None, None] * np.eye(len(transition)) - transition
        drive = np.broadcast_to(inputs.astype(complex), (len(shift), *inputs.shape))
        response = np.eye(len(output)) + output @ np.linalg.solve(resolvent, drive)
        density = response @ response.conj().transpose(0, 2, 1)
        antisymmetric = (density.imag - density.imag.transpose(0, 2, 1)).astype(complex) / 2
        left = np.linalg.solve(density.conj(), antisymmetric)
        right = np.linalg.solve(density, antisymmetric.transpose(0, 2, 1))
        values[start:stop] = np.einsum("wij,wji->w", left, right).real
    return values
