"""Laws of sampling: what is drawn has the form of a sequence and the probabilities of log_prob.

Frequencies are judged by Chernoff's bound, which holds for any number of draws: a count k of n
draws of probability p is as far from p as it is with a probability of at most
2 exp(-n KL(k/n | p)), KL being the relative entropy of the two coins. So the unit of these
residuals is a nat of evidence, and no normal approximation decides about rare events.
"""

from __future__ import annotations

import math

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.sequences import AnyArray
from entroprod.laws.law import law
from entroprod.laws.machine_case import MachineCase
from entroprod.laws.measurement import Measurement, NotApplicable, Worst
from entroprod.laws.monte_carlo_laws import N_STANDARD_ERRORS
from entroprod.laws.precision import compare
from entroprod.laws.proposals import (
    Proposal,
    fit_proposal,
    require_carried_by_many,
)
from entroprod.laws.quadrature import N_SCORED, integrate_next

# Chance that a law of frequencies fails for a sound machine, all of its comparisons together.
FALSE_ALARM = 1e-6
# Draws in the first half that make a sequence one to be counted in the second half.
_FREQUENT = 5
_MOST_CELLS = 256
# Lengths whose sequences are counted; longer ones hardly repeat.
_LONGEST_COUNTED = 6
# Steps whose place in the distribution of the next symbol is looked at.
_MOST_STEPS = 4096
_MOST_BINS = 32
_BIN_OF = 25
# Networks that emit values are small, and have no vocabulary to go through.
_VALUES_FOR_SYMBOLS = 4
# Places that are known to worse than this on average aren't put into bins.
_ROUGH = 0.01
# Covariance of q in units of the sampled one: narrower, so that q/p is bounded for a p that is
# nearly normal; much narrower, should p be narrower than what was sampled.
_NARROWED = (0.5, 0.1, 0.02)
# Comparisons for each bin: alone and with all before it, in three ways to look at places.
_COMPARISONS = 6
# The evidence that all draws in one bin would give, in units of what is needed.
_ENOUGH_EVIDENCE = 3.0

_CHANCE = "Chernoff's bound for a false alarm once in a million reports, in nats of evidence"


@law(
    "sample returns sequences: of the right shape, dtype and range",
    "none: every sequence counts",
    on=MachineCase,
    about_values=False,
)
def samples_are_sequences(case: MachineCase) -> Measurement:
    """Draws of a wrong form, for several numbers of paths and steps."""
    case.require_sampler()
    problem = case.sample_problem
    for n_steps, n_paths in ((1, 1), (1, 3), (case.n_steps, 1)):
        if not problem:
            drawn = np.asarray(case.machine.sample(n_steps, n_paths, rng=case.generator(7)))
            problem = case.describe_sample(drawn, n_paths, n_steps)
    if problem:
        return Measurement(1.0, 0.0, 1.0, detail=problem)
    return Measurement(0.0, 0.0, 1.0, detail=f"{case.n_given + 5} sequences")


@law("no sequence that is drawn has probability 0", "none: every step counts", on=MachineCase)
def samples_are_possible(case: MachineCase) -> Measurement:
    """Sampled steps of log-probability -infinity."""
    case.require_sampler()
    impossible = np.isneginf(case.path_scores)
    detail = case.paths_are
    if impossible.any():
        path, step = np.argwhere(impossible)[0]
        detail += f"; the first is step {step + 1} of path {path + 1}"
    return Measurement(float(impossible.sum()), 0.0, float(impossible.size), detail=detail)


@law(
    "the same seed draws the same sequences, another one draws others",
    "none: equal means identical",
    on=MachineCase,
    about_values=False,
)
def sampling_is_reproducible(case: MachineCase) -> Measurement:
    """Calls that contradict their seeds; equal draws by chance are allowed for."""
    case.require_sampler()

    def draw(seed: int) -> AnyArray:
        rng = np.random.default_rng([case.seed, 8, seed])
        return np.asarray(case.machine.sample(case.n_steps, case.n_given, rng=rng))

    first, again, other = draw(1), draw(1), draw(2)
    if not np.array_equal(first, again):
        return Measurement(1.0, 0.0, 1.0, detail="the same seed drew two different batches")
    if np.array_equal(first, other) and not case.sample_problem:
        scores = case.score(first)
        likely = np.isfinite(scores).all() and np.exp(scores.sum()) >= FALSE_ALARM
        if case.n_symbols is None or not likely:
            detail = "two seeds drew the same batch"
            return Measurement(1.0, 0.0, 1.0, detail=detail)
    return Measurement(0.0, 0.0, 1.0, detail=f"3 batches of {case.n_given} sequences")


