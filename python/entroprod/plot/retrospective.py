"""Pictures of the retrospective bound, with exact values beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from entroprod.boundary.arrays import as_float_array
from entroprod.plot.style import BLUE, GREY, INK, SKY, axes_or_new, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    import entroprod as ep

_ERRORS_SHOWN = 2.0


def retrospective_bound(
    result: ep.RetrospectiveBound,
    *,
    exact: npt.ArrayLike | None = None,
    title: str = "",
    axes: Axes | None = None,
) -> Figure:
    """Plot the bound of D_t over t as bars with two standard errors.

    Steps at which the bound is infinite stay empty.

    Parameters
    ----------
    result : RetrospectiveBound
    exact : array_like, (T,), optional
        D_t, nats, drawn over the bars.
    title : str
        Written above the axes.
    axes : matplotlib Axes, optional
        Where to draw; a new figure is made if not given.

    Raises
    ------
    ValueError, TypeError
        ``exact`` doesn't hold a finite number for each step.

    Examples
    --------
    >>> import entroprod as ep
    >>> from entroprod import plot
    >>> machine = ep.LinearGaussian.from_state_space([[0.9]], [[1.0]], [[1.0]], [[1.0]])
    >>> reverse = ep.fit_reverse_model(machine, 6, 1000, order=2, rng=0)
    >>> result = ep.retrospective_bound(machine, reverse, 6, 1000, rng=0)
    >>> figure = plot.retrospective_bound(result)
    >>> figure.axes[0].get_xlabel()
    'step $t$'
    """
    steps = np.arange(1, result.n_steps + 1)
    values = None if exact is None else as_float_array(exact, "exact", 1)
    if values is not None and values.shape != steps.shape:
        raise ValueError(f"exact must have shape ({result.n_steps},), got {values.shape}")
    axes = axes_or_new(axes)
    shown = np.isfinite(result.per_step)
    errors = np.where(np.isfinite(result.standard_error), result.standard_error, 0.0)
    sum_shown = f"bound, sum {result.total:.3g} ± {result.total_standard_error:.2g} nats"
    axes.bar(steps[shown], result.per_step[shown], width=0.8, color=SKY, label=sum_shown)
    axes.errorbar(
        steps[shown],
        result.per_step[shown],
        yerr=_ERRORS_SHOWN * errors[shown],
        fmt="none",
        ecolor=BLUE,
        elinewidth=1.2,
        label=f"± {_ERRORS_SHOWN:g} standard errors",
        zorder=3,
    )
    if values is not None:
        axes.stairs(
            values,
            np.arange(0.5, result.n_steps + 1.0),
            baseline=None,
            color=INK,
            linewidth=1.4,
            label=f"exact $D_t$, sum {values.sum():.3g} nats",
            zorder=4,
        )
    axes.axhline(0.0, color=GREY, linewidth=0.8, zorder=1)
    axes.set_xlabel("step $t$")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(0.3, result.n_steps + 0.7)
    axes.set_ylabel("entropy production of the step (nats)")
    axes.margins(y=0.2)
    return tidy(axes, title, legend=True)
