"""Activations in one pass: the same functions, and only while they are needed."""

from __future__ import annotations

import torch
from transformers import activations

from entroprod.neural.fusion import fused

# Eight roundings against one, of numbers up to 4.
ROUNDING = 8 * 4 * float(torch.finfo(torch.float32).eps)


def test_the_same_function_in_one_pass() -> None:
    network = torch.nn.Sequential(torch.nn.Linear(4, 4), activations.NewGELUActivation())
    values = torch.linspace(-4, 4, 40).reshape(10, 4)
    wanted = network(values)
    with fused(network, None, len):
        assert "forward" in vars(network[1])
        torch.testing.assert_close(network(values), wanted, atol=ROUNDING, rtol=0)
    assert "forward" not in vars(network[1])


def test_lower_precisions_keep_the_model_s_own_roundings() -> None:
    activation = activations.NewGELUActivation()
    values = torch.linspace(-4, 4, 4001).to(torch.bfloat16)
    wanted = activation(values)
    with fused(activation):
        torch.testing.assert_close(activation(values), wanted, atol=0, rtol=0)
    assert bool((torch.nn.functional.gelu(values, approximate="tanh") != wanted).any())


def test_a_name_alone_is_not_trusted() -> None:
    class Named(torch.nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:
            return values * 2

    Named.__name__ = "NewGELUActivation"
    for activation in (Named(), torch.nn.ReLU()):
        with fused(activation):
            assert "forward" not in vars(activation)
