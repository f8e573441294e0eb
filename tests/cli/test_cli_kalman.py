"""``entroprod kalman``: machines from files and options, lists, pictures, and bad input."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")

from cli_runs import SCALAR, STATE_SPACE, assert_error, options_of, run, strict_json

import entroprod as ep

# [S26 Fig 5], two-dimensional machine, T = 10.
PUBLISHED_TOTAL = 0.7582920873
# Half a unit in the last printed decimal, and of the slope of two values.
PRINTED, PRINTED_SLOPE = 5.1e-11, 1e-10
# The sum of six doubles in two orders.
SUMMED = 1e-12


def damaged_npz(damage: str) -> bytes:
    """An archive whose directory is sound, but not what it lists."""
    header = b"{'descr': '<f8', 'fortran_order': False, "
    header += b"'shape': (1000000000, 1000000), }" if damage == "size" else b""
    header = header.ljust(117) + b"\n"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        length = len(header).to_bytes(2, "little")
        archive.writestr("transition.npy", b"\x93NUMPY\x01\x00" + length + header + bytes(8))
    content = bytearray(stream.getvalue())
    entry = content.find(b"PK\x01\x02")
    if damage == "method":  # in the local header and in the directory
        content[8] = content[entry + 10] = 99
    elif damage == "encrypted":
        content[6] |= 1
        content[entry + 8] |= 1
    return bytes(content)


@pytest.fixture
def machine_file(tmp_path: Path) -> Path:
    """State-space matrices as the command line reads them."""
    path = tmp_path / "machine.json"
    path.write_text(json.dumps(STATE_SPACE))
    return path


class TestKalman:
    def test_published_value(self, machine_file: Path) -> None:
        result = run("kalman", machine_file, "-T", 10, "--json")
        assert result.exit_code == 0
        found = strict_json(result.stdout)
        assert found["command"] == "kalman"
        assert found["n_steps"] == 10
        assert found["total"] == pytest.approx(PUBLISHED_TOTAL, abs=PRINTED)
        assert found["rate"] == pytest.approx(0.06539430656, abs=PRINTED_SLOPE)

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
        assert table["entropy_production"][-1] == pytest.approx(table["per_step"].sum(), rel=SUMMED)

    @pytest.mark.parametrize("words", [("--json",), ()])
    def test_long_lists_are_written_in_pieces(
        self, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
    ) -> None:
        options = ("kalman", *SCALAR, "-T", 50, "--per-step", "--curve", *words)
        at_once = run(*options)
        monkeypatch.setattr("entroprod.cli.report._CHUNK", 7)
        in_pieces = run(*options)
        assert in_pieces.exit_code == 0
        # Widths of a table in pieces are those of the widest numbers that there can be.
        assert in_pieces.stdout.split() == at_once.stdout.split()
        if words:
            assert in_pieces.stdout == at_once.stdout
            found = strict_json(at_once.stdout)
            assert len(found["curve"]) == len(found["per_step"]) == 50

    def test_csv_is_written_in_pieces(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        at_once, in_pieces = tmp_path / "at_once.csv", tmp_path / "in_pieces.csv"
        run("kalman", *SCALAR, "--csv", at_once)
        monkeypatch.setattr("entroprod.cli.report._CHUNK", 7)
        run("kalman", *SCALAR, "--csv", in_pieces)
        assert in_pieces.read_text() == at_once.read_text()
        assert at_once.read_text().count("\n") == 51

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

    @pytest.mark.parametrize("damage", ["method", "encrypted", "header", "size"])
    def test_damaged_npz(self, tmp_path: Path, damage: str) -> None:
        path = tmp_path / "machine.npz"
        path.write_bytes(damaged_npz(damage))
        error = run("kalman", path)
        assert_error(error, str(path))
        assert "fault of entroprod" not in error.stderr

    def test_json_with_thousands_of_digits(self, tmp_path: Path) -> None:
        path = tmp_path / "machine.json"
        path.write_text('{"transition": ' + "1" * 6000 + "}")
        assert_error(run("kalman", path), str(path), "not a readable .json file")

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

    @pytest.mark.parametrize("option", ["--per-step", "--curve", "--csv"])
    def test_lists_that_do_not_fit_are_refused_before_the_work(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
    ) -> None:
        monkeypatch.setattr("entroprod.boundary.memory.available_memory", lambda: 2**30)
        words = [option, tmp_path / "table.csv"] if option == "--csv" else [option]
        result = run("kalman", *SCALAR, "-T", 10**9, *words)
        assert_error(result, "--n-steps", "1,000,000,000 steps", "GiB of memory is available")
        assert not list(tmp_path.iterdir())

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
