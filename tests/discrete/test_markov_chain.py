"""Markov chains against loops, the literature, and 60 digits."""

from __future__ import annotations

import itertools
import math
import pickle
from fractions import Fraction
from typing import Any

import numpy as np
import oracles_discrete as oracles
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import MarkovChain

# Sums of few terms of order 1, in another order.
ROUNDING = 1e-13
# Sums over hundreds of steps, and over tens of thousands, added up in two ways.
HUNDREDS, THOUSANDS = 1e-12, 1e-10
# The rate, whose error grows with the number of steps as the total does: some roundings.
RATE = 1e-13
# What probabilities differ by is 1e-8 of them: their rounding is so much of the difference.
NEARLY_REVERSIBLE = 1e-6
# Squares of roundings, where all terms vanish; the more, the larger they are.
VANISHING = 1e-25
# Ratios of neighbours, each a few products and a sum.
RATIO = 1e-12
# Five standard errors of a frequency: of the rarest symbol in 400 paths, of one of 1e5 draws.
SAMPLED = 0.008
SKEW = [[0.1, 0.7, 0.2], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]]


def cycle(p: float) -> MarkovChain:
    return MarkovChain([[0, p, 1 - p], [1 - p, 0, p], [p, 1 - p, 0]])


@pytest.mark.parametrize("p", [0.5, 0.6, 0.75, 0.9, 0.999])
def test_rate_of_a_driven_ring(p: float) -> None:
    """The textbook example, as in Schnakenberg's review: current times affinity."""
    assert ep.entropy_production_rate(cycle(p)) == pytest.approx(
        oracles.rate_of_cycle(p), abs=ROUNDING
    )


def test_crooks_formula() -> None:
    """sigma = ln pi(y_1) - ln pi(y_T) + sum of ln P(y_t, y_t+1) / P(y_t+1, y_t)."""
    chain = MarkovChain(SKEW)
    pi, p = chain.stationary_distribution, chain.transition
    paths = chain.sample(30, 5, rng=3)
    expected = [
        math.log(pi[y[0]] / pi[y[-1]])
        + sum(math.log(p[a, b] / p[b, a]) for a, b in itertools.pairwise(y))
        for y in paths
    ]
    assert ep.stochastic_entropy_production(chain, paths).sigma == pytest.approx(
        expected, abs=ROUNDING
    )


def test_two_symbols_have_no_direction() -> None:
    assert ep.entropy_production_rate(MarkovChain([[0.9, 0.1], [0.6, 0.4]])) == pytest.approx(
        0.0, abs=VANISHING
    )


def test_nearly_reversible_chains_keep_their_digits() -> None:
    """At p = 1/2 + e the rate is 8 e^2 (1 + 4 e^2 / 3 + ..), far below rounding of its terms."""
    for e in (2.0**-12, 2.0**-20, 2.0**-26):
        rate = ep.entropy_production_rate(cycle(0.5 + e))
        assert rate == pytest.approx(8 * e**2 + 32 / 3 * e**4, rel=NEARLY_REVERSIBLE)


@given(ept.markov_chains(), st.integers(1, 6))
def test_totals_and_parts_by_definition(chain: MarkovChain, n_steps: int) -> None:
    log_prob = oracles.chain_log_prob(chain.transition, chain.initial)
    result = ep.entropy_production(chain, n_steps)
    wanted = oracles.decomposition(
        log_prob, log_prob, lambda read: read[-1:], chain.n_symbols, n_steps
    )
    assert result.total == pytest.approx(
        oracles.entropy_production(log_prob, log_prob, chain.n_symbols, n_steps), abs=ROUNDING
    )
    assert result.per_step == pytest.approx(wanted["per_step"], abs=ROUNDING)
    assert result.retrospective == pytest.approx(wanted["D"], abs=ROUNDING)
    assert result.model_mismatch == pytest.approx(wanted["M"], abs=ROUNDING)
    assert wanted["L"] == pytest.approx(0.0, abs=ROUNDING)
    assert not result.compression_loss.any()
    curve = ep.entropy_production_curve(chain, n_steps)
    assert curve[-1] == pytest.approx(result.total, abs=ROUNDING)
    assert curve[0] == pytest.approx(0.0, abs=ROUNDING)


def fractions_of(rows: Any) -> list[list[Fraction]]:
    return [[Fraction(weight, sum(row)) for weight in row] for row in rows]


