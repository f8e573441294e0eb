"""Small language models made and trained on the spot, from a text, on a CPU."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, SupportsIndex

import numpy as np
import torch

from entroprod.boundary.arrays import (
    FloatArray,
    as_count,
    as_flag,
    as_positive,
    as_read_only,
    require_choice,
)
from entroprod.boundary.errors import NumericalError
from entroprod.boundary.memory import require_memory
from entroprod.boundary.progress import Progress, reporting
from entroprod.boundary.randomness import RandomSource, as_generator
from entroprod.neural.language_model.architectures import ARCHITECTURES, architecture_config
from entroprod.neural.language_model.corpus import END_OF_TEXT, Corpus, train_tokenizer
from entroprod.neural.language_model.quiet import quiet_transformers, require_transformers
from entroprod.results.registry import storable
from entroprod.results.result import Result

# Found in every folder that train_language_model wrote, and in no other.
REPORT_FILE = "training.json"

# A byte-level alphabet has 256 symbols; one more marks the borders of texts.
_SMALLEST_VOCABULARY = 257
# Batches of text that nobody trained on; enough to know the loss to a per cent or so.
_HELD_OUT_BATCHES = 8
# Of the training: rise of the learning rate, and the fraction of it that is left at the end.
_WARM_UP = 0.05
_LAST_RATE = 0.1
_GRADIENT_NORM = 1.0
# Weights, their gradients and the optimiser's two moments, in float32.
_BYTES_PER_PARAMETER = 4 * 4


@storable(name="entroprod.neural.LanguageModelTraining")
@dataclass(frozen=True, repr=False, eq=False)
class LanguageModelTraining(Result):
    """What :func:`train_language_model` did.

    Attributes
    ----------
    folder : str
        Where the model and its tokenizer are.
    architecture : str
        The kind of network.
    n_parameters : int
        Numbers in the model.
    vocabulary_size : int
        Tokens of the tokenizer, the mark of the end of a text among them.
    n_characters, n_tokens : int
        Of all texts.
    n_held_out : int
        Tokens among them that were kept from the training.
    context : int
        Tokens that a text may have.
    losses : ndarray, (n_steps,)
        Mean of -ln p over the tokens of each batch, in nats per token.
    held_out_loss : float
        The same after the training on text kept from it, in nats per token.
    uniform_loss : float
        ln of the size of the vocabulary: the loss of a model that knows nothing.
    seconds : float
        Time that the training took.
    """

    folder: str
    architecture: str
    n_parameters: int
    vocabulary_size: int
    n_characters: int
    n_tokens: int
    n_held_out: int
    context: int
    losses: FloatArray
    held_out_loss: float
    uniform_loss: float
    seconds: float

    @property
    def final_loss(self) -> float:
        """Mean of the last tenth of the losses, nats per token."""
        return float(self.losses[-max(1, len(self.losses) // 10) :].mean())

    def __repr__(self) -> str:
        return (
            f"LanguageModelTraining({self.architecture}: {self.n_parameters:,} parameters, "
            f"{self.vocabulary_size:,} tokens, loss {self.losses[0]:.3f} -> {self.final_loss:.3f} "
            f"nats per token in {len(self.losses):,} steps and {self.seconds:.0f} s; "
            f"held out {self.held_out_loss:.3f}; in {self.folder})"
        )


def train_language_model(
    texts: str | Sequence[str],
    folder: str | os.PathLike[str],
    *,
    architecture: str = "gpt2",
    n_layers: SupportsIndex = 2,
    width: SupportsIndex = 64,
    context: SupportsIndex = 128,
    vocabulary_size: SupportsIndex = 1000,
    n_steps: SupportsIndex = 1500,
    batch_size: SupportsIndex = 16,
    learning_rate: float = 3e-3,
    rng: RandomSource = 0,
    overwrite: bool = False,
    progress: Progress = False,
) -> LanguageModelTraining:
    """Train a small language model on texts, and save it with its tokenizer.

    The tokenizer is a byte-level BPE, trained on the texts too, so it writes any text. Every
    stretch that the model is trained on begins with <|endoftext|>, followed by the text from the
    beginning of a sentence: the context in which :class:`HuggingFaceMachine` scores a text. Texts
    that hardly have any sentences are entered anywhere.

    Parameters
    ----------
    texts : str or sequence of str
        What to learn from: 100,000 characters or more, in one piece or in many. No text is
        continued by the next one.
    folder : path
        Where to save; made if it isn't there. It must be empty unless ``overwrite``.
    architecture : {"gpt2", "llama", "qwen3", "mamba", "mamba2", "rwkv"}
        Kind of network. The last three are recurrent.
    n_layers, width : int
        Layers, and numbers that each hands on for a token: a multiple of 8.
    context : int
        Longest text, in tokens, that the model is made for; it is trained on stretches of it.
    vocabulary_size : int
        Tokens at most, 257 or more; a short text may yield fewer.
    n_steps, batch_size : int
        Steps of the optimiser (AdamW), and stretches of text in each.
    learning_rate : float
        Its largest value; it rises for the first twentieth of the steps, and falls thereafter.
    rng : Generator, int or None
        Of the first weights and of the choice of stretches. The torch generator of the caller is
        left alone.
    overwrite : bool
        Whether to replace a model in ``folder`` that this function put there.
    progress : bool or callable
        True shows a bar (needs rich); a callable is called as progress(done, total).

    Returns
    -------
    LanguageModelTraining
        Losses in nats per token, and sizes; it is saved beside the model as training.json.

    Raises
    ------
    ValueError, TypeError
        Naming the argument: too little text, a folder that isn't empty or can't be written.
    MemoryError
        If the model doesn't fit.
    NumericalError
        If the loss became infinite: the learning rate is too high.

    Notes
    -----
    Of the recurrent networks mamba2 and rwkv train about as fast as the others. Mamba doesn't
    without its CUDA kernels: the time of a step grows as the square of ``context``.

    The folder is what ``AutoModelForCausalLM`` and ``AutoTokenizer`` of transformers load, without
    a network. It is written as a whole after the training; that it can be is found out before.

    Examples
    --------
    >>> import tempfile
    >>> from entroprod.neural import train_language_model
    >>> text = "The sun rose. The birds sang. The sun set. The birds slept. " * 100
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     report = train_language_model(
    ...         text, folder, n_layers=1, width=16, context=32, vocabulary_size=300, n_steps=30,
    ...         learning_rate=1e-2)
    >>> bool(report.losses[-1] < 0.5 * report.losses[0])
    True
    """
    require_transformers("train_language_model")
    require_choice(architecture, "architecture", *ARCHITECTURES)
    sizes = _Sizes(
        as_count(n_layers, "n_layers"),
        as_width(width),
        as_count(context, "context"),
        as_count(batch_size, "batch_size"),
        as_count(n_steps, "n_steps"),
    )
    if architecture == "rwkv" and sizes.n_layers < 2:
        raise ValueError("n_layers must be at least 2 for rwkv, whose first weights need them")
    rate = as_positive(learning_rate, "learning_rate")
    pieces = as_texts(texts)
    wanted = as_count(vocabulary_size, "vocabulary_size")
    if wanted < _SMALLEST_VOCABULARY:
        raise ValueError(
            f"vocabulary_size must be at least {_SMALLEST_VOCABULARY} (256 bytes and the mark of "
            f"the end of a text), got {wanted}"
        )
    generator = as_generator(rng)
    target = Path(os.path.abspath(os.fspath(folder)))  # noqa: PTH100  (links are kept)
    require_free_folder(target, overwrite=as_flag(overwrite, "overwrite"))
    with quiet_transformers():
        tokenizer = train_tokenizer(pieces, wanted)
        corpus = Corpus.from_texts(pieces, tokenizer, sizes.context)
        model = _new_model(architecture, len(tokenizer), sizes, generator)
        start = time.perf_counter()
        losses = _train(model, corpus, sizes, rate, generator, progress)
        report = LanguageModelTraining(
            folder=str(target),
            architecture=architecture,
            n_parameters=sum(each.numel() for each in model.parameters()),
            vocabulary_size=len(tokenizer),
            n_characters=sum(map(len, pieces)),
            n_tokens=corpus.n_tokens,
            n_held_out=corpus.n_held_out,
            context=sizes.context,
            losses=as_read_only(losses),
            held_out_loss=_held_out_loss(model, corpus, sizes),
            uniform_loss=float(np.log(len(tokenizer))),
            seconds=time.perf_counter() - start,
        )
        _save(model, tokenizer, report, target)
    return report


@dataclass(frozen=True)
class _Sizes:
    n_layers: int
    width: int
    context: int
    batch_size: int
    n_steps: int


def as_width(value: SupportsIndex) -> int:
    """A multiple of 8, so that it can be shared among heads."""
    width = as_count(value, "width")
    if width % 8:
        raise ValueError(f"width must be a multiple of 8, got {width}")
    return width


def as_texts(texts: object) -> list[str]:
    """One or more strings that aren't blank, as a list."""
    if isinstance(texts, str):
        texts = [texts]
    if isinstance(texts, (bytes, bytearray)) or not isinstance(texts, Sequence):
        raise TypeError(f"texts must be a str or a sequence of str, got {type(texts).__name__}")
    for index, text in enumerate(texts):
        if not isinstance(text, str):
            raise TypeError(f"texts[{index}] must be a str, got {type(text).__name__}")
        if not text.strip():
            raise ValueError(f"texts[{index}] is empty")
        if END_OF_TEXT in text:
            raise ValueError(
                f"texts[{index}] contains {END_OF_TEXT}, which marks the borders of texts: "
                "split it there"
            )
    if not texts:
        raise ValueError("texts is empty")
    return list(texts)


