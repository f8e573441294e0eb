"""Machines from fits of statsmodels, held against its own filter."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from oracles_adapters import autocovariances

import entroprod as ep
from entroprod import LinearGaussian

pytest.importorskip("statsmodels")
from statsmodels.tsa import api as tsa
from statsmodels.tsa.statespace.kalman_filter import KalmanFilter

Array = npt.NDArray[np.float64]

# The Riccati solution against SciPy's own, or a filter run until it stands still.
RICCATI = 1e-11
# Two filters that have forgotten their different beginnings: 0.9^400 is 1e-18, and statsmodels'
# stops updating its covariance when it changes by less than 1e-19 in the square.
FORGOTTEN = 1e-7
BURN_IN = 400
EYE = np.eye(2)


def series(n_outputs: int, n_steps: int = 700) -> Array:
    """Random walks seen through noise. Any data would do: filters are held against filters."""
    rng = np.random.default_rng(7)
    steps = rng.standard_normal((n_steps, n_outputs))
    return np.cumsum(0.3 * steps, axis=0) + rng.standard_normal((n_steps, n_outputs))


def filtered(model: Any, *params: float) -> Any:
    return model.filter(np.array(params), cov_type="none")


def structural(level: str, *params: float, **options: Any) -> Callable[[], Any]:
    return lambda: filtered(tsa.UnobservedComponents(series(1), level, **options), *params)


def arima(*params: float, **options: Any) -> Callable[[], Any]:
    return lambda: filtered(tsa.SARIMAX(series(1), **options), *params)


def varmax(*params: float, **options: Any) -> Callable[[], Any]:
    options.setdefault("trend", "n")
    return lambda: filtered(tsa.VARMAX(series(2), **options), *params)


VAR_PARAMS = (0.5, 0.2, -0.1, 0.4)
NOISE_PARAMS = (1.0, 0.3, 0.9)

STATE_SPACES: dict[str, Callable[[], Any]] = {
    "VARMAX(1,0)": varmax(*VAR_PARAMS, *NOISE_PARAMS, order=(1, 0)),
    "VARMAX(2,0)": varmax(0.5, 0.2, 0.1, -0.1, -0.1, 0.4, 0.2, 0.1, *NOISE_PARAMS, order=(2, 0)),
    "VARMAX(0,1)": varmax(0.3, 0.1, -0.2, 0.4, *NOISE_PARAMS, order=(0, 1)),
    "VARMAX with measurement error": varmax(
        *VAR_PARAMS, *NOISE_PARAMS, 0.5, 0.7, order=(1, 0), measurement_error=True
    ),
    "ARMA(1,1)": arima(0.7, 0.4, 1.5, order=(1, 0, 1)),
    "MA(2)": arima(0.5, 0.2, 1.5, order=(0, 0, 2)),
    "ARIMA(1,1,1)": arima(0.5, -0.4, 1.5, order=(1, 1, 1)),
    "airline": arima(-0.4, -0.5, 1.5, order=(0, 1, 1), seasonal_order=(0, 1, 1, 4)),
    "Hamilton": arima(0.5, 0.2, 0.4, 1.5, order=(2, 0, 1), hamilton_representation=True),
    "measurement error": arima(0.7, 0.5, 1.5, order=(1, 0, 0), measurement_error=True),
    "concentrated scale": arima(0.7, 0.4, order=(1, 0, 1), concentrate_scale=True),
    "local level": structural("local level", 1.0, 0.5),
    "local linear trend": structural("local linear trend", 1.0, 0.5, 0.1),
    "smooth trend": structural("smooth trend", 1.0, 0.1),
    "random trend": structural("random trend", 0.1),
    "season": structural("local level", 1.0, 0.5, 0.4, seasonal=4),
    "trigonometric season": structural(
        "local level", 1.0, 0.5, 0.4, freq_seasonal=[{"period": 6, "harmonics": 2}]
    ),
    "cycle": structural(
        "random walk", 0.5, 0.4, 0.7, 0.9, cycle=True, stochastic_cycle=True, damped_cycle=True
    ),
    "autoregression": structural("local level", 1.0, 0.5, 0.3, 0.6, autoregressive=1),
    "dynamic factor": lambda: filtered(
        tsa.DynamicFactor(series(2), k_factors=1, factor_order=1), 0.8, 0.5, 1.0, 0.7, 0.6
    ),
}


# ------------------------------------------------------------------ statsmodels: state spaces


@pytest.mark.filterwarnings("ignore:Non-invertible|Non-stationary|Estimation of VARMA")
@pytest.mark.parametrize("name", STATE_SPACES)
def test_steady_state_is_that_of_the_filter_of_statsmodels(name: str) -> None:
    results = STATE_SPACES[name]()
    machine = ep.from_statsmodels(results)
    endog = results.filter_results.endog.T
    settled = results.filter_results.forecasts_error_cov[..., -1]
    assert machine.innovation_cov == pytest.approx(settled, rel=FORGOTTEN, abs=FORGOTTEN)
    assert machine.filter_spectral_radius < 0.97
    mine = machine.log_prob(endog)[BURN_IN:]
    theirs = results.llf_obs[BURN_IN:]
    assert mine == pytest.approx(theirs, abs=20 * FORGOTTEN)
    assert np.isfinite(ep.entropy_production(machine, 20).total)


@pytest.mark.filterwarnings("ignore:Estimation of VARMA")
@pytest.mark.parametrize(
    "name",
    ["VARMAX(2,0)", "VARMAX(0,1)", "VARMAX with measurement error", "ARMA(1,1)", "dynamic factor"],
)
def test_autocovariances_are_those_of_the_matrices(name: str) -> None:
    results = STATE_SPACES[name]()
    ssm = results.filter_results
    z, t, r, q, h = (
        np.asarray(getattr(ssm, matrix))[..., 0]
        for matrix in ("design", "transition", "selection", "state_cov", "obs_cov")
    )
    given = ep.StateSpace(t, z, r @ q @ r.T, h, np.zeros(z.T.shape))
    machine = ep.from_statsmodels(results)
    expected = autocovariances(given, 8)
    assert autocovariances(machine.to_state_space(), 8) == pytest.approx(expected, abs=RICCATI)


def test_a_real_fit() -> None:
    growth = growth_rates()[:, 0]
    results = tsa.SARIMAX(growth, order=(1, 0, 1), trend="c").fit(disp=False)
    machine = ep.from_statsmodels(results)
    mean = results.params[0] / (1 - results.params[1])
    mine = machine.log_prob((growth - mean)[:, np.newaxis])[100:]
    assert mine == pytest.approx(results.llf_obs[100:], abs=FORGOTTEN)


def growth_rates() -> Array:
    from statsmodels.datasets import macrodata

    levels = macrodata.load_pandas().data[["realgdp", "realcons", "realinv"]].to_numpy()
    return np.asarray(100 * np.diff(np.log(levels), axis=0))


@pytest.mark.parametrize(
    ("name", "with_intercept"),
    [
        ("ARMA(1,1)", arima(0.3, 0.7, 0.4, 1.5, order=(1, 0, 1), trend="c")),
        ("ARIMA(1,1,1)", arima(0.3, 0.5, -0.4, 1.5, order=(1, 1, 1), trend="c")),
        ("VARMAX(1,0)", varmax(0.1, 0.2, *VAR_PARAMS, *NOISE_PARAMS, order=(1, 0), trend="c")),
    ],
)
def test_constant_intercepts_are_left_out(name: str, with_intercept: Callable[[], Any]) -> None:
    assert ep.from_statsmodels(with_intercept()) == ep.from_statsmodels(STATE_SPACES[name]())


@pytest.mark.parametrize(
    ("fixed", "rest"),
    [
        (
            structural("local level", 1.0, 0.5, seasonal=4, stochastic_seasonal=False),
            structural("local level", 1.0, 0.5),
        ),
        (
            structural("local linear deterministic trend", 1.0, 0.5),
            structural("local level", 1.0, 0.5),
        ),
        (structural("random walk with drift", 0.5), structural("random walk", 0.5)),
    ],
    ids=["season", "slope", "drift"],
)
def test_states_without_noise_are_left_out(
    fixed: Callable[[], Any], rest: Callable[[], Any]
) -> None:
    machine, expected = ep.from_statsmodels(fixed()), ep.from_statsmodels(rest())
    assert machine.n_states == expected.n_states
    assert machine.innovation_cov == pytest.approx(expected.innovation_cov, rel=RICCATI)
    y = series(1, 50)
    assert machine.log_prob(y) == pytest.approx(expected.log_prob(y), rel=RICCATI)


@pytest.mark.parametrize("level", ["fixed intercept", "deterministic trend"])
@pytest.mark.filterwarnings("ignore:Specified model does not contain a stochastic element")
def test_a_fixed_line_with_noise_is_white_noise(level: str) -> None:
    machine = ep.from_statsmodels(structural(level, 2.0)())
    assert machine.innovation_cov == [[2.0]]
    assert ep.entropy_production(machine, 10).total == 0.0
    assert machine.sample(3, rng=0).shape == (1, 3, 1)


def test_a_growing_state_without_noise_is_kept() -> None:
    """Its future can't be told from its past: the errors grow as fast as they are learnt."""
    kalman = kalman_filter([[1.5]], [[1.0]], [[0.0]], [[1.0]])
    machine = ep.from_statsmodels(kalman.filter())
    # P = a^2 P / (P + 1) has the solution P = a^2 - 1.
    assert machine.innovation_cov[0, 0] == pytest.approx(1.5**2, rel=RICCATI)


