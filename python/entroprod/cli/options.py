"""Options that several commands share."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated

import typer

Steps = Annotated[int, typer.Option("--n-steps", "-T", min=1, help="Number of steps T.")]
Paths = Annotated[int, typer.Option("--n-paths", min=1, help="Number of sampled paths.")]
Seed = Annotated[
    int | None,
    typer.Option(
        "--seed",
        min=0,
        help="Seed of the random numbers; without it a fresh one is drawn, and printed.",
        show_default=False,
    ),
]
RepeatableSeed = Annotated[int, typer.Option("--seed", min=0, help="Seed of the random numbers.")]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object to stdout and nothing else.")
]
Plot = Annotated[
    Path | None,
    typer.Option(
        "--plot",
        metavar="PICTURE",
        help="Save a picture (.png, .svg or .pdf).",
        show_default=False,
    ),
]


def chosen_seed(seed: int | None) -> int:
    """Return the seed to use and to print, so that every run can be repeated."""
    return secrets.randbits(32) if seed is None else seed
