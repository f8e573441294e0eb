"""Probability distributions, stochastic matrices, and the relative entropy between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.csgraph import connected_components

from entroprod.boundary.arrays import FloatArray, as_float_array, as_matrix
from entroprod.boundary.errors import NumericalError

BoolArray = NDArray[np.bool_]

_EPSILON = float(np.finfo(np.float64).eps)
# How far from 1 the sum of probabilities may be: what division by a sum, a product of stochastic
# matrices or a matrix exponential leave, with room; a number typed with fewer digits is refused.
_SUM_ROUNDING = 1e-12


def as_stochastic_matrix(
    value: ArrayLike, name: str, shape: tuple[int | None, int | None]
) -> FloatArray:
    """Matrix whose rows are probabilities, read-only and its own copy; ``None`` leaves a size open.

    Rows are taken as they are: their sums may be off by rounding, and aren't corrected.
    """
    matrix = as_matrix(value, name, shape)
    _require_probabilities(matrix, name)
    sums = matrix.sum(axis=1)
    wrong = np.abs(sums - 1.0) > _allowed(matrix.shape[1])
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        msg = (
            f"{name} must have rows that sum to 1 within {_allowed(matrix.shape[1]):.0e}, got "
            f"{float(sums[row])!r} in row {row}"
        )
        raise ValueError(msg)
    return _locked(matrix)


def as_distribution(value: ArrayLike, name: str, size: int) -> FloatArray:
    """Probabilities, (size,), read-only and their own copy."""
    vector = as_float_array(value, name, 1)
    if vector.shape != (size,):
        msg = f"{name} must have shape ({size},), got {vector.shape}"
        raise ValueError(msg)
    _require_probabilities(vector, name)
    total = float(vector.sum())
    if abs(total - 1.0) > _allowed(size):
        msg = f"{name} must sum to 1 within {_allowed(size):.0e}, got {total!r}"
        raise ValueError(msg)
    return _locked(vector)


def as_initial(value: ArrayLike | str, transition: FloatArray, what: str) -> FloatArray:
    """First distribution: given, or "stationary" for that which ``transition`` leaves alone."""
    if isinstance(value, str):
        if value != "stationary":
            msg = f'initial must be "stationary" or an array of probabilities, got {value!r}'
            raise ValueError(msg)
        return stationary_distribution(transition, what)
    return as_distribution(value, "initial", len(transition))


def as_square(value: ArrayLike, name: str) -> FloatArray:
    """Stochastic matrix, square."""
    matrix = as_matrix(value, name, (None, None))
    if matrix.shape[0] != matrix.shape[1]:
        msg = f"{name} must be square, got shape {matrix.shape}"
        raise ValueError(msg)
    return as_stochastic_matrix(matrix, name, matrix.shape)


def _require_probabilities(array: FloatArray, name: str) -> None:
    if (array < 0.0).any():
        index = tuple(int(i) for i in np.argwhere(array < 0.0)[0])
        msg = f"{name} must not be negative, got {array[index]:g} at index {index}"
        raise ValueError(msg)


def _allowed(size: int) -> float:
    return max(_SUM_ROUNDING, size * _EPSILON)


def _locked(array: FloatArray) -> FloatArray:
    own = array.copy()
    own.flags.writeable = False
    return own


def closed_classes(transition: FloatArray) -> list[list[int]]:
    """Sets of states that are never left and hold no smaller such set, each in order."""
    edges = transition > 0.0
    _, label = connected_components(edges.astype(np.float64), connection="strong")
    source, target = np.nonzero(edges)
    left = set(label[source[label[source] != label[target]]].tolist())
    found: dict[int, list[int]] = {}
    for state, component in enumerate(label.tolist()):
        if component not in left:
            found.setdefault(component, []).append(state)
    return sorted(found.values())


def stationary_distribution(transition: FloatArray, what: str) -> FloatArray:
    """The distribution that a stochastic matrix leaves alone, (k,), read-only.

    By elimination without a single subtraction: every entry keeps its digits, however small.

    Raises
    ------
    NumericalError
        If there is more than one, naming the closed classes of ``what``.

    Notes
    -----
    Source: [GTH85]_, with the diagonal taken as what the rest of a row leaves.
    """
    classes = closed_classes(transition)
    if len(classes) > 1:
        named = ", ".join(_named(states) for states in classes[:3])
        more = ", .." if len(classes) > 3 else ""
        msg = (
            f"transition has {len(classes)} closed classes of {what}, {named}{more}, and so no "
            "unique stationary distribution"
        )
        raise NumericalError(msg)
    states = classes[0]
    result = np.zeros(len(transition))
    result[states] = _without_subtraction(transition[np.ix_(states, states)])
    result.flags.writeable = False
    return result


def _named(states: list[int]) -> str:
    shown = ", ".join(str(state) for state in states[:5])
    return f"{{{shown}{', ..' if len(states) > 5 else ''}}}"


def _without_subtraction(transition: FloatArray) -> FloatArray:
    """For an irreducible matrix: states are eliminated one by one, then put back."""
    rest = transition.copy()
    size = len(rest)
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        for last in range(size - 1, 0, -1):
            rest[:last, last] /= rest[last, :last].sum()
            rest[:last, :last] += np.outer(rest[:last, last], rest[last, :last])
        result = np.zeros(size)
        result[0] = 1.0
        for last in range(1, size):
            result[last] = result[:last] @ rest[:last, last]
            result[: last + 1] /= result[: last + 1].sum()
    if not np.isfinite(result).all():
        raise NumericalError("transition has probabilities too small for doubles")
    return result


def cumulative(probabilities: FloatArray) -> FloatArray:
    """Upper ends of the intervals of [0, 1) that belong to each outcome, (.., k).

    What has probability 0 gets nothing, whatever rounding does to the last sum.
    """
    ends = np.cumsum(probabilities, axis=-1)
    behind = np.cumsum(probabilities[..., ::-1], axis=-1)[..., ::-1]
    last = np.concatenate([behind[..., 1:], np.zeros_like(behind[..., :1])], axis=-1) == 0.0
    ends[last] = np.inf
    return ends


def choose(ends: FloatArray, uniform: FloatArray) -> NDArray[np.int64]:
    """Outcomes, (N,), of uniform numbers, (N,), by the ends, (N, k) or (k,), of their intervals."""
    return np.asarray(np.count_nonzero(uniform[:, np.newaxis] >= ends, axis=-1), dtype=np.int64)
