"""The report as one file."""

from __future__ import annotations

import base64
import functools
import hashlib
import os
import tempfile
from collections.abc import Iterable, Mapping
from importlib import resources
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from entroprod.boundary.arrays import as_count, require_choice
from entroprod.questions.block_scale import BlockScale
from entroprod.text.group_comparison import GroupComparison
from entroprod.text.report import cards, colour, numbers, summary
from entroprod.text.report.rows import read_rows
from entroprod.text.report.spelling import excerpt, spelled_out

if TYPE_CHECKING:
    from jinja2 import Environment


def html_report(
    rows: Any,
    provenance: Mapping[str, Any] | None = None,
    *,
    groups: GroupComparison | None = None,
    block_scale: BlockScale | None = None,
    title: str | None = None,
    max_texts_per_group: int = 100,
    order: cards.Order = "given",
) -> str:
    """Report of scored texts as a page of HTML that needs nothing else, neither file nor network.

    Parameters
    ----------
    rows : TextScores, DataFrame, or sequence of mappings
        A row for each text, with the columns of :class:`TextScores`.
    provenance : mapping, optional
        How the numbers came about; by default what the table carries.
    groups : GroupComparison, optional
        From ``ep.compare_groups`` on the same table.
    block_scale : BlockScale, optional
        From ``ep.block_scale`` on the same texts.
    title : str, optional
    max_texts_per_group : int
        How many texts of each group are shown in full; the page tells how many are not, and its
        summary is of all. Fewer are shown where a page can't hold so many tokens.
    order : "given", "sigma_token" or "sigma_block"
        Order of the texts that are shown, and choice of them: with the others, those with the
        largest sigma per token.

    Returns
    -------
    str

    Raises
    ------
    ValueError, TypeError
        Naming the row and the column that isn't as it must be, or the argument.
    ImportError
        Without the extra ``text``.

    Notes
    -----
    Colours are those of the log-probabilities of [S26]_ eqs 7-36 per token, in nats. Whatever
    stands in the texts is shown and never executed: it is escaped, and the page forbids the browser
    any script but its own.

    Examples
    --------
    >>> from entroprod.text.report import html_report
    >>> row = {
    ...     "index": 0, "group": None, "id": None, "text": "It fell. It broke.", "n_tokens": 4,
    ...     "n_blocks": 2, "n_cut_off": 0, "sigma_token": 6.0, "sigma_block": 1.0,
    ...     "sigma_token_per_token": 1.5, "sigma_block_per_token": 0.25, "skipped_token": None,
    ...     "skipped_block": None, "tokens": ["It", " fell.", " It", " broke."],
    ...     "per_token_forward": [-2.0, -4.0, -1.0, -3.0],
    ...     "per_token_token_reversed": [-5.0, -4.0, -2.0, -5.0],
    ...     "per_token_block_reversed": [-2.5, -4.5, -1.0, -3.0],
    ...     "block_starts": [0, 2], "sigma_per_block": [1.0, 0.0],
    ... }
    >>> "It fell." in html_report([row])
    True
    """
    require_choice(order, "order", "given", "sigma_token", "sigma_block")
    per_group = as_count(max_texts_per_group, "max_texts_per_group")
    _require_kind(groups, GroupComparison, "groups")
    _require_kind(block_scale, BlockScale, "block_scale")
    told = _provenance(rows, provenance)
    read = read_rows(rows)
    chosen = cards.choose(read, per_group, order)
    style = "\n".join([_part("page.css"), colour.css(), cards.switch_css()])
    script = _part("page.js")
    return (
        _templates()
        .get_template("page.html")
        .render(
            title=summary.title(told) if title is None else title,
            version=version("entroprod"),
            policy=_policy(style, script),
            style=style,
            script=script,
            views=cards.VIEWS,
            labels=summary.LABELS,
            n_levels=colour.N_LEVELS + 1,
            n_signed_levels=2 * colour.N_SIGNED + 1,
            lead=summary.lead(read, told),
            summary=summary.summary(read),
            groups=groups,
            distributions=summary.distributions(read, {row.index for row in chosen}, groups),
            scales=None if block_scale is None else summary.Scales(block_scale),
            texts=cards.texts(read, chosen, order),
            skipped=cards.skipped(read),
            provenance=list(summary.flat(told)),
        )
    )


def write_report(
    path: str | os.PathLike[str],
    rows: Any,
    provenance: Mapping[str, Any] | None = None,
    **options: Any,
) -> Path:
    """Write the report of :func:`html_report` to a file, which is replaced as a whole.

    Parameters
    ----------
    path : str or path
        Ends with .html or .htm.
    rows, provenance, **options
        As in :func:`html_report`.

    Returns
    -------
    Path

    Raises
    ------
    ValueError, TypeError
        As :func:`html_report`, or another suffix.
    OSError
        The file can't be written; what was there before stays.
    """
    path = Path(path)
    if path.suffix.lower() not in {".html", ".htm"}:
        raise ValueError(f"path must end with .html or .htm, got {str(path)!r}")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"no such directory: {path.parent}")
    _replace(path, html_report(rows, provenance, **options).encode())
    return path


def _replace(path: Path, content: bytes) -> None:
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as stream:
        temporary = Path(stream.name)
        try:
            stream.write(content)
            stream.flush()
            temporary.chmod(0o666 & ~_umask())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _require_kind(value: object, kind: type, name: str) -> None:
    if not (value is None or isinstance(value, kind)):
        raise TypeError(f"{name} must be a {kind.__name__}, got {value!r}")


def _provenance(rows: Any, provenance: Mapping[str, Any] | None) -> dict[str, Any]:
    if provenance is None:
        table = getattr(rows, "table", rows)
        provenance = getattr(table, "attrs", {}).get("provenance", {})
    if not isinstance(provenance, Mapping):
        raise TypeError(f"provenance must be a mapping, got {provenance!r}")
    return dict(provenance)


@functools.cache
def _templates() -> Environment:
    """The parts of a page; whatever they print is spelled out and escaped."""
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ImportError:
        raise ImportError('a report needs jinja2: pip install "entroprod[text]"') from None
    templates = Environment(
        loader=FunctionLoader(_part),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=spelled_out,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters |= {
        "count": numbers.count,
        "excerpt": excerpt,
        "fixed": numbers.fixed,
        "general": "{:,g}".format,
        "plain": numbers.plain,
        "thousands": "{:,}".format,
        "uncertain": numbers.uncertain,
    }
    return templates


def _part(name: str) -> str:
    return resources.files(__package__).joinpath("templates", name).read_text(encoding="utf-8")


def _policy(style: str, script: str) -> str:
    """What the browser may do with this page: apply its style, run its script, and nothing else."""
    allowed: Iterable[str] = (
        "default-src 'none'",
        f"style-src '{_digest(style)}'",
        f"script-src '{_digest(script)}'",
        "base-uri 'none'",
        "form-action 'none'",
    )
    return "; ".join(allowed)


def _digest(content: str) -> str:
    digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
    return f"sha256-{digest}"
