"""Laws of totals, per-step values and the curve, and invariance under changes of basis."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian

LENGTHS = st.integers(1, 40)
CHECKS = (
    ept.check_non_negative,
    ept.check_curve,
    ept.check_per_step_adds_up,
    ept.check_stated_rounding_error,
)
# S_y of a reversed pair of times is exactly zero; this is what the closed forms call zero (nats).
ZERO = 1e-13


@given(
    st.one_of(
        ept.stable_machines(n_states=(1, 6), n_outputs=(1, 6)),
        ept.nearly_reversible_machines(),
        ept.rank_deficient_machines(),
        ept.unit_root_machines(),
        ept.seasonal_machines(),
        ept.unstable_machines(),
    ),
    LENGTHS,
)
def test_totals_steps_and_curve(machine: LinearGaussian, n_steps: int) -> None:
    for check in CHECKS:
        assert check(machine, n_steps=n_steps).passed


@given(ept.stable_machines(), LENGTHS)
def test_bases_do_not_matter(machine: LinearGaussian, n_steps: int) -> None:
    assert ept.check_state_basis(machine, n_steps=n_steps).passed
    assert ept.check_output_basis(machine, n_steps=n_steps).passed


@given(ept.rank_deficient_machines(), LENGTHS)
def test_bases_do_not_matter_to_rank_deficient_machines(
    machine: LinearGaussian, n_steps: int
) -> None:
    assert ept.check_state_basis(machine, n_steps=n_steps).passed
    assert ept.check_output_basis(machine, n_steps=n_steps).passed


@given(ept.unit_root_machines(), st.integers(1, 20))
def test_bases_do_not_matter_to_unit_roots(machine: LinearGaussian, n_steps: int) -> None:
    assert ept.check_state_basis(machine, n_steps=n_steps).passed
    assert ept.check_output_basis(machine, n_steps=n_steps).passed


@given(ept.reversible_machines(), LENGTHS)
def test_the_curve_of_a_reversible_machine_is_its_transient(
    machine: LinearGaussian, n_steps: int
) -> None:
    # Detailed balance holds in the stationary state; starting from h = 0 leaves a bounded rest,
    # which later steps no longer add to.
    late = ep.entropy_production(machine, 400).total
    later = ep.entropy_production(machine, 400 + n_steps).total
    assert later - late == pytest.approx(0.0, abs=ZERO)


@given(ept.stable_machines())
def test_one_step_is_its_own_reversal(machine: LinearGaussian) -> None:
    assert ep.entropy_production(machine, 1).total <= ZERO
    assert np.all(np.abs(ep.entropy_production(machine, 1).per_step) <= ZERO)


@pytest.mark.parametrize("n_steps", [1, 2, 50, 333])
@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_awkward_machines(name: str, n_steps: int) -> None:
    machine = ept.awkward_machines()[name]
    for check in (*CHECKS, ept.check_state_basis, ept.check_output_basis):
        check(machine, n_steps=n_steps)
