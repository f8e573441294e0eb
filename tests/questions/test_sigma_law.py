"""The law of sigma against dense matrices, closed forms, quadrature and samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import oracles
import oracles_sigma_law as dense
import pytest
from hypothesis import given
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian
from entroprod.gaussian import core
from entroprod.gaussian.generating_function import PairedWeights
from entroprod.gaussian.sigma_inversion import RELATIVE_ACCURACY, invert
from entroprod.gaussian.sigma_law import SigmaLaw

# The promise for the variance of stable machines, as for the mean.
RELATIVE = 1e-12
FLOOR = 1e-13
# Where nothing but the last digits of exponentials and sums is lost.
ROUNDING = 1e-13
# Weights are right to a few roundings of R, whose norm is the unit.
WEIGHT_ROUNDING = 1e-13
needs_long_double = pytest.mark.skipif(
    not np.finfo(np.longdouble).eps < 1e-18, reason="long double is double here"
)
ROTATION = LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], np.eye(2))
SCALAR = LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
NO_MEMORY = LinearGaussian([[0.0]], [[0.0]], [[1.0]], [[2.0]])


def rotated(gap: float) -> LinearGaussian:
    """Reversible in the stationary state up to ``gap``."""
    return LinearGaussian.from_var([[[0.5, gap], [-gap, 0.5]]], np.eye(2))


def law_of_pairs(sines: Any) -> SigmaLaw:
    """A law with the given a_j = sinh theta_j in place of those of a machine of T = 2."""
    n_pairs = len(sines)
    machine = LinearGaussian(
        np.zeros((1, 1)), np.zeros((1, n_pairs)), np.zeros((n_pairs, 1)), np.eye(n_pairs)
    )
    gaps = np.sort(4 * np.asarray(sines, dtype=float) ** 2)[::-1]
    law = SigmaLaw(
        float(gaps.sum() / 2), float((gaps + gaps**2 / 2).sum()), 0.0, 0.0, 2, 4000, machine
    )
    law.__dict__["_gaps"] = gaps
    return law


# ------------------------------------------------------------------ mean and variance


@needs_long_double
@given(ept.stable_machines(n_states=(1, 6), n_outputs=(1, 6)), st.integers(1, 40))
def test_variance_against_the_dense_definition(machine: LinearGaussian, n_steps: int) -> None:
    law = ep.sigma_law(machine, n_steps)
    assert law.mean == ep.entropy_production(machine, n_steps).total
    assert law.variance == pytest.approx(dense.variance(machine, n_steps), rel=RELATIVE, abs=FLOOR)
    assert law.variance >= 2 * law.mean * (1 - RELATIVE)


@needs_long_double
@pytest.mark.parametrize("n_steps", [2, 17, 60])
@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_variance_of_awkward_machines(name: str, n_steps: int) -> None:
    machine = ept.awkward_machines()[name]
    if machine.n_states * n_steps > 400 or "near-singular" in name:
        return  # the dense matrix in long double is slow, or no better than double
    exact = dense.variance_by_parts(machine, n_steps)
    for precision in ("auto", "double", "extended"):
        value, error, _ = core.sigma_variance(machine, n_steps, precision)
        assert abs(value - exact) <= error + RELATIVE * exact + 1e-25
    assert ep.sigma_law(machine, n_steps).variance == pytest.approx(exact, rel=RELATIVE, abs=1e-25)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, 1e-9, 1e-12])
def test_variance_of_nearly_reversible_machines(gap: float) -> None:
    # sigma becomes Gaussian: Var = 2 S_y up to terms of the order of their square.
    machine = rotated(gap)
    exact = float(oracles.exact_rate(machine))
    assert ep.sigma_variance_rate(machine) / 2 == pytest.approx(exact, rel=20 * gap**2 + RELATIVE)
    law = ep.sigma_law(machine, 50)
    reference = dense.variance_by_parts(machine, 50)
    assert law.variance == pytest.approx(reference, rel=RELATIVE)


def test_long_records_add_a_constant_per_step() -> None:
    rate = ep.sigma_variance_rate(ROTATION)
    long, longer = (ep.sigma_law(ROTATION, n_steps) for n_steps in (10**8, 10**9))
    assert (longer.variance - long.variance) / (9 * 10**8) == pytest.approx(rate, rel=RELATIVE)
    with pytest.raises(ValueError, match=r"n_steps is too large for the weights.*max_size = 4000"):
        _ = longer.weights
    with pytest.raises(ValueError, match="max_size"):
        longer.cdf(0.0)


@pytest.mark.parametrize("n_steps", [1, 100, 1024, 1025, 5000])
def test_shortcuts_change_nothing(n_steps: int) -> None:
    machine = ept.awkward_machines()["two states, two outputs"]
    quick = core.sigma_variance(machine, n_steps, "double")[0]
    slow = core.sigma_variance(machine, n_steps, "double", shortcuts=False)[0]
    assert quick == pytest.approx(slow, rel=RELATIVE)


def test_variance_rate_is_spectral() -> None:
    for name in ("two states, two outputs", "rotation", "six states, six outputs"):
        machine = ept.awkward_machines()[name]
        exact = dense.variance_rate(machine, 2**12)
        assert ep.sigma_variance_rate(machine) == pytest.approx(exact, rel=1e-10)
    assert ep.sigma_variance_rate(SCALAR) == 0.0
    with pytest.raises(ep.NumericalError):
        ep.sigma_variance_rate(ept.awkward_machines()["unit root, local level"])


# ------------------------------------------------------------------ weights and moments


@needs_long_double
@given(ept.stable_machines(), st.integers(1, 15))
def test_weights_are_eigenvalues(machine: LinearGaussian, n_steps: int) -> None:
    law = ep.sigma_law(machine, n_steps)
    matrix = dense.excess(machine, n_steps).astype(float)
    exact = np.linalg.eigvalsh(matrix)
    unit = 1 + np.max(np.abs(exact))
    assert law.weights.shape == exact.shape
    assert np.all(np.diff(law.weights) >= 0)
    # A value of R - R^T that counts as rounding costs twice itself.
    assert law.weights == pytest.approx(exact, abs=100 * WEIGHT_ROUNDING * unit)
    assert law.weights.sum() / 2 == pytest.approx(law.mean, rel=1e-9, abs=1e-12 * unit)
    with pytest.raises(ValueError, match="read-only"):
        law.weights[0] = 1.0


def test_weights_of_nearly_reversible_machines_keep_their_digits() -> None:
    machine = rotated(1e-7)
    law = ep.sigma_law(machine, 40)
    reversal = oracles.reversal_matrix(machine, 40)
    exact = np.linalg.svd(((reversal - reversal.T) / 2).astype(float), compute_uv=False)
    angles = 2 * np.arcsinh(exact[0])
    assert law.weights[-1] == pytest.approx(np.expm1(angles), rel=1e-9)
    assert law.weights[0] == pytest.approx(np.expm1(-angles), rel=1e-9)


def test_cumulants_are_power_sums() -> None:
    law = law_of_pairs([1.3, 0.4, 0.4, 1e-3])
    for order in range(1, 9):
        sum_of_powers = math.factorial(order - 1) / 2 * np.sum(law.weights**order)
        assert law.cumulant(order) == pytest.approx(sum_of_powers, rel=ROUNDING)
    assert law.skewness == pytest.approx(law.cumulant(3) / law.variance**1.5)
    assert law.standard_deviation == math.sqrt(law.variance)
    assert law.cumulant(400) == math.inf
    tiny = law_of_pairs([1e-12])
    # The odd ones would be lost in the difference of the two powers: w_+^3 + w_-^3 = g^2 (g + 3).
    gap = 4e-24
    assert tiny.cumulant(3) == pytest.approx(gap**2 * (gap + 3), rel=ROUNDING)


def test_cumulants_of_huge_order_are_known_at_once() -> None:
    assert law_of_pairs([1.3, 0.4]).cumulant(2**53) == math.inf
    # (k - 1)!/2 w_+^k, the rest being nothing beside it.
    law = law_of_pairs([0.02, 1e-3])
    order = 151
    logarithm = math.lgamma(order) - math.log(2.0) + order * math.log(law.weights[-1])
    both = 1.0 - math.exp(-2.0 * order * math.asinh(0.02))
    # Of the logarithm, which is some hundreds.
    assert law.cumulant(order) == pytest.approx(math.exp(logarithm) * both, rel=1e-12)


@pytest.mark.parametrize("sines", [[0.4], [1.3, 0.4], [3e3, 2.0]])
def test_the_ends_of_the_doubles(sines: list[float]) -> None:
    law = law_of_pairs(sines)
    smallest, largest = 5e-324, 1.7e308
    assert law.pdf([-largest, largest]).tolist() == [0.0, 0.0]
    assert law.cdf([-largest, largest]).tolist() == [0.0, 1.0]
    assert law.sf([-largest, largest]).tolist() == [1.0, 0.0]
    lowest = float(law.ppf(smallest))
    assert lowest < law.ppf(1e-300) < 0.0
    # Subnormal numbers have lost their digits.
    assert law.cdf(lowest) <= 1e-322


@given(
    st.lists(st.floats(1e-6, 1e3), min_size=1, max_size=6),
    st.lists(st.floats(-2, 3), min_size=1, max_size=6),
)
def test_the_generating_function(sines: list[float], arguments: list[float]) -> None:
    law = law_of_pairs(sines)
    values = law.cumulant_generating_function(arguments)
    mirrored = law.cumulant_generating_function(1 - np.array(arguments))
    low, high = law.finite_interval
    inside = (np.array(arguments) > low) & (np.array(arguments) < high)
    assert (
        np.array_equal(np.isfinite(values), inside)
        or np.min(np.abs(np.subtract.outer(arguments, (low, high)))) < 1e-9
    )
    both = np.isfinite(values) & np.isfinite(mirrored)
    assert values[both] == pytest.approx(mirrored[both], rel=1e-6, abs=1e-9)
    assert np.all(law.cumulant_generating_function([0, 1]) == 0)
    assert law.cumulant_generating_function([[-np.inf, np.inf]]).shape == (1, 2)


# ------------------------------------------------------------------ density and tails


@pytest.mark.parametrize("sine", [1e-8, 1e-3, 0.3, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("n_pairs", [1, 2, 3, 10, 100])
def test_equal_pairs_in_closed_form(sine: float, n_pairs: int) -> None:
    law = law_of_pairs([sine] * n_pairs)
    units = np.array([-30, -10, -0.9, -0.1, 0.1, 1, 3, 10, 30, 100])
    places = np.concatenate([law.mean + law.standard_deviation * units, [1e-9, -1e-40, 1e-300]])
    exact = np.array([dense.equal_pairs_pdf(sine, n_pairs, x) for x in places])
    # Below the smallest normal double there are no digits.
    assert law.pdf(places) == pytest.approx(exact, rel=RELATIVE_ACCURACY, abs=1e-300)
    assert law.cdf(places) + law.sf(places) == pytest.approx(1.0, rel=RELATIVE_ACCURACY)


@pytest.mark.parametrize("sine", [1e-8, 1e-3, 0.3, 1.0, 30.0, 1e4])
@pytest.mark.parametrize("n_pairs", [2, 4])
def test_tails_in_closed_form(sine: float, n_pairs: int) -> None:
    law = law_of_pairs([sine] * n_pairs)
    above = np.array([1e-6, 0.1, 1, 3, 10, 100, 400]) * law.weights[-1]
    below = np.array([1e-6, 0.1, 1, 3, 10, 100, 400]) * law.weights[0]
    for places, tail in ((above, law.sf), (below, law.cdf)):
        exact = [dense.equal_pairs_tail(sine, n_pairs, x) for x in places]
        assert tail(places) == pytest.approx(exact, rel=RELATIVE_ACCURACY)


def test_unequal_pairs_by_quadrature() -> None:
    gaps = np.repeat([4.0, 1.5, 0.3, 0.2, 0.1, 1e-2], 4)
    for x in (-6.0, 0.0, 30.0):
        exact = dense.pdf_by_fourier(gaps, x)
        assert invert(PairedWeights(gaps), np.array([x]), "pdf")[0] == pytest.approx(
            exact, rel=RELATIVE_ACCURACY
        )


@given(st.lists(st.floats(1e-4, 1e3), min_size=1, max_size=5), st.floats(-50, 50), st.floats(0, 5))
def test_the_detailed_fluctuation_theorem_and_order(
    sines: list[float], units: float, step: float
) -> None:
    law = law_of_pairs(sines)
    x = units * law.standard_deviation
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        mirrored = np.exp(-abs(x)) * law.pdf(abs(x))
    assert law.pdf(-abs(x)) == pytest.approx(mirrored, rel=RELATIVE_ACCURACY, abs=1e-300)
    further = x + step * law.standard_deviation
    assert law.cdf(x) <= law.cdf(further) * (1 + RELATIVE_ACCURACY)
    assert law.cdf(x) + law.sf(x) == pytest.approx(1.0, rel=RELATIVE_ACCURACY)


@pytest.mark.parametrize("sine", [1e-6, 0.2, 1.0, 50.0])
def test_one_pair_crosses_zero_at_an_angle(sine: float) -> None:
    # w_+ z^2 + w_- z'^2 < 0 in two sectors of the plane, of which the angle is known.
    law = law_of_pairs([sine])
    angle = 2 / math.pi * math.atan(math.exp(-math.asinh(sine)))
    assert law.probability_negative == pytest.approx(angle, rel=RELATIVE_ACCURACY)
    assert law.pdf(0.0) == math.inf
    assert law_of_pairs([sine, sine]).pdf(0.0) < math.inf


def test_quantiles_invert_the_distribution_function() -> None:
    law = law_of_pairs([0.7, 0.3, 0.1])
    levels = np.array([1e-200, 1e-9, 0.01, 0.5, 0.9, 1 - 1e-9])
    places = law.ppf(levels)
    assert np.all(np.diff(places) > 0)
    assert law.cdf(places) == pytest.approx(levels, rel=1e-9)
    assert law.sf(places[-1]) == pytest.approx(1e-9, rel=1e-6)
    assert list(law.ppf([[0.0], [1.0]])) == [[-math.inf], [math.inf]]


def test_shapes_and_ends() -> None:
    law = ep.sigma_law(ROTATION, 6)
    ends = [-np.inf, np.inf]
    assert list(law.cdf(ends)) == [0.0, 1.0]
    assert list(law.sf(ends)) == [1.0, 0.0]
    assert list(law.pdf(ends)) == [0.0, 0.0]
    assert np.shape(law.pdf(1)) == ()
    assert law.pdf(np.zeros((2, 0, 3))).shape == (2, 0, 3)
    assert law.cdf([[1.0, 2.0]]).shape == (1, 2)
    assert list(law.cdf([-1e300, 1e300])) == [0.0, 1.0]
    assert list(law.sf([-1e300, 1e300])) == [1.0, 0.0]


# ------------------------------------------------------------------ sigma that is always zero


@pytest.mark.parametrize("law", [ep.sigma_law(NO_MEMORY, 9), ep.sigma_law(ROTATION, 1)])
def test_always_zero(law: SigmaLaw) -> None:
    assert law.mean == law.variance == law.cumulant(3) == law.probability_negative == 0.0
    assert not law.weights.any()
    assert list(law.cdf([-1e-300, 0.0, 1.0])) == [0.0, 1.0, 1.0]
    assert list(law.sf([-1e-300, 0.0, 1.0])) == [1.0, 0.0, 0.0]
    assert list(law.ppf([0.0, 0.5, 1.0])) == [-math.inf, 0.0, 0.0]
    assert law.fluctuation_variance == 0.0
    assert law.n_paths_for(1.0) == 1
    assert not law.sample(5, rng=0).any()
    assert law.finite_interval == (-math.inf, math.inf)
    assert list(law.cumulant_generating_function([2.0, 0.5])) == [0.0, 0.0]
    for quantity in (lambda: law.pdf(0.0), lambda: law.skewness):
        with pytest.raises(ep.NumericalError, match="sigma is always 0"):
            quantity()


# ------------------------------------------------------------------ samples


def test_sampled_paths_follow_the_law() -> None:
    n_paths = 10**6
    # Exceeded by a chance of 1e-6 (Dvoretzky, Kiefer, Wolfowitz and Massart).
    bound = math.sqrt(math.log(2e6) / 2 / n_paths)
    law = ep.sigma_law(ROTATION, 20)
    drawn = ep.monte_carlo(ROTATION, 20, n_paths, rng=5, keep_sigma=True)
    for sigma in (drawn.sigma, law.sample(n_paths, rng=5)):
        assert sigma is not None
        ordered = np.sort(sigma)
        ranks = np.linspace(0, n_paths - 1, 500).astype(int)
        exact = law.cdf(ordered[ranks])
        # The distance anywhere exceeds that at the nearest place by at most the step between them.
        distance = np.max(np.abs((ranks + 0.5) / n_paths - exact))
        assert distance <= bound + 1 / n_paths
        spread = math.sqrt((law.cumulant(4) + 2 * law.variance**2) / n_paths)
        assert np.var(sigma) == pytest.approx(law.variance, abs=5 * spread)
        assert np.mean(sigma) == pytest.approx(law.mean, abs=5 * law.standard_deviation / 1e3)
        negative = law.probability_negative
        assert np.mean(sigma < 0) == pytest.approx(negative, abs=5 * math.sqrt(negative) / 1e3)


def test_the_variance_of_the_fluctuation_theorem() -> None:
    finite = ep.sigma_law(rotated(0.05), 4)
    assert finite.fluctuation_variance_is_finite
    exact = np.prod((1 + 2 * finite.weights) ** -0.5) - 1
    assert finite.fluctuation_variance == pytest.approx(exact, rel=1e-10)
    assert np.var(np.exp(-finite.sample(10**6, rng=0))) == pytest.approx(exact, rel=0.05)
    assert finite.n_paths_for(0.01, of="fluctuation") == math.ceil(exact / 1e-4)
    infinite = ep.sigma_law(ROTATION, 40)
    assert infinite.fluctuation_variance == math.inf
    assert not infinite.fluctuation_variance_is_finite
    with pytest.raises(ep.NumericalError, match="infinite variance: the largest mu is"):
        infinite.n_paths_for(0.01, of="fluctuation")
    assert infinite.n_paths_for(0.5) == math.ceil(infinite.variance / 0.25)


def test_samples_are_reproducible() -> None:
    law = ep.sigma_law(ROTATION, 30)
    assert np.array_equal(law.sample(1000, rng=3), law.sample(1000, rng=np.random.default_rng(3)))


# ------------------------------------------------------------------ output and bad input


def test_output() -> None:
    law = ep.sigma_law(SCALAR, 6)
    assert "weights" not in law.to_dict()
    assert repr(law).startswith("SigmaLaw(n_steps=6, mean=0.3108757")
    _ = law.weights
    assert law.to_dict()["weights"] == law.weights.tolist()
    with pytest.raises(AttributeError):
        law.mean = 1.0


@pytest.mark.parametrize("name", ["pdf", "cdf", "sf", "cumulant_generating_function", "ppf"])
@pytest.mark.parametrize(
    ("value", "error", "match"),
    [
        (math.nan, ValueError, "must not be NaN"),
        ([0.0, math.nan], ValueError, "must not be NaN"),
        (1j, TypeError, "must hold real numbers"),
        ("0", TypeError, "must hold real numbers"),
        ([[0.0], [0.0, 1.0]], ValueError, "must be an array"),
        (np.ma.masked_array([0.5, 0.2], [True, False]), ValueError, "must have no masked entries"),
    ],
)
def test_bad_points(name: str, value: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        getattr(ep.sigma_law(SCALAR, 6), name)(value)


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: ep.sigma_law("machine", 6), TypeError, "machine must have a method log_prob"),
        (lambda: ep.sigma_law(SCALAR, 0), ValueError, "n_steps"),
        (lambda: ep.sigma_law(SCALAR, 2.5), TypeError, "n_steps"),  # type: ignore[arg-type]
        (lambda: ep.sigma_law(SCALAR, 6, precision="half"), ValueError, "precision"),  # type: ignore[arg-type]
        (lambda: ep.sigma_law(SCALAR, 6, max_size=0), ValueError, "max_size"),
        (lambda: ep.sigma_law(SCALAR, 6, max_size=5).weights, ValueError, "T m = 6 rows"),
        (lambda: ep.sigma_law(SCALAR, 6).cumulant(0), ValueError, "order"),
        (lambda: ep.sigma_law(SCALAR, 6).ppf(1.5), ValueError, "between 0 and 1"),
        (lambda: ep.sigma_law(SCALAR, 6).sample(0), ValueError, "n must be"),
        (lambda: ep.sigma_law(SCALAR, 6).sample(10**14), MemoryError, "n is too large"),
        (lambda: ep.sigma_law(SCALAR, 6).n_paths_for(0.0), ValueError, "standard_error must be"),
        (lambda: ep.sigma_law(SCALAR, 6).n_paths_for([1.0]), ValueError, "standard_error must"),
        (lambda: ep.sigma_law(SCALAR, 6).n_paths_for(1e-200), ValueError, "too small"),
        (lambda: ep.sigma_law(SCALAR, 6).n_paths_for(1.0, of="median"), ValueError, "of must"),
        (lambda: ep.sigma_law(SCALAR, 6).n_paths_for(1.0, of=["mean"]), ValueError, "of must"),
        (lambda: ep.sigma_law(SCALAR, 10**7, max_size=10**9).weights, MemoryError, "weights'"),
        (
            lambda: ep.sigma_law(ept.awkward_machines()["unstable transition"], 10**6),
            ep.NumericalError,
            "overflow.*spectral radius",
        ),
        (
            lambda: ep.sigma_law(ept.awkward_machines()["unit root, two random walks"], 2**53),
            MemoryError,
            "forward covariances",
        ),
    ],
)
def test_bad_input(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()


def test_memory_is_that_of_the_steps_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("entroprod.boundary.memory.available_memory", lambda: 2**24)
    machine = LinearGaussian(0.5 * np.eye(64), np.full((64, 1), 0.01), np.ones((1, 64)), [[1.0]])
    assert ep.sigma_law(machine, 5).variance > 0.0
    with pytest.raises(MemoryError, match="forward covariances"):
        ep.sigma_law(machine, 10**6)
