"""The exact law of sigma of any two linear-Gaussian machines."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from scipy.linalg import solve_triangular

from entroprod.boundary.arrays import FloatArray, as_count, as_read_only
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.precision import Precision, require_precision
from entroprod.gaussian import core
from entroprod.gaussian.distribution import Distribution
from entroprod.gaussian.generating_function import Weights
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.pair_moments import pair_variance
from entroprod.gaussian.quadratic_law import without_rounding
from entroprod.gaussian.readers import GaussianMachine, backward_machine, require_length
from entroprod.gaussian.sigma_law import SigmaLaw, law_of
from entroprod.gaussian.sigma_weights import DENSE_LIMIT
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result

if TYPE_CHECKING:
    import pandas as pd

# Copies of the matrix that the singular value decomposition needs.
_COPIES = 5


@storable
@dataclass(frozen=True, repr=False, eq=False)
class PairSigmaLaw(Distribution, Result):
    """Law of sigma = ln P(y) - ln P_b(y reversed) of a machine's paths and another reader.

    sigma = c + sum_i (w_i z_i^2 / 2 + b_i z_i) with independent standard normal z_i: a generalised
    noncentral chi-square, as in :class:`QuadraticLaw`. Mean and variance take linear time at any
    length; everything that needs the weights takes the singular values of a (T m, T m) matrix at
    its first use, and is refused beyond ``max_size`` rows. E[exp(-sigma)] = 1.

    Attributes
    ----------
    mean : float
        E[sigma] = S, the relative entropy, nats.
    variance : float
        nats^2.
    mean_rounding_error, variance_rounding_error : float
        Estimated bounds of their rounding errors.
    n_steps : int
    max_size : int
        Largest T m for which the weights are computed.
    """

    mean: float
    variance: float
    mean_rounding_error: float
    variance_rounding_error: float
    n_steps: int
    max_size: int
    _forward: GaussianMachine = field(repr=False)
    _backward: GaussianMachine = field(repr=False)

    _picture: ClassVar[str] = "sigma_law"
    _kept_if_computed: ClassVar[tuple[str, ...]] = ("_form",)

    # ------------------------------------------------------------------ weights

    @cached_property
    def _form(self) -> tuple[FloatArray, FloatArray, float]:
        """Weights, slopes and the constant, from R = U s V^T and the mean of e^B."""
        size = self.n_steps * self._forward.n_outputs
        if size > self.max_size:
            msg = (
                "n_steps is too large for the weights: they take the singular values of a matrix "
                f"of T m = {size} rows, more than max_size = {self.max_size}; mean and variance "
                "have no limit"
            )
            raise ValueError(msg)
        require_memory(
            8 * _COPIES * size**2, "n_steps", f"the weights' matrices of shape ({size}, {size})"
        )
        matrix, mean, log_ratio = pair_reversal(self._forward, self._backward, self.n_steps)
        left, values, _ = np.linalg.svd(matrix)
        # sigma = |R e + beta|^2 / 2 - |e|^2 / 2 + ..., in the basis V.
        slopes = values * (left.T @ mean)
        weights, slopes = without_rounding(
            (values - 1.0) * (values + 1.0), slopes, float(np.linalg.norm(matrix))
        )
        order = np.argsort(weights, kind="stable")
        constant = 0.5 * (float(mean @ mean) + log_ratio)
        return as_read_only(weights[order]), as_read_only(slopes[order]), constant

    @property
    def weights(self) -> FloatArray:
        """w_i = mu_i - 1, (T m,), increasing; mu_i are the eigenvalues of R^T R.

        Those at the rounding level of the whitened pair matrix R count as 0. Computed at first
        access.

        Raises
        ------
        ValueError
            If T m exceeds ``max_size``.
        MemoryError
            If the matrices don't fit.
        NumericalError
            If an unstable machine's matrix overflows.
        """
        return self._form[0]

    @property
    def slopes(self) -> FloatArray:
        """b_i, (T m,), in the order of the weights: 0 where both initial means are."""
        return self._form[1]

    @property
    def constant(self) -> float:
        """c, nats."""
        return self._form[2]

    # ------------------------------------------------------------------ for the distribution

    @cached_property
    def _function(self) -> Weights:
        counts = (self.weights != 0.0) | (self.slopes != 0.0)
        return Weights(self.weights[counts], self.slopes[counts])

    def _generating_function(self) -> Weights | None:
        return self._function if self.weights.any() or self.slopes.any() else None

    def _place(self) -> float:
        return self.constant

    def _drawn_by(self) -> tuple[FloatArray, FloatArray]:
        counts = (self.weights != 0.0) | (self.slopes != 0.0)
        return self.weights[counts], self.slopes[counts]

    def _why_a_point(self) -> str:
        return (
            "the matrix of the two machines is orthogonal to rounding, the reader assigns every "
            "path its density"
        )

    # ------------------------------------------------------------------ output

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers; those that need the weights only where these have been computed."""
        result: dict[str, Any] = {
            "mean": self.mean,
            "variance": self.variance,
            "standard_deviation": self.standard_deviation,
            "mean_rounding_error": self.mean_rounding_error,
            "variance_rounding_error": self.variance_rounding_error,
            "n_steps": self.n_steps,
        }
        if "_form" in self.__dict__:
            result["weights"] = self.weights.tolist()
            result["slopes"] = self.slopes.tolist()
            result["constant"] = self.constant
            result["fluctuation_variance"] = self.fluctuation_variance
            result["probability_negative"] = self.probability_negative
        return result

    def to_frame(self) -> pd.DataFrame:
        """Table of the weights, increasing, and slopes; needs pandas, and the weights."""
        return as_frame({"weight": self.weights, "slope": self.slopes})

    def __repr__(self) -> str:
        return (
            f"PairSigmaLaw(n_steps={self.n_steps}, mean={self.mean:.12g} nats, "
            f"standard_deviation={self.standard_deviation:.12g} nats)"
        )