def require_free_folder(folder: Path, *, overwrite: bool) -> None:
    """Raise unless a model can be saved there; nothing stays behind."""
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"folder must not be a file: {folder}")
    if folder.is_dir() and any(folder.iterdir()):
        if not overwrite:
            raise ValueError(f"folder must be empty, unless a model is to be overwritten: {folder}")
        if not (folder / REPORT_FILE).is_file():
            raise ValueError(
                f"folder holds something else than a model that was trained here, which is not "
                f"overwritten: {folder}"
            )
    try:
        with _folder_beside(folder) as probe:
            (probe / "probe").write_bytes(b"x")
        if folder.is_dir():
            probe = folder / f".probe.{secrets.token_hex(4)}"
            probe.write_bytes(b"x")
            probe.unlink()
    except OSError as error:
        raise ValueError(f"folder can't be written: {folder}: {error.strerror}") from None


@contextmanager
def _folder_beside(folder: Path) -> Iterator[Path]:
    """A new hidden folder on the same disk, gone in the end."""
    parent = folder.parent
    missing = [each for each in (parent, *parent.parents) if not each.exists()]
    parent.mkdir(parents=True, exist_ok=True)
    beside = parent / f".{folder.name}.{secrets.token_hex(4)}.tmp"
    beside.mkdir()
    try:
        yield beside
    finally:
        shutil.rmtree(beside, ignore_errors=True)
        for each in missing:
            if not any(each.iterdir()):
                each.rmdir()


