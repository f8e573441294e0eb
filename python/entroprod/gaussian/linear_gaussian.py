"""Linear-Gaussian machines: Kalman filters, linear state-space models, vector autoregressions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from entroprod.boundary.arrays import (
    FloatArray,
    as_count,
    as_float_array,
    as_matrix,
    as_positive,
    as_thread_count,
    equal_arrays,
    hash_arrays,
)
from entroprod.boundary.covariances import as_covariance
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.progress import Progress, reporting
from entroprod.boundary.randomness import RandomSource, draw_key
from entroprod.boundary.sequences import Reads, read_paths
from entroprod.gaussian import core
from entroprod.gaussian.discretisation import Discretisation, discretised
from entroprod.gaussian.riccati import steady_state_gain
from entroprod.gaussian.stability import (
    ComplexArray,
    marginal_eigenvalue,
    readable,
    sorted_eigenvalues,
)
from entroprod.gaussian.state_space import StateSpaceForms, as_dynamics
from entroprod.gaussian.time_varying import TimeVaryingLinearGaussian
from entroprod.results.registry import storable
from entroprod.results.stored import Remade


@storable
@dataclass(frozen=True, eq=False, repr=False)
class LinearGaussian(StateSpaceForms, Remade):
    """Linear-Gaussian autoregressive machine in canonical (innovations) form.

    With a memory h of size n and observations y of size m,

        y_t = C h_t + e_t,  e_t ~ N(0, S),  h_{t+1} = F h_t + G y_t,  h_1 = 0.

    Immutable; equal machines have equal matrices. Unit roots and unstable machines are valid: only
    what needs a stationary state refuses them.

    Parameters
    ----------
    state_matrix : array_like, (n, n)
        F, which carries the memory on. For a Kalman filter A - A K C.
    input_matrix : array_like, (n, m)
        G, by which an observation enters the memory. For a Kalman filter the predictor gain A K.
    output_matrix : array_like, (m, n)
        C, which predicts the observation from the memory.
    innovation_cov : array_like, (m, m)
        S, covariance of the innovations; symmetric and positive definite.

    Raises
    ------
    ValueError, TypeError
        Naming the argument that has a wrong shape or dtype, isn't finite, or is no covariance.

    Notes
    -----
    Source: [S26]_ section 6. The generative transition is A = F + G C.

    Examples
    --------
    >>> import entroprod as ep
    >>> ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]])
    LinearGaussian(n_states=1, n_outputs=1, spectral_radius=0.9)
    """

    state_matrix: FloatArray
    input_matrix: FloatArray
    output_matrix: FloatArray
    innovation_cov: FloatArray
    # NaN is a missing observation.
    reads_missing: ClassVar[bool] = True
    if TYPE_CHECKING:  # no field: the core's machine can't be copied, nor turned into data
        _kernel: core.Kernel

    def __init__(
        self,
        state_matrix: ArrayLike,
        input_matrix: ArrayLike,
        output_matrix: ArrayLike,
        innovation_cov: ArrayLike,
    ) -> None:
        state = as_matrix(state_matrix, "state_matrix", (None, None))
        n = state.shape[0]
        state = as_matrix(state, "state_matrix", (n, n))
        given_input = as_matrix(input_matrix, "input_matrix", (n, None))
        m = given_input.shape[1]
        output = as_matrix(output_matrix, "output_matrix", (m, n))
        cov = as_covariance(innovation_cov, "innovation_cov", m, definite=True)
        for name, matrix in zip(
            ("state_matrix", "input_matrix", "output_matrix", "innovation_cov"),
            (state, given_input, output, cov),
        ):
            own = matrix.copy()
            own.flags.writeable = False
            object.__setattr__(self, name, own)
        _without_overflow(
            lambda: state + given_input @ output,
            "state_matrix, input_matrix and output_matrix",
            "F + G C",
        )
        kernel = core.kernel(state, given_input, output, cov)
        object.__setattr__(self, "_kernel", kernel)

    @classmethod
    def from_state_space(
        cls,
        transition: ArrayLike,
        emission: ArrayLike,
        process_cov: ArrayLike,
        obs_cov: ArrayLike,
        cross_cov: ArrayLike | None = None,
    ) -> LinearGaussian:
        """Steady-state Kalman filter of a linear state-space model, as a generative machine.

        x_{t+1} = A x_t + w_t, y_t = C x_t + v_t with white noises w and v.

        Parameters
        ----------
        transition : array_like, (n, n)
            A.
        emission : array_like, (m, n)
            C.
        process_cov : array_like, (n, n)
            Q, covariance of w; positive semidefinite.
        obs_cov : array_like, (m, m)
            R, covariance of v; positive semidefinite.
        cross_cov : array_like, (n, m), optional
            N = E[w_t v_t^T]; by default 0. Together the three make a positive semidefinite matrix.

        Raises
        ------
        NumericalError
            If the Riccati equation has no stabilising solution, naming the eigenvalue of A that is
            in the way, or if the innovation covariance is singular.

        Notes
        -----
        Source: [S26]_ section 6. P solves the discrete algebraic Riccati equation,
        S = C P C^T + R, and F = A - G C with the predictor gain G = (A P C^T + N) S^-1, which is
        A K with the filter gain K = P C^T S^-1 where N = 0 ([AM79]_ chapter 5).

        Examples
        --------
        The scalar example of [S26]_ figure 5:

        >>> import entroprod as ep
        >>> m = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
        >>> print(f"{m.innovation_cov[0, 0]:.10f}")
        2.4838999027
        """
        a, c = as_dynamics(transition, emission)
        n, m = len(a), len(c)
        q = as_covariance(process_cov, "process_cov", n, definite=False)
        r = as_covariance(obs_cov, "obs_cov", m, definite=False)
        cross = None if cross_cov is None else as_matrix(cross_cov, "cross_cov", (n, m))
        if cross is not None:
            joint = np.block([[q, cross], [cross.T, r]])
            name = "[[process_cov, cross_cov], [cross_cov^T, obs_cov]]"
            as_covariance(joint, name, n + m, definite=False)
        gain, innovation_cov = steady_state_gain(a, c, q, r, cross)
        state = _without_overflow(lambda: a - gain @ c, "transition and emission", "A - A K C")
        return cls(state, gain, c, innovation_cov)

    @classmethod
    def from_gain(
        cls,
        transition: ArrayLike,
        emission: ArrayLike,
        filter_gain: ArrayLike,
        innovation_cov: ArrayLike,
    ) -> LinearGaussian:
        """Machine from a filter: transition, emission, filter gain and innovation covariance.

        Parameters
        ----------
        transition : array_like, (n, n)
            A.
        emission : array_like, (m, n)
            C.
        filter_gain : array_like, (n, m)
            K of the update x = x_predicted + K (y - C x_predicted).
        innovation_cov : array_like, (m, m)
            S, covariance of the innovations; symmetric and positive definite.

        Returns
        -------
        LinearGaussian
            With n states and m outputs. The gain need not be the optimal one.

        Raises
        ------
        ValueError, TypeError
            Naming the argument that has a wrong shape or dtype, isn't finite, or is no covariance;
            or those whose products overflow.

        Notes
        -----
        Source: [S26]_ section 6: F = A - A K C, G = A K.

        Examples
        --------
        >>> import entroprod as ep
        >>> ep.LinearGaussian.from_gain([[0.9]], [[1.0]], [[0.6]], [[2.5]])
        LinearGaussian(n_states=1, n_outputs=1, spectral_radius=0.9)
        """
        a, c = as_dynamics(transition, emission)
        k = as_matrix(filter_gain, "filter_gain", (len(a), len(c)))
        names = "transition, emission and filter_gain"
        gain = _without_overflow(lambda: a @ k, names, "A K")
        state = _without_overflow(lambda: a - gain @ c, names, "A - A K C")
        return cls(state, gain, c, innovation_cov)

    @classmethod
    def from_predictor_gain(
        cls,
        transition: ArrayLike,
        emission: ArrayLike,
        predictor_gain: ArrayLike,
        innovation_cov: ArrayLike,
    ) -> LinearGaussian:
        """Machine from a one-step predictor, such as ``control.dlqe`` returns.

        Parameters
        ----------
        transition : array_like, (n, n)
            A.
        emission : array_like, (m, n)
            C.
        predictor_gain : array_like, (n, m)
            G of x_next = A x + G (y - C x): A K, with the filter gain K of :meth:`from_gain`.
        innovation_cov : array_like, (m, m)
            S, covariance of the innovations; symmetric and positive definite.

        Raises
        ------
        ValueError, TypeError
            Naming the argument that has a wrong shape or dtype, isn't finite, or is no covariance;
            or those whose products overflow.

        Notes
        -----
        Source: [S26]_ section 6: F = A - G C.

        Examples
        --------
        >>> import entroprod as ep
        >>> ep.LinearGaussian.from_predictor_gain([[0.9]], [[1.0]], [[0.54]], [[2.5]])
        LinearGaussian(n_states=1, n_outputs=1, spectral_radius=0.9)
        """
        a, c = as_dynamics(transition, emission)
        gain = as_matrix(predictor_gain, "predictor_gain", (len(a), len(c)))
        names = "transition, emission and predictor_gain"
        state = _without_overflow(lambda: a - gain @ c, names, "A - G C")
        return cls(state, gain, c, innovation_cov)

    @classmethod
    def from_var(cls, coefficients: ArrayLike, noise_cov: ArrayLike) -> LinearGaussian:
        """Vector autoregression y_t = sum_k A_k y_{t-k} + e_t, e_t ~ N(0, S).

        Parameters
        ----------
        coefficients : array_like, (p, m, m)
            A_1 .. A_p. The memory holds the last p observations: n = p m.
        noise_cov : array_like, (m, m)
            S, covariance of the noise; symmetric and positive definite.

        Returns
        -------
        LinearGaussian
            With p m states and m outputs. It may be unstable.

        Raises
        ------
        ValueError, TypeError
            Naming the argument that has a wrong shape or dtype, isn't finite, or is no covariance.
        MemoryError
            If matrices of (p m)^2 numbers don't fit.

        Notes
        -----
        Source: [S26]_ section 6, in companion form: F shifts the memory, G writes the observation
        into its first block, C = (A_1, .., A_p). The observations before the first are 0.

        Examples
        --------
        >>> import entroprod as ep
        >>> ep.LinearGaussian.from_var([[[0.5, 0.3], [0.0, 0.5]]], [[1.0, 0.0], [0.0, 1.0]])
        LinearGaussian(n_states=2, n_outputs=2, spectral_radius=0.5)
        """
        blocks = as_float_array(coefficients, "coefficients", 3)
        p, m = blocks.shape[:2]
        if blocks.shape != (p, m, m):
            msg = f"coefficients must have shape (p, m, m), got {blocks.shape}"
            raise ValueError(msg)
        cov = as_covariance(noise_cov, "noise_cov", m, definite=True)
        shift = np.eye(p * m, k=-m)
        enter = np.eye(p * m, m)
        return cls(shift, enter, np.concatenate(list(blocks), axis=1), cov)

    @classmethod
    def from_continuous(
        cls,
        state_matrix: ArrayLike,
        input_matrix: ArrayLike,
        output_matrix: ArrayLike,
        step: float,
        *,
        innovation_cov: ArrayLike,
        method: Discretisation = "zoh",
    ) -> LinearGaussian:
        """Machine whose memory follows dh/dt = A h + B y between observations.

        Parameters
        ----------
        state_matrix : array_like, (n, n)
            A, per unit of time.
        input_matrix : array_like, (n, m)
            B, per unit of time: the memory reads the observations.
        output_matrix : array_like, (m, n)
            C, which predicts the observation from the memory.
        step : float
            Time between observations, above 0.
        innovation_cov : array_like, (m, m)
            S; positive definite.
        method : {"zoh", "bilinear"}
            Whether an observation is held until the next, or the trapezoidal rule is used.

        Raises
        ------
        ValueError, TypeError
            Naming the argument.
        NumericalError
            If the discretisation overflows, or the bilinear one doesn't exist because A has the
            eigenvalue 2 / step.

        Notes
        -----
        By :func:`scipy.signal.cont2discrete`. The memory at time t is that just before y_t, so C is
        used as it is: the prediction of y_t mustn't depend on y_t.

        Examples
        --------
        >>> import entroprod as ep
        >>> machine = ep.LinearGaussian.from_continuous(
        ...     [[-1.0]], [[0.5]], [[1.0]], 0.1, innovation_cov=[[1.0]]
        ... )
        >>> print(f"{machine.state_matrix[0, 0]:.6f}")
        0.904837
        """
        a = as_matrix(state_matrix, "state_matrix", (None, None))
        n = a.shape[0]
        a = as_matrix(a, "state_matrix", (n, n))
        b = as_matrix(input_matrix, "input_matrix", (n, None))
        transition, gain = discretised(a, b, as_positive(step, "step"), method)
        return cls(transition, gain, output_matrix, innovation_cov)

    @property
    def n_states(self) -> int:
        """Size n of the memory."""
        return len(self.state_matrix)

    @property
    def n_outputs(self) -> int:
        """Size m of an observation."""
        return len(self.output_matrix)

    @cached_property
    def transition_eigenvalues(self) -> ComplexArray:
        """Eigenvalues of A, (n,), by falling modulus."""
        return sorted_eigenvalues(self.transition)

    @cached_property
    def filter_eigenvalues(self) -> ComplexArray:
        """Eigenvalues of F, (n,), by falling modulus."""
        return sorted_eigenvalues(self.state_matrix)

    @property
    def spectral_radius(self) -> float:
        """Largest modulus of an eigenvalue of A: below 1 the process has a stationary state."""
        return float(abs(self.transition_eigenvalues[0]))

    @property
    def filter_spectral_radius(self) -> float:
        """Largest modulus of an eigenvalue of F: below 1 the memory forgets what it has read."""
        return float(abs(self.filter_eigenvalues[0]))

    @cached_property
    def is_stationary(self) -> bool:
        """Whether all eigenvalues of A lie inside the unit circle, by more than rounding."""
        return marginal_eigenvalue(self.transition) is None

    def require_rate(self) -> None:
        """Raise NumericalError, naming the eigenvalue, where there is no stationary rate.

        Examples
        --------
        >>> import entroprod as ep
        >>> ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]]).require_rate()
        """
        self._refuse_marginal(
            marginal_eigenvalue(self.transition),
            "has no stationary state: its transition F + G C",
        )
        self._refuse_marginal(
            self._marginal_filter_eigenvalue(),
            "has a memory that never fades: its state_matrix F",
        )

    @staticmethod
    def _refuse_marginal(eigenvalue: complex | None, what: str) -> None:
        if eigenvalue is not None:
            msg = (
                f"machine {what} has the eigenvalue {readable(eigenvalue)} "
                f"of modulus {abs(eigenvalue):.10g}"
            )
            raise NumericalError(msg)

    def _marginal_filter_eigenvalue(self) -> complex | None:
        return marginal_eigenvalue(self.state_matrix)

    def _may_overflow(self) -> bool:
        """Whether paths of the process can grow without bound."""
        return self.spectral_radius >= 1.0

    def sample(
        self,
        n_steps: int,
        n_paths: int = 1,
        *,
        rng: RandomSource = None,
        n_threads: int | None = None,
        progress: Progress = False,
    ) -> FloatArray:
        """Draw paths of the process.

        Parameters
        ----------
        n_steps, n_paths : int
            T and N, each at least 1.
        rng : Generator, int or None
            Source of the key of the counter-based generator; None takes fresh entropy. Path i is
            the same for any ``n_paths`` above i and any number of threads.
        n_threads : int, optional
            By default one for each processor available.
        progress : bool or callable
            True shows a bar (needs rich); a callable is called with (paths done, n_paths).

        Returns
        -------
        ndarray, (N, T, m)

        Raises
        ------
        ValueError, TypeError
            Naming the argument.
        MemoryError
            If (N, T, m) numbers don't fit.
        NumericalError
            If an unstable machine's paths overflow.

        Notes
        -----
        Source: [S26]_ eqs 1-5. Normals from Philox4x32-10 by the Box-Muller transformation.

        Examples
        --------
        >>> import entroprod as ep
        >>> ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]]).sample(50, 3, rng=0).shape
        (3, 50, 1)
        """
        n_steps = as_count(n_steps, "n_steps")
        n_paths = as_count(n_paths, "n_paths")
        threads = as_thread_count(n_threads)
        key = draw_key(rng)
        with reporting(progress, n_paths, "sampling") as report:
            return core.sample(self, n_steps, n_paths, key, threads, report)

    def log_prob(self, sequences: ArrayLike, *, n_threads: int | None = None) -> FloatArray:
        """Log-densities ln p(y_t | y_1 .. y_{t-1}) of given paths, step by step.

        Parameters
        ----------
        sequences : array_like, (N, T, m) or (T, m)
            NaN is a missing observation.
        n_threads : int, optional
            By default one for each processor available.

        Returns
        -------
        ndarray, (N, T) or (T,)
            Nats per step; their sum over a path is its log-density. With missing observations, the
            log-density of the observed components of a step given those observed before; 0 where
            there are none.

        Raises
        ------
        ValueError, TypeError
            Naming the argument.
        NumericalError
            If an unstable filter overflows.

        Notes
        -----
        Source: [S26]_ eq 7: each observation is judged by its prediction from those before.

        Examples
        --------
        >>> import entroprod as ep
        >>> m = ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]])
        >>> m.log_prob([[1.0], [0.5]]).round(6)
        array([-1.515512, -1.265512])
        """
        read = read_paths(Reads.of(self), sequences)
        result = core.log_prob(self, read, as_thread_count(n_threads))
        return result[0] if read.single else result

    def log_prob_both_ways(
        self, sequences: ArrayLike, *, n_threads: int | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Log-densities of whole paths, and of the same paths reversed in time.

        Parameters
        ----------
        sequences : array_like, (N, T, m) or (T, m)
            NaN is a missing observation.
        n_threads : int, optional
            By default one for each processor available.

        Returns
        -------
        forward, backward : ndarray, (N,)
            ln P(y) and ln P_b(y reversed) in nats; N = 1 for a single path.

        Raises
        ------
        ValueError, TypeError
            Naming the argument.
        NumericalError
            If an unstable filter overflows.

        Notes
        -----
        Source: [S26]_ eqs 7-13.

        Examples
        --------
        >>> import entroprod as ep
        >>> m = ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]])
        >>> forward, backward = m.log_prob_both_ways([[1.0], [0.5]])
        >>> (forward - backward).round(6)
        array([-0.046875])
        """
        read = read_paths(Reads.of(self), sequences)
        return core.log_prob_both_ways(self, read, as_thread_count(n_threads))

    def repeat(
        self, n_steps: int, *, initial_mean: ArrayLike | None = None
    ) -> TimeVaryingLinearGaussian:
        """The same machine at each of n_steps steps, as a time-varying one.

        Parameters
        ----------
        n_steps : int
            T, at least 1.
        initial_mean : array_like, (n,), optional
            The memory before the first observation; by default 0.

        Raises
        ------
        ValueError, TypeError
            Naming the argument.

        Examples
        --------
        >>> import entroprod as ep
        >>> ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]]).repeat(50, initial_mean=[1.0])
        TimeVaryingLinearGaussian(n_steps=50, n_states=1, n_outputs=1)
        """
        return TimeVaryingLinearGaussian(
            *self._matrices(), initial_mean=initial_mean, n_steps=n_steps
        )

    @cached_property
    def _step_kernel(self) -> core.StepKernel:
        return core.step_kernel(self._parameters(), 1)

    def _parameters(self) -> core.Parameters:
        return (*self._matrices(), np.zeros(self.n_states))

    def __repr__(self) -> str:
        return (
            f"LinearGaussian(n_states={self.n_states}, n_outputs={self.n_outputs}, "
            f"spectral_radius={self.spectral_radius:.6g})"
        )

    def _matrices(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        return self.state_matrix, self.input_matrix, self.output_matrix, self.innovation_cov

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LinearGaussian):
            return NotImplemented
        return equal_arrays(self._matrices(), other._matrices())

    def __hash__(self) -> int:
        return hash_arrays(self._matrices())


def _without_overflow(product: Callable[[], FloatArray], names: str, formula: str) -> FloatArray:
    with np.errstate(over="ignore", invalid="ignore"):
        matrix = product()
    if not np.isfinite(matrix).all():
        msg = f"{names} are too large: {formula} overflows"
        raise ValueError(msg)
    return matrix
