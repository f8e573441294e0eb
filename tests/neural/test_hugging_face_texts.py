"""Language models: what tokens are conditioned on, texts as tokens, and provenance."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from hugging_face_models import (
    FLOAT32,
    N_TOKENS,
    OF_SUMS,
    TEXTS,
    all_sequences,
    contexts_of,
    plain_scores,
    random_model,
    save_model,
    save_tokenizer,
)

import entroprod as ep
from entroprod.neural import HuggingFaceMachine, Window
from entroprod.neural.language_model.architectures import ARCHITECTURES

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module", params=ARCHITECTURES)
def machine(request: pytest.FixtureRequest, language_models: dict[str, Path]) -> HuggingFaceMachine:
    return HuggingFaceMachine(language_models[request.param], device="cpu")


class TestFirstToken:
    def test_bos_by_default(self, gpt2: HuggingFaceMachine) -> None:
        facts = gpt2.provenance()
        assert facts["first_token"] == gpt2.tokenizer.bos_token_id
        assert facts["first_token_policy"].startswith("BOS")

    def test_eos_where_there_is_no_bos(self, tmp_path: Path) -> None:
        model = random_model("gpt2", N_TOKENS)
        model.config.bos_token_id = None
        machine = HuggingFaceMachine(model, tokenizer=save_tokenizer(tmp_path, bos=False))
        assert machine.provenance()["first_token_policy"].startswith("EOS")

    def test_neither_is_an_error(self, tmp_path: Path) -> None:
        model = random_model("gpt2", N_TOKENS)
        model.config.bos_token_id = model.config.eos_token_id = None
        tokenizer = save_tokenizer(tmp_path, bos=False, eos=False)
        with pytest.raises(ValueError, match="first_token must be given"):
            HuggingFaceMachine(model, tokenizer=tokenizer)
        machine = HuggingFaceMachine(model, tokenizer=tokenizer, first_token=7)
        assert machine.provenance()["first_token_policy"].startswith("given")

    def test_given_by_id_or_as_written(self, language_models: dict[str, Path]) -> None:
        by_id = HuggingFaceMachine(language_models["gpt2"], first_token=14)
        written = by_id.tokenizer.convert_ids_to_tokens(14)
        as_written = HuggingFaceMachine(language_models["gpt2"], first_token=written)
        ids = by_id.encode(TEXTS)[0]
        np.testing.assert_array_equal(by_id.log_prob(ids), as_written.log_prob(ids))
        wanted = plain_scores(by_id.model, ids, contexts_of(ids, 14))
        np.testing.assert_allclose(by_id.log_prob(ids), wanted, atol=FLOAT32)

    @pytest.mark.parametrize(
        ("given", "named"),
        [(N_TOKENS, "299"), (-1, "-1"), ("<none>", "vocabulary"), (1.5, "first_token")],
    )
    def test_bad(self, language_models: dict[str, Path], given: Any, named: str) -> None:
        with pytest.raises((ValueError, TypeError), match=named):
            HuggingFaceMachine(language_models["gpt2"], first_token=given)


class TestWindows:
    def window_contexts(
        self, sequence: Any, length: int, stride: int, first: int
    ) -> list[list[int]]:
        """By definition: y_t after the first token and y_{ks+1} .. y_{t-1}, least k: t <= L+ks."""
        contexts = []
        for t in range(1, len(sequence) + 1):
            k = 0
            while t > length + k * stride:
                k += 1
            contexts.append([first, *sequence[k * stride : t - 1].tolist()])
            n_before = len(contexts[-1]) - 1
            assert len(contexts[-1]) <= length
            assert n_before == t - 1 or n_before >= length / 2
        return contexts

    @pytest.mark.parametrize(("length", "stride"), [(8, 4), (8, 1), (7, 3), (2, 1)])
    @pytest.mark.parametrize("n_steps", [1, 7, 8, 9, 12, 13, 30])
    def test_conditioned_as_stated(
        self, language_models: dict[str, Path], length: int, stride: int, n_steps: int
    ) -> None:
        machine = HuggingFaceMachine(language_models["gpt2"], window=Window(length, stride))
        sequence = (np.arange(n_steps) * 13 + 5) % N_TOKENS
        contexts = self.window_contexts(sequence, length, stride, 0)
        found = machine.log_prob_ragged([sequence, sequence[:3]])[0]
        np.testing.assert_allclose(
            found, plain_scores(machine.model, sequence, contexts), atol=FLOAT32
        )

    @pytest.mark.parametrize("architecture", ["gpt2", "mamba", "rwkv"])
    def test_sampling_uses_the_same_windows(self, architecture: str) -> None:
        machine = HuggingFaceMachine(
            random_model(architecture, 20), first_token=0, window=Window(6, 2)
        )
        paths, log_prob = machine.sample_with_log_prob(17, 3, rng=2)
        np.testing.assert_allclose(log_prob, machine.log_prob(paths), atol=FLOAT32)

    def test_fluctuation_theorem_holds(self) -> None:
        model = random_model("gpt2", 3, context=2)
        machine = HuggingFaceMachine(model, first_token=0, window=Window())
        sequences = all_sequences(3, 5)
        result = ep.stochastic_entropy_production(machine, sequences)
        forward = np.exp(result.log_forward)
        assert forward.sum() == pytest.approx(1, abs=OF_SUMS)
        assert (forward * np.exp(-result.sigma)).sum() == pytest.approx(1, abs=OF_SUMS)
        assert result.provenance["window"] == {
            "length": 2,
            "stride": 1,
            "first_token_in_every_window": True,
        }

    def test_long_sequences_are_refused_without(self, gpt2: HuggingFaceMachine) -> None:
        assert gpt2.context == 64
        fits = np.zeros(64, dtype=int)
        assert gpt2.log_prob(fits).shape == (64,)
        with pytest.raises(ValueError, match=r"sequences\[1\].*65 tokens.*64.*window"):
            gpt2.log_prob_ragged([fits, np.zeros(65, dtype=int)])
        with pytest.raises(ValueError, match=r"n_steps.*65.*64"):
            gpt2.sample(65, 1)

    def test_recurrent_models_have_no_limit(self, language_models: dict[str, Path]) -> None:
        machine = HuggingFaceMachine(language_models["mamba2"])
        assert machine.context is None
        assert machine.log_prob(np.zeros(100, dtype=int)).shape == (100,)
        with pytest.raises(ValueError, match="window needs a length"):
            HuggingFaceMachine(language_models["mamba2"], window=Window())

    def test_context_by_argument(self, language_models: dict[str, Path]) -> None:
        machine = HuggingFaceMachine(language_models["mamba2"], context=10)
        with pytest.raises(ValueError, match="11 tokens"):
            machine.log_prob(np.zeros(11, dtype=int))

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"length": 1}, "at least 2"),
            ({"length": 10, "stride": 6}, "half"),
            ({"length": 0}, "length"),
            ({"stride": 0}, "stride"),
        ],
    )
    def test_bad_windows(self, options: dict[str, int], named: str) -> None:
        with pytest.raises(ValueError, match=named):
            Window(**options)

    def test_bad_for_the_model(self, language_models: dict[str, Path]) -> None:
        with pytest.raises(ValueError, match=r"length 65.*64"):
            HuggingFaceMachine(language_models["gpt2"], window=Window(65))
        with pytest.raises(TypeError, match="window"):
            HuggingFaceMachine(language_models["gpt2"], window=8)  # type: ignore[arg-type]


class TestTexts:
    def test_round_trip(self, gpt2: HuggingFaceMachine) -> None:
        texts = [*TEXTS, "Zwölf Boxkämpfer 🥊\n\n\tjagen  Viktor.", " two spaces in front"]
        for text, ids in zip(texts, gpt2.encode(texts)):
            assert gpt2.decode(ids) == " " + text
        for text, ids in zip(texts, gpt2.encode(texts, leading_space=False)):
            assert gpt2.decode(ids) == text

    def test_no_token_is_added(self, tmp_path: Path) -> None:
        tokenizer = save_tokenizer(tmp_path)
        tokenizer.add_bos_token = True
        machine = HuggingFaceMachine(random_model("gpt2", N_TOKENS), tokenizer=tokenizer)
        assert 0 not in machine.encode(TEXTS)[0]

    def test_failures_are_named_and_counted(self, gpt2: HuggingFaceMachine) -> None:
        texts = ["Fine.", "", "  \n", "with <|endoftext|> inside", "\ud800 half"]
        with pytest.raises(ValueError, match=r"texts\[1\].*empty.*3 more"):
            gpt2.encode(texts)
        found = gpt2.encode_each(texts)
        np.testing.assert_array_equal(found.index, [0])
        assert [skipped.index for skipped in found.skipped] == [1, 2, 3, 4]
        for skipped, word in zip(found.skipped, ["empty", "empty", "<|endoftext|>", "surrogate"]):
            assert word in skipped.reason
        assert "1 texts" in repr(found)

    def test_lossy_tokenizers_are_found_out(self, tmp_path: Path) -> None:
        tokenizer = save_tokenizer(tmp_path)
        from tokenizers import normalizers

        tokenizer.backend_tokenizer.normalizer = normalizers.Lowercase()
        machine = HuggingFaceMachine(random_model("gpt2", N_TOKENS), tokenizer=tokenizer)
        found = machine.encode_each(["all small", "One Capital"])
        assert len(found.ids) == 1
        assert "doesn't give it back" in found.skipped[0].reason
        assert "character 1 " in found.skipped[0].reason

    def test_tokenizer_of_a_larger_vocabulary(self, tmp_path: Path) -> None:
        machine = HuggingFaceMachine(
            random_model("gpt2", 100), tokenizer=save_tokenizer(tmp_path), first_token=0
        )
        assert "model has tokens 0 .. 99" in machine.encode_each(["The clock."]).skipped[0].reason

    @pytest.mark.parametrize("texts", ["a string", b"bytes", 3, None])
    def test_no_list(self, gpt2: HuggingFaceMachine, texts: Any) -> None:
        with pytest.raises(TypeError, match="texts must be a list of str"):
            gpt2.encode(texts)

    def test_rows_that_are_no_strings(self, gpt2: HuggingFaceMachine) -> None:
        with pytest.raises(TypeError, match=r"texts\[1\] must be a str, got nan"):
            gpt2.encode(["a", float("nan")])  # type: ignore[list-item]

    def test_sentence_ends(self, gpt2: HuggingFaceMachine) -> None:
        ends = gpt2.sentence_ends()
        for token in range(N_TOKENS):
            text = gpt2.tokenizer.decode([token])
            assert (token in ends) == (text.endswith((".", "!", "?")) and token != 0)
        assert gpt2.sentence_ends(".") < ends
        quoted = gpt2.sentence_ends(['."', '!"'])
        assert quoted.isdisjoint(ends)

    def test_sentence_reversal(self, gpt2: HuggingFaceMachine) -> None:
        (ids,) = gpt2.encode(["The clock struck. Who opened? Nobody did! And"])
        plan = gpt2.sentence_reversal().plan(ids)
        assert gpt2.decode(ids[plan.order]) == " Nobody did! Who opened? The clock struck."
        assert gpt2.decode(ids[-plan.n_cut_off :]) == " And"
        assert gpt2.sentence_reversal(2).plan(ids).n_blocks == 2

    @pytest.mark.parametrize("delimiters", ["", [], [""], [1], 5])
    def test_bad_delimiters(self, gpt2: HuggingFaceMachine, delimiters: Any) -> None:
        with pytest.raises(ValueError, match="delimiters"):
            gpt2.sentence_ends(delimiters)

    def test_no_token_ends_so(self, gpt2: HuggingFaceMachine) -> None:
        with pytest.raises(ValueError, match="no token"):
            gpt2.sentence_reversal(delimiters="\u3002")

    def test_without_a_tokenizer(self) -> None:
        machine = HuggingFaceMachine(random_model("gpt2", 5), first_token=0)
        assert machine.tokenizer is None
        for method in (machine.sentence_ends, lambda: machine.encode(["a"])):
            with pytest.raises(ValueError, match="no tokenizer"):
                method()


class TestProvenance:
    def test_json_ready_and_complete(self, machine: HuggingFaceMachine) -> None:
        facts = json.loads(json.dumps(machine.provenance()))
        for name in ("parameters_sha256", "configuration_sha256", "tokenizer_sha256"):
            assert len(facts[name]) == 64
        assert facts["dtype"] == "float32"
        assert facts["versions"]["transformers"] == transformers.__version__
        assert facts["architecture"] in ARCHITECTURES
        assert facts["window"] is None

    def test_hashes(self, tmp_path: Path, language_models: dict[str, Path]) -> None:
        one = HuggingFaceMachine(language_models["gpt2"]).provenance()
        again = HuggingFaceMachine(language_models["gpt2"]).provenance()
        assert one == again
        save_model(random_model("gpt2", N_TOKENS, seed=1), tmp_path)
        tokenizer = save_tokenizer(tmp_path)
        other = HuggingFaceMachine(tmp_path).provenance()
        assert other["parameters_sha256"] != one["parameters_sha256"]
        assert other["configuration_sha256"] == one["configuration_sha256"]
        assert other["tokenizer_sha256"] == one["tokenizer_sha256"]
        tokenizer.add_tokens(["<new>"])
        model = random_model("gpt2", N_TOKENS + 1)
        third = HuggingFaceMachine(model, tokenizer=tokenizer).provenance()
        assert third["tokenizer_sha256"] != one["tokenizer_sha256"]
        assert third["configuration_sha256"] != one["configuration_sha256"]

    def test_hash_is_that_of_the_model_handed_over(self, language_models: dict[str, Path]) -> None:
        loaded = HuggingFaceMachine(language_models["llama"])
        handed = HuggingFaceMachine(loaded.model, tokenizer=loaded.tokenizer)
        for name in ("parameters_sha256", "configuration_sha256", "tokenizer_sha256"):
            assert handed.provenance()[name] == loaded.provenance()[name]
        before = loaded.provenance()["parameters_sha256"]
        with torch.no_grad():
            next(handed.model.parameters()).add_(1.0)
        after = handed.provenance()["parameters_sha256"]
        assert after != before
        # The model is the same, and no longer that of the files.
        assert loaded.provenance()["parameters_sha256"] == after

    def test_tokenizer_hash_ignores_its_last_use(self, tmp_path: Path) -> None:
        tokenizer = save_tokenizer(tmp_path)
        machine = HuggingFaceMachine(random_model("gpt2", N_TOKENS), tokenizer=tokenizer)
        before = machine.provenance()["tokenizer_sha256"]
        tokenizer(TEXTS, truncation=True, max_length=5)
        assert machine.provenance()["tokenizer_sha256"] == before
        tokenizer.add_tokens(["<new>"])
        assert machine.provenance()["tokenizer_sha256"] != before

    def test_repr(self, gpt2: HuggingFaceMachine) -> None:
        assert "first_token=0" in repr(gpt2)
        assert "float32" in repr(gpt2)
