"""Enumeration of discrete machines against loops over dictionaries."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np
import oracles_discrete as oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import HiddenMarkov

# Sums over at most 3^6 sequences of logarithms of order 1.
ROUNDING = 1e-12
# Five standard errors of a frequency of 4000 paths.
FREQUENCY = 0.04
Symbols = tuple[int, ...]

BLURRED_RING = HiddenMarkov(
    [[0, 0.75, 0.25], [0.25, 0, 0.75], [0.75, 0.25, 0]],
    [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]],
    [0.5, 0.3, 0.2],
)


class Parity:
    """Draws 1 with a probability that depends on how many ones there were: even or odd."""

    n_symbols = 2

    def log_prob(self, sequences: Any) -> Any:
        odd = self._odd_before(sequences)
        one = np.where(odd, 0.9, 0.2)
        return np.log(np.where(sequences == 1, one, 1 - one))

    def memory(self, sequences: Any) -> Any:
        return sequences.sum(axis=1, keepdims=True) % 2.0

    def _odd_before(self, sequences: Any) -> Any:
        return (np.cumsum(sequences, axis=1) - sequences) % 2 == 1


def of(machine: Any) -> oracles.LogProb:
    return lambda sequence: machine.log_prob(np.array([sequence]))[0].tolist()


@settings(max_examples=30)
@given(ept.hidden_markovs(n_states=(1, 3), n_symbols=(1, 3)), st.integers(1, 5))
def test_totals_and_parts_by_definition(model: HiddenMarkov, n_steps: int) -> None:
    arrays = model.transition, model.emission, model.initial
    log_prob = oracles.hidden_log_prob(*arrays)

    def memory(read: Symbols) -> tuple[float, ...]:
        return tuple(round(p, 9) for p in oracles.hidden_belief(*arrays, read))

    result = ep.entropy_production(model, n_steps)
    wanted = oracles.decomposition(log_prob, log_prob, memory, model.n_symbols, n_steps)
    assert result.total == pytest.approx(wanted["D"].sum(), abs=ROUNDING)
    for name, key in (
        ("per_step", "per_step"),
        ("retrospective", "D"),
        ("compression_loss", "L"),
        ("model_mismatch", "M"),
    ):
        assert getattr(result, name) == pytest.approx(wanted[key], abs=ROUNDING), name
    curve = ep.entropy_production_curve(model, n_steps)
    for length in range(1, n_steps + 1):
        wanted_total = oracles.entropy_production(log_prob, log_prob, model.n_symbols, length)
        assert curve[length - 1] == pytest.approx(wanted_total, abs=ROUNDING)


def test_a_memory_that_loses_something() -> None:
    machine, n_steps = Parity(), 7
    result = ep.entropy_production(machine, n_steps)
    wanted = oracles.decomposition(of(machine), of(machine), lambda read: sum(read) % 2, 2, n_steps)
    assert result.compression_loss == pytest.approx(wanted["L"], abs=ROUNDING)
    assert result.model_mismatch == pytest.approx(wanted["M"], abs=ROUNDING)
    assert result.n_memories.tolist() == [2] * 6 + [1]
    assert wanted["L"][:-2].min() > 1e-3
    for t in range(n_steps):
        information = oracles.conditional_mutual_information(
            of(machine), lambda read: sum(read) % 2, 2, n_steps, t
        )
        assert result.compression_loss[t] == pytest.approx(information, abs=ROUNDING)
    assert result.second_law_bound < result.total


def test_a_memory_of_few_digits() -> None:
    """The belief tells all pasts apart, by ever later digits: without those it loses something."""
    every = ep.enumerate_sequences(BLURRED_RING, 7)
    exact = every.entropy_production()
    assert exact.n_memories.tolist() == [3**n for n in range(6, -1, -1)]
    assert exact.second_law_bound == pytest.approx(0.0, abs=ROUNDING)
    coarse = every.entropy_production(memory_tolerance=0.03)
    assert coarse.n_memories[0] < 3**6
    assert coarse.second_law_bound > 1e-5
    assert coarse.total == exact.total


def test_without_memory_there_is_no_split() -> None:
    machine = ep.FunctionMachine(Parity().log_prob, n_symbols=2)
    result = ep.entropy_production(machine, 4)
    assert result.retrospective.sum() == pytest.approx(result.total, abs=ROUNDING)
    for name in ("compression_loss", "model_mismatch", "n_memories", "memory_rank"):
        with pytest.raises(ep.NumericalError, match=f"{name} doesn't exist here: FunctionMachine"):
            getattr(result, name)
    with pytest.raises(ep.NumericalError, match="no method memory"):
        _ = result.second_law_bound
    with pytest.raises(ep.NumericalError, match="no method memory"):
        result.plot()
    assert list(result.to_frame().columns) == ["per_step", "retrospective"]


# ------------------------------------------------------------------ the law of sigma


def reverse_blocks(length: int) -> Callable[[Symbols], Symbols]:
    def reorder(y: Symbols) -> Symbols:
        blocks = [y[i : i + length] for i in range(0, len(y), length)]
        return tuple(itertools.chain(*blocks[::-1]))

    return reorder


def reverse_sentences(y: Symbols) -> Symbols | None:
    """Sentences end with 1; what comes after the last is cut off."""
    if 1 not in y:
        return None
    sentences: list[list[int]] = [[]]
    for symbol in y:
        sentences[-1].append(symbol)
        if symbol == 1:
            sentences.append([])
    return tuple(itertools.chain(*sentences[-2::-1]))


REVERSALS: dict[str, tuple[ep.Reversal, Callable[[Symbols], Symbols | None]]] = {
    "token": (ep.TokenReversal(), lambda y: y[::-1]),
    "blocks of 1": (ep.BlockReversal(length=1), lambda y: y[::-1]),
    "blocks of 2": (ep.BlockReversal(length=2), reverse_blocks(2)),
    "sentences": (ep.BlockReversal(delimiters={1}), reverse_sentences),
    "rotation": (ep.Permutation(lambda n: np.roll(np.arange(n), 1)), lambda y: y[-1:] + y[:-1]),
}


@pytest.mark.parametrize("name", REVERSALS)
@pytest.mark.parametrize("machine", [BLURRED_RING, Parity()], ids=["ring", "parity"])
def test_law_of_sigma(machine: Any, name: str) -> None:
    reversal, reorder = REVERSALS[name]
    law = ep.sigma_law(machine, 5, reversal=reversal)
    wanted, fluctuation_mean = oracles.law(of(machine), machine.n_symbols, 5, reorder)
    weights, sigma = np.array(list(wanted.values())).T
    domain = weights.sum()
    assert law.reversible_probability == pytest.approx(domain, abs=ROUNDING)
    assert sum(law.skipped.values()) == pytest.approx(1.0 - domain, abs=ROUNDING)
    assert law.fluctuation_mean == pytest.approx(fluctuation_mean, abs=ROUNDING)
    mean = weights @ sigma / domain
    assert law.mean == pytest.approx(mean, abs=ROUNDING)
    assert law.variance == pytest.approx(weights @ (sigma - mean) ** 2 / domain, abs=ROUNDING)
    assert law.probability.sum() == pytest.approx(1.0, abs=ROUNDING)
    assert np.all(np.diff(law.sigma) > 0.0)
    # Away from the values themselves, where rounding would decide.
    for x in np.linspace(-3.0, 3.0, 13) + 1e-5:
        assert law.cdf(x) == pytest.approx(weights[sigma <= x].sum() / domain, abs=ROUNDING)
    assert law.probability_negative == pytest.approx(
        weights[sigma < -1e-9].sum() / domain, abs=ROUNDING
    )
    if name != "sentences":
        assert law.fluctuation_mean == pytest.approx(1.0, abs=ROUNDING)
        assert law.skipped == {}
    if name == "token":
        assert law.mean == pytest.approx(ep.entropy_production(machine, 5).total, abs=ROUNDING)
        # The detailed theorem: p(-sigma) = e^-sigma p(sigma).
        mirrored = np.interp(-law.sigma, law.sigma, law.probability)
        assert -law.sigma[::-1] == pytest.approx(law.sigma, abs=ROUNDING)
        assert mirrored == pytest.approx(law.probability * np.exp(-law.sigma), abs=ROUNDING)


def test_what_is_cut_off_spoils_the_fluctuation_theorem_a_little() -> None:
    cut = ep.sigma_law(BLURRED_RING, 6, reversal=ep.BlockReversal(delimiters={1}))
    kept = ep.sigma_law(BLURRED_RING, 6, reversal=ep.BlockReversal(delimiters={1}, tail="keep"))
    assert abs(cut.fluctuation_mean - 1.0) > 1e-5
    assert kept.fluctuation_mean == pytest.approx(1.0, abs=ROUNDING)
    assert list(cut.skipped) == ["no delimiter in it"]
    assert cut.reversible_probability == pytest.approx(kept.reversible_probability)
    assert "left out with probability" in repr(cut)


def test_a_cut_that_is_no_bijection_is_counted() -> None:
    # Blocks begin at each 0: the reordered sequence has others, unless the first begins with 0.
    reversal = ep.BlockReversal(cut=lambda y: np.flatnonzero(y[1:] == 0) + 1)
    law = ep.sigma_law(BLURRED_RING, 5, reversal=reversal)
    assert 0.0 < law.reversible_probability < 1.0
    assert sum(law.skipped.values()) == pytest.approx(1.0 - law.reversible_probability)
    assert law.fluctuation_mean == pytest.approx(1.0, abs=ROUNDING)
    with pytest.raises(ep.NumericalError, match=r"no bijection on any sequence of 5 steps: .*out"):
        ep.sigma_law(BLURRED_RING, 5, reversal=ep.BlockReversal(boundaries=[7]))


@pytest.mark.parametrize("per_block", [1, 2])
def test_plans_are_shared_by_sequences_with_the_same_delimiters(per_block: int) -> None:
    class Unknown(ep.BlockReversal):
        """Asked for the plan of every sequence."""

    quick, slow = (
        ep.sigma_law(BLURRED_RING, 6, reversal=kind(delimiters={0, 2}, per_block=per_block))
        for kind in (ep.BlockReversal, Unknown)
    )
    assert quick.sigma == pytest.approx(slow.sigma, abs=ROUNDING)
    assert quick.probability == pytest.approx(slow.probability, abs=ROUNDING)
    assert quick.skipped == pytest.approx(slow.skipped)


def test_monte_carlo_agrees_with_the_law() -> None:
    for reversal, _ in REVERSALS.values():
        law = ep.sigma_law(BLURRED_RING, 6, reversal=reversal)
        sampled = ep.monte_carlo(BLURRED_RING, 6, 4000, reversal=reversal, rng=0)
        assert abs(sampled.mean - law.mean) < 5 * sampled.standard_error
        error = sampled.fluctuation_standard_error
        assert abs(sampled.fluctuation_mean - law.fluctuation_mean) < 5 * error
        share = sampled.n_skipped / 4000
        assert share == pytest.approx(1.0 - law.reversible_probability, abs=FREQUENCY)


# ------------------------------------------------------------------ infinities


def test_sequences_that_are_impossible_backwards() -> None:
    """A ratchet that turns only one way, seen through a filter that hides it now and then."""
    ratchet = HiddenMarkov([[0.5, 0.5], [0.0, 1.0]], [[0.9, 0.1, 0.0], [0.0, 0.1, 0.9]], [1.0, 0.0])
    log_prob = oracles.hidden_log_prob(ratchet.transition, ratchet.emission, ratchet.initial)
    law = ep.sigma_law(ratchet, 4)
    weights = {y: oracles.probability(log_prob, y) for y in oracles.all_sequences(3, 4)}
    lost = sum(w for y, w in weights.items() if w > 0.0 and weights[y[::-1]] == 0.0)
    unmade = sum(w for y, w in weights.items() if weights[y[::-1]] == 0.0)
    assert law.probability_infinite == pytest.approx(lost, abs=ROUNDING)
    assert law.sigma[-1] == math.inf
    assert law.mean == law.variance == law.standard_deviation == math.inf
    # Absolute irreversibility: what the reversed reading gives to what is never made is missing.
    assert law.fluctuation_mean == pytest.approx(1.0 - unmade, abs=ROUNDING)
    assert law.cdf(math.inf) == 1.0
    assert law.cdf(1e300) == pytest.approx(1.0 - lost)
    result = ep.entropy_production(ratchet, 4)
    assert result.total == math.inf
    assert result.retrospective[0] == math.inf
    assert np.isfinite(result.compression_loss).all()
    assert not np.isnan(result.model_mismatch).any()
    assert not np.isnan(result.per_step).any()


@pytest.mark.parametrize("tiny", [1e-17, 1e-300, 5e-324])
def test_what_is_too_small_for_doubles_is_no_zero(tiny: float) -> None:
    way_back = ep.MarkovChain([[1 - tiny, tiny, 0], [0.5, 0.25, 0.25], [0, 0.5, 0.5]])
    for machine in (way_back, HiddenMarkov(way_back.transition, np.eye(3), way_back.initial)):
        assert ep.enumerate_sequences(machine, 4).entropy_production().total < 1e-12
        assert ep.sigma_law(machine, 4).probability_infinite == 0.0
    assert ep.entropy_production_rate(way_back) < 1e-25
    # A step from 2 to 0 happens next to never, and has no way back.
    none = ep.MarkovChain([[1 - tiny, tiny, 0], [0.5, 0.25, 0.25], [tiny, 0.5, 0.5]])
    assert ep.entropy_production_rate(none) == math.inf
    assert ep.entropy_production(none, 4).total == math.inf
    every = ep.enumerate_sequences(none, 4)
    assert every.entropy_production().total == math.inf
    assert every.entropy_production().retrospective[0] == math.inf
    assert every.sigma_law().mean == math.inf
    assert every.sigma_law(ep.BlockReversal(length=1)).mean == math.inf


@settings(max_examples=30)
@given(ept.markov_chains(n_symbols=(2, 3), zeros=True), st.integers(1, 5))
def test_chains_with_zeros_by_enumeration(chain: ep.MarkovChain, n_steps: int) -> None:
    closed = ep.entropy_production(chain, n_steps)
    counted = ep.enumerate_sequences(chain, n_steps).entropy_production()
    assert closed.total == pytest.approx(counted.total, abs=ROUNDING)
    for name in ("per_step", "retrospective", "model_mismatch"):
        one, other = getattr(closed, name), getattr(counted, name)
        assert one == pytest.approx(other, abs=ROUNDING), name
    assert ep.entropy_production_curve(chain, n_steps) == pytest.approx(
        ep.enumerate_sequences(chain, n_steps).entropy_production_curve(), abs=ROUNDING
    )


# ------------------------------------------------------------------ the object


def test_sequences_and_probabilities() -> None:
    every = ep.enumerate_sequences(BLURRED_RING, 4)
    assert every.sequences.tolist() == [list(y) for y in oracles.all_sequences(3, 4)]
    assert every.log_prob == pytest.approx(BLURRED_RING.log_prob(every.sequences).sum(axis=1))
    assert every.log_prob_backward == pytest.approx(
        BLURRED_RING.log_prob(every.sequences[:, ::-1]).sum(axis=1)
    )
    assert every.total_probability == pytest.approx(1.0, abs=ROUNDING)
    frame = every.to_frame()
    assert frame["sequence"][5] == "0 0 1 2"
    for array in (every.sequences, every.log_prob, every.log_prob_backward):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1


def test_one_symbol() -> None:
    machine = HiddenMarkov([[1.0]], [[1.0]])
    for reversal in (ep.BlockReversal(length=7), ep.BlockReversal(delimiters={0})):
        assert ep.sigma_law(machine, 100, reversal=reversal).mean == 0.0
    result = ep.entropy_production(machine, 100)
    assert result.total == 0.0
    assert not result.retrospective.any()
    assert ep.sigma_law(machine, 100).probability.tolist() == [1.0]


def test_a_reader_of_another_kind() -> None:
    chain = ep.MarkovChain([[0.1, 0.7, 0.2], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]])
    result = ep.entropy_production(BLURRED_RING, 4, backward=chain)
    forward = oracles.hidden_log_prob(
        BLURRED_RING.transition, BLURRED_RING.emission, BLURRED_RING.initial
    )
    backward = oracles.chain_log_prob(chain.transition, chain.initial)
    wanted = oracles.decomposition(forward, backward, lambda read: read[-1:], 3, 4)
    assert result.total == pytest.approx(wanted["D"].sum(), abs=ROUNDING)
    assert result.compression_loss == pytest.approx(wanted["L"], abs=ROUNDING)
    assert result.model_mismatch == pytest.approx(wanted["M"], abs=ROUNDING)
    law = ep.sigma_law(BLURRED_RING, 4, backward=chain)
    assert law.mean == pytest.approx(result.total, abs=ROUNDING)


def test_results_of_laws_are_plain_and_drawn() -> None:
    law = ep.sigma_law(BLURRED_RING, 4)
    assert set(law.to_dict()) >= {"sigma", "probability", "mean", "fluctuation_mean", "skipped"}
    assert list(law.to_frame().columns) == ["sigma", "probability"]
    assert law.plot().axes[0].get_ylabel() == "probability"
    assert ep.sigma_law(BLURRED_RING, 8).plot(title="many values").axes
    with pytest.raises(ValueError, match="read-only"):
        law.sigma[0] = 0.0
    with pytest.raises(ValueError, match="x must not be NaN"):
        law.cdf(math.nan)
    with pytest.raises(TypeError, match="x must hold real numbers"):
        law.cdf("x")


# ------------------------------------------------------------------ what is refused


def machine_of(function: Callable[[Any], Any], n_symbols: int = 2) -> Any:
    return ep.FunctionMachine(function, n_symbols=n_symbols)


@pytest.mark.parametrize(
    ("function", "error", "message"),
    [
        (lambda y: np.full(y.shape, np.nan), ep.NumericalError, "log_prob gives nan at step 1 of"),
        (lambda y: np.full(y.shape, 0.5), ValueError, "logarithms of probabilities, got 0.5"),
        (lambda y: np.zeros(3), ValueError, r"must return nats per step in shape \(8, 3\)"),
        (
            lambda y: np.full(y.shape, -1.0),
            ep.NumericalError,
            r"not normalised: the probabilities of all 2\^3 sequences sum to 0.398",
        ),
        (
            lambda y: -0.5 - y[:, ::-1],
            ep.NumericalError,
            "machine is not autoregressive: .* at step 1 is -0.5 or -1.5",
        ),
    ],
)
def test_machines_that_are_none(
    function: Callable[[Any], Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        ep.entropy_production(machine_of(function), 3)
    with pytest.raises(error, match=message):
        ep.sigma_law(machine_of(function), 3)


def test_too_many_sequences() -> None:
    for n_steps, number in ((30, r"2\.06e14"), (10**6, r"e477121"), (16, r"43,046,721|4\.3e7")):
        with pytest.raises(ValueError, match=rf"3\^{n_steps} = .*({number}) sequences of .*monte_"):
            ep.entropy_production(BLURRED_RING, n_steps)
    with pytest.raises(ValueError, match="more than 100 symbols in all"):
        ep.enumerate_sequences(BLURRED_RING, 4, max_symbols=100)
    with pytest.raises(TypeError, match="max_symbols must be an integer"):
        ep.enumerate_sequences(BLURRED_RING, 4, max_symbols=1e9)  # type: ignore[arg-type]
    assert ep.enumerate_sequences(BLURRED_RING, 3, max_symbols=81).n_steps == 3


def test_memory_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entroprod.boundary.memory.available_memory", lambda: 2**21)
    with pytest.raises(MemoryError, match=r"n_steps is too large: an enumeration of 3\^12"):
        ep.entropy_production(BLURRED_RING, 12)


def test_what_is_no_discrete_machine() -> None:
    gaussian = ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]])
    values = ep.FunctionMachine(lambda y: np.zeros(y.shape[:2]), n_outputs=2)
    with pytest.raises(TypeError, match="machine must be a discrete machine, with n_symbols and"):
        ep.enumerate_sequences(gaussian, 3)
    with pytest.raises(TypeError, match="monte_carlo estimates entropy production of any machine"):
        ep.entropy_production(values, 3)
    for call in (ep.entropy_production_curve, ep.sigma_law):
        with pytest.raises(TypeError, match=r"machine: a FunctionMachine has no .*: monte_carlo"):
            call(values, 3)
    with pytest.raises(TypeError, match="machine: a FunctionMachine has no rate in closed form"):
        ep.entropy_production_rate(values)
    with pytest.raises(TypeError, match="machine must be"):
        ep.entropy_production(ep.MarkovChain, 3)
    with pytest.raises(ep.NotAvailable, match="HiddenMarkov read by a BareFunction has no entropy"):
        ep.entropy_production(BLURRED_RING, 3, backward=lambda y: np.zeros(y.shape))
    with pytest.raises(ValueError, match="backward must have n_symbols = 3, as machine has; got n"):
        ep.entropy_production(BLURRED_RING, 3, backward=gaussian)
    with pytest.raises(ValueError, match="backward must have n_symbols = 3, as machine has; got 2"):
        ep.entropy_production(BLURRED_RING, 3, backward=Parity())
    with pytest.raises(TypeError, match=r"reversal must be a Reversal such as TokenReversal\(\)"):
        ep.sigma_law(BLURRED_RING, 3, reversal="token")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"LinearGaussian under BlockReversal.* has no exact law"):
        ep.sigma_law(gaussian, 3, reversal=ep.BlockReversal(length=2))
    with pytest.raises(ValueError, match="max_size is for linear-Gaussian"):
        ep.sigma_law(BLURRED_RING, 3, max_size=5)
    with pytest.raises(ValueError, match="memory_tolerance must be positive"):
        ep.enumerate_sequences(BLURRED_RING, 3).entropy_production(memory_tolerance=0.0)


def test_a_memory_of_a_wrong_shape() -> None:
    class Wrong(Parity):
        def memory(self, sequences: Any) -> Any:
            return np.zeros(3)

    with pytest.raises(ValueError, match=r"what Wrong.memory returns must have 2 dim"):
        _ = ep.entropy_production(Wrong(), 3).compression_loss


def test_a_memory_that_is_no_number() -> None:
    class Lost(Parity):
        def memory(self, sequences: Any) -> Any:
            return np.full((len(sequences), 1), np.nan)

    with pytest.raises(ValueError, match=r"what Lost.memory returns must be finite, got nan"):
        _ = ep.entropy_production(Lost(), 3).compression_loss
