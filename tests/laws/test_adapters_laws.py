"""There and back: a machine given to another library comes back as itself."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from oracles_adapters import autocovariances

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian

NAMES = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")
# F + G C - G C and D^-1 D: a few operations on entries of order one.
ROUNDING = 1e-14
# A Riccati solution P = 0 is found to rounding, then divided by an innovation covariance whose
# condition number is below 1e3 for the strategies' machines.
RICCATI = 1e-11

machines = st.one_of(ept.stable_machines(), ept.rank_deficient_machines())
any_machines = st.one_of(machines, ept.unit_root_machines(), ept.unstable_machines())


def assert_same(left: LinearGaussian, right: LinearGaussian, tolerance: float) -> None:
    for name in NAMES:
        expected = getattr(right, name)
        size = max(1.0, float(np.abs(expected).max()))
        assert getattr(left, name) == pytest.approx(expected, abs=tolerance * size), name


@given(any_machines)
def test_scipy_and_back(machine: LinearGaussian) -> None:
    assert_same(ep.from_scipy(machine.to_scipy(), machine.innovation_cov), machine, ROUNDING)


@given(machines, st.data())
def test_scipy_absorbs_the_feedthrough(machine: LinearGaussian, data: st.DataObject) -> None:
    """u = D^-1 e drives the same process."""
    import scipy.signal

    m = machine.n_outputs
    through = np.linalg.cholesky(data.draw(ept.covariances(m)))
    a, g, c, _ = machine._system()
    system = scipy.signal.StateSpace(a, g @ through, c, through, dt=1.0)
    inverse = np.linalg.inv(through)
    cov = inverse @ machine.innovation_cov @ inverse.T
    assert_same(ep.from_scipy(system, cov), machine, 100 * ROUNDING)


@given(machines)
def test_state_space_and_back(machine: LinearGaussian) -> None:
    assert_same(LinearGaussian.from_state_space(*machine.to_state_space()), machine, RICCATI)


@given(machines)
def test_predictor_gain_and_back(machine: LinearGaussian) -> None:
    again = LinearGaussian.from_predictor_gain(
        machine.transition, machine.output_matrix, machine.predictor_gain, machine.innovation_cov
    )
    assert_same(again, machine, ROUNDING)


@given(any_machines)
def test_filter_gain_and_back_where_there_is_one(machine: LinearGaussian) -> None:
    try:
        gain = machine.filter_gain
    except ep.NumericalError as error:
        assert "singular" in str(error)  # noqa: PT017
        assert np.linalg.matrix_rank(machine.transition) < machine.n_states
        return
    again = LinearGaussian.from_gain(
        machine.transition, machine.output_matrix, gain, machine.innovation_cov
    )
    # The residual that the property accepts, times the size of C.
    assert_same(again, machine, 1e-9)


@given(ept.unstable_machines())
def test_an_unstable_filter_comes_back_with_the_same_spectrum(machine: LinearGaussian) -> None:
    """The unstable transition of the strategy becomes the filter: only its reflection is stable."""
    mirrored = LinearGaussian(
        machine.transition, -machine.input_matrix, machine.output_matrix, machine.innovation_cov
    )
    assume(mirrored.spectral_radius < 0.99 and mirrored.filter_spectral_radius > 1.02)
    # On the unit circle there is no stabilising solution; close to it an ill-conditioned one.
    assume(np.abs(np.abs(mirrored.filter_eigenvalues) - 1.0).min() > 0.02)
    again = LinearGaussian.from_state_space(*mirrored.to_state_space())
    assert again.filter_spectral_radius < 1
    expected = autocovariances(mirrored.to_state_space(), 5)
    found = autocovariances(again.to_state_space(), 5)
    # Autocovariances amplify the error of the gain by up to 1 / (1 - 0.99).
    assert found == pytest.approx(expected, abs=100 * RICCATI * float(np.abs(expected).max()))


@settings(max_examples=20)
@given(machines)
def test_control_and_back(machine: LinearGaussian) -> None:
    pytest.importorskip("control")
    m = machine.n_outputs
    again = ep.from_control(machine.to_control(), machine.innovation_cov, np.zeros((m, m)))
    assert_same(again, machine, RICCATI)


@settings(max_examples=20)
@given(any_machines, st.integers(1, 12), st.integers(0, 99))
def test_statsmodels_filters_with_the_same_density(
    machine: LinearGaussian, n_steps: int, seed: int
) -> None:
    pytest.importorskip("statsmodels")
    y = machine.sample(n_steps, rng=seed)[0]
    kalman = machine.to_statsmodels()
    kalman.bind(y)
    # statsmodels works with the covariance of the state, whose rounding errors are those of S^-1.
    assert kalman.loglikeobs() == pytest.approx(machine.log_prob(y), rel=1e-9, abs=1e-9)


@settings(max_examples=20)
@given(ept.stable_machines())
def test_statsmodels_and_back(machine: LinearGaussian) -> None:
    pytest.importorskip("statsmodels")
    kalman = machine.to_statsmodels()
    kalman.bind(np.zeros((3, machine.n_outputs)))
    again = ep.from_statsmodels(kalman.filter())
    assert again.n_states == machine.n_states + machine.n_outputs
    expected = ep.entropy_production(machine, 10).total
    found = ep.entropy_production(again, 10).total
    assert found == pytest.approx(expected, rel=1e-9, abs=1e-10)
