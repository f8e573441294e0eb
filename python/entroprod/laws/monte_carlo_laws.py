"""Sampled sigma against its exact law: a generalised chi-square with the weights mu - 1.

theory: mu are the eigenvalues of R^T R, squares of the singular values of R. The cumulants of
sigma are (k - 1)!/2 * sum (mu - 1)^k, and E[exp(-l sigma)] = prod (1 + l (mu - 1))^(-1/2) where it
is finite.
"""

from __future__ import annotations

import math

import numpy as np

from entroprod.laws.gaussian_case import GaussianCase
from entroprod.laws.gaussian_pair_case import Array
from entroprod.laws.law import law
from entroprod.laws.measurement import ONE_NAT, Measurement, NotApplicable
from entroprod.laws.pair_case import PairCase

# A sound machine exceeds five standard errors once in about 1.7 million normal trials.
N_STANDARD_ERRORS = 5.0
# Averages with a finite variance but no fourth moment are not normal in their tails: by Chebyshev
# twenty are exceeded once in 400 at the very worst, in practice far more rarely.
N_HEAVY_STANDARD_ERRORS = 20.0
# An average over paths known to worse than this part of its natural size decides nothing.
_DECISIVE = 0.3
_FIVE = "five standard errors, from the exact law of sigma"


@law(
    "the mean of sigma over sampled paths is S_y",
    _FIVE + " where that is known, else from the sampled ones",
    on=PairCase,
    source="[S26] eqs 14-36",
)
def mean_of_sigma(case: PairCase) -> Measurement:
    """Monte-Carlo mean against the exact value."""
    total = case.finite_total
    deviation, rounding = case.sigma_spread()
    sampled = case.monte_carlo
    allowed = N_STANDARD_ERRORS * deviation / math.sqrt(case.n_paths)
    tolerance = allowed + rounding
    if math.isinf(sampled.mean):
        return Measurement(math.inf, tolerance, total, _DECISIVE)
    furthest = max(abs(sampled.minimum - total), abs(sampled.maximum - total))
    if furthest / case.n_paths > max(allowed / 2, rounding) and not case.knows_spread:
        raise NotApplicable("undecided: the mean is carried by few of the sampled paths")
    scale = _beyond_rounding(max(total, deviation), rounding)
    return Measurement(abs(sampled.mean - total), tolerance, scale, _DECISIVE)


@law("the variance of sigma over sampled paths is sum (mu - 1)^2 / 2", _FIVE, on=GaussianCase)
def variance_of_sigma(case: GaussianCase) -> Measurement:
    """Monte-Carlo variance against its closed form."""
    if case.n_paths < 2:
        raise NotApplicable("the variance of a single path is not defined")
    weights = _excess(case)
    variance = float(np.sum(weights**2)) / 2
    fourth = 3 * float(np.sum(weights**4))
    spread = math.sqrt((fourth + 2 * variance**2) / case.n_paths)
    # A change d of every sigma moves the variance by at most 2 d sqrt(variance) + d^2.
    rounding = 2 * case.sigma_error * math.sqrt(variance) + case.sigma_error**2
    tolerance = N_STANDARD_ERRORS * spread + rounding
    scale = _beyond_rounding(variance, rounding)
    return Measurement(abs(case.monte_carlo.variance - variance), tolerance, scale, _DECISIVE)


@law(
    "E[exp(-sigma)] = 1: the integral fluctuation theorem",
    _FIVE + "; twenty where the fourth moment of exp(-sigma) is infinite, and its tail heavy",
    on=GaussianCase,
    source="[S26] eqs 14-36",
)
def fluctuation_theorem(case: GaussianCase) -> Measurement:
    """Sampled mean of exp(-sigma) against 1, where its variance is finite."""
    lowest = float(case.singular_values[-1]) ** 2
    largest_gap = float(np.max(_gaps(case)))
    # mu > 1/2 for both members of a pair is gap < 1/2, and mu > 3/4 is gap < 1/12.
    if largest_gap >= 1 / 2:
        raise NotApplicable(
            f"exp(-sigma) has infinite variance: the smallest mu is {lowest:.4g}, "
            "finite needs all above 1/2"
        )
    n_errors = N_STANDARD_ERRORS if largest_gap < 1 / 12 else N_HEAVY_STANDARD_ERRORS
    # E[exp(-2 sigma)]: (2 mu - 1)(2/mu - 1) = 1 - 2 gap, without cancellation near mu = 1.
    log_second_moment = _log_moment(case, 2.0)
    spread = math.sqrt(float(np.expm1(log_second_moment)) / case.n_paths)
    tolerance = n_errors * spread + 2 * case.sigma_error
    residual = abs(case.monte_carlo.fluctuation_mean - 1)
    return Measurement(residual, tolerance, 1.0, _DECISIVE)


@law(
    "E[exp(-sigma/8)] = prod (1 + (mu - 1)/8)^(-1/2)",
    _FIVE + ": at one eighth all moments up to the eighth exist for every machine",
    on=GaussianCase,
)
def partial_fluctuation(case: GaussianCase) -> Measurement:
    """Sampled mean of exp(-sigma/8) against its closed form, whatever the machine."""
    log_mean = _log_moment(case, 0.125)
    expected = math.exp(log_mean)
    # Var = E[exp(-sigma/4)] - E[exp(-sigma/8)]^2
    ratio = math.expm1(_log_moment(case, 0.25) - 2 * log_mean)
    spread = expected * math.sqrt(max(0.0, ratio) / case.n_paths)
    tolerance = N_STANDARD_ERRORS * spread + case.sigma_error
    residual = abs(float(np.mean(np.exp(-case.sigma / 8))) - expected)
    return Measurement(residual, tolerance, expected, _DECISIVE)


def _beyond_rounding(size: float, rounding: float) -> float:
    """Natural size of an average: its own, or a nat's if rounding hides that it isn't zero."""
    return size if size * _DECISIVE > rounding else max(size, ONE_NAT)


def _excess(case: GaussianCase) -> Array:
    """(T m,) mu - 1."""
    return case.singular_values**2 - 1


def _gaps(case: GaussianCase) -> Array:
    """(T m,) (s - 1/s)^2, the same for both singular values of a pair."""
    values = case.singular_values
    gaps: Array = (values - 1 / values) ** 2
    return gaps


def _log_moment(case: GaussianCase, order: float) -> float:
    """ln E[exp(-order sigma)]: a pair gives (1 + l (mu - 1))(1 + l (1/mu - 1)) = 1 + l (1 - l) gap.

    Written so, nothing cancels for nearly reversible machines, where all mu are near 1.
    """
    return -float(np.sum(np.log1p(order * (1 - order) * _gaps(case)))) / 4
