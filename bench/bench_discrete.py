"""Discrete machines: scoring, closed forms, enumeration."""

from __future__ import annotations

import numpy as np

import entroprod as ep

from . import peers
from .row import Row, Rows, Target, costs, faster, require_agreement
from .timing import Timer

_STATES, _SYMBOLS = 10, 10
_SIDE, _FEW = 1000, 20


def _model() -> ep.HiddenMarkov:
    rng = np.random.default_rng(0)
    transition = rng.dirichlet(np.ones(_STATES), _STATES)
    return ep.HiddenMarkov(transition, rng.dirichlet(np.ones(_SYMBOLS), _STATES))


def rows(timer: Timer) -> Rows:
    """All measurements of this topic."""
    yield from _hidden(timer)
    yield from _chain(timer)
    yield from _enumeration(timer)


def _hidden(timer: Timer) -> Rows:
    model = _model()
    paths = model.sample(_SIDE, _SIDE, rng=0)
    few = paths[:_FEW]
    theirs = np.array([peers.forward_filter(model, path) for path in few])
    require_agreement("forward filter", float(model.log_prob(few).sum()), float(theirs.sum()), 1e-8)
    times = timer.side_by_side(
        lambda: model.log_prob(paths),
        lambda: [peers.forward_filter(model, path) for path in few],
        seconds=6.0,
    )
    yield Row(
        f"`HiddenMarkov.log_prob`, {_SIDE:,} paths of {_SIDE:,} steps, n = k = 10",
        "a NumPy loop over the steps of each path",
        "times faster",
        times.speedup() * (_SIDE / _FEW),
        Target("≥", 20.0),
        times,
        f"the peer's time is that of {_FEW} paths; the ratio is that of all",
    )
    path = model.sample(100_000, rng=1)[0]
    times = timer.side_by_side(
        lambda: model.log_prob(path), lambda: peers.forward_filter(model, path), seconds=6.0
    )
    what = "`HiddenMarkov.log_prob`, one path of 100,000 steps, n = k = 10"
    yield faster(what, "a NumPy loop over its steps", times)


def _chain(timer: Timer) -> Rows:
    rng = np.random.default_rng(0)
    chain = ep.MarkovChain(rng.dirichlet(np.ones(20), 20), rng.dirichlet(np.ones(20)))
    n_steps = 10**4
    total = ep.entropy_production(chain, n_steps).total
    by_steps = peers.chain_entropy_production(chain, n_steps)
    require_agreement("entropy production of a chain", total, by_steps, 1e-9 * total)
    times = timer.side_by_side(
        lambda: ep.entropy_production(chain, n_steps),
        lambda: peers.chain_entropy_production(chain, n_steps),
    )
    what = "`entropy_production` of a Markov chain, k = 20, T = 10⁴"
    yield faster(what, "a NumPy loop over the steps", times)
    times = timer.side_by_side(
        lambda: ep.entropy_production(chain, 10**12),
        lambda: ep.entropy_production(chain, n_steps),
    )
    yield costs("`entropy_production` of a Markov chain, T = 10¹²", "T = 10⁴", times)


def _enumeration(timer: Timer) -> Rows:
    rng = np.random.default_rng(0)
    model = ep.HiddenMarkov(rng.dirichlet(np.ones(3), 3), rng.dirichlet(np.ones(3), 3))
    n_steps = 8
    ours = ep.entropy_production(model, n_steps).total
    theirs = peers.enumerated_entropy_production(model, n_steps)
    require_agreement("enumeration", ours, theirs, 1e-12)
    times = timer.side_by_side(
        lambda: ep.entropy_production(model, n_steps),
        lambda: peers.enumerated_entropy_production(model, n_steps),
        seconds=6.0,
    )
    what = f"`entropy_production` of a `HiddenMarkov`, all 3⁸ sequences of {n_steps} symbols"
    yield faster(what, "`itertools.product`, and `log_prob` of all sequences both ways", times)
