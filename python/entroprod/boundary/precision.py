"""The arithmetic that may be asked for."""

from __future__ import annotations

from typing import Literal, TypeAlias

from entroprod.boundary.arrays import require_choice

Precision: TypeAlias = Literal["auto", "double", "extended"]


def require_precision(precision: str) -> None:
    """Refuse what names no arithmetic."""
    require_choice(precision, "precision", "auto", "double", "extended")


def require_no_extended(precision: str) -> None:
    """Refuse extended precision where there is only double."""
    require_precision(precision)
    if precision == "extended":
        raise ValueError(
            'precision must be "auto" or "double": only linear-Gaussian machines have "extended"'
        )
