"""The same computations as one would write them with NumPy and SciPy, without entroprod's core.

Written with care, as somebody would who knows NumPy: nothing in a Python loop that has a vectorised
form, no matrix of Kronecker products, no explicit inverse of anything large.
"""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view
from scipy.linalg import solve_discrete_are, solve_triangular

import entroprod as ep

FloatArray = npt.NDArray[np.float64]
Tokens = npt.NDArray[np.int64]


def stacked_response(machine: ep.LinearGaussian, n_steps: int) -> FloatArray:
    """(T m, T m) block Toeplitz H of y = H e: every row of blocks is a window of one strip."""
    m = machine.n_outputs
    strip = np.zeros((2 * n_steps - 1, m, m))
    strip[n_steps - 1] = np.eye(m)
    reach = machine.input_matrix
    for lag in range(1, n_steps):
        strip[n_steps - 1 - lag] = machine.output_matrix @ reach
        reach = machine.transition @ reach
    windows = sliding_window_view(strip, n_steps, axis=0)[::-1]
    return windows.transpose(0, 1, 3, 2).reshape(n_steps * m, n_steps * m)


def reversal_matrix(
    machine: ep.LinearGaussian, n_steps: int, *, triangular: bool = False
) -> FloatArray:
    """(T m, T m) whitened H^-1 J H, [S26]_ eq 61, by ``numpy.linalg.solve``.

    With ``triangular`` by SciPy's triangular solver, which NumPy doesn't have.
    """
    m = machine.n_outputs
    width = n_steps * m
    response = stacked_response(machine, n_steps)
    reversed_response = response.reshape(n_steps, m, width)[::-1].reshape(width, width)
    if triangular:
        dense: npt.NDArray[Any] = solve_triangular(
            response, reversed_response, lower=True, unit_diagonal=True, check_finite=False
        )
    else:
        dense = np.linalg.solve(response, reversed_response)
    factor = np.linalg.cholesky(machine.innovation_cov)
    rows = np.linalg.inv(factor) @ dense.reshape(n_steps, m, width)
    whitened: FloatArray = (rows.reshape(-1, m) @ factor).reshape(width, width)
    return whitened


def entropy_production(
    machine: ep.LinearGaussian, n_steps: int, *, triangular: bool = False
) -> float:
    """S_y in nats, [S26]_ eq 71: half of (the squared norm of that matrix minus T m)."""
    dense = reversal_matrix(machine, n_steps, triangular=triangular)
    flat = dense.ravel()
    return float(flat @ flat - len(dense)) / 2


def entropy_production_rate(machine: ep.LinearGaussian, n_points: int) -> float:
    """Nats per step: the spectral formula by the trapezoid rule, all frequencies at once."""
    n, m = machine.n_states, machine.n_outputs
    turn = np.exp(2j * np.pi * np.arange(n_points) / n_points)
    resolvent = turn[:, None, None] * np.eye(n) - machine.transition
    inputs = np.broadcast_to(machine.input_matrix.astype(complex), (n_points, n, m))
    response = np.eye(m) + machine.output_matrix @ np.linalg.solve(resolvent, inputs)
    density = response @ machine.innovation_cov @ response.conj().transpose(0, 2, 1)
    product = np.linalg.solve(density.transpose(0, 2, 1), density)
    return float(np.mean(np.trace(product, axis1=1, axis2=2).real) - m) / 2


def entropy_production_gradient(machine: ep.LinearGaussian, n_steps: int) -> FloatArray:
    """Of F: the linear-time recursion in torch, differentiated by autograd.

    Raises ImportError without torch.
    """
    import torch

    def tensor(matrix: npt.NDArray[Any]) -> torch.Tensor:
        return torch.tensor(matrix, dtype=torch.float64)

    factor = tensor(np.linalg.cholesky(machine.innovation_cov))
    state = tensor(machine.state_matrix).requires_grad_()
    inputs = tensor(machine.input_matrix) @ factor
    output = torch.linalg.solve_triangular(factor, tensor(machine.output_matrix), upper=False)
    stacked = torch.cat([output, state])
    transition = state + inputs @ output
    side_by_side = torch.cat([transition, inputs], dim=1)
    noise, gram, drive = inputs @ inputs.T, output.T @ output, inputs @ output
    n, m = machine.n_states, machine.n_outputs
    gamma = omega = dual = torch.zeros(n, n, dtype=torch.float64)
    identity, total = torch.eye(m, dtype=torch.float64), torch.zeros((), dtype=torch.float64)
    for _ in range(n_steps):
        product = stacked @ gamma @ side_by_side
        x, y = output - product[:m, :n], identity - product[:m, n:]
        read = product[m:, n:] + inputs
        total = total + (noise * dual).sum() + (y * y).sum() + (gram * omega).sum() - m
        gamma = product[m:, :n] + drive
        omega = read @ read.T + state @ omega @ state.T
        dual = transition.T @ dual @ transition + x.T @ x
    (gradient,) = torch.autograd.grad(0.5 * total, state)
    result: FloatArray = gradient.numpy()
    return result


