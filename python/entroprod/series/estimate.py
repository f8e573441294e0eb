"""Entropy production rate of a table: estimate, interval, and a test of reversibility."""

from __future__ import annotations

from typing import Any, SupportsFloat, SupportsIndex

import numpy as np

from entroprod.boundary.arrays import as_count
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.progress import Progress, reporting
from entroprod.boundary.randomness import RandomSource, draw_key
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.questions.production import entropy_production_rate
from entroprod.series.fitting import FittedVar, default_max_lags, fit
from entroprod.series.interval import rate_interval
from entroprod.series.regression import Criterion, least_squares, select_orders
from entroprod.series.replicates import Refit, Replicates, Simulator, replicate_rates
from entroprod.series.result import SeriesEntropyProduction
from entroprod.series.table import as_table

_INTERVAL_METHOD = "noncentral chi-square, scaled by a residual bootstrap"
# A variance from fewer replicates is off by more than a third (its relative error is (2 / B)^1/2).
_FEWEST_REPLICATES = 20
# Below this p-value of the portmanteau test the residuals are called not white.
_NOT_WHITE = 0.01
# A memory of more than this share of the table leaves few independent stretches to learn from.
_LONG_MEMORY_SHARE = 0.1


def series_entropy_production(
    data: Any,
    *,
    max_lags: SupportsIndex | None = None,
    criterion: Criterion = "bic",
    lags: SupportsIndex | None = None,
    n_bootstrap: SupportsIndex = 500,
    n_surrogates: SupportsIndex = 999,
    confidence_level: SupportsFloat = 0.95,
    rng: RandomSource = None,
    progress: Progress = False,
) -> SeriesEntropyProduction:
    """Entropy production rate of a table of numbers, how sure it is, and whether it is 0.

    The table is described by a Gaussian vector autoregression, see :func:`fit_var`, whose entropy
    production rate is exact. What is measured is therefore the irreversibility of the second-order
    statistics, the asymmetry of the cross-covariances between columns under exchange of past and
    future: one column has none, and what shows in higher moments only is not seen.

    Parameters
    ----------
    data : array_like or DataFrame, (T, m)
        As for :func:`fit_var`. Reversing the order of all rows hardly changes the result.
    max_lags, criterion, lags
        As for :func:`fit_var`.
    n_bootstrap : int
        Replicates for the interval and the bias; at least 20.
    n_surrogates : int
        Reversible replicates for the test; at least 20. The smallest p-value is 1 / (n + 1).
    confidence_level : float
        Between 0 and 1.
    rng : Generator, int or None
        Source of all randomness; None takes fresh entropy.
    progress : bool or callable
        True shows a bar (needs rich); a callable is called with (replicates done, total).

    Returns
    -------
    SeriesEntropyProduction
        Rates in nats per step.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, or the column and row of the data.
    NumericalError
        If the fit has no stationary state, or nearly all replicates have none; if columns are
        predicted exactly or tied.
    ImportError
        Without the extra ``series``.

    Notes
    -----
    The estimate is quadratic in the antisymmetric parts of the autocovariances of lags 1 to p. For
    a reversible process T rate / 2 is asymptotically chi-square with d = p m (m - 1) / 2 degrees of
    freedom: the estimate is of the order d / T even if nothing is irreversible.

    *Interval.* From the variance of a bootstrap that resamples the residuals of the fit (they keep
    their own distribution, which matters for the noise covariance) and refits at the same order,
    a scaled noncentral chi-square law is inverted, see
    :func:`entroprod.series.interval.rate_interval`. Percentile and bias-corrected intervals never
    reach a rate of 0, and basic ones cover too rarely; ``bench/calibrate_series.py`` prints the
    coverage of each. The order's own uncertainty is not part of it.

    *Test.* The surrogates are Gaussian with the spectrum (f + f^T) / 2: the autocovariances stay,
    the cross-covariances are made symmetric in time. Of all reversible Gaussian processes it is
    the one with the smallest Kullback-Leibler rate from f. (Surrogates with randomised common
    phases keep the cross-spectrum with its irreversibility; independent phases and shuffles lose
    the correlations between columns.) They are drawn as the sum of a forward and an independent
    reversed path of a fitted autoregression, over the root of 2. Its order is chosen by the
    corrected Akaike criterion and at least that of the estimate: a null process which is too
    short rejects too often. The whole estimate, the choice of its order included, is repeated on
    each surrogate. A surrogate without a rate counts as one above the observed rate.

    Examples
    --------
    >>> import entroprod as ep
    >>> rotation = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], [[1, 0], [0, 1]])
    >>> table = rotation.sample(400, rng=1)[0]
    >>> result = ep.series_entropy_production(table, n_bootstrap=99, n_surrogates=99, rng=0)
    >>> result.order, result.p_value
    (1, 0.01)
    >>> result.interval[0] < ep.entropy_production_rate(rotation) < result.interval[1]
    True
    """
    level = _confidence_level(confidence_level)
    counts = (
        _replicate_count(n_bootstrap, "n_bootstrap"),
        _replicate_count(n_surrogates, "n_surrogates"),
    )
    fitted = fit(as_table(data), max_lags=max_lags, criterion=criterion, lags=lags)
    rate = _rate(fitted)
    simulator, surrogate_order = _null_simulator(fitted)
    bootstrap, null = _replicate(fitted, simulator, counts, draw_key(rng), progress)
    if len(bootstrap.rates) < _FEWEST_REPLICATES:
        raise NumericalError(
            f"{bootstrap.n_failed} of {counts[0]} bootstrap replicates have no rate "
            f"({_reasons(bootstrap)}): the fit is too close to a unit root for an interval"
        )
    m = fitted.table.n_columns
    degrees = fitted.order * m * (m - 1) // 2
    variance = float(bootstrap.rates.var(ddof=1))
    # What has no rate speaks against irreversibility: the test errs on the safe side.
    reached = int((null.rates >= rate).sum()) + null.n_failed
    return SeriesEntropyProduction(
        rate=rate,
        bias=float(bootstrap.rates.mean()) - rate,
        interval=rate_interval(rate, variance, degrees, level),
        confidence_level=level,
        interval_method=_INTERVAL_METHOD,
        p_value=(1 + reached) / (counts[1] + 1),
        machine=fitted.machine,
        order=fitted.order,
        criterion=fitted.criterion,
        max_lags=fitted.max_lags,
        criterion_values=fitted.criterion_values,
        columns=fitted.table.columns,
        n_observations=fitted.table.n_rows,
        bootstrap_rates=bootstrap.rates,
        null_rates=null.rates,
        surrogate_order=surrogate_order,
        n_bootstrap=counts[0],
        n_surrogates=counts[1],
        bootstrap_failures=bootstrap.failures,
        surrogate_failures=null.failures,
        spectral_radius=fitted.standard_machine.spectral_radius,
        whiteness_lags=fitted.whiteness[0] if fitted.whiteness else None,
        whiteness_p_value=fitted.whiteness[1] if fitted.whiteness else None,
        notes=_notes(fitted, bootstrap, null),
    )


