"""Strings of any content, made safe and visible in HTML."""

from __future__ import annotations

import html
import unicodedata

# Letters behind which a line ends: they are shown, and end the line.
_LINE_ENDS = {"\n": "↵", "\r": "←", "\u2028": "↵", "\u2029": "¶"}
_BROKEN = "\ufffd"
# Zero-width joiners make one picture or ligature of several characters: they are left in place.
_JOINERS = "\u200c\u200d"


def escaped(text: str) -> str:
    """Text for HTML, in attributes too; what has no shape, or reorders the line, is spelled out."""
    return "".join(_plain(character) for character in text)


def shown(text: str) -> str:
    """The HTML of a piece of a text: as it stands, with marks for what can't be seen.

    Line ends stay line ends. The replacement character, which stands for bytes that are only part
    of a character, is marked.
    """
    return "".join(_marked(character) for character in text)


def excerpt(text: str, length: int) -> str:
    """The beginning of a text in one line, not escaped."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def _plain(character: str) -> str:
    if _is_unseen(character):
        return " " if character in "\n\r\t" else html.escape(_code(character))
    return html.escape(character)


def _marked(character: str) -> str:
    if character in _LINE_ENDS:
        name = {"\n": "line end", "\r": "carriage return"}.get(character, _code(character))
        return f'<span class="odd" title="{name}">{_LINE_ENDS[character]}</span><br>'
    if character == "\t":
        return '<span class="odd" title="tab">⇥</span>\t'
    if character == _BROKEN:
        return '<span class="odd" title="bytes that are only part of a character">\ufffd</span>'
    if _is_unseen(character):
        return f'<span class="odd">{_code(character)}</span>'
    return html.escape(character)


def _is_unseen(character: str) -> bool:
    category = unicodedata.category(character)
    return category in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} and character not in _JOINERS


def _code(character: str) -> str:
    return f"[U+{ord(character):04X}]"
