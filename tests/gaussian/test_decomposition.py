"""Decomposition and pairs of machines against dense Gaussian conditioning."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles_decomposition as oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from oracles_decomposition import Steps

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian, _core

# The promise of the closed forms, relative to what a step subtracts, which is at least 1.
RELATIVE = 1e-12
# Double-double leaves the rounding of the values themselves, to double.
EXTENDED = 1e-15
# The oracle conditions matrices of 60 digits: seconds per example beyond this.
SMALL: dict[str, Any] = {"n_states": (1, 3), "n_outputs": (1, 2)}
LENGTHS = st.integers(1, 6)
PARTS = ("per_step", "retrospective", "compression_loss", "model_mismatch")


def require_equal(got: Any, wanted: Any, tolerance: float) -> None:
    for name in PARTS:
        expected = np.asarray(getattr(wanted, name))
        scale = 1.0 + np.abs(expected)
        assert np.all(np.abs(getattr(got, name) - expected) <= tolerance * scale), name


@settings(max_examples=25)
@given(ept.stable_machines(**SMALL), LENGTHS)
def test_decomposition_against_dense_conditioning(machine: LinearGaussian, n_steps: int) -> None:
    steps = oracles.repeated(machine, n_steps)
    wanted = oracles.decompose(steps, steps, n_steps)
    require_equal(ep.entropy_production(machine, n_steps), wanted, RELATIVE)
    result = ep.entropy_production(machine, n_steps, precision="extended")
    require_equal(result, wanted, EXTENDED)
    np.testing.assert_array_equal(result.memory_rank, wanted.rank)


def test_a_memory_of_nearly_dependent_components() -> None:
    # The covariance of the forward memory is singular to rounding, though not in any one component.
    eigenvalues, entered = ep.s4d_legs(24)
    rng = np.random.default_rng(3)
    machine = ep.DiagonalSSM.from_continuous(
        eigenvalues,
        entered * rng.normal(size=(12, 2)),
        (rng.normal(size=(2, 12)) + 1j * rng.normal(size=(2, 12))) / 80,
        0.1,
        innovation_cov=[[1.0, 0.3], [0.3, 2.0]],
    )
    wanted = ep.entropy_production(machine, 50, precision="extended")
    got = ep.entropy_production(machine, 50, precision="double")
    # L and M rest on a regression on the backward memory, in which double keeps fewer digits.
    np.testing.assert_allclose(got.retrospective, wanted.retrospective, rtol=0, atol=RELATIVE)
    assert got.retrospective.sum() == pytest.approx(wanted.total, abs=RELATIVE)


@settings(max_examples=15)
@given(ept.rank_deficient_machines(), st.integers(1, 5))
def test_rank_deficient_memories(machine: LinearGaussian, n_steps: int) -> None:
    steps = oracles.repeated(machine, n_steps)
    wanted = oracles.decompose(steps, steps, n_steps)
    result = ep.entropy_production(machine, n_steps)
    require_equal(result, wanted, RELATIVE)
    extended = ep.entropy_production(machine, n_steps, precision="extended")
    np.testing.assert_array_equal(extended.memory_rank, wanted.rank)


@pytest.mark.parametrize("name", ["unit root, local trend", "unstable transition", "nothing read"])
def test_awkward_machines(name: str) -> None:
    machine, n_steps = ept.awkward_machines()[name], 7
    steps = oracles.repeated(machine, n_steps)
    wanted = oracles.decompose(steps, steps, n_steps)
    require_equal(ep.entropy_production(machine, n_steps), wanted, RELATIVE)


@settings(max_examples=25)
@given(ept.stable_machines(**SMALL), st.data(), LENGTHS)
def test_pairs_against_dense_conditioning(
    machine: LinearGaussian, data: st.DataObject, n_steps: int
) -> None:
    other = data.draw(ept.stable_machines(n_states=(1, 3), n_outputs=machine.n_outputs))
    wanted = oracles.decompose(
        oracles.repeated(machine, n_steps), oracles.repeated(other, n_steps), n_steps
    )
    result = ep.entropy_production(machine, n_steps, backward=other)
    require_equal(result, wanted, RELATIVE)
    assert result.total == pytest.approx(wanted.per_step.sum(), rel=RELATIVE, abs=RELATIVE)


def random_steps(rng: np.random.Generator, n_steps: int, n: int, m: int) -> Steps:
    """Parameters that change with every step, with entries k/16 as in the strategies."""

    def grid(*shape: int, size: float) -> Any:
        return np.round(16 * size * rng.standard_normal((n_steps, *shape))) / 16

    lower = (
        np.tril(grid(m, m, size=0.3), -1) + np.eye(m) * rng.integers(12, 24, (n_steps, 1, 1)) / 16
    )
    return Steps(
        grid(n, n, size=0.4),
        grid(n, m, size=0.5),
        grid(m, n, size=0.5),
        lower @ lower.transpose(0, 2, 1),
        grid(n, size=1.0)[0],
    )


@pytest.mark.parametrize("extended", [False, True])
@pytest.mark.parametrize(("n", "b", "m"), [(1, 2, 1), (2, 2, 2), (3, 1, 2), (2, 4, 3)])
def test_time_varying_pairs_with_means(n: int, b: int, m: int, extended: bool) -> None:
    rng, n_steps = np.random.default_rng(n + 10 * b + 100 * m), 6
    forward, backward = random_steps(rng, n_steps, n, m), random_steps(rng, n_steps, b, m)
    wanted = oracles.decompose(forward, backward, n_steps)
    found = _core.decompose(forward, backward, n_steps, True, True, extended, True)
    for got, expected in zip(found[3:7], wanted):
        tolerance = (EXTENDED if extended else RELATIVE) * (1.0 + np.abs(expected))
        assert np.all(np.abs(got - expected) <= tolerance)
    np.testing.assert_array_equal(found[7], wanted.rank)


def test_a_backward_machine_equal_to_the_forward_one_changes_nothing(
    two_states: LinearGaussian,
) -> None:
    twin = LinearGaussian(*two_states._matrices())
    alone = ep.entropy_production(two_states, 200)
    pair = ep.entropy_production(two_states, 200, backward=twin)
    assert pair.total == pytest.approx(alone.total, rel=RELATIVE)
    require_equal(pair, alone, RELATIVE)


@pytest.fixture
def two_states() -> LinearGaussian:
    return LinearGaussian.from_state_space(
        [[0.8, 0.3], [0.0, 0.5]], [[1.0, 0.5], [0.0, 1.0]], np.eye(2), np.eye(2)
    )


def test_the_true_reversal_of_a_process_produces_nothing() -> None:
    """A reversible autoregression is its own reversal once it is stationary: KL is the start's."""
    machine = LinearGaussian.from_var([[[0.5, 0.2], [0.2, 0.3]]], np.eye(2))
    twin = LinearGaussian(*machine._matrices())
    curve = [ep.entropy_production(machine, n, backward=twin).total for n in (50, 100, 10**6)]
    assert curve == pytest.approx([ep.entropy_production(machine, 50).total] * 3, rel=1e-9)


