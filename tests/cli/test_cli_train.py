"""``entroprod train``: from a file to a folder with a model."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("typer")
pytest.importorskip("rich")
pytest.importorskip("torch")
pytest.importorskip("transformers")

from cli_runs import assert_error, run, strict_json

from entroprod.cli.train import Unit, read_plain_texts

FEW = ("--layers", 1, "--width", 16, "--context", 16, "--vocabulary", 300, "--batch", 4)
SENTENCES = "The sun rose. The birds sang. The sun set. The birds slept.\n"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "text.txt"
    path.write_text((SENTENCES * 10 + "\n") * 10)
    return path


class TestTrain:
    def test_summary(self, file: Path, tmp_path: Path) -> None:
        folder = tmp_path / "model"
        result = run("train", file, "--output", folder, "--n-steps", 3, *FEW)
        assert result.exit_code == 0, result.stderr
        for words in ("10 texts", "gpt2 of", "nats per token", "Held-out", f"Written: {folder}"):
            assert words in result.stdout
        assert (folder / "model.safetensors").is_file()

    def test_json(self, file: Path, tmp_path: Path) -> None:
        words = ("train", file, "--output", tmp_path / "model", "--n-steps", 2, *FEW)
        result = run(*words, "--texts-are", "lines", "--seed", 3, "--json")
        assert result.exit_code == 0, result.stderr
        found = strict_json(result.stdout)
        assert found["n_texts"] == 100
        assert len(found["losses"]) == 2
        assert found["seed"] == 3

    def test_errors(self, file: Path, tmp_path: Path) -> None:
        short = tmp_path / "short.txt"
        short.write_text("Too short.")
        output = ("--output", tmp_path / "model")
        assert_error(run("train", short, *output), "at least", "tokens")
        assert_error(run("train", tmp_path / "none.txt", *output), "none.txt")
        assert_error(run("train", file, "--output", tmp_path), "folder must be empty")
        assert_error(run("train", file, *output, "--width", 9), "width")
        assert_error(run("train", file, *output, "--architecture", "bert"), "--architecture")
        assert_error(run("train", file), "--output")


class TestFiles:
    def test_units(self, tmp_path: Path) -> None:
        path = tmp_path / "text.txt"
        path.write_bytes(b"\xef\xbb\xbfOne\ntwo.\r\n\r\n  \nThree.\n")
        assert read_plain_texts(path, Unit.PARAGRAPHS) == ["One two.", "Three."]
        assert read_plain_texts(path, Unit.LINES) == ["One", "two.", "Three."]
        assert len(read_plain_texts(path, Unit.WHOLE)) == 1

    def test_tables(self, tmp_path: Path) -> None:
        with pytest.raises(ValueError, match="plain text"):
            read_plain_texts(tmp_path / "texts.json", Unit.LINES)

    def test_no_text(self, tmp_path: Path) -> None:
        path = tmp_path / "text.txt"
        path.write_text(" \n\n")
        with pytest.raises(ValueError, match="holds no text"):
            read_plain_texts(path, Unit.PARAGRAPHS)
        path.write_bytes(b"caf\xe9")
        with pytest.raises(ValueError, match="not UTF-8: byte 0xe9 at position 3"):
            read_plain_texts(path, Unit.PARAGRAPHS)
