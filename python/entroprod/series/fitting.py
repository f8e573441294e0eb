"""Vector autoregressions fitted to a table through statsmodels."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, SupportsIndex, TypeAlias, get_args

import numpy as np
import scipy.linalg

from entroprod.boundary.arrays import FloatArray, as_count
from entroprod.boundary.errors import NumericalError
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.series.regression import Criterion, criterion_values, least_squares
from entroprod.series.table import Table, as_table

# Spread of a residual, relative to its column's own, below which the column is no random variable:
# covariances square it, and 1e-16 is the rounding error of the sums that they come from.
_SMALLEST_RESIDUAL = 1e-8

# Coefficients (p, m, m), noise covariance, residuals (T - p, m), lags and p-value of whiteness.
_RawFit: TypeAlias = tuple[FloatArray, FloatArray, FloatArray, tuple[int, float] | None]


@dataclass(frozen=True, eq=False)
class FittedVar:
    """Vector autoregression of the standardised columns, and the machine in the user's units."""

    table: Table
    standardised: FloatArray  # (T, m), each column of mean 0 and variance 1
    order: int
    max_lags: int | None  # None where the order was given
    criterion: Criterion | None
    criterion_values: FloatArray  # by order 1 .. max_lags, in the user's units; empty if none
    coefficients: FloatArray  # (p, m, m) of the standardised columns, as the next two
    noise_cov: FloatArray  # (m, m)
    residuals: FloatArray  # (T - p, m)
    machine: LinearGaussian
    standard_machine: LinearGaussian  # of the standardised columns: same rate, no extreme units
    whiteness: tuple[int, float] | None  # lags and p-value of the portmanteau test


def fit_var(
    data: Any,
    *,
    max_lags: SupportsIndex | None = None,
    criterion: Criterion = "bic",
    lags: SupportsIndex | None = None,
) -> LinearGaussian:
    """Machine of a vector autoregression VAR(p) fitted to a table by least squares.

    An intercept is fitted and left out: the machine describes the deviations from the mean. Rows
    are taken as equally spaced; trends and unit roots are not removed (take differences or growth
    rates first, where there are any).

    Parameters
    ----------
    data : array_like or DataFrame, (T, m)
        Time along the rows, the oldest first. The index of a DataFrame is not part of the numbers.
    max_lags : int, optional
        Largest order tried; by default 12 (T / 100)^(1/4), and no more than leaves three rows to
        each coefficient of an equation.
    criterion : {"bic", "aic", "hqic", "fpe"}
        What chooses the order, from 1 on, all on the rows that are left at ``max_lags``.
    lags : int, optional
        Fixes the order p instead; nothing is chosen then.

    Returns
    -------
    LinearGaussian
        With p m states; its innovation covariance has statsmodels' correction for degrees of
        freedom. It may be unstable, and has no entropy production rate then.

    Raises
    ------
    ValueError, TypeError
        Naming the argument or the column: data that isn't a table of numbers, missing, infinite or
        constant values, fewer rows than the lags need.
    NumericalError
        If a column is predicted exactly by the past, or columns are tied by a linear relation.
    ImportError
        Without the extra ``series``.

    Warns
    -----
    UserWarning
        The labels of the rows aren't evenly spaced, and the rows are taken as if they were.

    Notes
    -----
    The columns are standardised for the fit, which changes nothing but rounding: the units of the
    columns may differ by any factor. The criteria are those of statsmodels' ``select_order``.
    Source: H. Lutkepohl, New Introduction to Multiple Time Series Analysis (2005), sections 3.2 and
    4.3, by way of ``statsmodels.tsa.api.VAR``.

    Examples
    --------
    >>> import entroprod as ep
    >>> rotation = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], [[1, 0], [0, 1]])
    >>> machine = ep.fit_var(rotation.sample(5000, rng=1)[0])
    >>> machine
    LinearGaussian(n_states=2, n_outputs=2, spectral_radius=0.5...)
    >>> print(f"{ep.entropy_production_rate(machine):.2f}, was 0.545")
    0.52, was 0.545
    """
    table = as_table(data)
    for note in table.notes:
        warnings.warn(note, stacklevel=2)
    return fit(table, max_lags=max_lags, criterion=criterion, lags=lags).machine