def _replicate_count(value: SupportsIndex, name: str) -> int:
    count = as_count(value, name)
    # A seed and its generator take about a kilobyte.
    require_memory(1024 * count, name, f"a stream of random numbers for each of {count} replicates")
    if count < _FEWEST_REPLICATES:
        raise ValueError(f"{name} must be at least {_FEWEST_REPLICATES}, got {count}")
    return count


def _confidence_level(value: SupportsFloat) -> float:
    try:
        level = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"confidence_level must be a number, got {value!r}") from None
    if not 0.0 < level < 1.0:
        raise ValueError(f"confidence_level must lie between 0 and 1, got {level}")
    return level


def _rate(fitted: FittedVar) -> float:
    try:
        return entropy_production_rate(fitted.standard_machine)
    except NumericalError as error:
        raise NumericalError(
            f"the VAR({fitted.order}) fitted to data has no entropy production rate: {error}. "
            "Remove trends and unit roots first, by differences or growth rates"
        ) from None


def _null_simulator(fitted: FittedVar) -> tuple[Simulator, int]:
    """Simulator whose reversible paths are the surrogates, and the order that it has."""
    paths = fitted.standardised[np.newaxis]
    largest = max(default_max_lags(*fitted.standardised.shape), fitted.order)
    order = max(int(select_orders(paths, largest, "aicc")[0]), fitted.order)
    if order > fitted.order:
        coefficients, noise_cov, _ = least_squares(paths, order)
        if LinearGaussian.from_var(coefficients[0], noise_cov[0]).is_stationary:
            return Simulator(coefficients[0], noise_cov[0]), order
    return Simulator(fitted.coefficients, fitted.noise_cov), fitted.order


