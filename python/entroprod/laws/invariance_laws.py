"""Invariance: coordinates of the memory and of the output do not matter."""

from __future__ import annotations

import numpy as np

from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.laws.gaussian_case import GaussianCase, state_scales
from entroprod.laws.gaussian_pair_case import Array
from entroprod.laws.law import law
from entroprod.laws.measurement import Measurement
from entroprod.questions import production

_WHY = "rounding of the transformed matrices, by how S_y moves when they are nudged"
# Singular values of a random basis lie between 1 and this: mixing, but hardly amplifying.
_BASIS_CONDITION = 2.0


@law("S_y does not depend on the basis of the state", _WHY, on=GaussianCase)
def state_basis(case: GaussianCase) -> Measurement:
    """S_y of the machine in a random basis of its memory, against S_y."""
    machine = case.machine
    forth, back = _basis(case, 1 / state_scales(machine, case.n_steps))
    return _compare(
        case,
        LinearGaussian(
            forth @ machine.state_matrix @ back,
            forth @ machine.input_matrix,
            machine.output_matrix @ back,
            machine.innovation_cov,
        ),
    )


@law("S_y does not depend on the basis of the output", _WHY, on=GaussianCase)
def output_basis(case: GaussianCase) -> Measurement:
    """S_y of the machine with its outputs mixed by a random invertible matrix, against S_y."""
    machine = case.machine
    forth, back = _basis(case, 1 / np.sqrt(np.diag(machine.innovation_cov)))
    cov = forth @ machine.innovation_cov @ forth.T
    return _compare(
        case,
        LinearGaussian(
            machine.state_matrix,
            machine.input_matrix @ back,
            forth @ machine.output_matrix,
            (cov + cov.T) / 2,
        ),
    )


def _basis(case: GaussianCase, scales: Array) -> tuple[Array, Array]:
    """A random well-conditioned matrix after unit scaling, and its inverse."""
    rng = np.random.default_rng(case.seed)
    left, _ = np.linalg.qr(rng.standard_normal((scales.size, scales.size)))
    right, _ = np.linalg.qr(rng.standard_normal((scales.size, scales.size)))
    stretch = rng.uniform(1.0, _BASIS_CONDITION, scales.size)
    forth = left * stretch @ right
    return forth * scales, (right.T / stretch @ left.T) / scales[:, None]


def _compare(case: GaussianCase, transformed: LinearGaussian) -> Measurement:
    def total(machine: LinearGaussian) -> float:
        return production.entropy_production(machine, case.n_steps).total

    root = np.sqrt(max(0.0, case.total))
    moved = case.root_sensitivity(transformed, total)
    return Measurement(
        abs(total(transformed) - case.total),
        2 * root * moved + moved**2 + 2 * case.total_error,
        case.scale,
    )
