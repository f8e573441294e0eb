"""``entroprod series``: whether a table of numbers has an arrow of time, and how strong it is."""

from __future__ import annotations

import io
import json as json_format
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import numpy as np
import typer

import entroprod as ep
from entroprod.cli import options, report
from entroprod.cli.files import check_output, write_file
from entroprod.cli.pictures import check_picture, save_picture

if TYPE_CHECKING:
    import pandas as pd

    from entroprod.series import SeriesEntropyProduction

MACHINE_SUFFIXES = (".npz", ".json")
MATRICES = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")


class Transform(str, Enum):
    """What is done to every column before the fit."""

    NONE = "none"
    DIFF = "diff"
    LOG_DIFF = "log-diff"


class Criterion(str, Enum):
    """Information criteria that choose the number of lags."""

    BIC = "bic"
    AIC = "aic"
    HQIC = "hqic"
    FPE = "fpe"


@dataclass(frozen=True)
class SeriesRun:
    """A result, and what was done to get it."""

    file: Path
    transform: Transform
    seed: int
    result: SeriesEntropyProduction
    written: tuple[Path, ...]


TableFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="A table (.csv, .tsv, .parquet): time in rows, the oldest first; a variable in "
        "each column.",
        show_default=False,
    ),
]
Columns = Annotated[
    str | None,
    typer.Option(
        "--columns",
        metavar="NAMES",
        help="Columns to use, separated by commas; all but the index if not given.",
        show_default=False,
    ),
]
Index = Annotated[
    str | None,
    typer.Option(
        "--index",
        metavar="NAME",
        help="Column that labels the rows, such as a date.",
        show_default=False,
    ),
]
Separator = Annotated[
    str | None,
    typer.Option(
        "--separator",
        metavar="CHARACTER",
        help="What separates the fields of a CSV file.",
        show_default="comma; tab for .tsv",
    ),
]
Decimal = Annotated[
    str,
    typer.Option(
        "--decimal",
        metavar="CHARACTER",
        help="What stands before the decimals of a CSV file: a point or a comma.",
    ),
]
Header = Annotated[
    bool, typer.Option("--header/--no-header", help="Whether the first line names the columns.")
]
TransformOption = Annotated[
    Transform,
    typer.Option("--transform", help="Differences, or differences of logarithms (growth)."),
]
MaxLags = Annotated[
    int | None,
    typer.Option(
        "--max-lags", min=1, help="Most lags to choose from.", show_default="12 (T/100)^(1/4)"
    ),
]
CriterionOption = Annotated[
    Criterion, typer.Option("--criterion", help="What chooses the number of lags.")
]
Bootstrap = Annotated[
    int, typer.Option("--bootstrap", min=20, help="Number of bootstrap replicates.")
]
Surrogates = Annotated[
    int, typer.Option("--surrogates", min=20, help="Number of reversible surrogates.")
]
Confidence = Annotated[
    float, typer.Option("--confidence", help="Confidence level of the interval.")
]
SaveMachine = Annotated[
    Path | None,
    typer.Option(
        "--save-machine",
        metavar="MACHINE",
        help="Save the fitted machine (.npz or .json) for the other commands.",
        show_default=False,
    ),
]


def series(
    file: TableFile,
    columns: Columns = None,
    index: Index = None,
    separator: Separator = None,
    decimal: Decimal = ".",
    header: Header = True,
    transform: TransformOption = Transform.NONE,
    max_lags: MaxLags = None,
    criterion: CriterionOption = Criterion.BIC,
    n_bootstrap: Bootstrap = 500,
    n_surrogates: Surrogates = 999,
    confidence: Confidence = 0.95,
    seed: options.Seed = None,
    json: options.Json = False,
    plot: options.Plot = None,
    save_machine: SaveMachine = None,
) -> None:
    """Entropy production rate of a multivariate time series, with an interval and a p-value.

    A vector autoregression is fitted, whose entropy production rate, in nats per step, is exact.
    The interval is from a bootstrap, the p-value from surrogates that are reversible in time. At
    least two columns are needed: the rate of a single linear-Gaussian variable is exactly 0.

    For example:

    - entroprod series economy.csv --columns gdp,investment --transform log-diff
    - entroprod series brain.parquet --max-lags 4 --seed 1 --json
    - entroprod series brain.csv --index time --plot rate.png
    """
    if not 0 < confidence < 1:
        raise ValueError(f"--confidence must lie between 0 and 1; got {confidence}")
    check_picture(plot)
    if save_machine is not None:
        check_output(save_machine, "--save-machine", MACHINE_SUFFIXES)
    from entroprod.series import read_table, series_entropy_production

    names = None if columns is None else [name.strip() for name in columns.split(",")]
    table = read_table(
        file, columns=names, index=index, separator=separator, decimal=decimal, header=header
    )
    seed = options.chosen_seed(seed)
    with report.progress_bar("Bootstrap and surrogates") as show_done:
        result = series_entropy_production(
            transformed(table, transform),
            max_lags=max_lags,
            criterion=criterion.value,
            n_bootstrap=n_bootstrap,
            n_surrogates=n_surrogates,
            confidence_level=confidence,
            rng=seed,
            progress=show_done,
        )
    _write(result, plot, save_machine)
    written = tuple(path for path in (plot, save_machine) if path is not None)
    run = SeriesRun(file, transform, seed, result, written)
    if json:
        report.print_json("series", _to_dict(run))
    else:
        _print(run)


