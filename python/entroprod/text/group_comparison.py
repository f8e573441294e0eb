"""What a comparison of groups consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from entroprod.boundary.arrays import FloatArray
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result, plain

if TYPE_CHECKING:
    import pandas as pd


@storable
@dataclass(frozen=True, eq=False)
class GroupSummary(Result):
    """One metric in one group.

    Attributes
    ----------
    metric, group : str
    n : int
        Texts with a value.
    n_missing : int
        Texts of the group without one, which take no part in the test.
    n_infinite : int
        Infinite values among the n: they take part, as the largest, and make the mean infinite.
    median, mean : float or None
        In the units of the metric, None without values.
    values : ndarray, (n,)
        In the order of the table.
    """

    metric: str
    group: str
    n: int
    n_missing: int
    n_infinite: int
    median: float | None
    mean: float | None
    values: FloatArray = field(repr=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name, without the values of single texts."""
        return {name: plain(getattr(self, name)) for name in self._public() if name != "values"}


@storable
@dataclass(frozen=True, eq=False)
class Comparison(Result):
    """One metric in two groups. What can't be computed is None; the reason is in the notes.

    Attributes
    ----------
    metric, first, second : str
    n_first, n_second : int
        Texts with a value.
    u : float or None
        Mann-Whitney's U: pairs in which the first group has the larger value, ties counting half.
    p_value : float or None
        Two-sided.
    p_value_holm : float or None
        Multiplied as Holm prescribes for all comparisons of the table, metrics and pairs together.
    method : str or None
        "exact", ties allowed for, or "asymptotic".
    rank_biserial : float or None
        2 U / (n_first n_second) - 1: positive where the first group has the larger values.
    interval : tuple of float, or None
        Its bootstrap interval.
    """

    metric: str
    first: str
    second: str
    n_first: int
    n_second: int
    u: float | None
    p_value: float | None
    p_value_holm: float | None
    method: str | None
    rank_biserial: float | None
    interval: tuple[float, float] | None


@storable
@dataclass(frozen=True, repr=False, eq=False)
class GroupComparison(Result):
    """Groups of texts compared in one or more metrics.

    Its picture, which takes a sequence of axes, is :func:`entroprod.plot.groups`.

    Attributes
    ----------
    comparisons : tuple of Comparison
        For each metric one of every pair of groups.
    summaries : tuple of GroupSummary
        For each metric one of every group.
    metrics, groups : tuple of str
    confidence_level : float
        Of the intervals.
    n_bootstrap : int
    n_ungrouped : int
        Rows of the table in none of the groups.
    notes : tuple of str
        What to know before the numbers are used.
    """

    comparisons: tuple[Comparison, ...]
    summaries: tuple[GroupSummary, ...]
    metrics: tuple[str, ...]
    groups: tuple[str, ...]
    confidence_level: float
    n_bootstrap: int
    n_ungrouped: int
    notes: tuple[str, ...]

    _picture: ClassVar[str] = "groups"

    def of(self, metric: str) -> tuple[Comparison, ...]:
        """Comparisons of one metric.

        Raises
        ------
        ValueError
            The metric wasn't compared.
        """
        if metric not in self.metrics:
            raise ValueError(f"metric must be one of {', '.join(self.metrics)}; got {metric!r}")
        return tuple(each for each in self.comparisons if each.metric == metric)

    def to_frame(self) -> pd.DataFrame:
        """Table with a row per comparison, and the medians and means of both groups."""
        found = {(each.metric, each.group): each for each in self.summaries}
        rows = []
        for each in self.comparisons:
            row = each.to_dict()
            interval = row.pop("interval") or (None, None)
            row["interval_low"], row["interval_high"] = interval
            for place in ("first", "second"):
                summary = found[each.metric, getattr(each, place)]
                for name in ("median", "mean", "n_missing", "n_infinite"):
                    row[f"{name}_{place}"] = getattr(summary, name)
            rows.append(row)
        return as_frame(rows)

    def summary(self) -> str:
        """Return the result in lines of text."""
        lines = []
        for each in self.summaries:
            middle = "no values" if each.median is None else f"median {each.median:.4g}"
            lines.append(f"{each.metric:<24} {each.group}: {middle}, n = {each.n}")
        for one in self.comparisons:
            lines.append(f"{one.metric:<24} {one.first} against {one.second}: {described(one)}")
        lines += [f"note: {note}" for note in self.notes]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"GroupComparison(\n{self.summary()}\n)"


def described(one: Comparison) -> str:
    """The numbers of a comparison in one line."""
    if one.u is None or one.p_value is None or one.p_value_holm is None:
        return "not compared"
    text = f"U = {one.u:g}, p = {one.p_value:.3g} (Holm {one.p_value_holm:.3g})"
    text += f", r = {one.rank_biserial:.3g}"
    return text if one.interval is None else text + " ({:.3g} .. {:.3g})".format(*one.interval)