def monte_carlo(
    machine: ep.LinearGaussian, n_steps: int, n_paths: int, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Mean of sigma, its standard error, mean of e^-sigma: a loop over time on (N, m) arrays."""
    n, m = machine.n_states, machine.n_outputs
    state_t, input_t, output_t = (
        np.ascontiguousarray(matrix.T)
        for matrix in (machine.state_matrix, machine.input_matrix, machine.output_matrix)
    )
    factor = np.linalg.cholesky(machine.innovation_cov)
    factor_t, inverse_t = np.ascontiguousarray(factor.T), np.linalg.inv(factor).T.copy()
    y = np.empty((n_steps, n_paths, m))
    sigma = np.zeros(n_paths)
    memory = np.zeros((n_paths, n))
    for t in range(n_steps):
        noise = rng.standard_normal((n_paths, m))
        sigma -= np.einsum("ni,ni->n", noise, noise)
        y[t] = memory @ output_t + noise @ factor_t
        memory = memory @ state_t + y[t] @ input_t
    memory = np.zeros((n_paths, n))
    for t in reversed(range(n_steps)):
        innovation = (y[t] - memory @ output_t) @ inverse_t
        sigma += np.einsum("ni,ni->n", innovation, innovation)
        memory = memory @ state_t + y[t] @ input_t
    sigma /= 2
    error = sigma.std(ddof=1) / np.sqrt(n_paths)
    return float(sigma.mean()), float(error), float(np.exp(-sigma).mean())


def statsmodels_filter(
    transition: FloatArray,
    emission: FloatArray,
    process_cov: FloatArray,
    obs_cov: FloatArray,
    sequence: FloatArray,
) -> Any:
    """A Kalman filter of statsmodels that begins in its steady state, with (T, m) data bound.

    Raises ImportError without statsmodels.
    """
    from statsmodels.tsa.statespace.kalman_filter import KalmanFilter

    n_states = len(transition)
    kalman = KalmanFilter(k_endog=len(emission), k_states=n_states)
    kalman["transition"], kalman["design"] = transition, emission
    kalman["selection"] = np.eye(n_states)
    kalman["state_cov"], kalman["obs_cov"] = process_cov, obs_cov
    prediction_cov = solve_discrete_are(transition.T, emission.T, process_cov, obs_cov)
    kalman.initialize_known(np.zeros(n_states), prediction_cov)
    kalman.bind(np.ascontiguousarray(sequence))
    return kalman


def language_model_log_probs(
    model: Any, first_token: int, sequences: list[Tokens]
) -> list[FloatArray]:
    """Nats per token of a causal model of transformers: one forward pass for each sequence.

    Raises ImportError without torch.
    """
    import torch

    results = []
    for sequence in sequences:
        ids = torch.tensor([[first_token, *sequence.tolist()]])
        with torch.no_grad():
            log_probs = torch.log_softmax(model(ids).logits, dim=-1)
        picked = log_probs[0, :-1].gather(1, ids[0, 1:, None])[:, 0]
        results.append(picked.double().numpy())
    return results


def language_model_path(
    model: Any, first_token: int, n_steps: int, rng: np.random.Generator
) -> tuple[Tokens, float]:
    """One sampled path and its sigma, token by token with a cache, forwards and then backwards.

    Raises ImportError without torch.
    """
    import torch

    def read(token: int, cache: Any) -> tuple[torch.Tensor, Any]:
        out = model(torch.tensor([[token]]), cache=cache, use_cache=True)
        return torch.log_softmax(out.logits[0, -1], dim=-1), out.cache

    path = np.empty(n_steps, dtype=np.int64)
    sigma, token, cache = 0.0, first_token, None
    with torch.no_grad():
        for t in range(n_steps):
            log_probs, cache = read(token, cache)
            upto = log_probs.double().exp().cumsum(0)
            level = torch.tensor(rng.random()) * upto[-1]
            token = int(torch.searchsorted(upto, level, right=True))
            path[t] = token
            sigma += float(log_probs[token])
        token, cache = first_token, None
        for target in path[::-1].tolist():
            log_probs, cache = read(token, cache)
            sigma -= float(log_probs[target])
            token = target
    return path, sigma


def forward_filter(model: ep.HiddenMarkov, path: npt.NDArray[np.int64]) -> FloatArray:
    """(T,) log-probabilities of one path, step by step, as in any textbook."""
    belief, result = model.initial, np.empty(len(path))
    for t, symbol in enumerate(path.tolist()):
        joint = belief * model.emission[:, symbol]
        total = joint.sum()
        result[t] = total
        belief = (joint / total) @ model.transition
    logarithms: FloatArray = np.log(result)
    return logarithms


def chain_entropy_production(chain: ep.MarkovChain, n_steps: int) -> float:
    """S_y in nats, summed over the steps with the law of each symbol."""
    log_ratios = np.log(chain.transition) - np.log(chain.transition.T)
    mean_ratios = (chain.transition * log_ratios).sum(axis=1)
    law = chain.initial
    total = float(law @ np.log(law))
    for _ in range(n_steps - 1):
        total += float(law @ mean_ratios)
        law = law @ chain.transition
    return total - float(law @ np.log(chain.initial))


def enumerated_entropy_production(machine: ep.HiddenMarkov, n_steps: int) -> float:
    """S_y in nats from all sequences, scored both ways at once."""
    every = np.array(list(itertools.product(range(machine.n_symbols), repeat=n_steps)))
    ahead = machine.log_prob(every).sum(axis=1)
    behind = machine.log_prob(every[:, ::-1]).sum(axis=1)
    return math.fsum(np.exp(ahead) * (ahead - behind))
