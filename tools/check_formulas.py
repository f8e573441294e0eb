"""Draws every formula of built pages in a headless Chromium without a network, and counts failures.

python tools/check_formulas.py FOLDER, where `make docs` has put the pages.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# A formula as Sphinx writes it, an inline one and a displayed one.
FORMULA = re.compile(
    r'<span class="math notranslate nohighlight">.*?</span>'
    r'|<div class="math notranslate nohighlight"[^>]*>.*?</div>',
    re.DOTALL,
)
SCRIPTS = re.compile(r"<script>window\.MathJax = .*?</script>")


def formulas(folder: Path) -> list[str]:
    """All formulas of all pages, as HTML."""
    found: list[str] = []
    for page in sorted(folder.rglob("*.html")):
        if "_modules" not in page.parts:
            found += FORMULA.findall(page.read_text(encoding="utf-8"))
    return found


def sheet(folder: Path, found: list[str]) -> str:
    """One page of all formulas, drawn by the file and the settings that the pages use."""
    settings = {
        match[0]
        for page in folder.rglob("*.html")
        if (match := SCRIPTS.search(page.read_text(encoding="utf-8")))
    }
    if len(settings) != 1:
        raise SystemExit(f"expected one way to set MathJax up in {folder}, found {len(settings)}")
    script = (folder / "_static" / "mathjax" / "tex-svg.js").resolve().as_uri()
    body = "\n".join(f"<p>{formula}</p>" for formula in found)
    head = f'<meta charset="utf-8">{settings.pop()}<script defer src="{script}"></script>'
    return f"<!doctype html>{head}{body}"


def drawn(browser: str, page: Path) -> str:
    """The page after its scripts have run, where no name of a host can be found."""
    command = [
        browser,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--allow-file-access-from-files",
        "--host-resolver-rules=MAP * ~NOTFOUND",
        f"--user-data-dir={page.parent / 'profile'}",
        "--virtual-time-budget=120000",
        "--dump-dom",
        page.as_uri(),
    ]
    done = subprocess.run(command, capture_output=True, check=True, timeout=600)  # noqa: S603
    return done.stdout.decode()


def main() -> None:
    """Exit code 1 if a formula was not drawn, or drawn as an error."""
    folder = Path(sys.argv[1])
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        print("formulas not looked at: no Chromium on the path")
        return
    found = formulas(folder)
    with tempfile.TemporaryDirectory() as temporary:
        page = Path(temporary) / "formulas.html"
        page.write_text(sheet(folder, found), encoding="utf-8")
        dom = drawn(browser, page)
    n_drawn = len(re.findall(r"<mjx-container\b", dom))
    errors = re.findall(r'data-mjx-error="([^"]*)"', dom)
    if not found or n_drawn != len(found) or errors:
        raise SystemExit(
            f"{n_drawn} of {len(found)} formulas were drawn; errors: {errors or 'none'}"
        )
    print(f"{n_drawn} formulas drawn without a network")


if __name__ == "__main__":
    main()
