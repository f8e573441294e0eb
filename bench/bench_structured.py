"""Diagonal state-space models against the same machines without their structure."""

from __future__ import annotations

import numpy as np

import entroprod as ep
from entroprod.boundary.precision import Precision
from entroprod.gaussian import core

from .row import Row, Rows, faster, require_agreement
from .timing import Timer

N_STATES, N_OUTPUTS, N_STEPS = 512, 4, 16


def rows(timer: Timer) -> Rows:
    """All measurements of this topic."""
    machine = s4d_machine(N_STATES, N_OUTPUTS)
    dense = ep.LinearGaussian(*machine._matrices())
    yield _production(timer, machine, dense)
    yield _likelihood(timer, machine, dense)
    yield _construction(timer, machine)
    yield _extended(timer)


def s4d_machine(n_states: int, n_outputs: int) -> ep.DiagonalSSM:
    """S4D-LegS read by a few outputs, sampled at a step that its slowest modes outlive."""
    eigenvalues, entered = ep.s4d_legs(n_states)
    rng = np.random.default_rng(0)
    p = len(eigenvalues)
    weights = rng.normal(size=(n_outputs, p)) + 1j * rng.normal(size=(n_outputs, p))
    return ep.DiagonalSSM.from_continuous(
        eigenvalues,
        entered * rng.normal(size=(p, n_outputs)),
        0.3 * weights / n_states,
        0.01,
        innovation_cov=np.eye(n_outputs),
    )


def _production(timer: Timer, machine: ep.DiagonalSSM, dense: ep.LinearGaussian) -> Row:
    def run(which: ep.LinearGaussian, precision: Precision = "double") -> float:
        return core.total(which, N_STEPS, precision, shortcuts=False)[0]

    total = run(machine)
    require_agreement("entropy production", total, run(dense), 1e-10 * total)
    times = timer.side_by_side(lambda: run(machine), lambda: run(dense), seconds=8.0)
    return faster(
        f"`entropy_production`, `DiagonalSSM`, n = {N_STATES}, m = {N_OUTPUTS}",
        "the same machine as `LinearGaussian`",
        times,
        at_least=20,
        note=f"{N_STEPS} steps, all computed, both in double precision",
    )


def _likelihood(timer: Timer, machine: ep.DiagonalSSM, dense: ep.LinearGaussian) -> Row:
    paths = machine.sample(256, 16, rng=0)
    largest = float(np.abs(machine.log_prob(paths) - dense.log_prob(paths)).max())
    require_agreement("log-density", largest, 0.0, 1e-10)
    times = timer.side_by_side(
        lambda: machine.log_prob(paths, n_threads=1),
        lambda: dense.log_prob(paths, n_threads=1),
        seconds=4.0,
    )
    return faster(
        f"`log_prob`, 16 paths of 256 steps, n = {N_STATES}, m = {N_OUTPUTS}",
        "the same machine as `LinearGaussian`",
        times,
    )


def _construction(timer: Timer, machine: ep.DiagonalSSM) -> Row:
    matrices = machine._matrices()
    times = timer.side_by_side(
        lambda: s4d_machine(N_STATES, N_OUTPUTS), lambda: ep.LinearGaussian(*matrices), seconds=4.0
    )
    return faster(
        f"`DiagonalSSM.from_continuous`, n = {N_STATES}, S4D-LegS and its eigenvalues included",
        "`LinearGaussian` from ready matrices",
        times,
    )


def _extended(timer: Timer) -> Row:
    n_states = 128
    machine = s4d_machine(n_states, N_OUTPUTS)
    dense = ep.LinearGaussian(*machine._matrices())

    def run(which: ep.LinearGaussian) -> float:
        return core.total(which, 4, "extended", shortcuts=False)[0]

    total = run(machine)
    require_agreement("extended precision", total, run(dense), 1e-12 * total)
    times = timer.side_by_side(lambda: run(machine), lambda: run(dense), seconds=4.0)
    return faster(
        f'Precision "extended", n = {n_states}, m = {N_OUTPUTS}',
        "the same machine as `LinearGaussian`",
        times,
    )