@pytest.mark.parametrize("name", ["two states, two outputs", "spectral radius 0.9999", "rotation"])
def test_shortcuts_change_nothing(name: str) -> None:
    kernel = ept.awkward_machines()[name]._kernel
    n_steps = 3000
    by_steps, short = (
        _core.decompose(kernel, kernel, n_steps, True, True, False, shortcuts)
        for shortcuts in (False, True)
    )
    for one, other in zip(by_steps[3:7], short[3:7]):
        # Over the memory of some ten thousand steps rounding piles up to a few digits.
        np.testing.assert_allclose(one, other, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3, 4])
@pytest.mark.parametrize("m", [1, 2, 3, 4])
def test_segments_side_by_side(n: int, m: int) -> None:
    """Small machines go by segments of time in the lanes of registers; double-double doesn't."""
    rng = np.random.default_rng(10 * n + m)
    drawn = rng.standard_normal((3, 8, 8))
    state, entered, seen = drawn[0][:n, :n], drawn[1][:n, :m], drawn[2][:m, :n]
    for size in (0.3, 0.9):
        machine = LinearGaussian(
            size * state / np.linalg.norm(state, 2),
            0.2 * entered / np.linalg.norm(entered, 2),
            0.4 * seen / np.linalg.norm(seen, 2),
            np.eye(m) + 0.5,
        )
        kernel = machine._kernel
        got = _core.decompose(kernel, kernel, 1100, True, True, False, False)
        wanted = _core.decompose(kernel, kernel, 1100, True, True, True, False)
        assert abs(got[0] - wanted[0]) <= got[1]
        for ours, exact in zip(got[3:7], wanted[3:7]):
            assert np.all(np.abs(ours - exact) <= RELATIVE * (1.0 + np.abs(exact)))
        np.testing.assert_array_equal(got[7], wanted[7])


