"""The memory that there is, and refusing what needs more."""

from __future__ import annotations

import os
import sys
from pathlib import Path

# Asking how much memory is free takes longer than filling so little of it.
_ALWAYS_FREE = 1 << 20


def require_memory(n_bytes: int, name: str, what: str) -> None:
    """Raise ``MemoryError`` where ``what``, sized by argument ``name``, needs more than is free."""
    if n_bytes <= _ALWAYS_FREE:
        return
    free = available_memory()
    if n_bytes > free:
        msg = (
            f"{name} is too large: {what} needs {_readable(n_bytes)}, "
            f"and {_readable(free)} of memory is available"
        )
        raise MemoryError(msg)


def available_memory() -> int:
    """Bytes that can be allocated without swapping, as far as the system tells."""
    limits = [sys.maxsize]
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        limits += [int(line.split()[1]) * 1024 for line in lines if "MemAvailable" in line]
    except OSError:  # not Linux: all that is installed is the best bound there is
        limits.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    try:
        used = int(Path("/sys/fs/cgroup/memory.current").read_text())
        limits.append(int(Path("/sys/fs/cgroup/memory.max").read_text()) - used)
    except (OSError, ValueError):  # no control group, or one without a limit ("max")
        pass
    return max(min(limits), 0)


def _readable(n_bytes: int) -> str:
    size = float(n_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024.0:
            return f"{size:.4g} {unit}"
        size /= 1024.0
    return f"{size:,.4g} TiB"
