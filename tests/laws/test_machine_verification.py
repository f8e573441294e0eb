"""``ep.verify`` and ``check_machine`` for any machine: sound ones pass, planted bugs are found."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from example_machines import (
    CHAIN,
    CLOCK,
    HIDDEN,
    Autoregression,
    Chain,
    ForgetfulMemory,
    Rnn,
    broken,
    sound_machines,
    zipf,
)
from scipy import stats

import entroprod as ep
import entroprod.testing as ept
from entroprod.gaussian.pair import OwnReader
from entroprod.laws import CATALOGUE, MachineCase, NotApplicable, laws_of
from entroprod.laws.measurement import Worst
from entroprod.laws.precision import TOLERANCES, compare, find_precision
from entroprod.laws.proposals import Proposal
from entroprod.laws.quadrature import integrate_next
from entroprod.laws.sampling_laws import _against
from entroprod.laws.subject import pair_of
from entroprod.pairs.scored import ScoredPair

AnyArray = np.ndarray[Any, Any]

# The laws of whatever scores sequences: those of machines that can only be asked.
MACHINE_LAWS = [law for law in CATALOGUE if law.of is ScoredPair]
NAMES = [law.name for law in MACHINE_LAWS]
# Integrals of smooth densities by 1025 nodes: rounding of the sum.
QUADRATURE = 1e-12
# What linear interpolation between 257 nodes leaves, and five errors of a frequency.
PLACE, INTERPOLATION = 0.02, 1e-3
# Logarithms of densities through two factorisations of a matrix.
DENSITY = 1e-10
# Fourth moments of Student's t with five degrees of freedom are large: 40,000 draws of it.
COVARIANCE = 0.1

# ------------------------------------------------------------------ sound machines


@pytest.mark.parametrize("name", sound_machines())
def test_sound_machines_pass(name: str) -> None:
    machine = sound_machines()[name]
    report = ep.verify(machine)
    assert report.passed, repr(report)
    symbols = getattr(machine, "n_symbols", None) is not None
    about = [law.name for law in MACHINE_LAWS if law.symbols in (None, symbols)]
    found = [law.name for law in report.laws]
    assert [name for name in found if name in NAMES] == about
    assert set(found) == {law.name for law in laws_of(pair_of(machine))}


@pytest.mark.parametrize("name", ["one state, one output", "two states, two outputs", "rotation"])
def test_linear_gaussian_machines_obey_the_laws_of_any_machine(name: str) -> None:
    case = MachineCase(OwnReader(ept.awkward_machines()[name]), 10, 2000, 0)
    results = [law(case) for law in MACHINE_LAWS]
    assert not [law for law in results if law.passed is False]
    tested = {law.name for law in results if law.passed}
    assert {"next_values_integrate_to_one", "causality", "sampled_densities"} <= tested


@pytest.mark.parametrize("name", sound_machines())
@pytest.mark.parametrize(("n_steps", "n_paths"), [(1, 1), (2, 20), (3, 300)])
def test_short_and_few_sequences_pass(name: str, n_steps: int, n_paths: int) -> None:
    report = ep.verify(sound_machines()[name], n_steps=n_steps, n_paths=n_paths)
    assert not report.failures, repr(report)


def test_linear_gaussian_machines_keep_their_own_laws() -> None:
    machine = ep.LinearGaussian.from_var([[[0.5]]], [[1.0]])
    report = ep.verify(machine, n_steps=5, n_paths=100)
    names = [law.name for law in report.laws]
    assert names == [law.name for law in laws_of(OwnReader(machine))]
    assert {"involution", "total_is_dense", "causality", "non_negative"} <= set(names)
    assert not {"sequences_add_up_to_one", "total_is_enumerated"} & set(names)
    assert ept.check_machine(machine).passed


def test_laws_have_names_of_their_own_reasons_and_checks() -> None:
    for law in MACHINE_LAWS:
        assert law.statement
        assert law.why
        check = getattr(ept, "check_" + law.name)
        check(CHAIN, n_steps=4, n_paths=100)


# ------------------------------------------------------------------ planted bugs


def not_normalised(machine: Chain) -> ep.FunctionMachine:
    """All probabilities a thousandth too small."""
    return ep.FunctionMachine(lambda y: machine.log_prob(y) - 1e-3, n_symbols=machine.n_symbols)


def backward_sampler(machine: Any) -> ep.FunctionMachine:
    """What is drawn is the reverse of what log_prob is about."""
    return ep.FunctionMachine(
        machine.log_prob,
        lambda n_steps, n_paths, rng: machine.sample(n_steps, n_paths, rng=rng)[:, ::-1],
        n_symbols=machine.n_symbols,
    )


@dataclass(frozen=True)
class OtherFrequencies:
    """A vocabulary whose sampler has another exponent than its log_prob."""

    n_symbols: int = 20_000

    def log_prob(self, sequences: AnyArray) -> AnyArray:
        return np.asarray(zipf(self.n_symbols).log_prob(sequences))

    def sample(self, n_steps: int, n_paths: int = 1, *, rng: Any = None) -> AnyArray:
        paths = zipf(self.n_symbols).sample(n_steps, n_paths, rng=rng)
        moved = np.random.default_rng(0).permutation(self.n_symbols)
        return np.asarray(moved[paths])


@dataclass(frozen=True)
class SameNoise(Autoregression):
    """Every second step is drawn with the random number of the step before."""

    def sample(self, n_steps: int, n_paths: int = 1, *, rng: Any = None) -> AnyArray:
        generator = np.random.default_rng(rng)
        noise = generator.standard_normal((n_paths, n_steps, self.n_outputs))
        noise[:, 1::2] = noise[:, : n_steps - 1 : 2] if n_steps % 2 else noise[:, ::2]
        paths = np.zeros_like(noise)
        value = paths[:, 0]
        for step in range(n_steps):
            value = self._mean(value) + self.scale * noise[:, step]
            paths[:, step] = value
        return paths


RNN, AR, AR2 = Rnn(), Autoregression(), Autoregression(n_outputs=2)
# (law, sound machine, broken machine): the law holds for the one and not for the other.
BREAKINGS: list[tuple[str, Any, Any]] = [
    ("log_prob_is_a_number", RNN, broken(RNN, "nan")),
    ("log_prob_is_a_number", RNN, broken(RNN, "one step short")),
    ("probabilities_at_most_one", RNN, broken(RNN, "no softmax")),
    ("sequences_add_up_to_one", RNN, broken(RNN, "no softmax")),
    ("sequences_add_up_to_one", RNN, broken(RNN, "not shifted")),
    ("sequences_add_up_to_one", CHAIN, not_normalised(CHAIN)),
    ("next_symbols_add_up_to_one", RNN, broken(RNN, "not shifted")),
    ("next_symbols_add_up_to_one", Rnn(40), broken(Rnn(40), "not shifted")),
    ("next_symbols_add_up_to_one", CHAIN, not_normalised(CHAIN)),
    ("next_values_integrate_to_one", AR, broken(AR, "no constant")),
    ("next_values_integrate_to_one", AR2, broken(AR2, "no constant")),
    ("causality", RNN, broken(RNN, "bidirectional")),
    ("causality", Rnn(dtype="float32"), broken(Rnn(dtype="float32"), "bidirectional")),
    ("truncation", RNN, broken(RNN, "depends on length")),
    ("batch_invariance", RNN, broken(RNN, "batch norm")),
    ("padding_invariance", RNN, broken(RNN, "padding leaks")),
    ("determinism", RNN, broken(RNN, "dropout")),
    ("samples_are_sequences", RNN, broken(RNN, "one-hot")),
    ("samples_are_sequences", RNN, broken(RNN, "float symbols")),
    ("samples_are_sequences", RNN, broken(RNN, "end of text")),
    ("samples_are_sequences", AR, broken(AR, "no last axis")),
    ("samples_are_sequences", AR, broken(AR, "overflow")),
    ("samples_are_possible", CLOCK, backward_sampler(CLOCK)),
    ("sampling_is_reproducible", RNN, broken(RNN, "own randomness")),
    ("sampling_is_reproducible", RNN, broken(RNN, "no randomness")),
    ("sampled_log_prob", RNN, broken(RNN, "not shifted")),
    ("sampled_frequencies", RNN, broken(RNN, "sampler is hot")),
    ("sampled_frequencies", zipf(20_000), OtherFrequencies()),
    ("sampled_steps", RNN, broken(RNN, "sampler is hot")),
    ("sampled_steps", Rnn(40, 8), broken(Rnn(40, 8), "sampler is hot")),
    ("sampled_steps", AR, broken(AR, "sampler is wide")),
    ("sampled_steps", AR, broken(AR, "sampler is narrow")),
    ("sampled_steps", AR, SameNoise()),
    ("sampled_densities", AR, broken(AR, "sampler is narrow")),
    ("sampled_densities", AR2, broken(AR2, "sampler is wide")),
    ("sampled_densities", AR2, broken(AR2, "sampler is narrow")),
    ("reversing_twice", RNN, broken(RNN, "dropout")),
    # By enumeration the mean can't be negative for any numbers; sampled in reverse it is -S_y.
    ("second_law", AR, broken(AR, "backward sampler")),
    ("enumerated_fluctuation", CHAIN, not_normalised(CHAIN)),
    ("enumerated_block_fluctuation", RNN, broken(RNN, "not shifted")),
    ("sampled_fluctuation", RNN, broken(RNN, "backward sampler")),
    ("sampled_block_fluctuation", RNN, broken(RNN, "sampler is hot")),
    ("reversed_pairs_balance", CHAIN, backward_sampler(CHAIN)),
    ("reversed_pairs_balance", AR2, broken(AR2, "sampler is wide")),
    ("memory_is_determined", RNN, broken(RNN, "memory of the batch")),
    ("memory_is_determined", RNN, broken(RNN, "flat memory")),
    ("memory_is_sufficient", CHAIN, ForgetfulMemory(CHAIN.initial, CHAIN.transition)),
]


def test_every_law_has_a_breaking() -> None:
    assert {name for name, _, _ in BREAKINGS} == set(NAMES)


@pytest.mark.parametrize(
    ("name", "sound", "wrong"), BREAKINGS, ids=[f"{n}-{i}" for i, (n, _, _) in enumerate(BREAKINGS)]
)
def test_a_planted_bug_breaks_its_law(name: str, sound: Any, wrong: Any) -> None:
    assert ept.check_law(name, sound, n_paths=2000).passed
    with pytest.raises(AssertionError, match=f"{name} is broken"):
        ept.check_law(name, wrong, n_paths=2000)


@pytest.mark.parametrize("freedom", [1.0, 1.5, 5.0])
def test_heavy_tails_are_no_fault(freedom: float) -> None:
    tailed = ep.FunctionMachine(
        lambda y: stats.t.logpdf(y[..., 0], freedom),
        lambda n_steps, n_paths, rng: rng.standard_t(freedom, size=(n_paths, n_steps, 1)),
        n_outputs=1,
    )
    report = ep.verify(tailed, n_steps=3, n_paths=500)
    assert not report.failures
    assert report["next_values_integrate_to_one"].passed


def test_a_machine_for_which_nothing_is_possible_fails_and_is_told() -> None:
    nothing = ep.FunctionMachine(lambda y: np.full(y.shape, -np.inf), n_symbols=2)
    assert not ep.verify(nothing, n_steps=3, n_paths=50)["sequences_add_up_to_one"].passed


def test_an_impossible_sequence_is_no_fault() -> None:
    # Of 2187 sequences 3 are possible: E[e^-sigma] is 0, and the lost share makes up the rest.
    report = ep.verify(CLOCK)
    assert report.passed
    assert "which lose 1" in report["enumerated_fluctuation"].detail
    assert report["second_law"].detail.endswith("it is inf")
    assert "possible in both directions" in report["reversing_twice"].reason


def test_a_beginning_is_impossible_and_what_follows_doesn_t_matter() -> None:
    def log_prob(sequences: AnyArray) -> AnyArray:
        scores = np.full(sequences.shape, -math.log(2))
        with np.errstate(divide="ignore"):
            scores[:, 0] = np.log(sequences[:, 0] == 0)
        # Behind an impossible symbol the numbers mean nothing, here those of the whole sequence.
        scores[sequences[:, 0] == 1, 1:] = -sequences[sequences[:, 0] == 1].sum(
            axis=1, keepdims=True
        )
        return scores

    assert ep.verify(log_prob, n_symbols=2, n_steps=6).passed


# ------------------------------------------------------------------ the report


def test_bare_functions_need_a_size() -> None:
    assert ep.verify(CHAIN.log_prob, n_symbols=3).passed
    assert ep.verify(Autoregression().log_prob, n_outputs=1).passed
    with pytest.raises(ValueError, match="exactly one of n_symbols and n_outputs"):
        ep.verify(CHAIN.log_prob)
    with pytest.raises(ValueError, match="exactly one of n_symbols and n_outputs"):
        ep.verify(CHAIN.log_prob, n_symbols=3, n_outputs=1)
    with pytest.raises(ValueError, match="n_symbols must be 3"):
        ep.verify(CHAIN, n_symbols=4)
    with pytest.raises(ValueError, match="n_symbols must be between"):
        ep.verify(CHAIN.log_prob, n_symbols=0)
    with pytest.raises(TypeError, match="machine must"):
        ep.verify(5)


def test_machines_that_tell_no_size_keep_their_methods() -> None:
    class Wrapped:
        def log_prob(self, sequences: AnyArray) -> AnyArray:
            return CHAIN.log_prob(sequences)

        def sample(self, n_steps: int, n_paths: int = 1, *, rng: Any = None) -> AnyArray:
            return CHAIN.sample(n_steps, n_paths, rng=rng)

        def memory(self, sequences: AnyArray) -> AnyArray:
            return CHAIN.memory(sequences)

    report = ep.verify(Wrapped(), n_symbols=3)
    assert report["sampled_frequencies"].passed
    assert report["memory_is_sufficient"].passed


def test_a_function_without_sampler_is_drawn_from_by_its_own_probabilities() -> None:
    report = ep.verify(HIDDEN.log_prob, n_symbols=3)
    assert "drawn from log_prob itself" in report["reversed_pairs_balance"].detail
    assert report["sampled_frequencies"].reason == "the machine has no sampler"
    large = ep.verify(lambda y: np.full(y.shape, -math.log(500)), n_symbols=500)
    assert "drawing from log_prob takes" in large["second_law"].reason
    assert large["next_symbols_add_up_to_one"].passed


def test_what_is_skipped_says_why() -> None:
    report = ep.verify(zipf(20_000))
    assert "enumeration takes 20000" in report["sequences_add_up_to_one"].reason
    assert report["memory_is_sufficient"].reason == "the machine doesn't show its memory"
    assert "log_prob_ragged" in report["padding_invariance"].reason
    many = ep.verify(zipf(200_000))
    assert "takes 1300000 scored symbols" in many["next_symbols_add_up_to_one"].reason
    few = ep.verify(CHAIN, n_paths=10)
    assert "larger n_paths" in few["sampled_frequencies"].reason


def test_the_report_says_what_was_used_and_where_it_fails() -> None:
    report = ep.verify(broken(RNN, "padding leaks"))
    assert [law.name for law in report.failures] == ["padding_invariance"]
    assert not report.passed
    text = repr(report)
    assert "FAILED 1 of" in text
    assert "8 sequences of 1 to 12 steps" in " ".join(text.split())
    assert max(len(line) for line in text.splitlines()) <= 100
    assert "2187 sequences of T = 7" in report["sequences_add_up_to_one"].detail
    exported = json.loads(json.dumps(report.to_dict()))
    assert {"detail", "reason", "residual"} <= exported["laws"][0].keys()
    assert "computes in float64" in report["causality"].reason


def test_the_report_is_reproducible() -> None:
    first = ep.verify(CHAIN, n_paths=300, rng=np.random.default_rng(3))
    again = ep.verify(CHAIN, n_paths=300, rng=first.seed)
    assert first.to_dict() == again.to_dict()


def test_a_report_that_tested_nothing_does_not_pass() -> None:
    class Mute:
        n_outputs = 1

        def log_prob(self, sequences: AnyArray) -> AnyArray:
            return np.zeros(sequences.shape)

    with pytest.raises(AssertionError, match="laws are broken"):
        ept.check_machine(Mute())
    short = broken(RNN, "one step short")
    with pytest.raises(AssertionError, match="not \\(1, 1\\) real numbers"):
        ept.check_machine(short)


def test_check_machine_lists_what_is_broken() -> None:
    assert ept.check_machine(CHAIN).passed
    with pytest.raises(AssertionError) as caught:
        ept.check_machine(broken(RNN, "sampler is hot"))
    lines = str(caught.value).splitlines()
    assert "laws are broken for Rnn" in lines[0]
    assert any(line.startswith("- sampled_frequencies is broken") for line in lines[1:])


def test_laws_of_linear_gaussian_machines_are_for_them() -> None:
    with pytest.raises(TypeError, match="involution is about a constant linear-Gaussian"):
        ept.check_law("involution", CHAIN)
    with pytest.raises(KeyError, match="causality"):
        ept.check_law("no such law", CHAIN)
    assert ept.check_causality(ep.LinearGaussian.from_var([[[0.5]]], [[1.0]])).passed


def test_what_a_machine_raises_reaches_the_user() -> None:
    def log_prob(sequences: AnyArray) -> AnyArray:
        raise RuntimeError("out of tune")

    with pytest.raises(RuntimeError, match="out of tune"):
        ep.verify(log_prob, n_symbols=2)


def test_checks_need_no_hypothesis() -> None:
    code = (
        "import sys; sys.modules['hypothesis'] = None\n"
        "import numpy as np, entroprod as ep, entroprod.testing as ept\n"
        "coin = ep.FunctionMachine(lambda y: np.log(np.where(y, 0.3, 0.7)), n_symbols=2)\n"
        "ept.check_machine(coin)\n"
        "try:\n    from entroprod.testing import stable_machines\n"
        "except ImportError as error:\n    sys.exit('\"entroprod[testing]\"' not in str(error))\n"
        "sys.exit(2)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ------------------------------------------------------------------ precision


def test_precision_is_told_or_shown() -> None:
    fine = np.log(np.array([0.3, 0.7]))

    def never() -> float:
        raise AssertionError("nothing needs to be measured")

    for name in TOLERANCES:
        told = find_precision({"dtype": f"torch.{name}"}, fine, never)
        assert (told.tolerance, name in told.source) == (TOLERANCES[name], True)
    several = find_precision({"dtype": ["torch.float64", "torch.float32"]}, fine, never)
    assert several.tolerance == TOLERANCES["float32"]
    assert find_precision({}, fine.astype(np.float32), never).tolerance == TOLERANCES["float32"]
    rounded = fine.astype(np.float32).astype(np.float64)
    assert find_precision({}, rounded, never).tolerance == TOLERANCES["float32"]
    for noise, expected in ((0.0, "float64"), (1e-7, "float32"), (1e-3, "float64")):
        found = find_precision({}, fine, lambda noise=noise: noise)  # type: ignore[misc]
        assert found.tolerance == TOLERANCES[expected]


def test_comparing_rows() -> None:
    minus = -math.inf
    expected = np.array([[-1.0, -20.0, minus, -1.0]])
    assert compare(expected.copy(), expected) == (0.0, (0, 0))
    assert compare(np.array([[-1.0, -20.0, minus, 5.0]]), expected)[0] == 0.0
    assert compare(np.array([[-1.0, -22.0, minus, -1.0]]), expected) == (0.1, (0, 1))
    assert compare(np.array([[-1.0, -20.0, -3.0, -1.0]]), expected) == (math.inf, (0, 2))
    assert compare(np.array([[-1.0, minus, minus, -1.0]]), expected) == (math.inf, (0, 1))
    assert math.isnan(compare(np.array([[math.nan, -20.0, minus, 0.0]]), expected)[0])
    assert compare(expected[:0], expected[:0]) == (0.0, ())


def test_the_worst_of_several() -> None:
    worst = Worst()
    with pytest.raises(NotApplicable):
        worst.measurement("nothing")
    worst.see(0.0, 0.0, "exact")
    assert worst.measurement("what").detail == "what"
    worst.see(1.0, 10.0, "mild")
    worst.see(1.0, 2.0, "near")
    worst.see(2.0, 10.0, "far")
    assert worst.measurement("what").detail == "what; near"
    worst.see(math.nan, 1.0, "nan")
    worst.see(9.0, 1.0, "later")
    assert worst.where == "nan"


# ------------------------------------------------------------------ what laws are made of


@pytest.mark.parametrize("p", [1e-3, 0.02, 0.3, 0.5, 0.97])
@pytest.mark.parametrize("n_drawn", [1, 20, 1000])
def test_chernoff_s_bound_is_one(p: float, n_drawn: int) -> None:
    for count in range(0, n_drawn + 1, max(1, n_drawn // 50)):
        tails = stats.binom.cdf(count, n_drawn, p), stats.binom.sf(count - 1, n_drawn, p)
        assert min(tails) <= math.exp(-_against(count, n_drawn, p, p)) * (1 + 1e-9)


def test_evidence_at_the_ends() -> None:
    assert _against(3, 10, 0.2, 0.4) == 0.0
    assert _against(1, 10, -0.1, 0.0) == math.inf
    assert _against(0, 10, -0.1, 0.0) == 0.0
    assert _against(9, 10, 1.0, 1.1) == math.inf


@pytest.mark.parametrize(
    ("law", "error"),
    [
        (stats.norm(3.0, 0.01), QUADRATURE),
        (stats.norm(-40.0, 5.0), QUADRATURE),
        (stats.t(3), 1e-9),
        (stats.cauchy(0.0, 0.1), 1e-5),
        (stats.gamma(9.0), QUADRATURE),
        # A kink at the mode costs the square of the nodes' distance.
        (stats.laplace(1.0, 2.0), 1e-3),
    ],
)
def test_quadrature(law: Any, error: float) -> None:
    machine = ep.FunctionMachine(lambda y: law.logpdf(y[:, :, 0]), n_outputs=1)
    case = MachineCase(ScoredPair(machine), 1, 1, 0)
    prefix = np.empty((0, 1))
    around = integrate_next(case, prefix)
    assert around.total == pytest.approx(1.0, abs=error)
    assert around.error <= 10 * max(error, QUADRATURE)
    at = float(law.ppf(0.2))
    found = integrate_next(case, prefix, at)
    likelier = float(np.mean(law.pdf(law.rvs(20_000, random_state=0)) > law.pdf(at)))
    assert found.places == pytest.approx([0.2, likelier], abs=PLACE)
    assert abs(found.places[0] - 0.2) <= found.place_error + INTERPOLATION


def test_proposals_are_densities() -> None:
    rng = np.random.default_rng(0)
    factor = np.array([[2.0, 0.0], [1.0, 0.5]])
    slope = np.array([[0.5, 0.1], [0.0, -0.3]])
    proposal = Proposal(np.array([1.0, -1.0]), slope, factor)
    before = np.array([[3.0, 4.0]])
    mean = proposal.intercept + slope @ before[0]
    draws, log_density = proposal.draw(rng, 50, before)
    expected = stats.multivariate_t(mean, factor @ factor.T, df=5).logpdf(draws)
    assert log_density == pytest.approx(expected, abs=DENSITY)
    normal = stats.multivariate_normal(mean, factor @ factor.T).logpdf(draws)
    assert proposal.log_normal(draws, before) == pytest.approx(normal, abs=DENSITY)
    many, _ = proposal.draw(rng, 40_000, None)
    # Covariance of Student's t with five degrees of freedom: 5/3 of its scale matrix.
    assert np.cov(many.T) == pytest.approx(5 / 3 * factor @ factor.T, rel=COVARIANCE)
