"""Asking any machine for log-probabilities and samples, and checking what it answers."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from entroprod.boundary.arrays import FloatArray, read_array
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.sequences import AnyArray, Block, Reads, read_sequences

# How errors of machines name one of the sequences that they were given.
_PLACE = re.compile(r"\bsequences\[(\d+)\]")


# Steps that a machine is given at once, unless it takes all lengths together.
_BATCH = 2**17


# No logarithm of a probability is above 0; what single and half precision leave is below this.
_ABOVE_ZERO = 0.1


def log_probs(machine: Any, blocks: Sequence[Block], name: str) -> list[FloatArray]:
    """Nats per step of every block, (n, T) each, checked; ``name`` is the machine's in errors.

    A machine that takes sequences of different lengths together gets all of them at once.
    """
    ragged = getattr(machine, "log_prob_ragged", None)
    if callable(ragged):
        return _log_probs_ragged(ragged, blocks, f"{name}.log_prob_ragged")
    results = []
    for block in blocks:
        rows = np.empty(block.paths.shape[:2])
        size = max(1, _BATCH // block.n_steps)
        for start in range(0, len(rows), size):
            batch = _own(block.paths[start : start + size])
            shape = batch.shape[:2]
            with _naming(_names([block], start)):
                given = machine.log_prob(batch)
            rows[start : start + size] = read_log_probs(given, shape, f"{name}.log_prob")
        results.append(require_probabilities(rows, block, name))
    return results


def _own(paths: AnyArray) -> AnyArray:
    """A copy for the machine, which may write into it; and in C order, as torch wants it."""
    return np.array(paths, order="C")


def _log_probs_ragged(
    function: Callable[[list[AnyArray]], Sequence[ArrayLike]], blocks: Sequence[Block], name: str
) -> list[FloatArray]:
    shapes = [block.paths.shape[1:2] for block in blocks for _ in block.paths]
    sequences = [path for block in blocks for path in _own(block.paths)]
    with _naming(_names(blocks)):
        given = list(function(sequences)) if sequences else []
    if len(given) != len(shapes):
        raise ValueError(
            f"{name} must return an array for each of {len(shapes)} sequences, got {len(given)}"
        )
    read = [read_log_probs(row, shape, name) for row, shape in zip(given, shapes)]
    results, start = [], 0
    for block in blocks:
        rows = read[start : start + len(block.paths)]
        values = np.array(rows, np.float64).reshape(block.paths.shape[:2])
        results.append(require_probabilities(values, block, name))
        start += len(block.paths)
    return results


def _names(blocks: Sequence[Block], start: int = 0) -> Iterator[str]:
    """What sequences are called in errors, block by block, from a row of the first on."""
    names = (block.name_of(row) for block in blocks for row in range(len(block.paths)))
    return itertools.islice(names, start, None)


@contextmanager
def _naming(names: Iterator[str]) -> Iterator[None]:
    """Let errors that a machine raises call the sequences as the user does.

    The machine names them by their places in what it was given: sorted by length, and reordered
    ones among them.
    """
    try:
        yield
    except (ValueError, TypeError, NumericalError) as error:
        known = [] if _PLACE.search(str(error)) is None else list(names)

        def rename(found: re.Match[str]) -> str:
            place = int(found[1])
            return known[place] if place < len(known) else found[0]

        text = _PLACE.sub(rename, str(error))
        if text == str(error) or type(error) not in (ValueError, TypeError, NumericalError):
            raise
        raise type(error)(text) from error


def read_log_probs(given: Any, shape: tuple[int, ...], name: str) -> AnyArray:
    """What a machine gave as nats per step: real numbers, in the shape that was asked for."""
    values = read_array(given, f"what {name} returns")
    if values.shape != shape:
        raise ValueError(f"{name} must return nats per step in shape {shape}, got {values.shape}")
    if values.dtype.kind not in "fiu":
        raise TypeError(f"{name} must return real numbers, got dtype {values.dtype}")
    return values


def require_probabilities(rows: FloatArray, block: Block, name: str) -> FloatArray:
    """Refuse NaN and positive infinity, and for symbols all that no logarithm of a probability is.

    Densities may exceed 1.
    """
    # NaN survives the maximum; -inf, a probability of 0, is fine.
    highest = _ABOVE_ZERO if block.paths.ndim == 2 else np.finfo(np.float64).max
    if rows.max() <= highest:
        return rows
    row, step = (int(i) for i in np.argwhere(~(rows <= highest))[0])
    value, name_of_row = rows[row, step], block.name_of(row)
    why = "; logarithms of probabilities aren't above 0" if np.isfinite(value) else ""
    raise NumericalError(
        f"{name} gives a log-probability of {value} at step {step + 1} of {name_of_row}{why}"
    )


def draw_paths(
    machine: Any, n_steps: int, n_paths: int, generator: np.random.Generator
) -> tuple[Block, FloatArray | None]:
    """Sampled paths, and their nats per step where the machine's sampling computes them."""
    together = getattr(machine, "sample_with_log_prob", None)
    known = None
    if callable(together):
        answer = together(n_steps, n_paths, rng=generator)
        if not (isinstance(answer, tuple) and len(answer) == 2):
            raise TypeError(
                "machine.sample_with_log_prob must return a tuple of two, sequences and "
                f"their log_prob; got {type(answer).__name__}"
            )
        drawn, known = answer
    else:
        drawn = machine.sample(n_steps, n_paths, rng=generator)
    blocks = read_sequences(Reads.of(machine), drawn, "what machine.sample returns")
    got = blocks[0].paths.shape[:2]
    if len(blocks) != 1 or got != (n_paths, n_steps):
        raise ValueError(
            f"machine.sample must return {n_paths} paths of {n_steps} steps, got {got}"
        )
    block = blocks[0]._replace(label=" of a batch")
    if known is None:
        return block, None
    name = "machine.sample_with_log_prob"
    read = read_log_probs(known, got, name).astype(np.float64)
    return block, require_probabilities(read, block, name)
