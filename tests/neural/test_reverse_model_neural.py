"""Recurrent reverse models: what they learn, when they stop, and what they refuse."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import oracles_retrospective as exact
import pytest
import torch

import entroprod as ep
from entroprod import neural
from entroprod.neural import reverse_model
from entroprod.questions.reverse_model import reversed_samples

Array = np.ndarray[Any, Any]

# Standard errors of a mean over many paths.
FIVE = 5.0
# Log-probabilities from float32 logits.
SINGLE = 1e-5
# Values near 3e6 have three digits less in float32.
THREE_DIGITS_LESS = 1e-2
N_STEPS = 5
HIDDEN = (
    np.array([[0.1, 0.85, 0.05], [0.05, 0.15, 0.8], [0.8, 0.1, 0.1]]),
    np.array([[0.8, 0.1, 0.1], [0.1, 0.6, 0.3], [0.2, 0.1, 0.7]]),
    np.array([0.4, 0.3, 0.3]),
)


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def hidden() -> ep.HiddenMarkov:
    return ep.HiddenMarkov(*HIDDEN)


def gaussian() -> ep.LinearGaussian:
    return ep.LinearGaussian.from_state_space(
        [[0.8, 0.3], [0.0, 0.5]], [[1.0, 0.5], [0.0, 1.0]], np.eye(2), np.eye(2)
    )


def test_a_network_comes_close_to_a_hidden_markov_model() -> None:
    """Exactly judged: KL between all sequences' probabilities, and D_t of every step."""
    machine = hidden()
    model, training = neural.fit_reverse_model(machine, N_STEPS, 4000, hidden=8, rng=0)
    sequences = exact.all_sequences(3, N_STEPS)
    truth = machine.log_prob(sequences).sum(axis=1)
    learnt = model.log_prob(sequences[:, ::-1])
    total = np.exp(learnt.sum(axis=1)).sum()
    assert total == pytest.approx(1.0, abs=SINGLE)
    exactly = ep.entropy_production(machine, N_STEPS)
    lost = float(np.exp(truth) @ (truth - learnt.sum(axis=1)))
    # 3200 paths tell some forty free numbers to about 40 / (2 * 3200) nats; twice that.
    assert 0.0 < lost < 0.0125
    assert lost < 0.03 * exactly.total
    backward = machine.log_prob(sequences[:, ::-1])
    bound = np.exp(truth) @ (learnt - backward)[:, ::-1]
    assert (bound <= exactly.retrospective + SINGLE).all()
    assert (bound >= exactly.retrospective - lost - SINGLE).all()
    assert training.n_trained_on == 3200
    assert training.n_held_out == 800


def test_a_sampled_bound_of_a_network() -> None:
    machine = gaussian()
    exactly = ep.entropy_production(machine, N_STEPS)
    model, _ = neural.fit_reverse_model(machine, N_STEPS, 3000, hidden=8, rng=0)
    bound = ep.retrospective_bound(machine, model, N_STEPS, 10_000, rng=0)
    assert (bound.per_step <= exactly.retrospective + FIVE * bound.standard_error).all()
    assert bound.total <= exactly.total + FIVE * bound.total_standard_error
    # Better than the best model of no memory, and close.
    assert 0.0 < bound.gap < 0.2 * exactly.total
    assert bound.provenance["reverse_model"]["machine"] == "TorchMachine"


def test_units_do_not_matter() -> None:
    """Outputs a million times larger, far from 0: the same training, to rounding of float32."""
    scale, center = np.array([1e6, 1e-3]), np.array([3e6, 5e-3])
    machine = gaussian()

    def sampler(n_steps: int, n_paths: int, generator: np.random.Generator) -> Array:
        return np.asarray(machine.sample(n_steps, n_paths, rng=generator) * scale + center)

    scaled = ep.FunctionMachine(lambda sequences: sequences, sampler, n_outputs=2)
    options: dict[str, Any] = {"hidden": 4, "n_epochs": 2, "rng": 0}
    plain, first = neural.fit_reverse_model(machine, 3, 500, **options)
    other, second = neural.fit_reverse_model(scaled, 3, 500, **options)
    shift = 3 * np.log(scale).sum()
    np.testing.assert_allclose(
        second.held_out_loss, first.held_out_loss + shift, atol=THREE_DIGITS_LESS
    )
    paths = machine.sample(3, 5, rng=1)
    np.testing.assert_allclose(
        other.log_prob(paths * scale + center).sum(axis=1),
        plain.log_prob(paths).sum(axis=1) - shift,
        atol=THREE_DIGITS_LESS,
    )


def test_a_seed_repeats_the_training() -> None:
    before = torch.random.get_rng_state()
    options: dict[str, Any] = {"hidden": 4, "n_epochs": 2}
    first, one = neural.fit_reverse_model(hidden(), 3, 300, rng=5, **options)
    second, two = neural.fit_reverse_model(hidden(), 3, 300, rng=5, **options)
    third, _ = neural.fit_reverse_model(hidden(), 3, 300, rng=6, **options)
    paths = exact.all_sequences(3, 3)
    np.testing.assert_array_equal(first.log_prob(paths), second.log_prob(paths))
    assert (first.log_prob(paths) != third.log_prob(paths)).any()
    assert one.to_dict() == two.to_dict()
    assert torch.equal(torch.random.get_rng_state(), before)


