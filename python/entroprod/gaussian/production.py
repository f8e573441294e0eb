"""Entropy production of linear-Gaussian machines by the core."""

from __future__ import annotations

from entroprod import _core
from entroprod.gaussian.core import _DOUBLING_MATRICES, _RECURSION_MATRICES, Precision, _overflow
from entroprod.gaussian.decomposition import Pair, PairSteps
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.gaussian.readers import GaussianMachine, backward_machine, require_length
from entroprod.results.production import EntropyProduction


def _of_gaussians(
    machine: GaussianMachine,
    n_steps: int,
    backward: GaussianMachine | None,
    decomposition: bool,
    precision: Precision,
) -> EntropyProduction:
    pair = Pair(machine, backward_machine(machine, backward))
    if backward is None and isinstance(machine, LinearGaussian):
        total, error, extended = _entropy_production(machine, n_steps, precision)
    else:
        require_length(machine, "machine", n_steps)
        require_length(pair.backward, "backward", n_steps)
        total, error, extended = pair.total(n_steps, precision)
    chosen = "extended" if extended else "double"
    steps = PairSteps(pair, n_steps, chosen, precision == "auto")
    return EntropyProduction(total, n_steps, error, chosen, steps, decomposition)


def _rate_by_doubling(machine: LinearGaussian, precision: Precision) -> tuple[float, float]:
    """The core's own rate and its rounding error, of one output too, where theory gives 0."""
    machine._require_working_memory(_DOUBLING_MATRICES)
    try:
        rate, rounding_error, _ = _core.entropy_production_rate(machine._kernel, precision)
    except OverflowError as error:
        raise _overflow(machine, error) from None
    return rate, rounding_error


def _entropy_production(
    machine: LinearGaussian, n_steps: int, precision: Precision, *, shortcuts: bool = True
) -> tuple[float, float, bool]:
    """Total, its rounding error, whether in extended precision; shortcuts off for benchmarks."""
    machine._require_working_memory(_RECURSION_MATRICES)
    try:
        return _core.entropy_production(machine._kernel, n_steps, precision, shortcuts)
    except OverflowError as error:
        raise _overflow(machine, error) from None
