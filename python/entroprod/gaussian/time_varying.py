"""Linear-Gaussian machines whose parameters change from step to step."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike

from entroprod.boundary.arrays import (
    FloatArray,
    as_count,
    as_float_array,
    as_read_only,
    as_thread_count,
)
from entroprod.boundary.covariances import as_covariance
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.progress import Progress, reporting
from entroprod.boundary.randomness import RandomSource, draw_key
from entroprod.boundary.sequences import Reads, read_paths, require_steps
from entroprod.gaussian import core
from entroprod.gaussian.stability import marginal_eigenvalue, readable
from entroprod.gaussian.step_arrays import (
    as_step_covariances,
    as_step_matrices,
    common_length,
    first_steps,
)
from entroprod.results.registry import storable
from entroprod.results.stored import Remade

_MATRICES = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")


@storable
@dataclass(frozen=True, eq=False, repr=False)
class TimeVaryingLinearGaussian(Remade):
    """Linear-Gaussian autoregressive machine with parameters of its own at every step.

    With a memory h of size n and observations y of size m, for t = 1 .. T,

        y_t = C_t h_t + e_t,  e_t ~ N(0, S_t),  h_{t+1} = F_t h_t + G_t y_t,  h_1 = initial_mean.

    A matrix with three axes has one entry per step; with two axes it is the same at all steps.
    Immutable; equal machines have equal matrices at every step.

    Such a machine can read a reversed sequence in two ways, so whatever reverses time asks which:

    - ``backward=machine``: y_t is predicted by C_t, S_t and read by F_t, G_t, as forwards;
    - ``backward=machine.reversed_kernels()``: y_t is read by F_t, G_t but predicted by C_{t+1},
      S_{t+1}, the kernel that comes after reading y_t forwards ([S26]_ eqs 8 and 13).

    Parameters
    ----------
    state_matrix : array_like, (T, n, n) or (n, n)
        F, which carries the memory on.
    input_matrix : array_like, (T, n, m) or (n, m)
        G, by which an observation enters the memory.
    output_matrix : array_like, (T, m, n) or (m, n)
        C, which predicts the observation from the memory.
    innovation_cov : array_like, (T, m, m) or (m, m)
        S, covariance of the innovations; symmetric and positive definite.
    initial_mean : array_like, (n,), optional
        The memory before the first observation, which is known; by default 0.
    n_steps : int, optional
        T; needed where no matrix has a time axis.

    Raises
    ------
    ValueError, TypeError
        Naming the argument that has a wrong shape, length or dtype, isn't finite, or is no
        covariance, with the step.
    MemoryError
        If the core's copy doesn't fit.

    Notes
    -----
    Source: [S26]_ eqs 1-13. The generative transition is A_t = F_t + G_t C_t.

    Examples
    --------
    A gain that fades as the memory settles:

    >>> import entroprod as ep
    >>> gain = [[[0.9]], [[0.6]], [[0.5]]]
    >>> ep.TimeVaryingLinearGaussian([[0.4]], gain, [[1.0]], [[2.0]])
    TimeVaryingLinearGaussian(n_steps=3, n_states=1, n_outputs=1)
    """

    state_matrix: FloatArray
    input_matrix: FloatArray
    output_matrix: FloatArray
    innovation_cov: FloatArray
    initial_mean: FloatArray
    n_steps: int
    # Steps can't be read in another order than that of time, or as a whole backwards.
    time_homogeneous: ClassVar[bool] = False
    # NaN is a missing observation.
    reads_missing: ClassVar[bool] = True
    if TYPE_CHECKING:  # no field: the core's machine can't be copied, nor turned into data
        _step_kernel: core.StepKernel

    def __init__(
        self,
        state_matrix: ArrayLike,
        input_matrix: ArrayLike,
        output_matrix: ArrayLike,
        innovation_cov: ArrayLike,
        *,
        initial_mean: ArrayLike | None = None,
        n_steps: int | None = None,
    ) -> None:
        state = as_step_matrices(state_matrix, "state_matrix", (None, None))
        n = state.shape[-1]
        state = as_step_matrices(state, "state_matrix", (n, n))
        given_input = as_step_matrices(input_matrix, "input_matrix", (n, None))
        m = given_input.shape[-1]
        output = as_step_matrices(output_matrix, "output_matrix", (m, n))
        cov = as_step_covariances(innovation_cov, "innovation_cov", m, definite=True)
        matrices = dict(zip(_MATRICES, (state, given_input, output, cov)))
        steps = common_length(matrices, None if n_steps is None else as_count(n_steps, "n_steps"))
        with np.errstate(over="ignore", invalid="ignore"):
            # A bound of the entries of G C, without a matrix (n, n) for every step.
            reach = np.abs(given_input) @ np.abs(output).max(axis=-1, keepdims=True)
            if not np.isfinite(np.abs(state).max(axis=-1, keepdims=True) + reach).all():
                msg = (
                    "input_matrix and output_matrix are too large: the transition F + G C overflows"
                )
                raise ValueError(msg)
        mean = _as_mean(initial_mean, n)
        kernel = core.step_kernel((state, given_input, output, cov, mean), steps)
        for name, matrix in {**matrices, "initial_mean": mean}.items():
            own = matrix.copy()
            own.flags.writeable = False
            object.__setattr__(self, name, own)
        object.__setattr__(self, "n_steps", steps)
        object.__setattr__(self, "_step_kernel", kernel)

    @classmethod
    def from_state_space(
        cls,
        transition: ArrayLike,
        emission: ArrayLike,
        process_cov: ArrayLike,
        obs_cov: ArrayLike,
        *,
        initial_cov: ArrayLike | Literal["stationary"],
        initial_mean: ArrayLike | None = None,
        n_steps: int | None = None,
    ) -> TimeVaryingLinearGaussian:
        """Exact Kalman filter of a linear state-space model from its first step, as a machine.

        x_{t+1} = A_t x_t + w_t, y_t = C_t x_t + v_t, x_1 ~ N(initial_mean, initial_cov), with
        independent white noises w and v. The machine's sequences have the law of the model's.

        Parameters
        ----------
        transition : array_like, (T, n, n) or (n, n)
            A.
        emission : array_like, (T, m, n) or (m, n)
            C.
        process_cov : array_like, (T, n, n) or (n, n)
            Q, covariance of w; positive semidefinite.
        obs_cov : array_like, (T, m, m) or (m, m)
            R, covariance of v; positive semidefinite.
        initial_cov : array_like, (n, n), or "stationary"
            Covariance of the state before the first observation. "stationary" takes the solution of
            P = A P A^T + Q, with which the model is in its stationary state from the start.
        initial_mean : array_like, (n,), optional
            By default 0.
        n_steps : int, optional
            T; needed where no matrix has a time axis.

        Raises
        ------
        ValueError, TypeError
            Naming the argument that has a wrong shape, length or dtype, isn't finite, or is no
            covariance.
        MemoryError
            If the matrices of all steps don't fit.
        NumericalError
            If an innovation covariance is singular or overflows, naming the step; or if there is no
            stationary state, naming the eigenvalue of A.

        Notes
        -----
        Source: [AM79]_ section 3.1. G_t = A_t P_t C_t^T S_t^-1 with S_t = C_t P_t C_t^T + R_t, and
        P_{t+1} = F_t P_t F_t^T + G_t R_t G_t^T + Q_t (Joseph's form) with F_t = A_t - G_t C_t.

        Examples
        --------
        The steady-state filter forgets how the model starts; this one doesn't:

        >>> import entroprod as ep
        >>> model = dict(transition=[[0.9]], emission=[[1.0]], process_cov=[[1.0]], obs_cov=[[1.0]])
        >>> exact = ep.TimeVaryingLinearGaussian.from_state_space(
        ...     **model, initial_cov="stationary", n_steps=40)
        >>> exact.innovation_cov[[0, 1, 39], 0, 0].round(6)
        array([6.263158, 2.680672, 2.4839  ])
        >>> print(round(ep.LinearGaussian.from_state_space(**model).innovation_cov[0, 0], 6))
        2.4839
        """
        a = as_step_matrices(transition, "transition", (None, None))
        n = a.shape[-1]
        a = as_step_matrices(a, "transition", (n, n))
        c = as_step_matrices(emission, "emission", (None, n))
        q = as_step_covariances(process_cov, "process_cov", n, definite=False)
        r = as_step_covariances(obs_cov, "obs_cov", c.shape[-2], definite=False)
        given = {"transition": a, "emission": c, "process_cov": q, "obs_cov": r}
        steps = common_length(given, None if n_steps is None else as_count(n_steps, "n_steps"))
        cov = _initial_cov(initial_cov, a, q)
        state, gain, innovation_cov = core.exact_predictor(a, c, q, r, cov, steps)
        return cls(state, gain, c, innovation_cov, initial_mean=initial_mean)

    @property
    def n_states(self) -> int:
        """Size n of the memory."""
        return int(self.state_matrix.shape[-1])

    @property
    def n_outputs(self) -> int:
        """Size m of an observation."""
        return int(self.output_matrix.shape[-2])

    @cached_property
    def transition(self) -> FloatArray:
        """A_t = F_t + G_t C_t, (T, n, n): the transition under the machine's own noise."""
        if any(matrix.ndim == 3 for matrix in self._matrices()[:3]):
            size = self.n_steps * self.n_states**2
            what = f"a transition for each of {self.n_steps} steps"
            require_memory(16 * size, "transition", what)
        matrices = as_read_only(self.state_matrix + self.input_matrix @ self.output_matrix)
        return np.broadcast_to(matrices, (self.n_steps, self.n_states, self.n_states))

    def reversed_kernels(self) -> TimeVaryingLinearGaussian:
        """The machine that reads backwards by the index convention of [S26]_, one step shorter.

        Forwards, the machine reads y_t and then emits y_{t+1}: both belong to its step t. By that
        convention the backward machine reads y_t with F_t and G_t too, but it emits y_t with the
        kernel of step t, which is C_{t+1} and S_{t+1} here. Its parameters at time t are therefore
        F_t, G_t, C_{t+1}, S_{t+1} for t = 1 .. T - 1, and its initial memory is this machine's.

        Returns
        -------
        TimeVaryingLinearGaussian
            Of T - 1 steps, to be given as ``backward``.

        Raises
        ------
        ValueError
            If the machine has a single step.

        Notes
        -----
        Source: [S26]_ eqs 8 and 13.

        Examples
        --------
        >>> import entroprod as ep
        >>> noise = [[[1.0]], [[2.0]], [[3.0]]]
        >>> machine = ep.TimeVaryingLinearGaussian([[0.4]], [[0.5]], [[1.0]], noise)
        >>> machine.reversed_kernels().innovation_cov.ravel()
        array([2., 3.])
        """
        if self.n_steps < 2:
            msg = "reversed_kernels needs a machine of at least 2 steps, got n_steps = 1"
            raise ValueError(msg)
        return TimeVaryingLinearGaussian(
            first_steps(self.state_matrix, 0, -1),
            first_steps(self.input_matrix, 0, -1),
            first_steps(self.output_matrix, 1, None),
            first_steps(self.innovation_cov, 1, None),
            initial_mean=self.initial_mean,
            n_steps=self.n_steps - 1,
        )

    def sample(
        self,
        n_steps: int | None = None,
        n_paths: int = 1,
        *,
        rng: RandomSource = None,
        n_threads: int | None = None,
        progress: Progress = False,
    ) -> FloatArray:
        """Draw paths of the process.

        Parameters
        ----------
        n_steps : int, optional
            How many steps from the first on; by default all.
        n_paths : int
            N, at least 1.
        rng : Generator, int or None
            Source of the key of the counter-based generator; None takes fresh entropy. Path i is
            the same for any ``n_paths`` above i and any number of threads.
        n_threads : int, optional
            By default one for each processor available.
        progress : bool or callable
            True shows a bar (needs rich); a callable is called with (paths done, n_paths).

        Returns
        -------
        ndarray, (N, n_steps, m)

        Raises
        ------
        ValueError, TypeError
            Naming the argument.
        MemoryError
            If the paths don't fit.
        NumericalError
            If paths overflow.

        Notes
        -----
        Source: [S26]_ eqs 1-5.

        Examples
        --------
        >>> import entroprod as ep
        >>> gain = [[[0.9]], [[0.6]], [[0.5]]]
        >>> ep.TimeVaryingLinearGaussian([[0.4]], gain, [[1.0]], [[2.0]]).sample(rng=0).shape
        (1, 3, 1)
        """
        steps = self.n_steps if n_steps is None else as_count(n_steps, "n_steps")
        require_steps("n_steps", steps, "machine", self.n_steps)
        n_paths = as_count(n_paths, "n_paths")
        threads = as_thread_count(n_threads)
        key = draw_key(rng)
        with reporting(progress, n_paths, "sampling") as report:
            return core.sample(self, steps, n_paths, key, threads, report)

    def log_prob(self, sequences: ArrayLike, *, n_threads: int | None = None) -> FloatArray:
        """Log-densities ln p(y_t | y_1 .. y_{t-1}) of given paths, step by step.

        Parameters
        ----------
        sequences : array_like, (N, T', m) or (T', m)
            From the machine's first step on, T' at most its number of steps. NaN is a missing
            observation: then the number of a step is the log-density of its observed components
            given those observed before, 0 where there are none.
        n_threads : int, optional
            By default one for each processor available.

        Returns
        -------
        ndarray, (N, T') or (T',)
            Nats per step; their sum over a path is its log-density.

        Raises
        ------
        ValueError, TypeError
            Naming the argument.
        NumericalError
            If an unstable filter overflows.

        Notes
        -----
        Source: [S26]_ eq 7; missing observations ★ as derived on the documentation's page on
        machines that change in time.

        Examples
        --------
        >>> import entroprod as ep
        >>> gain = [[[0.9]], [[0.6]], [[0.5]]]
        >>> machine = ep.TimeVaryingLinearGaussian([[0.4]], gain, [[1.0]], [[2.0]])
        >>> machine.log_prob([[1.0], [float("nan")], [0.5]]).round(6)
        array([-1.515512,  0.      , -1.448666])
        """
        read = read_paths(Reads.of(self).up_to(self.n_steps), sequences)
        threads = as_thread_count(n_threads)
        result = core.log_densities(self, read, threads, backward=False, per_step=True)
        return result[0] if read.single else result

    def __repr__(self) -> str:
        return (
            f"TimeVaryingLinearGaussian(n_steps={self.n_steps}, n_states={self.n_states}, "
            f"n_outputs={self.n_outputs})"
        )

    def _matrices(self) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
        return self.state_matrix, self.input_matrix, self.output_matrix, self.innovation_cov

    def _parameters(self) -> core.Parameters:
        return (*self._matrices(), self.initial_mean)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TimeVaryingLinearGaussian):
            return NotImplemented
        mine, theirs = self._matrices(), other._matrices()
        return (
            self.n_steps == other.n_steps
            and all(
                a.shape[-2:] == b.shape[-2:] and bool((a == b).all()) for a, b in zip(mine, theirs)
            )
            and np.array_equal(self.initial_mean, other.initial_mean)
        )

    def __hash__(self) -> int:
        # Of the last step alone, which is the same for a constant matrix and its repetition. Adding
        # 0.0 makes -0.0 and 0.0, which are equal, the same bytes.
        last = (a[-1] if a.ndim == 3 else a for a in self._matrices())
        numbers = (self.initial_mean, *last)
        return hash((self.n_steps, *((array + 0.0).tobytes() for array in numbers)))


