"""Machines from the objects of other libraries: statsmodels, python-control, SciPy."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from entroprod.boundary.arrays import FloatArray, as_matrix
from entroprod.boundary.covariances import as_covariance
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.riccati import steady_state_gain

# What of a direction is left after projection on the driven states, relative to its length, that
# counts as rounding; as for the ranks in the Riccati equation.
_DRIVEN = 1e-9

# A mode this close to the unit circle keeps its size: rounding moves a double root, as of a trend,
# by about 1e-8.
_ON_CIRCLE = 1e-6


def from_statsmodels(results: Any) -> LinearGaussian:
    """Machine of a fitted statsmodels model: the fluctuations around its mean.

    Parameters
    ----------
    results : statsmodels results
        Of VAR, or of any state-space model whose matrices don't change with time (VARMAX, SARIMAX,
        UnobservedComponents, DynamicFactor, your own MLEModel), or the FilterResults of a Kalman
        filter. Nothing of the data is used.

    Returns
    -------
    LinearGaussian
        VAR: the companion form, with the residual covariance ``sigma_u`` (that with degrees of
        freedom taken off). State space: the steady-state filter.

    Raises
    ------
    TypeError
        If ``results`` is something else.
    ValueError
        Naming the matrix that changes with time, as with exogenous regressors or a trend that
        enters through an intercept; or if a VAR has exogenous regressors.
    NumericalError
        If there is no steady-state filter, naming the cause.
    ImportError
        Without statsmodels.

    Notes
    -----
    statsmodels has y_t = d + Z a_t + eps_t, a_{t+1} = c + T a_t + R eta_t, which is
    :meth:`LinearGaussian.from_state_space` with A = T, C = Z, and the covariances R Q R^T and H.

    Entropy production is that of the fluctuations: a mean that doesn't change is the same in both
    directions. Left out, as part of the mean, are constant intercepts; all deterministic terms of
    a VAR, trends included; and states which keep their size but which no noise drives (a fixed
    level, slope or season): known functions of time, once they have been learnt. A series around a
    trend isn't reversible as it stands; what is measured is the series with its trend removed.

    How a fit was initialised, diffuse or not, doesn't matter for the steady state.

    Examples
    --------
    >>> import numpy as np
    >>> from statsmodels.tsa.api import VAR
    >>> import entroprod as ep
    >>> data = np.random.default_rng(0).standard_normal((200, 2))
    >>> machine = ep.from_statsmodels(VAR(data).fit(1))
    >>> machine.n_states, machine.n_outputs
    (2, 2)
    """
    try:
        from statsmodels.tsa.statespace.kalman_filter import FilterResults
        from statsmodels.tsa.statespace.mlemodel import MLEResults
        from statsmodels.tsa.vector_ar.var_model import VARResults
    except ImportError:
        msg = 'from_statsmodels needs statsmodels: pip install "entroprod[series]"'
        raise ImportError(msg) from None
    fitted = getattr(results, "_results", results)  # unwraps statsmodels' ResultsWrapper
    if isinstance(fitted, VARResults):
        return _from_var_results(fitted)
    if isinstance(fitted, MLEResults):
        return _from_filter_results(fitted.filter_results)
    if isinstance(fitted, FilterResults):
        return _from_filter_results(fitted)
    msg = (
        "results must be fitted results of statsmodels' VAR or of a state-space model, "
        f"got {type(results).__module__}.{type(results).__qualname__}"
    )
    raise TypeError(msg)


def from_control(system: Any, process_cov: ArrayLike, obs_cov: ArrayLike) -> LinearGaussian:
    """Machine of a python-control system driven by white noise through all of its inputs.

    x_{t+1} = A x_t + B w_t, y_t = C x_t + D w_t + v_t: with D = 0 the model of
    ``control.dlqe(system, QN, RN)``, whose gain is the predictor gain of the machine.

    Parameters
    ----------
    system : control.StateSpace
        In discrete time, with k inputs, m outputs, n states.
    process_cov : array_like, (k, k)
        QN, covariance of w; positive semidefinite.
    obs_cov : array_like, (m, m)
        RN, covariance of v, which is independent of w; positive semidefinite.

    Returns
    -------
    LinearGaussian
        The steady-state filter.

    Raises
    ------
    TypeError
        If ``system`` isn't a control.StateSpace.
    ValueError
        If ``system`` has continuous or unspecified time or no states, or naming the covariance.
    NumericalError
        If there is no steady-state filter, naming the cause.
    ImportError
        Without python-control.

    Notes
    -----
    ``dlqe`` leaves D out of account. Here noise that reaches the output through D is part of the
    observation noise and correlated with that of the state (:meth:`LinearGaussian.from_state_space`
    with ``cross_cov``). Of a system with control inputs, pass the part that noise drives:
    ``control.ss(A, G, C, 0, True)``; known inputs move the mean, not the fluctuations.

    Examples
    --------
    >>> import control
    >>> import entroprod as ep
    >>> system = control.ss([[0.9]], [[1.0]], [[1.0]], [[0.0]], True)
    >>> machine = ep.from_control(system, [[1.0]], [[1.0]])
    >>> gain, _, _ = control.dlqe(system, [[1.0]], [[1.0]])
    >>> print(f"{machine.predictor_gain[0, 0]:.8f} {gain[0, 0]:.8f}")
    0.53766656 0.53766656
    """
    try:
        import control
    except ImportError:
        msg = 'from_control needs python-control: pip install "entroprod[control]"'
        raise ImportError(msg) from None
    if not isinstance(system, control.StateSpace):
        msg = (
            f"system must be a control.StateSpace, got {type(system).__qualname__}; "
            "control.ss converts a transfer function"
        )
        raise TypeError(msg)
    if system.dt is None:
        msg = "system must be in discrete time, but its dt is None (unspecified): set dt=True"
        raise ValueError(msg)
    if system.dt == 0:
        msg = (
            "system must be in discrete time, but has dt = 0 (continuous): "
            "discretise it, for example with control.sample_system"
        )
        raise ValueError(msg)
    if system.nstates == 0:
        msg = "system must have at least one state, got none"
        raise ValueError(msg)
    noise = as_covariance(process_cov, "process_cov", system.ninputs, definite=False)
    obs = as_covariance(obs_cov, "obs_cov", system.noutputs, definite=False)
    a, b, c, d = (
        as_matrix(getattr(system, name), f"system.{name}", (None, None)) for name in "ABCD"
    )
    obs = _symmetric(obs + d @ noise @ d.T)
    return _steady_state(a, c, _symmetric(b @ noise @ b.T), obs, b @ noise @ d.T)


def from_scipy(system: Any, input_cov: ArrayLike) -> LinearGaussian:
    """Machine of a discrete-time SciPy system whose input is white noise.

    x_{t+1} = A x_t + B u_t, y_t = C x_t + D u_t from x_1 = 0, with as many inputs as outputs and D
    invertible, so that the input can be told from the output: the innovations are e = D u. An
    ARMA process is such a system.

    Parameters
    ----------
    system : scipy.signal.dlti
        StateSpace, TransferFunction or ZerosPolesGain in discrete time, with m outputs.
    input_cov : array_like, (m, m)
        Covariance of u; positive definite. The innovation covariance if D = I.

    Returns
    -------
    LinearGaussian
        F = A - B D^-1 C, G = B D^-1, C, S = D input_cov D^T.

    Raises
    ------
    TypeError
        If ``system`` isn't a scipy.signal.dlti.
    ValueError
        If ``system`` is in continuous time, D isn't square and invertible, or naming the matrix.

    Notes
    -----
    A system with a zero outside the unit circle (an MA part that can't be inverted) is taken as it
    stands: from a known start the input can be told from the output all the same, though the memory
    never fades, so that the machine has no rate.

    Examples
    --------
    The ARMA(1, 1) process y_t = 0.9 y_{t-1} + u_t + 0.5 u_{t-1}:

    >>> import scipy.signal
    >>> import entroprod as ep
    >>> ep.from_scipy(scipy.signal.dlti([1.0, 0.5], [1.0, -0.9]), [[2.0]])
    LinearGaussian(n_states=1, n_outputs=1, spectral_radius=0.9)
    """
    import scipy.signal

    if isinstance(system, scipy.signal.lti):
        msg = "system must be in discrete time, got a continuous one: discretise it (to_discrete)"
        raise ValueError(msg)
    if not isinstance(system, scipy.signal.dlti):
        msg = f"system must be a scipy.signal.dlti, got {type(system).__qualname__}"
        raise TypeError(msg)
    try:
        form: Any = system if isinstance(system, scipy.signal.StateSpace) else system.to_ss()
    except ValueError as error:
        msg = f"system must have a state-space form: {error}"
        raise ValueError(msg) from None
    a, b, c, d = (as_matrix(getattr(form, name), f"system.{name}", (None, None)) for name in "ABCD")
    m = len(d)
    largest = np.abs(d).max(axis=1, keepdims=True)
    rank = np.linalg.matrix_rank(d / np.where(largest > 0.0, largest, 1.0))  # in any units of y
    if d.shape != (m, m) or rank < m:
        msg = (
            "system must pass its input on at once: its feedthrough D must be square and "
            f"invertible, got rank {rank} of shape {d.shape}; where the input can't be told from "
            "the output use LinearGaussian.from_state_space"
        )
        raise ValueError(msg)
    cov = as_covariance(input_cov, "input_cov", m, definite=True)
    gain = np.linalg.solve(d.T, b.T).T
    return LinearGaussian.from_predictor_gain(a, c, gain, _symmetric(d @ cov @ d.T))


def _from_var_results(fitted: Any) -> LinearGaussian:
    if fitted.k_exog_user:
        msg = (
            f"results must be of a VAR without exogenous regressors, got {fitted.k_exog_user}: "
            "they make its law change with time"
        )
        raise ValueError(msg)
    if fitted.k_ar == 0:
        return _white_noise(np.asarray(fitted.sigma_u, np.float64))
    return LinearGaussian.from_var(fitted.coefs, fitted.sigma_u)


def _from_filter_results(fitted: Any) -> LinearGaussian:
    """Steady-state filter of statsmodels' matrices as they were when the data were filtered."""
    for name in ("obs_intercept", "state_intercept"):
        _constant(fitted, name)
    z, t, selection = (
        as_matrix(_constant(fitted, name), f"results' {name}", (None, None))
        for name in ("design", "transition", "selection")
    )
    noise, obs = (
        as_covariance(_constant(fitted, name), f"results' {name}", None, definite=False)
        for name in ("state_cov", "obs_cov")
    )
    driven = _driven_states(t, selection, noise)
    if driven is not None:
        if driven.shape[1] == 0:
            return _white_noise(obs)
        t, z, selection = driven.T @ t @ driven, z @ driven, driven.T @ selection
    return _steady_state(t, z, _symmetric(selection @ noise @ selection.T), obs, None)


def _constant(fitted: Any, name: str) -> Any:
    """A system array without its time axis, which is the last."""
    values = np.asarray(getattr(fitted, name))
    if (values != values[..., :1]).any():
        msg = (
            f"results must be of a model whose matrices don't change with time, but {name} does "
            f"(shape {values.shape}, time last): exogenous regressors, or a trend in an intercept"
        )
        raise ValueError(msg)
    return values[..., 0]


def _driven_states(
    transition: FloatArray, selection: FloatArray, noise: FloatArray
) -> FloatArray | None:
    """Orthonormal basis, (n, r), of the states that noise reaches.

    None if there is nothing to leave out: all others die out by themselves, or one of them grows,
    which no observation makes known for good.
    """
    n = len(transition)
    basis = np.zeros((n, 0))
    spread = np.sqrt(noise.diagonal())
    units = np.where(spread > 0.0, spread, 1.0)
    values, vectors = np.linalg.eigh(noise / np.outer(units, units))
    independent = units[:, np.newaxis] * vectors[:, values > len(noise) * np.finfo(float).eps]
    fresh = selection @ (independent / np.linalg.norm(independent, axis=0))
    while fresh.shape[1] and basis.shape[1] < n:
        lengths = np.linalg.norm(fresh, axis=0)
        fresh = fresh[:, lengths > 0.0] / lengths[lengths > 0.0]
        for _ in range(2):  # once more for what cancellation left
            fresh = fresh - basis @ (basis.T @ fresh)
        left, sizes, _ = np.linalg.svd(fresh, full_matrices=False)
        fresh = left[:, sizes > _DRIVEN]
        basis = np.hstack([basis, fresh])
        fresh = transition @ fresh
    rest = np.linalg.qr(basis, mode="complete")[0][:, basis.shape[1] :]
    modulus = np.abs(np.linalg.eigvals(rest.T @ transition @ rest))
    largest = modulus.max(initial=0.0)
    return basis if abs(largest - 1.0) <= _ON_CIRCLE else None


def _steady_state(
    a: FloatArray, c: FloatArray, q: FloatArray, r: FloatArray, cross: FloatArray | None
) -> LinearGaussian:
    gain, innovation_cov = steady_state_gain(a, c, q, r, cross)
    return LinearGaussian.from_predictor_gain(a, c, gain, innovation_cov)


def _white_noise(cov: FloatArray) -> LinearGaussian:
    """Independent observations: a memory of one state which stays 0 and shows nowhere."""
    m = len(cov)
    return LinearGaussian(np.zeros((1, 1)), np.zeros((1, m)), np.zeros((m, 1)), cov)


def _symmetric(matrix: FloatArray) -> FloatArray:
    return 0.5 * (matrix + matrix.T)
