"""Laws of single paths and of many."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import entroprod.testing as ept
from entroprod import LinearGaussian

PATH_CHECKS = (
    ept.check_log_prob,
    ept.check_sigma_is_a_difference,
    ept.check_sigma_is_quadratic,
)
# Sampling checks with five standard errors: a failure by chance would be a chance of 1e-6 each.
SAMPLING_CHECKS = (
    ept.check_mean_of_sigma,
    ept.check_variance_of_sigma,
    ept.check_fluctuation_theorem,
    ept.check_partial_fluctuation,
)
ANY_MACHINE = st.one_of(
    ept.stable_machines(),
    ept.nearly_reversible_machines(),
    ept.rank_deficient_machines(),
    ept.unit_root_machines(),
    ept.seasonal_machines(period=(2, 4)),
    ept.unstable_machines(),
)


@given(ept.stable_machines(n_states=(1, 6), n_outputs=(1, 6)), st.integers(1, 20))
def test_single_paths_of_stable_machines(machine: LinearGaussian, n_steps: int) -> None:
    for check in PATH_CHECKS:
        assert check(machine, n_steps=n_steps).passed


@given(ANY_MACHINE, st.integers(1, 20))
def test_single_paths_of_any_machine(machine: LinearGaussian, n_steps: int) -> None:
    for check in PATH_CHECKS:
        check(machine, n_steps=n_steps)


@settings(max_examples=20)
@given(ANY_MACHINE, st.integers(1, 12), st.integers(0, 2**32))
def test_many_paths(machine: LinearGaussian, n_steps: int, seed: int) -> None:
    for check in SAMPLING_CHECKS:
        check(machine, n_steps=n_steps, n_paths=4000, seed=seed)


@settings(max_examples=10)
@given(ANY_MACHINE, st.integers(1, 40), st.integers(1, 3000))
def test_threads_do_not_matter(machine: LinearGaussian, n_steps: int, n_paths: int) -> None:
    assert ept.check_threads(machine, n_steps=n_steps, n_paths=n_paths).passed


@given(ANY_MACHINE)
def test_copies_are_equal(machine: LinearGaussian) -> None:
    assert ept.check_round_trips(machine).passed


@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_awkward_machines(name: str) -> None:
    machine = ept.awkward_machines()[name]
    for path_check in PATH_CHECKS:
        path_check(machine, n_steps=17)
    for check in SAMPLING_CHECKS:
        check(machine, n_steps=9, n_paths=4000)