@settings(max_examples=40)
@given(
    st.integers(2, 4).flatmap(
        lambda k: st.lists(
            st.lists(st.integers(1, 16), min_size=k, max_size=k), min_size=k + 1, max_size=k + 1
        )
    ),
    st.integers(1, 60),
)
def test_totals_with_sixty_digits(rows: list[list[int]], n_steps: int) -> None:
    exact = fractions_of(rows)
    chain = MarkovChain(np.array(exact[1:], dtype=float), np.array(exact[0], dtype=float))
    result = ep.entropy_production(chain, n_steps)
    wanted = oracles.exact_chain_total(exact[1:], exact[0], n_steps)
    assert abs(result.total - float(wanted)) <= result.rounding_error
    assert abs(result.retrospective.sum() - float(wanted)) <= 10 * result.rounding_error


@pytest.mark.parametrize("n_steps", [1, 2, 3, 20, 1000, 3000])
@pytest.mark.parametrize("initial", ["stationary", [0.7, 0.2, 0.1]])
def test_curve_and_steps_add_up_to_the_total(n_steps: int, initial: Any) -> None:
    chain = MarkovChain(SKEW, initial)
    result = ep.entropy_production(chain, n_steps)
    allowed = 10 * result.rounding_error + ROUNDING
    assert ep.entropy_production_curve(chain, n_steps)[-1] == pytest.approx(
        result.total, abs=allowed
    )
    assert result.retrospective.sum() == pytest.approx(result.total, abs=allowed)
    assert result.per_step.sum() == pytest.approx(result.total, abs=allowed)


def test_a_slow_chain_by_steps_and_by_doubling() -> None:
    slow = 1e-4 * np.array(SKEW) + (1 - 1e-4) * np.eye(3)
    chain = MarkovChain(slow, [1.0, 0.0, 0.0][::-1] * np.array(0.5) + [0.25, 0.25, 0.0])
    for n_steps in (10, 1000, 20_000):
        result = ep.entropy_production(chain, n_steps)
        assert result.retrospective.sum() == pytest.approx(result.total, rel=THOUSANDS)


def test_a_trillion_steps() -> None:
    chain = MarkovChain(SKEW, [0.7, 0.2, 0.1])
    rate = ep.entropy_production_rate(chain)
    short, long = (ep.entropy_production(chain, n).total for n in (10**3, 10**12))
    assert long == pytest.approx(short + (10**12 - 10**3) * rate, rel=RATE)


def test_a_periodic_chain_never_settles() -> None:
    p = 0.8
    ring = np.zeros((4, 4))
    for i in range(4):
        ring[i, (i + 1) % 4], ring[i, i - 1] = p, 1 - p
    chain = MarkovChain(ring, [0.4, 0.3, 0.2, 0.1])
    for n_steps in (7, 501):
        result = ep.entropy_production(chain, n_steps)
        assert result.retrospective.sum() == pytest.approx(result.total, rel=HUNDREDS)
    assert ep.entropy_production_rate(chain) == pytest.approx(oracles.rate_of_cycle(p))


def test_two_closed_classes_are_named() -> None:
    apart = [[0.5, 0.5, 0.0], [0.5, 0.5, 0.0], [0.0, 0.0, 1.0]]
    with pytest.raises(ep.NumericalError, match=r"2 closed classes of symbols, \{0, 1\}, \{2\}"):
        MarkovChain(apart)
    chain = MarkovChain(apart, [0.2, 0.3, 0.5])
    with pytest.raises(ep.NumericalError, match="2 closed classes"):
        ep.entropy_production_rate(chain)
    with pytest.raises(ep.NumericalError, match="2 closed classes"):
        _ = chain.stationary_distribution
    # What can be computed is.
    for n_steps in (2, 5, 3000):
        result = ep.entropy_production(chain, n_steps)
        assert result.retrospective.sum() == pytest.approx(result.total, abs=HUNDREDS)


