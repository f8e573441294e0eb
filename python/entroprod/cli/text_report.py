"""``entroprod report``: a page from a table of scored texts."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

import entroprod as ep
from entroprod.cli import report as printed
from entroprod.cli.files import check_output, write_file
from entroprod.cli.text_outputs import REPORT_SUFFIXES


class Order(str, Enum):
    """Which texts are shown first."""

    GIVEN = "given"
    SIGMA_TOKEN = "sigma_token"  # noqa: S105  (no password: a token of a text)
    SIGMA_BLOCK = "sigma_block"


Table = Annotated[
    Path,
    typer.Argument(
        metavar="TABLE",
        help="What entroprod text has written: .parquet, .pq or .csv.",
        show_default=False,
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="PAGE",
        help="Where the report goes (.html); it is replaced if it exists.",
        show_default=False,
    ),
]
MaxTexts = Annotated[
    int, typer.Option("--max-texts", min=1, help="Texts of each group that are shown in full.")
]
OrderOption = Annotated[
    Order,
    typer.Option(
        "--order", help="Order and choice of the texts: as given, or the largest sigma per token."
    ),
]
Title = Annotated[
    str | None, typer.Option("--title", help="Headline.", show_default="made from the source")
]


def report(
    table: Table,
    output: Output,
    max_texts: MaxTexts = 100,
    order: OrderOption = Order.GIVEN,
    title: Title = None,
) -> None:
    """Report of scored texts, coloured by token, as one page to open in a browser.

    For example: entroprod report stories.parquet --output stories.html --order sigma_block
    """
    check_output(output, "--output", REPORT_SUFFIXES)
    from entroprod.text.report import html_report
    from entroprod.text.table import read_results

    scored = read_results(table)
    several = scored["group"].dropna().nunique() > 1
    page = html_report(
        scored,
        groups=ep.compare_groups(scored) if several else None,
        title=title,
        max_texts_per_group=max_texts,
        order=order.value,
    )
    write_file(output, page.encode())
    printed.print_text(f"Written: {output}")
