"""Strings of any content, made visible; what makes them safe in HTML is the page's autoescape."""

from __future__ import annotations

import unicodedata
from typing import Any, NamedTuple

# Letters behind which a line ends: they are shown, and end the line.
_LINE_ENDS = {"\n": "↵", "\r": "←", "\u2028": "↵", "\u2029": "¶"}
_BROKEN = "\ufffd"
# Zero-width joiners make one picture or ligature of several characters: they are left in place.
_JOINERS = "\u200c\u200d"


class Piece(NamedTuple):
    """Characters of a text as they stand, or a mark for what can't be seen.

    ``kind`` is "plain", or "odd" for a mark; "end" and "tab" are marks before such a character.
    """

    text: str
    kind: str = "plain"
    title: str = ""


def spelled_out(value: Any) -> Any:
    """A string in which what has no shape, or reorders the line, is spelled out; others as is."""
    if not isinstance(value, str) or hasattr(value, "__html__") or value.isprintable():
        return value
    return "".join(map(_plain, value))


def pieces(text: str) -> list[Piece]:
    """A piece of a text as it stands, with marks for what can't be seen.

    Line ends stay line ends. The replacement character, which stands for bytes that are only part
    of a character, is marked.
    """
    if text.isprintable() and _BROKEN not in text:
        return [Piece(text)]
    return list(map(_marked, text))


def excerpt(text: str, length: int) -> str:
    """The beginning of a text in one line."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def _plain(character: str) -> str:
    if _is_unseen(character):
        return " " if character in "\n\r\t" else _code(character)
    return character


def _marked(character: str) -> Piece:
    if character in _LINE_ENDS:
        name = {"\n": "line end", "\r": "carriage return"}.get(character, _code(character))
        return Piece(_LINE_ENDS[character], "end", name)
    if character == "\t":
        return Piece("⇥", "tab", "tab")
    if character == _BROKEN:
        return Piece(_BROKEN, "odd", "bytes that are only part of a character")
    if _is_unseen(character):
        return Piece(_code(character), "odd")
    return Piece(character)


def _is_unseen(character: str) -> bool:
    category = unicodedata.category(character)
    return category in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} and character not in _JOINERS


def _code(character: str) -> str:
    return f"[U+{ord(character):04X}]"
