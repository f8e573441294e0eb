"""The law of sigma of pairs against dense matrices, samples of paths and the single machine's."""

from __future__ import annotations

import math
import pickle
from typing import Any

import numpy as np
import oracles_pair as dense
import pytest
from pair_machines import PAIRS, READER, ROTATION, SCALAR, WALK, changing
from time_varying_machines import machine_of

import entroprod as ep
from entroprod.gaussian.pair_law import PairSigmaLaw, pair_reversal, pair_sigma_law
from entroprod.gaussian.sigma_law import SigmaLaw

# Weights are right to a few roundings of R, whose norm is the unit.
ROUNDING = 1e-13
# Singular values at the rounding of R count as none, a hundred of them.
OF_WEIGHTS = 1e-12


@pytest.mark.parametrize("name", PAIRS)
def test_the_matrix_is_that_of_the_definition(name: str) -> None:
    forward, backward = PAIRS[name]
    matrix, mean, log_ratio = pair_reversal(forward, backward, 8)
    exact = dense.whitened(forward, backward, 8)
    unit = ROUNDING * (1 + float(np.linalg.norm(matrix)))
    assert matrix == pytest.approx(np.array(exact.matrix.tolist(), float), abs=unit)
    assert mean == pytest.approx(np.array(list(exact.mean), float), abs=10 * unit)
    assert log_ratio == pytest.approx(float(exact.log_ratio), abs=ROUNDING * 8)


@pytest.mark.parametrize("name", PAIRS)
def test_moments_and_the_fluctuation_theorem(name: str) -> None:
    forward, backward = PAIRS[name]
    law = pair_sigma_law(forward, backward, 8)
    assert isinstance(law, PairSigmaLaw)
    assert law.mean == ep.entropy_production(forward, 8, backward=backward).total
    assert law.weights.shape == law.slopes.shape == (8 * forward.n_outputs,)
    size = OF_WEIGHTS * (1 + np.sum(law.weights**2 + law.slopes**2) + abs(law.constant))
    assert law.constant + law.weights.sum() / 2 == pytest.approx(law.mean, abs=size)
    by_weights = np.sum(law.weights**2 / 2 + law.slopes**2)
    assert by_weights == pytest.approx(law.variance, abs=size)
    # E[exp(-sigma)] = 1 exactly.
    assert law.cumulant_generating_function(1.0) == pytest.approx(0.0, abs=size)
    assert law.cumulant_generating_function(0.0) == 0.0


@pytest.mark.parametrize(
    "name", ["both change", "constant with means", "by the kernel", "constant", "one output"]
)
def test_sampled_paths_follow_the_law(name: str) -> None:
    forward, backward = PAIRS[name]
    n_paths = 100_000
    law = pair_sigma_law(forward, backward, 8)
    drawn = ep.monte_carlo(forward, 8, n_paths, rng=5, backward=backward, keep_sigma=True)
    # Exceeded by a chance of 1e-6 (Dvoretzky, Kiefer, Wolfowitz and Massart).
    bound = math.sqrt(math.log(2e6) / 2 / n_paths)
    for sigma in (drawn.sigma, law.sample(n_paths, rng=5)):
        assert sigma is not None
        ordered = np.sort(sigma)
        ranks = np.linspace(0, n_paths - 1, 60).astype(int)
        distance = np.max(np.abs((ranks + 0.5) / n_paths - law.cdf(ordered[ranks])))
        assert distance <= bound + 1 / n_paths
        error = law.standard_deviation / math.sqrt(n_paths)
        assert np.mean(sigma) == pytest.approx(law.mean, abs=5 * error)
        spread = math.sqrt((law.cumulant(4) + 2 * law.variance**2) / n_paths)
        assert np.var(sigma) == pytest.approx(law.variance, abs=5 * spread)


