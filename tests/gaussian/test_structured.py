"""Diagonal state-space models: their construction, from continuous time, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import oracles_structured
import pytest
import scipy.signal

import entroprod as ep
from entroprod import DiagonalSSM, LinearGaussian

# Discretisation and diagonalisation against SciPy: roundings times the condition of eigenvectors.
DISCRETISED = 1e-10
# Of closed forms whose machines agree to that.
TOTALS = 1e-8
EXACT = 1e-13
# Of a billion steps: rounding piles up over a memory of 20,000.
LONG_RUN = 1e-8
METHODS = ("zoh", "bilinear")

MODES = np.array([0.9, 0.8 + 0.3j, -0.5, 0.1 - 0.7j])
INPUT = np.array([[0.3, 0.0], [0.2 - 0.1j, 0.1j], [0.1, -0.2], [0.1, 0.3 + 0.2j]])
OUTPUT = np.array([[0.2, 0.1 + 0.3j, 0.0, 0.2j], [0.1, 0.2, -0.3, 0.1 - 0.1j]])
COV = np.array([[1.0, 0.3], [0.3, 2.0]])


def machine() -> DiagonalSSM:
    return DiagonalSSM(MODES, INPUT, OUTPUT, COV)


def s4d(n_states: int = 64, n_outputs: int = 2, step: float = 0.02) -> DiagonalSSM:
    eigenvalues, entered = ep.s4d_legs(n_states)
    rng = np.random.default_rng(1)
    weights = rng.normal(size=(n_outputs, len(eigenvalues), 2)) @ [1.0, 1.0j]
    return DiagonalSSM.from_continuous(
        eigenvalues,
        entered * rng.normal(size=n_outputs),
        0.1 * weights / n_states,
        step,
        innovation_cov=np.eye(n_outputs),
    )


def test_real_matrices() -> None:
    m = machine()
    assert (m.n_states, m.n_outputs, m.n_modes) == (6, 2, 4)
    want = oracles_structured.dense(m)
    assert m.input_matrix.shape == (6, 2)
    assert m.output_matrix.shape == (2, 6)
    for lag in range(8):
        power = np.linalg.matrix_power
        got = m.output_matrix @ power(m.state_matrix, lag) @ m.input_matrix
        assert got == pytest.approx(
            want.output_matrix @ power(want.state_matrix, lag) @ want.input_matrix, abs=EXACT
        )
    by_modes = [0.9, 0.8 + 0.3j, 0.8 - 0.3j, -0.5, 0.1 - 0.7j, 0.1 + 0.7j]
    assert sorted(m.filter_eigenvalues, key=repr) == sorted(map(complex, by_modes), key=repr)
    assert m.filter_spectral_radius == 0.9
    assert np.abs(np.linalg.eigvals(m.state_matrix)).max() == pytest.approx(0.9, rel=EXACT)


def test_a_frozen_machine_of_its_kind() -> None:
    m = machine()
    assert isinstance(m, LinearGaussian)
    assert repr(m) == (
        "DiagonalSSM(n_states=6, n_outputs=2, n_modes=4, filter_spectral_radius=0.9)"
    )
    for name in ("eigenvalues", "modal_input", "state_matrix", "input_matrix", "output_matrix"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(m, name)[:] = 0.0
        with pytest.raises(AttributeError):
            setattr(m, name, 0.0)
    assert m.innovation_cov == pytest.approx(COV)
    eigenvalues = MODES.copy()
    other = DiagonalSSM(eigenvalues, INPUT, OUTPUT, COV)
    eigenvalues[:] = 0.0
    assert other == m


def test_inputs_in_other_forms() -> None:
    real = DiagonalSSM([0, 0.5], [[1], [2]], [[0.1, 0.2]], [[1]])
    assert real.n_states == 2
    turned = DiagonalSSM(
        np.asfortranarray(MODES), np.asfortranarray(INPUT), INPUT.T[:, ::-1][:, ::-1], COV
    )
    assert turned.n_states == 6


def test_a_large_machine_needs_no_dense_matrices() -> None:
    p = 20_000
    rng = np.random.default_rng(0)
    modes = rng.uniform(0.5, 0.9, p) * np.exp(1j * rng.uniform(0.1, 3.0, p))
    big = DiagonalSSM(modes, np.ones((p, 1)), np.full((1, p), 1e-6j), [[1.0]])
    paths = big.sample(20, 2, rng=0)
    assert big.log_prob(paths)[0] == pytest.approx(
        oracles_structured.log_prob(big, paths[0]), rel=1e-10
    )
    assert ep.innovation_reversal_matrix(big, 4).shape == (4, 4)
    assert "state_matrix" not in vars(big)


def test_work_that_does_not_fit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    m = s4d()
    monkeypatch.setattr("entroprod.boundary.memory.available_memory", lambda: 10_000)
    monkeypatch.setattr("entroprod.boundary.memory._ALWAYS_FREE", 0)
    for work in (
        lambda: ep.entropy_production(m, 10),
        lambda: ep.entropy_production_curve(m, 10),
        lambda: ep.reversal_norm_squared(m, 10),
        lambda: m.state_matrix,
    ):
        with pytest.raises(MemoryError, match="machine is too large"):
            work()


def test_long_memories_in_extended_precision() -> None:
    m = s4d(n_states=32, step=0.001)
    n_steps = 200
    want = ep.entropy_production(oracles_structured.dense(m), n_steps, precision="extended")
    got = ep.entropy_production(m, n_steps, precision="extended")
    # The dense machine's real basis rounds its matrices once.
    assert got.total == pytest.approx(want.total, rel=TOTALS)
    auto = ep.entropy_production(m, n_steps)
    assert abs(auto.total - got.total) <= auto.rounding_error + 1e-15 * got.total
    same = LinearGaussian(*m._matrices())
    assert ep.entropy_production(same, n_steps, precision="extended").total == pytest.approx(
        got.total, rel=EXACT
    )


def test_a_billion_steps_of_a_long_memory() -> None:
    # It takes 69,000 steps to forget, five times as many to settle, and a billion at no more cost.
    real = np.array([0.5, 0.4, 0.3, 0.2, 0.1, 0.05])
    m = DiagonalSSM(
        np.append(0.99995 * np.exp(0.3j), real),
        1e-3 * np.vstack([[1.0, 2.0j], np.outer(real, [1.0, -1.0])]),
        1e-3 * np.hstack([np.array([[1.0j], [1.0]]), np.outer([1.0, 2.0], real)]),
        np.eye(2),
    )
    total = ep.entropy_production(m, 10**9, precision="double").total
    dense = ep.entropy_production(oracles_structured.dense(m), 10**9, precision="double").total
    assert total == pytest.approx(dense, rel=LONG_RUN)


def test_a_memory_that_grows() -> None:
    growing = DiagonalSSM([1.5, 0.5 + 0.2j], [[1.0], [0.1]], [[0.1, 0.2]], [[1.0]])
    assert ep.entropy_production(growing, 10).total > 0.0
    with pytest.raises(ep.NumericalError, match="overflow"):
        ep.entropy_production(growing, 100_000)
    with pytest.raises(ep.NumericalError, match="overflow"):
        growing.sample(10_000, 2, rng=0)
    with pytest.raises(ep.NumericalError, match=r"eigenvalue 1.6"):
        ep.entropy_production_rate(growing)


@pytest.mark.parametrize("radius", [1.0, 1.2])
def test_no_rate_without_fading(radius: float) -> None:
    # C takes the eigenvalue of the transition, not of the filter, into the unit circle.
    lasting = DiagonalSSM([radius], [[1.0]], [[-0.5]], [[1.0]])
    assert lasting.is_stationary
    with pytest.raises(ep.NumericalError, match=r"memory that never fades.*eigenvalue 1"):
        ep.entropy_production_rate(lasting)
    turning = DiagonalSSM([radius * 1j], [[0.0]], [[1.0]], [[1.0]])
    with pytest.raises(ep.NumericalError, match="eigenvalue"):
        ep.entropy_production_rate(turning)


@pytest.mark.parametrize("n_outputs", [1, 2, 9])
@pytest.mark.parametrize("n_states", [7, 8, 9, 33])
def test_odd_sizes_and_many_outputs(n_states: int, n_outputs: int) -> None:
    rng = np.random.default_rng(n_states + n_outputs)
    pairs = n_states // 3
    p = n_states - pairs
    modes = rng.uniform(-0.9, 0.9, p).astype(complex)
    modes[:pairs] += 0.3j
    mask = (modes.imag != 0.0)[:, None]
    entered = rng.normal(size=(p, n_outputs)) + 1j * mask * rng.normal(size=(p, n_outputs))
    shown = rng.normal(size=(n_outputs, p)) + 1j * mask.T * rng.normal(size=(n_outputs, p))
    m = DiagonalSSM(modes, entered, 0.1 * shown / p, np.eye(n_outputs))
    same = LinearGaussian(*m._matrices())
    for n_steps in (1, 2, 40):
        for precision in ("double", "extended"):
            got = ep.entropy_production(m, n_steps, precision=precision)
            want = ep.entropy_production(same, n_steps, precision=precision)
            assert got.total == pytest.approx(want.total, rel=1e-11, abs=1e-12)
            assert got.per_step == pytest.approx(want.per_step, rel=1e-10, abs=1e-12)


# ---------------------------------------------------------------- continuous time


@pytest.mark.parametrize("method", METHODS)
def test_modes_against_scipy(method: Any) -> None:
    a = np.array([-0.5, -0.3 + 2.0j, 0.0, 0.1 - 1.0j])
    b, c = INPUT, OUTPUT
    m = DiagonalSSM.from_continuous(a, b, c, 0.3, innovation_cov=COV, method=method)
    want = scipy.signal.cont2discrete((np.diag(a), b, c, np.zeros((2, 2))), 0.3, method)
    assert m.eigenvalues == pytest.approx(np.diag(want[0]), rel=EXACT)
    assert m.modal_input == pytest.approx(want[1], rel=EXACT, abs=EXACT)
    assert np.array_equal(m.modal_output, c)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n_states", [1, 2, 5, 8])
def test_a_matrix_is_diagonalised(method: Any, n_states: int) -> None:
    a, b = ep.hippo_legs(n_states)
    rng = np.random.default_rng(n_states)
    a = a + 0.5 * (rng.normal(size=a.shape) if n_states > 2 else 0.0)
    b = np.concatenate([b, rng.normal(size=b.shape)], axis=1)
    c = 0.2 * rng.normal(size=(2, n_states))
    arguments: dict[str, Any] = {"innovation_cov": COV, "method": method}
    diagonal = DiagonalSSM.from_continuous(a, b, c, 0.1, **arguments)
    dense = LinearGaussian.from_continuous(a, b, c, 0.1, **arguments)
    assert diagonal.n_states == n_states
    response = ep.innovation_reversal_matrix(dense, 20)
    assert ep.innovation_reversal_matrix(diagonal, 20) == pytest.approx(
        response, abs=DISCRETISED * np.abs(response).max()
    )
    assert ep.entropy_production(diagonal, 20).total == pytest.approx(
        ep.entropy_production(dense, 20).total, rel=TOTALS
    )


def test_dense_discretisation_is_scipys() -> None:
    a, b = ep.hippo_legs(4)
    method: Any
    for method in METHODS:
        arguments: Any = (a, b, np.ones((1, 4)), 0.2)
        m = LinearGaussian.from_continuous(*arguments, innovation_cov=[[1.0]], method=method)
        system: Any = (a, b, np.ones((1, 4)), np.zeros((1, 1)))
        want = scipy.signal.cont2discrete(system, 0.2, method)
        assert np.array_equal(m.state_matrix, want[0])
        assert np.array_equal(m.input_matrix, want[1])
        assert np.array_equal(m.output_matrix, np.ones((1, 4)))


def test_pairs_that_underflow_stay_pairs() -> None:
    gone = DiagonalSSM.from_continuous(
        np.array([-1e4 + 5.0j, -1.0]),
        np.array([[1.0 + 2.0j], [1.0]]),
        np.array([[1.0j, 0.1]]),
        1.0,
        innovation_cov=[[1.0]],
    )
    assert gone.n_states == 3
    want = 2.0 * (1.0j * (1.0 + 2.0j) / (1e4 - 5.0j)).real + 0.1 * (1.0 - np.exp(-1.0))
    assert (gone.output_matrix @ gone.input_matrix)[0, 0] == pytest.approx(want, rel=EXACT)


def test_units_of_the_memory_do_not_matter() -> None:
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(5, 5)) - 3.0 * np.eye(5), rng.normal(size=(5, 1)), np.ones((1, 5))
    units = 10.0 ** np.arange(-8, 12, 4)
    m = DiagonalSSM.from_continuous(
        a * np.outer(units, 1 / units), b * units[:, None], c / units, 0.1, innovation_cov=[[1.0]]
    )
    want = LinearGaussian.from_continuous(a, b, c, 0.1, innovation_cov=[[1.0]])
    assert ep.entropy_production(m, 10).total == pytest.approx(
        ep.entropy_production(want, 10).total, rel=TOTALS
    )


# ---------------------------------------------------------------- HiPPO


def test_hippo_legs_by_its_definition() -> None:
    a, b = ep.hippo_legs(5)
    for i in range(5):
        assert b[i, 0] == np.sqrt(2 * i + 1)
        for k in range(5):
            below = -np.sqrt((2 * i + 1) * (2 * k + 1))
            want = below if i > k else -(i + 1) if i == k else 0.0
            assert a[i, k] == pytest.approx(want, rel=EXACT)


@pytest.mark.parametrize("n_states", [2, 6, 64])
def test_s4d_legs_is_the_normal_part(n_states: int) -> None:
    a, b = ep.hippo_legs(n_states)
    root = np.sqrt(np.arange(n_states) + 0.5)
    normal = a + np.outer(root, root)
    assert normal @ normal.T == pytest.approx(normal.T @ normal, abs=1e-9)
    eigenvalues, entered = ep.s4d_legs(n_states)
    assert np.all(np.diff(eigenvalues.imag) > 0.0)
    assert np.all(eigenvalues.real == -0.5)
    got = np.sort_complex(np.concatenate([eigenvalues, eigenvalues.conj()]).imag)
    assert got == pytest.approx(np.sort(np.linalg.eigvals(normal).imag), abs=1e-9)
    # The modes' energies make up B's.
    assert 2.0 * np.sum(entered**2) == pytest.approx(np.sum(b**2), rel=EXACT * n_states)


def test_legs_itself_has_no_usable_eigenvectors() -> None:
    a, b = ep.hippo_legs(16)
    with pytest.raises(ep.NumericalError, match=r"can't be diagonalised.*condition"):
        DiagonalSSM.from_continuous(a, b, np.ones((1, 16)), 0.1, innovation_cov=[[1.0]])
    dense = LinearGaussian.from_continuous(a, b, np.ones((1, 16)), 0.01, innovation_cov=[[1.0]])
    assert dense.n_states == 16


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ((MODES[:, None], INPUT, OUTPUT, COV), ValueError, r"eigenvalues must have 1 dim"),
        ((MODES[:3], INPUT, OUTPUT, COV), ValueError, r"input_matrix must have shape \(3, 2\)"),
        ((MODES, INPUT, OUTPUT.T, COV), ValueError, r"output_matrix must have shape \(2, 4\)"),
        ((MODES, INPUT[:, 0], OUTPUT, COV), ValueError, r"input_matrix must have 2 dim"),
        ((MODES, INPUT, OUTPUT, COV[:1]), ValueError, r"innovation_cov must have shape \(2, 2\)"),
        ((MODES, INPUT, OUTPUT, COV * 1j), TypeError, r"innovation_cov must hold real numbers"),
        ((MODES, INPUT, OUTPUT, -COV), ValueError, r"innovation_cov must be positive definite"),
        (([np.nan] * 4, INPUT, OUTPUT, COV), ValueError, r"eigenvalues must be finite"),
        ((MODES, np.full((4, 2), np.inf), OUTPUT, COV), ValueError, r"input_matrix must be finite"),
        ((["a"], INPUT, OUTPUT, COV), TypeError, r"eigenvalues must hold real numbers"),
        (([[0.1], 0.2], INPUT, OUTPUT, COV), ValueError, r"eigenvalues must be an array"),
        (([], INPUT, OUTPUT, COV), ValueError, r"eigenvalues must not be empty"),
        ((MODES, INPUT * 1j, OUTPUT, COV), ValueError, r"input_matrix must be real.*row 0.*0\.9"),
        ((MODES, INPUT, OUTPUT * 1j, COV), ValueError, r"output_matrix must be real.*column 0"),
        ((MODES, 1e308 * INPUT, 1e308 * OUTPUT, COV), ValueError, r"overflows"),
    ],
)
def test_wrong_arguments(arguments: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        DiagonalSSM(*arguments)


@pytest.mark.parametrize("other", [0.8 - 0.3j, (0.8 - 0.3j) * (1 + 1e-15)])
def test_both_members_of_a_pair_are_refused(other: complex) -> None:
    modes = MODES.copy()
    modes[3] = other
    with pytest.raises(ValueError, match=r"one of each complex pair.* at 1 .* conjugate at 3"):
        DiagonalSSM(modes, INPUT, OUTPUT, COV)
    with pytest.raises(ValueError, match=r"state_matrix must hold one of each complex pair"):
        DiagonalSSM.from_continuous(modes, INPUT, OUTPUT, 0.1, innovation_cov=COV)
    # The same member twice is two pairs.
    modes[3] = modes[1]
    assert DiagonalSSM(modes, INPUT, OUTPUT, COV).n_states == 6


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"step": 0.0}, ValueError, r"step must be positive, got 0"),
        ({"step": -1.0}, ValueError, r"step must be positive, got -1"),
        ({"step": np.inf}, ValueError, r"step must be finite"),
        ({"step": [0.1]}, ValueError, r"step must have 0 dimension"),
        ({"step": "a"}, TypeError, r"step must hold real numbers"),
        ({"method": "euler"}, ValueError, r'method must be "zoh" or "bilinear"'),
        ({"input_matrix": np.ones((3, 1))}, ValueError, r"input_matrix must have shape"),
        ({"output_matrix": np.ones((1, 3))}, ValueError, r"output_matrix must have shape"),
        ({"state_matrix": np.ones((2, 3))}, ValueError, r"state_matrix must have shape"),
        ({"step": 1e6, "state_matrix": np.eye(2)}, ep.NumericalError, r"overflows"),
        (
            {"step": 2.0, "state_matrix": np.eye(2), "method": "bilinear"},
            ep.NumericalError,
            r"eigenvalue 2 / step = 1",
        ),
    ],
)
@pytest.mark.parametrize("kind", [DiagonalSSM, LinearGaussian])
def test_wrong_arguments_in_continuous_time(
    kind: type[LinearGaussian], change: dict[str, Any], error: type[Exception], message: str
) -> None:
    arguments: dict[str, Any] = {
        "state_matrix": -np.eye(2),
        "input_matrix": np.ones((2, 1)),
        "output_matrix": np.ones((1, 2)),
        "step": 0.1,
        "innovation_cov": [[1.0]],
        **change,
    }
    with pytest.raises(error, match=message):
        kind.from_continuous(**arguments)


def test_a_defective_matrix_is_refused() -> None:
    with pytest.raises(ep.NumericalError, match=r"can't be diagonalised"):
        DiagonalSSM.from_continuous(
            [[-1.0, 1.0], [0.0, -1.0]], [[1.0], [1.0]], [[1.0, 0.0]], 0.1, innovation_cov=[[1.0]]
        )
    with pytest.raises(TypeError, match="state_matrix must hold real numbers"):
        DiagonalSSM.from_continuous([[-1.0j]], [[1.0]], [[1.0]], 0.1, innovation_cov=[[1.0]])


def test_dense_constructors_are_refused() -> None:
    for name in ("from_state_space", "from_gain", "from_var"):
        with pytest.raises(TypeError, match=f"use LinearGaussian.{name}"):
            getattr(DiagonalSSM, name)([[[0.5]]], [[1.0]])


def test_wrong_sizes_of_hippo_matrices() -> None:
    for make in (ep.hippo_legs, ep.s4d_legs):
        for wrong in (0, -2):
            with pytest.raises(ValueError, match="n_states"):
                make(wrong)
        with pytest.raises(TypeError, match="n_states"):
            make(2.0)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="even"):
        ep.s4d_legs(3)


def test_verify_takes_it() -> None:
    report = ep.verify(s4d(n_states=16, step=0.5), n_steps=12, n_paths=2000, rng=0)
    assert report.passed


@pytest.mark.parametrize("name", ["eigenvalues", "input_matrix", "output_matrix"])
def test_masked_and_unreadable_arrays_name_the_argument(name: str) -> None:
    torch = pytest.importorskip("torch")
    arguments = {
        "eigenvalues": MODES,
        "input_matrix": INPUT,
        "output_matrix": OUTPUT,
        "innovation_cov": COV,
    }
    given = np.asarray(arguments[name], np.complex128)
    masked = np.ma.masked_array(given, np.zeros(given.shape, np.bool_))
    DiagonalSSM(**arguments | {name: masked})
    masked[(0,) * given.ndim] = np.ma.masked
    with pytest.raises(ValueError, match=f"{name} must have no masked entries"):
        DiagonalSSM(**arguments | {name: masked})
    for tensor in (torch.tensor(given, requires_grad=True), torch.tensor(given).conj()):
        with pytest.raises(ValueError, match=f"{name} must be an array of numbers"):
            DiagonalSSM(**arguments | {name: tensor})


@pytest.mark.parametrize("method", METHODS)
def test_steps_at_the_ends_of_the_doubles(method: Any) -> None:
    eigenvalues, entered = ep.s4d_legs(4)
    output = np.full((1, 2), 0.1)
    tiny = DiagonalSSM.from_continuous(
        eigenvalues, entered, output, 1e-320, innovation_cov=[[1.0]], method=method
    )
    np.testing.assert_allclose(tiny.eigenvalues, 1.0, rtol=EXACT)
    np.testing.assert_allclose(tiny.modal_input, 1e-320 * entered, atol=1e-322)
    with pytest.raises(ep.NumericalError, match="within a step of 1e"):
        DiagonalSSM.from_continuous(
            eigenvalues, entered, output, 1e308, innovation_cov=[[1.0]], method=method
        )


@pytest.mark.parametrize("method", [["zoh"], None, "euler"])
def test_what_is_no_method(method: Any) -> None:
    with pytest.raises(ValueError, match="method must be"):
        LinearGaussian.from_continuous(
            [[-1.0]], [[1.0]], [[0.1]], 0.1, innovation_cov=[[1.0]], method=method
        )


@pytest.mark.parametrize("make", [ep.hippo_legs, ep.s4d_legs])
def test_memories_that_do_not_fit(make: Any) -> None:
    with pytest.raises(MemoryError, match="n_states is too large"):
        make(10**8)
