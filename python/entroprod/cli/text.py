"""``entroprod text``: entropy production of texts under a language model, or of its samples."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import entroprod as ep
from entroprod.cli import options, report, text_options, text_outputs
from entroprod.cli.files import check_output
from entroprod.cli.pictures import check_picture, save_picture
from entroprod.text.group_comparison import described
from entroprod.text.result import Average, TextScores
from entroprod.text.run import BATCH_SIZE, DELIMITERS, score_samples, score_texts
from entroprod.text.storage import OutputFile
from entroprod.text.table import TABLE_SUFFIXES, provenance_path

if TYPE_CHECKING:
    from entroprod.questions.block_scale import BlockScale
    from entroprod.text.collection import Texts
    from entroprod.text.group_comparison import GroupComparison

# With fewer the average of e^-sigma says nothing.
_FEW_EFFECTIVE = 100.0
# Most reasons for missing values that are printed.
_REASONS = 5
# Arguments of the library by the options that give them.
_OPTIONS = {
    "per_block must": "--sentences-per-block must",
    "batch_size must": "--batch-size must",
    "delimiters must": "--delimiters must",
    "n_samples must": "--sample must",
    "n_steps must": "--length must",
    "n_steps is": "--length is",
    "give window=Window() to the machine": "give --window",
}
# Texts that the test of the numerics scores twice.
_TESTED = 8


@dataclass(frozen=True)
class TextRun:
    """What was scored, and all that came of it."""

    file: Path | None
    seed: int | None
    result: TextScores
    comparison: GroupComparison | None
    self_test: Any
    block_scale: BlockScale | None
    written: tuple[Path, ...]


def text(
    model: text_options.Model,
    output: text_options.Output,
    file: text_options.TextFile = None,
    resume: text_options.Resume = False,
    overwrite: text_options.Overwrite = False,
    text_column: text_options.TextColumn = "text",
    group_column: text_options.GroupColumn = None,
    id_column: text_options.IdColumn = None,
    paragraphs: text_options.Paragraphs = False,
    delimiters: text_options.Delimiters = DELIMITERS,
    sentences_per_block: text_options.SentencesPerBlock = 1,
    batch_size: text_options.BatchSize = BATCH_SIZE,
    device: text_options.Device = None,
    dtype: text_options.DTypeOption = text_options.DType.FLOAT32,
    temperature: text_options.Temperature = 1.0,
    first_token: text_options.FirstToken = None,
    window: text_options.WindowOption = None,
    self_test: text_options.SelfTestOption = False,
    sample: text_options.Sample = None,
    length: text_options.Length = None,
    seed: options.Seed = None,
    compare: text_options.Compare = False,
    plot: options.Plot = None,
    block_scales: text_outputs.BlockScales = None,
    block_scale_plot: text_outputs.BlockScalePlot = None,
    html: text_outputs.Report = None,
    json: options.Json = False,
) -> None:
    """Entropy production of texts under a language model, by token and by sentence.

    A row for each text goes to the output as it is done: a run that is broken off, or killed, loses
    at most one batch, and goes on with --resume. Texts without a value keep their row and the
    reason.

    For example:

    - entroprod text stories.json --model gpt2 -o stories.parquet --compare --report stories.html
    - entroprod text stories.json --model gpt2 -o stories.parquet --block-scales 1,10,1s,2s
    - entroprod text stories.json --model gpt2 --output stories.parquet --resume
    - entroprod text --sample 500 --length 120 --model gpt2 --output samples.parquet --seed 1
    """
    _check_options(file, sample, length, seed, compare=compare, plot=plot)
    check_output(output, "--output", TABLE_SUFFIXES)
    check_picture(plot)
    extras = text_outputs.check(block_scales, block_scale_plot, html)
    _require_distinct_files(file, output, plot, block_scale_plot)
    with naming_options():
        place = OutputFile(output, {})
        place.require_startable(resume=resume, overwrite=overwrite)
        place.require_writable(0)
    texts = None
    if file is not None:
        texts = _read(file, text_column, group_column, id_column, paragraphs=paragraphs)
        if compare or plot is not None:
            _require_groups(texts)
    machine = load_machine(
        model,
        device=device,
        dtype=dtype.value,
        temperature=temperature,
        first_token=first_token,
        window=window,
    )
    settings: dict[str, Any] = {
        "delimiters": delimiters,
        "per_block": sentences_per_block,
        "batch_size": batch_size,
        "output": output,
        "resume": resume,
        "overwrite": overwrite,
    }
    if texts is None:
        seed = _seed(output, seed, resume=resume)
    with naming_options(), _telling_how_to_go_on(output):
        result = _score(machine, texts, sample or 0, length or 0, seed or 0, settings)
    tested = _self_test(machine, result) if self_test else None
    comparison = ep.compare_groups(result) if compare or plot is not None else None
    if plot is not None and comparison is not None:
        save_picture(comparison.plot(), plot)
    scaled = extras.measure(machine, result.table, delimiters)
    grouped = texts is not None and len(texts.group_sizes()) > 1
    extras.write(result, ep.compare_groups(result) if grouped and extras.html else None, scaled)
    written = tuple(path for path in (output, plot, *extras.paths) if path is not None)
    drawn = seed if texts is None else None
    run = TextRun(file, drawn, result, comparison, tested, scaled, written)
    if json:
        report.print_json("text", _to_dict(run))
    else:
        _print(run)


def load_machine(
    model: str,
    *,
    device: str | None,
    dtype: str,
    temperature: float,
    first_token: str | None,
    window: int | None,
) -> Any:
    """Load the language model, with options in the words of the command line."""
    from entroprod import neural

    token = int(first_token) if first_token is not None and first_token.isdecimal() else first_token
    return neural.HuggingFaceMachine(
        model,
        device=device,
        dtype=dtype,
        temperature=temperature,
        first_token=token,
        window=None if window is None else neural.Window(window),
    )


def _check_options(
    file: Path | None,
    sample: int | None,
    length: int | None,
    seed: int | None,
    *,
    compare: bool,
    plot: Path | None,
) -> None:
    if (file is None) == (sample is None):
        got = "neither" if file is None else "both"
        raise ValueError(f"FILE or --sample must be given, and not both; got {got}")
    if (length is None) != (sample is None):
        raise ValueError("--sample and --length go together: how many texts, of how many tokens")
    if sample is None and seed is not None:
        raise ValueError("--seed is only used with --sample")
    if sample is not None and (compare or plot is not None):
        option = "--compare" if compare else "--plot"
        raise ValueError(f"{option} compares groups of texts; samples have none")


def _require_distinct_files(
    file: Path | None, output: Path, plot: Path | None, block_scale_plot: Path | None
) -> None:
    """Nothing that is written may take the place of the texts, or of something else written."""
    place = OutputFile(output, {})
    for written in (output, place.journal_path, provenance_path(output)):
        if file is not None and file.exists() and written.exists() and file.samefile(written):
            raise ValueError(f"--output: {output} would replace the texts in {file}")
    pictures = [path.resolve() for path in (plot, block_scale_plot) if path is not None]
    if len(set(pictures)) < len(pictures):
        raise ValueError(f"--plot and --block-scale-plot name the same file {plot}")


def _read(
    file: Path,
    text_column: str,
    group_column: str | None,
    id_column: str | None,
    *,
    paragraphs: bool,
) -> Texts:
    from entroprod.text.files import read_texts

    try:
        return read_texts(
            file,
            text_column=text_column,
            group_column=group_column,
            id_column=id_column,
            paragraphs=paragraphs,
        )
    except (ValueError, TypeError) as error:
        words = str(error)
        for name in ("text_column", "group_column", "id_column", "paragraphs"):
            words = words.replace(name, "--" + name.replace("_", "-"))
        raise ValueError(words) from None


def _require_groups(texts: Texts) -> None:
    sizes = texts.group_sizes()
    if len(sizes) < 2:
        has = f"only {next(iter(sizes))!r}" if sizes else "none"
        raise ValueError(
            f"--compare and --plot need at least two groups of texts, {texts.source} has {has}: "
            "name groups in JSON, or a column with --group-column"
        )


@contextmanager
def naming_options() -> Iterator[None]:
    """Errors of a run in the words of the command line."""
    try:
        yield
    except ValueError as error:
        words = str(error)
        for name in ("resume", "overwrite"):
            words = words.replace(f"({name})", f"(--{name})")
        for name, option in _OPTIONS.items():
            words = words.replace(name, option)
        raise ValueError(words) from None


@contextmanager
def _telling_how_to_go_on(output: Path) -> Iterator[None]:
    try:
        yield
    except ValueError:  # another run's journal, or a damaged one
        raise
    except (KeyboardInterrupt, Exception):
        journal = OutputFile(output, {}).journal_path
        if journal.exists():
            report.print_to_stderr(f"What was done is in {journal}: go on with --resume.")
        raise


def _score(
    machine: Any,
    texts: Texts | None,
    n_samples: int,
    n_steps: int,
    seed: int,
    settings: dict[str, Any],
) -> TextScores:
    if texts is not None:
        with report.progress_bar("Scoring texts", len(texts)) as show_done:
            return score_texts(machine, texts, progress=show_done, **settings)
    with report.progress_bar("Sampling and scoring", n_samples) as show_done:
        return score_samples(machine, n_samples, n_steps, rng=seed, progress=show_done, **settings)


def _seed(output: Path, seed: int | None, *, resume: bool) -> int:
    """The seed of samples; a run that goes on has one already."""
    if seed is None and resume:
        from entroprod.text.journal import read_header

        found = read_header(OutputFile(output, {}).journal_path).get("samples", {}).get("seed")
        if isinstance(found, int):
            return found
    return options.chosen_seed(seed)


def _self_test(machine: Any, result: TextScores) -> Any:
    """Score the first texts that have a value once more, in other batches."""
    scored = result.table[result.table["skipped_token"].isna()]
    tokens = list(scored["token_ids"][:_TESTED])
    if not tokens:
        raise ValueError("--self-test: there is no text with a value to score again")
    return machine.self_test(tokens)


def average_rows(averages: tuple[Average, ...], *, samples: bool) -> list[report.Row]:
    """Averages in rows, each with what it leaves out."""
    rows = []
    kinds = {"token": "Token reversal", "block": "Block reversal"}
    for each in averages:
        label = kinds[each.reversal]
        if each.sigma_per_token is None:
            rows.append(report.Row(label, "no values"))
        else:
            error = each.sigma_per_token_error
            value = f"{each.sigma_per_token:.6g}"
            if error is not None:
                value = report.format_uncertain(each.sigma_per_token, error)
            rows.append(report.Row(label, f"{value} nats per token", _remark(each)))
        if samples and each.fluctuation is not None:
            value = f"{each.fluctuation:.6g}"
            if each.fluctuation_error is not None:
                value = report.format_uncertain(each.fluctuation, each.fluctuation_error)
            rows.append(report.Row("  E[e^-sigma]", value, _fluctuation_remark(each)))
        rows += _skipped_rows(each.skip_reasons)
    return rows


def _shown(characters: str) -> str:
    """Characters in one line, in quotes where a space would be lost or a line break would show."""
    plain = characters.isprintable() and " " not in characters
    return characters if plain else repr(characters)


def _skipped_rows(reasons: dict[str, int]) -> list[report.Row]:
    """The most common reasons; those that differ in numbers alone are counted together."""
    alike: dict[str, list[str]] = {}
    for reason in reasons:
        alike.setdefault(re.sub(r"\d+", "", reason), []).append(reason)
    counted = [(sum(reasons[reason] for reason in same), same) for same in alike.values()]
    counted.sort(key=lambda each: -each[0])
    rows = []
    for count, same in counted[:_REASONS]:
        reason = same[0]
        for name, option in _OPTIONS.items():
            reason = reason.replace(name, option)
        note = reason if len(same) == 1 else f"for example: {reason}"
        rows.append(report.Row("  skipped", f"{count:,}", note))
    if len(counted) > _REASONS:
        count = sum(count for count, _ in counted[_REASONS:])
        rows.append(report.Row("  skipped", f"{count:,}", "other reasons, told in the output"))
    return rows


def _remark(each: Average) -> str:
    parts = [f"mean of {each.n:,}"]
    if each.n_infinite:
        parts.append(f"{each.n_infinite:,} infinite: impossible when reversed")
    if each.n_single_block:
        parts.append(f"{each.n_single_block:,} of a single block, whose sigma is 0")
    if each.n_cut:
        parts.append(f"{each.n_cut:,} end after their last sentence end, the rest is cut off")
    return "; ".join(parts)


def _fluctuation_remark(each: Average) -> str:
    remark = "1 in theory"
    if each.n_cut:
        remark = f"not exactly 1: {each.n_cut:,} lost what stood behind the last sentence"
    effective = each.effective_sample_size
    if effective is not None and effective < _FEW_EFFECTIVE:
        remark += f"; {effective:.1f} effective samples carry it, so don't trust it or its error"
    return remark


def comparison_rows(comparison: GroupComparison) -> list[report.Row]:
    """Medians of the groups, tests and notes in rows."""
    rows = []
    for metric in comparison.metrics:
        for each in comparison.summaries:
            if each.metric == metric:
                median = "no values" if each.median is None else f"{each.median:.4g}"
                rows.append(report.Row(metric, median, f"median of {each.n} in {each.group}"))
        for one in comparison.of(metric):
            rows.append(report.Row(f"  {one.first} against {one.second}", described(one)))
    return rows + [report.Row("Note", note) for note in comparison.notes]


def _to_dict(run: TextRun) -> dict[str, Any]:
    content: dict[str, Any] = {"file": run.file, "seed": run.seed, **run.result.to_dict()}
    if run.comparison is not None:
        content["comparison"] = run.comparison.to_dict()
    if run.self_test is not None:
        content["self_test"] = run.self_test.to_dict()
    if run.block_scale is not None:
        content["block_scale"] = run.block_scale.to_dict()
    return {**content, "written": run.written}


def _print(run: TextRun) -> None:
    result = run.result
    told = result.provenance
    machine = told["machine"]
    source = f"from {run.file}" if run.file is not None else f"drawn with seed {run.seed}"
    resumed = f"{result.n_resumed:,} of them by an earlier run" if result.n_resumed else ""
    settings = told["settings"]
    rows = [
        report.Row("Texts", f"{len(result.table):,} {source}", resumed),
        report.Row("Machine", str(machine.get("model", machine.get("machine", "")))),
        report.Row(
            "Blocks",
            f"{settings['per_block']} sentence(s)",
            f"a token that ends with one of {_shown(settings['delimiters'])} ends a sentence",
        ),
        *average_rows(result.averages(), samples=run.file is None),
    ]
    if run.self_test is not None:
        tested = run.self_test
        rows.append(
            report.Row(
                "Rounding",
                f"± {tested.rms_per_sequence:.2g} nats on sigma",
                f"at most {tested.max_per_sequence:.2g}; {tested.n_sequences} texts scored twice, "
                f"{tested.dtype} on {tested.device}",
            )
        )
    if run.comparison is not None:
        rows += comparison_rows(run.comparison)
    if run.block_scale is not None:
        rows += text_outputs.block_scale_rows(run.block_scale)
    report.print_rows(rows)
    for path in run.written:
        report.print_text(f"Written: {path}")
