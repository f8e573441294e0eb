"""Causal language models of transformers as machines, against their own logits."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from hugging_face_models import (
    BFLOAT16,
    FLOAT32,
    N_TOKENS,
    OF_SUMS,
    TEXTS,
    all_sequences,
    contexts_of,
    model_of,
    plain_scores,
    random_model,
)

import entroprod as ep
from entroprod.neural import HuggingFaceMachine
from entroprod.neural.language_model.architectures import ARCHITECTURES
from entroprod.testing import check_machine

pytestmark = pytest.mark.usefixtures("one_torch_thread")


@pytest.fixture(scope="module", params=ARCHITECTURES)
def machine(request: pytest.FixtureRequest, language_models: dict[str, Path]) -> HuggingFaceMachine:
    return HuggingFaceMachine(language_models[request.param], device="cpu")


@pytest.fixture(scope="module", params=ARCHITECTURES)
def three_symbols(request: pytest.FixtureRequest) -> HuggingFaceMachine:
    return HuggingFaceMachine(random_model(request.param, 3, seed=1), first_token=1)


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

    def test_temperature_divides_logits(self, language_models: dict[str, Path]) -> None:
        hot = HuggingFaceMachine(language_models["gpt2"], temperature=3.0)
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

    def test_model_is_left_as_it_was(self, language_models: dict[str, Path]) -> None:
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

    def test_paths_do_not_depend_on_the_batch(self, language_models: dict[str, Path]) -> None:
        for architecture in ("gpt2", "mamba2"):
            whole = HuggingFaceMachine(language_models[architecture])
            one = HuggingFaceMachine(language_models[architecture], batch_paths=1)
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

    def test_laws_of_any_machine(self, three_symbols: HuggingFaceMachine) -> None:
        assert check_machine(three_symbols, n_steps=8, n_paths=500).passed

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


class TestSelfTest:
    def test_measures_rounding(self, machine: HuggingFaceMachine) -> None:
        found = machine.self_test(TEXTS * 3, rng=1)
        assert found.n_sequences == 12
        assert 0 <= found.rms_per_token <= found.max_per_token < FLOAT32
        assert found.rms_per_sequence <= found.max_per_sequence < 20 * FLOAT32
        assert "float32" in repr(found)
        assert json.loads(json.dumps(found.to_dict()))["device"] == "cpu"

    def test_half_precision_is_noisier(self, language_models: dict[str, Path]) -> None:
        with pytest.warns(UserWarning, match="bfloat16.*self_test"):
            half = HuggingFaceMachine(language_models["gpt2"], dtype="bfloat16")
        assert half.provenance()["dtype"] == "bfloat16"
        single = HuggingFaceMachine(language_models["gpt2"])
        ids = single.encode(TEXTS)
        for coarse, fine in zip(half.log_prob_ragged(ids), single.log_prob_ragged(ids)):
            np.testing.assert_allclose(coarse, fine, atol=BFLOAT16)
        assert half.self_test(TEXTS).max_per_token < BFLOAT16

    @pytest.mark.parametrize("dtype", ["float16", "float64"])
    def test_other_dtypes(self, language_models: dict[str, Path], dtype: str) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            other = HuggingFaceMachine(language_models["llama"], dtype=dtype)
        single = HuggingFaceMachine(language_models["llama"])
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
        wrong: tuple[Any, ...] = ("abc", None, 3)
        for value in wrong:
            with pytest.raises(TypeError, match="texts must be a list of texts, got"):
                gpt2.self_test(value)
        with pytest.raises(ValueError, match=r"texts\[1\] must hold symbols .* at step 2"):
            gpt2.self_test([[1], [2, 10**6]])
        with pytest.raises(ValueError, match=r"ids must hold symbols .* at step 1"):
            gpt2.decode([10**6])
