"""Machines that change in time: construction, sampling, likelihood, pairs, Monte Carlo."""

from __future__ import annotations

import math
import pickle
import tracemalloc
from typing import Any

import numpy as np
import oracles_time_varying as oracle
import pytest
from time_varying_machines import machine_of, matrices, with_gaps

import entroprod as ep
import entroprod.testing as ept
from entroprod import LinearGaussian, TimeVaryingLinearGaussian

# A filter of T steps, each with a few roundings, relative to the largest log-density of a path.
RELATIVE = 1e-12
FIVE = 5.0
SIZES = [(1, 1), (2, 2), (3, 2), (2, 4), (5, 3), (6, 1)]


def near(got: Any, expected: Any, relative: float = RELATIVE) -> bool:
    got, expected = np.asarray(got), np.asarray(expected)
    return bool(np.all(np.abs(got - expected) <= relative * (1 + np.max(np.abs(expected)))))


# ------------------------------------------------------------------ likelihood and sampling


@pytest.mark.parametrize(("n", "m"), SIZES)
@pytest.mark.parametrize("n_steps", [1, 2, 17])
def test_log_prob_is_the_dense_normal(n: int, m: int, n_steps: int) -> None:
    machine = machine_of(n_steps, n, m)
    y = machine.sample(n_paths=5, rng=1)
    got = machine.log_prob(y)
    assert got.shape == (5, n_steps)
    for path, own in zip(y, got):
        assert near(own, oracle.log_prob(machine, path))
        assert own.sum() == pytest.approx(oracle.joint_log_density(machine, path), rel=1e-11)
    assert np.array_equal(machine.log_prob(y[2]), got[2])


@pytest.mark.parametrize("name", sorted(ept.awkward_machines()))
def test_a_repeated_machine_is_the_constant_one(name: str) -> None:
    constant = ept.awkward_machines()[name]
    n_steps = 40
    y = constant.sample(n_steps, 11, rng=2)
    # Whitening by a covariance of condition k loses k eps of the squares.
    relative = 1e-3 if "1e12" in name else 1e-8 if "1e6" in name else RELATIVE
    for machine in (constant.repeat(n_steps), _spread_out(constant, n_steps)):
        assert near(machine.sample(n_paths=11, rng=2), y)
        assert near(machine.log_prob(y), constant.log_prob(y), relative)
        pair = ep.stochastic_entropy_production(machine, y, backward=machine)
        alone = ep.stochastic_entropy_production(constant, y)
        assert near(pair.log_forward, alone.log_forward, relative)
        assert near(pair.log_backward, alone.log_backward, relative)


def _spread_out(machine: LinearGaussian, n_steps: int) -> TimeVaryingLinearGaussian:
    arrays = (
        machine.state_matrix, machine.input_matrix, machine.output_matrix, machine.innovation_cov
    )  # fmt: skip
    return TimeVaryingLinearGaussian(*(np.repeat(a[None], n_steps, axis=0) for a in arrays))


def test_samples_have_the_dense_mean_and_covariance() -> None:
    machine, n_paths = machine_of(8, 3, 2), 40_000
    y = machine.sample(n_paths=n_paths, rng=3).reshape(n_paths, -1)
    mean, cov = (np.asarray(a, float) for a in oracle.stacked(oracle.steps_of(machine, 8)))
    spread = np.sqrt(np.diag(cov))
    assert np.all(np.abs(y.mean(axis=0) - mean) <= FIVE * spread / math.sqrt(n_paths))
    rest = y - mean
    errors = np.sqrt((cov**2 + np.outer(spread, spread) ** 2) / n_paths)
    assert np.all(np.abs(rest.T @ rest / n_paths - cov) <= FIVE * errors)


def test_paths_depend_on_nothing_but_the_seed() -> None:
    machine = machine_of(300, 3, 3)
    y = machine.sample(n_paths=1200, rng=4, n_threads=1)
    assert np.array_equal(machine.sample(n_paths=1200, rng=4, n_threads=3), y)
    assert np.array_equal(machine.sample(n_paths=7, rng=4), y[:7])
    assert np.array_equal(machine.sample(257, 7, rng=4), y[:7, :257])
    assert not np.array_equal(machine.sample(n_paths=7, rng=5), y[:7])
    scored = machine.log_prob(y, n_threads=1)
    assert np.array_equal(machine.log_prob(y, n_threads=4), scored)
    assert np.array_equal(machine.log_prob(y[3:5, :200]), scored[3:5, :200])


