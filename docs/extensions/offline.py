"""Pages that need no network: MathJax among their own files, and a look for what lies outside."""

from __future__ import annotations

from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path
from re import findall
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# One file, which draws with paths: fonts of their own may not be loaded from a page on the disk.
RENDERER = "tex-svg.js"

# What a browser loads by itself; links are followed by readers only.
_LOADED_BY = {"audio", "embed", "iframe", "img", "input", "object", "script", "source", "video"}
_LOADED_LINKS = {"icon", "manifest", "modulepreload", "preload", "prefetch", "stylesheet"}
_OF_STYLE = r"""(?:url\(|@import)\s*['"]?((?:https?:)?//[^'")\s;]+)"""
_OF_SCRIPT = r"""(?:\bfrom|\bimport\(?)\s*['"]((?:https?:)?//[^'"]+)"""


class _Loads(HTMLParser):
    """Collects the outside addresses that a page makes a browser load."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._inside = tag
        loaded = findall(_OF_STYLE, given.get("style", ""))
        if tag in _LOADED_BY:
            loaded += [given.get(name, "") for name in ("src", "data", "poster")]
            loaded += [
                part.split()[0] for part in given.get("srcset", "").split(",") if part.strip()
            ]
        if tag == "link" and _LOADED_LINKS & set(given.get("rel", "").lower().split()):
            loaded.append(given.get("href", ""))
        self.found += [address for address in loaded if _is_outside(address)]

    def handle_endtag(self, tag: str) -> None:  # noqa: ARG002
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "style":
            self.found += findall(_OF_STYLE, data)
        elif self._inside == "script":
            self.found += findall(_OF_SCRIPT, data)


def _is_outside(address: str) -> bool:
    return address.strip().lower().startswith(("http:", "https:", "//"))


def loaded_from_outside(page: str) -> list[str]:
    """Addresses outside that a browser would load for the HTML of a page."""
    reader = _Loads()
    reader.feed(page)
    reader.close()
    return reader.found


def outside_references(folder: Path) -> list[str]:
    """``file: address`` for all that pages and style sheets in a folder load from outside."""
    found = []
    for path in sorted(folder.rglob("*.html")):
        addresses = loaded_from_outside(path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(folder)}: {address}" for address in addresses]
    for path in sorted(folder.rglob("*.css")):
        addresses = findall(_OF_STYLE, path.read_text(encoding="utf-8"))
        found += [f"{path.relative_to(folder)}: {address}" for address in addresses]
    return found


def _copy_renderer(app: Sphinx) -> None:
    if app.builder.format != "html":
        return
    target = Path(app.outdir, "_static", "mathjax", RENDERER)
    target.parent.mkdir(parents=True, exist_ok=True)
    # The package holds fonts and languages of 24 MB as well, which its own extension would copy.
    source = files("sphinx-mathjax-offline") / "static" / "mathjax" / RENDERER
    target.write_bytes(source.read_bytes())


def _require_no_network(app: Sphinx, error: Exception | None) -> None:
    from sphinx.errors import ExtensionError

    if error is not None or app.builder.format != "html":
        return
    found = outside_references(Path(app.outdir))
    if found:
        raise ExtensionError("pages must not load anything from outside:\n" + "\n".join(found))


def setup(app: Sphinx) -> dict[str, Any]:
    """Draw formulas by a copy of MathJax, and refuse pages that load what isn't their own."""
    app.setup_extension("sphinx.ext.mathjax")
    app.config.mathjax_path = f"mathjax/{RENDERER}"  # type: ignore[attr-defined]
    # The menu could ask for speech, which is not among the files.
    app.config.mathjax3_config = {  # type: ignore[attr-defined]
        "options": {"enableMenu": False, "enableAssistiveMml": True}
    }
    app.connect("builder-inited", _copy_renderer)
    app.connect("build-finished", _require_no_network)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
