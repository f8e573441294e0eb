"""Sampling, log-probabilities, sigma of paths, and Monte Carlo."""

from __future__ import annotations

import math
import signal
import sys

import numpy as np
import oracles
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian

# Log-densities of a stable machine: a filter of T steps, each with a few roundings.
RELATIVE = 1e-12
# Roundings of a double that add up in an innovation of twenty steps; whitening by a covariance of
# condition k magnifies them by the root of k.
PER_INNOVATION = 1000 * float(np.finfo(np.float64).eps)
# A path that is stored and whitened again goes through one more rounding, of innovations of up to
# four standard deviations over twelve steps; nats.
STORED_AND_READ = 1e-13
# Sums over thousands of paths in two orders.
TWO_ORDERS = 1e-12
# The sum of weights over its square: rounding of a ratio that is 1 at least and N at most.
OF_A_RATIO = 1e-12
# A random test with a fixed seed fails by chance, when the code changes its stream, this often.
SIGNIFICANCE = 1e-5
FIVE = 5.0
# Where sigma is 0 on every path (one step), its mean is off by rounding only; nats.
ROUNDING = 1e-13


@pytest.fixture
def machine() -> LinearGaussian:
    return ept.awkward_machines()["two states, two outputs"]


# ------------------------------------------------------------------ log_prob


@given(
    ept.stable_machines(n_states=(1, 6), n_outputs=(1, 6)),
    st.integers(1, 30),
    st.integers(1, 20),
    st.integers(0, 10**6),
)
def test_log_prob_is_the_dense_normal(
    machine: LinearGaussian, n_steps: int, n_paths: int, seed: int
) -> None:
    sequences = 2 * np.random.default_rng(seed).standard_normal(
        (n_paths, n_steps, machine.n_outputs)
    )
    expected = oracles.log_density(machine, sequences)
    got = machine.log_prob(sequences)
    assert got.shape == (n_paths, n_steps)
    # Squares of innovations: relative to the largest of a path.
    size = np.max(np.abs(expected), axis=1, keepdims=True) + 1
    assert np.all(np.abs(got - expected) <= RELATIVE * size)


@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_log_prob_of_awkward_machines(name: str) -> None:
    machine = ept.awkward_machines()[name]
    sequences = machine.sample(20, 3, rng=1)
    expected = oracles.log_density(machine, sequences)
    spread = np.sqrt(np.diag(machine.innovation_cov))
    condition = np.linalg.cond(machine.innovation_cov / np.outer(spread, spread))
    relative = PER_INNOVATION * math.sqrt(condition)
    size = np.max(np.abs(expected), axis=1, keepdims=True) + 1
    assert np.all(np.abs(machine.log_prob(sequences) - expected) <= relative * size)


def test_a_single_path_has_no_batch_axis(machine: LinearGaussian) -> None:
    sequences = machine.sample(9, 4, rng=3)
    assert machine.log_prob(sequences[2]).shape == (9,)
    assert np.array_equal(machine.log_prob(sequences[2]), machine.log_prob(sequences)[2])
    single = ep.stochastic_entropy_production(machine, sequences[2])
    assert single.sigma == ep.stochastic_entropy_production(machine, sequences).sigma[2]


@pytest.mark.parametrize("n_steps", [1, 255, 256, 257, 1000])
def test_long_paths_are_scored_whole(n_steps: int) -> None:
    # A first-order autoregression has a one-line density, whatever the length of the blocks.
    machine = LinearGaussian.from_var([[[0.6, 0.3], [-0.2, 0.5]]], np.eye(2))
    y = machine.sample(n_steps, 3, rng=4)
    before = np.concatenate([np.zeros((3, 1, 2)), y[:, :-1]], axis=1)
    errors = y - before @ np.array([[0.6, 0.3], [-0.2, 0.5]]).T
    expected = -0.5 * np.sum(errors**2, axis=2) - np.log(2 * np.pi)
    assert machine.log_prob(y) == pytest.approx(expected, rel=RELATIVE)
    scored = ep.stochastic_entropy_production(machine, y)
    assert scored.log_forward == pytest.approx(expected.sum(axis=1), rel=RELATIVE)
    back = machine.log_prob(y[:, ::-1]).sum(axis=1)
    assert scored.log_backward == pytest.approx(back, rel=RELATIVE)


