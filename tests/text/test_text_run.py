"""Scoring texts: rows that are right, and a run that nothing can make forget what it has done."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("pandas")
pytest.importorskip("pyarrow")

import pandas as pd
from text_machines import SOME_TEXTS, CharacterMachine
from text_run_process import BATCH, TEXTS, sample, score

import entroprod as ep
from entroprod.text import (
    averages,
    journal,
    read_results,
    score_samples,
    score_texts,
    storage,
    table,
)
from entroprod.text.journal import Journal

# Sums of some dozens of logarithms in another order.
ROUNDING = 1e-12
Scoring = Callable[..., Any]


def journal_of(output: Path) -> Path:
    return output.with_name(output.name + ".journal")


def by_definition(machine: CharacterMachine, text: str) -> tuple[float, float | None, int]:
    """Sigma of both reversals, from strings and single probabilities."""

    def log_p(string: str) -> float:
        ids = machine.encode([string[1:]])[0].tolist()
        before = [0, *ids[:-1]]
        return float(sum(np.log(machine.transition[a, b]) for a, b in zip(before, ids)))

    def log_p_any(string: str) -> float:
        # encode puts a space in front, which a reordered text may not begin with.
        ids = [CharacterMachine().encode([one])[0][1] for one in string]
        return float(sum(np.log(machine.transition[a, b]) for a, b in zip([0, *ids], ids)))

    whole = " " + text
    sigma_token = log_p(whole) - log_p_any(whole[::-1])
    sentences, current = [], ""
    for one in whole:
        current += one
        if one in ".!?":
            sentences.append(current)
            current = ""
    if not sentences:
        return sigma_token, None, 0
    kept = "".join(sentences)
    sigma_block = log_p(kept) - log_p_any("".join(reversed(sentences)))
    return sigma_token, sigma_block, len(sentences)


def rows_of(scored: pd.DataFrame, reasons: str) -> list[Any]:
    """Rows that have no reason for being skipped."""
    return list(scored[scored[reasons].isna()].itertuples())


@pytest.fixture(scope="module")
def machine() -> CharacterMachine:
    return CharacterMachine()


@pytest.fixture(scope="module")
def scored(machine: CharacterMachine) -> pd.DataFrame:
    return score_texts(machine, {"x": SOME_TEXTS, "y": SOME_TEXTS[::-1]}, batch_size=4).table


class TestRows:
    def test_every_text_has_a_row(self, scored: pd.DataFrame) -> None:
        assert list(scored.text) == [*SOME_TEXTS, *SOME_TEXTS[::-1]]
        assert list(scored.group) == ["x"] * 9 + ["y"] * 9
        assert list(scored.index) == list(range(18))
        assert ["index", *scored.columns] == list(table.COLUMNS)

    def test_by_definition(self, machine: CharacterMachine, scored: pd.DataFrame) -> None:
        for row in rows_of(scored, "skipped_token"):
            token, block, n_blocks = by_definition(machine, row.text)
            assert row.sigma_token == pytest.approx(token, rel=ROUNDING, abs=ROUNDING)
            assert row.n_tokens == len(row.text) + 1
            assert row.sigma_token_per_token == row.sigma_token / row.n_tokens
            if block is None:
                assert np.isnan(row.sigma_block)
                continue
            assert row.n_blocks == n_blocks
            assert row.sigma_block == pytest.approx(block, rel=ROUNDING, abs=ROUNDING)
            kept = row.n_tokens - row.n_cut_off
            assert row.sigma_block_per_token == row.sigma_block / kept

    def test_lists_add_up(self, scored: pd.DataFrame) -> None:
        for row in rows_of(scored, "skipped_block"):
            assert "".join(row.tokens) == " " + row.text
            assert row.per_token_forward.sum() == row.log_forward
            assert row.per_token_token_reversed.sum() == row.log_token_reversed
            assert row.per_token_block_reversed.sum() == row.log_block_reversed
            kept = row.per_token_forward[: row.n_tokens - row.n_cut_off]
            assert kept.sum() == row.log_forward_of_blocks
            assert len(row.block_starts) == row.n_blocks == len(row.sigma_per_block)
            total = row.sigma_per_block.sum()
            assert total == pytest.approx(row.sigma_block, rel=ROUNDING, abs=ROUNDING)

    def test_reasons(self, scored: pd.DataFrame) -> None:
        first = scored.loc[:8]
        assert dict(first.skipped_token.dropna()) == {
            3: "empty text",
            6: "has the character 'l' without a token",
        }
        assert set(first.skipped_block.dropna().index) == {2, 3, 6}
        assert "delimiter" in first.skipped_block[2]
        assert np.isfinite(first.sigma_token[2])
        one_block = first[first.n_blocks == 1]
        assert list(one_block.index) == [4]
        assert (one_block.sigma_block == 0).all()
        assert list(first.n_cut_off[[0, 1]]) == [0, len(" a cab fed a hag")]

    def test_averages(self, scored: pd.DataFrame) -> None:
        token, block = averages(scored)
        assert token.n == 14
        assert token.skip_reasons["empty text"] == 2
        assert block.n == 12
        assert block.n_skipped == 6
        assert block.n_single_block == 2
        assert block.n_cut == 2
        values = scored.sigma_block_per_token.dropna()
        assert block.sigma_per_token == pytest.approx(values.mean(), rel=ROUNDING)
        assert block.sigma_per_token_error == pytest.approx(values.sem(), rel=ROUNDING)
        # Only samples of the machine have E[e^-sigma] = 1.
        assert token.fluctuation is None

    def test_impossible_texts(self) -> None:
        machine = CharacterMachine(impossible=["ba"])
        result = score_texts(machine, ["cab. ed.", "bad. a.", "deed. e."])
        rows = result.table
        assert rows.sigma_token[0] == np.inf
        assert rows.log_token_reversed[0] == -np.inf
        assert "probability 0" in rows.skipped_token[1]
        assert rows.n_tokens[1] == 8
        alone = score_texts(machine, ["deed. e."]).table
        assert rows.sigma_token[2] == alone.sigma_token[0]
        average = result.averages()[0]
        assert average.n_infinite == 1
        assert average.sigma == np.inf
        assert "1 skipped" in repr(result)

    def test_lone_surrogates(self, machine: CharacterMachine) -> None:
        rows = score_texts(machine, ["a\ud800.", "a."]).table
        assert rows.text[0] == "a\\ud800."
        assert "surrogate" in rows.skipped_token[0]
        assert pd.isna(rows.skipped_token[1])

    def test_sentences_together_and_other_delimiters(self, machine: CharacterMachine) -> None:
        text = ["a. b! c? d. e."]
        pairs = score_texts(machine, text, per_block=2).table
        assert pairs.n_blocks[0] == 3
        marks = score_texts(machine, text, delimiters="!?").table
        assert marks.n_blocks[0] == 2
        assert marks.n_cut_off[0] == len(" d. e.")

    def test_nan_is_an_error_that_names_the_text(self) -> None:
        class Broken(CharacterMachine):
            def log_prob(self, sequences: Any) -> Any:
                values = super().log_prob(sequences)
                return np.where(np.asarray(sequences) == 8, np.nan, values)

        class Ragged(Broken):
            """Networks name a sequence by its place in what they are given."""

            def log_prob_ragged(self, sequences: Any) -> Any:
                rows = [self.log_prob(one[np.newaxis])[0] for one in sequences]
                for place, row in enumerate(rows):
                    if np.isnan(row).any():
                        raise ep.NumericalError(f"sequences[{place}] has no log-probability")
                return rows

        texts = ["a."] * 3 + ["a. a.", "a.", "h.", *["a."] * 5]
        for broken in (Broken(), Ragged()):
            with pytest.raises(ep.NumericalError, match="text 5"):
                score_texts(broken, texts, batch_size=4)

        class OfOrders(CharacterMachine):
            """Names one of all the orders that it was given, as networks do."""

            def log_prob(self, sequences: Any) -> np.ndarray:
                found = np.flatnonzero((np.asarray(sequences) == 8).any(axis=-1))
                if found.size:
                    raise ep.NumericalError(f"sequence {found[-1]} has no log-probability")
                return super().log_prob(sequences)

        with pytest.raises(ep.NumericalError, match=r"^text 5 has no log-probability"):
            score_texts(OfOrders(), ["a."] * 5 + ["h."] + ["a."] * 5, batch_size=4)

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            ({"delimiters": ""}, "delimiters"),
            ({"delimiters": 3}, "delimiters"),
            ({"per_block": 0}, "per_block"),
            ({"batch_size": 0}, "batch_size"),
            ({"resume": True}, "output"),
            ({"output": "t.xlsx"}, "suffix"),
            ({"output": "/no/such/folder/t.csv"}, "no directory"),
            ({"output": "t.csv", "resume": 1}, "resume"),
        ],
    )
    def test_bad_arguments(
        self, machine: CharacterMachine, options: dict[str, Any], words: str
    ) -> None:
        with pytest.raises((ValueError, TypeError), match=words):
            score_texts(machine, ["a."], **options)

    def test_other_machines_are_refused(self) -> None:
        chain = ep.FunctionMachine(lambda sequences: np.zeros(np.shape(sequences)), n_symbols=2)
        with pytest.raises(TypeError, match="encode"):
            score_texts(chain, ["a."])


class TestSamples:
    def test_estimates(self, machine: CharacterMachine) -> None:
        result = score_samples(machine, 400, 3, rng=0, batch_size=100)
        assert len(result.table) == 400
        assert set(result.table.n_tokens) == {3}
        token, block = result.averages()
        paths = np.array(list(result.table.token_ids))
        direct = ep.stochastic_entropy_production(machine, paths)
        np.testing.assert_allclose(result.table.sigma_token, direct.sigma, rtol=ROUNDING)
        assert token.fluctuation is not None
        assert token.fluctuation == pytest.approx(np.exp(-direct.sigma).mean(), rel=ROUNDING)
        assert token.fluctuation_error is not None
        weights = np.exp(-direct.sigma)
        effective = weights.sum() ** 2 / (weights**2).sum()
        assert token.effective_sample_size == pytest.approx(effective, rel=ROUNDING)
        # A seeded run; without the seed it fails once in some ten thousand times.
        assert abs(token.fluctuation - 1.0) < 4 * token.fluctuation_error
        assert sum(block.skip_reasons.values()) == result.table.skipped_block.notna().sum() > 0

    def test_batches_have_their_own_numbers(self, machine: CharacterMachine) -> None:
        whole = sample(machine, None).table
        again = sample(machine, None).table
        pd.testing.assert_frame_equal(whole, again, check_exact=True)
        assert whole.text.nunique() > 80

    @pytest.mark.parametrize("rng", [None, 1.5, True, -1])
    def test_seed(self, machine: CharacterMachine, rng: Any) -> None:
        with pytest.raises(TypeError, match="rng"):
            score_samples(machine, 2, 3, rng=rng)


class TestFiles:
    @pytest.mark.parametrize("suffix", [".parquet", ".pq", ".csv"])
    def test_tables_come_back(self, machine: CharacterMachine, tmp_path: Path, suffix: str) -> None:
        texts = [*SOME_TEXTS, "a\r\nb.", "a\x00", 'a "quoted", text', "a\rb", "#a"]
        impossible = CharacterMachine(impossible=["ba"])
        kept = score_texts(impossible, {"x": texts})
        output = tmp_path / f"table{suffix}"
        stored = score_texts(impossible, {"x": texts}, output=output)
        pd.testing.assert_frame_equal(kept.table, stored.table, check_exact=True)
        pd.testing.assert_frame_equal(read_results(output), stored.table, check_exact=True)
        provenance = read_results(output).attrs["provenance"]
        assert provenance == stored.provenance == kept.provenance
        assert provenance["machine"] == impossible.provenance()
        assert not journal_of(output).exists()
        beside = {output} if suffix != ".csv" else {output, table.provenance_path(output)}
        assert set(tmp_path.iterdir()) == beside

    def test_other_files_are_no_tables(self, tmp_path: Path) -> None:
        pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "t.parquet")
        (tmp_path / "t.csv").write_text("a\n1\n")
        (tmp_path / "latin.csv").write_bytes(b"a\ncaf\xe9\n")
        for name in ("t.parquet", "t.csv", "latin.csv"):
            with pytest.raises(ValueError, match="no table of scored texts"):
                read_results(tmp_path / name)
        with pytest.raises(FileNotFoundError):
            read_results(tmp_path / "none.csv")
        with pytest.raises(ValueError, match="suffix"):
            read_results(tmp_path / "t.txt")


class Stop(BaseException):
    """Breaks off as a signal does: nothing catches it."""


def stopped_after(n_batches: int, error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the journal fail when so many batches are stored."""
    append = Journal.append
    done = 0

    def count(self: Journal, rows: Any) -> None:
        nonlocal done
        if done == n_batches:
            raise error
        append(self, rows)
        done += 1

    monkeypatch.setattr(Journal, "append", count)


