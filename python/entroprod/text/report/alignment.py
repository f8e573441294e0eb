"""Tokens laid over their text, so that characters are seen which no single token holds.

A tokenizer of bytes may cut a character in pieces; alone, each reads as a replacement character. So
does a tokenizer of words lose the space in front of a word that stands alone.
"""

from __future__ import annotations

from collections.abc import Sequence

BROKEN = "\ufffd"


def laid_over(tokens: Sequence[str], text: str) -> list[str] | None:
    """What each token contributes to the text; "" where it only continues a character.

    A character that several tokens make stands in the first of them. None where the tokens don't
    make up the text, with or without a space in front.
    """
    for whole in (text, f" {text}"):
        found = _fitted(tokens, whole)
        if found is not None:
            return found
    return None


def _fitted(tokens: Sequence[str], text: str) -> list[str] | None:
    shares = [""] * len(tokens)
    # Tokens that wait for their part of what stands in the text up to the next readable character.
    waiting: list[int] = []
    position = 0
    for i, token in enumerate(tokens):
        for character in token:
            if character == BROKEN:
                waiting.append(i)
                continue
            if waiting:
                stop = _end_of_broken(text, position, character)
                if stop is None:
                    return None
                _share_out(text[position:stop], waiting, shares)
                waiting, position = [], stop
            while position < len(text) and text[position] != character:
                if not text[position].isspace():
                    return None
                shares[i] += text[position]
                position += 1
            if position == len(text):
                return None
            shares[i] += character
            position += 1
    if waiting and _is_broken(text[position:]):
        _share_out(text[position:], waiting, shares)
        return shares
    return shares if position == len(text) and not waiting else None


def _end_of_broken(text: str, start: int, character: str) -> int | None:
    """Where the next readable character stands behind at least one that bytes can make up."""
    stop = text.find(character, start + 1)
    return stop if stop > 0 and _is_broken(text[start:stop]) else None


def _is_broken(piece: str) -> bool:
    """Whether all characters are of several bytes, as those are which fall to pieces."""
    return bool(piece) and all(ord(character) > 0x7F for character in piece)


def _share_out(piece: str, waiting: Sequence[int], shares: list[str]) -> None:
    n_bytes = [len(character.encode("utf-8", "surrogatepass")) for character in piece]
    if sum(n_bytes) != len(waiting):
        shares[waiting[0]] += piece
        return
    place = 0
    for character, width in zip(piece, n_bytes):
        shares[waiting[place]] += character
        place += width
