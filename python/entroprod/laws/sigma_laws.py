"""Laws of the exact distribution of sigma: against dense matrices, samples, and itself.

"The law of sigma" is that distribution, as ``entroprod.sigma_law`` gives it.

theory: see ``gaussian_pair_case``; for a machine that reads itself sigma = e^T (R^T R - I) e / 2
with whitened innovations e and the whitened innovation reversal matrix R.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from entroprod.laws.gaussian_pair_case import Array, GaussianPairCase
from entroprod.laws.law import law
from entroprod.laws.measurement import Measurement, NotApplicable, Worst
from entroprod.laws.pair_case import EPSILON, ROUNDING_SLACK, PairCase, is_homogeneous

# What the variance promises, relative.
_RELATIVE_ACCURACY = 1e-12
_DENSE = "how the dense value moves when all entries are nudged, and rounding of its products"
# Where the generating function is compared: inside, and outside, of [0, 1] it is finite for every
# machine only inside.
_ARGUMENTS = np.array([0.125, 0.25, 0.5, 0.75, 0.875])
# The chance that a sound machine exceeds the bound of Dvoretzky, Kiefer, Wolfowitz and Massart,
# P(sup |F_N - F| > d) <= 2 exp(-2 N d^2).
_CHANCE = 1e-6
# Order statistics at which the distribution function is compared: each costs an integral.
_N_COMPARED = 101


@law(
    "Var sigma is |Q^T Q - I|^2 / 2 + |Q^T d|^2, by the dense joint densities",
    _DENSE + "; the error that the law of sigma states",
    on=GaussianPairCase,
    check="check_sigma_variance",
)
def sigma_variance_is_dense(case: GaussianPairCase) -> Measurement:
    """The variance against the dense matrix; |R R^T - I|^2 / 2 for a machine that reads itself."""
    exact, dense = case.sigma_law, case.dense
    moved = case.moved_by_rounding([one.variance - dense.variance for one in case.nudged_dense])
    norm = float(np.linalg.norm(dense.excess) + np.linalg.norm(dense.offset))
    error = _excess_error(case)
    tolerance = moved + 2 * norm * error + error**2 + _RELATIVE_ACCURACY * dense.variance
    tolerance += float(getattr(exact, "variance_rounding_error", 0.0))
    return Measurement(abs(exact.variance - dense.variance), tolerance, max(1.0, dense.variance))


@law(
    "ln E[exp(-l sigma)] = -ln det(I + l (Q^T Q - I)) / 2 and what is linear in the innovations",
    _DENSE + ", relative to the determinant's factors",
    on=GaussianPairCase,
    check="check_generating_function",
)
def generating_function_is_dense(case: GaussianPairCase) -> Measurement:
    """The generating function of the exact law against determinants, the worst of five places."""
    dense = case.dense
    exact = case.sigma_law.cumulant_generating_function(_ARGUMENTS)
    error = _excess_error(case)
    worst = Worst()
    for at, found in zip(map(float, _ARGUMENTS), exact):
        expected = dense.log_moment(at)
        moved = case.moved_by_rounding([one.log_moment(at) - expected for one in case.nudged_dense])
        # The smallest factor 1 + l (mu - 1) is at least 1 - l, and the factors number T m.
        linear = float(dense.offset @ dense.offset) / (1 - at)
        allowed = moved + (case.size + linear) * error / (1 - at)
        worst.see(abs(float(found) - expected), allowed, f"at l = {at}")
    return Measurement(worst.residual, worst.tolerance, 1.0)


@law(
    "sampled sigma follows the exact law",
    f"the bound of Dvoretzky, Kiefer, Wolfowitz and Massart, exceeded by a chance of {_CHANCE:g}",
    on=PairCase,
)
def sigma_follows_its_law(case: PairCase) -> Measurement:
    """Largest distance of the sampled distribution function from the exact one."""
    case.require_whole_law()
    exact = case.sigma_law
    error = case.sigma_error
    if not error < 1e-3 * exact.standard_deviation:  # NaN and infinity, too, decide nothing
        raise NotApplicable(
            f"undecidable: rounding alone may move sigma by {error:.1e} nats, its standard "
            f"deviation is {exact.standard_deviation:.1e}"
        )
    ordered = np.sort(case.sigma)
    n_finite = int(np.isfinite(ordered).sum())
    if not n_finite:
        raise NotApplicable("sigma of all sampled paths is infinite")
    ranks = np.unique(np.linspace(0, n_finite - 1, _N_COMPARED).astype(np.int64))
    # Rounding may have moved each sigma by ``error`` to either side.
    above: Array = (ranks + 1) / ordered.size - exact.cdf(ordered[ranks] + error)
    below: Array = exact.cdf(ordered[ranks] - error) - ranks / ordered.size
    residual = max(float(np.max(above)), float(np.max(below)), 0.0)
    return Measurement(residual, math.sqrt(math.log(2 / _CHANCE) / 2 / ordered.size), 1.0, 1.0)


@law(
    "the mean of the law of sigma is S_y",
    "the accuracy of both",
    on=PairCase,
    source="[S26] eqs 14-36",
)
def mean_of_the_law(case: PairCase) -> Measurement:
    """|mean - S_y|."""
    own = case.total_at(case.law_steps)
    mean = float(case.sigma_law.mean)
    if math.isinf(own.total) or math.isinf(mean):
        return Measurement(0.0 if own.total == mean else math.inf, 0.0, 1.0)
    allowed = 2 * case.error_of(own) + float(getattr(case.sigma_law, "mean_rounding_error", 0.0))
    return Measurement(abs(own.total - mean), allowed, max(own.total, 1.0))


@law(
    "the law of sigma has E[exp(-sigma)] = 1, but for what is lost to impossible sequences",
    "rounding of the sum or of the generating function, and the machine's precision",
    on=PairCase,
    source="[S26] eqs 14-36",
)
def fluctuation_of_the_law(case: PairCase) -> Measurement:
    """|E[exp(-sigma)] + lost share - 1|."""
    case.require_whole_law()
    found = math.exp(log_moment(case.sigma_law, 1.0)) + case.lost_share
    allowed = ROUNDING_SLACK * EPSILON * case.law_steps + case.law_error
    return Measurement(abs(found - 1.0), allowed, 1.0, detail=f"it is {found:.12g}")


@law(
    "ln E[exp(-l sigma)] is the same at l and 1 - l: sigma and -sigma are exchanged by reversal",
    "rounding of the sum or of the generating function, and the machine's precision",
    on=PairCase,
    source="[S26] eqs 14-36",
)
def law_is_symmetric(case: PairCase) -> Measurement:
    """Largest difference at a few l, for a machine that reads itself."""
    case.require_own_reader()
    if not is_homogeneous(case.machine):
        raise NotApplicable("a machine that changes in time reads backwards as another one")
    case.require_whole_law()
    law_of_sigma = case.sigma_law
    pairs = [
        (log_moment(law_of_sigma, at), log_moment(law_of_sigma, 1 - at))
        for at in map(float, _ARGUMENTS)
    ]
    if any(math.isinf(one) for one, _ in pairs):
        raise NotApplicable("sigma is always infinite")
    residual = max(abs(one - other) for one, other in pairs)
    size = 1.0 + max(abs(one) for one, _ in pairs)
    allowed = ROUNDING_SLACK * EPSILON * case.law_steps * size + case.law_error
    return Measurement(residual, allowed, size)


def log_moment(law_of_sigma: Any, order: float) -> float:
    """ln E[exp(-order sigma)], an infinite sigma contributing nothing."""
    generating = getattr(law_of_sigma, "cumulant_generating_function", None)
    if generating is not None:
        return float(generating(order))
    finite = np.isfinite(law_of_sigma.sigma)
    exponents = np.log(law_of_sigma.probability[finite]) - order * law_of_sigma.sigma[finite]
    if not exponents.size:
        return -math.inf
    highest = float(exponents.max())
    return highest + math.log(float(np.exp(exponents - highest).sum()))


def _excess_error(case: GaussianPairCase) -> float:
    """What rounding may do to Q^T Q - I, Frobenius norm."""
    largest = float(np.linalg.norm(case.dense.matrix, 2))
    return 2 * largest * case.products_error + EPSILON * case.size * largest**2
