"""Laws of the gradients of entropy production."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian

Array = npt.NDArray[np.float64]
Gradient = ep.EntropyProductionGradient | ep.EntropyProductionRateGradient
LENGTHS = st.integers(1, 40)
# A derivative that vanishes by symmetry is a sum of terms; rounding of their sizes may be left.
VANISHING = 1e-11
# Of a nearly reversible machine in double-double, relative to the sizes of the terms as above.
FLOOR = 1e-13

machines = st.one_of(
    ept.stable_machines(),
    ept.nearly_reversible_machines(),
    ept.rank_deficient_machines(),
    ept.unit_root_machines(),
    ept.unstable_machines(n_states=(1, 3)),
)
# Directions of a change of basis, entries k/16.
directions = st.integers(0, 2**32 - 1)


def direction(seed: int, size: int) -> Array:
    return np.random.default_rng(seed).integers(-16, 17, (size, size)) / 16


def assert_vanishes(*terms: Array) -> None:
    size = sum(float(np.sum(np.abs(term))) for term in terms)
    assert abs(sum(float(np.sum(term)) for term in terms)) <= VANISHING * size + FLOOR


def assert_state_basis_is_free(gradient: Gradient, machine: LinearGaussian, z: Array) -> None:
    f, g, c = machine.state_matrix, machine.input_matrix, machine.output_matrix
    assert_vanishes(
        gradient.state_matrix * (z @ f),
        -gradient.state_matrix * (f @ z),
        gradient.input_matrix * (z @ g),
        -gradient.output_matrix * (c @ z),
    )


def assert_output_basis_is_free(gradient: Gradient, machine: LinearGaussian, z: Array) -> None:
    g, c, s = machine.input_matrix, machine.output_matrix, machine.innovation_cov
    assert_vanishes(
        -gradient.input_matrix * (g @ z),
        gradient.output_matrix * (z @ c),
        gradient.innovation_cov * (z @ s),
        gradient.innovation_cov * (s @ z.T),
    )


@given(machines, LENGTHS, directions)
def test_a_change_of_the_memory_basis_changes_nothing(
    machine: LinearGaussian, n_steps: int, seed: int
) -> None:
    # h -> (1 + Z) h: F -> F + [Z, F], G -> G + Z G, C -> C - C Z.
    gradient = ep.entropy_production_gradient(machine, n_steps)
    assert_state_basis_is_free(gradient, machine, direction(seed, machine.n_states))


@given(machines, LENGTHS, directions)
def test_a_change_of_the_output_basis_changes_nothing(
    machine: LinearGaussian, n_steps: int, seed: int
) -> None:
    # y -> (1 + Z) y: G -> G - G Z, C -> C + Z C, S -> S + Z S + S Z^T.
    gradient = ep.entropy_production_gradient(machine, n_steps)
    assert_output_basis_is_free(gradient, machine, direction(seed, machine.n_outputs))


@given(ept.stable_machines(n_outputs=(2, 4)), directions)
def test_bases_do_not_matter_to_the_rate(machine: LinearGaussian, seed: int) -> None:
    gradient = ep.entropy_production_rate_gradient(machine)
    assert_state_basis_is_free(gradient, machine, direction(seed, machine.n_states))
    assert_output_basis_is_free(gradient, machine, direction(seed, machine.n_outputs))


@given(machines, LENGTHS)
def test_the_gradient_of_the_covariance_is_symmetric(machine: LinearGaussian, n_steps: int) -> None:
    cov = ep.entropy_production_gradient(machine, n_steps).innovation_cov
    assert np.array_equal(cov, cov.T)


@given(ept.scalar_machines())
def test_one_output_has_no_rate_to_change(machine: LinearGaussian) -> None:
    gradient = ep.entropy_production_rate_gradient(machine)
    assert gradient.rate == 0.0
    for name in ("state_matrix", "input_matrix", "output_matrix", "innovation_cov"):
        assert not getattr(gradient, name).any()


@given(ept.scalar_machines(), LENGTHS)
def test_the_scale_of_one_output_does_not_matter(machine: LinearGaussian, n_steps: int) -> None:
    gradient = ep.entropy_production_gradient(machine, n_steps)
    size = max(np.max(np.abs(gradient.input_matrix)), np.max(np.abs(gradient.output_matrix)))
    assert abs(gradient.innovation_cov[0, 0]) <= VANISHING * size + FLOOR


@given(ept.reversible_machines())
def test_no_direction_lowers_a_rate_of_zero(machine: LinearGaussian) -> None:
    # The rate is never negative: where it is zero, it is least.
    gradient = ep.entropy_production_rate_gradient(machine)
    for name in ("state_matrix", "input_matrix", "output_matrix", "innovation_cov"):
        assert np.max(np.abs(getattr(gradient, name))) <= VANISHING


@given(ept.stable_machines())
def test_one_step_is_its_own_reversal(machine: LinearGaussian) -> None:
    gradient = ep.entropy_production_gradient(machine, 1)
    for name in ("state_matrix", "input_matrix", "output_matrix", "innovation_cov"):
        assert np.max(np.abs(getattr(gradient, name))) <= FLOOR


@given(ept.stable_machines(n_states=(1, 3), n_outputs=(2, 3)))
def test_the_rate_is_the_slope(machine: LinearGaussian) -> None:
    rate = ep.entropy_production_rate_gradient(machine)
    early, late = (ep.entropy_production_gradient(machine, steps) for steps in (1500, 3000))
    for name in ("state_matrix", "input_matrix", "output_matrix", "innovation_cov"):
        slope = (getattr(late, name) - getattr(early, name)) / 1500
        size = np.max(np.abs(getattr(late, name))) / 1500
        assert getattr(rate, name) == pytest.approx(slope, rel=1e-9, abs=1e-9 * size + FLOOR)


@given(ept.stable_machines(), LENGTHS, directions)
def test_a_small_step_along_the_gradient(machine: LinearGaussian, n_steps: int, seed: int) -> None:
    # Central differences of the library's own total: the error of order h^2 and rounding over h.
    step = 1e-5
    rng = np.random.default_rng(seed)
    moves = [
        rng.uniform(-1, 1, matrix.shape)
        for matrix in (machine.state_matrix, machine.input_matrix, machine.output_matrix)
    ]

    def total(sign: float) -> float:
        moved = LinearGaussian(
            machine.state_matrix + sign * step * moves[0],
            machine.input_matrix + sign * step * moves[1],
            machine.output_matrix + sign * step * moves[2],
            machine.innovation_cov,
        )
        return ep.entropy_production(moved, n_steps).total

    gradient = ep.entropy_production_gradient(machine, n_steps)
    parts = (gradient.state_matrix, gradient.input_matrix, gradient.output_matrix)
    expected = sum(float(np.sum(part * move)) for part, move in zip(parts, moves))
    size = sum(float(np.sum(np.abs(part * move))) for part, move in zip(parts, moves))
    slope = (total(1.0) - total(-1.0)) / (2 * step)
    # Third derivatives grow with the memory; stable machines remember some twenty steps.
    assert slope == pytest.approx(expected, abs=1e-5 * (size + gradient.total) + 1e-9)
