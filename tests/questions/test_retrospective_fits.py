"""The bound of the retrospective decomposition with fitted reverse models."""

from __future__ import annotations

import math

import numpy as np
import oracles_retrospective as exact
import pytest
from retrospective_machines import (
    FIVE,
    MACHINES,
    N_STEPS,
    Array,
    assert_not_above,
    chain,
    gaussian,
    joint_of,
)

import entroprod as ep

# Sums of some tens of terms of order one, in another order.
ROUNDING = 1e-12


def test_a_regression_comes_close() -> None:
    machine = gaussian()
    exactly = ep.entropy_production(machine, 8)
    reverse = ep.fit_reverse_model(machine, 8, 20_000, order=7, rng=0)
    assert isinstance(reverse, ep.TimeVaryingLinearGaussian)
    bound = ep.retrospective_bound(machine, reverse, 8, 20_000, rng=0)
    assert_not_above(bound, exactly.retrospective)
    # A regression with k unknowns on N paths loses k / 2N nats: here 8 * 9 pairs, and as many means
    # and covariances as steps, give about 0.004.
    assert 0.0 < bound.gap < 0.01


def test_a_shorter_memory_loses_more() -> None:
    machine = gaussian()
    gaps = []
    for order in (1, 2, 3):
        reverse = ep.fit_reverse_model(machine, 8, 20_000, order=order, rng=0)
        gaps.append(ep.retrospective_bound(machine, reverse, 8, 5000, rng=0).gap)
    assert gaps == sorted(gaps, reverse=True)


def test_a_regression_knows_means() -> None:
    machine = ep.TimeVaryingLinearGaussian(
        [[0.9]], [[0.3]], [[1.0]], [[1.0]], initial_mean=[5.0], n_steps=3
    )
    reverse = ep.fit_reverse_model(machine, 3, 5000, order=2, rng=0)
    assert isinstance(reverse, ep.TimeVaryingLinearGaussian)
    paths = machine.sample(3, 4000, rng=1)
    lost = machine.log_prob(paths).sum(axis=1) - reverse.log_prob(paths[:, ::-1]).sum(axis=1)
    assert 0.0 < lost.mean() + FIVE * lost.std() / math.sqrt(len(lost)) < 0.02


@pytest.mark.parametrize("name", MACHINES)
def test_counts_come_close(name: str) -> None:
    machine = MACHINES[name]()
    d = exact.retrospective(machine.log_prob, joint_of(machine))
    reverse = ep.fit_reverse_model(machine, N_STEPS, 50_000, order=N_STEPS - 1, rng=0)
    bound = ep.retrospective_bound(machine, reverse, N_STEPS, 20_000, rng=0)
    assert_not_above(bound, d)
    # 80 free probabilities cost about 80 / (2 * 50 000) nats.
    assert 0.0 < bound.gap < 0.003


def test_counts_are_normalised_and_never_0() -> None:
    machine = chain()
    reverse = ep.fit_reverse_model(machine, N_STEPS, 5, order=3, rng=0)
    assert isinstance(reverse, ep.FunctionMachine)
    joint = exact.probabilities(reverse.log_prob, 3, N_STEPS)
    assert joint.sum() == pytest.approx(1.0, rel=ROUNDING)
    assert (joint > 0).all()


def test_a_context_never_seen_predicts_as_the_shorter_one() -> None:
    """Only 0 0 0 and 1 1 1 are seen: after 0, 1 the frequencies after 1 count."""

    def sampler(n_steps: int, n_paths: int, generator: np.random.Generator) -> Array:
        return np.repeat(generator.integers(2, size=(n_paths, 1)), n_steps, axis=1)

    def log_prob(sequences: Array) -> Array:
        raise NotImplementedError

    machine = ep.FunctionMachine(log_prob, sampler, n_symbols=2)
    reverse = ep.fit_reverse_model(machine, 3, 1000, order=2, rng=0)
    assert isinstance(reverse, ep.FunctionMachine)
    after = reverse.log_prob(np.array([[0, 1, 1], [1, 1, 1], [0, 1, 0]]))[:, 2]
    assert after[0] > np.log(0.99)
    assert after[1] > np.log(0.99)
    assert np.exp(after[0]) + np.exp(after[2]) == pytest.approx(1.0, rel=ROUNDING)


def test_the_same_seed_draws_other_paths() -> None:
    """A model that knows its training paths by heart is no better on those of the same seed."""
    machine = chain()
    reverse = ep.fit_reverse_model(machine, N_STEPS, 40, order=3, rng=0)
    bound = ep.retrospective_bound(machine, reverse, N_STEPS, 40, rng=0)
    assert bound.gap > 0.0
    assert not bound.warnings
