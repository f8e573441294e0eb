"""Bad input to the core: a clear error that names the argument; no crash, no NaN."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import entroprod as ep
from entroprod import LinearGaussian

NAMES = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")
EYE = np.eye(2)


def matrices(**changed: Any) -> dict[str, Any]:
    """The four matrices of a sound machine of two states and two outputs, some changed."""
    sound = {
        "state_matrix": 0.5 * EYE,
        "input_matrix": 0.2 * EYE,
        "output_matrix": EYE,
        "innovation_cov": EYE,
    }
    return sound | changed


@pytest.fixture
def machine() -> LinearGaussian:
    return LinearGaussian(**matrices())


def with_entry(value: Any) -> Any:
    matrix = np.eye(2).astype(object if isinstance(value, str) else type(value))
    matrix[1, 0] = value
    return matrix


# ------------------------------------------------------------------ matrices


def test_subnormal_variances_are_refused() -> None:
    with pytest.raises(ValueError, match=r"innovation_cov has the variance 9\.99989e-321"):
        LinearGaussian(**matrices(innovation_cov=np.diag([1.0, 1e-320])))
    # What is merely small is a matter of units, which don't matter.
    tiny = LinearGaussian(**matrices(innovation_cov=np.diag([1.0, 2.0**-1000])))
    expected = ep.entropy_production(LinearGaussian(**matrices()), 10).total
    assert ep.entropy_production(tiny, 10).total == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_not_finite(name: str, value: float) -> None:
    matrix = np.eye(2)
    matrix[1, 0] = value
    with pytest.raises(ValueError, match=rf"{name} must be finite.*\(1, 0\)"):
        LinearGaussian(**matrices(**{name: matrix}))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "value",
    [
        np.eye(2) * 1j,
        np.eye(2).astype(object),
        np.array([["1", "0"], ["0", "1"]]),
        np.array([["a", "b"], ["c", "d"]]),
        np.array([[b"1", b"0"], [b"0", b"1"]]),
        np.array([["2020-01-01"] * 2] * 2, dtype="datetime64[D]"),
        np.zeros((2, 2), dtype=[("x", "f8")]),
        None,
        "text",
        {"a": 1},
        object(),
    ],
    ids=["complex", "objects", "digits", "strings", "bytes", "dates", "records", "None", "text",
         "dict", "object"],
)  # fmt: skip
def test_wrong_dtype(name: str, value: Any) -> None:
    with pytest.raises((TypeError, ValueError), match=name):
        LinearGaussian(**matrices(**{name: value}))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "shape", [(), (2,), (3, 2), (2, 3), (3, 3), (2, 2, 1), (0, 0), (0, 2), (2, 0), (1, 1)], ids=str
)
def test_wrong_shape(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"(matrix|cov) must .*shape|must not be empty"):
        LinearGaussian(**matrices(**{name: np.ones(shape)}))


@pytest.mark.parametrize("name", NAMES)
def test_masked_arrays(name: str) -> None:
    masked = np.ma.masked_equal(np.array([[1.0, 0.0], [7.0, 1.0]]), 7.0)
    for value in (masked, list(masked), tuple(masked.tolist(fill_value=None))):
        with pytest.raises((ValueError, TypeError), match=name):
            LinearGaussian(**matrices(**{name: value}))
    with pytest.raises(ValueError, match=rf"{name} must have no masked entries, got 1.*\(1, 0\)"):
        LinearGaussian(**matrices(**{name: masked}))
    nothing_masked = np.ma.masked_array(matrices()[name], mask=np.zeros((2, 2), dtype=bool))
    assert LinearGaussian(**matrices(**{name: nothing_masked})) == LinearGaussian(**matrices())


def test_wrong_shape_names_the_wanted_one() -> None:
    with pytest.raises(ValueError, match=r"output_matrix must have shape \(2, 2\), got \(2, 3\)"):
        LinearGaussian(**matrices(output_matrix=np.ones((2, 3))))
    with pytest.raises(ValueError, match=r"innovation_cov must have shape \(2, 2\)"):
        LinearGaussian(**matrices(innovation_cov=np.eye(3)))


def test_ragged_lists() -> None:
    with pytest.raises(ValueError, match="state_matrix"):
        LinearGaussian(**matrices(state_matrix=[[1.0, 2.0], [3.0]]))


@pytest.mark.parametrize(
    ("cov", "message"),
    [
        ([[1.0, 0.5], [0.4, 1.0]], r"innovation_cov must be symmetric.*\(0, 1\).*\(1, 0\)"),
        ([[1.0, 0.5], [-0.5, 1.0]], "innovation_cov must be symmetric"),
        ([[1.0, 2.0], [2.0, 1.0]], "innovation_cov must be positive definite"),
        ([[1.0, 1.0], [1.0, 1.0]], "innovation_cov must be positive definite"),
        ([[1.0, 0.0], [0.0, 0.0]], "innovation_cov must be positive definite"),
        ([[1.0, 0.0], [0.0, -1.0]], "innovation_cov must be positive definite"),
        ([[-1.0, 0.0], [0.0, -1.0]], "innovation_cov must be positive definite"),
        ([[0.0, 0.0], [0.0, 0.0]], "innovation_cov must be positive definite"),
    ],
)
def test_innovation_cov_is_no_covariance(cov: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LinearGaussian(**matrices(innovation_cov=cov))


@pytest.mark.parametrize("name", ["process_cov", "obs_cov"])
@pytest.mark.parametrize(
    ("cov", "message"),
    [
        ([[1.0, 0.5], [0.4, 1.0]], "must be symmetric"),
        ([[1.0, 2.0], [2.0, 1.0]], "must be positive semidefinite"),
        ([[1.0, 0.0], [0.0, -1e-3]], "must be positive semidefinite"),
        ([[np.nan, 0.0], [0.0, 1.0]], "must be finite"),
        ([[1.0]], "must have shape"),
        ([[1j, 0], [0, 1]], "must hold real numbers"),
    ],
)
def test_state_space_covariances(name: str, cov: Any, message: str) -> None:
    arguments: dict[str, Any] = {
        "transition": 0.5 * EYE, "emission": EYE, "process_cov": EYE, "obs_cov": EYE
    }  # fmt: skip
    with pytest.raises((ValueError, TypeError), match=f"{name} {message}"):
        LinearGaussian.from_state_space(**(arguments | {name: cov}))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"transition": np.ones((2, 3))}, "transition must have shape"),
        ({"transition": np.full((2, 2), np.inf)}, "transition must be finite"),
        ({"emission": np.ones((2, 3))}, "emission must have shape"),
        ({"emission": np.ones(2)}, "emission must have 2 dimension"),
        ({"filter_gain": np.ones((3, 2))}, "filter_gain must have shape"),
        ({"filter_gain": [[np.nan, 0], [0, 0]]}, "filter_gain must be finite"),
        ({"innovation_cov": -EYE}, "innovation_cov must be positive definite"),
    ],
)
def test_from_gain(changed: dict[str, Any], message: str) -> None:
    arguments = {
        "transition": 0.5 * EYE, "emission": EYE, "filter_gain": 0.3 * EYE, "innovation_cov": EYE
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        LinearGaussian.from_gain(**(arguments | changed))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"transition": [[1e200]], "filter_gain": [[1e200]]}, "filter_gain are too large: A K"),
        ({"transition": [[1e9]], "emission": [[1e300]]}, "are too large: A - A K C overflows"),
    ],
)
def test_overflow_of_a_gain_is_named(changed: dict[str, Any], message: str) -> None:
    arguments = {
        "transition": [[0.5]], "emission": [[1.0]], "filter_gain": [[0.5]],
        "innovation_cov": [[1.0]],
    }  # fmt: skip
    with pytest.raises(ValueError, match=message):
        LinearGaussian.from_gain(**(arguments | changed))


@pytest.mark.parametrize(
    ("coefficients", "noise_cov", "message"),
    [
        (0.5 * EYE, EYE, "coefficients must have 3 dimension"),
        (np.ones((1, 2, 3)), EYE, r"coefficients must have shape \(p, m, m\)"),
        (np.ones((0, 2, 2)), EYE, "coefficients must not be empty"),
        ([np.full((2, 2), np.nan)], EYE, "coefficients must be finite"),
        ([0.5 * EYE], np.eye(3), "noise_cov must have shape"),
        ([0.5 * EYE], [[1.0, 2.0], [2.0, 1.0]], "noise_cov must be positive definite"),
        ([0.5 * EYE], [[1.0, 0.2], [0.1, 1.0]], "noise_cov must be symmetric"),
        ([0.5 * EYE], 1.0, "noise_cov must have 2 dimension"),
    ],
)
def test_from_var(coefficients: Any, noise_cov: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LinearGaussian.from_var(coefficients, noise_cov)


# ------------------------------------------------------------------ counts

COUNTED: dict[str, Callable[[LinearGaussian, Any], object]] = {
    "total": ep.entropy_production,
    "curve": ep.entropy_production_curve,
    "matrix": ep.innovation_reversal_matrix,
    "norm": ep.reversal_norm_squared,
    "sample": lambda m, n: m.sample(n, 3, rng=0),
    "monte_carlo": lambda m, n: ep.monte_carlo(m, n, 3, rng=0),
}


@pytest.mark.parametrize("call", COUNTED.values(), ids=COUNTED)
@pytest.mark.parametrize(
    ("n_steps", "error"),
    [
        (0, ValueError), (-1, ValueError), (-(10**30), ValueError), (2.5, TypeError),
        (5.0, TypeError), (np.float64(5), TypeError), ("5", TypeError), (None, TypeError),
        (True, TypeError), ([5], TypeError), (np.array([5, 6]), TypeError), (np.nan, TypeError),
        (5 + 0j, TypeError), (10**19, (ValueError, MemoryError, OverflowError)),
        (10**40, (ValueError, MemoryError, OverflowError)),
    ],
    ids=repr,
)  # fmt: skip
def test_n_steps(
    machine: LinearGaussian,
    call: Callable[[LinearGaussian, Any], object],
    n_steps: Any,
    error: type[Exception],
) -> None:
    with pytest.raises(error, match="n_steps"):
        call(machine, n_steps)


@pytest.mark.parametrize("n_steps", [10**12, 2**53])
@pytest.mark.parametrize("name", ["curve", "matrix", "sample", "monte_carlo"])
def test_absurd_lengths_name_the_memory(machine: LinearGaussian, name: str, n_steps: int) -> None:
    with pytest.raises(MemoryError, match=r"n_steps.*needs .*iB"):
        COUNTED[name](machine, n_steps)


@pytest.mark.parametrize(
    ("n_paths", "error"),
    [(0, ValueError), (-3, ValueError), (1.5, TypeError), ("9", TypeError), (None, TypeError),
     (10**40, (ValueError, MemoryError))],
)  # fmt: skip
def test_n_paths(machine: LinearGaussian, n_paths: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="n_paths"):
        machine.sample(5, n_paths, rng=0)
    with pytest.raises(error, match="n_paths"):
        ep.monte_carlo(machine, 5, n_paths, rng=0)


def test_too_many_paths_to_keep(machine: LinearGaussian) -> None:
    with pytest.raises(MemoryError, match=r"n_paths.*needs .*iB"):
        ep.monte_carlo(machine, 5, 10**13, rng=0, keep_sigma=True)
    with pytest.raises(MemoryError, match=r"(n_paths|n_steps).*needs .*iB"):
        machine.sample(5, 10**13, rng=0)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"rng": "seed"}, TypeError, "rng"),
        ({"rng": 1.5}, TypeError, "rng"),
        ({"rng": -1}, ValueError, "rng"),
        ({"rng": np.random.RandomState(0)}, TypeError, "rng"),
        ({"rng": True}, TypeError, "rng"),
        ({"n_threads": 0}, ValueError, "n_threads"),
        ({"n_threads": -2}, ValueError, "n_threads"),
        ({"n_threads": 1.5}, TypeError, "n_threads"),
        ({"n_threads": "all"}, TypeError, "n_threads"),
        ({"progress": 3}, TypeError, "progress"),
        ({"progress": "bar"}, TypeError, "progress"),
    ],
)
def test_options_of_sampling(
    machine: LinearGaussian, options: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        machine.sample(5, 3, **options)
    with pytest.raises(error, match=message):
        ep.monte_carlo(machine, 5, 3, **options)


@pytest.mark.parametrize("value", ["no", 1, 0, None, np.ones(2)])
def test_what_is_no_flag(machine: LinearGaussian, value: Any) -> None:
    with pytest.raises(TypeError, match="keep_sigma must be True or False"):
        ep.monte_carlo(machine, 5, 3, keep_sigma=value)
    for call in (ep.innovation_reversal_matrix, ep.reversal_norm_squared):
        with pytest.raises(TypeError, match="whiten must be True or False"):
            call(machine, 5, whiten=value)
    assert ep.monte_carlo(machine, 5, 3, keep_sigma=np.True_).sigma is not None  # type: ignore[arg-type]


def test_arrays_of_results_are_read_only(machine: LinearGaussian) -> None:
    scored = ep.stochastic_entropy_production(machine, machine.sample(5, 3, rng=0))
    kept = ep.monte_carlo(machine, 5, 3, rng=0, keep_sigma=True).sigma
    assert kept is not None
    per_step = ep.entropy_production(machine, 5).per_step
    for array in (scored.sigma, scored.log_forward, scored.log_backward, kept, per_step):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 0.0
    # What a function returns as a bare array is the caller's own.
    ep.entropy_production_curve(machine, 5)[0] = 1.0
    machine.sample(5, 3, rng=0)[0] = 1.0


def test_rng_is_keyword_only(machine: LinearGaussian) -> None:
    with pytest.raises(TypeError):
        machine.sample(5, 3, 0)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        ep.monte_carlo(machine, 5, 3, 0)  # type: ignore[call-arg, arg-type]


@pytest.mark.parametrize("precision", ["quad", "", None, 64, ["auto"], {}, np.array("auto")])
def test_precision(machine: LinearGaussian, precision: Any) -> None:
    for call in (ep.entropy_production, ep.entropy_production_curve):
        with pytest.raises((ValueError, TypeError), match="precision"):
            call(machine, 5, precision=precision)
    with pytest.raises((ValueError, TypeError), match="precision"):
        ep.entropy_production_rate(machine, precision=precision)


@pytest.mark.parametrize("value", [None, "machine", np.eye(2), LinearGaussian, 5])
def test_what_is_no_machine(value: Any) -> None:
    for call in (
        lambda m: ep.entropy_production(m, 5),
        lambda m: ep.entropy_production_curve(m, 5),
        ep.entropy_production_rate,
        lambda m: ep.innovation_reversal_matrix(m, 5),
        lambda m: ep.reversal_norm_squared(m, 5),
        lambda m: ep.stochastic_entropy_production(m, np.zeros((1, 5, 2))),
        lambda m: ep.monte_carlo(m, 5, 5),
        ep.verify,
    ):
        with pytest.raises(TypeError, match="machine must "):
            call(value)


# ------------------------------------------------------------------ sequences

SCORED: dict[str, Callable[[LinearGaussian, Any], object]] = {
    "log_prob": lambda m, y: m.log_prob(y),
    "sigma": ep.stochastic_entropy_production,
}


@pytest.mark.parametrize("call", SCORED.values(), ids=SCORED)
@pytest.mark.parametrize(
    "sequences",
    [
        np.zeros(5), np.zeros((5, 3)), np.zeros((4, 5, 3)), np.zeros((1, 4, 5, 2)), 0.0,
        np.zeros((0, 5, 2)), np.zeros((4, 0, 2)), np.zeros((4, 5, 0)), np.zeros((5, 2)) * 1j,
        np.array([["a", "b"]]), np.array([[None, None]]), np.full((5, 2), np.nan),
        np.full((5, 2), -np.inf), [[1.0, 2.0], [3.0]], None,
        np.ma.masked_equal(np.arange(10.0).reshape(5, 2), 3.0),
        [np.ma.masked_equal(np.arange(10.0).reshape(5, 2), 3.0)] * 2,
    ],
    ids=["1-D", "other m", "other m, batch", "4-D", "scalar", "no paths", "no steps", "no outputs",
         "complex", "strings", "objects", "NaN", "infinite", "ragged", "None", "masked",
         "list of masked"],
)  # fmt: skip
def test_sequences(
    machine: LinearGaussian, call: Callable[[LinearGaussian, Any], object], sequences: Any
) -> None:
    with pytest.raises((ValueError, TypeError), match="sequences"):
        call(machine, sequences)


@pytest.mark.parametrize(
    "turn",
    [
        np.asfortranarray,
        lambda y: y.astype(">f8"),
        lambda y: np.ascontiguousarray(y[:, ::-1])[:, ::-1],
        lambda y: np.repeat(y, 2, axis=0)[::2],
        lambda y: np.concatenate([y, y], axis=2)[:, :, :2],
        lambda y: y.tolist(),
        lambda y: np.ascontiguousarray(y.transpose(2, 0, 1)).transpose(1, 2, 0),
        lambda y: np.lib.stride_tricks.as_strided(y, y.shape, y.strides, writeable=False),
    ],
    ids=["Fortran", "big-endian", "reversed", "strided", "sliced", "lists", "transposed",
         "read-only"],
)  # fmt: skip
def test_layouts_of_sequences_just_work(
    machine: LinearGaussian, turn: Callable[[np.ndarray], Any]
) -> None:
    y = machine.sample(6, 5, rng=1)
    expected = machine.log_prob(y)
    assert np.array_equal(machine.log_prob(turn(y)), expected)
    sigma = ep.stochastic_entropy_production(machine, y).sigma
    assert np.array_equal(ep.stochastic_entropy_production(machine, turn(y)).sigma, sigma)


@pytest.mark.parametrize("dtype", ["f4", "f2", "i8", "i1", "u2", "?"])
def test_real_dtypes_of_sequences_are_converted(machine: LinearGaussian, dtype: str) -> None:
    y = np.arange(24).reshape(2, 6, 2).astype(dtype)
    assert np.array_equal(machine.log_prob(y), machine.log_prob(y.astype(float)))


def test_a_broadcast_path_is_scored(machine: LinearGaussian) -> None:
    y = np.broadcast_to(machine.sample(6, 1, rng=1), (50, 6, 2))
    scored = machine.log_prob(y)
    assert np.array_equal(scored, np.repeat(scored[:1], 50, axis=0))
