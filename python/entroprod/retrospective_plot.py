"""Picture of the retrospective bound, with exact values beside it (extra ``plot``)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from entroprod.arrays import as_float_array
from entroprod.plot import BLUE, GREY, INK, SKY, Picture, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from entroprod.retrospective import RetrospectiveBound

_ERRORS_SHOWN = 2.0


def draw(
    bound: RetrospectiveBound, exact: ArrayLike | None, title: str, axes: Axes | None
) -> Figure:
    """Bars of the bound with errors, and the exact D_t (T,) as steps over them.

    Steps at which the bound is infinite stay empty.
    """
    from matplotlib.ticker import MaxNLocator

    if axes is None:
        axes = Picture(figsize=(6.0, 4.0), layout="constrained").add_subplot()
    steps = np.arange(1, bound.n_steps + 1)
    shown = np.isfinite(bound.per_step)
    errors = np.where(np.isfinite(bound.standard_error), bound.standard_error, 0.0)
    sum_shown = f"bound, sum {bound.total:.3g} ± {bound.total_standard_error:.2g} nats"
    axes.bar(steps[shown], bound.per_step[shown], width=0.8, color=SKY, label=sum_shown)
    axes.errorbar(
        steps[shown],
        bound.per_step[shown],
        yerr=_ERRORS_SHOWN * errors[shown],
        fmt="none",
        ecolor=BLUE,
        elinewidth=1.2,
        label=f"± {_ERRORS_SHOWN:g} standard errors",
        zorder=3,
    )
    if exact is not None:
        values = as_float_array(exact, "exact", 1)
        if values.shape != steps.shape:
            raise ValueError(f"exact must have shape ({bound.n_steps},), got {values.shape}")
        axes.stairs(
            values,
            np.arange(0.5, bound.n_steps + 1.0),
            baseline=None,
            color=INK,
            linewidth=1.4,
            label=f"exact $D_t$, sum {values.sum():.3g} nats",
            zorder=4,
        )
    axes.axhline(0.0, color=GREY, linewidth=0.8, zorder=1)
    axes.set_xlabel("step $t$")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlim(0.3, bound.n_steps + 0.7)
    axes.set_ylabel("entropy production of the step (nats)")
    axes.margins(y=0.2)
    return tidy(axes, title, legend=True)
