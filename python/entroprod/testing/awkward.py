"""A fixed collection of machines that naive implementations get wrong."""

from __future__ import annotations

import numpy as np

from entroprod.gaussian.linear_gaussian import LinearGaussian


def awkward_machines() -> dict[str, LinearGaussian]:
    """Machines by the name of their difficulty, all valid for finite sequences.

    Names say what is awkward. Machines without a rate have "unit root" or "unstable" in theirs;
    "near-singular" ones have innovations whose correlation matrix has condition 1e6 or more.

    Examples
    --------
    >>> from entroprod.testing import awkward_machines
    >>> awkward_machines()["no memory"].spectral_radius
    0.0
    """
    return {**_plain(), **_degenerate(), **_scaled(), **_growing()}


def _two_outputs() -> LinearGaussian:
    eye = np.eye(2)
    transition, emission = [[0.8, 0.3], [0.0, 0.5]], [[1.0, 0.5], [0.0, 1.0]]
    return LinearGaussian.from_state_space(transition, emission, eye, eye)


def _plain() -> dict[str, LinearGaussian]:
    rng = np.random.default_rng(20240229)
    six = tuple(0.2 * rng.standard_normal((6, 6)) for _ in range(3))
    eye = np.eye(2)
    return {
        "one state, one output": LinearGaussian.from_state_space([[0.9]], [[1]], [[1]], [[1]]),
        "two states, two outputs": _two_outputs(),
        "six states, six outputs": LinearGaussian(six[0], six[1], six[2], np.eye(6)),
        "one state, six outputs": LinearGaussian(
            [[0.5]],
            [[0.3, 0.2, -0.4, 0.1, 0.0, 0.6]],
            np.linspace(-0.5, 0.5, 6)[:, None],
            np.diag([1.0, 2, 3, 1, 2, 3]) + 0.2,
        ),
        "six states, one output": LinearGaussian(six[0], six[1][:, :1], six[2][:1], [[2.0]]),
        "detailed balance": LinearGaussian.from_var([[[0.5, 0.2], [0.2, 0.3]]], eye),
        "nearly reversible": LinearGaussian.from_var([[[0.5, 0.2 + 5e-8], [0.2 - 5e-8, 0.3]]], eye),
        "rotation": LinearGaussian.from_var([[[0.6, 0.7], [-0.7, 0.6]]], eye),
        "season of twelve": LinearGaussian.from_var(
            np.concatenate([np.zeros((11, 2, 2)), [[[0.6, 0.3], [-0.2, 0.5]]]]), eye
        ),
        "spectral radius 0.9999": LinearGaussian(
            [[0.5, 0.2], [0.0, 0.3]], eye, [[0.4999, -0.2], [0.0, 0.3]], eye
        ),
        "filter radius 0.999": LinearGaussian(
            [[0.999, 0.0], [0.1, 0.3]], 0.25 * eye, [[-0.8, 0.4], [0.3, -0.5]], eye
        ),
    }


def _degenerate() -> dict[str, LinearGaussian]:
    eye, zero = np.eye(2), np.zeros((2, 2))
    shift = [[0.0, 1.0], [0.0, 0.0]]
    return {
        "no memory": LinearGaussian(zero, eye, zero, eye),
        "nothing read": LinearGaussian(shift, zero, eye, eye),
        "nothing shown": LinearGaussian([[0.5, 0.1], [0.0, 0.4]], eye, zero, eye),
        "nilpotent filter": LinearGaussian(
            shift, [[0.5, 0.3], [0.2, 0.1]], [[0.5, 0.1], [-0.4, 0.3]], eye
        ),
        "nilpotent transition": LinearGaussian.from_var([shift], eye),
        "repeated eigenvalue": LinearGaussian(
            [[0.5, 1.0], [0.0, 0.5]], [[0.0, 0.0], [0.3, -0.2]], [[0.4, 0.0], [-0.3, 0.0]], eye
        ),
        "one input only": LinearGaussian(
            [[0.5, 0.2], [-0.1, 0.3]], [[0.4, 0.0], [0.3, 0.0]], [[0.5, 0.1], [-0.4, 0.3]], eye
        ),
        "hidden unstable state": LinearGaussian(
            [[0.5, 0.0], [0.2, 1.1]], [[0.3, 0.1], [0.1, 0.2]], [[0.4, 0.0], [-0.3, 0.0]], eye
        ),
    }


def _scaled() -> dict[str, LinearGaussian]:
    machine = _two_outputs()
    f, g, c, s = (
        machine.state_matrix,
        machine.input_matrix,
        machine.output_matrix,
        machine.innovation_cov,
    )
    wide, far = np.array([1e6, 1e-6]), np.array([1e8, 1e-8])
    return {
        "states scaled by 1e6 and 1e-6": LinearGaussian(
            f * wide[:, None] / wide, g * wide[:, None], c / wide, s
        ),
        "outputs scaled by 1e8 and 1e-8": LinearGaussian(
            f, g / far, c * far[:, None], s * np.outer(far, far)
        ),
        "everything tiny": LinearGaussian(f, g * 1e8, c * 1e-8, s * 1e-16),
        "near-singular, condition 1e6": LinearGaussian(f, g, c, _correlated(2e-6)),
        "near-singular, condition 1e12": LinearGaussian(f, g, c, _correlated(2e-12)),
    }


def _correlated(gap: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Unit variances and correlation 1 - gap."""
    return np.array([[1.0, 1.0 - gap], [1.0 - gap, 1.0]])


def _growing() -> dict[str, LinearGaussian]:
    eye = np.eye(2)
    return {
        "unit root, local level": LinearGaussian.from_state_space([[1]], [[1]], [[0.1]], [[1]]),
        "unit root, local trend": LinearGaussian.from_state_space(
            [[1, 1], [0, 1]], [[1, 0]], np.diag([0.1, 0.01]), [[1]]
        ),
        "unit root, two random walks": LinearGaussian.from_var([eye], [[1.0, 0.5], [0.5, 2.0]]),
        "unit root, on the circle": LinearGaussian.from_var([[[0.6, 0.8], [-0.8, 0.6]]], eye),
        "unstable transition": LinearGaussian(
            [[0.5, 0.2], [0.0, 0.3]], 0.7 * eye, [[0.8, 0.2], [0.1, 0.3]], eye
        ),
        "unstable filter": LinearGaussian(
            [[1.1, 0.2], [0.0, 0.3]], eye, [[-0.5, 0.2], [0.1, 0.3]], eye
        ),
    }
