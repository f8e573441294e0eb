"""Hypothesis strategies that draw discrete machines: Markov chains and hidden Markov models.

Rows of probabilities are small integers over their sum, so that examples shrink to uniform rows and
that equal rows, symmetric matrices and certainties come up often.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from entroprod.discrete.hidden_markov import HiddenMarkov
from entroprod.discrete.markov_chain import MarkovChain

Array = npt.NDArray[np.float64]
Size = int | tuple[int, int]

_LARGEST_WEIGHT = 16


@st.composite
def stochastic_matrices(draw: DrawFn, n_rows: int, n_columns: int, *, zeros: bool = False) -> Array:
    """(n_rows, n_columns) matrices of probabilities, with or without zeros; no row is all zero."""
    weights = st.integers(0 if zeros else 1, _LARGEST_WEIGHT)
    row = st.lists(weights, min_size=n_columns, max_size=n_columns).filter(any)
    rows = np.array(draw(st.lists(row, min_size=n_rows, max_size=n_rows)), dtype=np.float64)
    matrix: Array = rows / rows.sum(axis=1, keepdims=True)
    return matrix


@st.composite
def markov_chains(
    draw: DrawFn,
    *,
    n_symbols: Size = (1, 4),
    zeros: bool = False,
    stationary: bool | None = None,
) -> MarkovChain:
    """Chains that start in their stationary state, or anywhere.

    Parameters
    ----------
    n_symbols : int or (int, int), default (1, 4)
        k, or inclusive bounds for it.
    zeros : bool
        Whether some steps may be impossible; then the start is never the stationary one.
    stationary : bool, optional
        Whether the chain starts in its stationary state; by default either.
    """
    k = draw(_sizes(n_symbols))
    matrix = draw(stochastic_matrices(k, k, zeros=zeros))
    if draw(_starts(zeros, stationary)):
        return MarkovChain(matrix)
    return MarkovChain(matrix, draw(stochastic_matrices(1, k, zeros=zeros))[0])


@st.composite
def reversible_chains(draw: DrawFn, *, n_symbols: Size = (1, 4)) -> MarkovChain:
    """Chains in detailed balance, pi_i P_ij = pi_j P_ji, from their stationary state."""
    k = draw(_sizes(n_symbols))
    entries = st.integers(1, _LARGEST_WEIGHT)
    square = np.array(draw(st.lists(entries, min_size=k * k, max_size=k * k))).reshape(k, k)
    flows = np.asarray(square + square.T, dtype=np.float64)
    return MarkovChain(flows / flows.sum(axis=1, keepdims=True))


@st.composite
def hidden_markovs(
    draw: DrawFn,
    *,
    n_states: Size = (1, 3),
    n_symbols: Size = (1, 3),
    zeros: bool = False,
    stationary: bool | None = None,
) -> HiddenMarkov:
    """Hidden Markov models that start in their stationary state, or anywhere.

    Parameters
    ----------
    n_states, n_symbols : int or (int, int), default (1, 3)
        n and k, or inclusive bounds for them.
    zeros : bool
        Whether some steps and emissions may be impossible; then the start is never the stationary
        one.
    stationary : bool, optional
        Whether the model starts in its stationary state; by default either.
    """
    n, k = draw(_sizes(n_states)), draw(_sizes(n_symbols))
    matrix = draw(stochastic_matrices(n, n, zeros=zeros))
    emission = draw(stochastic_matrices(n, k, zeros=zeros))
    if draw(_starts(zeros, stationary)):
        return HiddenMarkov(matrix, emission)
    return HiddenMarkov(matrix, emission, draw(stochastic_matrices(1, n, zeros=zeros))[0])


def _starts(zeros: bool, stationary: bool | None) -> SearchStrategy[bool]:
    if stationary is not None:
        return st.just(stationary)
    return st.just(False) if zeros else st.booleans()


def _sizes(size: Size) -> SearchStrategy[int]:
    return st.just(size) if isinstance(size, int) else st.integers(*size)
