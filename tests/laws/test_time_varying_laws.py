"""Laws of machines that change in time, of pairs, and of missing observations."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian, TimeVaryingLinearGaussian

# Log-densities from two recursions, each of a few steps with few roundings.
ROUNDING = 1e-10
STABLE = ept.stable_machines(n_states=(1, 4), n_outputs=2)


@st.composite
def joined(draw: DrawFn) -> TimeVaryingLinearGaussian:
    """One stable machine after another, of the same size."""
    n = draw(st.integers(1, 4))
    parts = draw(st.lists(ept.stable_machines(n_states=n, n_outputs=2), min_size=2, max_size=6))
    return TimeVaryingLinearGaussian(
        *(
            np.array([getattr(part, name) for part in parts])
            for name in ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")
        )
    )


def _with_gaps(y: np.ndarray, seed: int) -> np.ndarray:
    mask = np.random.default_rng(seed).random(y.shape) < 0.4
    mask[:, 0, 0] = False
    return np.where(mask, np.nan, y)


@given(joined(), STABLE, st.integers(0, 10**6))
def test_exchanging_the_machines_and_the_direction_changes_the_sign(
    machine: TimeVaryingLinearGaussian, other: LinearGaussian, seed: int
) -> None:
    y = _with_gaps(machine.sample(n_paths=9, rng=seed), seed)
    turned = TimeVaryingLinearGaussian(
        machine.state_matrix[::-1], machine.input_matrix[::-1],
        machine.output_matrix[::-1], machine.innovation_cov[::-1],
    )  # fmt: skip
    ahead = ep.stochastic_entropy_production(machine, y, backward=other)
    back = ep.stochastic_entropy_production(other, y[:, ::-1], backward=turned)
    size = 1 + np.abs(ahead.log_forward) + np.abs(ahead.log_backward)
    assert np.all(np.abs(ahead.sigma + back.sigma) <= ROUNDING * size)


@given(joined(), st.integers(0, 10**6))
def test_the_chain_rule_holds_with_gaps(machine: TimeVaryingLinearGaussian, seed: int) -> None:
    # ln p(y_1 .. y_t) doesn't depend on what comes after t.
    y = _with_gaps(machine.sample(n_paths=5, rng=seed), seed)
    whole = machine.log_prob(y)
    for n_steps in range(1, machine.n_steps):
        part = machine.log_prob(y[:, :n_steps])
        assert np.all(np.abs(part - whole[:, :n_steps]) <= ROUNDING * (1 + np.abs(part)))


@given(joined(), st.integers(0, 10**6))
def test_units_of_the_outputs_change_a_density_by_their_size(
    machine: TimeVaryingLinearGaussian, seed: int
) -> None:
    units = np.array([4.0, 0.5])
    scaled = TimeVaryingLinearGaussian(
        machine.state_matrix, machine.input_matrix / units, machine.output_matrix * units[:, None],
        machine.innovation_cov * np.outer(units, units),
    )  # fmt: skip
    y = _with_gaps(machine.sample(n_paths=5, rng=seed), seed)
    seen = ~np.isnan(y) @ np.log(units)
    got, plain = scaled.log_prob(y * units) + seen, machine.log_prob(y)
    assert np.all(np.abs(got - plain) <= ROUNDING * (1 + np.abs(plain)))


@given(joined(), st.integers(0, 10**6))
def test_a_gap_never_makes_up_probability(machine: TimeVaryingLinearGaussian, seed: int) -> None:
    # p(a) = p(a, b) / p(b | a): integrating the missing entry over a grid gives the marginal.
    y = machine.sample(2, 1, rng=seed)[0]
    holed = y.copy()
    holed[0, 1] = np.nan
    spread = np.sqrt(machine.innovation_cov[0, 1, 1])
    grid = np.linspace(-12, 12, 4001) * spread
    filled = np.repeat(y[None], len(grid), axis=0)
    filled[:, 0, 1] = grid
    joint = machine.log_prob(filled).sum(axis=1)
    marginal = np.log(np.sum(np.exp(joint - joint.max())) * (grid[1] - grid[0])) + joint.max()
    # The trapezoid rule is exact to rounding for a normal density on a fine grid.
    assert abs(machine.log_prob(holed).sum() - marginal) <= 1e-8
