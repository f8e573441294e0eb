"""Laws of the exact law of sigma: against the dense matrix, and against sampled paths.

theory: sigma = e^T (R^T R - I) e / 2 for whitened innovations e and the whitened innovation
reversal matrix R; its law as entroprod.gaussian.sigma_law gives it.
"""

from __future__ import annotations

import math

import numpy as np

from entroprod.laws.case import EPSILON, Array, Case
from entroprod.laws.law import Measurement, NotApplicable, law

# What the variance promises, relative.
_RELATIVE_ACCURACY = 1e-12
# Where the generating function is compared: inside, and outside, of [0, 1] it is finite for every
# machine only inside.
_ARGUMENTS = np.array([0.125, 0.25, 0.5, 0.75, 0.875])
# The chance that a sound machine exceeds the bound of Dvoretzky, Kiefer, Wolfowitz and Massart,
# P(sup |F_N - F| > d) <= 2 exp(-2 N d^2).
_CHANCE = 1e-6
# Order statistics at which the distribution function is compared: each costs an integral.
_N_COMPARED = 101


@law(
    "Var sigma in linear time is |R R^T - I|^2 / 2",
    "rounding of R, from its conditioning and its products, times the norm of R R^T - I",
)
def sigma_variance_is_dense(case: Case) -> Measurement:
    """The variance from the recursion against the matrix."""
    matrix = case.reversal
    excess = matrix @ matrix.T - np.eye(case.size)
    norm = float(np.linalg.norm(excess))
    variance = case.sigma_law.variance
    error = 2 * case.largest * case.reversal_error + case.reversal_error**2
    error += EPSILON * case.size * case.largest**2
    tolerance = norm * error + error**2 / 2 + _RELATIVE_ACCURACY * variance
    tolerance += case.sigma_law.variance_rounding_error
    return Measurement(abs(norm**2 / 2 - variance), tolerance, max(variance, 1.0))


@law(
    "ln E[exp(-l sigma)] = -ln det(I + l (R^T R - I)) / 2, the same at l and 1 - l",
    "rounding of R, from its conditioning and its products, relative to the determinant's factors",
)
def generating_function_is_dense(case: Case) -> Measurement:
    """The generating function from the weights against determinants, the worst of five places."""
    matrix = case.reversal
    exact = case.sigma_law.cumulant_generating_function(_ARGUMENTS)
    moment = matrix.T @ matrix - np.eye(case.size)
    dense = [-np.linalg.slogdet(np.eye(case.size) + each * moment)[1] / 2 for each in _ARGUMENTS]
    # The smallest factor 1 + l (mu - 1) is at least 1 - l, and the factors number T m.
    error = 2 * case.largest * case.reversal_error + EPSILON * case.size * case.largest**2
    tolerance = case.size * error / (1 - float(_ARGUMENTS[-1]))
    return Measurement(float(np.max(np.abs(exact - dense))), tolerance, 1.0)


@law(
    "sampled sigma follows the exact law",
    f"the bound of Dvoretzky, Kiefer, Wolfowitz and Massart, exceeded by a chance of {_CHANCE:g}",
)
def sigma_follows_its_law(case: Case) -> Measurement:
    """Largest distance of the sampled distribution function from the exact one."""
    exact = case.sigma_law
    error = case.sigma_error
    if not error < 1e-3 * exact.standard_deviation:
        raise NotApplicable(
            f"undecidable: rounding alone may move sigma by {error:.1e} nats, its standard "
            f"deviation is {exact.standard_deviation:.1e}"
        )
    ordered = np.sort(case.sigma)
    ranks = np.unique(np.linspace(0, ordered.size - 1, _N_COMPARED).astype(np.int64))
    # Rounding may have moved each sigma by ``error`` to either side.
    above: Array = (ranks + 1) / ordered.size - exact.cdf(ordered[ranks] + error)
    below: Array = exact.cdf(ordered[ranks] - error) - ranks / ordered.size
    residual = max(float(np.max(above)), float(np.max(below)), 0.0)
    return Measurement(residual, math.sqrt(math.log(2 / _CHANCE) / 2 / ordered.size), 1.0, 1.0)