@given(ept.stable_machines(), st.integers(1, 12), st.integers(1, 40))
def test_reversing_the_paths_changes_the_sign_of_sigma(
    machine: LinearGaussian, n_steps: int, n_paths: int
) -> None:
    sequences = machine.sample(n_steps, n_paths, rng=0)
    forward = ep.stochastic_entropy_production(machine, sequences)
    backward = ep.stochastic_entropy_production(machine, sequences[:, ::-1])
    assert np.array_equal(forward.log_forward, backward.log_backward)
    assert np.array_equal(forward.log_backward, backward.log_forward)
    assert np.array_equal(forward.sigma, -backward.sigma)


def test_scoring_changes_no_argument(machine: LinearGaussian) -> None:
    sequences = machine.sample(30, 11, rng=5)
    before = sequences.copy()
    machine.log_prob(sequences)
    ep.stochastic_entropy_production(machine, sequences)
    assert np.array_equal(sequences, before)


def test_paths_are_scored_one_by_one(machine: LinearGaussian) -> None:
    # Whatever the batch and its place in it, a path gets the same number.
    sequences = machine.sample(13, 100, rng=6)
    together = ep.stochastic_entropy_production(machine, sequences).sigma
    for part in (slice(0, 1), slice(7, 23), slice(99, 100), slice(0, 100, 3)):
        alone = ep.stochastic_entropy_production(machine, sequences[part]).sigma
        assert np.array_equal(alone, together[part])


# ------------------------------------------------------------------ sample


def test_samples_are_reproducible_and_follow_rng(machine: LinearGaussian) -> None:
    first = machine.sample(10, 20, rng=1)
    assert np.array_equal(first, machine.sample(10, 20, rng=1))
    assert not np.array_equal(first, machine.sample(10, 20, rng=2))
    generator = np.random.default_rng(1)
    one, two = machine.sample(10, 20, rng=generator), machine.sample(10, 20, rng=generator)
    assert not np.array_equal(one, two)
    assert not np.array_equal(machine.sample(10, 20), machine.sample(10, 20))


def test_the_global_state_of_numpy_is_left_alone(machine: LinearGaussian) -> None:
    state = np.random.get_state()[1].copy()  # type: ignore[index]
    machine.sample(10, 20, rng=1)
    ep.monte_carlo(machine, 5, 100)
    assert np.array_equal(state, np.random.get_state()[1])  # type: ignore[index]


def test_paths_do_not_depend_on_how_many_are_drawn(machine: LinearGaussian) -> None:
    many = machine.sample(10, 1000, rng=1)
    assert np.array_equal(machine.sample(10, 7, rng=1), many[:7])


@pytest.mark.parametrize("m", [1, 2, 3])
def test_paths_do_not_depend_on_where_they_end(m: int) -> None:
    machine = LinearGaussian.from_var([0.5 * np.eye(m)], np.eye(m))
    long = machine.sample(700, 5, rng=1)
    for n_steps in (1, 2, 3, 256, 257):
        assert np.array_equal(machine.sample(n_steps, 5, rng=1), long[:, :n_steps])


@pytest.mark.parametrize("n_threads", [1, 2, 3, 8])
def test_samples_do_not_depend_on_threads(machine: LinearGaussian, n_threads: int) -> None:
    expected = machine.sample(20, 3001, rng=9, n_threads=1)
    assert np.array_equal(machine.sample(20, 3001, rng=9, n_threads=n_threads), expected)
    scored = machine.log_prob(expected, n_threads=1)
    assert np.array_equal(machine.log_prob(expected, n_threads=n_threads), scored)


@pytest.mark.parametrize(
    "name",
    ["two states, two outputs", "one state, six outputs", "six states, one output",
     "season of twelve", "unit root, local trend", "outputs scaled by 1e8 and 1e-8"],
)  # fmt: skip
def test_samples_have_the_dense_covariance(name: str) -> None:
    machine, n_steps, n_paths = ept.awkward_machines()[name], 15, 40_000
    y = machine.sample(n_steps, n_paths, rng=11).reshape(n_paths, -1)
    cov = oracles.sequence_cov(machine, n_steps).astype(float)
    spread = np.sqrt(np.diag(cov))
    assert np.all(np.abs(y.mean(axis=0)) <= FIVE * spread / math.sqrt(n_paths))
    # Wishart: Var of an entry is (c_ij^2 + c_ii c_jj) / N.
    errors = np.sqrt((cov**2 + np.outer(spread, spread) ** 2) / n_paths)
    assert np.all(np.abs(y.T @ y / n_paths - cov) <= FIVE * errors)


