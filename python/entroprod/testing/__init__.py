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

Strategies need the extra ``testing``, which is Hypothesis; checks don't.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from entroprod.testing.awkward import awkward_machines
from entroprod.testing.checks import (
    check_antisymmetric_part,
    check_curve,
    check_decomposition_adds_up,
    check_decomposition_non_negative,
    check_fluctuation_theorem,
    check_generating_function,
    check_involution,
    check_law,
    check_log_prob,
    check_mean_of_sigma,
    check_non_negative,
    check_norm_squared,
    check_output_basis,
    check_paired_singular_values,
    check_partial_fluctuation,
    check_per_step_adds_up,
    check_rate_is_slope,
    check_rate_is_spectral,
    check_refined_second_law,
    check_retrospective,
    check_round_trips,
    check_rows_of_reversal,
    check_scalar_output,
    check_sigma_follows_its_law,
    check_sigma_is_a_difference,
    check_sigma_is_quadratic,
    check_sigma_variance,
    check_state_basis,
    check_stated_rounding_error,
    check_symmetric_var,
    check_threads,
    check_trace_of_reversal,
    check_variance_of_sigma,
)
from entroprod.testing.machine_checks import (
    check_batch_invariance,
    check_causality,
    check_determinism,
    check_enumerated_block_fluctuation,
    check_enumerated_fluctuation,
    check_log_prob_is_a_number,
    check_machine,
    check_memory_is_determined,
    check_memory_is_sufficient,
    check_next_symbols_add_up_to_one,
    check_next_values_integrate_to_one,
    check_padding_invariance,
    check_probabilities_at_most_one,
    check_reversed_pairs_balance,
    check_reversing_twice,
    check_sampled_block_fluctuation,
    check_sampled_densities,
    check_sampled_fluctuation,
    check_sampled_frequencies,
    check_sampled_log_prob,
    check_sampled_steps,
    check_samples_are_possible,
    check_samples_are_sequences,
    check_sampling_is_reproducible,
    check_second_law,
    check_sequences_add_up_to_one,
    check_truncation,
)

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

__all__ = [
    "awkward_machines",
    "check_antisymmetric_part",
    "check_batch_invariance",
    "check_causality",
    "check_curve",
    "check_decomposition_adds_up",
    "check_decomposition_non_negative",
    "check_determinism",
    "check_enumerated_block_fluctuation",
    "check_enumerated_fluctuation",
    "check_fluctuation_theorem",
    "check_generating_function",
    "check_involution",
    "check_law",
    "check_log_prob",
    "check_log_prob_is_a_number",
    "check_machine",
    "check_mean_of_sigma",
    "check_memory_is_determined",
    "check_memory_is_sufficient",
    "check_next_symbols_add_up_to_one",
    "check_next_values_integrate_to_one",
    "check_non_negative",
    "check_norm_squared",
    "check_output_basis",
    "check_padding_invariance",
    "check_paired_singular_values",
    "check_partial_fluctuation",
    "check_per_step_adds_up",
    "check_probabilities_at_most_one",
    "check_rate_is_slope",
    "check_rate_is_spectral",
    "check_refined_second_law",
    "check_retrospective",
    "check_reversed_pairs_balance",
    "check_reversing_twice",
    "check_round_trips",
    "check_rows_of_reversal",
    "check_sampled_block_fluctuation",
    "check_sampled_densities",
    "check_sampled_fluctuation",
    "check_sampled_frequencies",
    "check_sampled_log_prob",
    "check_sampled_steps",
    "check_samples_are_possible",
    "check_samples_are_sequences",
    "check_sampling_is_reproducible",
    "check_scalar_output",
    "check_second_law",
    "check_sequences_add_up_to_one",
    "check_sigma_follows_its_law",
    "check_sigma_is_a_difference",
    "check_sigma_is_quadratic",
    "check_sigma_variance",
    "check_state_basis",
    "check_stated_rounding_error",
    "check_symmetric_var",
    "check_threads",
    "check_trace_of_reversal",
    "check_truncation",
    "check_variance_of_sigma",
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
    """Strategies are imported when they are asked for: they alone need Hypothesis."""
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
