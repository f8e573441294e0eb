"""Reports of progress for long work: a bar, or the caller's own function."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

Progress: TypeAlias = bool | Callable[[int, int], object]
Report: TypeAlias = Callable[[int], object]


@contextmanager
def reporting(progress: Progress, total: int, what: str) -> Iterator[Report | None]:
    """Context that yields report(done), or None where nothing is to be reported.

    Parameters
    ----------
    progress : bool or callable
        True shows a bar on standard error (needs rich); a callable is called as
        progress(done, total).
    total : int
        Number of units of work.
    what : str
        What the bar is labelled with.
    """
    if progress is False:
        yield None
    elif callable(progress):
        report = progress
        yield lambda done: report(done, total)
        report(total, total)
    elif progress is True:
        with _bar(total, what) as advance:
            yield advance
            advance(total)
    else:
        msg = f"progress must be True, False or a callable, got {progress!r}"
        raise TypeError(msg)


@contextmanager
def _bar(total: int, what: str) -> Iterator[Report]:
    try:
        from rich.console import Console
        from rich.progress import Progress as Bar
    except ImportError:
        msg = 'progress=True needs rich: pip install "entroprod[cli]"'
        raise ImportError(msg) from None
    with Bar(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