# ------------------------------------------------------------------ pairs


@pytest.mark.parametrize(("n", "m"), SIZES)
def test_sigma_of_pairs_is_dense(n: int, m: int) -> None:
    n_steps = 12
    machine = machine_of(n_steps + 1, n, m)
    y = machine.sample(n_steps, 4, rng=5)
    constant = LinearGaussian(
        0.3 * np.eye(2), 0.2 * np.ones((2, m)), 0.1 * np.ones((m, 2)), np.eye(m)
    )
    for backward in (machine, machine.reversed_kernels(), machine_of(20, n + 1, m, 9), constant):
        got = ep.stochastic_entropy_production(machine, y, backward=backward)
        ahead = [oracle.log_prob(machine, path).sum() for path in y]
        back = [oracle.log_prob(backward, path, backward=True).sum() for path in y]
        assert near(got.log_forward, ahead)
        assert near(got.log_backward, back)
        assert np.array_equal(got.sigma, got.log_forward - got.log_backward)
    got = ep.stochastic_entropy_production(constant, y, backward=machine)
    assert near(got.log_forward, [oracle.log_prob(constant, path).sum() for path in y])


def test_backward_reading_is_a_reading_with_parameters_reversed() -> None:
    machine = machine_of(9, 2, 2)
    y = machine.sample(n_paths=3, rng=6)
    turned = TimeVaryingLinearGaussian(
        machine.state_matrix[::-1], machine.input_matrix[::-1], machine.output_matrix[::-1],
        machine.innovation_cov[::-1], initial_mean=machine.initial_mean,
    )  # fmt: skip
    got = ep.stochastic_entropy_production(machine, y, backward=machine)
    assert near(got.log_backward, turned.log_prob(y[:, ::-1]).sum(axis=1))


def test_reversed_kernels_follow_the_papers_definition() -> None:
    # P_b = prod_t p_t(y_t | g_{t+1}) with p_t the kernel that forwards emits y_{t+1}, and
    # g_t = F_t g_{t+1} + G_t y_t, written out for one path.
    machine, n_steps = machine_of(6, 2, 2), 5
    y = machine.sample(n_steps, 1, rng=7)[0]
    memory, total = machine.initial_mean, 0.0
    for t in reversed(range(n_steps)):
        rest = y[t] - machine.output_matrix[t + 1] @ memory
        cov = machine.innovation_cov[t + 1]
        total -= 0.5 * (rest @ np.linalg.solve(cov, rest) + np.linalg.slogdet(2 * np.pi * cov)[1])
        memory = machine.state_matrix[t] @ memory + machine.input_matrix[t] @ y[t]
    got = ep.stochastic_entropy_production(machine, y, backward=machine.reversed_kernels())
    assert got.log_backward[0] == pytest.approx(total, rel=RELATIVE)
    # A constant machine has one reading only.
    constant = ept.awkward_machines()["two states, two outputs"]
    assert constant.repeat(6).reversed_kernels() == constant.repeat(5)


def test_monte_carlo_of_pairs() -> None:
    machine, n_steps, n_paths = machine_of(9, 2, 2), 8, 20_000
    for backward in (machine, machine.reversed_kernels(), machine_of(8, 3, 2, 5)):
        found = ep.monte_carlo(machine, n_steps, n_paths, rng=8, backward=backward, keep_sigma=True)
        expected = oracle.sigma_mean(machine, backward, n_steps)
        assert abs(found.mean - expected) <= FIVE * found.standard_error
        assert abs(found.fluctuation_mean - 1) <= FIVE * found.fluctuation_standard_error
        paths = machine.sample(n_steps, n_paths, rng=8)
        direct = ep.stochastic_entropy_production(machine, paths, backward=backward).sigma
        assert np.asarray(found.sigma) == pytest.approx(direct, abs=1e-11)
        again = ep.monte_carlo(machine, n_steps, n_paths, rng=8, backward=backward, n_threads=3)
        assert again.to_dict() == found.to_dict()


