"""``ep.verify`` for chains, machines that change in time, and pairs: sound ones pass, bugs show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from example_machines import CHAIN, HIDDEN
from time_varying_machines import machine_of

import entroprod as ep
import entroprod.testing as ept
from entroprod.discrete.chain_production import ChainProduction
from entroprod.discrete.pair import EnumeratedPair
from entroprod.gaussian.pair import GaussianPair
from entroprod.laws import CATALOGUE, Measurement, PairCase, law, laws_of
from entroprod.laws.law import Law
from entroprod.laws.subject import pair_of
from entroprod.pairs import choice
from entroprod.questions import monte_carlo, production

ROTOR = ep.MarkovChain([[0.8, 0.15, 0.05], [0.1, 0.7, 0.2], [0.3, 0.3, 0.4]])
OTHER = ep.MarkovChain([[0.6, 0.3, 0.1], [0.2, 0.6, 0.2], [0.3, 0.4, 0.3]], [0.2, 0.3, 0.5])
BALANCED = ep.MarkovChain([[0.5, 0.5, 0.0], [0.25, 0.5, 0.25], [0.0, 0.5, 0.5]])
ONE_WAY = ep.MarkovChain([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5]])
CYCLE = ep.MarkovChain([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
APART = ep.MarkovChain(np.eye(2), [0.5, 0.5])
COIN = ep.HiddenMarkov([[0.9, 0.1], [0.3, 0.7]], [[0.8, 0.1, 0.1], [0.2, 0.2, 0.6]])
WHEEL = ep.HiddenMarkov(
    [[0.1, 0.8, 0.1], [0.1, 0.1, 0.8], [0.8, 0.1, 0.1]],
    [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]],
)
VARYING, VARYING_TOO = machine_of(6, 3, 2), machine_of(6, 2, 2, seed=5)
CONSTANT = ept.awkward_machines()["two states, two outputs"]
TURNING = ept.awkward_machines()["rotation"]
FAST = {"n_steps": 6, "n_paths": 600}
# A result off by this much, relative, is broken: far beyond rounding, far below what a plot shows.
BREAK = 1e-6

# (machine, what reads it backwards)
PAIRS: dict[str, tuple[Any, Any]] = {
    "chain": (ROTOR, None),
    "chain with a start": (OTHER, None),
    "chain in detailed balance": (BALANCED, None),
    "chain with steps of no return": (ONE_WAY, None),
    "chain that only cycles": (CYCLE, None),
    "chain in two parts": (APART, None),
    "chain by a chain": (ROTOR, OTHER),
    "hidden chain": (WHEEL, None),
    "hidden chain by a chain": (COIN, ROTOR),
    "chain by a hidden chain": (ROTOR, COIN),
    "chain by a function": (CHAIN, CHAIN.log_prob),
    "machine by a function": (HIDDEN, CHAIN.log_prob),
    "changing in time": (VARYING, None),
    "changing in time, by its kernels": (VARYING, VARYING.reversed_kernels()),
    "changing in time, by another": (VARYING, VARYING_TOO),
    "changing in time, by a constant one": (VARYING, CONSTANT),
    "constant, by one that changes in time": (CONSTANT, VARYING),
    "constant, by another": (CONSTANT, TURNING),
    "constant, by itself as another": (CONSTANT, CONSTANT),
}


@pytest.mark.parametrize("name", PAIRS)
def test_sound_pairs_pass(name: str) -> None:
    machine, backward = PAIRS[name]
    report = ep.verify(machine, backward=backward, **FAST)
    assert report.passed, repr(report)
    pair = pair_of(machine, backward)
    assert [one.name for one in report.laws] == [one.name for one in laws_of(pair)]
    assert len(report.tested) > len(report.skipped)


def test_lengths_end_with_the_machines() -> None:
    assert ep.verify(VARYING, n_paths=100).n_steps == VARYING.n_steps
    shorter = VARYING.reversed_kernels()
    assert ep.verify(VARYING, backward=shorter, n_paths=100).n_steps == VARYING.n_steps - 1
    assert ep.verify(CONSTANT, backward=VARYING, n_paths=100).n_steps == VARYING.n_steps


def test_what_pairs_cannot_answer_is_skipped_with_their_reason() -> None:
    report = ep.verify(COIN, **FAST)
    assert "average over beliefs" in report["rate_is_slope"].reason
    report = ep.verify(CONSTANT, backward=TURNING, **FAST)
    assert report["reversed_pairs_balance"].reason == "another machine reads the sequences"


def test_readers_are_told_sizes_or_refused() -> None:
    report = ep.verify(CHAIN.log_prob, backward=ROTOR.log_prob, n_symbols=3, **FAST)
    assert report.passed
    with pytest.raises(ValueError, match="backward must have n_symbols = 3"):
        ep.verify(ROTOR, backward=APART)
    with pytest.raises(ValueError, match="backward"):
        ep.verify(CONSTANT, backward=ROTOR)
    with pytest.raises(TypeError, match="backward must"):
        ep.verify(ROTOR, backward=3)


# ------------------------------------------------------------------ planted bugs


def _off(value: Any) -> Any:
    return value * (1 + BREAK)


Breaking = Callable[[pytest.MonkeyPatch], None]


def _result(name: str, change: Callable[[Any], Any] = _off) -> Breaking:
    """A field of every total is changed."""

    def breaking(monkeypatch: pytest.MonkeyPatch) -> None:
        genuine = production.entropy_production

        def broken(*args: Any, **options: Any) -> Any:
            result = genuine(*args, **options)
            return replace(result, **{name: change(getattr(result, name))})

        monkeypatch.setattr(production, "entropy_production", broken)

    return breaking


def _question(name: str, change: Callable[[Any], Any] = _off) -> Breaking:
    """A public function of entropy production answers something else."""

    def breaking(monkeypatch: pytest.MonkeyPatch) -> None:
        genuine = getattr(production, name)
        monkeypatch.setattr(
            production, name, lambda *args, **options: change(genuine(*args, **options))
        )

    return breaking


def _method(owner: Any, name: str, change: Callable[[Any], Any] = _off) -> Breaking:
    """A method answers something else."""

    def breaking(monkeypatch: pytest.MonkeyPatch) -> None:
        genuine = getattr(owner, name)
        monkeypatch.setattr(
            owner, name, lambda self, *args, **options: change(genuine(self, *args, **options))
        )

    return breaking


def _attribute(owner: Any, name: str, change: Callable[[Any], Any] = _off) -> Breaking:
    """A computed attribute has another value."""

    def breaking(monkeypatch: pytest.MonkeyPatch) -> None:
        genuine: Any = vars(owner)[name]
        compute = getattr(genuine, "func", None) or genuine.fget
        monkeypatch.setattr(owner, name, property(lambda self: change(compute(self))))

    return breaking


def _last(values: Any) -> Any:
    """The last of several values is changed."""
    return np.concatenate([values[:-1], _off(values[-1:]) + BREAK])


def _law_of_sigma(**changes: Callable[[Any], Any]) -> Breaking:
    """The law of sigma has other fields."""

    def breaking(monkeypatch: pytest.MonkeyPatch) -> None:
        genuine = ep.sigma_law

        def broken(*args: Any, **options: Any) -> Any:
            result = genuine(*args, **options)
            return replace(result, **{name: to(result) for name, to in changes.items()})

        for module in ("pair_case", "gaussian_pair_case"):
            monkeypatch.setattr(f"entroprod.laws.{module}.sigma_law", broken)

    return breaking


def _samples(monkeypatch: pytest.MonkeyPatch) -> None:
    genuine = monte_carlo.monte_carlo

    def broken(*args: Any, **options: Any) -> Any:
        result = genuine(*args, **options)
        moved = 0.5 + 0.5 * result.variance**0.5
        return replace(result, mean=result.mean + moved, sigma=np.asarray(result.sigma) + moved)

    monkeypatch.setattr(monte_carlo, "monte_carlo", broken)


def _swapped_halves(found: Any) -> Any:
    """The decomposition's parts that lie between steps are exchanged."""
    return found[::-1].copy()


