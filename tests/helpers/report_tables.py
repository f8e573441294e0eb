"""Tables of scored texts with made-up values, in the shape of a real run."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

import numpy as np

Row = dict[str, Any]

CAUSAL = (
    "The boy kicked the ball too hard. It flew over the wall. A window broke next door.",
    "Rain fell all night long. The river rose above its banks. The lower fields were flooded.",
    "She lit a candle in the hall. The curtain caught fire. Smoke filled the staircase.",
    "He forgot to set the alarm. He woke up at noon. The train had left without him.",
)
OTHER = (
    "The library opens at nine. Bread is cheaper on Mondays. The tower has two clocks.",
    "My uncle collects stamps. The harbour is full of boats. Nobody likes the new fence.",
    "Cats sleep most of the day. The bakery sells rye bread. Snow is rare in this valley.",
    "The museum is free on Sundays. Two swans live by the mill. The soup needs more salt.",
)
PROVENANCE = {
    "entroprod_version": "0",
    "machine": {
        "machine": "HuggingFaceMachine",
        "model": "made-up-model",
        "dtype": "float32",
        "temperature": 1.0,
        "first_token": "<|endoftext|>",
        "parameters_sha256": "5d41402abc4b2a76b9719d911017c592",
    },
    "settings": {"delimiters": "!.?", "per_block": 1, "batch_size": 16},
    "texts": {"n": 8, "sha256": "7d793037a0760186574b0282f2f435e7"},
    "source": "stories.json",
}


def split(text: str) -> list[str]:
    """Pieces of a text that make it up: words with the space before them, and signs."""
    return re.findall(r"\s*\w+|\s*[^\w\s]|\s+", text)


def scored(text: str, index: int, generator: np.random.Generator, group: str | None = None) -> Row:
    """A row whose columns fit together; tokens after which a sentence ends are signs."""
    tokens = split(text)
    ends = [i + 1 for i, token in enumerate(tokens) if token.strip() in {".", "!", "?"}]
    n = len(tokens)
    forward = -generator.gamma(1.5, 2.2, n)
    token_reversed = forward - generator.normal(4.0, 3.5, n)
    token_reversed = np.minimum(token_reversed, -0.01)
    row: Row = {
        "index": index,
        "group": group,
        "id": None,
        "text": text,
        "n_tokens": n,
        "n_blocks": None,
        "n_cut_off": None,
        "sigma_token": float((forward - token_reversed).sum()),
        "sigma_block": None,
        "sigma_token_per_token": float((forward - token_reversed).sum()) / n,
        "sigma_block_per_token": None,
        "log_forward": float(forward.sum()),
        "log_token_reversed": float(token_reversed.sum()),
        "log_forward_of_blocks": None,
        "log_block_reversed": None,
        "skipped_token": None,
        "skipped_block": None if ends else "no delimiter in it",
        "tokens": tokens,
        "token_ids": list(range(n)),
        "per_token_forward": forward.tolist(),
        "per_token_token_reversed": token_reversed.tolist(),
        "per_token_block_reversed": None,
        "block_starts": None,
        "sigma_per_block": None,
    }
    return row | _blocks(forward, ends, generator, strength=3.0 if group == "causal" else 1.5)


def _blocks(
    forward: np.ndarray[Any, Any], ends: list[int], generator: np.random.Generator, strength: float
) -> Row:
    if not ends:
        return {}
    kept = ends[-1]
    starts = [0, *ends[:-1]]
    moved = forward[:kept] - generator.normal(0.1, 0.25, kept)
    for start in starts:
        # What a sentence is about is told by its first words.
        head = slice(start, min(start + 3, kept))
        moved[head] -= generator.normal(strength / 3, 1.3, len(moved[head]))
    moved = np.minimum(moved, -0.01)
    if len(starts) == 1:
        moved = forward[:kept].copy()
    difference = forward[:kept] - moved
    return {
        "n_blocks": len(starts),
        "n_cut_off": len(forward) - kept,
        "sigma_block": float(difference.sum()),
        "sigma_block_per_token": float(difference.sum()) / kept,
        "log_forward_of_blocks": float(forward[:kept].sum()),
        "log_block_reversed": float(moved.sum()),
        "per_token_block_reversed": moved.tolist(),
        "block_starts": starts,
        "sigma_per_block": np.add.reduceat(difference, starts).tolist(),
    }


def skipped(text: str, index: int, reason: str, group: str | None = None) -> Row:
    """A row of a text that has no values at all."""
    row = dict.fromkeys(scored("A.", 0, np.random.default_rng(0)))
    row |= {"index": index, "group": group, "text": text}
    return row | {"skipped_token": reason, "skipped_block": reason}


def two_groups(
    causal: Iterable[str] = CAUSAL, other: Iterable[str] = OTHER, seed: int = 0
) -> list[Row]:
    """Rows of two groups."""
    generator = np.random.default_rng(seed)
    pairs = [*((text, "causal") for text in causal), *((text, "non-causal") for text in other)]
    return [scored(text, i, generator, group) for i, (text, group) in enumerate(pairs)]
