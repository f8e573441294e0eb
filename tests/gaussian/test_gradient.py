"""Gradients of totals and rates against complex steps, and what they promise besides."""

from __future__ import annotations

import pickle

import numpy as np
import numpy.typing as npt
import oracles_gradient
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian
from entroprod.gaussian import core

Gradient = ep.EntropyProductionGradient | ep.EntropyProductionRateGradient | core.Gradient
NAMES = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")
# The promise, of the largest entry of each gradient; dense complex steps in double are as good.
RELATIVE = 1e-10
# Two ways to sum the same steps differ by rounding alone.
SAME = 1e-12
# A gradient is a sum of terms of the size of the total's; what is smaller than rounding of them is
# taken for zero (nats per unit, for machines with entries around 1).
FLOOR = 1e-13
# Fifty digits settle near reversibility, where double-double has to be right.
NEARLY_REVERSIBLE = 1e-10


def awkward(name: str) -> LinearGaussian:
    return ept.awkward_machines()[name]


# Complex steps through fifty digits cost milliseconds an entry and step.
SMALL = sorted(name for name, m in ept.awkward_machines().items() if m.n_states <= 2)
WITH_RATE = [name for name in SMALL if not any(word in name for word in ("unit root", "unstable"))]


def arrays(gradient: Gradient | oracles_gradient.Gradient) -> list[npt.NDArray[np.float64]]:
    return [getattr(gradient, name) for name in NAMES]


def in_natural_units(
    gradient: Gradient | oracles_gradient.Gradient, machine: LinearGaussian
) -> list[npt.NDArray[np.float64]]:
    """Derivatives times the sizes of what they belong to: with outputs of unit variance, and with
    memories of the spread that the noise gives them.

    Entries of machines in other units would be of incomparable sizes.
    """
    outputs = np.sqrt(machine.innovation_cov.diagonal())
    driven = machine.input_matrix @ machine.innovation_cov @ machine.input_matrix.T
    spread = np.sqrt(driven.diagonal())
    memory = np.where(spread > 0.0, spread, 1.0)
    state, inputs, output, cov = arrays(gradient)
    return [
        state * memory[:, None] / memory,
        inputs * memory[:, None] / outputs,
        output * outputs[:, None] / memory,
        cov * np.outer(outputs, outputs),
    ]


def assert_close(
    got: Gradient,
    wanted: Gradient | oracles_gradient.Gradient,
    machine: LinearGaussian,
    relative: float,
    floor: float = FLOOR,
) -> None:
    # A parameter may be without influence (S of one output): judged by the largest entry of all.
    pairs = list(zip(in_natural_units(got, machine), in_natural_units(wanted, machine)))
    scale = max(float(np.max(np.abs(exact))) for _, exact in pairs)
    for name, (ours, exact) in zip(NAMES, pairs):
        np.testing.assert_allclose(ours, exact, rtol=0, atol=relative * scale + floor, err_msg=name)


@settings(max_examples=15)
@given(ept.stable_machines(n_states=(1, 5), n_outputs=(1, 4)), st.integers(1, 15))
def test_against_the_dense_definition(machine: LinearGaussian, n_steps: int) -> None:
    got = ep.entropy_production_gradient(machine, n_steps)
    assert_close(got, oracles_gradient.dense_gradient(machine, n_steps), machine, RELATIVE)
    assert got.total == pytest.approx(ep.entropy_production(machine, n_steps).total, rel=SAME)


@pytest.mark.parametrize("name", SMALL)
def test_awkward_machines_in_fifty_digits(name: str) -> None:
    machine, n_steps = awkward(name), 12
    wanted = oracles_gradient.exact_gradient(machine, n_steps)
    assert_close(ep.entropy_production_gradient(machine, n_steps), wanted, machine, RELATIVE)


@pytest.mark.parametrize("name", WITH_RATE)
def test_awkward_rates_in_fifty_digits(name: str) -> None:
    machine = awkward(name)
    got = ep.entropy_production_rate_gradient(machine)
    assert_close(got, oracles_gradient.exact_rate_gradient(machine), machine, RELATIVE)
    assert got.rate == ep.entropy_production_rate(machine)


@settings(max_examples=5)
@given(ept.stable_machines(n_states=(1, 2), n_outputs=(2, 3)))
def test_random_rates_in_fifty_digits(machine: LinearGaussian) -> None:
    got = ep.entropy_production_rate_gradient(machine)
    assert_close(got, oracles_gradient.exact_rate_gradient(machine), machine, RELATIVE)


