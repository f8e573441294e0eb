"""Machines of many kinds, sound ones and broken ones, each written by hand in a few lines."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

import entroprod as ep

AnyArray = np.ndarray[Any, Any]
Generator = np.random.Generator


def draw(rng: Generator, probabilities: AnyArray) -> AnyArray:
    """One symbol per row of probabilities."""
    cumulated = probabilities.cumsum(axis=1)
    level = rng.random((len(probabilities), 1)) * cumulated[:, -1:]
    return np.asarray((cumulated <= level).sum(axis=1))


# ------------------------------------------------------------------ discrete


@dataclass(frozen=True, eq=False)
class Chain:
    """A Markov chain; its memory is the last symbol, one of n for none."""

    initial: AnyArray
    transition: AnyArray

    @property
    def n_symbols(self) -> int:
        return len(self.initial)

    def log_prob(self, sequences: AnyArray) -> AnyArray:
        with np.errstate(divide="ignore"):
            first = np.log(self.initial)[sequences[:, :1]]
            later = np.log(self.transition)[sequences[:, :-1], sequences[:, 1:]]
        return np.hstack([first, later])

    def sample(self, n_steps: int, n_paths: int = 1, *, rng: Any = None) -> AnyArray:
        generator = np.random.default_rng(rng)
        paths = np.empty((n_paths, n_steps), dtype=np.int64)
        for step in range(n_steps):
            rows = self.transition[paths[:, step - 1]] if step else [self.initial] * n_paths
            paths[:, step] = draw(generator, np.asarray(rows))
        return paths

    def memory(self, sequences: AnyArray) -> AnyArray:
        shown = np.zeros((len(sequences), self.n_symbols))
        if sequences.shape[1]:
            shown[np.arange(len(sequences)), sequences[:, -1]] = 1.0
        return shown


@dataclass(frozen=True, eq=False)
class Hidden:
    """A hidden Markov chain; its memory is the distribution of the hidden state to come."""

    initial: AnyArray
    transition: AnyArray
    emission: AnyArray

    @property
    def n_symbols(self) -> int:
        return int(self.emission.shape[1])

    def _run(self, sequences: AnyArray) -> tuple[AnyArray, AnyArray]:
        belief = np.tile(self.initial, (len(sequences), 1))
        scores = np.empty(sequences.shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            for step in range(sequences.shape[1]):
                joint = belief * self.emission[:, sequences[:, step]].T
                total = joint.sum(axis=1, keepdims=True)
                scores[:, step] = np.log(total[:, 0])
                belief = (np.where(total > 0, joint / total, 0.0)) @ self.transition
        return scores, belief

    def log_prob(self, sequences: AnyArray) -> AnyArray:
        return self._run(sequences)[0]

    def memory(self, sequences: AnyArray) -> AnyArray:
        return self._run(sequences)[1]

    def sample(self, n_steps: int, n_paths: int = 1, *, rng: Any = None) -> AnyArray:
        generator = np.random.default_rng(rng)
        state = draw(generator, np.tile(self.initial, (n_paths, 1)))
        paths = np.empty((n_paths, n_steps), dtype=np.int64)
        for step in range(n_steps):
            paths[:, step] = draw(generator, self.emission[state])
            state = draw(generator, self.transition[state])
        return paths


@dataclass(frozen=True, eq=False)
class Rnn:
    """A recurrent network with a softmax, which takes sequences of different lengths together.

    ``bug``: what somebody got wrong.
    """

    n_symbols: int = 3
    size: int = 4
    seed: int = 0
    dtype: str = "float64"
    bug: str = ""
    tells_dtype: bool = True

    def __post_init__(self) -> None:
        rng = np.random.default_rng(self.seed)
        scale = 1.5 / math.sqrt(self.size)
        shapes = {
            "hidden": (self.size, self.size),
            "embedding": (self.n_symbols, self.size),
            "output": (self.size, self.n_symbols),
        }
        for name, shape in shapes.items():
            weights = (scale * rng.standard_normal(shape)).astype(self.dtype)
            object.__setattr__(self, name, weights)
        object.__setattr__(self, "noise", np.random.default_rng(self.seed + 1))

    def provenance(self) -> dict[str, Any]:
        return {"machine": "Rnn", "dtype": f"torch.{self.dtype}"} if self.tells_dtype else {}

    def _step(self, state: AnyArray, symbols: AnyArray) -> AnyArray:
        this: Any = self
        found = np.tanh(state @ this.hidden + this.embedding[symbols])
        if self.bug == "batch norm":
            found = found - found.mean(axis=0)
        if self.bug == "dropout":
            found = found * this.noise.choice([0.0, 1.25], p=[0.2, 0.8], size=found.shape)
        return np.asarray(found)

    def _log_softmax(self, state: AnyArray, temperature: float = 1.0) -> AnyArray:
        logits = (state @ vars(self)["output"]) / temperature
        if self.bug == "no softmax":
            return np.asarray(logits - 1.0)
        top = logits.max(axis=1, keepdims=True)
        total = np.log(np.exp(logits - top).sum(axis=1, keepdims=True))
        return np.asarray(logits - top - total)

    def log_prob(self, sequences: AnyArray) -> AnyArray:
        n_paths, n_steps = sequences.shape
        state = np.zeros((n_paths, self.size), dtype=self.dtype)
        scores = np.empty((n_paths, n_steps), dtype=self.dtype)
        if self.bug == "bidirectional":
            state = self._step(state, sequences[:, -1])
        rows = np.arange(n_paths)
        for step in range(n_steps):
            if self.bug == "not shifted":
                state = self._step(state, sequences[:, step])
            scores[:, step] = self._log_softmax(state)[rows, sequences[:, step]]
            if self.bug != "not shifted":
                state = self._step(state, sequences[:, step])
        if self.bug == "nan":
            scores[sequences == self.n_symbols - 1] = math.nan
        if self.bug == "one step short":
            return scores[:, 1:]
        if self.bug == "depends on length":
            scores[:, -1] *= 1.1
        return scores if self.tells_dtype else scores.astype(np.float64)

    def log_prob_ragged(self, sequences: list[AnyArray]) -> list[AnyArray]:
        longest = max(map(len, sequences))
        padded = np.zeros((len(sequences), longest), dtype=np.int64)
        left = self.bug == "padding leaks"
        for row, one in zip(padded, sequences):
            row[longest - len(one) if left else 0 :][: len(one)] = one
        scores = Rnn.log_prob(self, padded)
        return [
            row[longest - len(one) if left else 0 :][: len(one)]
            for row, one in zip(scores, sequences)
        ]

    def sample_with_log_prob(
        self, n_steps: int, n_paths: int = 1, *, rng: Any = None
    ) -> tuple[AnyArray, AnyArray]:
        generator = np.random.default_rng(rng)
        state = np.zeros((n_paths, self.size), dtype=self.dtype)
        paths = np.empty((n_paths, n_steps), dtype=np.int64)
        scores = np.empty((n_paths, n_steps))
        for step in range(n_steps):
            hot = {"sampler is hot": 2.0, "sampler is hot later": 2.0 if step > 7 else 1.0}
            rows = self._log_softmax(state, hot.get(self.bug, 1.0))
            paths[:, step] = draw(generator, np.exp(rows.astype(np.float64)))
            scores[:, step] = rows[np.arange(n_paths), paths[:, step]]
            state = self._step(state, paths[:, step])
        return paths, scores

    def sample(self, n_steps: int, n_paths: int = 1, *, rng: Any = None) -> AnyArray:
        if self.bug == "own randomness":
            rng = vars(self)["noise"]
        if self.bug == "no randomness":
            rng = 1
        paths, _ = self.sample_with_log_prob(n_steps, n_paths, rng=rng)
        if self.bug == "one-hot":
            return np.eye(self.n_symbols)[paths]
        if self.bug == "backward sampler":
            return np.ascontiguousarray(paths[:, ::-1])
        if self.bug == "end of text":
            return paths + 1
        return paths.astype(float) if self.bug == "float symbols" else paths

    def memory(self, sequences: AnyArray) -> AnyArray:
        state = np.zeros((len(sequences), self.size), dtype=self.dtype)
        for step in range(sequences.shape[1]):
            state = self._step(state, sequences[:, step])
        if self.bug == "memory of the batch":
            state = state + len(sequences)
        if self.bug == "flat memory":
            return state[:, 0]
        return state


def zipf(n_symbols: int) -> ep.FunctionMachine:
    """A large vocabulary, each symbol independent of the others."""
    weights = 1 / np.arange(1, n_symbols + 1) ** 1.5
    probabilities = weights / weights.sum()
    return ep.FunctionMachine(
        lambda y: np.log(probabilities)[y],
        lambda n_steps, n_paths, rng: rng.choice(n_symbols, (n_paths, n_steps), p=probabilities),
        n_symbols=n_symbols,
    )


CHAIN = Chain(
    np.array([0.5, 0.2, 0.3]), np.array([[0.1, 0.7, 0.2], [0.3, 0.3, 0.4], [0.6, 0.2, 0.2]])
)
# Three symbols in a circle, never back: most sequences are impossible.
CLOCK = Chain(np.full(3, 1 / 3), np.array([[0.0, 1.0, 0.0], [0.0, 0.0, 1.0], [1.0, 0.0, 0.0]]))
HIDDEN = Hidden(
    np.array([0.6, 0.4]),
    np.array([[0.9, 0.1], [0.3, 0.7]]),
    np.array([[0.5, 0.4, 0.1], [0.1, 0.2, 0.7]]),
)


@dataclass(frozen=True, eq=False)
class ForgetfulMemory(Chain):
    """A chain that remembers two symbols, and shows one of them."""

    def log_prob(self, sequences: AnyArray) -> AnyArray:
        scores = super().log_prob(sequences)
        before_last = sequences[:, :-2]
        later = np.log(self.transition)[before_last, sequences[:, 2:]]
        scores[:, 2:] = later
        return scores


# ------------------------------------------------------------------ continuous


@dataclass(frozen=True)
class Autoregression:
    """y_t = rotation y_(t-1) + scale e_t, with normal or two-humped noise of unit size."""

    n_outputs: int = 1
    humps: float = 0.0
    scale: float = 0.3
    bug: str = ""

    def _mean(self, before: AnyArray) -> AnyArray:
        turn = 0.8 * np.eye(self.n_outputs) + 0.3 * np.eye(self.n_outputs, k=1)
        return np.asarray(before @ turn.T)

    def log_prob(self, sequences: AnyArray) -> AnyArray:
        before = np.concatenate([np.zeros_like(sequences[:, :1]), sequences[:, :-1]], axis=1)
        e = (sequences - self._mean(before)) / self.scale
        each = np.logaddexp(-((e - self.humps) ** 2) / 2, -((e + self.humps) ** 2) / 2)
        constant = math.log(2) + 0.5 * math.log(2 * math.pi) + math.log(self.scale)
        if self.bug == "no constant":
            constant = 0.0
        return np.asarray((each - constant).sum(axis=2))

    def sample(self, n_steps: int, n_paths: int = 1, *, rng: Any = None) -> AnyArray:
        generator = np.random.default_rng(rng)
        paths = np.zeros((n_paths, n_steps, self.n_outputs))
        value = np.zeros((n_paths, self.n_outputs))
        wrong = {"sampler is wide": 2.0, "sampler is narrow": 0.5}.get(self.bug, 1.0)
        for step in range(n_steps):
            e = generator.standard_normal(value.shape)
            e += self.humps * generator.choice([-1.0, 1.0], size=value.shape)
            value = self._mean(value) + wrong * self.scale * e
            paths[:, step] = value
        if self.bug == "backward sampler":
            return np.ascontiguousarray(paths[:, ::-1])
        if self.bug == "no last axis":
            return paths[:, :, 0]
        if self.bug == "overflow":
            paths[-1, -1] = math.inf
        return paths


def sound_machines() -> dict[str, Any]:
    """Machines that obey every law."""
    eye = np.eye(2)
    return {
        "chain": CHAIN,
        "clock": CLOCK,
        "hidden chain": HIDDEN,
        "network": Rnn(),
        "network of many symbols": Rnn(n_symbols=40, size=8),
        "network in float32": Rnn(n_symbols=5, dtype="float32"),
        "network in float32 that doesn't say so": Rnn(dtype="float32", tells_dtype=False),
        "one symbol": Chain(np.ones(1), np.ones((1, 1))),
        "vocabulary": zipf(20_000),
        "plain function": ep.FunctionMachine(HIDDEN.log_prob, n_symbols=3),
        "autoregression": Autoregression(),
        "two humps": Autoregression(humps=2.0),
        "two components": Autoregression(n_outputs=2),
        "plain density": ep.FunctionMachine(Autoregression().log_prob, n_outputs=1),
        "changing in time": ep.TimeVaryingLinearGaussian.from_state_space(
            0.9 * eye, eye, eye, eye, initial_cov=eye, n_steps=8
        ),
    }


def broken(machine: Any, bug: str) -> Any:
    """The machine with a bug."""
    return replace(machine, bug=bug)
