"""The one reader of sequences: what it takes and refuses, and that it reads once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import entroprod as ep
from entroprod.boundary.sequences import (
    Block,
    Blocks,
    Reads,
    read_paths,
    read_ragged,
    read_sequences,
)

SYMBOLS, VALUES = Reads(n_symbols=3), Reads(n_outputs=2)
HOLED = np.array([[[0.1, 0.2], [np.nan, 0.3], [0.0, 1.0]]])


class CountedArray:
    """Numbers that count how often they are asked for."""

    def __init__(self, numbers: npt.NDArray[Any]) -> None:
        self.numbers = numbers
        self.n_read = 0

    def __len__(self) -> int:
        return len(self.numbers)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> npt.NDArray[Any]:
        self.n_read += 1
        return self.numbers if dtype is None else self.numbers.astype(dtype)


def flat(sequences: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """A density of values, observed or not, that any order of steps has."""
    return np.where(np.isnan(sequences).any(axis=-1), 0.0, -1.0)


class ReadsGaps(ep.FunctionMachine):
    reads_missing = True


@pytest.mark.parametrize(
    ("reads", "array"),
    [
        (SYMBOLS, np.zeros((4, 5), np.int64)),
        (VALUES, np.zeros((4, 5, 2))),
        (Reads(n_outputs=2, missing=True), HOLED),
    ],
)
def test_arrays_are_not_copied(reads: Reads, array: npt.NDArray[Any]) -> None:
    """They are checked, and stay where they are; machines of others are handed copies."""
    assert np.shares_memory(read_paths(reads, array).paths, array)
    (block,) = read_sequences(reads, array)
    assert np.shares_memory(block.paths, array)
    assert np.shares_memory(read_ragged(reads, list(array))[0], array)


def test_what_was_read_is_not_read_again() -> None:
    blocks = read_sequences(SYMBOLS, [[0, 1], [2]])
    assert isinstance(blocks, Blocks)
    assert read_sequences(SYMBOLS, blocks) is blocks


@pytest.mark.parametrize(
    "ask",
    [
        ep.stochastic_entropy_production,
        lambda machine, y: ep.stochastic_entropy_production(machine, y, keep_per_step=True),
        lambda machine, y: ep.block_scale(machine, y, scales=[1, 2]),
        lambda machine, y: machine.log_prob(y),
    ],
)
@pytest.mark.parametrize("discrete", [False, True])
def test_a_question_reads_once(ask: Any, discrete: bool) -> None:
    machine: Any = ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]])
    if discrete:
        machine = ep.MarkovChain([[0.5, 0.5], [0.2, 0.8]])
    given = CountedArray(np.zeros((3, 6), int) if discrete else np.zeros((3, 6, 1)))
    ask(machine, given)
    assert given.n_read == 1


def test_lists_and_arrays_of_one_length_are_the_same() -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(4, 5, 2))
    for given in (values, list(values), tuple(values), values.tolist()):
        (block,) = read_sequences(VALUES, given)
        np.testing.assert_array_equal(block.paths, values)
        np.testing.assert_array_equal(block.places, range(4))
    mixed: list[Any] = [values[0], values[1].tolist(), values[2].astype(np.float32), values[3, :2]]
    long, short = read_sequences(VALUES, mixed)
    assert (long.places.tolist(), short.places.tolist()) == ([0, 1, 2], [3])


@pytest.mark.parametrize(
    ("reads", "given", "error", "message"),
    [
        (
            SYMBOLS,
            [np.array([0, 1]), np.array([3, 1])],
            ValueError,
            r"^sequences\[1\] .* at step 1",
        ),
        (SYMBOLS, [[0, 1], [0, 1, 3]], ValueError, r"^sequences\[1\] .* at step 3"),
        (Reads(), [[0, -1]], ValueError, r"^sequences\[0\] .* below 2\^63; got -1 at step 2"),
        (
            Reads(),
            np.array([2**63], np.uint64),
            ValueError,
            r"below 2\^63; got 9223372036854775808",
        ),
        (VALUES, np.zeros((3, 4, 3)), ValueError, r"\(N, T, 2\) or \(T, 2\), got \(3, 4, 3\)"),
        (VALUES, [np.zeros((3, 2)), np.zeros((4, 3))], ValueError, r"^sequences\[1\] .*\(T, 2\)"),
        (VALUES, HOLED, ValueError, r"finite, got nan at index \(0, 1, 0\)"),
        (VALUES, [HOLED[0], HOLED[0, :2]], ValueError, r"^sequences\[0\] must be finite"),
        (Reads(n_outputs=2, missing=True), HOLED + np.inf, ValueError, "must be finite, got inf"),
    ],
)
def test_errors_name_the_sequence_and_the_step(
    reads: Reads, given: Any, error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        read_sequences(reads, given)


def test_nan_is_missing_where_a_machine_says_so() -> None:
    told, silent = ReadsGaps(flat, n_outputs=2), ep.FunctionMachine(flat, n_outputs=2)
    assert ep.stochastic_entropy_production(told, HOLED).sigma.tolist() == [0.0]
    for machine, backward in ((silent, None), (told, silent), (silent, told)):
        with pytest.raises(ValueError, match=r"sequences must be finite, got nan"):
            ep.stochastic_entropy_production(machine, HOLED, backward=backward)


def test_a_machine_reads_no_more_steps_than_it_has() -> None:
    machine = ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]]).repeat(3)
    assert machine.log_prob(np.zeros((2, 1))).shape == (2,)
    with pytest.raises(ValueError, match="sequences: 4 steps are more than the 3 of machine"):
        machine.log_prob(np.zeros((4, 1)))


def test_blocks_name_their_rows() -> None:
    block = Block(np.zeros((2, 3), int), np.array([4, 7]), " reordered")
    assert block.name_of(1) == "sequences[7] reordered"