def fit(
    table: Table,
    *,
    max_lags: SupportsIndex | None,
    criterion: Criterion,
    lags: SupportsIndex | None,
) -> FittedVar:
    """Everything that is known about the fit of :func:`fit_var`."""
    try:
        import statsmodels.tsa.api  # noqa: F401  (a missing extra is named before any work)
    except ImportError:
        raise ImportError(
            'fitting a table needs statsmodels: pip install "entroprod[series]"'
        ) from None
    largest = _largest_order(table, max_lags, criterion, lags)
    standardised, mean, scale = standardise(table.values)
    del mean  # what the intercept stands for
    _require_randomness(standardised, table.columns, largest)
    raw = _Statsmodels(standardised) if table.n_columns > 1 else _OneColumn(standardised)
    values = np.empty(0)
    order = largest
    if lags is None:
        # statsmodels' own select_order takes a least-squares fit for each order.
        values = criterion_values(standardised[np.newaxis], largest, criterion)[0]
        order = int(values.argmin()) + 1
        values = _in_units(values, scale, criterion)
    values.flags.writeable = False
    coefficients, noise_cov, residuals, whiteness = raw.fit(order)
    return FittedVar(
        table=table,
        standardised=standardised,
        order=order,
        max_lags=largest if lags is None else None,
        criterion=criterion if lags is None else None,
        criterion_values=values,
        coefficients=coefficients,
        noise_cov=noise_cov,
        residuals=residuals,
        machine=_machine_in_units(coefficients, noise_cov, scale, table.columns),
        standard_machine=LinearGaussian.from_var(coefficients, noise_cov),
        whiteness=whiteness,
    )


def _machine_in_units(
    coefficients: FloatArray, noise_cov: FloatArray, scale: FloatArray, columns: tuple[str, ...]
) -> LinearGaussian:
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        in_units = coefficients * (scale[:, None] / scale)
        cov = noise_cov * scale[:, None] * scale
    variances = cov.diagonal()
    regular = np.isfinite(variances) & (variances >= np.finfo(np.float64).tiny)
    if not (regular.all() and np.isfinite(in_units).all() and np.isfinite(cov).all()):
        j = int(np.argmax(np.abs(np.log(scale))))
        raise ValueError(
            f"data has column {columns[j]!r} of spread {scale[j]:.3g}: its square, or its ratio to "
            "the other columns, is beyond the range of doubles: choose other units"
        )
    return LinearGaussian.from_var(in_units, cov)


class _Statsmodels:
    """statsmodels' VAR with an intercept, for two columns or more."""

    def __init__(self, values: FloatArray) -> None:
        from statsmodels.tsa.api import VAR

        self._model: Any = VAR(values)

    def fit(self, order: int) -> _RawFit:
        results = self._model.fit(order, trend="c")
        lags = _whiteness_lags(order, len(results.resid))
        whiteness = None
        if lags is not None:
            test = results.test_whiteness(nlags=lags, adjusted=True)
            whiteness = lags, float(test.pvalue)
        coefficients, noise_cov = np.asarray(results.coefs), np.asarray(results.sigma_u)
        return coefficients, noise_cov, np.asarray(results.resid), whiteness


class _OneColumn:
    """The same for one column, which statsmodels' VAR refuses."""

    def __init__(self, values: FloatArray) -> None:
        self._paths = values[np.newaxis]

    def fit(self, order: int) -> _RawFit:
        from statsmodels.stats.diagnostic import acorr_ljungbox

        coefficients, noise_cov, _ = least_squares(self._paths, order)
        values = self._paths[0]
        n = len(values) - order
        residuals = values[order:].copy()
        for k, a in enumerate(coefficients[0], start=1):
            residuals -= values[order - k : order - k + n] @ a.T
        residuals -= residuals.mean(axis=0)
        lags = _whiteness_lags(order, n)
        whiteness = None
        if lags is not None:
            test = acorr_ljungbox(residuals[:, 0], lags=[lags], model_df=order)
            whiteness = lags, float(test["lb_pvalue"].iloc[0])
        return coefficients[0], noise_cov[0], residuals, whiteness


