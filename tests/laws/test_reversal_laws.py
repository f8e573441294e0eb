"""Laws of the innovation reversal matrix, for random machines of every kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

import entroprod.testing as ept
from entroprod import LinearGaussian

LENGTHS = st.integers(1, 15)
CHECKS = (
    ept.check_involution,
    ept.check_trace_of_reversal,
    ept.check_paired_singular_values,
    ept.check_antisymmetric_part,
    ept.check_norm_squared,
    ept.check_rows_of_reversal,
)


@given(ept.stable_machines(), LENGTHS)
def test_stable_machines(machine: LinearGaussian, n_steps: int) -> None:
    for check in CHECKS:
        # A stable machine of this size leaves nothing undecided.
        assert check(machine, n_steps=n_steps).passed


@given(ept.nearly_reversible_machines(), LENGTHS)
def test_nearly_reversible_machines(machine: LinearGaussian, n_steps: int) -> None:
    for check in CHECKS:
        assert check(machine, n_steps=n_steps).passed


@given(ept.rank_deficient_machines(), LENGTHS)
def test_rank_deficient_machines(machine: LinearGaussian, n_steps: int) -> None:
    for check in CHECKS:
        assert check(machine, n_steps=n_steps).passed


@given(ept.unit_root_machines(), LENGTHS)
def test_unit_root_machines(machine: LinearGaussian, n_steps: int) -> None:
    for check in CHECKS:
        assert check(machine, n_steps=n_steps).passed


@given(ept.seasonal_machines(), st.integers(1, 30))
def test_seasonal_machines(machine: LinearGaussian, n_steps: int) -> None:
    for check in CHECKS:
        assert check(machine, n_steps=n_steps).passed


@given(ept.unstable_machines(), LENGTHS)
def test_unstable_machines(machine: LinearGaussian, n_steps: int) -> None:
    for check in CHECKS:
        check(machine, n_steps=n_steps)


@pytest.mark.parametrize("n_steps", [1, 2, 13])
@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_awkward_machines(name: str, n_steps: int) -> None:
    machine = ept.awkward_machines()[name]
    for check in CHECKS:
        check(machine, n_steps=n_steps)
