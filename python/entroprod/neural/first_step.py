"""What the first step of a machine is conditioned on: explicit, and part of its provenance."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import as_float_array
from entroprod.boundary.symbols import as_symbol
from entroprod.neural.heads import TokenHead


@dataclass(frozen=True)
class FirstInput:
    """The first step is conditioned on something that the network reads before it.

    Attributes
    ----------
    fed : ndarray, () of int64 or (m,) of float64
    facts : dict
        For the provenance.
    """

    fed: NDArray[Any]
    facts: dict[str, object]


@dataclass(frozen=True)
class FirstDistribution:
    """The first step has a distribution of its own, and the network reads nothing before it.

    Attributes
    ----------
    row : Tensor (V,)
        Logits.
    head : TokenHead
    facts : dict
        For the provenance.
    """

    row: torch.Tensor
    head: TokenHead
    facts: dict[str, object]


First: TypeAlias = FirstInput | FirstDistribution


def first_as_symbol(
    token: SupportsIndex | None,
    logits: ArrayLike | None,
    n_symbols: int,
    temperature: float,
    device: torch.device,
) -> First:
    """Policy from a fixed token, or from logits: exactly one of the two."""
    if (token is None) == (logits is None):
        msg = (
            "the first symbol must be conditioned on something: give first_token, the fixed token "
            "that it follows, or first_logits of its own, and not both"
        )
        raise ValueError(msg)
    if token is not None:
        symbol = as_symbol(token, "first_token", n_symbols)
        return FirstInput(np.array(symbol, dtype=np.int64), {"first_token": symbol})
    # A symbol that can't come first has the logit -inf.
    given = np.asarray(logits, dtype=np.float64)
    finite = as_float_array(np.where(np.isneginf(given), 0.0, given), "first_logits", 1)
    if len(finite) != n_symbols:
        msg = f"first_logits must have shape ({n_symbols},), got {given.shape}"
        raise ValueError(msg)
    if np.isneginf(given).all():
        msg = "first_logits must leave a symbol possible, got -inf for all"
        raise ValueError(msg)
    row = torch.from_numpy(given.copy()).to(device)
    head = TokenHead(None, n_symbols, temperature=temperature)
    digest = hashlib.sha256(given.tobytes()).hexdigest()
    return FirstDistribution(row, head, {"first_logits": f"sha256:{digest}"})


def first_as_value(value: ArrayLike | None, n_outputs: int) -> FirstInput:
    """Policy from a fixed value (m,), 0 by default."""
    fed = np.zeros(n_outputs) if value is None else as_float_array(value, "first_value", 1).copy()
    if len(fed) != n_outputs:
        msg = f"first_value must have shape ({n_outputs},), got {fed.shape}"
        raise ValueError(msg)
    return FirstInput(fed, {"first_value": fed.tolist()})
