"""Scoring many texts, or many samples: a row for each, which nothing that happens can lose."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from entroprod.boundary.arrays import as_count, as_flag
from entroprod.boundary.progress import Progress, Report, reporting
from entroprod.machine.protocol import provenance, require_sampler
from entroprod.machine.reversals import Reversal, TokenReversal
from entroprod.text.collection import as_texts
from entroprod.text.journal import Row
from entroprod.text.result import TextScores
from entroprod.text.scoring import BLOCK, TOKEN, Item, Scorer, shown_text
from entroprod.text.storage import OutputFile
from entroprod.text.table import COLUMNS, as_table, columns_of, require_packages

DELIMITERS = ".!?"
BATCH_SIZE = 16

# Bytes on the disk, from above: a token takes three numbers, an id and a word, in the journal and
# in the output, which is written anew before the old one goes; it has at least so many characters
# on average.
_BYTES_PER_TOKEN, _BYTES_PER_ROW, _CHARACTERS_PER_TOKEN = 250, 2000, 2

Items: TypeAlias = Callable[[int, int], list[Item]]


def score_texts(
    machine: Any,
    texts: Any,
    *,
    delimiters: str = DELIMITERS,
    per_block: int = 1,
    batch_size: int = BATCH_SIZE,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = False,
) -> TextScores:
    """Entropy production of texts, under token reversal and under the reversal of sentences.

    With ``output`` every batch is on the disk before the next one is scored: a process that is
    killed at any moment loses at most one batch, and ``resume=True`` goes on to the very same
    table. The output itself is there while the run goes on, and is renewed now and then.

    Parameters
    ----------
    machine : language machine
        Such as ``entroprod.neural.HuggingFaceMachine``: a machine of symbols with encode(texts),
        decode(token_ids) and sentence_reversal(per_block=..., delimiters=...).
    texts : Texts, mapping of str to sequences of str, sequence of str, or data frame
        As from :func:`read_texts`. A mapping names groups. Of a frame the column ``text`` is taken,
        with ``group`` and ``id`` where there are such.
    delimiters : str
        Characters that end a sentence when a token ends with them.
    per_block : int
        How many sentences make a block.
    batch_size : int
        Texts that are scored together, and stored together.
    output : str or path, optional
        Where the table goes: .parquet, .pq or .csv. A journal stands beside it until it is done.
    resume : bool
        Whether to go on with a run that was broken off; it must be of the same machine, texts and
        settings.
    overwrite : bool
        Whether an existing output, or an unfinished run's journal, may be replaced.
    progress : bool or callable
        True shows a bar (needs rich); a callable is called with (texts done, number of texts).

    Returns
    -------
    TextScores
        With ``table``, a row for each text in the order given; nothing is left out.

    Raises
    ------
    ValueError, TypeError
        Naming the argument; also where there is something to overwrite, or nothing to resume.
    OSError
        The output can't be written or the disk is full: before the work where that can be known.
        What was stored stays, and can be resumed.
    NumericalError
        The machine gives NaN, with the text.

    Notes
    -----
    Source: [S26]_ eqs 14-36. Texts without a value keep their row, with the reason in
    ``skipped_token`` and ``skipped_block``. A text of one sentence has a sigma_block of exactly 0;
    see ``n_blocks``. A sigma is infinite where the reordered text has probability 0.
    """
    given = as_texts(texts)
    settings = _settings(delimiters, per_block, batch_size)

    def items(start: int, stop: int) -> list[Item]:
        return [Item(i, given.texts[i], given.groups[i], given.ids[i]) for i in range(start, stop)]

    run = _Run(
        scorer=_scorer(machine, settings),
        items=items,
        given=items,
        n_rows=len(given),
        batch_size=settings["batch_size"],
        header={
            **_origin(machine),
            "settings": settings,
            "texts": {"n": len(given), "sha256": given.sha256()},
        },
        n_bytes=_expected_bytes(len(given), sum(map(len, given.texts)) // _CHARACTERS_PER_TOKEN),
        about={"source": given.source, "metadata": given.metadata},
        what="Scoring texts",
    )
    return run.go(output, resume=resume, overwrite=overwrite, progress=progress)


def score_samples(
    machine: Any,
    n_samples: int,
    n_steps: int,
    *,
    rng: int,
    delimiters: str = DELIMITERS,
    per_block: int = 1,
    batch_size: int = BATCH_SIZE,
    output: str | os.PathLike[str] | None = None,
    resume: bool = False,
    overwrite: bool = False,
    progress: Progress = False,
) -> TextScores:
    """Entropy production of texts that the machine itself writes; their mean estimates S_y.

    Parameters
    ----------
    machine : language machine
        As in :func:`score_texts`, with ``sample``.
    n_samples, n_steps : int
        How many texts, of how many tokens each.
    rng : int
        Seed. Every batch draws from a generator of its own, so that a run which was broken off
        goes on with the samples that it would have had; they depend on ``batch_size``.
    delimiters, per_block, batch_size, output, resume, overwrite, progress
        As in :func:`score_texts`.

    Returns
    -------
    TextScores
        Its ``averages()`` estimate S_y, and E[e^-sigma].

    Raises
    ------
    ValueError, TypeError, OSError, NumericalError
        As :func:`score_texts`.

    Notes
    -----
    Source: [S26]_ eqs 14-36, and its figure of samples from GPT-2. Samples without a sentence end
    have no sigma_block: they are counted, and left out of its mean. Cutting off what stands behind
    the last sentence end is no bijection, so E[e^-sigma_block] isn't exactly 1.
    """
    require_sampler(machine, "machine")
    n_samples, n_steps = as_count(n_samples, "n_samples"), as_count(n_steps, "n_steps")
    if isinstance(rng, bool) or not isinstance(rng, (int, np.integer)) or rng < 0:
        raise TypeError(f"rng must be a seed, an integer of at least 0, got {rng!r}")
    seed = int(rng)
    settings = _settings(delimiters, per_block, batch_size)

    def draw(start: int, stop: int) -> list[Item]:
        generator = np.random.default_rng([seed, start])
        paths = np.asarray(machine.sample(n_steps, stop - start, rng=generator))
        return [
            Item(start + i, str(machine.decode(path.tolist())), token_ids=path.astype(np.int64))
            for i, path in enumerate(paths)
        ]

    run = _Run(
        scorer=_scorer(machine, settings),
        items=draw,
        given=None,  # to draw them again may take as long as to score them
        n_rows=n_samples,
        batch_size=settings["batch_size"],
        header={
            **_origin(machine),
            "settings": settings,
            "samples": {"n": n_samples, "n_steps": n_steps, "seed": seed},
        },
        n_bytes=_expected_bytes(n_samples, n_samples * n_steps),
        about={},
        what="Sampling and scoring",
    )
    return run.go(output, resume=resume, overwrite=overwrite, progress=progress)


def _settings(delimiters: str, per_block: int, batch_size: int) -> dict[str, Any]:
    if not isinstance(delimiters, str):
        raise TypeError(f"delimiters must be a string of characters, got {delimiters!r}")
    if not delimiters:
        raise ValueError("delimiters must not be empty")
    return {
        "delimiters": "".join(sorted(set(delimiters))),
        "per_block": as_count(per_block, "per_block"),
        "batch_size": as_count(batch_size, "batch_size"),
    }


def _scorer(machine: Any, settings: dict[str, Any]) -> Scorer:
    for name in ("log_prob", "encode", "decode", "sentence_reversal"):
        if not callable(getattr(machine, name, None)):
            raise TypeError(
                f"machine must be a language machine such as HuggingFaceMachine, with a method "
                f"{name}; got {type(machine).__name__}"
            )
    reversals: dict[str, Reversal] = {
        TOKEN: TokenReversal(),
        BLOCK: machine.sentence_reversal(
            per_block=settings["per_block"], delimiters=settings["delimiters"]
        ),
    }
    return Scorer(machine, reversals)


def _origin(machine: Any) -> dict[str, Any]:
    return {"entroprod_version": version("entroprod"), "machine": provenance(machine)}


def _expected_bytes(n_rows: int, n_tokens: int) -> int:
    return n_rows * _BYTES_PER_ROW + n_tokens * _BYTES_PER_TOKEN


class _Run:
    """Rows in batches that don't depend on where a run was broken off."""

    def __init__(
        self,
        *,
        scorer: Scorer,
        items: Items,
        given: Items | None,
        n_rows: int,
        batch_size: int,
        header: dict[str, Any],
        n_bytes: int,
        about: dict[str, Any],
        what: str,
    ) -> None:
        self._scorer = scorer
        self._items = items
        self._given = given
        self._n_rows = n_rows
        self._batch_size = batch_size
        self._header = header
        self._n_bytes = n_bytes
        self._provenance = {**header, **about}
        self._what = what

    def go(
        self,
        output: str | os.PathLike[str] | None,
        *,
        resume: bool,
        overwrite: bool,
        progress: Progress,
    ) -> TextScores:
        resume, overwrite = as_flag(resume, "resume"), as_flag(overwrite, "overwrite")
        if output is None:
            if resume or overwrite:
                raise ValueError("resume and overwrite need an output")
            require_packages(None)
            with reporting(progress, self._n_rows, self._what) as report:
                batches = []
                for rows in self._batches(0):
                    batches.append(rows)
                    _tell(report, len(batches) * self._batch_size, self._n_rows)
            return TextScores(as_table(columns_of(batches), self._provenance), None, 0)
        file = OutputFile(Path(output), self._provenance)
        file.require_startable(resume=resume, overwrite=overwrite)
        file.require_writable(self._n_bytes)
        with closing(
            file.open_journal(self._header, self._check, resume=resume, overwrite=overwrite)
        ) as journal:
            n_resumed = journal.n_rows
            with (
                file.kept_fresh(journal) as renew_now_and_then,
                reporting(progress, self._n_rows, self._what) as report,
            ):
                _tell(report, n_resumed, self._n_rows)
                for rows in self._batches(n_resumed):
                    journal.append(rows)
                    renew_now_and_then()
                    _tell(report, journal.n_rows, self._n_rows)
            table = file.finish(journal)
        return TextScores(table, file.path, n_resumed)

    def _batches(self, start: int) -> Iterator[list[Row]]:
        for begin in range(start, self._n_rows, self._batch_size):
            yield self._scorer.rows(self._items(begin, min(begin + self._batch_size, self._n_rows)))

    def _check(self, start: int, rows: Sequence[Row]) -> None:
        """Whether a journal's batch is the one that belongs at that place."""
        stop = min(start + self._batch_size, self._n_rows)
        if len(rows) != stop - start:
            raise ValueError(f"holds {len(rows)} rows where {stop - start} belong")
        if any(row.keys() != COLUMNS.keys() for row in rows):
            raise ValueError("holds rows of other columns")
        if [row["index"] for row in rows] != list(range(start, stop)):
            raise ValueError(f"doesn't hold the rows {start} to {stop - 1}")
        for row, item in zip(rows, self._given(start, stop) if self._given else ()):
            if (row["text"], row["group"], row["id"]) != (shown_text(item), item.group, item.id):
                raise ValueError(f"holds another text as row {row['index']}")


def _tell(report: Report | None, done: int, total: int) -> None:
    if report is not None:
        report(min(done, total))
