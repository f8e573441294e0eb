"""Every feature that needs an optional package, and some that need none, as small calls.

As a program it hides the packages named in its arguments, as if they weren't installed, and prints
what each feature then does: ``python features.py pandas matplotlib``.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

DONE = "done"
# What each feature needs: packages, each with the extra that the message names.
NEEDS: dict[str, dict[str, str]] = {}
_FEATURES: dict[str, Callable[[], object]] = {}


def needs(**packages: str) -> Callable[[Callable[[], object]], Callable[[], object]]:
    """Register a feature that needs the packages, each of an extra."""

    def register(feature: Callable[[], object]) -> Callable[[], object]:
        _FEATURES[feature.__name__] = feature
        NEEDS[feature.__name__] = packages
        return feature

    return register


def gaussian() -> Any:
    import entroprod as ep

    return ep.LinearGaussian([[0.4]], [[0.5]], [[1.0]], [[2.0]])


def vector() -> Any:
    import numpy as np

    import entroprod as ep

    return ep.LinearGaussian([[0.4, 0.3], [0.0, 0.2]], 0.3 * np.eye(2), np.eye(2), np.eye(2))


def chain() -> Any:
    import entroprod as ep

    return ep.MarkovChain([[0.1, 0.7, 0.2], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]])


def bound() -> Any:
    import entroprod as ep

    reverse = ep.fit_reverse_model(gaussian(), 3, 500, order=1, rng=0)
    return ep.retrospective_bound(gaussian(), reverse, 3, 50, rng=0)


def scales() -> Any:
    import entroprod as ep

    return ep.block_scale(chain(), chain().sample(20, 3, rng=0), [1, 2])


def comparison() -> Any:
    import entroprod as ep

    return ep.compare_groups({"group": ["a", "a", "b", "b"], "s": [1, 2, 3, 5]}, metrics="s")


def series() -> Any:
    import entroprod as ep

    data = vector().sample(60, rng=0)[0]
    return ep.series_entropy_production(data, lags=1, n_bootstrap=20, n_surrogates=20, rng=0)


# ------------------------------------------------------------------ what needs nothing more


@needs()
def numbers() -> None:
    import entroprod as ep

    ep.entropy_production(vector(), 5)
    ep.entropy_production_curve(vector(), 5)
    ep.entropy_production_rate(vector())
    ep.entropy_production_gradient(vector(), 5)
    ep.sigma_law(vector(), 5).to_dict()
    ep.monte_carlo(vector(), 5, 10, rng=0)
    ep.entropy_production(chain(), 5).to_dict()
    ep.enumerate_sequences(chain(), 4)


@needs()
def bounds_scales_and_groups() -> None:
    bound().to_dict()
    scales().to_dict()
    comparison().to_dict()


@needs()
def verification() -> None:
    import entroprod as ep
    from entroprod.testing import check_machine

    str(ep.verify(gaussian()))
    check_machine(chain())


@needs()
def systems_of_scipy() -> None:
    import scipy.signal

    import entroprod as ep

    dlti: Any = scipy.signal.dlti
    system = dlti([1.0, 0.5], [1.0, -0.9])
    ep.from_scipy(system, [[1.0]])


@needs()
def texts_without_a_table() -> None:
    from entroprod.text import read_texts

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "texts.csv")
        path.write_text("text,group\nA text.,a\n")
        read_texts(path)


# ------------------------------------------------------------------ tables


@needs(pandas="series")
def frame_of_production() -> object:
    import entroprod as ep

    return ep.entropy_production(gaussian(), 3).to_frame()


@needs(pandas="series")
def frame_of_paths() -> object:
    import entroprod as ep

    return ep.stochastic_entropy_production(gaussian(), gaussian().sample(3, 2, rng=0)).to_frame()


@needs(pandas="series")
def frame_of_monte_carlo() -> object:
    import entroprod as ep

    return ep.monte_carlo(gaussian(), 3, 10, rng=0, keep_sigma=True).to_frame()


@needs(pandas="series")
def frame_of_a_gradient() -> object:
    import entroprod as ep

    return ep.entropy_production_gradient(gaussian(), 3).to_frame()


@needs(pandas="series")
def frame_of_a_gradient_of_the_rate() -> object:
    import entroprod as ep

    return ep.entropy_production_rate_gradient(gaussian()).to_frame()


@needs(pandas="series")
def frame_of_sequences() -> object:
    import entroprod as ep

    return ep.enumerate_sequences(chain(), 3).to_frame()


@needs(pandas="series")
def frame_of_a_law() -> object:
    import entroprod as ep

    return ep.enumerate_sequences(chain(), 3).sigma_law().to_frame()


@needs(pandas="series")
def frame_of_a_verification() -> object:
    import entroprod as ep

    return ep.verify(gaussian()).to_frame()


@needs(pandas="series")
def frame_of_a_bound() -> object:
    return bound().to_frame()


@needs(pandas="series")
def frame_of_scales() -> object:
    return scales().to_frame()


@needs(pandas="series")
def frame_of_groups() -> object:
    return comparison().to_frame()


# ------------------------------------------------------------------ series


@needs(statsmodels="series")
def fit_of_an_array() -> object:
    return series().to_dict()


@needs(statsmodels="series", pandas="series")
def frame_of_a_series() -> object:
    return series().to_frame()


@needs(pandas="series", narwhals="series")
def table_from_csv() -> object:
    from entroprod.series import read_table

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "table.csv")
        path.write_text("x,y\n1,2\n3,5\n")
        return read_table(path)


@needs(pandas="series", pyarrow="series", narwhals="series")
def table_from_parquet() -> object:
    from entroprod.series import read_table

    with tempfile.TemporaryDirectory() as folder:
        return read_table(parquet(Path(folder), {"x": [1.0, 3.0], "y": [2.0, 5.0]}))


def parquet(folder: Path, columns: dict[str, list[Any]]) -> Path:
    """A Parquet file, or anything where it can't be written."""
    path = folder / "table.parquet"
    try:
        import pyarrow as pa
        from pyarrow import parquet as files
    except ImportError:
        path.write_bytes(b"PAR1")
    else:
        files.write_table(pa.table(columns), path)
    return path


