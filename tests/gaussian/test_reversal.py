"""The innovation reversal matrix against the dense definition."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian

# The promise for stable machines, relative to the largest entry of the matrix.
RELATIVE = 1e-12
FLOOR = 1e-13
# Roundings of the oracle's long doubles that add up, times the root of the condition of the noise
# by which it whitens; the code whitens in double-double.
ORACLE = 100 * float(np.finfo(np.longdouble).eps)
# Least entry of an unwhitened matrix whose outputs differ in units by 1e16, to the largest one.
UNITS_APART = 1e-16
# States for which fifty digits take no more than a second.
FEW = 6
HAS_LONG_DOUBLE = np.finfo(np.longdouble).eps < 1e-18
needs_long_double = pytest.mark.skipif(
    not HAS_LONG_DOUBLE, reason="long double is double here: the oracle would be no better"
)


@needs_long_double
@given(ept.stable_machines(n_states=(1, 6), n_outputs=(1, 6)), st.integers(1, 60), st.booleans())
def test_against_the_dense_definition(machine: LinearGaussian, n_steps: int, whiten: bool) -> None:
    got = ep.innovation_reversal_matrix(machine, n_steps, whiten=whiten)
    exact = oracles.reversal_matrix(machine, n_steps, whiten=whiten).astype(float)
    assert got.shape == exact.shape
    size = float(np.max(np.abs(exact)))
    assert np.max(np.abs(got - exact)) <= RELATIVE * size + FLOOR


@given(ept.stable_machines(), st.integers(1, 40), st.booleans())
def test_norm_without_the_matrix(machine: LinearGaussian, n_steps: int, whiten: bool) -> None:
    matrix = ep.innovation_reversal_matrix(machine, n_steps, whiten=whiten)
    norm = ep.reversal_norm_squared(machine, n_steps, whiten=whiten)
    assert norm == pytest.approx(float(np.sum(matrix**2)), rel=RELATIVE)


@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_awkward_machines(name: str) -> None:
    machine, n_steps = ept.awkward_machines()[name], 25
    exact = oracles.reversal_matrix(machine, n_steps).astype(float)
    got = ep.innovation_reversal_matrix(machine, n_steps)
    spread = np.sqrt(np.diag(machine.innovation_cov))
    condition = np.linalg.cond(machine.innovation_cov / np.outer(spread, spread))
    relative = max(RELATIVE, ORACLE * float(np.sqrt(condition)))
    assert np.max(np.abs(got - exact)) <= relative * np.max(np.abs(exact))
    norm = ep.reversal_norm_squared(machine, n_steps)
    if machine.n_states <= FEW:
        total = float(oracles.exact_total(machine, n_steps))
    else:
        total = oracles.total(machine, n_steps)
    assert norm == pytest.approx(n_steps * machine.n_outputs + 2 * total, rel=RELATIVE)


def test_one_step_is_the_identity() -> None:
    for machine in ept.awkward_machines().values():
        matrix = ep.innovation_reversal_matrix(machine, 1)
        assert np.array_equal(matrix, np.eye(machine.n_outputs))
        assert ep.reversal_norm_squared(machine, 1) == machine.n_outputs


def test_without_memory_it_is_the_block_reversal() -> None:
    machine = ept.awkward_machines()["no memory"]
    expected = oracles.block_reversal(9, 2).astype(float)
    assert np.array_equal(ep.innovation_reversal_matrix(machine, 9), expected)


def test_out_is_filled_and_returned() -> None:
    machine = ept.awkward_machines()["two states, two outputs"]
    out = np.full((14, 14), np.nan)
    assert ep.innovation_reversal_matrix(machine, 7, out=out) is out
    assert np.array_equal(out, ep.innovation_reversal_matrix(machine, 7))


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (np.empty((13, 14)), ValueError, r"out must have shape \(14, 14\), got \(13, 14\)"),
        (np.empty(196), ValueError, "out must have shape"),
        (np.empty((14, 14), dtype=np.float32), TypeError, "out must be .*float32"),
        (np.empty((14, 14), dtype=">f8"), TypeError, "out must be"),
        (np.empty((14, 14), dtype=complex), TypeError, "out must be"),
        (np.empty((14, 14), order="F"), ValueError, "out must be .*C order"),
        (np.empty((28, 28))[::2, ::2], ValueError, "out must be .*C order"),
        (np.broadcast_to(0.0, (14, 14)), ValueError, "out must be writeable"),
        ([[0.0] * 14] * 14, TypeError, "out must be .*list"),
    ],
)
def test_unusable_out(out: np.ndarray, error: type[Exception], message: str) -> None:
    machine = ept.awkward_machines()["two states, two outputs"]
    with pytest.raises(error, match=message):
        ep.innovation_reversal_matrix(machine, 7, out=out)


def test_out_that_is_read_only_stays_untouched() -> None:
    machine = ept.awkward_machines()["two states, two outputs"]
    out = np.zeros((14, 14))
    out.flags.writeable = False
    with pytest.raises(ValueError, match="out"):
        ep.innovation_reversal_matrix(machine, 7, out=out)
    assert not out.any()


@pytest.mark.parametrize("n_steps", [10**7, 10**9, 2**53, 10**15])
def test_a_matrix_that_does_not_fit_names_its_need(n_steps: int) -> None:
    machine = ept.awkward_machines()["two states, two outputs"]
    with pytest.raises(MemoryError, match=r"n_steps .*needs .*[GT]iB"):
        ep.innovation_reversal_matrix(machine, n_steps)


def test_norm_of_many_steps() -> None:
    machine = ept.awkward_machines()["two states, two outputs"]
    n_steps = 10**9
    expected = 2 * n_steps + 2 * ep.entropy_production(machine, n_steps).total
    assert ep.reversal_norm_squared(machine, n_steps) == pytest.approx(expected, rel=RELATIVE)


def test_an_unwhitened_norm_is_in_units_of_the_outputs() -> None:
    # Unwhitened, the matrix of a machine in other units is similar, not equal: the norm changes.
    machine = ept.awkward_machines()["outputs scaled by 1e8 and 1e-8"]
    matrix = ep.innovation_reversal_matrix(machine, 6, whiten=False)
    exact = oracles.reversal_matrix(machine, 6, whiten=False).astype(float)
    assert matrix == pytest.approx(exact, rel=RELATIVE, abs=RELATIVE * UNITS_APART)
    norm = ep.reversal_norm_squared(machine, 6, whiten=False)
    assert norm == pytest.approx(float(np.sum(exact**2)), rel=RELATIVE)
