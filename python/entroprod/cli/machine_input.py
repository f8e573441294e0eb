"""Machines on the command line: matrices in a file or in options, or a name in Python code."""

from __future__ import annotations

import ast
import functools
import importlib
import inspect
import json
import runpy
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import numpy.typing as npt
import typer

import entroprod as ep

Matrix = npt.NDArray[Any]
_KEYWORD = inspect.Parameter.KEYWORD_ONLY

# The words of each constructor; a machine is given by exactly one of these sets.
VOCABULARIES: tuple[tuple[tuple[str, ...], Callable[..., ep.LinearGaussian]], ...] = (
    (("transition", "emission", "process_cov", "obs_cov"), ep.LinearGaussian.from_state_space),
    (("transition", "emission", "filter_gain", "innovation_cov"), ep.LinearGaussian.from_gain),
    (("state_matrix", "input_matrix", "output_matrix", "innovation_cov"), ep.LinearGaussian),
    (("coefficients", "noise_cov"), ep.LinearGaussian.from_var),
)

DESCRIPTIONS = {
    "transition": "A (n, n), of the state.",
    "emission": "C (m, n), from state to output.",
    "process_cov": "Q (n, n), noise of the state.",
    "obs_cov": "R (m, m), noise of the output.",
    "filter_gain": "K (n, m), with transition, emission and innovation-cov.",
    "innovation_cov": "S (m, m), with filter-gain or state-matrix.",
    "state_matrix": "F (n, n), of the machine h' = F h + G y, y = C h + e.",
    "input_matrix": "G (n, m).",
    "output_matrix": "C (m, n).",
    "coefficients": "(p, m, m), of a vector autoregression.",
    "noise_cov": "(m, m), with coefficients.",
}

# What an archive that isn't whole, not of numbers, encrypted or of another kind may raise.
_UNREADABLE = (
    ValueError,
    EOFError,
    OSError,
    NotImplementedError,
    RuntimeError,
    SyntaxError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zlib.error,
)

_FILE = typer.Argument(
    metavar="FILE",
    help="A machine in a .npz or .json file, its arrays named like the options below "
    "(transition, emission, process_cov, obs_cov; ...).",
    show_default=False,
)
_PANEL = "Matrices, as [[0.8, 0.3], [0, 0.5]]; a number stands for a 1x1 matrix"


@dataclass(frozen=True)
class MachineSource:
    """Where the user says that the machine is; nothing is read before ``read``.

    Attributes
    ----------
    file : Path or None
        A .npz or .json file.
    texts : mapping of str to str
        The matrix options that were given, by the names of the constructors' arguments.
    """

    file: Path | None
    texts: Mapping[str, str]

    def read(self) -> ep.LinearGaussian:
        """Build the machine; raise ValueError naming the file or the option that is wrong."""
        options = ", ".join(map(_option, self.texts))
        if self.file is not None and self.texts:
            raise ValueError(
                f"FILE: give either a file or matrices, not both; got {self.file} and {options}"
            )
        if self.file is not None:
            return _construct(read_arrays(self.file), str(self.file))
        if not self.texts:
            raise ValueError(
                "FILE: give a machine, as a .npz or .json file or as matrices "
                "(--transition, --emission, --process-cov, --obs-cov)"
            )
        arrays = {
            name: _as_matrix(parse_literal(text, _option(name)), name, _option(name))
            for name, text in self.texts.items()
        }
        return _construct(arrays, options)

    def read_any(self) -> Any:
        """As ``read``, and any machine where FILE is the name of one in Python code."""
        if self.file is not None and not self.texts and ":" in self.file.name:
            return read_reference(str(self.file))
        return self.read()


