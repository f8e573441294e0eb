"""Any causal torch module of values as a machine: a Gaussian head."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import numpy.typing as npt
import oracles_neural as oracle
import pytest
import torch
from scipy import stats

import entroprod as ep
from entroprod.neural import GaussianHead, TorchMachine

# In float64, sums over all sequences of five steps.
DOUBLE = 1e-12
# Standard errors that a frequency may be off, among the few hundred that are compared.
SIGMAS = 4.5


def mixing(n_outputs: int, n_parameters: int, seed: int = 0) -> torch.nn.Module:
    """A causal network of values: each position sees the running mean of what came."""
    layer = torch.nn.Linear(n_outputs, n_parameters)
    oracle.randomise(layer, seed, 0.7)

    class Mixing(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = layer

        def forward(self, values: torch.Tensor) -> torch.Tensor:
            count = torch.arange(1, values.shape[1] + 1)[:, None]
            out: torch.Tensor = self.layer(torch.tanh(values.cumsum(1) / count))
            return out

    return Mixing().double()


def gaussian(kind: Any, **more: Any) -> tuple[TorchMachine, torch.nn.Module]:
    head = GaussianHead(2, kind)
    network = mixing(2, head.n_parameters)
    return TorchMachine(network, head=head, **more), network


COVARIANCE = np.array([[2.0, 0.6], [0.6, 0.5]])


def density(kind: Any, row: npt.NDArray[np.float64]) -> Any:
    """SciPy's distribution for a row of parameters of two outputs."""
    mean, rest = row[:2], row[2:]
    if not isinstance(kind, str):
        cov = COVARIANCE
    elif kind == "diagonal":
        cov = np.diag(np.exp(2 * rest))
    else:
        factor = np.array([[np.exp(rest[0]), 0.0], [rest[1], np.exp(rest[2])]])
        cov = factor @ factor.T
    return stats.multivariate_normal(mean, cov)


@pytest.mark.parametrize("kind", ["diagonal", "full", COVARIANCE])
def test_gaussian_densities_are_scipy_s(kind: Any) -> None:
    model, network = gaussian(kind, first_value=[0.3, -0.2])
    sequences = np.random.default_rng(0).standard_normal((6, 5, 2))
    log_prob = model.log_prob(sequences)
    assert log_prob.shape == (6, 5)
    for sequence, values in zip(sequences, log_prob):
        for t, value in enumerate(values):
            read = torch.tensor(np.vstack([[0.3, -0.2], sequence[:t]]))
            with torch.no_grad():
                row = network(read[None])[0, -1].numpy()
            assert abs(value - density(kind, row).logpdf(sequence[t])) < DOUBLE
    assert model.n_outputs == 2
    assert not hasattr(model, "n_symbols")
    np.testing.assert_array_equal(model.log_prob(sequences[0]), log_prob[0])
    ragged = model.log_prob_ragged([sequences[0][:2], sequences[1]])
    np.testing.assert_allclose(ragged[0], log_prob[0][:2], atol=DOUBLE)


@pytest.mark.parametrize("kind", ["diagonal", "full", COVARIANCE])
def test_gaussian_samples(kind: Any) -> None:
    model, network = gaussian(kind)
    paths, log_prob = model.sample_with_log_prob(3, 4000, rng=0)
    assert paths.shape == (4000, 3, 2)
    np.testing.assert_allclose(log_prob, model.log_prob(paths), atol=DOUBLE)
    with torch.no_grad():
        row = network(torch.zeros(1, 1, 2, dtype=torch.float64))[0, -1].numpy()
    wanted = density(kind, row)
    whitened = np.linalg.solve(np.linalg.cholesky(wanted.cov), (paths[:, 0] - wanted.mean).T)
    for component in whitened:
        assert stats.kstest(component, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(whitened)[0, 1]) < SIGMAS / np.sqrt(4000)
    batched, _ = gaussian(kind, batch_paths=7)
    np.testing.assert_allclose(batched.sample(3, 40, rng=0), paths[:40], atol=DOUBLE)


