"""Machines: what the constructors build, and the object itself."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian

# Products of a few small well-scaled matrices.
ROUNDING = 1e-14
# SciPy's Riccati solution, polished by iteration: a few digits less than rounding.
RICCATI = 1e-12
NAMES = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")


@pytest.fixture
def machine() -> LinearGaussian:
    return ept.awkward_machines()["two states, two outputs"]


# ------------------------------------------------------------------ constructors


@settings(max_examples=12)
@given(st.integers(1, 5), st.integers(1, 4), st.integers(0, 10**6))
def test_from_state_space_is_the_steady_state_filter(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    transition = rng.standard_normal((n, n))
    transition *= 0.95 / np.max(np.abs(np.linalg.eigvals(transition)))
    emission = rng.standard_normal((m, n))
    root = rng.standard_normal((n, n))
    process_cov = root @ root.T / n
    root = rng.standard_normal((m, m))
    obs_cov = root @ root.T / m + 0.1 * np.eye(m)
    machine = LinearGaussian.from_state_space(transition, emission, process_cov, obs_cov)

    assert (machine.n_states, machine.n_outputs) == (n, m)
    assert machine.transition == pytest.approx(transition, abs=ROUNDING * 100)
    assert np.array_equal(machine.output_matrix, emission)
    assert machine.filter_spectral_radius < 1
    # The Kalman recursion run long enough from no knowledge at all reaches the same place.
    predicted = process_cov
    for _ in range(400):
        cov = emission @ predicted @ emission.T + obs_cov
        gain = np.linalg.solve(cov, emission @ predicted).T
        predicted = transition @ (predicted - gain @ emission @ predicted) @ transition.T
        predicted = predicted + process_cov
        predicted = (predicted + predicted.T) / 2
    cov = emission @ predicted @ emission.T + obs_cov
    gain = np.linalg.solve(cov, emission @ predicted).T
    size = float(np.max(np.abs(cov)))
    assert machine.innovation_cov == pytest.approx(cov, abs=RICCATI * size * 100)
    assert machine.input_matrix == pytest.approx(transition @ gain, abs=RICCATI * 1000)


def test_from_gain_takes_the_filter_gain() -> None:
    transition = np.array([[0.9, 0.2], [0.0, 0.7]])
    emission = np.array([[1.0, 0.5]])
    gain = np.array([[0.4], [0.3]])
    machine = LinearGaussian.from_gain(transition, emission, gain, [[2.0]])
    assert machine.input_matrix == pytest.approx(transition @ gain, rel=ROUNDING)
    expected = transition - transition @ gain @ emission
    assert machine.state_matrix == pytest.approx(expected, abs=ROUNDING)
    assert machine.transition == pytest.approx(transition, abs=ROUNDING)


def test_from_state_space_and_from_gain_agree(machine: LinearGaussian) -> None:
    transition = np.array([[0.8, 0.3], [0.0, 0.5]])
    gain = np.linalg.solve(transition, machine.input_matrix)
    again = LinearGaussian.from_gain(
        transition, machine.output_matrix, gain, machine.innovation_cov
    )
    for name in NAMES:
        assert getattr(again, name) == pytest.approx(getattr(machine, name), abs=ROUNDING)


@pytest.mark.parametrize(("p", "m"), [(1, 1), (1, 3), (2, 2), (5, 1), (3, 4)])
def test_from_var_predicts_from_the_last_observations(p: int, m: int) -> None:
    rng = np.random.default_rng(10 * p + m)
    coefficients = 0.3 * rng.standard_normal((p, m, m)) / p
    machine = LinearGaussian.from_var(coefficients, np.eye(m))
    assert (machine.n_states, machine.n_outputs) == (p * m, m)
    sequence = rng.standard_normal((12, m))
    padded = np.concatenate([np.zeros((p, m)), sequence])
    predicted = sum(padded[p - k : p - k + 12] @ coefficients[k - 1].T for k in range(1, p + 1))
    errors = sequence - predicted
    expected = -0.5 * np.sum(errors**2, axis=1) - m / 2 * np.log(2 * np.pi)
    assert machine.log_prob(sequence) == pytest.approx(expected, rel=10 * ROUNDING)
    # Everything the filter remembers is an observation: it forgets within p steps.
    assert machine.filter_spectral_radius == 0.0
    assert not np.linalg.matrix_power(machine.state_matrix, p).any()


def test_fewer_states_than_outputs() -> None:
    machine = ept.awkward_machines()["one state, six outputs"]
    assert (machine.n_states, machine.n_outputs) == (1, 6)
    assert machine.transition.shape == (1, 1)


@pytest.mark.parametrize("states", [[1e8, 1e-8, 1.0], [1e-8, 1e8, 1e8], [1e8] * 3])
@pytest.mark.parametrize("outputs", [[1.0, 1.0], [1e8, 1e-8]])
def test_units_of_the_state_space_do_not_matter(states: list[float], outputs: list[float]) -> None:
    # A trend, observed twice: its slope is seen through its level only.
    transition = np.array([[1.0, 1.0, 0.0], [0.0, 1.0, 0.0], [0.2, 0.0, 0.5]])
    emission = np.array([[1.0, 0.0, 0.3], [0.5, 0.0, 1.0]])
    process_cov, obs_cov = np.diag([0.1, 0.01, 0.0]), np.array([[1.0, 0.2], [0.2, 0.5]])
    near = LinearGaussian.from_state_space(transition, emission, process_cov, obs_cov)
    x, y = np.array(states), np.array(outputs)
    far = LinearGaussian.from_state_space(
        transition * x[:, None] / x,
        emission * y[:, None] / x,
        process_cov * np.outer(x, x),
        obs_cov * np.outer(y, y),
    )
    # All entries of near are of the order of one.
    assert far.input_matrix / x[:, None] * y == pytest.approx(near.input_matrix, abs=RICCATI)
    assert far.innovation_cov / np.outer(y, y) == pytest.approx(near.innovation_cov, abs=RICCATI)


def test_a_filter_that_follows_the_observations_loses_no_digits() -> None:
    # P = A^2 P R / (P + R) + Q tends to A^2 R, of which P - P^2 / (P + R) would leave nothing.
    machine = LinearGaussian.from_state_space([[1e9]], [[1.0]], [[1.0]], [[1.0]])
    assert machine.innovation_cov[0, 0] == pytest.approx(1e18, rel=RICCATI)


def test_local_level_has_the_textbook_gain() -> None:
    # Variance ratio q: P = (q + sqrt(q^2 + 4 q)) / 2, gain P / (P + 1).
    q = 0.5
    predicted = (q + np.sqrt(q * q + 4 * q)) / 2
    machine = LinearGaussian.from_state_space([[1.0]], [[1.0]], [[q]], [[1.0]])
    assert machine.innovation_cov[0, 0] == pytest.approx(predicted + 1, rel=RICCATI)
    assert machine.input_matrix[0, 0] == pytest.approx(predicted / (predicted + 1), rel=RICCATI)
    assert not machine.is_stationary


def test_a_perfect_observation_is_allowed_where_the_process_is_noisy() -> None:
    machine = LinearGaussian.from_state_space([[0.5]], [[1.0]], [[2.0]], [[0.0]])
    assert machine.innovation_cov[0, 0] == pytest.approx(2.0, rel=RICCATI)
    assert machine.state_matrix[0, 0] == pytest.approx(0.0, abs=RICCATI)


def test_no_process_noise_needs_no_filter() -> None:
    machine = LinearGaussian.from_state_space([[0.5]], [[1.0]], [[0.0]], [[3.0]])
    assert machine.innovation_cov[0, 0] == pytest.approx(3.0, rel=RICCATI)
    assert machine.input_matrix[0, 0] == pytest.approx(0.0, abs=RICCATI)


# ------------------------------------------------------------------ spectra


def test_spectral_attributes() -> None:
    machine = LinearGaussian([[0.5, 0.0], [0.0, -0.25]], [[1.0], [0.0]], [[0.4, 0.0]], [[1.0]])
    assert np.allclose(machine.transition, [[0.9, 0.0], [0.0, -0.25]])
    assert sorted(machine.transition_eigenvalues.real) == pytest.approx([-0.25, 0.9])
    assert sorted(machine.filter_eigenvalues.real) == pytest.approx([-0.25, 0.5])
    assert machine.spectral_radius == pytest.approx(0.9)
    assert machine.filter_spectral_radius == pytest.approx(0.5)
    assert machine.is_stationary


@pytest.mark.parametrize(
    "machine",
    [
        LinearGaussian.from_state_space([[1.0]], [[1.0]], [[0.1]], [[1.0]]),
        LinearGaussian.from_state_space([[1.0]], [[1.0]], [[1e-6]], [[1.0]]),
        LinearGaussian.from_state_space([[1, 1], [0, 1]], [[1, 0]], np.diag([0.1, 0.01]), [[1.0]]),
        LinearGaussian.from_state_space(
            [[1, 1, 0], [0, 1, 1], [0, 0, 1]], [[1, 0, 0]], np.diag([0.1, 0.01, 0.01]), [[1.0]]
        ),
        LinearGaussian.from_state_space(
            # local level with a quarterly season: eigenvalues 1, -1, i, -i
            [[1, 0, 0, 0], [0, -1, -1, -1], [0, 1, 0, 0], [0, 0, 1, 0]],
            [[1, 1, 0, 0]],
            np.diag([0.1, 0.05, 0, 0]),
            [[1.0]],
        ),
        LinearGaussian.from_var([[[0.6, 0.8], [-0.8, 0.6]]], np.eye(2)),
        LinearGaussian.from_var([np.eye(3) * 0.7, np.eye(3) * 0.3], np.eye(3)),
    ],
    ids=["level", "slow level", "trend", "double trend", "season", "circle", "lags"],
)
def test_unit_roots_are_seen_through_rounding(machine: LinearGaussian) -> None:
    assert not machine.is_stationary
    with pytest.raises(ep.NumericalError, match="eigenvalue"):
        ep.entropy_production_rate(machine)
    assert np.isfinite(ep.entropy_production(machine, 100).total)


@given(ept.unit_root_machines())
def test_random_unit_roots_are_not_stationary(machine: LinearGaussian) -> None:
    assert not machine.is_stationary


@given(ept.stable_machines(n_states=(1, 6), n_outputs=(1, 6)))
def test_random_stable_machines_are_stationary(machine: LinearGaussian) -> None:
    assert machine.is_stationary
    assert machine.spectral_radius <= 0.95
    assert np.isfinite(ep.entropy_production_rate(machine))


# ------------------------------------------------------------------ the object


def test_matrices_are_own_read_only_copies() -> None:
    given_matrices = [np.full((1, 1), 0.5) for _ in NAMES]
    machine = LinearGaussian(*given_matrices)
    for matrix in given_matrices:
        assert matrix.flags.writeable
        matrix[:] = 7.0
    for name in NAMES:
        kept = getattr(machine, name)
        assert kept[0, 0] == 0.5
        assert kept.dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            kept[0, 0] = 1.0


def test_the_machine_is_frozen(machine: LinearGaussian) -> None:
    with pytest.raises(AttributeError):
        machine.state_matrix = np.eye(2)  # type: ignore[misc]
    with pytest.raises(AttributeError):
        machine.anything = 1  # type: ignore[attr-defined]


def test_equality_and_hash(machine: LinearGaussian) -> None:
    matrices = [getattr(machine, name) for name in NAMES]
    same = LinearGaussian(*matrices)
    assert same == machine
    assert hash(same) == hash(machine)
    assert len({same, machine}) == 1
    for i in range(4):
        others = [m.copy() for m in matrices]
        others[i][0, 0] = np.nextafter(others[i][0, 0], 9.0)
        assert LinearGaussian(*others) != machine
    assert machine != "machine"
    assert machine is not None


def test_zeros_of_either_sign_are_the_same_machine() -> None:
    plus = LinearGaussian([[0.0]], [[1.0]], [[0.5]], [[1.0]])
    minus = LinearGaussian([[-0.0]], [[1.0]], [[0.5]], [[1.0]])
    assert plus == minus
    assert hash(plus) == hash(minus)


def test_copies_and_pickles(machine: LinearGaussian) -> None:
    for protocol in range(2, pickle.HIGHEST_PROTOCOL + 1):
        again = pickle.loads(pickle.dumps(machine, protocol))
        assert again == machine
        assert ep.entropy_production(again, 9).total == ep.entropy_production(machine, 9).total
    assert copy.copy(machine) == machine
    assert copy.deepcopy(machine) == machine


def test_repr_names_sizes_and_radius(machine: LinearGaussian) -> None:
    text = repr(machine)
    assert "n_states=2" in text
    assert "n_outputs=2" in text
    assert "0.8" in text


# ------------------------------------------------------------------ arrays that must just work


def _as_given(matrix: np.ndarray, how: str) -> object:
    if how == "read-only":
        matrix = matrix.copy()
        matrix.flags.writeable = False
        return matrix
    if how == "non-contiguous":
        wide = np.zeros((2 * matrix.shape[0], 3 * matrix.shape[1]))
        wide[::2, ::3] = matrix
        return wide[::2, ::3]
    if how == "reversed":
        return np.ascontiguousarray(matrix[::-1, ::-1])[::-1, ::-1]
    if how == "unaligned":
        buffer = np.zeros(matrix.nbytes + 1, dtype=np.uint8)
        shifted = buffer[1:].view(np.float64).reshape(matrix.shape)
        shifted[:] = matrix
        return shifted
    return {
        "Fortran": lambda: np.asfortranarray(matrix),
        "big-endian": lambda: matrix.astype(">f8"),
        "lists": matrix.tolist,
        "long double": lambda: matrix.astype(np.longdouble),
        "matrix": lambda: np.matrix(matrix),
        "float32": lambda: matrix.astype(np.float32),
        "integers": lambda: matrix.astype(np.int32),
        "unsigned": lambda: matrix.astype(np.uint8),
        "booleans": lambda: matrix.astype(bool),
    }[how]()


@pytest.mark.parametrize(
    "how", ["read-only", "non-contiguous", "reversed", "unaligned", "Fortran", "big-endian",
            "lists", "long double"],
)  # fmt: skip
def test_layouts_do_not_matter(machine: LinearGaussian, how: str) -> None:
    matrices = [getattr(machine, name) for name in NAMES]
    assert LinearGaussian(*(_as_given(m, how) for m in matrices)) == machine  # type: ignore[arg-type]
    y = machine.sample(6, 5, rng=1)
    flat = _as_given(y.reshape(30, 2), how)
    given_y = flat if how == "lists" else np.asarray(flat)
    expected = machine.log_prob(y.reshape(30, 2))
    assert np.array_equal(machine.log_prob(given_y), expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("how", ["float32", "integers", "unsigned", "booleans"])
def test_other_real_dtypes_are_converted(how: str) -> None:
    ones = [np.array([[1.0, 0.0], [1.0, 1.0]])] * 3 + [np.eye(2)]
    expected = LinearGaussian(*ones)
    assert LinearGaussian(*(_as_given(m, how) for m in ones)) == expected  # type: ignore[arg-type]


def test_pandas_and_array_protocols() -> None:
    pandas = pytest.importorskip("pandas")

    class Wrapped:
        def __array__(self, dtype: object = None, copy: bool | None = None) -> np.ndarray:
            return np.array([[0.5]])

    frame = pandas.DataFrame([[0.5]])
    assert LinearGaussian(frame, frame, Wrapped(), frame) == LinearGaussian(
        [[0.5]], [[0.5]], [[0.5]], [[0.5]]
    )


def test_rounding_asymmetry_of_a_covariance_is_accepted() -> None:
    cov = np.array([[2.0, 0.3], [np.nextafter(0.3, 1.0), 1.0]])
    machine = LinearGaussian(np.zeros((2, 2)), np.eye(2), 0.5 * np.eye(2), cov)
    assert np.array_equal(machine.innovation_cov, machine.innovation_cov.T)
