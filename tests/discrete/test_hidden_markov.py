"""Hidden Markov models against sums over all hidden paths."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import oracles_discrete as oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import HiddenMarkov, MarkovChain

# Sums and ratios of few terms of order 1.
ROUNDING = 1e-12
# A product of matrices rounds differently with the number of columns; over T steps that adds up to
# at most T (n + 1) roundings.
BATCH = 1e-13
# Five standard errors of a frequency of 200,000 paths.
FREQUENCY = 0.006
# A sum of squares of roundings.
VANISHING = 1e-20
STAY = [[0.8, 0.1, 0.1], [0.3, 0.5, 0.2], [0.1, 0.6, 0.3]]
SHOW = [[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]


def drawn_paths(data: st.DataObject, n_symbols: int) -> list[list[int]]:
    symbols = st.lists(st.integers(0, n_symbols - 1), min_size=1, max_size=5)
    return data.draw(st.lists(symbols, min_size=1, max_size=4))


@given(ept.hidden_markovs(), st.data())
def test_log_prob_and_belief_by_definition(model: HiddenMarkov, data: st.DataObject) -> None:
    arrays = model.transition, model.emission, model.initial
    log_prob = oracles.hidden_log_prob(*arrays)
    paths = drawn_paths(data, model.n_symbols)
    for path, ragged in zip(paths, model.log_prob_ragged(paths)):
        wanted = log_prob(tuple(path))
        assert ragged == pytest.approx(wanted, abs=ROUNDING)
        assert model.log_prob(path) == pytest.approx(wanted, abs=ROUNDING)
        belief = oracles.hidden_belief(*arrays, tuple(path))
        assert model.memory(path) == pytest.approx(belief, abs=ROUNDING)
        assert model.memory([path, path])[1] == pytest.approx(belief, abs=ROUNDING)
    assert model.memory(np.zeros((2, 0), dtype=int)) == pytest.approx(
        np.array([model.initial] * 2), abs=0.0
    )


@given(ept.hidden_markovs(zeros=True), st.data())
def test_impossible_symbols(model: HiddenMarkov, data: st.DataObject) -> None:
    arrays = model.transition, model.emission, model.initial
    log_prob = oracles.hidden_log_prob(*arrays)
    for path in drawn_paths(data, model.n_symbols):
        wanted = log_prob(tuple(path))
        assert model.log_prob(path) == pytest.approx(wanted, abs=ROUNDING)
        if wanted[-1] == -np.inf:
            with pytest.raises(ep.NumericalError, match=r"sequences\[0\] can't happen: symbol"):
                model.memory(path)
        else:
            belief = oracles.hidden_belief(*arrays, tuple(path))
            assert model.memory(path) == pytest.approx(belief, abs=ROUNDING)


def test_nothing_underflows() -> None:
    """P(y) of 20,000 symbols is e^-12000 or so, far below all doubles."""
    model = HiddenMarkov(STAY, SHOW)
    path = model.sample(20_000, rng=0)[0]
    assert np.isfinite(model.log_prob(path)).all()
    # Rows that are all the same: symbols are independent.
    fair = HiddenMarkov(STAY, [[0.25, 0.75]] * 3)
    coins = fair.sample(10_000, rng=0)[0]
    expected = np.log([0.25, 0.75])[coins]
    assert fair.log_prob(coins) == pytest.approx(expected, abs=ROUNDING)


@pytest.mark.parametrize("zeros", [False, True])
def test_a_long_path_in_pieces(zeros: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "entroprod.discrete.forward_filter._NUMBERS_OF_PIECES", 6000
    )  # stretches of 2000
    shown = [[0.9, 0.1], [0.4, 0.6], [0.0, 1.0]] if zeros else SHOW
    model = HiddenMarkov(STAY, shown, [0.1, 0.2, 0.7])
    for n_steps, n_paths in ((1100, 1), (5003, 2)):
        paths = model.sample(n_steps, n_paths, rng=0)
        # Together with many they are read step by step.
        crowd = np.concatenate([paths, np.repeat(paths[:1], 1000, axis=0)])
        slowly = model.log_prob(crowd)[:n_paths]
        assert model.log_prob(paths) == pytest.approx(slowly, abs=BATCH)
        assert model.memory(paths) == pytest.approx(model.memory(crowd)[:n_paths], abs=BATCH)


def test_a_long_path_that_can_not_be() -> None:
    """Two states that step aside in turn, until one symbol is of the wrong one."""
    model = HiddenMarkov([[0.0, 1.0], [1.0, 0.0]], np.eye(2), [1.0, 0.0])
    path = np.arange(3000) % 2
    assert not model.log_prob(path).any()
    path[1234] = 1
    log_prob = model.log_prob(path)
    assert not log_prob[:1234].any()
    assert (log_prob[1234:] == -np.inf).all()
    with pytest.raises(ep.NumericalError, match="symbol 1 has probability 0 at step 1235"):
        model.memory(path)


def test_many_paths_in_blocks_and_of_all_lengths() -> None:
    model = HiddenMarkov(STAY, SHOW)
    rng = np.random.default_rng(0)
    paths = model.sample(20, 25_000, rng=0)  # several blocks
    all_at_once = model.log_prob(paths)
    few = rng.integers(25_000, size=50)
    for i in few:
        assert all_at_once[i] == pytest.approx(model.log_prob(paths[i]), abs=BATCH)
    lengths = rng.integers(1, 21, size=25_000)
    ragged = model.log_prob_ragged([path[:n] for path, n in zip(paths, lengths)])
    for i in few:
        assert ragged[i] == pytest.approx(all_at_once[i, : lengths[i]], abs=BATCH)
    assert sum(map(len, ragged)) == lengths.sum()
    beliefs = model.memory(paths)
    assert beliefs[few] == pytest.approx(model.memory(paths[few]), abs=BATCH)


def test_samples_follow_the_model() -> None:
    model = HiddenMarkov(STAY, SHOW, [0.1, 0.2, 0.7])
    paths = model.sample(3, 200_000, rng=0)
    assert paths.dtype == np.int64
    found = np.bincount(paths @ [4, 2, 1], minlength=8) / len(paths)
    every = ep.enumerate_sequences(model, 3)
    assert found == pytest.approx(np.exp(every.log_prob), abs=FREQUENCY)
    np.testing.assert_array_equal(model.sample(50, 3, rng=5), model.sample(50, 7, rng=5)[:3])


@given(ept.markov_chains(n_symbols=(1, 3)), st.integers(1, 5))
def test_what_shows_its_state_is_a_markov_chain(chain: MarkovChain, n_steps: int) -> None:
    model = HiddenMarkov(chain.transition, np.eye(chain.n_symbols), chain.initial)
    one, other = (ep.entropy_production(each, n_steps) for each in (model, chain))
    assert one.total == pytest.approx(other.total, abs=ROUNDING)
    assert one.per_step == pytest.approx(other.per_step, abs=ROUNDING)
    assert one.retrospective == pytest.approx(other.retrospective, abs=ROUNDING)
    # The belief is a row of the transition: where two rows are equal it doesn't know the symbol.
    rows = [tuple(row) for row in chain.transition.tolist()]
    if len(set(rows)) == len(rows):
        assert one.compression_loss == pytest.approx(0.0, abs=ROUNDING)


def test_a_belief_of_equal_rows_forgets() -> None:
    """From symbols 0 and 1 the same follows, but what they follow isn't the same."""
    transition = [[0.2, 0.3, 0.5], [0.2, 0.3, 0.5], [0.7, 0.2, 0.1]]
    model = HiddenMarkov(transition, np.eye(3))
    result = ep.entropy_production(model, 4)
    assert result.n_memories.tolist() == [2, 2, 2, 1]
    log_prob = oracles.chain_log_prob(model.transition, model.initial)

    def two_is_known(read: tuple[int, ...]) -> tuple[bool, ...]:
        return tuple(symbol == 2 for symbol in read[-1:])

    wanted = oracles.decomposition(log_prob, log_prob, two_is_known, 3, 4)
    assert result.compression_loss == pytest.approx(wanted["L"], abs=ROUNDING)
    assert result.model_mismatch == pytest.approx(wanted["M"], abs=ROUNDING)
    assert wanted["L"].max() > 1e-3


