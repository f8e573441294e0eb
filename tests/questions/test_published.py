"""Published numbers: [S26] figure 5, both machines, every T from 1 to 50, to all ten digits."""

from __future__ import annotations

import numpy as np
import pytest

import entroprod as ep

# The source prints ten decimals: half a unit in the last, and a hair for the decimal conversion.
HALF_A_DIGIT = 0.5e-10 + 1e-14
# Two estimates of a standard error from 20,000 skewed values each are about 2 % apart.
OF_STANDARD_ERRORS = 0.1

# Analytic S_y(1) .. S_y(50), nats, of A = 0.9, C = Q = R = 1.
# fmt: off
SCALAR_CURVE = [
    0.0000000000, 0.0417851635, 0.1128127122, 0.1874839725, 0.2544193152,
    0.3108757952, 0.3573556654, 0.3952518505, 0.4260288706, 0.4509847628,
    0.4712076866, 0.4875910771, 0.5008625438, 0.5116127321, 0.5203204824,
    0.5273737921, 0.5330869834, 0.5377146718, 0.5414631004, 0.5444993280,
    0.5469586724, 0.5489507415, 0.5505643174, 0.5518713139, 0.5529299811,
    0.5537875015, 0.5544820931, 0.5550447122, 0.5555004337, 0.5558695681,
    0.5561685670, 0.5564107561, 0.5566069293, 0.5567658295, 0.5568945387,
    0.5569987932, 0.5570832393, 0.5571516407, 0.5572070458, 0.5572519239,
    0.5572882752, 0.5573177197, 0.5573415698, 0.5573608884, 0.5573765364,
    0.5573892113, 0.5573994780, 0.5574077940, 0.5574145300, 0.5574199861,
]

# The same of A = [[0.8, 0.3], [0, 0.5]], C = [[1, 0.5], [0, 1]], Q = R = I.
TWO_DIMENSIONAL_CURVE = [
    0.0000000000, 0.0686493711, 0.1715858034, 0.2763841389, 0.3729986507,
    0.4606804764, 0.5412315737, 0.6166753254, 0.6886388981, 0.7582920873,
    0.8264337784, 0.8935950614, 0.9601236859, 1.0262453353, 1.0921056925,
    1.1577984920, 1.2233839221, 1.2889005831, 1.3543732105, 1.4198176481,
    1.4852440407, 1.5506588833, 1.6160663333, 1.6814690518, 1.7468687420,
    1.8122664942, 1.8776630059, 1.9430587238, 2.0084539336, 2.0738488183,
    2.1392434948, 2.2046380381, 2.2700324963, 2.3354268998, 2.4008212684,
    2.4662156147, 2.5316099467, 2.5970042696, 2.6623985865, 2.7277928998,
    2.7931872106, 2.8585815199, 2.9239758282, 2.9893701359, 3.0547644432,
    3.1201587502, 3.1855530571, 3.2509473638, 3.3163416705, 3.3817359772,
]

# fmt: on

# Monte-Carlo means and standard errors of 20,000 paths at T = 5, 10, .., 50.
SCALAR_SAMPLED = {
    5: (0.2511297589, 0.0056125809),
    10: (0.4476921303, 0.0081102374),
    15: (0.5245404392, 0.0090148001),
    20: (0.5427277106, 0.0090950431),
    25: (0.5626735333, 0.0092822433),
    30: (0.5590580619, 0.0093612835),
    35: (0.5486617062, 0.0094725765),
    40: (0.5608568088, 0.0094728611),
    45: (0.5621125662, 0.0093096948),
    50: (0.5750563587, 0.0094758546),
}
TWO_DIMENSIONAL_SAMPLED = {
    5: (0.3734940545, 0.0068641544),
    10: (0.7577744711, 0.0096845873),
    15: (1.0906961824, 0.0116013728),
    20: (1.4221989200, 0.0131992071),
    25: (1.7601759762, 0.0145945106),
    30: (2.0821086523, 0.0158964374),
    35: (2.4146312258, 0.0170010202),
    40: (2.7147023269, 0.0181616660),
    45: (3.0352962685, 0.0190711475),
    50: (3.3527696680, 0.0200949823),
}


@pytest.fixture
def scalar() -> ep.LinearGaussian:
    return ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])


