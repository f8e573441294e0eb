"""python -m bench.scaling: how the time of sigma grows with the length of a sequence.

Every machine scores sequences of T steps forwards and reversed. Sizes are measured in turns, in
another order each round, and the best time of each counts: other programs only ever add to a time.
The exponent is the slope of log time against log T over the largest sizes, where what grows fastest
has taken over.
"""

from __future__ import annotations

import argparse
import importlib
import inspect
import math
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

import entroprod as ep
from entroprod import neural
from entroprod.plot import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, VERMILION, tidy

from .hardware import machine_line, versions_line
from .report import ROOT, duration
from .row import require_agreement

PICTURE = ROOT / "docs" / "images" / "scaling.png"
RESULTS = ROOT / "bench" / "results" / "scaling.md"

N_SYMBOLS = 64
# Both orders of a sequence are one batch, however long: two batches would be a jump in the curve.
_BOTH_ORDERS = 2**30
# The fit covers sizes within this factor of the largest.
_FITTED_RANGE = 4.0
_FEWEST_ROUNDS = 3
_SHORT_SECONDS, _REPEATS = 5e-3, 10
# Two ways to the same sigma of a thousand steps in float32: sums of logits' rounding, nats.
_SAME_SIGMA = 1e-2

Floats: TypeAlias = NDArray[np.float64]
Task: TypeAlias = Callable[[], object]


@dataclass(frozen=True)
class Exponent:
    """Slope of log time against log size, its standard error, and the sizes that it rests on.

    ``quadratic_share`` is the part of the longest time that goes into T^2 where the same times are
    fitted by a T + b T^2: it tells an exponent that is still growing from one that has settled.
    """

    value: float
    error: float
    quadratic_share: float
    smallest: int
    largest: int
    n_sizes: int


def fit_exponent(sizes: list[int], seconds: list[float]) -> Exponent:
    """Least squares over the sizes within a factor of 4 of the largest.

    The standard error is that of the residuals; it covers what bends the line as well as noise.
    """
    given = np.array([sizes, seconds], dtype=float)
    size, time = given[:, given[0] >= given[0].max() / _FITTED_RANGE]
    if size.size < 3:
        msg = f"sizes must have 3 within a factor of {_FITTED_RANGE:g} of the largest, got {sizes}"
        raise ValueError(msg)
    x, y = np.log(size), np.log(time)
    spread = x - x.mean()
    slope = float(spread @ y / (spread @ spread))
    residuals = y - y.mean() - slope * spread
    error = math.sqrt(float(residuals @ residuals / (len(x) - 2) / (spread @ spread)))
    # Relative errors are alike.
    powers = np.column_stack([size, size**2]) / time[:, np.newaxis]
    linear, quadratic = np.linalg.lstsq(powers, np.ones(size.size), rcond=None)[0]
    share = quadratic * size[-1] / (linear + quadratic * size[-1])
    return Exponent(slope, error, float(share), int(size[0]), int(size[-1]), size.size)


@dataclass(frozen=True)
class Subject:
    """A machine whose time is measured.

    Attributes
    ----------
    name, detail : str
        For the legend, and for the table.
    expected : int
        The exponent of [S26].
    sigma : callable
        Sequences (N, T) or (N, T, m) to the sigma of the first.
    sizes : list of int
        Lengths T, increasing.
    n_sequences, n_outputs : int
        N, and m for values, 0 for symbols.
    """

    name: str
    detail: str
    expected: int
    sigma: Callable[[NDArray[Any]], float]
    sizes: list[int]
    n_sequences: int = 1
    n_outputs: int = 0

    def sequences(self, n_steps: int) -> NDArray[Any]:
        """Some sequences: time doesn't depend on what is in them."""
        rng = np.random.default_rng(n_steps)
        if self.n_outputs:
            return rng.standard_normal((self.n_sequences, n_steps, self.n_outputs))
        return rng.integers(N_SYMBOLS, size=(self.n_sequences, n_steps))


