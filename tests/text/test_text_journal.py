"""Journals that were changed: refused, or gone on with to the very same table."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

from text_machines import CharacterMachine
from text_run_process import BATCH, sample, score

from entroprod.text import journal, read_results, score_texts, storage, table
from entroprod.text.journal import Journal

N_BATCHES = 7


class Stop(BaseException):
    """Breaks off as a signal does: nothing catches it."""


@pytest.fixture(scope="module")
def machine() -> CharacterMachine:
    return CharacterMachine()


def broken_off(
    scoring: Callable[..., Any], machine: CharacterMachine, output: Path
) -> tuple[Path, list[bytes]]:
    """A run's journal after some batches, and its lines."""

    def stop(done: int, total: int) -> None:
        if done == N_BATCHES * BATCH:
            raise Stop

    with pytest.raises(Stop):
        scoring(machine, output, progress=stop)
    path = output.with_name(f"{output.name}.journal")
    lines = path.read_bytes().splitlines(keepends=True)
    assert len(lines) == 1 + N_BATCHES
    return path, lines


@pytest.fixture(scope="module")
def content(machine: CharacterMachine, tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    output = tmp_path_factory.mktemp("broken") / "table.parquet"
    return broken_off(score, machine, output)[1]


@pytest.fixture(scope="module")
def whole(machine: CharacterMachine, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    output = tmp_path_factory.mktemp("whole") / "table.parquet"
    score(machine, output)
    return output.read_bytes()


def stored(folder: Path, lines: Iterable[bytes]) -> Path:
    """Output whose journal consists of these lines."""
    output = folder / "table.parquet"
    output.with_name(f"{output.name}.journal").write_bytes(b"".join(lines))
    return output


def sealed(contents: Iterable[Any]) -> list[bytes]:
    """Lines with the checksums that belong to them."""
    lines, checksum = [], 0
    for each in contents:
        text = json.dumps(each, separators=(",", ":")).encode()
        checksum = zlib.crc32(text, checksum)
        lines.append(b"%08x %b\n" % (checksum, text))
    return lines


def opened(lines: Iterable[bytes]) -> list[Any]:
    return [json.loads(line[9:]) for line in lines]


def orders() -> dict[str, list[int]]:
    """Whole lines lost, doubled or moved, wherever that may be, by name."""
    plain = list(range(1 + N_BATCHES))
    changed = {"the header lost": plain[1:], "the header doubled": [0, *plain]}
    for i in plain[1:]:
        changed[f"{i} doubled"] = [*plain[: i + 1], *plain[i:]]
        changed[f"{i} at the end again"] = [*plain, i]
        if i < N_BATCHES:
            changed[f"{i} lost"] = [*plain[:i], *plain[i + 1 :]]
            changed[f"{i} swapped"] = [*plain[:i], i + 1, i, *plain[i + 2 :]]
    changed["ends swapped"] = [0, N_BATCHES, *plain[2:-1], 1]
    return changed


@pytest.mark.parametrize("order", orders().values(), ids=orders())
def test_lines_lost_doubled_or_moved_are_refused(
    machine: CharacterMachine, tmp_path: Path, content: list[bytes], order: list[int]
) -> None:
    changed = [content[i] for i in order]
    output = stored(tmp_path, changed)
    with pytest.raises(ValueError, match=r"damaged: line \d doesn't have the checksum"):
        score(machine, output, resume=True)
    assert output.with_name("table.parquet.journal").read_bytes() == b"".join(changed)
    assert not output.exists()


@pytest.mark.parametrize("kept", range(1 + N_BATCHES))
def test_without_its_last_lines_the_run_does_them_again(
    machine: CharacterMachine, tmp_path: Path, content: list[bytes], whole: bytes, kept: int
) -> None:
    output = stored(tmp_path, content[:kept])
    assert score(machine, output, resume=True).n_resumed == max(kept - 1, 0) * BATCH
    assert output.read_bytes() == whole


def change(contents: list[Any], line: int, edit: Callable[[Any], None]) -> list[Any]:
    changed: list[Any] = json.loads(json.dumps(contents))
    edit(changed[line])
    return changed


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda line: line["rows"].pop(), "line 3 holds 3 rows where 4 belong"),
        (lambda line: line["rows"].append(line["rows"][0]), "line 3 holds 5 rows where 4"),
        (lambda line: line["rows"].reverse(), "line 3 doesn't hold the rows 4 to 7"),
        (lambda line: line["rows"][1].update(index=4), "line 3 doesn't hold the rows 4 to 7"),
        (lambda line: line["rows"][1].update(text="a."), "line 3 holds another text as row 5"),
        (lambda line: line["rows"][1].update(group="z"), "line 3 holds another text as row 5"),
        (lambda line: line["rows"][1].update(id="z"), "line 3 holds another text as row 5"),
        (lambda line: line["rows"][1].pop("sigma_block"), "line 3 holds rows of other columns"),
        (lambda line: line["rows"][1].update(extra=1), "line 3 holds rows of other columns"),
        (lambda line: line.update(rows=[1, 2, 3, 4]), "line 3 holds no rows"),
        (lambda line: line.update(rows=None), "line 3 holds no rows"),
        (lambda line: line.clear(), "line 3 holds no rows"),
    ],
)
def test_other_rows_are_refused_whatever_their_checksums(
    machine: CharacterMachine,
    tmp_path: Path,
    content: list[bytes],
    edit: Callable[[Any], None],
    words: str,
) -> None:
    assert sealed(opened(content)) == content
    output = stored(tmp_path, sealed(change(opened(content), 2, edit)))
    with pytest.raises(ValueError, match=f"damaged: {words}"):
        score(machine, output, resume=True)


