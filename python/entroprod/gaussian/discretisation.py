"""Memories in continuous time: their discretisation, and the HiPPO matrices to start from."""

from __future__ import annotations

from typing import Literal, TypeAlias

import numpy as np

from entroprod.boundary.arrays import ComplexArray, FloatArray, as_count, require_choice
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory

Discretisation: TypeAlias = Literal["zoh", "bilinear"]


def discretised(
    a: FloatArray, b: FloatArray, step: float, method: Discretisation
) -> tuple[FloatArray, FloatArray]:
    """Transition and input of one step of dh/dt = a h + b y."""
    require_choice(method, "method", "zoh", "bilinear")
    # Importing SciPy's signal processing takes as long as importing this package.
    from scipy.signal import cont2discrete

    nothing = np.zeros((1, len(a))), np.zeros((1, b.shape[1]))
    try:
        with np.errstate(all="ignore"):
            transition, gain, *_ = cont2discrete((a, b, *nothing), step, method)
    except np.linalg.LinAlgError:
        raise _no_bilinear(step) from None
    _require_finite(step, transition, gain)
    return transition, gain


def discretised_modes(
    eigenvalues: ComplexArray, b: ComplexArray, step: float, method: Discretisation
) -> tuple[ComplexArray, ComplexArray]:
    """The same for a diagonal a, (p,), and b, (p, m)."""
    require_choice(method, "method", "zoh", "bilinear")
    with np.errstate(all="ignore"):
        angle = step * eigenvalues
        if method == "zoh":
            moved = np.exp(angle)
            # (e^z - 1) / z, which is 1 at z = 0 and where z has no inverse in doubles.
            at_zero = np.abs(angle) < np.finfo(np.float64).tiny
            held = np.where(at_zero, 1.0, np.expm1(angle) / np.where(at_zero, 1.0, angle))
        else:
            rest = 1.0 - angle / 2
            if (rest == 0.0).any():
                raise _no_bilinear(step)
            moved = (1.0 + angle / 2) / rest
            held = 1.0 / rest
        gain = (step * held)[:, np.newaxis] * b
    _require_finite(step, moved, gain)
    return moved, gain


def _no_bilinear(step: float) -> NumericalError:
    return NumericalError(
        f"the bilinear discretisation doesn't exist: state_matrix has the eigenvalue "
        f"2 / step = {2.0 / step:g}"
    )


def _require_finite(step: float, *arrays: FloatArray | ComplexArray) -> None:
    if not all(np.isfinite(array).all() for array in arrays):
        msg = f"the discretisation overflows: state_matrix grows too much within a step of {step:g}"
        raise NumericalError(msg)


def hippo_legs(n_states: int) -> tuple[FloatArray, FloatArray]:
    """HiPPO-LegS: the memory dh/dt = A h + B y of scaled Legendre polynomials.

    Parameters
    ----------
    n_states : int
        n >= 1.

    Returns
    -------
    state_matrix : ndarray, (n, n)
        A: -sqrt(2i+1) sqrt(2k+1) below the diagonal, -(i+1) on it, 0 above.
    input_matrix : ndarray, (n, 1)
        B_i = sqrt(2i+1).

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    MemoryError
        If matrices of n^2 numbers don't fit.

    Notes
    -----
    Source: [GDERR20]_ theorem 2, without its factor 1 / t. Its eigenvectors are so close to
    dependent that A can't be diagonalised in double precision beyond ten states;
    :func:`s4d_legs` is the diagonal memory that is used in its place.

    Examples
    --------
    >>> import entroprod as ep
    >>> state_matrix, input_matrix = ep.hippo_legs(2)
    >>> state_matrix.round(6)
    array([[-1.      ,  0.      ],
           [-1.732051, -2.      ]])
    """
    n = as_count(n_states, "n_states")
    _require_memory(n, 4 * 8)
    root = np.sqrt(2.0 * np.arange(n) + 1.0)
    matrix = -np.tril(np.outer(root, root), -1) - np.diag(np.arange(n) + 1.0)
    return matrix, root[:, np.newaxis]


def s4d_legs(n_states: int) -> tuple[ComplexArray, FloatArray]:
    """S4D-LegS: the diagonal memory made of the normal part of :func:`hippo_legs`.

    Parameters
    ----------
    n_states : int
        n >= 2, even: the size of the real memory.

    Returns
    -------
    eigenvalues : ndarray, (n / 2,)
        One of each conjugate pair, -1/2 + i omega with omega > 0, by rising omega.
    input_matrix : ndarray, (n / 2, 1)
        B in the eigenvectors' basis, their phases chosen such that it is positive.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    MemoryError
        If matrices of n^2 numbers don't fit.

    Notes
    -----
    Source: [GGGR22]_ section 3: A = N - P P^T with P_i = sqrt(i + 1/2), and N + I/2 antisymmetric.

    Examples
    --------
    >>> import entroprod as ep
    >>> eigenvalues, input_matrix = ep.s4d_legs(4)
    >>> eigenvalues.round(4)
    array([-0.5+0.5565j, -0.5+4.6033j])
    """
    n = as_count(n_states, "n_states")
    if n % 2 == 1:
        msg = f"n_states must be even, got {n}"
        raise ValueError(msg)
    # The antisymmetric part, its eigenvectors and LAPACK's working memory are complex.
    _require_memory(n, 6 * 16)
    root = np.sqrt(np.arange(n) + 0.5)
    below = np.tril(np.outer(root, root), -1)
    # i times an antisymmetric matrix is Hermitian: eigenvalues to the last digit, orthogonal modes.
    frequencies, modes = np.linalg.eigh(1j * (below - below.T))
    upper = slice(n // 2, None)
    entered = np.abs(modes[:, upper].conj().T @ (np.sqrt(2.0) * root))
    return -0.5 + 1j * frequencies[upper], entered[:, np.newaxis]


def _require_memory(n: int, bytes_per_entry: int) -> None:
    require_memory(bytes_per_entry * n**2, "n_states", f"work on matrices of shape ({n}, {n})")
