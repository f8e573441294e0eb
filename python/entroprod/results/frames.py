"""Results as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def as_frame(data: Any, *, rows: range | None = None, name: str | None = None) -> pd.DataFrame:
    """DataFrame of columns by name, or of one dict per row, with the rows numbered as told.

    Raises
    ------
    ImportError
        If pandas isn't installed, with the line that installs it.
    """
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError('to_frame needs pandas: pip install "entroprod[series]"') from error
    return pd.DataFrame(data, index=None if rows is None else pd.Index(rows, name=name))
