"""Laws of entropy production against the length of blocks, for any machine."""

from __future__ import annotations

import numpy as np
import oracles_block_scale as oracles
from hypothesis import given, settings
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept

# A failure by chance would be one of a million.
STANDARD_ERRORS = 5
# A log-ratio of densities of paths, relative to the sum of their sizes: some hundred roundings.
ROUNDING = 1e-12

MACHINES = ept.stable_machines(n_states=(1, 3), n_outputs=(1, 3))


@settings(max_examples=15)
@given(MACHINES, st.integers(2, 9), st.integers(0, 2**32))
def test_means_are_the_divergences_of_dense_gaussians(
    machine: ep.LinearGaussian, n_steps: int, seed: int
) -> None:
    paths = machine.sample(n_steps, 2000, rng=seed)
    for point in ep.block_scale(machine, paths, range(1, n_steps + 1)):
        exact = oracles.total(machine, n_steps, point.scale) / n_steps
        assert point.mean is not None
        assert point.standard_error is not None
        rounding = ROUNDING * (1 + np.abs(point.sigma_per_step).max())
        assert abs(point.mean - exact) <= STANDARD_ERRORS * point.standard_error + rounding


@settings(max_examples=15)
@given(MACHINES, st.integers(1, 12), st.integers(1, 14), st.integers(0, 2**32))
def test_scales_do_not_depend_on_their_company(
    machine: ep.LinearGaussian, n_steps: int, scale: int, seed: int
) -> None:
    paths = machine.sample(n_steps, 5, rng=seed)
    (alone,) = ep.block_scale(machine, paths, (scale,))
    others = [length for length in (1, 2, 3, 40) if length != scale]
    together = ep.block_scale(machine, paths, [*others, scale])
    np.testing.assert_array_equal(alone.sigma_per_step, together.points[-1].sigma_per_step)
    assert (alone.n_one_block == 5) == (scale >= n_steps)
    if scale >= n_steps:
        assert not alone.sigma_per_step.any()


@settings(max_examples=15)
@given(MACHINES, st.integers(1, 5), st.integers(1, 4), st.integers(0, 2**32))
def test_sigma_changes_its_sign_with_the_order_of_equal_blocks(
    machine: ep.LinearGaussian, n_blocks: int, scale: int, seed: int
) -> None:
    """Reordering twice is the sequence where all blocks are equally long."""
    paths = machine.sample(n_blocks * scale, 4, rng=seed)
    order = oracles.block_order(n_blocks * scale, scale)
    (ahead,), (back,) = (
        ep.block_scale(machine, given, (scale,)) for given in (paths, paths[:, order])
    )
    size = np.abs(machine.log_prob(paths)).sum(axis=1) + np.abs(
        machine.log_prob(paths[:, order])
    ).sum(axis=1)
    difference = np.abs(ahead.sigma_per_step + back.sigma_per_step) * ahead.lengths
    assert (difference <= ROUNDING * (1 + size)).all()
