"""Emissions: what turns the rows that a network puts out into densities, and draws from them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol, SupportsIndex, TypeAlias

import numpy as np
import torch
from numpy.typing import ArrayLike

from entroprod.boundary.arrays import FloatArray, as_count, as_positive, require_choice
from entroprod.boundary.covariances import as_covariance
from entroprod.neural.modules import wide

Layer: TypeAlias = Callable[[torch.Tensor], torch.Tensor]

# Bytes of logits at a time: within the cache of a CPU where the layer can be cut into parts.
_BLOCK_BYTES = {"cpu": 4 << 20, "cuda": 256 << 20}
_WHOLE_BYTES = {"cpu": 16 << 20, "cuda": 256 << 20}
# Symbols whose weights are first summed when one is drawn; near the root of a usual vocabulary.
_GROUP = 256
# Numbers in a vector of the widest processors.
_VECTOR = 16
# Rows of a matrix product from which on more of them hardly make it faster.
_MANY_ROWS = 256


class Emission(Protocol):
    """Conditional distribution of the next symbol or value, given a row of numbers."""

    def log_prob(self, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(R,) float64 nats of ``targets`` given ``rows`` (R, d); NaN where there is no density."""
        ...

    def draw(self, rows: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """A symbol (R,) or value (R, m) for each of ``rows`` (R, d), and its log_prob (R,).

        ``noise`` (R,) or (R, m) in float64 makes the choice. NaN where there is no density.
        """
        ...

    def noise(self, rng: np.random.Generator, n_steps: int, n_paths: int) -> FloatArray:
        """Noise (N, T) or (N, T, m) for ``draw``, path after path."""
        ...

    def fault(self, row: torch.Tensor) -> str:
        """What is wrong with a row (d,) that has no density."""
        ...

    def facts(self) -> dict[str, object]:
        """JSON-ready settings, for the provenance."""
        ...


class TokenHead:
    """Categorical distribution over V symbols, from logits that are never all in memory.

    Parameters
    ----------
    layer : callable or None
        Maps rows (R, d) to logits (R, V). A ``torch.nn.Linear`` is applied by parts of the
        vocabulary, any other callable by parts of the rows; None if the rows are logits already.
    n_symbols : int
        V.
    temperature : float
        Divides the logits.
    transform : callable, optional
        What the model does elementwise to its logits before (a soft cap, a scale), on float32 or
        float64. It may work in place.
    """

    def __init__(
        self,
        layer: Layer | None,
        n_symbols: int,
        *,
        temperature: float = 1.0,
        transform: Layer | None = None,
    ) -> None:
        self.layer = layer
        self.n_symbols = n_symbols
        self.temperature = as_positive(temperature, "temperature")
        self.transform = transform
        self._linear = _plain_linear(layer)
        if self._linear is not None and self._linear.out_features != n_symbols:
            msg = (
                f"the output layer must put out n_symbols = {n_symbols} logits at each position, "
                f"got {self._linear.out_features}"
            )
            raise ValueError(msg)

    def log_prob(self, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(R,) float64 nats of symbols ``targets`` (R,) given ``rows`` (R, d).

        NaN where a logit is NaN or +inf, or all are -inf. A single logit of -inf is an impossible
        symbol.
        """
        size = self._rows_at_once(rows)
        pieces = [
            self._of_part(part, wanted)
            for part, wanted in zip(torch.split(rows, size), torch.split(targets, size))
        ]
        return torch.cat(pieces) if pieces else rows.new_empty(0, dtype=torch.float64)

    def draw(self, rows: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Symbols (R,) and their log_prob (R,) float64, nats, from uniform numbers (R,).

        The inverse of the cumulative distribution: a draw costs one uniform number, where adding
        Gumbel noise costs V of them.
        """
        pairs = [
            _inverse_cdf(self._columns(part), uniforms, scratch=self._linear is not None)
            for part, uniforms in zip(
                torch.split(rows, self._rows_at_once(rows)),
                torch.split(noise, self._rows_at_once(rows)),
            )
        ]
        symbols, log_prob = zip(*pairs)
        return torch.cat(symbols), torch.cat(log_prob)

    def noise(self, rng: np.random.Generator, n_steps: int, n_paths: int) -> FloatArray:
        """(N, T) uniform numbers in [0, 1)."""
        return rng.random((n_paths, n_steps))

    def logits(self, rows: torch.Tensor) -> torch.Tensor:
        """(R, V) logits in float32 or float64, transformed and divided by the temperature."""
        given = rows if self.layer is None else self.layer(rows)
        if given.shape != (len(rows), self.n_symbols):
            source = "module" if self.layer is None else "output layer"
            msg = (
                f"the {source} must put out n_symbols = {self.n_symbols} logits at each position, "
                f"got {given.shape[-1]}"
            )
            raise ValueError(msg)
        # What the layer gave may be its own memory.
        return self._finished(given.to(wide(given.dtype), copy=self.transform is not None))

    def fault(self, row: torch.Tensor) -> str:
        """What is wrong with a row (d,) that has no distribution."""
        logits = self.logits(row[None])[0]
        for what, wrong in (("NaN", logits.isnan()), ("+inf", logits == torch.inf)):
            if wrong.any():
                return f"the logit of symbol {int(wrong.nonzero()[0, 0])} is {what}"
        return "every logit is -inf: no symbol is possible"

    def facts(self) -> dict[str, object]:
        """The temperature."""
        return {"temperature": self.temperature}

    def _columns(self, rows: torch.Tensor) -> torch.Tensor:
        """(V, R) logits, transposed because that product is the faster one for few rows."""
        if self._linear is None:
            return self.logits(rows).t()
        columns = _columns_in_full_vectors(rows)
        return self._product(self._linear, columns, 0, self.n_symbols)[:, : len(rows)]

    def _product(
        self, linear: torch.nn.Linear, columns: torch.Tensor, start: int, step: int
    ) -> torch.Tensor:
        """(step, R) logits of the symbols from ``start`` on, in memory of their own."""
        part = linear.weight[start : start + step] @ columns
        if linear.bias is not None:
            part += linear.bias[start : start + step, None]
        return self._finished(part.to(wide(part.dtype)))

    def _rows_at_once(self, rows: torch.Tensor) -> int:
        width = self.n_symbols * wide(rows.dtype).itemsize
        if self._linear is not None:
            return max(_MANY_ROWS, _budget(_BLOCK_BYTES, rows) // width)
        return max(1, _budget(_WHOLE_BYTES, rows) // width)

    def _of_part(self, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        if self._linear is None:
            running = _RunningSum(targets)
            running.add(self.logits(rows).t(), 0)
            return running.log_prob()
        columns = _columns_in_full_vectors(rows)
        running = _RunningSum(torch.nn.functional.pad(targets, (0, columns.shape[1] - len(rows))))
        itemsize = wide(rows.dtype).itemsize
        step = max(1, _budget(_BLOCK_BYTES, rows) // (itemsize * columns.shape[1]))
        for start in range(0, self.n_symbols, step):
            running.add(self._product(self._linear, columns, start, step), start, scratch=True)
        return running.log_prob()[: len(rows)]

    def _finished(self, logits: torch.Tensor) -> torch.Tensor:
        if self.transform is not None:
            logits = self.transform(logits)
        return logits if self.temperature == 1.0 else logits / self.temperature


class GaussianHead:
    """Gaussian distribution of values (m,), from parameters that a network puts out.

    Densities are computed in float64, whatever dtype the parameters have.

    Parameters
    ----------
    n_outputs : int
        m.
    covariance : "diagonal", "full" or array_like (m, m)
        Which p parameters a row holds: the mean (m,) and, if "diagonal", the logarithms of the
        standard deviations (m,); if "full", a lower triangle of m (m + 1) / 2 numbers, row by row,
        which is the Cholesky factor of the covariance with logarithms on its diagonal. A matrix is
        a covariance that is the same at every step: then a row is the mean alone.

    Attributes
    ----------
    n_outputs, n_parameters : int
        m and p.

    Raises
    ------
    ValueError, TypeError
        Naming the argument.

    Examples
    --------
    >>> import torch
    >>> from entroprod.neural import GaussianHead
    >>> head = GaussianHead(2, "full")
    >>> head.n_parameters
    5
    >>> standard = torch.zeros(1, 5)
    >>> print(f"{head.log_prob(standard, torch.zeros(1, 2)).item():.6f}")  # -ln(2 pi)
    -1.837877
    """

    def __init__(self, n_outputs: SupportsIndex, covariance: str | ArrayLike = "diagonal") -> None:
        self.n_outputs = m = as_count(n_outputs, "n_outputs")
        self._kind = covariance if isinstance(covariance, str) else "fixed"
        self._fixed: torch.Tensor | None = None
        if isinstance(covariance, str):
            require_choice(covariance, "covariance", "diagonal", "full")
            self.n_parameters = 2 * m if covariance == "diagonal" else m + m * (m + 1) // 2
        else:
            factor = np.linalg.cholesky(as_covariance(covariance, "covariance", m, definite=True))
            self._fixed = torch.from_numpy(factor)
            self.n_parameters = m

    def log_prob(self, rows: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        """(R,) float64 nats: log-densities of values (R, m) given parameters (R, p)."""
        mean, factor = self._read(rows)
        residual = targets.double() - mean
        noise = torch.linalg.solve_triangular(factor, residual[..., None], upper=False)[..., 0]
        return self._density(noise, factor)

    def draw(self, rows: torch.Tensor, noise: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (R, m) and their log_prob (R,), nats, from standard normal numbers (R, m)."""
        mean, factor = self._read(rows)
        values = mean + (factor @ noise[..., None])[..., 0]
        return values, self._density(noise, factor)

    def noise(self, rng: np.random.Generator, n_steps: int, n_paths: int) -> FloatArray:
        """(N, T, m) standard normal numbers."""
        return rng.standard_normal((n_paths, n_steps, self.n_outputs))

    def fault(self, row: torch.Tensor) -> str:
        """What is wrong with parameters (p,) that have no density."""
        mean, factor = self._read(row[None])
        if not mean.isfinite().all():
            return f"the mean is {mean[0].tolist()}"
        spread = factor.diagonal(dim1=-2, dim2=-1)
        if not (factor.isfinite().all() and (spread > 0).all()):
            lower = factor.reshape(factor.shape[-2:])
            return f"the covariance has the Cholesky factor {lower.tolist()}"
        return "the density there is too small for doubles"

    def facts(self) -> dict[str, object]:
        """The kind of covariance, or the fixed one."""
        fixed = self._fixed
        return {"covariance": self._kind if fixed is None else (fixed @ fixed.T).tolist()}

    def __repr__(self) -> str:
        return f'GaussianHead({self.n_outputs}, "{self._kind}")'

    def _read(self, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Means (R, m) and Cholesky factors (R, m, m) or (m, m), in float64."""
        if rows.shape[-1] != self.n_parameters:
            msg = (
                f"the module must put out {self.n_parameters} parameters at each position for "
                f"{self!r}, got {rows.shape[-1]}"
            )
            raise ValueError(msg)
        m = self.n_outputs
        mean, rest = rows[:, :m].double(), rows[:, m:].double()
        if self._fixed is not None:
            return mean, self._fixed.to(rows.device)
        if self._kind == "diagonal":
            return mean, torch.diag_embed(rest.exp())
        factor = rest.new_zeros(len(rows), m, m)
        below = torch.tril_indices(m, m, device=rows.device)
        factor[:, below[0], below[1]] = rest
        diagonal = factor.diagonal(dim1=-2, dim2=-1)
        diagonal.copy_(diagonal.exp())
        return mean, factor

    def _density(self, noise: torch.Tensor, factor: torch.Tensor) -> torch.Tensor:
        log_scale = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        constant = 0.5 * self.n_outputs * math.log(2.0 * math.pi)
        density = -0.5 * (noise * noise).sum(-1) - log_scale - constant
        return torch.where(density.isfinite(), density, torch.nan)


class _RunningSum:
    """Sum of exponentials over a vocabulary that comes in parts, and the logits of the targets."""

    def __init__(self, targets: torch.Tensor) -> None:
        self._targets = targets
        self._chosen = torch.full_like(targets, -torch.inf, dtype=torch.float64)
        self._largest = torch.full_like(targets, -torch.inf, dtype=torch.float64)
        # Relative to e^largest.
        self._sum = torch.zeros_like(targets, dtype=torch.float64)

    def add(self, logits: torch.Tensor, start: int, *, scratch: bool = False) -> None:
        """Logits (v, R) of the symbols from ``start`` on, overwritten if they are ``scratch``."""
        n_here = len(logits)
        index = self._targets - start
        inside = (index >= 0) & (index < n_here)
        picked = logits.gather(0, index.clamp(0, n_here - 1)[None])[0]
        self._chosen = torch.where(inside, picked.double(), self._chosen)
        largest = torch.maximum(self._largest, logits.amax(0).double())
        # Subtracted from -inf or +inf, an infinity would make NaN of a sum that is 0, or known bad.
        shift = torch.where(largest.isfinite(), largest, 0.0)
        self._sum *= (self._largest - shift).exp()
        near = shift.to(logits.dtype)
        weights = logits.sub_(near).exp_() if scratch else (logits - near).exp_()
        self._sum += weights.sum(0).double()
        self._largest = largest

    def log_prob(self) -> torch.Tensor:
        """(R,) float64 nats of the targets."""
        log_prob = self._chosen - self._largest - self._sum.log()
        return torch.where(self._largest.isfinite(), log_prob, torch.nan)


def _inverse_cdf(
    logits: torch.Tensor, uniforms: torch.Tensor, *, scratch: bool
) -> tuple[torch.Tensor, torch.Tensor]:
    """Symbols (R,) at the levels ``uniforms`` (R,) of the distributions of ``logits`` (V, R).

    Also their log-probabilities (R,) in float64; NaN where the logits make no distribution. The
    vocabulary is cut into groups: first the group is found, then the symbol in it. Logits that are
    ``scratch`` are overwritten.
    """
    n_symbols = len(logits)
    largest = logits.amax(0)
    weights = logits.sub_(largest).exp_() if scratch else (logits - largest).exp_()
    whole = n_symbols - n_symbols % _GROUP
    sums = torch.unflatten(weights[:whole], 0, (whole // _GROUP, _GROUP)).sum(1)
    upto = torch.cat([sums, weights[whole:].sum(0, keepdim=True)]).double().cumsum(0)
    total = upto[-1]
    # A uniform number next to 1 must not be rounded up to the whole.
    level = torch.minimum(uniforms * total, torch.nextafter(total, torch.zeros_like(total)))
    group = (upto <= level).sum(0)
    below = torch.where(group > 0, upto.gather(0, (group - 1).clamp(min=0)[None])[0], 0.0)
    members = group * _GROUP + torch.arange(_GROUP, device=logits.device)[:, None]
    inner = weights.gather(0, members.clamp(max=n_symbols - 1)).double()
    within = torch.where(members < n_symbols, inner, 0.0).cumsum(0)
    # A group's sum in another order may end a rounding below the level: then its last member.
    last = (within < within[-1]).sum(0)
    symbols = group * _GROUP + torch.minimum((within <= level - below).sum(0), last)
    chosen = weights.gather(0, symbols.clamp(max=n_symbols - 1)[None])[0]
    return symbols, chosen.double().log() - total.log()


def _columns_in_full_vectors(rows: torch.Tensor) -> torch.Tensor:
    """(d, R) transposed rows, with columns of zeros up to a multiple of the processor's vectors.

    Products with other numbers of columns take up to 1.6 times as long.
    """
    missing = -len(rows) % _VECTOR if len(rows) > _VECTOR else 0
    return torch.nn.functional.pad(rows, (0, 0, 0, missing)).t()


def _plain_linear(layer: Layer | None) -> torch.nn.Linear | None:
    """The layer, if nothing but a matrix and a bias is behind it: no subclass, no hooks."""
    if type(layer) is not torch.nn.Linear:
        return None
    hooked = layer._forward_hooks or layer._forward_pre_hooks or hasattr(layer, "parametrizations")
    return None if hooked else layer


def _budget(table: dict[str, int], rows: torch.Tensor) -> int:
    return table.get(rows.device.type, table["cpu"])
