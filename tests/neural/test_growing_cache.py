"""A cache that grows in place holds what the plain one holds."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from entroprod.neural.language_model.growing_cache import growing

# Kernels of attention may add in another order where keys have other strides.
ROUNDING = 1e-5


def model(kind: str) -> Any:
    import transformers

    torch.manual_seed(0)
    if kind == "gpt2":
        config: Any = transformers.GPT2Config(
            n_layer=2, n_embd=16, n_head=2, vocab_size=50, bos_token_id=0, eos_token_id=0
        )
        return transformers.GPT2LMHeadModel(config).train(False)
    config = transformers.LlamaConfig(
        num_hidden_layers=2,
        hidden_size=16,
        intermediate_size=32,
        num_attention_heads=4,
        num_key_value_heads=2,
        vocab_size=50,
    )
    return transformers.LlamaForCausalLM(config).train(False)


def run(kind: str, *, grow: bool, shuffle: bool = False) -> tuple[torch.Tensor, Any]:
    """Logits of seventy steps, past the room that a buffer begins with, and the cache."""
    network, cache = model(kind), None
    generator = torch.Generator().manual_seed(1)
    ids = torch.randint(50, (3, 70), generator=generator)
    rows = []
    with torch.inference_mode():
        for t in range(70):
            step: Any = {"cache": cache} if cache is not None else {}
            out = network(ids[:, t : t + 1], use_cache=True, **step)
            cache = out.cache
            if grow:
                cache = growing(cache)
            if shuffle and t == 40:
                cache.reorder_cache(torch.tensor([2, 0, 0]))
            rows.append(out.logits[:, -1])
    return torch.stack(rows, 1), cache


@pytest.mark.parametrize("kind", ["gpt2", "llama"])
@pytest.mark.parametrize("shuffle", [False, True])
def test_the_same_logits(kind: str, shuffle: bool) -> None:
    plain, _ = run(kind, grow=False, shuffle=shuffle)
    grown, cache = run(kind, grow=True, shuffle=shuffle)
    torch.testing.assert_close(grown, plain, atol=ROUNDING, rtol=0)
    assert cache.get_seq_length() == 70
    assert {type(layer).__name__ for layer in cache.layers} == {"GrowingLayer"}


def test_models_go_on_making_plain_caches() -> None:
    run("gpt2", grow=True)
    _, cache = run("gpt2", grow=False)
    assert {type(layer).__name__ for layer in cache.layers} == {"DynamicLayer"}


def test_anything_else_is_left_alone() -> None:
    for other in (None, (1, 2), "state"):
        assert growing(other) is other
