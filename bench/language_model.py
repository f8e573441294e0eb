"""A language model of GPT-2's size with random weights, and token ids to score with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from entroprod.neural import TorchMachine

Tokens = npt.NDArray[np.int64]

FIRST_TOKEN = 50256
N_TEXTS, SENTENCES = 60, 4
# What models of transformers call the keys and values they remember; past_key_values in old ones.
CACHE = "cache"


def random_model() -> Any:
    """GPT-2 small as transformers configures it: 124 million parameters, 50,257 tokens."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    torch.manual_seed(0)
    model = GPT2LMHeadModel(GPT2Config())
    model.requires_grad_(False).train(False)
    return model


def orders(n_texts: int = N_TEXTS) -> list[Tokens]:
    """Texts of about 35 tokens in three orders: forward, tokens reversed, sentences reversed."""
    rng = np.random.default_rng(0)
    texts = [rng.integers(FIRST_TOKEN, size=n) for n in rng.integers(28, 43, size=n_texts)]
    reversed_tokens = [text[::-1] for text in texts]
    reversed_sentences = [np.concatenate(np.array_split(text, SENTENCES)[::-1]) for text in texts]
    return [*texts, *reversed_tokens, *reversed_sentences]


def machine_of(model: Any) -> TorchMachine:
    """The model as a machine: its body gives hidden states, with a cache when sampling."""
    import torch

    from entroprod.neural import TorchMachine
    from entroprod.neural.language_model.growing_cache import growing

    class Body(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = model.transformer

        def forward(self, ids: torch.Tensor) -> Any:
            return self.body(input_ids=ids, use_cache=False)

        def step(self, cache: Any, symbols: torch.Tensor) -> tuple[Any, Any]:
            out = self.body(input_ids=symbols[:, None], use_cache=True, **{CACHE: cache})
            return out, growing(getattr(out, CACHE))

    body = Body().eval()
    return TorchMachine(
        body,
        head=model.lm_head,
        n_symbols=model.config.vocab_size,
        first_token=FIRST_TOKEN,
        step=body.step,
    )