def _bootstrap_simulator(fitted: FittedVar) -> Simulator:
    n, m = fitted.residuals.shape
    # Least squares makes residuals smaller than the innovations that they stand for.
    spread = np.sqrt(n / (n - fitted.order * m - 1))
    return Simulator(fitted.coefficients, fitted.noise_cov, fitted.residuals * spread)


def _replicate(
    fitted: FittedVar,
    null_simulator: Simulator,
    counts: tuple[int, int],
    key: int,
    progress: Progress,
) -> tuple[Replicates, Replicates]:
    """Bootstrap replicates of the fit, and reversible surrogates."""
    streams = [
        np.random.Generator(np.random.PCG64(seed))
        for seed in np.random.SeedSequence(key).spawn(sum(counts))
    ]
    n_bootstrap, n_steps = counts[0], fitted.table.n_rows
    with reporting(progress, len(streams), "replicates") as report:
        bootstrap = replicate_rates(
            _bootstrap_simulator(fitted),
            Refit(fitted.order, None, fitted.order),
            n_steps,
            streams[:n_bootstrap],
            reversible=False,
            report=report,
        )
        null = replicate_rates(
            null_simulator,
            Refit(fitted.order, fitted.criterion, fitted.max_lags or fitted.order),
            n_steps,
            streams[n_bootstrap:],
            reversible=True,
            report=report,
            done=n_bootstrap,
        )
    return bootstrap, null


def _reasons(replicates: Replicates) -> str:
    return ", ".join(f"{reason}: {count}" for reason, count in replicates.failures.items())


def _notes(fitted: FittedVar, bootstrap: Replicates, null: Replicates) -> tuple[str, ...]:
    notes = list(fitted.table.notes)
    if fitted.table.n_columns == 1:
        notes.append(
            "one column: its rate is exactly 0 under any linear-Gaussian model, whatever the data"
        )
    if fitted.max_lags is not None and fitted.order == fitted.max_lags > 1:
        notes.append(f"the order is the largest one tried ({fitted.max_lags})")
    if fitted.whiteness is not None and fitted.whiteness[1] < _NOT_WHITE:
        notes.append(
            f"the residuals are not white (portmanteau p = {fitted.whiteness[1]:.2g}): "
            "the order may be too low, or the process no linear one"
        )
    # A fluctuation fades as radius^t, that is over 1 / (1 - radius) steps.
    memory = 1.0 / (1.0 - fitted.standard_machine.spectral_radius)
    if memory > _LONG_MEMORY_SHARE * fitted.table.n_rows:
        notes.append(
            f"the memory fades over {memory:.0f} steps and the table has "
            f"{fitted.table.n_rows} rows: interval and p-value are rough"
        )
    for what, replicates in (("bootstrap replicates", bootstrap), ("surrogates", null)):
        if replicates.n_failed:
            n = replicates.n_failed + len(replicates.rates)
            notes.append(
                f"{replicates.n_failed} of {n} {what} have no rate ({_reasons(replicates)})"
            )
    return tuple(notes)
