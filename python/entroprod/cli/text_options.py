"""Options of ``entroprod text``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class DType(str, Enum):
    """In which numbers the model computes."""

    FLOAT32 = "float32"
    FLOAT64 = "float64"
    BFLOAT16 = "bfloat16"
    FLOAT16 = "float16"


TextFile = Annotated[
    Path | None,
    typer.Argument(
        metavar="FILE",
        help="Texts: .json with named groups, .jsonl, .csv, .tsv, .parquet, or .txt with a text on "
        "each line. Not with --sample.",
        show_default=False,
    ),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="DIR_OR_ID",
        help="Folder of a causal language model of transformers, or its name on the hub.",
        show_default=False,
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        "-o",
        metavar="TABLE",
        help="Where the rows go, one per text (.parquet, .pq or .csv), as they are done.",
        show_default=False,
    ),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Go on with a run that was broken off or killed.")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace an output, or an unfinished run.")
]
TextColumn = Annotated[
    str, typer.Option("--text-column", metavar="NAME", help="Column or field of the text.")
]
GroupColumn = Annotated[
    str | None,
    typer.Option(
        "--group-column",
        metavar="NAME",
        help="Column or field of the group.",
        show_default="group, if there is one",
    ),
]
IdColumn = Annotated[
    str | None,
    typer.Option(
        "--id-column",
        metavar="NAME",
        help="Column or field of the name.",
        show_default="id, if there is one",
    ),
]
Paragraphs = Annotated[
    bool,
    typer.Option("--paragraphs", help="In a .txt file, empty lines separate texts, not lines."),
]
Delimiters = Annotated[
    str,
    typer.Option(
        "--delimiters", metavar="CHARACTERS", help="What a token ends with that ends a sentence."
    ),
]
SentencesPerBlock = Annotated[
    int, typer.Option("--sentences-per-block", min=1, help="Sentences kept together.")
]
BatchSize = Annotated[
    int, typer.Option("--batch-size", min=1, help="Texts scored, and stored, together.")
]
Device = Annotated[
    str | None,
    typer.Option("--device", help="Such as cpu or cuda.", show_default="a GPU if there is one"),
]
DTypeOption = Annotated[DType, typer.Option("--dtype", help="Numbers of weights and arithmetic.")]
Temperature = Annotated[float, typer.Option("--temperature", help="Divides the logits.")]
FirstToken = Annotated[
    str | None,
    typer.Option(
        "--first-token",
        metavar="TOKEN",
        help="What the first token of a text is conditioned on: an id, or as in the vocabulary.",
        show_default="BOS, or else EOS",
    ),
]
WindowOption = Annotated[
    int | None,
    typer.Option(
        "--window",
        min=2,
        help="Positions read at once in texts that are longer than the model's context.",
        show_default="such texts are skipped",
    ),
]
SelfTestOption = Annotated[
    bool, typer.Option("--self-test", help="Measure what rounding does to sigma.")
]
Sample = Annotated[
    int | None,
    typer.Option(
        "--sample", metavar="N", min=1, help="Draw N texts from the model.", show_default=False
    ),
]
Length = Annotated[
    int | None,
    typer.Option("--length", metavar="T", min=1, help="Tokens of each sample.", show_default=False),
]
Compare = Annotated[
    bool, typer.Option("--compare", help="Test whether the groups of texts differ.")
]
