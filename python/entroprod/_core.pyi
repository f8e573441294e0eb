from collections.abc import Callable
from typing import TypeAlias

from numpy import float64, int32
from numpy.typing import NDArray

_Array: TypeAlias = NDArray[float64]
_Parameters: TypeAlias = tuple[_Array, _Array, _Array, _Array, _Array]
_PairResult: TypeAlias = tuple[
    float, float, float, _Array, _Array, _Array, _Array, NDArray[int32], float
]

class CoreMemoryLimit(MemoryError): ...
class CoreOverflow(OverflowError): ...

class LinearGaussian:
    def __init__(
        self,
        state_matrix: _Array,
        input_matrix: _Array,
        output_matrix: _Array,
        innovation_cov: _Array,
        /,
    ) -> None: ...
    @staticmethod
    def with_bands(
        diagonal: _Array,
        partner: _Array,
        input_matrix: _Array,
        output_matrix: _Array,
        innovation_cov: _Array,
        /,
    ) -> LinearGaussian: ...
    def with_unit_innovations(self) -> LinearGaussian: ...

class TimeVaryingMachine:
    def __init__(
        self,
        state_matrix: _Array,
        input_matrix: _Array,
        output_matrix: _Array,
        innovation_cov: _Array,
        initial_mean: _Array,
        n_steps: int,
        /,
    ) -> None: ...

def set_gemm_address(address: int, /) -> None: ...
def instruction_set() -> str: ...
def entropy_production(
    machine: LinearGaussian, n_steps: int, precision: str, shortcuts: bool, /
) -> tuple[float, float, bool]: ...
def entropy_production_curve(
    machine: LinearGaussian, n_steps: int, precision: str, shortcuts: bool, /
) -> _Array: ...
def entropy_production_per_step(
    machine: LinearGaussian, n_steps: int, precision: str, shortcuts: bool, /
) -> _Array: ...
def entropy_production_rate(
    machine: LinearGaussian, precision: str, /
) -> tuple[float, float, bool]: ...
def decompose(
    forward: LinearGaussian | _Parameters,
    backward: LinearGaussian | _Parameters,
    n_steps: int,
    with_steps: bool,
    decomposed: bool,
    extended: bool,
    shortcuts: bool,
    /,
) -> _PairResult: ...
def pair_curve(
    forward: LinearGaussian | _Parameters,
    backward: LinearGaussian | _Parameters,
    n_steps: int,
    precision: str,
    shortcuts: bool,
    /,
) -> tuple[_Array, _Array, bool]: ...
def pair_rate(
    forward: LinearGaussian | _Parameters, backward: LinearGaussian | _Parameters, precision: str, /
) -> tuple[float, float, bool]: ...
def pair_variance(
    forward: LinearGaussian | _Parameters,
    backward: LinearGaussian | _Parameters,
    n_steps: int,
    precision: str,
    shortcuts: bool,
    /,
) -> tuple[float, float, bool]: ...
def sigma_variance(
    machine: LinearGaussian, n_steps: int, precision: str, shortcuts: bool, /
) -> tuple[float, float, bool]: ...
def sigma_variance_rate(
    machine: LinearGaussian, precision: str, /
) -> tuple[float, float, bool]: ...
def entropy_production_gradient(
    machine: LinearGaussian, n_steps: int, precision: str, shortcuts: bool, memory_limit: float, /
) -> tuple[float, float, bool, _Array, _Array, _Array, _Array]: ...
def entropy_production_rate_gradient(
    machine: LinearGaussian, precision: str, /
) -> tuple[float, float, bool, _Array, _Array, _Array, _Array]: ...
def innovation_reversal_matrix(machine: LinearGaussian, n_steps: int, out: _Array, /) -> float: ...
def sample(
    machine: LinearGaussian,
    n_paths: int,
    n_steps: int,
    key: int,
    n_threads: int,
    progress: Callable[[int], object] | None,
    /,
) -> _Array: ...
def log_prob(machine: LinearGaussian, y: _Array, n_threads: int, /) -> _Array: ...
def log_prob_both_ways(
    machine: LinearGaussian, y: _Array, n_threads: int, /
) -> tuple[_Array, _Array]: ...
def monte_carlo(
    machine: LinearGaussian,
    n_paths: int,
    n_steps: int,
    key: int,
    n_threads: int,
    progress: Callable[[int], object] | None,
    sigma: _Array | None,
    /,
) -> dict[str, float]: ...
def monte_carlo_memory(machine: LinearGaussian, n_steps: int, n_threads: int, /) -> int: ...
def paths_per_task(machine: LinearGaussian, n_steps: int, /) -> int: ...
def time_varying_sample(
    machine: TimeVaryingMachine,
    n_paths: int,
    n_steps: int,
    key: int,
    n_threads: int,
    progress: Callable[[int], object] | None,
    /,
) -> _Array: ...
def time_varying_log_prob(
    machine: TimeVaryingMachine, y: _Array, backward: bool, per_step: bool, n_threads: int, /
) -> _Array: ...
def missing_log_prob(
    machine: TimeVaryingMachine, y: _Array, backward: bool, per_step: bool, n_threads: int, /
) -> _Array: ...
def pair_monte_carlo(
    forward: TimeVaryingMachine,
    backward: TimeVaryingMachine,
    n_paths: int,
    n_steps: int,
    key: int,
    n_threads: int,
    progress: Callable[[int], object] | None,
    sigma: _Array | None,
    /,
) -> dict[str, float]: ...
def pair_monte_carlo_memory(
    forward: TimeVaryingMachine,
    backward: TimeVaryingMachine,
    n_paths: int,
    n_steps: int,
    n_threads: int,
    /,
) -> float: ...
def exact_predictor(
    transition: _Array,
    emission: _Array,
    process_cov: _Array,
    obs_cov: _Array,
    initial_cov: _Array,
    n_steps: int,
    /,
) -> tuple[_Array, _Array, _Array, int]: ...
