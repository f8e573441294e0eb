"""Curve, rate and variance of pairs against dense matrices in 50 digits, spectra and each other."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import oracles_pair as dense
import pytest
from pair_machines import PAIRS, READER, ROTATION, SCALAR, WALK, changing
from time_varying_machines import machine_of

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian
from entroprod.boundary.precision import Precision
from entroprod.gaussian.pair_moments import pair_curve, pair_rate, pair_variance

# The estimates are bounds; nothing of them is left to a factor.
COVERS = 1.0
PRECISIONS: tuple[Precision, ...] = ("auto", "double", "extended")
# The spectral oracle in double precision, converged to rounding; terms of order one.
SPECTRAL = 1e-12
# Where both are computed in double-double, or the values are well conditioned.
SHARP = 1e-13


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", PAIRS)
def test_the_curve_is_that_of_the_definition(name: str, precision: Any) -> None:
    forward, backward = PAIRS[name]
    curve = pair_curve(forward, backward, 8, precision)
    assert curve.values.shape == curve.rounding_errors.shape == (8,)
    for t in range(1, 9):
        exact = dense.mean(forward, backward, t)
        error = abs(mpmath.mpf(curve.values[t - 1]) - exact)
        assert error <= COVERS * curve.rounding_errors[t - 1], t
    if precision != "double":
        # What automatic precision promises of the last value.
        assert curve.rounding_errors[-1] <= 2e-12 * curve.values[-1]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("name", PAIRS)
def test_the_variance_is_that_of_the_definition(name: str, precision: Any) -> None:
    forward, backward = PAIRS[name]
    for n_steps in (1, 2, 7):
        found = pair_variance(forward, backward, n_steps, precision)
        exact = dense.variance(forward, backward, n_steps)
        assert abs(mpmath.mpf(found.value) - exact) <= COVERS * found.rounding_error


@pytest.mark.parametrize("name", PAIRS)
def test_the_curve_has_the_totals(name: str) -> None:
    forward, backward = PAIRS[name]
    curve = pair_curve(forward, backward, 8)
    for t in range(1, 9):
        total = ep.entropy_production(forward, t, backward=backward)
        allowed = curve.rounding_errors[t - 1] + total.rounding_error
        assert abs(curve.values[t - 1] - total.total) <= allowed + SHARP * total.total


@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_awkward_machines_read_themselves(name: str) -> None:
    machine = ept.awkward_machines()[name]
    n_steps = 40
    exact = ep.entropy_production_curve(machine, n_steps, precision="extended")
    for reader in (machine, changing(machine, n_steps)):
        for precision in PRECISIONS:
            curve = pair_curve(machine, reader, n_steps, precision)
            # The reference is rounded to a double, and has an error of its own below that.
            allowed = curve.rounding_errors + SHARP * exact
            assert np.all(np.abs(curve.values - exact) <= allowed)


@pytest.mark.parametrize("n_steps", [1, 15, 16, 17, 300, 5000])
def test_a_curve_that_has_converged_goes_on_as_it_did(n_steps: int) -> None:
    quick = pair_curve(ROTATION, READER, n_steps)
    slow = pair_curve(changing(ROTATION, n_steps), READER, n_steps)
    allowed = quick.rounding_errors + slow.rounding_errors
    assert np.all(np.abs(quick.values - slow.values) <= allowed)
    one = pair_variance(ROTATION, READER, n_steps)
    other = pair_variance(changing(ROTATION, n_steps), READER, n_steps)
    assert abs(one.value - other.value) <= one.rounding_error + other.rounding_error


def test_variance_of_a_machine_that_reads_itself() -> None:
    for n_steps in (3, 100, 3000):
        exact = ep.sigma_law(ROTATION, n_steps).variance
        assert pair_variance(ROTATION, ROTATION, n_steps).value == pytest.approx(exact, rel=SHARP)


def test_nearly_equal_machines_go_to_extended_precision() -> None:
    # S = T m (ln(1 + e) - e / (1 + e)) / 2 = T m e^2 / 4 for noises that differ by a factor 1 + e.
    forward = LinearGaussian.from_var([np.zeros((2, 2))], np.eye(2))
    backward = LinearGaussian.from_var([np.zeros((2, 2))], (1 + 2.0**-30) * np.eye(2))
    for machine in (forward, changing(forward, 50)):
        curve = pair_curve(machine, backward, 50)
        assert curve.precision == "extended"
        exact = 0.5 * np.arange(1, 51) * 2.0**-60
        assert curve.values == pytest.approx(exact, rel=4 * 2.0**-30)
        double = pair_curve(machine, backward, 50, "double")
        assert double.precision == "double"
        assert np.all(np.abs(double.values - exact) <= double.rounding_errors)


def test_structured_machines_are_machines() -> None:
    given = np.array([[0.2, 0.1], [0.1 + 0.1j, 0.3j]])
    structured = ep.DiagonalSSM([0.8, 0.5 + 0.3j], given, -given.conj().T, np.eye(2))
    plain = LinearGaussian(*structured._matrices())
    for forward, backward in ((structured, ROTATION), (ROTATION, structured)):
        one, other = (plain if m is structured else m for m in (forward, backward))
        got, exact = pair_curve(forward, backward, 30), pair_curve(one, other, 30)
        assert got.values == pytest.approx(exact.values, rel=1e-11)
        assert pair_rate(forward, backward).value == pytest.approx(
            pair_rate(one, other).value, rel=1e-11
        )


# ------------------------------------------------------------------ rate


@pytest.mark.parametrize("precision", PRECISIONS)
def test_the_rate_is_spectral(precision: Any) -> None:
    machines = [ROTATION, READER, ept.awkward_machines()["two states, two outputs"]]
    for forward in machines:
        for backward in machines:
            found = pair_rate(forward, backward, precision)
            exact = dense.rate(forward, backward, 2**11)
            assert abs(found.value - exact) <= found.rounding_error + SPECTRAL * (1 + exact)


def test_the_rate_is_the_slope_of_the_curve() -> None:
    curve = pair_curve(ROTATION, READER, 3000, "extended")
    slope = curve.values[-1] - curve.values[-2]
    assert pair_rate(ROTATION, READER).value == pytest.approx(slope, rel=1e-11)
    # A machine without a time axis is as good, and its first memory fades.
    repeated = READER.repeat(3, initial_mean=[5.0, 0.0, 0.0, 1.0])
    assert pair_rate(ROTATION, repeated) == pair_rate(ROTATION, READER)


def test_the_rate_of_a_machine_that_reads_itself_is_the_old_one() -> None:
    for machine in (ROTATION, SCALAR, READER):
        assert pair_rate(machine, machine).value == ep.entropy_production_rate(machine)
    # In another basis of its state, the machine is the same but the numbers aren't.
    basis = np.array([[2.0, 1.0], [0.5, 1.0]])
    inverse = np.linalg.inv(basis)
    turned = LinearGaussian(
        basis @ ROTATION.state_matrix @ inverse, basis @ ROTATION.input_matrix,
        ROTATION.output_matrix @ inverse, ROTATION.innovation_cov,
    )  # fmt: skip
    exact = ep.entropy_production_rate(ROTATION)
    assert pair_rate(ROTATION, turned).value == pytest.approx(exact, rel=1e-12)


def test_a_memory_that_never_fades_may_not_matter() -> None:
    # A third state with eigenvalue 1 that nothing enters, and one that predicts nothing.
    def with_mode(enters: float, seen: float) -> LinearGaussian:
        state = np.zeros((3, 3))
        state[:2, :2], state[2, 2] = READER_1.state_matrix, 1.0
        given = np.vstack([READER_1.input_matrix, np.full((1, 2), enters)])
        output = np.hstack([READER_1.output_matrix, np.full((2, 1), seen)])
        basis = np.array([[1.0, 0.4, 0.2], [0.0, 1.0, 0.7], [0.3, 0.0, 1.0]])
        inverse = np.linalg.inv(basis)
        return LinearGaussian(basis @ state @ inverse, basis @ given, output @ inverse, NOISE)

    exact = pair_rate(ROTATION, READER_1).value
    for enters, seen in ((0.0, 1.0), (1.0, 0.0), (0.0, 0.0)):
        found = pair_rate(ROTATION, with_mode(enters, seen))
        assert found.value == pytest.approx(exact, rel=1e-11)
    with pytest.raises(ep.NumericalError, match=r"reads backwards.*never fades.*eigenvalue 1 "):
        pair_rate(ROTATION, with_mode(1.0, 1.0))
    idle = LinearGaussian([[1.0]], np.zeros((1, 2)), [[1.0], [2.0]], NOISE)
    none = LinearGaussian([[0.0]], np.zeros((1, 2)), [[0.0], [0.0]], NOISE)
    assert pair_rate(ROTATION, idle) == pair_rate(ROTATION, none)


NOISE = np.array([[1.0, 0.2], [0.2, 2.0]])
READER_1 = LinearGaussian.from_var([[[0.3, 0.1], [-0.2, 0.4]]], NOISE)


def test_no_rate() -> None:
    with pytest.raises(ep.NumericalError, match=r"no stationary state.*eigenvalue 1"):
        pair_rate(WALK, ROTATION)
    unstable = LinearGaussian([[1.5]], [[1.0, 0.0]], [[0.5], [0.5]], np.eye(2))
    with pytest.raises(ep.NumericalError, match=r"reads backwards.*eigenvalue 1\.5"):
        pair_rate(ROTATION, unstable)


# ------------------------------------------------------------------ bad input


@pytest.mark.parametrize("function", [pair_curve, pair_variance])
@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ((ROTATION, SCALAR, 5), ValueError, "backward must have 2 output"),
        ((ROTATION, "reader", 5), TypeError, "backward must be"),
        (("machine", ROTATION, 5), TypeError, "machine must be"),
        ((ROTATION, machine_of(4, 3, 2), 5), ValueError, "n_steps.*backward"),
        ((machine_of(4, 3, 2), ROTATION, 5), ValueError, "n_steps.*machine"),
        ((ROTATION, READER, 0), ValueError, "n_steps"),
        ((ROTATION, READER, 2.5), TypeError, "n_steps"),
        ((ROTATION, READER, 5, "half"), ValueError, "precision"),
        ((ROTATION, READER, 2**53), MemoryError, "n_steps"),
    ],
)
def test_bad_input(function: Any, arguments: Any, error: Any, match: str) -> None:
    if function is pair_variance and error is MemoryError:
        arguments = (WALK, *arguments[1:])
    with pytest.raises(error, match=match):
        function(*arguments)


def test_bad_input_of_the_rate() -> None:
    with pytest.raises(ValueError, match=r"backward must be the same at all steps.*innovation_cov"):
        pair_rate(ROTATION, changing(READER, 5))
    with pytest.raises(ValueError, match=r"machine must be the same at all steps.*innovation_cov"):
        pair_rate(changing(READER, 5), ROTATION)
    with pytest.raises(ValueError, match="backward must have 2 output"):
        pair_rate(ROTATION, SCALAR)
    with pytest.raises(ValueError, match="precision"):
        pair_rate(ROTATION, READER, "half")  # type: ignore[arg-type]


def test_overflow_names_the_radii() -> None:
    machine = ept.awkward_machines()["unstable transition"]
    for function in (pair_curve, pair_variance):
        with pytest.raises(ep.NumericalError, match=r"overflow.*spectral radius"):
            function(machine, LinearGaussian(*machine._matrices()).repeat(40_000), 40_000)
