"""Recurrent machines: RNN, LSTM, GRU, and anything else with a memory of fixed size."""

from __future__ import annotations

from typing import Any, Protocol, SupportsIndex, TypeAlias, runtime_checkable

import numpy as np
import torch
from numpy.typing import ArrayLike

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.sequences import Reads, read_paths
from entroprod.neural.first_step import FirstInput
from entroprod.neural.heads import Emission, GaussianHead, TokenHead
from entroprod.neural.modules import (
    Device,
    DType,
    as_device,
    as_dtype,
    evaluating,
    module_name,
    placed,
)
from entroprod.neural.neural_machine import (
    NeuralMachine,
    require_absent,
    require_callable,
    required_size,
    try_out,
)
from entroprod.neural.sampling import Stepper

InitialState: TypeAlias = torch.Tensor | tuple[torch.Tensor, torch.Tensor] | None


@runtime_checkable
class Cell(Protocol):
    """A memory that reads: what a module needs to be the cell of a :class:`RecurrentMachine`.

    Its state may be anything; B paths have one state together.
    """

    def initial_state(self, n_paths: int) -> Any:
        """State of ``n_paths`` paths that have read nothing."""
        ...

    def advance(self, inputs: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        """Read inputs (B, L, e), L >= 1: what the output sees after each, (B, L, d), and the state.

        Inputs are symbols embedded, or values.
        """
        ...

    def readout(self, state: Any) -> torch.Tensor:
        """What the output sees of a state, (B, d)."""
        ...

    def memory(self, state: Any) -> torch.Tensor:
        """All that the future depends on, flat: (B, k)."""
        ...


class RecurrentMachine(NeuralMachine):
    """Machine with a recurrent memory, whose initial value predicts the first step.

    With a memory h, the next symbol has the distribution ``output(h)``, and is then read by the
    cell. No first token is needed.

    Parameters
    ----------
    cell : torch.nn.RNN, LSTM or GRU, or Cell
        Of any number of layers, ``batch_first`` or not, but not bidirectional; or a module of one's
        own that has the methods of :class:`Cell`, such as a state-space layer.
    output : torch.nn.Module or callable
        Maps what the cell puts out, (R, d), to logits (R, V), or to parameters (R, p) of ``head``.
    n_symbols : int, optional
        V; needed unless there is a ``head``.
    head : GaussianHead, optional
        Makes it a machine of values (m,), which the cell reads.
    embedding : torch.nn.Module or callable, optional
        Maps symbols (B, L), or values (B, L, m), to the cell's inputs (B, L, e). By default symbols
        are one-hot vectors (e = V), and values are read as they are (e = m).
    initial_state : Tensor (layers, H), or for an LSTM a pair of them, optional
        Memory before the first step, the same forwards and backwards; 0 by default. A
        :class:`Cell` brings its own.
    temperature : float
        Divides the logits; 1 by default. Discrete machines only.
    device : str or torch.device, optional
        "auto" takes a GPU if there is one; by default where the cell is.
    dtype : torch.dtype or str, optional
        Of the parameters; by default as they are. If device or dtype differ from the modules', the
        machine works with copies.
    batch_tokens, batch_paths : int, optional
        Most positions scored, or paths sampled, side by side.

    Raises
    ------
    ValueError, TypeError
        Naming the argument. The modules are tried on a sequence of two steps.

    Notes
    -----
    Source: [S26]_ eqs 1-7: recursive machines h_t = phi(h_{t-1}, y_t), h_0 fixed.

    Examples
    --------
    >>> import torch
    >>> from entroprod.neural import RecurrentMachine
    >>> _ = torch.manual_seed(0)
    >>> cell, output = torch.nn.GRU(3, 8), torch.nn.Linear(8, 3)
    >>> machine = RecurrentMachine(cell, output, n_symbols=3)
    >>> machine
    RecurrentMachine(GRU, Linear, n_symbols=3, dtype=float32, device=cpu)
    >>> paths, log_prob = machine.sample_with_log_prob(5, 2, rng=0)
    >>> bool(abs(machine.log_prob(paths) - log_prob).max() < 1e-5)
    True
    >>> machine.memory(paths).shape
    (2, 8)
    """

    def __init__(
        self,
        cell: torch.nn.Module | Cell,
        output: Any,
        *,
        n_symbols: SupportsIndex | None = None,
        head: GaussianHead | None = None,
        embedding: Any = None,
        initial_state: InitialState = None,
        temperature: float = 1.0,
        device: Device = None,
        dtype: DType = None,
        batch_tokens: SupportsIndex | None = None,
        batch_paths: SupportsIndex | None = None,
    ) -> None:
        where, wanted = as_device(device, cell), as_dtype(dtype)
        self._cell, own = _as_cell(cell, initial_state, where, wanted)
        self._output = placed(require_callable(output, "output"), where, wanted)
        self._embedding = embedding
        if embedding is not None:
            self._embedding = placed(require_callable(embedding, "embedding"), where, wanted)
        emission: Emission
        if head is not None:
            if not isinstance(head, GaussianHead):
                msg = f"head must be a GaussianHead, got {type(head).__name__}"
                raise TypeError(msg)
            require_absent(n_symbols, "n_symbols", "a machine with a GaussianHead puts out values")
            require_absent(None if temperature == 1.0 else temperature, "temperature", _NO_LOGITS)
            emission, size, fed = head, head.n_outputs, np.zeros(head.n_outputs)
        else:
            size, fed = required_size(n_symbols), np.array(0)
            emission = TokenHead(self._output, size, temperature=temperature)
        parts = (own, self._output, self._embedding)
        super().__init__(
            tuple(part for part in parts if part is not None),
            emission,
            size,
            continuous=head is not None,
            # Stands for nothing: the initial memory takes this place.
            first=FirstInput(fed, {"first_step": "initial memory"}),
            device=where,
            batch_tokens=batch_tokens,
            batch_paths=batch_paths,
        )
        shape = (1, 3, size) if self._continuous else (1, 3)
        last = 0 if self._continuous else size - 1
        try_out(self, torch.full(shape, last, dtype=self._input_dtype, device=where))

    def memory(self, sequences: ArrayLike) -> FloatArray:
        """Memory after reading sequences.

        Parameters
        ----------
        sequences : array_like, (N, T) of integers or (N, T, m) of values
            T may be 0: that is the initial memory.

        Returns
        -------
        ndarray, (N, k)
            All numbers that the future depends on: every layer's state, the cells of an LSTM too.
        """
        given = np.asarray(sequences)
        if given.ndim >= 2 and len(given) > 0 and given.shape[1] == 0:
            with evaluating(*self._modules):
                return _as_double(self._cell.memory(self._cell.initial_state(len(given))))
        array, single, _ = read_paths(Reads.of(self), sequences)
        if single:
            msg = f"sequences must have an axis of paths, (N, T, ...), got shape {array[0].shape}"
            raise ValueError(msg)
        size = max(1, self._batch_tokens // array.shape[1])
        parts = []
        with evaluating(*self._modules):
            for start in range(0, len(array), size):
                inputs = torch.from_numpy(np.array(array[start : start + size]))
                inputs = inputs.to(device=self._device, dtype=self._input_dtype)
                state = self._cell.initial_state(len(inputs))
                _, state = self._cell.advance(self._embedded(inputs), state)
                parts.append(_as_double(self._cell.memory(state)))
        return np.concatenate(parts)

    @property
    def _input_dtype(self) -> torch.dtype:
        return self._dtype if self._continuous else torch.int64

    def _embedded(self, inputs: torch.Tensor) -> torch.Tensor:
        if self._embedding is not None:
            embedded: torch.Tensor = self._embedding(inputs)
            return embedded
        if self._continuous:
            return inputs
        return torch.nn.functional.one_hot(inputs, self._size).to(self._dtype)

    def _forward(self, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:  # noqa: ARG002
        state = self._cell.initial_state(len(inputs))
        seen = self._cell.readout(state)[:, None]
        if inputs.shape[1] > 1:
            out, _ = self._cell.advance(self._embedded(inputs[:, 1:]), state)
            seen = torch.cat([seen, out], 1)
        return self._rows(seen)

    def _rows(self, seen: torch.Tensor) -> torch.Tensor:
        """Rows for the emission: a discrete one applies the output itself, by parts."""
        if not self._continuous:
            return seen
        flat = self._output(seen.reshape(-1, seen.shape[-1]))
        rows: torch.Tensor = flat.reshape(*seen.shape[:-1], flat.shape[-1])
        return rows

    def _stepper(self) -> Stepper:
        return _CellStepper(self)

    def __repr__(self) -> str:
        names = ", ".join(module_name(part) for part in (self._cell, self._output))
        return f"{type(self).__name__}({names}, {self._described()})"


_NO_LOGITS = "a GaussianHead has no logits"


class _CellStepper:
    def __init__(self, machine: RecurrentMachine) -> None:
        self._machine = machine

    def start(self, n_paths: int) -> tuple[torch.Tensor, Any]:
        cell = self._machine._cell
        state = cell.initial_state(n_paths)
        return self._machine._rows(cell.readout(state)), state

    def step(self, state: Any, symbols: torch.Tensor) -> tuple[torch.Tensor, Any]:
        machine = self._machine
        out, state = machine._cell.advance(machine._embedded(symbols[:, None]), state)
        return machine._rows(out[:, -1]), state


class _TorchCell(torch.nn.Module):
    """torch.nn.RNN, LSTM or GRU as a :class:`Cell`, with its initial state."""

    initial_hidden: torch.Tensor
    initial_cell: torch.Tensor

    def __init__(self, cell: torch.nn.RNNBase, initial_state: InitialState) -> None:
        super().__init__()
        self.cell = cell
        self.described_as = module_name(cell)
        self.is_lstm = isinstance(cell, torch.nn.LSTM)
        widths = [cell.proj_size or cell.hidden_size]
        if self.is_lstm:
            widths.append(cell.hidden_size)
        shapes = [(cell.num_layers, width) for width in widths]
        states = _initial_states(initial_state, shapes)
        like = next(cell.parameters())
        self.register_buffer("initial_hidden", states[0].to(like))
        self.register_buffer("initial_cell", states[1].to(like) if self.is_lstm else None)

    def initial_state(self, n_paths: int) -> Any:
        hidden = self._of_paths(self.initial_hidden, n_paths)
        return (hidden, self._of_paths(self.initial_cell, n_paths)) if self.is_lstm else hidden

    def advance(self, inputs: torch.Tensor, state: Any) -> tuple[torch.Tensor, Any]:
        if self.cell.batch_first:
            out, state = self.cell(inputs, state)
            return out, state
        out, state = self.cell(inputs.transpose(0, 1).contiguous(), state)
        return out.transpose(0, 1), state

    def readout(self, state: Any) -> torch.Tensor:
        hidden: torch.Tensor = state[0] if self.is_lstm else state
        return hidden[-1]

    def memory(self, state: Any) -> torch.Tensor:
        parts = state if self.is_lstm else (state,)
        return torch.cat([part.transpose(0, 1).flatten(1) for part in parts], 1)

    @staticmethod
    def _of_paths(state: torch.Tensor, n_paths: int) -> torch.Tensor:
        return state[:, None].expand(-1, n_paths, -1).contiguous()


def _as_cell(
    cell: object, initial_state: InitialState, device: torch.device, dtype: torch.dtype | None
) -> tuple[Cell, object]:
    """The cell to run, and the module that enters the hash."""
    if isinstance(cell, torch.nn.RNNBase):
        if cell.bidirectional:
            msg = (
                "cell must not be bidirectional: its state would depend on what comes later, and "
                "the log-probabilities would be those of no generative model"
            )
            raise ValueError(msg)
        wrapped = _TorchCell(placed(cell, device, dtype), initial_state)
        return wrapped, wrapped
    if not isinstance(cell, Cell):
        msg = (
            "cell must be a torch.nn.RNN, LSTM or GRU, or have the methods initial_state, advance, "
            f"readout and memory; got {type(cell).__name__}"
        )
        raise TypeError(msg)
    require_absent(initial_state, "initial_state", "a cell of one's own brings its initial state")
    own = placed(cell, device, dtype)
    return own, own


def _initial_states(given: InitialState, shapes: list[tuple[int, int]]) -> list[torch.Tensor]:
    if given is None:
        return [torch.zeros(shape) for shape in shapes]
    states = list(given) if isinstance(given, (tuple, list)) else [given]
    # Cells of torch hand out states with an axis of paths, of which there is one here.
    states = [
        state[:, 0]
        if isinstance(state, torch.Tensor) and state.ndim == 3 and state.shape[1] == 1
        else state
        for state in states
    ]
    wanted = " and ".join(str(shape) for shape in shapes)
    if not all(isinstance(state, torch.Tensor) for state in states):
        msg = f"initial_state must be tensors of shape {wanted}, got {type(given).__name__}"
        raise TypeError(msg)
    came = [tuple(state.shape) for state in states]
    if came != shapes:
        msg = f"initial_state must have shape {wanted}, got {' and '.join(map(str, came))}"
        raise ValueError(msg)
    if not all(state.isfinite().all() for state in states):
        msg = "initial_state must be finite"
        raise ValueError(msg)
    return [state.detach().clone() for state in states]


def _as_double(memory: torch.Tensor) -> FloatArray:
    double: FloatArray = memory.double().cpu().numpy()
    return double
