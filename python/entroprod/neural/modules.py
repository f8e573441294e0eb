"""What a torch module is asked before it is used: its device, dtype, parameters, and no dropout."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import torch

import entroprod as ep

Device: TypeAlias = str | torch.device | None
DType: TypeAlias = str | torch.dtype | None

# Sums of exponentials are taken in these, at least.
_WIDE = {torch.float16: torch.float32, torch.bfloat16: torch.float32}
_FLOATS = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16)
}


def as_device(device: Device, module: torch.nn.Module | None = None) -> torch.device:
    """Device asked for: None is the module's own (or the CPU), "auto" a GPU if there is one.

    Raises
    ------
    ValueError, TypeError
        If it isn't there, or torch doesn't know it.
    """
    if device is None:
        first = None if module is None else next(_tensors(module), None)
        return torch.device("cpu") if first is None else first.device
    if isinstance(device, str) and device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if not isinstance(device, (str, torch.device)):
        msg = f'device must be "auto", a torch device or its name, got {device!r}'
        raise TypeError(msg)
    try:
        wanted = torch.device(device)
    except RuntimeError:
        msg = f'device must be "auto", "cpu", "cuda" or another name torch knows, got {device!r}'
        raise ValueError(msg) from None
    if wanted.type == "cuda":
        found = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (wanted.index or 0) >= found:
            msg = f'device is {str(wanted)!r}, and torch finds {found} GPU(s): use "cpu" or "auto"'
            raise ValueError(msg)
    if wanted.type == "meta":
        msg = "device must hold numbers, and the device meta holds none"
        raise ValueError(msg)
    return wanted


def as_dtype(dtype: DType) -> torch.dtype | None:
    """Floating dtype by itself or by name; None is left to the module."""
    found = _FLOATS.get(dtype) if isinstance(dtype, str) else dtype
    if dtype is not None and found not in _FLOATS.values():
        msg = f"dtype must be None or one of {', '.join(_FLOATS)}, got {dtype!r}"
        raise ValueError(msg)
    return found


def wide(dtype: torch.dtype) -> torch.dtype:
    """Dtype in which sums over what has this dtype are taken: float32 at least."""
    return _WIDE.get(dtype, dtype)


def placed(module: torch.nn.Module, device: torch.device, dtype: torch.dtype | None) -> Any:
    """The module itself if it is there in that dtype already, else a copy: it is never changed."""
    if all(
        tensor.device == device
        and (dtype is None or not tensor.is_floating_point() or tensor.dtype == dtype)
        for tensor in _tensors(module)
    ):
        return module
    return copy.deepcopy(module).to(device=device, dtype=dtype)


@contextmanager
def evaluating(*modules: object) -> Iterator[None]:
    """Context without dropout, gradients and autocasting; the modules' training flags come back.

    What has no training flag, such as a plain function, is left alone. An autocast context around
    the call is switched off: the modules' own dtype counts.
    """
    flags = [
        (part, part.training)
        for module in modules
        if isinstance(module, torch.nn.Module)
        for part in module.modules()
    ]
    try:
        for part, _ in flags:
            part.training = False
        with (
            torch.inference_mode(),
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
        ):
            yield
    finally:
        for part, training in flags:
            part.training = training


def n_parameters(*modules: object) -> int:
    """Numbers in the parameters of the modules; functions count 0."""
    parts = [module for module in modules if isinstance(module, torch.nn.Module)]
    return sum(parameter.numel() for part in parts for parameter in part.parameters())


def parameter_hash(*modules: object) -> str:
    """SHA-256 of names, dtypes, shapes and bytes of all parameters and buffers, in order.

    Of what has no state_dict, such as a plain function, only its qualified name enters.
    """
    digest = hashlib.sha256()
    for module in modules:
        if not isinstance(module, torch.nn.Module):
            digest.update(repr(getattr(module, "__qualname__", type(module).__qualname__)).encode())
            continue
        for name, tensor in module.state_dict().items():
            if not isinstance(tensor, torch.Tensor):
                digest.update(f"{name} {tensor!r}".encode())
                continue
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy().data)
    return digest.hexdigest()


def module_provenance(*modules: object, device: torch.device) -> dict[str, Any]:
    """JSON-ready facts on which numbers computed by the modules depend."""
    tensors = [
        tensor
        for module in modules
        if isinstance(module, torch.nn.Module)
        for tensor in _tensors(module)
    ]
    dtypes = sorted({str(t.dtype).removeprefix("torch.") for t in tensors if t.is_floating_point()})
    return {
        "module": " + ".join(_name(module) for module in modules if module is not None),
        "n_parameters": n_parameters(*modules),
        "parameters_sha256": parameter_hash(*(part for part in modules if part is not None)),
        "dtype": dtypes[0] if len(dtypes) == 1 else dtypes,
        "device": str(device),
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "versions": {"entroprod": ep.__version__, "torch": str(torch.__version__)},
    }


def _name(module: object) -> str:
    if isinstance(module, torch.nn.Module):
        return type(module).__qualname__
    return str(getattr(module, "__qualname__", type(module).__qualname__))


def _tensors(module: torch.nn.Module) -> Iterator[torch.Tensor]:
    yield from module.parameters()
    yield from module.buffers()
