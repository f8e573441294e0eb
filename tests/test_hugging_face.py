"""Causal language models of transformers as machines, against their own logits."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers

import entroprod as ep
from entroprod.neural import HuggingFaceMachine, Window
from entroprod.neural.quiet import quiet_transformers
from hugging_face_models import (
    ARCHITECTURES,
    TEXTS,
    all_sequences,
    contexts_of,
    model_of,
    plain_scores,
    random_model,
    save_model,
    save_tokenizer,
)

# Log-probabilities of single tokens in float32, summed in another order: some roundings of logits
# of about 10.
FLOAT32 = 1e-5
# Sums of up to 81 probabilities, of which each has several factors with such errors.
OF_SUMS = 5e-5
# One part in 256 of a logit, twice.
BFLOAT16 = 0.2

N_TOKENS = 300


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Tiny matrix products are slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a model and a tokenizer for each architecture."""
    found = {}
    for architecture in ARCHITECTURES:
        folder = tmp_path_factory.mktemp(architecture)
        save_model(random_model(architecture, N_TOKENS), folder)
        save_tokenizer(folder)
        found[architecture] = folder
    return found


@pytest.fixture(scope="session", params=ARCHITECTURES)
def machine(request: pytest.FixtureRequest, folders: dict[str, Path]) -> HuggingFaceMachine:
    return HuggingFaceMachine(folders[request.param], device="cpu")


@pytest.fixture(scope="session", params=ARCHITECTURES)
def three_symbols(request: pytest.FixtureRequest) -> HuggingFaceMachine:
    return HuggingFaceMachine(random_model(request.param, 3, seed=1), first_token=1)


@pytest.fixture(scope="session")
def gpt2(folders: dict[str, Path]) -> HuggingFaceMachine:
    return HuggingFaceMachine(folders["gpt2"], device="cpu")


class TestScores:
    def test_equal_a_plain_loop(self, machine: HuggingFaceMachine) -> None:
        model = machine.model
        for ids, found in zip(
            machine.encode(TEXTS), machine.log_prob_ragged(machine.encode(TEXTS))
        ):
            wanted = plain_scores(model, ids, contexts_of(ids, 0))
            np.testing.assert_allclose(found, wanted, atol=FLOAT32)

    def test_batched_equal_one_by_one(self, machine: HuggingFaceMachine) -> None:
        ids = machine.encode(TEXTS)
        for together, sequence in zip(machine.log_prob_ragged(ids), ids):
            np.testing.assert_allclose(together, machine.log_prob(sequence), atol=FLOAT32)
            np.testing.assert_allclose(together, machine.log_prob([sequence])[0], atol=FLOAT32)

    def test_padding_never_leaks(self, machine: HuggingFaceMachine) -> None:
        short, long = np.array([5, 9, 2]), np.arange(40) % N_TOKENS
        beside = machine.log_prob_ragged([short, long])
        other = machine.log_prob_ragged([short, long[::-1].copy(), long])
        np.testing.assert_allclose(beside[0], machine.log_prob(short), atol=FLOAT32)
        np.testing.assert_allclose(other[0], beside[0], atol=FLOAT32)
        np.testing.assert_allclose(other[2], beside[1], atol=FLOAT32)

    def test_body_and_layer_apart(self, machine: HuggingFaceMachine) -> None:
        assert machine.runs_body_and_layer_apart
        assert machine.has_cache

    def test_temperature_divides_logits(self, folders: dict[str, Path]) -> None:
        hot = HuggingFaceMachine(folders["gpt2"], temperature=3.0)
        ids = hot.encode(TEXTS)[0]
        wanted = plain_scores(hot.model, ids, contexts_of(ids, 0), temperature=3.0)
        np.testing.assert_allclose(hot.log_prob(ids), wanted, atol=FLOAT32)

    def test_published_protocol_is_the_default(self, gpt2: HuggingFaceMachine) -> None:
        """[S26]: a leading space, <|endoftext|> as the fixed first context, temperature 1."""
        text = "The gull cried. Nobody looked."
        ids = np.array(gpt2.tokenizer(" " + text)["input_ids"])
        np.testing.assert_array_equal(gpt2.encode([text])[0], ids)
        for order in (ids, ids[::-1].copy()):
            wanted = plain_scores(gpt2.model, order, contexts_of(order, 0)).sum()
            assert gpt2.log_prob(order).sum() == pytest.approx(wanted, abs=len(ids) * FLOAT32)
        result = ep.stochastic_entropy_production(gpt2, [ids])
        facts = result.provenance
        assert (facts["first_token_text"], facts["temperature"]) == ("<|endoftext|>", 1.0)

    def test_model_is_left_as_it_was(self, folders: dict[str, Path]) -> None:
        model = random_model("gpt2", 20).train()
        machine = HuggingFaceMachine(model, first_token=0)
        scores = machine.log_prob([1, 2, 3])
        assert model.training
        np.testing.assert_array_equal(machine.log_prob([1, 2, 3]), scores)
        assert torch.is_grad_enabled()


