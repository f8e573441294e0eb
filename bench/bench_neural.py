"""Language models: scoring texts in several orders, sampling paths with their sigma."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import entroprod as ep

from . import peers
from .hardware import usable_cores
from .language_model import FIRST_TOKEN, N_TEXTS, machine_of, orders, random_model
from .neural_memory import peak_growth
from .row import Row, Rows, Target, faster, require_agreement
from .timing import Comparison, Ratio, Timer

N_PATHS, N_STEPS = 64, 120
SCORED = f"{N_TEXTS} texts of about 35 tokens in three orders"
SAMPLED = f"{N_PATHS} paths of {N_STEPS} tokens and their sigma"
EACH = "one forward pass for each order and text, `log_softmax`"
# Nats per token of the same model in single precision, logits of size 1.
AGREEMENT = 1e-4
# Kernels that multiply matrices, attention among them.
_PRODUCTS = ("mm", "gemm", "linear", "dot_product", "flash_attention")


def rows(timer: Timer) -> Rows:
    """All measurements of this topic."""
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError:
        return
    torch.set_num_threads(usable_cores())
    model = random_model()
    yield from _scoring(timer, model)
    yield from _memory()
    yield from _sampling(timer, model)


def _scoring(timer: Timer, model: Any) -> Rows:
    machine, sequences = machine_of(model), orders()
    some = sequences[:: len(sequences) // 3]
    for ours, peer in zip(
        machine.log_prob_ragged(some),
        peers.language_model_log_probs(model, FIRST_TOKEN, some),
        strict=True,
    ):
        require_agreement("log-probabilities", float(abs(ours - peer).max()), 0.0, AGREEMENT)
    times = timer.side_by_side(
        lambda: machine.log_prob_ragged(sequences),
        lambda: peers.language_model_log_probs(model, FIRST_TOKEN, sequences),
    )
    note = f"{usable_cores()} threads; GPT-2 small with random weights, float32"
    yield faster(f"Scoring {SCORED}", EACH, times, at_least=3.0, note=note)
    yield _share(f"Scoring {SCORED}", lambda: machine.log_prob_ragged(sequences[::6]))


def _share(what: str, task: Callable[[], object]) -> Row:
    """Part of our time that goes into products of matrices: what no other code can save."""
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CPU]) as recorded:
        task()
    events = recorded.key_averages()
    total = sum(event.self_cpu_time_total for event in events)
    products = sum(
        event.self_cpu_time_total
        for event in events
        if any(name in event.key for name in _PRODUCTS)
    )
    share = 100.0 * products / total
    return Row(what, "all of our time: the part in matrix products", "%", Ratio(share, share))


def _memory() -> Rows:
    ours, peer = (peak_growth(which, N_TEXTS // 3) for which in ("ours", "peer"))
    if ours is None or peer is None:
        return
    share = 100.0 * ours / peer
    yield Row(
        f"Scoring {SCORED}: peak memory above the model's",
        EACH,
        "%",
        Ratio(share, share),
        Target("≤", 50.0),
        note=f"{ours / 2**20:.0f} MB against {peer / 2**20:.0f} MB, a third of the texts",
    )


def _sampling(timer: Timer, model: Any) -> Rows:
    machine = machine_of(model)
    path, sigma = peers.language_model_path(model, FIRST_TOKEN, 10, np.random.default_rng(0))
    ours = float(ep.stochastic_entropy_production(machine, path).sigma[0])
    require_agreement("sigma", ours, sigma, 20 * AGREEMENT)

    def sample() -> object:
        paths, log_prob = machine.sample_with_log_prob(N_STEPS, N_PATHS, rng=0)
        backward = machine.log_prob(paths[:, ::-1])
        return log_prob.sum(1) - backward.sum(1)

    rng = np.random.default_rng(0)
    times = timer.side_by_side(
        sample, lambda: peers.language_model_path(model, FIRST_TOKEN, N_STEPS, rng)
    )
    times = Comparison(times.ours, tuple(N_PATHS * seconds for seconds in times.peer))
    note = f"{usable_cores()} threads; the peer's time is that of one path, times {N_PATHS}"
    yield faster(
        f"Sampling {SAMPLED}",
        "one path at a time with a cache, then backwards token by token",
        times,
        at_least=10.0,
        note=note,
    )
    yield _share(f"Sampling {SAMPLED}", sample)
