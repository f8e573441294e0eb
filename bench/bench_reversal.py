"""The innovation reversal matrix."""

from __future__ import annotations

import numpy as np

import entroprod as ep

from . import peers
from .machines import two_by_two
from .row import Rows, costs, faster, require_agreement
from .timing import Timer


def rows(timer: Timer) -> Rows:
    """All measurements of this topic."""
    machine, n_steps = two_by_two(), 2000
    width = n_steps * machine.n_outputs
    what = "`innovation_reversal_matrix`, T m = 4,000, m = 2"
    times = timer.side_by_side(
        lambda: ep.innovation_reversal_matrix(machine, n_steps),
        lambda: np.ones((width, width)),
        seconds=3.0,
    )
    yield costs(what, "`numpy.ones` of that size, fresh memory", times, at_most=2.5)

    ours = ep.innovation_reversal_matrix(machine, 300)
    largest = float(np.abs(ours - peers.reversal_matrix(machine, 300)).max())
    require_agreement("innovation reversal matrix", largest, 0.0, 1e-12)
    times = timer.side_by_side(
        lambda: ep.innovation_reversal_matrix(machine, n_steps),
        lambda: peers.reversal_matrix(machine, n_steps),
    )
    yield faster(what, "dense definition in NumPy", times, at_least=100)

    out = np.empty((width, width))
    times = timer.side_by_side(
        lambda: ep.innovation_reversal_matrix(machine, n_steps, out=out),
        lambda: out.fill(1.0),
        seconds=1.0,
    )
    yield costs(what + ", `out=`", "`ndarray.fill` of the same array", times)