def test_closed_form_of_pairs() -> None:
    n_steps = 10
    machine = machine_of(n_steps + 1, 3, 2)
    constant = ept.awkward_machines()["two states, two outputs"]
    for forward, backward in (
        (machine, machine), (machine, machine.reversed_kernels()), (machine, constant),
        (constant, machine), (constant.repeat(n_steps), constant),
    ):  # fmt: skip
        found = ep.entropy_production(forward, n_steps, backward=backward)
        expected = oracle.sigma_mean(forward, backward, n_steps)
        assert found.total == pytest.approx(expected, rel=1e-11)
        assert found.per_step.sum() == pytest.approx(expected, rel=1e-11)
        assert found.retrospective.sum() == pytest.approx(expected, rel=1e-11)
    alone = ep.entropy_production(constant, n_steps).total
    repeated = constant.repeat(n_steps)
    paired = ep.entropy_production(repeated, n_steps, backward=repeated).total
    assert paired == pytest.approx(alone, rel=RELATIVE)
    with pytest.raises(ValueError, match="backward must be given"):
        ep.entropy_production(machine, n_steps)
    with pytest.raises(ValueError, match="steps are more than the 11 of machine"):
        ep.entropy_production(machine, 12, backward=machine)


# ------------------------------------------------------------------ the exact Kalman filter

LEVEL: dict[str, Any] = {
    "transition": np.array([[0.8, 0.3], [0.0, 0.5]]),
    "emission": np.array([[1.0, 0.5]]),
    "process_cov": np.array([[1.0, 0.2], [0.2, 0.5]]),
    "obs_cov": np.array([[0.7]]),
}


def test_from_state_space_is_the_textbook_filter() -> None:
    start = np.array([[2.0, 0.5], [0.5, 1.0]])
    machine = TimeVaryingLinearGaussian.from_state_space(**LEVEL, initial_cov=start, n_steps=30)
    expected = oracle.textbook_filter(**LEVEL, initial_cov=start, n_steps=30)
    assert machine.state_matrix == pytest.approx(np.asarray(expected.state, float), abs=1e-13)
    assert machine.input_matrix == pytest.approx(np.asarray(expected.inputs, float), abs=1e-13)
    assert machine.innovation_cov == pytest.approx(np.asarray(expected.cov, float), rel=1e-13)
    steady = LinearGaussian.from_state_space(**LEVEL)
    assert machine.input_matrix[-1] == pytest.approx(steady.input_matrix, rel=1e-10)


def test_from_state_space_with_everything_changing() -> None:
    rng = np.random.default_rng(11)
    n_steps, n, m = 9, 3, 2
    a, c = rng.normal(size=(n_steps, n, n)) / 2, rng.normal(size=(n_steps, m, n))
    q = np.einsum("tij,tkj->tik", a, a) + np.eye(n)
    r = np.einsum("tij,tkj->tik", c, c) + np.eye(m)
    mean = rng.normal(size=n)
    machine = TimeVaryingLinearGaussian.from_state_space(
        a, c, q, r, initial_cov=np.eye(n), initial_mean=mean
    )
    # The model's own law: x as an affine function of x_1 and the noises.
    own_mean, own_cov = _law_of_state_space(a, c, q, r, np.eye(n), mean)
    got_mean, got_cov = oracle.stacked(oracle.steps_of(machine, n_steps))
    assert np.asarray(got_mean, float) == pytest.approx(own_mean, abs=1e-12)
    assert np.asarray(got_cov, float) == pytest.approx(own_cov, abs=1e-11)


def _law_of_state_space(a: Any, c: Any, q: Any, r: Any, p: Any, mean: Any) -> tuple[Any, Any]:
    n_steps, m, n = c.shape
    width = n * (n_steps + 1)
    noise = np.zeros((width, width))
    noise[:n, :n] = p
    state, rows, means = np.eye(n, width), [], []
    for t in range(n_steps):
        rows.append(c[t] @ state)
        means.append(c[t] @ mean)
        here = slice(n * (t + 1), n * (t + 2))
        noise[here, here] = q[t]
        state, mean = a[t] @ state + np.eye(width)[here], a[t] @ mean
    response = np.concatenate(rows)
    cov = response @ noise @ response.T
    for t in range(n_steps):
        block = slice(m * t, m * (t + 1))
        cov[block, block] += r[t]
    return np.concatenate(means), cov


