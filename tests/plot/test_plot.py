"""Pictures: they show what the results say, and touch no global state."""

from __future__ import annotations

import io
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

pytest.importorskip("matplotlib")

from matplotlib.figure import Figure

import entroprod as ep
from entroprod import plot

# Differences and areas of drawn numbers: a few roundings of numbers of order one, relative to a
# rate of 0.07 nats per step and to bins of a hundredth.
AS_DRAWN = 1e-10
MACHINE = ep.LinearGaussian.from_state_space(
    [[0.8, 0.3], [0.0, 0.5]], [[1.0, 0.5], [0.0, 1.0]], np.eye(2), np.eye(2)
)


def draw(figure: Figure, kind: str = "png") -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format=kind)
    return stream.getvalue()


def test_curve_shows_the_values() -> None:
    values = ep.entropy_production_curve(MACHINE, 20)
    sampled = [ep.monte_carlo(MACHINE, n_steps, 100, rng=0) for n_steps in (5, 10)]
    rate = ep.entropy_production_rate(MACHINE)
    figure = plot.curve(values, monte_carlo=sampled, rate=rate, title="two states")
    (axes,) = figure.axes
    exact = axes.lines[0]
    np.testing.assert_array_equal(exact.get_xdata(), np.arange(1, 21))
    np.testing.assert_array_equal(exact.get_ydata(), values)
    (dots,) = [line for line in axes.lines if np.size(line.get_xdata()) == 2]
    np.testing.assert_array_equal(dots.get_ydata(), [each.mean for each in sampled])
    assert axes.get_title(loc="left") == "two states"
    assert "nats" in axes.get_ylabel()
    assert draw(figure).startswith(b"\x89PNG")


def test_rate_line_ends_at_the_last_point() -> None:
    values = ep.entropy_production_curve(MACHINE, 20)
    rate = ep.entropy_production_rate(MACHINE)
    line = plot.curve(values, rate=rate).axes[0].lines[-1]
    heights = np.asarray(line.get_ydata())
    assert heights[-1] == values[-1]
    np.testing.assert_allclose(np.diff(heights), rate, rtol=AS_DRAWN)


@pytest.mark.parametrize("values", [[], [[1.0, 2.0]], 1.0])
def test_curve_refuses_other_shapes(values: object) -> None:
    with pytest.raises(ValueError, match="values"):
        plot.curve(values)  # type: ignore[arg-type]


def test_one_step() -> None:
    assert draw(plot.curve([0.0], rate=0.1)).startswith(b"\x89PNG")


def test_a_single_step_and_a_single_estimate_are_seen() -> None:
    assert plot.curve([0.0]).axes[0].lines[0].get_marker() == "o"
    machine = MACHINE
    sampled = ep.monte_carlo(machine, 5, 100, rng=0)
    axes = plot.curve(ep.entropy_production_curve(machine, 5), monte_carlo=[sampled]).axes[0]
    exact, dot = axes.lines[:2]
    assert dot.get_zorder() > exact.get_zorder()


def test_a_small_rate_is_not_called_zero() -> None:
    labels = [
        plot.curve([0.0, rate], rate=rate).axes[0].lines[1].get_label() for rate in (1.1e-14, 3e-33)
    ]
    assert labels == ["rate 1.1e-14 nats per step", "rate 0 nats per step"]


def test_decomposition_leaves_room_for_its_legend() -> None:
    result = ep.entropy_production(MACHINE, 30)
    axes = plot.decomposition(result).axes[0]
    assert axes.get_ylim()[1] > 1.2 * float(result.retrospective.max())


def test_decomposition_does_not_draw_rounding() -> None:
    result = ep.entropy_production(MACHINE, 1)
    axes = plot.decomposition(result).axes[0]
    assert axes.get_ylim()[1] > 1.0
    assert [patch.get_label() for patch in axes.patches] == [
        "compression loss $L_t$, 0 % of 0 nats",
        "model mismatch $M_t$, 0 % of 0 nats",
    ]


def test_per_step_shows_the_values() -> None:
    result = ep.entropy_production(MACHINE, 20)
    figure = plot.per_step(result)
    np.testing.assert_array_equal(figure.axes[0].lines[-1].get_ydata(), result.per_step)
    assert draw(figure, "svg").startswith(b"<?xml")


def test_sigma_histogram_areas() -> None:
    result = ep.monte_carlo(MACHINE, 5, 2000, rng=0, keep_sigma=True)
    figure = plot.sigma_histogram(result)
    areas = []
    for patch in figure.axes[0].patches:
        heights, edges, _ = patch.get_data()  # type: ignore[attr-defined]
        areas.append(float(np.sum(heights * np.diff(edges))))
    assert areas[0] == pytest.approx(1.0, rel=AS_DRAWN)
    assert areas[1] == pytest.approx(result.fluctuation_mean, rel=AS_DRAWN)


