"""A diagonal state-space model is the linear-Gaussian machine that it is, in every function."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import oracles_structured
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import DiagonalSSM
from entroprod.boundary.precision import Precision

# What both sides promise against the dense definition.
RELATIVE, FLOOR = 1e-12, 1e-13
# Roundings of a path's numbers, each a sum of at most 24 states' terms over at most 40 steps.
PATHS = 1e-11

# Below 8 states, or with many outputs, the core takes the kernels for any machine.
ANY_SIZE = ept.diagonal_machines()
WITH_BANDS = ept.diagonal_machines(n_real=(0, 5), n_pairs=(4, 8), n_outputs=(1, 3))
LENGTHS = st.integers(1, 40)


@given(st.one_of(ANY_SIZE, WITH_BANDS), LENGTHS)
def test_closed_forms_equal_the_dense_machine(machine: DiagonalSSM, n_steps: int) -> None:
    dense = oracles_structured.dense(machine)
    want = ep.entropy_production(dense, n_steps)
    got = ep.entropy_production(machine, n_steps)
    assert got.total == pytest.approx(want.total, rel=RELATIVE, abs=FLOOR)
    scale = np.abs(want.per_step).max() + machine.n_outputs
    assert got.per_step == pytest.approx(want.per_step, rel=RELATIVE, abs=RELATIVE * scale)
    assert ep.entropy_production_curve(machine, n_steps) == pytest.approx(
        ep.entropy_production_curve(dense, n_steps), rel=RELATIVE, abs=FLOOR
    )
    assert ep.entropy_production_rate(machine) == pytest.approx(
        ep.entropy_production_rate(dense), rel=RELATIVE, abs=FLOOR
    )
    for whiten in (True, False):
        assert ep.reversal_norm_squared(machine, n_steps, whiten=whiten) == pytest.approx(
            ep.reversal_norm_squared(dense, n_steps, whiten=whiten), rel=RELATIVE
        )
        matrix = ep.innovation_reversal_matrix(dense, n_steps, whiten=whiten)
        assert ep.innovation_reversal_matrix(machine, n_steps, whiten=whiten) == pytest.approx(
            matrix, rel=RELATIVE, abs=RELATIVE * np.abs(matrix).max()
        )


@pytest.mark.parametrize("precision", ["double", "extended"])
@given(machine=WITH_BANDS, n_steps=LENGTHS)
def test_both_precisions(precision: Precision, machine: DiagonalSSM, n_steps: int) -> None:
    dense = oracles_structured.dense(machine)
    want = ep.entropy_production(dense, n_steps, precision=precision)
    got = ep.entropy_production(machine, n_steps, precision=precision)
    allowed = RELATIVE * want.total + FLOOR + want.rounding_error + got.rounding_error
    assert abs(got.total - want.total) <= allowed


@given(st.one_of(ANY_SIZE, WITH_BANDS), LENGTHS, st.integers(0, 2**32))
def test_paths_equal_the_dense_machine(machine: DiagonalSSM, n_steps: int, seed: int) -> None:
    dense = oracles_structured.dense(machine)
    paths = dense.sample(n_steps, 5, rng=seed, n_threads=1)
    size = np.abs(paths).max()
    assert machine.sample(n_steps, 5, rng=seed, n_threads=1) == pytest.approx(
        paths, rel=PATHS, abs=PATHS * size
    )
    want = dense.log_prob(paths)
    assert machine.log_prob(paths) == pytest.approx(want, rel=PATHS, abs=PATHS * np.abs(want).max())
    assert machine.log_prob(paths)[0] == pytest.approx(
        oracles_structured.log_prob(machine, paths[0]), rel=PATHS, abs=PATHS * np.abs(want).max()
    )
    sigma = ep.stochastic_entropy_production(dense, paths).sigma
    scale = n_steps * np.abs(want).max()
    assert ep.stochastic_entropy_production(machine, paths).sigma == pytest.approx(
        sigma, rel=PATHS, abs=PATHS * scale
    )


@settings(max_examples=5)
@given(ept.diagonal_machines(n_real=(0, 1), n_pairs=4, n_outputs=(1, 2)), st.integers(1, 8))
def test_the_laws_hold(machine: DiagonalSSM, n_steps: int) -> None:
    for check in (
        ept.check_non_negative,
        ept.check_curve,
        ept.check_per_step_adds_up,
        ept.check_involution,
        ept.check_norm_squared,
        ept.check_log_prob,
        ept.check_sigma_is_quadratic,
        ept.check_state_basis,
        ept.check_output_basis,
    ):
        assert check(machine, n_steps=n_steps).passed


@settings(max_examples=10)
@given(WITH_BANDS, st.integers(1, 30), st.integers(1, 1000))
def test_threads_do_not_matter(machine: DiagonalSSM, n_steps: int, n_paths: int) -> None:
    assert ept.check_threads(machine, n_steps=n_steps, n_paths=n_paths).passed


@given(ANY_SIZE)
def test_copies_are_equal(machine: DiagonalSSM) -> None:
    for other in (pickle.loads(pickle.dumps(machine)), copy.deepcopy(machine)):
        assert type(other) is DiagonalSSM
        assert other == machine
        assert hash(other) == hash(machine)
        assert np.array_equal(other.eigenvalues, machine.eigenvalues)
    dense = ep.LinearGaussian(*machine._matrices())
    assert machine == dense
    assert dense == machine
    assert hash(machine) == hash(dense)


@given(ANY_SIZE, st.permutations(range(16)))
def test_the_order_of_modes_does_not_matter(machine: DiagonalSSM, order: list[int]) -> None:
    kept = [i for i in order if i < machine.n_modes]
    other = DiagonalSSM(
        machine.eigenvalues[kept],
        machine.modal_input[kept],
        machine.modal_output[:, kept],
        machine.innovation_cov,
    )
    assert ep.entropy_production(other, 20).total == pytest.approx(
        ep.entropy_production(machine, 20).total, rel=RELATIVE, abs=FLOOR
    )


@given(ANY_SIZE)
def test_conjugating_a_pair_changes_nothing(machine: DiagonalSSM) -> None:
    other = DiagonalSSM(
        machine.eigenvalues.conj(),
        machine.modal_input.conj(),
        machine.modal_output.conj(),
        machine.innovation_cov,
    )
    assert ep.entropy_production(other, 20).total == pytest.approx(
        ep.entropy_production(machine, 20).total, rel=RELATIVE, abs=FLOOR
    )
