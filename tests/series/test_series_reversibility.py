"""Surrogates, intervals, and the test of reversibility: calibrated as they promise."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import linalg, stats

pytest.importorskip("statsmodels")
pytest.importorskip("pyarrow")


from series_tables import CHANCE, RELATIVE, ROTATION, SECOND_ORDER, Array, lag_matrices, rows_of

import entroprod as ep
from entroprod.series import replicates, series_entropy_production
from entroprod.series.interval import rate_interval


def autocovariances(machine: ep.LinearGaussian, lags: int) -> Array:
    """Cov(y_{t+k}, y_t) for k = 0 .. lags of a stationary machine, (lags + 1, m, m)."""
    a, g, c, s = (
        machine.transition,
        machine.input_matrix,
        machine.output_matrix,
        machine.innovation_cov,
    )
    memory = linalg.solve_discrete_lyapunov(a, g @ s @ g.T)
    result = [c @ memory @ c.T + s]
    step = a @ memory @ c.T + g @ s
    for _ in range(lags):
        result.append(c @ step)
        step = a @ step
    return np.array(result)


@pytest.mark.parametrize("reversible", [False, True])
def test_simulated_paths_have_the_autocovariances(reversible: bool) -> None:
    simulator = replicates.Simulator(lag_matrices(SECOND_ORDER), SECOND_ORDER.innovation_cov)
    streams = np.random.default_rng(5).spawn(4000)
    draw = simulator.draw_reversible if reversible else simulator.draw
    paths = draw(12, streams)
    expected = autocovariances(SECOND_ORDER, 3)
    if reversible:
        expected = 0.5 * (expected + expected.swapaxes(1, 2))
    # First and last steps alike: the paths are stationary from the first step on.
    for first in (0, 8):
        for k in range(4):
            products = paths[:, first + k, :, np.newaxis] * paths[:, first, np.newaxis, :]
            error = products.std(axis=0) / np.sqrt(len(paths))
            # 72 entries in all: 5 standard errors are passed with a chance of 4e-5.
            assert (np.abs(products.mean(axis=0) - expected[k]) < 5.0 * error).all()


def test_resampled_innovations_come_from_the_residuals() -> None:
    residuals = np.array([[1.0, -1.0], [-1.0, 1.0], [2.0, 0.0], [-2.0, 0.0]])
    simulator = replicates.Simulator(np.zeros((1, 2, 2)), residuals.T @ residuals / 4, residuals)
    path = simulator.draw(50, [np.random.default_rng(0)])[0]
    assert {tuple(row) for row in path.tolist()} == {tuple(row) for row in residuals.tolist()}


def test_size_of_a_batch_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    table = rows_of(SECOND_ORDER, 80, 4)
    options: dict[str, Any] = {"n_bootstrap": 20, "n_surrogates": 30, "max_lags": 3, "rng": 1}
    together = series_entropy_production(table, **options)
    monkeypatch.setattr(replicates, "_PATH_BYTES", 7 * 8 * 80 * 3)
    monkeypatch.setattr(replicates, "_BATCH_BYTES", 1)
    one_by_one = series_entropy_production(table, **options)
    np.testing.assert_allclose(one_by_one.null_rates, together.null_rates, rtol=RELATIVE)
    np.testing.assert_allclose(one_by_one.bootstrap_rates, together.bootstrap_rates, rtol=RELATIVE)


def test_rates_of_a_batch_are_those_of_machines_one_by_one() -> None:
    rng = np.random.default_rng(2)
    # Stable, near the circle, beyond it; without full rank; with a singular noise covariance.
    radii = np.array([0.3, 0.5, 0.9, 0.999, 1.0, 1.5, 0.5, 0.5])
    matrices = rng.normal(size=(len(radii), 1, 2, 2))
    moduli = np.abs(np.linalg.eigvals(matrices[:, 0])).max(axis=1)
    coefficients = matrices * (radii / moduli)[:, None, None, None]
    factors = rng.normal(size=(len(radii), 2, 2))
    noise_cov = factors @ factors.swapaxes(1, 2)
    noise_cov[7] = 1.0
    full_rank = np.arange(len(radii)) != 6
    found = list(replicates._rates(coefficients, noise_cov, full_rank))
    for a, cov, outcome in zip(coefficients[:4], noise_cov, found):
        machine = ep.LinearGaussian.from_var(a, cov)
        assert outcome == ep.entropy_production_rate(machine, precision="double")
    assert found[4:] == [
        *2 * ["unit root or unstable"],
        "refit without full rank",
        "singular noise covariance",
    ]


@pytest.mark.parametrize("degrees", [1, 6])
@pytest.mark.parametrize("true", [0.0, 2.0, 100.0])
def test_interval_covers_where_its_law_is_exact(true: float, degrees: int) -> None:
    """The estimate is X / 100 with X noncentral chi-square, d degrees, noncentrality ``true``."""
    chances = (np.arange(100) + 0.5) / 100
    law = stats.ncx2(degrees, true) if true else stats.chi2(degrees)
    covered = []
    for x in law.ppf(chances):
        low, high = rate_interval(x / 100, (2 * degrees + 4 * x) / 1e4, degrees, 0.9)
        assert 0.0 <= low < high
        covered.append(low <= true / 100 <= high)
    # The grid of chances resolves 1/100 in each tail; small rates are covered too often by intent.
    assert 0.88 <= np.mean(covered) <= (0.92 if true == 100.0 else 1.0)


def test_interval_is_normal_for_large_rates() -> None:
    low, high = rate_interval(1.0, 1e-6, 1, 0.95)
    half = 1.959964e-3
    assert low == pytest.approx(1.0 - half, abs=NOT_QUITE_NORMAL)
    assert high == pytest.approx(1.0 + half, abs=NOT_QUITE_NORMAL)


def test_interval_of_one_column_is_zero() -> None:
    assert rate_interval(0.0, 0.0, 0, 0.95) == (0.0, 0.0)


# Bias c d and skewness of the law of a rate of 1 with variance 1e-6 and one degree of freedom.
NOT_QUITE_NORMAL = 2e-6
# Levels of the test: multiples of 1/40, which 39 surrogates resolve exactly.
LEVELS = (0.05, 0.2, 0.5)
# Enough tables to tell a level of 5 % from one of 10 %, that is a count of 20 from one of 40, whose
# standard deviations are 4 and 6; one table takes about 15 ms.
N_TABLES = 400
# Of a procedure that rejects at exactly its level, the number of rejections is binomial. Both sides
# at each level for each of the two processes make a chance of one in a thousand in all. At 5 % the
# bounds are 6 and 38. (4000 tables were rejected at 5.1 and 5.8, 19.7 and 20.8, 51.9 and 49.3 %.)
ONE_SIDE = 1e-3 / (2 * len(LEVELS) * 2)


def reversible_var(seed: int, n_rows: int) -> Array:
    """Symmetric coefficients that commute with the noise covariance: reversible."""
    machine = ep.LinearGaussian.from_var([[[0.5, 0.2], [0.2, 0.5]]], np.eye(2))
    return rows_of(machine, n_rows, seed)


def reversible_sum(seed: int, n_rows: int) -> Array:
    """A strongly irreversible process and an independent reversed one: reversible, and no VAR."""
    machine = ep.LinearGaussian.from_var([[[0.5, 0.4], [-0.4, 0.5]]], [[1.0, 0.5], [0.5, 1.5]])
    paths = machine.sample(n_rows + 200, 2, rng=seed)[:, 200:]
    return np.asarray(paths[0] + paths[1, ::-1])


def p_values(make: Any, n_tables: int, n_rows: int) -> Array:
    found = [
        series_entropy_production(
            make(seed, n_rows), max_lags=3, n_bootstrap=20, n_surrogates=39, rng=seed
        ).p_value
        for seed in range(n_tables)
    ]
    return np.array(found)


@pytest.mark.parametrize("make", [reversible_var, reversible_sum])
def test_reversible_tables_are_rejected_at_the_nominal_rate(make: Any) -> None:
    p = p_values(make, N_TABLES, 200)
    for level in LEVELS:
        rejected = int((p <= level).sum())
        least = stats.binom.ppf(ONE_SIDE, N_TABLES, level)
        most = stats.binom.isf(ONE_SIDE, N_TABLES, level)
        assert least <= rejected <= most, (level, rejected)


def test_irreversible_tables_are_rejected() -> None:
    n_rows = 40
    p = p_values(lambda seed, n: rows_of(ROTATION, n, seed), 40, n_rows)
    # T rate / 2 is noncentral chi-square with one degree of freedom; rate = 0.36 / 0.66.
    power = stats.ncx2.sf(stats.chi2.isf(0.05, 1), 1, n_rows * 0.36 / 0.66 / 2)
    assert (p <= 0.05).sum() >= stats.binom.ppf(CHANCE, len(p), power)


def test_null_distribution_is_that_of_theory() -> None:
    """T rate / 2 is asymptotically chi-square with p m (m - 1) / 2 degrees of freedom."""
    result = series_entropy_production(
        rows_of(SECOND_ORDER, 2000, 0), lags=2, n_bootstrap=20, n_surrogates=200, rng=0
    )
    scaled = result.null_rates * result.n_observations / 2
    assert stats.kstest(scaled, stats.chi2(6).cdf).pvalue > CHANCE