def test_the_oracles_agree() -> None:
    machine = awkward("two states, two outputs")
    dense = oracles_gradient.dense_gradient(machine, 12)
    for ours, exact in zip(arrays(dense), arrays(oracles_gradient.exact_gradient(machine, 12))):
        np.testing.assert_allclose(ours, exact, rtol=0, atol=RELATIVE * np.max(np.abs(exact)))


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9])
def test_nearly_reversible_machines_in_fifty_digits(gap: float) -> None:
    # The gradient of the rate is of the size of the gap, its terms are of the size of one.
    machine = LinearGaussian.from_var([[[0.5, 0.2 + gap], [0.2 - gap, 0.3]]], np.eye(2))
    got = ep.entropy_production_rate_gradient(machine)
    wanted = oracles_gradient.exact_rate_gradient(machine)
    assert 0.01 * gap < np.max(np.abs(wanted.output_matrix)) < 100 * gap
    assert_close(got, wanted, machine, NEARLY_REVERSIBLE, floor=0.0)


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 8, 40])
@pytest.mark.parametrize("m", [1, 2, 4, 30])
def test_sizes(n: int, m: int) -> None:
    # Kernels of fixed size, of any size, and through BLAS; double-double has kernels of its own.
    rng = np.random.default_rng(n + m)

    def of_norm(norm: float, *shape: int) -> npt.NDArray[np.float64]:
        matrix = rng.standard_normal(shape)
        return norm * matrix / np.linalg.norm(matrix, 2)

    machine = LinearGaussian(
        of_norm(0.4, n, n), of_norm(0.7, n, m), of_norm(0.7, m, n), np.eye(m) + 0.5
    )
    for n_steps in (1, 30):
        got = ep.entropy_production_gradient(machine, n_steps, precision="double")
        wanted = ep.entropy_production_gradient(machine, n_steps, precision="extended")
        assert_close(got, wanted, machine, RELATIVE)
    if m > 1:
        double = ep.entropy_production_rate_gradient(machine, precision="double")
        extended = ep.entropy_production_rate_gradient(machine, precision="extended")
        assert_close(double, extended, machine, RELATIVE)


@pytest.mark.parametrize(
    "name", ["two states, two outputs", "six states, six outputs", "season of twelve"]
)
@pytest.mark.parametrize("n_steps", [60, 65, 300, 2500])
def test_shortcuts_change_nothing(name: str, n_steps: int) -> None:
    machine = awkward(name)
    slow = core.gradient(machine, n_steps, "auto", shortcuts=False)
    fast = ep.entropy_production_gradient(machine, n_steps)
    assert_close(fast, slow, machine, RELATIVE)
    assert fast.total == pytest.approx(slow.value.value, rel=SAME)


@pytest.mark.parametrize("n", [1, 2, 4])
@pytest.mark.parametrize("m", [2, 3])
@pytest.mark.parametrize("n_steps", [2048, 3333])
def test_segments_side_by_side(n: int, m: int, n_steps: int) -> None:
    """Small machines go back by segments of time in the lanes of registers."""
    rng = np.random.default_rng(10 * n + m)

    def of_norm(norm: float, *shape: int) -> npt.NDArray[np.float64]:
        matrix = rng.standard_normal(shape)
        return norm * matrix / np.linalg.norm(matrix, 2)

    machine = LinearGaussian(
        of_norm(0.9, n, n), of_norm(0.2, n, m), of_norm(0.4, m, n), np.eye(m) + 0.5
    )
    got = core.gradient(machine, n_steps, "double", shortcuts=False)
    wanted = ep.entropy_production_gradient(machine, n_steps, precision="extended")
    assert_close(got, wanted, machine, RELATIVE)


@pytest.mark.parametrize("n_steps", [1500, 5000, 12_000])
def test_many_checkpoints(n_steps: int) -> None:
    # None of these steps repeats another: states are kept, thinned out and run again.
    machine = awkward("spectral radius 0.9999")
    got = ep.entropy_production_gradient(machine, n_steps)
    wanted = ep.entropy_production_gradient(machine, n_steps, precision="extended")
    assert_close(got, wanted, machine, RELATIVE)


def test_a_billion_steps_continue_the_line() -> None:
    machine = awkward("two states, two outputs")
    rate = ep.entropy_production_rate_gradient(machine)
    start = ep.entropy_production_gradient(machine, 1000)
    later = ep.entropy_production_gradient(machine, 10**9)
    for name in NAMES:
        line = getattr(start, name) + getattr(rate, name) * (10**9 - 1000)
        np.testing.assert_allclose(getattr(later, name), line, rtol=1e-9)
    assert later.total == pytest.approx(ep.entropy_production(machine, 10**9).total, rel=SAME)


