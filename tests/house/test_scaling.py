"""The command that measures how time grows with length: its fit, and that it runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("matplotlib")

ROOT = Path(__file__).resolve().parents[2]
# A slope through a handful of logarithms.
ROUNDING = 1e-12


@pytest.fixture
def scaling(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(str(ROOT))
    from bench import scaling

    return scaling


@pytest.mark.parametrize("power", [1.0, 2.0, 1.37])
def test_a_power_law_is_found(scaling: Any, power: float) -> None:
    sizes = scaling.lengths(64, 8192)
    found = scaling.fit_exponent(sizes, [3e-6 * size**power for size in sizes])
    assert found.value == pytest.approx(power, rel=ROUNDING)
    assert found.error == pytest.approx(0.0, abs=1e3 * ROUNDING)
    assert (found.smallest, found.largest, found.n_sizes) == (2048, 8192, 5)


def test_a_mixture_is_told_from_a_power(scaling: Any) -> None:
    """At the longest, three quarters of the time is quadratic; the exponent is in between."""
    sizes = scaling.lengths(64, 8192)
    found = scaling.fit_exponent(sizes, [1e-6 * (size + 3 * size**2 / 8192) for size in sizes])
    assert found.quadratic_share == pytest.approx(0.75, rel=ROUNDING)
    assert 1.0 < found.value < 2.0


def test_what_is_short_does_not_count(scaling: Any) -> None:
    sizes = scaling.lengths(2, 4096)
    times = [1.0 if size < 1024 else 1e-6 * size**2 for size in sizes]
    assert scaling.fit_exponent(sizes, times).value == pytest.approx(2.0, rel=ROUNDING)


def test_the_error_is_that_of_the_slope(scaling: Any) -> None:
    """Over many noisy curves, the slopes spread as much as the errors say."""
    rng = np.random.default_rng(0)
    sizes = scaling.lengths(64, 8192)
    fits = [
        scaling.fit_exponent(sizes, [size * np.exp(0.1 * rng.standard_normal()) for size in sizes])
        for _ in range(2000)
    ]
    spread = np.std([fit.value for fit in fits])
    # Squares of errors from three degrees of freedom, averaged over 2000: 2 % and three times that.
    assert np.sqrt(np.mean([fit.error**2 for fit in fits])) == pytest.approx(spread, rel=0.06)


def test_too_few_sizes_are_refused(scaling: Any) -> None:
    with pytest.raises(ValueError, match="sizes must have 3"):
        scaling.fit_exponent([1, 64, 128], [1.0, 2.0, 3.0])


def test_the_command_runs(tmp_path: Path) -> None:
    picture, results = tmp_path / "scaling.png", tmp_path / "scaling.md"
    options = ["--largest", "128", "--seconds", "0", "--cpu-time"]
    files = ["--picture", str(picture), "--results", str(results)]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-m", "bench.scaling", *options, *files],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert picture.read_bytes().startswith(b"\x89PNG")
    table = results.read_text(encoding="utf-8")
    for name in ("attention, one pass", "with a cache", "GRU", "LSTM", "Mamba", "linear SSM"):
        assert name in table
    assert "python -m bench.scaling --cpu-time" in table


def test_a_length_without_room_for_sizes_is_refused(
    scaling: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert scaling.main(["--largest", "16"]) == 2
    assert "--largest must be at least 128" in capsys.readouterr().err