@given(ept.reversible_chains(n_symbols=(1, 3)), st.data(), st.integers(1, 5))
def test_detailed_balance_behind_the_scenes_is_seen(
    chain: MarkovChain, data: st.DataObject, n_steps: int
) -> None:
    """What a reversible hidden chain shows looks the same in both directions."""
    emission = data.draw(ept.stochastic_matrices(chain.n_symbols, 3))
    model = HiddenMarkov(chain.transition, emission)
    assert ep.entropy_production(model, n_steps).total == pytest.approx(0.0, abs=VANISHING)


def test_a_driven_hidden_ring_that_shows_little_still_has_a_direction() -> None:
    p = 0.9
    ring = [[0, p, 1 - p], [1 - p, 0, p], [p, 1 - p, 0]]
    shown = ep.entropy_production(HiddenMarkov(ring, np.eye(3)), 8).total
    blurred = HiddenMarkov(ring, [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.1, 0.1, 0.8]])
    assert 0.0 < ep.entropy_production(blurred, 8).total < shown
    # With two symbols two of the three states look alike.
    lumped = HiddenMarkov(ring, [[1, 0], [0, 1], [0, 1]])
    assert 0.0 <= ep.entropy_production(lumped, 8).total < shown


def test_there_is_no_rate() -> None:
    with pytest.raises(
        TypeError, match=r"HiddenMarkov has no rate here: it is an average .*monte_carlo"
    ):
        ep.entropy_production_rate(HiddenMarkov(STAY, SHOW))