def test_one_way_steps_are_infinite() -> None:
    ratchet = MarkovChain([[0.5, 0.5, 0.0], [0.0, 0.5, 0.5], [0.5, 0.0, 0.5]])
    assert ep.entropy_production_rate(ratchet) == math.inf
    result = ep.entropy_production(ratchet, 4)
    assert result.total == math.inf
    assert result.retrospective[:3].tolist() == [math.inf] * 3
    assert result.retrospective[3] == pytest.approx(0.0, abs=ROUNDING)
    assert not result.compression_loss.any()
    assert ep.entropy_production_curve(ratchet, 3).tolist() == [0.0, math.inf, math.inf]
    assert ep.entropy_production(ratchet, 1).total == 0.0
    with pytest.raises(ValueError, match="infinite entropy production, first at step 1"):
        result.plot()


def test_transient_symbols() -> None:
    """What is left for good is a step without a way back, but not in the stationary state."""
    chain = MarkovChain([[0.5, 0.25, 0.25], [0.0, 0.5, 0.5], [0.0, 0.5, 0.5]], [1.0, 0.0, 0.0])
    assert chain.stationary_distribution.tolist() == [0.0, 0.5, 0.5]
    assert ep.entropy_production_rate(chain) == 0.0
    assert ep.entropy_production(chain, 3).total == math.inf
    # The probability of still being there underflows after a thousand steps; what can be stays.
    assert (ep.entropy_production(chain, 3000).retrospective == math.inf).all()
    settled = MarkovChain(chain.transition)
    assert ep.entropy_production(settled, 100).total == 0.0


def test_a_start_that_the_reader_cannot_make() -> None:
    chain = MarkovChain(SKEW, [1.0, 0.0, 0.0])
    assert ep.entropy_production(chain, 1).total == 0.0
    assert ep.entropy_production(chain, 2).total == math.inf
    # On a ring of two that always steps, every second sequence ends where it began.
    flip = MarkovChain([[0.0, 1.0], [1.0, 0.0]], [1.0, 0.0])
    assert [ep.entropy_production(flip, n).total for n in (1, 2, 3, 1001)] == [0, math.inf, 0, 0]
    assert ep.entropy_production_curve(flip, 3).tolist() == [0.0, math.inf, 0.0]


def test_pairs_of_chains() -> None:
    chain, other = MarkovChain(SKEW, [0.7, 0.2, 0.1]), MarkovChain(np.roll(SKEW, 1, axis=1))
    forward = oracles.chain_log_prob(chain.transition, chain.initial)
    backward = oracles.chain_log_prob(other.transition, other.initial)
    result = ep.entropy_production(chain, 5, backward=other)
    wanted = oracles.decomposition(forward, backward, lambda read: read[-1:], 3, 5)
    assert result.total == pytest.approx(
        oracles.entropy_production(forward, backward, 3, 5), abs=ROUNDING
    )
    assert result.retrospective == pytest.approx(wanted["D"], abs=ROUNDING)
    assert result.per_step == pytest.approx(wanted["per_step"], abs=ROUNDING)
    # The chain backwards in time is a chain: read by it, nothing is left.
    settled = MarkovChain(SKEW)
    pi = settled.stationary_distribution
    reverse = MarkovChain((settled.transition * pi[:, np.newaxis]).T / pi[:, np.newaxis], pi)
    assert ep.entropy_production(settled, 50, backward=reverse).total == pytest.approx(
        0.0, abs=VANISHING
    )


def test_stationary_distribution_keeps_small_entries() -> None:
    """A ladder climbed with odds of 1 : 10^6 per rung, over 40 rungs."""
    k, up = 41, 1e-6
    ladder = np.zeros((k, k))
    for i in range(k):
        ladder[i, min(i + 1, k - 1)] += up
        ladder[i, max(i - 1, 0)] += 1 - up
    pi = MarkovChain(ladder).stationary_distribution
    assert pi[1:] / pi[:-1] == pytest.approx(up / (1 - up), rel=RATIO)


@given(ept.markov_chains(), st.data())
def test_log_prob_and_memory(chain: MarkovChain, data: st.DataObject) -> None:
    symbols = st.integers(0, chain.n_symbols - 1)
    paths = data.draw(st.lists(st.lists(symbols, min_size=1, max_size=6), min_size=1, max_size=5))
    log_prob = oracles.chain_log_prob(chain.transition, chain.initial)
    for path, found in zip(paths, chain.log_prob_ragged(paths)):
        assert found == pytest.approx(log_prob(tuple(path)), abs=ROUNDING)
        np.testing.assert_array_equal(chain.log_prob(path), found)
        np.testing.assert_array_equal(chain.log_prob([path, path])[1], found)
        assert chain.memory(path).tolist() == np.eye(chain.n_symbols)[path[-1]].tolist()
    assert not chain.memory(np.zeros((3, 0), dtype=int)).any()


