"""Laws of the curve, the rate and the law of sigma of pairs of linear-Gaussian machines."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian, TimeVaryingLinearGaussian
from entroprod.gaussian.pair_law import pair_sigma_law
from entroprod.gaussian.pair_moments import pair_curve, pair_rate, pair_variance

# The reference of a check is rounded to a double.
ONE_ROUNDING = 4e-16
# Bases of the state of condition below 10, so that their inverses lose about a digit.
BASIS = 1e-11
# Weights are right to some roundings of R.
OF_WEIGHTS = 1e-11
# sigma of a path is a difference of two log-densities, each of some tens of nats.
OF_SCORES = 1e-12
FIVE = 5.0
MATRICES = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")
CONSTANT = ept.stable_machines(n_states=(1, 4), n_outputs=2)


@st.composite
def changing(draw: DrawFn) -> TimeVaryingLinearGaussian:
    """One stable machine after another, from a first memory that isn't 0."""
    n = draw(st.integers(1, 3))
    machines = ept.stable_machines(n_states=n, n_outputs=2)
    parts = draw(st.lists(machines, min_size=6, max_size=6))
    mean = draw(st.lists(st.integers(-3, 3), min_size=n, max_size=n))
    matrices = (np.array([getattr(part, name) for part in parts]) for name in MATRICES)
    return TimeVaryingLinearGaussian(*matrices, initial_mean=np.array(mean, float))


ANY = st.one_of(CONSTANT, changing())


def in_another_basis(
    machine: LinearGaussian | TimeVaryingLinearGaussian, seed: int
) -> TimeVaryingLinearGaussian:
    n = machine.n_states
    rng = np.random.default_rng(seed)
    left, right = (np.linalg.qr(rng.standard_normal((n, n)))[0] for _ in range(2))
    basis = left @ np.diag(rng.uniform(0.5, 3.0, n)) @ right
    inverse = np.linalg.inv(basis)
    mean = getattr(machine, "initial_mean", np.zeros(n))
    return TimeVaryingLinearGaussian(
        basis @ machine.state_matrix @ inverse, basis @ machine.input_matrix,
        machine.output_matrix @ inverse, machine.innovation_cov,
        initial_mean=basis @ mean, n_steps=getattr(machine, "n_steps", 6),
    )  # fmt: skip


@given(ANY, ANY)
def test_the_curve_has_the_totals(forward: LinearGaussian, backward: LinearGaussian) -> None:
    curve = pair_curve(forward, backward, 6)
    for t in range(1, 7):
        total = ep.entropy_production(forward, t, backward=backward)
        error = curve.rounding_errors[t - 1] + total.rounding_error + ONE_ROUNDING * total.total
        assert abs(curve.values[t - 1] - total.total) <= error


@given(ANY, ANY)
def test_double_keeps_its_promise(forward: LinearGaussian, backward: LinearGaussian) -> None:
    double, extended = (pair_curve(forward, backward, 6, p) for p in ("double", "extended"))
    error = double.rounding_errors + extended.rounding_errors
    assert np.all(np.abs(double.values - extended.values) <= error)
    one, other = (pair_variance(forward, backward, 6, p) for p in ("double", "extended"))
    assert abs(one.value - other.value) <= one.rounding_error + other.rounding_error


@given(ANY, ANY)
def test_the_fluctuation_theorem_by_the_law(
    forward: LinearGaussian, backward: LinearGaussian
) -> None:
    law = pair_sigma_law(forward, backward, 6)
    slopes = getattr(law, "slopes", np.zeros(1))
    size = OF_WEIGHTS * (1 + np.sum(law.weights**2) + np.sum(slopes**2))
    assert abs(law.cumulant_generating_function(1.0)) <= size
    place = getattr(law, "constant", 0.0)
    assert abs(place + law.weights.sum() / 2 - law.mean) <= size
    by_weights = np.sum(law.weights**2) / 2 + np.sum(slopes**2)
    assert abs(by_weights - law.variance) <= size * (1 + np.max(np.abs(law.weights)))


@given(ANY, ANY, st.integers(0, 10**6))
def test_the_bases_of_the_states_dont_matter(
    forward: LinearGaussian, backward: LinearGaussian, seed: int
) -> None:
    turned = in_another_basis(forward, seed), in_another_basis(backward, seed + 1)
    for one, other in ((forward, turned[1]), (turned[0], backward), turned):
        plain, same = pair_curve(forward, backward, 6), pair_curve(one, other, 6)
        scale = 1 + plain.values[-1] + 6 * abs(_log_ratio(forward, backward))
        assert np.all(np.abs(plain.values - same.values) <= BASIS * scale)
        variances = [pair_variance(*pair, 6).value for pair in ((forward, backward), (one, other))]
        assert abs(variances[0] - variances[1]) <= BASIS * scale**2


def _log_ratio(forward: LinearGaussian, backward: LinearGaussian) -> float:
    covs = (machine.innovation_cov for machine in (backward, forward))
    logs = [np.max(np.abs(np.linalg.slogdet(cov)[1])) for cov in covs]
    return float(sum(logs))


@given(CONSTANT, CONSTANT, st.integers(0, 10**6))
def test_the_rate_is_the_slope_in_any_basis(
    forward: LinearGaussian, backward: LinearGaussian, seed: int
) -> None:
    rate = pair_rate(forward, backward)
    assert rate.value >= 0.0
    curve = pair_curve(forward, backward, 4000, "extended").values
    # Stable machines of this strategy forget within hundreds of steps.
    slope = (curve[-1] - curve[1999]) / 2000
    assert abs(rate.value - slope) <= rate.rounding_error + 1e-10 * (1 + rate.value)
    turned = pair_rate(in_another_basis(forward, seed), in_another_basis(backward, seed + 1))
    assert abs(rate.value - turned.value) <= BASIS * (1 + rate.value)


@settings(max_examples=10)
@given(ANY, ANY, st.integers(0, 10**6))
def test_samples_have_the_moments(
    forward: LinearGaussian, backward: LinearGaussian, seed: int
) -> None:
    n_paths = 4000
    law = pair_sigma_law(forward, backward, 6)
    drawn = ep.monte_carlo(forward, 6, n_paths, rng=seed, backward=backward, keep_sigma=True).sigma
    assert drawn is not None
    error = law.standard_deviation / np.sqrt(n_paths)
    assert abs(np.mean(drawn) - law.mean) <= FIVE * error + OF_SCORES
    spread = np.sqrt((law.cumulant(4) + 2 * law.variance**2) / n_paths)
    # The variance of a sample of heavy tails is far from normal itself: twice as wide.
    assert abs(np.var(drawn) - law.variance) <= 2 * FIVE * spread + OF_SCORES
