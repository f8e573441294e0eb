"""Any machine: what is asked of it, how sequences reach it, and what comes back."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest

import entroprod as ep

AnyArray = np.ndarray[Any, Any]

# Sums of at most 100 terms of order 1, in another order: a hundred roundings.
ROUNDING = 100 * np.finfo(float).eps

TRANSITION = np.array([[0.1, 0.7, 0.2], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]])
INITIAL = np.array([0.5, 0.2, 0.3])


def chain_log_prob(sequences: AnyArray) -> AnyArray:
    first = np.log(INITIAL)[sequences[:, :1]]
    return np.hstack([first, np.log(TRANSITION)[sequences[:, :-1], sequences[:, 1:]]])


def chain_sample(n_steps: int, n_paths: int, generator: np.random.Generator) -> AnyArray:
    paths = np.empty((n_paths, n_steps), dtype=np.int64)
    for path in paths:
        path[0] = generator.choice(3, p=INITIAL)
        for step in range(1, n_steps):
            path[step] = generator.choice(3, p=TRANSITION[path[step - 1]])
    return paths


CHAIN = ep.FunctionMachine(chain_log_prob, chain_sample, n_symbols=3)


def path_log_prob(path: Any) -> float:
    """By definition, one symbol at a time."""
    total = math.log(INITIAL[path[0]])
    for before, after in itertools.pairwise(path):
        total += math.log(TRANSITION[before, after])
    return total


def test_a_plain_function_is_enough() -> None:
    paths = [[0, 1, 2], [2, 2, 0]]
    result = ep.stochastic_entropy_production(chain_log_prob, paths)
    expected = [path_log_prob(path) - path_log_prob(path[::-1]) for path in paths]
    assert result.sigma == pytest.approx(expected, abs=ROUNDING)
    assert result.n_steps == 3


def test_sequences_of_different_lengths() -> None:
    paths = [[0], [0, 1, 2, 1], [2, 2, 0], [1, 0, 1, 1]]
    result = ep.stochastic_entropy_production(CHAIN, paths, keep_per_step=True)
    expected = [path_log_prob(path) - path_log_prob(path[::-1]) for path in paths]
    assert result.sigma == pytest.approx(expected, abs=ROUNDING)
    assert result.lengths.tolist() == [1, 4, 3, 4]
    with pytest.raises(ValueError, match="no common number of steps"):
        _ = result.n_steps
    assert result.per_step_forward is not None
    assert [len(row) for row in result.per_step_forward] == [1, 4, 3, 4]
    for contributions, sigma in zip(result.block_contributions(), result.sigma):
        assert contributions.sum() == pytest.approx(sigma, abs=ROUNDING)


def test_values_per_step_are_in_the_order_of_the_sequence() -> None:
    path = np.array([0, 1, 1, 2, 0, 2])
    reversal = ep.BlockReversal(boundaries=[2, 3])
    result = ep.stochastic_entropy_production(CHAIN, path, reversal=reversal, keep_per_step=True)
    assert result.per_step_backward is not None
    order = [3, 4, 5, 2, 0, 1]
    moved = chain_log_prob(path[order][np.newaxis])[0]
    assert result.per_step_backward[0][order] == pytest.approx(moved, abs=ROUNDING)
    parts = result.block_contributions()[0]
    forward = chain_log_prob(path[np.newaxis])[0]
    first_block = forward[:2].sum() - moved[4:].sum()
    assert parts[0] == pytest.approx(first_block, abs=ROUNDING)


def test_ragged_machines_get_all_orders_at_once() -> None:
    calls = []

    class Together:
        n_symbols = 3

        def log_prob(self, sequences: AnyArray) -> AnyArray:
            raise AssertionError("log_prob_ragged is there")

        def log_prob_ragged(self, sequences: list[AnyArray]) -> list[AnyArray]:
            calls.append(len(sequences))
            return [chain_log_prob(one[np.newaxis])[0] for one in sequences]

    reversals = {"token": ep.TokenReversal(), "block": ep.BlockReversal(length=2)}
    paths = [[0, 1, 2], [1, 1, 0, 2]]
    results = ep.score_reversals(Together(), paths, reversals)
    assert calls == [6]
    for name, reversal in reversals.items():
        alone = ep.stochastic_entropy_production(CHAIN, paths, reversal=reversal)
        assert results[name].sigma == pytest.approx(alone.sigma, abs=ROUNDING)


def test_skipped_sequences_are_counted_and_the_others_kept() -> None:
    reversal = ep.BlockReversal(delimiters={2})
    result = ep.stochastic_entropy_production(
        CHAIN, [[0, 1], [0, 2, 1, 2, 0], [1, 2], [0, 0]], reversal=reversal
    )
    assert result.index.tolist() == [1, 2]
    assert [skip.index for skip in result.skipped] == [0, 3]
    assert result.skip_reasons == {"no delimiter in it": 2}
    assert result.n_cut_off.tolist() == [1, 0]
    assert result.n_blocks.tolist() == [2, 1]
    # A text of one block stays as it is: 0, not a rounding error.
    assert result.sigma[1] == 0.0
    assert result.sigma[0] == pytest.approx(
        path_log_prob([0, 2, 1, 2]) - path_log_prob([1, 2, 0, 2]), abs=ROUNDING
    )
    frame = result.to_frame()
    assert frame["skipped"].tolist() == ["no delimiter in it", "", "", "no delimiter in it"]
    assert frame["sigma"].isna().tolist() == [True, False, False, True]
    assert "2 skipped" in repr(result)
    nothing = ep.stochastic_entropy_production(CHAIN, [[0, 1]], reversal=reversal)
    assert nothing.sigma.shape == (0,)
    assert "1 skipped" in repr(nothing)


def one_way(sequences: AnyArray) -> AnyArray:
    """A clock of three symbols that never stays, and goes back with probability 0."""
    step = (sequences[:, 1:] - sequences[:, :-1]) % 3
    with np.errstate(divide="ignore"):
        later = np.log(np.where(step == 1, 1.0, 0.0))
    return np.hstack([np.full((len(sequences), 1), -math.log(3)), later])


def clock(n_steps: int, n_paths: int, generator: np.random.Generator) -> AnyArray:
    return (generator.integers(3, size=(n_paths, 1)) + np.arange(n_steps)) % 3


def test_probability_zero_backward_is_infinite_sigma() -> None:
    machine = ep.FunctionMachine(one_way, clock, n_symbols=3)
    result = ep.stochastic_entropy_production(machine, [[0, 1, 2], [1, 2, 0]])
    assert np.isposinf(result.sigma).all()
    assert result.n_infinite == 2
    estimate = ep.monte_carlo(machine, 4, 50, rng=0)
    assert estimate.mean == math.inf
    assert estimate.n_infinite == 50
    assert estimate.fluctuation_mean == 0.0
    assert any("so is the mean" in text for text in estimate.warnings)


def test_probability_zero_forward_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"sequences\[1\] has probability 0 .* from step 2"):
        ep.stochastic_entropy_production(one_way, [[0, 1, 2], [0, 2, 1]])


def exact_mean(n_steps: int, reversal: ep.Reversal) -> tuple[float, float]:
    """Mean of sigma, and the probability of the domain, over all sequences."""
    mean = domain = 0.0
    for path in itertools.product(range(3), repeat=n_steps):
        try:
            order = reversal.plan(np.array(path)).order
        except ep.Irreversible:
            continue
        probability = math.exp(path_log_prob(path))
        domain += probability
        mean += probability * (path_log_prob(path) - path_log_prob([path[i] for i in order]))
    return mean / domain, domain


@pytest.mark.parametrize(
    "reversal",
    [
        ep.TokenReversal(),
        ep.BlockReversal(length=2),
        ep.BlockReversal(delimiters={2}, tail="keep"),
    ],
    ids=repr,
)
def test_monte_carlo_of_any_machine(reversal: ep.Reversal) -> None:
    n_paths = 4000
    result = ep.monte_carlo(CHAIN, 5, n_paths, reversal=reversal, rng=1, keep_sigma=True)
    mean, domain = exact_mean(5, reversal)
    # Five standard errors: one false alarm in a million, and the seed is fixed.
    assert abs(result.mean - mean) < 5 * result.standard_error
    assert abs(result.fluctuation_mean - 1) < 5 * result.fluctuation_standard_error
    spread = math.sqrt(domain * max(1 - domain, 0.0) / n_paths)
    assert abs(1 - result.n_skipped / n_paths - domain) <= 5 * spread + ROUNDING
    assert result.sigma is not None
    assert len(result.sigma) == n_paths - result.n_skipped
    assert result.mean == pytest.approx(result.sigma.mean(), rel=ROUNDING)
    assert bool(result.skip_reasons) == (domain < 1)


def test_monte_carlo_uses_what_sampling_knows() -> None:
    class Sampler:
        n_symbols = 3
        scored = 0

        def log_prob(self, sequences: AnyArray) -> AnyArray:
            self.scored += len(sequences)
            return chain_log_prob(sequences)

        def sample(self, n_steps: int, n_paths: int = 1, *, rng: Any = None) -> AnyArray:
            return chain_sample(n_steps, n_paths, np.random.default_rng(rng))

        def sample_with_log_prob(
            self, n_steps: int, n_paths: int = 1, *, rng: Any = None
        ) -> tuple[AnyArray, AnyArray]:
            drawn = self.sample(n_steps, n_paths, rng=rng)
            return drawn, chain_log_prob(drawn)

    machine = Sampler()
    done: list[tuple[int, int]] = []
    result = ep.monte_carlo(
        machine, 4, 30, rng=0, batch_size=20, progress=lambda *state: done.append(state)
    )
    palindromes_apart = machine.scored
    assert palindromes_apart <= 30
    assert done[-1] == (30, 30)
    again = ep.monte_carlo(CHAIN, 4, 30, rng=0, batch_size=20)
    assert again.mean == pytest.approx(result.mean, abs=ROUNDING)


def test_monte_carlo_counts_what_it_leaves_out() -> None:
    reversal = ep.BlockReversal(delimiters={2})
    result = ep.monte_carlo(CHAIN, 3, 200, reversal=reversal, rng=0)
    assert result.n_skipped > 0
    assert result.n_cut > 0
    assert any("left out" in text for text in result.warnings)
    assert any("isn't exactly 1" in text for text in result.warnings)
    assert result.to_dict()["n_skipped"] == result.n_skipped
    with pytest.raises(ep.NumericalError, match="all 5 sampled paths were skipped: order permutes"):
        ep.monte_carlo(CHAIN, 3, 5, reversal=ep.Permutation([1, 0]), rng=0)


def test_linear_gaussian_machines_take_every_reversal() -> None:
    machine = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], np.eye(2))
    paths = machine.sample(12, 4, rng=0)
    fast = ep.stochastic_entropy_production(machine, paths)
    steps = ep.stochastic_entropy_production(machine, paths, keep_per_step=True)
    assert steps.sigma == pytest.approx(fast.sigma, abs=ROUNDING * 100)
    for contributions, sigma in zip(steps.block_contributions(), fast.sigma):
        assert contributions.sum() == pytest.approx(sigma, abs=ROUNDING * 100)
    ragged = ep.stochastic_entropy_production(machine, [paths[0], paths[1][:7]])
    assert ragged.sigma[0] == pytest.approx(fast.sigma[0], abs=ROUNDING * 100)
    assert ragged.lengths.tolist() == [12, 7]
    half = ep.BlockReversal(length=6)
    swapped = np.concatenate([paths[:, 6:], paths[:, :6]], axis=1)
    expected = machine.log_prob(paths).sum(axis=1) - machine.log_prob(swapped).sum(axis=1)
    blocks = ep.stochastic_entropy_production(machine, paths, reversal=half)
    assert blocks.sigma == pytest.approx(expected, abs=ROUNDING * 100)
    estimate = ep.monte_carlo(machine, 12, 3000, reversal=half, rng=2)
    assert abs(estimate.fluctuation_mean - 1) < 5 * estimate.fluctuation_standard_error


def test_another_machine_reads_the_reordered_sequence() -> None:
    flat = ep.FunctionMachine(lambda y: np.full(y.shape, -math.log(3)), n_symbols=3)
    result = ep.stochastic_entropy_production(CHAIN, [[0, 1, 2]], backward=flat)
    assert result.sigma[0] == pytest.approx(path_log_prob([0, 1, 2]) + 3 * math.log(3))
    other = ep.FunctionMachine(lambda y: np.zeros(y.shape), n_symbols=4)
    with pytest.raises(ValueError, match="backward must have n_symbols = 3, as machine has; got 4"):
        ep.stochastic_entropy_production(CHAIN, [[0, 1, 2]], backward=other)


@pytest.mark.parametrize(
    ("sequences", "kind", "message"),
    [
        ([[0, 3]], ValueError, r"sequences\[0\] .* below n_symbols = 3; got 3 at step 2"),
        ([[0, 1], [-1]], ValueError, r"sequences\[1\] must hold symbols from 0.* got -1 at step 1"),
        ([[0.0, 1.0]], TypeError, "must hold symbols, which are integers; got dtype float64"),
        ([[True, False]], TypeError, "integers; got dtype bool"),
        ([[0, 1], []], ValueError, r"sequences\[1\] must not be empty"),
        ([], ValueError, "must not be empty"),
        ([[[0, 1]]], ValueError, r"must have shape \(N, T\) or \(T,\), got 3 dimension"),
        (3, ValueError, "must have shape"),
        ([["a", "b"]], TypeError, "sequences must hold numbers, .* got str"),
        ({0, 1}, TypeError, "sequences must hold numbers, .* got set"),
        (np.array([["a", "b"]]), TypeError, "must hold numbers, .* got dtype <U1"),
        (np.array([[0, 1], [2, 5]]), ValueError, r"sequences\[1\] .* got 5 at step 2"),
        (np.array([3]), ValueError, r"sequences must hold symbols .* got 3 at step 1"),
        (None, TypeError, "must hold numbers, .* got NoneType"),
    ],
)
def test_wrong_sequences(sequences: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        ep.stochastic_entropy_production(CHAIN, sequences)


@pytest.mark.parametrize(
    ("answer", "kind", "message"),
    [
        (lambda y: np.zeros(3), ValueError, r"log_prob must return .* shape \(1, 2\), got \(3,\)"),
        (lambda y: np.full(y.shape, np.nan), ep.NumericalError, r"nan at step 1 of sequences\[0\]"),
        (lambda y: np.full(y.shape, np.inf), ep.NumericalError, "inf at step 1"),
        (lambda y: np.full(y.shape, "no"), TypeError, "must return real numbers, got dtype <U2"),
    ],
)
def test_wrong_answers(answer: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        ep.stochastic_entropy_production(ep.FunctionMachine(answer, n_symbols=2), [[0, 1]])


def test_wrong_machines() -> None:
    path = [[0, 1]]
    with pytest.raises(TypeError, match="machine must have a method log_prob"):
        ep.stochastic_entropy_production(3, path)
    with pytest.raises(TypeError, match="got the class FunctionMachine"):
        ep.stochastic_entropy_production(ep.FunctionMachine, path)
    with pytest.raises(TypeError, match="machine must have a method sample"):
        ep.monte_carlo(chain_log_prob, 3, 3)
    with pytest.raises(TypeError, match="made without a sampler"):
        ep.monte_carlo(ep.FunctionMachine(chain_log_prob, n_symbols=3), 3, 3)
    with pytest.raises(ValueError, match="exactly one of n_symbols and n_outputs"):
        ep.FunctionMachine(chain_log_prob)
    with pytest.raises(TypeError, match=r"reversal must be a Reversal .*an instance: call it"):
        ep.stochastic_entropy_production(CHAIN, path, reversal=ep.TokenReversal)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="reversals must be a mapping"):
        ep.score_reversals(CHAIN, path, [ep.TokenReversal()])  # type: ignore[arg-type]


def test_protocol() -> None:
    assert isinstance(CHAIN, ep.Machine)
    assert isinstance(ep.LinearGaussian.from_var([[[0.5]]], [[1.0]]), ep.Machine)
    assert not isinstance(chain_log_prob, ep.Machine)


@pytest.mark.parametrize("error", [ValueError, TypeError, ep.NumericalError])
@pytest.mark.parametrize("ragged", [True, False])
def test_errors_of_machines_name_the_sequence_as_it_was_given(
    error: type[Exception], ragged: bool
) -> None:
    """Machines see them by length, and together with reordered ones."""

    class Picky:
        n_symbols = 9

        def log_prob(self, sequences: Any) -> Any:
            return np.stack(self.read(sequences))

        def read(self, sequences: Any) -> Any:
            for place, sequence in enumerate(sequences):
                if sequence[0] == 7:
                    raise error(f"sequences[{place}] starts badly at step 1")
            return [np.zeros(len(sequence)) for sequence in sequences]

    machine: Any = Picky()
    if ragged:
        machine.log_prob_ragged = machine.read
    with pytest.raises(error, match=r"^sequences\[1\] starts badly at step 1$"):
        ep.stochastic_entropy_production(machine, [[0, 1], [7, 1, 2], [1, 1]])
    with pytest.raises(error, match=r"^sequences\[2\] reordered \(sigma\) starts badly"):
        ep.stochastic_entropy_production(machine, [[0, 1], [1, 2, 3], [1, 7]])


# ------------------------------------------------------------------ what machines do and answer


def _clears_its_input(sequences: AnyArray) -> AnyArray:
    answer = chain_log_prob(sequences)
    sequences[:] = 0
    return answer


CLEARING = ep.FunctionMachine(_clears_its_input, chain_sample, n_symbols=3)


def test_a_machine_may_write_into_what_it_is_given() -> None:
    paths = CHAIN.sample(5, 20, rng=0)
    kept = paths.copy()
    reversals = {"token": ep.TokenReversal(), "block": ep.BlockReversal(length=2)}
    found = ep.score_reversals(CLEARING, paths, reversals)
    for name, expected in ep.score_reversals(CHAIN, paths, reversals).items():
        assert np.array_equal(found[name].sigma, expected.sigma)
    assert np.array_equal(paths, kept)
    uniform = ep.FunctionMachine(lambda y: np.full(y.shape, -np.log(3)), n_symbols=3)
    one, other = (ep.retrospective_bound(m, uniform, 4, 50, rng=0) for m in (CHAIN, CLEARING))
    assert other.total == one.total


def test_given_values_are_never_written_to() -> None:
    def log_prob(values: AnyArray) -> AnyArray:
        answer = -np.abs(values[..., 0])
        values *= 0.0
        return answer

    values = np.arange(6.0).reshape(2, 3, 1)
    ep.stochastic_entropy_production(ep.FunctionMachine(log_prob, n_outputs=1), values)
    assert np.array_equal(values.ravel(), np.arange(6.0))


def test_machines_get_contiguous_sequences() -> None:
    def log_prob(sequences: AnyArray) -> AnyArray:
        assert sequences.flags["C_CONTIGUOUS"]
        return chain_log_prob(sequences)

    machine = ep.FunctionMachine(log_prob, chain_sample, n_symbols=3)
    ep.retrospective_bound(machine, log_prob, 4, 10, rng=0)
    ep.monte_carlo(machine, 4, 10, rng=0)


@pytest.mark.parametrize("turn", [np.exp, np.negative], ids=["probabilities", "surprisals"])
def test_what_is_no_logarithm_of_a_probability_is_refused(turn: Any) -> None:
    machine = ep.FunctionMachine(lambda y: turn(chain_log_prob(y)), chain_sample, n_symbols=3)
    message = "at step 1 of .*; logarithms of probabilities aren't above 0"
    with pytest.raises(ep.NumericalError, match=message):
        ep.stochastic_entropy_production(machine, [[0, 1]])
    with pytest.raises(ep.NumericalError, match=message):
        ep.monte_carlo(machine, 3, 10, rng=0)
    assert not ep.verify(machine, n_steps=3, n_paths=200)["probabilities_at_most_one"].passed


class SamplesWithLogProb:
    """The chain, whose sampler spoils the log-probabilities that it returns."""

    n_symbols = 3

    def __init__(self, spoil: Any) -> None:
        self.spoil = spoil

    def log_prob(self, sequences: Any) -> AnyArray:
        return chain_log_prob(sequences)

    def sample(self, n_steps: int, n_paths: int = 1, *, rng: Any = None) -> AnyArray:
        return chain_sample(n_steps, n_paths, np.random.default_rng(rng))

    def sample_with_log_prob(self, n_steps: int, n_paths: int = 1, *, rng: Any = None) -> Any:
        paths = self.sample(n_steps, n_paths, rng=rng)
        return self.spoil(paths, chain_log_prob(paths))


@pytest.mark.parametrize(
    ("spoil", "kind", "message"),
    [
        (lambda y, _: y, TypeError, "must return a tuple of two"),
        (lambda y, logs: (y, logs, logs), TypeError, "must return a tuple of two"),
        (lambda y, logs: (y, logs.sum(axis=1)), ValueError, r"in shape \(5, 4\), got \(5,\)"),
        (lambda y, logs: (y, logs * np.nan), ep.NumericalError, "log-probability of nan"),
        (lambda y, logs: (y, logs + np.inf), ep.NumericalError, "log-probability of inf"),
        (lambda y, logs: (y, logs + 0j), TypeError, "real numbers, got dtype complex128"),
    ],
)
def test_wrong_answers_of_sample_with_log_prob(
    spoil: Any, kind: type[Exception], message: str
) -> None:
    machine = SamplesWithLogProb(spoil)
    with pytest.raises(kind, match=f"sample_with_log_prob .*{message}"):
        ep.monte_carlo(machine, 4, 5, rng=0)
    with pytest.raises(kind, match=f"sample_with_log_prob .*{message}"):
        ep.retrospective_bound(machine, chain_log_prob, 4, 5, rng=0)


@pytest.mark.parametrize("size", [3.0, "3", 0, -1, True])
def test_a_machine_that_tells_a_wrong_size(size: Any) -> None:
    machine = SamplesWithLogProb(lambda *both: both)
    machine.n_symbols = size
    for function in (
        lambda: ep.stochastic_entropy_production(machine, [[0, 1]]),
        lambda: ep.verify(machine, n_steps=3, n_paths=10),
        lambda: ep.fit_reverse_model(machine, 3, 10, order=1, rng=0),
    ):
        with pytest.raises((TypeError, ValueError), match=r"machine\.n_symbols must be"):
            function()


def test_symbols_beyond_signed_integers_are_refused() -> None:
    with pytest.raises(ValueError, match=r"below 2\^63; got 9223372036854775808"):
        ep.stochastic_entropy_production(
            lambda y: np.zeros(y.shape), np.array([[2**63, 1]], np.uint64)
        )


def test_answers_that_numpy_cannot_read_are_named() -> None:
    machine: Any = SamplesWithLogProb(lambda *both: both)
    machine.log_prob = lambda sequences: [[-1.0], [-1.0, -2.0]]
    with pytest.raises(ValueError, match=r"what machine.log_prob returns must be an array"):
        ep.stochastic_entropy_production(machine, [[0, 1], [1, 1]])
    with pytest.raises(TypeError, match="real numbers, got dtype complex128"):
        ep.entropy_production(ep.FunctionMachine(lambda y: chain_log_prob(y) + 0j, n_symbols=3), 2)


def test_a_sampler_that_draws_the_impossible() -> None:
    machine = ep.FunctionMachine(one_way, lambda t, n, g: np.zeros((n, t), int), n_symbols=3)
    with pytest.raises(ep.NumericalError, match=r"machine\.sample draws a path .* step 2 on"):
        ep.monte_carlo(machine, 3, 4, rng=0)
