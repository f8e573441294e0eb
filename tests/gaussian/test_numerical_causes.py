"""Valid arguments of which the mathematics fails: a ``NumericalError`` names the cause."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian
from entroprod.boundary.precision import Precision

EYE = np.eye(2)


def test_undetectable_pair_names_the_mode() -> None:
    with pytest.raises(ep.NumericalError, match=r"undetectable.*1\.5"):
        LinearGaussian.from_state_space(np.diag([1.5, 0.5]), [[0.0, 1.0]], np.eye(2), [[1.0]])
    with pytest.raises(ep.NumericalError, match=r"undetectable.*eigenvalue"):
        LinearGaussian.from_state_space([[1.0, 0.0], [0.0, 0.5]], [[0.0, 1.0]], np.eye(2), [[1.0]])


def test_undriven_unit_root_names_the_mode() -> None:
    with pytest.raises(ep.NumericalError, match=r"process_cov.*eigenvalue 1"):
        LinearGaussian.from_state_space([[1.0]], [[1.0]], [[0.0]], [[1.0]])


def test_singular_innovations_are_named() -> None:
    with pytest.raises(ep.NumericalError, match=r"(singular.*obs_cov|obs_cov is singular)"):
        LinearGaussian.from_state_space([[0.5]], [[1.0], [1.0]], [[1.0]], np.zeros((2, 2)))


# Units of three states and two outputs.
UNITS = [
    ([1e8, 1e-8, 1.0], [1.0, 1.0]),
    ([1.0, 1.0, 1.0], [1e-8, 1e8]),
    ([1e-8, 1.0, 1e8], [1e8, 1e8]),
    ([1e-8] * 3, [1e8, 1e-8]),
]


@pytest.mark.parametrize(("states", "outputs"), UNITS)
@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"transition": np.diag([1.5, 0.5, 0.2])}, "undetectable.*eigenvalue 1.5"),
        ({"transition": np.diag([1.0, 0.5, 0.2])}, "undetectable.*eigenvalue 1 "),
        (
            {
                "transition": np.diag([0.3, 1.0, 0.2]),
                "process_cov": np.diag([1.0, 0.0, 1.0]),
            },
            "process_cov.*eigenvalue 1",
        ),
        ({"emission": [[0, 1, 0], [0, 0, 0]], "obs_cov": np.diag([1.0, 0.0])}, "singular"),
    ],
    ids=["unstable", "unit root", "not driven", "no noise"],
)
def test_causes_do_not_depend_on_units(
    states: list[float], outputs: list[float], changed: dict[str, Any], message: str
) -> None:
    arguments: dict[str, Any] = {
        "transition": np.diag([0.9, 0.5, 0.2]),
        "emission": [[0.0, 1.0, 1.0], [0.0, 0.3, 1.0]],
        "process_cov": np.eye(3),
        "obs_cov": EYE,
    }
    arguments |= changed
    x, y = np.array(states), np.array(outputs)
    with pytest.raises(ep.NumericalError, match=message):
        LinearGaussian.from_state_space(
            arguments["transition"] * x[:, None] / x,
            arguments["emission"] * y[:, None] / x,
            arguments["process_cov"] * np.outer(x, x),
            arguments["obs_cov"] * np.outer(y, y),
        )


@pytest.mark.parametrize(
    "arguments",
    [
        ([[0.5]], [[1e200]], [[1.0]], [[1.0]]),
        ([[1e200]], [[1.0]], [[1.0]], [[1.0]]),
        ([[1.0, 1e300], [0.0, 0.5]], [[1.0, 0.0]], np.eye(2), [[1.0]]),
        ([[0.5]], [[1.0]], [[1e-320]], [[1e-320]]),
    ],
)
def test_overflow_of_the_steady_state_is_an_error_without_warnings(arguments: Any) -> None:
    with pytest.raises(ep.NumericalError, match=r"overflows|underflows|could not be solved"):
        LinearGaussian.from_state_space(*arguments)


@pytest.mark.parametrize(
    ("name", "eigenvalue"),
    [
        ("unit root, local level", "1"),
        ("unit root, local trend", "1"),
        ("unit root, two random walks", "1"),
        ("unit root, on the circle", "0.6"),
        ("unstable transition", "1.1"),
        ("unstable filter", "1.1"),
        ("hidden unstable state", "1.1"),
    ],
)
@pytest.mark.parametrize("precision", ["auto", "double", "extended"])
def test_the_rate_refuses_naming_the_eigenvalue(
    name: str, eigenvalue: str, precision: Precision
) -> None:
    machine = ept.awkward_machines()[name]
    with pytest.raises(ep.NumericalError, match=rf"machine .*eigenvalue {eigenvalue}"):
        ep.entropy_production_rate(machine, precision=precision)


OVERFLOWING = LinearGaussian([[3.0, 0.0], [0.0, 0.5]], EYE, [[0.0, 0.5], [2.0, 0.0]], EYE)


@pytest.mark.parametrize(
    "call",
    [
        lambda m: ep.entropy_production(m, 5000),
        lambda m: ep.entropy_production(m, 5000, precision="extended"),
        lambda m: ep.entropy_production(m, 10**15),
        lambda m: ep.entropy_production_curve(m, 5000),
        lambda m: ep.reversal_norm_squared(m, 5000),
        lambda m: ep.innovation_reversal_matrix(m, 1500),
        lambda m: ep.monte_carlo(m, 5000, 10, rng=0),
        lambda m: m.sample(5000, 2, rng=0),
        lambda m: m.log_prob(np.full((5000, 2), 1e300)),
        lambda m: ep.stochastic_entropy_production(m, np.full((1, 5000, 2), 1e300)),
    ],
    ids=["total", "extended", "huge", "curve", "norm", "matrix", "monte_carlo", "sample",
         "log_prob", "sigma"],
)  # fmt: skip
def test_overflow_is_an_error(call: Callable[[LinearGaussian], object]) -> None:
    with pytest.raises(ep.NumericalError, match=r"overflow|finite"):
        call(OVERFLOWING)


def test_per_step_overflow_is_an_error() -> None:
    with pytest.raises(ep.NumericalError, match="overflow"):
        _ = ep.entropy_production(OVERFLOWING, 5000).per_step
