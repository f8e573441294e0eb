"""Laws of log_prob: what later symbols, other sequences and padding must not change."""

from __future__ import annotations

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.sequences import AnyArray
from entroprod.laws.law import law
from entroprod.laws.machine_case import MachineCase
from entroprod.laws.measurement import Measurement, NotApplicable, Worst
from entroprod.laws.precision import compare, sizes

_WHY = "the machine's precision, per log-probability"
# Symbols scored for causality: every step is changed for as many sequences as this allows.
_CHANGED = 2**17


@law(
    "log_prob gives one number per step, neither NaN nor +infinity",
    "none: every answer counts",
    on=MachineCase,
    about_values=False,
)
def log_prob_is_a_number(case: MachineCase) -> Measurement:
    """Answers of a wrong form, or that are no log-probability of anything."""
    if case.form_problem:
        return Measurement(1.0, 0.0, 1.0, detail=case.form_problem)
    rows = case.score(case.given)
    wrong = np.isnan(rows) | np.isposinf(rows)
    detail = f"{rows.size} steps"
    if wrong.any():
        sequence, step = np.argwhere(wrong)[0]
        what = _name(case.given[sequence])
        detail = f"{rows[sequence, step]} at step {step + 1} of {what}, one of {detail}"
    return Measurement(float(wrong.sum()), 0.0, float(rows.size), detail=detail)


@law("no probability exceeds 1", _WHY, on=MachineCase, symbols=True)
def probabilities_at_most_one(case: MachineCase) -> Measurement:
    """Largest log-probability above 0."""
    case.require_symbols()
    rows = case.score(case.given)
    worst = Worst()
    above = np.maximum(np.max(rows), 0.0)
    worst.see(float(above), case.tolerance, f"the largest is {np.exp(above):.6g}")
    return _per_step(case, worst, f"{rows.size} steps")


