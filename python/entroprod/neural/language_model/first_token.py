"""The fixed token that the first token of every text is conditioned on, and why it is that one."""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np

from entroprod.boundary.symbols import as_symbol
from entroprod.neural.first_step import FirstInput


def choose_first_token(
    given: SupportsIndex | str | None, model: Any, tokenizer: Any, n_symbols: int
) -> FirstInput:
    """The fixed token that every sequence is read after, and by which rule it was chosen."""
    if given is None:
        token, policy = _default_first_token(model, tokenizer)
    elif isinstance(given, str):
        token, policy = _token_of(given, tokenizer), "given"
    else:
        token, policy = as_symbol(given, "first_token", n_symbols), "given"
    token = as_symbol(token, "first_token", n_symbols)
    written = None if tokenizer is None else tokenizer.convert_ids_to_tokens(token)
    facts: dict[str, object] = {
        "first_token": token,
        "first_token_text": written,
        "first_token_policy": policy,
    }
    return FirstInput(np.array(token, dtype=np.int64), facts)


def _default_first_token(model: Any, tokenizer: Any) -> tuple[int, str]:
    config = model.config.get_text_config()
    for kind in ("bos", "eos"):
        for owner, holder in (("tokenizer", tokenizer), ("model", config)):
            token = getattr(holder, f"{kind}_token_id", None)
            if isinstance(token, (list, tuple)):
                token = token[0] if token else None
            if token is not None:
                return int(token), f"{kind.upper()} of the {owner}"
    raise ValueError(
        "first_token must be given: the model has neither a BOS nor an EOS token that the first "
        "token of a text could be conditioned on"
    )


def _token_of(written: str, tokenizer: Any) -> int:
    if tokenizer is None:
        raise ValueError("first_token must be an id where there is no tokenizer")
    vocabulary: dict[str, int] = tokenizer.get_vocab()
    if written not in vocabulary:
        raise ValueError(f"first_token must be in the tokenizer's vocabulary, got {written!r}")
    return vocabulary[written]
