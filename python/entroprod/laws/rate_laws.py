"""Laws of the entropy production rate: the spectral integral, the slope, and where it is zero.

theory: f(w) is the spectral density matrix of the output, A = transition, F = state_matrix.
"""

from __future__ import annotations

import math

import numpy as np

from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.production import rate_by_doubling
from entroprod.laws.case import (
    ABSOLUTE_FLOOR,
    EPSILON,
    RELATIVE_ACCURACY,
    Array,
    Case,
    state_scales,
)
from entroprod.laws.law import ONE_NAT, Measurement, NotApplicable, law
from entroprod.questions import production

# Powers of the spectral radius are run down to exp(-DECAY): below rounding with room for the
# polynomial factors of repeated eigenvalues.
DECAY = 60.0
MAX_POINTS = 2**19
CHUNK = 2**13
# Frequencies times n^3 that the quadrature may cost: about two seconds.
MAX_WORK = 2**27
# Relative error of a rate, and the floor in nats per step under which it counts as zero: a
# nearly reversible machine at 1e-14 nats per step must still be right to 1e-6.
RATE_ACCURACY = 1e-10
RATE_FLOOR = 1e-20


@law(
    "the rate is the spectral integral of tr(conj(f)^-1 Im f f^-1 (Im f)^T)",
    "accuracy of the rate, error of the quadrature, and rounding of the spectrum",
)
def rate_is_spectral(case: Case) -> Measurement:
    """The rate against an integral over frequencies, a sum of squares without cancellation."""
    rate = case.rate
    n_points = _points(case.machine)
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
)
def rate_is_slope(case: Case) -> Measurement:
    """The rate against (S_y(2 N) - S_y(N)) / N, with N past the transient."""
    rate = case.rate
    steps = max(1000, math.ceil(DECAY / _gap(case.machine)))
    ends = [production.entropy_production(case.machine, n * steps) for n in (1, 2)]
    slope = (ends[1].total - ends[0].total) / steps
    errors = sum(RELATIVE_ACCURACY * abs(end.total) + end.rounding_error for end in ends)
    tolerance = RATE_ACCURACY * abs(rate) + (errors + 2 * ABSOLUTE_FLOOR) / steps
    return Measurement(abs(rate - slope), tolerance, max(rate, ABSOLUTE_FLOOR))


@law(
    "one output: the rate is zero, S_y(T) stays bounded",
    "the rounding error that the recursions state, and the floor of a rate",
)
def scalar_output(case: Case) -> Measurement:
    """The recursions' own rate, which isn't told that there is one output."""
    if case.machine.n_outputs > 1:
        raise NotApplicable(f"the machine has {case.machine.n_outputs} outputs")
    stated = case.rate
    rate, error = rate_by_doubling(case.machine, "auto")
    return Measurement(max(abs(rate), abs(stated)), error + RATE_FLOOR, ONE_NAT)


@law(
    "VAR(1) with Phi S symmetric: detailed balance, the rate is zero",
    "floor of the closed forms, and rounding of Phi S",
)
def symmetric_var(case: Case) -> Measurement:
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
    rounding = machine.n_outputs * (condition * (asymmetry + EPSILON)) ** 2 / _gap(machine)
    return Measurement(abs(case.rate), ABSOLUTE_FLOOR + float(rounding), ONE_NAT)


def _gap(machine: LinearGaussian) -> float:
    """Decay of both memories, nats of amplitude per step: minus the log of the spectral radius."""
    radius = max(machine.spectral_radius, machine.filter_spectral_radius)
    if radius >= 1:
        raise NotApplicable(f"an eigenvalue of modulus {radius:.6g} does not decay")
    return -math.log(radius) if radius > 0 else math.inf


def _points(machine: LinearGaussian) -> int:
    """Trapezoid points whose error, the spectral radius to that power, is below rounding."""
    needed = max(64.0, DECAY / _gap(machine))
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
