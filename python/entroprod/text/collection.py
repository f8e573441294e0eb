"""Texts with their groups and names: what is scored, in the order in which it came."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from entroprod.boundary.frames import as_frame, columns_of, is_missing

if TYPE_CHECKING:
    from entroprod.boundary.frames import Frame

# Between the parts of one text's digest: a byte that no UTF-8 text contains.
_SEPARATOR = b"\xff"


@dataclass(frozen=True, repr=False)
class Texts:
    """N texts; nothing is dropped, so position i here is row i of every result.

    Attributes
    ----------
    texts : tuple of str
    groups : tuple of (str or None)
    ids : tuple of (str or None)
    source : str
        Where they came from, for messages and reports.
    metadata : dict
        What the file says about itself.
    """

    texts: tuple[str, ...]
    groups: tuple[str | None, ...]
    ids: tuple[str | None, ...]
    source: str = "texts"
    metadata: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("groups", "ids"):
            if len(getattr(self, name)) != len(self.texts):
                raise ValueError(
                    f"{name} must hold one entry for each of the {len(self.texts)} texts, "
                    f"got {len(getattr(self, name))}"
                )
            if "" in getattr(self, name):
                # A table in CSV couldn't tell it from None.
                index = getattr(self, name).index("")
                raise ValueError(f"{name} must be names or None, got '' at index {index}")

    def __len__(self) -> int:
        return len(self.texts)

    def sha256(self) -> str:
        """Digest of all texts, groups and ids in their order: the same for the same set only."""
        digest = hashlib.sha256()
        for parts in zip(self.texts, self.groups, self.ids):
            for part in parts:
                # None and "None" differ by the byte in front.
                marked = b"\x00" if part is None else b"\x01" + encoded(part)
                digest.update(marked + _SEPARATOR)
        return digest.hexdigest()

    def group_sizes(self) -> dict[str, int]:
        """Number of texts in each group, in the order of their first appearance."""
        sizes: dict[str, int] = {}
        for group in self.groups:
            if group is not None:
                sizes[group] = sizes.get(group, 0) + 1
        return sizes

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}: {size}" for name, size in self.group_sizes().items())
        return f"Texts({len(self)} texts from {self.source}" + (f"; {sizes})" if sizes else ")")


def encoded(text: str) -> bytes:
    """UTF-8, with the surrogates that JSON can smuggle in kept apart from each other."""
    return text.encode("utf-8", "surrogatepass")


def as_texts(value: Any) -> Texts:
    """Texts from a sequence of strings, or from one sequence for each named group.

    Of a data frame the column ``text`` is taken, with the columns ``group`` and ``id`` where there
    are such.

    Raises
    ------
    ValueError, TypeError
        If there is no text, or something isn't a string; with its position.

    Examples
    --------
    >>> from entroprod.text import as_texts
    >>> as_texts({"causal": ["It fell. It broke."], "other": ["He sat. He ate."]})
    Texts(2 texts from texts; causal: 1, other: 1)
    """
    frame = None if isinstance(value, Texts) else as_frame(value, "texts", "text")
    if isinstance(value, Texts):
        read = value
    elif frame is not None:
        read = _of_frame(frame)
    elif isinstance(value, Mapping):
        pairs = [
            (text, str(group))
            for group, texts in value.items()
            for text in _strings(texts, f"texts[{group!r}]")
        ]
        texts = tuple(text for text, _ in pairs)
        read = Texts(texts, tuple(group for _, group in pairs), (None,) * len(texts))
    else:
        texts = _strings(value, "texts")
        read = Texts(texts, (None,) * len(texts), (None,) * len(texts))
    if not read.texts:
        raise ValueError(f"{read.source} must hold at least one text, got none")
    return read


def _of_frame(frame: Frame) -> Texts:
    columns = {name: column.to_list() for name, column in columns_of(frame)}
    if "text" not in columns:
        shown = ", ".join(map(repr, list(columns)[:20])) or "none"
        raise ValueError(f"texts must have a column 'text' as a data frame, it has {shown}")
    texts = _strings(columns["text"], "texts['text']")
    groups, ids = (
        tuple(label_of(value, name, f"texts[{name!r}]") for value in columns[name])
        if name in columns
        else (None,) * len(texts)
        for name in ("group", "id")
    )
    return Texts(texts, groups, ids)


def label_of(value: Any, what: str, where: str) -> str | None:
    """Name of a text or group; None where a table has none."""
    if isinstance(value, str):
        return value or None
    if is_missing(value):
        return None
    if isinstance(value, (bool, int, float)):
        return str(value)
    raise TypeError(f"{where}: {what} must be a string or a number, got {described(value)}")


def _strings(value: Any, name: str) -> tuple[str, ...]:
    if isinstance(value, (str, bytes)):
        raise TypeError(f"{name} must be a sequence of strings, got one {type(value).__name__}")
    try:
        texts = tuple(value)
    except TypeError:
        raise TypeError(f"{name} must be a sequence of strings, got {value!r}") from None
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"{name} must hold strings, got {described(text)} at index {i}")
    return texts


def described(value: Any) -> str:
    """Kind and a short form of a value, for messages."""
    shown = json.dumps(value) if isinstance(value, (list, dict)) else repr(value)
    return f"{type(value).__name__} {shown[:40]}{'...' if len(shown) > 40 else ''}"
