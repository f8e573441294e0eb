"""Laws of single paths: log-probabilities, sigma, and independence of the number of threads."""

from __future__ import annotations

import math

import numpy as np

from entroprod.laws.gaussian_case import GaussianCase
from entroprod.laws.gaussian_pair_case import Array
from entroprod.laws.law import law
from entroprod.laws.measurement import Measurement, NotApplicable
from entroprod.laws.pair_case import EPSILON, ROUNDING_SLACK
from entroprod.questions import monte_carlo, trajectory

# Threads beyond the caller's own: enough to split any batch unevenly.
_N_THREADS = 3
_N_THREADED_PATHS = 257


@law(
    "log_prob is the conditional log-density of the dense multivariate normal",
    "rounding of both ways, by the conditioning of the stacked response",
    on=GaussianCase,
    check="check_log_prob",
)
def log_prob_is_dense(case: GaussianCase) -> Measurement:
    """Largest deviation per step, over a few paths."""
    response, inverse = case.responses
    condition = float(np.linalg.norm(response, 2) * np.linalg.norm(inverse, 2))
    if case.size * EPSILON * condition**2 > 1:
        raise NotApplicable(
            "undecidable: the dense covariance is singular to rounding, its condition is "
            f"{condition**2:.1e}"
        )
    m = case.machine.n_outputs
    factor = np.linalg.cholesky(case.machine.innovation_cov)
    whitened = np.linalg.solve(factor, case.sequences.reshape(-1, m).T).T
    stacked = np.linalg.cholesky(response @ response.T)
    scores = np.linalg.solve(stacked, whitened.reshape(len(case.sequences), -1).T).T
    dense = -np.log(np.diag(stacked)) - scores**2 / 2 - 0.5 * math.log(2 * math.pi)
    expected = dense.reshape(len(scores), case.n_steps, m).sum(axis=2)
    expected = expected - float(np.sum(np.log(np.diag(factor))))
    found = case.machine.log_prob(case.sequences)
    own = float(np.linalg.cond(_correlation(case.machine.innovation_cov)))
    size = float(np.max(np.abs(expected)))
    tolerance = ROUNDING_SLACK * EPSILON * size * (case.size * condition**2 + own)
    return Measurement(float(np.max(np.abs(found - expected))), tolerance, size)


@law(
    "sigma = ln P(y) - ln P_b(reversed y), each a sum of log_prob",
    "rounding of sums of T log-probabilities",
    on=GaussianCase,
)
def sigma_is_a_difference(case: GaussianCase) -> Measurement:
    """Largest deviation of sigma and of its two terms from sums of log_prob."""
    found = trajectory.stochastic_entropy_production(case.machine, case.sequences)
    forward = case.machine.log_prob(case.sequences)
    backward = case.machine.log_prob(np.ascontiguousarray(case.sequences[:, ::-1]))
    deviations = (
        found.log_forward - forward.sum(axis=1),
        found.log_backward - backward.sum(axis=1),
        found.sigma - (found.log_forward - found.log_backward),
    )
    size = float(np.max(np.abs(forward).sum(axis=1) + np.abs(backward).sum(axis=1)))
    residual = max(float(np.max(np.abs(deviation))) for deviation in deviations)
    return Measurement(residual, ROUNDING_SLACK * EPSILON * case.n_steps * size, size)


@law(
    "sigma = e^T (R^T R - I) e / 2 for whitened innovations e",
    "rounding of R, times the size of the innovations",
    on=GaussianCase,
    source="[S26] eqs 45-71",
)
def sigma_is_quadratic(case: GaussianCase) -> Measurement:
    """Largest deviation over a few paths."""
    errors = case.innovations
    backward = errors @ case.reversal.T
    expected = (np.sum(backward**2, axis=1) - np.sum(errors**2, axis=1)) / 2
    found = trajectory.stochastic_entropy_production(case.machine, case.sequences)
    squares = float(np.max(np.sum(errors**2, axis=1)))
    size = float(np.max(np.sum(backward**2, axis=1)))
    tolerance = 2 * math.sqrt(size * squares) * case.reversal_error
    tolerance += ROUNDING_SLACK * EPSILON * case.n_steps * (size + squares)
    return Measurement(float(np.max(np.abs(found.sigma - expected))), tolerance, size)


@law(
    "the number of threads changes no bit of any result",
    "none: equal means identical",
    on=GaussianCase,
    about_values=False,
    check="check_threads",
)
def threads_do_not_matter(case: GaussianCase) -> Measurement:
    """Numbers that differ between one thread and several."""

    def results(n_threads: int) -> Array:
        paths = case.machine.sample(
            case.n_steps, _N_THREADED_PATHS, rng=case.seed, n_threads=n_threads
        )
        summary = monte_carlo.monte_carlo(
            case.machine,
            case.n_steps,
            case.n_paths,
            rng=case.seed,
            keep_sigma=True,
            n_threads=n_threads,
        )
        kept = np.empty(0) if summary.sigma is None else summary.sigma
        moments = [summary.mean, summary.variance, summary.fluctuation_mean]
        return np.concatenate([paths.ravel(), kept, moments])

    case.require_sampling()
    one = results(1)
    different = int(np.sum(one != results(_N_THREADS)))
    return Measurement(float(different), 0.0, float(one.size))


def _correlation(cov: Array) -> Array:
    spread = np.sqrt(np.diag(cov))
    correlation: Array = cov / np.outer(spread, spread)
    return correlation
