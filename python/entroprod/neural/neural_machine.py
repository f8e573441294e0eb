"""What all machines run by torch share: batches in, nats out, and where they came from."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import FloatArray, as_count
from entroprod.boundary.memory import require_memory
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.boundary.sequences import Reads, read_paths, read_ragged
from entroprod.neural.first_step import First, FirstDistribution
from entroprod.neural.heads import Emission
from entroprod.neural.modules import (
    ParameterHash,
    default_batch_paths,
    default_batch_tokens,
    evaluating,
    module_provenance,
    n_parameters,
    parameter_dtype,
)
from entroprod.neural.sampling import Stepper, sample
from entroprod.neural.scoring import Report, Request, after, score


class NeuralMachine(ABC):
    """Autoregressive machine whose conditional distributions come from torch modules.

    A subclass says how its modules turn inputs into rows (``_forward``, ``_stepper``) and which
    emission turns rows into densities.

    Parameters
    ----------
    modules : tuple
        The modules and functions that do the work, in order; they enter the hash.
    head : Emission
    size : int
        Number of symbols V of a discrete machine, of components m of a continuous one.
    continuous : bool
    first : FirstInput or FirstDistribution
        What the first step is conditioned on.
    device : torch.device
    batch_tokens, batch_paths : int, optional
    """

    def __init__(
        self,
        modules: tuple[object, ...],
        head: Emission,
        size: int,
        *,
        continuous: bool,
        first: First,
        device: torch.device,
        batch_tokens: SupportsIndex | None = None,
        batch_paths: SupportsIndex | None = None,
    ) -> None:
        self._modules = modules
        self._parameter_hash = ParameterHash(*modules)
        self._head = head
        self._size = size
        self._continuous = continuous
        self._first = first
        self._device = device
        self._dtype = parameter_dtype(*modules)
        weight = n_parameters(*modules)
        self._batch_tokens = (
            default_batch_tokens(weight, device)
            if batch_tokens is None
            else as_count(batch_tokens, "batch_tokens")
        )
        self._batch_paths = (
            default_batch_paths(device)
            if batch_paths is None
            else as_count(batch_paths, "batch_paths")
        )

    def __getattr__(self, name: str) -> Any:
        # A discrete machine has no n_outputs, a continuous one no n_symbols: that tells them apart.
        if name == "n_symbols" and not self._continuous:
            return self._size
        if name == "n_outputs" and self._continuous:
            return self._size
        msg = f"{type(self).__name__} has no attribute {name!r}"
        raise AttributeError(msg)

    @property
    def device(self) -> torch.device:
        """Where the modules run."""
        return self._device

    @abstractmethod
    def _forward(self, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Row at each position, (B, L, d), of padded inputs (B, L) or (B, L, m)."""

    @abstractmethod
    def _stepper(self) -> Stepper:
        """The same, a step at a time."""

    def log_prob(self, sequences: ArrayLike) -> FloatArray:
        """Log-probability (density) of every step given the steps before it.

        Parameters
        ----------
        sequences : array_like, (N, T) or (T,) of integers, or (N, T, m) or (T, m) of values
            Symbols 0 .. n_symbols - 1 for a discrete machine, values for a continuous one.

        Returns
        -------
        ndarray, (N, T) or (T,)
            Nats per step, float64; -inf where a symbol is impossible. Scored in batches sorted by
            length; memory doesn't grow with vocabulary times steps.

        Raises
        ------
        ValueError, TypeError
            If a symbol is none, naming sequence and step, or the shape or dtype is wrong.
        MemoryError
            If the result, or a batch, doesn't fit.
        NumericalError
            If a logit or parameter is NaN or infinite, naming sequence and step.
        """
        paths, single, _ = read_paths(Reads.of(self), sequences)
        paths = self._as_read(paths)
        if single:
            return self._score([paths[0]], None)[0]
        require_memory(24 * paths.size, "sequences", "the log-probabilities of all steps")
        return np.stack(self._score(list(paths), None))

    def log_prob_ragged(
        self, sequences: Sequence[ArrayLike], *, report: Report | None = None
    ) -> list[FloatArray]:
        """Log-probabilities of sequences of many lengths, scored together.

        Parameters
        ----------
        sequences : list of array_like, (T_i,) of integers or (T_i, m) of values
        report : callable, optional
            Called with the number of sequences done after every batch.

        Returns
        -------
        list of ndarray, (T_i,)
            Nats per step, as :meth:`log_prob` gives them.
        """
        checked = [self._as_read(one) for one in read_ragged(Reads.of(self), sequences)]
        total = sum(array.size for array in checked)
        require_memory(24 * total, "sequences", "the log-probabilities of all steps")
        return self._score(checked, report)

    def sample(
        self, n_steps: SupportsIndex, n_paths: SupportsIndex = 1, *, rng: RandomSource = None
    ) -> NDArray[Any]:
        """Draw paths.

        Parameters
        ----------
        n_steps, n_paths : int
            T and N, each at least 1.
        rng : Generator, int or None
            All its numbers are drawn first, path after path: paths don't depend on the size of
            batches, beyond what rounding does to the matrix products.

        Returns
        -------
        ndarray, (N, T) of int64 or (N, T, m) of float64
        """
        return self.sample_with_log_prob(n_steps, n_paths, rng=rng)[0]

    def sample_with_log_prob(
        self, n_steps: SupportsIndex, n_paths: SupportsIndex = 1, *, rng: RandomSource = None
    ) -> tuple[NDArray[Any], FloatArray]:
        """Draw paths as :meth:`sample`, with what the draws were worth.

        Returns
        -------
        paths : ndarray, (N, T) of int64 or (N, T, m) of float64
        log_prob : ndarray, (N, T)
            Nats per step; what :meth:`log_prob` gives for the paths, to rounding.

        Raises
        ------
        NumericalError
            If a logit or parameter is NaN or infinite, naming path and step.
        MemoryError
            If the paths, or a batch of them, don't fit.
        """
        first = self._first
        with evaluating(*self._modules):
            return sample(
                self._stepper(),
                self._head,
                as_count(n_steps, "n_steps"),
                as_count(n_paths, "n_paths"),
                rng=as_generator(rng),
                device=self._device,
                batch_paths=self._batch_paths,
                first_head=first.head if isinstance(first, FirstDistribution) else None,
                dtype=self._dtype,
            )

    def provenance(self) -> dict[str, Any]:
        """JSON-ready facts that the numbers depend on: parameters' hash, dtype, versions, policy.

        The hash (SHA-256) covers all parameters and buffers as they are now; it is taken anew only
        where they have changed since the last call.
        """
        size = "n_outputs" if self._continuous else "n_symbols"
        return {
            "machine": type(self).__name__,
            size: self._size,
            **self._first.facts,
            **self._head.facts(),
            **module_provenance(
                *self._modules, device=self._device, parameters_sha256=self._parameter_hash()
            ),
        }

    def _as_read(self, array: NDArray[Any]) -> NDArray[Any]:
        """Symbols as torch looks them up; values as they are."""
        return array if self._continuous else array.astype(np.int64, copy=False)

    def _score(self, sequences: list[NDArray[Any]], report: Report | None) -> list[FloatArray]:
        if isinstance(self._first, FirstDistribution):
            return self._score_after(self._first, sequences, report)
        first = self._first.fed
        return self._run([after(first, one, i) for i, one in enumerate(sequences)], report)

    def _score_after(
        self, first: FirstDistribution, sequences: list[NDArray[Any]], report: Report | None
    ) -> list[FloatArray]:
        begun = torch.from_numpy(np.array([sequence[0] for sequence in sequences]))
        rows = first.row.expand(len(begun), -1)
        heads: FloatArray = first.head.log_prob(rows, begun.to(self._device)).cpu().numpy()
        longer = [index for index, sequence in enumerate(sequences) if len(sequence) > 1]
        rest = self._run(
            [Request(sequences[i][:-1], sequences[i][1:], i, first_step=2) for i in longer], report
        )
        results = [heads[index : index + 1] for index in range(len(sequences))]
        for index, values in zip(longer, rest):
            results[index] = np.concatenate([results[index], values])
        return results

    def _run(self, requests: list[Request], report: Report | None) -> list[FloatArray]:
        with evaluating(*self._modules):
            return score(
                self._forward,
                self._head,
                requests,
                device=self._device,
                batch_tokens=self._batch_tokens,
                dtype=self._dtype,
                report=report,
            )

    def _described(self) -> str:
        shown = (
            f"{key}={value}"
            for key, value in self._first.facts.items()
            if not isinstance(value, str)
        )
        size = "n_outputs" if self._continuous else "n_symbols"
        dtype = str(self._dtype).removeprefix("torch.")
        sizes = (f"{size}={self._size}", f"dtype={dtype}", f"device={self._device}")
        return ", ".join((*shown, *sizes))