@pytest.fixture
def two_dimensional() -> ep.LinearGaussian:
    return ep.LinearGaussian.from_state_space(
        [[0.8, 0.3], [0.0, 0.5]], [[1.0, 0.5], [0.0, 1.0]], np.eye(2), np.eye(2)
    )


def test_scalar_curve(scalar: ep.LinearGaussian) -> None:
    assert ep.entropy_production_curve(scalar, 50) == pytest.approx(
        SCALAR_CURVE, rel=0, abs=HALF_A_DIGIT
    )


def test_two_dimensional_curve(two_dimensional: ep.LinearGaussian) -> None:
    assert ep.entropy_production_curve(two_dimensional, 50) == pytest.approx(
        TWO_DIMENSIONAL_CURVE, rel=0, abs=HALF_A_DIGIT
    )


@pytest.mark.parametrize("n_steps", range(1, 51))
def test_totals(
    scalar: ep.LinearGaussian, two_dimensional: ep.LinearGaussian, n_steps: int
) -> None:
    for machine, curve in ((scalar, SCALAR_CURVE), (two_dimensional, TWO_DIMENSIONAL_CURVE)):
        total = ep.entropy_production(machine, n_steps).total
        assert total == pytest.approx(curve[n_steps - 1], rel=0, abs=HALF_A_DIGIT)


def test_scalar_steady_state(scalar: ep.LinearGaussian) -> None:
    innovation_cov, gain = 2.4838999027, 0.5974072873
    assert scalar.innovation_cov[0, 0] == pytest.approx(innovation_cov, abs=HALF_A_DIGIT)
    assert scalar.innovation_cov[0, 0] - 1 == pytest.approx(1.4838999027, abs=HALF_A_DIGIT)
    # The memory takes in the observation by the predictor gain, the transition times K.
    assert scalar.input_matrix[0, 0] / 0.9 == pytest.approx(gain, abs=HALF_A_DIGIT)


def test_two_dimensional_steady_state(two_dimensional: ep.LinearGaussian) -> None:
    emission = np.array([[1.0, 0.5], [0.0, 1.0]])
    transition = np.array([[0.8, 0.3], [0.0, 0.5]])
    predicted = [[1.3730120206, 0.0185210353], [0.0185210353, 1.1249141245]]
    innovation = [[2.6727615870, 0.5809780975], [0.5809780975, 2.1249141245]]
    gain = [[0.5478342368, -0.1410685985], [0.1087596505, 0.4996564978]]
    cov = two_dimensional.innovation_cov
    assert cov == pytest.approx(np.array(innovation), abs=HALF_A_DIGIT)
    # P from S = C P C^T + I, K from G = A K; undoing them amplifies the printed half digit.
    undone = np.linalg.solve(emission, np.linalg.solve(emission, cov - np.eye(2)).T)
    assert undone == pytest.approx(np.array(predicted), abs=4 * HALF_A_DIGIT)
    filter_gain = np.linalg.solve(transition, two_dimensional.input_matrix)
    assert filter_gain == pytest.approx(np.array(gain), abs=4 * HALF_A_DIGIT)


@pytest.mark.parametrize("n_steps", range(5, 51, 5))
def test_published_samples_agree_with_our_closed_form(
    scalar: ep.LinearGaussian, two_dimensional: ep.LinearGaussian, n_steps: int
) -> None:
    for machine, sampled in ((scalar, SCALAR_SAMPLED), (two_dimensional, TWO_DIMENSIONAL_SAMPLED)):
        mean, standard_error = sampled[n_steps]
        total = ep.entropy_production(machine, n_steps).total
        # The source says "within its standard error" of its figure; three of them for 20 points.
        assert abs(mean - total) <= 3 * standard_error


@pytest.mark.parametrize("n_steps", range(5, 51, 5))
def test_our_samples_have_the_published_standard_error(
    scalar: ep.LinearGaussian, two_dimensional: ep.LinearGaussian, n_steps: int
) -> None:
    for machine, sampled in ((scalar, SCALAR_SAMPLED), (two_dimensional, TWO_DIMENSIONAL_SAMPLED)):
        ours = ep.monte_carlo(machine, n_steps, 20_000, rng=42)
        assert ours.standard_error == pytest.approx(sampled[n_steps][1], rel=OF_STANDARD_ERRORS)
        total = ep.entropy_production(machine, n_steps).total
        assert abs(ours.mean - total) <= 5 * ours.standard_error
