"""Groups of texts compared: is one more irreversible than the other, and by how much."""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from entroprod.boundary.arrays import FloatArray, as_count
from entroprod.boundary.frames import as_frame, columns_of, is_missing, is_numeric, numbers_of
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.text.group_comparison import Comparison, GroupComparison, GroupSummary
from entroprod.text.rank_test import mann_whitney, rank_biserial, rank_biserial_interval
from entroprod.text.result import TextScores

METRICS = ("sigma_token_per_token", "sigma_block_per_token")
# Fewer values than this in a group tell little about the spread of the whole.
_FEW = 10


def compare_groups(
    table: Any,
    *,
    metrics: str | Sequence[str] | None = None,
    group: str = "group",
    groups: Sequence[str] | None = None,
    confidence_level: float = 0.95,
    n_bootstrap: int = 10_000,
    rng: RandomSource = 0,
) -> GroupComparison:
    """Compare groups of texts by rank: Mann-Whitney's test, and the size of the difference.

    Parameters
    ----------
    table : data frame, TextScores, path, or mapping of columns
        A row for each text, in a frame of any kind that narwhals takes (pandas, polars, pyarrow).
        A path is that of a table of :func:`entroprod.text.score_texts`.
    metrics : str or sequence of str, optional
        Columns of numbers to compare; by default entropy production per token, under token and
        under block reversal.
    group : str
        Column that names the group of each text.
    groups : sequence of str, optional
        Groups to compare, in this order: U and r are positive for the first of a pair. By default
        all, as they first appear.
    confidence_level : float
        Of the intervals of r.
    n_bootstrap : int
        Replicates of the bootstrap.
    rng : Generator, int or None
        Source of its random numbers.

    Returns
    -------
    GroupComparison
        U, p-values with Holm's correction over all comparisons that could be made, r with its
        interval, medians and means, numbers of missing and infinite values, and ``plot()``.

    Raises
    ------
    ValueError, TypeError
        Naming the argument: no such column, no numbers in it, or fewer than two groups.

    Notes
    -----
    Missing values take no part and are counted; infinite ones do, as the largest. p-values are
    exact, ties allowed for, unless the groups are too large for that. The interval is a bootstrap,
    bias-corrected and accelerated; with groups of fewer than 10, or which hardly overlap, it is
    too short. Source of the comparison: [S26]_, block-level irreversibility of causal texts.

    Examples
    --------
    >>> import entroprod as ep
    >>> table = {"group": ["a"] * 4 + ["b"] * 4, "sigma": [5, 6, 7, 9, 1, 2, 3, 6.5]}
    >>> result = ep.compare_groups(table, metrics="sigma")
    >>> one = result.comparisons[0]
    >>> one.u, round(one.p_value, 4), one.rank_biserial
    (14.0, 0.1143, 0.75)
    """
    columns = _Columns(table)
    level, replicates = _as_level(confidence_level), as_count(n_bootstrap, "n_bootstrap")
    generator = as_generator(rng)
    names = _as_metrics(metrics, columns)
    labels = columns.labels(group)
    chosen = _as_groups(groups, labels, group)
    members = {name: np.array([label == name for label in labels]) for name in chosen}
    numbers = {metric: columns.numbers(metric) for metric in names}
    for metric, values in numbers.items():
        if len(values) != len(labels):
            raise ValueError(
                f"metrics: column {metric!r} has {len(values)} rows, and the column {group!r} of "
                f"groups {len(labels)}"
            )
    summaries = [
        _summary(metric, name, numbers[metric][members[name]])
        for metric in names
        for name in chosen
    ]
    by_group = {(each.metric, each.group): each for each in summaries}
    comparisons = _with_holm([
        _compared(by_group[metric, one], by_group[metric, other], level, replicates, generator)
        for metric in names
        for one, other in itertools.combinations(chosen, 2)
    ])  # fmt: skip
    n_ungrouped = sum(label not in members for label in labels)
    return GroupComparison(
        comparisons=comparisons,
        summaries=tuple(summaries),
        metrics=names,
        groups=chosen,
        confidence_level=level,
        n_bootstrap=replicates,
        n_ungrouped=n_ungrouped,
        notes=_notes(comparisons, summaries, n_ungrouped),
    )