def try_out(machine: NeuralMachine, inputs: torch.Tensor) -> None:
    """Run a machine's modules on (1, L) or (1, L, m) inputs: what doesn't fit together shows."""
    targets = inputs[0] if inputs.is_floating_point() else torch.zeros_like(inputs[0])
    lengths = torch.tensor([inputs.shape[1]], device=inputs.device)
    try:
        with evaluating(*machine._modules):
            rows = machine._forward(inputs, lengths)
            machine._head.log_prob(rows[0], targets)
    except (IndexError, RuntimeError) as error:
        what = "values" if inputs.is_floating_point() else f"the symbols {inputs[0].tolist()}"
        msg = (
            f"module fails on {what} as inputs of shape {tuple(inputs.shape)} and dtype "
            f"{inputs.dtype}: {error}"
        )
        raise ValueError(msg) from error


def require_callable(value: Any, name: str) -> Any:
    """Refuse what can't be called, and a class in the place of a module made of it."""
    if isinstance(value, type):
        msg = f"{name} must be a module, got the class {value.__name__}: make one"
        raise TypeError(msg)
    if not callable(value):
        msg = f"{name} must be a torch module or another callable, got {type(value).__name__}"
        raise TypeError(msg)
    return value


def require_absent(value: object, name: str, reason: str) -> None:
    """Refuse an argument that would be without effect."""
    if value is not None:
        msg = f"{name} must not be given: {reason}"
        raise ValueError(msg)


def required_size(n_symbols: SupportsIndex | None) -> int:
    """The size of a discrete machine's alphabet, which has to be told."""
    if n_symbols is None:
        msg = "n_symbols must be given: the number of symbols that the logits are for"
        raise ValueError(msg)
    return as_count(n_symbols, "n_symbols")
