"""Batches, sums over the vocabulary and draws from it: the engine behind the torch machines."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

import entroprod as ep
from entroprod.neural import heads, modules, sampling, scoring

CPU = torch.device("cpu")
# A logit in single precision is off by a few roundings of its size, here at most 30.
SINGLE = 16 * float(np.finfo(np.float32).eps) * 30
DOUBLE = 1e-12
# Two products of the same numbers may round a bfloat16 logit below 32 to neighbours, 1/8 apart.
NEIGHBOURS = 0.25


def requests(n: int, n_symbols: int, seed: int = 0) -> list[scoring.Request]:
    rng = np.random.default_rng(seed)
    first = np.array(n_symbols - 1)
    return [
        scoring.after(first, rng.integers(n_symbols, size=rng.integers(1, 12))) for _ in range(n)
    ]


class Bigram:
    """Rows that depend on the last symbol alone: what is expected can be written down."""

    def __init__(self, n_symbols: int, width: int = 6, dtype: torch.dtype = torch.float64) -> None:
        generator = torch.Generator().manual_seed(1)
        self.table = 2 * torch.randn(n_symbols, width, generator=generator, dtype=dtype)
        self.layer = torch.nn.Linear(width, n_symbols, dtype=dtype)
        with torch.no_grad():
            for parameter in self.layer.parameters():
                parameter.copy_(torch.randn(parameter.shape, generator=generator))

    def __call__(self, ids: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        rows = self.table[ids]
        # What stands behind a sequence's end must not matter.
        behind = torch.arange(ids.shape[1])[None] >= lengths[:, None]
        return torch.where(behind[..., None], torch.nan, rows)

    def expected(self, request: scoring.Request, temperature: float = 1.0) -> Any:
        logits = self.layer(self.table[torch.tensor(request.inputs)]).double() / temperature
        wanted = torch.tensor(request.targets)[:, None]
        picked = torch.log_softmax(logits, -1)[-len(wanted) :].gather(1, wanted)
        return picked[:, 0].detach().numpy()


def score(forward: Any, head: heads.TokenHead, given: list[scoring.Request], size: int) -> Any:
    with modules.evaluating(head.layer):
        return scoring.score(forward, head, given, device=CPU, batch_tokens=size)


@pytest.mark.parametrize("batch_tokens", [1, 7, 30, 10_000])
def test_batches_are_bounded_and_hold_everything_once(batch_tokens: int) -> None:
    lengths = np.random.default_rng(0).integers(1, 20, size=50)
    batches = scoring.plan_batches(lengths, batch_tokens)
    assert sorted(np.concatenate(batches)) == list(range(50))
    longest = [int(lengths[batch].max()) for batch in batches]
    assert longest == sorted(longest, reverse=True)
    for batch, length in zip(batches, longest):
        assert len(batch) == 1 or len(batch) * length <= batch_tokens
    assert scoring.plan_batches([], batch_tokens) == []


@pytest.mark.parametrize("n_symbols", [2, 300, 1000])
@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_scores_by_definition(n_symbols: int, batch_tokens: int, temperature: float) -> None:
    model = Bigram(n_symbols)
    given = requests(30, n_symbols)
    for layer in (model.layer, torch.nn.Sequential(model.layer)):
        head = heads.TokenHead(layer, n_symbols, temperature=temperature)
        for request, values in zip(given, score(model, head, given, batch_tokens), strict=True):
            assert values.dtype == np.float64
            np.testing.assert_allclose(values, model.expected(request, temperature), atol=DOUBLE)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_lower_precisions_are_summed_in_single(dtype: torch.dtype) -> None:
    model = Bigram(700, dtype=dtype)
    given = requests(10, 700)
    head = heads.TokenHead(model.layer, 700)
    for request, values in zip(given, score(model, head, given, 64), strict=True):
        slack = SINGLE if dtype == torch.float32 else NEIGHBOURS
        np.testing.assert_allclose(values, model.expected(request), atol=slack)


def test_parts_of_the_vocabulary_make_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    model = Bigram(1000)
    given = requests(20, 1000)
    with torch.no_grad():
        model.layer.bias[:600] = -torch.inf
    head = heads.TokenHead(model.layer, 1000, transform=lambda logits: logits.clamp_(max=5.0))
    whole = score(model, head, given, 64)
    # Parts of seven symbols, the first of which are all impossible.
    monkeypatch.setattr(heads, "_BLOCK_BYTES", {"cpu": 7 * 8})
    monkeypatch.setattr(heads, "_MANY_ROWS", 1)
    for one, other in zip(whole, score(model, head, given, 64), strict=True):
        np.testing.assert_allclose(one, other, atol=DOUBLE)
    assert any(np.isneginf(values).any() for values in whole)


def test_only_the_last_positions_are_scored_if_asked() -> None:
    model = Bigram(5)
    whole = requests(1, 5)[0]
    part = scoring.Request(whole.inputs, whole.targets[-2:])
    head = heads.TokenHead(model.layer, 5)
    full, tail = score(model, head, [whole, part], 100)
    np.testing.assert_array_equal(full[-2:], tail)


def test_the_model_s_logits_are_never_all_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    model, n_symbols = Bigram(1000), 1000
    monkeypatch.setattr(heads, "_WHOLE_BYTES", {"cpu": 10 * n_symbols * 8})
    most = []

    def layer(rows: torch.Tensor) -> torch.Tensor:
        most.append(len(rows))
        logits: torch.Tensor = model.layer(rows)
        return logits

    score(model, heads.TokenHead(layer, n_symbols), requests(30, n_symbols), 10_000)
    assert max(most) == 10
    assert len(most) > 5


def test_a_transform_may_work_in_place() -> None:
    logits = torch.randn(4, 6, dtype=torch.float64)
    kept = logits.clone()
    head = heads.TokenHead(None, 6, transform=lambda x: x.mul_(0.5), temperature=2.0)
    values = head.log_prob(logits, torch.arange(4))
    torch.testing.assert_close(logits, kept, atol=0, rtol=0)
    wanted = torch.log_softmax(0.25 * kept, -1).diagonal()
    torch.testing.assert_close(values, wanted)


@pytest.mark.parametrize("way", ["in place", "past the version", "fused", "swapped", "state"])
def test_a_remembered_hash_follows_the_parameters(
    way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = torch.nn.Linear(700, 3)
    taken = []
    whole = modules.parameter_hash

    def counted(*given: object) -> str:
        taken.append(given)
        return whole(*given)

    monkeypatch.setattr(modules, "parameter_hash", counted)
    remembered = modules.ParameterHash(network)
    assert remembered() == remembered() == whole(network)
    assert len(taken) == 1
    weight = network.weight
    if way == "in place":
        with torch.no_grad():
            weight[0, 0] += 1e-3
    elif way == "past the version":
        weight.data[2, 5] += 1e-3
    elif way == "fused":
        weight.grad = torch.ones_like(weight)
        torch.optim.Adam([weight], fused=True).step()
    elif way == "swapped":
        weight.data = weight.data.flip(0)
    else:
        network.load_state_dict(torch.nn.Linear(700, 3).state_dict())
    assert remembered() == whole(network)
    assert len(taken) == 2


def test_a_known_hash_holds_until_the_parameters_change() -> None:
    network = torch.nn.Linear(2, 2)
    remembered = modules.ParameterHash(network, known="of the files")
    assert remembered() == "of the files"
    network.bias.data += 1.0
    assert remembered() == modules.parameter_hash(network)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            torch.nan,
            r"sequences\[3\] has no log-probability at step 2: the logit of symbol 2 is NaN",
        ),
        (torch.inf, r"sequences\[3\] .* step 2: the logit of symbol 2 is \+inf"),
        (-torch.inf, r"sequences\[3\] .* step 2: every logit is -inf: no symbol is possible"),
    ],
)
def test_faulty_logits_are_named(bad: float, message: str) -> None:
    table = torch.zeros(4, 4)
    table[1] = table[1] if bad < 0 else torch.tensor([0.0, 0.0, bad, 0.0])
    if bad < 0:
        table[1] = bad
    rows = ([2], [0, 3], [3, 1], [1, 0, 2])
    given = [scoring.after(np.array(0), np.array(row), i) for i, row in enumerate(rows)]
    head = heads.TokenHead(None, 4)
    with pytest.raises(ep.NumericalError, match=message):
        scoring.score(lambda ids, _: table[ids], head, given, device=CPU, batch_tokens=100)


def test_an_impossible_symbol_has_probability_zero() -> None:
    table = torch.zeros(3, 3)
    table[:, 2] = -torch.inf
    given = [scoring.after(np.array(0), np.array([0, 2, 1]))]
    head = heads.TokenHead(None, 3)
    (values,) = scoring.score(lambda ids, _: table[ids], head, given, device=CPU, batch_tokens=9)
    np.testing.assert_allclose(values, [-np.log(2), -np.inf, -np.log(2)])


@pytest.mark.parametrize(
    ("out", "error", "message"),
    [
        (torch.zeros(1, 3, 4, dtype=torch.int64), TypeError, "floating numbers, got torch.int64"),
        (torch.zeros(1, 4), ValueError, r"shape \(1, 3, d\) here, got \(1, 4\)"),
        (torch.zeros(1, 2, 4), ValueError, r"shape \(1, 3, d\) here, got \(1, 2, 4\)"),
        (torch.zeros(1, 3, 5), ValueError, "put out n_symbols = 4 logits at each position, got 5"),
        ((torch.zeros(1, 3, 4), None), TypeError, "must return a tensor, got tuple"),
    ],
)
def test_wrong_outputs(out: Any, error: type[Exception], message: str) -> None:
    given = [scoring.after(np.array(0), np.array([1, 2, 3]))]
    with pytest.raises(error, match=message):
        scoring.score(lambda *_: out, heads.TokenHead(None, 4), given, device=CPU, batch_tokens=9)


def test_a_layer_of_another_size_is_refused() -> None:
    with pytest.raises(ValueError, match="n_symbols = 5 logits at each position, got 4"):
        heads.TokenHead(torch.nn.Linear(3, 4), 5)


def test_progress_is_reported_batch_by_batch() -> None:
    model = Bigram(4)
    done: list[int] = []
    head = heads.TokenHead(model.layer, 4)
    scoring.score(model, head, requests(9, 4), device=CPU, batch_tokens=20, report=done.append)
    assert done == sorted(done)
    assert done[-1] == 9
    assert len(done) > 2


@pytest.mark.parametrize("n_symbols", [1, 2, 255, 256, 257, 700])
def test_draws_invert_the_cumulative_distribution(n_symbols: int) -> None:
    generator = torch.Generator().manual_seed(n_symbols)
    logits = torch.randn(n_symbols, generator=generator, dtype=torch.float64)
    logits[n_symbols // 3] = -torch.inf if n_symbols > 1 else 0.0
    levels = torch.linspace(0, 1, 2001, dtype=torch.float64)[:-1]
    largest = torch.tensor([1 - 2.0**-53], dtype=torch.float64)
    levels = torch.cat([levels, largest])
    head = heads.TokenHead(None, n_symbols, temperature=1.5)
    symbols, log_prob = head.draw(logits.expand(len(levels), -1), levels)
    probabilities = torch.softmax(logits / 1.5, -1)
    upto = probabilities.cumsum(-1)
    # The first symbol whose cumulative probability lies above the level, to rounding.
    assert bool((upto[symbols] > levels - DOUBLE).all())
    assert bool((upto[symbols] - probabilities[symbols] <= levels + DOUBLE).all())
    assert n_symbols == 1 or n_symbols // 3 not in symbols.tolist()
    torch.testing.assert_close(log_prob, probabilities[symbols].log(), atol=DOUBLE, rtol=0)


def test_draws_from_a_layer_equal_draws_from_its_logits() -> None:
    model = Bigram(600)
    rows, noise = model.table[:50], torch.rand(50, dtype=torch.float64)
    with torch.no_grad():
        one = heads.TokenHead(model.layer, 600).draw(rows, noise)
        other = heads.TokenHead(None, 600).draw(model.layer(rows), noise)
    torch.testing.assert_close(one, other)


class Countdown:
    """A stepper whose paths die at a certain step."""

    def start(self, n_paths: int) -> tuple[torch.Tensor, int]:
        return torch.zeros(n_paths, 3), 0

    def step(self, state: int, symbols: torch.Tensor) -> tuple[torch.Tensor, int]:
        rows = torch.zeros(len(symbols), 3)
        if state == 2:
            rows[-1] = -torch.inf
        return rows, state + 1


def test_a_path_that_ends_is_named() -> None:
    with pytest.raises(ep.NumericalError, match="path 4 can't go on at step 4: every"):
        sampling.sample(
            Countdown(),
            heads.TokenHead(None, 3),
            6,
            9,
            rng=np.random.default_rng(0),
            device=CPU,
            batch_paths=5,
        )


def test_modes_come_back() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Dropout(0.5))
    network[1].eval()
    with modules.evaluating(network, None, len):
        assert not any(part.training for part in network.modules())
        assert torch.is_inference_mode_enabled()
    assert [part.training for part in network.modules()] == [True, True, False]
    with pytest.raises(KeyError), modules.evaluating(network):
        raise KeyError
    assert network.training


def test_autocasting_around_a_call_is_without_effect() -> None:
    layer, x = torch.nn.Linear(4, 4), torch.ones(2, 4)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
        with modules.evaluating(layer):
            assert layer(x).dtype == torch.float32


def test_the_hash_covers_names_dtypes_shapes_and_numbers() -> None:
    def network(fill: float = 1.0, dtype: torch.dtype = torch.float32) -> torch.nn.Module:
        layer = torch.nn.Linear(2, 2, dtype=dtype)
        torch.nn.init.constant_(layer.weight, fill)
        torch.nn.init.zeros_(layer.bias)
        return layer

    same = modules.parameter_hash(network())
    assert same == modules.parameter_hash(network())
    named = torch.nn.Sequential(network())
    scalar = torch.nn.BatchNorm1d(2)
    others = [network(2.0), network(dtype=torch.bfloat16), named, scalar]
    assert len({same, *(modules.parameter_hash(other) for other in others)}) == 5
    assert len(same) == 64


@pytest.fixture
def _no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)


@pytest.mark.usefixtures("_no_gpu")
@pytest.mark.parametrize(
    ("device", "error", "message"),
    [
        ("cuda", ValueError, r"device is 'cuda', and torch finds 0 GPU\(s\)"),
        ("cuda:3", ValueError, r"device is 'cuda:3', and torch finds 0"),
        ("warp", ValueError, "another name torch knows, got 'warp'"),
        ("meta", ValueError, "the device meta holds none"),
        (3, TypeError, "device must be"),
    ],
)
def test_bad_devices(device: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        modules.as_device(device)


@pytest.mark.usefixtures("_no_gpu")
def test_devices() -> None:
    assert modules.as_device("auto") == CPU
    assert modules.as_device(None) == CPU
    assert modules.as_device(None, torch.nn.Linear(1, 1, device="meta")).type == "meta"
    assert modules.as_device(torch.device("cpu")) == CPU


def test_dtypes() -> None:
    assert modules.as_dtype("float32") is torch.float32
    assert modules.as_dtype(torch.float64) is torch.float64
    assert modules.as_dtype(None) is None
    for bad in ("single", torch.int64, np.float32, 3):
        with pytest.raises(ValueError, match="dtype must be None or one of"):
            modules.as_dtype(bad)  # type: ignore[arg-type]


def test_a_module_is_copied_only_if_it_has_to_change() -> None:
    layer = torch.nn.Linear(2, 2)
    assert modules.placed(layer, CPU, None) is layer
    assert modules.placed(layer, CPU, torch.float32) is layer
    other = modules.placed(layer, CPU, torch.float64)
    assert other.weight.dtype == torch.float64
    assert layer.weight.dtype == torch.float32


def test_batches_are_smaller_for_large_networks() -> None:
    sizes = [modules.default_batch_tokens(n, CPU) for n in (0, 10**7, 10**9)]
    assert sizes == sorted(sizes, reverse=True)
    assert sizes[0] > sizes[1] > sizes[2]
