"""Entropy production as a torch function."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

import entroprod as ep
import entroprod.testing as ept
from entroprod import neural

NAMES = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")
# Of float32 values and gradients, which are rounded once.
SINGLE = 1e-6


def machine() -> ep.LinearGaussian:
    return ept.awkward_machines()["two states, two outputs"]


def tensors(dtype: torch.dtype = torch.float64, *, grad: bool = True) -> list[torch.Tensor]:
    return [
        torch.tensor(getattr(machine(), name), dtype=dtype, requires_grad=grad) for name in NAMES
    ]


def total_of(parameters: Sequence[torch.Tensor], n_steps: int) -> torch.Tensor:
    state, inputs, output, cov = parameters
    return neural.entropy_production(state, inputs, output, cov, n_steps)


def factor() -> torch.Tensor:
    lower: torch.Tensor = torch.linalg.cholesky(tensors(grad=False)[3])
    return lower.requires_grad_()


def test_values() -> None:
    parameters = tensors(grad=False)
    total = total_of(parameters, 38)
    assert total.shape == ()
    assert total.dtype == torch.float64
    assert not total.requires_grad
    assert total.item() == ep.entropy_production(machine(), 38).total
    rate = neural.entropy_production_rate(*parameters)
    assert rate.item() == ep.entropy_production_rate(machine())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients(dtype: torch.dtype) -> None:
    parameters = tensors(dtype)
    total = total_of(parameters, 38)
    assert total.dtype == dtype
    (3.0 * total).backward()  # type: ignore[no-untyped-call]
    expected = ep.entropy_production_gradient(machine(), 38)
    for name, parameter in zip(NAMES, parameters, strict=True):
        assert parameter.grad is not None
        assert parameter.grad.dtype == dtype
        wanted = getattr(expected, name)
        np.testing.assert_allclose(
            parameter.grad, 3.0 * wanted, rtol=0, atol=20 * SINGLE * np.max(np.abs(wanted))
        )


def test_gradcheck() -> None:
    # S = L L^T: a covariance can't move one entry at a time.
    *parameters, _ = tensors()

    def total(*values: torch.Tensor) -> torch.Tensor:
        *others, lower = values
        return total_of([*others, lower @ lower.T], 25)

    def rate(*values: torch.Tensor) -> torch.Tensor:
        state, inputs, output, lower = values
        return neural.entropy_production_rate(state, inputs, output, lower @ lower.T)

    for function in (total, rate):
        assert torch.autograd.gradcheck(function, (*parameters, factor()), rtol=1e-6, atol=1e-8)


def test_only_what_requires_a_gradient_gets_one() -> None:
    parameters = tensors(grad=False)
    parameters[2].requires_grad_()
    total_of(parameters, 10).backward()  # type: ignore[no-untyped-call]
    assert [parameter.grad is None for parameter in parameters] == [True, True, False, True]
    with torch.no_grad():
        assert not total_of(parameters, 10).requires_grad


@pytest.mark.parametrize("power", [1, 2])
def test_second_derivatives_are_refused(power: int) -> None:
    parameters = tensors()
    total = total_of(parameters, 10)
    (first,) = torch.autograd.grad(total**power, parameters[0], create_graph=True)
    # A gradient outside the graph would count as a constant, its derivative as 0.
    assert first.requires_grad
    with pytest.raises(NotImplementedError, match="second derivatives"):
        (first.sum() + parameters[0].sum()).backward()  # type: ignore[no-untyped-call]


def test_a_hessian_is_refused() -> None:
    state, *others = tensors(grad=False)
    with pytest.raises(NotImplementedError, match="second derivatives"):
        torch.autograd.functional.hessian(  # type: ignore[no-untyped-call]
            lambda matrix: total_of([matrix, *others], 10), state
        )


def test_a_tensor_without_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match=r"state_matrix must hold numbers.*meta"):
        total_of([torch.empty(2, 2, device="meta")] * 4, 10)


def test_single_precision_covariances_are_symmetric_to_their_rounding() -> None:
    generator = torch.Generator().manual_seed(0)
    n, m = 3, 24
    lower = torch.randn(m, m, generator=generator)
    zeros, wide = torch.zeros(n, n), torch.zeros(n, m)
    cov = lower @ lower.T + torch.eye(m)
    cov[0, 1] *= 1 + 2e-7
    assert neural.entropy_production(zeros, wide, wide.T, cov, 5).item() == 0.0


def test_one_output_has_no_rate() -> None:
    scalar = [torch.tensor([[value]], requires_grad=True) for value in (0.4, 0.5, 1.0, 2.0)]
    rate = neural.entropy_production_rate(*scalar)
    rate.backward()  # type: ignore[no-untyped-call]
    assert rate.item() == 0.0
    assert all(tensor.grad is not None and not tensor.grad.any() for tensor in scalar)


@pytest.mark.parametrize("which", range(4))
@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda tensor: tensor.numpy(), TypeError, "must be a torch.Tensor, got ndarray"),
        (lambda tensor: tensor.to(torch.float16), TypeError, "must be float32 or float64"),
        (lambda tensor: tensor.to(torch.complex128), TypeError, "must be float32 or float64"),
        (lambda tensor: tensor.to(torch.int64), TypeError, "must be float32 or float64"),
        (lambda tensor: tensor.to_sparse(), TypeError, "must be a dense tensor"),
        (lambda tensor: tensor * torch.nan, ValueError, "must be finite"),
        (lambda tensor: tensor / 0, ValueError, "must be finite"),
        (lambda tensor: tensor[0], ValueError, "dimension"),
        (lambda tensor: tensor[None], ValueError, "dimension"),
    ],
)
def test_bad_tensors(which: int, change: Any, error: type[Exception], message: str) -> None:
    parameters = tensors(grad=False)
    parameters[which] = change(parameters[which])
    with pytest.raises(error, match=f"{NAMES[which]} {message}|{NAMES[which]}.*{message}"):
        total_of(parameters, 5)
    with pytest.raises(error, match=NAMES[which]):
        neural.entropy_production_rate(*parameters)


@pytest.mark.parametrize("which", [1, 2, 3])
def test_mixed_dtypes_and_devices(which: int) -> None:
    parameters = tensors(grad=False)
    parameters[which] = parameters[which].float()
    with pytest.raises(ValueError, match=f"{NAMES[which]} must have the dtype and device"):
        total_of(parameters, 5)
    parameters[which] = parameters[which].double().to("meta")
    with pytest.raises(ValueError, match=f"{NAMES[which]} must have the dtype and device"):
        total_of(parameters, 5)


def test_bad_values() -> None:
    parameters = tensors(grad=False)
    with pytest.raises(ValueError, match="n_steps"):
        total_of(parameters, 0)
    skewed = parameters[3] + torch.tensor([[0.0, 0.1], [0.0, 0.0]])
    with pytest.raises(ValueError, match="innovation_cov must be symmetric"):
        total_of([*parameters[:3], skewed], 5)
    with pytest.raises(ValueError, match="innovation_cov must be positive definite"):
        total_of([*parameters[:3], -parameters[3]], 5)
    with pytest.raises(ep.NumericalError, match="eigenvalue"):
        neural.entropy_production_rate(torch.eye(2, dtype=torch.float64), *parameters[1:])


def test_importing_entroprod_does_not_import_torch() -> None:
    code = "import sys, entroprod; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_missing_torch_names_the_pip_line() -> None:
    code = (
        "import sys; sys.modules['torch'] = None\n"
        "try:\n    import entroprod.neural\n"
        "except ImportError as error:\n    print(error)"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.strip() == 'entroprod.neural needs PyTorch: pip install "entroprod[torch]"'