@pytest.mark.parametrize(
    "name",
    # Kernels for segments are for few states, and unstable recursions overflow in double.
    sorted(
        name
        for name, machine in ept.awkward_machines().items()
        if machine.n_states <= 4 and not name.startswith("unstable")
    ),
)
def test_awkward_machines_over_many_segments(name: str) -> None:
    """Whatever can't go side by side falls back on single steps."""
    kernel = ept.awkward_machines()[name]._kernel
    got, wanted = (
        _core.decompose(kernel, kernel, 300, True, True, extended, False)
        for extended in (False, True)
    )
    # What is nearly singular loses the digits that the total's estimate says.
    scale = np.maximum(1.0 + np.abs(wanted[3]), got[1] / RELATIVE)
    for ours, exact in zip(got[3:5], wanted[3:5]):
        assert np.all(np.abs(ours - exact) <= RELATIVE * scale)


def test_a_pair_over_a_billion_steps(two_states: LinearGaussian) -> None:
    other = LinearGaussian.from_state_space([[0.5]], [[1.0], [0.3]], [[1.0]], np.eye(2))
    short, longer = (
        ep.entropy_production(two_states, n, backward=other).total for n in (10**6, 10**9)
    )
    slope = ep.entropy_production(two_states, 2 * 10**6, backward=other).total - short
    assert longer == pytest.approx(short + 999 * slope, rel=1e-9)


def test_what_can_be_left_out(two_states: LinearGaussian) -> None:
    result = ep.entropy_production(two_states, 5, decomposition=False)
    assert list(result.to_frame().columns) == ["per_step"]
    with pytest.raises(ValueError, match="decomposition=True"):
        _ = result.compression_loss
    with pytest.raises(ValueError, match="decomposition=True"):
        result.plot()


def test_values_are_read_only_and_tabulated(two_states: LinearGaussian) -> None:
    result = ep.entropy_production(two_states, 5)
    for name in (*PARTS, "memory_rank"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(result, name)[0] = 1
        np.testing.assert_array_equal(result.to_frame()[name], getattr(result, name))
    assert result.second_law_bound == pytest.approx(result.compression_loss.sum())


def test_bad_input(two_states: LinearGaussian) -> None:
    one_output = LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    with pytest.raises(
        ValueError, match=r"backward must have 2 output\(s\), as machine has, got 1"
    ):
        ep.entropy_production(two_states, 5, backward=one_output)
    with pytest.raises(TypeError, match=r"backward must have a method log_prob.*; got str"):
        ep.entropy_production(two_states, 5, backward="itself")
    with pytest.raises(TypeError, match="decomposition must be True or False, got 'no'"):
        ep.entropy_production(two_states, 5, decomposition="no")  # type: ignore[arg-type]
    with pytest.raises(MemoryError, match="n_steps is too large: a decomposition of 10"):
        _ = ep.entropy_production(two_states, 10**14).compression_loss


def test_totals_of_pairs_ask_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entroprod.boundary.memory.available_memory", lambda: 2**21)
    machine = LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], np.eye(2))
    other = LinearGaussian.from_var([[[0.5, 0.2], [-0.2, 0.5]]], np.eye(2))
    with pytest.raises(MemoryError, match="n_steps is too large: the recursions of a pair of 10"):
        ep.entropy_production(machine, 10**9, backward=other)


def test_overflow_names_the_spectral_radius() -> None:
    machine = ept.awkward_machines()["unstable transition"]
    with pytest.raises(ep.NumericalError, match="spectral radius"):
        ep.entropy_production(machine, 10**6, backward=LinearGaussian(*machine._matrices()))


def test_a_pair_whose_moments_do_not_fit(two_states: LinearGaussian) -> None:
    wide = LinearGaussian.from_var([np.eye(40)], np.eye(40))
    with pytest.raises(MemoryError, match="n_steps is too large: the recursions of a pair"):
        ep.entropy_production(
            wide, 2**53, backward=LinearGaussian.from_var([np.eye(40)], np.eye(40))
        )
    assert ep.entropy_production(two_states, 10, backward=two_states).total > 0.0


def test_nearly_singular_memories_are_decomposed_in_extended_precision() -> None:
    """Twelve modes that one output fills one after the other: double loses most of them."""
    modes = np.linspace(0.3, 0.9, 12)
    machine = LinearGaussian(
        np.diag(modes),
        0.1 * np.column_stack([np.ones(12), modes**2]),
        0.1 * np.array([np.ones(12), modes]),
        np.eye(2),
    )
    automatic = ep.entropy_production(machine, 40)
    extended = ep.entropy_production(machine, 40, precision="extended")
    assert automatic.compression_loss == pytest.approx(
        extended.compression_loss, rel=1e-9, abs=1e-13
    )
    np.testing.assert_array_equal(automatic.memory_rank, extended.memory_rank)
