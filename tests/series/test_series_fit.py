"""Vector autoregressions fitted to a table, against statsmodels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

pytest.importorskip("statsmodels")
pytest.importorskip("pyarrow")

from series_tables import RELATIVE, ROTATION, SECOND_ORDER, assert_same_fit, lag_matrices, rows_of
from statsmodels.tsa.api import VAR

from entroprod.series import fit_var, regression, series_entropy_production
from entroprod.series.fitting import default_max_lags
from entroprod.series.regression import Criterion

# Sums of 44 products, moved along 6 lags: some rounding errors of the largest.
MOVED_SUMS = 1e-14


@pytest.mark.parametrize("criterion", ["aic", "bic", "hqic", "fpe"])
def test_fit_equals_statsmodels(criterion: Criterion) -> None:
    table = rows_of(SECOND_ORDER, 150, 1)
    expected = VAR(table).fit(VAR(table).select_order(6).selected_orders[criterion])
    machine = fit_var(table, max_lags=6, criterion=criterion)
    assert_same_fit(lag_matrices(machine), expected.coefs)
    assert_same_fit(machine.innovation_cov, expected.sigma_u)


def test_fixed_order() -> None:
    table = rows_of(ROTATION, 100, 2)
    assert_same_fit(lag_matrices(fit_var(table, lags=4)), VAR(table).fit(4).coefs)


def test_units_of_the_columns_do_not_matter() -> None:
    table = rows_of(SECOND_ORDER, 200, 3)
    far_apart = table * [1e12, 1.0, 1e-9] + [1e13, -5.0, 1e-8]
    options: dict[str, Any] = {"lags": 2, "n_bootstrap": 20, "n_surrogates": 20, "rng": 0}
    near, far = (series_entropy_production(each, **options) for each in (table, far_apart))
    # An offset of ten spreads costs one digit of the column.
    assert far.rate == pytest.approx(near.rate, rel=RELATIVE)
    assert far.p_value == near.p_value
    assert far.interval == pytest.approx(near.interval, rel=RELATIVE)
    np.testing.assert_allclose(
        lag_matrices(far.machine) * [1e12, 1.0, 1e-9] / np.array([[1e12], [1.0], [1e-9]]),
        lag_matrices(near.machine),
        rtol=10 * RELATIVE,  # for entries of a tenth
    )


def test_default_of_max_lags() -> None:
    assert default_max_lags(203, 3) == 14  # 12 (203 / 100)^(1/4)
    assert default_max_lags(30, 3) == 2  # 3 (2 * 3 + 1) <= 30 - 2
    assert default_max_lags(8, 3) == 1


def test_criteria_and_orders_of_a_batch_equal_statsmodels() -> None:
    paths = np.stack([rows_of(SECOND_ORDER, 120, seed) for seed in range(6)])
    for criterion in ("aic", "bic", "hqic", "fpe"):
        expected = np.array([VAR(path).select_order(5).ics[criterion][1:] for path in paths])
        values = regression.criterion_values(paths, 5, criterion)
        assert_same_fit(values, expected)
        np.testing.assert_array_equal(
            regression.select_orders(paths, 5, criterion), expected.argmin(axis=1) + 1
        )


def test_refits_of_a_batch_equal_statsmodels() -> None:
    paths = np.stack([rows_of(SECOND_ORDER, 120, seed) for seed in range(4)])
    coefficients, noise_cov, full_rank = regression.least_squares(paths, 3)
    assert full_rank.all()
    for path, a, cov in zip(paths, coefficients, noise_cov):
        expected = VAR(path).fit(3)
        assert_same_fit(a, expected.coefs)
        assert_same_fit(cov, expected.sigma_u)


def test_refit_says_where_regressors_are_dependent() -> None:
    path = rows_of(ROTATION, 60, 0)
    paths = np.stack([path, path[:, [0, 0]]])
    assert regression.least_squares(paths, 1)[2].tolist() == [True, False]


def test_moments_are_the_products_of_the_regression_rows() -> None:
    paths = np.random.default_rng(0).normal(size=(4, 50, 3)).cumsum(axis=1)
    rows = regression._regression_rows(paths, 6)
    expected = rows.swapaxes(1, 2) @ rows
    np.testing.assert_allclose(
        regression._moments(paths, 6), expected, rtol=0, atol=MOVED_SUMS * np.abs(expected).max()
    )


def test_corrected_criterion_refuses_saturated_orders() -> None:
    values = regression.criterion_values(rows_of(ROTATION, 20, 0)[np.newaxis], 6, "aicc")
    assert np.isinf(values[0, 5])  # 14 rows, 13 regressors
    assert np.isfinite(values[0, :3]).all()
