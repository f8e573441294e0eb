"""Tiny language models of every tested architecture, with random weights, saved and loaded again.

Weights are larger than usual, so that conditional distributions are far from uniform and far from
independent of the past.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from entroprod.neural.architectures import ARCHITECTURES, architecture_config
from entroprod.neural.corpus import train_tokenizer
from entroprod.neural.quiet import quiet_transformers

__all__ = ["ARCHITECTURES", "random_model", "save_model", "save_tokenizer", "single_thread"]

TEXT = (
    "The old clock struck nine. Who opened the door? A gull cried over the harbour, and the wind "
    'fell. "Look!" said the boy; nobody looked. The lamp went out at ten.'
)
# Of the weights, in units of their usual size; spreads logits over a few nats.
_ENLARGED = 4.0


def random_model(architecture: str, n_symbols: int, *, seed: int = 0, context: int = 32) -> Any:
    """A model with two layers and random weights, in eval mode."""
    config = architecture_config(architecture, n_symbols, 2, 16, context)
    return model_of(config, seed)


def model_of(config: Any, seed: int = 0) -> Any:
    import transformers

    auto: Any = transformers.AutoModelForCausalLM

    with quiet_transformers(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = auto.from_config(config, dtype=torch.float32)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    parameter.add_(torch.randn_like(parameter) * _ENLARGED * 0.05)
    return model.eval()


def save_model(model: Any, folder: Path) -> Path:
    with quiet_transformers():
        model.save_pretrained(folder)
    return folder


def save_tokenizer(folder: Path, *, marked: bool = True) -> Any:
    """A byte-level tokenizer of 300 tokens, with <|endoftext|> as BOS and EOS if ``marked``."""
    with quiet_transformers():
        tokenizer = train_tokenizer([TEXT] * 3, 300)
        if not marked:
            tokenizer.bos_token = tokenizer.eos_token = None
        tokenizer.save_pretrained(folder)
    return tokenizer


@contextlib.contextmanager
def single_thread() -> Iterator[None]:
    """Tiny matrix products are slower on several threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
