"""Hypothesis strategies for machines, and the laws of entropy production as checks.

For test suites of one's own::

    from hypothesis import given
    import entroprod.testing as ept

    @given(ept.stable_machines(n_outputs=2))
    def test_reversing_twice(machine):
        ept.check_involution(machine, n_steps=20)

Needs the extra ``testing``; ``import entroprod`` alone never imports Hypothesis.
"""

from __future__ import annotations

try:
    import hypothesis as _hypothesis  # noqa: F401
except ImportError as error:  # pragma: no cover - depends on the environment
    raise ImportError(
        'entroprod.testing needs Hypothesis: pip install "entroprod[testing]"'
    ) from error

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

__all__ = [
    "awkward_machines",
    "check_antisymmetric_part",
    "check_curve",
    "check_decomposition_adds_up",
    "check_decomposition_non_negative",
    "check_fluctuation_theorem",
    "check_generating_function",
    "check_involution",
    "check_law",
    "check_log_prob",
    "check_mean_of_sigma",
    "check_non_negative",
    "check_norm_squared",
    "check_output_basis",
    "check_paired_singular_values",
    "check_partial_fluctuation",
    "check_per_step_adds_up",
    "check_rate_is_slope",
    "check_rate_is_spectral",
    "check_refined_second_law",
    "check_retrospective",
    "check_round_trips",
    "check_rows_of_reversal",
    "check_scalar_output",
    "check_sigma_follows_its_law",
    "check_sigma_is_a_difference",
    "check_sigma_is_quadratic",
    "check_sigma_variance",
    "check_state_basis",
    "check_stated_rounding_error",
    "check_symmetric_var",
    "check_threads",
    "check_trace_of_reversal",
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
