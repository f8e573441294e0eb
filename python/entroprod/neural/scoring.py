"""Log-probabilities of many sequences of many lengths, in batches of bounded size."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.errors import NumericalError
from entroprod.neural.heads import Emission

IntArray: TypeAlias = NDArray[np.int64]
# Maps padded inputs (B, L) or (B, L, m), and lengths (B,), to a row per position, (B, L, d).
Forward: TypeAlias = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
Report: TypeAlias = Callable[[int], object]


@dataclass(frozen=True)
class Request:
    """A sequence to be read, and what is to be scored at its last positions.

    Attributes
    ----------
    inputs : ndarray, (L,) of int64 or (L, m) of float64
        What the network reads; L >= 1.
    targets : ndarray, (K,) or (K, m)
        What it is to predict at the last K <= L positions.
    sequence, first_step : int
        Which of the given sequences the targets are of, and the step, from 1, of the first of them:
        for errors.
    """

    inputs: NDArray[Any]
    targets: NDArray[Any]
    sequence: int = 0
    first_step: int = 1


def after(first: NDArray[Any], sequence: NDArray[Any], index: int = 0) -> Request:
    """A request for a whole sequence (T,) or (T, m), read after a fixed symbol or value.

    Its last element predicts nothing, and isn't read. ``index`` is its place among the given ones.
    """
    return Request(np.concatenate([first[np.newaxis], sequence[:-1]]), sequence, index)


def plan_batches(lengths: Sequence[int] | IntArray, batch_tokens: int) -> list[IntArray]:
    """Cut sequences into batches of similar length.

    Parameters
    ----------
    lengths : sequence of int, (N,)
    batch_tokens : int
        Most positions of a batch, padding included; a longer sequence is a batch of its own.

    Returns
    -------
    list of ndarray
        Which sequences make up each batch, the longest first: what doesn't fit shows at once.

    Examples
    --------
    >>> from entroprod.neural.scoring import plan_batches
    >>> plan_batches([3, 9, 4, 8, 2], 16)
    [array([1]), array([3, 2]), array([0, 4])]
    """
    sizes = np.asarray(lengths, dtype=np.int64)
    order = np.argsort(-sizes, kind="stable")
    batches = []
    start = 0
    while start < len(order):
        stop = start + max(1, batch_tokens // max(1, int(sizes[order[start]])))
        batches.append(order[start:stop])
        start = stop
    return batches


@torch.inference_mode()
def score(
    forward: Forward,
    head: Emission,
    requests: Sequence[Request],
    *,
    device: torch.device,
    batch_tokens: int,
    dtype: torch.dtype | None = None,
    report: Report | None = None,
) -> list[FloatArray]:
    """Log-probabilities of what every request asks for, in the order of the requests.

    Without gradients; else in whatever modes the caller has set, such as
    :func:`entroprod.neural.modules.evaluating` sets.

    Parameters
    ----------
    forward : callable
        ``forward(inputs, lengths)``: inputs (B, L) int64 or (B, L, m), padded on the right, and
        lengths (B,) int64, both on ``device``; returns a row for each position, (B, L, d), of which
        those behind a sequence's end aren't looked at. It must be causal.
    head : Emission
        Turns rows into log-probabilities.
    requests : sequence of Request
    device : torch.device
    batch_tokens : int
        Most positions of a batch, padding included.
    dtype : torch.dtype, optional
        Of inputs that are values; float64 by default.
    report : callable, optional
        Called with the number of requests done after every batch.

    Returns
    -------
    list of ndarray, each (K,) float64
        Nats; -inf is an impossible symbol.

    Raises
    ------
    NumericalError
        If a row has no density, naming sequence and step.
    ValueError
        If ``forward`` returns another shape.
    MemoryError
        If a batch doesn't fit on the device.
    """
    results: list[FloatArray] = [np.empty(0)] * len(requests)
    lengths = [len(request.inputs) for request in requests]
    done = 0
    for batch in plan_batches(lengths, batch_tokens):
        members = [requests[index] for index in batch]
        for index, values in zip(batch, _score_batch(forward, head, members, device, dtype)):
            results[index] = values
        done += len(batch)
        if report is not None:
            report(done)
    return results


def _score_batch(
    forward: Forward,
    head: Emission,
    members: list[Request],
    device: torch.device,
    dtype: torch.dtype | None,
) -> Iterator[FloatArray]:
    inputs, lengths = _padded([request.inputs for request in members])
    targets = torch.from_numpy(np.concatenate([request.targets for request in members]))
    counts = [len(request.targets) for request in members]
    where = _positions(lengths, np.array(counts), inputs.shape[1])
    given = torch.from_numpy(inputs)
    if given.is_floating_point():
        given = given.to(dtype or torch.float64)
    try:
        given = given.to(device)
        out = require_rows(forward(given, torch.from_numpy(lengths).to(device)), inputs.shape[:2])
        rows = out.reshape(-1, out.shape[-1])[torch.from_numpy(where).to(device)]
        del out
        log_prob: FloatArray = head.log_prob(rows, targets.to(device)).cpu().numpy()
    except torch.OutOfMemoryError as error:
        msg = (
            f"a batch of {inputs.shape[0]} sequences of {inputs.shape[1]} positions doesn't fit on "
            f"{device}: make batch_tokens smaller ({error})"
        )
        raise MemoryError(msg) from None
    faulty = np.flatnonzero(np.isnan(log_prob))
    if faulty.size:
        which = int(np.searchsorted(np.cumsum(counts), faulty[0], side="right"))
        request = members[which]
        step = request.first_step + int(faulty[0]) - sum(counts[:which])
        msg = (
            f"sequences[{request.sequence}] has no log-probability at step {step}: "
            f"{head.fault(rows[int(faulty[0])])}"
        )
        raise NumericalError(msg)
    return iter(np.split(log_prob, np.cumsum(counts)[:-1]))


def _padded(sequences: list[NDArray[Any]]) -> tuple[NDArray[Any], IntArray]:
    """Sequences side by side, (B, L, ...), padded on the right by zeros, and their lengths."""
    lengths = np.array([len(sequence) for sequence in sequences])
    shape = (len(sequences), int(lengths.max()), *sequences[0].shape[1:])
    padded = np.zeros(shape, dtype=sequences[0].dtype)
    for row, sequence in zip(padded, sequences):
        row[: len(sequence)] = sequence
    return padded, lengths


def _positions(lengths: IntArray, counts: IntArray, width: int) -> IntArray:
    """Flat indices into (B, L) of each sequence's last ``counts`` positions."""
    starts = width * np.arange(len(lengths)) + lengths - counts
    return np.concatenate([np.arange(start, start + count) for start, count in zip(starts, counts)])


def require_rows(out: object, shape: tuple[int, ...]) -> torch.Tensor:
    """The floating tensor (B, L, d) that a module has to return; anything else is refused."""
    if not isinstance(out, torch.Tensor):
        msg = f"the module must return a tensor, got {type(out).__name__}"
        raise TypeError(msg)
    if out.ndim != 3 or tuple(out.shape[:2]) != tuple(shape):
        wanted = ", ".join(str(size) for size in shape)
        msg = f"the module must return shape ({wanted}, d) here, got {tuple(out.shape)}"
        raise ValueError(msg)
    if not out.is_floating_point():
        msg = f"the module must return floating numbers, got {out.dtype}"
        raise TypeError(msg)
    return out
