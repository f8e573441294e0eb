"""Laws of the retrospective decomposition, for machines of every kind."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian
from entroprod.laws.gaussian_case import nudge

LENGTHS = st.integers(1, 40)
CHECKS = (
    ept.check_decomposition_adds_up,
    ept.check_decomposition_non_negative,
    ept.check_refined_second_law,
)
# What a change of basis may do, relative to the size of a step's terms: the rounding of the
# change itself, by the conditioning of the bases drawn here.
BASIS = 1e-9
# What rounding leaves of sums over a pair, relative to the sum's size.
PAIR = 1e-11


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
def test_sums_and_signs(machine: LinearGaussian, n_steps: int) -> None:
    for check in CHECKS:
        assert check(machine, n_steps=n_steps).passed


@given(ept.stable_machines(n_states=(1, 6), n_outputs=(1, 4)), st.integers(1, 25))
def test_retrospective_entropy_production_is_dense(machine: LinearGaussian, n_steps: int) -> None:
    assert ept.check_retrospective(machine, n_steps=n_steps).passed


@given(ept.stable_machines(), LENGTHS, st.integers(0, 2**32))
def test_bases_do_not_matter(machine: LinearGaussian, n_steps: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    states = np.linalg.qr(rng.standard_normal((machine.n_states,) * 2))[0]
    outputs = np.linalg.qr(rng.standard_normal((machine.n_outputs,) * 2))[0]
    outputs *= np.exp2(rng.integers(-8, 9, machine.n_outputs))[:, np.newaxis]
    moved = LinearGaussian(
        states @ machine.state_matrix @ states.T,
        states @ machine.input_matrix @ np.linalg.inv(outputs),
        outputs @ machine.output_matrix @ states.T,
        outputs @ machine.innovation_cov @ outputs.T,
    )
    before, after = (ep.entropy_production(each, n_steps) for each in (machine, moved))
    for name in ("retrospective", "compression_loss", "model_mismatch"):
        one, other = getattr(before, name), getattr(after, name)
        assert np.all(np.abs(one - other) <= BASIS * (1.0 + np.abs(one))), name


@given(ept.stable_machines(n_outputs=2), st.data(), LENGTHS)
def test_relative_entropy_of_pairs(
    machine: LinearGaussian, data: st.DataObject, n_steps: int
) -> None:
    other = data.draw(ept.stable_machines(n_outputs=2))
    result = ep.entropy_production(machine, n_steps, backward=other)
    summed = float(result.per_step.sum())
    assert summed >= -result.rounding_error - PAIR
    assert abs(float(result.retrospective.sum()) - result.total) <= PAIR * (1.0 + result.total)


@given(
    st.one_of(ept.stable_machines(n_outputs=2), ept.unit_root_machines(n_outputs=2)),
    st.data(),
    st.integers(1, 300),
)
def test_the_rounding_error_of_pairs_is_stated(
    machine: LinearGaussian, data: st.DataObject, n_steps: int
) -> None:
    other = data.draw(ept.stable_machines(n_outputs=2))
    double, extended = (
        ep.entropy_production(machine, n_steps, backward=other, precision=precision)
        for precision in ("double", "extended")
    )
    error = abs(double.total - extended.total)
    assert error <= double.rounding_error + extended.rounding_error


@given(ept.stable_machines(n_states=(1, 3), n_outputs=2), LENGTHS)
def test_the_loss_is_the_memory_s_own(machine: LinearGaussian, n_steps: int) -> None:
    """What a memory has lost doesn't depend on what is predicted from it."""
    other = nudge(machine, np.random.default_rng(0))
    reader = LinearGaussian(
        machine.state_matrix, machine.input_matrix, 2 * other.output_matrix, other.innovation_cov
    )
    own = ep.entropy_production(machine, n_steps)
    pair = ep.entropy_production(machine, n_steps, backward=reader)
    scale = 1.0 + own.second_law_bound
    assert abs(pair.second_law_bound - own.second_law_bound) <= PAIR * scale
    assert own.second_law_bound <= pair.total + PAIR * scale
