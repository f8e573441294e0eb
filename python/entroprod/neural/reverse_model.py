"""Recurrent reverse models, trained on a machine's samples read backwards."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, SupportsIndex

import numpy as np
import torch
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray, as_count, as_positive, as_read_only
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.progress import Progress, Report, reporting
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.machine.protocol import as_machine, require_sampler
from entroprod.neural.heads import GaussianHead
from entroprod.neural.modules import Device, as_device
from entroprod.neural.torch_machine import TorchMachine
from entroprod.questions.reverse_model import reversed_samples
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

# Gain below which an epoch counts as none, nats per sequence.
_SMALLEST_GAIN = 1e-5
# Epochs without a gain after which the learning rate is divided, and how often before the end.
_PATIENCE = 3
_RATE_DIVISOR = 3.0
_MOST_DIVISIONS = 4
# Largest norm of a gradient: long sequences have rare large ones.
_LARGEST_GRADIENT = 1.0
# Sequences that are scored together where no gradient is wanted.
_HELD_OUT_BATCH = 1024
# Symbols up to which every pair of them has a weight of its own.
_MOST_PAIRED = 512


@storable(name="entroprod.neural.ReverseModelTraining")
@dataclass(frozen=True, eq=False, repr=False)
class ReverseModelTraining(Result):
    """How a reverse model was trained.

    Attributes
    ----------
    training_loss, held_out_loss : ndarray, (n_epochs,)
        Mean of -ln q of a whole sequence after each epoch, nats: over the paths that it was trained
        on, while it was, and over those held out.
    best_epoch : int
        From 1: the parameters kept are those after it.
    n_trained_on, n_held_out : int
        Number of paths.
    stopped_early : bool
        Whether held-out paths stopped gaining before the most epochs allowed.
    """

    training_loss: FloatArray
    held_out_loss: FloatArray
    best_epoch: int
    n_trained_on: int
    n_held_out: int
    stopped_early: bool

    @property
    def n_epochs(self) -> int:
        """Number of epochs that were run."""
        return len(self.held_out_loss)

    def to_frame(self) -> pd.DataFrame:
        """Table with a row per epoch; needs pandas."""
        columns = {"training_loss": self.training_loss, "held_out_loss": self.held_out_loss}
        return as_frame(columns, rows=range(1, self.n_epochs + 1), name="epoch")

    def __repr__(self) -> str:
        best = self.held_out_loss[self.best_epoch - 1]
        end = "stopped early" if self.stopped_early else "all that were allowed"
        return (
            f"ReverseModelTraining({self.n_epochs} epochs, {end}; best after epoch "
            f"{self.best_epoch}: {best:.6g} nats per held-out sequence, "
            f"{self.n_trained_on} + {self.n_held_out} paths)"
        )


def fit_reverse_model(
    machine: Any,
    n_steps: SupportsIndex,
    n_paths: SupportsIndex,
    *,
    hidden: SupportsIndex = 32,
    n_epochs: SupportsIndex = 60,
    held_out: float = 0.2,
    batch_size: SupportsIndex = 128,
    learning_rate: float = 1e-2,
    device: Device = None,
    rng: RandomSource = None,
    progress: Progress = False,
) -> tuple[TorchMachine, ReverseModelTraining]:
    """Train a network q(y_t | y_{t+1:T}) on samples of a machine, read backwards.

    A gated recurrent unit (GRU) that also reads the position, since a reversed sequence isn't
    homogeneous in time. Its output gives a categorical distribution of symbols, or a Gaussian of
    values with full covariance. The parameters kept are those with the best held-out likelihood;
    training ends once that doesn't improve at smaller and smaller learning rates.

    Parameters
    ----------
    machine : Machine
        Anything with ``sample``, and with n_symbols or n_outputs.
    n_steps, n_paths : int
        T and N, T at least 1, N at least 2.
    hidden : int
        Size of the recurrent memory.
    n_epochs : int
        At most so many passes over the paths.
    held_out : float
        Share of the paths, between 0 and 1, that only tell when to stop.
    batch_size : int
        Paths in a step of the optimiser.
    learning_rate : float
        Of Adam, at the start.
    device : str or torch.device, optional
        "auto" takes a GPU if there is one; by default the CPU.
    rng : Generator, int or None
        Source of all randomness. The paths differ from those that ``machine.sample`` draws from the
        same seed.
    progress : bool or callable
        True shows a bar (needs rich); a callable is called with (epochs done, n_epochs).

    Returns
    -------
    model : TorchMachine
        Reads reversed sequences of at most ``n_steps`` steps, as
        :func:`entroprod.retrospective_bound` wants it.
    training : ReverseModelTraining
        The losses by epoch.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    MemoryError
        If the samples don't fit.
    NumericalError
        If the training diverges.

    Notes
    -----
    Whatever comes out, the bound is valid: see :func:`entroprod.retrospective_bound`.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod import neural
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> model, training = neural.fit_reverse_model(machine, 4, 500, hidden=4, n_epochs=2, rng=0)
    >>> training
    ReverseModelTraining(2 epochs, all that were allowed; best after epoch 2: ...)
    >>> bound = ep.retrospective_bound(machine, model, 4, 1000, rng=0)
    >>> bound.total < bound.entropy_production
    True
    """
    machine = as_machine(machine, "machine")
    require_sampler(machine, "machine")
    steps, paths = as_count(n_steps, "n_steps"), as_count(n_paths, "n_paths")
    sizes = {"hidden": hidden, "n_epochs": n_epochs, "batch_size": batch_size}
    width, most_epochs, batch = (as_count(value, name) for name, value in sizes.items())
    rate = as_positive(learning_rate, "learning_rate")
    n_held_out = _held_out(held_out, paths)
    where = as_device(device)
    n_symbols, n_outputs = (getattr(machine, name, None) for name in ("n_symbols", "n_outputs"))
    if n_symbols is None and n_outputs is None:
        raise TypeError(f"machine must have n_symbols or n_outputs, got {type(machine).__name__}")
    generator = as_generator(rng)
    samples = reversed_samples(machine, steps, paths, generator)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator.integers(2**63)))
        network: _Network = (
            _SymbolNetwork(n_symbols, steps, width)
            if n_symbols is not None
            else _ValueNetwork(samples[:-n_held_out], width)
        )
    network.to(where)
    trainer = _Trainer(network, samples, n_held_out, batch, rate, generator)
    with reporting(progress, most_epochs, "Training") as report:
        training = trainer.run(most_epochs, report)
    if n_symbols is not None:
        return TorchMachine(network, n_symbols=n_symbols, first_token=0), training
    return TorchMachine(network, head=GaussianHead(samples.shape[2], "full")), training


def _held_out(share: float, n_paths: int) -> int:
    part = as_positive(share, "held_out")
    count = round(part * n_paths)
    if not 1 <= count < n_paths:
        raise ValueError(
            f"held_out must leave a path on either side, between 0 and 1; {part:g} of "
            f"n_paths = {n_paths} is {count}"
        )
    return count


class _Network(torch.nn.Module):
    """A recurrent cell with positions, and a direct way from the last input to the output.

    The input at a position is what was read last; at the first one it stands for nothing.
    """

    def __init__(self, n_steps: int, hidden: int, n_out: int) -> None:
        super().__init__()
        # Every TorchMachine is tried on two steps.
        self.n_steps = max(n_steps, 2)
        self.place = torch.nn.Embedding(self.n_steps, hidden)
        self.cell = torch.nn.GRU(hidden, hidden, batch_first=True)
        self.out = torch.nn.Linear(hidden, n_out)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """(B, L, p) parameters of what follows each of the inputs (B, L) or (B, L, m)."""
        length = inputs.shape[1]
        if length > self.n_steps:
            msg = f"sequences must have at most {self.n_steps} steps, as trained; got {length}"
            raise ValueError(msg)
        positions = torch.arange(length, device=inputs.device)
        embedded, direct = self.read(inputs)
        begun = (positions > 0)[:, None].to(embedded.dtype)
        rows, _ = self.cell(begun * embedded + self.place(positions))
        return self.finish(self.out(rows) + begun * direct)

    def read(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embedded inputs (B, L, hidden), and their direct part in the output (B, L, p)."""
        raise NotImplementedError

    def finish(self, parameters: torch.Tensor) -> torch.Tensor:
        """Parameters in the units of the machine."""
        return parameters

    def log_prob(self, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(R,) nats of targets (R,) or (R, m) given parameters (R, p), differentiable."""
        raise NotImplementedError

    def loss(self, sequences: torch.Tensor) -> torch.Tensor:
        """Mean -ln q of sequences (B, T) or (B, T, m), nats."""
        first = torch.zeros_like(sequences[:, :1])
        rows = self(torch.cat([first, sequences[:, :-1]], dim=1))
        values = self.log_prob(rows.flatten(0, 1), sequences.flatten(0, 1))
        return -values.sum() / len(sequences)


class _SymbolNetwork(_Network):
    """Logits of the next of n symbols."""

    def __init__(self, n_symbols: int, n_steps: int, hidden: int) -> None:
        super().__init__(n_steps, hidden, n_symbols)
        self.embedding = torch.nn.Embedding(n_symbols, hidden)
        self.direct: torch.nn.Embedding | None = None
        if n_symbols <= _MOST_PAIRED:
            self.direct = torch.nn.Embedding(n_symbols, n_symbols)
            torch.nn.init.zeros_(self.direct.weight)

    def read(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        embedded = self.embedding(inputs)
        direct = embedded.new_zeros(1) if self.direct is None else self.direct(inputs)
        return embedded, direct

    def log_prob(self, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return -torch.nn.functional.cross_entropy(rows, targets, reduction="none").double()


class _ValueNetwork(_Network):
    """Mean and Cholesky factor of the next value; it works on standardised ones."""

    center: torch.Tensor
    scale: torch.Tensor
    unit: torch.Tensor
    shift: torch.Tensor

    def __init__(self, samples: FloatArray, hidden: int) -> None:
        n_steps, m = samples.shape[1:]
        head = GaussianHead(m, "full")
        super().__init__(n_steps, hidden, head.n_parameters)
        self.head = head
        self.embedding = torch.nn.Linear(m, hidden)
        self.direct = torch.nn.Linear(m, head.n_parameters, bias=False)
        torch.nn.init.zeros_(self.direct.weight)
        center, scale = samples.mean(axis=(0, 1)), samples.std(axis=(0, 1))
        if not (scale > 0.0).all():
            raise ValueError(
                f"machine must vary in every output; output {int(np.argmin(scale))} is constant"
            )
        # Row i of a Cholesky factor has the unit of output i; its diagonal comes as a logarithm.
        i, j = np.tril_indices(m)
        unit = np.concatenate([scale, np.where(i == j, 1.0, scale[i])])
        shift = np.concatenate([center, np.where(i == j, np.log(scale[i]), 0.0)])
        constants = {"center": center, "scale": scale, "unit": unit, "shift": shift}
        for name, value in constants.items():
            self.register_buffer(name, torch.from_numpy(value).float())

    def read(self, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        standard = (inputs - self.center) / self.scale
        return self.embedding(standard), self.direct(standard)

    def finish(self, parameters: torch.Tensor) -> torch.Tensor:
        return parameters * self.unit + self.shift

    def log_prob(self, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        return self.head.log_prob(rows, targets)


class _Trainer:
    """Adam on all paths but the last ones, which tell when the learning rate is too large."""

    def __init__(
        self,
        network: _Network,
        samples: NDArray[Any],
        n_held_out: int,
        batch_size: int,
        learning_rate: float,
        generator: np.random.Generator,
    ) -> None:
        self._network = network
        kept = torch.from_numpy(np.array(samples))
        if kept.is_floating_point():
            kept = kept.float()
        self._seen, self._unseen = kept[:-n_held_out], kept[-n_held_out:]
        self._batch_size = batch_size
        self._generator = generator
        self._optimiser = torch.optim.Adam(network.parameters(), lr=learning_rate)

    def run(self, most_epochs: int, report: Report | None) -> ReverseModelTraining:
        """Train, and leave the best parameters in the network."""
        losses: list[tuple[float, float]] = []
        best, best_epoch, best_state = math.inf, 0, self._state()
        waited = divisions = 0
        while len(losses) < most_epochs and divisions <= _MOST_DIVISIONS:
            losses.append((self._epoch(len(losses) + 1), self._held_out_loss()))
            if report is not None:
                report(len(losses))
            if losses[-1][1] < best - _SMALLEST_GAIN:
                best, best_epoch, best_state = losses[-1][1], len(losses), self._state()
                waited = 0
                continue
            waited += 1
            if waited == _PATIENCE:
                self._network.load_state_dict(best_state)
                for group in self._optimiser.param_groups:
                    group["lr"] /= _RATE_DIVISOR
                waited, divisions = 0, divisions + 1
        self._network.load_state_dict(best_state)
        columns = np.array(losses)
        return ReverseModelTraining(
            training_loss=as_read_only(columns[:, 0].copy()),
            held_out_loss=as_read_only(columns[:, 1].copy()),
            best_epoch=best_epoch,
            n_trained_on=len(self._seen),
            n_held_out=len(self._unseen),
            stopped_early=divisions > _MOST_DIVISIONS,
        )

    def _state(self) -> dict[str, Any]:
        return copy.deepcopy(self._network.state_dict())

    def _epoch(self, number: int) -> float:
        self._network.train()
        order = torch.from_numpy(self._generator.permutation(len(self._seen)))
        total = 0.0
        for members in torch.split(order, self._batch_size):
            loss = self._network.loss(self._seen[members].to(self._device()))
            self._optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(self._network.parameters(), _LARGEST_GRADIENT)
            self._optimiser.step()
            total += float(loss.detach()) * len(members)
        mean = total / len(self._seen)
        if not math.isfinite(mean):
            raise NumericalError(
                f"the training diverges: a loss of {mean} in epoch {number}; a smaller "
                "learning_rate may help"
            )
        return mean

    def _held_out_loss(self) -> float:
        self._network.eval()
        with torch.inference_mode():
            parts = torch.split(self._unseen, _HELD_OUT_BATCH)
            losses = [float(self._network.loss(part.to(self._device()))) for part in parts]
        return float(np.average(losses, weights=[len(part) for part in parts]))

    def _device(self) -> torch.device:
        return next(self._network.parameters()).device
