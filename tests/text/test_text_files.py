"""Texts from files of every kind, and what is wrong with a file, with its place."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from entroprod.text import Texts, as_texts, read_texts

TEXTS = ["It fell. It broke.", 'He said: "Stop, now."\nShe did.', "Eis schmilzt, äöü. \u2028 Ja."]
GROUPS = ["a", "b", "a"]
IDS = ["one", "2", "three"]


def in_json(path: Path) -> None:
    rows = [{"text": t, "group": g, "id": i} for t, g, i in zip(TEXTS, GROUPS, IDS)]
    path.write_text(json.dumps(rows), encoding="utf-8")


def in_lines(path: Path) -> None:
    rows = [{"text": t, "group": g, "id": i} for t, g, i in zip(TEXTS, GROUPS, IDS)]
    lines = [json.dumps(row, ensure_ascii=False) for row in rows]
    path.write_text("\n\n".join(lines) + "\n", encoding="utf-8")


def in_csv(path: Path) -> None:
    with path.open("w", encoding="utf-8-sig", newline="") as stream:
        writer = csv.writer(stream, delimiter="\t" if path.suffix == ".tsv" else ",")
        writer.writerow(["id", "other", "group", "text"])
        writer.writerows(zip(IDS, "xyz", GROUPS, TEXTS))


def in_parquet(path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    table = {"text": TEXTS, "n": [1, 2, 3], "id": IDS, "group": GROUPS}
    parquet.write_table(pyarrow.table(table), path)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("t.json", in_json),
        ("t.jsonl", in_lines),
        ("T.CSV", in_csv),
        ("t.tsv", in_csv),
        ("t.parquet", in_parquet),
    ],
)
def test_all_kinds_give_the_same(tmp_path: Path, name: str, write: Callable[[Path], None]) -> None:
    path = tmp_path / name
    write(path)
    texts = read_texts(path)
    assert list(texts.texts) == TEXTS
    assert list(texts.groups) == GROUPS
    assert list(texts.ids) == IDS
    assert texts.source == str(path)
    assert texts.group_sizes() == {"a": 2, "b": 1}
    as_given = Texts(tuple(TEXTS), tuple(GROUPS), tuple(IDS))
    assert texts.sha256() == as_given.sha256()


def test_the_published_form(tmp_path: Path) -> None:
    path = tmp_path / "stories.json"
    content = {
        "metadata": {"model": "some", "note": "as it came"},
        "causal_texts": TEXTS[:2],
        "noncausal_texts": TEXTS[2:],
    }
    path.write_text(json.dumps(content))
    texts = read_texts(path)
    assert texts.groups == ("causal_texts", "causal_texts", "noncausal_texts")
    assert texts.metadata == {"model": "some", "note": "as it came"}
    assert repr(texts) == f"Texts(3 texts from {path}; causal_texts: 2, noncausal_texts: 1)"


def test_groups_within_groups_and_objects(tmp_path: Path) -> None:
    path = tmp_path / "stories.json"
    content = {
        "first": {"causal": ["A."], "metadata": {"x": 1}, "other": [{"text": "B.", "id": 7}]},
        "second": [{"text": "C.", "group": "its own"}],
    }
    path.write_text(json.dumps(content))
    texts = read_texts(path)
    assert texts.groups == ("first/causal", "first/other", "its own")
    assert texts.ids == (None, "7", None)


def test_columns_by_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("story,kind,no\nA.,x,1\nB.,,2\n")
    texts = read_texts(path, text_column="story", group_column="kind", id_column="no")
    assert texts.texts == ("A.", "B.")
    assert texts.groups == ("x", None)
    assert texts.ids == ("1", "2")


def test_plain_text(tmp_path: Path) -> None:
    path = tmp_path / "t.txt"
    path.write_bytes(b"One. Two.\r\n\r\nThree.\nFour.\n")
    assert read_texts(path).texts == ("One. Two.", "", "Three.", "Four.")
    assert read_texts(path, paragraphs=True).texts == ("One. Two.", "Three. Four.")


def test_empty_texts_stay_rows(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text('["", "A.", "  "]')
    assert read_texts(path).texts == ("", "A.", "  ")
    path = tmp_path / "t.csv"
    path.write_text("text\nA.\n\nB.\n")
    assert read_texts(path).texts == ("A.", "", "B.")


@pytest.mark.parametrize("name", ["t.jsonl", "t.csv"])
def test_an_empty_name_is_none(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    lines = '{"text": "A.", "group": "", "id": ""}\n'
    path.write_text(lines if name == "t.jsonl" else "text,group,id\nA.,,\n")
    texts = read_texts(path)
    assert (texts.groups, texts.ids) == ((None,), (None,))


def test_long_fields(tmp_path: Path) -> None:
    before = csv.field_size_limit()
    path = tmp_path / "t.csv"
    path.write_text(f"text\n{'a' * 300_000}.\n")
    assert len(read_texts(path).texts[0]) == 300_001
    assert csv.field_size_limit() == before


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("t.json", b"", ("empty",)),
        ("t.json", b'{"a": ["x",\n "y"', ("broken JSON", "line 2")),
        ("t.json", b'{"a": ["x", 3]}', ("a[1]", "int 3")),
        ("t.json", b'{"a": ["x", null]}', ("a[1]", "NoneType")),
        ("t.json", b'{"a": "x"}', ("a", "list of texts", "str 'x'")),
        ("t.json", b'{"a": {"": ["x"]}}', ("a/", "must have a name")),
        ("t.json", b'{"a": ["x"], "a": ["y"]}', ("'a' twice",)),
        ("t.json", b'"x"', ("object of named groups",)),
        ("t.json", b"{}", ("no texts",)),
        ("t.json", b'{"metadata": ["x"], "a": ["y"]}', ("metadata", "object", "list")),
        ("t.json", b'{"a": []}', ("no texts",)),
        ("t.json", b'[{"words": "x"}]', ("[0]", "text_column 'text'", "'words'")),
        ("t.json", b'[{"text": "x", "group": []}]', ("[0]", "group", "list")),
        ("t.json", b"[" * 100_000, ("t.json",)),
        ("t.json", b"[" + b"1" * 5000 + b"]", ("digits",)),
        ("t.jsonl", b'"x"\n\n{"text": \n', ("broken JSON", "line 3")),
        ("t.jsonl", b'"x"\n[1]\n', ("line 2", "list [1]")),
        ("t.jsonl", b'{"text": "x"}\n{"tekst": "y"}\n', ("line 2", "'text'", "'tekst'")),
        ("t.csv", b"a,b\n1,2\n", ("line 2", "text_column 'text'", "'a', 'b'")),
        ("t.csv", b"text,n\nA, and B.,1\n", ("line 2", "3 fields", "quotes")),
        ("t.csv", b'text,n\n"A.,1\n', ("line 2",)),
        ("t.csv", b"text,text\nA.,1\n", ("more than one column 'text'",)),
        ("t.csv", b"text\n", ("no texts",)),
        ("t.txt", b"A.\nB\xff.\n", ("UTF-8", "byte 4", "line 2", "0xff")),
        ("t.parquet", b"no such thing", ("Parquet",)),
        ("t.docx", b"x", (".jsonl", ".parquet")),
    ],
)
def test_bad_files(tmp_path: Path, name: str, content: bytes, words: tuple[str, ...]) -> None:
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises((ValueError, TypeError)) as caught:
        read_texts(path)
    for word in (name, *words):
        assert word in str(caught.value)


def test_asked_for_columns_must_be_there(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text('{"text": "A.", "group": "x"}\n{"text": "B."}\n')
    assert read_texts(path).groups == ("x", None)
    with pytest.raises(ValueError, match="line 2: group_column 'group' isn't there"):
        read_texts(path, group_column="group")
    with pytest.raises(ValueError, match="id_column 'no' isn't there"):
        read_texts(path, id_column="no")


def test_parquet_columns(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    path = tmp_path / "t.parquet"
    parquet.write_table(pyarrow.table({"words": ["A."], "group": ["x"]}), path)
    with pytest.raises(ValueError, match="text_column 'text' isn't there; there is 'words'"):
        read_texts(path)
    parquet.write_table(pyarrow.table({"text": ["A.", None]}), path)
    with pytest.raises(TypeError, match="row 2: a text must be a string, got NoneType"):
        read_texts(path)


def test_no_such_file_and_wrong_arguments(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.json"):
        read_texts(tmp_path / "none.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(ValueError, match="directory"):
        read_texts(tmp_path / "folder.json")
    (tmp_path / "t.json").write_text("[]")
    with pytest.raises(ValueError, match="paragraphs"):
        read_texts(tmp_path / "t.json", paragraphs=True)


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ([], "at least one"),
        ({}, "at least one"),
        ("A text.", "sequence of strings"),
        (["A.", b"B."], "index 1"),
        ({"a": ["A.", None]}, "index 1"),
        ({"a": "A."}, "sequence of strings"),
        (3, "sequence of strings"),
        ({"": ["A."]}, "groups must be names or None, got '' at index 0"),
    ],
)
def test_bad_collections(value: Any, words: str) -> None:
    with pytest.raises((ValueError, TypeError), match=words):
        as_texts(value)


def test_digest_tells_sets_apart() -> None:
    sets = [
        as_texts(["ab", "c"]),
        as_texts(["a", "bc"]),
        as_texts(["c", "ab"]),
        as_texts({"x": ["ab", "c"]}),
        as_texts({"x": ["ab"], "y": ["c"]}),
        Texts(("ab", "c"), ("None", None), (None, None)),
        Texts(("ab", "c"), (None, None), ("1", None)),
        Texts(("ab", "\ud800"), (None, None), (None, None)),
    ]
    assert len({each.sha256() for each in sets}) == len(sets)
    with pytest.raises(ValueError, match="groups must hold one entry"):
        Texts(("a",), (), (None,))