@pytest.mark.parametrize("header", [[], 3, "x", None])
def test_lines_of_other_things_are_refused(
    machine: CharacterMachine, tmp_path: Path, header: Any
) -> None:
    output = stored(tmp_path, sealed([header, {"rows": []}]))
    with pytest.raises(ValueError, match="is no journal: line 1 holds no object"):
        score(machine, output, resume=True)


def test_more_rows_than_texts_are_refused(
    machine: CharacterMachine, tmp_path: Path, content: list[bytes]
) -> None:
    header, first, *_ = opened(content)
    header["texts"] = {"n": 1, "sha256": None}
    with pytest.raises(ValueError, match="belongs to another run"):
        score(machine, stored(tmp_path, sealed([header, first])), resume=True)
    path, lines = broken_off(sample, machine, tmp_path / "samples.csv")
    contents = opened(lines)
    path.write_bytes(b"".join(sealed([*contents, contents[-1]])))
    with pytest.raises(ValueError, match=r"line 9 doesn't hold the rows 28 to 31"):
        sample(machine, tmp_path / "samples.csv", resume=True)


def test_a_journal_of_an_older_format_is_refused(machine: CharacterMachine, tmp_path: Path) -> None:
    """In which every line had a checksum of its own."""
    lines = []
    contents: list[Any] = [{"format": "entroprod text journal 1"}, {"rows": []}, {"rows": []}]
    for each in contents:
        text = json.dumps(each, separators=(",", ":")).encode()
        lines.append(b"%08x %b\n" % (zlib.crc32(text), text))
    output = stored(tmp_path, lines)
    with pytest.raises(
        ValueError, match="another version of entroprod: 'entroprod text journal 1'"
    ):
        score(machine, output, resume=True)
    score_texts(machine, ["a."], output=output, overwrite=True)


