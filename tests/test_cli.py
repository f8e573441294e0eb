"""The command line: what it prints, how it ends, and that it leaves nothing half-done."""

from __future__ import annotations

import dataclasses
import functools
import json
import signal
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

from typer.testing import CliRunner

import entroprod as ep
from entroprod.cli.app import app

SCALAR = ["--transition", "0.9", "--emission", "1", "--process-cov", "1", "--obs-cov", "1"]
STATE_SPACE = {
    "transition": [[0.8, 0.3], [0.0, 0.5]],
    "emission": [[1.0, 0.5], [0.0, 1.0]],
    "process_cov": [[1.0, 0.0], [0.0, 1.0]],
    "obs_cov": [[1.0, 0.0], [0.0, 1.0]],
}
# [S26 Fig 5], two-dimensional machine, T = 10.
PUBLISHED_TOTAL = 0.7582920873


def run(*words: object) -> Any:
    return CliRunner().invoke(app, [str(word) for word in words])


def strict_json(text: str) -> dict[str, Any]:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    value: dict[str, Any] = json.loads(text, parse_constant=refuse)
    return value


def assert_error(result: Any, *words: str) -> None:
    """Exit code 2, one line on stderr with all the words, nothing on stdout."""
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("Error: ")
    assert result.stderr.count("\n") == 1
    assert "Traceback" not in result.stderr
    for word in words:
        assert word in result.stderr


def options_of(matrices: dict[str, Any]) -> list[str]:
    words = []
    for name, value in matrices.items():
        words += [f"--{name.replace('_', '-')}", json.dumps(value)]
    return words


@pytest.fixture
def machine_file(tmp_path: Path) -> Path:
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