def test_gaussian_fluctuation_theorem() -> None:
    model, _ = gaussian("full")
    paths, log_prob = model.sample_with_log_prob(2, 20_000, rng=1)
    sigma = log_prob.sum(1) - model.log_prob(paths[:, ::-1]).sum(1)
    weights = np.exp(-sigma)
    error = weights.std() / np.sqrt(len(weights))
    assert abs(weights.mean() - 1) < SIGMAS * error
    assert sigma.mean() > 3 * sigma.std() / np.sqrt(len(sigma))


def test_gaussian_provenance() -> None:
    model, _ = gaussian(COVARIANCE, first_value=[1.0, 2.0])
    facts = model.provenance()
    assert json.loads(json.dumps(facts)) == facts
    assert facts["n_outputs"] == 2
    assert facts["first_value"] == [1.0, 2.0]
    np.testing.assert_allclose(facts["covariance"], COVARIANCE)
    assert gaussian("full")[0].provenance()["covariance"] == "full"
    assert repr(GaussianHead(2, "full")) == 'GaussianHead(2, "full")'
    assert repr(GaussianHead(2, COVARIANCE)) == 'GaussianHead(2, "fixed")'


@pytest.mark.parametrize(
    ("sequences", "error", "message"),
    [
        ([[0.0, np.nan]], ValueError, r"sequences must be finite, got nan at index \(0, 1\)"),
        ([[0.0]], ValueError, r"shape \(N, T, 2\) or \(T, 2\), got \(1, 1\)"),
        ([0.0, 1.0], ValueError, "sequences must have 2 or 3 dimension"),
        ([], ValueError, "sequences must have 2 or 3 dimension"),
        (np.zeros((0, 3, 2)), ValueError, "sequences must not be empty"),
    ],
)
def test_bad_values(sequences: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        gaussian("full")[0].log_prob(sequences)


def test_bad_ragged_values() -> None:
    model, _ = gaussian("full")
    with pytest.raises(ValueError, match=r"sequences\[1\] must have shape \(T, 2\), got \(1, 3\)"):
        model.log_prob_ragged([np.zeros((2, 2)), np.zeros((1, 3))])
    with pytest.raises(ValueError, match=r"sequences\[0\] must be finite"):
        model.log_prob_ragged([np.full((2, 2), np.inf)])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_symbols": 2}, "n_symbols must not be given"),
        ({"first_token": 0}, "first_token must not be given"),
        ({"first_logits": [0, 0]}, "first_logits must not be given"),
        ({"temperature": 2.0}, "temperature must not be given"),
        ({"first_value": [0.0]}, r"first_value must have shape \(2,\)"),
        ({"first_value": [np.nan, 0.0]}, "first_value must be finite"),
    ],
)
def test_bad_settings_of_values(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        gaussian("full", **change)


def test_bad_heads() -> None:
    with pytest.raises(ValueError, match=r'covariance must be "diagonal" or "full", got \'wide\''):
        GaussianHead(2, "wide")
    with pytest.raises(ValueError, match="covariance must be positive definite"):
        GaussianHead(2, [[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(ValueError, match="n_outputs must be between"):
        GaussianHead(0)
    with pytest.raises(ValueError, match=r"5 parameters .* GaussianHead\(2, \"full\"\), got 4"):
        TorchMachine(mixing(2, 4), head=GaussianHead(2, "full"))


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([np.nan, 0, 0, 0], r"the mean is \[nan, 0.0\]"),
        ([0, 0, 800, 0], "Cholesky factor .*inf"),
        ([0, 0, -800, 0], r"Cholesky factor \[\[0.0"),
        ([1e200, 0, 0, 0], "the density there is too small for doubles"),
    ],
)
def test_faulty_parameters_are_named(row: list[float], message: str) -> None:
    fixed = torch.tensor(row, dtype=torch.float64)
    model = TorchMachine(lambda y: fixed.expand(*y.shape[:2], 4), head=GaussianHead(2))
    with pytest.raises(ep.NumericalError, match=rf"sequences\[0\] .* step 1: .*{message}"):
        model.log_prob([[0.0, 0.0]])
