"""A table of numbers: the result of the whole analysis, and the extras that it needs."""

from __future__ import annotations

import dataclasses
import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("statsmodels")
pytest.importorskip("pyarrow")

from series_tables import GOOD, ROTATION, SAME_FIT, SAME_MACHINE, assert_same_fit, growth, rows_of
from statsmodels.tsa.api import VAR

import entroprod as ep
from entroprod.series import SeriesEntropyProduction, fit_var, read_table, series_entropy_production


@pytest.fixture(scope="module")
def result() -> SeriesEntropyProduction:
    return series_entropy_production(rows_of(ROTATION, 150, 3), max_lags=4, n_surrogates=60, rng=0)


def test_rate_is_that_of_the_machine(result: SeriesEntropyProduction) -> None:
    # The rate is taken in standard units, where the machine is the same up to rounding.
    assert result.rate == pytest.approx(
        ep.entropy_production_rate(result.machine), rel=SAME_MACHINE
    )
    assert result.machine == fit_var(rows_of(ROTATION, 150, 3), max_lags=4)
    assert result.bias == result.bootstrap_rates.mean() - result.rate
    assert result.p_value == (1 + (result.null_rates >= result.rate).sum()) / 61
    assert result.interval[0] < result.rate - result.bias < result.interval[1]
    assert (result.order, result.criterion, result.max_lags) == (1, "bic", 4)
    assert result.criterion_values.argmin() == 0


def test_criterion_values_are_in_the_units_of_the_table() -> None:
    table = rows_of(ROTATION, 150, 3) * [1e3, 2.0]
    for criterion in ("bic", "fpe"):
        found = series_entropy_production(
            table, max_lags=4, criterion=criterion, n_bootstrap=20, n_surrogates=20, rng=0
        )
        expected = VAR(table).select_order(4).ics[criterion][1:]
        assert_same_fit(found.criterion_values, expected)


def test_result_can_be_written(result: SeriesEntropyProduction) -> None:
    content = json.loads(json.dumps(result.to_dict()))
    assert content["interval"] == list(result.interval)
    frame = result.to_frame()
    assert len(frame) == 1
    assert frame["rate"][0] == result.rate
    assert "nats per step" in repr(result)
    assert f"VAR({result.order})" in result.summary()
    assert pickle.loads(pickle.dumps(result)).to_dict() == result.to_dict()


def test_result_is_frozen(result: SeriesEntropyProduction) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        result.rate = 0.0  # type: ignore[misc]
    for array in (result.null_rates, result.bootstrap_rates, result.criterion_values):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0


def test_seed_decides() -> None:
    table = rows_of(ROTATION, 100, 1)
    options: dict[str, Any] = {"max_lags": 2, "n_bootstrap": 20, "n_surrogates": 20}
    first, again, other = (series_entropy_production(table, rng=s, **options) for s in (1, 1, 2))
    by_generator = series_entropy_production(table, rng=np.random.default_rng(1), **options)
    assert first.to_dict() == again.to_dict() == by_generator.to_dict()
    np.testing.assert_array_equal(first.null_rates, again.null_rates)
    assert not np.isin(other.null_rates, first.null_rates).any()


def test_one_column_has_rate_zero() -> None:
    found = series_entropy_production(
        rows_of(ROTATION, 100, 1)[:, :1], n_bootstrap=20, n_surrogates=20, rng=0
    )
    assert (found.rate, found.interval, found.p_value) == (0.0, (0.0, 0.0), 1.0)
    assert "one column" in found.notes[0]


def test_failures_are_counted() -> None:
    random_walk = np.random.default_rng(5).normal(size=(50, 2)).cumsum(axis=0)
    found = series_entropy_production(random_walk, lags=1, n_bootstrap=100, n_surrogates=100, rng=0)
    failed = found.bootstrap_failures["unit root or unstable"]
    assert failed > 0
    assert failed + len(found.bootstrap_rates) == 100
    n_null_failed = sum(found.surrogate_failures.values())
    assert n_null_failed + len(found.null_rates) == 100
    reached = (found.null_rates >= found.rate).sum() + n_null_failed
    assert found.p_value == (1 + reached) / 101
    assert any("bootstrap replicates have no rate" in note for note in found.notes)
    assert any("memory fades over" in note for note in found.notes)


def test_low_order_is_noted() -> None:
    table = rows_of(
        ep.LinearGaussian.from_var([np.zeros((2, 2)), np.diag([0.8, 0.7])], np.eye(2)), 300, 0
    )
    found = series_entropy_production(table, lags=1, n_bootstrap=20, n_surrogates=20, rng=0)
    assert found.whiteness_p_value is not None
    assert found.whiteness_p_value < 0.01
    assert any("not white" in note for note in found.notes)
    assert found.surrogate_order >= 2
    at_bound = series_entropy_production(table, max_lags=2, n_bootstrap=20, n_surrogates=20, rng=0)
    assert any("largest one tried" in note for note in at_bound.notes)


def test_progress_is_reported_and_can_interrupt() -> None:
    table = rows_of(ROTATION, 60, 1)
    options: dict[str, Any] = {"max_lags": 2, "n_bootstrap": 20, "n_surrogates": 30, "rng": 0}
    seen: list[tuple[int, int]] = []
    series_entropy_production(table, progress=lambda *now: seen.append(now), **options)
    assert seen[-1] == (50, 50)
    assert seen == sorted(seen)

    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        series_entropy_production(table, progress=interrupt, **options)


def test_us_economy() -> None:
    table = growth()
    found = series_entropy_production(table, rng=0)
    assert found.columns == ("realgdp", "realcons", "realinv")
    assert found.n_observations == 202
    assert found.order == 1  # as statsmodels' own table of criteria says
    assert not found.bootstrap_failures
    # Independent of everything here: the spectral formula of the fit by statsmodels.
    fit = VAR(table.to_numpy()).fit(1)
    angles = 2.0 * np.pi * np.arange(256) / 256
    transfer = np.linalg.inv(np.eye(3) - np.exp(-1j * angles)[:, None, None] * fit.coefs[0])
    spectrum = transfer @ fit.sigma_u @ transfer.conj().swapaxes(1, 2)
    ratio = np.linalg.solve(spectrum.swapaxes(1, 2), spectrum)
    rate = 0.5 * np.mean(np.trace(ratio, axis1=1, axis2=2).real - 3.0)
    assert found.rate == pytest.approx(rate, rel=SAME_FIT)
    # 0.013 from 999 surrogates with a standard error of 0.004.
    assert 0.0 < found.p_value < 0.04


def test_import_leaves_the_extras_alone() -> None:
    code = (
        "import sys, entroprod, entroprod.series; "
        "sys.exit(any(name in sys.modules for name in ('pandas', 'statsmodels', 'pyarrow')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_extras_are_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    line = r'pip install "entroprod\[series\]"'
    (tmp_path / "a.csv").write_text("x,y\n1,2\n3,5\n")
    monkeypatch.setitem(sys.modules, "statsmodels.tsa.api", None)
    with pytest.raises(ImportError, match=line):
        fit_var(GOOD)
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match=line):
        read_table(tmp_path / "a.csv")
