"""Machines run by torch, the slow way: every step from its own prefix, one sequence at a time.

Nothing here batches, pads, caches or assumes causality: a prefix is all that a network gets to see.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


class CausalAttention(torch.nn.Module):
    """One layer of attention with positions: the smallest transformer there is."""

    def __init__(
        self, n_symbols: int, width: int = 8, *, seed: int = 0, scale: float = 1.5
    ) -> None:
        super().__init__()
        self.symbols = torch.nn.Embedding(n_symbols, width)
        self.positions = torch.nn.Embedding(64, width)
        self.mix = torch.nn.Linear(width, 3 * width)
        self.drop = torch.nn.Dropout(0.5)
        self.lm_head = torch.nn.Linear(width, n_symbols)
        randomise(self, seed, scale)

    def hidden(self, ids: torch.Tensor) -> torch.Tensor:
        x = self.symbols(ids) + self.positions(torch.arange(ids.shape[1]))
        query, key, value = self.mix(x)[:, None].chunk(3, -1)
        mixed = torch.nn.functional.scaled_dot_product_attention(query, key, value, is_causal=True)
        out: torch.Tensor = self.drop(torch.tanh(x + mixed[:, 0]))
        return out

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.lm_head(self.hidden(ids))
        return logits


def randomise(module: torch.nn.Module, seed: int, scale: float) -> None:
    """Fill parameters from a seed, without touching torch's own generator."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            fan_in = parameter.shape[-1] if parameter.ndim > 1 else 1
            noise = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(scale * noise / fan_in**0.5)


def all_sequences(n_symbols: int, n_steps: int) -> IntArray:
    """(V^T, T): every sequence once."""
    return np.array(list(itertools.product(range(n_symbols), repeat=n_steps)), dtype=np.int64)


def log_softmax(logits: FloatArray) -> FloatArray:
    """Of a vector, by definition."""
    weights = np.exp(logits - logits.max())
    normalised: FloatArray = np.log(weights / weights.sum())
    return normalised


def log_prob(
    logits_after: Callable[[IntArray], FloatArray],
    sequence: npt.NDArray[Any],
    temperature: float = 1.0,
) -> FloatArray:
    """(T,) nats: ``logits_after(prefix)`` gives the logits of what follows a prefix."""
    return np.array(
        [
            log_softmax(logits_after(sequence[:t]) / temperature)[symbol]
            for t, symbol in enumerate(sequence)
        ]
    )


def after_first(module: Any, first: int) -> Callable[[IntArray], FloatArray]:
    """Logits of a network that reads a first token and the prefix, and nothing else."""

    def logits_after(prefix: IntArray) -> FloatArray:
        ids = torch.tensor([[first, *prefix.tolist()]])
        with torch.no_grad():
            row: FloatArray = module(ids)[0, -1].double().numpy()
        return row

    return logits_after


def recurrent_step(
    cell: torch.nn.RNNBase, x: torch.Tensor, states: list[tuple[torch.Tensor, ...]]
) -> list[tuple[torch.Tensor, ...]]:
    """States (h,) or (h, c) of all layers after x (e,), by the equations of torch's manual."""
    new: list[tuple[torch.Tensor, ...]] = []
    for layer, state in enumerate(states):
        w_x, w_h, b_x, b_h = (
            getattr(cell, f"{name}_l{layer}")
            for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
        )
        from_x, from_h = w_x @ x + b_x, w_h @ state[0] + b_h
        if isinstance(cell, torch.nn.LSTM):
            i, f, g, o = (from_x + from_h).chunk(4)
            memory = f.sigmoid() * state[1] + i.sigmoid() * g.tanh()
            new.append((o.sigmoid() * memory.tanh(), memory))
        elif isinstance(cell, torch.nn.GRU):
            (r_x, z_x, n_x), (r_h, z_h, n_h) = from_x.chunk(3), from_h.chunk(3)
            z = (z_x + z_h).sigmoid()
            candidate = (n_x + (r_x + r_h).sigmoid() * n_h).tanh()
            new.append(((1 - z) * candidate + z * state[0],))
        else:
            new.append(((from_x + from_h).tanh(),))
        x = new[-1][0]
    return new


def recurrent_states(
    cell: torch.nn.RNNBase,
    embed: Callable[[Any], torch.Tensor],
    prefix: npt.NDArray[Any],
    initial: list[tuple[torch.Tensor, ...]],
) -> list[tuple[torch.Tensor, ...]]:
    """States of all layers after a prefix."""
    states = initial
    with torch.no_grad():
        for symbol in prefix:
            states = recurrent_step(cell, embed(symbol), states)
    return states


class LinearCell(torch.nn.Module):
    """h -> F h + G y, the memory of :class:`entroprod.LinearGaussian`: a cell of one's own."""

    state_matrix: torch.Tensor
    input_matrix: torch.Tensor

    def __init__(self, state_matrix: FloatArray, input_matrix: FloatArray) -> None:
        super().__init__()
        self.register_buffer("state_matrix", torch.tensor(state_matrix))
        self.register_buffer("input_matrix", torch.tensor(input_matrix))

    def initial_state(self, n_paths: int) -> torch.Tensor:
        return self.state_matrix.new_zeros(n_paths, len(self.state_matrix))

    def advance(
        self, inputs: torch.Tensor, state: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        out = []
        for t in range(inputs.shape[1]):
            state = state @ self.state_matrix.T + inputs[:, t] @ self.input_matrix.T
            out.append(state)
        return torch.stack(out, 1), state

    def readout(self, state: torch.Tensor) -> torch.Tensor:
        return state

    def memory(self, state: torch.Tensor) -> torch.Tensor:
        return state
