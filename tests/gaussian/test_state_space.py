"""Gains, correlated noises and units of a state space."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.signal
from oracles_adapters import filtered_long

import entroprod as ep
from entroprod import LinearGaussian
from entroprod.boundary.covariances import as_covariance

state_space: Any = scipy.signal.StateSpace

# The Riccati solution against SciPy's own, or a filter run until it stands still.
RICCATI = 1e-11

TRANSITION = np.array([[0.8, 0.3], [0.0, 0.5]])
EMISSION = np.array([[1.0, 0.5], [0.0, 1.0]])
EYE = np.eye(2)


def test_gains_are_told_apart() -> None:
    machine = LinearGaussian.from_state_space(TRANSITION, EMISSION, EYE, EYE)
    assert machine.predictor_gain is machine.input_matrix
    by_filter = LinearGaussian.from_gain(
        TRANSITION, EMISSION, machine.filter_gain, machine.innovation_cov
    )
    by_predictor = LinearGaussian.from_predictor_gain(
        TRANSITION, EMISSION, machine.predictor_gain, machine.innovation_cov
    )
    assert by_filter.input_matrix == pytest.approx(by_predictor.input_matrix, abs=RICCATI)
    # K = P C^T S^-1 and S = C P C^T + R give S K C P = C P C^T S^-1 C P; here with C = I.
    level = LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    assert level.filter_gain[0, 0] == pytest.approx(0.5974072873, abs=1e-9)


def test_filter_gain_of_a_singular_transition() -> None:
    singular = np.array([[0.5, 0.0], [0.0, 0.0]])
    machine = LinearGaussian.from_state_space(singular, EYE, EYE, EYE)
    assert singular @ machine.filter_gain == pytest.approx(machine.predictor_gain, abs=RICCATI)
    moving_average = LinearGaussian([[-0.5]], [[1.0]], [[0.5]], [[1.0]])
    assert not moving_average.transition.any()
    with pytest.raises(ep.NumericalError, match=r"no filter gain.*singular \(rank 0 of 1\)"):
        _ = moving_average.filter_gain


def test_from_predictor_gain_names_what_is_wrong() -> None:
    with pytest.raises(ValueError, match=r"predictor_gain must have shape \(2, 2\)"):
        LinearGaussian.from_predictor_gain(TRANSITION, EMISSION, [[1.0]], EYE)


@pytest.mark.parametrize("obs_size", [1.0, 0.0], ids=["regular", "singular"])
def test_correlated_noises_against_a_long_filter(obs_size: float) -> None:
    rng = np.random.default_rng(11)
    drive, show = rng.standard_normal((3, 4)), rng.standard_normal((2, 4))
    if obs_size == 0.0:
        show[1] = 0.0  # one output without noise of its own
    transition = 0.3 * rng.standard_normal((3, 3))
    emission = rng.standard_normal((2, 3))
    given = ep.StateSpace(transition, emission, drive @ drive.T, show @ show.T, drive @ show.T)
    machine = LinearGaussian.from_state_space(*given)
    gain, innovation_cov = filtered_long(given, 500)
    assert machine.predictor_gain == pytest.approx(gain, abs=100 * RICCATI)
    assert machine.innovation_cov == pytest.approx(innovation_cov, abs=100 * RICCATI)


def test_no_correlation_is_the_default() -> None:
    plain = LinearGaussian.from_state_space(TRANSITION, EMISSION, EYE, EYE)
    assert LinearGaussian.from_state_space(TRANSITION, EMISSION, EYE, EYE, 0 * EYE) == plain


def test_impossible_correlation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"cross_cov.*must be positive semidefinite"):
        LinearGaussian.from_state_space(TRANSITION, EMISSION, EYE, EYE, 1.1 * EYE)
    with pytest.raises(ValueError, match=r"cross_cov must have shape \(2, 2\)"):
        LinearGaussian.from_state_space(TRANSITION, EMISSION, EYE, EYE, [[1.0]])


@pytest.mark.parametrize("unit", [1e-10, 1e-4, 1e5])
def test_units_of_the_observations_do_not_matter(unit: float) -> None:
    """Daily log-returns have variances of 1e-8: still a driven, visible trend."""
    trend, state_cov = np.array([[1.0, 1.0], [0.0, 1.0]]), np.diag([0.5, 0.1])
    expected = LinearGaussian.from_state_space(trend, [[1.0, 0.0]], state_cov, [[1.0]])
    small = LinearGaussian.from_state_space(trend, [[1.0, 0.0]], unit**2 * state_cov, [[unit**2]])
    # A pencil with entries of very different sizes is solved to fewer digits, then polished.
    tolerance = 100 * RICCATI
    assert small.predictor_gain == pytest.approx(expected.predictor_gain, rel=tolerance)
    shown = LinearGaussian.from_state_space(trend, [[unit, 0.0]], state_cov, [[unit**2]])
    assert shown.predictor_gain * unit == pytest.approx(expected.predictor_gain, rel=tolerance)
    through = state_space(TRANSITION, EYE, EMISSION, np.diag([1.0, unit]), dt=1.0)
    assert ep.from_scipy(through, EYE).innovation_cov == pytest.approx(np.diag([1.0, unit**2]))


def test_covariances_of_low_rank_are_semidefinite() -> None:
    """A product B Q B^T may have eigenvalues just below 0."""
    rng = np.random.default_rng(5)
    for _ in range(500):
        root = rng.standard_normal((16, 2))
        as_covariance(root @ root.T, "process_cov", 16, definite=False)