def default_max_lags(n_rows: int, n_columns: int) -> int:
    """12 (T / 100)^(1/4), but three rows to each coefficient of an equation, and at least 1."""
    by_rows = (n_rows - 3) // (3 * n_columns + 1)
    return max(1, min(int(12.0 * (n_rows / 100.0) ** 0.25), by_rows))


def standardise(values: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Columns of mean 0 and variance 1, and the means and spreads that were removed."""
    # By the largest value first, so that no square overflows or underflows.
    size = np.abs(values).max(axis=0)
    scaled = values / size
    mean = scaled.mean(axis=0)
    centred = scaled - mean
    spread = centred.std(axis=0)
    return centred / spread, mean * size, spread * size


def _largest_order(
    table: Table,
    max_lags: SupportsIndex | None,
    criterion: str,
    lags: SupportsIndex | None,
) -> int:
    if criterion not in get_args(Criterion):
        known = ", ".join(map(repr, get_args(Criterion)))
        raise ValueError(f"criterion must be one of {known}, got {criterion!r}")
    if lags is not None and max_lags is not None:
        raise ValueError("lags fixes the order and max_lags bounds its choice: give one of them")
    rows, m = table.n_rows, table.n_columns
    if lags is not None:
        name, order = "lags", as_count(lags, "lags")
    elif max_lags is not None:
        name, order = "max_lags", as_count(max_lags, "max_lags")
    else:
        name, order = "one lag", default_max_lags(rows, m)
    # An intercept and p m coefficients to an equation, and m rows more for a covariance.
    need = order + (order * m + 1) + m
    if rows < need:
        wanted = name if name == "one lag" else f"{name}={order}"
        hint = "; time must run along the rows: transpose it?" if rows < m else ""
        raise ValueError(
            f"data has too few rows: {wanted} with {m} column(s) needs at least {need}, "
            f"got {rows}{hint}"
        )
    return order


def _require_randomness(standardised: FloatArray, columns: tuple[str, ...], lags: int) -> None:
    """Refuse what a regression on the past and on the other columns explains exactly."""
    m = standardised.shape[1]
    n = standardised.shape[0] - lags
    past = [standardised[lags - k : lags - k + n] for k in range(1, lags + 1)]
    rows = np.hstack([np.ones((n, 1)), *past, standardised[lags:]])
    triangle: FloatArray = scipy.linalg.qr(rows, mode="r")[0][: rows.shape[1]]
    residual = triangle[-m:, -m:] / np.sqrt(n)
    exact = np.linalg.norm(residual, axis=0) <= _SMALLEST_RESIDUAL
    if exact.any():
        names = ", ".join(repr(name) for name, hit in zip(columns, exact) if hit)
        raise NumericalError(
            f"data has column(s) {names} that their past predicts exactly (a counter, a date, "
            "a copy?): leave them out"
        )
    _, spreads, directions = np.linalg.svd(residual)
    if spreads[-1] <= _SMALLEST_RESIDUAL:
        tied = np.abs(directions[-1]) > 1e-3 * np.abs(directions[-1]).max()
        names = ", ".join(repr(name) for name, hit in zip(columns, tied) if hit)
        raise NumericalError(
            f"data has columns tied by a linear relation (a copy, a sum or a difference?): "
            f"leave one of {names} out"
        )


def _in_units(values: FloatArray, scale: FloatArray, criterion: Criterion) -> FloatArray:
    """Criteria of the standardised columns, as they are in the units of the data."""
    shift = 2.0 * float(np.log(scale).sum())  # of ln det S
    return values * np.exp(shift) if criterion == "fpe" else values + shift


def _whiteness_lags(order: int, n_residuals: int) -> int | None:
    """Lags of the portmanteau test: ten more than the order, where there are rows for it."""
    lags = min(order + 10, n_residuals // 2)
    return lags if lags > order else None