class _Columns:
    """Columns by name of whatever table was given."""

    def __init__(self, table: Any) -> None:
        if isinstance(table, TextScores):
            table = table.table
        elif isinstance(table, (str, os.PathLike)):
            from entroprod.text.table import read_results

            table = read_results(Path(table))
        frame = as_frame(table, "table", "text")
        if frame is not None:
            self._columns: dict[str, Any] = dict(columns_of(frame))
        elif isinstance(table, Mapping):
            self._columns = {str(name): values for name, values in table.items()}
        else:
            raise TypeError(
                "table must be a data frame, scored texts, the path of such a table, or a mapping "
                f"of columns; got {type(table).__name__}"
            )
        self.names = list(self._columns)

    def require(self, name: str, argument: str) -> None:
        if name not in self.names:
            shown = ", ".join(map(repr, self.names[:30]))
            raise ValueError(f"{argument}: table has no column {name!r}, it has {shown}")

    def numbers(self, name: str) -> FloatArray:
        """A column as float64, NaN where a value is missing."""
        column = self._columns[name]
        try:
            if hasattr(column, "dtype") and hasattr(column, "to_list") and is_numeric(column):
                numbers = numbers_of(column)
            else:
                values = [np.nan if is_missing(value) else value for value in column]
                _require_real(np.array(values))
                numbers = np.array(values, dtype=np.float64)
        except (TypeError, ValueError, OverflowError) as error:
            raise TypeError(f"metrics: column {name!r} must hold numbers: {error}") from None
        if numbers.ndim != 1:
            raise ValueError(
                f"metrics: column {name!r} must hold a number for each text, got shape "
                f"{numbers.shape}"
            )
        return numbers

    def labels(self, name: str) -> list[str | None]:
        """A column of names, None where there is none."""
        self.require(name, "group")
        values = list(self._columns[name])
        for value in values:
            if np.ndim(value):
                raise TypeError(f"group: a group must be named by one value, got {value!r}")
        return [None if is_missing(value) else str(value) for value in values]


def _require_real(values: Any) -> None:
    if np.iscomplexobj(values):
        raise TypeError(f"they are complex, of {values.dtype}")


def _as_level(value: float) -> float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"confidence_level must be a number, got {value!r}")
    if not 0.0 < value < 1.0:
        raise ValueError(f"confidence_level must lie between 0 and 1, got {value}")
    return float(value)


def _as_metrics(metrics: str | Sequence[str] | None, columns: _Columns) -> tuple[str, ...]:
    if metrics is None:
        names = tuple(name for name in METRICS if name in columns.names)
        if not names:
            shown = ", ".join(map(repr, columns.names[:30]))
            raise ValueError(
                f"metrics must be named where the table has neither of {', '.join(METRICS)}; "
                f"it has {shown}"
            )
        return names
    names = _as_names(metrics, "metrics")
    if not names:
        raise ValueError("metrics must not be empty")
    for name in names:
        columns.require(name, "metrics")
    _require_distinct(names, "metrics")
    return names


def _as_groups(
    groups: Sequence[str] | None, labels: Sequence[str | None], column: str
) -> tuple[str, ...]:
    there = tuple(dict.fromkeys(label for label in labels if label is not None))
    if groups is None:
        if len(there) < 2:
            has = f"only {there[0]!r}" if there else "none"
            raise ValueError(
                f"compare_groups needs at least two groups: column {column!r} has {has}"
            )
        return there
    if isinstance(groups, str):
        raise TypeError(f"groups must be a sequence of names, got {groups!r}")
    names = tuple(str(name) for name in _as_names(groups, "groups"))
    if len(names) < 2:
        raise ValueError(f"groups must name at least two groups, got {list(names)}")
    _require_distinct(names, "groups")
    for name in names:
        if name not in there:
            shown = ", ".join(map(repr, there)) or "none"
            raise ValueError(f"groups: column {column!r} has no group {name!r}, it has {shown}")
    return names