def test_samples_follow_the_chain() -> None:
    chain = MarkovChain(SKEW)
    paths = chain.sample(1000, 400, rng=0)
    assert paths.shape == (400, 1000)
    assert paths.dtype == np.int64
    counts = np.zeros((3, 3))
    np.add.at(counts, (paths[:, :-1].ravel(), paths[:, 1:].ravel()), 1)
    assert counts / counts.sum(axis=1, keepdims=True) == pytest.approx(np.array(SKEW), abs=SAMPLED)
    first = np.bincount(chain.sample(1, 100_000, rng=1)[:, 0]) / 1e5
    assert first == pytest.approx(chain.initial, abs=SAMPLED)
    np.testing.assert_array_equal(chain.sample(50, 3, rng=5), chain.sample(50, 7, rng=5)[:3])


def test_impossible_symbols_are_never_drawn() -> None:
    chain = MarkovChain([[0.0, 1.0, 0.0, 0.0]] * 2 + [[0.1, 0.9, 0.0, 0.0]] * 2, [0, 0.1, 0.9, 0])
    assert set(chain.sample(20, 5000, rng=0).ravel().tolist()) == {0, 1, 2}


def test_monte_carlo_agrees() -> None:
    chain = MarkovChain(SKEW, [0.7, 0.2, 0.1])
    sampled = ep.monte_carlo(chain, 12, 4000, rng=0)
    assert abs(sampled.mean - ep.entropy_production(chain, 12).total) < 5 * sampled.standard_error


def test_equality_hash_and_pickle() -> None:
    chain = MarkovChain(SKEW)
    assert chain == MarkovChain(SKEW, chain.stationary_distribution)
    assert hash(chain) == hash(pickle.loads(pickle.dumps(chain)))
    assert pickle.loads(pickle.dumps(chain)) == chain
    assert chain != MarkovChain(SKEW, [0.7, 0.2, 0.1])
    assert chain != "chain"
    with pytest.raises(ValueError, match="read-only"):
        chain.transition[0, 0] = 1.0
    with pytest.raises(AttributeError):
        chain.initial = np.ones(3)  # type: ignore[misc]


