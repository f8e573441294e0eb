"""Entropy production against the length of blocks: as one block reversal at a time gives it."""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import entroprod as ep

# Sums of a few dozen float64 log-probabilities in two ways of batching: some roundings of 100 nats.
ROUNDING = 1e-12
# Standard errors of a mean over samples: five are passed by chance once in a million.
STANDARD_ERRORS = 5

N_SYMBOLS = 5
END = 0


def log_prob(sequences: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """A machine with long memory: logits are cosines of a running sum of all that was read."""
    n, n_steps = sequences.shape
    memory, result = np.zeros(n), np.empty((n, n_steps))
    for t in range(n_steps):
        logits = np.cos(memory[:, None] + 1.7 * np.arange(N_SYMBOLS))
        norm = np.log(np.exp(logits).sum(axis=1))
        result[:, t] = logits[np.arange(n), sequences[:, t]] - norm
        memory = 0.9 * memory + sequences[:, t]
    return result


MACHINE = ep.FunctionMachine(log_prob, n_symbols=N_SYMBOLS)


@dataclass(frozen=True)
class Speaking:
    """The same machine, which knows what ends a sentence."""

    n_symbols: int = N_SYMBOLS

    def log_prob(self, sequences: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        return log_prob(sequences)

    def sentence_reversal(self, per_block: int = 1, delimiters: str = "0") -> ep.Reversal:
        return ep.BlockReversal(delimiters=set(map(int, delimiters)), per_block=per_block)


def ragged(seed: int = 0, n: int = 12) -> list[np.ndarray[Any, Any]]:
    generator = np.random.default_rng(seed)
    lengths = generator.integers(6, 40, n - 1)
    without_end = np.array([3, 1, 2, 4, 1])
    return [*(generator.integers(0, N_SYMBOLS, length) for length in lengths), without_end]


def one_at_a_time(sequence: np.ndarray[Any, Any], blocks: list[np.ndarray[Any, Any]]) -> float:
    """Sigma per step by its definition, from a list of the pieces."""
    ahead, moved = np.concatenate(blocks), np.concatenate(blocks[::-1])
    # What is cut off stands behind what is scored, so that it changes nothing.
    assert np.array_equal(ahead, sequence[: len(ahead)])
    return float(log_prob(ahead[None]).sum() - log_prob(moved[None]).sum()) / len(ahead)


def sentence_blocks(sequence: np.ndarray[Any, Any], per_block: int) -> list[np.ndarray[Any, Any]]:
    blocks: list[list[int]] = [[]]
    n_ends, last = 0, int(np.flatnonzero(sequence == END)[-1])
    for symbol in sequence[: last + 1].tolist():
        if n_ends == per_block:
            blocks.append([])
            n_ends = 0
        blocks[-1].append(symbol)
        n_ends += symbol == END
    return [np.array(block) for block in blocks]


def test_every_scale_is_its_block_reversal() -> None:
    sequences = ragged()
    result = ep.block_scale(MACHINE, sequences, (1, 3, 7, 100))
    for point in result:
        expected = [
            one_at_a_time(s, np.split(s, range(point.scale, len(s), point.scale)))
            for s in sequences
        ]
        np.testing.assert_allclose(point.sigma_per_step, expected, rtol=0, atol=ROUNDING)
        assert point.block_length == point.scale
        assert point.n_blocks.tolist() == [-(-len(s) // point.scale) for s in sequences]


def test_every_number_of_sentences_is_its_block_reversal() -> None:
    sequences = ragged()
    with_end = [i for i, s in enumerate(sequences) if END in s]
    assert 0 < len(with_end) < len(sequences)
    result = ep.block_scale(MACHINE, sequences, (), sentences=(1, 2, 3), delimiters={END})
    for point in result:
        cut = [sentence_blocks(sequences[i], point.scale) for i in with_end]
        expected = [one_at_a_time(sequences[i], blocks) for i, blocks in zip(with_end, cut)]
        np.testing.assert_allclose(point.sigma_per_step, expected, rtol=0, atol=ROUNDING)
        assert point.index.tolist() == with_end
        assert point.skip_reasons == {"no delimiter in it": len(sequences) - len(with_end)}
        assert point.n_one_block == sum(len(blocks) == 1 for blocks in cut)
        lengths = [len(block) for blocks in cut for block in blocks]
        assert point.block_length == pytest.approx(np.mean(lengths), rel=ROUNDING)
        assert point.n_cut_off.tolist() == [
            len(sequences[i]) - sum(map(len, blocks)) for i, blocks in zip(with_end, cut)
        ]


def test_the_machine_is_asked_what_ends_a_sentence() -> None:
    sequences = ragged()
    asked = ep.block_scale(Speaking(), sequences, (1,), sentences=(1, 2))
    told = ep.block_scale(MACHINE, sequences, (1,), sentences=(1, 2), delimiters={END})
    for one, other in zip(asked, told):
        np.testing.assert_array_equal(one.sigma_per_step, other.sigma_per_step)
    asked = ep.block_scale(Speaking(), sequences, (), sentences=(2,), delimiters="013")
    told = ep.block_scale(MACHINE, sequences, (), sentences=(2,), delimiters={0, 1, 3})
    np.testing.assert_array_equal(asked.points[0].n_blocks, told.points[0].n_blocks)


def test_one_step_is_token_reversal() -> None:
    sequences = ragged()
    point = ep.block_scale(MACHINE, sequences, (1,))["1 step"]
    token = ep.stochastic_entropy_production(MACHINE, sequences)
    np.testing.assert_array_equal(point.sigma_per_step, token.sigma / token.lengths)


def test_blocks_as_long_as_the_sequence_leave_exactly_nothing() -> None:
    sequences = ragged()
    longest = max(map(len, sequences))
    (point,) = ep.block_scale(MACHINE, sequences, (longest,))
    assert point.sigma_per_step.tolist() == [0.0] * len(sequences)
    assert (point.mean, point.standard_error) == (0.0, 0.0)
    assert point.n_one_block == len(sequences)
    assert point.mean_reordered is point.standard_error_reordered is None


def test_means_with_and_without_sequences_of_one_block() -> None:
    sequences = ragged()
    (point,) = ep.block_scale(MACHINE, sequences, (20,))
    moved = np.array([len(s) > 20 for s in sequences])
    values = point.sigma_per_step
    assert 1 < moved.sum() < len(sequences)
    assert point.n_one_block == (~moved).sum()
    assert (values[~moved] == 0).all()
    root = np.sqrt(len(values))
    assert point.mean == pytest.approx(values.mean(), rel=ROUNDING)
    assert point.standard_error == pytest.approx(values.std(ddof=1) / root, rel=ROUNDING)
    assert point.mean_reordered == pytest.approx(values[moved].mean(), rel=ROUNDING)


def test_everything_is_scored_once_and_the_forward_order_once() -> None:
    calls: list[int] = []
    seen: Counter[bytes] = Counter()

    class Ragged:
        n_symbols = N_SYMBOLS

        def log_prob(self, sequences: Any) -> Any:
            raise AssertionError("lengths are taken together")

        def log_prob_ragged(self, sequences: Any) -> Any:
            calls.append(len(sequences))
            seen.update(np.asarray(s).tobytes() for s in sequences)
            return [log_prob(s[None])[0] for s in sequences]

    sequences = ragged(n=4)
    ep.block_scale(Ragged(), sequences, (1, 2, 3))
    assert calls == [4 * 4]
    assert all(seen[s.tobytes()] == 1 for s in sequences)


def test_values_of_a_linear_gaussian_machine() -> None:
    machine = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], [[1, 0], [0, 1]])
    paths = machine.sample(12, 2000, rng=0)
    result = ep.block_scale(machine, paths, (1, 5, 12))
    exact = ep.entropy_production(machine, 12).total / 12
    first = result.points[0]
    assert first.mean is not None
    assert first.standard_error is not None
    assert abs(first.mean - exact) < STANDARD_ERRORS * first.standard_error
    assert result.points[-1].mean == 0.0


def test_impossible_orders_are_counted() -> None:
    def never_down(sequences: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        values = np.zeros(sequences.shape)
        values[:, 1:] = np.where(np.diff(sequences, axis=1) < 0, -np.inf, -1.0)
        return values

    machine = ep.FunctionMachine(never_down, n_symbols=3)
    point, whole = ep.block_scale(machine, [[0, 1, 2], [1, 1, 1]], (1, 3))
    assert (point.mean, point.standard_error, point.n_infinite) == (np.inf, np.inf, 1)
    assert "1 infinite" in repr(point)
    assert whole.mean == 0.0


def test_a_single_sequence_has_no_error() -> None:
    (point,) = ep.block_scale(MACHINE, [1, 2, 0, 3], (2,))
    assert point.standard_error == np.inf
    assert point.n_scored == 1


def test_scales_at_which_nothing_can_be_cut() -> None:
    (point,) = ep.block_scale(MACHINE, [[1, 2], [3, 3]], (), sentences=(1,), delimiters={END})
    assert (point.mean, point.standard_error, point.n_scored, point.n_skipped) == (None, None, 0, 2)
    assert repr(point) == "ScalePoint(1 sentence: no sequence has a sigma; 0 scored, 2 skipped)"


def test_tables_and_dictionaries() -> None:
    pytest.importorskip("pandas")
    sequences = ragged()
    result = ep.block_scale(MACHINE, sequences, (1, 7), sentences=(1,), delimiters={END})
    frame = result.to_frame()
    assert frame.index.tolist() == ["1 step", "7 steps", "1 sentence"]
    assert frame["mean"].tolist() == [point.mean for point in result]
    long = result.to_frame(per_sequence=True)
    assert len(long) == sum(point.n_scored for point in result)
    one = long[long["name"] == "7 steps"]
    assert one["sigma_per_step"].tolist() == result["7 steps"].sigma_per_step.tolist()
    plain = result.to_dict()
    assert plain["points"][1]["sigma_per_step"] == result["7 steps"].sigma_per_step.tolist()
    assert plain["provenance"] == {"machine": "FunctionMachine"}


def test_results_are_frozen() -> None:
    result = ep.block_scale(MACHINE, ragged(), (2,))
    with pytest.raises(ValueError, match="read-only"):
        result.points[0].sigma_per_step[0] = 1.0
    with pytest.raises(ValueError, match="read-only"):
        result.points[0].n_blocks[0] = 1
    with pytest.raises(KeyError, match="'2 steps'"):
        result["3 steps"]


@pytest.mark.parametrize(
    ("arguments", "error", "match"),
    [
        ({"scales": ()}, ValueError, "scales and sentences must not both be empty"),
        ({"scales": (0,)}, ValueError, "each of scales"),
        ({"scales": (1.5,)}, TypeError, "each of scales"),
        ({"scales": 3}, TypeError, "scales must be a sequence of integers, got 3"),
        ({"scales": "12"}, TypeError, "scales must be a sequence of integers"),
        ({"scales": (2, 2)}, ValueError, "scales must not repeat"),
        ({"sentences": (1,)}, TypeError, "sentences needs delimiters"),
        ({"sentences": (1,), "delimiters": ()}, ValueError, "delimiters"),
        ({"sentences": (0,), "delimiters": {1}}, ValueError, "each of sentences"),
        ({"delimiters": {1}}, ValueError, "delimiters is only used with sentences"),
        ({"sequences": []}, ValueError, "sequences must not be empty"),
        ({"sequences": [[1, 9]]}, ValueError, r"sequences\[0\]"),
        ({"machine": 3}, TypeError, "machine"),
    ],
)
def test_refused(arguments: dict[str, Any], error: type[Exception], match: str) -> None:
    given: dict[str, Any] = {"machine": MACHINE, "sequences": ragged(), "scales": (1,)} | arguments
    with pytest.raises(error, match=match):
        ep.block_scale(**given)


def test_memory_is_asked_for_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entroprod.boundary.memory.available_memory", lambda: 1 << 20)
    with pytest.raises(MemoryError, match="sequences is too large: 100,000 steps in 3 orders"):
        ep.block_scale(MACHINE, np.ones((10, 10_000), dtype=int), (1, 2))


def test_picture() -> None:
    pytest.importorskip("matplotlib")
    from entroprod import plot

    sequences = ragged()
    result = ep.block_scale(MACHINE, sequences, (7, 1), sentences=(1, 2), delimiters={END})
    figure = result.plot(title="all scales")
    (axes,) = figure.axes
    assert axes.get_title(loc="left") == "all scales"
    steps, sentences = (container[0] for container in axes.containers)
    assert steps.get_xdata().tolist() == [1.0, 7.0]
    assert steps.get_ydata().tolist() == [result["1 step"].mean, result["7 steps"].mean]
    assert len(sentences.get_xdata()) == 2
    nothing = ep.block_scale(MACHINE, [[1, 2]], (), sentences=(1,), delimiters={END})
    with pytest.raises(ValueError, match="no scale with a finite mean"):
        plot.block_scale(nothing)
    assert axes.get_xticks().tolist() == [1.0, 7.0]
    figure.savefig(io.BytesIO(), format="png")
