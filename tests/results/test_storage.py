"""Files of results: exact, refused where they are broken, and never half written."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

import entroprod as ep
from entroprod.results import storage
from entroprod.results.encoding import Encoder

MACHINE = ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]])
VALUE = {"machine": MACHINE, "numbers": np.arange(5) / 3.0, "words": ("a", None, float("inf"))}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "value.npz"


@pytest.fixture
def saved(path: Path) -> Path:
    ep.save(VALUE, path)
    return path


def bits(value: Any) -> str:
    """A value written out with the types and the bits of all that is in it."""
    if isinstance(value, np.ndarray):
        return repr(("array", value.dtype.str, value.shape, value.tobytes()))
    if type(value) is int:
        return f"int {value:x}"  # in decimal digits long ones are refused
    if isinstance(value, np.generic):
        return repr(("scalar", value.dtype.str, value.tobytes()))
    if isinstance(value, float):
        return f"float {np.float64(value).tobytes().hex()}"
    if isinstance(value, complex):
        return f"complex {bits(value.real)} {bits(value.imag)}"
    if isinstance(value, (list, tuple)):
        return f"{type(value).__name__} {[bits(item) for item in value]}"
    if isinstance(value, (set, frozenset)):
        return f"{type(value).__name__} {sorted(bits(item) for item in value)}"
    if isinstance(value, dict):
        return f"dict {[(bits(key), bits(item)) for key, item in value.items()]}"
    return f"{type(value).__name__} {value!r}"


# ------------------------------------------------------------------ values

any_floats = st.floats(allow_nan=True, allow_infinity=True, allow_subnormal=True)
any_text = st.text(st.characters(), max_size=5) | st.text("$\ud800\udc00a", max_size=3)
any_dtype = st.one_of(
    arrays.boolean_dtypes(),
    arrays.integer_dtypes(endianness="?"),
    arrays.floating_dtypes(sizes=(16, 32, 64), endianness="?"),
    arrays.complex_number_dtypes(sizes=(64, 128)),
    arrays.unicode_string_dtypes(max_len=3),
    arrays.datetime64_dtypes(),
)
any_array = arrays.arrays(any_dtype, arrays.array_shapes(min_dims=0, min_side=0, max_side=3))
some_scalar = arrays.arrays(any_dtype, ()).map(lambda array: array[()])
hashable = st.one_of(
    st.none(), st.booleans(), st.integers(), any_floats, any_text, st.binary(max_size=3)
)
leaves = st.one_of(hashable, st.complex_numbers(), any_array, some_scalar)
rows = st.lists(arrays.arrays(np.float64, st.integers(0, 3)) | st.none(), max_size=4)
values = st.recursive(
    leaves | st.frozensets(hashable, max_size=3) | st.sets(hashable, max_size=3),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.lists(inner, max_size=3).map(tuple),
        st.dictionaries(any_text, inner, max_size=3),
        st.dictionaries(hashable, inner, max_size=3),
        rows,
        rows.map(tuple),
    ),
    max_leaves=8,
)


@given(values)
def test_round_trip(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "round_trip.npz"
    ep.save(value, path, overwrite=True)
    assert bits(ep.load(path)) == bits(value)


def test_bits_that_are_easily_lost(path: Path) -> None:
    strange = np.array([0x7FF0000000000001, 0xFFF8000000000000], dtype=np.uint64).view(np.float64)
    value = {
        "numbers": [0.1, -0.0, 5e-324, 1.7976931348623157e308, *strange.tolist()],
        "array": strange,
        "integers": [2**63, -(2**63), 10**5000, True, 1],
        "order": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "backwards": np.arange(3, dtype=">i4")[::-1],
        "halves": "\ud83d\ude00 is not \U0001f600",
        "$array": {"$tuple": 1},
        "empty": ((), [], {}, set(), np.empty((0, 2))),
    }
    ep.save(value, path)
    again = ep.load(path)
    assert bits(again) == bits(value)
    assert again["order"].flags.f_contiguous


def test_arrays_that_many_rows_share_are_written_once(path: Path) -> None:
    row = np.arange(1000)
    ep.save({"rows": (row,) * 5000, "row": row}, path)
    assert path.stat().st_size < 100_000
    again = ep.load(path)
    assert all(np.array_equal(each, row) for each in again["rows"])
    assert again["rows"][0] is again["rows"][-1]


def test_numpy_reads_the_arrays(saved: Path) -> None:
    with np.load(saved) as archive:
        np.testing.assert_array_equal(archive["numbers"], VALUE["numbers"])
        np.testing.assert_array_equal(archive["machine.state_matrix"], [[0.4]])


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ({"a": [1, print]}, r"a\[1\] can't be saved: it is a builtins.builtin_function"),
        (object(), "value can't be saved: it is a builtins.object"),
        (np.array([None]), "value can't be saved: its numbers have dtype object"),
        (np.zeros(2, dtype=[("a", "f8")]), "its numbers have dtype"),
        (np.zeros(2, dtype=np.longdouble), "its numbers have dtype"),
        (np.ma.masked_array([1.0]), "more than a plain array"),
        (ep.FunctionMachine(np.log, n_symbols=2), "FunctionMachine"),
    ],
)
def test_what_cannot_be_saved(path: Path, value: Any, told: str) -> None:
    with pytest.raises(TypeError, match=told):
        ep.save(value, path)
    assert not list(path.parent.iterdir())


def test_what_holds_itself(path: Path) -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(ValueError, match="nested too deeply"):
        ep.save(endless, path)


# ------------------------------------------------------------------ classes


@ep.storable(name="test.Waiting")
@dataclass(frozen=True, eq=False, repr=False)
class Waiting(ep.Result):
    """A result of one's own."""

    times: Any
    unit: str = "s"
    _picture = f"{__name__}:draw_waiting"