def _as_names(value: Any, argument: str) -> tuple[str, ...]:
    if isinstance(value, str):
        return (value,)
    try:
        return tuple(value)
    except TypeError:
        raise TypeError(f"{argument} must be a sequence of names, got {value!r}") from None


def _require_distinct(names: tuple[str, ...], argument: str) -> None:
    for name in names:
        if names.count(name) > 1:
            raise ValueError(f"{argument} must be distinct, got {name!r} twice")


def _summary(metric: str, group: str, values: FloatArray) -> GroupSummary:
    present = values[~np.isnan(values)]
    n_infinite = int(np.isinf(present).sum())
    with np.errstate(invalid="ignore"):  # of infinities of either sign
        mean = float(present.mean()) if present.size else None
        median = float(np.median(present)) if present.size else None
    present.flags.writeable = False
    return GroupSummary(
        metric=metric,
        group=group,
        n=len(present),
        n_missing=len(values) - len(present),
        n_infinite=n_infinite,
        median=None if median is None or np.isnan(median) else median,
        mean=None if mean is None or np.isnan(mean) else mean,
        values=present,
    )


def _compared(
    one: GroupSummary,
    other: GroupSummary,
    confidence_level: float,
    n_bootstrap: int,
    generator: np.random.Generator,
) -> Comparison:
    common = {
        "metric": one.metric,
        "first": one.group,
        "second": other.group,
        "n_first": one.n,
        "n_second": other.n,
    }
    if not (one.n and other.n):
        return Comparison(
            **common,  # type: ignore[arg-type]
            u=None,
            p_value=None,
            p_value_holm=None,
            method=None,
            rank_biserial=None,
            interval=None,
        )
    test = mann_whitney(one.values, other.values)
    interval = None
    if min(one.n, other.n) > 1:
        interval = rank_biserial_interval(
            one.values,
            other.values,
            n_bootstrap=n_bootstrap,
            confidence_level=confidence_level,
            generator=generator,
        )
    return Comparison(
        **common,  # type: ignore[arg-type]
        u=test.u,
        p_value=test.p_value,
        p_value_holm=None,
        method=test.method,
        rank_biserial=rank_biserial(test.u, one.n, other.n),
        interval=interval,
    )


def _with_holm(comparisons: list[Comparison]) -> tuple[Comparison, ...]:
    """Holm's correction over all that were tested."""
    tested = [i for i, each in enumerate(comparisons) if each.p_value is not None]
    tested.sort(key=lambda i: comparisons[i].p_value or 0.0)
    largest = 0.0
    for rank, i in enumerate(tested):
        p_value = comparisons[i].p_value or 0.0
        largest = max(largest, min(1.0, (len(tested) - rank) * p_value))
        comparisons[i] = Comparison(**{**vars(comparisons[i]), "p_value_holm": largest})
    return tuple(comparisons)


def _notes(
    comparisons: Sequence[Comparison], summaries: Sequence[GroupSummary], n_ungrouped: int
) -> tuple[str, ...]:
    notes = []
    if n_ungrouped:
        notes.append(f"{n_ungrouped} rows are in none of the groups")
    for each in summaries:
        if each.n_missing:
            notes.append(
                f"{each.metric} of {each.group}: {each.n_missing} of {each.n + each.n_missing} "
                "have no value and take no part"
            )
        if each.n_infinite:
            notes.append(
                f"{each.metric} of {each.group}: {each.n_infinite} infinite values rank as the "
                "largest; the mean is infinite"
            )
    for one in comparisons:
        pair = f"{one.metric}, {one.first} against {one.second}"
        if one.u is None:
            notes.append(f"{pair}: not compared, a group has no values")
        elif one.interval is None:
            notes.append(f"{pair}: a group has a single value, so r has no interval")
        elif abs(one.rank_biserial or 0.0) == 1.0:
            notes.append(f"{pair}: the groups don't overlap, a bootstrap can't tell how far r is")
        elif min(one.n_first, one.n_second) < _FEW:
            notes.append(f"{pair}: fewer than {_FEW} values in a group, the interval is too short")
    tested = sum(one.u is not None for one in comparisons)
    if tested > 1:
        notes.append(f"Holm's correction is for {tested} comparisons: all metrics, all pairs")
    return tuple(notes)
