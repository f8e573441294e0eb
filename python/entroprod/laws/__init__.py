"""The laws that entropy production obeys, each as an object that can be tested on a machine.

``LAWS`` lists those of linear-Gaussian machines in the order of the report that
``entroprod.verify`` gives, ``MACHINE_LAWS`` those of any machine; ``entroprod.testing`` turns the
same objects into assertions.
"""

from __future__ import annotations

from entroprod.laws.case import Case
from entroprod.laws.decomposition_laws import (
    decomposition_adds_up,
    decomposition_non_negative,
    refined_second_law,
    retrospective_is_dense,
)
from entroprod.laws.fluctuation_laws import (
    enumerated_block_fluctuation,
    enumerated_fluctuation,
    reversed_pairs_balance,
    sampled_block_fluctuation,
    sampled_fluctuation,
    second_law,
)
from entroprod.laws.invariance_laws import output_basis, state_basis
from entroprod.laws.law import Law, LawResult, Measurement, NotApplicable
from entroprod.laws.machine_case import MachineCase
from entroprod.laws.machine_laws import round_trips
from entroprod.laws.memory_laws import memory_is_determined, memory_is_sufficient
from entroprod.laws.monte_carlo_laws import (
    fluctuation_theorem,
    mean_of_sigma,
    partial_fluctuation,
    variance_of_sigma,
)
from entroprod.laws.normalisation_laws import (
    next_symbols_add_up_to_one,
    next_values_integrate_to_one,
    sequences_add_up_to_one,
)
from entroprod.laws.production_laws import (
    curve_is_totals,
    non_negative,
    per_step_adds_up,
    stated_rounding_error,
)
from entroprod.laws.rate_laws import (
    rate_is_slope,
    rate_is_spectral,
    scalar_output,
    symmetric_var,
)
from entroprod.laws.reversal_laws import (
    antisymmetric_part,
    involution,
    norm_squared,
    paired_singular_values,
    rows_of_reversal,
    trace_of_reversal,
)
from entroprod.laws.sampling_laws import (
    sampled_densities,
    sampled_frequencies,
    sampled_log_prob,
    sampled_steps,
    samples_are_possible,
    samples_are_sequences,
    sampling_is_reproducible,
)
from entroprod.laws.scoring_laws import (
    batch_invariance,
    causality,
    determinism,
    log_prob_is_a_number,
    padding_invariance,
    probabilities_at_most_one,
    reversing_twice,
    truncation,
)
from entroprod.laws.sigma_laws import (
    generating_function_is_dense,
    sigma_follows_its_law,
    sigma_variance_is_dense,
)
from entroprod.laws.trajectory_laws import (
    log_prob_is_dense,
    sigma_is_a_difference,
    sigma_is_quadratic,
    threads_do_not_matter,
)

LAWS: tuple[Law[Case], ...] = (
    involution,
    trace_of_reversal,
    paired_singular_values,
    antisymmetric_part,
    norm_squared,
    rows_of_reversal,
    non_negative,
    curve_is_totals,
    per_step_adds_up,
    stated_rounding_error,
    decomposition_adds_up,
    decomposition_non_negative,
    refined_second_law,
    retrospective_is_dense,
    state_basis,
    output_basis,
    rate_is_spectral,
    rate_is_slope,
    scalar_output,
    symmetric_var,
    log_prob_is_dense,
    sigma_is_a_difference,
    sigma_is_quadratic,
    mean_of_sigma,
    variance_of_sigma,
    fluctuation_theorem,
    partial_fluctuation,
    sigma_variance_is_dense,
    generating_function_is_dense,
    sigma_follows_its_law,
    threads_do_not_matter,
    round_trips,
)

MACHINE_LAWS: tuple[Law[MachineCase], ...] = (
    log_prob_is_a_number,
    probabilities_at_most_one,
    sequences_add_up_to_one,
    next_symbols_add_up_to_one,
    next_values_integrate_to_one,
    causality,
    truncation,
    batch_invariance,
    padding_invariance,
    determinism,
    samples_are_sequences,
    samples_are_possible,
    sampling_is_reproducible,
    sampled_log_prob,
    sampled_frequencies,
    sampled_steps,
    sampled_densities,
    reversing_twice,
    second_law,
    enumerated_fluctuation,
    enumerated_block_fluctuation,
    sampled_fluctuation,
    sampled_block_fluctuation,
    reversed_pairs_balance,
    memory_is_determined,
    memory_is_sufficient,
)

__all__ = [
    "LAWS",
    "MACHINE_LAWS",
    "Case",
    "Law",
    "LawResult",
    "MachineCase",
    "Measurement",
    "NotApplicable",
]