@pytest.mark.parametrize("name", [name for name in SMALL if "unit root" in name])
def test_unit_roots_grow_by_powers_of_time(name: str) -> None:
    # The forward state settles, its adjoint never does: doubling has to follow a polynomial in T.
    machine = awkward(name)
    n_steps = 2000
    slow = core.gradient(machine, n_steps, "extended", shortcuts=False)
    fast = ep.entropy_production_gradient(machine, n_steps)
    # A = F + G C is off by one rounding, and T steps amplify that.
    assert_close(fast, slow, machine, 1e-9)
    if name in {"unit root, local trend", "unit root, on the circle"}:
        return  # there the forward state never settles, and every step would be run
    far = ep.entropy_production_gradient(machine, 10**8)
    assert all(np.isfinite(array).all() for array in arrays(far))


def test_unstable_machines() -> None:
    machine = awkward("unstable transition")
    wanted = oracles_gradient.exact_gradient(machine, 30)
    assert_close(ep.entropy_production_gradient(machine, 30), wanted, machine, RELATIVE)
    with pytest.raises(ep.NumericalError, match=r"overflow.*spectral radius 1\."):
        ep.entropy_production_gradient(machine, 10**6)


def test_a_state_apart_does_not_matter() -> None:
    # It is neither driven nor seen, but the powers of its eigenvalue overflow.
    machine = LinearGaussian(
        [[0.8, 0.0], [0.0, 20.0]], [[0.1, 0.2], [0.0, 0.0]], [[0.5, 0.0], [-0.5, 0.0]], np.eye(2)
    )
    alone = LinearGaussian([[0.8]], [[0.1, 0.2]], [[0.5], [-0.5]], np.eye(2))
    got = ep.entropy_production_gradient(machine, 10**6)
    wanted = ep.entropy_production_gradient(alone, 10**6)
    assert got.state_matrix[0, 0] == pytest.approx(wanted.state_matrix[0, 0], rel=RELATIVE)
    size = np.max(np.abs(wanted.state_matrix))
    np.testing.assert_allclose(
        got.innovation_cov, wanted.innovation_cov, rtol=RELATIVE, atol=RELATIVE * size
    )


def test_results_are_frozen_records() -> None:
    machine = awkward("two states, two outputs")
    total = ep.entropy_production_gradient(machine, 12)
    rate = ep.entropy_production_rate_gradient(machine)
    for result in (total, rate):
        assert "nats" in repr(result)
        assert "precision='double'" in repr(result)
        assert result.to_dict()["state_matrix"] == result.state_matrix.tolist()
        frame = result.to_frame()
        assert len(frame) == 16
        value = frame.loc[("output_matrix", 1, 0), "gradient"]
        assert value == result.output_matrix[1, 0]
        for array in arrays(result):
            assert not array.flags.writeable
        with pytest.raises(AttributeError):
            result.precision = "extended"  # type: ignore[misc]
        again = pickle.loads(pickle.dumps(result))
        np.testing.assert_array_equal(again.innovation_cov, result.innovation_cov)
    assert total.n_steps == 12


@pytest.mark.parametrize("n_steps", [0, -1, 1.5, "3", 2**60, True])
def test_bad_lengths(n_steps: object) -> None:
    with pytest.raises((ValueError, TypeError), match="n_steps"):
        ep.entropy_production_gradient(
            awkward("two states, two outputs"),
            n_steps,  # type: ignore[arg-type]
        )


def test_bad_arguments() -> None:
    machine = awkward("two states, two outputs")
    with pytest.raises(TypeError, match="machine must be a LinearGaussian"):
        ep.entropy_production_gradient(np.eye(2), 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="machine must be a LinearGaussian"):
        ep.entropy_production_rate_gradient(None)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="precision"):
        ep.entropy_production_gradient(machine, 3, precision="half")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="precision"):
        ep.entropy_production_rate_gradient(machine, precision="half")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["unit root, local level", "unstable filter"])
def test_no_rate(name: str) -> None:
    with pytest.raises(ep.NumericalError, match="eigenvalue"):
        ep.entropy_production_rate_gradient(awkward(name))


def test_memory_is_refused_by_its_need(monkeypatch: pytest.MonkeyPatch) -> None:
    free = 2**18
    monkeypatch.setattr("entroprod.gaussian.core.derivatives.available_memory", lambda: free)
    monkeypatch.setattr("entroprod.gaussian.core.derivatives._NEGLIGIBLE_MEMORY", 0)
    with pytest.raises(MemoryError, match=r"n_steps is too large.*1 MiB of memory is available"):
        ep.entropy_production_gradient(awkward("spectral radius 0.9999"), 300_000)