def test_equality_hash_and_pickle() -> None:
    model = HiddenMarkov(STAY, SHOW)
    assert model == HiddenMarkov(STAY, SHOW, model.stationary_distribution)
    assert pickle.loads(pickle.dumps(model)) == model
    assert hash(model) == hash(HiddenMarkov(STAY, SHOW))
    assert model != HiddenMarkov(STAY, SHOW, [0.1, 0.2, 0.7])
    assert model != MarkovChain(STAY)
    assert repr(model) == "HiddenMarkov(n_states=3, n_symbols=2)"
    for array in (model.transition, model.emission, model.initial):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 1.0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([[0.5, 0.5]], [[1.0]]), ValueError, r"transition must be square, got shape \(1, 2\)"),
        ((STAY, [[0.5, 0.5]]), ValueError, r"emission must have shape \(3, any\), got \(1, 2\)"),
        ((STAY, [[0.5, 0.4]] * 3), ValueError, "emission must have rows that sum to 1 .* got 0.9"),
        ((STAY, [[1.5, -0.5]] * 3), ValueError, "emission must not be negative"),
        ((STAY, [[np.inf, 0.5]] * 3), ValueError, "emission must be finite"),
        ((STAY, SHOW, [0.5, 0.5]), ValueError, r"initial must have shape \(3,\)"),
        ((STAY, SHOW, "first"), ValueError, 'initial must be "stationary" or an array'),
        ((np.eye(3), SHOW), ep.NumericalError, "3 closed classes of hidden states"),
    ],
)
def test_bad_models(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        HiddenMarkov(*arguments)


def test_memory_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entroprod.boundary.memory.available_memory", lambda: 2**20)
    model, paths = HiddenMarkov(STAY, SHOW), np.zeros((1000, 1000), dtype=np.int8)
    with pytest.raises(MemoryError, match="sequences is too large: log-probabilities of shape"):
        model.log_prob(paths)
    with pytest.raises(MemoryError, match="sequences is too large"):
        model.log_prob_ragged(list(paths))
    with pytest.raises(MemoryError, match="n_steps or n_paths is too large: a sample of shape"):
        model.sample(1000, 1000)


def test_a_long_path_among_many_short_ones() -> None:
    """Padded to one length, these would take gigabytes."""
    model = HiddenMarkov(STAY, SHOW)
    symbols = np.random.default_rng(0).integers(2, size=100_000)
    paths = [symbols[i : i + 1 + i % 5] for i in range(5000)]
    paths[77:77] = [symbols, symbols[::-1], symbols[:60_000]]
    found = model.log_prob_ragged(paths)
    assert [len(one) for one in found] == [len(path) for path in paths]
    for place in (0, 76, 77, 78, 79, 80, 5002):
        assert np.abs(found[place] - model.log_prob(paths[place])).max() <= BATCH
