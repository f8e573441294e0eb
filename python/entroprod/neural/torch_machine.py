"""Any causal torch module as a machine."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, SupportsIndex

import torch
from numpy.typing import ArrayLike

from entroprod.neural.first_step import First, FirstDistribution, first_as_symbol, first_as_value
from entroprod.neural.heads import Emission, GaussianHead, Layer, TokenHead
from entroprod.neural.modules import Device, DType, as_device, as_dtype, module_name, placed
from entroprod.neural.neural_machine import (
    NeuralMachine,
    require_absent,
    require_callable,
    required_size,
    try_out,
)
from entroprod.neural.sampling import Stepper
from entroprod.neural.scoring import require_rows

_HIDDEN = "last_hidden_state"

# state, symbols -> what the module puts out for the last of them, and the state after it
Step = Callable[[Any, torch.Tensor], tuple[Any, Any]]


class TorchMachine(NeuralMachine):
    """Machine made of a torch module that maps token ids to logits, or values to parameters.

    The module must be causal: what it puts out at a position may depend on the inputs up to that
    position only. It is run without dropout and gradients, and its training flags come back. It
    isn't copied, unless it has to move: training it further changes the machine.

    Parameters
    ----------
    module : callable
        Maps ids (B, L) int64 to logits (B, L, V), or to hidden states (B, L, d) if there is a
        ``head``; an object with the attribute ``logits`` (``last_hidden_state`` with a head) may
        come instead of a tensor. With a :class:`GaussianHead` it maps values (B, L, m) to that
        head's parameters (B, L, p).
    n_symbols : int, optional
        V; needed unless the machine is continuous.
    first_token : int, optional
        The fixed token that the first symbol is conditioned on.
    first_logits : array_like, (V,), optional
        Instead of it, logits of the first symbol; the module then reads the symbols only.
    first_value : array_like, (m,), optional
        Of a continuous machine, the fixed value that the first one is conditioned on; 0 by default.
    head : callable or GaussianHead, optional
        Output layer, rows (R, d) to logits (R, V), if it isn't part of the module. It saves memory
        and time: a ``torch.nn.Linear`` is applied to parts of the vocabulary.
    temperature : float
        Divides the logits; 1 by default. Discrete machines only.
    step : callable, optional
        ``step(state, symbols) -> (out, state)`` runs the module a step at a time, for sampling:
        symbols (N,) or values (N, m), and out (N, V), (N, d) or (N, p) as the module would give for
        the last position; the first state is None. By default the whole path is read anew at each
        step, which costs T times as much.
    device : str or torch.device, optional
        "auto" takes a GPU if there is one; by default where the module is.
    dtype : torch.dtype or str, optional
        Of the parameters; by default as they are. If device or dtype differ from the module's, the
        machine works with a copy.
    batch_tokens, batch_paths : int, optional
        Most positions scored, or paths sampled, side by side.

    Raises
    ------
    ValueError, TypeError
        Naming the argument. The module is tried on a sequence of two steps.

    Notes
    -----
    Source: [S26]_ eqs 1-7; the fixed first token is the initial memory, the same forwards and
    backwards.

    Examples
    --------
    >>> import torch
    >>> from entroprod.neural import TorchMachine
    >>> _ = torch.manual_seed(0)
    >>> bigram = torch.nn.Embedding(3, 3)
    >>> machine = TorchMachine(bigram, n_symbols=3, first_token=0)
    >>> machine
    TorchMachine(Embedding, first_token=0, n_symbols=3, dtype=float32, device=cpu)
    >>> paths = machine.sample(4, 2, rng=0)
    >>> machine.log_prob(paths).shape
    (2, 4)
    """

    def __init__(
        self,
        module: Callable[..., Any],
        *,
        n_symbols: SupportsIndex | None = None,
        first_token: SupportsIndex | None = None,
        first_logits: ArrayLike | None = None,
        first_value: ArrayLike | None = None,
        head: Layer | GaussianHead | None = None,
        temperature: float = 1.0,
        step: Step | None = None,
        device: Device = None,
        dtype: DType = None,
        batch_tokens: SupportsIndex | None = None,
        batch_paths: SupportsIndex | None = None,
    ) -> None:
        require_callable(module, "module")
        where, wanted = as_device(device, module), as_dtype(dtype)
        self._module = placed(module, where, wanted)
        self._step = _own_step(step, module, self._module)
        modules: tuple[object, ...] = (self._module,)
        first: First
        if isinstance(head, GaussianHead):
            for name, value in (("n_symbols", n_symbols), ("first_token", first_token)):
                require_absent(value, name, "a machine with a GaussianHead puts out values")
            require_absent(first_logits, "first_logits", "a GaussianHead has no logits")
            if temperature != 1.0:
                require_absent(temperature, "temperature", "a GaussianHead has no logits")
            emission: Emission = head
            size = head.n_outputs
            first = first_as_value(first_value, size)
        else:
            require_absent(first_value, "first_value", "only a machine with a GaussianHead has one")
            size = required_size(n_symbols)
            layer = None if head is None else placed(require_callable(head, "head"), where, wanted)
            emission = TokenHead(layer, size, temperature=temperature)
            modules = (self._module,) if layer is None else (self._module, layer)
            first = first_as_symbol(first_token, first_logits, size, emission.temperature, where)
        self._attribute = "logits" if isinstance(head, GaussianHead) or head is None else _HIDDEN
        super().__init__(
            modules,
            emission,
            size,
            continuous=isinstance(head, GaussianHead),
            first=first,
            device=where,
            batch_tokens=batch_tokens,
            batch_paths=batch_paths,
        )
        self._try_out()

    def _forward(self, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        return self._rows(self._module(inputs), tuple(inputs.shape[:2]))

    def _rows(self, out: Any, shape: tuple[int, ...]) -> torch.Tensor:
        """Tensor (B, L, d) from what the module gave, which may be wrapped."""
        if not isinstance(out, torch.Tensor):
            out = getattr(out, self._attribute, out)
        return require_rows(out, shape)

    def _stepper(self) -> Stepper:
        return _Reader(self, self._step)

    def _try_out(self) -> None:
        """Run two steps, so that a module of another shape is found here."""
        shape = (1, 2, self._size) if self._continuous else (1, 2)
        inputs = torch.zeros(shape, dtype=self._dtype if self._continuous else torch.int64)
        if not self._continuous:
            inputs[0, 1] = self._size - 1
        try_out(self, inputs.to(self._device))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({module_name(self._module)}, {self._described()})"


class _Reader:
    """Runs a module step by step: by its own step, or by reading the whole path anew."""

    def __init__(self, machine: TorchMachine, step: Step | None) -> None:
        self._machine = machine
        self._step = step

    def start(self, n_paths: int) -> tuple[torch.Tensor, Any]:
        machine = self._machine
        if isinstance(machine._first, FirstDistribution):
            return machine._first.row.expand(n_paths, -1), None
        first = torch.from_numpy(machine._first.fed).to(machine._device)
        if machine._continuous:
            first = first.to(machine._dtype)
        return self.step(None, first.expand(n_paths, *first.shape))

    def step(self, state: Any, symbols: torch.Tensor) -> tuple[torch.Tensor, Any]:
        machine = self._machine
        if self._step is not None:
            out, state = self._step(state, symbols)
            if not isinstance(out, torch.Tensor):
                out = getattr(out, machine._attribute, out)
            if isinstance(out, torch.Tensor) and out.ndim == 2:
                out = out[:, None]
            return machine._rows(out, (len(symbols), 1))[:, -1], state
        read = symbols[:, None] if state is None else torch.cat([state, symbols[:, None]], 1)
        lengths = torch.full((len(read),), read.shape[1], device=read.device)
        return machine._forward(read, lengths)[:, -1], read


def _own_step(step: Step | None, module: object, working: object) -> Step | None:
    if step is None:
        return None
    require_callable(step, "step")
    if working is not module:
        msg = (
            "device and dtype must be the module's own where step is given: the machine would work "
            "with a copy of the module, and step with the module itself"
        )
        raise ValueError(msg)
    return step
