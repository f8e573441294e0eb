"""The laws of entropy production as assertions: what ``entroprod.verify`` reports, these raise.

``CHECKS`` has a function for each law of the catalogue, made from the law itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from entroprod.laws.catalogue import CATALOGUE, laws_of, make_case
from entroprod.laws.law import Law, LawResult
from entroprod.laws.subject import pair_of
from entroprod.laws.verification import Verification, verify

# Enough for the structure of a sequence to show, few enough for hundreds of random machines.
N_STEPS = 12
N_PATHS = 4000
SEED = 0
# As ``entroprod.verify`` takes for machines that have to be asked for every number.
_MACHINE_PATHS = 2000

Check = Callable[..., LawResult]


def check_law(
    name: str,
    machine: Any,
    *,
    backward: Any = None,
    n_steps: int = N_STEPS,
    n_paths: int = N_PATHS,
    seed: int = SEED,
) -> LawResult:
    """Assert one law by its name, as listed in the report of ``entroprod.verify``.

    Parameters
    ----------
    name : str
        Of the law.
    machine : Machine
        Of a kind that the law is about.
    backward : Machine, optional
        What reads the reversed sequences; by default the machine itself.
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
        For a machine, or a pair, of another kind than the law is about.

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
    pair = pair_of(machine, backward)
    laws = {law.name: law for law in (*CATALOGUE, *pair.laws)}
    if name not in laws:
        raise KeyError(f"no law {name!r}; there are {', '.join(laws)}")
    law = laws[name]
    if not isinstance(pair, law.of):
        reader = "" if backward is None else f" read by {backward!r}"
        raise TypeError(f"{name} is about {law.about}; not about {machine!r}{reader}")
    # The case of all laws of the pair: what they measure doesn't depend on which are asked for.
    result: LawResult = law(make_case((law, *laws_of(pair)), pair, n_steps, n_paths, seed))
    if result.passed is False:
        # Raised, not asserted: a check must hold under python -O, too.
        raise AssertionError(f"{_describe_failure(result)}; of {machine!r}")
    return result


def check_machine(
    machine: Any,
    *,
    backward: Any = None,
    n_steps: int = N_STEPS,
    n_paths: int = _MACHINE_PATHS,
    seed: int = SEED,
) -> Verification:
    """Assert all laws that apply to a machine and its reader, of whatever kind.

    Parameters
    ----------
    machine : Machine
    backward : Machine, optional
        What reads the reversed sequences; by default the machine itself.
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
    report = verify(machine, backward=backward, n_steps=n_steps, n_paths=n_paths, rng=seed)
    if report.failures:
        lines = "".join(f"\n- {_describe_failure(law)}" for law in report.failures)
        share = f"{len(report.failures)} of {len(report.tested)}"
        raise AssertionError(f"{share} laws are broken for {machine!r}:{lines}")
    if not report.passed:
        reasons = "".join(f"\n- {law.name}: {law.reason}" for law in report.skipped)
        raise AssertionError(f"no law about the values of {machine!r} could be tested:{reasons}")
    return report


def _describe_failure(result: LawResult) -> str:
    """One line about a law that is broken."""
    where = f"; {result.detail}" if result.detail else ""
    return (
        f"{result.name} is broken: {result.statement}; residual {result.residual:.3e} exceeds "
        f"{result.tolerance:.3e} ({result.reason}){where}"
    )


def make_check(law: Law[Any]) -> Check:
    """``check_law`` for one law, with its statement for a docstring."""
    usual_paths = min(N_PATHS, law.on.default_paths)

    def check(
        machine: Any,
        *,
        backward: Any = None,
        n_steps: int = N_STEPS,
        n_paths: int = usual_paths,
        seed: int = SEED,
    ) -> LawResult:
        return check_law(
            law.name, machine, backward=backward, n_steps=n_steps, n_paths=n_paths, seed=seed
        )

    check.__name__ = check.__qualname__ = law.check
    check.__module__ = "entroprod.testing"
    statement = law.statement[0].upper() + law.statement[1:]
    source = f"\n\nSource: {law.source}." if law.source else ""
    check.__doc__ = (
        f"{statement}.\n\n:func:`check_law` for ``{law.name}``, with the same parameters, errors "
        f"and result. It is about {law.about}.{source}\n"
    )
    return check


CHECKS: dict[str, Check] = {law.check: make_check(law) for law in CATALOGUE}