@dataclass(frozen=True)
class Measured:
    """Best times of a subject, seconds per sequence, by size, and their exponent."""

    subject: Subject
    seconds: list[float]
    exponent: Exponent


def lengths(smallest: int, largest: int) -> list[int]:
    """Sizes by factors of 2, and of the root of 2 within the fitted range."""
    sizes = {largest}
    size = float(largest)
    while size > smallest:
        size /= math.sqrt(2.0) if size > largest / _FITTED_RANGE * 1.01 else 2.0
        sizes.add(max(smallest, round(size)))
    return sorted(sizes)


def subjects(largest: int) -> list[Subject]:
    """All machines; ``largest`` is the length for those that are read in one pass."""
    torch.manual_seed(0)
    small = _attention(width=32, n_layers=2, n_positions=largest + 1)
    wide = _attention(width=64, n_layers=1, n_positions=largest + 1)
    one_pass, with_cache = _reader(small), _stepper(wide)
    probe = np.random.default_rng(0).integers(N_SYMBOLS, size=(2, 64))
    require_agreement("sigma with a cache", with_cache(probe), _reader(wide)(probe), _SAME_SIGMA)
    smallest = min(64, largest // 64)
    return [
        Subject(
            "attention, one pass",
            "GPT-2, 2 layers of width 32 (MLP 64), 4 heads, `sdpa`",
            2,
            one_pass,
            lengths(smallest, largest),
        ),
        Subject(
            "attention, step by step with a cache",
            "GPT-2, 1 layer of width 64 (MLP 64), 8 heads, `sdpa`, 64 sequences together",
            2,
            with_cache,
            lengths(smallest, largest // 16),
            n_sequences=64,
        ),
        Subject(
            "GRU",
            "width 64, `RecurrentMachine`",
            1,
            _recurrent(torch.nn.GRU),
            lengths(smallest, largest),
        ),
        Subject(
            "LSTM",
            "width 64, `RecurrentMachine`",
            1,
            _recurrent(torch.nn.LSTM),
            lengths(smallest, largest),
        ),
        Subject(
            "Mamba",
            "1 layer of width 32, without its CUDA kernel",
            1,
            _mamba(),
            lengths(smallest, largest),
        ),
        Subject(
            "linear SSM, in the core",
            "8 states, 2 outputs, `LinearGaussian`",
            1,
            _linear(),
            lengths(smallest, 8 * largest),
            n_outputs=2,
        ),
    ]


def _attention(*, width: int, n_layers: int, n_positions: int) -> Any:
    transformers: Any = importlib.import_module("transformers")
    config = transformers.GPT2Config(
        vocab_size=N_SYMBOLS,
        n_positions=n_positions,
        n_embd=width,
        n_inner=min(4 * width, 64),
        n_layer=n_layers,
        n_head=width // 8,
        bos_token_id=0,
        eos_token_id=0,
        attn_implementation="sdpa",
    )
    return transformers.GPT2LMHeadModel(config).eval()


def _sigma_of(machine: Any) -> Callable[[NDArray[Any]], float]:
    return lambda sequences: float(ep.stochastic_entropy_production(machine, sequences).sigma[0])


def _reader(model: Any) -> Callable[[NDArray[Any]], float]:
    def module(ids: torch.Tensor) -> Any:
        return model(ids, use_cache=False)

    machine = neural.TorchMachine(
        module, n_symbols=N_SYMBOLS, first_token=0, batch_tokens=_BOTH_ORDERS
    )
    return _sigma_of(machine)


def _stepper(model: Any) -> Callable[[NDArray[Any]], float]:
    """The published protocol: a forward pass for every token, which attends to all before it."""

    transformers: Any = importlib.import_module("transformers")
    known = inspect.signature(model.forward).parameters
    name = "cache" if "cache" in known else "past_key_values"

    def log_prob(sequences: NDArray[Any]) -> Floats:
        ids = torch.from_numpy(np.asarray(sequences))
        last = torch.zeros_like(ids[:, :1])
        cache = transformers.DynamicCache(config=model.config)
        result = np.empty(ids.shape)
        with torch.inference_mode():
            for t in range(ids.shape[1]):
                out = model(last, use_cache=True, **{name: cache})
                last = ids[:, t : t + 1]
                nats = torch.log_softmax(out.logits[:, -1].double(), dim=-1)
                result[:, t] = nats.gather(1, last)[:, 0].numpy()
        return result

    return _sigma_of(ep.FunctionMachine(log_prob, n_symbols=N_SYMBOLS))


def _recurrent(cell: Callable[..., Any]) -> Callable[[NDArray[Any]], float]:
    width = 64
    machine = neural.RecurrentMachine(
        cell(N_SYMBOLS, width, batch_first=True),
        torch.nn.Linear(width, N_SYMBOLS),
        n_symbols=N_SYMBOLS,
        batch_tokens=_BOTH_ORDERS,
    )
    return _sigma_of(machine)


def _mamba() -> Callable[[NDArray[Any]], float]:
    transformers: Any = importlib.import_module("transformers")
    transformers.logging.set_verbosity_error()  # it warns of kernels that only GPUs have
    config = transformers.MambaConfig(
        vocab_size=N_SYMBOLS,
        hidden_size=32,
        state_size=8,
        num_hidden_layers=1,
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    return _reader(transformers.MambaForCausalLM(config).eval())


def _linear() -> Callable[[NDArray[Any]], float]:
    rng = np.random.default_rng(0)
    rotation = np.linalg.qr(rng.standard_normal((8, 8)))[0]
    gain, emission = 0.3 * rng.standard_normal((8, 2)), rng.standard_normal((2, 8))
    return _sigma_of(ep.LinearGaussian(0.7 * rotation, gain, emission, np.eye(2)))


def measure(
    given: list[Subject], *, seconds: float, clock: Callable[[], float] = time.perf_counter
) -> list[Measured]:
    """Time all sizes of all subjects in rounds, for about so many seconds."""
    tasks = [
        (s, i, one.sequences(size))
        for s, one in enumerate(given)
        for i, size in enumerate(one.sizes)
    ]
    best = {(s, i): math.inf for s, i, _ in tasks}
    for one in given:  # what is set up at the first call doesn't count
        one.sigma(one.sequences(one.sizes[0]))
    rng = np.random.default_rng(0)
    started, rounds = time.perf_counter(), 0
    # Another round is begun if it would end in time.
    while rounds < _FEWEST_ROUNDS or (
        (time.perf_counter() - started) * (rounds + 1) / rounds < seconds
    ):
        for place in rng.permutation(len(tasks)):
            s, i, sequence = tasks[place]
            # A short task is repeated: its first call finds the caches full of another's data.
            for _ in range(1 if best[s, i] > _SHORT_SECONDS else _REPEATS):
                before = clock()
                sigma = given[s].sigma(sequence)
                best[s, i] = min(best[s, i], clock() - before)
            if not math.isfinite(sigma):
                msg = f"{given[s].name} gives sigma = {sigma}"
                raise RuntimeError(msg)
        rounds += 1
    results = []
    for s, one in enumerate(given):
        times = [best[s, i] / one.n_sequences for i in range(len(one.sizes))]
        results.append(Measured(one, times, fit_exponent(one.sizes, times)))
    return results


def picture(results: list[Measured]) -> Figure:
    """Time against length, both on logarithmic axes, with the fitted lines."""
    figure = Figure(figsize=(6.4, 5.4), layout="constrained")
    axes = figure.add_subplot()
    markers = zip((VERMILION, ORANGE, BLUE, GREEN, PURPLE, INK), "os^vDP")
    for result, (color, marker) in zip(results, markers):
        exponent = result.exponent
        label = f"{result.subject.name}: $T^{{{exponent.value:.2f} \\pm {exponent.error:.2f}}}$"
        axes.plot(
            result.subject.sizes,
            result.seconds,
            marker,
            color=color,
            markerfacecolor="none",
            markersize=5,
            label=label,
        )
        fitted = [
            (size, time)
            for size, time in zip(result.subject.sizes, result.seconds)
            if size >= exponent.smallest
        ]
        middle = np.exp(np.log(fitted).mean(axis=0))
        ends = np.array([exponent.smallest, exponent.largest])
        line = middle[1] * (ends / middle[0]) ** exponent.value
        axes.plot(ends, line, color=color, linewidth=1.4)
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(lambda size, _: f"{size:,.0f}")
    axes.grid(color=GREY, alpha=0.2, linewidth=0.6)
    axes.set_xlabel("length $T$ of the sequence")
    axes.set_ylabel(r"time of $\sigma$ of a sequence (s)")
    figure.legend(frameon=False, fontsize="small", loc="outside lower center", ncols=2)
    return tidy(axes, "")


def table(results: list[Measured], command: str, clock: str) -> str:
    """Markdown with everything that was measured."""
    lines = [
        "# Time of sigma against the length of the sequence",
        "",
        f"Written by `{command}`.",
        "",
        f"- machine: {machine_line()}",
        f"- versions: {versions_line()}, torch {torch.__version__}",
        f"- one thread, {clock}; best of several times for each length, lengths in turns; random "
        "weights",
        "- the exponent is the slope of log time against log length over the lengths named, by "
        "least squares, with the standard error of its residuals",
        "- share of T²: of the time at the longest, where those times are fitted by a T + b T²; an "
        "exponent below 2 is still growing while the share is",
        "",
        "| machine | what it is | published exponent | measured exponent | share of T² "
        "| lengths fitted | time at the longest |",
        "|---|---|---|---|---|---|---|",
    ]
    for result in results:
        one, exponent = result.subject, result.exponent
        share = f"{100 * exponent.quadratic_share:.0f} %" if one.expected == 2 else ""
        lines.append(
            f"| {one.name} | {one.detail} | {one.expected} "
            f"| {exponent.value:.2f} ± {exponent.error:.2f} "
            f"| {share} "
            f"| {exponent.smallest:,} to {exponent.largest:,} ({exponent.n_sizes}) "
            f"| {duration(result.seconds[-1])} |"
        )
    lines += ["", "All times:", ""]
    for result in results:
        pairs = zip(result.subject.sizes, result.seconds)
        times = ", ".join(f"{size:,}: {duration(time)}" for size, time in pairs)
        lines.append(f"- {result.subject.name}: {times}")
    return "\n".join(lines) + "\n"


def _arguments(given: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.scaling",
        description="Measure how the time of sigma grows with the length of a sequence.",
    )
    parser.add_argument(
        "--largest",
        type=int,
        default=16384,
        help="longest sequence of attention in one pass (16384)",
    )
    parser.add_argument("--seconds", type=float, default=150.0, help="about how long (150)")
    parser.add_argument(
        "--cpu-time",
        action="store_true",
        help="count the processor's time instead of the wall's, for a busy machine",
    )
    parser.add_argument("--picture", type=Path, default=PICTURE, help="where to draw")
    parser.add_argument("--results", type=Path, default=RESULTS, help="where to write the table")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> int:
    """Measure, draw, write; returns the exit code."""
    arguments = _arguments(given)
    if arguments.largest < 128:
        print("--largest must be at least 128", file=sys.stderr)
        return 2
    torch.set_num_threads(1)
    clock = time.process_time if arguments.cpu_time else time.perf_counter
    with threadpool_limits(limits=1):
        results = measure(subjects(arguments.largest), seconds=arguments.seconds, clock=clock)
    command = f"python -m bench.scaling{' --cpu-time' if arguments.cpu_time else ''}"
    what = "the processor's time" if arguments.cpu_time else "wall time"
    text = table(results, command, what)
    arguments.results.write_text(text, encoding="utf-8")
    picture(results).savefig(arguments.picture, dpi=150)
    print(text)
    print(f"written: {arguments.results}, {arguments.picture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
