"""Gradients of entropy production."""

from __future__ import annotations

import numpy as np

import entroprod as ep
from entroprod.gaussian import core

from . import peers
from .machines import filter_of_four_states, large, two_by_two
from .row import Row, Rows, costs, faster, require_agreement
from .timing import Timer

AT_MOST = 5.0


def rows(timer: Timer) -> Rows:
    """All measurements of this topic."""
    yield from _every_step(timer)
    yield from _with_shortcuts(timer)
    yield from _torch(timer)


def _every_step(timer: Timer) -> Rows:
    """The adjoint against the same steps forward, none skipped."""
    for machine, n_steps in ((two_by_two(), 10_000), (large(4, 4), 10_000), (large(32, 8), 300)):
        yield _against_single_steps(timer, machine, n_steps)
    for machine in (two_by_two(), filter_of_four_states()[0]):
        yield _against_lanes(timer, machine)


def _against_single_steps(timer: Timer, machine: ep.LinearGaussian, n_steps: int) -> Row:
    # The curve takes its steps one by one; the totals of small machines take theirs side by side.
    times = timer.side_by_side(
        lambda: core.gradient(machine, n_steps, "double", shortcuts=False),
        lambda: core.curve(machine, n_steps, "double", shortcuts=False),
    )
    return costs(
        f"Gradient, n = {machine.n_states}, m = {machine.n_outputs}, T = {n_steps:,}, every step",
        "the curve of the same steps",
        times,
        AT_MOST,
    )


def _against_lanes(timer: Timer, machine: ep.LinearGaussian) -> Row:
    n_steps = 100_000
    times = timer.side_by_side(
        lambda: core.gradient(machine, n_steps, "double", shortcuts=False),
        lambda: core.total(machine, n_steps, "double", shortcuts=False),
    )
    return costs(
        f"Gradient, n = {machine.n_states}, m = {machine.n_outputs}, T = 10⁵, every step computed",
        "the total, every step computed",
        times,
        AT_MOST,
    )


def _with_shortcuts(timer: Timer) -> Rows:
    machine = two_by_two()
    for n_steps, name in ((800, "800"), (10**9, "10⁹")):
        yield _against_total(timer, machine, n_steps, name)
    times = timer.side_by_side(
        lambda: ep.entropy_production_rate_gradient(machine),
        lambda: ep.entropy_production_rate(machine),
        seconds=1.0,
    )
    yield costs("`entropy_production_rate_gradient`", "`entropy_production_rate`", times)


def _against_total(timer: Timer, machine: ep.LinearGaussian, n_steps: int, name: str) -> Row:
    times = timer.side_by_side(
        lambda: ep.entropy_production_gradient(machine, n_steps),
        lambda: ep.entropy_production(machine, n_steps),
        seconds=1.0,
    )
    what = f"`entropy_production_gradient`, n = m = 2, T = {name}"
    return costs(what, "`entropy_production`", times, AT_MOST)


def _torch(timer: Timer) -> Rows:
    try:
        import torch
    except ImportError:
        return
    machine, n_steps = two_by_two(), 800
    gradient = ep.entropy_production_gradient(machine, n_steps).state_matrix
    slow = peers.entropy_production_gradient(machine, n_steps)
    largest = float(np.max(np.abs(gradient)))
    difference = float(np.max(np.abs(gradient - slow)))
    require_agreement("gradient", difference, 0.0, 1e-9 * largest)
    torch.set_num_threads(1)
    times = timer.side_by_side(
        lambda: ep.entropy_production_gradient(machine, n_steps),
        lambda: peers.entropy_production_gradient(machine, n_steps),
    )
    yield faster(
        "`entropy_production_gradient`, n = m = 2, T = 800",
        "the recursion in torch, differentiated by autograd",
        times,
    )
    times = timer.side_by_side(
        lambda: core.gradient(machine, n_steps, "double", shortcuts=False),
        lambda: peers.entropy_production_gradient(machine, n_steps),
    )
    yield faster("The same, every step computed", "the same", times)
