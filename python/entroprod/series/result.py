"""What is known about the entropy production of a table of numbers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from entroprod.boundary.arrays import FloatArray
from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result, plain

if TYPE_CHECKING:
    import pandas as pd


@storable
@dataclass(frozen=True, repr=False, eq=False)
class SeriesEntropyProduction(Result):
    """Entropy production rate of a table, with an interval and a test. Rates in nats per step.

    Its picture is :func:`entroprod.plot.series_rate`.

    Attributes
    ----------
    rate : float
        Of the fitted machine. An estimate of a nonnegative number, biased upwards.
    bias : float
        Bootstrap estimate of the bias of ``rate``; ``rate - bias`` may be negative.
    interval : tuple of float
        Confidence interval of the rate of the process, its bias allowed for: it may lie below
        ``rate``, and begins at 0 where a rate of 0 is compatible with the data.
    confidence_level : float
    interval_method : str
    p_value : float
        Of the test against reversible surrogates: (1 + surrogates with at least the observed rate
        + surrogates that failed) / (surrogates + 1).
    machine : LinearGaussian
        The fit, in the units of the table.
    order : int
        Lags p of the fit.
    criterion : str or None
        What chose the order; None where it was given.
    max_lags : int or None
        Largest order tried; None where the order was given.
    criterion_values : ndarray, (max_lags,)
        Criterion at orders 1 .. max_lags; empty where the order was given.
    columns : tuple of str
    n_observations : int
        Rows T of the table.
    bootstrap_rates : ndarray, (B,)
        Rates of the bootstrap replicates which have one.
    null_rates : ndarray, (B,)
        Rates of the reversible surrogates which have one: the null distribution.
    surrogate_order : int
        Lags of the fit whose symmetrised spectrum the surrogates have.
    n_bootstrap, n_surrogates : int
        How many were drawn.
    bootstrap_failures, surrogate_failures : dict of str to int
        How many have no rate, by reason.
    spectral_radius : float
        Of the fit: below 1, and close to 1 for a slowly fading memory.
    whiteness_lags : int or None
    whiteness_p_value : float or None
        Portmanteau test of the residuals (adjusted for small samples) on so many lags: a small
        value says that the order is too low. None with too few rows for it.
    notes : tuple of str
        What to know before the numbers are used.
    """

    rate: float
    bias: float
    interval: tuple[float, float]
    confidence_level: float
    interval_method: str
    p_value: float
    machine: LinearGaussian
    order: int
    criterion: str | None
    max_lags: int | None
    criterion_values: FloatArray
    columns: tuple[str, ...]
    n_observations: int
    bootstrap_rates: FloatArray
    null_rates: FloatArray
    surrogate_order: int
    n_bootstrap: int
    n_surrogates: int
    bootstrap_failures: dict[str, int]
    surrogate_failures: dict[str, int]
    spectral_radius: float
    whiteness_lags: int | None
    whiteness_p_value: float | None
    notes: tuple[str, ...]

    _picture: ClassVar[str] = "series_rate"

    def summary(self) -> str:
        """The result in lines of text."""
        low, high = self.interval
        chosen = f"chosen by {self.criterion} up to {self.max_lags}" if self.criterion else "given"
        lines = [
            ("Table", f"{self.n_observations} rows of {', '.join(self.columns)}"),
            ("Order", f"VAR({self.order}), {chosen}; spectral radius {self.spectral_radius:.4g}"),
            ("Rate", f"{self.rate:.6g} nats per step, bias of the estimate {self.bias:.3g}"),
            ("Interval", f"{low:.4g} to {high:.4g} ({100 * self.confidence_level:.9g} %)"),
            ("Reversible?", f"p = {self.p_value:.3g}, from {self.n_surrogates} surrogates"),
        ]
        if self.whiteness_p_value is not None:
            test = f"p = {self.whiteness_p_value:.3g}, portmanteau on {self.whiteness_lags} lags"
            lines.append(("Residuals", f"white? {test}"))
        lines += [("Note", note) for note in self.notes]
        return "\n".join(f"{label:<12} {text}" for label, text in lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain numbers, strings, lists and dicts, without the machine and the replicates."""
        left_out = ("machine", "bootstrap_rates", "null_rates")
        names = (name for name in self._public() if name not in left_out)
        return {name: plain(getattr(self, name)) for name in names}

    def to_frame(self) -> pd.DataFrame:
        """Table of one row, so that the results of many tables can be put together."""
        row = self.to_dict()
        low, high = row.pop("interval")
        nested = ("criterion_values", "bootstrap_failures", "surrogate_failures")
        for name in nested:
            row.pop(name)
        row |= {
            "interval_low": low,
            "interval_high": high,
            "n_failed": sum(self.bootstrap_failures.values())
            + sum(self.surrogate_failures.values()),
            "columns": ", ".join(self.columns),
            "notes": "; ".join(self.notes),
        }
        return as_frame([row])

    def __repr__(self) -> str:
        low, high = self.interval
        return (
            f"SeriesEntropyProduction(rate={self.rate:.6g} nats per step, "
            f"interval=({low:.4g}, {high:.4g}) at {self.confidence_level:g}, "
            f"p_value={self.p_value:.3g}, order={self.order}, "
            f"n_observations={self.n_observations})"
        )