def kalman_filter(
    transition: npt.ArrayLike,
    design: npt.ArrayLike,
    state_cov: npt.ArrayLike,
    obs_cov: npt.ArrayLike,
) -> Any:
    z = np.asarray(design, float)
    m, n = z.shape
    kalman: Any = KalmanFilter(m, n)
    kalman["design"], kalman["transition"] = z, np.asarray(transition, float)
    kalman["selection"], kalman["state_cov"] = np.eye(n), np.asarray(state_cov, float)
    kalman["obs_cov"] = np.asarray(obs_cov, float)
    kalman.initialize_known(np.zeros(n), np.eye(n))
    kalman.bind(series(m, 30))
    return kalman


def test_results_are_taken_as_they_were_fitted() -> None:
    """Not as the model was left by a later call with other parameters."""
    model = tsa.SARIMAX(series(1), order=(1, 0, 0))
    results = model.filter(np.array([0.5, 1.0]), cov_type="none")
    model.loglike(np.array([0.9, 3.0]))
    machine = ep.from_statsmodels(results)
    assert machine.transition[0, 0] == pytest.approx(0.5, rel=RICCATI)
    assert machine.innovation_cov[0, 0] == pytest.approx(1.0, rel=RICCATI)


# ------------------------------------------------------------------ statsmodels: VAR


