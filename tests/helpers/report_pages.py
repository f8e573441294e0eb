"""Reports taken apart: a page as elements, tables that hold one text of each kind, a browser."""

from __future__ import annotations

import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from report_tables import PROVENANCE, Row, scored, skipped, two_groups

import entroprod as ep

VOID = {"meta", "br", "input", "link", "img", "hr"}
NASTY = "</span><script>alert(\"x\")</script> & 'quotes'\n\ttab \x1b[0m \u202ebidi \ufffd. End."


class Page(HTMLParser):
    """A page as elements with their text, which requires every tag to be closed."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[dict[str, Any]] = []
        self._open: list[dict[str, Any]] = []
        self.feed(html)
        self.close()
        assert not self._open, f"never closed: {[each['tag'] for each in self._open]}"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"{tag} has an attribute twice: {names}"
        element = {"tag": tag, "text": "", "inside": list(self._open), **dict(attrs)}
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append({"tag": tag, "text": "", "inside": list(self._open), **dict(attrs)})

    def handle_endtag(self, tag: str) -> None:
        assert self._open, f"</{tag}> closes nothing"
        assert self._open[-1]["tag"] == tag, f"</{tag}> closes <{self._open[-1]['tag']}>"
        self._open.pop()

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element["text"] += data

    def all(self, tag: str, css: str = "") -> list[dict[str, Any]]:
        return [
            each
            for each in self.elements
            if each["tag"] == tag and (not css or css in (each.get("class") or "").split())
        ]

    def text_of(self, index: int) -> dict[str, Any]:
        (card,) = (each for each in self.all("article") if each["id"] == f"text-{index}")
        return card

    def within(self, parent: dict[str, Any], tag: str, css: str = "") -> list[dict[str, Any]]:
        return [each for each in self.all(tag, css) if any(one is parent for one in each["inside"])]


def frame(rows: list[Row]) -> pd.DataFrame:
    table = pd.DataFrame(rows).set_index("index")
    table.attrs["provenance"] = PROVENANCE
    return table


def everything() -> list[Row]:
    """Two groups, and one text of each kind that lacks something."""
    rows = two_groups()
    generator = np.random.default_rng(1)
    for text in ("No end in sight", "A single sentence. with a tail", NASTY):
        rows.append(scored(text, len(rows), generator, "causal"))
    return [*rows, skipped("", len(rows), "empty text", "non-causal")]


def block_scales() -> ep.BlockScale:
    def log_prob(sequences: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        """A ring on which symbols go up more often than down, and sometimes stay."""
        step = np.diff(sequences, axis=1, prepend=0) % 3
        values: np.ndarray[Any, Any] = np.log(np.array([0.2, 0.6, 0.2]))[step]
        return values

    machine = ep.FunctionMachine(log_prob, n_symbols=3)
    sequences = np.random.default_rng(0).integers(0, 3, (6, 12))
    return ep.block_scale(machine, sequences, (1, 3, 12), sentences=(1,), delimiters={0})


CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)


def browse(path: Path, *options: str) -> str:
    """What a headless browser prints about a page."""
    done = subprocess.run(
        [
            str(CHROMIUM),
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            f"--user-data-dir={path.parent / 'profile'}",
            "--window-size=1280,4000",
            *options,
            path.as_uri(),
        ],
        capture_output=True,
        timeout=120,
        check=True,
    )
    return done.stdout.decode()