def _log_forward(result: Any) -> Any:
    return replace(result, log_forward=_off(result.log_forward))


BROKEN_ONES = {
    "rotor": (ROTOR, None),
    "rotor by other": (ROTOR, OTHER),
    "balanced": (BALANCED, None),
    "one way": (ONE_WAY, None),
    "wheel": (WHEEL, None),
    "wheel by rotor": (WHEEL, ROTOR),
    "varying": (VARYING, None),
    "varying by other": (VARYING, VARYING_TOO),
    "varying by kernels": (VARYING, VARYING.reversed_kernels()),
    "constant by turning": (CONSTANT, TURNING),
}
BREAKINGS: list[tuple[str, str, Breaking]] = [
    # Markov chains
    ("chain_curve_is_enumerated", "rotor", _question("entropy_production_curve")),
    ("chain_curve_is_enumerated", "rotor by other", _method(ChainProduction, "curve")),
    (
        "chain_decomposition_is_enumerated",
        "rotor",
        _method(ChainProduction, "retrospective", _swapped_halves),
    ),
    ("rate_is_currents_times_forces", "rotor", _question("entropy_production_rate")),
    (
        "rate_is_currents_times_forces",
        "one way",
        _question("entropy_production_rate", lambda rate: 1.0),
    ),
    (
        "detailed_balance",
        "balanced",
        _question("entropy_production_rate", lambda rate: rate + BREAK),
    ),
    ("detailed_balance", "balanced", _result("total", lambda total: total + BREAK)),
    (
        "total_is_enumerated",
        "rotor",
        _method(ChainProduction, "total", lambda t: (_off(t[0]), 0.0)),
    ),
    ("total_is_enumerated", "one way", _result("total", lambda total: 7.0)),
    ("rate_is_slope", "rotor", _question("entropy_production_rate")),
    ("rate_is_slope", "rotor by other", _question("entropy_production_rate")),
    ("curve_is_totals", "rotor", _question("entropy_production_curve")),
    ("non_negative", "balanced", _question("entropy_production_curve", lambda c: c - BREAK)),
    ("per_step_adds_up", "rotor", _method(ChainProduction, "per_step", _last)),
    ("decomposition_adds_up", "rotor", _method(ChainProduction, "retrospective", _last)),
    ("mean_of_sigma", "rotor by other", _samples),
    ("sigma_follows_its_law", "rotor", _samples),
    # enumerated machines
    ("total_is_enumerated", "wheel", _result("total")),
    ("total_is_enumerated", "wheel by rotor", _result("total")),
    ("per_step_is_enumerated", "wheel", _attribute(ep.EntropyProduction, "per_step", _last)),
    ("sigma_variance_is_enumerated", "wheel", _law_of_sigma(variance=lambda r: _off(r.variance))),
    ("mean_of_the_law", "wheel", _law_of_sigma(mean=lambda r: _off(r.mean))),
    (
        "fluctuation_of_the_law",
        "wheel",
        _law_of_sigma(sigma=lambda r: r.sigma + BREAK),
    ),
    ("fluctuation_of_the_law", "one way", _law_of_sigma(sigma=lambda r: r.sigma + BREAK)),
    ("law_is_symmetric", "wheel", _law_of_sigma(sigma=lambda r: _off(r.sigma))),
    ("curve_is_totals", "wheel", _question("entropy_production_curve")),
    ("mean_of_sigma", "wheel", _samples),
    # machines that change in time, and pairs
    ("total_is_dense", "varying", _result("total")),
    ("total_is_dense", "varying by kernels", _result("total")),
    ("total_is_dense", "constant by turning", _result("total")),
    ("per_step_is_dense", "varying by other", _attribute(ep.EntropyProduction, "per_step", _last)),
    ("per_step_adds_up", "varying", _attribute(ep.EntropyProduction, "per_step", _last)),
    ("scores_are_dense", "varying by kernels", _method(GaussianPair, "score", _log_forward)),
    (
        "decomposition_splits",
        "varying by other",
        _attribute(ep.EntropyProduction, "compression_loss", _last),
    ),
    (
        "decomposition_adds_up",
        "constant by turning",
        _attribute(ep.EntropyProduction, "retrospective", _last),
    ),
    ("stated_rounding_error", "varying", _result("rounding_error", lambda error: -1.0)),
    ("mean_of_sigma", "varying by other", _samples),
]
ABOUT_SYMBOLS = [one for one in CATALOGUE if issubclass(one.of, EnumeratedPair)]


