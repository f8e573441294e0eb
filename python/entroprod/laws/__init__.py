"""The laws that entropy production obeys, each as an object that can be tested on a machine.

``LAWS`` lists them in the order of the report that ``entroprod.verify`` gives;
``entroprod.testing`` turns the same objects into assertions.
"""

from __future__ import annotations

from entroprod.laws.case import Case
from entroprod.laws.decomposition_laws import (
    decomposition_adds_up,
    decomposition_non_negative,
    refined_second_law,
    retrospective_is_dense,
)
from entroprod.laws.invariance_laws import output_basis, state_basis
from entroprod.laws.law import Law, LawResult, Measurement, NotApplicable
from entroprod.laws.machine_laws import round_trips
from entroprod.laws.monte_carlo_laws import (
    fluctuation_theorem,
    mean_of_sigma,
    partial_fluctuation,
    variance_of_sigma,
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

LAWS: tuple[Law, ...] = (
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

__all__ = ["LAWS", "Case", "Law", "LawResult", "Measurement", "NotApplicable"]
