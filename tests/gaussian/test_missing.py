"""Missing observations: NaN in sequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles_time_varying as oracle
import pytest
from time_varying_machines import machine_of, with_gaps

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian

# A filter of T steps with reflections, relative to the largest log-density of a path.
RELATIVE = 1e-11


def near(got: Any, expected: Any, relative: float = RELATIVE) -> bool:
    got, expected = np.asarray(got), np.asarray(expected)
    return bool(np.all(np.abs(got - expected) <= relative * (1 + np.max(np.abs(expected)))))


@pytest.mark.parametrize(("n", "m"), [(1, 1), (2, 2), (4, 2), (2, 4), (5, 3), (7, 6)])
def test_the_density_is_the_marginal(n: int, m: int) -> None:
    machine = machine_of(16, n, m)
    y = with_gaps(machine.sample(n_paths=6, rng=1))
    per_step = machine.log_prob(y)
    sigma = ep.stochastic_entropy_production(machine, y, backward=machine)
    for path, own, ahead, back in zip(y, per_step, sigma.log_forward, sigma.log_backward):
        assert near(own, oracle.log_prob(machine, path))
        assert np.all(own[np.isnan(path).all(axis=1)] == 0)
        total = oracle.joint_log_density(machine, path)
        assert ahead == pytest.approx(total, rel=RELATIVE, abs=RELATIVE)
        assert own.sum() == pytest.approx(total, rel=RELATIVE, abs=RELATIVE)
        assert near(back, oracle.log_prob(machine, path, backward=True).sum())


@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_gaps_in_awkward_machines(name: str) -> None:
    machine = ept.awkward_machines()[name]
    y = with_gaps(machine.sample(24, 5, rng=2))
    # Whitening by a covariance of condition k loses k eps of the squares.
    relative = 1e-3 if "1e12" in name else 1e-8 if "1e6" in name else 1e-10
    got = ep.stochastic_entropy_production(machine, y)
    for k, path in enumerate(y):
        expected = oracle.log_prob(machine, path)
        assert near(machine.log_prob(y)[k], expected, relative)
        assert near(got.log_forward[k], expected.sum(), relative)
        back = oracle.log_prob(machine, path, backward=True).sum()
        assert near(got.log_backward[k], back, relative)


def test_the_mask_is_reversed_with_the_data() -> None:
    machine = ept.awkward_machines()["two states, two outputs"]
    y = with_gaps(machine.sample(30, 7, rng=3))
    ahead = ep.stochastic_entropy_production(machine, y)
    back = ep.stochastic_entropy_production(machine, y[:, ::-1])
    assert near(ahead.sigma, -back.sigma)
    assert near(ahead.log_backward, machine.log_prob(y[:, ::-1]).sum(axis=1))


def test_complete_paths_of_a_mixed_batch_are_untouched() -> None:
    machine = ept.awkward_machines()["two states, two outputs"]
    y = machine.sample(50, 40, rng=4)
    mixed = y.copy()
    mixed[::3, 10] = np.nan
    whole = np.arange(40) % 3 != 0
    assert np.array_equal(machine.log_prob(mixed)[whole], machine.log_prob(y)[whole])
    sigma = ep.stochastic_entropy_production(machine, y).sigma
    assert np.array_equal(
        ep.stochastic_entropy_production(machine, mixed).sigma[whole], sigma[whole]
    )
    # Before the gap nothing is known of it.
    assert near(machine.log_prob(mixed)[0, :10], machine.log_prob(y)[0, :10])


def test_paths_and_threads_do_not_matter() -> None:
    machine = machine_of(40, 3, 2)
    y = with_gaps(machine.sample(n_paths=600, rng=5))
    scored = machine.log_prob(y, n_threads=1)
    assert np.array_equal(machine.log_prob(y, n_threads=3), scored)
    assert np.array_equal(machine.log_prob(y[5:9]), scored[5:9])
    assert np.array_equal(machine.log_prob(y[7]), scored[7])


@pytest.mark.parametrize("gap", [1, 3, 300])
def test_the_effect_of_a_gap_fades(gap: int) -> None:
    machine = ept.awkward_machines()["two states, two outputs"]
    y = machine.sample(1000, 1, rng=6)[0]
    holed = y.copy()
    holed[100 : 100 + gap] = np.nan
    got, whole = machine.log_prob(holed), machine.log_prob(y)
    assert near(got[:100], whole[:100], 1e-14)
    assert not near(got[100 + gap], whole[100 + gap], 1e-6)
    # The filter's radius is below 0.4: 100 steps leave nothing.
    assert near(got[200 + gap :], whole[200 + gap :], 1e-13)


def test_a_gap_in_an_unseen_memory_is_remembered() -> None:
    # The memory isn't seen again before the last step; dropping its uncertainty early would show.
    output = np.zeros((50, 1, 1))
    output[[0, 49]] = 1.0
    machine = ep.TimeVaryingLinearGaussian([[0.98]], [[1.0]], output, [[1.0]])
    y = machine.sample(rng=7)[0]
    y[0] = np.nan
    assert near(machine.log_prob(y), oracle.log_prob(machine, y))


def test_gaps_of_unstable_machines() -> None:
    grown = LinearGaussian([[2.0]], [[1.0]], [[0.5]], [[1.0]])
    # Longer gaps are beyond the digits of the dense oracle.
    y = np.zeros((14, 1))
    y[5:10] = np.nan
    assert near(grown.log_prob(y), oracle.log_prob(grown, y))
    long = np.zeros((3000, 1))
    long[5:2990] = np.nan
    with pytest.raises(ep.NumericalError, match="observations are missing"):
        grown.log_prob(long)
    with pytest.raises(ep.NumericalError, match="observations are missing"):
        ep.stochastic_entropy_production(grown, long)
    with pytest.raises(ep.NumericalError, match="observations are missing"):
        grown.repeat(3000).log_prob(long)


def test_nothing_observed() -> None:
    machine = ept.awkward_machines()["two states, two outputs"]
    y = machine.sample(9, 4, rng=8)
    y[2] = np.nan
    for call in (
        machine.log_prob,
        machine.log_prob_both_ways,
        machine.repeat(9).log_prob,
        lambda paths: ep.stochastic_entropy_production(machine, paths),
    ):
        with pytest.raises(ValueError, match=r"sequences .*path 2 has only missing"):
            call(y)


def test_infinities_are_no_gaps() -> None:
    machine = ept.awkward_machines()["two states, two outputs"]
    y = with_gaps(machine.sample(9, 4, rng=9))
    y[3, 8, 1] = np.inf
    with pytest.raises(ValueError, match=r"sequences must be finite, got inf at index \(3, 8, 1\)"):
        machine.log_prob(y)


def test_huge_values_are_not_taken_for_gaps() -> None:
    # Their sum is infinity minus infinity.
    machine = LinearGaussian([[0.4]], [[0.5]], [[0.0]], [[1e300]])
    y = np.array([[1e154], [-1e154]])
    assert np.isfinite(machine.log_prob(y)).all()


def test_the_argument_is_left_alone() -> None:
    machine = ept.awkward_machines()["two states, two outputs"]
    y = with_gaps(machine.sample(9, 4, rng=10))
    before = y.copy()
    machine.log_prob(y)
    ep.stochastic_entropy_production(machine, y)
    assert np.array_equal(y, before, equal_nan=True)