@law(
    "sample_with_log_prob gives the log_prob of what it draws",
    "the machine's precision, per log-probability",
    on=MachineCase,
)
def sampled_log_prob(case: MachineCase) -> Measurement:
    """Largest difference from log_prob of the same sequences."""
    together = getattr(case.machine, "sample_with_log_prob", None)
    if not callable(together):
        raise NotApplicable("the machine has no sample_with_log_prob")
    drawn, given = (
        np.asarray(one) for one in together(case.n_steps, case.n_given, rng=case.generator(9))
    )
    problem = case.describe_sample(drawn, case.n_given)
    if not problem and given.shape != (case.n_given, case.n_steps):
        problem = f"sample_with_log_prob returns log-probabilities of shape {given.shape}"
    if problem:
        return Measurement(1.0, 0.0, 1.0, detail=problem)
    difference, at = compare(given.astype(np.float64), case.score(drawn))
    worst = Worst()
    worst.see(difference, case.tolerance, f"at step {at[1] + 1}")
    return worst.measurement(f"{case.n_given} sequences", case.precision.source)


@law("short sequences are drawn as often as log_prob says", _CHANCE, on=MachineCase, symbols=True)
def sampled_frequencies(case: MachineCase) -> Measurement:
    """Counts of those sequences in the second half of the paths that were frequent in the first."""
    case.require_sampler()
    case.require_symbols()
    half = len(case.paths) // 2
    first, second = case.paths[:half], case.paths[half:]
    found: list[tuple[float, str]] = []
    for length in range(1, min(case.n_steps, _LONGEST_COUNTED) + 1):
        cells, counts = np.unique(first[:, :length], axis=0, return_counts=True)
        frequent = np.argsort(-counts, kind="stable")[:_MOST_CELLS]
        cells = cells[frequent[counts[frequent] >= _FREQUENT]]
        if len(cells):
            found += _evidence(case, cells, second[:, :length])
    if not found:
        raise NotApplicable(
            f"undecided: no symbol was drawn {_FREQUENT} times in {half} paths; "
            "a larger n_paths would test it"
        )
    evidence, where = max(found)
    needed = math.log(2 * len(found) / FALSE_ALARM)
    detail = f"{len(found)} frequencies in {len(second)} sampled paths; {where}"
    return Measurement(evidence, needed, needed, 1.0, detail)


def _evidence(case: MachineCase, cells: AnyArray, drawn: AnyArray) -> list[tuple[float, str]]:
    """Evidence against the probability of each of the sequences, and of all others together."""
    n_drawn, length = drawn.shape
    slack = math.expm1(length * case.tolerance)
    probabilities = np.exp(case.score(cells).sum(axis=1))
    counts = (drawn[:, np.newaxis] == cells).all(axis=2).sum(axis=0)
    rest = 1 - float(probabilities.sum())
    allowed = slack * float(probabilities.sum())
    found = []
    for cell, count, p in zip(cells, counts, probabilities):
        name = ", ".join(map(str, cell))
        evidence = _against(int(count), n_drawn, p / (1 + slack), p * (1 + slack))
        found.append((evidence, f"[{name}, ..] {count} times where {n_drawn * p:.4g} are expected"))
    others = n_drawn - int(counts.sum())
    evidence = _against(others, n_drawn, rest - allowed, rest + allowed)
    where = f"others of {length} step(s) {others} times where {n_drawn * rest:.4g} are expected"
    return [*found, (evidence, where)]