def draw_waiting(result: Waiting, *, title: str = "", axes: Any = None, bins: int = 1) -> Any:
    return result.unit, title, bins


def test_a_result_of_ones_own(path: Path) -> None:
    value = Waiting(np.array([0.5, 2.0]))
    value.save(path)
    again = ep.load(path)
    assert again == value
    assert again != Waiting(np.array([0.5, 2.5]))
    assert repr(again) == "Waiting(times=<float64 of shape (2,)>, unit='s')"
    assert again.to_dict() == {"times": [0.5, 2.0], "unit": "s"}
    drawn: Any = value.plot(title="t", bins=3)
    assert drawn == ("s", "t", 3)


def test_a_class_without_fields(path: Path) -> None:
    @ep.storable
    class Counter:
        def __init__(self, count: int) -> None:
            self.count = count

        def _stored_parts(self) -> dict[str, Any]:
            return {"count": self.count}

    ep.save(Counter(3), path)
    assert ep.load(path).count == 3
    with zipfile.ZipFile(path) as archive:
        assert f"{__name__}.test_a_class_without_fields" in archive.read("entroprod.json").decode()


def test_classes_that_cannot_be_registered() -> None:
    class Plain:
        pass

    with pytest.raises(TypeError, match="Plain must be a dataclass"):
        ep.storable(Plain)
    with pytest.raises(TypeError, match="cls must be a class"):
        ep.storable(3)  # type: ignore[call-overload]
    with pytest.raises(ValueError, match="belongs to another class"):
        ep.storable(name="test.Waiting")(ep.Skipped)


def test_a_subclass_is_another_class(path: Path) -> None:
    class Special(ep.MarkovChain):
        pass

    with pytest.raises(TypeError, match=r"Special.*isn't registered: decorate it"):
        Special([[1.0]]).save(path)


def test_unknown_classes_are_refused_and_nothing_is_imported(path: Path) -> None:
    code = f"""
import entroprod as ep
from dataclasses import dataclass
@ep.storable(name="antigravity.Thing")
@dataclass(frozen=True)
class Thing:
    value: int
ep.save(Thing(3), {str(path)!r})
"""
    subprocess.run([sys.executable, "-c", code], check=True)
    with pytest.raises(ValueError, match=r"'antigravity.Thing', which isn't registered here"):
        ep.load(path)
    assert "antigravity" not in sys.modules


# ------------------------------------------------------------------ files that are refused


