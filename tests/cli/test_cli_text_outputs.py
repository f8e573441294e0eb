"""``entroprod text``: lengths of blocks, and the report."""

from __future__ import annotations

import json
from pathlib import Path
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
from entroprod.text import compare_groups, read_results
from entroprod.text.report import html_report

GROUPS = {
    "causal": ["a bad cab. he fed a hag. a dab!", "gag. a bag. beef!", "ed. ab. ba.", "a. be. ad."],
    "other": ["dad had a bag.", "feed a bee. bad", "abc", "cab? deaf. bad."],
}


@pytest.fixture(autouse=True)
def machine(monkeypatch: pytest.MonkeyPatch) -> CharacterMachine:
    made = CharacterMachine()
    monkeypatch.setattr(command, "load_machine", lambda model, **options: made)
    return made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "stories.json"
    path.write_text(json.dumps(GROUPS))
    return path


def words_of(file: Path, *more: object) -> tuple[object, ...]:
    output = file.with_name("table.parquet")
    return ("text", file, "--model", "tiny", "--output", output, *more)


def test_lengths_of_blocks(file: Path, machine: CharacterMachine) -> None:
    picture = file.with_name("scales.svg")
    words = words_of(
        file, "--block-scales", "1, 4,1s,2s", "--block-scale-plot", picture, "--delimiters", ".!"
    )
    result = run(*words)
    assert result.exit_code == 0, result.stderr
    assert picture.read_text().startswith("<?xml")
    table = read_results(file.with_name("table.parquet"))
    expected = ep.block_scale(
        machine, list(table.token_ids), (1, 4), sentences=(1, 2), delimiters=".!"
    )
    tokens, _, sentences, _ = expected.points
    assert "Blocks of 1 token " in result.stdout
    assert f"{tokens.mean:.1f}"[:3] in result.stdout
    assert "1 skipped: no delimiter in it" in result.stdout
    assert f"{sentences.n_one_block} of a single block" in result.stdout
    found = strict_json(run(*words, "--overwrite", "--json").stdout)
    for point, told in zip(expected, found["block_scale"]["points"]):
        np.testing.assert_array_equal(told["sigma_per_step"], point.sigma_per_step)
    assert found["written"] == [str(file.with_name("table.parquet")), str(picture)]


def test_a_report_of_what_the_table_holds(file: Path, machine: CharacterMachine) -> None:
    page = file.with_name("page.html")
    result = run(*words_of(file, "--report", page, "--block-scales", "2,1s"))
    assert result.exit_code == 0, result.stderr
    assert f"Written: {page}" in result.stdout
    table = read_results(file.with_name("table.parquet"))
    scored = ep.block_scale(machine, list(table.token_ids), (2,), sentences=(1,), delimiters=".!?")
    groups = compare_groups(table)
    assert page.read_text() == html_report(table, groups=groups, block_scale=scored)


def test_a_report_of_samples(file: Path) -> None:
    page = file.with_name("page.html")
    words = ("text", "--sample", 5, "--length", 20, "--seed", 1, "--model", "tiny")
    result = run(*words, "--output", file.with_name("table.csv"), "--report", page)
    assert result.exit_code == 0, result.stderr
    assert "Entropy production of samples" in page.read_text()


def test_a_report_from_a_table(file: Path) -> None:
    table, page = file.with_name("table.parquet"), file.with_name("page.html")
    assert run(*words_of(file)).exit_code == 0
    words = ("report", table, "--output", page, "--max-texts", 2, "--order", "sigma_block")
    result = run(*words, "--title", "Two of each")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == f"Written: {page}\n"
    scored = read_results(table)
    assert page.read_text() == html_report(
        scored,
        groups=compare_groups(scored),
        title="Two of each",
        max_texts_per_group=2,
        order="sigma_block",
    )
    assert_error(run("report", file, "--output", page), "must have a suffix")
    assert_error(run("report", table, "--output", file), "--output: the name must end in")
    assert_error(run("report", file.with_name("no.csv"), "--output", page), "no such file")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (("--block-scales", "1,x"), "'x' is no length of a block"),
        (("--block-scales", "0"), "'0' is no length of a block"),
        (("--block-scales", "1" * 20), "is no length of a block"),
        (("--block-scales", "1,,2"), "'' is no length of a block"),
        (("--block-scales", "2s,2s"), "'2s' is there twice"),
        (("--block-scale-plot", "x.png"), "--block-scale-plot needs --block-scales"),
        (("--block-scales", "1", "--block-scale-plot", "x.txt"), "--block-scale-plot"),
        (("--report", "page.pdf"), "--report: the name must end in one of .html, .htm"),
        (("--report", "nowhere/page.html"), "--report: there is no directory"),
    ],
)
def test_options_are_checked_before_the_work(
    file: Path, machine: CharacterMachine, more: tuple[Any, ...], message: str
) -> None:
    assert_error(run(*words_of(file, *more)), message)
    assert machine.n_calls == 0
