"""What a torch module is asked before it is used: its device, dtype, parameters, and no dropout."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from typing import TypeAlias, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from entroprod.neural.fusion import fused

Device: TypeAlias = str | torch.device | None
DType: TypeAlias = str | torch.dtype | None
Module = TypeVar("Module")

# A batch on a CPU makes matrix products of a good size and keeps what is between them in cache.
_FEWEST_TOKENS, _MOST_TOKENS = 256, 8192
_WORK_OF_A_BATCH = 25_000_000_000
_TOKENS_ON_A_GPU = 16_384
_PATHS, _PATHS_ON_A_GPU = 256, 2048

# Bytes that are summed up to tell whether parameters have changed.
_CHUNK = 4096
# Sums of exponentials are taken in these, at least.
_WIDE = {torch.float16: torch.float32, torch.bfloat16: torch.float32}
_FLOATS = {
    str(dtype).removeprefix("torch."): dtype
    for dtype in (torch.float64, torch.float32, torch.bfloat16, torch.float16)
}


def as_device(device: Device, module: object = None) -> torch.device:
    """Device asked for: None is the module's own (or the CPU), "auto" a GPU if there is one.

    Raises
    ------
    ValueError, TypeError
        If it isn't there, or torch doesn't know it.
    """
    if device is None:
        first = next(_tensors(module), None)
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


def placed(module: Module, device: torch.device, dtype: torch.dtype | None) -> Module:
    """The module itself if it is there in that dtype already, else a copy: it is never changed.

    Functions are left alone.
    """
    if not isinstance(module, torch.nn.Module) or all(
        tensor.device == device
        and (dtype is None or not tensor.is_floating_point() or tensor.dtype == dtype)
        for tensor in _tensors(module)
    ):
        return module
    moved: Module = copy.deepcopy(module).to(device=device, dtype=dtype)
    return moved


def parameter_dtype(*modules: object) -> torch.dtype:
    """Dtype of the first floating parameter or buffer; float64 if there is none."""
    for module in modules:
        for tensor in _tensors(module):
            if tensor.is_floating_point():
                return tensor.dtype
    return torch.float64


@contextmanager
def evaluating(*modules: object) -> Iterator[None]:
    """Context without dropout, gradients and autocasting; the modules' training flags come back.

    What has no training flag, such as a plain function, is left alone. An autocast context around
    the call is switched off: the modules' own dtype counts. Known activations take one pass.
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
            fused(*modules),
        ):
            yield
    finally:
        for part, training in flags:
            part.training = training


def n_parameters(*modules: object) -> int:
    """Numbers in the parameters of the modules; functions count 0."""
    parts = [module for module in modules if isinstance(module, torch.nn.Module)]
    return sum(parameter.numel() for part in parts for parameter in part.parameters())


def default_batch_tokens(n_parameters: int, device: torch.device) -> int:
    """Positions in a batch: fewer for large networks, which keep processors busy with few."""
    if device.type != "cpu":
        return _TOKENS_ON_A_GPU
    return int(min(max(_WORK_OF_A_BATCH // max(1, n_parameters), _FEWEST_TOKENS), _MOST_TOKENS))


def default_batch_paths(device: torch.device) -> int:
    """Paths that are drawn side by side."""
    return _PATHS if device.type == "cpu" else _PATHS_ON_A_GPU


def parameter_hash(*modules: object) -> str:
    """SHA-256 of names, dtypes, shapes and bytes of all parameters and buffers, in order.

    Of what has no state_dict, such as a plain function, only its qualified name enters.
    """
    digest = hashlib.sha256()
    for module in modules:
        if not isinstance(module, torch.nn.Module):
            digest.update(module_name(module).encode())
            continue
        for name, tensor in module.state_dict().items():
            if not isinstance(tensor, torch.Tensor):
                digest.update(f"{name} {tensor!r}".encode())
                continue
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(_bytes_of(tensor).data)
    return digest.hexdigest()


class ParameterHash:
    """:func:`parameter_hash` of modules, taken anew only where their numbers may have changed.

    Versions of tensors don't tell alone: fused optimisers and what writes to ``.data`` leave them.
    Sums over chunks of the bytes, which cost a tenth of the hash, tell the rest.

    Parameters
    ----------
    modules : tuple
    known : str, optional
        The hash to give as long as nothing changes from now on.
    """

    def __init__(self, *modules: object, known: str | None = None) -> None:
        self._modules = modules
        self._hash = known
        self._marks = [] if known is None else _marks(*modules)

    def __call__(self) -> str:
        """The hash of what the modules hold now."""
        marks = _marks(*self._modules)
        if self._hash is None or marks != self._marks:
            self._hash, self._marks = parameter_hash(*self._modules), marks
        return self._hash


def _marks(*modules: object) -> list[tuple[object, ...]]:
    """What differs once a tensor has changed."""
    return [
        (name, tensor.dtype, tensor.shape, _version(tensor), _chunk_sums(tensor))
        if isinstance(tensor, torch.Tensor)
        else (name, repr(tensor))
        for module in modules
        if isinstance(module, torch.nn.Module)
        for name, tensor in module.state_dict().items()
    ]


def _version(tensor: torch.Tensor) -> tuple[int, int | None]:
    """Where its numbers lie, and how often autograd saw them change; it doesn't count for some."""
    return tensor.data_ptr(), None if tensor.is_inference() else tensor._version


def _chunk_sums(tensor: torch.Tensor) -> bytes:
    """Digest of sums over chunks of its bytes, modulo 2^64."""
    content = _bytes_of(tensor)
    whole = len(content) - len(content) % _CHUNK
    sums = content[:whole].view(np.int64).reshape(-1, _CHUNK // 8).sum(axis=1)
    digest = hashlib.sha256(sums.tobytes())
    digest.update(content[whole:].data)
    return digest.digest()


def _bytes_of(tensor: torch.Tensor) -> NDArray[np.uint8]:
    flat = tensor.detach().cpu().contiguous().reshape(-1)
    content: NDArray[np.uint8] = flat.view(torch.uint8).numpy()
    return content


def module_provenance(
    *modules: object, device: torch.device, parameters_sha256: str
) -> dict[str, object]:
    """JSON-ready facts on which numbers computed by the modules depend."""
    tensors = [tensor for module in modules for tensor in _tensors(module)]
    dtypes = sorted({str(t.dtype).removeprefix("torch.") for t in tensors if t.is_floating_point()})
    return {
        "module": " + ".join(module_name(module) for module in modules),
        "n_parameters": n_parameters(*modules),
        "parameters_sha256": parameters_sha256,
        "dtype": dtypes[0] if len(dtypes) == 1 else dtypes,
        "device": str(device),
        "float32_matmul_precision": torch.get_float32_matmul_precision(),
        "versions": {"entroprod": version("entroprod"), "torch": str(torch.__version__)},
    }


def module_name(module: object) -> str:
    """Name of a module's class, or of a function."""
    if isinstance(module, torch.nn.Module):
        return str(getattr(module, "described_as", type(module).__qualname__))
    return str(getattr(module, "__qualname__", type(module).__qualname__))


def _tensors(module: object) -> Iterator[torch.Tensor]:
    if isinstance(module, torch.nn.Module):
        yield from module.parameters()
        yield from module.buffers()
