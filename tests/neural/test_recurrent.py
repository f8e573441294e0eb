"""Recurrent machines against the equations of their cells, and against linear-Gaussian machines."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import oracles_neural as oracle
import pytest
import torch

import entroprod as ep
import entroprod.testing as ept
from entroprod.neural import Cell, GaussianHead, RecurrentMachine

# Batched against one by one, in float32: the contract.
SINGLE = 1e-5
# In float64, sums over all sequences of five steps.
DOUBLE = 1e-12
# Of a linear-Gaussian machine in C++ against the same in torch, some tens of steps of size 10.
SAME_MACHINE = 1e-10
# Standard errors that a frequency may be off.
SIGMAS = 4.5

KINDS: dict[str, dict[str, Any]] = {
    "RNN": {"kind": torch.nn.RNN},
    "LSTM": {"kind": torch.nn.LSTM},
    "GRU": {"kind": torch.nn.GRU},
    "two layers, batch first": {"kind": torch.nn.LSTM, "num_layers": 2, "batch_first": True},
    "three layers with dropout": {"kind": torch.nn.GRU, "num_layers": 3, "dropout": 0.5},
}


def network(
    kind: Any, *, width: int = 5, inputs: int = 3, outputs: int = 3, **settings: Any
) -> tuple[torch.nn.RNNBase, torch.nn.Linear]:
    cell = kind(inputs, width, **settings)
    output = torch.nn.Linear(width, outputs)
    oracle.randomise(cell, 1, 1.5)
    oracle.randomise(output, 2, 2.0)
    return cell.double(), output.double()


def machine(name: str = "GRU", **more: Any) -> RecurrentMachine:
    cell, output = network(**KINDS[name])
    return RecurrentMachine(cell, output, **({"n_symbols": 3} | more))


def one_hot(symbol: Any) -> torch.Tensor:
    return torch.eye(3, dtype=torch.float64)[int(symbol)]


def zeros(cell: torch.nn.RNNBase) -> list[tuple[torch.Tensor, ...]]:
    n_parts = 2 if isinstance(cell, torch.nn.LSTM) else 1
    blank = torch.zeros(cell.hidden_size, dtype=torch.float64)
    return [(blank,) * n_parts for _ in range(cell.num_layers)]


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("batch_tokens", [None, 5])
def test_every_step_by_the_cell_s_equations(name: str, batch_tokens: int | None) -> None:
    cell, output = network(**KINDS[name])

    def logits_after(prefix: oracle.IntArray) -> oracle.FloatArray:
        top = oracle.recurrent_states(cell, one_hot, prefix, zeros(cell))[-1][0]
        row: oracle.FloatArray = output(top).detach().numpy()
        return row

    model = machine(name, temperature=0.8, batch_tokens=batch_tokens)
    sequences = oracle.all_sequences(3, 3)
    expected = [oracle.log_prob(logits_after, sequence, 0.8) for sequence in sequences]
    np.testing.assert_allclose(model.log_prob(sequences), expected, atol=DOUBLE)


@pytest.mark.parametrize("name", KINDS)
def test_probabilities_and_fluctuation_theorem(name: str) -> None:
    model = machine(name)
    sequences = oracle.all_sequences(3, 4)
    forward = model.log_prob(sequences).sum(1)
    pairs_swapped = sequences.reshape(-1, 2, 2)[:, ::-1].reshape(-1, 4)
    for reordered in (sequences[:, ::-1], pairs_swapped):
        backward = model.log_prob(reordered).sum(1)
        assert abs(np.exp(backward).sum() - 1.0) < DOUBLE
        sigma = forward - backward
        assert abs(np.exp(forward) @ np.exp(-sigma) - 1.0) < DOUBLE
        assert np.exp(forward) @ sigma > 1e-3


@pytest.mark.parametrize("name", KINDS)
def test_samples_and_their_log_probabilities(name: str) -> None:
    model = machine(name)
    paths, log_prob = model.sample_with_log_prob(6, 30, rng=4)
    np.testing.assert_allclose(log_prob, model.log_prob(paths), atol=DOUBLE)
    again, _ = machine(name, batch_paths=7).sample_with_log_prob(6, 30, rng=4)
    np.testing.assert_array_equal(paths, again)


def test_frequencies_of_samples() -> None:
    model, n_paths = machine("LSTM"), 20_000
    paths = model.sample(3, n_paths, rng=0)
    probabilities = np.exp(model.log_prob(oracle.all_sequences(3, 3)).sum(1))
    counts = np.bincount(paths @ [9, 3, 1], minlength=27)
    errors = np.sqrt(n_paths * probabilities * (1 - probabilities))
    assert np.all(abs(counts - n_paths * probabilities) < SIGMAS * errors)


@pytest.mark.parametrize("name", KINDS)
def test_memory_is_all_that_the_future_depends_on(name: str) -> None:
    cell, _ = network(**KINDS[name])
    model = machine(name)
    sequences = oracle.all_sequences(3, 2)
    memory = model.memory(sequences)
    assert memory.dtype == np.float64
    for sequence, row in zip(sequences, memory):
        states = oracle.recurrent_states(cell, one_hot, sequence, zeros(cell))
        parts = [torch.cat([state[part] for state in states]) for part in range(len(states[0]))]
        np.testing.assert_allclose(row, torch.cat(parts).detach().numpy(), atol=DOUBLE)
    empty = model.memory(np.zeros((4, 0), dtype=int))
    assert empty.shape == (4, memory.shape[1])
    assert not empty.any()
    small = machine(name, batch_tokens=4).memory(sequences)
    np.testing.assert_allclose(small, memory, atol=DOUBLE)


def test_an_initial_state_is_the_same_in_both_directions_and_part_of_the_hash() -> None:
    cell, output = network(torch.nn.LSTM, num_layers=2)
    generator = torch.Generator().manual_seed(3)
    hidden, memory = (torch.randn(2, 5, generator=generator, dtype=torch.float64) for _ in range(2))
    states = (hidden, memory)
    model = RecurrentMachine(cell, output, n_symbols=3, initial_state=states)
    initial: list[tuple[torch.Tensor, ...]] = list(zip(*states))

    def logits_after(prefix: oracle.IntArray) -> oracle.FloatArray:
        top = oracle.recurrent_states(cell, one_hot, prefix, initial)[-1][0]
        row: oracle.FloatArray = output(top).detach().numpy()
        return row

    sequences = oracle.all_sequences(3, 2)
    expected = [oracle.log_prob(logits_after, sequence) for sequence in sequences]
    np.testing.assert_allclose(model.log_prob(sequences), expected, atol=DOUBLE)
    np.testing.assert_array_equal(
        model.memory(np.zeros((1, 0)))[0], torch.cat([part.flatten() for part in states]).numpy()
    )
    batched = (hidden[:, None], memory[:, None])
    same = RecurrentMachine(cell, output, n_symbols=3, initial_state=batched)
    np.testing.assert_array_equal(same.log_prob(sequences), model.log_prob(sequences))
    hashes = [one.provenance()["parameters_sha256"] for one in (model, same)]
    plain = RecurrentMachine(cell, output, n_symbols=3).provenance()["parameters_sha256"]
    assert hashes[0] == hashes[1] != plain


def test_an_embedding() -> None:
    cell, output = network(torch.nn.GRU, inputs=4)
    embedding = torch.nn.Embedding(3, 4)
    oracle.randomise(embedding, 5, 1.0)
    embedding = embedding.double()
    model = RecurrentMachine(cell, output, n_symbols=3, embedding=embedding)

    def logits_after(prefix: oracle.IntArray) -> oracle.FloatArray:
        states = oracle.recurrent_states(
            cell, lambda symbol: embedding(torch.tensor(symbol)), prefix, zeros(cell)
        )
        row: oracle.FloatArray = output(states[-1][0]).detach().numpy()
        return row

    sequences = oracle.all_sequences(3, 3)
    expected = [oracle.log_prob(logits_after, sequence) for sequence in sequences]
    np.testing.assert_allclose(model.log_prob(sequences), expected, atol=DOUBLE)
    assert model.provenance()["module"] == "GRU + Linear + Embedding"


def test_a_projected_lstm() -> None:
    cell, _ = network(torch.nn.LSTM, proj_size=2)
    output = torch.nn.Linear(2, 3).double()
    model = RecurrentMachine(cell, output, n_symbols=3)
    assert model.memory(np.zeros((1, 2), dtype=int)).shape == (1, 7)
    sequences = oracle.all_sequences(3, 3)
    assert abs(np.exp(model.log_prob(sequences).sum(1)).sum() - 1.0) < DOUBLE


def test_batched_equals_one_by_one_and_padding_never_leaks() -> None:
    model = machine("two layers, batch first", dtype="float32")
    rng = np.random.default_rng(5)
    sequences = [rng.integers(3, size=length) for length in rng.integers(1, 30, size=40)]
    together = model.log_prob_ragged(sequences)
    for sequence, values in zip(sequences, together):
        np.testing.assert_allclose(values, model.log_prob(sequence), atol=SINGLE)
    others = [rng.integers(3, size=length) for length in rng.integers(1, 60, size=40)]
    mixed = model.log_prob_ragged([*others, *sequences])[len(others) :]
    for values, again in zip(together, mixed):
        np.testing.assert_allclose(values, again, atol=SINGLE)


# The strongest oracle: a linear cell with a Gaussian head is a linear-Gaussian machine.


def both(name: str) -> tuple[ep.LinearGaussian, RecurrentMachine]:
    linear = ept.awkward_machines()[name]
    cell = oracle.LinearCell(linear.state_matrix, linear.input_matrix)
    output = torch.nn.Linear(linear.n_states, linear.n_outputs, bias=False, dtype=torch.float64)
    with torch.no_grad():
        output.weight.copy_(torch.tensor(linear.output_matrix))
    head = GaussianHead(linear.n_outputs, linear.innovation_cov)
    return linear, RecurrentMachine(cell, output, head=head)


LINEAR = [
    "two states, two outputs",
    "six states, six outputs",
    "six states, one output",
    "rotation",
    "spectral radius 0.9999",
]


@pytest.mark.parametrize("name", LINEAR)
def test_a_linear_cell_is_a_linear_gaussian_machine(name: str) -> None:
    linear, model = both(name)
    paths = linear.sample(40, 30, rng=0)
    np.testing.assert_allclose(model.log_prob(paths), linear.log_prob(paths), atol=SAME_MACHINE)
    sigma = model.log_prob(paths).sum(1) - model.log_prob(paths[:, ::-1]).sum(1)
    wanted = ep.stochastic_entropy_production(linear, paths).sigma
    np.testing.assert_allclose(sigma, wanted, atol=SAME_MACHINE)
    result = ep.stochastic_entropy_production(model, paths)
    np.testing.assert_allclose(result.sigma, wanted, atol=SAME_MACHINE)
    ragged = model.log_prob_ragged([path[: 1 + index] for index, path in enumerate(paths)])
    for index, values in enumerate(ragged):
        wanted = linear.log_prob(paths[index, : 1 + index])
        np.testing.assert_allclose(values, wanted, atol=SAME_MACHINE)


@pytest.mark.parametrize("name", LINEAR)
def test_its_samples_have_the_exact_entropy_production(name: str) -> None:
    linear, model = both(name)
    n_steps, n_paths = 12, 4000
    paths, log_prob = model.sample_with_log_prob(n_steps, n_paths, rng=0)
    sigma = log_prob.sum(1) - model.log_prob(paths[:, ::-1]).sum(1)
    error = sigma.std() / np.sqrt(n_paths)
    assert abs(sigma.mean() - ep.entropy_production(linear, n_steps).total) < SIGMAS * error
    np.testing.assert_allclose(log_prob, linear.log_prob(paths), atol=SAME_MACHINE)
    memory = model.memory(paths[:3])
    state = np.zeros((3, linear.n_states))
    for t in range(n_steps):
        state = state @ linear.state_matrix.T + paths[:3, t] @ linear.input_matrix.T
    np.testing.assert_allclose(memory, state, atol=SAME_MACHINE)
    empty = model.memory(np.zeros((2, 0, linear.n_outputs)))
    assert empty.tolist() == [[0.0] * linear.n_states] * 2


def test_a_gaussian_gru() -> None:
    head = GaussianHead(2, "full")
    cell, output = network(torch.nn.GRU, inputs=2, outputs=head.n_parameters)
    model = RecurrentMachine(cell, output, head=head)
    paths, log_prob = model.sample_with_log_prob(5, 10, rng=0)
    assert paths.shape == (10, 5, 2)
    np.testing.assert_allclose(log_prob, model.log_prob(paths), atol=DOUBLE)
    first = head.log_prob(
        output(torch.zeros(10, 5, dtype=torch.float64)), torch.from_numpy(paths[:, 0])
    )
    np.testing.assert_allclose(log_prob[:, 0], first.detach().numpy(), atol=DOUBLE)
    assert model.n_outputs == 2
    assert repr(model) == "RecurrentMachine(GRU, Linear, n_outputs=2, dtype=float64, device=cpu)"


def test_a_cell_of_one_s_own_is_known_by_its_methods() -> None:
    assert isinstance(oracle.LinearCell(np.eye(2), np.eye(2)), Cell)
    assert not isinstance(torch.nn.GRU(1, 1), Cell)


def test_provenance() -> None:
    facts = machine("LSTM", temperature=2.0).provenance()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["machine"] == "RecurrentMachine"
    assert facts["module"] == "LSTM + Linear"
    assert facts["temperature"] == 2.0
    assert facts["dtype"] == "float64"
    assert facts["first_step"] == "initial memory"


def test_modules_stay_as_they_were() -> None:
    cell, output = network(torch.nn.GRU, num_layers=2, dropout=0.5)
    model = RecurrentMachine(cell, output, n_symbols=3, dtype="float32")
    assert next(cell.parameters()).dtype == torch.float64
    assert cell.training
    np.testing.assert_array_equal(model.log_prob([0, 1, 2]), model.log_prob([0, 1, 2]))
    assert model.provenance()["dtype"] == "float32"


BIDIRECTIONAL = torch.nn.GRU(3, 5, bidirectional=True).double()


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"cell": BIDIRECTIONAL}, ValueError, "cell must not be bidirectional"),
        ({"cell": torch.nn.Linear(3, 3)}, TypeError, "cell must be a torch.nn.RNN, LSTM or GRU"),
        ({"cell": None}, TypeError, "cell must be a torch.nn.RNN.*got NoneType"),
        ({"output": None}, TypeError, "output must be a torch module .*got NoneType"),
        ({"output": torch.nn.Linear(5, 4).double()}, ValueError, "n_symbols = 3 logits .*got 4"),
        ({"output": torch.nn.Linear(6, 3).double()}, ValueError, "module fails on the symbols"),
        ({"n_symbols": None}, ValueError, "n_symbols must be given"),
        ({"n_symbols": 4}, ValueError, "n_symbols = 4 logits at each position, got 3"),
        ({"embedding": 3}, TypeError, "embedding must be a torch module or another callable"),
        ({"embedding": torch.nn.Embedding(3, 2).double()}, ValueError, "module fails .*size"),
        ({"embedding": torch.nn.Embedding(2, 3).double()}, ValueError, "module fails .*range"),
        ({"initial_state": torch.zeros(2, 5)}, ValueError, r"shape \(1, 5\), got \(2, 5\)"),
        ({"initial_state": torch.zeros(5)}, ValueError, r"shape \(1, 5\), got \(5,\)"),
        ({"initial_state": (torch.zeros(1, 5),) * 2}, ValueError, r"got \(1, 5\) and \(1, 5\)"),
        ({"initial_state": np.zeros((1, 5))}, TypeError, "initial_state must be tensors"),
        ({"initial_state": torch.full((1, 5), torch.nan)}, ValueError, "must be finite"),
        ({"temperature": 0.0}, ValueError, "temperature must be positive"),
        ({"head": GaussianHead(3)}, ValueError, "n_symbols must not be given"),
        ({"head": "full"}, TypeError, "head must be a GaussianHead, got str"),
        (
            {"head": GaussianHead(3), "n_symbols": None},
            ValueError,
            r"6 parameters at each position for GaussianHead\(3, \"diagonal\"\), got 3",
        ),
        (
            {"head": GaussianHead(3), "n_symbols": None, "temperature": 2.0},
            ValueError,
            "temperature must not be given",
        ),
    ],
)
def test_bad_settings(change: dict[str, Any], error: type[Exception], message: str) -> None:
    cell, output = network(torch.nn.GRU)
    settings: dict[str, Any] = {"cell": cell, "output": output, "n_symbols": 3}
    with pytest.raises(error, match=message):
        RecurrentMachine(**(settings | change))


def test_a_cell_of_one_s_own_brings_its_initial_state() -> None:
    cell = oracle.LinearCell(np.eye(2), np.eye(2))
    with pytest.raises(ValueError, match="initial_state must not be given"):
        RecurrentMachine(
            cell, torch.nn.Identity(), head=GaussianHead(2, np.eye(2)), initial_state=torch.ones(2)
        )


@pytest.mark.parametrize(
    ("sequences", "message"),
    [
        ([0, 1], "sequences must have an axis of paths"),
        ([[0, 3]], r"sequences\[0\] must .* below n_symbols = 3; got 3 at step 2"),
        ([], "must not be empty"),
    ],
)
def test_bad_sequences_for_memory(sequences: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        machine().memory(sequences)


def test_values_too_large_for_the_density_are_named() -> None:
    _, model = both("two states, two outputs")
    path: npt.NDArray[np.float64] = np.zeros((4, 2))
    path[2] = 1e200
    with pytest.raises(ep.NumericalError, match=r"sequences\[0\] .* step 3: .* too small"):
        model.log_prob(path)