@pytest.fixture
def interrupted(machine: CharacterMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Output of a run that was killed after 7 batches."""
    output = tmp_path / "table.parquet"
    with monkeypatch.context() as patch:
        stopped_after(7, Stop(), patch)
        with pytest.raises(Stop):
            score(machine, output)
    assert not output.exists()
    assert journal_of(output).exists()
    return output


@pytest.fixture(scope="module")
def whole(machine: CharacterMachine, tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """File of the run that nothing disturbs."""
    output = tmp_path_factory.mktemp("whole") / "table.parquet"
    score(machine, output)
    return output.read_bytes()


class TestResume:
    def test_goes_on_to_the_same_file(
        self, machine: CharacterMachine, interrupted: Path, whole: bytes
    ) -> None:
        calls = []
        result = score(
            machine, interrupted, resume=True, progress=lambda done, total: calls.append(done)
        )
        assert interrupted.read_bytes() == whole
        assert result.n_resumed == calls[0] == 7 * BATCH
        assert calls == sorted(calls)
        assert calls[-1] == len(result.table)
        assert not journal_of(interrupted).exists()

    def test_from_any_byte(
        self, machine: CharacterMachine, interrupted: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Torn anywhere, the journal gives back all complete lines, and takes new ones."""
        content = journal_of(interrupted).read_bytes()
        lines = content.splitlines(keepends=True)
        path = interrupted.with_name("torn")
        header = json.loads(lines[0][9:])
        for end in [*range(0, len(lines[0]) + 40, 37), *range(len(content) - 400, len(content), 7)]:
            path.write_bytes(content[:end])
            complete = content[:end].count(b"\n")
            with closing(Journal.resume(path, header)) as torn:
                assert torn.n_rows == BATCH * max(complete - 1, 0)
                assert path.read_bytes() == b"".join(lines[: max(complete, 1)])
                torn.append([{"index": 1}])
                assert list(torn.batches())[-1] == [{"index": 1}]

    def test_garbage_at_the_end_is_cut_off(
        self, machine: CharacterMachine, interrupted: Path, whole: bytes
    ) -> None:
        with journal_of(interrupted).open("ab") as stream:
            stream.write(bytes(1000))
        score(machine, interrupted, resume=True)
        assert interrupted.read_bytes() == whole

    def test_damage_inside_is_refused(self, machine: CharacterMachine, interrupted: Path) -> None:
        path = journal_of(interrupted)
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 1
        path.write_bytes(content)
        with pytest.raises(ValueError, match="damaged: line"):
            score(machine, interrupted, resume=True)
        assert path.read_bytes() == content

    def test_killed_before_the_journal_was_removed(
        self,
        machine: CharacterMachine,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        whole: bytes,
    ) -> None:
        output = tmp_path / "table.parquet"

        def killed(self: Journal) -> None:
            raise Stop

        with monkeypatch.context() as patch:
            patch.setattr(Journal, "remove", killed)
            with pytest.raises(Stop):
                score(machine, output)
        calls = machine.n_calls
        assert score(machine, output, resume=True).n_resumed == 108
        assert machine.n_calls == calls
        assert output.read_bytes() == whole

    def test_ctrl_c_leaves_a_table_of_what_was_done(
        self,
        machine: CharacterMachine,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        whole: bytes,
    ) -> None:
        output = tmp_path / "table.parquet"
        with monkeypatch.context() as patch:
            stopped_after(5, KeyboardInterrupt(), patch)
            with pytest.raises(KeyboardInterrupt):
                score(machine, output)
        assert len(read_results(output)) == 5 * BATCH
        with pytest.raises(ValueError, match="unfinished run"):
            score(machine, output)
        score(machine, output, resume=True)
        assert output.read_bytes() == whole

    def test_nothing_done_leaves_nothing(
        self, machine: CharacterMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        output = tmp_path / "table.csv"
        with monkeypatch.context() as patch:
            stopped_after(0, KeyboardInterrupt(), patch)
            with pytest.raises(KeyboardInterrupt):
                score(machine, output)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            ({"machine": CharacterMachine(1)}, r"machine\.seed was 0 and is now 1"),
            ({"texts": {"x": ["a."] * 108}}, r"texts\.sha256 was"),
            ({"texts": ["a."]}, r"texts\.n was 108 and is now 1"),
            ({"delimiters": "."}, r"settings\.delimiters was"),
            ({"per_block": 2}, r"settings\.per_block was 1 and is now 2"),
            ({"batch_size": 5}, r"settings\.batch_size was 4 and is now 5"),
        ],
    )
    def test_another_run_is_refused(
        self, machine: CharacterMachine, interrupted: Path, change: dict[str, Any], words: str
    ) -> None:
        before = journal_of(interrupted).read_bytes()
        arguments = {"machine": machine, "texts": TEXTS, "batch_size": BATCH, **change}
        with pytest.raises(ValueError, match=f"belongs to another run: .*{words}"):
            score_texts(**arguments, output=interrupted, resume=True)
        assert journal_of(interrupted).read_bytes() == before

    def test_samples_are_not_texts(self, machine: CharacterMachine, interrupted: Path) -> None:
        with pytest.raises(ValueError, match="another run"):
            sample(machine, interrupted, resume=True)

    def test_where_the_model_lies_is_all_the_same(self, tmp_path: Path) -> None:
        header = {"machine": {"model": "here", "sha256": "1"}}
        Journal.begin(tmp_path / "j", header).close()
        Journal.resume(tmp_path / "j", {"machine": {"model": "there", "sha256": "1"}}).close()
        with pytest.raises(ValueError, match=r"machine\.sha256"):
            Journal.resume(tmp_path / "j", {"machine": {"model": "here", "sha256": "2"}})

    def test_nothing_to_resume(self, machine: CharacterMachine, tmp_path: Path) -> None:
        output = tmp_path / "table.csv"
        with pytest.raises(ValueError, match=r"no journal .*table\.csv\.journal$"):
            score(machine, output, resume=True)
        score_texts(machine, ["a."], output=output)
        with pytest.raises(ValueError, match="holds a finished run"):
            score(machine, output, resume=True)
        with pytest.raises(ValueError, match="exclude each other"):
            score(machine, output, resume=True, overwrite=True)

    def test_nothing_is_replaced_unasked(
        self, machine: CharacterMachine, interrupted: Path, whole: bytes
    ) -> None:
        with pytest.raises(ValueError, match="unfinished run"):
            score(machine, interrupted)
        result = score(machine, interrupted, overwrite=True)
        assert result.n_resumed == 0
        with pytest.raises(ValueError, match="is there already"):
            score(machine, interrupted)
        score(machine, interrupted, overwrite=True)
        assert interrupted.read_bytes() == whole

    def test_two_processes(self, machine: CharacterMachine, interrupted: Path) -> None:
        pytest.importorskip("fcntl")
        header = journal.read_header(journal_of(interrupted))
        with closing(Journal.resume(journal_of(interrupted), header)):
            for options in ({"resume": True}, {"overwrite": True}):
                with pytest.raises(ValueError, match="another process"):
                    score(machine, interrupted, **options)
        score(machine, interrupted, resume=True)


