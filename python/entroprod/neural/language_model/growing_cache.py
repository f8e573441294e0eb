"""A cache of keys and values that grows in place: without it each step copies all steps before."""

from __future__ import annotations

from functools import cache as cached
from typing import Any

import torch

# Steps for which there is room at first.
_ROOM = 32


def growing(cache: Any) -> Any:
    """The same cache of a transformers model, its plain layers replaced by growing ones.

    Plain layers join what is new to what was there by a copy, T copies of all that T steps make.
    Layers of other kinds (sliding windows, states of fixed size) stay, and so does a cache that has
    no layers.

    Parameters
    ----------
    cache : Cache
        As a model returns it. It is changed.
    """
    layers = getattr(cache, "layers", None)
    if isinstance(layers, list):
        plain, grows = _classes()
        for index, layer in enumerate(layers):
            if type(layer) is plain and layer.is_initialized:
                layers[index] = grows(layer)
    return cache


@cached
def _classes() -> tuple[Any, Any]:
    from transformers.cache_utils import DynamicLayer

    plain: Any = DynamicLayer

    class GrowingLayer(plain):  # type: ignore[misc]
        """Keys and values (B, heads, T, d) are views of buffers with room for more steps."""

        # Models go on making plain layers.
        _layer_type = None

        def __init__(self, old: Any) -> None:
            super().__init__()
            self.lazy_initialization(old.keys, old.values)
            self.keys, self.values = old.keys, old.values
            self._buffers: list[torch.Tensor] = []

        def update(
            self, key_states: torch.Tensor, value_states: torch.Tensor, *_: Any, **__: Any
        ) -> tuple[torch.Tensor, torch.Tensor]:
            there, new = self.keys.shape[-2], key_states.shape[-2]
            if not self._has_room(there + new):
                self._buffers = [_roomier(old, there + new) for old in (self.keys, self.values)]
            for buffer, states in zip(self._buffers, (key_states, value_states)):
                buffer[..., there : there + new, :] = states
            self.keys, self.values = (buffer[..., : there + new, :] for buffer in self._buffers)
            return self.keys, self.values

        def _has_room(self, n_steps: int) -> bool:
            """Whether the buffers still hold keys and values, and have room for so many steps."""
            return bool(
                len(self._buffers) == 2
                and self._buffers[0].data_ptr() == self.keys.data_ptr()
                and self._buffers[0].shape[0] == self.keys.shape[0]
                and self._buffers[0].shape[-2] >= n_steps
            )

    return plain, GrowingLayer


def _roomier(old: torch.Tensor, n_steps: int) -> torch.Tensor:
    room = max(_ROOM, 2 * n_steps)
    buffer = old.new_empty((*old.shape[:-2], room, old.shape[-1]))
    buffer[..., : old.shape[-2], :] = old
    return buffer
