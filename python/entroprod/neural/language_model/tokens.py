"""Texts to token ids and back, without anything being lost on the way."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from entroprod.results.registry import storable
from entroprod.results.result import Result
from entroprod.results.trajectory import Skipped

IntArray = NDArray[np.int64]
_AROUND = 12


@storable(name="entroprod.neural.EncodedTexts")
@dataclass(frozen=True, repr=False, eq=False)
class EncodedTexts(Result):
    """Texts as token ids, and those that can't be.

    Attributes
    ----------
    ids : tuple of ndarray, (T_i,) of int64
        Token ids of the texts that could be encoded.
    index : ndarray, (N,)
        Which of the given texts each belongs to.
    skipped : tuple of Skipped
        The others, with the reason.
    """

    ids: tuple[IntArray, ...]
    index: IntArray
    skipped: tuple[Skipped, ...]

    def __repr__(self) -> str:
        n_tokens = sum(len(ids) for ids in self.ids)
        return (
            f"EncodedTexts({len(self.ids)} texts, {n_tokens:,} tokens, {len(self.skipped)} skipped)"
        )


def as_text_list(texts: object) -> list[str]:
    """List of strings; TypeError names the first row that is none."""
    if isinstance(texts, (str, bytes)) or not isinstance(texts, Iterable):
        raise TypeError(f"texts must be a list of str, got {type(texts).__name__}")
    rows = list(texts)
    for index, text in enumerate(rows):
        if not isinstance(text, str):
            raise TypeError(f"texts[{index}] must be a str, got {text!r:.60}")
    return rows


def encode_each(
    tokenizer: Any, texts: Sequence[str], *, leading_space: bool, n_symbols: int
) -> EncodedTexts:
    """Token ids of each text whose round trip gives it back; the others with the reason."""
    ids, index, skipped = [], [], []
    special = frozenset(tokenizer.all_special_ids)
    for place, text in enumerate(texts):
        found = _encode(tokenizer, f" {text}" if leading_space else text, special, n_symbols)
        if isinstance(found, str):
            skipped.append(Skipped(place, found))
        else:
            ids.append(found)
            index.append(place)
    return EncodedTexts(tuple(ids), np.array(index, dtype=np.int64), tuple(skipped))


def _encode(tokenizer: Any, given: str, special: frozenset[int], n_symbols: int) -> IntArray | str:
    """Ids of a text, or why it has none."""
    if not given.strip():
        return "the text is empty"
    try:
        given.encode()
    except UnicodeEncodeError as error:
        return f"it has half a surrogate pair at character {error.start}, which is no text"
    found: list[int] = tokenizer(given, add_special_tokens=False, verbose=False)["input_ids"]
    for token in found:
        if token in special:
            name = tokenizer.convert_ids_to_tokens(token)
            return f"it holds the special token {name!r}, or what the tokenizer reads as it"
    if found and max(found) >= n_symbols:
        return (
            f"the tokenizer gives token {max(found)}, and the model has tokens 0 .. {n_symbols - 1}"
        )
    back = decode(tokenizer, found)
    return np.array(found, dtype=np.int64) if back == given else _difference(given, back)


def _difference(given: str, back: str) -> str:
    shorter = min(len(given), len(back))
    at = next((i for i in range(shorter) if given[i] != back[i]), shorter)
    part = slice(max(0, at - _AROUND), at + _AROUND)
    return (
        f"the tokenizer doesn't give it back: {given[part]!r} at character {at} becomes "
        f"{back[part]!r}"
    )


def decode(tokenizer: Any, ids: Iterable[int]) -> str:
    """Text of token ids, all of them."""
    text: str = tokenizer.decode(
        [int(token) for token in ids],
        skip_special_tokens=False,
        clean_up_tokenization_spaces=False,
    )
    return text


def as_delimiters(delimiters: object) -> tuple[str, ...]:
    """What a text may end with, from a str of single characters or a sequence of str."""
    parts = tuple(delimiters) if isinstance(delimiters, (str, Sequence)) else ()
    if not parts or not all(isinstance(part, str) and part for part in parts):
        raise ValueError(
            f"delimiters must be a str of characters, or a sequence of str, and not empty; got "
            f"{delimiters!r}"
        )
    return tuple(str(part) for part in parts)


def tokens_ending_with(tokenizer: Any, delimiters: Iterable[str]) -> frozenset[int]:
    """Ids whose decoded text ends with one of the delimiters; no special ones."""
    ends = tuple(delimiters)
    special = set(tokenizer.all_special_ids)
    known = [token for token in sorted(tokenizer.get_vocab().values()) if token not in special]
    return frozenset(token for token in known if decode(tokenizer, [token]).endswith(ends))