def test_a_stationary_start_makes_a_stationary_process() -> None:
    machine = TimeVaryingLinearGaussian.from_state_space(
        **LEVEL, initial_cov="stationary", n_steps=12
    )
    _, cov = oracle.stacked(oracle.steps_of(machine, 12))
    for lag in range(12):
        diagonal = np.diag(np.asarray(cov, float), lag)
        assert diagonal == pytest.approx(np.full(12 - lag, diagonal[0]), rel=1e-12)


def test_statsmodels_agrees() -> None:
    kalman_filter = pytest.importorskip("statsmodels.tsa.statespace.kalman_filter")
    start = np.array([[2.0, 0.5], [0.5, 1.0]])
    machine = TimeVaryingLinearGaussian.from_state_space(
        **LEVEL, initial_cov=start, initial_mean=[0.3, -0.2], n_steps=60
    )
    y = with_gaps(machine.sample(n_paths=3, rng=12))
    for path in y:
        kalman = kalman_filter.KalmanFilter(k_endog=1, k_states=2)
        kalman["transition"], kalman["design"] = LEVEL["transition"], LEVEL["emission"]
        kalman["selection"] = np.eye(2)
        kalman["state_cov"], kalman["obs_cov"] = LEVEL["process_cov"], LEVEL["obs_cov"]
        kalman.initialize_known(np.array([0.3, -0.2]), start)
        kalman.bind(path.copy())
        assert machine.log_prob(path) == pytest.approx(kalman.loglikeobs(), rel=1e-9, abs=1e-9)


def test_failures_of_from_state_space() -> None:
    make = TimeVaryingLinearGaussian.from_state_space
    unstable = {**LEVEL, "transition": np.array([[1.1, 0.3], [0.0, 0.5]])}
    with pytest.raises(ep.NumericalError, match=r"stationary state.*eigenvalue 1\.1"):
        make(**unstable, initial_cov="stationary", n_steps=5)
    make(**unstable, initial_cov=np.eye(2), n_steps=5)
    silent = {**LEVEL, "process_cov": np.zeros((2, 2)), "obs_cov": np.zeros((1, 1))}
    # Two states, seen one number at a time: known after two steps.
    with pytest.raises(ep.NumericalError, match="step 3 is singular"):
        make(**silent, initial_cov=np.eye(2), n_steps=5)
    with pytest.raises(ep.NumericalError, match="step 1 is singular"):
        make(**silent, initial_cov=np.zeros((2, 2)), n_steps=5)
    hidden = {**unstable, "transition": np.diag([1e3, 0.5]), "emission": np.array([[1e-200, 1.0]])}
    with pytest.raises(ep.NumericalError, match="overflows at step"):
        make(**hidden, initial_cov=np.eye(2), n_steps=200)
    changing = {**LEVEL, "process_cov": np.repeat(LEVEL["process_cov"][None], 5, axis=0)}
    with pytest.raises(ValueError, match=r"initial_cov.*constant transition"):
        make(**changing, initial_cov="stationary")
    with pytest.raises(ValueError, match="initial_cov must be a matrix or"):
        make(**LEVEL, initial_cov="steady", n_steps=5)
    with pytest.raises(ValueError, match="initial_cov must be positive semidefinite"):
        make(**LEVEL, initial_cov=-np.eye(2), n_steps=5)
    with pytest.raises(ValueError, match="process_cov and n_steps"):
        make(**changing, initial_cov=np.eye(2), n_steps=6)
    with pytest.raises(ValueError, match="time axis, or n_steps"):
        make(**LEVEL, initial_cov=np.eye(2))


# ------------------------------------------------------------------ the machine as a value


def test_covariances_of_low_rank_are_semidefinite() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        n = int(rng.integers(2, 7))
        factor, inner = rng.normal(size=(n, 2)), rng.normal(size=(2, 2))
        # A product of three has eigenvalues of either sign at rounding level.
        noise = factor @ (inner @ inner.T) @ factor.T
        for process_cov in (noise, np.stack([noise, noise])):
            machine = TimeVaryingLinearGaussian.from_state_space(
                0.5 * np.eye(n), np.eye(n), process_cov, np.eye(n), initial_cov=noise, n_steps=2
            )
            assert machine.n_states == n