class TestNames:
    def test_links_are_not_followed(self, machine: CharacterMachine, tmp_path: Path) -> None:
        stranger = tmp_path / "stranger"
        stranger.write_text("precious")
        output = tmp_path / "table.parquet"
        link = output.with_name("table.parquet.journal")
        link.symlink_to(stranger)
        for resume in (True, False):
            with pytest.raises(ValueError, match=r"journal .* must be a regular file"):
                score_texts(machine, ["a."], output=output, resume=resume, overwrite=not resume)
        link.unlink()
        output.with_name(".table.parquet.partial").symlink_to(stranger)
        score_texts(machine, ["a."], output=output)
        assert stranger.read_text() == "precious"
        assert set(tmp_path.iterdir()) == {stranger, output}

    def test_pipes_are_no_journals(self, machine: CharacterMachine, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "table.csv.journal")
        with pytest.raises(ValueError, match="must be a regular file"):
            score_texts(machine, ["a."], output=tmp_path / "table.csv", overwrite=True)

    def test_outputs_are_regular_files(self, machine: CharacterMachine, tmp_path: Path) -> None:
        output = tmp_path / "table.csv"
        for target in ("/dev/null", output):
            output.symlink_to(target)
            with pytest.raises(ValueError, match=r"output .* must be a regular file"):
                score_texts(machine, ["a."], output=output, overwrite=True)
            output.unlink()
        output.symlink_to(tmp_path / "real.csv")
        score_texts(machine, ["a."], output=output)
        assert output.is_symlink()
        assert len(read_results(tmp_path / "real.csv")) == 1


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda rows: rows[2].update(sigma_token=0.0), "isn't what was written, from row 0 on"),
        (lambda rows: rows[2]["tokens"].reverse(), "isn't what was written, from row 0 on"),
        (lambda rows: rows[7].update(skipped_block="x"), "isn't what was written, from row 0 on"),
        (lambda rows: rows[-1].update(index=200), "isn't what was written, from row 0 on"),
        (lambda rows: rows.insert(5, rows[4]), "isn't what was written, from row 0 on"),
        (lambda rows: rows.pop(), "isn't what was written, from row 0 on"),
        (lambda rows: rows.append(rows[0]), "holds 109 rows instead of 108"),
    ],
)
def test_the_finished_table_is_checked_against_the_journal(
    machine: CharacterMachine,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole: bytes,
    suffix: str,
    edit: Callable[[list[Any]], None],
    words: str,
) -> None:
    output = tmp_path / f"table{suffix}"
    write = table.write_results

    def write_another(path: Path, batches: Iterable[list[Any]], provenance: dict[str, Any]) -> None:
        rows = [row for batch in batches for row in batch]
        edit(rows)
        write(path, [rows], provenance)

    with monkeypatch.context() as patch:
        patch.setattr(storage, "write_results", write_another)
        with pytest.raises(OSError, match=words):
            score(machine, output)
    path = output.with_name(f"{output.name}.journal")
    assert sum(len(line.content.get("rows", [])) for line in journal._lines(path)) == 108
    assert score(machine, output, resume=True).n_resumed == 108
    if suffix == ".parquet":
        assert output.read_bytes() == whole


def test_what_a_killed_run_left_beside_the_output_goes(
    machine: CharacterMachine, tmp_path: Path
) -> None:
    output = tmp_path / "table.csv"
    for name in (".table.csv.probe", ".table.csv.partial"):
        output.with_name(name).write_bytes(b"half")
    score_texts(machine, ["a."], output=output)
    assert {path.name for path in tmp_path.iterdir()} == {
        "table.csv",
        "table.csv.provenance.json",
    }


def test_a_torn_last_line_is_told_from_one_that_stands_there_twice(tmp_path: Path) -> None:
    """The batch of a torn one is done again; its sectors may come in any order."""
    path = tmp_path / "j"
    lines = sealed([{"format": journal._FORMAT, "x": 1}, {"rows": [{"a": 1}]}, {"rows": []}])
    for torn in (lines[2][:-1], lines[2][:15], bytes(len(lines[2]) - 1) + b"\n", b"x\n"):
        path.write_bytes(b"".join(lines[:2]) + torn)
        Journal.resume(path, {"x": 1}).close()
        assert path.read_bytes() == b"".join(lines[:2])
    path.write_bytes(b"".join([*lines, lines[2]]))
    with pytest.raises(ValueError, match="damaged: line 4"):
        Journal.resume(path, {"x": 1})
