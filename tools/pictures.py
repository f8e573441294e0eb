"""Renews docs/images/groups.png, which the commands of the tutorial on texts save."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

DOCS = Path(__file__).resolve().parents[1] / "docs"
CODE_CELL = re.compile(
    r"^```\{code-cell\} python\n(?::[^\n]*\n)*(.*?)^```$", re.DOTALL | re.MULTILINE
)


def main() -> None:
    """Run the page as it stands, and keep the picture."""
    page = (DOCS / "tutorials" / "texts.md").read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        exec("\n".join(CODE_CELL.findall(page)), {})  # noqa: S102
        shutil.copy("groups.png", DOCS / "images")
        os.chdir(DOCS)


if __name__ == "__main__":
    main()