def test_subnormal_variances_are_refused() -> None:
    with pytest.raises(ValueError, match=r"innovation_cov has the variance 9\.99989e-321"):
        TimeVaryingLinearGaussian([[0.4]], [[0.5]], [[1.0]], [[[1.0]], [[1e-320]]])


def test_a_covariance_beside_which_the_others_are_lost() -> None:
    model: dict[str, Any] = {"transition": [[0.8, 0.3], [0, 0.5]], "emission": [[1, 0.5], [0, 1]]}
    with pytest.raises(ep.NumericalError, match=r"step 2 is singular.*so large that the others"):
        TimeVaryingLinearGaussian.from_state_space(
            **model,
            process_cov=np.eye(2),
            obs_cov=np.eye(2),
            initial_cov=1e300 * np.eye(2),
            n_steps=5,
        )


def test_values() -> None:
    given = matrices(5, 3, 2)
    machine = TimeVaryingLinearGaussian(**given)
    assert (machine.n_steps, machine.n_states, machine.n_outputs) == (5, 3, 2)
    transition = given["state_matrix"] + given["input_matrix"] @ given["output_matrix"]
    assert np.array_equal(machine.transition, transition)
    assert "n_steps=5" in repr(machine)
    copy = pickle.loads(pickle.dumps(machine))
    assert copy == machine
    assert hash(copy) == hash(machine)
    given["state_matrix"][0, 0, 0] += 1
    assert machine != TimeVaryingLinearGaussian(**given)
    assert machine == copy
    assert machine != "machine"
    with pytest.raises(AttributeError):
        machine.n_steps = 6  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        machine.state_matrix[0, 0, 0] = 0.0
    with pytest.raises(ValueError, match="read-only"):
        machine.transition[0, 0, 0] = 0.0


def test_a_constant_matrix_is_the_same_as_its_repetition() -> None:
    given = matrices(5, 3, 2)
    one = {**given, "innovation_cov": given["innovation_cov"][0]}
    many = {**given, "innovation_cov": np.repeat(given["innovation_cov"][:1], 5, axis=0)}
    short, long = TimeVaryingLinearGaussian(**one), TimeVaryingLinearGaussian(**many)
    assert short == long
    assert hash(short) == hash(long)
    y = short.sample(n_paths=2, rng=0)
    assert np.array_equal(y, long.sample(n_paths=2, rng=0))
    constant = TimeVaryingLinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]], n_steps=7)
    assert constant.transition.shape == (7, 1, 1)
    assert constant == LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]]).repeat(7)


def _spoilt(cov: Any) -> Any:
    cov = cov.copy()
    cov[3] = [[1.0, 1.0], [1.0, 1.0]]
    return cov


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"input_matrix": lambda a: a[:4]}, "state_matrix and input_matrix .* 5 and 4"),
        ({"innovation_cov": lambda a: a[:3]}, "innovation_cov .* 5 and 3"),
        ({"n_steps": lambda a: 6}, "state_matrix and n_steps .* 5 and 6"),
        ({"n_steps": lambda a: 0}, "n_steps must be between"),
        ({"state_matrix": lambda a: a[:, :2]}, "state_matrix must have shape"),
        ({"output_matrix": lambda a: np.swapaxes(a, 1, 2)}, r"output_matrix must have shape"),
        ({"state_matrix": lambda a: a[None]}, r"state_matrix must have 2 or 3 dimension"),
        ({"state_matrix": lambda a: a[:0]}, "state_matrix must not be empty"),
        ({"state_matrix": lambda a: a * np.nan}, "state_matrix must be finite"),
        ({"innovation_cov": _spoilt}, "innovation_cov .*index 3 of its time axis"),
        ({"innovation_cov": lambda a: a + np.triu(a, 1)}, "must be symmetric.*time axis"),
        ({"initial_mean": lambda a: np.zeros(2)}, r"initial_mean must have shape \(3,\)"),
        ({"initial_mean": lambda a: [0, 0, np.inf]}, "initial_mean must be finite"),
        ({"output_matrix": lambda a: a * 1e308 * 100}, "finite|overflows"),
    ],
)  # fmt: skip
def test_bad_matrices(change: dict[str, Any], message: str) -> None:
    given: dict[str, Any] = dict(matrices(5, 3, 2))
    with np.errstate(over="ignore"):
        for name, turn in change.items():
            given[name] = turn(given.get(name))
    with pytest.raises(ValueError, match=message):
        TimeVaryingLinearGaussian(**given)


