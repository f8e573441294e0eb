"""The bound of the retrospective decomposition, against exact values."""

from __future__ import annotations

import itertools
import json
import math
from typing import Any

import numpy as np
import oracles
import oracles_retrospective as exact
import pytest
from retrospective_machines import (
    HIDDEN,
    MACHINES,
    N_STEPS,
    Array,
    as_machine,
    assert_not_above,
    chain,
    gaussian,
    hidden,
    joint_of,
    uniform,
)

import entroprod as ep
from entroprod.boundary.randomness import RandomSource

# A fixed seed draws a rare one of fifty numbers more often: still one in a thousand.
FOUR = 4.0
# Sums of some tens of terms of order one, in another order.
ROUNDING = 1e-12
# Densities of dense covariances of 16 numbers, conditions of some hundreds, nats.
DENSE = 1e-11


# ------------------------------------------------------------------ the oracles themselves


def test_oracles_agree() -> None:
    joint = joint_of(hidden())
    assert joint.sum() == pytest.approx(1.0, rel=ROUNDING)
    sequences = exact.all_sequences(3, N_STEPS)[:, ::-1]
    np.testing.assert_allclose(
        exact.exact_reverse(joint)(sequences),
        exact.reversed_hidden_markov(*HIDDEN, N_STEPS)(sequences),
        rtol=ROUNDING,
    )


def test_the_dense_reverse_of_a_gaussian_machine_has_the_exact_decomposition() -> None:
    machine = gaussian()
    cov = np.asarray(oracles.sequence_cov(machine, 8), dtype=np.float64)
    paths = machine.sample(8, 2, rng=0)
    backward = exact.gaussian_reverse(cov, 2)(paths[:, ::-1])
    np.testing.assert_allclose(
        backward.sum(axis=1), machine.log_prob(paths).sum(axis=1), rtol=DENSE
    )


# ------------------------------------------------------------------ exact and useless models


@pytest.mark.parametrize("name", MACHINES)
def test_the_posterior_gives_equality(name: str) -> None:
    machine = MACHINES[name]()
    joint = joint_of(machine)
    d = exact.retrospective(machine.log_prob, joint)
    bound = ep.retrospective_bound(machine, exact.exact_reverse(joint), N_STEPS, 20_000, rng=1)
    assert (abs(bound.per_step - d) <= FOUR * bound.standard_error).all()
    assert abs(bound.total - d.sum()) <= FOUR * bound.total_standard_error
    assert bound.gap == pytest.approx(0.0, abs=ROUNDING)
    assert bound.gap_standard_error == pytest.approx(0.0, abs=ROUNDING)
    assert not bound.warnings


@pytest.mark.parametrize("name", MACHINES)
def test_a_useless_model_gives_a_loose_bound(name: str) -> None:
    machine = MACHINES[name]()
    d = exact.retrospective(machine.log_prob, joint_of(machine))
    bound = ep.retrospective_bound(machine, uniform, N_STEPS, 5000, rng=1)
    assert_not_above(bound, d)
    assert bound.gap > 10 * bound.gap_standard_error
    assert not bound.warnings


def test_the_gap_is_the_relative_entropy_of_the_model() -> None:
    machine = hidden()
    joint = joint_of(machine)
    bound = ep.retrospective_bound(machine, uniform, N_STEPS, 20_000, rng=2)
    left_out = float((joint * np.log(joint * joint.size)).sum())
    assert abs(bound.gap - left_out) <= FOUR * bound.gap_standard_error


def test_the_posterior_of_a_gaussian_machine() -> None:
    machine = gaussian()
    cov = np.asarray(oracles.sequence_cov(machine, 8), dtype=np.float64)
    exactly = ep.entropy_production(machine, 8)
    bound = ep.retrospective_bound(machine, exact.gaussian_reverse(cov, 2), 8, 20_000, rng=0)
    off = abs(bound.per_step - exactly.retrospective)
    assert (off <= FOUR * bound.standard_error).all()
    assert bound.gap == pytest.approx(0.0, abs=DENSE)
    assert abs(bound.total - exactly.total) <= FOUR * bound.total_standard_error


# ------------------------------------------------------------------ infinities and warnings


