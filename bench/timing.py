"""Times of two tasks, taken in turns, so that whatever slows the machine slows both."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Task = Callable[[], object]

# A sample repeats its task until the clock's resolution and the loop don't matter.
_SAMPLE_SECONDS = 2e-3
_FEWEST_ROUNDS, _MOST_ROUNDS = 3, 60


@dataclass(frozen=True)
class Ratio:
    """How many times one task's time the other's is.

    Attributes
    ----------
    value : float
        Of the best times: other programs only ever add to a time.
    typical : float
        Median of the ratios of each round.
    """

    value: float
    typical: float

    def __mul__(self, factor: float) -> Ratio:
        return Ratio(self.value * factor, self.typical * factor)


@dataclass(frozen=True)
class Comparison:
    """Seconds per call of two tasks, one of each per round."""

    ours: tuple[float, ...]
    peer: tuple[float, ...]

    def speedup(self) -> Ratio:
        """Peer's time over ours."""
        rounds = [theirs / mine for mine, theirs in zip(self.ours, self.peer, strict=True)]
        return Ratio(min(self.peer) / min(self.ours), median(rounds))

    def cost(self) -> Ratio:
        """Our time over the peer's."""
        rounds = [mine / theirs for mine, theirs in zip(self.ours, self.peer, strict=True)]
        return Ratio(min(self.ours) / min(self.peer), median(rounds))


@dataclass(frozen=True)
class Timer:
    """Times tasks by a clock that tells seconds: the wall's, or the processor's."""

    clock: Callable[[], float] = time.perf_counter

    def side_by_side(self, ours: Task, peer: Task, *, seconds: float = 2.0) -> Comparison:
        """Time both tasks in turns, for about so many seconds and at least three rounds."""
        tasks = (ours, peer)
        counts = [self._repetitions(task) for task in tasks]
        times: tuple[list[float], list[float]] = ([], [])
        started = time.perf_counter()
        for index in range(_MOST_ROUNDS):
            if index >= _FEWEST_ROUNDS and time.perf_counter() - started > seconds:
                break
            # Each goes first in every other round.
            for which in (0, 1) if index % 2 == 0 else (1, 0):
                times[which].append(self._seconds_per_call(tasks[which], counts[which]))
        return Comparison(tuple(times[0]), tuple(times[1]))

    def _repetitions(self, task: Task) -> int:
        """Calls that fill a sample; the first call, which warms caches and pools, doesn't count."""
        if self._seconds_per_call(task, 1) > 100 * _SAMPLE_SECONDS:
            return 1
        return max(1, math.ceil(_SAMPLE_SECONDS / self._seconds_per_call(task, 1)))

    def _seconds_per_call(self, task: Task, count: int) -> float:
        started = self.clock()
        for _ in range(count):
            task()
        return (self.clock() - started) / count
