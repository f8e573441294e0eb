"""Drawing paths in batches, step by step on a state."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.neural.heads import Emission
from entroprod.neural.scoring import Report


class Stepper(Protocol):
    """A network that is run a step at a time: a recurrent cell, or attention with a cache."""

    def start(self, n_paths: int) -> tuple[torch.Tensor, Any]:
        """Rows (N, d) that predict the first symbols, and the state after whatever was read."""
        ...

    def step(self, state: Any, symbols: torch.Tensor) -> tuple[torch.Tensor, Any]:
        """Rows (N, d) that predict what follows ``symbols`` (N,) or (N, m), and the state then."""
        ...


@torch.inference_mode()
def sample(
    stepper: Stepper,
    head: Emission,
    n_steps: int,
    n_paths: int,
    *,
    rng: np.random.Generator,
    device: torch.device,
    batch_paths: int,
    first_head: Emission | None = None,
    dtype: torch.dtype | None = None,
    report: Report | None = None,
) -> tuple[NDArray[Any], FloatArray]:
    """Paths and the log-probabilities of their steps.

    All noise is drawn from ``rng`` beforehand, path after path, so that a path doesn't depend on
    the batch in which it is drawn, beyond the rounding of matrix products. Without gradients; else
    in whatever modes the caller has set, such as :func:`entroprod.neural.modules.evaluating` sets.

    Parameters
    ----------
    stepper : Stepper
    head : Emission
        Turns rows into symbols or values.
    n_steps, n_paths : int
        T and N.
    rng : Generator
    device : torch.device
    batch_paths : int
        Most paths that are drawn side by side.
    first_head : Emission, optional
        For the rows of ``stepper.start``; by default ``head``.
    dtype : torch.dtype, optional
        In which values are fed to ``stepper``; float64 by default.
    report : callable, optional
        Called with the number of finished paths after every batch.

    Returns
    -------
    paths : ndarray, (N, T) int64 or (N, T, m) float64
    log_prob : ndarray, (N, T) float64
        Nats per step.

    Raises
    ------
    NumericalError
        If a row has no density, naming path and step.
    MemoryError
        If the paths, or a batch, don't fit.
    """
    require_memory(24 * n_paths * n_steps, "n_paths or n_steps", f"{n_paths} paths")
    noise = head.noise(rng, n_steps, n_paths)
    paths: list[NDArray[Any]] = []
    log_probs: list[FloatArray] = []
    for start in range(0, n_paths, batch_paths):
        part = torch.from_numpy(noise[start : start + batch_paths]).to(device)
        try:
            drawn, log_prob = _batch(stepper, head, first_head or head, part, start, dtype)
        except torch.OutOfMemoryError as error:
            msg = (
                f"{len(part)} paths of {n_steps} steps side by side don't fit on {device}: make "
                f"batch_paths smaller ({error})"
            )
            raise MemoryError(msg) from None
        paths.append(drawn)
        log_probs.append(log_prob)
        if report is not None:
            report(start + len(part))
    return np.concatenate(paths), np.concatenate(log_probs)


def _batch(
    stepper: Stepper,
    head: Emission,
    first_head: Emission,
    noise: torch.Tensor,
    first_path: int,
    dtype: torch.dtype | None,
) -> tuple[NDArray[Any], FloatArray]:
    n_paths, n_steps = noise.shape[:2]
    drawn: list[torch.Tensor] = []
    log_probs: list[torch.Tensor] = []
    rows, state = stepper.start(n_paths)
    for t in range(n_steps):
        if t > 0:
            last = drawn[-1]
            fed = last.to(dtype or torch.float64) if last.is_floating_point() else last
            rows, state = stepper.step(state, fed)
        emission = head if t > 0 else first_head
        values, log_prob = emission.draw(rows, noise[:, t])
        faulty = log_prob.isnan().nonzero()
        if len(faulty):
            path = int(faulty[0, 0])
            fault = emission.fault(rows[path])
            msg = f"path {first_path + path} can't go on at step {t + 1}: {fault}"
            raise NumericalError(msg)
        drawn.append(values)
        log_probs.append(log_prob)
    return torch.stack(drawn, 1).cpu().numpy(), torch.stack(log_probs, 1).cpu().numpy()
