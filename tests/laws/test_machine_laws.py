"""Laws of any machine: random sound ones obey them, and bugs of a random size are found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from example_machines import Autoregression, Chain, Hidden, Rnn
from hypothesis import given, settings
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod.laws.precision import TOLERANCES

AnyArray = np.ndarray[Any, Any]

# 243 terms of order 1, and the rounding of their sigma; relative to sums of large exponentials.
BALANCE, EXPONENTIALS = 1e-13, 1e-11
SEEDS = st.integers(0, 2**32 - 1)
FEW = settings(max_examples=15)


def distributions(rng: np.random.Generator, n_rows: int, n: int, sparsity: float) -> AnyArray:
    """Rows of probabilities, some of them exactly zero."""
    weights = rng.gamma(0.7, size=(n_rows, n)) * (rng.random((n_rows, n)) >= sparsity)
    weights[np.arange(n_rows), rng.integers(n, size=n_rows)] += 0.1
    return np.asarray(weights / weights.sum(axis=1, keepdims=True))


@st.composite
def chains(draw: st.DrawFn, sparsity: float = 0.3) -> Chain:
    rng = np.random.default_rng(draw(SEEDS))
    n = draw(st.integers(1, 5))
    zeros = draw(st.sampled_from([0.0, sparsity]))
    return Chain(distributions(rng, 1, n, zeros)[0], distributions(rng, n, n, zeros))


@st.composite
def hidden_chains(draw: st.DrawFn) -> Hidden:
    rng = np.random.default_rng(draw(SEEDS))
    n_states, n_symbols = draw(st.integers(1, 4)), draw(st.integers(2, 4))
    zeros = draw(st.sampled_from([0.0, 0.4]))
    return Hidden(
        distributions(rng, 1, n_states, zeros)[0],
        distributions(rng, n_states, n_states, zeros),
        distributions(rng, n_states, n_symbols, zeros),
    )


NETWORKS = st.builds(
    Rnn,
    n_symbols=st.integers(2, 6),
    size=st.integers(1, 6),
    seed=st.integers(0, 10_000),
    dtype=st.sampled_from(["float64", "float32"]),
    tells_dtype=st.booleans(),
)
AUTOREGRESSIONS = st.builds(
    Autoregression,
    n_outputs=st.integers(1, 3),
    humps=st.floats(0.0, 3.0),
    scale=st.floats(1e-3, 1e3),
)


@FEW
@given(
    st.one_of(chains(), hidden_chains(), NETWORKS, AUTOREGRESSIONS),
    st.integers(1, 8),
    st.integers(1, 500),
    SEEDS,
)
def test_sound_machines_pass(machine: Any, n_steps: int, n_paths: int, seed: int) -> None:
    ept.check_machine(machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


@FEW
@given(
    st.one_of(ept.markov_chains(zeros=True), ept.hidden_markovs(zeros=True)),
    st.integers(1, 8),
    SEEDS,
)
def test_discrete_machines_of_the_library_pass(machine: Any, n_steps: int, seed: int) -> None:
    ept.check_machine(machine, n_steps=n_steps, n_paths=500, seed=seed)


@FEW
@given(hidden_chains(), st.integers(2, 6))
def test_plain_functions_pass(machine: Hidden, n_steps: int) -> None:
    function = ep.FunctionMachine(machine.log_prob, n_symbols=machine.n_symbols)
    report = ept.check_machine(function, n_steps=n_steps)
    assert report["sequences_add_up_to_one"].passed
    assert report["enumerated_fluctuation"].passed


# ------------------------------------------------------------------ bugs of any size


@dataclass(frozen=True)
class Leaking:
    """Every log-probability moves by ``leak`` times what comes next."""

    machine: Any
    leak: float

    @property
    def n_symbols(self) -> int:
        return int(self.machine.n_symbols)

    def provenance(self) -> dict[str, Any]:
        return dict(self.machine.provenance())

    def log_prob(self, sequences: AnyArray) -> AnyArray:
        scores = np.asarray(self.machine.log_prob(sequences), dtype=np.float64).copy()
        scores[:, :-1] += self.leak * (sequences[:, 1:] - 1)
        return scores


# Ten tolerances are a bug, a tenth is none. Log-probabilities above a nat count in proportion.
@FEW
@given(NETWORKS.filter(lambda network: network.tells_dtype), st.integers(3, 8))
def test_leaks_are_found_from_the_precision_on(network: Rnn, n_steps: int) -> None:
    tolerance = TOLERANCES[network.dtype]
    with pytest.raises(AssertionError, match="causality is broken"):
        ept.check_causality(Leaking(network, 100 * tolerance), n_steps=n_steps)
    assert ept.check_causality(Leaking(network, tolerance / 100), n_steps=n_steps).passed


@FEW
@given(chains(sparsity=0.0), st.floats(-8.0, 0.0), st.sampled_from([-1.0, 1.0]))
def test_sums_are_right_to_eight_digits(machine: Chain, exponent: float, sign: float) -> None:
    def off(sequences: AnyArray) -> AnyArray:
        return machine.log_prob(sequences) + sign * 10**exponent

    wrong = ep.FunctionMachine(off, n_symbols=machine.n_symbols)
    for name in ("sequences_add_up_to_one", "next_symbols_add_up_to_one"):
        assert ept.check_law(name, machine).passed
        with pytest.raises(AssertionError, match=f"{name} is broken"):
            ept.check_law(name, wrong)


@FEW
@given(st.integers(2, 6), SEEDS, st.integers(1, 6))
def test_a_swap_of_two_symbols_in_the_sampler_is_found(n: int, seed: int, n_steps: int) -> None:
    # One symbol has half of the probability, so that a swap moves at least a sixth.
    probabilities = np.full(n, 0.5 / (n - 1)) if n > 2 else np.array([0.5, 0.25])
    probabilities[0] = 1 - probabilities[1:].sum()
    rng = np.random.default_rng(seed)
    swapped = rng.permutation(n)
    if swapped[0] == 0:
        swapped = np.roll(swapped, 1)

    def sample(n_steps: int, n_paths: int, generator: np.random.Generator) -> AnyArray:
        paths = generator.choice(n, (n_paths, n_steps), p=probabilities)
        return np.asarray(swapped[paths])

    wrong = ep.FunctionMachine(lambda y: np.log(probabilities)[y], sample, n_symbols=n)
    with pytest.raises(AssertionError, match="sampled_frequencies is broken"):
        ept.check_sampled_frequencies(wrong, n_steps=n_steps, seed=seed)


@settings(max_examples=6)  # integrals around each of hundreds of values
@given(st.floats(0.3, 0.7) | st.floats(1.5, 4.0), st.integers(1, 2), SEEDS)
def test_a_sampler_of_another_width_is_found(factor: float, n_outputs: int, seed: int) -> None:
    machine = Autoregression(n_outputs=n_outputs)

    def sample(n_steps: int, n_paths: int, generator: np.random.Generator) -> AnyArray:
        wide = Autoregression(n_outputs=n_outputs, scale=factor * machine.scale)
        return wide.sample(n_steps, n_paths, rng=generator)

    wrong = ep.FunctionMachine(machine.log_prob, sample, n_outputs=n_outputs)
    with pytest.raises(AssertionError, match="sampled_"):
        ept.check_machine(wrong, n_steps=4, n_paths=4000, seed=seed)


def test_the_balance_of_pairs_is_exact_by_enumeration() -> None:
    machine = Rnn(n_symbols=3)
    paths = np.indices((3,) * 5).reshape(5, -1).T
    found = ep.stochastic_entropy_production(machine, paths)
    values = np.tanh(found.sigma / 2) / (1 + np.exp(found.sigma))
    assert np.sum(np.exp(found.log_forward) * values) == pytest.approx(0.0, abs=BALANCE)
    assert math.fsum(np.exp(found.log_forward - 2 * found.sigma)) == pytest.approx(
        math.fsum(np.exp(found.log_forward + found.sigma)), rel=EXPONENTIALS
    )