def test_innovations_are_normal_to_the_tails() -> None:
    white = LinearGaussian([[0.0]], [[0.0]], [[0.0]], [[1.0]])
    draws = white.sample(500, 4000, rng=12).ravel()
    assert stats.kstest(draws, "norm").pvalue > SIGNIFICANCE
    for bound in (1.0, 2.0, 3.0, 4.0):
        expected = 2 * stats.norm.sf(bound)
        beyond = int(np.sum(np.abs(draws) > bound))
        assert stats.binomtest(beyond, draws.size, expected).pvalue > SIGNIFICANCE
    for moment, value, variance in ((1, 0, 1), (2, 1, 2), (3, 0, 15), (4, 3, 96)):
        error = math.sqrt(variance / draws.size)
        assert abs(np.mean(draws**moment) - value) <= FIVE * error


def test_innovations_are_independent_along_and_across_paths() -> None:
    white = LinearGaussian(np.zeros((2, 2)), np.eye(2), np.zeros((2, 2)), np.eye(2))
    draws = white.sample(100, 3000, rng=13)
    error = 1 / math.sqrt(draws[:, :-1, 0].size)
    pairs = [
        (draws[:, :-1], draws[:, 1:]),
        (draws[:-1], draws[1:]),
        (draws[:-8], draws[8:]),
        (draws[..., :1], draws[..., 1:]),
        (draws[:, ::2], draws[:, 1::2]),
    ]
    for left, right in pairs:
        assert abs(np.mean(left * right)) <= FIVE * error
        # Squares, too: pairs made from one radius would be uncorrelated but not independent.
        assert abs(np.mean((left**2 - 1) * (right**2 - 1))) <= FIVE * 2 * error


def test_different_seeds_share_no_paths() -> None:
    white = LinearGaussian([[0.0]], [[0.0]], [[0.0]], [[1.0]])
    paths = np.concatenate([white.sample(4, 500, rng=seed) for seed in range(20)])
    assert len(np.unique(paths.reshape(len(paths), -1), axis=0)) == len(paths)


# ------------------------------------------------------------------ Monte Carlo


def test_monte_carlo_scores_the_sampled_paths(machine: LinearGaussian) -> None:
    found = ep.monte_carlo(machine, 12, 3000, rng=5, keep_sigma=True)
    assert found.sigma is not None
    paths = machine.sample(12, 3000, rng=5)
    direct = ep.stochastic_entropy_production(machine, paths).sigma
    assert found.sigma == pytest.approx(direct, rel=0, abs=STORED_AND_READ)


def test_monte_carlo_summary_is_of_its_sigma(machine: LinearGaussian) -> None:
    found = ep.monte_carlo(machine, 12, 5000, rng=5, keep_sigma=True)
    sigma = found.sigma
    assert sigma is not None
    assert sigma.shape == (5000,)
    weights = np.exp(-sigma)
    expected = {
        "mean": sigma.mean(),
        "variance": sigma.var(ddof=1),
        "standard_error": sigma.std(ddof=1) / math.sqrt(5000),
        "minimum": sigma.min(),
        "maximum": sigma.max(),
        "fluctuation_mean": weights.mean(),
        "fluctuation_standard_error": weights.std(ddof=1) / math.sqrt(5000),
        "effective_sample_size": weights.sum() ** 2 / np.sum(weights**2),
    }
    for name, value in expected.items():
        assert getattr(found, name) == pytest.approx(float(value), rel=TWO_ORDERS), name
    without = ep.monte_carlo(machine, 12, 5000, rng=5)
    assert without.sigma is None
    assert without.to_dict() == found.to_dict()


@pytest.mark.parametrize("n_threads", [2, 3, 7])
def test_monte_carlo_does_not_depend_on_threads(machine: LinearGaussian, n_threads: int) -> None:
    one = ep.monte_carlo(machine, 9, 10_001, rng=5, keep_sigma=True, n_threads=1)
    many = ep.monte_carlo(machine, 9, 10_001, rng=5, keep_sigma=True, n_threads=n_threads)
    assert one.to_dict() == many.to_dict()
    assert np.array_equal(np.asarray(one.sigma), np.asarray(many.sigma))


