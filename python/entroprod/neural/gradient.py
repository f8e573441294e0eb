"""Entropy production of linear state-space models whose parameters are tensors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, SupportsIndex, TypeAlias

import numpy as np
import torch

from entroprod.boundary.arrays import FloatArray, as_count
from entroprod.gaussian.gradient import (
    EntropyProductionGradient,
    EntropyProductionRateGradient,
    entropy_production_gradient,
    entropy_production_rate_gradient,
)
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.questions import production

_NAMES = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")
# A product L L^T in a tensor's own arithmetic is symmetric to a few roundings of its size.
_ASYMMETRY_IN_EPSILONS = 64.0

_Gradient: TypeAlias = tuple[FloatArray, FloatArray, FloatArray, FloatArray]
_Value: TypeAlias = Callable[[LinearGaussian], float]
_ValueAndGradient: TypeAlias = Callable[[LinearGaussian], tuple[float, _Gradient]]


def entropy_production(
    state_matrix: torch.Tensor,
    input_matrix: torch.Tensor,
    output_matrix: torch.Tensor,
    innovation_cov: torch.Tensor,
    n_steps: SupportsIndex,
) -> torch.Tensor:
    """Entropy production of ``n_steps`` observations, in nats, differentiable.

    For y_t = C h_t + e_t, e_t ~ N(0, S), h_{t+1} = F h_t + G y_t. Both the value and the gradient
    are computed in float64 on the CPU, at once where a gradient will be wanted.

    Parameters
    ----------
    state_matrix : Tensor, (n, n)
        F; float32 or float64, on any device.
    input_matrix : Tensor, (n, m)
        G; like the others of the same dtype and on the same device as ``state_matrix``.
    output_matrix : Tensor, (m, n)
        C.
    innovation_cov : Tensor, (m, m)
        S, symmetric to rounding and positive definite. Its gradient is symmetric.
    n_steps : int
        T >= 1.

    Returns
    -------
    Tensor, ()
        Nats, in the dtype and on the device of the parameters. Second derivatives are not
        supported.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    NumericalError
        If an unstable machine's covariances overflow.

    Notes
    -----
    Source: [S26]_ eq 71; :func:`entroprod.entropy_production_gradient`.

    Examples
    --------
    >>> import torch
    >>> from entroprod.neural import entropy_production
    >>> coupling = torch.tensor(0.3, dtype=torch.float64, requires_grad=True)
    >>> eye = torch.eye(2, dtype=torch.float64)
    >>> turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]], dtype=torch.float64)
    >>> total = entropy_production(0 * eye, eye, 0.5 * eye + coupling * turn, eye, 50)
    >>> total.backward()
    >>> print(f"{total.item():.6f} {coupling.grad.item():.6f}")
    26.621433 200.376709
    """
    steps = as_count(n_steps, "n_steps")

    def value(machine: LinearGaussian) -> float:
        return production.entropy_production(machine, steps).total

    def value_and_gradient(machine: LinearGaussian) -> tuple[float, _Gradient]:
        result = entropy_production_gradient(machine, steps)
        return result.total, _arrays(result)

    return _apply(
        value, value_and_gradient, (state_matrix, input_matrix, output_matrix, innovation_cov)
    )


def entropy_production_rate(
    state_matrix: torch.Tensor,
    input_matrix: torch.Tensor,
    output_matrix: torch.Tensor,
    innovation_cov: torch.Tensor,
) -> torch.Tensor:
    """Entropy production rate of a stationary machine, in nats per step, differentiable.

    Parameters
    ----------
    state_matrix, input_matrix, output_matrix, innovation_cov : Tensor
        F (n, n), G (n, m), C (m, n), S (m, m), as in :func:`entropy_production`.

    Returns
    -------
    Tensor, ()
        Nats per step, in the dtype and on the device of the parameters; 0 for one output. Second
        derivatives are not supported.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    NumericalError
        If the machine has no stationary state, or a memory that never fades.

    Notes
    -----
    Source: :func:`entroprod.entropy_production_rate_gradient`.

    Examples
    --------
    >>> import torch
    >>> from entroprod.neural import entropy_production_rate
    >>> eye = torch.eye(2)
    >>> turn = torch.tensor([[0.0, 1.0], [-1.0, 0.0]])
    >>> print(f"{entropy_production_rate(0 * eye, eye, 0.5 * eye + 0.3 * turn, eye).item():.6f}")
    0.545455
    """

    def value_and_gradient(machine: LinearGaussian) -> tuple[float, _Gradient]:
        result = entropy_production_rate_gradient(machine)
        return result.rate, _arrays(result)

    return _apply(
        production.entropy_production_rate,
        value_and_gradient,
        (state_matrix, input_matrix, output_matrix, innovation_cov),
    )


class _OfMachine(torch.autograd.Function):
    """A function of a machine's four parameters that brings its own gradient."""

    @staticmethod
    def forward(
        ctx: Any,
        value: _Value,
        value_and_gradient: _ValueAndGradient | None,
        *parameters: torch.Tensor,
    ) -> torch.Tensor:
        machine = _machine(parameters)
        like = parameters[0]
        if value_and_gradient is None:
            return torch.tensor(value(machine), dtype=like.dtype, device=like.device)
        total, gradient = value_and_gradient(machine)
        ctx.save_for_backward(
            *(torch.tensor(array, dtype=like.dtype, device=like.device) for array in gradient),
            *parameters,
        )
        return torch.tensor(total, dtype=like.dtype, device=like.device)

    @staticmethod
    def backward(ctx: Any, of_value: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        gradient: tuple[torch.Tensor, ...] = _FirstDerivative.apply(  # type: ignore[no-untyped-call]
            of_value, *ctx.saved_tensors
        )
        return (None, None, *gradient)


class _FirstDerivative(torch.autograd.Function):
    """A gradient that knows that it depends on the parameters, and refuses to be differentiated.

    Left out of the graph it would count as a constant, and its derivative silently as 0.
    """

    @staticmethod
    def forward(
        ctx: Any,  # noqa: ARG004  (torch's signature)
        of_value: torch.Tensor,
        *gradient_and_parameters: torch.Tensor,
    ) -> tuple[torch.Tensor, ...]:
        return tuple(of_value * part for part in gradient_and_parameters[: len(_NAMES)])

    @staticmethod
    def backward(ctx: Any, *of_gradient: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        raise NotImplementedError(
            "second derivatives of entropy production are not supported: its gradient can't be "
            "differentiated (create_graph=True, a Hessian, a penalty on the gradient)"
        )


def _apply(
    value: _Value, value_and_gradient: _ValueAndGradient, parameters: tuple[torch.Tensor, ...]
) -> torch.Tensor:
    for name, parameter in zip(_NAMES, parameters, strict=True):
        _require_tensor(name, parameter, parameters[0])
    wanted = torch.is_grad_enabled() and any(tensor.requires_grad for tensor in parameters)
    result: torch.Tensor = _OfMachine.apply(  # type: ignore[no-untyped-call]
        value, value_and_gradient if wanted else None, *parameters
    )
    return result


def _require_tensor(name: str, value: torch.Tensor, first: torch.Tensor) -> None:
    if not isinstance(value, torch.Tensor):
        msg = f"{name} must be a torch.Tensor, got {type(value).__name__}"
        raise TypeError(msg)
    if value.dtype not in {torch.float32, torch.float64}:
        msg = f"{name} must be float32 or float64, got {value.dtype}"
        raise TypeError(msg)
    if value.layout != torch.strided:
        msg = f"{name} must be a dense tensor, got layout {value.layout}"
        raise TypeError(msg)
    if value.dtype != first.dtype or value.device != first.device:
        msg = (
            f"{name} must have the dtype and device of state_matrix, {first.dtype} on "
            f"{first.device}; got {value.dtype} on {value.device}"
        )
        raise ValueError(msg)
    if value.is_meta:
        msg = f"{name} must hold numbers, got a tensor on the device meta, which has none"
        raise ValueError(msg)


def _machine(parameters: tuple[torch.Tensor, ...]) -> LinearGaussian:
    state, inputs, output, cov = (
        tensor.detach().to("cpu", torch.float64).numpy() for tensor in parameters
    )
    if cov.ndim == 2 and cov.shape[0] == cov.shape[1]:
        # What isn't finite is left to the machine's own checks.
        with np.errstate(invalid="ignore"):
            mean = 0.5 * (cov + cov.T)
            spread = np.sqrt(abs(cov.diagonal()))
            rounding = _ASYMMETRY_IN_EPSILONS * torch.finfo(parameters[0].dtype).eps
            if (abs(cov - mean) <= rounding * np.outer(spread, spread)).all():
                cov = mean
    return LinearGaussian(state, inputs, output, cov)


def _arrays(
    result: EntropyProductionGradient | EntropyProductionRateGradient,
) -> _Gradient:
    return (
        result.state_matrix,
        result.input_matrix,
        result.output_matrix,
        result.innovation_cov,
    )
