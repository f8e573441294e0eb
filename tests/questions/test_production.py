"""Totals, per-step values, curve and rate against the dense definition and fifty digits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian
from entroprod.boundary.precision import Precision

# The promise of the closed forms for stable machines.
RELATIVE = 1e-12
FLOOR = 1e-13
# The dense oracle in long double: 2^-64 times the cancellation of its sums leaves three digits
# to spare; where long double is double (some platforms), nothing is left to compare with.
HAS_LONG_DOUBLE = np.finfo(np.longdouble).eps < 1e-18
# At spectral radius 0.999 and above, against fifty digits.
NEAR_UNIT = 1e-10
# Rates of 1e-14 nats per step must be right to 1e-6; double-double gives them to twelve digits.
NEARLY_REVERSIBLE = 1e-12
# What double-double calls zero: the square of a double's rounding times the squares that cancel.
# Nats, and nats per step.
ZERO = 1e-25
# The same for random machines, where double precision is taken for enough at a relative 1e-12.
ZERO_IN_DOUBLE = 1e-20
# Scaling by a power of ten rounds every entry once, and a memory of 2000 steps amplifies that.
ROUNDED_ENTRIES = 1e-10
# Numbers printed with ten decimals, and a slope of two of them.
PRINTED, PRINTED_SLOPE = 1e-10, 1e-9

needs_long_double = pytest.mark.skipif(
    not HAS_LONG_DOUBLE, reason="long double is double here: the oracle would be no better"
)


def awkward(name: str) -> LinearGaussian:
    return ept.awkward_machines()[name]


# Products of mpmath matrices cost n^3 microseconds: larger machines have tests of their own.
SMALL = sorted(name for name, m in ept.awkward_machines().items() if m.n_states <= 6)
WITH_RATE = [name for name in SMALL if not any(word in name for word in ("unit root", "unstable"))]


@needs_long_double
@given(ept.stable_machines(n_states=(1, 6), n_outputs=(1, 6)), st.integers(1, 60))
def test_against_the_dense_definition(machine: LinearGaussian, n_steps: int) -> None:
    result = ep.entropy_production(machine, n_steps)
    dense = oracles.reversal_matrix(machine, n_steps)
    total = float(np.sum((dense - dense.T) ** 2) / 4)
    assert result.total == pytest.approx(total, rel=RELATIVE, abs=FLOOR)
    squares = np.sum(dense**2, axis=1).reshape(n_steps, machine.n_outputs).sum(axis=1)
    per_step = ((squares[::-1] - machine.n_outputs) / 2).astype(float)
    # Each step is a difference of the squares and m: relative to what is subtracted.
    assert np.all(
        np.abs(result.per_step - per_step) <= RELATIVE * squares[::-1].astype(float) + FLOOR
    )
    assert result.rounding_error <= RELATIVE * total + FLOOR


@needs_long_double
@given(ept.stable_machines(), st.integers(1, 15))
def test_the_curve_against_dense_matrices(machine: LinearGaussian, n_steps: int) -> None:
    got = ep.entropy_production_curve(machine, n_steps)
    assert got.shape == (n_steps,)
    assert got == pytest.approx(oracles.curve(machine, n_steps), rel=RELATIVE, abs=FLOOR)


@pytest.mark.parametrize("name", SMALL)
def test_awkward_machines_in_fifty_digits(name: str) -> None:
    machine, n_steps = awkward(name), 40
    exact = np.array(oracles.exact_per_step(machine, n_steps), dtype=float)
    total = float(oracles.exact_total(machine, n_steps))
    result = ep.entropy_production(machine, n_steps)
    assert result.total == pytest.approx(total, rel=RELATIVE, abs=ZERO)
    assert abs(result.total - total) <= result.rounding_error + RELATIVE * abs(total)
    size = np.max(np.abs(exact)) + machine.n_outputs
    assert result.per_step == pytest.approx(exact, rel=RELATIVE, abs=RELATIVE * size)
    curve = ep.entropy_production_curve(machine, n_steps)
    exact_curve = np.array(oracles.exact_curve(machine, n_steps), dtype=float)
    assert curve == pytest.approx(exact_curve, rel=RELATIVE, abs=FLOOR)


@pytest.mark.parametrize("name", WITH_RATE)
def test_awkward_rates_in_fifty_digits(name: str) -> None:
    machine = awkward(name)
    exact = float(oracles.exact_rate(machine))
    assert ep.entropy_production_rate(machine) == pytest.approx(exact, rel=RELATIVE, abs=ZERO)


@pytest.mark.parametrize("radius", [0.9, 0.99, 0.999, 0.9999, 0.99999])
@pytest.mark.parametrize("filter_radius", [0.3, 0.999])
def test_rate_near_the_unit_circle(radius: float, filter_radius: float) -> None:
    # Eigenvalues of A at radius exp(+-i), of F at filter_radius exp(+-i/2): placed by C.
    turn = np.array([[math.cos(1.0), -math.sin(1.0)], [math.sin(1.0), math.cos(1.0)]])
    other = np.array([[math.cos(0.5), -math.sin(0.5)], [math.sin(0.5), math.cos(0.5)]])
    shear = np.array([[1.0, 0.5], [0.0, 1.0]])
    transition = shear @ (radius * turn) @ np.linalg.inv(shear)
    state = filter_radius * other
    machine = LinearGaussian(state, np.eye(2), transition - state, [[1.0, 0.3], [0.3, 2.0]])
    exact = float(oracles.exact_rate(machine))
    assert ep.entropy_production_rate(machine) == pytest.approx(exact, rel=NEAR_UNIT)
    total = float(oracles.exact_total(machine, 60))
    assert ep.entropy_production(machine, 60).total == pytest.approx(total, rel=RELATIVE)


def test_long_transients_in_fifty_digits() -> None:
    machine = awkward("spectral radius 0.9999")
    total = float(oracles.exact_total(machine, 3000))
    assert ep.entropy_production(machine, 3000).total == pytest.approx(total, rel=NEAR_UNIT)


@pytest.mark.parametrize("gap", [1e-3, 1e-5, 5e-8, 1e-9, 1e-11])
def test_nearly_reversible_rates_in_fifty_digits(gap: float) -> None:
    machine = LinearGaussian.from_var([[[0.5, 0.2 + gap], [0.2 - gap, 0.3]]], np.eye(2))
    exact = float(oracles.exact_rate(machine))
    assert ep.entropy_production_rate(machine) == pytest.approx(exact, rel=NEARLY_REVERSIBLE)


@given(ept.nearly_reversible_machines())
def test_random_nearly_reversible_rates_in_fifty_digits(machine: LinearGaussian) -> None:
    exact = float(oracles.exact_rate(machine))
    got = ep.entropy_production_rate(machine)
    assert got == pytest.approx(exact, rel=NEARLY_REVERSIBLE, abs=ZERO)


@given(ept.stable_machines(n_states=(1, 6), n_outputs=(2, 4)))
def test_random_rates_in_fifty_digits(machine: LinearGaussian) -> None:
    exact = float(oracles.exact_rate(machine))
    assert ep.entropy_production_rate(machine) == pytest.approx(
        exact, rel=RELATIVE, abs=ZERO_IN_DOUBLE
    )


@pytest.mark.parametrize("n_steps", [10**4, 10**6, 10**9, 10**15])
def test_many_steps_continue_the_line(n_steps: int) -> None:
    machine = awkward("two states, two outputs")
    rate = ep.entropy_production_rate(machine)
    # Past the transient the total is the line through S_y(1000).
    start = ep.entropy_production(machine, 1000).total
    total = ep.entropy_production(machine, n_steps).total
    assert total == pytest.approx(start + rate * (n_steps - 1000), rel=RELATIVE)


@pytest.mark.parametrize("period", [2, 7, 12, 17])
def test_a_delay_is_not_taken_for_convergence(period: int) -> None:
    # It leaves the recursions still for as many steps. The machine is as many interleaved
    # first-order autoregressions, each of its share of the steps.
    coefficients = np.zeros((period, 2, 2))
    coefficients[-1] = [[0.5, 0.3], [-0.2, 0.4]]
    machine = LinearGaussian.from_var(coefficients, np.eye(2))
    part = LinearGaussian.from_var(coefficients[-1:], np.eye(2))
    for cycles in (1, 2, 7, 25):
        expected = period * float(oracles.exact_total(part, cycles))
        total = ep.entropy_production(machine, period * cycles).total
        assert total == pytest.approx(expected, rel=RELATIVE, abs=FLOOR)
        curve = ep.entropy_production_curve(machine, period * cycles)
        assert curve[-1] == pytest.approx(expected, rel=RELATIVE, abs=FLOOR)
    assert ep.entropy_production_rate(machine) == pytest.approx(
        ep.entropy_production_rate(part), rel=RELATIVE
    )


def test_a_weak_but_lasting_memory_is_not_taken_for_convergence() -> None:
    # Two unconnected parts: one settles at once, the other is tiny and lives a thousand times
    # longer. Stopping with the first would lose the second.
    state = np.diag([0.1, 0.9995])
    inputs = np.diag([0.5, 1e-4])
    output = np.array([[0.5, 0.3], [-0.4, -0.2]])
    machine = LinearGaussian(state, inputs, output, np.eye(2))
    exact = float(oracles.exact_total(machine, 2500))
    assert ep.entropy_production(machine, 2500).total == pytest.approx(exact, rel=RELATIVE)
    curve = ep.entropy_production_curve(machine, 2500)
    assert curve[-1] == pytest.approx(exact, rel=RELATIVE)


@pytest.mark.parametrize("scale", [1e-8, 1e8])
def test_a_slow_state_in_small_units_is_not_taken_for_convergence(scale: float) -> None:
    # The units of a state are a basis; convergence must not be judged by its largest number.
    state = np.diag([0.1, 0.9995])
    inputs = np.array([[0.5, -0.2], [1e-3, 2e-3]])
    output = np.array([[0.5, -0.1], [-0.4, 0.2]])
    units = np.array([1.0, scale])
    machine = LinearGaussian(
        units[:, None] * state / units, units[:, None] * inputs, output / units, np.eye(2)
    )
    same = LinearGaussian(state, inputs, output, np.eye(2))
    for n_steps in (3000, 10**6):
        expected = ep.entropy_production(same, n_steps, precision="extended").total
        total = ep.entropy_production(machine, n_steps).total
        assert total == pytest.approx(expected, rel=ROUNDED_ENTRIES)
    exact = float(oracles.exact_total(machine, 3000))
    assert ep.entropy_production(machine, 3000).total == pytest.approx(exact, rel=RELATIVE)
    assert machine.is_stationary
    rate = ep.entropy_production_rate(same)
    assert ep.entropy_production_rate(machine) == pytest.approx(rate, rel=ROUNDED_ENTRIES)


@pytest.mark.parametrize("precision", ["auto", "double", "extended"])
def test_precisions(precision: Precision) -> None:
    machine = awkward("two states, two outputs")
    result = ep.entropy_production(machine, 38, precision=precision)
    assert result.total == pytest.approx(2.5970042696, abs=PRINTED)
    assert result.precision == ("extended" if precision == "extended" else "double")
    assert ep.entropy_production_rate(machine, precision=precision) == pytest.approx(
        0.06539430656, abs=PRINTED_SLOPE
    )
    curve = ep.entropy_production_curve(machine, 38, precision=precision)
    assert curve[-1] == pytest.approx(result.total, rel=RELATIVE)


def test_auto_turns_to_extended_precision_where_double_fails() -> None:
    # Almost white noise with a faint rotation: S_y of the order of 1e-11 nats.
    machine = LinearGaussian.from_var([[[0.0, 1e-6], [-1e-6, 0.0]]], np.eye(2))
    result = ep.entropy_production(machine, 10)
    assert result.precision == "extended"
    exact = float(oracles.exact_total(machine, 10))
    assert result.total == pytest.approx(exact, rel=RELATIVE)
    double = ep.entropy_production(machine, 10, precision="double")
    assert double.rounding_error > RELATIVE * double.total


@given(ept.stable_machines(), st.integers(1, 60))
def test_the_stated_rounding_error_covers_the_error(machine: LinearGaussian, n_steps: int) -> None:
    exact = oracles.exact_total(machine, n_steps)
    for precision in ("double", "extended"):
        result = ep.entropy_production(machine, n_steps, precision=precision)
        # The last rounding, to a double, comes on top.
        allowed = result.rounding_error + np.finfo(float).eps * abs(result.total)
        assert abs(float(result.total - exact)) <= allowed


def test_results_are_frozen_records() -> None:
    result = ep.entropy_production(awkward("two states, two outputs"), 12)
    assert result.n_steps == 12
    assert result.per_step.shape == (12,)
    assert not result.per_step.flags.writeable
    assert "nats" in repr(result)
    assert result.to_dict()["total"] == result.total
    with pytest.raises(AttributeError):
        result.total = 0.0  # type: ignore[misc]
    frame = result.to_frame()
    assert len(frame) == 12
    assert float(frame.iloc[:, 0].sum()) == pytest.approx(result.total, rel=RELATIVE)


def test_integer_like_lengths() -> None:
    machine = awkward("two states, two outputs")
    expected = ep.entropy_production(machine, 5).total
    lengths: list[Any] = [np.int64(5), np.uint8(5), np.array(5)]
    for length in lengths:
        assert ep.entropy_production(machine, length).total == expected


def test_per_step_of_a_long_sequence_refuses_by_its_memory() -> None:
    result = ep.entropy_production(awkward("two states, two outputs"), 10**13)
    assert math.isfinite(result.total)
    with pytest.raises(MemoryError, match="n_steps"):
        _ = result.per_step
    with pytest.raises(MemoryError, match="n_steps"):
        ep.entropy_production_curve(awkward("two states, two outputs"), 10**13)


@pytest.mark.parametrize("n_steps", [100, 5000, 20_000])
def test_per_step_of_long_sequences(n_steps: int) -> None:
    for name in ("two states, two outputs", "spectral radius 0.9999", "unit root, local level"):
        result = ep.entropy_production(awkward(name), n_steps)
        summed = math.fsum(result.per_step)
        size = float(np.sum(np.abs(result.per_step)))
        assert summed == pytest.approx(result.total, rel=RELATIVE, abs=RELATIVE * size)
