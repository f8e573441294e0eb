"""Every causal language model of transformers as a machine."""

from __future__ import annotations

import itertools
import os
import warnings
from collections.abc import Sequence
from typing import Any, SupportsIndex

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from entroprod.boundary.arrays import FloatArray, as_count, as_flag
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.boundary.sequences import Reads, read_one, read_ragged
from entroprod.machine.reversals import BlockReversal
from entroprod.neural.heads import TokenHead
from entroprod.neural.language_model.causal_lm import (
    CachedStepper,
    attention_of,
    context_of,
    examine,
)
from entroprod.neural.language_model.checkpoints import (
    TokenizerHash,
    configuration_hash,
    from_files,
    from_model,
    is_model,
    require_finite_weights,
)
from entroprod.neural.language_model.first_token import choose_first_token
from entroprod.neural.language_model.quiet import quiet_transformers, require_transformers
from entroprod.neural.language_model.self_test import SelfTest, compare_scorings
from entroprod.neural.language_model.tokens import (
    EncodedTexts,
    as_delimiters,
    as_text_list,
    decode,
    encode_each,
    tokens_ending_with,
)
from entroprod.neural.language_model.windows import ResolvedWindow, Window
from entroprod.neural.modules import (
    Device,
    DType,
    ParameterHash,
    as_dtype,
    default_batch_tokens,
    evaluating,
    n_parameters,
)
from entroprod.neural.neural_machine import NeuralMachine
from entroprod.neural.scoring import Report, Request

# Logits that a batch may hold where a model gives none but all of them.
_BYTES_OF_LOGITS = 256 << 20
_HALF = (torch.float16, torch.bfloat16)