class TestSampling:
    def test_log_prob_of_draws_is_that_of_scoring(self, machine: HuggingFaceMachine) -> None:
        paths, log_prob = machine.sample_with_log_prob(12, 5, rng=3)
        np.testing.assert_allclose(log_prob, machine.log_prob(paths), atol=FLOAT32)

    def test_of_few_symbols(self, three_symbols: HuggingFaceMachine) -> None:
        paths, log_prob = three_symbols.sample_with_log_prob(6, 40, rng=3)
        np.testing.assert_allclose(log_prob, three_symbols.log_prob(paths), atol=FLOAT32)

    def test_paths_do_not_depend_on_the_batch(self, folders: dict[str, Path]) -> None:
        for architecture in ("gpt2", "mamba2"):
            whole = HuggingFaceMachine(folders[architecture])
            one = HuggingFaceMachine(folders[architecture], batch_paths=1)
            np.testing.assert_array_equal(whole.sample(10, 4, rng=5), one.sample(10, 4, rng=5))

    def test_frequencies(self, three_symbols: HuggingFaceMachine) -> None:
        n_paths = 4000
        paths = three_symbols.sample(2, n_paths, rng=7)
        pairs = all_sequences(3, 2)
        wanted = np.exp(three_symbols.log_prob(pairs).sum(-1))
        counts = np.array([(paths == pair).all(-1).sum() for pair in pairs])
        chi_square = ((counts - n_paths * wanted) ** 2 / (n_paths * wanted)).sum()
        # The 0.9999 quantile of 8 degrees of freedom.
        assert chi_square < 31.9

    def test_without_a_cache(self, gpt2: HuggingFaceMachine) -> None:
        class Forgetful(type(gpt2.model.base_model)):  # type: ignore[misc]
            """Returns a cache that it doesn't use."""

            def forward(self, *args: Any, **more: Any) -> Any:
                for name in ("cache", "past_key_values"):
                    more.pop(name, None)
                return super().forward(*args, **more)

        model = random_model("gpt2", 30)
        model.base_model.__class__ = Forgetful
        machine = HuggingFaceMachine(model, first_token=0)
        assert not machine.has_cache
        paths, log_prob = machine.sample_with_log_prob(6, 3, rng=0)
        np.testing.assert_allclose(log_prob, machine.log_prob(paths), atol=FLOAT32)


class TestEnumeration:
    @pytest.mark.parametrize("n_steps", [1, 4])
    def test_probabilities_sum_to_one(
        self, three_symbols: HuggingFaceMachine, n_steps: int
    ) -> None:
        log_prob = three_symbols.log_prob(all_sequences(3, n_steps)).sum(-1)
        assert np.exp(log_prob).sum() == pytest.approx(1, abs=OF_SUMS)

    @pytest.mark.parametrize(
        "reversal",
        [
            ep.TokenReversal(),
            ep.BlockReversal(length=2),
            ep.BlockReversal(delimiters={2}, tail="keep"),
        ],
    )
    def test_fluctuation_theorem(
        self, three_symbols: HuggingFaceMachine, reversal: ep.Reversal
    ) -> None:
        sequences = all_sequences(3, 4)
        if reversal != ep.TokenReversal() and getattr(reversal, "delimiters", None):
            sequences = sequences[(sequences == 2).any(1)]
        result = ep.stochastic_entropy_production(three_symbols, sequences, reversal=reversal)
        forward, backward = np.exp(result.log_forward), np.exp(result.log_backward)
        # The orders of these sequences are the sequences again: the same sum, term for term.
        assert backward.sum() == pytest.approx(forward.sum(), abs=OF_SUMS)
        mean = (forward * np.exp(-result.sigma)).sum()
        assert mean == pytest.approx(forward.sum(), abs=OF_SUMS)
        assert (forward * result.sigma).sum() > 1e-3
        if len(sequences) == 81:
            assert mean == pytest.approx(1, abs=OF_SUMS)

    def test_monte_carlo(self, three_symbols: HuggingFaceMachine) -> None:
        sequences = all_sequences(3, 4)
        exact = ep.stochastic_entropy_production(three_symbols, sequences)
        mean = (np.exp(exact.log_forward) * exact.sigma).sum()
        found = ep.monte_carlo(three_symbols, 4, 2000, rng=1)
        # Five standard errors, of a fixed seed.
        assert abs(found.mean - mean) < 5 * found.standard_error


