"""Every result and every machine: frozen, short to print, ready for JSON, saved, copied, drawn."""

from __future__ import annotations

import copy
import dataclasses
import json
import pickle
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import entroprod as ep
from entroprod.results.encoding import Encoder
from entroprod.results.result import Result, plain, same

pytest.importorskip("pandas")
pytest.importorskip("matplotlib")

from example_results import DRAWN, FUNCTION, HIDDEN, MACHINES, NO_TABLE, RESULTS, stochastic
from matplotlib.figure import Figure

# A repr of many numbers would be longer; a law or a warning takes a line.
LONGEST_LINE = 400


@cache
def example(name: str) -> Any:
    return RESULTS[name]() if name in RESULTS else MACHINES[name]


def content(value: Any) -> str:
    """All that a file holds of it, to the last bit."""
    encoder = Encoder()
    encoded = encoder.encode(value)
    arrays = {name: (a.dtype.str, a.shape, a.tobytes()) for name, a in encoder.arrays.items()}
    return repr((encoded, encoder.objects, arrays))


def arrays_in(value: Any) -> list[np.ndarray[Any, Any]]:
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, tuple):
        return [array for item in value for array in arrays_in(item)]
    if isinstance(value, Result):
        return [array for item in vars(value).values() for array in arrays_in(item)]
    return []


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


_LAWS = ("SigmaLaw", "PairSigmaLaw")
# Kinds of machines that are saved with what they produce.
_SAVED = ("pair", "changing", "diagonal", "chain", "hidden")
# Tested below, since they take torch.
_OF_NETWORKS = {"ReverseModelTraining", "LanguageModelTraining", "SelfTest", "EncodedTexts"}
# What pictures of these would show doesn't exist.
_NOT_DRAWN = {
    "EntropyProduction, infinite": "infinite entropy production",
    "EntropyProduction, function": "compression_loss doesn't exist",
    "EntropyProduction, given": "no retrospective decomposition",
}
results = pytest.mark.parametrize("name", RESULTS)
everything = pytest.mark.parametrize("name", [*RESULTS, *MACHINES])


def test_none_is_forgotten() -> None:
    shown = {name.partition(",")[0] for name in [*RESULTS, *MACHINES]}
    public = {
        name
        for name in ep.__all__
        if isinstance(getattr(ep, name), type) and issubclass(getattr(ep, name), ep.Result)
    }
    assert public - {"Result"} <= shown
    # Classes that only reach users inside of others.
    own = {cls.__name__ for cls in _subclasses(Result) if cls.__module__.startswith("entroprod")}
    assert own <= shown | _OF_NETWORKS


def _subclasses(cls: type) -> list[type]:
    children: list[type] = cls.__subclasses__()
    return [found for child in children for found in (child, *_subclasses(child))]


@everything
def test_frozen(name: str) -> None:
    value = example(name)
    field = dataclasses.fields(value)[0].name
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(value, field, None)
    assert not any(array.flags.writeable for array in arrays_in(tuple(vars(value).values())))


@everything
def test_repr_is_short(name: str) -> None:
    lines = repr(example(name)).splitlines()
    assert type(example(name)).__name__ in lines[0]
    assert max(map(len, lines)) <= LONGEST_LINE
    assert len(lines) <= (100 if name == "Verification" else 20)


@results
def test_to_dict_is_json(name: str) -> None:
    told = example(name).to_dict()
    # What goes through JSON is the same: no tuple, no array, no NumPy number, no key but strings.
    assert same(json.loads(json.dumps(told)), told)
    assert not any(key.startswith("_") for key in told)


@results
def test_to_frame(name: str) -> None:
    value = example(name)
    if type(value).__name__ in NO_TABLE:
        with pytest.raises(TypeError, match=f"a {type(value).__name__} is no table"):
            value.to_frame()
    else:
        assert len(value.to_frame()) > 0


@results
def test_plot(name: str) -> None:
    value = example(name)
    if type(value).__name__ not in DRAWN:
        with pytest.raises(TypeError, match=f"no picture of a {type(value).__name__}"):
            value.plot()
    elif name in _NOT_DRAWN:
        with pytest.raises((ValueError, ep.NumericalError), match=_NOT_DRAWN[name]):
            value.plot()
    else:
        figure = value.plot(title="seen")
        assert isinstance(figure, Figure)
        assert figure.axes


