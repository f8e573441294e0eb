"""The laws of entropy production as assertions: what ``entroprod.verify`` reports, these raise.

Each ``check_<law>`` is :func:`check_law` for one law, with the same parameters where the law has a
use for them, the same errors and the same result; its docstring states the law.
"""

from __future__ import annotations

from typing import Any

from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.laws import LAWS, MACHINE_LAWS, Case, LawResult
from entroprod.laws.machine_case import make_case

# Enough for the structure of a sequence to show, few enough for hundreds of random machines.
N_STEPS = 12
N_PATHS = 4000
SEED = 0

_GAUSSIAN = {law.name: law for law in LAWS}
_MACHINE = {law.name: law for law in MACHINE_LAWS}


def check_law(
    name: str,
    machine: Any,
    *,
    n_steps: int = N_STEPS,
    n_paths: int = N_PATHS,
    seed: int = SEED,
) -> LawResult:
    """Assert one law by its name, as listed in the report of ``entroprod.verify``.

    Parameters
    ----------
    name : str
        Of the law.
    machine : LinearGaussian or Machine
        A linear-Gaussian machine obeys the laws of both lists, any other those of any machine.
    n_steps : int
        T >= 1, length of the sequences.
    n_paths : int
        N >= 1, sampled paths, for laws that sample.
    seed : int
        The same seed gives the same residual.

    Returns
    -------
    LawResult
        ``passed`` is True, or None where the law does not apply to the machine or rounding leaves
        it undecided: assert on ``skipped`` where that matters.

    Raises
    ------
    AssertionError
        Where the law is broken, with residual, tolerance and the reason for it, in the law's unit.
    KeyError
        For a name that no law has; lists the names.
    TypeError
        For another machine and a law of linear-Gaussian ones.

    Notes
    -----
    Source: the laws are those of [S26]_ and of the documentation's theory page.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod.testing import check_law
    >>> machine = ep.LinearGaussian.from_var([[[0.5, 0.3], [0.0, 0.4]]], [[1, 0], [0, 1]])
    >>> check_law("involution", machine, n_steps=7).passed
    True
    """
    if name in _MACHINE:
        result = _MACHINE[name](make_case(machine, n_steps, n_paths, seed))
    elif name not in _GAUSSIAN:
        raise KeyError(f"no law {name!r}; there are {', '.join([*_GAUSSIAN, *_MACHINE])}")
    elif isinstance(machine, LinearGaussian):
        result = _GAUSSIAN[name](Case(machine, n_steps, n_paths, seed))
    else:
        raise TypeError(f"machine must be a LinearGaussian for {name}, got {machine!r}")
    if result.passed is False:
        # Raised, not asserted: a check must hold under python -O, too.
        raise AssertionError(f"{describe_failure(result)}; of {machine!r}")
    return result


def describe_failure(result: LawResult) -> str:
    """One line about a law that is broken."""
    where = f"; {result.detail}" if result.detail else ""
    return (
        f"{result.name} is broken: {result.statement}; residual {result.residual:.3e} exceeds "
        f"{result.tolerance:.3e} ({result.reason}){where}"
    )