class TestKalman:
    def test_published_value(self, machine_file: Path) -> None:
        result = run("kalman", machine_file, "-T", 10, "--json")
        assert result.exit_code == 0
        found = strict_json(result.stdout)
        assert found["command"] == "kalman"
        assert found["n_steps"] == 10
        # Printed there with 10 decimals.
        assert found["total"] == pytest.approx(PUBLISHED_TOTAL, abs=5.1e-11)
        assert found["rate"] == pytest.approx(0.06539430656, abs=1e-10)

    def test_json_rebuilds_the_machine(self, machine_file: Path) -> None:
        found = strict_json(run("kalman", machine_file, "--json").stdout)["machine"]
        names = ("state_matrix", "input_matrix", "output_matrix", "innovation_cov")
        machine = ep.LinearGaussian(*(np.array(found[name]) for name in names))
        assert machine == ep.LinearGaussian.from_state_space(**STATE_SPACE)

    @pytest.mark.parametrize("suffix", [".npz", ".json", ".NPZ"])
    def test_files_and_options_agree(self, tmp_path: Path, suffix: str) -> None:
        path = tmp_path / f"machine{suffix}"
        if suffix == ".json":
            path.write_text(json.dumps(STATE_SPACE))
        else:
            arrays: dict[str, Any] = {name: np.array(each) for name, each in STATE_SPACE.items()}
            with path.open("wb") as stream:
                np.savez(stream, allow_pickle=False, **arrays)
        from_file = run("kalman", path, "--json").stdout
        assert from_file == run("kalman", *options_of(STATE_SPACE), "--json").stdout

    @pytest.mark.parametrize(
        "matrices",
        [
            {"transition": 0.9, "emission": 1, "process_cov": 1, "obs_cov": 1},
            {"transition": [[0.9]], "emission": [[1]], "filter_gain": 0.5, "innovation_cov": 2},
            {"state_matrix": 0.4, "input_matrix": 0.5, "output_matrix": 1, "innovation_cov": 2},
            {"coefficients": [[[0.5, 0.2], [-0.2, 0.3]]], "noise_cov": [[1, 0], [0, 1]]},
            {"coefficients": 0.5, "noise_cov": 1},
        ],
    )
    def test_every_vocabulary(self, tmp_path: Path, matrices: dict[str, Any]) -> None:
        path = tmp_path / "machine.json"
        path.write_text(json.dumps(matrices))
        by_file = run("kalman", path, "--json")
        assert by_file.exit_code == 0, by_file.stderr
        assert by_file.stdout == run("kalman", *options_of(matrices), "--json").stdout

    def test_python_notation_of_numbers(self) -> None:
        words = ["--transition", ".9", "--emission", "1.", "--process-cov", "((1,),)"]
        result = run("kalman", *words, "--obs-cov", "[[1,],]", "--json")
        assert result.stdout == run("kalman", *SCALAR, "--json").stdout

    def test_text_output(self) -> None:
        result = run("kalman", *SCALAR, "-T", 6, "--per-step", "--curve")
        assert result.exit_code == 0
        assert result.stderr == ""
        # [S26 Fig 5], scalar machine, T = 6.
        assert "0.31087579" in result.stdout
        assert "nats per step" in result.stdout
        assert len(result.stdout.split("per_step")[1].strip().splitlines()) == 6

    def test_unit_root_has_a_total_and_no_rate(self) -> None:
        words = ["--transition", 1, "--emission", 1, "--process-cov", 1, "--obs-cov", 1]
        found = strict_json(run("kalman", *words, "--json").stdout)
        assert found["rate"] is None
        assert "eigenvalue" in found["no_rate_because"]
        assert found["total"] > 0
        text = run("kalman", *words)
        assert text.exit_code == 0
        assert "none" in text.stdout
        assert "eigenvalue" in text.stdout

    def test_monte_carlo_repeats_with_the_printed_seed(self) -> None:
        words = ("kalman", *SCALAR, "-T", 5, "--monte-carlo", 500, "--json")
        first = strict_json(run(*words).stdout)["monte_carlo"]
        again = strict_json(run(*words, "--seed", first["seed"]).stdout)["monte_carlo"]
        assert first == again
        assert first["n_paths"] == 500
        assert "sigma" not in first

    def test_monte_carlo_without_spread(self) -> None:
        result = run("kalman", *SCALAR, "-T", 1, "--monte-carlo", 10)
        assert result.exit_code == 0, result.stderr
        assert "nan" not in result.stdout.lower()

    def test_csv(self, tmp_path: Path) -> None:
        path = tmp_path / "table.csv"
        result = run("kalman", *SCALAR, "-T", 6, "--csv", path)
        assert result.exit_code == 0
        assert str(path) in result.stdout
        table = np.genfromtxt(path, delimiter=",", names=True)
        assert table["step"].tolist() == [1, 2, 3, 4, 5, 6]
        assert table["entropy_production"][-1] == pytest.approx(table["per_step"].sum())

    @pytest.mark.parametrize("suffix", [".png", ".svg", ".pdf"])
    def test_plot(self, tmp_path: Path, suffix: str) -> None:
        pytest.importorskip("matplotlib")
        path = tmp_path / f"curve{suffix}"
        result = run("kalman", *SCALAR, "--monte-carlo", 100, "--plot", path, "--json")
        assert result.exit_code == 0, result.stderr
        assert strict_json(result.stdout)["written"] == [str(path)]
        start = {".png": b"\x89PNG", ".svg": b"<?xml", ".pdf": b"%PDF"}[suffix]
        assert path.read_bytes().startswith(start)
        assert list(tmp_path.iterdir()) == [path]

    def test_plot_of_very_many_steps(self, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib")
        path = tmp_path / "curve.png"
        result = run("kalman", *SCALAR, "-T", 10**9, "--plot", path)
        assert result.exit_code == 0, result.stderr
        assert path.exists()


class TestKalmanBadInput:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("", ["line 1"]),
            ('{"transition": [[1,\n0]],,}', ["line 2", "column"]),
            ("[1, 2]", ["object"]),
            ("{}", ["no matrices"]),
            ('{"transition": 1, "transition": 2}', ["transition", "twice"]),
            ('{"transition": [[1, 2], [3]]}', ["transition", "different lengths"]),
            ('{"transition": "0.9"}', ["transition", "numbers"]),
            ('{"transition": [[null]]}', ["transition", "numbers"]),
            ('{"transition": [[true]]}', ["transition", "numbers"]),
            ('{"transition": [[0.9, NaN], [0, 1]]}', ["transition[0][1]", "nan"]),
            ('{"transition": [[0.9, 1e999]]}', ["transition[0][1]", "inf"]),
            ('{"transition": 0.9, "emission": 1, "process_cov": 1}', ["obs_cov", "missing"]),
            ('{"transition": 0.9, "emision": 1}', ["emision", "unknown"]),
            ('{"coefficients": 0.9, "noise_cov": 1, "obs_cov": 1}', ["obs_cov", "too much"]),
            ("[" * 100_000, ["deep"]),
        ],
    )
    def test_json(self, tmp_path: Path, content: str, words: list[str]) -> None:
        path = tmp_path / "machine.json"
        path.write_text(content)
        assert_error(run("kalman", path), str(path), *words)

    def test_binary_file_called_json(self, tmp_path: Path) -> None:
        path = tmp_path / "machine.json"
        path.write_bytes(b"\xff\xfe\x00")
        assert_error(run("kalman", path), str(path), "UTF-8")

    @pytest.mark.parametrize("content", [b"", b"no zip", b"PK\x03\x04 cut short"])
    def test_broken_npz(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "machine.npz"
        path.write_bytes(content)
        assert_error(run("kalman", path), str(path))

    def test_npz_cut_short(self, tmp_path: Path) -> None:
        path = tmp_path / "machine.npz"
        np.savez_compressed(path, transition=np.random.default_rng(0).normal(size=(40, 40)))
        path.write_bytes(path.read_bytes()[:3000])
        assert_error(run("kalman", path), str(path))

    @pytest.mark.parametrize(
        "value", [np.array([None]), np.array(["a"]), np.array([1j]), np.array([np.nan])]
    )
    def test_npz_of_other_things(self, tmp_path: Path, value: Any) -> None:
        path = tmp_path / "machine.npz"
        np.savez(path, transition=value)
        assert_error(run("kalman", path), str(path))

    @pytest.mark.parametrize("name", ["machine.txt", "machine", "missing.json", "directory.json"])
    def test_no_such_file(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "directory.json").mkdir()
        assert_error(run("kalman", tmp_path / name), "FILE", name)

    def test_nothing_given(self) -> None:
        assert_error(run("kalman"), "FILE", "--transition")

    def test_file_and_options(self, machine_file: Path) -> None:
        assert_error(run("kalman", machine_file, *SCALAR), "FILE", "--transition")

    @pytest.mark.parametrize("text", ["", "a", "[[1, 2]", "__import__('os')", "nan", "[[NaN]]"])
    def test_literal(self, text: str) -> None:
        assert_error(run("kalman", "--transition", text, *SCALAR[2:]), "--transition")

    @pytest.mark.parametrize(
        ("name", "value"),
        [
            ("transition", [[0.8, 0.3]]),
            ("emission", [[1.0, 0.5, 1.0]]),
            ("process_cov", [[1.0, 2.0], [0.0, 1.0]]),
            ("obs_cov", [[1.0, 0.0], [0.0, -1.0]]),
        ],
    )
    def test_wrong_matrices_name_the_argument(self, name: str, value: Any) -> None:
        assert_error(run("kalman", *options_of({**STATE_SPACE, name: value})), name)

    @pytest.mark.parametrize(
        ("words", "named"),
        [
            (["-T", "0"], "--n-steps"),
            (["-T", "-1"], "--n-steps"),
            (["-T", "1.5"], "--n-steps"),
            (["--n-steps", "many"], "--n-steps"),
            (["-T", "1000000000000", "--per-step"], "memory"),
            (["--monte-carlo", "0"], "--monte-carlo"),
            (["--monte-carlo", "10", "--seed", "-1"], "--seed"),
            (["--plot", "curve.bmp"], "--plot"),
            (["--plot", "curve"], "--plot"),
            (["--plot", "nowhere/curve.png"], "--plot"),
            (["--csv", "table.txt"], "--csv"),
        ],
    )
    def test_options(self, words: list[str], named: str) -> None:
        result = run("kalman", *SCALAR, *words)
        assert_error(result)
        assert named in result.stderr or named in result.stderr.lower()

    @pytest.mark.parametrize("option", ["--plot", "--csv"])
    def test_unwritable_place_is_found_before_the_work(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
    ) -> None:
        def never(*_: object, **__: object) -> None:
            raise AssertionError("the work has begun")

        monkeypatch.setattr(ep, "entropy_production", never)
        name = {"--plot": "curve.png", "--csv": "table.csv"}[option]
        (tmp_path / "file").touch()
        (tmp_path / name).mkdir()
        for place in (tmp_path / "file" / name, tmp_path / name, tmp_path / "none" / name):
            assert_error(run("kalman", *SCALAR, option, place), option)

    def test_failed_writing_leaves_nothing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pytest.importorskip("matplotlib")
        path = tmp_path / "curve.png"
        path.write_bytes(b"the picture of yesterday")

        def full(*_: object) -> None:
            raise OSError(28, "No space left on device", str(path))

        monkeypatch.setattr(Path, "replace", full)
        assert_error(run("kalman", *SCALAR, "--plot", path), str(path), "space")
        assert list(tmp_path.iterdir()) == [path]
        assert path.read_bytes() == b"the picture of yesterday"

    def test_missing_extra(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delitem(sys.modules, "entroprod.plot", raising=False)
        monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
        result = run("kalman", *SCALAR, "--plot", tmp_path / "curve.png")
        assert_error(result, 'pip install "entroprod[plot]"')


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

        monkeypatch.setattr("entroprod.production.entropy_production_curve", wrong)
        result = run("verify", *SCALAR, "-T", 8, "--n-paths", 500)
        assert result.exit_code == 1, result.output
        assert "FAILED" in result.stdout

    def test_errors_are_exit_code_2(self) -> None:
        assert_error(run("verify"), "FILE")
        assert_error(run("verify", *SCALAR, "--n-paths", 0), "--n-paths")
        assert_error(run("verify", *SCALAR, "--n-steps", 0), "--n-steps")


@pytest.fixture(scope="module")
def table_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two irreversible columns, their running product, and labels for the rows."""
    pytest.importorskip("statsmodels")
    rotation = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], np.eye(2))
    values = rotation.sample(200, 1, rng=1)[0]
    path = tmp_path_factory.mktemp("series") / "table.csv"
    lines = ["day,a,b,product"]
    for day, (left, right) in enumerate(values):
        # exp of a running sum: its growth is the column itself.
        product = np.exp(0.01 * values[: day + 1, 0].sum())
        lines.append(f"d{day},{left:.17g},{right:.17g},{product:.17g}")
    path.write_text("\n".join(lines) + "\n")
    return path


FEW = ("--bootstrap", 20, "--surrogates", 20, "--seed", 1)


class TestSeries:
    def test_json(self, table_file: Path) -> None:
        result = run("series", table_file, "--columns", "a, b", *FEW, "--json")
        assert result.exit_code == 0, result.stderr
        found = strict_json(result.stdout)
        assert found["columns"] == ["a", "b"]
        assert found["n_observations"] == 200
        assert found["order"] == 1
        assert found["seed"] == 1
        assert found["interval"][0] < found["interval"][1]
        # All of the 20 reversible surrogates produce less.
        assert found["p_value"] == pytest.approx(1 / 21)

    def test_seed_repeats(self, table_file: Path) -> None:
        words = ("series", table_file, "--columns", "a,b", *FEW[:-2], "--json")
        first = strict_json(run(*words).stdout)
        assert strict_json(run(*words, "--seed", first["seed"]).stdout) == first

    def test_text(self, table_file: Path) -> None:
        result = run("series", table_file, "--index", "day", "--transform", "diff", *FEW)
        assert result.exit_code == 0, result.stderr
        for words in ("199 rows of a, b, product", "VAR(", "nats per step", "interval", "p-value"):
            assert words in result.stdout
        assert "reversible surrogates" in result.stdout

    def test_growth_of_a_running_product(self, table_file: Path) -> None:
        words = ("series", table_file, "--columns", "product,b", *FEW)
        assert_error(run(*words, "--transform", "log-diff"), "log-diff", "'b'", "row")
        table = np.genfromtxt(table_file, delimiter=",", names=True)
        growth = np.diff(np.log(table["product"]))
        np.testing.assert_allclose(growth, 0.01 * table["a"][1:], atol=1e-14)

    def test_one_column_has_rate_zero(self, table_file: Path) -> None:
        result = run("series", table_file, "--columns", "a", *FEW, "--json")
        if result.exit_code == 0:
            assert strict_json(result.stdout)["rate"] == 0
        else:
            assert_error(result)

    def test_parquet(self, table_file: Path, tmp_path: Path) -> None:
        pandas = pytest.importorskip("pandas")
        pytest.importorskip("pyarrow")
        path = tmp_path / "table.parquet"
        pandas.read_csv(table_file).to_parquet(path)
        words = ("--columns", "a,b", *FEW, "--json")
        from_parquet = strict_json(run("series", path, *words).stdout)
        from_csv = strict_json(run("series", table_file, *words).stdout)
        assert from_parquet["rate"] == pytest.approx(from_csv["rate"], rel=1e-12)

    @pytest.mark.parametrize("suffix", [".json", ".npz"])
    def test_saved_machine_has_the_rate(
        self, table_file: Path, tmp_path: Path, suffix: str
    ) -> None:
        path = tmp_path / f"machine{suffix}"
        words = ("--columns", "a,b", *FEW, "--json", "--save-machine", path)
        found = strict_json(run("series", table_file, *words).stdout)
        assert found["written"] == [str(path)]
        again = strict_json(run("kalman", path, "--json").stdout)
        assert again["rate"] == pytest.approx(found["rate"], rel=1e-14)

    def test_plot(self, table_file: Path, tmp_path: Path) -> None:
        pytest.importorskip("matplotlib")
        path = tmp_path / "rate.png"
        result = run("series", table_file, "--columns", "a,b", *FEW, "--plot", path)
        assert result.exit_code == 0, result.stderr
        assert path.read_bytes().startswith(b"\x89PNG")
        assert list(tmp_path.iterdir()) == [path]

    @pytest.mark.parametrize(
        ("content", "named"),
        [
            ("", "empty"),
            ("a,b\n", "no rows"),
            ("a,b\n1,2\n3,\n", "'b'"),
            ("a,b\n1,2\nx,1\n", "'a'"),
            ("a,b\n1,inf\n2,1\n", "'b'"),
            ("a,b\n1,2\n2,2\n3,2\n", "constant"),
            ("a,b\n1,2\n2,1\n", "rows"),
            ("1,2\n2,1\n", "header"),
        ],
    )
    def test_bad_tables(self, tmp_path: Path, content: str, named: str) -> None:
        path = tmp_path / "table.csv"
        path.write_text(content)
        assert_error(run("series", path, *FEW), named)

    @pytest.mark.parametrize(
        ("words", "named"),
        [
            (["--columns", "a,none"], "none"),
            (["--columns", ""], "columns"),
            (["--index", "none"], "none"),
            ([], "'day'"),
            (["--columns", "a,b", "--transform", "root"], "--transform"),
            (["--columns", "a,b", "--criterion", "best"], "--criterion"),
            (["--columns", "a,b", "--max-lags", "0"], "--max-lags"),
            (["--columns", "a,b", "--max-lags", "150"], "max_lags"),
            (["--columns", "a,b", "--bootstrap", "1"], "--bootstrap"),
            (["--columns", "a,b", "--surrogates", "0"], "--surrogates"),
            (["--columns", "a,b", "--confidence", "1"], "--confidence"),
            (["--columns", "a,b", "--confidence", "nan"], "--confidence"),
            (["--columns", "a,b", "--save-machine", "machine.txt"], "--save-machine"),
            (["--columns", "a,b", "--plot", "nowhere/rate.png"], "--plot"),
        ],
    )
    def test_bad_options(self, table_file: Path, words: list[str], named: str) -> None:
        assert_error(run("series", table_file, *words), named)

    def test_no_such_file(self, tmp_path: Path) -> None:
        assert_error(run("series", tmp_path / "none.csv"), "none.csv")


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
