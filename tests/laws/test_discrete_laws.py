"""Laws of entropy production for discrete machines, drawn at random."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import HiddenMarkov, MarkovChain
from entroprod.results.production import EntropyProduction

LENGTHS = st.integers(1, 6)
MACHINES = st.one_of(ept.markov_chains(n_symbols=(1, 3)), ept.hidden_markovs())
WITH_ZEROS = st.one_of(
    ept.markov_chains(n_symbols=(2, 3), zeros=True), ept.hidden_markovs(zeros=True)
)
# Sums of at most 3^6 terms, weighted with probabilities, of logarithms up to 6 ln 48 = 23.
ROUNDING = 1e-12
# A product of matrices rounds differently with the number of columns.
BATCH = 1e-13
PARTS = ("per_step", "retrospective", "compression_loss", "model_mismatch")


def enumerated(machine: MarkovChain | HiddenMarkov, n_steps: int) -> EntropyProduction:
    return ep.enumerate_sequences(machine, n_steps).entropy_production()


@given(MACHINES, LENGTHS)
def test_second_law_and_decomposition(machine: MarkovChain | HiddenMarkov, n_steps: int) -> None:
    result = enumerated(machine, n_steps)
    assert result.total >= 0.0
    loss, mismatch = result.compression_loss, result.model_mismatch
    for part in (result.retrospective, loss, mismatch):
        assert part.min() >= 0.0
    assert np.abs(loss + mismatch - result.retrospective).max() <= ROUNDING
    assert abs(result.retrospective.sum() - result.total) <= ROUNDING
    assert abs(result.per_step.sum() - result.total) <= ROUNDING
    assert result.second_law_bound <= result.total + ROUNDING
    # No step can lose more than a symbol says, and where nothing has been read nothing is lost.
    assert loss.max() <= math.log(machine.n_symbols) + ROUNDING
    assert loss[-1] <= ROUNDING


@given(WITH_ZEROS, LENGTHS)
def test_infinities_are_never_nan(machine: MarkovChain | HiddenMarkov, n_steps: int) -> None:
    result = enumerated(machine, n_steps)
    assert (result.total == math.inf) == bool(np.isinf(result.retrospective).any())
    for name in PARTS:
        assert not np.isnan(getattr(result, name)).any(), name
    assert np.isfinite(result.compression_loss).all()
    assert (np.isinf(result.model_mismatch) == np.isinf(result.retrospective)).all()
    law = ep.sigma_law(machine, n_steps)
    assert (law.probability_infinite > 0.0) == (result.total == math.inf)
    assert law.fluctuation_mean <= 1.0 + ROUNDING


@given(MACHINES, LENGTHS, st.integers(1, 6))
def test_integral_fluctuation_theorem(
    machine: MarkovChain | HiddenMarkov, n_steps: int, length: int
) -> None:
    every = ep.enumerate_sequences(machine, n_steps)
    assert abs(every.total_probability - 1.0) <= ROUNDING
    for reversal in (
        ep.TokenReversal(),
        ep.BlockReversal(length=length),
        ep.BlockReversal(delimiters={0}, tail="keep"),
        ep.Permutation(lambda n: np.roll(np.arange(n), length)),
    ):
        law = every.sigma_law(reversal)
        assert abs(law.fluctuation_mean - 1.0) <= ROUNDING
        assert law.mean >= -ROUNDING
    assert abs(every.sigma_law().mean - every.entropy_production().total) <= ROUNDING


@given(MACHINES, LENGTHS)
def test_detailed_fluctuation_theorem(machine: MarkovChain | HiddenMarkov, n_steps: int) -> None:
    law = ep.sigma_law(machine, n_steps)
    assert np.abs(law.sigma + law.sigma[::-1]).max() <= ROUNDING
    mirrored = law.probability * np.exp(-law.sigma)
    assert np.abs(law.probability[::-1] - mirrored).max() <= ROUNDING
    assert law.probability_negative <= 0.5 + ROUNDING


@given(ept.markov_chains(n_symbols=(1, 3)), LENGTHS)
def test_closed_form_is_the_enumeration(chain: MarkovChain, n_steps: int) -> None:
    closed, counted = ep.entropy_production(chain, n_steps), enumerated(chain, n_steps)
    assert abs(closed.total - counted.total) <= ROUNDING
    for name in PARTS:
        assert np.abs(getattr(closed, name) - getattr(counted, name)).max() <= ROUNDING, name
    np.testing.assert_array_equal(closed.n_memories, counted.n_memories)


@given(ept.markov_chains(n_symbols=(2, 4)), st.permutations(range(4)), st.integers(1, 200))
def test_names_of_symbols_do_not_matter(chain: MarkovChain, names: list[int], n_steps: int) -> None:
    order = [name for name in names if name < chain.n_symbols]
    named = MarkovChain(chain.transition[np.ix_(order, order)], chain.initial[order])
    one, other = (ep.entropy_production(each, n_steps) for each in (chain, named))
    assert abs(one.total - other.total) <= one.rounding_error + other.rounding_error + ROUNDING


@given(ept.hidden_markovs(), st.permutations(range(3)), st.permutations(range(3)), LENGTHS)
def test_names_of_hidden_states_do_not_matter(
    model: HiddenMarkov, states: list[int], names: list[int], n_steps: int
) -> None:
    rows = [state for state in states if state < model.n_states]
    columns = [name for name in names if name < model.n_symbols]
    named = HiddenMarkov(
        model.transition[np.ix_(rows, rows)],
        model.emission[np.ix_(rows, columns)],
        model.initial[rows],
    )
    one, other = (enumerated(each, n_steps) for each in (model, named))
    for name in PARTS:
        assert np.abs(getattr(one, name) - getattr(other, name)).max() <= ROUNDING, name


@given(ept.hidden_markovs(), st.integers(0, 2), LENGTHS)
def test_a_state_split_in_two_changes_nothing(
    model: HiddenMarkov, state: int, n_steps: int
) -> None:
    """The two halves emit and go on as the one did."""
    state %= model.n_states
    rows = [*range(model.n_states), state]
    transition = model.transition[np.ix_(rows, rows)].copy()
    initial = model.initial[rows].copy()
    transition[:, [state, -1]] *= 0.5
    initial[[state, -1]] *= 0.5
    split = HiddenMarkov(transition, model.emission[rows], initial)
    one, other = (enumerated(each, n_steps) for each in (model, split))
    assert np.abs(one.retrospective - other.retrospective).max() <= ROUNDING
    assert np.abs(one.compression_loss - other.compression_loss).max() <= ROUNDING


@given(ept.reversible_chains(), st.integers(1, 300))
def test_detailed_balance_produces_nothing(chain: MarkovChain, n_steps: int) -> None:
    result = ep.entropy_production(chain, n_steps)
    # Ratios that differ from 1 by rounding, squared.
    assert 0.0 <= result.total <= n_steps * 1e-28
    assert ep.entropy_production_rate(chain) <= 1e-28


@given(MACHINES, st.integers(0, 2**32), st.integers(2, 40))
def test_a_path_is_scored_alike_in_any_company(
    machine: MarkovChain | HiddenMarkov, seed: int, n_steps: int
) -> None:
    paths = machine.sample(n_steps, 9, rng=seed)
    together = machine.log_prob(paths)
    alone = np.array([machine.log_prob(path) for path in paths])
    assert np.abs(together - alone).max() <= BATCH
    ragged = machine.log_prob_ragged([path[: 1 + i] for i, path in enumerate(paths)])
    for i, row in enumerate(ragged):
        assert np.abs(row - together[i, : 1 + i][: len(row)]).max() <= BATCH
    # What comes later changes nothing.
    assert np.abs(machine.log_prob(paths[:, :-1]) - together[:, :-1]).max() <= BATCH