@needs(statsmodels="series")
def results_of_statsmodels() -> object:
    import entroprod as ep

    return ep.from_statsmodels(fitted())


def fitted() -> object:
    try:
        from statsmodels.tsa.api import SARIMAX
    except ImportError:
        return None
    return SARIMAX(gaussian().sample(30, rng=0)[0]).filter([0.5, 1.0])


@needs(statsmodels="series")
def filter_of_statsmodels() -> object:
    return gaussian().to_statsmodels()


@needs(control="control")
def system_to_control() -> object:
    return gaussian().to_control()


@needs(control="control")
def system_from_control() -> object:
    import entroprod as ep

    return ep.from_control(system(), [[1.0]], [[1.0]])


def system() -> object:
    try:
        import control
    except ImportError:
        return None
    return control.ss([[0.5]], [[1.0]], [[1.0]], [[0.0]], True)


# ------------------------------------------------------------------ pictures


@needs(matplotlib="plot")
def module_of_pictures() -> None:
    import entroprod.plot  # noqa: F401


@needs(matplotlib="plot")
def picture_of_production() -> object:
    import entroprod as ep

    return ep.entropy_production(gaussian(), 3).plot()


@needs(matplotlib="plot")
def picture_of_a_law() -> object:
    import entroprod as ep

    return ep.sigma_law(vector(), 3).plot()


@needs(matplotlib="plot")
def picture_of_a_discrete_law() -> object:
    import entroprod as ep

    return ep.enumerate_sequences(chain(), 3).sigma_law().plot()


@needs(matplotlib="plot")
def picture_of_a_bound() -> object:
    return bound().plot()


@needs(matplotlib="plot")
def picture_of_scales() -> object:
    return scales().plot()


@needs(matplotlib="plot")
def picture_of_groups() -> object:
    return comparison().plot()


@needs(matplotlib="plot", statsmodels="series")
def picture_of_a_series() -> object:
    result = series()
    from entroprod import plot

    return plot.series_rate(result)


# ------------------------------------------------------------------ command line, tests


