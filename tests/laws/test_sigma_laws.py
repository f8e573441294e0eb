"""The laws of the exact law of sigma, on random and on awkward machines."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import entroprod.testing as ept
from entroprod import LinearGaussian

DENSE_CHECKS = (ept.check_sigma_variance, ept.check_generating_function)
ANY_MACHINE = st.one_of(
    ept.stable_machines(n_states=(1, 6), n_outputs=(1, 6)),
    ept.nearly_reversible_machines(),
    ept.rank_deficient_machines(),
    ept.unit_root_machines(),
    ept.seasonal_machines(period=(2, 4)),
    ept.unstable_machines(),
)


@given(ANY_MACHINE, st.integers(1, 30))
def test_against_the_matrix(machine: LinearGaussian, n_steps: int) -> None:
    for check in DENSE_CHECKS:
        check(machine, n_steps=n_steps)


@given(ept.stable_machines(), st.integers(1, 20))
def test_stable_machines_are_decided(machine: LinearGaussian, n_steps: int) -> None:
    for check in DENSE_CHECKS:
        assert check(machine, n_steps=n_steps).passed


@settings(max_examples=20)
@given(ANY_MACHINE, st.integers(1, 12), st.integers(0, 2**32))
def test_samples(machine: LinearGaussian, n_steps: int, seed: int) -> None:
    ept.check_sigma_follows_its_law(machine, n_steps=n_steps, n_paths=4000, seed=seed)


@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_awkward_machines(name: str) -> None:
    machine = ept.awkward_machines()[name]
    for check in DENSE_CHECKS:
        check(machine, n_steps=17)
    ept.check_sigma_follows_its_law(machine, n_steps=9, n_paths=4000)
