"""Windows: what each token of a text is conditioned on that is longer than a model's context."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, SupportsIndex

from entroprod.boundary.arrays import as_count


@dataclass(frozen=True)
class Window:
    """Policy for sequences longer than the context of a model.

    With windows of L positions that move by s tokens: the first L tokens y_1 .. y_L are conditioned
    on the first token and all tokens before them. Thereafter token y_t is conditioned on the first
    token and y_{ks+1} .. y_{t-1}, where k is the smallest integer with t <= L + k s: between L - s
    and L - 1 tokens, which is at least half a window.

    What a token is conditioned on depends on its position alone, neither on the length of the
    sequence nor on what follows, so that these are conditional probabilities of one machine, and
    all fluctuation theorems hold.

    Parameters
    ----------
    length : int, optional
        L, positions that are read at once, the first token among them; by default as many as the
        model can. At least 2.
    stride : int, optional
        s, from 1 to L / 2; by default as far as that. A smaller one gives longer contexts, and
        costs more: every window is read whole.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    """

    length: SupportsIndex | None = None
    stride: SupportsIndex | None = None

    def __post_init__(self) -> None:
        for name in ("length", "stride"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, as_count(value, name))
        if self.length is not None:
            self.resolve(None)

    def resolve(self, limit: int | None) -> ResolvedWindow:
        """Fill in what isn't given, for a model that reads ``limit`` positions."""
        if self.length is None and limit is None:
            raise ValueError("window needs a length: the context of this model has no limit")
        length = int(limit if self.length is None else self.length)  # type: ignore[arg-type]
        if length < 2:
            raise ValueError(f"window must have a length of at least 2, got {length}")
        if limit is not None and length > limit:
            raise ValueError(
                f"window has length {length:,}, and the model reads at most {limit:,} positions"
            )
        stride = length // 2 if self.stride is None else int(self.stride)
        if stride > length // 2:
            raise ValueError(
                f"window must have a stride of at most half its length of {length:,}, got "
                f"{stride:,}: each token needs a context of half a window"
            )
        return ResolvedWindow(length, stride)


@dataclass(frozen=True)
class ResolvedWindow:
    """A window whose length and stride are known."""

    length: int
    stride: int

    def start(self, position: int) -> int:
        """First token, from 0, of the window in which the token at ``position`` is predicted."""
        if position < self.length:
            return 0
        return ((position - self.length) // self.stride + 1) * self.stride

    def pieces(self, n_tokens: int) -> Iterator[tuple[int, int, int]]:
        """Windows (start, first, stop) of a sequence: tokens first .. stop-1 are predicted.

        Each reads the fixed first token and tokens start .. stop-2.
        """
        stop = min(self.length, n_tokens)
        yield 0, 0, stop
        while stop < n_tokens:
            first, start = stop, self.start(stop)
            stop = min(start + self.length, n_tokens)
            yield start, first, stop

    def to_dict(self) -> dict[str, Any]:
        """JSON-ready facts for the provenance."""
        return {"length": self.length, "stride": self.stride, "first_token_in_every_window": True}
