"""A kind of machine from outside: one registration, and the whole library knows it.

The kind is the one of the documentation's page, whose code is run as it stands.
"""

from __future__ import annotations

import json
import math
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import entroprod as ep
from entroprod.pairs import choice

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "adding_a_kind.md"
CELL = re.compile(r"^```\{code-cell\} python\n(.*?)^```$", re.DOTALL | re.MULTILINE)
# The cells that define the machine, its pair and the registration, by what they contain.
DEFINING = ("class Motor:", "class MotorPair", "def motors(")
N_STEPS = 8
ROUNDING = 1e-12


def defining_code() -> str:
    cells = [cell[1] for cell in CELL.finditer(PAGE.read_text(encoding="utf-8"))]
    return "\n".join(cell for cell in cells if any(word in cell for word in DEFINING))


@pytest.fixture
def kinds() -> Iterator[None]:
    """Registrations of a test end with it."""
    before = list(choice._kinds)
    yield
    choice._kinds[:] = before
    choice._makers.cache_clear()


@pytest.fixture
def motor(kinds: None) -> Any:
    namespace: dict[str, Any] = {}
    exec(defining_code(), namespace)  # noqa: S102
    return namespace["motor"]


def total_by_quadrature(rates: np.ndarray, read: np.ndarray) -> float:
    """Sum over the steps of KL between exponential laws, by numerical integration."""
    points, weights = np.polynomial.laguerre.laggauss(40)
    terms = [float(weights @ (math.log(r / b) - (r - b) * points / r)) for r, b in zip(rates, read)]
    return math.fsum(terms)


def test_it_has_a_closed_form(motor: Any) -> None:
    rates = motor.rate_of_step(N_STEPS)
    found = ep.entropy_production(motor, N_STEPS)
    assert found.total == pytest.approx(total_by_quadrature(rates, rates[::-1]), rel=ROUNDING)
    assert found.per_step.sum() == pytest.approx(found.total, rel=ROUNDING)
    curve = ep.entropy_production_curve(motor, N_STEPS)
    assert curve[-1] == pytest.approx(found.total, rel=ROUNDING)


def test_another_motor_reads(motor: Any) -> None:
    other = type(motor)([3.0, 0.5])
    found = ep.entropy_production(motor, N_STEPS, backward=other).total
    read = other.rate_of_step(N_STEPS)[::-1]
    assert found == pytest.approx(total_by_quadrature(motor.rate_of_step(N_STEPS), read))


def test_sampling_agrees(motor: Any) -> None:
    found = ep.monte_carlo(motor, N_STEPS, 20_000, rng=0)
    exact = ep.entropy_production(motor, N_STEPS).total
    assert abs(found.mean - exact) < 4.0 * found.standard_error


def test_what_it_declines_is_sampled(motor: Any) -> None:
    halves = ep.BlockReversal(length=N_STEPS // 2)
    assert ep.monte_carlo(motor, N_STEPS, 4000, reversal=halves, rng=0).n_paths == 4000
    with pytest.raises(ep.NotAvailable, match=r"Motor under BlockReversal.* has no exact law"):
        ep.sigma_law(motor, N_STEPS, reversal=halves)


def test_what_it_cannot_answer_is_said(motor: Any) -> None:
    with pytest.raises(ep.NotAvailable, match=r"Motor has no rate here: which stages meet"):
        ep.entropy_production_rate(motor)
    with pytest.raises(ep.NotAvailable, match="no exact law of sigma"):
        ep.sigma_law(motor, 3)


def test_it_is_verified(motor: Any) -> None:
    report = ep.verify(motor, n_steps=6, n_paths=4000)
    assert report.passed
    assert len(report.tested) >= 10


def test_it_is_drawn(motor: Any) -> None:
    scored = ep.stochastic_entropy_production(motor, motor.sample(N_STEPS, 200, rng=0))
    assert scored.plot().axes


@pytest.mark.parametrize("command", ["machine", "verify"])
def test_the_shell_knows_it(command: str, motor: Any, tmp_path: Path) -> None:
    (tmp_path / "motor.py").write_text(defining_code(), encoding="utf-8")
    words = ["--n-steps", "6", "--json"]
    if command == "machine":
        words += ["--monte-carlo", "500", "--seed", "1", "--plot", "motor.png"]
    done = subprocess.run(
        [sys.executable, "-m", "entroprod.cli", command, "motor.py:motor", *words],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    if command == "machine":
        assert told["total"] == pytest.approx(ep.entropy_production(motor, 6).total, rel=ROUNDING)
        assert (tmp_path / "motor.png").stat().st_size > 1000
    else:
        assert told["passed"]


class Die:
    n_symbols = 2

    def log_prob(self, sequences: Any) -> Any:
        return np.full(np.shape(sequences), -math.log(2.0))


class LoadedDie(Die):
    pass


def answering(value: float) -> type[ep.ScoredPair]:
    class Answer(ep.ScoredPair):
        def rate(self, *, precision: Any = "auto") -> float:
            return value

    return Answer


def test_the_closest_classes_answer(kinds: None) -> None:
    ep.register_pair(Die, Die, answering(1.0))
    ep.register_pair(LoadedDie, Die, answering(2.0))
    assert ep.entropy_production_rate(Die()) == 1.0
    assert ep.entropy_production_rate(LoadedDie()) == 2.0
    assert ep.entropy_production_rate(Die(), backward=LoadedDie()) == 1.0
    ep.register_pair(Die, LoadedDie, answering(3.0))
    assert ep.entropy_production_rate(Die(), backward=LoadedDie()) == 3.0


def test_the_last_registration_answers_and_may_decline(kinds: None) -> None:
    ep.register_pair(Die, Die, answering(1.0))
    ep.register_pair(Die, Die, answering(2.0))
    assert ep.entropy_production_rate(Die()) == 2.0
    ep.register_pair(Die, Die, lambda machine, backward, reversal: None)
    assert ep.entropy_production_rate(Die()) == 2.0


def test_wrong_registrations_are_refused() -> None:
    with pytest.raises(TypeError, match="machine_class must be a class"):
        ep.register_pair(Die(), Die, answering(1.0))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="reader_class must be a class"):
        ep.register_pair(Die, "Die", answering(1.0))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="make must be callable"):
        ep.register_pair(Die, Die, 3)  # type: ignore[arg-type]


def test_what_makes_no_pair_is_named(kinds: None) -> None:
    ep.register_pair(Die, Die, lambda machine, backward, reversal: 3)  # type: ignore[arg-type,return-value]
    with pytest.raises(TypeError, match="a Die and a Die, must return a Pair or None, got 3"):
        ep.entropy_production(Die(), 3)


def test_bad_steps_are_refused() -> None:
    made = ep.EntropyProduction.from_steps
    assert made([1e-17, -2e-17], rounding_error=1e-16).total == 0.0
    with pytest.raises(ValueError, match="per_step must not sum to less than 0"):
        made([-1.0])
    with pytest.raises(ValueError, match="less than 0"):
        made([1.0], rounding_error=-1.0)
    with pytest.raises(TypeError, match="rounding_error"):
        made([1.0], rounding_error="x")  # type: ignore[arg-type]