@pytest.mark.parametrize("trend", ["n", "c", "ct", "ctt"])
def test_var_is_from_var(trend: str) -> None:
    fitted = tsa.VAR(growth_rates()).fit(2, trend=trend)
    machine = ep.from_statsmodels(fitted)
    assert machine == LinearGaussian.from_var(fitted.coefs, fitted.sigma_u)


def test_var_and_varmax_are_the_same_process() -> None:
    coefficients = np.reshape(VAR_PARAMS, (1, 2, 2))
    root = np.array([[1.0, 0.0], [0.3, 0.9]])
    direct = LinearGaussian.from_var(coefficients, root @ root.T)
    other = ep.from_statsmodels(STATE_SPACES["VARMAX(1,0)"]())
    expected = ep.entropy_production_curve(direct, 30)
    assert ep.entropy_production_curve(other, 30) == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_var_without_lags_is_white_noise() -> None:
    fitted = tsa.VAR(growth_rates()).fit(0)
    machine = ep.from_statsmodels(fitted)
    assert np.array_equal(machine.innovation_cov, fitted.sigma_u)
    assert ep.entropy_production(machine, 10).total == 0.0


# ------------------------------------------------------------------ statsmodels: bad input


@pytest.mark.parametrize(
    ("results", "match"),
    [
        (arima(0.1, 0.2, 0.5, 1.0, order=(1, 0, 0), trend="ct"), "state_intercept does"),
        (
            arima(0.1, 0.5, 1.0, order=(1, 0, 0), exog=np.arange(700.0)),
            "obs_intercept does.*exogenous",
        ),
        (
            arima(0.5, 1.0, order=(1, 0, 0), exog=np.arange(700.0), mle_regression=False),
            "design does",
        ),
        (
            varmax(0.1, 0.2, 0.3, 0.4, *VAR_PARAMS, *NOISE_PARAMS, order=(1, 0), trend="ct"),
            "state_intercept does",
        ),
        (
            lambda: tsa.VAR(series(2), exog=np.sin(np.arange(700.0))[:, None]).fit(1),
            "VAR without exogenous regressors, got 1",
        ),
    ],
    ids=["trend", "exog", "regression in the state", "VARMAX trend", "VAR exog"],
)
def test_what_changes_with_time_is_refused(results: Callable[[], Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        ep.from_statsmodels(results())


def test_other_results_are_refused() -> None:
    import statsmodels.api

    regression = statsmodels.api.OLS(np.arange(9.0), np.ones(9)).fit()
    with pytest.raises(TypeError, match=r"results must be fitted results .*RegressionResults"):
        ep.from_statsmodels(regression)
    for wrong in (None, "results", tsa.SARIMAX(series(1)), tsa.VAR(series(2))):
        with pytest.raises(TypeError, match="results must be fitted results"):
            ep.from_statsmodels(wrong)


@pytest.mark.parametrize(
    ("results", "match"),
    [
        (lambda: kalman_filter(EYE, [[1.0, 0.0]], EYE, [[1.0]]).filter(), "undetectable"),
        (arima(1.0, 1.5, order=(0, 0, 1), enforce_invertibility=False), "stabilising|solved"),
        (lambda: kalman_filter([[0.5]], [[1.0], [1.0]], EYE[:1, :1], 0 * EYE).filter(), "singular"),
    ],
    ids=["unseen", "MA unit root", "no noise"],
)
@pytest.mark.filterwarnings("ignore:Non-invertible")
def test_no_steady_state_names_the_cause(results: Callable[[], Any], match: str) -> None:
    with pytest.raises(ep.NumericalError, match=match):
        ep.from_statsmodels(results())