def test_an_excluding_model_is_useless() -> None:
    def never_2(sequences: Array) -> Array:
        return np.where(sequences == 2, -np.inf, -np.log(2))

    bound = ep.retrospective_bound(chain(), never_2, N_STEPS, 500, rng=0)
    assert bound.total == -math.inf
    assert (bound.per_step == -math.inf).all()
    assert bound.gap == math.inf
    assert bound.n_excluded > 0
    assert bound.n_infinite == 0
    assert math.isfinite(bound.entropy_production)
    assert "useless" in bound.warnings[0]


def one_way() -> ep.FunctionMachine:
    """0 may become 1 and never 0 again: backwards impossible."""
    log_prob = quietly(
        exact.hidden_markov(np.array([[0.5, 0.5], [0, 1]]), np.eye(2), np.ones(2) / 2)
    )
    sequences = np.array([[0, 0, 0], [0, 0, 1], [0, 1, 1], [1, 1, 1]])

    def sampler(n_steps: int, n_paths: int, generator: np.random.Generator) -> Array:
        return sequences[generator.choice(4, p=[1 / 8, 1 / 8, 1 / 4, 1 / 2], size=n_paths)]

    return ep.FunctionMachine(log_prob, sampler, n_symbols=2)


def quietly(log_prob: exact.LogProb) -> exact.LogProb:
    def without_warnings(sequences: Array) -> Array:
        with np.errstate(all="ignore"):
            return np.nan_to_num(log_prob(sequences), nan=-np.inf, neginf=-np.inf)

    return without_warnings


def test_paths_impossible_backwards() -> None:
    reverse = ep.fit_reverse_model(one_way(), 3, 1000, order=2, rng=0)
    bound = ep.retrospective_bound(one_way(), reverse, 3, 1000, rng=0)
    assert bound.total == math.inf
    assert bound.entropy_production == math.inf
    assert bound.entropy_production_standard_error == math.inf
    assert bound.n_infinite > 0
    assert math.isfinite(bound.gap)
    assert not np.isnan(bound.per_step).any()
    assert "infinite" in bound.warnings[-1]


def test_excluded_wins_over_infinite() -> None:
    def never_1(sequences: Array) -> Array:
        return np.where(sequences == 1, -np.inf, 0.0)

    bound = ep.retrospective_bound(one_way(), never_1, 3, 1000, rng=0)
    assert bound.total == -math.inf
    assert not np.isnan(bound.per_step).any()


def test_a_model_that_is_no_distribution_is_found_out() -> None:
    def too_much(sequences: Array) -> Array:
        return np.zeros(sequences.shape)

    bound = ep.retrospective_bound(chain(), too_much, N_STEPS, 100, rng=0)
    assert "isn't normalised" in bound.warnings[0]


def test_impossible_samples_are_named() -> None:
    machine = ep.FunctionMachine(
        lambda sequences: np.full(sequences.shape, -np.inf),
        lambda n_steps, n_paths, generator: np.zeros((n_paths, n_steps), dtype=np.int64),
        n_symbols=2,
    )
    with pytest.raises(ValueError, match=r"machine\.sample draws a path which"):
        ep.retrospective_bound(machine, uniform, 3, 2, rng=0)


# ------------------------------------------------------------------ the result


def test_sums() -> None:
    bound = ep.retrospective_bound(hidden(), uniform, N_STEPS, 700, rng=3, batch_size=64)
    assert bound.total == pytest.approx(bound.per_step.sum(), rel=ROUNDING)
    assert bound.entropy_production - bound.total == pytest.approx(bound.gap, rel=ROUNDING)


def test_moments_are_those_of_the_paths() -> None:
    """With all paths in hand, by the textbook."""
    machine = hidden()
    bound = ep.retrospective_bound(machine, uniform, N_STEPS, 700, rng=3, batch_size=1000)
    paths = machine.sample(N_STEPS, 700, rng=3)
    steps = -np.log(3) - machine.log_prob(paths[:, ::-1])[:, ::-1]
    sums = steps.sum(axis=1)
    np.testing.assert_allclose(bound.per_step, steps.mean(axis=0), rtol=ROUNDING)
    spread = steps.std(axis=0, ddof=1)
    np.testing.assert_allclose(bound.standard_error, spread / math.sqrt(700), rtol=ROUNDING)
    error = sums.std(ddof=1) / math.sqrt(700)
    assert bound.total_standard_error == pytest.approx(error, rel=ROUNDING)
    sigma = ep.stochastic_entropy_production(machine, paths).sigma
    assert bound.entropy_production == pytest.approx(sigma.mean(), rel=ROUNDING)


