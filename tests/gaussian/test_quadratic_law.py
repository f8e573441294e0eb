"""Laws of quadratic forms against closed forms, quadrature, tilted laws and samples."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import oracles_pair as dense
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import entroprod as ep
from entroprod.gaussian.generating_function import PairedWeights
from entroprod.gaussian.quadratic_law import QuadraticLaw
from entroprod.gaussian.sigma_inversion import RELATIVE_ACCURACY, invert

# SciPy's noncentral chi-square is right to about so much.
OF_SCIPY = 1e-9
ROUNDING = 1e-12


def tilted(law: QuadraticLaw, order: float) -> QuadraticLaw:
    """The law of density exp(-order x - K(-order)) p(x), by completing squares."""
    w, b = law.weights, law.slopes
    precision = 1 + order * w
    shift = -order * b / precision
    constant = law.constant + float(np.sum(shift * (0.5 * w * shift + b)))
    return QuadraticLaw(w / precision, b * precision**-1.5, constant)


# ------------------------------------------------------------------ closed forms


@pytest.mark.parametrize("sign", [1.0, -1.0])
@pytest.mark.parametrize("noncentrality", [0.0, 0.3, 4.0])
@pytest.mark.parametrize("n_terms", [1, 2, 3, 8])
def test_equal_weights_are_a_noncentral_chi_square(
    sign: float, noncentrality: float, n_terms: int
) -> None:
    # w/2 sum (z + d)^2 = sum (w z^2 / 2 + w d z) + constant
    weight, shift = sign * 1.7, math.sqrt(noncentrality / n_terms)
    weights = np.full(n_terms, weight)
    law = QuadraticLaw(weights, weights * shift, 0.5 * weight * noncentrality + 0.25)
    squares = np.array([1e-6, 0.01, 0.3, 1.0, 4.0, 20.0, 60.0])
    x = 0.5 * weight * squares + 0.25
    exact = stats.ncx2(n_terms, noncentrality) if noncentrality else stats.chi2(n_terms)
    below, above = (law.cdf, law.sf) if sign > 0 else (law.sf, law.cdf)
    # 0.25 - x has lost digits near the end.
    assert law.pdf(x) == pytest.approx(exact.pdf(squares) * 2 / abs(weight), rel=OF_SCIPY)
    assert below(x) == pytest.approx(exact.cdf(squares), rel=OF_SCIPY)
    assert above(x) == pytest.approx(exact.sf(squares), rel=OF_SCIPY)
    outside = 0.25 - sign * np.array([1e-9, 1.0, np.inf])
    assert not law.pdf(outside).any()
    assert not below(outside).any()
    assert (above(outside) == 1.0).all()
    ends = [0.25, math.inf] if sign > 0 else [-math.inf, 0.25]
    assert list(law.ppf([0.0, 1.0])) == pytest.approx(ends, abs=1e-12)


def test_the_density_at_the_end() -> None:
    assert QuadraticLaw([2.0]).pdf(0.0) == math.inf
    assert QuadraticLaw([2.0, -1.0]).pdf(0.0) == math.inf
    assert QuadraticLaw([2.0, 0.5]).pdf(0.0) == pytest.approx(1.0, rel=ROUNDING)
    assert QuadraticLaw([2.0, 0.5, 1.0]).pdf(0.0) == 0.0
    assert 0.0 < QuadraticLaw([2.0, -0.5, 1.0]).pdf(0.0) < math.inf


def test_slopes_alone_are_normal() -> None:
    law = QuadraticLaw([0.0, 0.0], [3.0, -4.0], 1.0)
    exact = stats.norm(1.0, 5.0)
    x = np.array([-180.0, -20.0, 0.0, 1.0, 40.0])
    assert law.pdf(x) == pytest.approx(exact.pdf(x), rel=ROUNDING)
    assert law.cdf(x) == pytest.approx(exact.cdf(x), rel=ROUNDING)
    assert law.sf(x) == pytest.approx(exact.sf(x), rel=ROUNDING)
    levels = [1e-200, 0.3, 0.99]
    assert law.ppf(levels) == pytest.approx(exact.ppf(levels), rel=1e-9)
    assert law.cumulant(3) == law.skewness == 0.0
    # E[exp(-2 x)] = exp(-2 c + 2 v)
    assert QuadraticLaw([0.0], [0.5]).fluctuation_variance == pytest.approx(
        math.exp(0.5) - math.exp(0.25), rel=ROUNDING
    )


@pytest.mark.parametrize("weight", [1e-9, -1e-9, 1e-13])
def test_weights_that_hardly_count_are_nearly_normal(weight: float) -> None:
    # Either sign of the weight puts the end far off, on the other side of the bend.
    law = QuadraticLaw([weight], [2.0])
    x = 2.0 * np.array([-6.0, -1.0, 0.0, 0.5, 6.0])
    # The third cumulant over that of the second to the power 3/2 is 3 w / 2.
    assert law.pdf(x) == pytest.approx(stats.norm(0, 2).pdf(x), rel=60 * abs(weight) + 1e-10)
    assert law.cdf(x) == pytest.approx(stats.norm(0, 2).cdf(x), rel=60 * abs(weight) + 1e-10)


@pytest.mark.parametrize("sines", [[0.4, 1.1], [1e-5, 1e-5, 1e-4], [30.0, 2.0, 0.1]])
def test_paired_weights_are_a_special_case(sines: list[float]) -> None:
    angles = 2 * np.arcsinh(sines)
    law = QuadraticLaw(np.concatenate([np.expm1(angles), np.expm1(-angles)]))
    pairs = PairedWeights(4 * np.array(sines) ** 2)
    x = law.mean + law.standard_deviation * np.array([-9.0, -0.8, -0.01, 0.7, 15.0])
    for kind in ("pdf", "cdf", "sf"):
        exact = invert(pairs, x, kind)
        assert getattr(law, kind)(x) == pytest.approx(exact, rel=20 * RELATIVE_ACCURACY)
    for order in (1, 2, 3, 6):
        assert law.cumulant(order) == pytest.approx(pairs.cumulant(order), rel=1e-8)


def test_many_weights_by_quadrature() -> None:
    weights = np.repeat([1.5, -0.4, 0.3, 0.05], 4)
    slopes = np.tile([0.3, 0.0, -1.0, 2.0], 4)
    law = QuadraticLaw(weights, slopes, 0.7)
    for x in (-8.0, 0.0, 3.0, 20.0):
        exact = dense.pdf_by_fourier(weights, slopes, 0.7, x)
        assert law.pdf(x) == pytest.approx(exact, rel=RELATIVE_ACCURACY, abs=ROUNDING)


# ------------------------------------------------------------------ laws

SIZES = st.floats(-4.0, 1.5).map(lambda power: 10.0**power)
SIGNED = st.tuples(SIZES, st.sampled_from([1.0, -1.0])).map(lambda pair: pair[0] * pair[1])
TERMS = st.lists(st.tuples(SIGNED, st.one_of(st.just(0.0), SIGNED)), min_size=1, max_size=6)


@given(TERMS, st.floats(-2, 2), st.floats(-0.8, 0.8), st.floats(-8, 12))
def test_a_tilted_law_is_a_law_of_the_kind(
    terms: list[tuple[float, float]], constant: float, place: float, units: float
) -> None:
    # The tail of one is the middle of the other, reached on another contour.
    weights, slopes = np.array(terms).T
    law = QuadraticLaw(weights, slopes, constant)
    low, high = (
        math.copysign(min(abs(end), 3 / law.standard_deviation), end) for end in law.finite_interval
    )
    order = place * (high if place > 0 else -low)
    other = tilted(law, order)
    x = law.mean + units * law.standard_deviation
    ends = law.ppf([0.0, 1.0])
    if np.min(np.abs(ends - x)) < 1e-3 * law.standard_deviation:
        return  # where the distance from the end, a difference, has few digits
    with np.errstate(over="ignore", under="ignore"):
        factor = np.exp(-order * x - law.cumulant_generating_function(order))
        exact = other.pdf(x)
        # Of exponents of the order of hundreds.
        assert law.pdf(x) * factor == pytest.approx(exact, rel=1e-8, abs=1e-290)


@given(TERMS, st.floats(-8, 12), st.floats(0, 3))
def test_tails_add_up_and_grow(terms: list[tuple[float, float]], units: float, step: float) -> None:
    law = QuadraticLaw(*np.array(terms).T)
    x = law.mean + units * law.standard_deviation
    further = x + step * law.standard_deviation
    assert law.cdf(x) + law.sf(x) == pytest.approx(1.0, rel=RELATIVE_ACCURACY)
    assert law.cdf(x) <= law.cdf(further) * (1 + 2 * RELATIVE_ACCURACY)
    mirrored = QuadraticLaw(-law.weights, -law.slopes)
    assert mirrored.sf(-x) == pytest.approx(law.cdf(x), rel=10 * RELATIVE_ACCURACY, abs=1e-300)


@given(TERMS, st.floats(1e-6, 1 - 1e-6))
def test_quantiles_invert_the_distribution_function(
    terms: list[tuple[float, float]], level: float
) -> None:
    weights, slopes = np.array(terms).T
    law = QuadraticLaw(weights, slopes, 0.3)
    x = law.ppf(level)
    ends = law.ppf([0.0, 1.0])
    # A quantile is a double, beside an end that is one too.
    rounded = 1e-13 * (abs(x) + law.standard_deviation + np.abs(ends[np.isfinite(ends)]).sum())
    assert abs(law.cdf(x) - level) <= 1e-9 * level + law.pdf(x) * rounded


@given(TERMS)
def test_cumulants_are_derivatives_of_the_generating_function(
    terms: list[tuple[float, float]],
) -> None:
    weights, slopes = np.array(terms).T
    law = QuadraticLaw(weights, slopes, -0.4)
    assert law.mean == pytest.approx(weights.sum() / 2 - 0.4, rel=ROUNDING, abs=ROUNDING)
    for order in range(2, 7):
        parts = weights ** (order - 2) * (weights**2 + order * slopes**2)
        exact = math.factorial(order - 1) / 2 * parts
        size = ROUNDING * np.sum(np.abs(exact))
        assert law.cumulant(order) == pytest.approx(exact.sum(), abs=size)
    assert law.cumulant_generating_function(0.0) == 0.0
    low, high = law.finite_interval
    for end in (low, high):
        if math.isfinite(end):
            assert law.cumulant_generating_function(1.01 * end) == math.inf
            assert law.cumulant_generating_function(0.99 * end) < math.inf


@given(st.integers(1, 6), st.integers(0, 10**6))
def test_a_form_has_the_law_of_its_eigenvalues(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    form = rng.standard_normal((size, size))
    form, vector = form + form.T, rng.standard_normal(size)
    law = QuadraticLaw.of_form(form, vector, 0.5)
    assert law.mean == pytest.approx(np.trace(form) / 2 + 0.5)
    assert law.variance == pytest.approx(np.sum(form**2) / 2 + vector @ vector)
    third = np.trace(form @ form @ form) + 3 * vector @ form @ vector
    assert law.cumulant(3) == pytest.approx(third, abs=1e-10 * (1 + law.variance**1.5))


def test_samples_follow_the_law() -> None:
    law = QuadraticLaw([2.0, -0.7, 0.0, 0.1], [0.4, 1.0, 0.8, 0.0], -0.3)
    n = 200_000
    drawn = np.sort(law.sample(n, rng=3))
    # Exceeded by a chance of 1e-6 (Dvoretzky, Kiefer, Wolfowitz and Massart).
    bound = math.sqrt(math.log(2e6) / 2 / n)
    ranks = np.linspace(0, n - 1, 60).astype(int)
    assert np.max(np.abs((ranks + 0.5) / n - law.cdf(drawn[ranks]))) <= bound + 1 / n
    assert np.array_equal(law.sample(50, rng=1), law.sample(50, rng=np.random.default_rng(1)))


# ------------------------------------------------------------------ points, output, bad input


def test_a_single_point() -> None:
    law = QuadraticLaw([0.0], constant=-0.5)
    assert (law.mean, law.variance, law.probability_negative) == (-0.5, 0.0, 1.0)
    assert list(law.cdf([-0.6, -0.5])) == [0.0, 1.0]
    assert law.ppf(0.3) == -0.5
    assert list(law.sample(2, rng=0)) == [-0.5, -0.5]
    assert law.cumulant_generating_function(2.0) == 1.0
    for quantity in (lambda: law.pdf(0.0), lambda: law.skewness):
        with pytest.raises(ep.NumericalError, match=r"sigma is always -0.5 here"):
            quantity()


def test_output(tmp_path: Any) -> None:
    law = QuadraticLaw([2.0, -0.5], [0.5, 1.0], 0.1)
    assert law.to_dict()["weights"] == [2.0, -0.5]
    law.save(tmp_path / "law.npz")
    assert QuadraticLaw.load(tmp_path / "law.npz") == law
    with pytest.raises(ValueError, match="read-only"):
        law.weights[0] = 1.0
    with pytest.raises(ep.NumericalError, match=r"the lowest weight is -0.5"):
        law.n_paths_for(0.1, of="fluctuation")


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: QuadraticLaw([[1.0]]), ValueError, "weights"),
        (lambda: QuadraticLaw([1.0], [1.0, 2.0]), ValueError, "slopes must have shape"),
        (lambda: QuadraticLaw([np.nan]), ValueError, "weights"),
        (lambda: QuadraticLaw(["1"]), TypeError, "weights"),
        (lambda: QuadraticLaw([1.0], constant=np.inf), ValueError, "constant"),
        (lambda: QuadraticLaw.of_form([[1.0, 2.0]]), ValueError, "matrix"),
        (lambda: QuadraticLaw.of_form([[1.0, 2.0], [0.0, 1.0]]), ValueError, "symmetric"),
        (lambda: QuadraticLaw.of_form([[1.0]], [1.0, 2.0]), ValueError, "vector must have"),
        (lambda: QuadraticLaw([1.0]).cdf(np.nan), ValueError, "must not be NaN"),
    ],
)
def test_bad_input(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()
