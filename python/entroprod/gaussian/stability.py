"""Eigenvalues, and whether rounding can tell them from the unit circle."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import scipy.linalg
from numpy.typing import NDArray

from entroprod.boundary.arrays import FloatArray

ComplexArray: TypeAlias = NDArray[np.complex128]

# Eigenvalues this close may be one defective eigenvalue, torn apart by rounding: eps^(1/16).
_CLUSTER_RADIUS = 0.1
# No error that is allowed for here, twice, takes an eigenvalue of smaller modulus to the circle.
SURELY_STABLE = 1.0 - 2.0 * _CLUSTER_RADIUS
# The first-order error of a simple eigenvalue is a bound up to a small factor only.
_SLACK = 4.0
# Imaginary parts below this are rounding of a real eigenvalue, relative to its modulus.
_REAL = 1e-12


def sorted_eigenvalues(matrix: FloatArray) -> ComplexArray:
    """Eigenvalues by falling modulus, read-only."""
    values = np.linalg.eigvals(matrix).astype(np.complex128)
    values = values[np.argsort(-np.abs(values), kind="stable")]
    values.flags.writeable = False
    return values


def marginal_eigenvalue(matrix: FloatArray) -> complex | None:
    """Eigenvalue that rounding can't tell from one on or outside the unit circle, if any.

    The error of a simple eigenvalue is eps |A| / |y^H x| with its normed eigenvectors (Golub and
    Van Loan 2013, section 7.2.2); a double unit root, as of a trend, is known to about 1e-8 only.
    """
    if np.abs(np.linalg.eigvals(matrix)).max() < SURELY_STABLE:
        return None
    # Balancing makes the answer independent of the units of the memory and the outputs.
    balanced = np.asarray(scipy.linalg.matrix_balance(matrix, permute=False)[0], np.float64)
    decomposition: Any = scipy.linalg.eig(balanced, left=True, right=True)
    values, left, right = decomposition
    epsilon = float(np.finfo(np.float64).eps)
    size = float(np.linalg.norm(balanced))
    overlap = np.abs(np.sum(left.conj() * right, axis=0))
    with np.errstate(divide="ignore"):
        simple = _SLACK * epsilon * size / overlap
    # A k-fold defective eigenvalue is off by no more than about eps^(1/k).
    near = np.abs(values[:, np.newaxis] - values) <= _CLUSTER_RADIUS
    defective = (epsilon * max(size, 1.0)) ** (1.0 / np.count_nonzero(near, axis=1))
    error = np.minimum(np.minimum(simple, defective), _CLUSTER_RADIUS)
    marginal = np.flatnonzero(np.abs(values) + error >= 1.0)
    if marginal.size == 0:
        return None
    return complex(values[marginal[np.argmax(np.abs(values[marginal]))]])


def readable(value: complex) -> str:
    """A number as text, without an imaginary part at rounding level."""
    if abs(value.imag) <= _REAL * abs(value):
        return f"{value.real:.10g}"
    return f"{value.real:.6g}{value.imag:+.6g}j"
