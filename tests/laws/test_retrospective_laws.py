"""Laws of the retrospective bound, without sampling error.

A joint law whose probabilities are multiples of 1/K is drawn exactly by K paths, each sequence as
often as it should come: averages over them are expectations.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles_retrospective as exact
import pytest
from hypothesis import given
from hypothesis import strategies as st

import entroprod as ep

Array = np.ndarray[Any, Any]

# Averages of at most 400 terms of order one.
ROUNDING = 1e-12


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Array, Array]:
    """Counts, (n, .., n) each, of which two joint laws are made; no sequence is ruled out."""
    n_symbols = draw(st.integers(1, 3))
    n_steps = draw(st.integers(1, 4))
    size = n_symbols**n_steps
    both = draw(st.lists(st.integers(1, 5), min_size=2 * size, max_size=2 * size))
    first, second = np.array(both).reshape(2, *(n_symbols,) * n_steps)
    return first, second


def conditionals(joint: Array) -> exact.LogProb:
    """ln p(y_t | y_1 .. y_{t-1}): the posterior of the sequence read the other way round."""
    return exact.exact_reverse(joint.transpose())


def machine_of(counts: Array) -> ep.FunctionMachine:
    sequences = exact.all_sequences(len(counts), counts.ndim)

    def sampler(n_steps: int, n_paths: int, generator: np.random.Generator) -> Array:
        return np.repeat(sequences, counts.ravel(), axis=0)

    return ep.FunctionMachine(conditionals(counts / counts.sum()), sampler, n_symbols=len(counts))


def bound_of(counts: Array, reverse: Any) -> ep.RetrospectiveBound:
    n_paths = int(counts.sum())
    return ep.retrospective_bound(
        machine_of(counts), reverse, counts.ndim, n_paths, batch_size=n_paths
    )


@given(pairs())
def test_no_model_exceeds_the_exact_value(both: tuple[Array, Array]) -> None:
    """Neither at a step nor in sum; what it lacks is KL(P || Q)."""
    counts, other = both
    joint, model = counts / counts.sum(), other / other.sum()
    bound = bound_of(counts, exact.exact_reverse(model))
    d = exact.retrospective(machine_of(counts).log_prob, joint)
    assert (bound.per_step <= d + ROUNDING).all()
    assert bound.gap == pytest.approx(float((joint * np.log(joint / model)).sum()), abs=ROUNDING)
    assert bound.entropy_production == pytest.approx(d.sum(), abs=ROUNDING)
    assert bound.total + bound.gap == pytest.approx(bound.entropy_production, abs=ROUNDING)
    assert not bound.warnings


@given(pairs())
def test_the_posterior_alone_reaches_it(both: tuple[Array, Array]) -> None:
    counts, _ = both
    joint = counts / counts.sum()
    bound = bound_of(counts, exact.exact_reverse(joint))
    d = exact.retrospective(machine_of(counts).log_prob, joint)
    np.testing.assert_allclose(bound.per_step, d, atol=ROUNDING)
    assert bound.gap == pytest.approx(0.0, abs=ROUNDING)


@given(pairs())
def test_a_reversible_machine_has_no_positive_bound(both: tuple[Array, Array]) -> None:
    """A law that equals its reversal produces nothing, whatever the model."""
    counts, other = both
    symmetric = counts + counts.transpose()
    bound = bound_of(symmetric, exact.exact_reverse(other / other.sum()))
    assert bound.entropy_production == pytest.approx(0.0, abs=ROUNDING)
    assert bound.total <= ROUNDING