def test_sigma_histogram_of_equal_values() -> None:
    result = ep.monte_carlo(MACHINE, 1, 100, rng=0, keep_sigma=True)
    assert draw(plot.sigma_histogram(result)).startswith(b"\x89PNG")


def test_sigma_must_have_been_kept() -> None:
    with pytest.raises(ValueError, match="keep_sigma"):
        plot.sigma_histogram(ep.monte_carlo(MACHINE, 5, 100, rng=0))


def test_sigma_law_shows_the_density_and_its_mirror_image() -> None:
    law = ep.sigma_law(MACHINE, 6)
    figure = law.plot(title="six steps")
    (axes,) = figure.axes
    density, mirrored, mean = axes.lines
    places = np.asarray(density.get_xdata())
    np.testing.assert_array_equal(density.get_ydata(), law.pdf(places))
    assert np.asarray(mirrored.get_ydata()) == pytest.approx(law.pdf(-places), rel=1e-9)
    assert np.asarray(mean.get_xdata())[0] == law.mean
    assert draw(figure).startswith(b"\x89PNG")
    # One pair of weights: the density is infinite at 0, which is left out.
    scalar = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    (axes,) = plot.sigma_law(ep.sigma_law(scalar, 6)).axes
    assert np.all(np.isfinite(axes.lines[0].get_ydata()))
    with pytest.raises(ep.NumericalError, match="sigma is always 0"):
        plot.sigma_law(ep.sigma_law(MACHINE, 1))


def test_sigma_law_of_an_unstable_machine() -> None:
    machine = ep.LinearGaussian.from_var([[[1.3, 0.2], [-0.2, 1.1]]], np.eye(2))
    law = ep.sigma_law(machine, 40)
    _, mirrored, _ = plot.sigma_law(law).axes[0].lines
    x, y = (np.asarray(values) for values in mirrored.get_data())
    # e^-sigma is beyond the doubles, its product with the density isn't.
    assert x[0] < -1e6
    assert np.isfinite(y).all()
    np.testing.assert_array_equal(y, law.pdf(-x))


def test_series_rate_shows_all_surrogates() -> None:
    pytest.importorskip("statsmodels")
    from entroprod.series import series_entropy_production

    table = MACHINE.sample(150, 1, rng=0)[0]
    result = series_entropy_production(table, n_bootstrap=20, n_surrogates=50, rng=0)
    figure = plot.series_rate(result, title="a table")
    (axes,) = figure.axes
    counts, edges, _ = axes.patches[0].get_data()  # type: ignore[attr-defined]
    assert counts.sum() == len(result.null_rates)
    assert edges[0] <= result.null_rates.min()
    assert edges[-1] >= result.null_rates.max()
    interval = axes.lines[-1]
    np.testing.assert_array_equal(interval.get_xdata(), result.interval)
    assert draw(figure).startswith(b"\x89PNG")


def test_draws_into_given_axes() -> None:
    figure = Figure()
    left, right = figure.subplots(1, 2)
    assert plot.curve([0.0, 1.0], axes=left) is figure
    assert plot.per_step(ep.entropy_production(MACHINE, 3), axes=right) is figure


def test_infinite_sigma_is_counted_and_not_drawn() -> None:
    ratchet = ep.MarkovChain([[0.9, 0.1, 0.0], [0.0, 0.9, 0.1], [0.1, 0.0, 0.9]])
    result = ep.monte_carlo(ratchet, 4, 1000, rng=0, keep_sigma=True)
    axes = plot.sigma_histogram(result).axes[0]
    _, labels = axes.get_legend_handles_labels()
    assert f"infinite: {result.n_infinite} of 1,000" in labels
    first: Any = axes.patches[0]
    bars = first.get_data()
    area = float(np.sum(bars.values * np.diff(bars.edges)))
    np.testing.assert_allclose(area, 1.0 - result.n_infinite / 1000, rtol=AS_DRAWN)
    clock = ep.MarkovChain([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]])
    with pytest.raises(ValueError, match="no finite value"):
        plot.sigma_histogram(ep.stochastic_entropy_production(clock, [0, 1, 2, 0]))


def test_no_pyplot_and_no_missing_display() -> None:
    code = (
        "import sys\n"
        "from entroprod import plot\n"
        "plot.curve([0.0, 1.0]).savefig(__import__('io').BytesIO())\n"
        "assert 'matplotlib.pyplot' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_missing_extra() -> None:
    code = "import sys\nsys.modules['matplotlib'] = None\nimport entroprod.plot\n"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert 'pip install "entroprod[plot]"' in done.stderr


def test_notebooks_show_a_picture() -> None:
    figure = plot.curve(ep.entropy_production_curve(MACHINE, 5))
    assert isinstance(figure, plot.Picture)
    assert figure._repr_png_().startswith(b"\x89PNG")
