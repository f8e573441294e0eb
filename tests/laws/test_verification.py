"""``ep.verify``: sound machines pass, broken results are found out, and the report says why."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian
from entroprod.gaussian import core, reversal
from entroprod.gaussian.decomposition import PairRecursion
from entroprod.gaussian.pair import GaussianPair, OwnReader
from entroprod.laws import CATALOGUE, laws_of
from entroprod.laws.gaussian_case import GaussianCase
from entroprod.pairs.pair import Pair
from entroprod.pairs.scored import ScoredPair
from entroprod.questions import monte_carlo, production, trajectory

# What a constant machine that reads itself obeys, and what of that isn't about whatever can score:
# those laws are broken here.
LAWS = laws_of(OwnReader(ept.awkward_machines()["one state, one output"]))
OWN = [law for law in LAWS if not issubclass(ScoredPair, law.of) or law.of is Pair]

FAST = {"n_steps": 20, "n_paths": 2000}
# A result off by this much, relative, is broken: far beyond rounding, far below what a plot shows.
BREAK = 1e-6
# Digits to which the dense laws decide on machines without awkwardness of size.
DECIDED = 1e-8


@pytest.fixture
def machine() -> LinearGaussian:
    return ept.awkward_machines()["two states, two outputs"]


@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_sound_machines_pass(name: str) -> None:
    report = ep.verify(ept.awkward_machines()[name])
    assert report.passed, repr(report)
    # Skipping must be the exception: at least half of the laws are decided for any machine.
    assert len(report.skipped) <= len(report.laws) // 2


@settings(max_examples=10)
@given(
    st.one_of(
        ept.stable_machines(),
        ept.unit_root_machines(n_outputs=(1, 2)),
        ept.rank_deficient_machines(),
        ept.nearly_reversible_machines(),
        ept.unstable_machines(n_states=(1, 2), n_outputs=(1, 2)),
    )
)
def test_random_sound_machines_pass(machine: LinearGaussian) -> None:
    report = ep.verify(machine, **FAST)
    assert report.passed, repr(report)


@pytest.mark.parametrize("n_steps", [1, 2, 3])
def test_short_sequences_pass(machine: LinearGaussian, n_steps: int) -> None:
    assert ep.verify(machine, n_steps=n_steps, n_paths=500).passed


def test_a_machine_at_the_end_of_the_doubles_is_not_called_broken() -> None:
    eye = np.eye(2)
    machine = LinearGaussian([[3.0, 0.0], [0.0, 0.5]], eye, [[0.0, 0.5], [2.0, 0.0]], eye)
    for n_steps in (30, 100, 300):
        assert not ep.verify(machine, n_steps=n_steps, n_paths=100).failures


def test_a_report_that_tested_nothing_does_not_pass() -> None:
    machine = LinearGaussian(
        [[3.0, 0.0], [0.0, 0.5]], np.eye(2), [[0.0, 0.5], [2.0, 0.0]], np.eye(2)
    )
    report = ep.verify(machine, n_steps=300, n_paths=100)
    # 3.35^300 squared exceeds all doubles; what is left says nothing of any value.
    assert {law.name for law in report.tested} == {
        "samples_are_sequences", "sampling_is_reproducible", "round_trips"
    }  # fmt: skip
    assert not report.passed
    assert "UNDECIDED" in repr(report)
    found = report.to_dict()
    assert (found["passed"], found["n_tested"], found["n_skipped"]) == (False, 3, len(LAWS) - 3)


def test_laws_that_need_too_much_memory_are_skipped(
    machine: LinearGaussian, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("entroprod.boundary.memory.available_memory", lambda: 2**21)
    report = ep.verify(machine, n_steps=10**6, n_paths=100)
    assert report.passed
    for name in ("non_negative", "curve_is_totals", "mean_of_sigma", "threads_do_not_matter"):
        assert report[name].skipped
        assert "n_steps" in report[name].reason
        assert "MiB" in report[name].reason
    assert report["rate_is_slope"].passed


def test_laws_that_would_sample_for_hours_are_skipped(machine: LinearGaussian) -> None:
    report = ep.verify(machine, n_steps=10**6, n_paths=10**6)
    assert report.passed
    for name in ("mean_of_sigma", "threads_do_not_matter"):
        assert "n_paths <= 20000 would test it" in report[name].reason


def test_a_single_path_passes(machine: LinearGaussian) -> None:
    report = ep.verify(machine, n_steps=5, n_paths=1)
    assert report.passed
    assert report["variance_of_sigma"].skipped


def test_long_sequences_skip_what_is_dense(machine: LinearGaussian) -> None:
    report = ep.verify(machine, n_steps=5000, n_paths=200)
    assert report.passed
    assert "n_steps <=" in report["involution"].reason
    assert report["mean_of_sigma"].passed


def test_laws_that_do_not_apply_are_listed_with_the_reason(machine: LinearGaussian) -> None:
    report = ep.verify(machine, **FAST)
    assert [law.name for law in report.laws] == [law.name for law in LAWS]
    assert "2 outputs" in report["scalar_output"].reason
    growing = ep.verify(ept.awkward_machines()["unit root, local level"], **FAST)
    for name in ("rate_is_spectral", "rate_is_slope"):
        assert growing[name].skipped
        assert "eigenvalue" in growing[name].reason
    spread = ep.verify(ept.awkward_machines()["rotation"], **FAST)
    assert "infinite variance" in spread["fluctuation_theorem"].reason


def test_the_report_is_reproducible(machine: LinearGaussian) -> None:
    first = ep.verify(machine, **FAST, rng=np.random.default_rng(3))
    again = ep.verify(machine, **FAST, rng=first.seed)
    assert first.to_dict() == again.to_dict()
    fresh = ep.verify(machine, **FAST, rng=None)
    assert fresh.seed != first.seed


def test_the_report_reads_and_exports(machine: LinearGaussian) -> None:
    report = ep.verify(machine, **FAST)
    text = repr(report)
    assert "passed" in text.splitlines()[0]
    assert all(law.name in text for law in report.laws)
    assert max(len(line) for line in text.splitlines()) <= 100
    exported = json.loads(json.dumps(report.to_dict()))
    assert exported["passed"] is True
    assert len(exported["laws"]) == len(LAWS)
    frame = report.to_frame()
    assert list(frame.index) == [law.name for law in LAWS]
    assert {"statement", "residual", "tolerance", "reason", "passed"} <= set(frame.columns)
    with pytest.raises(KeyError, match="involution"):
        report["no such law"]
    with pytest.raises(AttributeError):
        report.n_steps = 3  # type: ignore[misc]


def test_every_law_has_its_reason_and_its_check() -> None:
    for law in CATALOGUE:
        assert law.statement
        assert law.why
        check = getattr(ept, law.check)
        assert (check.__name__, check.__module__) == (law.check, "entroprod.testing")
        assert law.statement[1:] in check.__doc__
    assert len({law.name for law in CATALOGUE}) == len(CATALOGUE)
    checks = [name for name in ept.__all__ if name.startswith("check_")]
    # One each, check_law for any of them, and check_machine for all.
    assert len(checks) == len(set(checks)) == len(CATALOGUE) + 2
    with pytest.raises(KeyError, match="involution"):
        ept.check_law("no such law", ept.awkward_machines()["no memory"])


# ------------------------------------------------------------------ broken results are found out


def _off(value: Any) -> Any:
    return value * (1 + BREAK)


def _break_total(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = production.entropy_production

    def broken(*args: Any, **options: Any) -> Any:
        result = genuine(*args, **options)
        return replace(result, total=_off(result.total))

    monkeypatch.setattr(production, "entropy_production", broken)


def _break_double(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = production.entropy_production

    def broken(*args: Any, **options: Any) -> Any:
        result = genuine(*args, **options)
        off = options.get("precision") == "double"
        return replace(result, total=_off(result.total)) if off else result

    monkeypatch.setattr(production, "entropy_production", broken)


def _break_one_basis(monkeypatch: pytest.MonkeyPatch, entry: str) -> None:
    genuine = production.entropy_production
    first: list[LinearGaussian] = []

    def broken(machine: LinearGaussian, *args: Any, **options: Any) -> Any:
        result = genuine(machine, *args, **options)
        first.append(machine)
        same = np.array_equal(getattr(machine, entry), getattr(first[0], entry))
        return result if same else replace(result, total=_off(result.total))

    monkeypatch.setattr(production, "entropy_production", broken)


def _break_entry(monkeypatch: pytest.MonkeyPatch, position: tuple[int, int]) -> None:
    genuine = reversal.innovation_reversal_matrix

    def broken(*args: Any, **options: Any) -> Any:
        matrix = genuine(*args, **options)
        matrix[position] += BREAK
        return matrix

    monkeypatch.setattr(reversal, "innovation_reversal_matrix", broken)


def _break_curve(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = production.entropy_production_curve
    monkeypatch.setattr(
        production, "entropy_production_curve", lambda *args, **options: _off(genuine(*args))
    )


def _break_sign(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = production.entropy_production_curve
    monkeypatch.setattr(
        production, "entropy_production_curve", lambda *args, **options: genuine(*args) - BREAK
    )


def _break_norm(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = reversal.reversal_norm_squared
    monkeypatch.setattr(reversal, "reversal_norm_squared", lambda *args: _off(genuine(*args)))


def _break_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = production.entropy_production_rate
    monkeypatch.setattr(
        production, "entropy_production_rate", lambda *args, **options: _off(genuine(*args)) + BREAK
    )


def _break_recursions_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = core.rate

    def broken(*args: Any) -> core.Value:
        found = genuine(*args)
        return found._replace(value=found.value + BREAK)

    monkeypatch.setattr(core, "rate", broken)


def _break_nan_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(production, "entropy_production_rate", lambda *args, **options: math.nan)


def _break_log_prob(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = LinearGaussian.log_prob
    monkeypatch.setattr(
        LinearGaussian, "log_prob", lambda self, y, **options: _off(genuine(self, y))
    )


def _break_sigma(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = trajectory.stochastic_entropy_production

    def broken(*args: Any, **options: Any) -> Any:
        result = genuine(*args, **options)
        return replace(result, sigma=result.sigma + BREAK)

    monkeypatch.setattr(trajectory, "stochastic_entropy_production", broken)


def _break_samples(monkeypatch: pytest.MonkeyPatch, factor: float) -> None:
    genuine = monte_carlo.monte_carlo

    def broken(*args: Any, **options: Any) -> Any:
        result = genuine(*args, **options)
        return replace(
            result,
            mean=result.mean * factor,
            variance=result.variance * factor**2,
            fluctuation_mean=result.fluctuation_mean / factor,
            sigma=np.asarray(result.sigma) * factor,
        )

    monkeypatch.setattr(monte_carlo, "monte_carlo", broken)


def _break_variance(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = ep.sigma_law

    def broken(*args: Any, **options: Any) -> Any:
        result = genuine(*args, **options)
        return replace(result, variance=_off(result.variance))

    monkeypatch.setattr("entroprod.laws.gaussian_pair_case.sigma_law", broken)


def _break_mean_of_the_law(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = ep.sigma_law

    def broken(*args: Any, **options: Any) -> Any:
        result = genuine(*args, **options)
        return replace(result, mean=_off(result.mean))

    monkeypatch.setattr("entroprod.laws.gaussian_pair_case.sigma_law", broken)


def _add_to_generating_function(
    monkeypatch: pytest.MonkeyPatch, wrong: Callable[[Any], Any]
) -> None:
    genuine = ep.SigmaLaw.cumulant_generating_function
    monkeypatch.setattr(
        ep.SigmaLaw,
        "cumulant_generating_function",
        lambda self, at: genuine(self, at) + wrong(np.asarray(at)),
    )


def _break_gradient(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    genuine = getattr(ep, name)

    def broken(*args: Any, **options: Any) -> Any:
        result = genuine(*args, **options)
        return replace(result, input_matrix=_off(result.input_matrix))

    monkeypatch.setattr(f"entroprod.laws.gradient_laws.{name}", broken)


def _break_scores(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    genuine = GaussianPair.score

    def broken(*args: Any, **options: Any) -> Any:
        result = genuine(*args, **options)
        return replace(result, **{name: _off(getattr(result, name))})

    monkeypatch.setattr(GaussianPair, "score", broken)


def _break_generating_function(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = ep.SigmaLaw.cumulant_generating_function
    monkeypatch.setattr(
        ep.SigmaLaw, "cumulant_generating_function", lambda self, at: _off(genuine(self, at))
    )


def _break_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = LinearGaussian.sample

    def broken(self: LinearGaussian, *args: Any, **options: Any) -> Any:
        paths = genuine(self, *args, **options)
        return np.nextafter(paths, 9.0) if options.get("n_threads", 1) > 1 else paths

    monkeypatch.setattr(LinearGaussian, "sample", broken)


def _break_hash(monkeypatch: pytest.MonkeyPatch) -> None:
    def by_identity(self: LinearGaussian) -> int:
        return id(self)

    monkeypatch.setattr(LinearGaussian, "__hash__", by_identity)


def _break_per_step(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine: Any = vars(ep.EntropyProduction)["per_step"]

    def turned(self: ep.EntropyProduction) -> Any:
        values = genuine.func(self)
        return np.concatenate([values[:-1], values[-1:] + BREAK])

    monkeypatch.setattr(ep.EntropyProduction, "per_step", property(turned))


def _break_decomposition(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    genuine = PairRecursion.decomposition

    def broken(self: PairRecursion, *args: Any, **options: Any) -> Any:
        found = genuine(self, *args, **options)
        return replace(found, **{name: change(found) for name, change in changes.items()})

    monkeypatch.setattr(PairRecursion, "decomposition", broken)


Breaking = Callable[[pytest.MonkeyPatch], None]
BREAKINGS: list[tuple[str, str, Breaking]] = [
    ("involution", "two states, two outputs", lambda m: _break_entry(m, (3, 5))),
    ("trace_of_reversal", "two states, two outputs", lambda m: _break_entry(m, (4, 4))),
    ("paired_singular_values", "two states, two outputs", lambda m: _break_entry(m, (3, 5))),
    ("antisymmetric_part", "two states, two outputs", lambda m: _break_entry(m, (3, 5))),
    ("antisymmetric_part", "two states, two outputs", _break_total),
    ("norm_squared", "two states, two outputs", _break_norm),
    ("rows_of_reversal", "two states, two outputs", _break_per_step),
    ("non_negative", "two states, two outputs", _break_sign),
    ("curve_is_totals", "two states, two outputs", _break_curve),
    ("per_step_adds_up", "two states, two outputs", _break_per_step),
    ("stated_rounding_error", "two states, two outputs", _break_double),
    (
        "decomposition_adds_up",
        "two states, two outputs",
        lambda m: _break_decomposition(m, retrospective=lambda d: _off(d.retrospective)),
    ),
    (
        "decomposition_non_negative",
        "two states, two outputs",
        lambda m: _break_decomposition(m, lowest=lambda d: -BREAK),
    ),
    (
        "refined_second_law",
        "two states, two outputs",
        lambda m: _break_decomposition(m, compression_loss=lambda d: 2.0 * d.retrospective),
    ),
    (
        "retrospective_is_dense",
        "two states, two outputs",
        lambda m: _break_decomposition(m, retrospective=lambda d: d.retrospective[::-1]),
    ),
    (
        "state_basis",
        "two states, two outputs",
        lambda m: _break_one_basis(m, "state_matrix"),
    ),
    (
        "output_basis",
        "two states, two outputs",
        lambda m: _break_one_basis(m, "innovation_cov"),
    ),
    ("rate_is_spectral", "two states, two outputs", _break_rate),
    ("rate_is_spectral", "two states, two outputs", _break_nan_rate),
    ("rate_is_slope", "two states, two outputs", _break_rate),
    ("scalar_output", "one state, one output", _break_rate),
    ("scalar_output", "six states, one output", _break_recursions_rate),
    ("symmetric_var", "detailed balance", _break_rate),
    ("log_prob_is_dense", "two states, two outputs", _break_log_prob),
    ("sigma_is_a_difference", "two states, two outputs", _break_log_prob),
    ("sigma_is_quadratic", "two states, two outputs", _break_sigma),
    ("mean_of_sigma", "two states, two outputs", lambda m: _break_samples(m, 1.5)),
    ("variance_of_sigma", "two states, two outputs", lambda m: _break_samples(m, 1.5)),
    ("fluctuation_theorem", "detailed balance", lambda m: _break_samples(m, 1.5)),
    ("partial_fluctuation", "two states, two outputs", lambda m: _break_samples(m, 2.0)),
    ("sigma_variance_is_dense", "two states, two outputs", _break_variance),
    ("generating_function_is_dense", "two states, two outputs", _break_generating_function),
    ("sigma_follows_its_law", "two states, two outputs", lambda m: _break_samples(m, 1.5)),
    (
        "decomposition_splits",
        "two states, two outputs",
        lambda m: _break_decomposition(m, compression_loss=lambda d: _off(d.compression_loss)),
    ),
    ("total_is_dense", "two states, two outputs", _break_total),
    ("per_step_is_dense", "two states, two outputs", _break_per_step),
    ("scores_are_dense", "two states, two outputs", lambda m: _break_scores(m, "log_forward")),
    ("scores_are_dense", "two states, two outputs", lambda m: _break_scores(m, "log_backward")),
    (
        "gradient_is_slope",
        "two states, two outputs",
        lambda m: _break_gradient(m, "entropy_production_gradient"),
    ),
    (
        "rate_gradient_is_slope",
        "two states, two outputs",
        lambda m: _break_gradient(m, "entropy_production_rate_gradient"),
    ),
    ("mean_of_the_law", "two states, two outputs", _break_mean_of_the_law),
    ("mean_of_the_law", "two states, two outputs", _break_total),
    (
        "fluctuation_of_the_law",
        "two states, two outputs",
        lambda m: _add_to_generating_function(m, lambda at: BREAK),
    ),
    (
        "law_is_symmetric",
        "two states, two outputs",
        lambda m: _add_to_generating_function(m, lambda at: BREAK * at),
    ),
    ("threads_do_not_matter", "two states, two outputs", _break_threads),
    ("round_trips", "two states, two outputs", _break_hash),
]


def test_every_law_has_a_breaking() -> None:
    assert {name for name, _, _ in BREAKINGS} == {law.name for law in OWN}


@pytest.mark.parametrize(
    ("name", "of", "breaking"), BREAKINGS, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(BREAKINGS)]
)
def test_a_broken_result_fails_its_law(
    name: str, of: str, breaking: Breaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = ept.awkward_machines()[of]
    assert ept.check_law(name, machine).passed
    breaking(monkeypatch)
    with pytest.raises(AssertionError, match=name):
        ept.check_law(name, machine)


def test_a_failure_shows_in_the_report(
    machine: LinearGaussian, monkeypatch: pytest.MonkeyPatch
) -> None:
    _break_rate(monkeypatch)
    report = ep.verify(machine, **FAST)
    assert not report.passed
    assert {law.name for law in report.failures} == {
        "rate_is_spectral", "rate_is_slope", "rate_gradient_is_slope"
    }  # fmt: skip
    assert "FAILED 3 of" in repr(report)
    assert report.to_dict()["passed"] is False


# ------------------------------------------------------------------ tolerances are honest


@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_tolerances_of_closed_forms_are_tight(name: str) -> None:
    if any(word in name for word in ("near-singular", "unstable", "unit root", "0.9999")):
        pytest.skip("conditioning costs digits here, honestly")
    case = GaussianCase(OwnReader(ept.awkward_machines()[name]), 20, 100, 0)
    matrix = [law for law in LAWS if law.measure.__module__.endswith(".reversal_laws")]
    assert len(matrix) == 6
    for law in matrix:
        result = law(case)
        assert result.passed
        assert result.tolerance <= DECIDED * max(1.0, case.total)


# ------------------------------------------------------------------ arguments and imports


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"n_steps": 0}, ValueError, "n_steps"),
        ({"n_steps": 2.5}, TypeError, "n_steps"),
        ({"n_paths": 0}, ValueError, "n_paths"),
        ({"n_paths": "many"}, TypeError, "n_paths"),
        ({"rng": "seed"}, TypeError, "rng"),
        ({"rng": -1}, ValueError, "rng"),
        ({"rng": 1.5}, TypeError, "rng"),
    ],
)
def test_bad_arguments(
    machine: LinearGaussian, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ep.verify(machine, **options)
    with pytest.raises(TypeError, match="machine"):
        ep.verify("machine")


def test_importing_the_library_imports_no_test_tools() -> None:
    code = (
        "import sys, entroprod; "
        "sys.exit(any(name in sys.modules for name in ('hypothesis', 'pytest', 'pandas')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
