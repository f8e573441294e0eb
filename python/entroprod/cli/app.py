"""The command ``entroprod`` and its subcommands."""

from __future__ import annotations

from typing import Annotated

import typer

import entroprod
from entroprod.cli.demo import demo
from entroprod.cli.exit_codes import ERROR, ReportingGroup
from entroprod.cli.kalman import kalman
from entroprod.cli.machine import machine
from entroprod.cli.series import series
from entroprod.cli.text import text
from entroprod.cli.text_report import report
from entroprod.cli.train import train
from entroprod.cli.verify import verify

app = typer.Typer(
    cls=ReportingGroup,
    invoke_without_command=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        print(f"entroprod {entroprod.__version__}")
        raise typer.Exit


@app.callback()
def describe(
    ctx: typer.Context,
    version: Annotated[  # noqa: ARG001  (acted on in its callback)
        bool,
        typer.Option("--version", help="Print the version.", callback=_show_version, is_eager=True),
    ] = False,
    debug: Annotated[  # noqa: ARG001  (acted on in ReportingGroup.main, wherever it stands)
        bool, typer.Option("--debug", help="Show the traceback of an error, in any command.")
    ] = False,
) -> None:
    """Measure the arrow of time of generative models: entropy production, in nats.

    Each command explains itself: entroprod kalman --help
    """
    if ctx.invoked_subcommand is None:
        print(ctx.get_help())
        raise typer.Exit(ERROR)


app.command()(kalman)
app.command()(machine)
app.command()(series)
app.command()(train)
app.command()(text)
app.command()(report)
app.command()(verify)
app.command()(demo)
