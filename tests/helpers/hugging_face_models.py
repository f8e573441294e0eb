"""Tiny language models of every tested architecture, with random weights, and slow scores of them.

Weights are larger than usual, so that conditional distributions are far from uniform and far from
independent of the past.
"""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from entroprod.neural.language_model.architectures import ARCHITECTURES, architecture_config
from entroprod.neural.language_model.corpus import train_tokenizer
from entroprod.neural.language_model.quiet import quiet_transformers

TEXTS = [
    "The old clock struck nine. Who opened the door? Nobody did.",
    "A gull cried over the harbour, and the wind fell! The lamp went out.",
    'He said: "Look!" Nobody looked.',
    "Snow.",
]
N_TOKENS = 300
# Log-probabilities of single tokens in float32, summed in another order: some roundings of logits
# of about 10.
FLOAT32 = 1e-5
# Sums of up to 243 probabilities, of which each has several factors with such errors.
OF_SUMS = 5e-5
# One part in 256 of a logit, twice.
BFLOAT16 = 0.2
# What is added to the weights: spreads logits over a few nats.
_SPREAD = 0.2


def random_model(architecture: str, n_symbols: int, *, seed: int = 0, context: int = 64) -> Any:
    """A model with two layers and random weights, in eval mode."""
    return model_of(architecture_config(architecture, n_symbols, 2, 16, context), seed)


def model_of(config: Any, seed: int = 0) -> Any:
    import transformers

    auto: Any = transformers.AutoModelForCausalLM
    with quiet_transformers(), torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(seed)
        model = auto.from_config(config, dtype=torch.float32)
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.add_(_SPREAD * torch.randn_like(parameter))
    return model.eval()


def save_model(model: Any, folder: Path) -> Path:
    with quiet_transformers():
        model.save_pretrained(folder)
    return folder


def save_tokenizer(folder: Path, *, bos: bool = True, eos: bool = True) -> Any:
    """A byte-level tokenizer of 300 tokens, with <|endoftext|> as BOS and EOS as told."""
    with quiet_transformers():
        tokenizer = train_tokenizer(TEXTS * 3, 300)
        if not bos:
            tokenizer.bos_token = None
        if not eos:
            tokenizer.eos_token = None
        tokenizer.save_pretrained(folder)
    return tokenizer


def save_folders(base: Path) -> dict[str, Path]:
    """A folder with a model and a tokenizer for each architecture."""
    folders = {}
    for architecture in ARCHITECTURES:
        folders[architecture] = save_model(
            random_model(architecture, N_TOKENS), base / architecture
        )
        save_tokenizer(folders[architecture])
    return folders


def plain_scores(
    model: Any, sequence: NDArray[np.int64], contexts: list[list[int]], temperature: float = 1.0
) -> NDArray[np.float64]:
    """ln p of each token from the model's own last logits after each context, one at a time."""
    values = []
    with torch.inference_mode(), quiet_transformers():
        for token, context in zip(sequence, contexts, strict=True):
            logits = model(input_ids=torch.tensor([context]), use_cache=False).logits[0, -1]
            log_softmax = torch.log_softmax(logits.double() / temperature, -1)
            values.append(log_softmax[int(token)].item())
    return np.array(values)


def contexts_of(sequence: NDArray[np.int64], first: int) -> list[list[int]]:
    """The fixed first token and all tokens before each."""
    return [[first, *sequence[:t].tolist()] for t in range(len(sequence))]


def all_sequences(n_symbols: int, n_steps: int) -> NDArray[np.int64]:
    return np.array(list(itertools.product(range(n_symbols), repeat=n_steps)))