def test_every_law_of_symbols_has_a_breaking() -> None:
    assert ABOUT_SYMBOLS
    assert {one.name for one in ABOUT_SYMBOLS} <= {name for name, _, _ in BREAKINGS}


@pytest.mark.parametrize(
    ("name", "of", "breaking"),
    BREAKINGS,
    ids=[f"{n}-{o}-{i}" for i, (n, o, _) in enumerate(BREAKINGS)],
)
def test_a_broken_result_fails_its_law(
    name: str, of: str, breaking: Breaking, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine, backward = BROKEN_ONES[of]
    settings: dict[str, Any] = {"backward": backward, "n_steps": 6, "n_paths": 2000}
    assert ept.check_law(name, machine, **settings).passed
    breaking(monkeypatch)
    with pytest.raises(AssertionError, match=f"{name} is broken"):
        ept.check_law(name, machine, **settings)


def test_a_reader_that_is_not_normalised_is_found() -> None:
    def log_prob(sequences: Any) -> Any:
        return CHAIN.log_prob(sequences) - 1e-3

    reader = ep.FunctionMachine(log_prob, n_symbols=3)
    assert ept.check_enumerated_fluctuation(CHAIN, backward=CHAIN.log_prob).passed
    with pytest.raises(AssertionError, match="enumerated_fluctuation is broken"):
        ept.check_enumerated_fluctuation(CHAIN, backward=reader)


def test_a_reader_that_samples_otherwise_shows_in_the_fluctuation_theorem() -> None:
    sound = ept.check_sampled_fluctuation(ROTOR, backward=OTHER, n_steps=3, n_paths=20_000)
    assert sound.passed

    def log_prob(sequences: Any) -> Any:
        return OTHER.log_prob(sequences) + np.log(1.5)

    wrong = ep.FunctionMachine(log_prob, lambda n, k, rng: OTHER.sample(n, k, rng=rng), n_symbols=3)
    with pytest.raises(AssertionError, match="sampled_fluctuation is broken"):
        ept.check_sampled_fluctuation(ROTOR, backward=wrong, n_steps=3, n_paths=20_000)


# ------------------------------------------------------------------ laws from outside


class Coins:
    n_symbols = 2

    def log_prob(self, sequences: Any) -> Any:
        return np.full(np.shape(sequences), -np.log(2.0))


@pytest.fixture
def kinds() -> Iterator[None]:
    """Registrations of a test end with it."""
    before = list(choice._kinds)
    yield
    choice._kinds[:] = before
    choice._makers.cache_clear()


@law("coins produce nothing", "none: log-ratios of equal numbers", on=PairCase)
def nothing_is_produced(case: PairCase) -> Measurement:
    return Measurement(abs(case.pair.rate()), 0.0, 1.0)


def coins(rate: float) -> type[ep.ScoredPair]:
    class CoinsPair(ep.ScoredPair):
        laws: tuple[Law[Any], ...] = (nothing_is_produced,)

        def rate(self, *, precision: Any = "auto") -> float:
            return rate

    return CoinsPair


def test_a_kind_from_outside_brings_its_laws(kinds: None) -> None:
    ep.register_pair(Coins, Coins, coins(0.0))
    report = ep.verify(Coins(), **FAST)
    assert report.passed
    assert report["nothing_is_produced"].passed
    assert ept.check_law("nothing_is_produced", Coins()).passed
    ep.register_pair(Coins, Coins, coins(0.1))
    assert [one.name for one in ep.verify(Coins(), **FAST).failures] == ["nothing_is_produced"]
    with pytest.raises(AssertionError, match="coins produce nothing"):
        ept.check_machine(Coins())


def test_verification_and_testing_name_no_class_of_machine() -> None:
    import entroprod.laws.catalogue
    import entroprod.laws.subject
    import entroprod.laws.verification
    import entroprod.testing.checks

    kinds_of_machine = (ep.LinearGaussian, ep.MarkovChain, ep.HiddenMarkov, ep.FunctionMachine)
    for module in (
        entroprod.laws.catalogue,
        entroprod.laws.subject,
        entroprod.laws.verification,
        entroprod.testing.checks,
    ):
        names = [one for one in vars(module).values() if isinstance(one, type)]
        assert not set(names) & set(kinds_of_machine)