def test_results_are_read_only_and_tabulated() -> None:
    result = ep.entropy_production(MarkovChain(SKEW), 5)
    frame = result.to_frame()
    for name in ("per_step", "retrospective", "compression_loss", "model_mismatch", "n_memories"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(result, name)[0] = 1
        np.testing.assert_array_equal(frame[name], getattr(result, name))
    assert frame.columns[0] == "per_step"
    assert result.n_memories.tolist() == [3, 3, 3, 3, 1]
    with pytest.raises(ep.NumericalError, match=r"memory_rank doesn't exist here: .* n_memories"):
        _ = result.memory_rank
    assert result.second_law_bound == 0.0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[0.5, 0.5]],), ValueError, r"transition must be square, got shape \(1, 2\)"),
        (([0.5, 0.5],), ValueError, "transition must have 2 dimension"),
        (([[0.5, 0.4], [0.5, 0.5]],), ValueError, "rows that sum to 1 within 1e-12, got 0.9 in r"),
        (([[1.5, -0.5], [0.5, 0.5]],), ValueError, r"not be negative, got -0.5 at index \(0, 1\)"),
        (([[np.nan, 1.0], [0.5, 0.5]],), ValueError, "transition must be finite"),
        (([["a", "b"], ["c", "d"]],), TypeError, "transition must hold real numbers"),
        ((np.eye(2) * 1j,), TypeError, "transition must hold real numbers"),
        ((SKEW, [0.5, 0.5]), ValueError, r"initial must have shape \(3,\), got \(2,\)"),
        ((SKEW, [0.5, 0.4, 0.0]), ValueError, "initial must sum to 1 within 1e-12, got 0.9"),
        ((SKEW, [1.5, -0.5, 0.0]), ValueError, "initial must not be negative"),
        ((SKEW, "uniform"), ValueError, 'initial must be "stationary" or an array'),
        ((SKEW, None), TypeError, "initial"),
    ],
)
def test_bad_chains(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        MarkovChain(*arguments)


BAD_SEQUENCES: list[tuple[Any, type[Exception], str]] = [
    ([[0, 1], [2, 3]], ValueError, r"sequences\[1\] must hold symbols from 0 and below n_symbols "),
    ([0, 1, -1], ValueError, "got -1 at step 3"),
    ([[0.0, 1.0]], TypeError, "symbols, which are integers; got dtype float64"),
    ([[True, False]], TypeError, "got dtype bool"),
    ([], ValueError, "sequences must not be empty"),
    (np.zeros((0, 3), dtype=int), ValueError, "sequences must not be empty"),
    (np.zeros((3, 0), dtype=int), ValueError, "sequences must not be empty"),
    (np.zeros((1, 2, 2), dtype=int), ValueError, r"shape \(N, T\) or \(T,\)"),
    (1, ValueError, r"shape \(N, T\) or \(T,\)"),
    ([["a"]], TypeError, "symbols, which are integers"),
    ([[0, 1], [2]], ValueError, "sequences must be an array"),
    (np.ma.masked_equal([[0, 1]], 1), ValueError, "no masked entries"),
]


@pytest.mark.parametrize(("sequences", "error", "message"), BAD_SEQUENCES)
@pytest.mark.parametrize("hidden", [False, True])
def test_bad_sequences(hidden: bool, sequences: Any, error: type[Exception], message: str) -> None:
    machine = ep.HiddenMarkov(SKEW, np.eye(3)) if hidden else MarkovChain(SKEW)
    with pytest.raises(error, match=message):
        machine.log_prob(sequences)


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        ([], ValueError, "got a list of none"),
        ([[0], [3]], ValueError, r"sequences\[1\] must hold symbols .* got 3 at step 1"),
        ([[0], []], ValueError, r"sequences\[1\] must not be empty"),
        ([[0], [[1]]], ValueError, r"sequences\[1\] must have shape \(T,\)"),
        ([[0], [1.0]], TypeError, r"sequences\[1\] must hold symbols"),
        (np.zeros((2, 2), dtype=int), TypeError, "sequences must be a list of arrays, got ndarray"),
        ("text", TypeError, "sequences must be a list of arrays, got str"),
    ],
)
def test_bad_ragged_sequences(sequences: Any, error: type[Exception], message: str) -> None:
    for machine in (MarkovChain(SKEW), ep.HiddenMarkov(SKEW, np.eye(3))):
        with pytest.raises(error, match=message):
            machine.log_prob_ragged(sequences)


@pytest.mark.parametrize("dtype", ["i1", "u1", "u8", "i4", ">i8"])
def test_kinds_of_integers(dtype: str) -> None:
    paths = MarkovChain(SKEW).sample(6, 4, rng=0)
    for machine in (MarkovChain(SKEW), ep.HiddenMarkov(SKEW, np.eye(3))):
        given = machine.log_prob(np.asfortranarray(paths.astype(dtype)))
        np.testing.assert_array_equal(given, machine.log_prob(paths))


def test_counts_options_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = MarkovChain(SKEW)
    for call in (chain.sample, lambda n: ep.entropy_production(chain, n)):
        with pytest.raises(ValueError, match="n_steps must be between"):
            call(0)
        with pytest.raises(TypeError, match="n_steps must be an integer"):
            call(2.5)  # type: ignore[arg-type]
    with pytest.raises(MemoryError, match="n_steps or n_paths is too large"):
        chain.sample(10**8, 10**8)
    with pytest.raises(MemoryError, match="n_steps is too large: a curve of"):
        ep.entropy_production_curve(chain, 10**14)
    with pytest.raises(MemoryError, match="n_steps is too large: a decomposition of"):
        _ = ep.entropy_production(chain, 10**14).retrospective
    with pytest.raises(
        ValueError, match='precision must be "auto" or "double": only linear-Gaussian'
    ):
        ep.entropy_production(chain, 5, precision="extended")
    with pytest.raises(ValueError, match="decomposition was left out"):
        _ = ep.entropy_production(chain, 5, decomposition=False).retrospective
    with pytest.raises(ValueError, match="backward must have n_symbols = 3, as machine has"):
        ep.entropy_production(chain, 5, backward=MarkovChain([[0.5, 0.5], [0.5, 0.5]]))
