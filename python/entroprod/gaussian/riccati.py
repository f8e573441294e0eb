"""Steady-state Kalman filter: the discrete algebraic Riccati equation, with causes for failures."""

from __future__ import annotations

import numpy as np
import scipy.linalg

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.covariances import are_definite
from entroprod.boundary.errors import NumericalError

# A mode closer than this to the unit circle, or a matrix closer to losing rank, relative to its
# norm, can't be told from a marginal one: a double root moves by sqrt(eps) in rounding.
_MARGIN = 1e-9

# Largest accepted residual of the Riccati equation, relative to its terms: the square root of
# rounding, where SciPy's and the doubling solution still converge under a few more iterations.
_ACCEPTED_RESIDUAL = 1e-8

_MAX_DOUBLINGS = 60
_POLISHING_STEPS = 3


def steady_state_gain(
    transition: FloatArray,
    emission: FloatArray,
    process_cov: FloatArray,
    obs_cov: FloatArray,
    cross_cov: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Predictor gain, (n, m), and innovation covariance S, (m, m), of the steady state.

    P = A P A^T + Q - G S G^T with S = C P C^T + R and the gain G = (A P C^T + N) S^-1, the
    stabilising solution. Without the cross covariance N the gain is A K. All is judged and solved
    in units of the typical size of each state and output, so that their own units don't matter.
    """
    given = np.zeros(emission.T.shape) if cross_cov is None else cross_cov
    with np.errstate(all="ignore"):  # what overflows is found and named
        states, outputs = _typical_sizes(transition, emission, process_cov, obs_cov)
        a = transition / states[:, np.newaxis] * states
        c = emission / outputs[:, np.newaxis] * states
        q = process_cov / states[:, np.newaxis] / states
        r = obs_cov / outputs[:, np.newaxis] / outputs
        cross = given / states[:, np.newaxis] / outputs
        _require_finite(a, c, q, r, cross)
        gain, s = _gain_in_units(a, c, q, r, cross)
        gain = gain * states[:, np.newaxis] / outputs
        s = s * outputs[:, np.newaxis] * outputs
    _require_finite(gain, s)
    if not (s.diagonal() >= np.finfo(np.float64).tiny).all():
        msg = (
            "the innovation covariance C P C^T + R underflows: choose smaller units of the outputs"
        )
        raise NumericalError(msg)
    return gain, s


def _gain_in_units(
    a: FloatArray, c: FloatArray, q: FloatArray, r: FloatArray, cross: FloatArray
) -> tuple[FloatArray, FloatArray]:
    _require_detectable(a, c)
    if not cross.any():
        _require_no_constant_mode(a, q)
    p = _solve(a, c, q, r, cross)
    for _ in range(_POLISHING_STEPS):
        p = _riccati_step(a, c, q, r, cross, p)
    gain, s = _gain(a, c, r, cross, p)
    radius = np.abs(np.linalg.eigvals(a - gain @ c)).max()
    if radius >= 1.0:
        msg = (
            "the Riccati equation of transition, emission, process_cov and obs_cov has no "
            f"stabilising solution: the filter would have an eigenvalue of modulus {radius:.10g}"
        )
        raise NumericalError(msg)
    return gain, s


def _typical_sizes(
    a: FloatArray, c: FloatArray, q: FloatArray, r: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Powers of two near the size of each state, (n,), and of each output, (m,).

    A state is measured by the noise that n steps bring to it; one that no noise reaches, by what
    the outputs show of it. Both change with the units as the state itself does.
    """
    n = len(a)
    _require_finite(a)
    radius = float(np.abs(np.linalg.eigvals(a)).max())
    # Without growth: no power may overflow, and all steps count alike.
    step = a / max(radius, 1.0)
    reached = _sum_of_steps(step, q, n)
    outputs = _nearest_power(np.sqrt((c @ reached @ c.T + r).diagonal()))
    shown = _sum_of_steps(step.T, c.T / outputs / outputs @ c, n)
    variances, information = reached.diagonal(), shown.diagonal()
    sizes = np.where(information > 0.0, 1.0 / np.sqrt(information), 1.0)
    states = _nearest_power(np.where(variances > 0.0, np.sqrt(variances), sizes))
    return states, outputs


def _sum_of_steps(step: FloatArray, first: FloatArray, n_steps: int) -> FloatArray:
    total = term = first
    for _ in range(n_steps - 1):
        term = step @ term @ step.T
        total = total + term
    return total


def _nearest_power(sizes: FloatArray) -> FloatArray:
    """Powers of two, by which a division is exact; 1 for 0."""
    _require_finite(sizes)
    powers: FloatArray = np.exp2(np.round(np.log2(np.where(sizes > 0.0, sizes, 1.0))))
    return powers


def _require_finite(*matrices: FloatArray) -> None:
    if not all(np.isfinite(matrix).all() for matrix in matrices):
        msg = (
            "the steady state of transition, emission, process_cov and obs_cov overflows: "
            "their entries are too large, or too far apart"
        )
        raise NumericalError(msg)


def _require_detectable(transition: FloatArray, emission: FloatArray) -> None:
    """Hautus test: no mode on or outside the unit circle may be invisible in the emission."""
    largest = np.abs(emission).max(axis=1, keepdims=True)
    # How much noise an output has doesn't decide whether it shows a mode.
    shown = emission / np.where(largest > 0.0, largest, 1.0)
    for value in np.linalg.eigvals(transition):
        if abs(value) < 1.0 - _MARGIN:
            continue
        stacked = np.vstack([transition - value * np.eye(len(transition)), shown])
        if _loses_rank(stacked):
            msg = (
                "transition and emission are undetectable: the observations don't show the mode "
                f"with eigenvalue {value:.6g} (modulus {abs(value):.6g}) of transition"
            )
            raise NumericalError(msg)


def _require_no_constant_mode(transition: FloatArray, process_cov: FloatArray) -> None:
    """A mode on the unit circle without noise has no stabilising filter: its gain fades to 0."""
    for value in np.linalg.eigvals(transition):
        if abs(abs(value) - 1.0) > _MARGIN:
            continue
        joined = np.hstack([transition - value * np.eye(len(transition)), process_cov])
        if _loses_rank(joined):
            msg = (
                "the Riccati equation has no stabilising solution: process_cov doesn't drive the "
                f"mode with eigenvalue {value:.6g} on the unit circle of transition"
            )
            raise NumericalError(msg)


def _loses_rank(matrix: FloatArray) -> bool:
    values = np.linalg.svd(matrix, compute_uv=False)
    return bool(values[-1] <= _MARGIN * values[0])


def _solve(
    a: FloatArray, c: FloatArray, q: FloatArray, r: FloatArray, cross: FloatArray
) -> FloatArray:
    """SciPy's solution; where it gives up, doubling."""
    s = cross if cross.any() else None
    try:
        p: FloatArray = np.asarray(scipy.linalg.solve_discrete_are(a.T, c.T, q, r, s=s), np.float64)
        if _relative_residual(a, c, q, r, cross, p) <= _ACCEPTED_RESIDUAL:
            return p
    except (np.linalg.LinAlgError, ValueError):
        pass  # an ill-conditioned pencil; the doubling below decides
    p = _double(a, c, q, r, cross)
    residual = _relative_residual(a, c, q, r, cross, p)
    if not residual <= _ACCEPTED_RESIDUAL:
        msg = (
            "the Riccati equation of transition, emission, process_cov and obs_cov could not be "
            f"solved: relative residual {residual:.3g}"
        )
        raise NumericalError(msg)
    return p


def _double(
    a: FloatArray, c: FloatArray, q: FloatArray, r: FloatArray, cross: FloatArray
) -> FloatArray:
    """Structure-preserving doubling (Chu, Fan, Lin and Wang 2004); needs a regular obs_cov."""
    if not are_definite(r):
        msg = (
            "the Riccati equation could not be solved: obs_cov is singular, and so is the pencil "
            "of transition, emission, process_cov and obs_cov"
        )
        raise NumericalError(msg)
    # With w - N R^-1 v in the place of w, the noises are independent.
    explained = np.linalg.solve(r, cross.T)
    step, observed, p = (a - explained.T @ c).T, c.T @ np.linalg.solve(r, c), q - cross @ explained
    identity = np.eye(len(a))
    for _ in range(_MAX_DOUBLINGS):
        inverse = np.linalg.inv(identity + observed @ p)
        step_over = step @ inverse
        change = step.T @ p @ inverse @ step
        observed = observed + step_over @ observed @ step.T
        step = step_over @ step
        p = p + 0.5 * (change + change.T)
        if not np.abs(change).max() > np.finfo(np.float64).eps * np.abs(p).max():
            break
    return p


def _innovation_cov(c: FloatArray, r: FloatArray, p: FloatArray) -> FloatArray:
    s = c @ p @ c.T + r
    s = 0.5 * (s + s.T)
    if not are_definite(s):
        msg = (
            "the innovation covariance C P C^T + R is singular: obs_cov is, and process_cov "
            "doesn't make up for it, so that some combination of the observations has no noise"
        )
        raise NumericalError(msg)
    return s


def _gain(
    a: FloatArray, c: FloatArray, r: FloatArray, cross: FloatArray, p: FloatArray
) -> tuple[FloatArray, FloatArray]:
    s = _innovation_cov(c, r, p)
    return np.asarray(np.linalg.solve(s, (a @ p @ c.T + cross).T).T, np.float64), s


def _riccati_step(
    a: FloatArray, c: FloatArray, q: FloatArray, r: FloatArray, cross: FloatArray, p: FloatArray
) -> FloatArray:
    gain, _ = _gain(a, c, r, cross, p)
    # Joseph's form, a sum of squares: nothing cancels where the filter follows the observations.
    left = a - gain @ c
    mixed = cross @ gain.T
    p = left @ p @ left.T + q + gain @ r @ gain.T - mixed - mixed.T
    return 0.5 * (p + p.T)


def _relative_residual(
    a: FloatArray, c: FloatArray, q: FloatArray, r: FloatArray, cross: FloatArray, p: FloatArray
) -> float:
    if not np.isfinite(p).all():
        return np.inf
    scale = max(float(np.abs(p).max()), float(np.abs(q).max()))
    if scale == 0.0:
        return 0.0
    return float(np.abs(_riccati_step(a, c, q, r, cross, p) - p).max()) / scale