def _as_mean(value: ArrayLike | None, size: int) -> FloatArray:
    if value is None:
        return np.zeros(size)
    mean = as_float_array(value, "initial_mean", 1)
    if mean.shape != (size,):
        msg = f"initial_mean must have shape ({size},), got {mean.shape}"
        raise ValueError(msg)
    return mean


def _initial_cov(
    value: ArrayLike | Literal["stationary"], transition: FloatArray, process_cov: FloatArray
) -> FloatArray:
    if not isinstance(value, str):
        return as_covariance(value, "initial_cov", transition.shape[-1], definite=False)
    if value != "stationary":
        msg = f'initial_cov must be a matrix or "stationary", got {value!r}'
        raise ValueError(msg)
    if transition.ndim == 3 or process_cov.ndim == 3:
        msg = (
            'initial_cov can be "stationary" only with a constant transition and process_cov, '
            "without a time axis"
        )
        raise ValueError(msg)
    eigenvalue = marginal_eigenvalue(transition)
    if eigenvalue is not None:
        msg = (
            "the model has no stationary state: transition has the eigenvalue "
            f"{readable(eigenvalue)} of modulus {abs(eigenvalue):.10g}"
        )
        raise NumericalError(msg)
    cov = np.asarray(scipy.linalg.solve_discrete_lyapunov(transition, process_cov), np.float64)
    return 0.5 * (cov + cov.T)
