"""Groups of texts compared: the published test, its exact law, and what has no answer."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from published_texts import BLOCK, TOKEN
from scipy import stats

import entroprod as ep
from entroprod.text import compare_groups
from entroprod.text.rank_test import mann_whitney, rank_biserial_interval

Array = npt.NDArray[np.float64]

# Sums of at most some thousands of probabilities, and of as many counts.
ROUNDING = 1e-11
# Half a unit of the last digit that is printed: 4.47e-6, 0.786 and 0.658.
PUBLISHED = 1.2e-3
# An asymptotic law in the middle of an exact one, with 150 values in each group.
ASYMPTOTIC = 0.01

few_values = st.lists(st.integers(0, 6), min_size=1, max_size=5)


def published() -> dict[str, list[Any]]:
    groups = [name for name, values in BLOCK.items() for _ in values]
    block = [value for values in BLOCK.values() for value in values]
    token = [value for values in TOKEN.values() for value in values]
    return {"group": groups, "sigma_token_per_token": token, "sigma_block_per_token": block}


def table_of(**groups: Any) -> dict[str, list[Any]]:
    return {
        "group": [name for name, values in groups.items() for _ in values],
        "sigma": [value for values in groups.values() for value in values],
    }


def test_published() -> None:
    result = ep.compare_groups(published())
    (token,) = result.of("sigma_token_per_token")
    (block,) = result.of("sigma_block_per_token")
    assert (block.u, block.method) == (746.0, "exact")
    assert block.p_value == pytest.approx(4.47e-6, rel=PUBLISHED)
    assert block.rank_biserial == pytest.approx(0.658, rel=PUBLISHED)
    assert block.interval is not None
    assert 0.3 < block.interval[0] < 0.45
    assert 0.78 < block.interval[1] < 0.88
    assert token.u == 469.0
    assert token.p_value == pytest.approx(0.786, rel=PUBLISHED)
    assert token.interval is not None
    assert token.interval[0] < 0 < token.interval[1]
    # Holm: the smaller p of two is doubled, the larger stays.
    assert block.p_value is not None
    assert block.p_value_holm == 2 * block.p_value
    assert token.p_value_holm == token.p_value
    assert result.notes == ("Holm's correction is for 2 comparisons: all metrics, all pairs",)


def test_order_of_the_groups() -> None:
    there = ep.compare_groups(published(), metrics="sigma_block_per_token").comparisons[0]
    back = ep.compare_groups(
        published(), metrics="sigma_block_per_token", groups=["noncausal", "causal"]
    ).comparisons[0]
    assert (there.u, back.u) == (746.0, 900.0 - 746.0)
    assert there.p_value == pytest.approx(back.p_value, rel=ROUNDING)
    assert there.rank_biserial == -(back.rank_biserial or 0.0)


@pytest.mark.parametrize(("n", "k"), [(1, 1), (1, 7), (5, 3), (30, 30), (40, 2)])
def test_exact_law_without_ties(n: int, k: int) -> None:
    rng = np.random.default_rng(n)
    for shift in (0.0, 0.5, 3.0):
        first, second = rng.normal(size=n) + shift, rng.normal(size=k)
        found = mann_whitney(first, second)
        expected = stats.mannwhitneyu(first, second, method="exact")
        assert found.method == "exact"
        assert found.u == expected.statistic
        assert found.p_value == pytest.approx(expected.pvalue, rel=ROUNDING)


@given(first=few_values, second=few_values)
def test_exact_law_with_ties_by_dealing_out(first: list[int], second: list[int]) -> None:
    def u_of(one: Any, other: Any) -> float:
        return float(sum((a > b) + 0.5 * (a == b) for a in one for b in other))

    values = first + second
    dealt = []
    for chosen in itertools.combinations(range(len(values)), len(first)):
        one = [values[i] for i in chosen]
        other = [values[i] for i in range(len(values)) if i not in chosen]
        dealt.append(u_of(one, other))
    u = u_of(first, second)
    law = np.array(dealt)
    expected = min(1.0, 2 * min(np.mean(law <= u), np.mean(law >= u)))
    found = mann_whitney(np.array(first, float), np.array(second, float))
    assert found.u == u
    assert found.p_value == pytest.approx(expected, rel=ROUNDING)


def test_large_groups_are_asymptotic() -> None:
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=2000) + 0.05, rng.normal(size=1500)
    found = mann_whitney(first, second)
    expected = stats.mannwhitneyu(first, second, method="asymptotic")
    assert found.method == "asymptotic"
    assert found.p_value == expected.pvalue
    assert mann_whitney(np.zeros(2000), np.zeros(2000)).p_value == 1.0
    # Both agree where the exact one is still used.
    first, second = rng.normal(size=60) + 0.3, rng.normal(size=60)
    exact = mann_whitney(first, second)
    assert exact.method == "exact"
    normal = stats.mannwhitneyu(first, second, method="asymptotic")
    assert exact.p_value == pytest.approx(normal.pvalue, abs=ASYMPTOTIC)


def test_interval_against_another_implementation() -> None:
    rng = np.random.default_rng(1)
    first, second = rng.normal(size=25) + 0.7, rng.normal(size=20)

    def r(one: Array, other: Array, axis: int = -1) -> Any:
        wins = np.sign(one[..., :, np.newaxis] - other[..., np.newaxis, :])
        return wins.mean(axis=(-1, -2))

    expected = stats.bootstrap(
        (first, second), r, n_resamples=20_000, method="BCa", vectorized=True, batch=500,
        rng=np.random.default_rng(2),
    ).confidence_interval  # fmt: skip
    found = rank_biserial_interval(
        first, second, n_bootstrap=20_000, confidence_level=0.95, generator=rng
    )
    # Quantiles in the tails of 20,000 replicates whose spread is about 0.15, on a grid of 0.004.
    np.testing.assert_allclose(found, expected, atol=0.025)


def test_interval_covers() -> None:
    """Nominal 95 %, 200 data sets: fewer than 179 hits have a probability of 1e-3."""
    rng = np.random.default_rng(5)
    true = 2 * stats.norm.cdf(0.8 / np.sqrt(2)) - 1
    hits = 0
    for _ in range(200):
        low, high = rank_biserial_interval(
            rng.normal(0.8, 1.0, 30),
            rng.normal(0.0, 1.0, 30),
            n_bootstrap=500,
            confidence_level=0.95,
            generator=rng,
        )
        hits += low <= true <= high
    assert hits >= 179


def test_repeats_and_random_source() -> None:
    first, second = (compare_groups(published()).comparisons for _ in range(2))
    assert first == second
    other = compare_groups(published(), rng=1).comparisons
    assert other[1].interval != first[1].interval
    wide = compare_groups(published(), confidence_level=0.999).comparisons
    assert wide[1].interval is not None
    assert first[1].interval is not None
    assert wide[1].interval[0] < first[1].interval[0]


def test_missing_and_infinite_values() -> None:
    table = table_of(a=[1.0, np.nan, np.inf, 4.0], b=[0.5, None, np.inf, 0.1, np.nan])
    result = compare_groups(table, metrics="sigma")
    (one,) = result.comparisons
    a, b = result.summaries
    assert (a.n, a.n_missing, a.n_infinite) == (3, 1, 1)
    assert (b.n, b.n_missing, b.n_infinite) == (3, 2, 1)
    assert a.mean == np.inf
    assert (a.median, b.median) == (4.0, 0.5)
    # Of 9 pairs the first is larger in 6, and two infinities are equal.
    assert one.u == 6.5
    text = "\n".join(result.notes)
    assert "1 of 4 have no value" in text
    assert "1 infinite values" in text


def test_ties_everywhere() -> None:
    result = compare_groups(table_of(a=[0.0] * 4, b=[0.0] * 6), metrics="sigma")
    (one,) = result.comparisons
    assert (one.u, one.p_value, one.rank_biserial) == (12.0, 1.0, 0.0)
    assert one.interval == (0.0, 0.0)


def test_single_values_and_empty_groups() -> None:
    table = table_of(a=[5.0], b=[1.0, 2.0, 3.0], c=[np.nan, np.nan])
    result = compare_groups(table, metrics="sigma")
    ab, ac, bc = result.comparisons
    assert (ab.u, ab.p_value, ab.interval) == (3.0, 0.5, None)
    assert ab.p_value_holm == 0.5
    for one in (ac, bc):
        assert (one.u, one.p_value, one.rank_biserial, one.method) == (None, None, None, None)
    text = "\n".join(result.notes)
    assert "single value" in text
    assert "a group has no values" in text
    assert "not compared" in repr(result)
    assert result.summaries[2].median is None


def test_separated_groups_are_noted() -> None:
    result = compare_groups(table_of(a=range(10, 22), b=range(5)), metrics="sigma")
    assert result.comparisons[0].rank_biserial == 1.0
    assert "don't overlap" in result.notes[0]


def test_holm_over_pairs_and_metrics() -> None:
    rng = np.random.default_rng(3)
    groups = np.repeat(["a", "b", "c"], 12)
    table = {
        "group": list(groups),
        "x": rng.normal(size=36) + 2.0 * (groups == "b"),
        "y": rng.normal(size=36),
    }
    result = compare_groups(table, metrics=["x", "y"], n_bootstrap=50)
    p_values = [one.p_value or 0.0 for one in result.comparisons]
    assert len(p_values) == 6
    order = np.argsort(p_values)
    expected, largest = np.empty(6), 0.0
    for rank, i in enumerate(order):
        largest = max(largest, min(1.0, (6 - rank) * p_values[i]))
        expected[i] = largest
    assert [one.p_value_holm for one in result.comparisons] == expected.tolist()


def test_tables() -> None:
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(published())
    expected = compare_groups(published()).comparisons
    assert compare_groups(frame).comparisons == expected
    renamed = frame.rename(columns={"group": "kind"})
    assert compare_groups(renamed, group="kind").comparisons == expected
    nullable = frame.assign(sigma=pandas.array([1, None] * 30, dtype="Int64"))
    assert compare_groups(nullable, metrics="sigma").summaries[0].n_missing == 15
    some = frame.assign(group=[None, *frame.group[1:]])
    result = compare_groups(some, metrics="sigma_block_per_token")
    assert result.n_ungrouped == 1
    assert "1 rows are in none of the groups" in result.notes
    assert result.summaries[0].n == 29


def test_result() -> None:
    result = compare_groups(published())
    assert "U = 746, p = 4.47e-06 (Holm 8.95e-06), r = 0.658" in repr(result)
    assert "median 0.429, n = 30" in repr(result)
    content = json.loads(json.dumps(result.to_dict()))
    assert content["comparisons"][1]["u"] == 746.0
    assert content["summaries"][0]["group"] == "causal"
    pytest.importorskip("pandas")
    frame = result.to_frame()
    assert list(frame.u) == [469.0, 746.0]
    assert frame.interval_low[1] == content["comparisons"][1]["interval"][0]
    assert frame.median_first[1] == pytest.approx(0.429, abs=5e-4)
    with pytest.raises(AttributeError):
        result.groups = ("x",)  # type: ignore[misc]
    with pytest.raises(ValueError, match="read-only"):
        result.summaries[0].values[0] = 1.0


@pytest.mark.parametrize(
    ("table", "options", "words"),
    [
        (3, {}, "data frame"),
        ("none.parquet", {}, r"none\.parquet"),
        ({"group": ["a", "b"]}, {}, "metrics must be named"),
        (table_of(a=[1], b=[2]), {"metrics": "x"}, "no column 'x', it has 'group', 'sigma'"),
        (table_of(a=[1], b=[2]), {"metrics": []}, "metrics must not be empty"),
        (table_of(a=[1], b=[2]), {"metrics": ["sigma", "sigma"]}, "twice"),
        (table_of(a=[1], b=[2]), {"metrics": "group"}, "'group' must hold numbers"),
        (table_of(a=[1], b=[2]), {"metrics": "sigma", "group": "x"}, "no column 'x'"),
        (table_of(a=[1, 2]), {"metrics": "sigma"}, "at least two groups: .* only 'a'"),
        ({"group": [None], "sigma": [1]}, {"metrics": "sigma"}, "has none"),
        (table_of(a=[1], b=[2]), {"metrics": "sigma", "groups": ["a"]}, "at least two groups"),
        (table_of(a=[1], b=[2]), {"metrics": "sigma", "groups": ["a", "c"]}, "no group 'c'"),
        (table_of(a=[1], b=[2]), {"metrics": "sigma", "groups": ["a", "a"]}, "twice"),
        (table_of(a=[1], b=[2]), {"metrics": "sigma", "groups": "ab"}, "sequence of names"),
        (table_of(a=[1], b=[2]), {"metrics": "sigma", "confidence_level": 1}, "confidence_level"),
        (table_of(a=[1], b=[2]), {"metrics": "sigma", "confidence_level": "1"}, "confidence_level"),
        (table_of(a=[1], b=[2]), {"metrics": "sigma", "n_bootstrap": 0}, "n_bootstrap"),
        (table_of(a=[1], b=[2]), {"metrics": "sigma", "rng": -1}, "rng"),
        (table_of(a=[1], b=[2]), {"metrics": 3}, "metrics must be a sequence of names, got 3"),
        (table_of(a=[1], b=[2]), {"metrics": "sigma", "groups": 3}, "groups must be a sequence"),
        ({"group": ["a", "b", "a"], "s": [1, 2]}, {"metrics": "s"}, "'s' has 2 rows, .* groups 3"),
        ({"group": ["a", "b"], "s": [1, 2, 3]}, {"metrics": "s"}, "'s' has 3 rows, .* groups 2"),
        ({"group": ["a", "b"], "s": np.ones((2, 2))}, {"metrics": "s"}, r"'s' .* shape \(2, 2\)"),
        ({"group": ["a", "b"], "s": np.array([1j, 2])}, {"metrics": "s"}, "'s' .* complex"),
        ({"group": ["a", "b"], "s": [1j, 2]}, {"metrics": "s"}, "'s' .* complex"),
        ({"group": ["a", "b"], "s": [10**400, 1]}, {"metrics": "s"}, "'s' must hold numbers"),
        ({"group": np.ones((2, 2)), "s": [1, 2]}, {"metrics": "s"}, "group: .* one value"),
    ],
)
def test_bad_arguments(table: Any, options: dict[str, Any], words: str) -> None:
    with pytest.raises((ValueError, TypeError, FileNotFoundError), match=words):
        compare_groups(table, **options)


def test_columns_named_by_numbers_and_twice() -> None:
    pandas = pytest.importorskip("pandas")
    rows = [["a", 1.0, 2.0], ["b", 2.0, 3.0]]
    frame = pandas.DataFrame(rows, columns=["group", 0, 1])
    assert compare_groups(frame, metrics="0").comparisons[0].u == 0.0
    frame.columns = ["group", "s", "s"]
    with pytest.raises(ValueError, match="table has more than one column 's'"):
        compare_groups(frame, metrics="s")


def test_memory_of_the_bootstrap_with_few_distinct_values() -> None:
    """A block holds some arrays of 2^21 numbers; all draws at once would be five times as many."""
    n, limit = 500, 4 * 8 * 2**21
    table = {"group": ["a"] * n + ["b"] * n, "sigma": np.zeros(2 * n)}
    tracemalloc.start()
    compare_groups(table, metrics="sigma", n_bootstrap=20_000)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < limit


def test_pandas_and_torch_are_imported_when_used() -> None:
    code = (
        "import sys, entroprod as ep\n"
        "ep.compare_groups({'group': ['a', 'b'], 's': [1, 2]}, metrics='s')\n"
        "assert not {'pandas', 'pyarrow', 'torch', 'matplotlib'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


class TestPicture:
    def test_values_are_drawn(self) -> None:
        pytest.importorskip("matplotlib")
        result = compare_groups(published())
        figure = result.plot(title="texts")
        token, block = figure.axes
        assert token.get_title(loc="left") == "texts"
        dots = [line for line in block.lines if line.get_marker() == "o"]
        for line, name in zip(dots, ("causal", "noncausal"), strict=True):
            np.testing.assert_array_equal(line.get_ydata(), BLOCK[name])
        assert [each.get_text() for each in block.get_xticklabels()] == [
            "causal\n$n$ = 30",
            "noncausal\n$n$ = 30",
        ]
        assert "8.9e-06" in block.get_title()
        assert "nats per token" in block.get_ylabel()
        assert figure._repr_png_().startswith(b"\x89PNG")  # type: ignore[attr-defined]

    def test_awkward_groups(self) -> None:
        pytest.importorskip("matplotlib")
        table = table_of(a=[1.0, np.inf, 2.0], b=[np.nan], c=[3.0], d=[np.inf, np.inf])
        figure = compare_groups(table, metrics="sigma").plot()
        ticks = [each.get_text() for each in figure.axes[0].get_xticklabels()]
        assert ticks[0].endswith("1 infinite")
        assert figure._repr_png_()  # type: ignore[attr-defined]

    def test_given_axes(self) -> None:
        pytest.importorskip("matplotlib")
        from matplotlib.figure import Figure

        figure = Figure()
        panels = list(figure.subplots(1, 2))
        assert compare_groups(published()).plot(axes=panels) is figure
        with pytest.raises(ValueError, match="one for each of the 2 metrics, got 1"):
            compare_groups(published()).plot(axes=panels[:1])