def test_batches_are_merged() -> None:
    """A machine that draws one fixed path after the other, whatever the batch."""

    def run(batch_size: int) -> ep.RetrospectiveBound:
        paths = hidden().sample(N_STEPS, 100, rng=0)
        source = itertools.cycle(paths)

        def sampler(n_steps: int, n_paths: int, generator: np.random.Generator) -> Array:
            return np.array([next(source) for _ in range(n_paths)])

        machine = ep.FunctionMachine(exact.hidden_markov(*HIDDEN), sampler, n_symbols=3)
        return ep.retrospective_bound(machine, uniform, N_STEPS, 100, batch_size=batch_size)

    whole, parts = run(100), run(7)
    np.testing.assert_allclose(parts.per_step, whole.per_step, rtol=ROUNDING)
    np.testing.assert_allclose(parts.standard_error, whole.standard_error, rtol=ROUNDING)
    assert parts.gap_standard_error == pytest.approx(whole.gap_standard_error, rel=ROUNDING)


def test_a_single_path_has_no_error() -> None:
    bound = ep.retrospective_bound(hidden(), uniform, N_STEPS, 1, rng=0)
    assert bound.total_standard_error == math.inf
    assert (bound.standard_error == math.inf).all()


def test_log_probs_of_sampling_are_used() -> None:
    machine = hidden()

    class Sampler:
        n_symbols = 3
        log_prob = staticmethod(machine.log_prob)

        def sample(self, n_steps: int, n_paths: int = 1, *, rng: RandomSource) -> Array:
            raise AssertionError

        def sample_with_log_prob(
            self, n_steps: int, n_paths: int, *, rng: RandomSource
        ) -> tuple[Array, Array]:
            paths = machine.sample(n_steps, n_paths, rng=rng)
            return paths, machine.log_prob(paths)

    plain = ep.retrospective_bound(machine, uniform, N_STEPS, 50, rng=0)
    assert ep.retrospective_bound(Sampler(), uniform, N_STEPS, 50, rng=0).gap == plain.gap


def test_result_in_other_forms() -> None:
    bound = ep.retrospective_bound(hidden(), uniform, N_STEPS, 300, rng=0)
    told = json.loads(json.dumps(bound.to_dict()))
    assert told["per_step"] == bound.per_step.tolist()
    assert told["provenance"]["machine"] == {"machine": "FunctionMachine"}
    assert f"{bound.total:.6g}" in repr(bound)
    with pytest.raises(ValueError, match="read-only"):
        bound.per_step[0] = 1.0
    frame = bound.to_frame()
    assert frame.index.name == "t"
    assert list(frame.index) == [1, 2, 3, 4]
    assert list(frame["per_step"]) == bound.per_step.tolist()


def test_picture() -> None:
    pytest.importorskip("matplotlib")
    from matplotlib.container import BarContainer

    machine = hidden()
    d = exact.retrospective(machine.log_prob, joint_of(machine))
    bound = ep.retrospective_bound(machine, uniform, N_STEPS, 300, rng=0)
    (axes,) = bound.plot(exact=d, title="hidden").axes
    (bars,) = (drawn for drawn in axes.containers if isinstance(drawn, BarContainer))
    assert [bar.get_height() for bar in bars] == bound.per_step.tolist()
    assert axes.get_ylim()[1] > d.max()
    legend = axes.get_legend()
    assert legend is not None
    assert any("exact" in text.get_text() for text in legend.get_texts())
    with pytest.raises(ValueError, match="exact must have shape"):
        bound.plot(exact=d[1:])


