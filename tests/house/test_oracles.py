"""The oracles against each other: nothing of entroprod is tested here, all else rests on it."""

from __future__ import annotations

import numpy as np
import oracles
import pytest
from oracles import Matrices

# Long double carries 64 bits; the dense definition at T m <= 24 loses at most a few digits of it.
LONG_DOUBLE_DENSE = 1e-15
# Two oracles of long doubles or more, read as doubles.
AS_DOUBLES = 1e-14
# Inverses in double precision of well-conditioned matrices of ten rows; entries are of order one.
INVERSES = 1e-13
# SciPy's multivariate normal in double precision, by an eigendecomposition of fifteen rows.
BY_EIGENVALUES = 1e-12
# The published value, in two digits.
TWO_DIGITS = 0.05
# What a rate of 1e-14 nats per step must be right to, and a difference of traces isn't.
NEEDED = 1e-6
# Double-precision quadrature of a smooth periodic function, converged to rounding.
SPECTRAL = 1e-12
# The theory's own statement for 512 points at a rate of 1.1e-14 nats per step.
NEARLY_REVERSIBLE_SPECTRAL = 1e-10


def random_machine(seed: int, n: int, m: int) -> Matrices:
    rng = np.random.default_rng(seed)
    state = rng.standard_normal((n, n))
    state *= 0.7 / np.max(np.abs(np.linalg.eigvals(state)))
    inputs, output = rng.standard_normal((n, m)), rng.standard_normal((m, n))
    while np.max(np.abs(np.linalg.eigvals(state + inputs @ output))) > 0.8:
        inputs /= 2
    factor = np.tril(rng.standard_normal((m, m)), -1) + np.eye(m)
    return Matrices(state, inputs, output, factor @ factor.T)


def nearly_reversible(gap: float) -> Matrices:
    output = np.array([[0.5, 0.2 + gap], [0.2 - gap, 0.3]])
    return Matrices(np.zeros((2, 2)), np.eye(2), output, np.eye(2))


@pytest.mark.parametrize(("n", "m", "n_steps"), [(1, 1, 8), (3, 2, 7), (2, 3, 5), (1, 4, 4)])
def test_all_ways_to_the_total_agree(n: int, m: int, n_steps: int) -> None:
    machine = random_machine(n + 10 * m, n, m)
    exact = float(oracles.exact_dense_total(machine, n_steps))
    for value in (
        oracles.total(machine, n_steps),
        oracles.total_by_trace(machine, n_steps),
        oracles.per_step(machine, n_steps).sum(),
        oracles.curve(machine, n_steps)[-1],
        float(oracles.exact_total(machine, n_steps)),
        float(oracles.exact_curve(machine, n_steps)[-1]),
    ):
        assert value == pytest.approx(exact, rel=LONG_DOUBLE_DENSE)


def test_per_step_and_curve_agree_with_fifty_digits() -> None:
    machine = random_machine(5, 3, 2)
    exact_steps = np.array(oracles.exact_per_step(machine, 10), dtype=float)
    exact_curve = np.array(oracles.exact_curve(machine, 10), dtype=float)
    assert oracles.per_step(machine, 10) == pytest.approx(
        exact_steps, rel=AS_DOUBLES, abs=AS_DOUBLES / 100
    )
    assert oracles.curve(machine, 10) == pytest.approx(
        exact_curve, rel=AS_DOUBLES, abs=AS_DOUBLES / 100
    )


def test_reversal_matrix_is_the_solution_of_the_definition() -> None:
    machine = random_machine(6, 2, 2)
    response = oracles.stacked_response(machine, 5).astype(float)
    turned = oracles.block_reversal(5, 2).astype(float)
    plain = np.linalg.inv(response) @ turned @ response
    root = np.kron(np.eye(5), np.linalg.cholesky(machine.innovation_cov))
    whitened = np.linalg.inv(root) @ plain @ root
    got = oracles.reversal_matrix(machine, 5, whiten=False)
    assert got.astype(float) == pytest.approx(plain, abs=INVERSES)
    assert oracles.reversal_matrix(machine, 5).astype(float) == pytest.approx(
        whitened, abs=INVERSES
    )


def test_log_density_sums_to_the_multivariate_normal() -> None:
    stats = pytest.importorskip("scipy.stats")
    machine = random_machine(7, 2, 3)
    sequences = np.random.default_rng(1).standard_normal((4, 5, 3))
    cov = oracles.sequence_cov(machine, 5).astype(float)
    joint = stats.multivariate_normal(cov=(cov + cov.T) / 2).logpdf(sequences.reshape(4, -1))
    assert oracles.log_density(machine, sequences).sum(axis=1) == pytest.approx(
        joint, rel=BY_EIGENVALUES
    )


def test_the_rate_by_fixed_points_and_by_both_spectral_forms() -> None:
    machine = random_machine(8, 3, 3)
    exact = float(oracles.exact_rate(machine))
    assert oracles.spectral_rate(machine, 1024) == pytest.approx(exact, rel=SPECTRAL)
    assert oracles.spectral_rate_by_trace(machine, 1024) == pytest.approx(exact, rel=SPECTRAL)
    # Transients fall as 0.8^(2 T): far below rounding.
    late = oracles.exact_curve(machine, 90)
    assert float(late[-1] - late[-2]) == pytest.approx(exact, rel=SPECTRAL)


def test_only_the_sum_of_squares_survives_near_reversibility() -> None:
    machine = nearly_reversible(5e-8)
    exact = float(oracles.exact_rate(machine))
    assert exact == pytest.approx(1.1e-14, rel=TWO_DIGITS)
    squares = oracles.spectral_rate(machine, 512)
    assert squares == pytest.approx(exact, rel=NEARLY_REVERSIBLE_SPECTRAL)
    # What the library must not do: the trace formula in double loses nearly everything.
    assert abs(oracles.spectral_rate_by_trace(machine, 512) / exact - 1) > NEEDED
