"""Tables, and what the tests of them share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from statsmodels.datasets import macrodata

import entroprod as ep

Array = npt.NDArray[np.float64]

ROTATION = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], np.eye(2))
SECOND_ORDER = ep.LinearGaussian.from_var(
    [
        [[0.4, 0.2, 0.0], [-0.1, 0.3, 0.1], [0.0, 0.2, 0.2]],
        [[-0.3, 0.1, 0.1], [0.1, -0.2, 0.0], [0.0, 0.0, 0.1]],
    ],
    [[1.0, 0.3, 0.1], [0.3, 2.0, 0.2], [0.1, 0.2, 0.5]],
)
# Two ways of least squares on a few hundred standardised rows: rounding times a condition number
# of the regressors that is far below 1e4.
RELATIVE, ABSOLUTE = 1e-9, 1e-11
# Closed forms of one machine in two units, or by two formulas: the promise of the closed forms, and
# a rate that is computed from fits which differ by rounding.
SAME_MACHINE, SAME_FIT = 1e-12, 1e-10
# One seeded run of a calibrated procedure fails with less than this probability.
CHANCE = 1e-4
GOOD = np.random.default_rng(0).normal(size=(40, 2))


def assert_same_fit(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=RELATIVE, atol=ABSOLUTE)


def rows_of(machine: ep.LinearGaussian, n_rows: int, seed: int) -> Array:
    return np.asarray(machine.sample(n_rows + 200, rng=seed)[0, 200:])


def growth() -> pd.DataFrame:
    levels = macrodata.load_pandas().data[["realgdp", "realcons", "realinv"]]
    rates: pd.DataFrame = (100.0 * np.log(levels)).diff().dropna()
    return rates


def lag_matrices(machine: ep.LinearGaussian) -> Array:
    m = machine.n_outputs
    stacked = machine.output_matrix
    return np.stack([stacked[:, k : k + m] for k in range(0, machine.n_states, m)])