def test_it_stops_and_keeps_the_best() -> None:
    """With few paths the network begins to know them by heart; then held-out ones gain no more."""
    model, training = neural.fit_reverse_model(hidden(), 4, 60, hidden=16, n_epochs=200, rng=0)
    assert training.stopped_early
    assert training.n_epochs < 200
    best = training.held_out_loss[training.best_epoch - 1]
    assert best <= training.held_out_loss.min() + reverse_model._SMALLEST_GAIN
    assert training.training_loss[-1] < training.training_loss[0]
    # The parameters are those of the best epoch: the same paths have the same loss again.
    paths = reversed_samples(hidden(), 4, 60, 0)[-12:]
    again = -model.log_prob(paths).sum(axis=1).mean()
    assert again == pytest.approx(best, abs=SINGLE)


def test_a_large_alphabet_has_no_table_of_pairs() -> None:
    n_symbols = reverse_model._MOST_PAIRED + 1

    def sampler(n_steps: int, n_paths: int, generator: np.random.Generator) -> Array:
        return generator.integers(n_symbols, size=(n_paths, n_steps))

    machine = ep.FunctionMachine(lambda sequences: sequences, sampler, n_symbols=n_symbols)
    model, _ = neural.fit_reverse_model(machine, 2, 20, hidden=4, n_epochs=1, rng=0)
    per_pair = n_symbols**2
    assert model.provenance()["n_parameters"] < per_pair
    assert model.log_prob([[0, n_symbols - 1]]).shape == (1, 2)


def test_one_step() -> None:
    model, _ = neural.fit_reverse_model(hidden(), 1, 400, hidden=2, n_epochs=2, rng=0)
    assert np.exp(model.log_prob([[0], [1], [2]])).sum() == pytest.approx(1.0, abs=SINGLE)
    bound = ep.retrospective_bound(hidden(), model, 1, 200, rng=0)
    assert bound.total == pytest.approx(-bound.gap, abs=SINGLE)


def test_training_in_other_forms() -> None:
    seen: list[tuple[int, int]] = []
    _, training = neural.fit_reverse_model(
        hidden(), 3, 50, hidden=2, n_epochs=2, rng=0, progress=lambda *done: seen.append(done)
    )
    assert seen == [(1, 2), (2, 2), (2, 2)]
    assert json.loads(json.dumps(training.to_dict()))["n_held_out"] == 10
    assert list(training.to_frame().index) == [1, 2]
    assert "2 epochs, all that were allowed" in repr(training)
    with pytest.raises(ValueError, match="read-only"):
        training.held_out_loss[0] = 0.0


def test_longer_sequences_are_refused() -> None:
    model, _ = neural.fit_reverse_model(hidden(), 3, 50, hidden=2, n_epochs=1, rng=0)
    with pytest.raises(ValueError, match="at most 3 steps, as trained; got 4"):
        model.log_prob([[0, 1, 2, 0]])


@pytest.mark.parametrize(
    ("changed", "error", "match"),
    [
        ({"n_steps": 0}, ValueError, "n_steps"),
        ({"n_paths": 1}, ValueError, "held_out must leave a path on either side"),
        ({"held_out": 1.0}, ValueError, "held_out must leave a path on either side"),
        ({"held_out": -0.1}, ValueError, "held_out must be positive"),
        ({"hidden": 0}, ValueError, "hidden"),
        ({"n_epochs": 1.5}, TypeError, "n_epochs"),
        ({"batch_size": 0}, ValueError, "batch_size"),
        ({"learning_rate": 0.0}, ValueError, "learning_rate"),
        ({"device": "abacus"}, ValueError, "device"),
        ({"machine": 3}, TypeError, "machine must have a method log_prob"),
    ],
)
def test_bad_arguments(changed: dict[str, Any], error: type[Exception], match: str) -> None:
    given: dict[str, Any] = {"machine": hidden(), "n_steps": 3, "n_paths": 50, **changed}
    with pytest.raises(error, match=match):
        neural.fit_reverse_model(**given)


def test_a_constant_output_is_named() -> None:
    def sampler(n_steps: int, n_paths: int, generator: np.random.Generator) -> Array:
        values = generator.standard_normal((n_paths, n_steps, 2))
        values[..., 1] = 4.0
        return values

    machine = ep.FunctionMachine(lambda sequences: sequences, sampler, n_outputs=2)
    with pytest.raises(ValueError, match="output 1 is constant"):
        neural.fit_reverse_model(machine, 3, 50)


def test_divergence_is_named() -> None:
    with pytest.raises(ep.NumericalError, match="the training diverges"):
        neural.fit_reverse_model(gaussian(), 3, 500, learning_rate=1e30, rng=0)
