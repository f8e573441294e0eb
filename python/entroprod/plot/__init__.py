"""Pictures of results (extra ``plot``).

Every function takes results, draws into ``axes`` if given or into a new figure, and returns the
matplotlib Figure. pyplot is never touched: there is no global state, no window opens, and the
functions work without a display. Save with ``figure.savefig("curve.png")``.
"""

# The style comes first: it tells what to install where matplotlib is missing.
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
from entroprod.plot.results import curve, decomposition, per_step, series_rate
from entroprod.plot.sigma import discrete_sigma_law, sigma_histogram, sigma_law
from entroprod.plot.texts import groups

__all__ = [
    "curve",
    "decomposition",
    "discrete_sigma_law",
    "groups",
    "per_step",
    "series_rate",
    "sigma_histogram",
    "sigma_law",
]
