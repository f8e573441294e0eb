"""Activations that models write out term by term, in one pass over memory instead of eight."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

Function = Callable[[torch.Tensor], torch.Tensor]

# The class of transformers that spells out the approximation of GELU by tanh.
_BY_TANH = "NewGELUActivation"
# Numbers that a class of that name is tried on, and how far it may be off: roundings of them.
_TRIED = (-12.0, 12.0, 193)
_ROUNDINGS = 8.0
_PRECISE = (torch.float32, torch.float64)


@contextmanager
def fused(*modules: object) -> Iterator[None]:
    """Context in which known activations take one pass; the modules' own functions come back.

    What has the name is tried before it is trusted. Numbers narrower than float32 go through the
    model's own function, whose roundings are part of the model's logits.
    """
    parts = [
        part
        for module in modules
        if isinstance(module, torch.nn.Module)
        for part in module.modules()
        if type(part).__name__ == _BY_TANH and "forward" not in vars(part) and _is_by_tanh(part)
    ]
    for part in parts:
        part.forward = _one_pass(part.forward)
    try:
        yield
    finally:
        for part in parts:
            del part.forward


def _one_pass(own: Function) -> Function:
    def forward(values: torch.Tensor) -> torch.Tensor:
        if values.dtype in _PRECISE:
            return torch.nn.functional.gelu(values, approximate="tanh")
        return own(values)

    return forward


def _is_by_tanh(part: torch.nn.Module) -> bool:
    low, high, count = _TRIED
    values = torch.linspace(low, high, count, dtype=torch.float64)
    expected = torch.nn.functional.gelu(values, approximate="tanh")
    error = (part(values) - expected).abs().max().item()
    return bool(error <= _ROUNDINGS * high * torch.finfo(torch.float64).eps)