class TestDisk:
    def test_full_while_running(
        self,
        machine: CharacterMachine,
        tmp_path: Path,
        monkeypatch: pytest.MonkeyPatch,
        whole: bytes,
    ) -> None:
        """Half a batch fits: it is taken back, and the run can go on later."""
        output = tmp_path / "table.parquet"
        write_all, written = journal._write_all, 0

        def write_until_full(descriptor: int, content: bytes, position: int) -> None:
            nonlocal written
            written += len(content)
            if written > 20_000:
                write_all(descriptor, content[: len(content) // 2], position)
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            write_all(descriptor, content, position)

        with monkeypatch.context() as patch:
            patch.setattr(journal, "_write_all", write_until_full)
            with pytest.raises(OSError, match="No space left on device: the batch"):
                score(machine, output)
        assert journal_of(output).read_bytes().endswith(b"\n")
        done = len(read_results(output))
        assert 0 < done < 108
        assert score(machine, output, resume=True).n_resumed == done
        assert output.read_bytes() == whole

    @pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
    def test_full_device(self) -> None:
        descriptor = os.open("/dev/full", os.O_RDWR)
        try:
            with pytest.raises(OSError, match="No space left"):
                journal._write_all(descriptor, b"x" * 100, 0)
        finally:
            os.close(descriptor)

    def test_no_room_is_found_before_the_work(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        machine = CharacterMachine()
        monkeypatch.setattr(
            "shutil.disk_usage", lambda path: SimpleNamespace(total=9999, used=8999, free=1000)
        )
        with pytest.raises(OSError, match="MiB are free"):
            score(machine, tmp_path / "table.parquet")
        assert machine.n_calls == 0
        assert list(tmp_path.iterdir()) == []

    def test_unwritable_is_found_before_the_work(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        machine = CharacterMachine()
        folder = tmp_path / "closed"
        folder.mkdir()
        folder.chmod(0o555)
        if os.access(folder, os.W_OK):  # the administrator may write everywhere

            def refuse(self: Path, *args: Any, **kwargs: Any) -> Any:
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))

            monkeypatch.setattr(Path, "open", refuse)
        with pytest.raises(OSError, match="can't be written: Permission denied"):
            score(machine, folder / "table.csv")
        assert machine.n_calls == 0
        (tmp_path / "folder.csv").mkdir()
        with pytest.raises(ValueError, match="directory"):
            score(machine, tmp_path / "folder.csv")

    def test_estimate_of_the_room_holds(
        self, machine: CharacterMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked = []
        monkeypatch.setattr(storage.OutputFile, "require_writable", lambda _, n: asked.append(n))
        sizes = []
        remove = Journal.remove

        def measure(self: Journal) -> None:
            sizes.append(sum(path.stat().st_size for path in tmp_path.iterdir()))
            remove(self)

        monkeypatch.setattr(Journal, "remove", measure)
        score(machine, tmp_path / "table.csv")
        sample(machine, tmp_path / "samples.csv")
        assert all(size < need < 20 * size for size, need in zip(sizes, asked, strict=True))

    def test_the_output_is_renewed_while_it_runs(
        self, machine: CharacterMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(storage, "_SECONDS", 0.0)
        monkeypatch.setattr(storage, "_SHARE", 1e9)
        output, seen = tmp_path / "table.csv", []

        def look(done: int, total: int) -> None:
            if output.exists():
                seen.append(len(read_results(output)))

        score(machine, output, progress=look)
        assert seen == sorted(seen)
        assert list(dict.fromkeys(seen)) == list(range(BATCH, 109, BATCH))

    def test_renewing_takes_a_bounded_share(
        self, machine: CharacterMachine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        now = 0.0
        stored = 0

        def store(self: storage.OutputFile, journal: Journal) -> None:
            nonlocal now, stored
            now += 1.0
            stored += 1

        monkeypatch.setattr(storage.OutputFile, "_store", store)
        monkeypatch.setattr("time.monotonic", lambda: now)
        file = storage.OutputFile(tmp_path / "t.csv", {})
        with (
            closing(Journal.begin(tmp_path / "j", {})) as kept,
            file.kept_fresh(kept) as renew,
        ):
            for _ in range(1000):
                now += 1.0
                renew()
        assert 0.8 * storage._SHARE < stored / 1000 < 1.05 * storage._SHARE


rows = st.dictionaries(
    st.text(max_size=5),
    st.none()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(st.characters())
    | st.lists(st.floats(allow_nan=False), max_size=3),
    max_size=3,
)


@given(batches=st.lists(st.lists(rows, max_size=3), max_size=4), torn=st.binary(max_size=20))
def test_the_journal_gives_back_what_was_stored(
    tmp_path_factory: pytest.TempPathFactory, batches: Any, torn: bytes
) -> None:
    path = tmp_path_factory.mktemp("journal") / "j"
    with closing(Journal.begin(path, {"what": 1})) as kept:
        for batch in batches:
            kept.append(batch)
        assert list(kept.batches()) == batches
    with path.open("ab") as stream:
        stream.write(torn.replace(b"\n", b""))
    with closing(Journal.resume(path, {"what": 1})) as kept:
        assert list(kept.batches()) == batches
        assert kept.n_rows == sum(map(len, batches))
    with pytest.raises(FileExistsError):
        Journal.begin(path, {"what": 1})


def started(output: Path, *words: str) -> subprocess.Popen[str]:
    """A process that has begun with its work."""
    here = Path(__file__).parents[1] / "helpers"
    process = subprocess.Popen(
        [sys.executable, str(here / "text_run_process.py"), str(output), *words],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


@pytest.fixture
def victims() -> Iterator[list[subprocess.Popen[str]]]:
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for process in processes:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


@pytest.mark.parametrize(("name", "scoring"), [("texts", score), ("sample", sample)])
def test_killed_again_and_again(
    machine: CharacterMachine,
    tmp_path: Path,
    victims: list[subprocess.Popen[str]],
    name: str,
    scoring: Scoring,
) -> None:
    """kill -9 at random moments: each time at most one batch is lost, and in the end nothing."""
    output = tmp_path / f"{name}.parquet"
    moments = np.random.default_rng(len(name)).uniform(0.02, 0.15, size=3)
    done = 0
    for moment in moments:
        process = started(output, name, *(["resume"] if done else []))
        victims.append(process)
        time.sleep(moment)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        path = journal_of(output)
        if not path.exists():  # killed before it had begun, or after it had ended
            assert not done or output.exists()
            continue
        kept = [len(line.content["rows"]) for line in list(journal._lines(path))[1:]]
        assert sum(kept) >= done
        done = sum(kept)
        if output.exists():  # whole at every moment, and never ahead of the journal
            assert len(read_results(output)) <= done
    expected = tmp_path / "expected.parquet"
    scoring(machine, expected)
    if journal_of(output).exists():
        assert scoring(machine, output, resume=True).n_resumed == done
    elif not output.exists():
        scoring(machine, output)
    assert output.read_bytes() == expected.read_bytes()
    assert set(tmp_path.iterdir()) == {output, expected}