def test_the_density_integrates_to_the_theorem() -> None:
    law = pair_sigma_law(ROTATION, READER, 6)
    ends = law.ppf([1e-14, 1 - 1e-14])
    # exp(-sigma) p is the density of -sigma under the reader, with a tail of its own.
    grid = np.linspace(min(ends[0], -40.0), ends[1], 20_001)
    density = law.pdf(grid)
    step = grid[1] - grid[0]
    assert step * density.sum() == pytest.approx(1.0, rel=1e-9)
    assert step * (density * np.exp(-grid)).sum() == pytest.approx(1.0, rel=1e-6)
    assert step * (density * grid).sum() == pytest.approx(law.mean, rel=1e-9)
    assert law.probability_negative == pytest.approx(float(law.cdf(0.0)))


def test_a_machine_that_reads_itself_has_the_paired_law() -> None:
    law = pair_sigma_law(ROTATION, ROTATION, 9)
    assert isinstance(law, SigmaLaw)
    other = pair_sigma_law(ROTATION, changing(ROTATION, 9), 9)
    assert isinstance(other, PairSigmaLaw)
    assert other.weights == pytest.approx(law.weights, abs=1e-12)
    assert not other.slopes.any()
    x = np.array([-3.0, -0.1, 0.5, 9.0])
    for kind in ("pdf", "cdf", "sf"):
        assert getattr(other, kind)(x) == pytest.approx(getattr(law, kind)(x), rel=1e-8)
    assert other.fluctuation_variance == law.fluctuation_variance == math.inf


def test_a_perfect_reader_has_sigma_always_zero() -> None:
    quiet = ep.LinearGaussian(np.zeros((1, 1)), np.zeros((1, 2)), np.zeros((2, 1)), np.eye(2))
    law = pair_sigma_law(quiet, changing(quiet, 5), 5)
    assert law.mean == law.variance == law.probability_negative == 0.0
    with pytest.raises(ep.NumericalError, match="sigma is always 0 here"):
        law.pdf(0.0)


def test_long_records_have_moments() -> None:
    law = pair_sigma_law(ROTATION, READER, 10**6)
    assert law.mean > 0.0
    assert law.n_paths_for(1.0) == math.ceil(law.variance)
    with pytest.raises(ValueError, match=r"n_steps is too large for the weights.*max_size = 4000"):
        _ = law.weights
    with pytest.raises(MemoryError, match="n_steps"):
        pair_sigma_law(WALK, ROTATION, 2**53)


def test_output(tmp_path: Any) -> None:
    law = pair_sigma_law(ROTATION, READER, 5)
    assert isinstance(law, PairSigmaLaw)
    assert repr(law).startswith("PairSigmaLaw(n_steps=5, mean=")
    assert "weights" not in law.to_dict()
    _ = law.weights
    assert law.to_dict()["constant"] == law.constant
    law.save(tmp_path / "law.npz")
    for copy in (PairSigmaLaw.load(tmp_path / "law.npz"), pickle.loads(pickle.dumps(law))):
        assert np.array_equal(copy.weights, law.weights)
    with pytest.raises(ValueError, match="read-only"):
        law.weights[0] = 1.0
    with pytest.raises(AttributeError):
        law.mean = 1.0  # type: ignore[misc]


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: pair_sigma_law(ROTATION, SCALAR, 5), ValueError, "backward must have 2 output"),
        (lambda: pair_sigma_law(ROTATION, "x", 5), TypeError, "backward must be"),  # type: ignore[arg-type]
        (lambda: pair_sigma_law(ROTATION, machine_of(4, 2, 2), 5), ValueError, "backward"),
        (lambda: pair_sigma_law(ROTATION, READER, 0), ValueError, "n_steps"),
        (lambda: pair_sigma_law(ROTATION, READER, 5, max_size=0), ValueError, "max_size"),
        (lambda: pair_sigma_law(ROTATION, READER, 5, "half"), ValueError, "precision"),  # type: ignore[arg-type]
        (
            lambda: pair_sigma_law(ROTATION, READER, 5, max_size=9).weights,
            ValueError,
            "T m = 10 rows",
        ),
    ],
)  # fmt: skip
def test_bad_input(call: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        call()