def takes_machine(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the argument FILE and the matrix options in place of ``source``.

    The command line is made from a function's signature, so that the signature is extended; the
    command itself receives one ``MachineSource``.
    """
    own = inspect.signature(command, eval_str=True).parameters.values()
    added = [inspect.Parameter("file", _KEYWORD, default=None, annotation=_file_type())]
    added += [
        inspect.Parameter(name, _KEYWORD, default=None, annotation=_matrix_type(name))
        for name in DESCRIPTIONS
    ]
    parameters = [each.replace(kind=_KEYWORD) for each in own if each.name != "source"]

    @functools.wraps(command)
    def wrapper(file: Path | None, **values: Any) -> None:
        matrices = {name: values.pop(name) for name in DESCRIPTIONS}
        texts = {name: text for name, text in matrices.items() if text is not None}
        command(source=MachineSource(file, texts), **values)

    signature = inspect.Signature(parameters + added)
    wrapper.__signature__ = signature  # type: ignore[attr-defined]
    wrapper.__annotations__ = {each.name: each.annotation for each in parameters + added}
    return wrapper


def read_reference(reference: str) -> Any:
    """The machine that FILE.py:NAME or MODULE:NAME names; a function that makes one is called.

    Raises ValueError naming what is wrong with the reference; what the code itself raises passes.
    """
    place, colon, name = reference.rpartition(":")
    if not (colon and place and name.isidentifier()):
        raise ValueError(f"MACHINE: expected FILE.py:NAME or MODULE:NAME, got {reference!r}")
    namespace = _run_file(Path(place)) if place.endswith(".py") else _import(place)
    if name not in namespace:
        raise ValueError(f"MACHINE: {place} has no {name}")
    found = namespace[name]
    if callable(found) and not hasattr(found, "log_prob"):
        found = found()
    if isinstance(found, type) or not callable(getattr(found, "log_prob", None)):
        raise ValueError(
            f"MACHINE: {name} in {place} must be a machine, with a method log_prob, or a function "
            f"that makes one; got {type(found).__name__}"
        )
    return found


def _run_file(path: Path) -> dict[str, Any]:
    if not path.is_file():
        raise ValueError(f"MACHINE: there is no file {path}")
    # Files beside it can be imported, as when Python runs it.
    sys.path.insert(0, str(path.resolve().parent))
    try:
        return runpy.run_path(str(path))
    finally:
        sys.path.pop(0)


def _import(module: str) -> dict[str, Any]:
    try:
        return vars(importlib.import_module(module))
    except ModuleNotFoundError as error:
        raise ValueError(f"MACHINE: there is no module {error.name}") from None


def read_arrays(path: Path) -> dict[str, Matrix]:
    """Read the named arrays of a .npz or .json file; every element is finite.

    Raises ValueError naming the file and the line, array or element that is wrong.
    """
    readers = {".npz": _read_npz, ".json": _read_json}
    if path.suffix.lower() not in readers:
        raise ValueError(f"FILE: {path} must end in .npz or .json")
    if path.is_dir():
        raise ValueError(f"FILE: {path} is a directory")
    if not path.exists():
        raise ValueError(f"FILE: there is no file {path}")
    arrays = readers[path.suffix.lower()](path)
    if not arrays:
        raise ValueError(f"{path}: there are no matrices in this file")
    return {name: _as_matrix(value, name, f"{path}: {name}") for name, value in arrays.items()}


def parse_literal(text: str, option: str) -> Any:
    """Parse nested lists or a number; ``option`` is named in the error."""
    try:
        try:
            return json.loads(text)
        except json.JSONDecodeError:
            # Python's own notation also allows .5 and 1. and tuples.
            return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError):
        raise ValueError(
            f"{option}: expected a matrix like [[0.8, 0.3], [0, 0.5]] or a number; got {text!r}"
        ) from None


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def _file_type() -> Any:
    return Annotated[Path | None, _FILE]


def _matrix_type(name: str) -> Any:
    return Annotated[
        str | None,
        typer.Option(
            _option(name),
            metavar="MATRIX",
            help=DESCRIPTIONS[name],
            rich_help_panel=_PANEL,
            show_default=False,
        ),
    ]


def _construct(arrays: Mapping[str, Matrix], source: str) -> ep.LinearGaussian:
    for names, constructor in VOCABULARIES:
        if set(names) == set(arrays):
            return constructor(**arrays)
    unknown = [name for name in arrays if name not in DESCRIPTIONS]
    if unknown:
        raise ValueError(f"{source}: unknown name {unknown[0]}; expected {_expected()}")
    # The closest set of words is most likely the one that was meant.
    closest, _ = max(
        VOCABULARIES, key=lambda entry: 2 * len(set(entry[0]) & set(arrays)) - len(entry[0])
    )
    missing = [name for name in closest if name not in arrays]
    if missing:
        raise ValueError(f"{source}: {', '.join(missing)} missing; expected {_expected()}")
    surplus = [name for name in arrays if name not in closest]
    raise ValueError(f"{source}: {', '.join(surplus)} given too much; expected {_expected()}")


def _expected() -> str:
    return " or ".join(f"({', '.join(names)})" for names, _ in VOCABULARIES)


def _read_npz(path: Path) -> dict[str, Any]:
    # NumPy takes a file that is no archive for a pickle, and says so: a misleading message.
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path}: not a .npz file, or cut short")
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except MemoryError as error:
        raise MemoryError(f"{path}: {error}") from error
    except _UNREADABLE as error:
        raise ValueError(f"{path}: not a readable .npz file of numbers ({error})") from error


def _read_json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"), object_pairs_hook=_unique_names)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{path}: line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8 text ({error.reason})") from error
    except RecursionError:
        raise ValueError(f"{path}: lists nested too deeply") from None
    except ValueError as error:  # an integer of thousands of digits
        raise ValueError(f"{path}: not a readable .json file of numbers ({error})") from error
    except _RepeatedNameError as error:
        raise ValueError(f"{path}: {error} appears twice") from None
    if not isinstance(value, dict):
        raise ValueError(
            f"{path}: expected an object with named matrices, got a {type(value).__name__}"
        )
    return value


class _RepeatedNameError(Exception):
    """A JSON object has the same name twice, of which json would silently keep the last."""


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    names = [name for name, _ in pairs]
    for name in names:
        if names.count(name) > 1:
            raise _RepeatedNameError(name)
    return dict(pairs)


def _as_matrix(value: Any, name: str, where: str) -> Matrix:
    try:
        array = np.asarray(value)
    except ValueError:
        raise ValueError(
            f"{where}: the rows have different lengths, or the lists are nested too deeply"
        ) from None
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{where}: expected real numbers, got {array.dtype.name} data")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        index = "".join(f"[{i}]" for i in bad[0])
        raise ValueError(f"{where}{index} is {array[tuple(bad[0])]}; every number must be finite")
    if array.ndim == 0:
        array = array.reshape((1,) * (3 if name == "coefficients" else 2))
    return array
