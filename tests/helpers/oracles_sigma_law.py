"""Slow, obvious twins of the law of sigma."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import oracles
from oracles import Array, CanonicalForm

# Digits that the quadrature works with, many more than are compared: sums of exponents cancel.
DIGITS = 40
QUADRATURE_DIGITS = 20


def excess(machine: CanonicalForm, n_steps: int) -> Array:
    """(T m, T m) R R^T - I, long double."""
    dense = oracles.reversal_matrix(machine, n_steps)
    return np.asarray(dense @ dense.T - np.eye(len(dense)))


def variance(machine: CanonicalForm, n_steps: int) -> float:
    """Var sigma = |R R^T - I|^2 / 2 from the dense matrix, nats^2."""
    return float(np.sum(excess(machine, n_steps) ** 2) / 2)


def variance_by_parts(machine: CanonicalForm, n_steps: int) -> float:
    """Var sigma = 2 S_y + 4 tr K^4, K = (R - R^T)/2: sums of squares, which don't cancel."""
    dense = oracles.reversal_matrix(machine, n_steps)
    odd = (dense - dense.T) / 2
    return float(2 * np.sum(odd**2) + 4 * np.sum((odd @ odd) ** 2))


def variance_rate(machine: CanonicalForm, n_points: int) -> float:
    """lim Var sigma / T: half the mean over frequencies of tr (conj(f)^-1 f - I)^2."""
    density = oracles.spectrum(machine, n_points)
    ratio = np.linalg.solve(density.conj(), density) - np.eye(density.shape[1])
    return float(np.mean(np.einsum("wij,wji->w", ratio, ratio).real) / 2)


def equal_pairs_pdf(sine: float, n_pairs: int, x: float) -> float:
    """Density of sigma with ``n_pairs`` equal pairs of weights.

    sigma is then a difference of two gamma variables: a variance-gamma law, whose density is a
    Bessel function. ``sine`` is a = sinh theta.
    """
    with mpmath.workdps(DIGITS):
        a, place = mpmath.mpf(sine), mpmath.mpf(x)
        order = mpmath.mpf(n_pairs - 1) / 2
        slope = mpmath.sqrt(1 + a * a) / (2 * a)
        even = (abs(place) / (2 * slope)) ** order * mpmath.besselk(order, slope * abs(place))
        norm = (2 * a) ** n_pairs * mpmath.sqrt(mpmath.pi) * mpmath.gamma(mpmath.mpf(n_pairs) / 2)
        return float(mpmath.exp(place / 2) * even / norm)


def equal_pairs_tail(sine: float, n_pairs: int, x: float) -> float:
    """P(sigma > x) for x > 0, P(sigma < x) for x < 0, with two or four equal pairs of weights.

    sigma = w_+ E - |w_-| E' with gamma variables of shape 1 or 2; the tail is that of the one
    beyond |x| plus the other.
    """
    with mpmath.workdps(DIGITS):
        angle = 2 * mpmath.asinh(mpmath.mpf(sine))
        own, other = mpmath.expm1(angle), -mpmath.expm1(-angle)
        if x < 0:
            own, other = other, own
        distance = abs(mpmath.mpf(x)) / own
        both = 1 / own + 1 / other
        if n_pairs == 2:
            return float(mpmath.exp(-distance) / (other * both))
        inner = (1 + distance) / both**2 + 2 / own / both**3
        return float(mpmath.exp(-distance) * inner / other**2)


def pdf_by_fourier(gaps: Array, x: float) -> float:
    """Density by quadrature along the line of symmetry Re s = -1/2, on which K is real.

    exp(x/2)/pi int_0^inf cos(t x) prod_j (1 + g_j (1/4 + t^2))^(-1/2) dt: needs many gaps, to decay
    before it oscillates.
    """
    with mpmath.workdps(QUADRATURE_DIGITS):
        values = [mpmath.mpf(float(gap)) for gap in gaps]

        def integrand(t: Any) -> Any:
            factors = [1 + gap * (mpmath.mpf(1) / 4 + t * t) for gap in values]
            return mpmath.cos(t * x) / mpmath.sqrt(mpmath.fprod(factors))

        width = 1 / mpmath.sqrt(mpmath.fsum(values))
        places = [width * k for k in range(0, 80, 2)]
        return float(mpmath.exp(mpmath.mpf(x) / 2) / mpmath.pi * mpmath.quad(integrand, places))
