"""The laws of entropy production as checks, and Hypothesis strategies for machines.

For test suites of one's own::

    import entroprod.testing as ept

    def test_my_model():
        ept.check_machine(my_model, n_steps=10)

or, for laws of linear-Gaussian machines at random::

    from hypothesis import given
    import entroprod.testing as ept

    @given(ept.stable_machines(n_outputs=2))
    def test_reversing_twice(machine):
        ept.check_involution(machine, n_steps=20)

There is a check for every law of ``entroprod.laws.CATALOGUE``, made from it. Strategies need the
extra ``testing``, which is Hypothesis; checks don't.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from entroprod.testing.awkward import awkward_machines
from entroprod.testing.checks import CHECKS, check_law, check_machine

if TYPE_CHECKING:
    from entroprod.testing.discrete import (
        hidden_markovs,
        markov_chains,
        reversible_chains,
        stochastic_matrices,
    )
    from entroprod.testing.strategies import (
        covariances,
        diagonal_machines,
        matrices,
        nearly_reversible_machines,
        rank_deficient_machines,
        reversible_machines,
        scalar_machines,
        seasonal_machines,
        stable_machines,
        unit_root_machines,
        unstable_machines,
    )

# Imported when one of their names is asked for.
_STRATEGY_MODULES = ("discrete", "strategies")

# A check for each law, by its name: made, not written, so that a new law has its own.
globals().update(CHECKS)

__all__ = [  # noqa: PLE0604
    "awkward_machines",
    "check_law",
    "check_machine",
    *CHECKS,
    "covariances",
    "diagonal_machines",
    "hidden_markovs",
    "markov_chains",
    "matrices",
    "nearly_reversible_machines",
    "rank_deficient_machines",
    "reversible_chains",
    "reversible_machines",
    "scalar_machines",
    "seasonal_machines",
    "stable_machines",
    "stochastic_matrices",
    "unit_root_machines",
    "unstable_machines",
]


def __getattr__(name: str) -> Any:
    """Strategies are imported when they are asked for: they alone need Hypothesis.

    It also tells type checkers that there are names which they don't see: the checks.
    """
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        modules = [import_module(f"{__name__}.{stem}") for stem in _STRATEGY_MODULES]
    except ModuleNotFoundError as error:
        if error.name != "hypothesis":
            raise
        raise ImportError(
            f'{__name__}.{name} needs Hypothesis: pip install "entroprod[testing]"'
        ) from error
    return next(getattr(module, name) for module in modules if hasattr(module, name))