class TestOutputLayers:
    """What models do to their logits after the output layer is theirs to do."""

    @pytest.mark.parametrize("kind", ["gemma2", "cohere", "granite"])
    def test_known_transforms(self, kind: str) -> None:
        config = transformers.AutoConfig.for_model(
            kind,
            vocab_size=40,
            hidden_size=16,
            intermediate_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            num_key_value_heads=2,
            head_dim=8,
            max_position_embeddings=32,
            pad_token_id=0,
            **{
                "gemma2": {"final_logit_softcapping": 1.5},
                "cohere": {"logit_scale": 0.3},
                "granite": {"logits_scaling": 0.2},
            }[kind],
        )
        machine = HuggingFaceMachine(model_of(config), first_token=1)
        assert machine.runs_body_and_layer_apart
        self._require_plain_scores(machine)

    def test_unknown_transform_takes_all_logits(self) -> None:
        class Shifted(transformers.GPT2LMHeadModel):  # type: ignore[no-untyped-call]
            def forward(self, *args: Any, **more: Any) -> Any:
                out = super().forward(*args, **more)
                out.logits = torch.sin(out.logits) * 3
                return out

        model = Shifted(transformers.GPT2Config(vocab_size=40, n_embd=16, n_layer=1, n_head=2))
        machine = HuggingFaceMachine(model, first_token=1)
        assert not machine.runs_body_and_layer_apart
        self._require_plain_scores(machine)
        paths, log_prob = machine.sample_with_log_prob(6, 3, rng=0)
        np.testing.assert_allclose(log_prob, machine.log_prob(paths), atol=FLOAT32)

    def _require_plain_scores(self, machine: HuggingFaceMachine) -> None:
        ids = np.array([4, 39, 7, 7, 0, 12])
        model = machine.model.eval()
        wanted = plain_scores(model, ids, contexts_of(ids, 1))
        np.testing.assert_allclose(machine.log_prob(ids), wanted, atol=FLOAT32)


_OTHERS: dict[str, dict[str, Any]] = {
    "bloom": {},
    "deepseek_v3": {
        "n_routed_experts": 4,
        "num_experts_per_tok": 2,
        "moe_intermediate_size": 16,
        "n_group": 1,
        "topk_group": 1,
        "q_lora_rank": 16,
        "kv_lora_rank": 16,
        "qk_rope_head_dim": 4,
        "qk_nope_head_dim": 4,
        "v_head_dim": 8,
        "num_key_value_heads": 4,
    },
    "falcon_mamba": {"state_size": 4},
    "gpt_neox": {},
    "gpt_oss": {
        "num_local_experts": 4,
        "num_experts_per_tok": 2,
        "sliding_window": 4,
        "head_dim": 8,
    },
    "jamba": {
        "mamba_d_state": 4,
        "mamba_dt_rank": 4,
        "num_experts": 2,
        "num_experts_per_tok": 1,
        "attn_layer_period": 2,
        "attn_layer_offset": 1,
    },
    "mistral": {"sliding_window": 4},
    "opt": {},
    "recurrent_gemma": {"lru_width": 32, "attention_window_size": 8, "head_dim": 8},
}


