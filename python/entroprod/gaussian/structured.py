"""State-space models with a diagonal state matrix, as S4D and the LRU have."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np
import scipy.linalg
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import (
    ComplexArray,
    FloatArray,
    as_complex_array,
    as_float_array,
    as_positive,
)
from entroprod.boundary.covariances import as_covariance
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.gaussian import core
from entroprod.gaussian.discretisation import Discretisation, discretised_modes
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.stability import readable
from entroprod.results.registry import storable

_EPSILON = float(np.finfo(np.float64).eps)
# Eigenvalues this close (relative) to each other's conjugates are one pair given twice.
_SAME = 64 * _EPSILON
# Diagonalising loses as many digits as the condition of the eigenvectors has: ten are left.
_LARGEST_CONDITION = 1e6


@storable
@dataclass(frozen=True, eq=False, repr=False)
class DiagonalSSM(LinearGaussian):
    """Linear-Gaussian machine whose memory has a diagonal state matrix, real or complex.

    With p modes h, complex or real, and observations y of size m,

        y_t = sum_real C_i h_i + 2 Re sum_complex C_i h_i + e_t,  e_t ~ N(0, S),
        h_{t+1} = Lambda h_t + G y_t,  h_1 = 0.

    A complex eigenvalue stands for itself and its conjugate, so the real memory has
    n = (real eigenvalues) + 2 (complex ones) components. Every function takes it as the
    :class:`LinearGaussian` that it is. Filtering and sampling of complete sequences cost O(n m) a
    step, total, curve and ``per_step`` of entropy production O(n^2 m); the rest works with the
    dense matrices.

    Parameters
    ----------
    eigenvalues : array_like, (p,)
        Lambda. Those with an imaginary part other than 0 stand for conjugate pairs, of which only
        one may be given. The same eigenvalue may come several times.
    input_matrix : array_like, (p, m)
        G, complex; real where the eigenvalue is.
    output_matrix : array_like, (m, p)
        C, complex; real where the eigenvalue is.
    innovation_cov : array_like, (m, m)
        S, covariance of the innovations; real, symmetric and positive definite.

    Attributes
    ----------
    eigenvalues, modal_input, modal_output : ndarray, (p,), (p, m), (m, p)
        Lambda, G and C as given.
    state_matrix, input_matrix, output_matrix, innovation_cov : ndarray
        F, G, C, S of the same machine with a real memory: the real and imaginary parts of each
        complex mode, in the order given, then the real modes. F is made at first access.

    Raises
    ------
    ValueError, TypeError
        Naming the argument that has a wrong shape or dtype, isn't finite, or is no covariance; if
        both members of a pair are given; if a real eigenvalue has complex input or output.

    Notes
    -----
    Source: [GGGR22]_ section 3, [OSG23]_ section 3. Equal to the :class:`LinearGaussian` with the
    same real matrices.

    Examples
    --------
    >>> import entroprod as ep
    >>> ep.DiagonalSSM([0.5, 0.8 + 0.3j], [[0.1], [0.2 - 0.1j]], [[1.0, 0.5j]], [[1.0]])
    DiagonalSSM(n_states=3, n_outputs=1, n_modes=2, filter_spectral_radius=0.8544)
    """

    eigenvalues: ComplexArray
    modal_input: ComplexArray
    modal_output: ComplexArray
    if TYPE_CHECKING:  # no field: made of the eigenvalues
        _bands: tuple[FloatArray, FloatArray]

    def __init__(
        self,
        eigenvalues: ArrayLike,
        input_matrix: ArrayLike,
        output_matrix: ArrayLike,
        innovation_cov: ArrayLike,
    ) -> None:
        modes = as_complex_array(eigenvalues, "eigenvalues", 1)
        p = len(modes)
        given_input = as_complex_array(input_matrix, "input_matrix", 2)
        m = given_input.shape[1]
        given_output = as_complex_array(output_matrix, "output_matrix", 2)
        _require_shape(given_input, "input_matrix", (p, m))
        _require_shape(given_output, "output_matrix", (m, p))
        cov = as_covariance(innovation_cov, "innovation_cov", m, definite=True)
        in_pairs = modes.imag != 0.0
        _require_one_of_each_pair(modes)
        _require_real(modes, in_pairs, given_input, "input_matrix", "row")
        _require_real(modes, in_pairs, given_output.T, "output_matrix", "column")
        diagonal, partner = _real_bands(modes, in_pairs)
        real_input = _in_parts(given_input, in_pairs, 1.0, 1.0)
        real_output = _in_parts(given_output.T, in_pairs, 2.0, -2.0).T
        _require_no_overflow(real_input, real_output)
        for name, array in (
            ("eigenvalues", modes),
            ("modal_input", given_input),
            ("modal_output", given_output),
            ("input_matrix", real_input),
            ("output_matrix", real_output),
            ("innovation_cov", cov),
        ):
            own = np.array(array, order="C")
            own.flags.writeable = False
            object.__setattr__(self, name, own)
        for band in (diagonal, partner):
            band.flags.writeable = False
        object.__setattr__(self, "_bands", (diagonal, partner))
        kernel = core.banded_kernel(
            diagonal, partner, self.input_matrix, self.output_matrix, self.innovation_cov
        )
        object.__setattr__(self, "_kernel", kernel)

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
    ) -> DiagonalSSM:
        """Machine whose memory follows dh/dt = A h + B y between observations.

        Parameters
        ----------
        state_matrix : array_like, (p,) or (n, n)
            A, per unit of time: its eigenvalues, one of each complex pair, with ``input_matrix``
            and ``output_matrix`` as in :class:`DiagonalSSM`; or a real matrix with real B and C,
            which is diagonalised.
        input_matrix : array_like, (p, m) or (n, m)
            B, per unit of time: the memory reads the observations.
        output_matrix : array_like, (m, p) or (m, n)
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
            If a matrix can't be diagonalised with ten digits left, naming the condition of its
            eigenvectors; if the discretisation overflows or doesn't exist.

        Notes
        -----
        Source: [GGGR22]_ section 3.1. As :meth:`LinearGaussian.from_continuous`, mode by mode.

        Examples
        --------
        >>> import entroprod as ep
        >>> eigenvalues, input_matrix = ep.s4d_legs(16)
        >>> ep.DiagonalSSM.from_continuous(
        ...     eigenvalues, input_matrix, [[0.1] * 8], 0.1, innovation_cov=[[1.0]]
        ... )
        DiagonalSSM(n_states=16, n_outputs=1, n_modes=8, filter_spectral_radius=0.951229)
        """
        a = as_complex_array(state_matrix, "state_matrix", (1, 2))
        p = len(a)
        if a.ndim == 2:
            a, b, c = _diagonalised(
                as_float_array(state_matrix, "state_matrix", 2),
                as_float_array(input_matrix, "input_matrix", 2),
                as_float_array(output_matrix, "output_matrix", 2),
            )
        else:
            b = as_complex_array(input_matrix, "input_matrix", 2)
            c = as_complex_array(output_matrix, "output_matrix", 2)
            _require_shape(b, "input_matrix", (p, b.shape[1]))
            _require_shape(c, "output_matrix", (b.shape[1], p))
            _require_one_of_each_pair(a, "state_matrix")
            _require_real(a, a.imag != 0.0, b, "input_matrix", "row")
            _require_real(a, a.imag != 0.0, c.T, "output_matrix", "column")
        modes, gain = discretised_modes(a, b, as_positive(step, "step"), method)
        # Where the imaginary part is lost to underflow, a pair is two real modes.
        lost = (a.imag != 0.0) & (modes.imag == 0.0)
        if lost.any():
            modes = np.concatenate([modes, modes[lost]])
            gain = np.concatenate([np.where(lost[:, None], gain.real, gain), gain[lost].imag])
            c = np.concatenate([np.where(lost, 2.0 * c.real, c), -2.0 * c[:, lost].imag], axis=1)
        return cls(modes, gain, c, innovation_cov)

    @classmethod
    def from_state_space(cls, *_: Any, **__: Any) -> NoReturn:
        """Not for this class: :meth:`LinearGaussian.from_state_space` makes a dense machine."""
        raise _dense_only("from_state_space")

    @classmethod
    def from_gain(cls, *_: Any, **__: Any) -> NoReturn:
        """Not for this class: :meth:`LinearGaussian.from_gain` makes a dense machine."""
        raise _dense_only("from_gain")

    @classmethod
    def from_var(cls, *_: Any, **__: Any) -> NoReturn:
        """Not for this class: :meth:`LinearGaussian.from_var` makes a dense machine."""
        raise _dense_only("from_var")

    @property
    def n_states(self) -> int:
        """Size n of the real memory."""
        return len(self.input_matrix)

    @property
    def n_modes(self) -> int:
        """Number p of eigenvalues given."""
        return len(self.eigenvalues)

    if not TYPE_CHECKING:  # to a type checker the field that it is in the base class
        # n^2 numbers, which filtering and sampling do without.
        @cached_property
        def state_matrix(self) -> FloatArray:
            """F, (n, n): a number for each real mode, a 2 by 2 block for each pair."""
            n = self.n_states
            require_memory(8 * n**2, "machine", f"its state matrix, of shape ({n}, {n}),")
            diagonal, partner = self._bands
            matrix = np.diag(diagonal)
            coupled = np.flatnonzero(partner)
            matrix[coupled, coupled ^ 1] = partner[coupled]
            matrix.flags.writeable = False
            return matrix

    @cached_property
    def filter_eigenvalues(self) -> ComplexArray:
        """Eigenvalues of F, (n,), conjugates included, by falling modulus."""
        pairs = self.eigenvalues[self.eigenvalues.imag != 0.0]
        values = np.concatenate([self.eigenvalues, pairs.conj()])
        values = values[np.argsort(-np.abs(values), kind="stable")]
        values.flags.writeable = False
        return values

    def _marginal_filter_eigenvalue(self) -> complex | None:
        largest = complex(self.filter_eigenvalues[0])
        return largest if abs(largest) >= 1.0 - 4 * _EPSILON else None

    def _may_overflow(self) -> bool:
        # To look at the paths costs less than the eigenvalues of A.
        return True

    def __repr__(self) -> str:
        return (
            f"DiagonalSSM(n_states={self.n_states}, n_outputs={self.n_outputs}, "
            f"n_modes={self.n_modes}, filter_spectral_radius={self.filter_spectral_radius:.6g})"
        )

    def _stored_parts(self) -> dict[str, Any]:
        return {
            "eigenvalues": self.eigenvalues,
            "input_matrix": self.modal_input,
            "output_matrix": self.modal_output,
            "innovation_cov": self.innovation_cov,
        }


def _dense_only(name: str) -> TypeError:
    return TypeError(
        f"DiagonalSSM has no {name}: its state matrix wouldn't be diagonal; "
        f"use LinearGaussian.{name}"
    )


def _require_shape(array: ComplexArray, name: str, shape: tuple[int, int]) -> None:
    if array.shape != shape:
        msg = f"{name} must have shape {shape}, got {array.shape}"
        raise ValueError(msg)


def _require_one_of_each_pair(modes: ComplexArray, name: str = "eigenvalues") -> None:
    above = np.flatnonzero(modes.imag > 0.0)
    for j in np.flatnonzero(modes.imag < 0.0):
        gap = np.abs(modes[above] - modes[j].conj())
        same = above[gap <= _SAME * abs(modes[j])]
        if same.size:
            msg = (
                f"{name} must hold one of each complex pair, which stands for both; got "
                f"{readable(complex(modes[same[0]]))} at {same[0]} and its conjugate at {j}"
            )
            raise ValueError(msg)


def _require_real(
    modes: ComplexArray, in_pairs: NDArray[np.bool_], rows: ComplexArray, name: str, what: str
) -> None:
    wrong = np.flatnonzero(~in_pairs & (rows.imag != 0.0).any(axis=1))
    if wrong.size:
        i = int(wrong[0])
        msg = (
            f"{name} must be real where the eigenvalue is: {what} {i} is complex, and its "
            f"eigenvalue {modes[i].real:g} real"
        )
        raise ValueError(msg)


def _require_no_overflow(real_input: FloatArray, real_output: FloatArray) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        bound = np.abs(real_input) @ np.abs(real_output).max(axis=1)
        if not (np.isfinite(bound).all() and np.isfinite(real_output).all()):
            msg = "input_matrix and output_matrix are too large: the transition F + G C overflows"
            raise ValueError(msg)


def _real_bands(modes: ComplexArray, in_pairs: NDArray[np.bool_]) -> tuple[FloatArray, FloatArray]:
    """F of the real memory: its diagonal, and what couples the two components of each pair."""
    pairs, single = modes[in_pairs], modes[~in_pairs].real
    turn = np.stack([-pairs.imag, pairs.imag], axis=1).ravel()
    diagonal = np.concatenate([np.repeat(pairs.real, 2), single])
    return diagonal, np.concatenate([turn, np.zeros(len(single))])


def _in_parts(
    rows: ComplexArray, in_pairs: NDArray[np.bool_], real_weight: float, imaginary_weight: float
) -> FloatArray:
    """(n, m): weighted real and imaginary part of each row of a pair, then the real rows."""
    pairs = rows[in_pairs]
    parts = np.stack([real_weight * pairs.real, imaginary_weight * pairs.imag], axis=1)
    return np.concatenate([parts.reshape(-1, rows.shape[1]), rows[~in_pairs].real])


def _diagonalised(
    a: FloatArray, b: FloatArray, c: FloatArray
) -> tuple[ComplexArray, ComplexArray, ComplexArray]:
    """Eigenvalues of a, one of each pair, with b and c in the basis of its eigenvectors."""
    n = len(a)
    if a.shape != (n, n):
        msg = f"state_matrix must have shape (p,) or (n, n), got {a.shape}"
        raise ValueError(msg)
    if len(b) != n:
        msg = f"input_matrix must have shape ({n}, any), got {b.shape}"
        raise ValueError(msg)
    if c.shape != (b.shape[1], n):
        msg = f"output_matrix must have shape ({b.shape[1]}, {n}), got {c.shape}"
        raise ValueError(msg)
    # Balancing makes the answer independent of the units of the memory.
    balanced, (scales, _) = scipy.linalg.matrix_balance(a, permute=False, separate=True)
    values, vectors = np.linalg.eig(balanced)
    values, vectors = values.astype(np.complex128), vectors.astype(np.complex128)
    condition = float(np.linalg.cond(vectors))
    if not condition <= _LARGEST_CONDITION:
        msg = (
            "state_matrix can't be diagonalised in double precision: its eigenvectors are "
            f"dependent or nearly so, of condition {condition:.3g} (at most "
            f"{_LARGEST_CONDITION:g}); use LinearGaussian.from_continuous"
        )
        raise NumericalError(msg)
    entered = np.linalg.solve(vectors, (b / scales[:, np.newaxis]).astype(np.complex128))
    shown = (c * scales) @ vectors
    single = values.imag == 0.0
    entered[single] = entered[single].real
    shown[:, single] = shown[:, single].real
    kept = values.imag >= 0.0
    return values[kept], entered[kept], shown[:, kept]
