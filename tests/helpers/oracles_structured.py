"""Diagonal state-space models by their definition: complex arithmetic, one mode at a time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from entroprod import DiagonalSSM, LinearGaussian

Array = NDArray[np.float64]


def predictions(machine: DiagonalSSM, path: Array) -> Array:
    """(T, m) sum_real C_i h_i + 2 Re sum_complex C_i h_i with h the modes' own complex memories."""
    single = machine.eigenvalues.imag == 0.0
    memory = np.zeros(machine.n_modes, dtype=np.clongdouble)
    result = np.empty_like(path)
    for t, y in enumerate(path):
        shown = machine.modal_output * memory
        total = shown[:, single].sum(axis=1) + 2.0 * shown[:, ~single].real.sum(axis=1)
        result[t] = total.real
        memory = machine.eigenvalues * memory + machine.modal_input @ y
    return result


def log_prob(machine: DiagonalSSM, path: Array) -> Array:
    """(T,) log-densities of the innovations y - prediction."""
    innovations = path - predictions(machine, path)
    cov = machine.innovation_cov
    squares = np.sum(innovations * np.linalg.solve(cov, innovations.T).T, axis=1)
    constant = machine.n_outputs * np.log(2.0 * np.pi) + np.linalg.slogdet(cov)[1]
    return np.asarray(-0.5 * (squares + constant), dtype=np.float64)


def dense(machine: DiagonalSSM) -> LinearGaussian:
    """The machine without its structure, from a real basis of its own: each pair by itself and
    its conjugate, made real by the unitary matrix of (x + i z, x - i z) / sqrt(2).
    """
    blocks, inputs, outputs = [], [], []
    turn = np.array([[1.0, 1.0], [-1.0j, 1.0j]]) / np.sqrt(2.0)
    for value, row, column in zip(
        machine.eigenvalues, machine.modal_input, machine.modal_output.T, strict=True
    ):
        if value.imag == 0.0:
            blocks.append(np.array([[value.real]]))
            inputs.append(row[None].real)
            outputs.append(column[:, None].real)
        else:
            both = np.diag([value, value.conj()])
            blocks.append((turn @ both @ turn.conj().T).real)
            inputs.append((turn @ np.stack([row, row.conj()])).real)
            outputs.append((np.stack([column, column.conj()], axis=1) @ turn.conj().T).real)
    n = machine.n_states
    state, at = np.zeros((n, n)), 0
    for block in blocks:
        state[at : at + len(block), at : at + len(block)] = block
        at += len(block)
    return LinearGaussian(
        state, np.concatenate(inputs), np.concatenate(outputs, axis=1), machine.innovation_cov
    )
