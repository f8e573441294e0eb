"""Pictures of results (extra ``plot``).

Every function takes results, draws into ``axes`` if given or into a new figure, and returns the
matplotlib Figure. pyplot is never touched: there is no global state, no window opens, and the
functions work without a display. Save with ``figure.savefig("curve.png")``.
"""

try:
    import matplotlib.figure as _figure  # noqa: F401
except ImportError as error:
    raise ImportError('entroprod.plot needs matplotlib: pip install "entroprod[plot]"') from error

from entroprod.plot.block_scales import block_scale
from entroprod.plot.results import curve, decomposition, per_step, series_rate
from entroprod.plot.retrospective import retrospective_bound
from entroprod.plot.sigma import discrete_sigma_law, sigma_histogram, sigma_law
from entroprod.plot.texts import groups

# For pictures of one's own in the same style.
from entroprod.plot.style import (  # isort: skip
    BLUE as BLUE,
    GREEN as GREEN,
    GREY as GREY,
    INK as INK,
    ORANGE as ORANGE,
    PALETTE as PALETTE,
    PURPLE as PURPLE,
    SKY as SKY,
    VERMILION as VERMILION,
    Picture as Picture,
    tidy as tidy,
)

__all__ = [
    "block_scale",
    "curve",
    "decomposition",
    "discrete_sigma_law",
    "groups",
    "per_step",
    "retrospective_bound",
    "series_rate",
    "sigma_histogram",
    "sigma_law",
]
