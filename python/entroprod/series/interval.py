"""Confidence interval of a nonnegative, upwards biased rate: noncentral chi-square, inverted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def rate_interval(
    rate: float, variance: float, degrees: int, confidence_level: float
) -> tuple[float, float]:
    """Central confidence interval of an entropy production rate, in its own unit.

    Parameters
    ----------
    rate : float
        The estimate.
    variance : float
        Of the estimator where the true rate is ``rate``, as from a bootstrap.
    degrees : int
        Number d of antisymmetric combinations of autocovariances that were estimated,
        p m (m - 1) / 2 for a VAR(p) of m outputs.
    confidence_level : float

    Returns
    -------
    low, high : float
        low is 0 where a rate of 0 is compatible with the estimate; high is above 0.

    Notes
    -----
    The estimate is taken as c X, X noncentral chi-square with d degrees of freedom and
    noncentrality rate / c; the scale c solves variance = c^2 (2 d + 4 rate / c). For a nearly
    reversible process this is the asymptotic law, with c = 2 / T: the rate is quadratic in the
    antisymmetric parts of the autocovariances, which are asymptotically normal. For large
    noncentrality it is the normal law with the given variance. The mean exceeds the true rate by
    c d, the bias, so the interval lies mostly below the estimate. The upper end compares with the
    probability of so small an estimate without any entropy production (A. L. Read 2002, CL_s):
    an estimate that is small by luck doesn't prove that the rate is 0.

    Examples
    --------
    >>> from entroprod.series.interval import rate_interval
    >>> low, high = rate_interval(0.5, 0.01, 1, 0.95)
    >>> print(f"{low:.3f} {high:.3f}")
    0.324 0.715
    """
    from scipy import stats  # takes longer to import than all of this package

    if degrees == 0 or rate <= 0.0 or variance <= 0.0:
        return 0.0, 0.0
    scale = 2.0 * variance / (4.0 * rate + np.sqrt(16.0 * rate**2 + 8.0 * degrees * variance))
    value = rate / scale
    tail = 0.5 * (1.0 - confidence_level)

    def excess(noncentrality: float) -> float:
        return float(stats.ncx2.sf(value, degrees, noncentrality)) - tail

    none = float(stats.chi2.cdf(value, degrees))

    def shortfall(noncentrality: float) -> float:
        return tail - float(stats.ncx2.cdf(value, degrees, noncentrality)) / none

    low = 0.0 if stats.chi2.sf(value, degrees) >= tail else _root(excess, value)
    return float(scale * low), float(scale * _root(shortfall, value))


def _root(rising: Callable[[float], float], guess: float) -> float:
    """Zero of a rising function of a number above 0."""
    from scipy.optimize import brentq

    high = guess + 1.0
    while rising(high) < 0.0:
        high *= 2.0
    # A noncentrality of exactly 0 is refused by some releases of SciPy.
    return float(brentq(rising, np.finfo(np.float64).tiny, high, xtol=1e-12, rtol=1e-10))
