"""Making a machine."""

from __future__ import annotations

import numpy as np
from scipy.linalg import solve_discrete_are

import entroprod as ep

from .row import Rows, costs
from .timing import Timer


def rows(timer: Timer) -> Rows:
    """What validation and the search for a stabilising solution add to SciPy's solver."""
    rng = np.random.default_rng(0)
    n_states, n_outputs = 16, 4
    transition = 0.9 / np.sqrt(n_states) * rng.normal(size=(n_states, n_states))
    emission = rng.normal(size=(n_outputs, n_states))
    noise, obs_noise = np.eye(n_states), np.eye(n_outputs)
    times = timer.side_by_side(
        lambda: ep.LinearGaussian.from_state_space(transition, emission, noise, obs_noise),
        lambda: solve_discrete_are(transition.T, emission.T, noise, obs_noise),
        seconds=1.0,
    )
    yield costs(
        "`LinearGaussian.from_state_space`, n = 16, m = 4",
        "`scipy.linalg.solve_discrete_are`",
        times,
    )