@everything
def test_saved_and_loaded(name: str, tmp_path: Path) -> None:
    value = example(name)
    path = tmp_path / "one.npz"
    value.save(path)
    again = ep.load(path)
    assert type(again) is type(value)
    assert content(again) == content(value)
    assert again == value
    assert hash(again) == hash(value)
    assert repr(again) == repr(value)
    assert type(value).load(path) == value
    assert not any(array.flags.writeable for array in arrays_in(tuple(vars(again).values())))
    # The same bytes whenever it is saved.
    again.save(tmp_path / "two.npz")
    assert (tmp_path / "two.npz").read_bytes() == path.read_bytes()


@everything
@pytest.mark.parametrize("make", [copy.copy, copy.deepcopy, pickled])
def test_copies(name: str, make: Any) -> None:
    value = example(name)
    again = make(value)
    assert type(again) is type(value)
    assert content(again) == content(value)
    assert again == value
    assert not any(array.flags.writeable for array in arrays_in(tuple(vars(again).values())))


@everything
def test_asdict(name: str) -> None:
    value = example(name)
    assert list(dataclasses.asdict(value)) == [field.name for field in dataclasses.fields(value)]


@results
def test_different_results_differ(name: str) -> None:
    value = example(name)
    assert value != name
    kind = name.partition(",")[0]
    others = [other for other in RESULTS if other.partition(",")[0] == kind and other != name]
    assert not any(
        example(other) == value
        for other in others
        # The same result, before and after all has been computed.
        if {name, other} != {"EntropyProduction, fresh", "EntropyProduction, whole"}
    )


def test_results_of_networks(tmp_path: Path) -> None:
    pytest.importorskip("torch")
    pytest.importorskip("transformers")
    from entroprod.neural import (
        EncodedTexts,
        LanguageModelTraining,
        ReverseModelTraining,
        SelfTest,
    )

    losses = np.array([3.5, 2.5])
    ids = (np.array([1, 2]), np.array([3]))
    for value in (
        SelfTest(3, 9, 1e-6, 1e-7, 2e-6, 2e-7, "float32", "cpu"),
        EncodedTexts(ids, np.array([0, 2]), (ep.Skipped(1, "no token"),)),
        ReverseModelTraining(losses, losses.copy(), 2, 8, 2, False),
        LanguageModelTraining("f", "gpt2", 9, 300, 50, 40, 4, 16, losses, 2.0, 5.7, 1.5),
    ):
        path = tmp_path / f"{type(value).__name__}.npz"
        value.save(path)
        for again in (ep.load(path), pickled(value), copy.deepcopy(value)):
            assert type(again) is type(value)
            assert content(again) == content(value)
            assert again == value
        told = value.to_dict()
        assert same(json.loads(json.dumps(told)), told)


@pytest.mark.parametrize("name", [*_LAWS, *(f"EntropyProduction, {of}" for of in _SAVED)])
def test_what_was_not_computed_is_computed_after_loading(name: str, tmp_path: Path) -> None:
    value = RESULTS[name]()
    value.save(tmp_path / "fresh.npz")
    again = ep.load(tmp_path / "fresh.npz")
    for part in ("weights",) if name in _LAWS else ("per_step", "retrospective"):
        np.testing.assert_array_equal(getattr(again, part), getattr(value, part))
    # Now it is kept: loaded without being computed once more.
    value.save(tmp_path / "whole.npz")
    kept = vars(ep.load(tmp_path / "whole.npz"))
    assert kept.keys() == vars(value).keys()
    if name in _LAWS:
        assert kept.keys() & {"_gaps", "_form"}
    else:
        assert {"per_step", "_decomposition"} <= kept.keys()


def test_an_enumerated_machine_is_saved_with_its_result(tmp_path: Path) -> None:
    value = ep.entropy_production(HIDDEN, 5)
    value.save(tmp_path / "hidden.npz")
    again = ep.load(tmp_path / "hidden.npz")
    np.testing.assert_array_equal(again.compression_loss, value.compression_loss)
    every = ep.enumerate_sequences(HIDDEN, 4)
    every.save(tmp_path / "every.npz")
    loaded = ep.load(tmp_path / "every.npz")
    assert loaded.sigma_law() == every.sigma_law()
    production = loaded.entropy_production()
    np.testing.assert_array_equal(
        production.model_mismatch, every.entropy_production().model_mismatch
    )


class Remembering:
    """A machine that can't be saved, with a memory."""

    n_symbols = 2

    def log_prob(self, sequences: Any) -> Any:
        return FUNCTION.log_prob(sequences)

    def memory(self, sequences: Any) -> Any:
        rows = np.zeros((len(sequences), 1))
        if sequences.shape[1]:
            rows[:, 0] = sequences[:, -1]
        return rows


