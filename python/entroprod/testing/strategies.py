"""Hypothesis strategies that draw linear-Gaussian machines.

Entries are multiples of 1/16, so that examples shrink to small readable matrices and that
degenerate cases (zeros, equal rows, repeated eigenvalues, nilpotent matrices) come up often.
Sizes are given as one number, or as an inclusive pair.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from hypothesis.strategies import DrawFn, SearchStrategy

from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.structured import DiagonalSSM

Array = npt.NDArray[np.float64]
Size = int | tuple[int, int]

_GRID = 16
_SIZES = (1, 4)


def matrices(n_rows: int, n_columns: int, *, bound: float = 1.0) -> SearchStrategy[Array]:
    """(n_rows, n_columns) matrices with entries k/16 in [-bound, bound]; they shrink to zero."""
    steps = int(bound * _GRID)
    entries = st.integers(-steps, steps).map(lambda k: k / _GRID)
    return arrays(np.float64, (n_rows, n_columns), elements=entries)


@st.composite
def covariances(draw: DrawFn, size: int, *, spread: float = 4.0) -> Array:
    """(size, size) positive definite matrices L L^T; they shrink to the identity.

    L has k/16 below its diagonal and diagonal entries between 1/sqrt(spread) and sqrt(spread), so
    the product is exact, symmetric, and far from singular.
    """
    lower = np.tril(draw(matrices(size, size)), -1)
    edge = np.sqrt(spread)
    low, high = int(np.ceil(_GRID / edge)), int(_GRID * edge)
    # Shrinking heads for the first choice: one.
    entries = st.one_of(st.just(_GRID), st.integers(low, high)).map(lambda k: k / _GRID)
    diagonal = draw(st.lists(entries, min_size=size, max_size=size))
    factor = lower + np.diag(diagonal)
    cov: Array = factor @ factor.T
    return cov


@st.composite
def stable_machines(
    draw: DrawFn,
    *,
    n_states: Size = _SIZES,
    n_outputs: Size = _SIZES,
    max_spectral_radius: float = 0.95,
    max_filter_spectral_radius: float = 0.95,
) -> LinearGaussian:
    """Machines whose transition and filter are both stable, any n and m, n < m included.

    Parameters
    ----------
    n_states, n_outputs : int or (int, int), default (1, 4)
        n and m, or inclusive bounds for them.
    max_spectral_radius : float
        Bound for the eigenvalues of the transition A = F + G C, less than 1.
    max_filter_spectral_radius : float
        Bound for the eigenvalues of the state matrix F, less than 1.
    """
    n, m = draw(_sizes(n_states)), draw(_sizes(n_outputs))
    state = _shrunk_to(max_filter_spectral_radius, draw(matrices(n, n)))
    inputs, output = draw(matrices(n, m)), draw(matrices(m, n))
    # Halving the coupling leads from the stable F to a stable A, in finitely many exact steps.
    while _radius(state + inputs @ output) > max_spectral_radius:
        inputs, state = inputs / 2, state if _radius(state) <= max_spectral_radius else state / 2
    return LinearGaussian(state, inputs, output, draw(covariances(m)))


def scalar_machines(
    *, n_states: Size = _SIZES, max_spectral_radius: float = 0.95
) -> SearchStrategy[LinearGaussian]:
    """Stable machines with one output: their entropy production rate is exactly zero."""
    return stable_machines(n_states=n_states, n_outputs=1, max_spectral_radius=max_spectral_radius)


@st.composite
def reversible_machines(
    draw: DrawFn, *, n_outputs: Size = (2, 4), max_spectral_radius: float = 0.9
) -> LinearGaussian:
    """First-order autoregressions with symmetric coefficients and noise s I: the rate is zero."""
    m = draw(_sizes(n_outputs))
    square = draw(matrices(m, m))
    coefficients = _shrunk_to(max_spectral_radius, (square + square.T) / 2)
    variance = draw(st.integers(1, 4 * _GRID)) / _GRID
    return LinearGaussian.from_var(coefficients[None], variance * np.eye(m))


@st.composite
def nearly_reversible_machines(
    draw: DrawFn,
    *,
    n_outputs: Size = (2, 4),
    max_spectral_radius: float = 0.9,
    asymmetry: tuple[float, float] = (1e-8, 1e-3),
) -> LinearGaussian:
    """First-order autoregressions a little away from detailed balance.

    The coefficients are symmetric plus ``asymmetry`` times an antisymmetric matrix with unit
    entries, and the noise is the identity. The rate is of the order of the squared asymmetry, so
    that a difference of traces loses all its digits.
    """
    m = draw(_sizes(n_outputs))
    square = draw(matrices(m, m))
    symmetric = _shrunk_to(max_spectral_radius, (square + square.T) / 2)
    low, high = (float(np.log10(bound)) for bound in asymmetry)
    size = 10.0 ** draw(st.floats(low, high))
    skew = np.tril(np.ones((m, m)), -1)
    return LinearGaussian.from_var((symmetric + size * (skew - skew.T))[None], np.eye(m))


@st.composite
def rank_deficient_machines(
    draw: DrawFn, *, n_states: Size = (2, 4), n_outputs: Size = _SIZES
) -> LinearGaussian:
    """Stable machines with something missing.

    One of: no memory (C = 0), states that nothing drives (zero rows of G), states that nothing
    shows (zero columns of C), coupling of rank one, a nilpotent filter, two equal states.
    """
    machine = draw(stable_machines(n_states=n_states, n_outputs=n_outputs))
    state, inputs = machine.state_matrix.copy(), machine.input_matrix.copy()
    output, n = machine.output_matrix.copy(), machine.n_states
    defect = draw(st.sampled_from(["memory", "driven", "shown", "rank", "nilpotent", "equal"]))
    half = (n + 1) // 2
    if defect == "memory":
        output[:] = 0
    elif defect == "driven":
        inputs[half:] = 0
    elif defect == "shown":
        output[:, half:] = 0
    elif defect == "rank":
        inputs = np.outer(inputs[:, 0], np.ones(machine.n_outputs))
    elif defect == "nilpotent":
        state = np.triu(state, 1)
    else:
        state, inputs = np.diag(np.diag(state)), np.tile(inputs[:1], (n, 1))
    while _radius(state) > 0.95:
        state = state / 2
    while _radius(state + inputs @ output) > 0.95:
        inputs = inputs / 2
        state = state if _radius(state) <= 0.95 else state / 2
    return LinearGaussian(state, inputs, output, machine.innovation_cov)


@st.composite
def unit_root_machines(draw: DrawFn, *, n_outputs: Size = (1, 3)) -> LinearGaussian:
    """Local levels and local linear trends: A has eigenvalues exactly 1, the filter is stable.

    With steady-state gains k/16 (level) and l/16 (slope) per output and correlated innovations;
    all matrices are exact in binary, so that the unit roots are, too.
    """
    m = draw(_sizes(n_outputs))
    trend = draw(st.booleans())
    gains = draw(st.lists(st.integers(2, 14), min_size=m, max_size=m))
    level = np.diag(gains) / _GRID
    cov = draw(covariances(m))
    eye, zero = np.eye(m), np.zeros((m, m))
    if not trend:
        return LinearGaussian(eye - level, level, eye, cov)
    # A = [[1, 1], [0, 1]] per output, read through the level; the filter's characteristic
    # polynomial z^2 - (2 - k) z + 1 - k + l is stable for 0 < l < k.
    slope = level @ np.diag(draw(st.lists(st.integers(1, 12), min_size=m, max_size=m))) / _GRID
    transition = np.block([[eye, eye], [zero, eye]])
    inputs, output = np.concatenate([level, slope]), np.concatenate([eye, zero], axis=1)
    return LinearGaussian(transition - inputs @ output, inputs, output, cov)


@st.composite
def seasonal_machines(
    draw: DrawFn, *, period: Size = (2, 12), n_outputs: Size = (1, 3)
) -> LinearGaussian:
    """Autoregressions of which only the last coefficient, one season back, is not zero."""
    m, p = draw(_sizes(n_outputs)), draw(_sizes(period))
    last = _shrunk_to(0.9, draw(matrices(m, m)))
    coefficients = np.concatenate([np.zeros((p - 1, m, m)), last[None]])
    return LinearGaussian.from_var(coefficients, draw(covariances(m)))


@st.composite
def diagonal_machines(
    draw: DrawFn,
    *,
    n_real: Size = (0, 8),
    n_pairs: Size = (0, 8),
    n_outputs: Size = (1, 3),
    max_spectral_radius: float = 0.95,
) -> DiagonalSSM:
    """Diagonal state-space models, stable in transition and filter, of real modes and pairs.

    Parameters
    ----------
    n_real, n_pairs, n_outputs : int or (int, int)
        Numbers of real modes, of conjugate pairs, and of outputs, or inclusive bounds for them;
        without any mode there is one real one.
    max_spectral_radius : float
        Bound for the eigenvalues of the transition, less than 1. Those of the filter, multiples of
        1/16 in real and imaginary part, stay within 0.95.
    """
    real, pairs, m = draw(_sizes(n_real)), draw(_sizes(n_pairs)), draw(_sizes(n_outputs))
    real = real or int(pairs == 0)
    p = real + pairs
    single = st.integers(-15, 15).map(lambda k: complex(k / _GRID))
    turning = st.tuples(st.integers(-12, 12), st.integers(1, 9))
    modes = [draw(single) for _ in range(real)]
    modes += [complex(a / _GRID, b / _GRID) for a, b in (draw(turning) for _ in range(pairs))]
    complex_part = np.zeros((p, 1))
    complex_part[real:] = 1.0
    inputs = draw(matrices(p, m)) + 1j * complex_part * draw(matrices(p, m))
    output = draw(matrices(m, p)) + 1j * complex_part.T * draw(matrices(m, p))
    cov = draw(covariances(m))
    machine = DiagonalSSM(modes, inputs, output, cov)
    # Halving the coupling leads to the stable filter.
    while _radius(machine.transition) > max_spectral_radius:
        inputs = inputs / 2
        machine = DiagonalSSM(modes, inputs, output, cov)
    return machine


@st.composite
def unstable_machines(
    draw: DrawFn,
    *,
    n_states: Size = _SIZES,
    n_outputs: Size = _SIZES,
    spectral_radius: tuple[float, float] = (1.02, 1.25),
) -> LinearGaussian:
    """Machines whose transition has one eigenvalue outside the unit circle; the filter is stable.

    Valid for any finite number of steps, but without a stationary state, and so without a rate.
    """
    machine = draw(stable_machines(n_states=n_states, n_outputs=n_outputs))
    growth = draw(st.floats(*spectral_radius))
    n, m = machine.n_states, machine.n_outputs
    # One more state, apart from the others, that doubles back on itself through the first output.
    state = np.zeros((n + 1, n + 1))
    state[:n, :n] = machine.state_matrix
    inputs = np.concatenate([machine.input_matrix, np.eye(1, m)])
    output = np.concatenate([machine.output_matrix, np.zeros((m, 1))], axis=1)
    output[0, n] = growth
    # The other states must not read that output: the eigenvalue is then the growth itself.
    inputs[:n, 0] = 0
    while _radius(state + inputs @ output) > growth:
        inputs[:n] /= 2
    return LinearGaussian(state, inputs, output, machine.innovation_cov)


def _sizes(size: Size) -> SearchStrategy[int]:
    return st.just(size) if isinstance(size, int) else st.integers(*size)


def _radius(matrix: Array) -> float:
    return float(np.max(np.abs(np.linalg.eigvals(matrix))))


def _shrunk_to(radius: float, matrix: Array) -> Array:
    """The matrix, halved until its eigenvalues are within ``radius``: exact in binary."""
    while _radius(matrix) > radius:
        matrix = matrix / 2
    return matrix
