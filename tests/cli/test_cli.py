"""The command line as a whole: help, ``verify``, ``demo``, and how a process ends."""

from __future__ import annotations

import dataclasses
import functools
import json
import re
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

from cli_runs import SCALAR, STATE_SPACE, assert_error, options_of, run, strict_json

import entroprod as ep


@pytest.fixture
def machine_file(tmp_path: Path) -> Path:
    """State-space matrices as the command line reads them."""
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(STATE_SPACE))
    return path


class TestGeneral:
    def test_version(self) -> None:
        result = run("--version")
        assert result.exit_code == 0
        assert result.stdout == f"entroprod {ep.__version__}\n"

    def test_without_a_command_the_commands_are_listed(self) -> None:
        result = run()
        assert result.exit_code == 2
        for command in ("kalman", "series", "verify", "demo"):
            assert command in result.stdout

    @pytest.mark.parametrize("command", ["kalman", "series", "verify", "demo"])
    def test_help_has_an_example(self, command: str) -> None:
        result = run(command, "--help")
        assert result.exit_code == 0
        assert f"entroprod {command} " in result.stdout.split("example")[1]

    @pytest.mark.parametrize("words", [("nonsense",), ("kalman", "--nonsense")])
    def test_unknown_words(self, words: tuple[str, ...]) -> None:
        assert_error(run(*words), "nonsense")

    def test_debug_shows_the_traceback(self) -> None:
        result = run("kalman", "missing.json", "--debug")
        assert result.exit_code == 2
        assert "Traceback" in result.stderr


class TestVerify:
    def test_passes(self) -> None:
        result = run("verify", *SCALAR, "-T", 8, "--n-paths", 500)
        assert result.exit_code == 0, result.output
        assert "passed" in result.stdout

    def test_json(self, machine_file: Path) -> None:
        result = run("verify", machine_file, "-T", 8, "--n-paths", 500, "--json")
        assert result.exit_code == 0, result.output
        found = strict_json(result.stdout)
        assert found["passed"] is True
        assert {"name", "residual", "tolerance", "reason", "passed"} <= set(found["laws"][0])

    def test_a_failed_law_is_exit_code_1(self, monkeypatch: pytest.MonkeyPatch) -> None:
        true_value = ep.entropy_production_curve

        def wrong(*args: Any, **kwargs: Any) -> Any:
            return 1.001 * true_value(*args, **kwargs)

        monkeypatch.setattr("entroprod.questions.production.entropy_production_curve", wrong)
        result = run("verify", *SCALAR, "-T", 8, "--n-paths", 500)
        assert result.exit_code == 1, result.output
        assert "FAILED" in result.stdout

    def test_nothing_tested_is_exit_code_1(self) -> None:
        machine = {"coefficients": [[[3.0, 0.5], [2.0, 0.5]]], "noise_cov": [[1, 0], [0, 1]]}
        result = run("verify", *options_of(machine), "-T", 300, "--n-paths", 100)
        assert result.exit_code == 1, result.output
        assert re.search(r"NO law about the values could be tested \(\d\d skipped\)", result.stdout)

    def test_errors_are_exit_code_2(self) -> None:
        assert_error(run("verify"), "FILE")
        assert_error(run("verify", *SCALAR, "--n-paths", 0), "--n-paths")
        assert_error(run("verify", *SCALAR, "--n-steps", 0), "--n-steps")


