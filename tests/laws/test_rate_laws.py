"""Laws of the entropy production rate."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian

# A rate that vanishes by symmetry, nats per step; double-double rounding is far below.
ZERO_RATE = 1e-25
# The promise of the closed forms: relative, and in nats.
RELATIVE, FLOOR = 1e-12, 1e-13


@given(ept.stable_machines(n_outputs=(2, 4)))
def test_rate_is_spectral_integral_and_slope(machine: LinearGaussian) -> None:
    assert ept.check_rate_is_spectral(machine).passed
    # The slope is undecided where the rate is small against the accuracy of the totals.
    ept.check_rate_is_slope(machine)


@given(ept.nearly_reversible_machines())
def test_nearly_reversible_rates_are_spectral_integrals(machine: LinearGaussian) -> None:
    ept.check_rate_is_spectral(machine)


@given(ept.seasonal_machines())
def test_seasonal_rates_are_spectral_integrals(machine: LinearGaussian) -> None:
    ept.check_rate_is_spectral(machine)
    ept.check_rate_is_slope(machine)


@given(ept.rank_deficient_machines(n_outputs=(2, 4)))
def test_rank_deficient_rates(machine: LinearGaussian) -> None:
    ept.check_rate_is_spectral(machine)
    ept.check_rate_is_slope(machine)


@given(ept.scalar_machines(n_states=(1, 6)))
def test_one_output_has_no_rate(machine: LinearGaussian) -> None:
    assert ept.check_scalar_output(machine).passed
    assert ep.entropy_production_rate(machine) == 0.0


@given(ept.scalar_machines())
def test_one_output_stays_bounded(machine: LinearGaussian) -> None:
    # Transients die as 0.95^T: nothing is added after a thousand steps.
    early, late = (ep.entropy_production(machine, steps).total for steps in (1000, 10**6))
    assert late == pytest.approx(early, rel=RELATIVE, abs=FLOOR)


@given(ept.reversible_machines())
def test_symmetric_coefficients_commuting_with_the_noise_have_no_rate(
    machine: LinearGaussian,
) -> None:
    assert ept.check_symmetric_var(machine).passed
    assert abs(ep.entropy_production_rate(machine)) <= ZERO_RATE


@given(ept.stable_machines(n_outputs=(2, 3)))
def test_the_rate_does_not_depend_on_the_units_of_the_outputs(machine: LinearGaussian) -> None:
    # Powers of two: exact, so that only the computation may differ, by what it promises.
    units = 2.0 ** np.arange(-20, 20, 40 // machine.n_outputs)[: machine.n_outputs]
    scaled = LinearGaussian(
        machine.state_matrix,
        machine.input_matrix / units,
        machine.output_matrix * units[:, None],
        machine.innovation_cov * np.outer(units, units),
    )
    rate = ep.entropy_production_rate(machine)
    assert ep.entropy_production_rate(scaled) == pytest.approx(rate, rel=RELATIVE, abs=ZERO_RATE)


@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_awkward_machines(name: str) -> None:
    machine = ept.awkward_machines()[name]
    results = [ept.check_rate_is_spectral(machine), ept.check_rate_is_slope(machine)]
    if any(word in name for word in ("unit root", "unstable")):
        assert all(result.skipped for result in results)