def rewritten(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """The same file with other JSON and a digest that fits."""
    with zipfile.ZipFile(path) as archive:
        content = json.loads(archive.read("entroprod.json"))
    encoder = Encoder()
    encoder.encode(VALUE)
    change(content)
    with path.open("wb") as stream:
        storage._write(stream, json.dumps(content).encode(), encoder.arrays)


def test_missing(path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        ep.load(path)
    with pytest.raises(FileNotFoundError, match="no such directory"):
        ep.save(1, path / "inside")


@pytest.mark.parametrize("content", [b"", b"PK", b"a,b\n1,2\n", b"PK\x03\x04 and no more" * 9])
def test_not_ours(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"value.npz can't be loaded: it is"):
        ep.load(path)


def test_another_archive(path: Path) -> None:
    np.savez(path, a=np.arange(3))
    with pytest.raises(ValueError, match="another ZIP archive"):
        ep.load(path)


def test_a_pickle_is_not_run(path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return exec, ("raise AssertionError",)

    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("entroprod.json", json.dumps({"format": "entroprod", "schema": 1}))
        with archive.open("trap.npy", "w") as member:
            np.lib.format.write_array(member, np.array([Trap()], dtype=object))
    with pytest.raises(ValueError, match="dtype object"):
        ep.load(path)


def test_a_later_schema(saved: Path) -> None:
    rewritten(saved, lambda content: content.update(schema=storage.SCHEMA + 1, written_by="9.0"))
    with pytest.raises(ValueError, match=r"schema 2, written by entroprod 9.0.*upgrade"):
        ep.load(saved)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda c: c.update(schema="1"), "schema must be a number"),
        (lambda c: c.update(format="other"), "none of entroprod"),
        (lambda c: c.pop("value"), "its content makes no sense"),
        (lambda c: c.update(value={"$array": "none"}), "its content makes no sense"),
        (lambda c: c.update(value={"$strange": 1}), "unknown kind"),
        (lambda c: c.update(value={"$object": 7}), "its content makes no sense"),
        (lambda c: c.update(value={"$scalar": ["|O", "00"]}), "dtype object"),
        (lambda c: c["objects"][0].update({"class": "os.system"}), "isn't registered here"),
        (lambda c: c["objects"][0]["parts"].pop("state_matrix"), "LinearGaussian can't be made"),
        (lambda c: c["objects"][0]["parts"].update(more=1), "LinearGaussian can't be made"),
        (lambda c: c["objects"][0].update(computed={"sample": 1}), "no value 'sample'"),
    ],
)
def test_content_without_sense(saved: Path, change: Any, told: str) -> None:
    rewritten(saved, lambda content: None)
    assert bits(ep.load(saved)["numbers"]) == bits(VALUE["numbers"])
    rewritten(saved, change)
    with pytest.raises(ValueError, match=told):
        ep.load(saved)


