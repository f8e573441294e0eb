"""Reversals: what they do, that they can be undone, and what they refuse."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import entroprod as ep

SYMBOLS = st.lists(st.integers(0, 3), min_size=1, max_size=12).map(np.array)
REVERSALS: dict[str, ep.Reversal] = {
    "token": ep.TokenReversal(),
    "blocks of 1": ep.BlockReversal(length=1),
    "blocks of 3": ep.BlockReversal(length=3),
    "boundary": ep.BlockReversal(boundaries=[1]),
    "boundaries": ep.BlockReversal(boundaries=[1, 3]),
    "sentences": ep.BlockReversal(delimiters={0}, tail="keep"),
    "two sentences": ep.BlockReversal(delimiters={0, 2}, per_block=2, tail="keep"),
    "cut": ep.BlockReversal(cut=lambda sequence: (np.flatnonzero(sequence[:-1] == 0) + 1).tolist()),
    "permutation": ep.Permutation([1, 2, 0, 3]),
    "shift": ep.Permutation(lambda n_steps: np.roll(np.arange(n_steps), 1)),
}


def reordered(reversal: ep.Reversal, sequence: np.ndarray[Any, Any]) -> tuple[int, ...]:
    return tuple(sequence[reversal.plan(sequence).order].tolist())


@pytest.mark.parametrize("reversal", REVERSALS.values(), ids=REVERSALS.keys())
def test_bijection_by_enumeration(reversal: ep.Reversal) -> None:
    """No two sequences of the domain go to one, and the image is the domain."""
    domain, image = set(), set()
    for symbols in itertools.product(range(3), repeat=4):
        try:
            image.add(reordered(reversal, np.array(symbols)))
        except ep.Irreversible:
            continue
        domain.add(symbols)
    assert image == domain
    assert domain


def test_sentences_that_end_with_a_delimiter_are_a_domain_too() -> None:
    reversal = ep.BlockReversal(delimiters={0, 2}, per_block=2)
    domain = [s for s in itertools.product(range(3), repeat=5) if s[-1] in {0, 2}]
    assert {reordered(reversal, np.array(s)) for s in domain} == set(domain)


@given(SYMBOLS)
def test_sentences_twice_is_the_sequence(sequence: np.ndarray[Any, Any]) -> None:
    reversal = ep.BlockReversal(delimiters={0}, tail="keep")
    if 0 in sequence:
        once = np.array(reordered(reversal, sequence))
        assert reordered(reversal, once) == tuple(sequence.tolist())


@given(SYMBOLS)
def test_blocks_of_one_are_tokens(sequence: np.ndarray[Any, Any]) -> None:
    one = ep.BlockReversal(length=1).plan(sequence)
    every = ep.TokenReversal().plan(sequence)
    assert np.array_equal(one.order, every.order)
    assert np.array_equal(one.starts, every.starts)
    assert np.array_equal(every.order[every.inverse], np.arange(len(sequence)))


def test_what_blocks_do() -> None:
    letters = np.array(list("abcdefgh"))
    codes = np.arange(8)

    def spelled(**how: Any) -> str:
        return "".join(letters[ep.BlockReversal(**how).plan(codes).order])

    assert spelled(length=3) == "ghdefabc"
    assert spelled(boundaries=[2, 7]) == "hcdefgab"
    assert spelled(delimiters=[3, 4]) == "eabcd"
    assert spelled(delimiters=[3, 4], tail="keep") == "eabcdfgh"
    assert spelled(delimiters=[1, 3, 4], per_block=2) == "eabcd"
    assert spelled(cut=lambda sequence: [4]) == "efghabcd"


def test_what_a_plan_tells() -> None:
    plan = ep.BlockReversal(delimiters={9}).plan(np.array([1, 9, 2, 3, 9, 4]))
    assert plan.blocks == ((0, 2), (2, 5))
    assert plan.n_blocks == 2
    assert plan.n_cut_off == 1
    assert not plan.is_identity
    assert ep.BlockReversal(delimiters={9}).plan(np.array([1, 9])).is_identity
    kept = ep.BlockReversal(delimiters={9}, tail="keep").plan(np.array([1, 9, 2, 3, 9, 4]))
    assert kept.blocks == ((0, 2), (2, 5), (5, 6))
    with pytest.raises(ValueError, match="read-only"):
        plan.order[0] = 3


def test_what_is_no_bijection() -> None:
    tokens = np.array([1, 2, 3])
    with pytest.raises(ep.Irreversible, match="no delimiter"):
        ep.BlockReversal(delimiters={0}).plan(tokens)
    with pytest.raises(ep.Irreversible, match="boundary 5 lies outside of 3 steps"):
        ep.BlockReversal(boundaries=[5]).plan(tokens)
    with pytest.raises(ep.Irreversible, match="order permutes 2 steps, the sequence has 3"):
        ep.Permutation([1, 0]).plan(tokens)
    # The cut after the first symbol isn't found again at the other end.
    with pytest.raises(ep.Irreversible, match="cut doesn't find the same blocks"):
        ep.BlockReversal(cut=lambda sequence: [1]).plan(tokens)


# Called with what its signature rules out.
BLOCKS: Any = ep.BlockReversal


@pytest.mark.parametrize(
    ("make", "kind", "message"),
    [
        (BLOCKS, ValueError, "exactly one of .* got none"),
        (lambda: BLOCKS(length=2, delimiters={1}), ValueError, "got length, delimiters"),
        (lambda: BLOCKS(length=0), ValueError, "length must be between 1"),
        (lambda: BLOCKS(length=2.5), TypeError, "length must be an integer"),
        (lambda: BLOCKS(boundaries=[3, 3]), ValueError, "boundaries must increase"),
        (lambda: BLOCKS(boundaries=[0]), ValueError, "each of boundaries"),
        (lambda: BLOCKS(boundaries=4), TypeError, "boundaries must be a sequence"),
        (lambda: BLOCKS(delimiters=[]), ValueError, "delimiters must not be empty"),
        (lambda: BLOCKS(delimiters=["."]), TypeError, "delimiters must be integers"),
        (lambda: BLOCKS(delimiters=7), TypeError, "delimiters must be a collection"),
        (lambda: BLOCKS(length=2, per_block=2), ValueError, "only used with delimiters"),
        (lambda: BLOCKS(delimiters={1}, tail="drop"), ValueError, "tail must be"),
        (lambda: BLOCKS(cut="."), TypeError, "cut must be callable"),
        (lambda: ep.Permutation([0, 0]), ValueError, "order must be a permutation of 0 .. 1"),
        (lambda: ep.Permutation([0.0, 1.0]), TypeError, "order must be a .* of integers"),
    ],
)
def test_wrong_arguments(make: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        make()


def test_repr_shows_what_was_given() -> None:
    assert repr(ep.BlockReversal(length=3)) == "BlockReversal(length=3)"
    sentences = ep.BlockReversal(delimiters=range(9), per_block=2, tail="keep")
    assert repr(sentences) == "BlockReversal(delimiters=<9 symbols>, per_block=2, tail='keep')"
    assert repr(ep.BlockReversal(delimiters={2, 1})) == "BlockReversal(delimiters={1, 2})"


def test_wrong_answers_of_a_users_function() -> None:
    tokens = np.array([1, 2, 3])
    with pytest.raises(TypeError, match="what cut returns must be a sequence"):
        ep.BlockReversal(cut=lambda sequence: 2).plan(tokens)  # type: ignore[arg-type,return-value]
    with pytest.raises(ValueError, match=r"order\(3\) must be a permutation"):
        ep.Permutation(lambda n_steps: np.zeros(n_steps, int)).plan(tokens)
    with pytest.raises(ValueError, match="delimiters need symbols"):
        ep.BlockReversal(delimiters={0}).plan(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="order must be a permutation"):
        ep.Plan(np.array([0, 2]), np.array([0]))
    with pytest.raises(ValueError, match="starts must begin with 0"):
        ep.Plan(np.array([0, 1]), np.array([1]))


# ------------------------------------------------------------------ reversals of one's own


UNIFORM = ep.FunctionMachine(lambda y: np.full(y.shape, -np.log(3)), n_symbols=3)
STEPS = ep.MarkovChain([[0.1, 0.7, 0.2], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]])


class NoPlan(ep.Reversal):
    def plan(self, sequence: Any) -> Any:
        return [1, 0]


class Sorting(ep.Reversal):
    """Several sequences become one."""

    def plan(self, sequence: Any) -> ep.Plan:
        return ep.Plan(np.argsort(sequence, kind="stable"), np.array([0]))


class Scribbling(ep.Reversal):
    def plan(self, sequence: Any) -> ep.Plan:
        sequence[:] = 0
        return ep.TokenReversal().plan(sequence)


def test_what_a_plan_must_be() -> None:
    message = "plan of NoPlan must return a Plan, got list"
    with pytest.raises(TypeError, match=message):
        ep.stochastic_entropy_production(UNIFORM, [[0, 1]], reversal=NoPlan())
    with pytest.raises(TypeError, match=message):
        ep.enumerate_sequences(UNIFORM, 2).sigma_law(NoPlan())


def test_several_sequences_that_become_one_are_no_bijection() -> None:
    with pytest.raises(ep.NumericalError, match=r"Sorting is no bijection: .* become \[0, 0, 1\]"):
        ep.enumerate_sequences(UNIFORM, 3).sigma_law(Sorting())


def test_reversals_may_write_into_what_they_are_given() -> None:
    paths = STEPS.sample(5, 20, rng=0)
    expected = ep.stochastic_entropy_production(STEPS, paths).sigma
    assert np.array_equal(
        ep.stochastic_entropy_production(STEPS, paths, reversal=Scribbling()).sigma, expected
    )

    def cut(sequence: Any) -> list[int]:
        starts = [i for i in range(1, 5) if sequence[i - 1] != sequence[i]]
        sequence[:] = 0
        return starts

    found = ep.stochastic_entropy_production(STEPS, paths, reversal=ep.BlockReversal(cut=cut))
    assert found.sigma == pytest.approx(expected, abs=1e-12)  # runs of a symbol are palindromes


def test_readers_of_another_kind_and_threads_are_checked() -> None:
    gaussian = ep.LinearGaussian.from_var([[[0.5]]], [[1.0]])
    with pytest.raises(ValueError, match="backward must have n_outputs = 1, as machine has"):
        ep.stochastic_entropy_production(gaussian, [[0.1], [0.2]], backward=STEPS)
    with pytest.raises(ValueError, match="backward must have n_symbols = 3, as machine has"):
        ep.monte_carlo(STEPS, 3, 10, backward=gaussian)
    with pytest.raises(ValueError, match="n_threads must be"):
        ep.monte_carlo(STEPS, 3, 10, n_threads=0)
    with pytest.raises(TypeError, match="n_threads must be"):
        ep.stochastic_entropy_production(STEPS, [[0, 1]], n_threads="a")  # type: ignore[arg-type]


def test_delimiters_fit_the_integers_of_sequences() -> None:
    with pytest.raises(ValueError, match=r"delimiters must be below 2\^63 in size"):
        ep.BlockReversal(delimiters={2**70})


def test_blocks_of_any_lengths_in_the_other_order() -> None:
    generator = np.random.default_rng(0)
    for _ in range(50):
        symbols = generator.integers(5, size=int(generator.integers(1, 30)))
        pieces = np.split(symbols, np.flatnonzero(symbols[:-1] == 4) + 1)
        cut = [piece for piece in pieces if piece[-1] == 4]
        if cut:
            plan = ep.BlockReversal(delimiters={4, 77, -3}).plan(symbols)
            assert symbols[plan.order].tolist() == np.concatenate(cut[::-1]).tolist()
            assert plan.n_cut_off == len(symbols) - sum(map(len, cut))
