"""Sources of randomness."""

from __future__ import annotations

import operator
from typing import TypeAlias

import numpy as np

RandomSource: TypeAlias = np.random.Generator | int | None


def as_generator(rng: RandomSource) -> np.random.Generator:
    """Generator from a generator, a seed or None (fresh entropy)."""
    if isinstance(rng, np.random.Generator):
        return rng
    if rng is None:
        return np.random.default_rng()
    if isinstance(rng, (bool, np.bool_)):
        msg = f"rng must be a numpy Generator, an integer of at least 0 or None, got {rng!r}"
        raise TypeError(msg)
    try:
        seed = operator.index(rng)
    except TypeError:
        msg = f"rng must be a numpy Generator, an integer of at least 0 or None, got {rng!r}"
        raise TypeError(msg) from None
    if seed < 0:
        msg = f"rng must be at least 0 as a seed, got {seed}"
        raise ValueError(msg)
    return np.random.default_rng(seed)


def draw_key(rng: RandomSource) -> int:
    """64-bit key of the core's counter-based generator."""
    return int(as_generator(rng).integers(2**64, dtype=np.uint64))