class TestOtherArchitectures:
    """Caches, states, masks, routing and position codes of many kinds."""

    @pytest.mark.parametrize("kind", _OTHERS)
    def test_scores_and_samples(self, kind: str) -> None:
        usual = {
            "vocab_size": 40,
            "hidden_size": 32,
            "intermediate_size": 48,
            "num_hidden_layers": 2,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "max_position_embeddings": 64,
            "pad_token_id": 0,
        }
        config = transformers.AutoConfig.for_model(kind, **{**usual, **_OTHERS[kind]})
        machine = HuggingFaceMachine(model_of(config), first_token=1)
        sequences = [np.array([4, 39, 7, 7, 0, 12, 3, 3, 9, 21, 30]), np.array([5, 6, 1])]
        for sequence, found in zip(sequences, machine.log_prob_ragged(sequences)):
            wanted = plain_scores(machine.model, sequence, contexts_of(sequence, 1))
            np.testing.assert_allclose(found, wanted, atol=FLOAT32)
        paths, log_prob = machine.sample_with_log_prob(9, 4, rng=0)
        np.testing.assert_allclose(log_prob, machine.log_prob(paths), atol=FLOAT32)


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

    def test_given_by_id_or_as_written(self, folders: dict[str, Path]) -> None:
        by_id = HuggingFaceMachine(folders["gpt2"], first_token=14)
        written = by_id.tokenizer.convert_ids_to_tokens(14)
        as_written = HuggingFaceMachine(folders["gpt2"], first_token=written)
        ids = by_id.encode(TEXTS)[0]
        np.testing.assert_array_equal(by_id.log_prob(ids), as_written.log_prob(ids))
        wanted = plain_scores(by_id.model, ids, contexts_of(ids, 14))
        np.testing.assert_allclose(by_id.log_prob(ids), wanted, atol=FLOAT32)

    @pytest.mark.parametrize(
        ("given", "named"),
        [(N_TOKENS, "299"), (-1, "-1"), ("<none>", "vocabulary"), (1.5, "first_token")],
    )
    def test_bad(self, folders: dict[str, Path], given: Any, named: str) -> None:
        with pytest.raises((ValueError, TypeError), match=named):
            HuggingFaceMachine(folders["gpt2"], first_token=given)


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
        self, folders: dict[str, Path], length: int, stride: int, n_steps: int
    ) -> None:
        machine = HuggingFaceMachine(folders["gpt2"], window=Window(length, stride))
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

    def test_recurrent_models_have_no_limit(self, folders: dict[str, Path]) -> None:
        machine = HuggingFaceMachine(folders["mamba2"])
        assert machine.context is None
        assert machine.log_prob(np.zeros(100, dtype=int)).shape == (100,)
        with pytest.raises(ValueError, match="window needs a length"):
            HuggingFaceMachine(folders["mamba2"], window=Window())

    def test_context_by_argument(self, folders: dict[str, Path]) -> None:
        machine = HuggingFaceMachine(folders["mamba2"], context=10)
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

    def test_bad_for_the_model(self, folders: dict[str, Path]) -> None:
        with pytest.raises(ValueError, match=r"length 65.*64"):
            HuggingFaceMachine(folders["gpt2"], window=Window(65))
        with pytest.raises(TypeError, match="window"):
            HuggingFaceMachine(folders["gpt2"], window=8)  # type: ignore[arg-type]


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

    def test_hashes(self, tmp_path: Path, folders: dict[str, Path]) -> None:
        one = HuggingFaceMachine(folders["gpt2"]).provenance()
        again = HuggingFaceMachine(folders["gpt2"]).provenance()
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

    def test_hash_is_that_of_the_model_handed_over(self, folders: dict[str, Path]) -> None:
        loaded = HuggingFaceMachine(folders["llama"])
        handed = HuggingFaceMachine(loaded.model, tokenizer=loaded.tokenizer)
        for name in ("parameters_sha256", "configuration_sha256", "tokenizer_sha256"):
            assert handed.provenance()[name] == loaded.provenance()[name]
        with torch.no_grad():
            next(handed.model.parameters()).add_(1.0)
        assert handed.provenance()["parameters_sha256"] != loaded.provenance()["parameters_sha256"]

    def test_tokenizer_hash_ignores_its_last_use(self, tmp_path: Path) -> None:
        tokenizer = save_tokenizer(tmp_path)
        machine = HuggingFaceMachine(random_model("gpt2", N_TOKENS), tokenizer=tokenizer)
        before = machine.provenance()["tokenizer_sha256"]
        tokenizer(TEXTS, truncation=True, max_length=5)
        assert machine.provenance()["tokenizer_sha256"] == before

    def test_repr(self, gpt2: HuggingFaceMachine) -> None:
        assert "first_token=0" in repr(gpt2)
        assert "float32" in repr(gpt2)


