"""Dense twins of machines that change in time, and of missing observations.

Nothing here calls entroprod: the stacked sequence is a normal vector whose mean and covariance
follow from the definition alone, and a density of a part of it is the density of that part's
marginal. Everything in long double, since differences of joint log-densities lose digits.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from oracles import cholesky, solve_lower

Array = npt.NDArray[Any]


class Steps(NamedTuple):
    """Matrices of every step, (T, ., .) each, and the known first memory (n,)."""

    state: Array
    inputs: Array
    output: Array
    cov: Array
    mean: Array


def steps_of(machine: Any, n_steps: int) -> Steps:
    """The parameters of a constant or a time-varying machine at its first steps."""

    def spread(matrix: Array) -> Array:
        wide = np.asarray(matrix, np.longdouble)
        return wide[:n_steps] if wide.ndim == 3 else np.repeat(wide[None], n_steps, axis=0)

    mean = getattr(machine, "initial_mean", np.zeros(machine.n_states))
    return Steps(
        spread(machine.state_matrix),
        spread(machine.input_matrix),
        spread(machine.output_matrix),
        spread(machine.innovation_cov),
        np.asarray(mean, np.longdouble),
    )


def stacked(steps: Steps) -> tuple[Array, Array]:
    """Mean (T m,) and covariance (T m, T m) of y_1 .. y_T, from y_t = C h + e, h' = F h + G y.

    Every h and y is kept as an affine function of the innovations e_1 .. e_T.
    """
    n_steps, m, n = steps.output.shape
    width = n_steps * m
    memory, memory_mean = np.zeros((n, width), np.longdouble), steps.mean
    rows, means = [], []
    for t in range(n_steps):
        own = np.zeros((m, width), np.longdouble)
        own[:, t * m : (t + 1) * m] = np.eye(m)
        y = steps.output[t] @ memory + own
        y_mean = steps.output[t] @ memory_mean
        rows.append(y)
        means.append(y_mean)
        memory = steps.state[t] @ memory + steps.inputs[t] @ y
        memory_mean = steps.state[t] @ memory_mean + steps.inputs[t] @ y_mean
    response = np.concatenate(rows)
    innovations = np.zeros((width, width), np.longdouble)
    for t in range(n_steps):
        block = slice(t * m, (t + 1) * m)
        innovations[block, block] = steps.cov[t]
    return np.concatenate(means), response @ innovations @ response.T


def in_order_of_reading(steps: Steps, *, backward: bool) -> Steps:
    """The machine whose first step reads the observation that comes first in that direction."""
    if not backward:
        return steps
    state, inputs, output, cov = (matrices[::-1] for matrices in steps[:4])
    return Steps(state, inputs, output, cov, steps.mean)


def log_prob(machine: Any, sequence: Array, *, backward: bool = False) -> Array:
    """(T,) nats per step, in the order of time, of one (T, m) path with NaN where missing.

    Differences of the joint log-densities of what has been observed up to each step.
    """
    n_steps, m = sequence.shape
    mean, cov = stacked(in_order_of_reading(steps_of(machine, n_steps), backward=backward))
    y = sequence[::-1] if backward else sequence
    flat = np.asarray(y, np.longdouble).ravel()
    seen = np.flatnonzero(~np.isnan(flat))
    # The factor of a leading block is the leading block of the factor, so one does for all steps.
    factor = cholesky(cov[np.ix_(seen, seen)])
    white = solve_lower(factor, (flat - mean)[seen])
    two_pi = 2 * np.longdouble(np.pi)
    terms = -(white**2) / 2 - np.log(np.diag(factor)) - np.log(two_pi) / 2
    result = np.zeros(n_steps, np.longdouble)
    np.add.at(result, seen // m, terms)
    return np.asarray(result[::-1] if backward else result, np.float64)


def joint_log_density(machine: Any, sequence: Array) -> float:
    """ln of the density of the observed entries of a (T, m) path, by their marginal alone."""
    mean, cov = stacked(steps_of(machine, len(sequence)))
    flat = np.asarray(sequence, float).ravel()
    seen = ~np.isnan(flat)
    rest = flat[seen] - np.asarray(mean, float)[seen]
    marginal = np.asarray(cov, float)[np.ix_(seen, seen)]
    _, log_det = np.linalg.slogdet(2 * np.pi * marginal)
    return float(-(log_det + rest @ np.linalg.solve(marginal, rest)) / 2)


def textbook_filter(
    transition: Array,
    emission: Array,
    process_cov: Array,
    obs_cov: Array,
    initial_cov: Array,
    n_steps: int,
) -> Steps:
    """The Kalman filter in its plainest form: predict, S = C P C^T + R, P - K S K^T."""
    at = [
        np.broadcast_to(a, (n_steps, *a.shape[-2:]))
        for a in (transition, emission, process_cov, obs_cov)
    ]
    p = np.asarray(initial_cov, np.longdouble)
    state, gains, covs = [], [], []
    for a, c, q, r in zip(*(np.asarray(x, np.longdouble) for x in at), strict=True):
        s = c @ p @ c.T + r
        factor = cholesky(s)
        # K = P C^T S^-1, by two triangular solves.
        gain = solve_lower(factor.T[::-1, ::-1], solve_lower(factor, c @ p)[::-1])[::-1].T
        p = a @ (p - gain @ s @ gain.T) @ a.T + q
        state.append(a - a @ gain @ c)
        gains.append(a @ gain)
        covs.append(s)
    mean = np.zeros(len(initial_cov), np.longdouble)
    output = np.asarray(at[1], np.longdouble)
    return Steps(np.array(state), np.array(gains), output, np.array(covs), mean)


def sigma_mean(forward: Any, backward: Any, n_steps: int) -> float:
    """KL(P || P_b) in nats between the two dense normal laws of y_1 .. y_T."""
    m = forward.n_outputs
    mean, cov = stacked(steps_of(forward, n_steps))
    other_mean, other_cov = stacked(in_order_of_reading(steps_of(backward, n_steps), backward=True))
    order = np.arange(n_steps * m).reshape(n_steps, m)[::-1].ravel()
    other_mean, other_cov = other_mean[order], other_cov[np.ix_(order, order)]
    own, other = cholesky(cov), cholesky(other_cov)
    ratio = solve_lower(other, own)
    shift = solve_lower(other, mean - other_mean)
    logs = 2 * (np.log(np.diag(other)).sum() - np.log(np.diag(own)).sum())
    return float((np.sum(ratio**2) + shift @ shift - len(cov) + logs) / 2)