@pytest.mark.parametrize("n_steps", [1, 2, 7, 50, 300])
def test_monte_carlo_mean_is_the_closed_form(machine: LinearGaussian, n_steps: int) -> None:
    found = ep.monte_carlo(machine, n_steps, 20_000, rng=n_steps)
    total = ep.entropy_production(machine, n_steps).total
    assert abs(found.mean - total) <= FIVE * found.standard_error + ROUNDING


def test_a_dominated_average_says_so() -> None:
    machine = ept.awkward_machines()["rotation"]
    found = ep.monte_carlo(machine, 100, 2000, rng=1)
    assert found.effective_sample_size < 100
    assert any("few" in warning for warning in found.warnings)
    assert math.isfinite(found.fluctuation_mean)
    assert "warning" in repr(found)


def test_a_sound_average_does_not_warn() -> None:
    found = ep.monte_carlo(ept.awkward_machines()["detailed balance"], 10, 20_000, rng=1)
    assert found.warnings == ()
    assert found.effective_sample_size > 10_000
    assert abs(found.fluctuation_mean - 1) <= FIVE * found.fluctuation_standard_error


@pytest.mark.parametrize("n_paths", [1, 2, 3, 7, 9])
@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_few_paths_never_give_nan(name: str, n_paths: int) -> None:
    found = ep.monte_carlo(ept.awkward_machines()[name], 20, n_paths, rng=1)
    for value in found.to_dict().values():
        assert not (isinstance(value, float) and math.isnan(value))
    slack = 1 + OF_A_RATIO
    assert 1 / slack <= found.effective_sample_size <= n_paths * slack
    assert found.minimum <= found.mean <= found.maximum or n_paths == 1


def test_large_sigma_does_not_overflow_the_average() -> None:
    # sigma of -10^4 and less: e^-sigma exceeds doubles, and the result must say so in words.
    machine = ept.awkward_machines()["unstable filter"]
    found = ep.monte_carlo(machine, 120, 500, rng=1)
    values = found.to_dict().values()
    assert not any(isinstance(value, float) and math.isnan(value) for value in values)
    assert found.warnings


def test_progress_is_reported(machine: LinearGaussian) -> None:
    calls: list[tuple[int, int]] = []
    ep.monte_carlo(
        machine, 5, 20_000, rng=1, progress=lambda done, total: calls.append((done, total))
    )
    assert calls[-1] == (20_000, 20_000)
    assert [done for done, _ in calls] == sorted(done for done, _ in calls)
    machine.sample(5, 100, rng=1, progress=lambda done, total: None)


def test_an_exception_in_progress_stops_the_work(machine: LinearGaussian) -> None:
    class Stop(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        ep.monte_carlo(machine, 5, 20_000, rng=1, progress=stop)
    # And the next call is none the worse for it.
    assert math.isfinite(ep.monte_carlo(machine, 5, 1000, rng=1).mean)


def test_results_are_frozen_records(machine: LinearGaussian) -> None:
    scored = ep.stochastic_entropy_production(machine, machine.sample(5, 3, rng=0))
    assert scored.n_steps == 5
    assert set(scored.to_dict()) >= {"sigma", "log_forward", "log_backward"}
    assert len(scored.to_frame()) == 3
    assert "3" in repr(scored)
    with pytest.raises(AttributeError):
        scored.sigma = np.zeros(3)  # type: ignore[misc]
    found = ep.monte_carlo(machine, 5, 100, rng=0)
    with pytest.raises(AttributeError):
        found.mean = 0.0  # type: ignore[misc]
    assert "100" in repr(found)


@pytest.mark.skipif(sys.platform == "win32", reason="no alarms there")
def test_ctrl_c_stops_a_single_long_path() -> None:
    """The core asks Python within a task: an alarm's handler runs, and what it raises comes out."""
    machine = ept.awkward_machines()["two states, two outputs"]

    def interrupt(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    previous = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        # One task, of seconds.
        with pytest.raises(KeyboardInterrupt):
            machine.sample(20_000_000, rng=0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, previous)
