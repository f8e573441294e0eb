"""What ``entroprod text`` makes of a table of scored texts: lengths of blocks, and a report."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import entroprod as ep
from entroprod.cli.files import check_output, write_file
from entroprod.cli.pictures import save_picture
from entroprod.cli.report import Row, format_uncertain

if TYPE_CHECKING:
    import pandas as pd

    from entroprod.text.group_comparison import GroupComparison
    from entroprod.text.result import TextScores

REPORT_SUFFIXES = (".html", ".htm")
# As many as a length may have, 2**53 and more than any text.
_MOST_DIGITS = 15
_PICTURES = (".png", ".svg", ".pdf")

BlockScales = Annotated[
    str | None,
    typer.Option(
        "--block-scales",
        metavar="LIST",
        help="Measure sigma against the length of blocks as well: tokens, and with an s sentences, "
        "such as 1,10,20,1s,2s,3s.",
        show_default=False,
    ),
]
BlockScalePlot = Annotated[
    Path | None,
    typer.Option(
        "--block-scale-plot",
        metavar="PICTURE",
        help="Save a picture of that (.png, .svg or .pdf).",
        show_default=False,
    ),
]
Report = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="PAGE",
        help="Write a report with the texts coloured by token (.html), to open in a browser.",
        show_default=False,
    ),
]


@dataclass(frozen=True)
class Extras:
    """What is made besides the table."""

    scales: tuple[int, ...]
    sentences: tuple[int, ...]
    plot: Path | None
    html: Path | None

    @property
    def paths(self) -> tuple[Path | None, ...]:
        """Files that are written."""
        return self.plot, self.html

    def measure(self, machine: Any, table: pd.DataFrame, delimiters: str) -> ep.BlockScale | None:
        """Sigma against the length of blocks, of all texts that have a value."""
        if not (self.scales or self.sentences):
            return None
        scored = table[table["skipped_token"].isna()]
        if not len(scored):
            raise ValueError("--block-scales: there is no text with a value")
        return ep.block_scale(
            machine,
            list(scored["token_ids"]),
            self.scales,
            sentences=self.sentences,
            delimiters=delimiters if self.sentences else None,
        )

    def write(
        self,
        result: TextScores,
        groups: GroupComparison | None,
        block_scale: ep.BlockScale | None,
    ) -> None:
        """Write the picture and the report."""
        if self.plot is not None and block_scale is not None:
            save_picture(block_scale.plot(), self.plot)
        if self.html is not None:
            from entroprod.text.report import html_report

            page = html_report(result, groups=groups, block_scale=block_scale)
            write_file(self.html, page.encode())


def check(block_scales: str | None, plot: Path | None, html: Path | None) -> Extras:
    """Read the options, and raise before the work where something can't be written after it."""
    scales, sentences = ([], []) if block_scales is None else _read_scales(block_scales)
    if plot is not None:
        if block_scales is None:
            raise ValueError("--block-scale-plot needs --block-scales")
        check_output(plot, "--block-scale-plot", _PICTURES)
        import entroprod.plot  # noqa: F401  (names the missing extra)
    if html is not None:
        check_output(html, "--report", REPORT_SUFFIXES)
    return Extras(tuple(scales), tuple(sentences), plot, html)


def _read_scales(words: str) -> tuple[list[int], list[int]]:
    scales: list[int] = []
    sentences: list[int] = []
    for word in words.replace(" ", "").split(","):
        number = word.removesuffix("s")
        digits = number.isascii() and number.isdecimal() and len(number) <= _MOST_DIGITS
        if not (digits and int(number) > 0):
            raise ValueError(
                f"--block-scales: {word!r} is no length of a block; wanted numbers of tokens, or "
                "of sentences with an s, separated by commas, such as 1,10,20,1s,2s,3s"
            )
        chosen = sentences if word.endswith("s") else scales
        if int(number) in chosen:
            raise ValueError(f"--block-scales: {word!r} is there twice")
        chosen.append(int(number))
    return scales, sentences


def block_scale_rows(result: ep.BlockScale) -> list[Row]:
    """A row for each length, with what its mean leaves out."""
    rows = []
    for point in result:
        label = f"Blocks of {point.name.replace('step', 'token')}"
        if point.mean is None or point.standard_error is None:
            value = "no values"
        else:
            value = f"{format_uncertain(point.mean, point.standard_error)} nats per token"
        remark = [f"mean of {point.n_scored:,}"]
        if point.n_infinite:
            remark.append(f"{point.n_infinite:,} infinite: impossible when reversed")
        if point.n_one_block:
            remark.append(f"{point.n_one_block:,} of a single block, whose sigma is 0")
        remark += [f"{count:,} skipped: {reason}" for reason, count in point.skip_reasons.items()]
        rows.append(Row(label, value, "; ".join(remark)))
    return rows