def test_no_time_axis_needs_n_steps() -> None:
    with pytest.raises(ValueError, match="time axis, or n_steps must be given"):
        TimeVaryingLinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]])
    with pytest.raises(ValueError, match="at least 2 steps"):
        TimeVaryingLinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]], n_steps=1).reversed_kernels()


def test_steps_beyond_the_machine() -> None:
    machine = machine_of(5, 2, 2)
    longer, other = machine_of(8, 2, 2), machine_of(5, 2, 3)
    y = longer.sample(n_paths=2, rng=0)
    for call in (
        lambda: machine.sample(6, rng=0),
        lambda: machine.log_prob(y),
        lambda: ep.stochastic_entropy_production(machine, y, backward=longer),
        lambda: ep.stochastic_entropy_production(longer, y, backward=machine),
        lambda: ep.monte_carlo(machine, 6, 10, rng=0, backward=longer),
        lambda: ep.monte_carlo(longer, 6, 10, rng=0, backward=machine),
    ):
        with pytest.raises(ValueError, match="steps are more than the 5"):
            call()
    with pytest.raises(ValueError, match="backward must have 2 output"):
        ep.stochastic_entropy_production(machine, y, backward=other)
    with pytest.raises(TypeError, match="backward must have a method log_prob"):
        ep.monte_carlo(machine, 5, 10, backward="machine")


def test_the_reading_must_be_chosen() -> None:
    machine = machine_of(5, 2, 2)
    with pytest.raises(ValueError, match=r"backward=machine\.reversed_kernels"):
        ep.stochastic_entropy_production(machine, machine.sample(rng=0))
    with pytest.raises(ValueError, match="backward must be given"):
        ep.monte_carlo(machine, 5, 10)


def test_overflow_is_an_error() -> None:
    growing = TimeVaryingLinearGaussian([[3.0]], [[1.0]], [[0.5]], [[1.0]], n_steps=2000)
    with pytest.raises(ep.NumericalError, match="overflow"):
        growing.sample(rng=0)
    with pytest.raises(ep.NumericalError, match="overflow"):
        growing.log_prob(np.full((2000, 1), 1e300))
    with pytest.raises(ep.NumericalError, match="overflow"):
        ep.monte_carlo(growing, 2000, 10, rng=0, backward=growing)


def test_products_of_lower_rank_are_covariances() -> None:
    # Their smallest eigenvalues are rounding, of either sign; LinearGaussian takes them too.
    rng = np.random.default_rng(0)
    for _ in range(500):
        spread = rng.normal(size=(6, 2)) * 10.0 ** rng.uniform(-3, 3, size=(6, 1))
        root = rng.normal(size=(2, 2))
        TimeVaryingLinearGaussian.from_state_space(
            0.5 * np.eye(6),
            np.ones((1, 6)),
            spread @ (root @ root.T) @ spread.T,
            [[1.0]],
            initial_cov=np.eye(6),
            n_steps=1,
        )


def test_a_constant_transition_stays_one_matrix() -> None:
    gain = np.full((500, 200, 1), 1e-3)
    tracemalloc.start()
    machine = TimeVaryingLinearGaussian(0.5 * np.eye(200), gain, np.ones((1, 200)), [[1.0]])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # A transition for each step would be 160 MB.
    assert peak < 2e7
    assert machine.n_steps == 500


def test_absurd_sizes_name_the_memory() -> None:
    constant = TimeVaryingLinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]], n_steps=2**53)
    with pytest.raises(MemoryError, match=r"n_steps.*needs .*iB"):
        constant.sample(rng=0)
    with pytest.raises(MemoryError, match=r"n_steps.*needs .*iB"):
        ep.monte_carlo(constant, 2**53, 10, rng=0, backward=constant)
    with pytest.raises(MemoryError, match=r"n_steps.*needs .*iB"):
        TimeVaryingLinearGaussian.from_state_space(
            **LEVEL, initial_cov="stationary", n_steps=10**13
        )