def transformed(table: pd.DataFrame, transform: Transform) -> pd.DataFrame:
    """Differences of every column, or of its logarithm; one row less.

    Raises ValueError naming the column and the row of a value without a logarithm.
    """
    if transform is Transform.NONE:
        return table
    if transform is Transform.LOG_DIFF:
        values = table.to_numpy(dtype=np.float64)
        positive = values > 0
        if not positive.all():
            row, column = (int(each) for each in np.argwhere(~positive)[0])
            raise ValueError(
                f"--transform log-diff needs positive numbers; column "
                f"{str(table.columns[column])!r} has {values[row, column]:g} in row {row + 1}"
            )
        table = table.apply(np.log)
    return table.diff().iloc[1:]


def result_rows(result: SeriesEntropyProduction) -> list[report.Row]:
    """The result in rows: order, rate, interval, p-value, and what to know about them."""
    low, high = result.interval
    chosen = "given"
    if result.criterion is not None:
        chosen = f"chosen by {result.criterion} from 1 .. {result.max_lags}"
    rows = [
        report.Row(
            "Model",
            f"VAR({result.order})",
            f"order {chosen}; spectral radius {result.spectral_radius:.4g}",
        ),
        report.Row(
            "Rate", f"{result.rate:.6g} nats per step", f"bias of the estimate {result.bias:.2g}"
        ),
        report.Row(
            f"{100 * result.confidence_level:.9g} % interval",
            f"{low:.4g} .. {high:.4g}",
            f"{result.n_bootstrap:,} bootstrap replicates; the bias is allowed for",
        ),
        report.Row(
            "p-value",
            f"{result.p_value:.3g}",
            f"{result.n_surrogates:,} reversible surrogates: Gaussian, with the spectrum of a "
            f"VAR({result.surrogate_order}) made symmetric in time",
        ),
    ]
    if result.whiteness_p_value is not None:
        rows.append(
            report.Row(
                "Residuals white",
                f"p = {result.whiteness_p_value:.3g}",
                f"portmanteau test on {result.whiteness_lags} lags; small if the order is too low",
            )
        )
    return rows + [report.Row("Note", note) for note in result.notes]


def _write(result: SeriesEntropyProduction, plot: Path | None, save_machine: Path | None) -> None:
    if plot is not None:
        from entroprod.plot import series_rate

        save_picture(series_rate(result), plot)
    if save_machine is not None:
        write_file(save_machine, _machine_file(result.machine, save_machine.suffix.lower()))


def _machine_file(machine: ep.LinearGaussian, suffix: str) -> bytes:
    """Build a file that ``entroprod kalman`` and ``entroprod verify`` read."""
    matrices: dict[str, Any] = {name: getattr(machine, name) for name in MATRICES}
    if suffix == ".json":
        return json_format.dumps(report.to_plain(matrices)).encode()
    stream = io.BytesIO()
    np.savez(stream, allow_pickle=False, **matrices)
    return stream.getvalue()


def _to_dict(run: SeriesRun) -> dict[str, Any]:
    content = {
        "file": run.file,
        "transform": run.transform.value,
        "seed": run.seed,
        **run.result.to_dict(),
    }
    if run.written:
        content["written"] = run.written
    return content


def _print(run: SeriesRun) -> None:
    result = run.result
    table = f"{result.n_observations:,} rows of {', '.join(result.columns)}"
    if run.transform is not Transform.NONE:
        table += f", after {run.transform.value}"
    rows = [report.Row("Table", table), *result_rows(result), report.Row("Seed", str(run.seed))]
    report.print_rows(rows)
    for path in run.written:
        report.print_text(f"Written: {path}")