@needs(typer="cli", rich="cli")
def command_line() -> None:
    from entroprod.cli import main

    sys.argv = ["entroprod", "verify", "--help"]
    try:
        main()
    except SystemExit as done:
        if done.code:  # the line is printed, not raised
            raise ImportError('pip install "entroprod[cli]"') from None


@needs(rich="cli")
def bar_of_progress() -> object:
    import entroprod as ep

    return ep.retrospective_bound(
        chain(), lambda y: chain().log_prob(y), 3, 5, rng=0, progress=True
    )


@needs(hypothesis="testing")
def strategies() -> object:
    from entroprod.testing import stable_machines

    return stable_machines()


# ------------------------------------------------------------------ texts


def scored(output: Path | None = None) -> Any:
    from text_machines import SOME_TEXTS, CharacterMachine

    from entroprod.text import score_texts

    return score_texts(CharacterMachine(), SOME_TEXTS, output=output)


@needs(pandas="text")
def texts_in_memory() -> object:
    return scored().to_frame()


@needs(pandas="text")
def texts_into_csv() -> None:
    from entroprod.text import read_results

    with tempfile.TemporaryDirectory() as folder:
        scored(Path(folder, "scores.csv"))
        read_results(Path(folder, "scores.csv"))


@needs(pandas="text", pyarrow="text")
def texts_into_parquet() -> None:
    with tempfile.TemporaryDirectory() as folder:
        scored(Path(folder, "scores.parquet"))


@needs(pyarrow="text")
def texts_from_parquet() -> object:
    from entroprod.text import read_texts

    with tempfile.TemporaryDirectory() as folder:
        return read_texts(parquet(Path(folder), {"text": ["A text."]}))


@needs(narwhals="text")
def texts_of_a_frame() -> object:
    import polars as pl  # a frame that no extra brings

    from entroprod.text import as_texts

    return as_texts(pl.DataFrame({"text": ["A text."]}))


@needs(pandas="text", jinja2="text", narwhals="text")
def report_of_texts() -> object:
    from entroprod.text.report import html_report

    return html_report(scored())


# ------------------------------------------------------------------ networks


@needs(torch="torch")
def networks() -> object:
    import numpy as np

    from entroprod.neural import TorchMachine

    torch: Any = __import__("torch")
    machine = TorchMachine(torch.nn.Embedding(3, 3), n_symbols=3, first_token=0)
    return machine.log_prob(np.zeros((1, 3), dtype=np.int64))


@needs(torch="torch", transformers="text")
def language_models() -> object:
    from entroprod.neural import HuggingFaceMachine, train_language_model

    with tempfile.TemporaryDirectory() as folder:
        train_language_model(
            "The sun rose. The birds sang. " * 400,
            Path(folder),
            n_layers=1,
            width=16,
            context=32,
            vocabulary_size=300,
            n_steps=1,
        )
        return HuggingFaceMachine(Path(folder))


# ------------------------------------------------------------------ the program


class Without(MetaPathFinder):
    """A finder that doesn't find the hidden packages."""

    def __init__(self, finder: Any, hidden: frozenset[str]) -> None:
        self.finder, self.hidden = finder, hidden

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if fullname.partition(".")[0] in self.hidden:
            return None
        spec: ModuleSpec | None = self.finder.find_spec(fullname, path, target)
        return spec

    def __getattr__(self, name: str) -> Any:
        return getattr(self.finder, name)


def outcomes(hidden: Iterable[str]) -> dict[str, str]:
    """What each feature does without the packages: DONE, or the error that it raises."""
    sys.meta_path[:] = [Without(finder, frozenset(hidden)) for finder in sys.meta_path]
    found = {}
    for name, feature in _FEATURES.items():
        try:
            feature()
        except Exception as error:  # noqa: BLE001  (reported)
            found[name] = f"{type(error).__name__}: {error}"
        else:
            found[name] = DONE
    return found


if __name__ == "__main__":
    stdout, sys.stdout = sys.stdout, sys.stderr  # what the features print is not the answer
    answer = outcomes(sys.argv[1:])
    print(json.dumps(answer), file=stdout)
