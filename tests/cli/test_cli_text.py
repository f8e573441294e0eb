"""``entroprod text``: options, rows, and runs that are broken off."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

from cli_runs import assert_error, run, strict_json
from text_machines import CharacterMachine

import entroprod as ep
from entroprod.cli import text as command
from entroprod.text import read_results, score_texts
from entroprod.text.journal import Journal

GROUPS = {
    "causal": ["a bad cab. he fed a hag. a dab!", "gag. a bag. beef!", "ed. ab. ba.", "a. be. ad."],
    "other": ["dad had a bag.", "feed a bee. bad", "abc", "cab? deaf. bad."],
}


class Loaded(CharacterMachine):
    """What the options of a run ask for, and a test of numerics."""

    def __init__(self, model: str, **options: Any) -> None:
        super().__init__()
        self.model = model
        self.options = options

    def self_test(self, texts: Any) -> Any:
        content = {
            "n_sequences": len(texts),
            "rms_per_sequence": 2e-7,
            "max_per_sequence": 5e-7,
            "dtype": "float32",
            "device": "cpu",
        }
        return SimpleNamespace(**content, to_dict=lambda: content)

    def provenance(self) -> dict[str, Any]:
        return {**super().provenance(), "model": self.model, **self.options}


@pytest.fixture(autouse=True)
def machines(monkeypatch: pytest.MonkeyPatch) -> list[Loaded]:
    """The machines that were loaded."""
    loaded: list[Loaded] = []

    def load(model: str, **options: Any) -> Loaded:
        loaded.append(Loaded(model, **options))
        return loaded[-1]

    monkeypatch.setattr(command, "load_machine", load)
    return loaded


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "stories.json"
    path.write_text(json.dumps({"metadata": {"by": "hand"}, **GROUPS}))
    return path


def words_of(file: Path, *more: object, name: str = "table.parquet") -> tuple[object, ...]:
    output = file.with_name(name)
    return ("text", file, "--model", "tiny", "--output", output, *more)


class TestText:
    def test_rows(self, file: Path) -> None:
        result = run(*words_of(file))
        assert result.exit_code == 0, result.stderr
        for words in (
            f"8 from {file}",
            "tiny",
            "Token reversal",
            "nats per token",
            "Block reversal",
            "2 of a single block",
            "1 end after their last sentence end",
            "no delimiter",
            f"Written: {file.with_name('table.parquet')}",
        ):
            assert words in result.stdout
        table = read_results(file.with_name("table.parquet"))
        expected = score_texts(CharacterMachine(), GROUPS).table
        np.testing.assert_array_equal(table.sigma_block, expected.sigma_block)
        assert table.attrs["provenance"]["metadata"] == {"by": "hand"}

    def test_json(self, file: Path) -> None:
        result = run(*words_of(file, "--json", "--compare", "--self-test", name="table.csv"))
        assert result.exit_code == 0, result.stderr
        found = strict_json(result.stdout)
        assert found["command"] == "text"
        assert found["n_texts"] == 8
        assert found["seed"] is None
        assert found["averages"]["block"]["skip_reasons"] == {"no delimiter in it": 1}
        assert found["provenance"]["texts"]["n"] == 8
        assert found["comparison"]["comparisons"][1]["n_first"] == 4
        assert found["self_test"]["n_sequences"] == 8
        assert found["written"] == [str(file.with_name("table.csv"))]

    def test_options_reach_the_machine_and_the_run(
        self, file: Path, machines: list[Loaded]
    ) -> None:
        words = words_of(
            file, "--device", "cpu", "--dtype", "float64", "--temperature", "2", "--first-token",
            "<s>", "--window", "16", "--delimiters", "!", "--sentences-per-block", "2",
            "--batch-size", "3", "--json",
        )  # fmt: skip
        found = strict_json(run(*words).stdout)
        assert machines[0].options == {
            "device": "cpu",
            "dtype": "float64",
            "temperature": 2.0,
            "first_token": "<s>",
            "window": 16,
        }
        settings = {"delimiters": "!", "per_block": 2, "batch_size": 3}
        assert found["provenance"]["settings"] == settings

    def test_columns(self, tmp_path: Path) -> None:
        path = tmp_path / "t.csv"
        path.write_text("story,kind,no\na. b.,x,1\nb. a.,y,2\n")
        columns = ("--text-column", "story", "--group-column", "kind", "--id-column", "no")
        result = run(*words_of(path, *columns))
        assert result.exit_code == 0, result.stderr
        table = read_results(tmp_path / "table.parquet")
        assert list(table.group) == ["x", "y"]
        assert list(table.id) == ["1", "2"]
        path = tmp_path / "t.txt"
        path.write_text("a.\nb.\n\nc.\n")
        result = run(*words_of(path, "--paragraphs", name="other.csv"))
        assert list(read_results(tmp_path / "other.csv").text) == ["a. b.", "c."]

    def test_compare_and_plot(self, file: Path) -> None:
        pytest.importorskip("matplotlib")
        picture = file.with_name("groups.png")
        result = run(*words_of(file, "--plot", picture))
        assert result.exit_code == 0, result.stderr
        assert picture.read_bytes().startswith(b"\x89PNG")
        for words in ("causal against other", "U = ", "Holm", "median of 4 in causal", "Note"):
            assert words in result.stdout
        assert f"Written: {picture}" in result.stdout

    def test_samples(self, tmp_path: Path) -> None:
        output = tmp_path / "samples.parquet"
        words = ("text", "--model", "tiny", "--output", output, "--sample", 40, "--length", 12)
        result = run(*words)
        assert result.exit_code == 0, result.stderr
        for part in ("40 drawn with seed", "E[e^-sigma]", "1 in theory", "don't trust it"):
            assert part in result.stdout
        first = read_results(output)
        seed = first.attrs["provenance"]["samples"]["seed"]
        assert set(first.n_tokens) == {12}
        found = strict_json(run(*words, "--overwrite", "--seed", seed, "--json").stdout)
        assert found["seed"] == seed
        assert found["averages"]["token"]["fluctuation_error"] > 0
        assert read_results(output).equals(first)

    def test_many_reasons(self, tmp_path: Path) -> None:
        path = tmp_path / "t.txt"
        path.write_text("\n".join([*"lmnopqrs", "a. b.", ""]))
        result = run(*words_of(path, "--self-test"))
        assert result.exit_code == 0, result.stderr
        assert result.stdout.count("without a token") == 10
        assert result.stdout.count("other reasons, told in the output") == 2
        assert "± 2e-07 nats on sigma" in result.stdout
        assert "1 texts scored twice, float32 on cpu" in result.stdout
        path.write_text("\n".join("12345678"))
        result = run(*words_of(path, name="numbers.csv"))
        assert result.stdout.count("for example: has the character '1' without a token") == 2
        path.write_text("\n".join("lmn"))
        words = words_of(path, "--self-test", name="none.csv")
        assert_error(run(*words), "--self-test", "no text with a value")


class TestBrokenOff:
    def break_off(self, n_batches: int, monkeypatch: pytest.MonkeyPatch, *words: object) -> Any:
        append, done = Journal.append, 0

        def count(self: Journal, rows: Any) -> None:
            nonlocal done
            if done == n_batches:
                raise KeyboardInterrupt
            append(self, rows)
            done += 1

        with monkeypatch.context() as patch:
            patch.setattr(Journal, "append", count)
            return run(*words)

    def test_goes_on(self, file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = file.with_name("whole.parquet")
        assert run(*words_of(file, "--batch-size", 2, name="whole.parquet")).exit_code == 0
        words = words_of(file, "--batch-size", 2)
        result = self.break_off(3, monkeypatch, *words)
        assert result.exit_code == 130
        assert result.stderr == (
            f"What was done is in {file.with_name('table.parquet.journal')}: go on with "
            "--resume.\nInterrupted.\n"
        )
        assert len(read_results(file.with_name("table.parquet"))) == 6
        assert_error(run(*words), "--resume", "--overwrite", "table.parquet.journal")
        result = run(*words, "--resume")
        assert result.exit_code == 0, result.stderr
        assert "6 of them by an earlier run" in result.stdout
        assert file.with_name("table.parquet").read_bytes() == whole.read_bytes()
        assert_error(run(*words), "is there already", "--overwrite")
        assert_error(run(*words, "--resume"), "nothing to resume", "finished run")

    def test_samples_keep_their_seed(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        output = tmp_path / "t.csv"
        words = ("text", "--model", "tiny", "--output", output, "--sample", 40, "--length", 12)
        self.break_off(1, monkeypatch, *words)
        result = run(*words, "--resume", "--json")
        assert result.exit_code == 0, result.stderr
        found = strict_json(result.stdout)
        assert found["n_resumed"] == 16
        again = read_results(output)
        run(*words, "--overwrite", "--seed", found["seed"])
        assert read_results(output).equals(again)

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (("--model", "other"), ()),
            (("--temperature", "2"), ("another run", "machine.temperature was 1.0 and is now 2.0")),
            (("--delimiters", "."), ("settings.delimiters",)),
            (("--batch-size", "3"), ("settings.batch_size",)),
        ],
    )
    def test_other_runs(
        self,
        file: Path,
        monkeypatch: pytest.MonkeyPatch,
        change: tuple[str, ...],
        words: tuple[str, ...],
    ) -> None:
        self.break_off(2, monkeypatch, *words_of(file, "--batch-size", 2))
        result = run(*words_of(file, "--batch-size", 2, "--resume", *change))
        if words:
            assert "belongs to another run" in result.stderr
            assert "go on with --resume" not in result.stderr
            assert result.exit_code == 2
            for word in words:
                assert word in result.stderr
        else:  # the folder of the model has moved
            assert result.exit_code == 0


@pytest.mark.parametrize(
    ("words", "named"),
    [
        (["--sample", "3"], ("FILE or --sample", "both")),
        (["--length", "3"], ("--sample and --length",)),
        (["--seed", "3"], ("--seed", "--sample")),
        (["--batch-size", "0"], ("--batch-size",)),
        (["--sentences-per-block", "0"], ("--sentences-per-block",)),
        (["--dtype", "int8"], ("--dtype",)),
        (["--window", "1"], ("--window",)),
        (["--text-column", "story"], ()),
        (["--paragraphs"], ("--paragraphs", ".txt")),
        (["--resume"], ("nothing to resume",)),
        (["--resume", "--overwrite"], ("exclude each other",)),
        (["--delimiters", ""], ("--delimiters must not be empty",)),
        (["--batch-size", str(10**20)], ("--batch-size must",)),
        (["--sentences-per-block", str(10**20)], ("--sentences-per-block must",)),
        (["--plot", "groups.txt"], ("--plot", ".png")),
    ],
)
def test_bad_options(
    file: Path, machines: list[Loaded], words: list[str], named: tuple[str, ...]
) -> None:
    result = run(*words_of(file, *words))
    if named:
        assert_error(result, *named)
    assert not list(file.parent.glob("*.journal"))


def test_nothing_is_loaded_in_vain(file: Path, tmp_path: Path, machines: list[Loaded]) -> None:
    """What can be known to fail fails before the model is there."""
    output = tmp_path / "t.csv"
    some = ("--model", "tiny", "--output", output)
    alone = tmp_path / "one.txt"
    alone.write_text("a. b.\n")
    broken = tmp_path / "broken.json"
    broken.write_text('{"a": [')
    table = tmp_path / "t.jsonl"
    table.write_text('{"words": "a."}\n')
    assert_error(run("text", *some), "FILE or --sample", "neither")
    assert_error(run("text", tmp_path / "none.txt", *some), "none.txt")
    assert_error(run("text", broken, *some), "broken JSON", "line 1")
    assert_error(run("text", table, *some), "--text-column 'text'", "'words'", "line 1")
    assert_error(run("text", alone, *some, "--compare"), "--compare", "two groups", "none")
    assert_error(run("text", file, "--model", "tiny", "--output", "t.xlsx"), "--output", ".csv")
    nowhere = tmp_path / "no" / "t.csv"
    assert_error(run("text", file, "--model", "tiny", "--output", nowhere), "--output", "no")
    sampling = ("--sample", 3, "--length", 3, "--compare")
    assert_error(run("text", *some, *sampling), "--compare", "samples")
    output.write_text("precious")
    assert_error(run("text", file, *some), "t.csv", "--overwrite")
    assert output.read_text() == "precious"
    assert machines == []


@pytest.mark.parametrize("suffix", [".csv", ".csv.journal", ".csv.provenance.json"])
def test_the_texts_are_not_overwritten(tmp_path: Path, machines: list[Loaded], suffix: str) -> None:
    """Not even with --overwrite, under whatever name."""
    texts = tmp_path / f"t{'.csv' if suffix == '.csv.journal' else suffix}"
    texts.write_text('["a. b."]' if texts.suffix == ".json" else "text\na. b.\n")
    content = texts.read_bytes()
    output = tmp_path / "t.csv"
    if suffix == ".csv.journal":
        output = tmp_path / "other.csv"
        output.with_name("other.csv.journal").symlink_to(texts)
    result = run("text", texts, "--model", "tiny", "--output", output, "--overwrite")
    assert_error(result, "--output", "would replace the texts")
    assert texts.read_bytes() == content
    assert not machines


def test_two_pictures_of_one_name(file: Path, machines: list[Loaded]) -> None:
    plots = ("--plot", "p.png", "--block-scales", "1", "--block-scale-plot", "./p.png")
    assert_error(run(*words_of(file, *plots)), "--plot and --block-scale-plot", "p.png")
    assert not machines


def test_the_command_is_listed() -> None:
    assert "text" in run("--help").stdout
    assert ep.compare_groups is not None
