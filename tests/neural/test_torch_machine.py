"""Any causal torch module as a machine, against brute force on small alphabets."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import oracles_neural as oracle
import pytest
import torch

import entroprod as ep
from entroprod.neural import TorchMachine

# Batched against one by one, in float32: the contract. Logits here are below 10.
SINGLE = 1e-5
# In float64, sums over all sequences of five steps.
DOUBLE = 1e-12
# Standard errors that a frequency may be off, among the few hundred that are compared.
SIGMAS = 4.5


def attention(n_symbols: int = 3, dtype: torch.dtype = torch.float64) -> oracle.CausalAttention:
    return oracle.CausalAttention(n_symbols).to(dtype)


def machine(n_symbols: int = 3, dtype: torch.dtype = torch.float64, **more: Any) -> TorchMachine:
    return TorchMachine(
        attention(n_symbols, dtype), **({"n_symbols": n_symbols, "first_token": 0} | more)
    )


def first_logits() -> npt.NDArray[np.float64]:
    return np.array([0.3, -1.0, 0.5])


def blocks_reversed(sequences: npt.NDArray[Any], length: int) -> npt.NDArray[Any]:
    n_paths, n_steps = sequences.shape
    return sequences.reshape(n_paths, n_steps // length, length)[:, ::-1].reshape(n_paths, n_steps)


@pytest.mark.parametrize("temperature", [1.0, 0.6])
@pytest.mark.parametrize("batch_tokens", [None, 1, 17])
def test_every_step_from_its_prefix(temperature: float, batch_tokens: int | None) -> None:
    model = machine(temperature=temperature, batch_tokens=batch_tokens)
    sequences = oracle.all_sequences(3, 4)
    logits_after = oracle.after_first(attention().eval(), 0)
    expected = [oracle.log_prob(logits_after, sequence, temperature) for sequence in sequences]
    np.testing.assert_allclose(model.log_prob(sequences), expected, atol=DOUBLE)


def test_an_output_layer_apart_changes_nothing() -> None:
    sequences = oracle.all_sequences(3, 4)
    # A plain function has no training flag: its module is in training mode, dropout and all.
    network = attention().eval()
    model = TorchMachine(network.hidden, head=network.lm_head, n_symbols=3, first_token=0)
    np.testing.assert_allclose(
        model.log_prob(sequences), machine().log_prob(sequences), atol=DOUBLE
    )


@pytest.mark.parametrize(("n_symbols", "n_steps"), [(2, 1), (2, 5), (3, 4)])
@pytest.mark.parametrize("own_first", [False, True])
def test_probabilities_and_fluctuation_theorem(
    n_symbols: int, n_steps: int, own_first: bool
) -> None:
    first: dict[str, Any] = {"first_token": 1}
    if own_first:
        first = {"first_token": None, "first_logits": np.linspace(-1, 1, n_symbols)}
    model = machine(n_symbols, **first)
    sequences = oracle.all_sequences(n_symbols, n_steps)
    forward = model.log_prob(sequences).sum(1)
    assert abs(np.exp(forward).sum() - 1.0) < DOUBLE
    orders = [sequences[:, ::-1]]
    orders += [blocks_reversed(sequences, k) for k in (2, 4) if n_steps % k == 0]
    for reordered in orders:
        backward = model.log_prob(reordered).sum(1)
        assert abs(np.exp(backward).sum() - 1.0) < DOUBLE
        sigma = forward - backward
        assert abs(np.exp(forward) @ np.exp(-sigma) - 1.0) < DOUBLE
        assert np.exp(forward) @ sigma >= -DOUBLE


def test_the_library_s_functions_take_it() -> None:
    model = machine(2)
    sequences = oracle.all_sequences(2, 4)
    for reversal, reordered in (
        (ep.TokenReversal(), sequences[:, ::-1]),
        (ep.BlockReversal(length=2), blocks_reversed(sequences, 2)),
    ):
        result = ep.stochastic_entropy_production(model, sequences, reversal=reversal)
        sigma = (model.log_prob(sequences) - model.log_prob(reordered)).sum(1)
        np.testing.assert_allclose(result.sigma, sigma, atol=DOUBLE)
        assert result.provenance["module"] == "CausalAttention"
        mean = np.exp(model.log_prob(sequences).sum(1)) @ sigma
        sampled = ep.monte_carlo(model, 4, 4000, reversal=reversal, rng=0)
        assert abs(sampled.mean - mean) < SIGMAS * sampled.standard_error
        error = SIGMAS * sampled.fluctuation_standard_error
        assert abs(sampled.fluctuation_mean - 1.0) < error


def test_the_first_symbol_may_have_a_distribution_of_its_own() -> None:
    model = machine(first_token=None, first_logits=first_logits(), temperature=2.0)
    network = attention().eval()
    sequences = oracle.all_sequences(3, 3)
    for sequence, values in zip(sequences, model.log_prob(sequences)):
        wanted = [oracle.log_softmax(first_logits() / 2.0)[sequence[0]]]
        for t in (1, 2):
            with torch.no_grad():
                row = network(torch.tensor(sequence[None, :t]))[0, -1].numpy() / 2.0
            wanted.append(oracle.log_softmax(row)[sequence[t]])
        np.testing.assert_allclose(values, wanted, atol=DOUBLE)
    paths, log_prob = model.sample_with_log_prob(3, 50, rng=1)
    np.testing.assert_allclose(log_prob, model.log_prob(paths), atol=DOUBLE)


def test_batched_equals_one_by_one_and_padding_never_leaks() -> None:
    model = machine(8, torch.float32)
    rng = np.random.default_rng(5)
    sequences = [rng.integers(8, size=length) for length in rng.integers(1, 30, size=40)]
    together = model.log_prob_ragged(sequences)
    for sequence, values in zip(sequences, together):
        np.testing.assert_allclose(values, model.log_prob(sequence), atol=SINGLE)
    others = [rng.integers(8, size=length) for length in rng.integers(1, 60, size=40)]
    mixed = model.log_prob_ragged([*others, *sequences])[len(others) :]
    for values, again in zip(together, mixed):
        np.testing.assert_allclose(values, again, atol=SINGLE)


def test_forms_of_input() -> None:
    model = machine()
    sequence = [0, 2, 1, 1]
    one = model.log_prob(sequence)
    assert one.shape == (4,)
    assert one.dtype == np.float64
    for other in ([sequence], np.array([sequence], dtype=np.uint8), torch.tensor([sequence])):
        np.testing.assert_array_equal(model.log_prob(other), one[None])
    assert [len(values) for values in model.log_prob_ragged([[1], [1, 2], sequence])] == [1, 2, 4]
    assert model.log_prob_ragged([]) == []
    assert model.n_symbols == 3
    assert not hasattr(model, "n_outputs")


@pytest.mark.parametrize("batch_paths", [None, 1, 7])
def test_samples_don_t_depend_on_batches(batch_paths: int | None) -> None:
    wanted, log_prob = machine().sample_with_log_prob(6, 20, rng=3)
    model = machine(batch_paths=batch_paths)
    paths, values = model.sample_with_log_prob(6, 20, rng=3)
    np.testing.assert_array_equal(paths, wanted)
    assert paths.dtype == np.int64
    np.testing.assert_allclose(values, log_prob, atol=DOUBLE)
    np.testing.assert_allclose(values, model.log_prob(paths), atol=DOUBLE)
    # One generator, in two calls, makes the same paths as in one.
    rng = np.random.default_rng(3)
    np.testing.assert_array_equal(
        np.concatenate([model.sample(6, 12, rng=rng), model.sample(6, 8, rng=rng)]), wanted
    )


def test_frequencies_of_samples() -> None:
    model, n_paths = machine(temperature=1.5), 20_000
    paths = model.sample(3, n_paths, rng=0)
    sequences = oracle.all_sequences(3, 3)
    probabilities = np.exp(model.log_prob(sequences).sum(1))
    counts = np.bincount(paths @ [9, 3, 1], minlength=27)
    errors = np.sqrt(n_paths * probabilities * (1 - probabilities))
    assert np.all(abs(counts - n_paths * probabilities) < SIGMAS * errors)


def test_sampling_with_a_step_equals_sampling_anew() -> None:
    network = attention().eval()
    calls = []

    def step(state: Any, symbols: torch.Tensor) -> tuple[Any, Any]:
        calls.append(len(symbols))
        read = symbols[:, None] if state is None else torch.cat([state, symbols[:, None]], 1)
        return SimpleNamespace(logits=network(read)[:, -1]), read

    model = TorchMachine(network, n_symbols=3, first_token=0, step=step)
    paths, values = model.sample_with_log_prob(5, 9, rng=2)
    assert calls == [9] * 5
    wanted, log_prob = machine().sample_with_log_prob(5, 9, rng=2)
    np.testing.assert_array_equal(paths, wanted)
    np.testing.assert_allclose(values, log_prob, atol=DOUBLE)


def test_wrapped_logits() -> None:
    network = attention().eval()
    model = TorchMachine(
        lambda ids: SimpleNamespace(logits=network(ids)), n_symbols=3, first_token=0
    )
    sequences = oracle.all_sequences(3, 2)
    np.testing.assert_array_equal(model.log_prob(sequences), machine().log_prob(sequences))
    wrapped = TorchMachine(
        lambda ids: SimpleNamespace(last_hidden_state=network.hidden(ids)),
        head=network.lm_head,
        n_symbols=3,
        first_token=0,
    )
    np.testing.assert_allclose(
        wrapped.log_prob(sequences), machine().log_prob(sequences), atol=DOUBLE
    )


def test_training_mode_and_gradients_are_left_alone() -> None:
    network = attention()
    network.drop.eval()
    model = TorchMachine(network, n_symbols=3, first_token=0)
    flags = [part.training for part in network.modules()]
    one = model.log_prob([0, 1, 2])
    assert [part.training for part in network.modules()] == flags
    network.drop.train()
    np.testing.assert_array_equal(model.log_prob([0, 1, 2]), one)
    loss = network(torch.tensor([[0, 1]])).sum()
    loss.backward()
    assert network.symbols.weight.grad is not None


def test_precision_is_asked_for_and_makes_a_copy() -> None:
    network = attention(dtype=torch.float32)
    model = TorchMachine(network, n_symbols=3, first_token=0, dtype="float64")
    assert network.symbols.weight.dtype == torch.float32
    assert model.provenance()["dtype"] == "float64"
    values = model.log_prob([0, 1, 2, 1])
    single = TorchMachine(network, n_symbols=3, first_token=0).log_prob([0, 1, 2, 1])
    np.testing.assert_allclose(values, single, atol=SINGLE)
    assert np.any(values != single)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        np.testing.assert_array_equal(model.log_prob([0, 1, 2, 1]), values)


def test_provenance() -> None:
    model = machine(temperature=0.5)
    facts = model.provenance()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["machine"] == "TorchMachine"
    assert facts["module"] == "CausalAttention"
    assert facts["first_token"] == 0
    assert facts["temperature"] == 0.5
    assert facts["n_symbols"] == 3
    assert facts["device"] == "cpu"
    assert facts["versions"] == {"entroprod": ep.__version__, "torch": torch.__version__}
    assert facts["parameters_sha256"] == machine().provenance()["parameters_sha256"]
    other = TorchMachine(
        oracle.CausalAttention(3, seed=1), n_symbols=3, first_logits=first_logits()
    )
    assert other.provenance()["parameters_sha256"] != facts["parameters_sha256"]
    assert other.provenance()["first_logits"].startswith("sha256:")
    assert repr(model) == (
        "TorchMachine(CausalAttention, first_token=0, n_symbols=3, dtype=float64, device=cpu)"
    )
    assert "sha256" not in repr(other)


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        ([[0, 1], [2, 3]], ValueError, r"sequences\[1\] .* below n_symbols = 3; got 3 at step 2"),
        ([0, -1], ValueError, r"sequences must .* below n_symbols = 3; got -1 at step 2"),
        (
            [[0.0, 1.0]],
            TypeError,
            "must hold symbols, which are integers; got dtype float64",
        ),
        (
            [[True, False]],
            TypeError,
            "must hold symbols, which are integers; got dtype bool",
        ),
        (["a"], TypeError, "sequences must hold symbols, which are integers"),
        ([], ValueError, "sequences must not be empty"),
        ([[], []], ValueError, "sequences must not be empty"),
        ([[[0]]], ValueError, r"shape \(N, T\) or \(T,\), got \(1, 1, 1\)"),
        ([[0, 1], [1]], ValueError, "sequences must be an array"),
        (3, ValueError, r"shape \(N, T\) or \(T,\), got \(\)"),
    ],
)
def test_bad_sequences(sequences: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        machine().log_prob(sequences)


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        ([[0], [2, 3]], ValueError, r"sequences\[1\] .* below n_symbols = 3; got 3 at step 2"),
        ([[0], [1.5]], TypeError, r"sequences\[1\] must hold symbols, which are integers"),
        ([[0], []], ValueError, r"sequences\[1\] must not be empty"),
        ([[0], [[1]]], ValueError, r"sequences\[1\] must have shape \(T,\), got \(1, 1\)"),
        (7, TypeError, "sequences must be a list of arrays, got int"),
        ("text", TypeError, "sequences must be a list of arrays, got str"),
    ],
)
def test_bad_ragged_sequences(sequences: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        machine().log_prob_ragged(sequences)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"first_token": None}, ValueError, "give first_token, the fixed token .* or first_logits"),
        ({"first_logits": [0, 0, 0]}, ValueError, "and not both"),
        ({"first_token": 3}, ValueError, r"first_token must be a symbol 0 \.\. 2, got 3"),
        ({"first_token": 1.0}, TypeError, "first_token must hold symbols, which are integers"),
        ({"first_token": [1]}, ValueError, "first_token must be one symbol"),
        ({"first_token": None, "first_logits": [0, 0]}, ValueError, r"shape \(3,\), got \(2,\)"),
        ({"first_token": None, "first_logits": [0, np.nan, 0]}, ValueError, "first_logits must be"),
        ({"first_token": None, "first_logits": [-np.inf] * 3}, ValueError, "a symbol possible"),
        ({"n_symbols": None}, ValueError, "n_symbols must be given"),
        ({"n_symbols": 0}, ValueError, "n_symbols must be between"),
        ({"n_symbols": 2}, ValueError, "n_symbols = 2 logits at each position, got 3"),
        ({"n_symbols": 9}, ValueError, r"module fails on the symbols \[0, 8\]"),
        ({"temperature": 0.0}, ValueError, "temperature must be positive"),
        ({"temperature": -1.0}, ValueError, "temperature must be positive"),
        ({"temperature": np.nan}, ValueError, "temperature must be finite"),
        ({"first_value": [0.0]}, ValueError, "first_value must not be given"),
        ({"head": 3}, TypeError, "head must be a torch module or another callable, got int"),
        ({"step": 3}, TypeError, "step must be a torch module or another callable, got int"),
        ({"dtype": "float32", "step": len}, ValueError, "device and dtype must be the module's"),
        ({"dtype": "int8"}, ValueError, "dtype must be None or one of"),
        ({"device": "warp"}, ValueError, "device must be"),
        ({"batch_tokens": 0}, ValueError, "batch_tokens must be between"),
        ({"batch_paths": 1.5}, TypeError, "batch_paths must be an integer"),
    ],
)
def test_bad_settings(change: dict[str, Any], error: type[Exception], message: str) -> None:
    settings: dict[str, Any] = {"n_symbols": 3, "first_token": 0}
    with pytest.raises(error, match=message):
        TorchMachine(attention(), **(settings | change))


@pytest.mark.parametrize(
    ("module", "error", "message"),
    [
        (None, TypeError, "module must be a torch module or another callable, got NoneType"),
        (lambda ids: ids.double(), ValueError, r"return shape \(1, 2, d\) here, got \(1, 2\)"),
        (lambda ids: ids[..., None], TypeError, "floating numbers, got torch.int64"),
        (lambda ids: (ids, None), TypeError, "return a tensor, got tuple"),
        (lambda ids: torch.zeros(3, 3) @ ids, ValueError, "module fails on the symbols"),
        (lambda ids: torch.zeros(*ids.shape, 4), ValueError, "logits at each position, got 4"),
    ],
)
def test_bad_modules(module: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        TorchMachine(module, n_symbols=3, first_token=0)


@pytest.mark.parametrize(
    ("n_steps", "n_paths", "rng"), [(0, 1, 0), (1, 0, 0), (2, 1.5, 0), (2, 1, -1), (2, 1, "a")]
)
def test_bad_sampling(n_steps: Any, n_paths: Any, rng: Any) -> None:
    with pytest.raises((ValueError, TypeError), match=r"n_steps|n_paths|rng"):
        machine().sample(n_steps, n_paths, rng=rng)


def test_memory_is_known_before_it_is_taken() -> None:
    with pytest.raises(MemoryError, match="n_paths or n_steps is too large"):
        machine().sample(10**9, 10**9, rng=0)


def test_faulty_logits_are_named_when_scored_and_when_sampled() -> None:
    table = torch.zeros(3, 3)
    table[2, 1] = torch.nan
    model = TorchMachine(lambda ids: table[ids], n_symbols=3, first_token=0)
    with pytest.raises(ep.NumericalError, match=r"sequences\[1\] .* step 3: the logit of symbol 1"):
        model.log_prob([[0, 1, 2], [1, 2, 0]])
    with pytest.raises(ep.NumericalError, match=r"path \d+ can't go on at step [23]"):
        model.sample(3, 40, rng=0)


def test_a_class_is_no_module() -> None:
    with pytest.raises(TypeError, match="module must be a module, got the class Embedding"):
        TorchMachine(torch.nn.Embedding, n_symbols=3, first_token=0)