@law("a later symbol never changes an earlier log-probability: causality", _WHY, on=MachineCase)
def causality(case: MachineCase) -> Measurement:
    """Largest change of steps before t when all steps from t on are replaced, for every t."""
    n_steps = case.n_steps
    if n_steps < 2:
        raise NotApplicable("a single step has no later one")
    n_bases = min(case.n_given, max(1, _CHANGED // n_steps**2))
    n_places = min(n_steps - 1, max(1, _CHANGED // n_steps))
    places = np.unique(np.linspace(1, n_steps - 1, n_places).astype(np.int64))
    bases = case.given[:n_bases]
    expected = case.score(bases)
    rng = case.generator(3)
    worst = Worst()
    for base, row in zip(bases, expected):
        changed = np.repeat(base[np.newaxis], len(places), axis=0)
        other = case.random_like(rng, len(places))
        later = np.arange(n_steps) >= places[:, np.newaxis]
        changed[later] = other[later]
        found = np.where(later, row, case.score(changed))
        difference, at = compare(found, np.broadcast_to(row, found.shape))
        where = f"changing from step {places[at[0]] + 1} on moves step {at[1] + 1}"
        worst.see(difference, case.tolerance, where)
    return _per_step(
        case, worst, f"{n_bases} sequences, replaced from each of {len(places)} steps on"
    )


@law(
    "log_prob of the beginning of a sequence is the beginning of its log_prob", _WHY, on=MachineCase
)
def truncation(case: MachineCase) -> Measurement:
    """Largest difference over all lengths."""
    if case.n_steps < 2:
        raise NotApplicable("a single step can't be cut")
    expected = case.score(case.given)
    lengths = case.lengths_up_to(case.n_steps - 1)
    worst = Worst()
    for length in lengths:
        difference, at = compare(case.score(case.given[:, :length]), expected[:, :length])
        worst.see(difference, case.tolerance, f"at step {at[1] + 1} of {length}")
    return _per_step(case, worst, f"{case.n_given} sequences cut to {len(lengths)} lengths")


@law(
    "a sequence has the same log_prob alone, with others and in any order of them",
    _WHY,
    on=MachineCase,
)
def batch_invariance(case: MachineCase) -> Measurement:
    """Largest difference between a sequence alone, in a batch and in another batch."""
    alone = np.concatenate([case.score(case.given[i : i + 1]) for i in range(case.n_given)])
    order = case.generator(4).permutation(case.n_given)
    shuffled = np.empty_like(alone)
    shuffled[order] = case.score(case.given[order])
    found = np.concatenate([case.score(case.given), shuffled])
    difference, at = compare(found, np.concatenate([alone, alone]))
    worst = Worst()
    worst.see(difference, case.tolerance, f"at step {at[1] + 1}")
    return _per_step(case, worst, f"{case.n_given} sequences in batches of 1 and {case.n_given}")


@law(
    "sequences of different lengths scored together have the log_prob of each alone",
    _WHY,
    on=MachineCase,
)
def padding_invariance(case: MachineCase) -> Measurement:
    """Largest difference between log_prob_ragged and log_prob of each sequence alone."""
    lengths = np.unique(np.linspace(1, case.n_steps, case.n_given).round().astype(int))
    lengths = np.resize(lengths, case.n_given)[case.generator(5).permutation(case.n_given)]
    sequences: list[AnyArray] = [one[:n] for one, n in zip(case.given, lengths)]
    together = case.score_ragged(sequences)
    worst = Worst()
    for one, found in zip(sequences, together):
        difference, at = compare(found[np.newaxis], case.score(one[np.newaxis]))
        worst.see(difference, case.tolerance, f"at step {at[1] + 1} of {len(one)}")
    return _per_step(
        case, worst, f"{case.n_given} sequences of {lengths.min()} to {lengths.max()} steps"
    )


@law("the same call gives the same log_prob again", _WHY, on=MachineCase, about_values=False)
def determinism(case: MachineCase) -> Measurement:
    """Largest difference between two equal calls."""
    first, again = case.score(case.given), case.score(case.given)
    difference, at = compare(again, first)
    bits = "the same bits" if np.array_equal(first, again, equal_nan=True) else "other bits"
    worst = Worst()
    worst.see(difference, case.tolerance, f"at step {at[1] + 1}")
    return _per_step(case, worst, f"{case.n_given} sequences twice, {bits}")


@law(
    "sigma of the reversed sequence is -sigma, machine and reader exchanged",
    "the machine's precision, summed over the steps",
    on=MachineCase,
)
def reversing_twice(case: MachineCase) -> Measurement:
    """Largest |sigma(y) + sigma(reversed y)|, in units of what precision allows."""
    case.require_reversible()
    ahead = case.score(case.given)
    back = case.score(case.given[:, ::-1], by=case.reader)
    possible = np.isfinite(ahead).all(axis=1) & np.isfinite(back).all(axis=1)
    if not possible.any():
        raise NotApplicable("none of the sequences tried is possible in both directions")
    paths = case.given[possible]
    turned = np.ascontiguousarray(paths[:, ::-1])
    there, and_back = case.pair.score(paths).sigma, case.exchanged.score(turned).sigma
    scale: FloatArray = sizes(ahead[possible]) + sizes(back[possible])
    worst = Worst()
    off = float(np.max(np.abs(there + and_back) / scale))
    worst.see(off, case.tolerance, "divided by the number of log-probabilities")
    return _per_step(case, worst, f"{len(paths)} sequences")


def _per_step(case: MachineCase, worst: Worst, what: str) -> Measurement:
    """A residual per log-probability against the machine's precision."""
    return worst.measurement(what, case.precision.source)


def _name(sequence: AnyArray) -> str:
    shown = ", ".join(f"{value}" for value in sequence.reshape(-1)[:6])
    return f"[{shown}{', ..' if sequence.size > 6 else ''}]"
