"""One of every kind of result and of every machine that can be saved, as small as it gets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import entroprod as ep
from entroprod import text
from entroprod.laws.law import LawResult

ROTATION = ep.LinearGaussian.from_var([[[0.5, 0.3], [-0.3, 0.5]]], np.eye(2))
OTHER = ep.LinearGaussian.from_var([[[0.4, -0.2], [0.1, 0.3]]], np.diag([1.0, 2.0]))
CYCLE = ep.MarkovChain([[0.0, 0.75, 0.25], [0.25, 0.0, 0.75], [0.75, 0.25, 0.0]])
ONE_WAY = ep.MarkovChain([[0.5, 0.5, 0.0], [0.25, 0.5, 0.25], [0.5, 0.25, 0.25]], [0.2, 0.3, 0.5])
HIDDEN = ep.HiddenMarkov(CYCLE.transition, [[0.8, 0.1, 0.1], [0.2, 0.2, 0.6], [0.1, 0.7, 0.2]])
GAIN = [[[0.9]], [[0.6]], [[0.5]]]
CHANGING = ep.TimeVaryingLinearGaussian([[0.4]], GAIN, [[1.0]], [[2.0]], initial_mean=[-0.0])
DIAGONAL = ep.DiagonalSSM([0.5, 0.8 + 0.3j], [[0.1 + 0j], [0.2 - 0.1j]], [[1.0, 0.5j]], [[1.0]])

MACHINES: dict[str, Any] = {
    "LinearGaussian": ROTATION,
    "TimeVaryingLinearGaussian": CHANGING,
    "DiagonalSSM": DIAGONAL,
    "MarkovChain": ONE_WAY,
    "HiddenMarkov": HIDDEN,
}


def uneven(sequences: Any) -> Any:
    """Log-probabilities of two symbols, the second likelier after itself."""
    before = np.concatenate([np.zeros_like(sequences[:, :1]), sequences[:, :-1]], axis=1)
    return np.log(np.where(sequences == 1, 0.3 + 0.4 * before, 0.7 - 0.4 * before))


FUNCTION = ep.FunctionMachine(uneven, n_symbols=2)


def stochastic(**options: Any) -> ep.StochasticEntropyProduction:
    """Of sequences of many lengths, one of which has no delimiter."""
    sequences = [[0, 1, 2, 1, 0, 2], [1, 1, 1], [0, 2, 1, 2], [2, 0, 1]]
    return ep.stochastic_entropy_production(
        HIDDEN, sequences, reversal=ep.BlockReversal(delimiters=[2]), **options
    )


def block_scale() -> ep.BlockScale:
    return ep.block_scale(HIDDEN, HIDDEN.sample(8, 5, rng=0), [1, 2], sentences=[1], delimiters=[2])


def bound() -> ep.RetrospectiveBound:
    model = ep.fit_reverse_model(CYCLE, 4, 200, order=1, rng=0)
    return ep.retrospective_bound(CYCLE, model, 4, 50, rng=1)


def series() -> ep.SeriesEntropyProduction:
    table = ROTATION.sample(120, rng=1)[0]
    return ep.series_entropy_production(table, n_bootstrap=20, n_surrogates=20, rng=0)


def scores() -> text.TextScores:
    from text_machines import SOME_TEXTS, CharacterMachine

    groups = {"first": SOME_TEXTS[:5], "second": SOME_TEXTS[5:]}
    return text.score_texts(CharacterMachine(impossible=["ga"]), groups)


def groups() -> ep.GroupComparison:
    return ep.compare_groups(scores().table, n_bootstrap=50)


def whole(result: ep.EntropyProduction) -> ep.EntropyProduction:
    """With all that is computed when asked for."""
    assert result.per_step.size
    assert result.retrospective.size
    return result


RESULTS: dict[str, Callable[[], Any]] = {
    "EntropyProduction, fresh": lambda: ep.entropy_production(ROTATION, 20),
    "EntropyProduction, whole": lambda: whole(ep.entropy_production(ROTATION, 20)),
    "EntropyProduction, pair": lambda: ep.entropy_production(ROTATION, 9, backward=OTHER),
    "EntropyProduction, changing": lambda: ep.entropy_production(CHANGING, 3, backward=CHANGING),
    "EntropyProduction, diagonal": lambda: ep.entropy_production(DIAGONAL, 9),
    "EntropyProduction, chain": lambda: ep.entropy_production(CYCLE, 9),
    "EntropyProduction, infinite": lambda: ep.entropy_production(ONE_WAY, 9, backward=CYCLE),
    "EntropyProduction, hidden": lambda: ep.entropy_production(HIDDEN, 5),
    "EntropyProduction, function": lambda: whole(ep.entropy_production(FUNCTION, 4)),
    "EntropyProduction, given": lambda: ep.EntropyProduction.from_steps([0.25, 0.0, 0.5]),
    "EntropyProductionGradient": lambda: ep.entropy_production_gradient(ROTATION, 20),
    "EntropyProductionRateGradient": lambda: ep.entropy_production_rate_gradient(ROTATION),
    "SigmaLaw": lambda: ep.sigma_law(ROTATION, 8),
    "PairSigmaLaw": lambda: ep.sigma_law(ROTATION, 6, backward=OTHER),
    "QuadraticLaw": lambda: ep.QuadraticLaw([2.0, -0.5], [0.5, 1.0], 0.1),
    "DiscreteSigmaLaw": lambda: ep.sigma_law(HIDDEN, 5),
    "StochasticEntropyProduction": lambda: stochastic(keep_per_step=True),
    "StochasticEntropyProduction, values": lambda: ep.stochastic_entropy_production(
        ROTATION, ROTATION.sample(5, 7, rng=0)
    ),
    "MonteCarlo": lambda: ep.monte_carlo(ROTATION, 5, 60, rng=0, keep_sigma=True),
    "MonteCarlo, one path": lambda: ep.monte_carlo(CYCLE, 5, 1, rng=0, keep_sigma=True),
    "RetrospectiveBound": bound,
    "BlockScale": block_scale,
    "ScalePoint": lambda: block_scale().points[0],
    "Enumeration": lambda: ep.enumerate_sequences(HIDDEN, 4),
    "Enumeration, function": lambda: ep.enumerate_sequences(FUNCTION, 4),
    "SeriesEntropyProduction": series,
    "Verification": lambda: ep.verify(CYCLE, n_steps=3, n_paths=20),
    "LawResult": lambda: LawResult("trace", "tr R = tr J", 1e-15, 1e-13, "rounding", True),
    "GroupComparison": groups,
    "Comparison": lambda: groups().comparisons[0],
    "GroupSummary": lambda: groups().summaries[0],
    "TextScores": scores,
    "Average": lambda: scores().averages()[0],
}
# Those of which there is a picture.
DRAWN = {
    "EntropyProduction",
    "SigmaLaw",
    "PairSigmaLaw",
    "QuadraticLaw",
    "DiscreteSigmaLaw",
    "StochasticEntropyProduction",
    "MonteCarlo",
    "RetrospectiveBound",
    "BlockScale",
    "SeriesEntropyProduction",
    "GroupComparison",
}
# Those that are no tables.
NO_TABLE = {"LawResult", "Comparison", "GroupSummary", "Average"}
