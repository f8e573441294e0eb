"""Is this installation sound? Under a minute, with nothing but NumPy, SciPy and the wheel.

``python test_smoke.py`` or ``pytest test_smoke.py``.
"""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np

import entroprod as ep
from entroprod.gaussian import core

# Half a unit in the last of the ten decimals that are printed.
TEN_DIGITS = 5.1e-11
# The promise of the closed forms, and sums of 384 squares that cancel to a few per cent.
CLOSED_FORMS, LARGE_MATRICES = 1e-12, 1e-10


def scalar_filter() -> ep.LinearGaussian:
    """[S26 Fig 5]: A = 0.9, C = Q = R = 1."""
    return ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])


def two_dimensional_filter() -> ep.LinearGaussian:
    """[S26 Fig 5], the second machine."""
    return ep.LinearGaussian.from_state_space(
        [[0.8, 0.3], [0.0, 0.5]], [[1.0, 0.5], [0.0, 1.0]], np.eye(2), np.eye(2)
    )


def test_published_numbers() -> None:
    curve = ep.entropy_production_curve(scalar_filter(), 6)
    np.testing.assert_allclose(curve[[1, 5]], [0.0417851635, 0.3108757952], rtol=0, atol=TEN_DIGITS)
    curve = ep.entropy_production_curve(two_dimensional_filter(), 38)
    published = [0.0686493711, 0.7582920873, 2.5970042696]
    np.testing.assert_allclose(curve[[1, 9, 37]], published, rtol=0, atol=TEN_DIGITS)


def test_closed_forms_agree() -> None:
    machine = two_dimensional_filter()
    reversal = ep.innovation_reversal_matrix(machine, 20)
    total = ep.entropy_production(machine, 20)
    np.testing.assert_allclose(
        0.25 * np.sum((reversal - reversal.T) ** 2), total.total, rtol=CLOSED_FORMS
    )
    np.testing.assert_allclose(total.per_step.sum(), total.total, rtol=CLOSED_FORMS)
    extended = ep.entropy_production(machine, 20, precision="extended")
    np.testing.assert_allclose(extended.total, total.total, rtol=CLOSED_FORMS)


def test_large_machine_through_blas() -> None:
    n, m = 48, 32
    rng = np.random.default_rng(0)
    machine = ep.LinearGaussian(
        0.4 * rng.standard_normal((n, n)) / np.sqrt(n),
        0.4 * rng.standard_normal((n, m)) / np.sqrt(n),
        0.4 * rng.standard_normal((m, n)) / np.sqrt(n),
        np.eye(m),
    )
    by_steps = ep.entropy_production(machine, 12).total
    by_norm = 0.5 * (ep.reversal_norm_squared(machine, 12) - 12 * m)
    by_matrix = ep.innovation_reversal_matrix(machine, 12)
    np.testing.assert_allclose(by_steps, by_norm, rtol=LARGE_MATRICES)
    np.testing.assert_allclose(
        by_steps, 0.25 * np.sum((by_matrix - by_matrix.T) ** 2), rtol=LARGE_MATRICES
    )


def test_monte_carlo_agrees() -> None:
    machine = two_dimensional_filter()
    sampled = ep.monte_carlo(machine, 10, 20_000, rng=0)
    exact = ep.entropy_production(machine, 10).total
    assert abs(sampled.mean - exact) < 5 * sampled.standard_error
    assert abs(sampled.fluctuation_mean - 1) < 5 * sampled.fluctuation_standard_error
    again = ep.monte_carlo(machine, 10, 20_000, rng=0, n_threads=1)
    assert again.mean == sampled.mean, "the result depends on the number of threads"


def test_log_prob_of_white_noise() -> None:
    machine = ep.LinearGaussian([[0.0]], [[0.0]], [[0.0]], [[1.0]])
    y = machine.sample(5, 3, rng=0)
    assert y.shape == (3, 5, 1)
    expected = -0.5 * (y[:, :, 0] ** 2 + np.log(2 * np.pi))
    np.testing.assert_allclose(machine.log_prob(y), expected, rtol=CLOSED_FORMS)


def test_decomposition_law_and_gradient_agree_with_the_total() -> None:
    machine = two_dimensional_filter()
    result = ep.entropy_production(machine, 12)
    parts = result.compression_loss.sum() + result.model_mismatch.sum()
    np.testing.assert_allclose(parts, result.total, rtol=CLOSED_FORMS)
    law = ep.sigma_law(machine, 12)
    np.testing.assert_allclose(0.5 * law.weights.sum(), result.total, rtol=CLOSED_FORMS)
    gradient = ep.entropy_production_gradient(machine, 12)
    np.testing.assert_allclose(gradient.total, result.total, rtol=CLOSED_FORMS)


def test_other_machines_agree_with_theirs() -> None:
    machine = two_dimensional_filter()
    y = machine.sample(9, 2, rng=0)
    repeated = machine.repeat(9)
    np.testing.assert_allclose(repeated.log_prob(y), machine.log_prob(y), rtol=CLOSED_FORMS)
    diagonal = ep.DiagonalSSM([0.5 + 0.3j], [[0.2 + 0j, 0.1j]], [[1.0 + 0j], [0.5j]], np.eye(2))
    dense = ep.LinearGaussian(*diagonal._matrices())
    pair = ep.entropy_production(machine, 9, backward=diagonal).total
    np.testing.assert_allclose(
        pair, ep.entropy_production(machine, 9, backward=dense).total, rtol=CLOSED_FORMS
    )


def test_vector_instructions_are_used() -> None:
    cpu = Path("/proc/cpuinfo")
    if cpu.exists() and "avx2" in cpu.read_text(encoding="utf-8").split():
        assert core.instruction_set() in {"avx2", "avx512"}


def test_pickle() -> None:
    machine = scalar_filter()
    assert pickle.loads(pickle.dumps(machine)) == machine


def test_errors_name_the_argument() -> None:
    for call, error, word in (
        (lambda: ep.entropy_production(scalar_filter(), 0), ValueError, "n_steps"),
        (lambda: ep.LinearGaussian([[np.nan]], [[1]], [[1]], [[1]]), ValueError, "state_matrix"),
        (
            lambda: ep.LinearGaussian([[0.5]], [[1]], [[1]], [[-1]]),
            (ValueError, ep.NumericalError),
            "innovation_cov",
        ),
    ):
        try:
            call()
        except error as caught:
            assert word in str(caught), str(caught)
        else:
            raise AssertionError(f"no error that names {word}")


def main() -> None:
    """Run every test of this file without pytest."""
    tests = [item for name, item in globals().items() if name.startswith("test_")]
    for test in tests:
        test()
        print("ok", test.__name__)
    print(f"entroprod {ep.__version__}, {core.instruction_set()} kernels: {len(tests)} passed")


if __name__ == "__main__":
    main()
