"""A language machine small enough to be read, with everything that scoring texts asks for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import entroprod as ep

ALPHABET = " abcdefgh.!?"
SOME_TEXTS = [
    "a bad cab. he fed a hag. a dab!",
    "feed a bee. a bee bad? a cab fed a hag",
    "abc",
    "",
    "dad had a bag.",
    "a! b! c! d! e!",
    "no such letters.",
    "cab? deaf. bad.",
    "gag a bag. bag a gag.",
]


class CharacterMachine:
    """Characters, each drawn given the one before it; the first as if after a space.

    Parameters
    ----------
    seed : int
        Of the transition probabilities.
    impossible : str
        Pairs of characters, one after the other, of which the second never follows the first.
    """

    n_symbols = len(ALPHABET)

    def __init__(self, seed: int = 0, impossible: Sequence[str] = ()) -> None:
        weights = np.random.default_rng(seed).gamma(1.0, size=(self.n_symbols, self.n_symbols))
        weights += 0.01
        for pair in impossible:
            weights[ALPHABET.index(pair[0]), ALPHABET.index(pair[1])] = 0.0
        self.seed = seed
        self.transition = weights / weights.sum(axis=1, keepdims=True)
        self.n_calls = 0

    def encode(self, texts: Sequence[str]) -> list[npt.NDArray[np.int64]]:
        for i, text in enumerate(texts):
            strange = sorted(set(text) - set(ALPHABET))
            if strange:
                raise ValueError(f"texts[{i}] has the character {strange[0]!r} without a token")
        return [np.array([ALPHABET.index(one) for one in " " + text]) for text in texts]

    def decode(self, token_ids: Sequence[int]) -> str:
        return "".join(ALPHABET[token] for token in token_ids)

    def sentence_reversal(self, per_block: int = 1, delimiters: str = ".!?") -> ep.Reversal:
        ends = {ALPHABET.index(one) for one in delimiters if one in ALPHABET}
        return ep.BlockReversal(delimiters=ends, per_block=per_block)

    def log_prob(self, sequences: Any) -> npt.NDArray[np.float64]:
        self.n_calls += 1
        array = np.asarray(sequences)
        before = np.concatenate([np.zeros_like(array[:, :1]), array[:, :-1]], axis=1)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(self.transition[before, array]))

    def sample(self, n_steps: int, n_paths: int = 1, *, rng: Any = None) -> Any:
        generator = np.random.default_rng(rng)
        paths = np.zeros((n_paths, n_steps), dtype=np.int64)
        before = np.zeros(n_paths, dtype=np.int64)
        for t in range(n_steps):
            edges = np.cumsum(self.transition[before], axis=1)
            before = (generator.random((n_paths, 1)) < edges).argmax(axis=1)
            paths[:, t] = before
        return paths

    def provenance(self) -> dict[str, Any]:
        return {"machine": "CharacterMachine", "seed": self.seed, "alphabet": ALPHABET}