def test_a_picture_of_infinities_stays_empty() -> None:
    pytest.importorskip("matplotlib")
    bound = ep.retrospective_bound(chain(), lambda s: np.full(s.shape, -np.inf), N_STEPS, 5, rng=0)
    bound.plot().savefig("/dev/null", format="png")


def test_progress_is_reported() -> None:
    seen: list[tuple[int, int]] = []
    ep.retrospective_bound(
        hidden(), uniform, N_STEPS, 5, batch_size=2, progress=lambda *done: seen.append(done)
    )
    assert seen == [(2, 5), (4, 5), (5, 5), (5, 5)]


# ------------------------------------------------------------------ bad input


def test_what_is_no_machine_is_refused() -> None:
    machine = hidden()
    time_varying = ep.TimeVaryingLinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]], n_steps=3)
    refused: tuple[tuple[Any, Any, type[Exception], str], ...] = (
        (uniform, uniform, TypeError, "machine must have a method sample"),
        (machine, 3, TypeError, "reverse_model must have a method log_prob"),
        (time_varying, machine, TypeError, "TimeVaryingLinearGaussian"),
        (machine, gaussian(), ValueError, "reverse_model must have n_symbols = 3"),
        (gaussian(), machine, ValueError, "reverse_model must have n_outputs = 2"),
        (gaussian(), time_varying, ValueError, "reverse_model must have n_outputs = 2"),
    )
    for first, second, error, match in refused:
        with pytest.raises(error, match=match):
            ep.retrospective_bound(first, second, N_STEPS, 10)


@pytest.mark.parametrize("name", ["n_steps", "n_paths", "batch_size"])
def test_counts_are_checked(name: str) -> None:
    given: dict[str, Any] = {"n_steps": 3, "n_paths": 2, "batch_size": 2, name: 0}
    with pytest.raises(ValueError, match=name):
        ep.retrospective_bound(hidden(), uniform, **given)


def test_a_model_of_another_shape_is_named() -> None:
    with pytest.raises(ValueError, match=r"reverse_model\.log_prob must return"):
        ep.retrospective_bound(hidden(), lambda s: np.zeros(len(s)), N_STEPS, 10)


def test_nan_is_named() -> None:
    with pytest.raises(ep.NumericalError, match="reverse_model gives a log-probability of nan"):
        ep.retrospective_bound(hidden(), lambda s: np.full(s.shape, np.nan), N_STEPS, 10)


class Unknown:
    def log_prob(self, sequences: Array) -> Array:
        return sequences

    def sample(self, n_steps: int, n_paths: int = 1, *, rng: object = None) -> Array:
        return np.zeros((n_paths, n_steps))


def test_fits_are_checked() -> None:
    with pytest.raises(ValueError, match="n_paths must be at least 10"):
        ep.fit_reverse_model(gaussian(), 8, 9, order=3)
    with pytest.raises(MemoryError, match="order is too large"):
        ep.fit_reverse_model(chain(), 60, 10, order=50)
    with pytest.raises(TypeError, match="n_symbols or n_outputs"):
        ep.fit_reverse_model(Unknown(), 3, 10, order=1)
    reverse = ep.fit_reverse_model(chain(), N_STEPS, 10, order=1, rng=0)
    with pytest.raises(ValueError, match="at most 4 steps"):
        reverse.log_prob(np.zeros((1, 5), dtype=np.int64))


def test_one_step() -> None:
    machine = as_machine(exact.hidden_markov(*HIDDEN), 3, 1)
    reverse = ep.fit_reverse_model(machine, 1, 5000, order=4, rng=0)
    bound = ep.retrospective_bound(machine, reverse, 1, 5000, rng=0)
    assert bound.entropy_production == 0.0
    assert bound.per_step[0] == pytest.approx(-bound.gap, abs=ROUNDING)


def test_values_without_noise_have_no_reverse_density() -> None:
    still = ep.FunctionMachine(
        lambda y: np.zeros(y.shape[:2]),
        lambda n_steps, n_paths, rng: np.zeros((n_paths, n_steps, 1)),
        n_outputs=1,
    )
    with pytest.raises(ep.NumericalError, match=r"y_t at t = 4 follows from the 0 step"):
        ep.fit_reverse_model(still, 4, 50, order=2, rng=0)
