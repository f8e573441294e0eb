"""The bound of the retrospective decomposition."""

from __future__ import annotations

import numpy as np

import entroprod as ep

from .machines import two_by_two
from .row import Rows, costs, faster
from .timing import Timer

N_STEPS, N_PATHS = 50, 5000


def rows(timer: Timer) -> Rows:
    """All measurements of this topic."""
    machine = two_by_two()
    reverse = ep.fit_reverse_model(machine, N_STEPS, 2000, order=3, rng=0)

    def parts() -> None:
        paths = machine.sample(N_STEPS, N_PATHS, rng=0)
        turned = np.ascontiguousarray(paths[:, ::-1])
        machine.log_prob(paths)
        machine.log_prob(turned)
        reverse.log_prob(turned)

    def one_by_one() -> None:
        for path in machine.sample(N_STEPS, N_PATHS // 50, rng=0):
            machine.log_prob(path)
            machine.log_prob(path[::-1])
            reverse.log_prob(path[::-1])

    def bound(n_paths: int) -> ep.RetrospectiveBound:
        return ep.retrospective_bound(machine, reverse, N_STEPS, n_paths, rng=0)

    times = timer.side_by_side(lambda: bound(N_PATHS), parts, seconds=2.0)
    what = f"`retrospective_bound`, n = m = 2, T = {N_STEPS}, {N_PATHS:,} paths"
    yield costs(what, "sampling and the three log-probabilities it needs", times)
    times = timer.side_by_side(lambda: bound(N_PATHS // 50), one_by_one, seconds=2.0)
    yield faster(f"the same, {N_PATHS // 50} paths", "one path at a time", times)
