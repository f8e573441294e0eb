"""What the numbers were measured on, in general words, and how busy it was."""

from __future__ import annotations

import os
import platform
import time
from pathlib import Path

import numpy as np
import scipy
import threadpoolctl  # type: ignore[import-untyped]

import entroprod as ep
from entroprod.gaussian import core


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def idle_cores(seconds: float = 0.5) -> float | None:
    """How many cores had nothing to do while this waited; None where the system doesn't tell."""
    before = _cpu_ticks()
    time.sleep(seconds)
    after = _cpu_ticks()
    if before is None or after is None or after[1] == before[1]:
        return None
    return usable_cores() * (after[0] - before[0]) / (after[1] - before[1])


def _cpu_ticks() -> tuple[int, int] | None:
    """Idle and all ticks of all cores since the system started."""
    stat = Path("/proc/stat")
    if not stat.exists():
        return None
    ticks = [int(word) for word in stat.read_text().splitlines()[0].split()[1:9]]
    return ticks[3] + ticks[4], sum(ticks)


def processor() -> str:
    """Model of the processor."""
    info = Path("/proc/cpuinfo")
    if info.exists():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def machine_line() -> str:
    """Processor and number of cores."""
    cores = usable_cores()
    return f"{processor()}, {cores} core{'' if cores == 1 else 's'}, {platform.system()}"


def versions_line() -> str:
    """Versions of all that has a part in the times."""
    libraries = sorted(
        {
            f"{pool['internal_api']} {pool['version']} ({pool.get('architecture', 'unknown')})"
            for pool in threadpoolctl.threadpool_info()
            if pool["user_api"] == "blas"
        }
    )
    return ", ".join(
        [
            f"entroprod {ep.__version__} ({core.instruction_set()} kernels)",
            f"Python {platform.python_version()}",
            f"NumPy {np.__version__}",
            f"SciPy {scipy.__version__}",
            *libraries,
        ]
    )