class TestSelfTest:
    def test_measures_rounding(self, machine: HuggingFaceMachine) -> None:
        found = machine.self_test(TEXTS * 3, rng=1)
        assert found.n_sequences == 12
        assert 0 <= found.rms_per_token <= found.max_per_token < FLOAT32
        assert found.rms_per_sequence <= found.max_per_sequence < 20 * FLOAT32
        assert "float32" in repr(found)
        assert json.loads(json.dumps(found.to_dict()))["device"] == "cpu"

    def test_half_precision_is_noisier(self, folders: dict[str, Path]) -> None:
        with pytest.warns(UserWarning, match="bfloat16.*self_test"):
            half = HuggingFaceMachine(folders["gpt2"], dtype="bfloat16")
        assert half.provenance()["dtype"] == "bfloat16"
        single = HuggingFaceMachine(folders["gpt2"])
        ids = single.encode(TEXTS)
        for coarse, fine in zip(half.log_prob_ragged(ids), single.log_prob_ragged(ids)):
            np.testing.assert_allclose(coarse, fine, atol=BFLOAT16)
        assert half.self_test(TEXTS).max_per_token < BFLOAT16

    @pytest.mark.parametrize("dtype", ["float16", "float64"])
    def test_other_dtypes(self, folders: dict[str, Path], dtype: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = HuggingFaceMachine(folders["llama"], dtype=dtype)
        single = HuggingFaceMachine(folders["llama"])
        assert other.runs_body_and_layer_apart
        assert other.has_cache
        ids = single.encode(TEXTS)[0]
        tolerance = BFLOAT16 if dtype == "float16" else FLOAT32
        np.testing.assert_allclose(other.log_prob(ids), single.log_prob(ids), atol=tolerance)

    def test_token_ids(self, gpt2: HuggingFaceMachine) -> None:
        assert gpt2.self_test([[1, 2, 3], [4]]).n_tokens == 4

    def test_bad(self, gpt2: HuggingFaceMachine) -> None:
        with pytest.raises(ValueError, match="texts must not be empty"):
            gpt2.self_test([])


class TestBadModels:
    """One line that names what is wrong, from whichever library it comes."""

    def refused(self, model: Any, *words: str, **options: Any) -> None:
        with pytest.raises((ValueError, TypeError)) as caught:
            HuggingFaceMachine(model, **options)
        message = str(caught.value)
        assert "\n" not in message
        assert caught.value.__cause__ is None
        for word in words:
            assert word in message

    def test_no_folder(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "none", "there is no folder", "none")
        self.refused(str(tmp_path / "none"), "there is no folder")
        self.refused("./none", "there is no folder")
        self.refused("a/b/c", "there is no folder")
        self.refused("", "model must be")

    def test_no_such_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import huggingface_hub

        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        self.refused("nobody/nothing", "nobody/nothing", "neither a folder here nor on the hub")

    def test_a_file_and_an_empty_folder(self, tmp_path: Path) -> None:
        (tmp_path / "model.bin").write_bytes(b"")
        self.refused(tmp_path / "model.bin", "is a file")
        self.refused(tmp_path, "holds no model", "config.json")

    def test_broken_files(self, tmp_path: Path, folders: dict[str, Path]) -> None:
        def copy(name: str) -> Path:
            folder = tmp_path / name
            folder.mkdir()
            for file in folders["gpt2"].iterdir():
                (folder / file.name).write_bytes(file.read_bytes())
            return folder

        folder = copy("weights")
        (folder / "model.safetensors").write_bytes(b"\x10" * 1000)
        self.refused(folder, "model", "can't be read")
        folder = copy("none")
        (folder / "model.safetensors").unlink()
        self.refused(folder, "model.safetensors")
        folder = copy("config")
        (folder / "config.json").write_text("{")
        self.refused(folder, "JSON")
        folder = copy("kind")
        (folder / "config.json").write_text('{"model_type": "nonsense"}')
        self.refused(folder, "nonsense")
        folder = copy("tokenizer")
        (folder / "tokenizer.json").write_text("{")
        self.refused(folder, "tokenizer", "can't be read")

    def test_no_tokenizer(self, tmp_path: Path) -> None:
        save_model(random_model("gpt2", 50), tmp_path)
        self.refused(tmp_path, "no tokenizer", "tokenizer=")
        given = save_tokenizer(tmp_path / "elsewhere")
        assert HuggingFaceMachine(tmp_path, tokenizer=given, first_token=0).n_symbols == 50

    def test_missing_weights(self, tmp_path: Path) -> None:
        from safetensors.torch import load_file, save_file

        save_model(random_model("llama", 50), tmp_path)
        save_tokenizer(tmp_path)
        file = tmp_path / "model.safetensors"
        weights = load_file(file)
        del weights["model.layers.1.mlp.up_proj.weight"]
        save_file(weights, file, metadata={"format": "pt"})
        self.refused(tmp_path, "lacks 1 of its weights", "model.layers.1.mlp.up_proj.weight")

    def test_nan_weights(self) -> None:
        model = random_model("qwen3", 20)
        with torch.no_grad():
            model.model.layers[1].mlp.up_proj.weight[2, 3] = torch.nan
        with pytest.raises(ep.NumericalError, match=r"1 of.*layers.1.mlp.up_proj.weight.*NaN"):
            HuggingFaceMachine(model)

    def test_not_causal(self, tmp_path: Path) -> None:
        config = transformers.BertConfig(
            vocab_size=N_TOKENS,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
        )
        with quiet_transformers():
            transformers.BertLMHeadModel(config).save_pretrained(tmp_path)
        save_tokenizer(tmp_path)
        self.refused(tmp_path, "BertLMHeadModel is not a causal language model", "later token")

    def test_no_language_model(self, tmp_path: Path) -> None:
        config = transformers.T5Config(
            vocab_size=50, d_model=16, d_kv=8, num_layers=1, num_heads=2, d_ff=16
        )
        with quiet_transformers():
            transformers.T5ForConditionalGeneration(config).save_pretrained(tmp_path)
        save_tokenizer(tmp_path)
        self.refused(tmp_path, "not a causal language model", "T5Config")
        self.refused(torch.nn.Linear(2, 2), "model must be a folder", "Linear")
        self.refused(3, "model must be a folder", "int")

    def test_tokens_outside_of_the_vocabulary(self, gpt2: HuggingFaceMachine) -> None:
        with pytest.raises(ValueError, match="300"):
            gpt2.log_prob([1, 300])
        with pytest.raises(ValueError, match="-1"):
            gpt2.log_prob([[1, -1]])

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    def test_no_gpu(self, folders: dict[str, Path]) -> None:
        self.refused(folders["gpt2"], "cuda", "GPU", device="cuda")

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"dtype": "float8"}, "dtype"),
            ({"temperature": 0.0}, "temperature"),
            ({"device": "nowhere"}, "device"),
            ({"context": 0}, "context"),
            ({"batch_tokens": 0}, "batch_tokens"),
        ],
    )
    def test_bad_options(self, folders: dict[str, Path], options: Any, named: str) -> None:
        self.refused(folders["gpt2"], named, **options)

    def test_options_without_effect(self) -> None:
        self.refused(random_model("gpt2", 5), "attention", attention="eager")

    def test_attention(self, folders: dict[str, Path]) -> None:
        eager = HuggingFaceMachine(folders["gpt2"], attention="eager")
        usual = HuggingFaceMachine(folders["gpt2"])
        assert eager.provenance()["attention"] == "eager"
        ids = usual.encode(TEXTS)[0]
        np.testing.assert_allclose(eager.log_prob(ids), usual.log_prob(ids), atol=FLOAT32)