def test_numbers_that_were_changed(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        members = {info: archive.read(info) for info in archive.infolist()}
        comment = archive.comment
    with zipfile.ZipFile(saved, "w") as archive:
        for info, content in members.items():
            changed = content[:-8] + bytes(8) if info.filename == "numbers.npy" else content
            archive.writestr(info, changed)
        archive.comment = comment
    with pytest.raises(ValueError, match="changed since it was written"):
        ep.load(saved)


def test_every_truncated_file_is_refused(saved: Path) -> None:
    content = saved.read_bytes()
    for length in range(len(content)):
        saved.write_bytes(content[:length])
        with pytest.raises(ValueError, match="can't be loaded"):
            ep.load(saved)
    saved.write_bytes(content + b"more")
    with pytest.raises(ValueError, match="can't be loaded"):
        ep.load(saved)


def test_every_changed_byte_is_noticed_or_harmless(saved: Path) -> None:
    content = saved.read_bytes()
    n_harmless = 0
    for at in range(len(content)):
        saved.write_bytes(content[:at] + bytes([content[at] ^ 0x41]) + content[at + 1 :])
        try:
            again = ep.load(saved)
        except ValueError as error:
            assert "can't be loaded" in str(error)  # noqa: PT017
        else:
            n_harmless += 1
            assert bits(again["numbers"]) == bits(VALUE["numbers"])
            assert again["machine"] == MACHINE
            assert again["words"] == VALUE["words"]
    # Dates, permissions and versions in the headers of the archive.
    assert n_harmless < len(content) / 4


def test_compressed_members_are_refused(saved: Path) -> None:
    with zipfile.ZipFile(saved) as archive:
        members = {info.filename: archive.read(info) for info in archive.infolist()}
    with zipfile.ZipFile(saved, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    with pytest.raises(ValueError, match="no archive as entroprod writes them"):
        ep.load(saved)


# ------------------------------------------------------------------ what is there already


@pytest.fixture(params=["link", "directory", "pipe", "socket", "device"])
def irregular(request: pytest.FixtureRequest, saved: Path) -> Iterator[Path]:
    """Something under a path that is no regular file."""
    place = saved.with_name("irregular")
    if request.param == "link":
        place.symlink_to(saved)
    elif request.param == "directory":
        place.mkdir()
    elif request.param == "pipe":
        os.mkfifo(place)
    elif request.param == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            if len(str(place)) > 100:
                pytest.skip("the path is too long for a socket")
            server.bind(str(place))
            yield place
        return
    else:
        place = Path("/dev/null")
    yield place


def test_only_regular_files(irregular: Path) -> None:
    with pytest.raises(ValueError, match=r"path must name a regular file: .* is a"):
        ep.load(irregular)
    for overwrite in (False, True):
        with pytest.raises(ValueError, match=r"path must name a regular file: .* is a"):
            ep.save(VALUE, irregular, overwrite=overwrite)


def test_overwriting_is_asked_for(saved: Path) -> None:
    before = saved.read_bytes()
    with pytest.raises(FileExistsError, match="overwrite=True"):
        MACHINE.save(saved)
    assert saved.read_bytes() == before
    MACHINE.save(saved, overwrite=True)
    assert ep.load(saved) == MACHINE
    assert list(saved.parent.iterdir()) == [saved]


def test_a_file_that_appears_meanwhile_stays(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write = storage._write

    def slow(*args: Any) -> None:
        write(*args)
        path.write_text("somebody else's")

    monkeypatch.setattr(storage, "_write", slow)
    with pytest.raises(FileExistsError):
        ep.save(VALUE, path)
    assert path.read_text() == "somebody else's"
    assert list(path.parent.iterdir()) == [path]


def test_without_hard_links(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    ep.save(3, path)
    assert ep.load(path) == 3
    with pytest.raises(FileExistsError):
        ep.save(4, path)


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError(28, "No space left on device")])
@pytest.mark.parametrize("overwrite", [True, False])
def test_interrupted_writing_loses_nothing(
    saved: Path, monkeypatch: pytest.MonkeyPatch, error: Any, overwrite: bool
) -> None:
    before = saved.read_bytes()
    target = saved if overwrite else saved.with_name("new.npz")

    def broken(stream: Any, text: bytes, arrays: Any) -> None:
        stream.write(text)
        raise error

    monkeypatch.setattr(storage, "_write", broken)
    with pytest.raises(type(error) if isinstance(error, OSError) else error):
        ep.save(MACHINE, target, overwrite=overwrite)
    assert saved.read_bytes() == before
    assert list(saved.parent.iterdir()) == [saved]


def test_a_killed_process_loses_nothing(saved: Path) -> None:
    code = f"""
import os
import entroprod as ep
from entroprod.results import storage
def broken(stream, text, arrays):
    stream.write(text)
    stream.flush()
    os._exit(9)
storage._write = broken
ep.save(3, {str(saved)!r}, overwrite=True)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9
    assert bits(ep.load(saved)["numbers"]) == bits(VALUE["numbers"])
    ep.save(4, saved, overwrite=True)
    assert ep.load(saved) == 4


def test_names_as_long_as_they_get(tmp_path: Path) -> None:
    path = tmp_path / ("a" * 251 + ".npz")
    ep.save(3, path)
    assert ep.load(str(path)) == 3
    shutil.copy(path, tmp_path / "copy")
    assert ep.load(tmp_path / "copy") == 3
