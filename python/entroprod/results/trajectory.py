"""What the entropy production of sequences, and its Monte Carlo average, consist of."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from entroprod.boundary.arrays import FloatArray, as_read_only
from entroprod.machine.reversals import (
    BlockReversal,
    IntArray,
    Permutation,
    Plan,
    Reversal,
    TokenReversal,
)
from entroprod.results.frames import as_frame
from entroprod.results.registry import storable
from entroprod.results.result import Result, plain
from entroprod.results.unsaved import reversal_or_text

if TYPE_CHECKING:
    import pandas as pd

PerStep = tuple[FloatArray, ...]

# Reversals know nothing of files.
for _class in (TokenReversal, BlockReversal, Permutation, Plan):
    storable(_class)


def integers(values: Sequence[int] | IntArray) -> IntArray:
    """A read-only array of integers."""
    array = np.array(values, dtype=np.int64)
    array.flags.writeable = False
    return array


@storable
@dataclass(frozen=True)
class Skipped:
    """A sequence that has no entropy production, and why."""

    index: int
    reason: str


@storable
@dataclass(frozen=True, repr=False, eq=False)
class StochasticEntropyProduction(Result):
    """Stochastic entropy production of N sequences; its arrays are read-only.

    Rows are the sequences on which the reversal is a bijection: all N of them, unless ``skipped``
    lists others. Its picture is :func:`entroprod.plot.sigma_histogram`.

    Attributes
    ----------
    sigma : ndarray, (N,)
        ln P(y) - ln P_b(y reordered), nats; positive where the sequence is likelier forward, and
        infinite where the reordered one has probability 0.
    log_forward, log_backward : ndarray, (N,)
        Its two terms, nats.
    lengths : ndarray, (N,)
        Number of steps that were scored.
    index : ndarray, (N,)
        Which of the given sequences the row belongs to.
    block_starts : tuple of ndarray, (n_blocks,)
        Where the blocks of each sequence begin; with :class:`TokenReversal` every step is a block.
    n_cut_off : ndarray, (N,)
        Number of steps behind the last block, which were left out.
    skipped : tuple of Skipped
        The given sequences on which the reversal is no bijection, with reasons.
    reversal : Reversal
    per_step_forward, per_step_backward : tuple of ndarray (T_i,), or None
        ln p of each symbol given what comes before it in the one order and in the other, both in
        the order of the given sequence; only with ``keep_per_step=True``.
    provenance : dict
        What the machine tells of itself; under ``backward`` what another reader tells.
    """

    sigma: FloatArray
    log_forward: FloatArray
    log_backward: FloatArray
    lengths: IntArray
    index: IntArray
    block_starts: tuple[IntArray, ...]
    n_cut_off: IntArray
    skipped: tuple[Skipped, ...]
    reversal: Reversal
    per_step_forward: PerStep | None
    per_step_backward: PerStep | None
    provenance: dict[str, Any]

    _picture: ClassVar[str] = "sigma_histogram"

    @classmethod
    def of_steps(
        cls,
        log_forward: FloatArray,
        log_backward: FloatArray,
        n_steps: int,
        reversal: Reversal,
        provenance: dict[str, Any],
    ) -> StochasticEntropyProduction:
        """The result of paths of one length, all steps reversed, from its two terms, (N,) each."""
        n_paths = len(log_forward)
        return cls(
            sigma=as_read_only(log_forward - log_backward),
            log_forward=as_read_only(log_forward),
            log_backward=as_read_only(log_backward),
            lengths=integers([n_steps] * n_paths),
            index=integers(range(n_paths)),
            block_starts=(integers(range(n_steps)),) * n_paths,
            n_cut_off=integers([0] * n_paths),
            skipped=(),
            reversal=reversal,
            per_step_forward=None,
            per_step_backward=None,
            provenance=provenance,
        )

    @property
    def n_steps(self) -> int:
        """Number of steps where it is the same for all rows.

        Raises
        ------
        ValueError
            It isn't: see ``lengths``.
        """
        different = np.unique(self.lengths)
        if different.size != 1:
            raise ValueError("the sequences have no common number of steps: see lengths")
        return int(different[0])

    @property
    def n_blocks(self) -> IntArray:
        """(N,) number of blocks; a sequence of one has sigma 0, since its order stays."""
        return np.array([len(starts) for starts in self.block_starts], dtype=np.int64)

    @property
    def n_infinite(self) -> int:
        """How many sigma are infinite: probability 0 when reordered."""
        return int(np.isinf(self.sigma).sum())

    @property
    def skip_reasons(self) -> dict[str, int]:
        """How many sequences were skipped for which reason."""
        return dict(Counter(skip.reason for skip in self.skipped))

    def block_contributions(self) -> PerStep:
        """Sigma of each block, nats, an (n_blocks,) array for each row; they add up to sigma.

        Raises
        ------
        ValueError
            Values per step weren't kept.
        """
        if self.per_step_forward is None or self.per_step_backward is None:
            raise ValueError("block_contributions needs keep_per_step=True")
        return tuple(
            np.add.reduceat(forward - backward, starts)
            for forward, backward, starts in zip(
                self.per_step_forward, self.per_step_backward, self.block_starts
            )
        )

    def to_dict(self) -> dict[str, Any]:
        """Lists of numbers by name, what was skipped, and the provenance."""
        result: dict[str, Any] = {name: getattr(self, name).tolist() for name in _COLUMNS}
        for name in ("per_step_forward", "per_step_backward"):
            kept = getattr(self, name)
            if kept is not None:
                result[name] = [values.tolist() for values in kept]
        result["skipped"] = [{"index": s.index, "reason": s.reason} for s in self.skipped]
        result["reversal"] = repr(self.reversal)
        result["provenance"] = plain(self.provenance)
        return result

    def _stored_parts(self) -> dict[str, Any]:
        return super()._stored_parts() | {"reversal": reversal_or_text(self.reversal)}

    def _compared(self) -> dict[str, Any]:
        return super()._compared() | {"reversal": repr(self.reversal)}

    def to_frame(self) -> pd.DataFrame:
        """Table with a row per given sequence, the skipped ones with their reason; needs pandas."""
        columns = {name: getattr(self, name) for name in _COLUMNS}
        frame = as_frame(columns).set_index("index")
        if self.skipped:
            frame = frame.reindex([*self.index, *(skip.index for skip in self.skipped)])
            frame["skipped"] = [""] * len(self.index) + [skip.reason for skip in self.skipped]
            frame = frame.sort_index()
        frame.index.name = "path"
        return frame

    def __repr__(self) -> str:
        if not len(self.sigma):
            return f"StochasticEntropyProduction(n_paths=0, {len(self.skipped)} skipped)"
        lengths = np.unique(self.lengths)
        steps = f"{lengths[0]}" if lengths.size == 1 else f"{lengths[0]}..{lengths[-1]}"
        text = (
            f"StochasticEntropyProduction(n_paths={len(self.sigma)}, n_steps={steps}, "
            f"mean sigma={self.sigma.mean():.6g} nats"
        )
        if self.skipped:
            text += f", {len(self.skipped)} skipped"
        if self.n_infinite:
            text += f", {self.n_infinite} infinite"
        return text + ")"


_COLUMNS = ("sigma", "log_forward", "log_backward", "lengths", "n_blocks", "n_cut_off", "index")


@storable
@dataclass(frozen=True, repr=False, eq=False)
class MonteCarlo(Result):
    """Monte Carlo estimate of entropy production and of the fluctuation theorem.

    Its picture, where sigma was kept, is :func:`entroprod.plot.sigma_histogram`.

    Attributes
    ----------
    mean, standard_error : float
        Of sigma, nats: the estimate of S_y. The error is NaN-free: infinite for a single path.
    variance : float
        Of sigma over paths, nats^2 (unbiased); infinite for a single path.
    minimum, maximum : float
        Of sigma, nats.
    fluctuation_mean, fluctuation_standard_error : float
        Of e^-sigma, whose expectation is 1.
    effective_sample_size : float
        (sum w)^2 / sum w^2 of the weights w = e^-sigma: how many paths carry that average.
    largest_weight_share : float
        Part of the sum of weights that the heaviest path contributes.
    n_steps, n_paths : int
        Steps and number of the sampled paths.
    sigma : ndarray, (n_paths - n_skipped,), or None
        Of each path, nats, read-only; only with ``keep_sigma=True``.
    warnings : tuple of str
        What to keep in mind when using these numbers.
    skip_reasons : dict of str to int
        How many sampled paths are left out of all averages, for which reason: the reversal is no
        bijection on them.
    n_infinite : int
        Number of paths which, reordered, have probability 0: their sigma, and with it the mean, is
        infinite; in the average of e^-sigma they count as 0.
    n_cut : int
        Number of paths that lost what stood behind their last block.
    provenance : dict
        What the machine tells of itself; under ``backward`` what another reader tells.
    """

    mean: float
    standard_error: float
    variance: float
    minimum: float
    maximum: float
    fluctuation_mean: float
    fluctuation_standard_error: float
    effective_sample_size: float
    largest_weight_share: float
    n_steps: int
    n_paths: int
    sigma: FloatArray | None
    warnings: tuple[str, ...]
    skip_reasons: dict[str, int]
    n_infinite: int
    n_cut: int
    provenance: dict[str, Any]

    _picture: ClassVar[str] = "sigma_histogram"

    @property
    def n_skipped(self) -> int:
        """How many sampled paths are left out of all averages."""
        return sum(self.skip_reasons.values())

    def to_dict(self) -> dict[str, Any]:
        """Plain values by name, without ``sigma``."""
        names = (name for name in self._public() if name != "sigma")
        return {name: plain(getattr(self, name)) for name in names} | {"n_skipped": self.n_skipped}

    def to_frame(self) -> pd.DataFrame:
        """Table of the kept ``sigma`` with a row per path; needs pandas and keep_sigma=True."""
        if self.sigma is None:
            msg = "to_frame needs sigma: call monte_carlo with keep_sigma=True"
            raise ValueError(msg)
        return as_frame({"sigma": self.sigma}, rows=range(len(self.sigma)), name="path")

    def __repr__(self) -> str:
        lines = [
            f"MonteCarlo(n_paths={self.n_paths}, n_steps={self.n_steps})",
            f"  sigma       {self.mean:.6g} ± {self.standard_error:.2g} nats",
            f"  E[e^-sigma] {self.fluctuation_mean:.6g} ± {self.fluctuation_standard_error:.2g}, "
            f"carried by {self.effective_sample_size:.1f} effective paths",
        ]
        return "\n".join([*lines, *(f"  warning: {text}" for text in self.warnings)])