class TestQuiet:
    def test_nothing_is_printed(
        self, folders: dict[str, Path], capfd: pytest.CaptureFixture[str]
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for architecture in ARCHITECTURES:
                machine = HuggingFaceMachine(folders[architecture])
                machine.log_prob_ragged(machine.encode(TEXTS))
                machine.sample(3, 2, rng=0)
        assert capfd.readouterr() == ("", "")

    def test_settings_come_back(self, gpt2: HuggingFaceMachine) -> None:
        from transformers.utils import logging

        settings: Any = logging
        before = settings.get_verbosity(), settings.is_progress_bar_enabled()
        gpt2.log_prob([1, 2])
        assert (settings.get_verbosity(), settings.is_progress_bar_enabled()) == before

    def test_transformers_is_imported_when_it_is_used(self) -> None:
        code = (
            "import sys; from entroprod.neural import entropy_production, TorchMachine; "
            "assert 'transformers' not in sys.modules; sys.modules['transformers'] = None\n"
            "from entroprod.neural import HuggingFaceMachine, train_language_model\n"
            "for call in (lambda: HuggingFaceMachine('x'), lambda: train_language_model('', '')):\n"
            "    try: call()\n"
            "    except ImportError as error: assert 'entroprod[text]' in str(error)\n"
            "    else: raise AssertionError\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
