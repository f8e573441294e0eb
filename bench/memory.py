"""How far the recursion's memory rises: python -m bench.memory N_STEPS prints bytes.

Run in a process of its own, after a call with few steps has loaded all code. Where the system
tells (Linux), the high-water mark of resident memory after the call minus what was resident before;
elsewhere by how much the call raised the high-water mark.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from entroprod.gaussian import core

from .machines import two_by_two


def peak_growth(n_steps: int) -> int:
    """Bytes of ``entropy_production`` with the shortcuts off, measured in a fresh process."""
    done = subprocess.run(
        [sys.executable, "-m", "bench.memory", str(n_steps)],
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def _resident() -> tuple[int, int]:
    """Bytes of resident memory now and at most."""
    status = Path("/proc/self/status")
    if status.exists():
        # getrusage would inherit the parent's peak; this mark begins with the program.
        sizes = dict(line.split(":", 1) for line in status.read_text().splitlines())
        now, most = (1024 * int(sizes[name].split()[0]) for name in ("VmRSS", "VmHWM"))
        return now, most
    import resource

    scale = 1 if sys.platform == "darwin" else 1024
    most = scale * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most, most


def main() -> None:
    machine = two_by_two()
    core.total(machine, 100, "auto", shortcuts=False)
    before, _ = _resident()
    core.total(machine, int(sys.argv[1]), "auto", shortcuts=False)
    _, most = _resident()
    print(most - before)


if __name__ == "__main__":
    main()