class TestDemo:
    @pytest.fixture
    def short(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Few paths and replicates: what is tested is the demo, not the results."""
        pytest.importorskip("matplotlib")
        pytest.importorskip("statsmodels")
        from entroprod import series
        from entroprod.cli import demo

        monkeypatch.setattr(demo, "N_PATHS", 100)
        quick = functools.partial(series.series_entropy_production, n_bootstrap=20, n_surrogates=20)
        monkeypatch.setattr(series, "series_entropy_production", quick)

    @pytest.mark.usefixtures("short")
    def test_runs_and_leaves_its_files(self, tmp_path: Path) -> None:
        place = tmp_path / "new" / "demo"
        result = run("demo", "--output", place)
        assert result.exit_code == 0, result.output
        assert result.stderr == ""
        assert result.stdout.count("agrees") == 2
        names = {path.name for path in place.iterdir()}
        assert names == {"kalman.png", "us_economy.png", "us_economy.csv"}
        for name in names:
            assert str(place / name) in result.stdout

    @pytest.mark.usefixtures("short")
    def test_wrong_values_are_exit_code_1(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        from entroprod.cli import demo
        from entroprod.cli.published import SCALAR as PUBLISHED

        wrong = dataclasses.replace(PUBLISHED, curve=(1e-9, *PUBLISHED.curve[1:]))
        monkeypatch.setattr(demo, "MACHINES", (wrong,))
        result = run("demo", "--output", tmp_path)
        assert result.exit_code == 1, result.output
        assert "DOES NOT AGREE" in result.stdout

    def test_unwritable_place(self, tmp_path: Path) -> None:
        (tmp_path / "file").touch()
        assert_error(run("demo", "--output", tmp_path / "file"), "--output")
        assert_error(run("demo", "--output", tmp_path / "file" / "demo"), "--output")

    def test_missing_extras(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
        result = run("demo", "--output", tmp_path / "demo")
        assert_error(result, 'pip install "entroprod[cli,series,plot]"')
        assert not (tmp_path / "demo").exists()


class TestProcess:
    """The installed command in a process of its own."""

    @staticmethod
    def start(*words: str, **options: Any) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-m", "entroprod.cli", *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def test_nothing_but_json_on_stdout(self) -> None:
        process = self.start("kalman", *SCALAR, "--monte-carlo", "200", "--json")
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert strict_json(out)["monte_carlo"]["n_paths"] == 200
        assert err == ""

    def test_errors(self, tmp_path: Path) -> None:
        process = self.start("kalman", "missing.npz", cwd=tmp_path)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 2
        assert out == ""
        assert err == "Error: FILE: there is no file missing.npz\n"

    def test_missing_extra(self) -> None:
        code = "import sys; sys.modules['typer'] = None; from entroprod.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
        )
        assert done.returncode == 2
        assert done.stderr.count("\n") == 1
        assert 'pip install "entroprod[cli]"' in done.stderr

    def test_reader_that_goes_away(self) -> None:
        process = self.start("kalman", *SCALAR, "-T", "20000", "--curve")
        assert process.stdout is not None
        process.stdout.readline()
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == ""
        process.stderr.close()
        assert process.wait(timeout=60) == 141

    def test_closed_output(self) -> None:
        code = "import sys; sys.stdout = None; from entroprod.cli import main; main()"
        done = subprocess.run(
            [sys.executable, "-c", code, "kalman", *map(str, SCALAR), "-T", "3"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

    @pytest.mark.skipif(sys.platform == "win32", reason="signals are different there")
    def test_interrupts_at_exit_are_ignored(self) -> None:
        """Whatever libraries still do at exit isn't ended by one Ctrl-C too many."""
        code = (
            "import atexit, os, signal; from entroprod.cli import main; "
            "atexit.register(lambda: os.kill(os.getpid(), signal.SIGINT)); main()"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, "--version"],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")

    @pytest.mark.skipif(sys.platform == "win32", reason="signals are different there")
    def test_ctrl_c(self, tmp_path: Path) -> None:
        words = ["kalman", *SCALAR, "-T", "1000", "--monte-carlo", "1000000000"]
        # A test run in the background of a script ignores Ctrl-C, and so would its children.
        heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        process = self.start(*words, "--plot", str(tmp_path / "curve.png"), preexec_fn=heed)
        time.sleep(8)
        assert process.poll() is None, process.communicate()
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
        assert process.returncode == 130
        assert err == "Interrupted.\n"
        assert out == ""
        assert not list(tmp_path.iterdir())