def test_what_needs_a_machine_that_was_not_saved_says_so(tmp_path: Path) -> None:
    value = ep.entropy_production(Remembering(), 4)
    value.save(tmp_path / "fresh.npz")
    again = ep.load(tmp_path / "fresh.npz")
    assert again == value
    np.testing.assert_array_equal(again.per_step, value.per_step)
    with pytest.raises(ValueError, match=r"memory of its machine isn't there.*Remembering"):
        again.compression_loss  # noqa: B018
    assert value.compression_loss.size
    value.save(tmp_path / "whole.npz")
    np.testing.assert_array_equal(
        ep.load(tmp_path / "whole.npz").compression_loss, value.compression_loss
    )
    every = ep.enumerate_sequences(Remembering(), 4)
    every.save(tmp_path / "every.npz")
    assert repr(ep.load(tmp_path / "every.npz")) == repr(every)


class Steps:
    """Values of steps of a kind that nobody registered."""

    def per_step(self) -> Any:
        return np.array([0.25, 0.5])

    def decomposition(self) -> Any:
        raise AssertionError


def test_steps_of_an_unknown_kind(tmp_path: Path) -> None:
    value = ep.EntropyProduction(0.75, 2, 0.0, "double", Steps(), False)
    value.save(tmp_path / "fresh.npz")
    with pytest.raises(ValueError, match="per_step isn't there"):
        ep.load(tmp_path / "fresh.npz").per_step  # noqa: B018
    assert value.per_step.size
    value.save(tmp_path / "whole.npz")
    np.testing.assert_array_equal(ep.load(tmp_path / "whole.npz").per_step, [0.25, 0.5])
    with pytest.raises(ValueError, match="the decomposition was left out"):
        ep.load(tmp_path / "whole.npz").retrospective  # noqa: B018


def test_a_reversal_with_a_function_leaves_its_words(tmp_path: Path) -> None:
    def middle(sequence: Any) -> list[int]:
        return [len(sequence) // 2]

    reversal = ep.BlockReversal(cut=middle)
    value = ep.stochastic_entropy_production(HIDDEN, HIDDEN.sample(6, 3, rng=0), reversal=reversal)
    value.save(tmp_path / "cut.npz")
    again = ep.load(tmp_path / "cut.npz")
    assert again == value
    assert repr(again.reversal) == repr(reversal)
    with pytest.raises(ValueError, match="plan of its reversal isn't there"):
        again.reversal.plan(np.arange(6))


def test_reversals_are_saved_with_results(tmp_path: Path) -> None:
    stochastic().save(tmp_path / "blocks.npz")
    again = ep.load(tmp_path / "blocks.npz")
    assert again.reversal == ep.BlockReversal(delimiters=[2])
    for reversal in (ep.TokenReversal(), ep.Permutation([2, 0, 1]), ep.BlockReversal(length=2)):
        ep.save(reversal, tmp_path / "reversal.npz", overwrite=True)
        order = ep.load(tmp_path / "reversal.npz").plan(np.arange(3)).order
        np.testing.assert_array_equal(order, reversal.plan(np.arange(3)).order)


def test_a_machine_shared_by_two_is_one_again(tmp_path: Path) -> None:
    machine = MACHINES["LinearGaussian"]
    ep.save([machine, {"again": machine}], tmp_path / "shared.npz")
    first, second = ep.load(tmp_path / "shared.npz")
    assert first is second["again"]


def test_loading_another_class_is_refused(tmp_path: Path) -> None:
    MACHINES["MarkovChain"].save(tmp_path / "chain.npz")
    with pytest.raises(TypeError, match="holds a MarkovChain, no LinearGaussian"):
        ep.LinearGaussian.load(tmp_path / "chain.npz")
    MACHINES["DiagonalSSM"].save(tmp_path / "diagonal.npz")
    assert ep.LinearGaussian.load(tmp_path / "diagonal.npz") == MACHINES["DiagonalSSM"]


def test_plain_leaves_nothing_but_json() -> None:
    given = {1: np.float64(0.5), "a": (np.int64(2), {3}), "b": 1 + 2j, "c": Path("x"), "d": print}
    told = plain(given)
    assert told == {"1": 0.5, "a": [2, [3]], "b": [1.0, 2.0], "c": "x", "d": repr(print)}
    assert type(told["1"]) is float


def test_results_do_not_import_pictures() -> None:
    code = """
import sys
import entroprod as ep
chain = ep.MarkovChain([[0.5, 0.5], [0.25, 0.75]])
ep.entropy_production(chain, 5).to_dict()
assert "entroprod.plot" not in sys.modules and "matplotlib" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True)
