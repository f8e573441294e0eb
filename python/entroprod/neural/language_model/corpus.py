"""Texts for the training of a small language model: its tokenizer, and stretches of tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from entroprod.neural.language_model.tokens import tokens_ending_with

END_OF_TEXT = "<|endoftext|>"

# Every tenth stretch of the text is kept from the training, to measure the loss on.
_HELD_OUT_ONE_IN = 10
_STRETCHES = 40


def train_tokenizer(texts: Sequence[str], vocabulary_size: int) -> Any:
    """Byte-level BPE tokenizer whose token 0 marks the borders of texts."""
    import tokenizers
    from transformers import PreTrainedTokenizerFast

    byte_level = tokenizers.pre_tokenizers.ByteLevel
    backend = tokenizers.Tokenizer(tokenizers.models.BPE())
    backend.pre_tokenizer = byte_level(add_prefix_space=False)
    backend.decoder = tokenizers.decoders.ByteLevel()
    # Memory is taken for as many tokens as are wanted, and every merge shortens the text by a byte.
    n_bytes = sum(len(text.encode("utf-8", "surrogatepass")) + 1 for text in texts)
    most = 1 + len(byte_level.alphabet()) + n_bytes
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=min(vocabulary_size, most),
        special_tokens=[END_OF_TEXT],
        initial_alphabet=sorted(byte_level.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator([" " + text for text in texts], trainer)
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=backend,
        bos_token=END_OF_TEXT,
        eos_token=END_OF_TEXT,
        clean_up_tokenization_spaces=False,
    )


@dataclass(frozen=True)
class Corpus:
    """Token ids of all texts in one row, and where stretches of it may begin.

    A stretch has ``context`` tokens to be predicted. One that overlaps the held-out parts isn't
    trained on.
    """

    tokens: NDArray[np.int64]
    training_starts: NDArray[np.int64]
    held_out_starts: NDArray[np.int64]
    n_tokens: int
    n_held_out: int

    @classmethod
    def from_texts(cls, texts: Sequence[str], tokenizer: Any, context: int) -> Corpus:
        """Raise ValueError where there is too little text."""
        rows = [tokenizer.backend_tokenizer.encode(" " + text).ids for text in texts]
        end = tokenizer.bos_token_id
        tokens = np.array([token for ids in rows for token in (end, *ids)] + [end], dtype=np.int64)
        n_tokens = len(tokens) - len(rows) - 1
        width = len(tokens) // _STRETCHES
        if width < context + 1:
            raise ValueError(
                f"texts must have at least {_STRETCHES * (context + 1):,} tokens for a context of "
                f"{context}, got {n_tokens:,} ({sum(map(len, texts)):,} characters): give more "
                "text, or a shorter context"
            )
        starts = _sentence_starts(tokens, tokenizer)
        starts = starts[starts + context <= len(tokens)]
        first, last = starts // width, (starts + context - 1) // width
        kept = first % _HELD_OUT_ONE_IN == _HELD_OUT_ONE_IN - 1
        trained = ~kept & (last % _HELD_OUT_ONE_IN != _HELD_OUT_ONE_IN - 1)
        held_out = starts[kept & (last == first)]
        stretches = np.arange(_HELD_OUT_ONE_IN - 1, _STRETCHES, _HELD_OUT_ONE_IN)
        if len(held_out) == 0:
            held_out = stretches * width
        return cls(tokens, starts[trained], held_out, n_tokens, width * len(stretches))

    def batch(
        self, starts: NDArray[np.int64], context: int, end: int
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Inputs and targets, (batch, context) each; the first input is the mark of the border."""
        targets = self.tokens[starts[:, np.newaxis] + np.arange(context)]
        inputs = np.concatenate([np.full((len(starts), 1), end), targets[:, :-1]], axis=1)
        return torch.from_numpy(inputs), torch.from_numpy(targets)


def _sentence_starts(tokens: NDArray[np.int64], tokenizer: Any) -> NDArray[np.int64]:
    """Positions behind a border or the end of a sentence; all where there are too few of them."""
    ends = tokens_ending_with(tokenizer, ".!?") | {tokenizer.bos_token_id}
    behind = np.flatnonzero(np.isin(tokens, sorted(ends))) + 1
    # A text without sentences (verse, code, another script) is entered anywhere.
    return behind if len(behind) >= len(tokens) // 200 else np.arange(1, len(tokens))
