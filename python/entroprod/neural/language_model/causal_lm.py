"""What a causal language model of transformers is asked before it is used: it is tried out."""

from __future__ import annotations

import copy
import inspect
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

import torch

from entroprod.boundary.errors import NumericalError
from entroprod.neural.heads import Layer
from entroprod.neural.language_model.growing_cache import growing
from entroprod.neural.language_model.windows import ResolvedWindow

Hidden: TypeAlias = torch.Tensor

# The sequences that a model is tried on.
_PROBE_PATHS, _PROBE_STEPS = 3, 6
# Sizes of hidden states, relative to natural ones, at which an output layer must be the model's: a
# cap or a curve that is flat for small logits shows for large ones.
_SCALES = (1.0, 8.0, 64.0)
# Those that float16 can hold the logits of.
_SMALL_SCALES = (1.0, 4.0)
# The same rows in another order of operations: relative to the largest number.
_SAME_IN_EPSILONS = 64.0
_NEVER_MORE = 0.2
# A cache goes through other kernels; a fault in it changes rows altogether.
_CACHED = 1e-3
_CACHES = ("cache", "past_key_values", "cache_params", "state")
_LIMITS = ("max_position_embeddings", "n_positions", "n_ctx", "max_sequence_length")


@dataclass(frozen=True)
class CausalLM:
    """A model, and how to run it.

    Attributes
    ----------
    model : PreTrainedModel
    n_symbols : int
        Width of its logits.
    body : Module
        Maps ids to the rows that ``layer`` turns into logits; the model itself if ``layer`` is
        None, in which case rows are logits.
    layer, transform : callable or None
        Output layer, and what the model does to its logits.
    cache : str or None
        Name under which the body takes and returns what it remembers; None if it can't be trusted
        to.
    n_at_once : int
        Fewest tokens that can be read on top of a cache.
    """

    model: Any
    n_symbols: int
    body: Any
    layer: Layer | None
    transform: Layer | None
    cache: str | None
    n_at_once: int = 1

    @property
    def dtype(self) -> torch.dtype:
        """Of the embeddings."""
        dtype: torch.dtype = self.model.get_input_embeddings().weight.dtype
        return dtype

    def rows(self, ids: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Rows (B, L, d) of ids (B, L), padded on the right where ``mask`` (B, L) is 0."""
        return self._rows_of(self.body(input_ids=ids, **self._options(mask), use_cache=False))

    def read(self, ids: torch.Tensor, cache: Any = None) -> tuple[torch.Tensor, Any]:
        """Last row (B, d) after ids (B, L) have been read on top of a cache, and the cache then.

        Without a trusted cache, the cache stays None and ids must be all that was read.
        """
        if self.cache is None:
            return self.rows(ids)[:, -1], None
        out = self.body(input_ids=ids, use_cache=True, **{self.cache: cache})
        return self._rows_of(out)[:, -1], growing(getattr(out, self.cache))

    def _rows_of(self, out: Any) -> torch.Tensor:
        rows: torch.Tensor = out.logits if self.layer is None else out.last_hidden_state
        # Some keep their sums in float32 where their weights are narrower.
        return rows if self.layer is None else rows.to(_dtype_of(self.layer, rows))

    def _options(self, mask: torch.Tensor | None) -> dict[str, Any]:
        if mask is None or not _takes(self.body, "attention_mask"):
            return {}
        return {"attention_mask": mask}


def examine(model: Any, limit: int | None) -> CausalLM:
    """Try a model on a few short sequences; runs in the modes that the caller has set.

    Raises
    ------
    ValueError
        If the model fails, isn't causal, or puts out something else than logits.
    NumericalError
        If its logits aren't numbers.
    """
    try:
        return _examined(model, limit)
    except torch.OutOfMemoryError:
        raise
    except (IndexError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise ValueError(
            f"{type(model).__name__} fails on a short sequence: its weights and its configuration "
            f"don't fit together: {reason}"
        ) from None


def _examined(model: Any, limit: int | None) -> CausalLM:
    device = next(model.parameters()).device
    n_steps = _PROBE_STEPS if limit is None else min(_PROBE_STEPS, limit)
    n_known = int(model.get_input_embeddings().weight.shape[0])
    # Different paths, of however few symbols: what mixes them up must show.
    path = torch.arange(_PROBE_PATHS)[:, None]
    ids = ((path + 1) * torch.arange(n_steps) + path).remainder(n_known).to(device)
    whole = CausalLM(model, 0, model, None, None, None)
    logits = whole.rows(ids)
    if logits.ndim != 3 or tuple(logits.shape[:2]) != tuple(ids.shape):
        raise ValueError(
            f"model must give logits for each position, and gave shape {tuple(logits.shape)} for "
            f"ids of shape {tuple(ids.shape)}"
        )
    if logits.isnan().any():
        raise NumericalError("the logits of the model are NaN: its weights are corrupted")
    _require_causal(whole, ids, logits)
    body, layer, transform = _split(model, ids)
    found = CausalLM(model, int(logits.shape[-1]), body, layer, transform, None)
    return _with_cache(found, ids)


def context_of(config: Any) -> int | None:
    """Most positions that a model reads, as its configuration says; None if there is no limit."""
    text = config.get_text_config()
    for name in _LIMITS:
        value = getattr(text, name, None)
        if isinstance(value, int) and value > 0:
            return value
    return None


def attention_of(config: Any) -> str | None:
    """Which implementation of attention a model uses."""
    found = getattr(config, "_attn_implementation", None)
    return None if found is None else str(found)


def _require_causal(model: CausalLM, ids: torch.Tensor, logits: torch.Tensor) -> None:
    if ids.shape[1] < 2:
        return
    changed = ids.clone()
    changed[:, -1] = (ids[:, -1] + 1) % int(ids.max() + 1)
    before = logits[:, :-1].float()
    influence = (model.rows(changed)[:, :-1].float() - before).abs().max().item()
    spread = (before - before.mean(-1, keepdim=True)).abs().max().item()
    if influence > _rounding(logits.dtype) * spread:
        raise ValueError(
            f"{type(model.model).__name__} is not a causal language model: a later token changes "
            f"the logits before it, by up to {influence:.3g}"
        )


def _split(model: Any, ids: torch.Tensor) -> tuple[Any, Layer | None, Layer | None]:
    """Body, output layer and transform that together are the model, or the model alone."""
    body, layer = model.base_model, model.get_output_embeddings()
    if body is model or layer is None:
        return model, None, None
    narrow = model.get_input_embeddings().weight.dtype == torch.float16
    scales = _SMALL_SCALES if narrow else _SCALES
    pairs = [_at_scale(model, body, ids, scale) for scale in scales]
    if any(pair is None for pair in pairs):
        return model, None, None
    for transform in _transforms(model.config):
        if all(_agree(layer, transform, *pair) for pair in pairs if pair is not None):
            return body, layer, transform
    return model, None, None


def _at_scale(
    model: Any, body: Any, ids: torch.Tensor, scale: float
) -> tuple[torch.Tensor, torch.Tensor] | None:
    """Hidden states times a number, and the logits that the model makes of them."""
    seen: list[torch.Tensor] = []

    def enlarge(_module: Any, _args: Any, out: Any) -> Any:
        hidden = getattr(out, "last_hidden_state", None)
        if isinstance(hidden, torch.Tensor):
            seen.append(hidden * scale)
            out.last_hidden_state = seen[-1]
        return out

    handle = body.register_forward_hook(enlarge)
    try:
        logits = model(input_ids=ids, use_cache=False).logits
    finally:
        handle.remove()
    if len(seen) != 1:
        return None
    return seen[0], logits


def _agree(
    layer: Layer, transform: Layer | None, hidden: torch.Tensor, logits: torch.Tensor
) -> bool:
    made = layer(hidden.to(_dtype_of(layer, hidden)))
    if made.shape != logits.shape:
        return False
    if transform is not None:
        made = transform(made.clone())
    tolerance = _rounding(_coarser(logits, made))
    difference = (made.float() - logits.float()).abs().max().item()
    return difference <= tolerance * max(logits.float().abs().max().item(), 1e-30)


def _rounding(dtype: torch.dtype) -> float:
    return min(_NEVER_MORE, _SAME_IN_EPSILONS * torch.finfo(dtype).eps)


def _dtype_of(layer: Layer, rows: torch.Tensor) -> torch.dtype:
    weight = getattr(layer, "weight", None)
    return weight.dtype if isinstance(weight, torch.Tensor) else rows.dtype


def _coarser(*tensors: torch.Tensor) -> torch.dtype:
    """The coarser of the dtypes."""
    return max((tensor.dtype for tensor in tensors), key=lambda dtype: torch.finfo(dtype).eps)


def _transforms(config: Any) -> list[Layer | None]:
    """What models are known to do to their logits, with the numbers in this configuration."""
    text = config.get_text_config()
    found: list[Layer | None] = [None]
    for name in ("final_logit_softcapping", "logits_soft_cap"):
        cap = _number(text, name)
        if cap is not None:
            found.append(_capped(cap))
    for name in ("logit_scale", "lm_head_multiplier", "output_multiplier_scale"):
        factor = _number(text, name)
        if factor is not None:
            found.append(_times(factor))
    divisor = _number(text, "logits_scaling")
    if divisor is not None:
        found.append(_times(1.0 / divisor))
    return found


def _capped(cap: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda logits: logits.div_(cap).tanh_().mul_(cap)


def _times(factor: float) -> Callable[[torch.Tensor], torch.Tensor]:
    return lambda logits: logits.mul_(factor)


def _number(config: Any, name: str) -> float | None:
    value = getattr(config, name, None)
    if isinstance(value, (int, float)) and not isinstance(value, bool) and value:
        return float(value)
    return None


def _with_cache(model: CausalLM, ids: torch.Tensor) -> CausalLM:
    """The model with its cache, if stepping through ids gives the rows of all of them at once.

    Some models have none, and some fail on theirs. That of RWKV mixes up paths where one token at a
    time is read of several, and not where two are.
    """
    wanted = model.rows(ids).float()
    allowed = max(_CACHED, _rounding(model.dtype)) * wanted.abs().max().item()
    for name in _CACHES:
        if not _takes(model.body, name):
            continue
        for n_at_once in (1, 2):
            cached = replace(model, cache=name, n_at_once=n_at_once)
            try:
                stepped = _stepped(cached, ids).float()
            except (AttributeError, IndexError, RuntimeError, TypeError, ValueError):
                continue
            if (stepped - wanted).abs().max().item() <= allowed:
                return cached
    return model


def _stepped(model: CausalLM, ids: torch.Tensor) -> torch.Tensor:
    """Rows (B, L, d) of ids, read one after the other; fails where there is no cache."""
    stepper = CachedStepper(model, 0, None)
    rows, state = stepper.begin(ids[:, 0])
    steps = [rows]
    for t in range(1, ids.shape[1]):
        rows, state = stepper.step(state, ids[:, t])
        if not state.caches:
            raise ValueError("there is no cache")
        steps.append(rows)
    return torch.stack(steps, 1)


def _takes(module: Any, name: str) -> bool:
    parameters = inspect.signature(module.forward).parameters
    return name in parameters or any(
        each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()
    )


@dataclass
class ReadSoFar:
    """What was read in this window: symbols (N,) of each step, and caches after the last of them.

    ``start`` is the step with which the window begins; ``caches`` come with the number of symbols
    after which they were taken.
    """

    symbols: list[torch.Tensor]
    start: int
    caches: list[tuple[int, Any]]


class CachedStepper:
    """A model a token at a time, on its cache; a new window is read whole."""

    def __init__(self, lm: CausalLM, first: int, window: ResolvedWindow | None) -> None:
        self._lm = lm
        self._first = first
        self._window = window

    def start(self, n_paths: int) -> tuple[torch.Tensor, ReadSoFar]:
        """Rows (N, d) after the fixed first token."""
        device = next(self._lm.model.parameters()).device
        return self.begin(torch.full((n_paths,), self._first, device=device))

    def begin(self, first: torch.Tensor) -> tuple[torch.Tensor, ReadSoFar]:
        """Rows (N, d) after first tokens (N,)."""
        return self._read_on(ReadSoFar([first], 0, []))

    def step(self, state: ReadSoFar, symbols: torch.Tensor) -> tuple[torch.Tensor, ReadSoFar]:
        """Rows (N, d) after one more symbol of each path, (N,)."""
        state.symbols.append(symbols)
        n_before = len(state.symbols) - 1 + state.start
        start = 0 if self._window is None else self._window.start(n_before)
        if start > state.start:
            kept = state.symbols[1 + start - state.start :]
            state = ReadSoFar([state.symbols[0], *kept], start, [])
        return self._read_on(state)

    def _read_on(self, state: ReadSoFar) -> tuple[torch.Tensor, ReadSoFar]:
        n_symbols = len(state.symbols)
        most = n_symbols - self._lm.n_at_once
        n_read, cache = next(
            (pair for pair in reversed(state.caches) if pair[0] <= most), (0, None)
        )
        ids = torch.stack(state.symbols[n_read:], 1)
        if ids.shape[1] < self._lm.n_at_once:
            return self._lm.rows(ids)[:, -1], state
        if self._lm.n_at_once > 1:
            # It is written to, and needed again.
            cache = copy.deepcopy(cache)
        rows, cache = self._lm.read(ids, cache)
        if cache is not None:
            state.caches = [*state.caches, (n_symbols, cache)][-self._lm.n_at_once :]
        return rows, state
