"""Laws of machines run by torch: whatever the network, the batches and the logits."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles_neural as oracle
import torch
from hypothesis import given
from hypothesis import strategies as st

from entroprod.neural import RecurrentMachine, TorchMachine
from entroprod.neural.heads import TokenHead

# In float64: sums over at most 81 sequences, products of a few numbers of size 10.
ROUNDING = 1e-10

seeds = st.integers(0, 2**31 - 1)
cells = st.sampled_from([torch.nn.RNN, torch.nn.LSTM, torch.nn.GRU])
logits = st.lists(st.one_of(st.floats(-40, 40), st.just(-np.inf)), min_size=1, max_size=600).filter(
    lambda values: max(values) > -np.inf
)


@given(cells, seeds, st.integers(2, 3), st.integers(1, 4), st.sampled_from([0.5, 1.0, 3.0]))
def test_the_fluctuation_theorem_holds_for_every_recurrent_machine(
    kind: Any, seed: int, n_symbols: int, n_steps: int, temperature: float
) -> None:
    cell, output = kind(n_symbols, 4), torch.nn.Linear(4, n_symbols)
    oracle.randomise(cell, seed, 2.0)
    oracle.randomise(output, seed + 1, 3.0)
    machine = RecurrentMachine(
        cell, output, n_symbols=n_symbols, dtype="float64", temperature=temperature
    )
    sequences = oracle.all_sequences(n_symbols, n_steps)
    forward = machine.log_prob(sequences).sum(1)
    sigma = forward - machine.log_prob(sequences[:, ::-1]).sum(1)
    assert abs(np.exp(forward).sum() - 1.0) < ROUNDING
    assert abs(np.exp(forward - sigma).sum() - 1.0) < ROUNDING
    assert np.exp(forward) @ sigma > -ROUNDING


@given(
    st.lists(st.lists(st.integers(0, 4), min_size=1, max_size=9), min_size=1, max_size=8),
    st.integers(1, 40),
    seeds,
)
def test_scores_don_t_depend_on_batches_or_order(
    sequences: list[list[int]], batch_tokens: int, seed: int
) -> None:
    network = oracle.CausalAttention(5, seed=seed).double()
    whole = TorchMachine(network, n_symbols=5, first_token=0)
    parts = TorchMachine(network, n_symbols=5, first_token=0, batch_tokens=batch_tokens)
    forwards = whole.log_prob_ragged(sequences)
    backwards = parts.log_prob_ragged(sequences[::-1])[::-1]
    for one, other in zip(forwards, backwards, strict=True):
        np.testing.assert_allclose(one, other, atol=ROUNDING)


@given(logits, st.floats(0, 1, exclude_max=True))
def test_a_draw_lies_where_the_cumulative_distribution_passes_the_level(
    values: list[float], level: float
) -> None:
    given_logits = torch.tensor([values], dtype=torch.float64)
    uniform = torch.tensor([level], dtype=torch.float64)
    symbols, log_prob = TokenHead(None, len(values)).draw(given_logits, uniform)
    symbol, probabilities = int(symbols), torch.softmax(given_logits[0], -1)
    assert values[symbol] > -np.inf
    upto = float(probabilities[: symbol + 1].sum())
    assert upto > level - ROUNDING
    assert upto - float(probabilities[symbol]) <= level + ROUNDING
    assert abs(float(log_prob) - float(torch.log_softmax(given_logits[0], -1)[symbol])) < ROUNDING
