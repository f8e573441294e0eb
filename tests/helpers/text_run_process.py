"""A process that scores texts slowly, to be killed: python text_run_process.py OUTPUT [resume]."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from text_machines import SOME_TEXTS, CharacterMachine

from entroprod.text import TextScores, score_samples, score_texts, storage

TEXTS = {"x": SOME_TEXTS * 6, "y": [f"{text} {text}" for text in SOME_TEXTS] * 6}
BATCH = 4


class SlowMachine(CharacterMachine):
    def log_prob(self, sequences: Any) -> npt.NDArray[np.float64]:
        time.sleep(0.001)
        return super().log_prob(sequences)


def score(machine: CharacterMachine, output: Path | None, **options: Any) -> TextScores:
    return score_texts(machine, TEXTS, output=output, batch_size=BATCH, **options)


def sample(machine: CharacterMachine, output: Path | None, **options: Any) -> TextScores:
    return score_samples(machine, 90, 25, rng=3, output=output, batch_size=BATCH, **options)


if __name__ == "__main__":
    storage._SECONDS = 0.01  # so that it is often killed while the output is renewed
    storage._SHARE = 0.5
    with tempfile.TemporaryDirectory() as elsewhere:  # what is imported is imported now
        score_texts(CharacterMachine(), ["a."], output=Path(elsewhere, "t.parquet"))
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    run = sample if "sample" in sys.argv else score
    run(SlowMachine(), Path(sys.argv[1]), resume="resume" in sys.argv)
