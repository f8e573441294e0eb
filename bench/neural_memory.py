"""How far memory rises while texts are scored: python -m bench.neural_memory ours|peer.

In a process of its own, after one text has loaded all code. Linux only: elsewhere the high-water
mark can't be set back after the model was made.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from . import peers
from .language_model import FIRST_TOKEN, machine_of, orders, random_model

_MARK = Path("/proc/self/clear_refs")
_STATUS = Path("/proc/self/status")


def peak_growth(which: str, n_texts: int) -> int | None:
    """Bytes above what was resident before; None where the system doesn't tell."""
    if not _MARK.exists():
        return None
    done = subprocess.run(
        [sys.executable, "-m", "bench.neural_memory", which, str(n_texts)],
        cwd=Path(__file__).resolve().parents[1],
        capture_output=True,
        text=True,
        check=True,
    )
    return int(done.stdout)


def _resident(name: str) -> int:
    sizes = dict(line.split(":", 1) for line in _STATUS.read_text().splitlines())
    return 1024 * int(sizes[name].split()[0])


def main() -> None:
    which, n_texts = sys.argv[1], int(sys.argv[2])
    model, sequences = random_model(), orders(n_texts)
    machine = machine_of(model)

    def run(some: list[peers.Tokens]) -> object:
        if which == "ours":
            return machine.log_prob_ragged(some)
        return peers.language_model_log_probs(model, FIRST_TOKEN, some)

    run(sequences[:1])
    _MARK.write_text("5")  # the high-water mark becomes what is resident now
    before = _resident("VmRSS")
    run(sequences)
    print(_resident("VmHWM") - before)


if __name__ == "__main__":
    main()
