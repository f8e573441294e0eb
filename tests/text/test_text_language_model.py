"""Texts under a real language model: rows against the model's own logits, and the command."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("pandas")
pytest.importorskip("pyarrow")
pytest.importorskip("transformers")
pytest.importorskip("torch")

import torch
from cli_runs import assert_error, run, strict_json
from hugging_face_models import TEXTS, random_model, save_model, save_tokenizer

from entroprod.neural import HuggingFaceMachine
from entroprod.text import read_results, score_samples, score_texts

# Single precision: 3e-7 relative to log-probabilities of some 10 nats, in sums of 60 of them.
SINGLE = 2e-4
LONG = "The lamp went out. " * 40
MANY = [*TEXTS, "", "No end", LONG, "The lamp went out. Nobody did. Snow."]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model")
    save_model(random_model("gpt2", 300), path)
    save_tokenizer(path)
    return path


@pytest.fixture(scope="module")
def machine(folder: Path) -> Any:
    return HuggingFaceMachine(folder)


def log_p(machine: Any, tokens: list[int], first: int) -> float:
    """Of one order of tokens, by log_softmax over the logits of one pass."""
    import transformers

    model: Any = transformers.AutoModelForCausalLM.from_pretrained(machine.provenance()["model"])
    with torch.no_grad():
        logits = model(torch.tensor([[first, *tokens]])).logits[0, :-1]
    values = torch.log_softmax(logits.double(), dim=-1)
    return float(values[torch.arange(len(tokens)), tokens].sum())


def test_rows(machine: Any) -> None:
    table = score_texts(machine, MANY, batch_size=3).table
    assert list(table.text) == MANY
    told = machine.provenance()
    tokenizer = machine.tokenizer
    some: list[Any] = list(table.loc[[0, 2, 7]].itertuples())
    for row in some:
        tokens = list(row.token_ids)
        assert tokenizer.decode(tokens) == "".join(row.tokens) == " " + str(row.text)
        forward = log_p(machine, tokens, told["first_token"])
        assert row.log_forward == pytest.approx(forward, abs=SINGLE)
        backward = log_p(machine, tokens[::-1], told["first_token"])
        assert row.sigma_token == pytest.approx(forward - backward, abs=SINGLE)
        edges = [*row.block_starts, len(tokens)]
        sentences = [tokens[a:b] for a, b in itertools.pairwise(edges)]
        assert all(tokenizer.decode(each)[-1] in ".!?" for each in sentences)
        moved = [token for sentence in sentences[::-1] for token in sentence]
        reordered = log_p(machine, moved, told["first_token"])
        assert row.sigma_block == pytest.approx(forward - reordered, abs=SINGLE)
    assert table.skipped_token[4] == "empty text"
    assert table.skipped_token.isna()[5]
    assert "no delimiter" in table.skipped_block[5]
    assert "too long" in table.skipped_token[6]
    assert table.n_tokens[6] > 64
    assert table.sigma_block[3] == 0


def test_samples(machine: Any) -> None:
    result = score_samples(machine, 20, 12, rng=5, batch_size=8)
    table = result.table
    assert set(table.n_tokens) == {12}
    first = machine.sample(12, 8, rng=np.random.default_rng([5, 0]))
    np.testing.assert_array_equal(np.array(list(table.token_ids[:8])), first)


def test_command(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "stories.json"
    file.write_text(json.dumps({"a": MANY, "b": [f"{text} {TEXTS[0]}" for text in TEXTS]}))
    output = tmp_path / "table.parquet"
    words = ("text", file, "--model", folder, "--output", output, "--batch-size", 4)
    result = run(*words, "--compare", "--self-test", "--json")
    assert result.exit_code == 0, result.stderr
    found = strict_json(result.stdout)
    machine = found["provenance"]["machine"]
    assert "BOS" in machine["first_token_policy"]
    assert len(machine["parameters_sha256"]) == len(machine["tokenizer_sha256"]) == 64
    assert found["self_test"]["max_per_sequence"] < SINGLE
    reasons = found["averages"]["token"]["skip_reasons"]
    assert reasons.pop("empty text") == 1
    assert all("too long" in reason for reason in reasons)
    result = run(*words, "--overwrite", "--window", 32, "--first-token", "5", "--temperature", 2)
    assert result.exit_code == 0, result.stderr
    table = read_results(output)
    assert np.isfinite(table.sigma_token[6])
    told = table.attrs["provenance"]["machine"]
    assert (told["first_token"], told["temperature"]) == (5, 2.0)
    assert_error(run(*words, "--overwrite", "--first-token", "none such"), "first_token")
    assert_error(run("text", file, "--model", tmp_path, "--output", tmp_path / "o.csv"), "model")
    assert not (tmp_path / "o.csv").exists()