def check_involution(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """R R = I for the whitened innovation reversal matrix."""
    return check_law("involution", machine, n_steps=n_steps)


def check_trace_of_reversal(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """tr R = m for odd T, 0 for even T."""
    return check_law("trace_of_reversal", machine, n_steps=n_steps)


def check_paired_singular_values(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """Singular values of R come in pairs (s, 1/s)."""
    return check_law("paired_singular_values", machine, n_steps=n_steps)


def check_antisymmetric_part(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """S_y = |R - R^T|^2 / 4."""
    return check_law("antisymmetric_part", machine, n_steps=n_steps)


def check_norm_squared(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """|R|^2 = T m + 2 S_y, with R formed and with R never formed."""
    return check_law("norm_squared", machine, n_steps=n_steps)


def check_rows_of_reversal(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """Per-step values are half of (squared rows of R - m)."""
    return check_law("rows_of_reversal", machine, n_steps=n_steps)


def check_non_negative(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """S_y(T) >= 0, total and curve."""
    return check_law("non_negative", machine, n_steps=n_steps)


def check_curve(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """The curve at T is the total at T; S_y(1) = 0."""
    return check_law("curve_is_totals", machine, n_steps=n_steps)


def check_per_step_adds_up(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """Per-step values add up to the total."""
    return check_law("per_step_adds_up", machine, n_steps=n_steps)


def check_stated_rounding_error(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """Double precision is as near to extended precision as it states."""
    return check_law("stated_rounding_error", machine, n_steps=n_steps)


def check_decomposition_adds_up(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """The retrospective entropy productions D_t add up to S_y."""
    return check_law("decomposition_adds_up", machine, n_steps=n_steps)


def check_decomposition_non_negative(
    machine: LinearGaussian, *, n_steps: int = N_STEPS
) -> LawResult:
    """D_t, L_t and M_t are not negative."""
    return check_law("decomposition_non_negative", machine, n_steps=n_steps)


def check_refined_second_law(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """S_y is at least the sum of the compression losses L_t."""
    return check_law("refined_second_law", machine, n_steps=n_steps)


def check_retrospective(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """D_t is what dense Gaussian conditioning gives."""
    return check_law("retrospective_is_dense", machine, n_steps=n_steps)


def check_state_basis(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """S_y does not depend on the basis of the state."""
    return check_law("state_basis", machine, n_steps=n_steps)


def check_output_basis(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """S_y does not depend on the basis of the output."""
    return check_law("output_basis", machine, n_steps=n_steps)


def check_rate_is_spectral(machine: LinearGaussian) -> LawResult:
    """The rate is an integral over the spectrum, without cancellation."""
    return check_law("rate_is_spectral", machine)


def check_rate_is_slope(machine: LinearGaussian) -> LawResult:
    """The rate is the slope of S_y(T) past the transient."""
    return check_law("rate_is_slope", machine)


def check_scalar_output(machine: LinearGaussian) -> LawResult:
    """One output: the rate is zero."""
    return check_law("scalar_output", machine)


def check_symmetric_var(machine: LinearGaussian) -> LawResult:
    """VAR(1) with symmetric coefficients times noise: the rate is zero."""
    return check_law("symmetric_var", machine)


def check_log_prob(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """log_prob is the dense multivariate normal's, step by step."""
    return check_law("log_prob_is_dense", machine, n_steps=n_steps)


def check_sigma_is_a_difference(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """sigma is the difference of two sums of log_prob."""
    return check_law("sigma_is_a_difference", machine, n_steps=n_steps)


def check_sigma_is_quadratic(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """sigma = e^T (R^T R - I) e / 2 for whitened innovations e."""
    return check_law("sigma_is_quadratic", machine, n_steps=n_steps)


def check_mean_of_sigma(
    machine: LinearGaussian, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """The Monte-Carlo mean is S_y within five standard errors."""
    return check_law("mean_of_sigma", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_variance_of_sigma(
    machine: LinearGaussian, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """The Monte-Carlo variance is sum (mu - 1)^2 / 2 within five standard errors."""
    return check_law("variance_of_sigma", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_fluctuation_theorem(
    machine: LinearGaussian, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """E[exp(-sigma)] = 1 within five standard errors, where its variance is finite."""
    return check_law("fluctuation_theorem", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_partial_fluctuation(
    machine: LinearGaussian, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """E[exp(-sigma/8)] against its closed form within five standard errors."""
    return check_law("partial_fluctuation", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_sigma_variance(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """Var sigma in linear time is |R R^T - I|^2 / 2."""
    return check_law("sigma_variance_is_dense", machine, n_steps=n_steps)


def check_generating_function(machine: LinearGaussian, *, n_steps: int = N_STEPS) -> LawResult:
    """ln E[exp(-l sigma)] of the exact law is that of the dense determinant."""
    return check_law("generating_function_is_dense", machine, n_steps=n_steps)


def check_sigma_follows_its_law(
    machine: LinearGaussian, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """The distribution of sampled sigma is the exact one within its bound."""
    return check_law("sigma_follows_its_law", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_threads(
    machine: LinearGaussian, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """The number of threads changes no bit."""
    return check_law("threads_do_not_matter", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_round_trips(machine: LinearGaussian) -> LawResult:
    """Rebuilt, copied and pickled machines are equal and hash alike."""
    return check_law("round_trips", machine)
