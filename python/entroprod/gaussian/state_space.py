"""A machine written as others write it: gains, state spaces, objects of other libraries."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from entroprod.boundary.arrays import FloatArray, as_matrix
from entroprod.boundary.errors import NumericalError
from entroprod.results.registry import storable

# Largest accepted |A K - G| relative to |G|: far above the rounding of a backward stable least
# squares solution, far below a gain that the range of A can't reach.
_GAIN_RESIDUAL = 1e-10


@storable
class StateSpace(NamedTuple):
    """State-space model x_{t+1} = A x_t + w_t, y_t = C x_t + v_t with white noises w and v.

    Unpacks in the order of :meth:`LinearGaussian.from_state_space
    <entroprod.LinearGaussian.from_state_space>`.

    Parameters
    ----------
    transition : ndarray, (n, n)
        A.
    emission : ndarray, (m, n)
        C.
    process_cov : ndarray, (n, n)
        Covariance of w.
    obs_cov : ndarray, (m, m)
        Covariance of v.
    cross_cov : ndarray, (n, m)
        E[w_t v_t^T].

    Examples
    --------
    >>> import entroprod as ep
    >>> m = ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]])
    >>> ep.LinearGaussian.from_state_space(*m.to_state_space())
    LinearGaussian(n_states=1, n_outputs=1, spectral_radius=0.9)
    """

    transition: FloatArray
    emission: FloatArray
    process_cov: FloatArray
    obs_cov: FloatArray
    cross_cov: FloatArray


class StateSpaceForms:
    """What a machine with F, G, C and S is in the forms of others; none of them is kept."""

    state_matrix: FloatArray
    input_matrix: FloatArray
    output_matrix: FloatArray
    innovation_cov: FloatArray

    @cached_property
    def transition(self) -> FloatArray:
        """A = F + G C, (n, n): the transition of the memory under the machine's own noise."""
        matrix = self.state_matrix + self.input_matrix @ self.output_matrix
        matrix.flags.writeable = False
        return matrix

    @property
    def predictor_gain(self) -> FloatArray:
        """G, (n, m), of the one-step prediction h_{t+1} = A h_t + G (y_t - C h_t)."""
        return self.input_matrix

    @property
    def filter_gain(self) -> FloatArray:
        """K, (n, m), of the update h + K (y - C h), which the transition A turns into G = A K.

        The smallest one if A is singular. NumericalError if no K gives G: a prediction that isn't
        an updated state carried on by A.
        """
        gain = np.asarray(np.linalg.lstsq(self.transition, self.input_matrix, rcond=None)[0])
        missed = np.abs(self.transition @ gain - self.input_matrix).max()
        if missed > _GAIN_RESIDUAL * np.abs(self.input_matrix).max():
            rank = np.linalg.matrix_rank(self.transition)
            msg = (
                "the machine has no filter gain K with G = A K: the transition A is singular "
                f"(rank {rank} of {len(self.transition)}) and doesn't reach input_matrix G, "
                "which is the predictor gain"
            )
            raise NumericalError(msg)
        return gain

    def to_state_space(self) -> StateSpace:
        """State space of the machine, both of whose noises are made of the innovations.

        Returns
        -------
        StateSpace
            ``transition`` A, ``emission`` C, ``process_cov`` G S G^T, ``obs_cov`` S, ``cross_cov``
            G S. Its state is the memory, which is known: x_1 = 0.

        Notes
        -----
        The innovations form ([AM79]_ section 9.3): w = G e, v = e. The steady-state filter of the
        result is this machine if F is stable; otherwise it is the one with the same spectrum whose
        memory fades.

        Examples
        --------
        >>> import entroprod as ep
        >>> ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]]).to_state_space().cross_cov
        array([[1.]])
        """
        cross = self.input_matrix @ self.innovation_cov
        process = cross @ self.input_matrix.T
        return StateSpace(
            self.transition,
            self.output_matrix,
            0.5 * (process + process.T),
            self.innovation_cov,
            cross,
        )

    def to_scipy(self) -> Any:
        """Discrete-time system whose input is the innovation e: ``scipy.signal.StateSpace``.

        Returns
        -------
        scipy.signal.StateSpace
            (A, G, C, I) with dt = 1. The covariance of e has no place in it.

        Notes
        -----
        x_{t+1} = A x_t + G e_t, y_t = C x_t + e_t. Back: :func:`entroprod.from_scipy`.

        Examples
        --------
        >>> import entroprod as ep
        >>> ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]]).to_scipy().A
        array([[0.9]])
        """
        import scipy.signal

        return scipy.signal.StateSpace(*self._system(), dt=1.0)

    def to_control(self) -> Any:
        """Discrete-time system whose input is the innovation e: ``control.StateSpace``.

        Returns
        -------
        control.StateSpace
            (A, G, C, I) with dt = True. The covariance of e has no place in it.

        Raises
        ------
        ImportError
            Without python-control.

        Notes
        -----
        Back: :func:`entroprod.from_control` with process_cov = S and obs_cov = 0.

        Examples
        --------
        >>> import entroprod as ep
        >>> ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]]).to_control().nstates
        1
        """
        try:
            import control
        except ImportError:
            msg = 'to_control needs python-control: pip install "entroprod[control]"'
            raise ImportError(msg) from None
        return control.ss(*self._system(), True)

    def to_statsmodels(self) -> Any:
        """State space of statsmodels with the same law from the first step on.

        Returns
        -------
        statsmodels.tsa.statespace.kalman_smoother.KalmanSmoother
            With n + m states: the memory h and the innovation e. ``bind`` data of shape (T, m) to
            it; ``loglike`` then agrees with :meth:`log_prob`.

        Raises
        ------
        ImportError
            Without statsmodels.

        Notes
        -----
        statsmodels keeps the noises of state and observation apart, so e joins the state:
        y_t = [C I] a_t without noise, a_{t+1} = [[A, G], [0, 0]] a_t + [0; I] e_{t+1}. The initial
        state is known: h_1 = 0.

        Examples
        --------
        >>> import entroprod as ep
        >>> m = ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]])
        >>> y = m.sample(2, rng=0)[0]
        >>> kalman = m.to_statsmodels()
        >>> kalman.bind(y)
        >>> print(f"{kalman.loglike() - m.log_prob(y).sum():.6f}")
        0.000000
        """
        try:
            from statsmodels.tsa.statespace.kalman_smoother import KalmanSmoother
        except ImportError:
            msg = 'to_statsmodels needs statsmodels: pip install "entroprod[series]"'
            raise ImportError(msg) from None
        m, n = self.output_matrix.shape
        kalman: Any = KalmanSmoother(m, n + m, k_posdef=m)
        kalman["design"] = np.hstack([self.output_matrix, np.eye(m)])
        kalman["transition"] = np.block(
            [[self.transition, self.input_matrix], [np.zeros((m, n)), np.zeros((m, m))]]
        )
        kalman["selection"] = np.eye(n + m, m, k=-n)
        kalman["state_cov"] = self.innovation_cov
        initial = np.zeros((n + m, n + m))
        initial[n:, n:] = self.innovation_cov
        kalman.initialize_known(np.zeros(n + m), initial)
        return kalman

    def _system(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        """(A, G, C, I): from innovations to outputs."""
        through = np.eye(len(self.output_matrix))
        return self.transition, self.input_matrix, self.output_matrix, through


def as_dynamics(transition: ArrayLike, emission: ArrayLike) -> tuple[FloatArray, FloatArray]:
    """A, (n, n), and C, (m, n), from a caller's arguments."""
    a = as_matrix(transition, "transition", (None, None))
    n = a.shape[0]
    return as_matrix(a, "transition", (n, n)), as_matrix(emission, "emission", (None, n))
