"""``entroprod train``: a small language model, trained on a text on the spot."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from entroprod.cli import options, report

if TYPE_CHECKING:
    from entroprod.neural import LanguageModelTraining


# Files that hold texts among other things, which nobody wants a model to learn.
_TABLES = (".json", ".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".pq")


class Architecture(str, Enum):
    """Kinds of network."""

    GPT2 = "gpt2"
    LLAMA = "llama"
    QWEN3 = "qwen3"
    MAMBA = "mamba"
    MAMBA2 = "mamba2"
    RWKV = "rwkv"


class Unit(str, Enum):
    """What makes a text of its own in a file."""

    PARAGRAPHS = "paragraphs"
    LINES = "lines"
    WHOLE = "whole"


TextFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE",
        help="Plain text in UTF-8, 100,000 characters or more.",
        show_default=False,
    ),
]
Output = Annotated[
    Path,
    typer.Option(
        "--output",
        metavar="DIR",
        help="Folder for the model and its tokenizer; new or empty.",
        show_default=False,
    ),
]
TextsAre = Annotated[
    Unit,
    typer.Option(
        "--texts-are",
        help="What makes a text of its own, which the next one doesn't continue. Line breaks "
        "within a paragraph are read as spaces.",
    ),
]
ArchitectureOption = Annotated[
    Architecture, typer.Option("--architecture", help="Kind of network; the last three recur.")
]
Layers = Annotated[int, typer.Option("--layers", min=1, help="Layers of the network.")]
Width = Annotated[
    int, typer.Option("--width", min=8, help="Numbers between the layers: a multiple of 8.")
]
Context = Annotated[int, typer.Option("--context", min=2, help="Longest text, in tokens.")]
Vocabulary = Annotated[
    int, typer.Option("--vocabulary", min=257, help="Tokens of the tokenizer, at most.")
]
TrainingSteps = Annotated[
    int, typer.Option("--n-steps", min=1, help="Steps of training; time is proportional to it.")
]
Batch = Annotated[int, typer.Option("--batch", min=1, help="Stretches of text in each step.")]
LearningRate = Annotated[
    float, typer.Option("--learning-rate", help="Largest learning rate of the optimiser (AdamW).")
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace a model that this command put there.")
]


def train(
    file: TextFile,
    output: Output,
    texts_are: TextsAre = Unit.PARAGRAPHS,
    architecture: ArchitectureOption = Architecture.GPT2,
    layers: Layers = 2,
    width: Width = 64,
    context: Context = 128,
    vocabulary: Vocabulary = 1000,
    n_steps: TrainingSteps = 1500,
    batch: Batch = 16,
    learning_rate: LearningRate = 3e-3,
    seed: options.RepeatableSeed = 0,
    overwrite: Overwrite = False,
    json: options.Json = False,
) -> None:
    """Train a small language model on a text, in minutes and without a network connection.

    The folder holds the model and its tokenizer, in the form of transformers: other commands take
    it where they take a model. A tenth of the text is kept from the training, to see how well the
    model does on what it hasn't read.

    For example:

    - entroprod train novel.txt --output novel-model
    - entroprod train stories.txt --output stories-model --texts-are lines --seed 1
    - entroprod train novel.txt --output mamba --architecture mamba2 --n-steps 500
    """
    texts = read_plain_texts(file, texts_are)
    from entroprod.neural import train_language_model

    with report.progress_bar("Training") as show_done:
        result = train_language_model(
            texts,
            output,
            architecture=architecture.value,
            n_layers=layers,
            width=width,
            context=context,
            vocabulary_size=vocabulary,
            n_steps=n_steps,
            batch_size=batch,
            learning_rate=learning_rate,
            rng=seed,
            overwrite=overwrite,
            progress=show_done,
        )
    if json:
        given = {"file": file, "n_texts": len(texts), "seed": seed}
        report.print_json("train", {**given, **result.to_dict()})
    else:
        _print(file, len(texts), seed, result)


def read_plain_texts(file: Path, unit: Unit) -> list[str]:
    """Texts of a UTF-8 file, blank ones left out.

    Raises ValueError naming the first byte that is none, or a file without any text, or a table.
    """
    if file.suffix.lower() in _TABLES:
        raise ValueError(f"{file} must be plain text, such as a .txt file")
    try:
        content = file.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file} is not UTF-8: byte {error.object[error.start]:#04x} at position {error.start}"
        ) from None
    if unit is Unit.WHOLE:
        texts = [content]
    elif unit is Unit.LINES:
        texts = content.splitlines()
    else:
        texts = [""]
        for line in content.splitlines():
            if line.strip():
                texts[-1] += f" {line.strip()}"
            else:
                texts.append("")
    texts = [text.strip() for text in texts if text.strip()]
    if not texts:
        raise ValueError(f"{file} holds no text")
    return texts


def result_rows(file: Path, n_texts: int, seed: int, result: LanguageModelTraining) -> list[Any]:
    """The result in rows: what was read, the model, and how well it does."""
    return [
        report.Row(
            "Text",
            f"{result.n_characters:,} characters of {file}",
            f"{n_texts:,} texts, {result.n_tokens:,} tokens",
        ),
        report.Row(
            "Model",
            f"{result.architecture} of {result.n_parameters:,} parameters",
            f"{result.vocabulary_size:,} tokens, context {result.context:,}",
        ),
        report.Row(
            "Training loss",
            f"{result.final_loss:.3f} nats per token",
            f"at the end of {len(result.losses):,} steps; {result.losses[0]:.3f} in the first, "
            f"{result.uniform_loss:.3f} for guessing",
        ),
        report.Row(
            "Held-out loss",
            f"{result.held_out_loss:.3f} nats per token",
            f"on {result.n_held_out:,} tokens that were kept from the training",
        ),
        report.Row("Time", f"{result.seconds:.0f} s"),
        report.Row("Seed", str(seed)),
    ]


def _print(file: Path, n_texts: int, seed: int, result: LanguageModelTraining) -> None:
    report.print_rows(result_rows(file, n_texts, seed, result))
    report.print_text(f"Written: {result.folder}")