def pair_sigma_law(
    forward: GaussianMachine,
    backward: GaussianMachine,
    n_steps: int,
    precision: Precision = "auto",
    max_size: int = DENSE_LIMIT,
) -> SigmaLaw | PairSigmaLaw:
    """Exact law of sigma of a machine and the machine that reads its sequences backwards.

    Parameters
    ----------
    forward, backward : LinearGaussian or TimeVaryingLinearGaussian
        Of any state sizes and initial means; parameters belong to the time of the observation.
    n_steps : int
        T >= 1.
    precision : {"auto", "double", "extended"}
        Of mean and variance, as in :func:`pair_curve`.
    max_size : int
        Largest T m for which the weights are computed.

    Returns
    -------
    SigmaLaw or PairSigmaLaw
        The first for a LinearGaussian that reads itself, whose weights come in pairs.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.
    MemoryError
        If forward covariances don't fit.
    NumericalError
        If covariances overflow, naming the step.

    Notes
    -----
    Source: ★ derived on the documentation's page on the law of sigma.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod.gaussian.pair_law import pair_sigma_law
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> reader = ep.LinearGaussian.from_var([[[0.6]]], [[3.0]])
    >>> law = pair_sigma_law(machine, reader, 6)
    >>> law
    PairSigmaLaw(n_steps=6, mean=0.295094913868 nats, standard_deviation=0.734870244509 nats)
    >>> print(f"{law.probability_negative:.6f}")
    0.285020
    """
    require_precision(precision)
    backward = backward_machine(forward, backward)
    max_size = as_count(max_size, "max_size")
    n_steps = as_count(n_steps, "n_steps")
    require_length(forward, "machine", n_steps)
    require_length(backward, "backward", n_steps)
    if isinstance(forward, LinearGaussian) and forward == backward:
        return law_of(forward, n_steps, precision, max_size)
    variance, variance_error, _ = pair_variance(forward, backward, n_steps, precision)
    mean, mean_error, _ = core.total_of_pair(forward, backward, n_steps, precision)
    return PairSigmaLaw(
        mean, variance, mean_error, variance_error, n_steps, max_size, forward, backward
    )


def pair_reversal(
    forward: GaussianMachine, backward: GaussianMachine, n_steps: int
) -> tuple[FloatArray, FloatArray, float]:
    """R (T m, T m) and beta (T m,) with e^B = R e + beta in whitened units, and ln det S^b / det S.

    Rows and columns run over time first, then components. e are the innovations of the forward
    machine, e^B those of the reader on the same path, each in units of its own Cholesky factor.

    Raises
    ------
    NumericalError
        If an unstable machine's matrix overflows.

    Notes
    -----
    Source: [S26]_ eqs 45-61, for two machines that may change in time.
    """
    m = forward.n_outputs
    size = n_steps * m
    factors = [np.linalg.cholesky(_at(forward.innovation_cov, t)) for t in range(n_steps)]
    path, path_mean = np.zeros((size, size)), np.zeros(size)
    memory, memory_mean = np.zeros((forward.n_states, size)), _initial_mean(forward)
    matrix, mean = np.empty((size, size)), np.empty(size)
    log_ratio = 0.0
    with np.errstate(over="ignore", invalid="ignore"):
        for t in range(n_steps):
            rows, past = slice(t * m, (t + 1) * m), (t + 1) * m
            state, given, seen, _ = (_at(array, t) for array in forward._matrices())
            path[rows, :past] = seen @ memory[:, :past]
            path[rows, rows] += factors[t]
            path_mean[rows] = seen @ memory_mean
            memory[:, :past] = state @ memory[:, :past] + given @ path[rows, :past]
            memory_mean = state @ memory_mean + given @ path_mean[rows]
        memory, memory_mean = np.zeros((backward.n_states, size)), _initial_mean(backward)
        for t in reversed(range(n_steps)):
            rows = slice(t * m, (t + 1) * m)
            state, given, seen, cov = (_at(array, t) for array in backward._matrices())
            factor = np.linalg.cholesky(cov)
            log_ratio += 2.0 * float(np.log(np.diag(factor) / np.diag(factors[t])).sum())
            matrix[rows] = solve_triangular(
                factor, path[rows] - seen @ memory, lower=True, check_finite=False
            )
            mean[rows] = solve_triangular(
                factor, path_mean[rows] - seen @ memory_mean, lower=True, check_finite=False
            )
            memory = state @ memory + given @ path[rows]
            memory_mean = state @ memory_mean + given @ path_mean[rows]
    if not (np.isfinite(matrix).all() and np.isfinite(mean).all()):
        radii = core.radii_of_pair(forward, backward)
        raise NumericalError(f"the matrix of the two machines overflows: {radii}")
    return matrix, mean, log_ratio


def _at(array: FloatArray, t: int) -> FloatArray:
    return array[t] if array.ndim == 3 else array


def _initial_mean(machine: GaussianMachine) -> FloatArray:
    if isinstance(machine, LinearGaussian):
        return np.zeros(machine.n_states)
    return machine.initial_mean