def _against(count: int, n_drawn: int, lowest: float, highest: float) -> float:
    """n KL(count/n | p) for the p between two bounds that is nearest."""
    frequency = count / n_drawn
    p = min(max(frequency, lowest, 0.0), max(highest, 0.0), 1.0)
    evidence = 0.0
    for seen, expected in ((frequency, p), (1 - frequency, 1 - p)):
        if seen > 0:
            evidence += math.inf if expected <= 0 else seen * math.log(seen / expected)
    return n_drawn * max(evidence, 0.0)


@law(
    "every step is drawn from log_prob's distribution of the next symbol or value",
    _CHANCE,
    on=MachineCase,
)
def sampled_steps(case: MachineCase) -> Measurement:
    """Places of drawn steps in the cumulated distribution given their past.

    For a sound machine a place is a uniform random number, whatever the past; at a symbol it is
    drawn uniformly between the cumulated probabilities below and up to it. Symbols and values are
    cumulated in their own order and from the likeliest on, and the differences, modulo 1, of
    successive places show whether steps are drawn independently.
    """
    case.require_sampler()
    if case.n_symbols is None and case.require_values() > 1:
        raise NotApplicable("the place of a vector in its distribution is not one number")
    rng = case.generator(10)
    paths, steps = _choose_steps(case, rng)
    n_bins = int(np.clip(len(paths) // _BIN_OF, 2, _MOST_BINS))
    needed = math.log(2 * _COMPARISONS * n_bins / FALSE_ALARM)
    if len(paths) * math.log(n_bins) < _ENOUGH_EVIDENCE * needed:
        raise NotApplicable(f"undecided: {len(paths)} steps are all that can be afforded")
    places, errors = np.empty((len(paths), 2)), np.empty(len(paths))
    for step in np.unique(steps):
        here = steps == step
        drawn = case.paths[paths[here]]
        places[here], errors[here] = _places(case, drawn[:, :step], drawn[:, step], rng)
    if np.isnan(places).any():
        return Measurement(math.nan, needed, needed, 1.0, f"{len(paths)} sampled steps")
    if errors.mean() > _ROUGH:
        raise NotApplicable("undecided: the density of the next value is too rough to integrate")
    # A place that is wrong by so much changes bins as often as it is so near to an edge.
    slack = case.tolerance * case.n_steps + 2 * float(errors.mean())
    successive = np.flatnonzero((np.diff(paths) == 0) & (np.diff(steps) == 1))[::2]
    ways = {
        "cumulated in order": places[:, 0],
        "cumulated from the likeliest on": places[:, 1],
        "by difference to the step before": (places[successive + 1, 0] - places[successive, 0]) % 1,
    }
    found = [
        (evidence, f"{where}, {way}")
        for way, values in ways.items()
        if len(values)
        for evidence, where in _bin(values, n_bins, slack)
    ]
    evidence, where = max(found)
    return Measurement(evidence, needed, needed, 1.0, f"{len(paths)} sampled steps; {where}")


def _choose_steps(case: MachineCase, rng: np.random.Generator) -> tuple[AnyArray, AnyArray]:
    """Paths and steps, (n,) each, at random but for every other one being the next of the same."""
    each = (case.n_symbols or N_SCORED / _VALUES_FOR_SYMBOLS) * (case.n_steps + 1) / 2
    n_affordable = case.n_affordable(each, "the distribution of one next step")
    n_pairs, odd = divmod(case.n_steps, 2)
    # Steps in pairs that don't overlap, the first or the last left over by chance if T is odd.
    first = odd * rng.integers(2, size=len(case.paths))
    n_chosen = min(_MOST_STEPS, n_affordable) // 2
    if n_pairs == 0:
        chosen = rng.permutation(len(case.paths))[: 2 * n_chosen]
        return chosen, np.zeros_like(chosen)
    everywhere = len(case.paths) * n_pairs
    paths, pairs = np.divmod(rng.choice(everywhere, min(n_chosen, everywhere), False), n_pairs)
    steps = first[paths] + 2 * pairs
    return np.repeat(paths, 2), np.stack([steps, steps + 1], axis=1).reshape(-1)


def _bin(values: FloatArray, n_bins: int, slack: float) -> list[tuple[float, str]]:
    """Evidence against uniform values: in equally likely parts, and up to the end of each."""
    counts, _ = np.histogram(values, bins=n_bins, range=(0.0, 1.0))
    found = []
    for i, (count, up_to) in enumerate(zip(counts.tolist(), counts.cumsum().tolist()), start=1):
        for seen, share, text in ((count, 1, f"{i - 1} and {i}"), (up_to, i, f"0 and {i}")):
            p = share / n_bins
            evidence = _against(seen, len(values), p - slack, p + slack)
            found.append((evidence, f"{seen} of {len(values)} places between {text} of {n_bins}"))
    return found


def _places(
    case: MachineCase, prefixes: AnyArray, drawn: AnyArray, rng: np.random.Generator
) -> tuple[FloatArray, FloatArray]:
    """(n, 2) cumulated probability of what was drawn after each prefix, in two orders; errors."""
    if case.n_symbols is None:
        found = [integrate_next(case, prefix, y[0]) for prefix, y in zip(prefixes, drawn)]
        errors = [max(one.error, one.place_error) for one in found]
        return np.stack([one.places for one in found]), np.array(errors)
    probabilities = np.exp(case.next_scores(prefixes))
    likeliest = np.argsort(-probabilities, axis=1, kind="stable")
    within = rng.random(len(drawn))
    rows = np.arange(len(drawn))
    found_in = []
    for order in (np.broadcast_to(np.arange(case.n_symbols), likeliest.shape), likeliest):
        ordered = np.take_along_axis(probabilities, order, axis=1)
        cumulated = np.cumsum(ordered, axis=1)
        at = np.argmax(order == drawn[:, np.newaxis], axis=1)
        found_in.append((cumulated[rows, at] - within * ordered[rows, at]) / cumulated[:, -1])
    return np.stack(found_in, axis=1), np.zeros(len(drawn))


@law(
    "E[q/p] over sampled values of density p is what a normalised density q has in p's support",
    "five standard errors",
    on=MachineCase,
    symbols=False,
)
def sampled_densities(case: MachineCase) -> Measurement:
    """Mean of q/p over the second half of the paths, q being normal and fitted to the first."""
    case.require_values()
    if case.compares_densities:
        # q knows the value before, p all of them: where p is much narrower, q/p has no variance.
        raise NotApplicable("densities of these machines are compared directly, and samples too")
    for i, narrowed in enumerate(_NARROWED):
        try:
            return _mean_ratio(case, narrowed)
        except NotApplicable:
            if i + 1 == len(_NARROWED):
                raise
    raise AssertionError("there is no proposal to try")


def _mass_inside(case: MachineCase, proposal: Proposal, before: AnyArray) -> tuple[float, float]:
    """What a proposal has where the machine's density isn't 0, and the standard error of that."""
    n_draws, step = before.shape[:2]
    last = before[:, -1] if step else None
    values = proposal.draw_normal(case.generator(12), n_draws, last)[:, np.newaxis]
    outside = np.isneginf(case.score(np.concatenate([before, values], axis=1))[:, -1])
    share = float(outside.mean())
    return 1.0 - share, math.sqrt(share * (1.0 - share) / n_draws)


def _mean_ratio(case: MachineCase, narrowed: float) -> Measurement:
    half = len(case.paths) // 2
    drawn, scores = case.paths[half:], case.path_scores[half:]
    worst = Worst()
    for step in sorted({0, case.n_steps - 1}):
        proposal = fit_proposal(case, step, widened=narrowed)
        before = drawn[:, step - 1] if step else None
        weights = np.exp(proposal.log_normal(drawn[:, step], before) - scores[:, step])
        require_carried_by_many(weights, "E[q/p]")
        allowed = N_STANDARD_ERRORS * float(weights.std()) / math.sqrt(len(weights))
        mean = float(weights.mean())
        inside, error = _mass_inside(case, proposal, drawn[:, :step])
        allowed += N_STANDARD_ERRORS * error + case.tolerance
        detail = f"{mean:.4g} for {inside:.4g} at step {step + 1}"
        worst.see(abs(mean - inside), allowed, detail)
    return worst.measurement(f"{len(drawn)} sampled values at each of {worst.n_seen} steps")