class HuggingFaceMachine(NeuralMachine):
    """Machine made of a causal language model: GPT-2, Llama, Qwen, Mamba, RWKV and all others.

    Its symbols are token ids. The first token of a text is conditioned on a fixed one, the same
    forwards and backwards, which is not part of the text: by default the BOS token of the tokenizer
    or else of the model, or else its EOS token. For GPT-2 that is <|endoftext|>, as published.

    The model is tried out once: that it is causal; that its body and output layer, run apart so
    that logits never fill the memory, are the same as the whole; and that its cache gives what it
    gives without one. Where one of the last two isn't so, the slower way is taken.

    Parameters
    ----------
    model : str, path or PreTrainedModel
        A folder, a name on the Hugging Face hub (a copy in the local cache is preferred to the
        network), or a model. A model isn't copied, unless it has to move.
    tokenizer : PreTrainedTokenizer, optional
        By default the one in the folder. A model that was handed over may do without one: then
        texts can't be encoded, and ``first_token`` must be an id if the model has no BOS or EOS.
    first_token : int or str, optional
        The fixed token, as an id or as it is written in the vocabulary.
    temperature : float
        Divides the logits; 1 by default.
    window : Window, optional
        What tokens are conditioned on in sequences that are longer than the model's context; by
        default such sequences are refused.
    context : int, optional
        Most positions that the model reads, the fixed token among them; by default what its
        configuration says, and no limit if it says nothing (Mamba).
    dtype : torch.dtype or str, optional
        Of the weights and the arithmetic: float32 by default, whatever the files hold; a model that
        was handed over stays as it is. bfloat16 and float16 are noisy, see :meth:`self_test`.
    device : str or torch.device, optional
        By default a GPU if there is one; a model that was handed over stays where it is.
    attention : str, optional
        Implementation of attention, such as "eager" or "sdpa"; by default what transformers
        chooses.
    trust_remote_code : bool
        Whether code that comes with the model may run.
    batch_tokens, batch_paths : int, optional
        Most positions scored, or paths sampled, side by side.

    Raises
    ------
    ValueError, TypeError
        Naming the argument: no such model, none that is causal, no tokenizer, no fixed token,
        weights that are missing.
    NumericalError
        If weights are NaN or infinite, naming the first.

    Notes
    -----
    Source: [S26]_ eqs 1-13; the fixed first token is the initial memory.

    Examples
    --------
    >>> import tempfile
    >>> import entroprod as ep
    >>> from entroprod.neural import HuggingFaceMachine, train_language_model
    >>> text = "The sun rose. The birds sang. The sun set. The birds slept. " * 100
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = train_language_model(
    ...         text, folder, n_layers=1, width=16, context=32, vocabulary_size=300, n_steps=30,
    ...         learning_rate=1e-2)
    ...     machine = HuggingFaceMachine(folder)
    >>> ids = machine.encode(["The sun rose. The birds sang."])
    >>> result = ep.stochastic_entropy_production(
    ...     machine, ids, reversal=machine.sentence_reversal())
    >>> [len(starts) for starts in result.block_starts]
    [2]
    """

    def __init__(
        self,
        model: str | os.PathLike[str] | Any,
        *,
        tokenizer: Any = None,
        first_token: SupportsIndex | str | None = None,
        temperature: float = 1.0,
        window: Window | None = None,
        context: SupportsIndex | None = None,
        dtype: DType = None,
        device: Device = None,
        attention: str | None = None,
        trust_remote_code: bool = False,
        batch_tokens: SupportsIndex | None = None,
        batch_paths: SupportsIndex | None = None,
    ) -> None:
        require_transformers("HuggingFaceMachine")
        if window is not None and not isinstance(window, Window):
            raise TypeError(f"window must be a Window, got {window!r}")
        trusted = as_flag(trust_remote_code, "trust_remote_code")
        source = from_model if is_model(model) else from_files
        given = source(model, tokenizer, as_dtype(dtype), device, attention, trusted)
        require_finite_weights(given.model)
        self._source = given
        self._tokenizer = given.tokenizer
        self._tokenizer_hash = TokenizerHash(given.tokenizer)
        # Of delimiters; a large vocabulary takes a second to go through.
        self._ends: dict[tuple[str, ...], frozenset[int]] = {}
        self._limit = context_of(given.model.config)
        if context is not None:
            self._limit = as_count(context, "context")
        self._window = None if window is None else window.resolve(self._limit)
        with quiet_transformers(), evaluating(given.model):
            self._lm = examine(given.model, self._limit)
        head = TokenHead(
            self._lm.layer,
            self._lm.n_symbols,
            temperature=temperature,
            transform=self._lm.transform,
        )
        first = choose_first_token(first_token, given.model, given.tokenizer, self._lm.n_symbols)
        where = next(given.model.parameters()).device
        if batch_tokens is None and self._lm.layer is None:
            most = _BYTES_OF_LOGITS // (4 * self._lm.n_symbols)
            batch_tokens = max(1, min(most, default_batch_tokens(n_parameters(given.model), where)))
        super().__init__(
            (given.model,),
            head,
            self._lm.n_symbols,
            continuous=False,
            first=first,
            device=where,
            batch_tokens=batch_tokens,
            batch_paths=batch_paths,
        )
        # Of the files, as long as the weights stay: some models rescale theirs when first run.
        self._parameter_hash = ParameterHash(given.model, known=given.sha256)
        self._first_id = int(first.fed)
        if self._dtype in _HALF:
            _warn_of_noise(self._dtype)

    @property
    def model(self) -> Any:
        """The model of transformers."""
        return self._lm.model

    @property
    def runs_body_and_layer_apart(self) -> bool:
        """Whether logits are made of a few rows at a time, instead of a whole batch."""
        return self._lm.layer is not None

    @property
    def has_cache(self) -> bool:
        """Whether sampling goes on from a cache, instead of reading the whole text at each step."""
        return self._lm.cache is not None

    @property
    def tokenizer(self) -> Any:
        """The tokenizer, or None."""
        return self._tokenizer

    @property
    def context(self) -> int | None:
        """Most positions that the model reads, the fixed first token among them."""
        return self._limit

    def encode(
        self, texts: Sequence[str], *, leading_space: bool = True
    ) -> list[NDArray[np.int64]]:
        """Token ids of texts.

        Parameters
        ----------
        texts : sequence of str
        leading_space : bool
            Whether a space is put in front of each text, as published for GPT-2, whose tokens of
            words within a text begin with one.

        Returns
        -------
        list of ndarray, (T_i,) of int64
            Without the fixed first token. Decoded, each gives its text back, to the character.

        Raises
        ------
        ValueError, TypeError
            Naming the first text that can't be encoded, the reason, and how many there are:
            empty, with a special token in it, or not given back by the tokenizer.
        """
        found = self.encode_each(texts, leading_space=leading_space)
        if found.skipped:
            first, n_more = found.skipped[0], len(found.skipped) - 1
            more = f" ({n_more} more can't be encoded)" if n_more else ""
            raise ValueError(f"texts[{first.index}] can't be encoded: {first.reason}{more}")
        return list(found.ids)

    def encode_each(self, texts: Sequence[str], *, leading_space: bool = True) -> EncodedTexts:
        """Token ids of the texts that can be encoded, and why the others can't.

        Parameters
        ----------
        texts : sequence of str
        leading_space : bool
            As in :meth:`encode`.

        Returns
        -------
        EncodedTexts
            ``ids``, the ``index`` of the text that each belongs to, and those ``skipped``.
        """
        return encode_each(
            self._require_tokenizer(),
            as_text_list(texts),
            leading_space=as_flag(leading_space, "leading_space"),
            n_symbols=self._size,
        )

    def decode(self, ids: ArrayLike) -> str:
        """Text of a sequence of token ids, special ones as they are written.

        Parameters
        ----------
        ids : array_like of int, (T,)

        Raises
        ------
        ValueError, TypeError
            If there is no id, or one outside the vocabulary; or if the machine has no tokenizer.
        """
        tokenizer = self._require_tokenizer()
        return decode(tokenizer, read_one(Reads.of(self), ids, "ids"))

    def sentence_ends(self, delimiters: str | Sequence[str] = ".!?") -> frozenset[int]:
        """Ids of the tokens whose text ends with one of the delimiters.

        Parameters
        ----------
        delimiters : str or sequence of str
            Characters, or longer endings.
        """
        ends = as_delimiters(delimiters)
        if ends not in self._ends:
            self._ends[ends] = tokens_ending_with(self._require_tokenizer(), ends)
        return self._ends[ends]

    def sentence_reversal(
        self, per_block: SupportsIndex = 1, delimiters: str | Sequence[str] = ".!?"
    ) -> BlockReversal:
        """Reversal of the order of sentences, cut on token ids.

        Parameters
        ----------
        per_block : int
            Sentences that are kept together.
        delimiters : str or sequence of str
            As in :meth:`sentence_ends`.

        Raises
        ------
        ValueError
            If no token ends so.
        """
        ends = self.sentence_ends(delimiters)
        if not ends:
            raise ValueError(f"no token of this model ends with one of {delimiters!r}")
        return BlockReversal(delimiters=ends, per_block=as_count(per_block, "per_block"))

    def self_test(
        self, texts: Sequence[str] | Sequence[ArrayLike], *, rng: RandomSource = 0
    ) -> SelfTest:
        """Score the same texts twice, in other batches: the error bar of rounding on sigma.

        Parameters
        ----------
        texts : sequence of str, or of token ids (T_i,)
        rng : Generator, int or None
            Of the batches and the order of the second scoring.

        Returns
        -------
        SelfTest
            Differences in nats.

        Raises
        ------
        ValueError, TypeError
            If there is no text, or one that can't be encoded or is too long, naming it.
        """
        if isinstance(texts, (str, bytes)) or not hasattr(texts, "__iter__"):
            raise TypeError(f"texts must be a list of texts, got {type(texts).__name__}")
        rows: list[Any] = list(texts)
        if not rows:
            raise ValueError("texts must not be empty")
        encoded = self.encode(rows) if isinstance(rows[0], str) else rows
        return compare_scorings(
            self.log_prob_ragged,
            [self._as_read(one) for one in read_ragged(Reads.of(self), encoded, "texts")],
            as_generator(rng),
            dtype=str(self._dtype).removeprefix("torch."),
            device=str(self._device),
        )

    def sample_with_log_prob(
        self, n_steps: SupportsIndex, n_paths: SupportsIndex = 1, *, rng: RandomSource = None
    ) -> tuple[NDArray[Any], FloatArray]:
        """Draw texts, as token ids, with what the draws were worth.

        Returns
        -------
        paths : ndarray, (N, T) of int64
        log_prob : ndarray, (N, T)
            Nats per step; what :meth:`log_prob` gives for the paths, to rounding.

        Raises
        ------
        ValueError
            If the texts would be longer than the model's context, and there is no window.
        """
        steps = as_count(n_steps, "n_steps")
        self._require_context(steps, "n_steps")
        with quiet_transformers():
            return super().sample_with_log_prob(steps, n_paths, rng=rng)

    def provenance(self) -> dict[str, Any]:
        """JSON-ready facts that the numbers depend on.

        Hashes (SHA-256) of the weights, of the configuration and of the tokenizer, the fixed first
        token and where it is from, temperature, window, dtype, attention, versions.
        """
        import transformers

        facts = super().provenance()
        versions = {**facts["versions"], "transformers": transformers.__version__}
        return {
            **facts,
            "model": self._source.name,
            # Of a model from the hub, the commit.
            "revision": getattr(self._lm.model.config, "_commit_hash", None),
            "architecture": str(self._lm.model.config.model_type),
            "configuration_sha256": configuration_hash(self._lm.model.config),
            "tokenizer_sha256": None if self._tokenizer is None else self._tokenizer_hash(),
            "attention": attention_of(self._lm.model.config),
            "context": self._limit,
            "window": None if self._window is None else self._window.to_dict(),
            "versions": versions,
        }

    def __repr__(self) -> str:
        return f"HuggingFaceMachine({self._source.name}, {self._described()})"

    def _require_tokenizer(self) -> Any:
        if self._tokenizer is None:
            raise ValueError("this machine has no tokenizer: make it with tokenizer=")
        return self._tokenizer

    def _require_context(self, n_steps: int, name: str) -> None:
        """The fixed token is read in addition, the last token isn't read: T tokens need T."""
        if self._limit is not None and self._window is None and n_steps > self._limit:
            raise ValueError(
                f"{name} is too long: {n_steps:,} tokens, and the context of the model has "
                f"{self._limit:,}; give window=Window() to the machine, or less text"
            )

    def _forward(self, inputs: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        positions = torch.arange(inputs.shape[1], device=inputs.device)
        return self._lm.rows(inputs, (positions < lengths[:, None]).long())

    def _stepper(self) -> CachedStepper:
        return CachedStepper(self._lm, self._first_id, self._window)

    def _score(self, sequences: list[NDArray[Any]], report: Report | None) -> list[FloatArray]:
        requests: list[Request] = []
        counts: list[int] = []
        for index, sequence in enumerate(sequences):
            self._require_context(len(sequence), f"sequences[{index}]")
            whole = ResolvedWindow(len(sequence), 1)
            pieces = list((self._window or whole).pieces(len(sequence)))
            requests += [self._request(index, sequence, *piece) for piece in pieces]
            counts.append(len(pieces))
        with quiet_transformers():
            values = self._run(requests, _rescaled(report, len(requests), len(sequences)))
        if len(values) == len(sequences):
            return values
        edges = np.cumsum([0, *counts])
        return [np.concatenate(values[a:b]) for a, b in itertools.pairwise(edges)]

    def _request(
        self, index: int, sequence: NDArray[Any], start: int, first: int, stop: int
    ) -> Request:
        inputs = np.concatenate([[self._first_id], sequence[start : stop - 1]])
        return Request(inputs, sequence[first:stop], index, first + 1)


def _rescaled(report: Report | None, n_done: int, n_told: int) -> Report | None:
    """Report on sequences, told of the windows into which they are cut."""
    if report is None or n_done == n_told:
        return report
    return lambda done: report(done * n_told // n_done)


def _warn_of_noise(dtype: torch.dtype) -> None:
    name = str(dtype).removeprefix("torch.")
    warnings.warn(
        f"in {name} a logit of 10 is rounded by up to {10 * torch.finfo(dtype).eps / 2:.2g}, which "
        'makes sigma noisy: self_test(texts) measures by how much, dtype="float32" avoids it',
        stacklevel=3,
    )
