"""Laws of the memory: it is made of the past alone, and is all of the past that matters."""

from __future__ import annotations

import numpy as np

from entroprod.boundary.arrays import FloatArray
from entroprod.boundary.sequences import AnyArray
from entroprod.laws.law import law
from entroprod.laws.machine_case import ENUMERATED, MachineCase
from entroprod.laws.measurement import Measurement, NotApplicable, Worst
from entroprod.laws.precision import compare

# Histories of one length among which equal memories are looked for.
_MOST_HISTORIES = 512
# Next symbols whose log-probabilities are compared.
_MOST_PROBES = 16
_WHY = "the machine's precision, per number"


@law("the memory depends on the past sequence alone", _WHY, on=MachineCase, about_values=False)
def memory_is_determined(case: MachineCase) -> Measurement:
    """Largest difference of memories between two calls, and between batches of two sizes."""
    memory = _reader(case)
    if problem := memory.form_problem(case.given):
        return Measurement(1.0, 0.0, 1.0, detail=problem)
    worst = Worst()
    for length in (0, *case.lengths_up_to(case.n_steps)):
        together = memory(case.given[:, :length])
        alone = np.concatenate([memory(one[np.newaxis, :length]) for one in case.given])
        for found, what in ((alone, "alone"), (memory(case.given[:, :length]), "again")):
            difference, _ = compare(found, together)
            worst.see(difference, case.tolerance, f"{what}, after {length} symbols")
    return worst.measurement(
        f"{len(case.given)} sequences after {case.n_steps} steps or fewer", case.precision.source
    )


@law(
    "pasts of equal memory have the same probabilities of the next symbol",
    _WHY,
    on=MachineCase,
    symbols=True,
)
def memory_is_sufficient(case: MachineCase) -> Measurement:
    """Largest difference of next log-probabilities among histories of equal memory."""
    n_symbols = case.require_symbols()
    memory = _reader(case)
    rng = case.generator(11)
    probes = rng.permutation(n_symbols)[:_MOST_PROBES]
    worst = Worst()
    n_pairs = n_histories = 0
    for length in case.lengths_up_to(case.n_steps - 1) if case.n_steps > 1 else ():
        histories = _histories(case, length, rng)
        n_histories += len(histories)
        _, group, counts = np.unique(
            memory(histories), axis=0, return_inverse=True, return_counts=True
        )
        group = group.reshape(-1)
        shared = np.flatnonzero(counts[group] > 1)
        if not shared.size:
            continue
        scores = _next_of(case, histories[shared], probes)
        _, first, which = np.unique(group[shared], return_index=True, return_inverse=True)
        expected = scores[first][which.reshape(-1)]
        difference, at = compare(scores, expected)
        n_pairs += len(shared) - len(first)
        one, other = (histories[shared[i]] for i in (at[0], first[which.reshape(-1)[at[0]]]))
        worst.see(difference, case.tolerance, f"after {one.tolist()} and {other.tolist()}")
    if not n_pairs:
        raise NotApplicable(f"no two of {n_histories} histories have the same memory")
    return worst.measurement(f"{n_pairs} pairs of histories of equal memory", case.precision.source)


def _reader(case: MachineCase) -> _Memory:
    if not callable(getattr(case.machine, "memory", None)):
        raise NotApplicable("the machine doesn't show its memory")
    return _Memory(case)


class _Memory:
    """Reads memories and checks their form."""

    def __init__(self, case: MachineCase) -> None:
        self.machine = case.machine

    def form_problem(self, sequences: AnyArray) -> str:
        """What is wrong with the form of memories, or nothing."""
        try:
            sizes = {self(sequences[:, :length]).shape[1] for length in (0, 1, sequences.shape[1])}
        except NotApplicable as reason:
            return str(reason)
        return "" if len(sizes) == 1 else f"memory returns rows of {sorted(sizes)} numbers"

    def __call__(self, sequences: AnyArray) -> FloatArray:
        answer = np.asarray(self.machine.memory(sequences.copy()))
        if answer.ndim != 2 or len(answer) != len(sequences) or answer.dtype.kind not in "fiub":
            raise NotApplicable(
                f"memory returns {answer.dtype} of shape {answer.shape} for {len(sequences)} "
                "sequences, not a row of real numbers for each"
            )
        return answer.astype(np.float64)


def _histories(case: MachineCase, length: int, rng: np.random.Generator) -> AnyArray:
    """Possible sequences of a length: all, or some at random and drawn ones."""
    n_symbols = case.require_symbols()
    if n_symbols**length <= min(ENUMERATED, _MOST_HISTORIES):
        grid = np.indices((n_symbols,) * length).reshape(length, -1).T
        histories = np.ascontiguousarray(grid)
    else:
        histories = case.random_like(rng, _MOST_HISTORIES)[:, :length]
        histories = np.unique(np.concatenate([histories, case.given[:, :length]]), axis=0)
    return np.asarray(histories[np.isfinite(case.score(histories)).all(axis=1)])


def _next_of(case: MachineCase, histories: AnyArray, probes: AnyArray) -> FloatArray:
    """(N, k) log-probabilities of some next symbols after each history."""
    longer = np.repeat(histories, len(probes), axis=0)
    longer = np.hstack([longer, np.tile(probes, len(histories))[:, np.newaxis]])
    return case.score(longer)[:, -1].reshape(len(histories), len(probes))