def _new_model(
    architecture: str, vocabulary_size: int, sizes: _Sizes, generator: np.random.Generator
) -> Any:
    import transformers

    config = architecture_config(
        architecture, vocabulary_size, sizes.n_layers, sizes.width, sizes.context
    )
    estimate = sizes.width * (vocabulary_size + sizes.context + 16 * sizes.n_layers * sizes.width)
    logits = 3 * 4 * sizes.batch_size * sizes.context * vocabulary_size
    require_memory(_BYTES_PER_PARAMETER * estimate + logits, "width", "the training")
    with seeded(generator):
        auto: Any = transformers.AutoModelForCausalLM
        return auto.from_config(config, dtype=torch.float32)


@contextmanager
def seeded(generator: np.random.Generator) -> Iterator[None]:
    """Draw from torch's generator, seeded from ours; the caller's state comes back."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(generator.integers(2**63)))
        yield


def _train(
    model: Any,
    corpus: Corpus,
    sizes: _Sizes,
    learning_rate: float,
    generator: np.random.Generator,
    progress: Progress,
) -> FloatArray:
    matrices = [each for each in model.parameters() if each.ndim >= 2]
    others = [each for each in model.parameters() if each.ndim < 2]
    optimizer = torch.optim.AdamW(
        [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}],
        lr=learning_rate,
        betas=(0.9, 0.98),
    )
    losses = np.empty(sizes.n_steps)
    model.train()
    with seeded(generator), reporting(progress, sizes.n_steps, "Training") as report:
        for step in range(sizes.n_steps):
            for group in optimizer.param_groups:
                group["lr"] = learning_rate * rate_factor(step, sizes.n_steps)
            starts = generator.choice(corpus.training_starts, sizes.batch_size)
            loss = _loss(model, *corpus.batch(starts, sizes.context, 0))
            losses[step] = loss.item()
            if not np.isfinite(losses[step]):
                raise NumericalError(
                    f"the loss became {losses[step]} at step {step + 1} of {sizes.n_steps}: "
                    f"lower the learning rate of {learning_rate:g}"
                )
            optimizer.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(model.parameters(), _GRADIENT_NORM)
            optimizer.step()
            if report is not None:
                report(step + 1)
    return losses


def rate_factor(step: int, n_steps: int) -> float:
    """Learning rate relative to its largest: a linear rise, then half a cosine."""
    warm_up = max(1, round(_WARM_UP * n_steps))
    if step < warm_up:
        return (step + 1) / warm_up
    fraction = (step - warm_up) / max(1, n_steps - warm_up)
    return float(_LAST_RATE + (1 - _LAST_RATE) * 0.5 * (1 + np.cos(np.pi * fraction)))


def _loss(model: Any, inputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    logits = model(input_ids=inputs, use_cache=False).logits
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), targets.flatten())


def _held_out_loss(model: Any, corpus: Corpus, sizes: _Sizes) -> float:
    starts = corpus.held_out_starts
    chosen = np.unique(
        np.linspace(0, len(starts) - 1, _HELD_OUT_BATCHES * sizes.batch_size).astype(np.int64)
    )
    model.eval()
    total = 0.0
    with torch.inference_mode():
        for begin in range(0, len(chosen), sizes.batch_size):
            part = starts[chosen[begin : begin + sizes.batch_size]]
            total += len(part) * _loss(model, *corpus.batch(part, sizes.context, 0)).item()
    return total / len(chosen)


def _save(model: Any, tokenizer: Any, report: LanguageModelTraining, folder: Path) -> None:
    """Write everything beside the folder first, and move it there when it is complete."""
    content = {**report.to_dict(), "losses": report.losses.tolist()}
    del content["folder"]
    try:
        with _folder_beside(folder) as beside:
            model.save_pretrained(beside)
            tokenizer.save_pretrained(beside)
            (beside / REPORT_FILE).write_text(json.dumps(content, indent=1) + "\n")
            folder.mkdir(parents=True, exist_ok=True)
            # The report goes last: it says that the folder is complete.
            for file in sorted(beside.iterdir(), key=lambda path: path.name == REPORT_FILE):
                file.replace(folder / file.name)
    except OSError as error:
        raise OSError(
            error.errno, f"the model can't be saved ({error.strerror})", str(folder)
        ) from None
