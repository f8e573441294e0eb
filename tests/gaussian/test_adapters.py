"""Machines from python-control and SciPy, held against what those libraries say about them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import scipy.signal
from oracles_adapters import autocovariances, filtered_long

import entroprod as ep
from entroprod import LinearGaussian

pytest.importorskip("statsmodels")
from statsmodels.tsa import api as tsa

control = pytest.importorskip("control")

# Their stubs know them only in part.
dlti: Any = scipy.signal.dlti
lti: Any = scipy.signal.lti
state_space: Any = scipy.signal.StateSpace

# The Riccati solution against SciPy's own, or a filter run until it stands still.
RICCATI = 1e-11

TRANSITION = np.array([[0.8, 0.3], [0.0, 0.5]])
EMISSION = np.array([[1.0, 0.5], [0.0, 1.0]])
EYE = np.eye(2)


# ------------------------------------------------------------------ python-control


def test_dlqe_returns_the_predictor_gain() -> None:
    noise_input = np.array([[1.0, 0.2, 0.0], [0.0, 0.5, 1.0]])
    process_cov, obs_cov = np.diag([1.0, 2.0, 0.5]), np.diag([0.5, 1.0])
    system = control.ss(TRANSITION, noise_input, EMISSION, np.zeros((2, 3)), 0.1)
    machine = ep.from_control(system, process_cov, obs_cov)
    gain, predicted, poles = control.dlqe(system, process_cov, obs_cov, method="scipy")

    assert machine.predictor_gain == pytest.approx(gain, abs=RICCATI)
    assert np.abs(machine.filter_gain - gain).max() > 0.1
    assert np.sort_complex(machine.filter_eigenvalues) == pytest.approx(
        np.sort_complex(poles), abs=RICCATI
    )
    innovation_cov = EMISSION @ predicted @ EMISSION.T + obs_cov
    by_gain = LinearGaussian.from_predictor_gain(TRANSITION, EMISSION, gain, innovation_cov)
    joint_cov = noise_input @ process_cov @ noise_input.T
    by_model = LinearGaussian.from_state_space(TRANSITION, EMISSION, joint_cov, obs_cov)
    for other in (by_gain, by_model):
        assert machine.state_matrix == pytest.approx(other.state_matrix, abs=RICCATI)
        assert machine.innovation_cov == pytest.approx(other.innovation_cov, abs=RICCATI)


def test_noise_through_the_feedthrough_is_correlated() -> None:
    through = np.array([[0.3, 0.0], [0.5, 0.2]])
    process_cov = np.array([[1.0, 0.4], [0.4, 2.0]])
    machine = ep.from_control(
        control.ss(TRANSITION, EYE, EMISSION, through, True), process_cov, 0.5 * EYE
    )
    given = ep.StateSpace(
        TRANSITION,
        EMISSION,
        process_cov,
        through @ process_cov @ through.T + 0.5 * EYE,
        process_cov @ through.T,
    )
    assert autocovariances(machine.to_state_space(), 8) == pytest.approx(
        autocovariances(given, 8), abs=10 * RICCATI
    )
    gain, innovation_cov = filtered_long(given, 400)
    assert machine.predictor_gain == pytest.approx(gain, abs=RICCATI)
    assert machine.innovation_cov == pytest.approx(innovation_cov, abs=10 * RICCATI)


@pytest.mark.parametrize(
    ("system", "error", "match"),
    [
        (control.ss(TRANSITION, EYE, EMISSION, 0), ValueError, "continuous.*sample_system"),
        (control.ss(TRANSITION, EYE, EMISSION, 0, None), ValueError, "dt is None.*dt=True"),
        (control.tf([1.0], [1.0, 0.5], True), TypeError, "TransferFunction.*control.ss"),
        (control.ss([], [], [], EYE, True), ValueError, "at least one state"),
        (TRANSITION, TypeError, "control.StateSpace, got ndarray"),
    ],
    ids=["continuous", "unspecified", "transfer function", "static", "array"],
)
def test_bad_systems(system: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        ep.from_control(system, EYE, EYE)


def test_bad_covariances_of_a_system() -> None:
    system = control.ss(TRANSITION, EYE[:, :1], EMISSION, 0, True)
    with pytest.raises(ValueError, match=r"process_cov must have shape \(1, 1\)"):
        ep.from_control(system, EYE, EYE)
    with pytest.raises(ValueError, match="obs_cov must be positive semidefinite"):
        ep.from_control(system, [[1.0]], -EYE)
    with pytest.raises(ep.NumericalError, match="singular"):
        ep.from_control(system, [[0.0]], 0 * EYE)


# ------------------------------------------------------------------ SciPy


def test_arma_by_scipy_and_by_statsmodels() -> None:
    process = tsa.ArmaProcess([1.0, -0.9, 0.2], [1.0, 0.5])
    numerator, denominator = np.append(process.ma, 0.0), process.ar
    direct = ep.from_scipy(dlti(numerator, denominator), [[1.0]])
    assert autocovariances(direct.to_state_space(), 10)[:, 0, 0] == pytest.approx(
        process.acovf(10), abs=RICCATI
    )
    zeros, poles, gain = scipy.signal.tf2zpk(numerator, denominator)
    by_zeros = ep.from_scipy(dlti(zeros, poles, gain), [[1.0]])
    y = direct.sample(20, rng=1)
    assert by_zeros.log_prob(y) == pytest.approx(direct.log_prob(y), abs=RICCATI)


def test_system_that_scales_its_input() -> None:
    machine = ep.from_scipy(dlti([2.0, 1.0], [1.0, -0.9], dt=0.25), [[3.0]])
    assert machine.innovation_cov == [[12.0]]
    assert machine.state_matrix[0, 0] == pytest.approx(-0.5)


def test_output_of_the_system_is_the_machine_run_on_its_input() -> None:
    system = state_space(TRANSITION, EYE, EMISSION, [[2.0, 0.0], [1.0, 1.0]], dt=1.0)
    machine = ep.from_scipy(system, EYE)
    noise = np.random.default_rng(3).standard_normal((9, 2))
    _, y, _ = scipy.signal.dlsim(system, noise)
    # ln det D = ln 2 for each step.
    expected = -0.5 * np.sum(noise**2, axis=1) - np.log(2 * np.pi) - np.log(2.0)
    assert machine.log_prob(y) == pytest.approx(expected, rel=1e-12)


def test_a_zero_outside_the_unit_circle_is_taken_as_it_stands() -> None:
    machine = ep.from_scipy(dlti([1.0, 2.0], [1.0, 0.0]), [[1.0]])
    assert machine.filter_spectral_radius == pytest.approx(2.0)
    with pytest.raises(ep.NumericalError, match="never fades"):
        ep.entropy_production_rate(machine)


@pytest.mark.parametrize(
    ("system", "error", "match"),
    [
        (lti([1.0], [1.0, 0.5]), ValueError, "continuous.*to_discrete"),
        (dlti([1.0], [1.0, 0.5]), ValueError, r"rank 0 of shape \(1, 1\)"),
        (
            state_space(TRANSITION, EYE[:, :1], EMISSION, [[1.0], [0.0]], dt=1.0),
            ValueError,
            r"rank 1 of shape \(2, 1\)",
        ),
        (([1.0], [1.0, 0.5]), TypeError, "scipy.signal.dlti, got tuple"),
    ],
    ids=["continuous", "delayed", "fewer inputs", "tuple"],
)
def test_bad_scipy_systems(system: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        ep.from_scipy(system, [[1.0]])


def test_bad_input_covariance() -> None:
    system = dlti([1.0, 0.5], [1.0, -0.9])
    with pytest.raises(ValueError, match=r"input_cov must have shape \(1, 1\)"):
        ep.from_scipy(system, EYE)
    with pytest.raises(ValueError, match="input_cov must be positive definite"):
        ep.from_scipy(system, [[0.0]])


# ------------------------------------------------------------------ extras


@pytest.mark.parametrize(
    ("missing", "extra", "call"),
    [
        ("statsmodels.tsa.statespace.kalman_filter", "series", ep.from_statsmodels),
        ("control", "control", lambda x: ep.from_control(x, EYE, EYE)),
        ("control", "control", lambda _: awkward().to_control()),
        (
            "statsmodels.tsa.statespace.kalman_smoother",
            "series",
            lambda _: awkward().to_statsmodels(),
        ),
    ],
    ids=["from_statsmodels", "from_control", "to_control", "to_statsmodels"],
)
def test_a_missing_extra_says_what_to_install(
    missing: str, extra: str, call: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ImportError, match=rf'pip install "entroprod\[{extra}\]"'):
        call(object())


def awkward() -> LinearGaussian:
    return LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]])


def test_import_loads_none_of_them() -> None:
    code = (
        "import sys, entroprod; print([m for m in ('control', 'statsmodels') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.strip() == "[]"


def test_an_improper_transfer_function_names_the_system() -> None:
    system = dlti([1.0, 0.0, 0.0], [1.0, 0.5])
    with pytest.raises(ValueError, match="system must have a state-space form"):
        ep.from_scipy(system, [[1.0]])
