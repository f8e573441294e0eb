"""The laws of any machine as assertions: all of them at once, or one by one.

Each ``check_<law>`` is :func:`check_law` for one law, with the same parameters, errors and result;
its docstring states the law.
"""

from __future__ import annotations

from typing import Any

from entroprod.laws import LawResult
from entroprod.laws.verification import Verification, verify
from entroprod.testing.checks import N_STEPS, SEED, check_law, describe_failure

# As ``entroprod.verify`` takes for machines that have to be asked for every number.
N_PATHS = 2000


def check_machine(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> Verification:
    """Assert all laws that apply to a machine, of whatever kind.

    Parameters
    ----------
    machine : LinearGaussian or Machine
        A linear-Gaussian machine is held to its closed forms, any other to the laws of any machine.
    n_steps : int
        T >= 1, largest length of the sequences.
    n_paths : int
        N >= 1, sampled paths, for laws that sample.
    seed : int
        The same seed gives the same residuals.

    Returns
    -------
    Verification
        As :func:`entroprod.verify` gives it, with the laws that were skipped, and why.

    Raises
    ------
    AssertionError
        Lists the laws that are broken, with residual, tolerance and where; or, where no law about
        the values could be tested, the reasons.

    Notes
    -----
    Source: the laws are those of [S26]_ and of the documentation's verification page.

    Examples
    --------
    >>> import numpy as np
    >>> import entroprod as ep
    >>> from entroprod.testing import check_machine
    >>> coin = ep.FunctionMachine(lambda y: np.log(np.where(y, 0.3, 0.7)), n_symbols=2)
    >>> check_machine(coin).passed
    True
    """
    report = verify(machine, n_steps=n_steps, n_paths=n_paths, rng=seed)
    if report.failures:
        lines = "".join(f"\n- {describe_failure(law)}" for law in report.failures)
        share = f"{len(report.failures)} of {len(report.tested)}"
        raise AssertionError(f"{share} laws are broken for {machine!r}:{lines}")
    if not report.passed:
        reasons = "".join(f"\n- {law.name}: {law.reason}" for law in report.skipped)
        raise AssertionError(f"no law about the values of {machine!r} could be tested:{reasons}")
    return report


def check_log_prob_is_a_number(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """log_prob gives one number per step, neither NaN nor +infinity."""
    return check_law("log_prob_is_a_number", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_probabilities_at_most_one(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """No probability exceeds 1."""
    return check_law(
        "probabilities_at_most_one", machine, n_steps=n_steps, n_paths=n_paths, seed=seed
    )


def check_sequences_add_up_to_one(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """The probabilities of all sequences add up to 1."""
    return check_law(
        "sequences_add_up_to_one", machine, n_steps=n_steps, n_paths=n_paths, seed=seed
    )


def check_next_symbols_add_up_to_one(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """The probabilities of the next symbol add up to 1."""
    return check_law(
        "next_symbols_add_up_to_one", machine, n_steps=n_steps, n_paths=n_paths, seed=seed
    )


def check_next_values_integrate_to_one(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """The density of the next value integrates to 1."""
    return check_law(
        "next_values_integrate_to_one", machine, n_steps=n_steps, n_paths=n_paths, seed=seed
    )


def check_causality(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """A later symbol never changes an earlier log-probability: causality."""
    return check_law("causality", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_truncation(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """log_prob of the beginning of a sequence is the beginning of its log_prob."""
    return check_law("truncation", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_batch_invariance(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """A sequence has the same log_prob alone, with others and in any order of them."""
    return check_law("batch_invariance", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_padding_invariance(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """Sequences of different lengths scored together have the log_prob of each alone."""
    return check_law("padding_invariance", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_determinism(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """The same call gives the same log_prob again."""
    return check_law("determinism", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_samples_are_sequences(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """sample returns sequences: of the right shape, dtype and range."""
    return check_law("samples_are_sequences", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_samples_are_possible(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """No sequence that is drawn has probability 0."""
    return check_law("samples_are_possible", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_sampling_is_reproducible(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """The same seed draws the same sequences, another one draws others."""
    return check_law(
        "sampling_is_reproducible", machine, n_steps=n_steps, n_paths=n_paths, seed=seed
    )


def check_sampled_log_prob(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """sample_with_log_prob gives the log_prob of what it draws."""
    return check_law("sampled_log_prob", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_sampled_frequencies(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """Short sequences are drawn as often as log_prob says."""
    return check_law("sampled_frequencies", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_sampled_steps(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """Every step is drawn from log_prob's distribution of the next symbol or value."""
    return check_law("sampled_steps", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_sampled_densities(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """E[q/p] = 1 over sampled values of density p, for a normalised density q within it."""
    return check_law("sampled_densities", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_reversing_twice(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """sigma of the reversed sequence is -sigma."""
    return check_law("reversing_twice", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_second_law(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """The mean of sigma is not negative: the second law."""
    return check_law("second_law", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_enumerated_fluctuation(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """E[exp(-sigma)] = 1 over all sequences, symbols reversed."""
    return check_law("enumerated_fluctuation", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_enumerated_block_fluctuation(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """E[exp(-sigma)] = 1 over all sequences, blocks of two symbols reversed."""
    return check_law(
        "enumerated_block_fluctuation", machine, n_steps=n_steps, n_paths=n_paths, seed=seed
    )


def check_sampled_fluctuation(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """E[exp(-sigma)] + P(sigma infinite) = 1 over paths, steps reversed."""
    return check_law("sampled_fluctuation", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_sampled_block_fluctuation(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """E[exp(-sigma)] + P(sigma infinite) = 1 over paths, blocks of two steps reversed."""
    return check_law(
        "sampled_block_fluctuation", machine, n_steps=n_steps, n_paths=n_paths, seed=seed
    )


def check_reversed_pairs_balance(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """E[tanh(sigma/2) / (1 + exp(sigma))] = 0: each path and its reverse balance."""
    return check_law("reversed_pairs_balance", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_memory_is_determined(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """The memory depends on the past sequence alone."""
    return check_law("memory_is_determined", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)


def check_memory_is_sufficient(
    machine: Any, *, n_steps: int = N_STEPS, n_paths: int = N_PATHS, seed: int = SEED
) -> LawResult:
    """Pasts of equal memory have the same probabilities of the next symbol."""
    return check_law("memory_is_sufficient", machine, n_steps=n_steps, n_paths=n_paths, seed=seed)
