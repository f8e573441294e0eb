"""Small language models that are made and trained from a text."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers

import entroprod as ep
from entroprod.neural import HuggingFaceMachine, LanguageModelTraining, train_language_model
from entroprod.neural.language_model.architectures import ARCHITECTURES
from entroprod.neural.language_model.corpus import Corpus, train_tokenizer
from entroprod.neural.language_model.tiny import rate_factor

pytestmark = pytest.mark.usefixtures("one_torch_thread")

# Losses are means in float32 over some hundred tokens.
FLOAT32 = 1e-4

_STORIES = (
    "{name} found a {thing}. {name} washed the {thing}. The {thing} shone. {name} sold it.",
    "{name} lost a {thing}. {name} looked for it all day. A friend had the {thing}! {name} smiled.",
    "{name} drew a {thing}. The drawing hung in the hall. Who liked it? Nobody did.",
)
_NAMES = ("Anna", "Tom", "Maria", "Ben", "Nora")
_THINGS = ("coin", "shell", "ring", "key", "spoon", "button")

SMALL: dict[str, Any] = {
    "n_layers": 2,
    "width": 16,
    "context": 32,
    "vocabulary_size": 300,
    "batch_size": 8,
}


def stories(n_texts: int, seed: int = 0) -> list[str]:
    """Four sentences each, in an order that matters."""
    rng = np.random.default_rng(seed)
    return [
        str(rng.choice(_STORIES)).format(name=rng.choice(_NAMES), thing=rng.choice(_THINGS))
        for _ in range(n_texts)
    ]


def shuffled(text: str, rng: np.random.Generator) -> str:
    ends = [i + 1 for i, letter in enumerate(text) if letter in ".!?"]
    sentences = [text[a:b].strip() for a, b in zip([0, *ends], ends)]
    return " ".join(sentences[i] for i in rng.permutation(len(sentences)))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> LanguageModelTraining:
    return train_language_model(
        stories(1500),
        tmp_path_factory.mktemp("trained"),
        n_layers=2,
        width=32,
        context=48,
        vocabulary_size=400,
        n_steps=300,
        batch_size=16,
        learning_rate=1e-2,
    )


class TestTraining:
    def test_learns(self, trained: LanguageModelTraining) -> None:
        assert trained.losses.shape == (300,)
        assert trained.losses[0] == pytest.approx(trained.uniform_loss, rel=0.1)
        assert trained.final_loss < 0.2 * trained.losses[0]
        # What was kept from the training is drawn from the same stories.
        assert trained.held_out_loss < 1.2 * trained.final_loss
        assert "gpt2" in repr(trained)
        assert not trained.losses.flags.writeable

    def test_sentences_in_order_have_more_entropy_production_than_shuffled_ones(
        self, trained: LanguageModelTraining
    ) -> None:
        machine = HuggingFaceMachine(trained.folder, device="cpu")
        rng = np.random.default_rng(2)
        texts = stories(40, seed=1)
        sigma = {
            name: ep.stochastic_entropy_production(
                machine, machine.encode(group), reversal=machine.sentence_reversal()
            ).sigma
            for name, group in {
                "in order": texts,
                "shuffled": [shuffled(text, rng) for text in texts],
            }.items()
        }
        assert sigma["in order"].min() > 0
        error = sigma["shuffled"].std() / np.sqrt(len(texts))
        # Every order of sentences is as likely as its reversal: a mean of 0.
        assert abs(sigma["shuffled"].mean()) < 3 * error
        assert sigma["in order"].mean() > 10 * error

    def test_held_out_loss_is_that_of_the_saved_model(self, trained: LanguageModelTraining) -> None:
        machine = HuggingFaceMachine(trained.folder, device="cpu")
        texts = stories(1500)
        corpus = Corpus.from_texts(texts, machine.tokenizer, trained.context)
        starts = corpus.held_out_starts
        chosen = np.unique(np.linspace(0, len(starts) - 1, 8 * 16).astype(int))
        rows = corpus.tokens[starts[chosen][:, np.newaxis] + np.arange(trained.context)]
        assert -machine.log_prob(rows).mean() == pytest.approx(trained.held_out_loss, abs=FLOAT32)

    def test_what_is_held_out_is_not_trained_on(self, trained: LanguageModelTraining) -> None:
        tokenizer = HuggingFaceMachine(trained.folder, device="cpu").tokenizer
        corpus = Corpus.from_texts(stories(1500), tokenizer, trained.context)
        steps = np.arange(trained.context)
        seen = np.unique(corpus.training_starts[:, np.newaxis] + steps)
        kept = np.unique(corpus.held_out_starts[:, np.newaxis] + steps)
        assert len(kept) > 0
        assert np.intersect1d(seen, kept).size == 0
        assert corpus.n_tokens == trained.n_tokens

    def test_report_is_saved(self, trained: LanguageModelTraining) -> None:
        saved = json.loads((Path(trained.folder) / "training.json").read_text())
        assert saved["losses"] == trained.losses.tolist()
        assert saved["n_parameters"] == trained.n_parameters
        assert saved["architecture"] == "gpt2"

    @pytest.mark.parametrize("architecture", ARCHITECTURES)
    def test_architectures(self, tmp_path: Path, architecture: str) -> None:
        report = train_language_model(
            stories(200), tmp_path / "new" / "model", architecture=architecture, n_steps=8, **SMALL,
            learning_rate=1e-2,
        )  # fmt: skip
        assert report.losses[-1] < report.losses[0]
        machine = HuggingFaceMachine(report.folder, device="cpu")
        assert machine.provenance()["architecture"] == architecture
        assert machine.provenance()["n_parameters"] == report.n_parameters
        assert machine.n_symbols == report.vocabulary_size
        ids = machine.encode(["Anna lost a key.", "Nobody did."])
        assert np.isfinite(ep.stochastic_entropy_production(machine, ids).sigma).all()

    def test_loads_offline_with_transformers_alone(self, trained: LanguageModelTraining) -> None:
        tokenizer: Any = transformers.AutoTokenizer
        loaded = tokenizer.from_pretrained(trained.folder, local_files_only=True)
        text = " Anna found a coin? 漢字 🎲\n"
        assert loaded.decode(loaded(text)["input_ids"]) == text
        assert loaded.bos_token == loaded.eos_token == "<|endoftext|>"  # noqa: S105

    def test_rng(self, tmp_path: Path) -> None:
        state = torch.get_rng_state()
        sources: list[Any] = [5, 5, np.random.default_rng(5), 6]
        texts = stories(200)
        runs = [
            train_language_model(texts, tmp_path / str(i), n_steps=3, rng=rng, **SMALL)
            for i, rng in enumerate(sources)
        ]
        np.testing.assert_array_equal(runs[0].losses, runs[1].losses)
        np.testing.assert_array_equal(runs[0].losses, runs[2].losses)
        assert (runs[0].losses != runs[3].losses).all()
        hashes = [
            HuggingFaceMachine(run.folder, device="cpu").provenance()["parameters_sha256"]
            for run in runs
        ]
        assert hashes[0] == hashes[1] != hashes[3]
        torch.testing.assert_close(torch.get_rng_state(), state)

    def test_progress(self, tmp_path: Path) -> None:
        seen: list[tuple[int, int]] = []
        train_language_model(
            stories(200), tmp_path, n_steps=3, **SMALL,
            progress=lambda done, total: seen.append((done, total)),
        )  # fmt: skip
        assert seen[0] == (1, 3)
        assert seen[-1] == (3, 3)

    def test_text_without_sentences(self, tmp_path: Path) -> None:
        verse = "so much depends upon a red wheel barrow glazed with rain water " * 100
        assert train_language_model(verse, tmp_path, n_steps=2, **SMALL).n_held_out > 0

    def test_rate_rises_and_falls(self) -> None:
        rates = [rate_factor(step, 100) for step in range(100)]
        assert max(rates) == 1.0
        assert int(np.argmax(rates)) == 4
        assert rates[0] == pytest.approx(0.2)
        assert rates[-1] == pytest.approx(0.1, abs=1e-3)
        assert rate_factor(0, 1) == 1.0


class TestTokenizer:
    def test_token_0_is_the_border(self) -> None:
        tokenizer = train_tokenizer(stories(20), 300)
        assert tokenizer.convert_tokens_to_ids("<|endoftext|>") == 0
        assert len(tokenizer) == 300

    def test_a_short_text_yields_fewer(self) -> None:
        assert len(train_tokenizer(["ab"], 1000)) < 300

    def test_memory_is_not_taken_for_tokens_that_cannot_be(self) -> None:
        """With 10^14 tokens at once the process would be gone."""
        texts = stories(20)
        huge, large = train_tokenizer(texts, 10**14), train_tokenizer(texts, 100_000)
        assert huge.get_vocab() == large.get_vocab()


class TestBadInput:
    def refused(self, named: str, folder: Path, texts: Any = None, **options: Any) -> None:
        texts = stories(200) if texts is None else texts
        before = sorted(folder.parent.rglob("*"))
        with pytest.raises((ValueError, TypeError), match=named):
            train_language_model(texts, folder, **{"n_steps": 10**9, **SMALL, **options})
        assert sorted(folder.parent.rglob("*")) == before

    @pytest.mark.parametrize(
        ("texts", "named"),
        [
            ("Too short.", r"at least 1,320 tokens for a context of 32"),
            ("", "texts.*empty"),
            ([], "texts is empty"),
            (["a", "  "], r"texts\[1\] is empty"),
            (["a", 3], r"texts\[1\] must be a str"),
            (b"bytes", "texts must be a str"),
            (["a<|endoftext|>b"], "endoftext"),
        ],
    )
    def test_texts(self, tmp_path: Path, texts: Any, named: str) -> None:
        self.refused(named, tmp_path / "new", texts)

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"architecture": "bert"}, 'architecture must be "gpt2", .* got .bert.'),
            ({"width": 12}, "width must be a multiple of 8"),
            ({"n_layers": 0}, "n_layers"),
            ({"n_layers": 1, "architecture": "rwkv"}, "n_layers must be at least 2 for rwkv"),
            ({"context": 0}, "context"),
            ({"n_steps": 0}, "n_steps"),
            ({"batch_size": -1}, "batch_size"),
            ({"vocabulary_size": 256}, "vocabulary_size must be at least 257"),
            ({"learning_rate": 0.0}, "learning_rate"),
            ({"rng": -1}, "rng"),
            ({"progress": "yes"}, "progress"),
            ({"overwrite": 1}, "overwrite"),
        ],
    )
    def test_options(self, tmp_path: Path, options: Any, named: str) -> None:
        self.refused(named, tmp_path / "new", **options)

    def test_folder_is_not_empty(self, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").write_text("mine")
        self.refused("folder must be empty", tmp_path)
        self.refused("not.*overwritten", tmp_path, overwrite=True)
        self.refused("must not be a file", tmp_path / "notes.txt")

    def test_folder_cannot_be_written(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def full(self: Path, *args: Any) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patched:
            patched.setattr(Path, "write_bytes", full)
            self.refused("can't be written.*No space", tmp_path / "new")
        (tmp_path / "file").write_text("")
        self.refused("can't be written", tmp_path / "file" / "model")

    def test_overwrite(self, tmp_path: Path) -> None:
        folder = tmp_path / "model"
        first = train_language_model(stories(200), folder, n_steps=1, **SMALL)
        self.refused("folder must be empty", folder)
        second = train_language_model(
            stories(200), folder, n_steps=2, architecture="llama", overwrite=True, **SMALL
        )
        assert first.folder == second.folder
        machine = HuggingFaceMachine(folder, device="cpu")
        assert machine.provenance()["architecture"] == "llama"
        assert list(tmp_path.iterdir()) == [folder]

    def test_diverging_loss(self, tmp_path: Path) -> None:
        with pytest.raises(ep.NumericalError, match=r"loss became .* lower the learning rate"):
            train_language_model(
                stories(200), tmp_path / "new", n_steps=200, learning_rate=1e30, **SMALL
            )
        assert not (tmp_path / "new").exists()

    def test_too_large(self, tmp_path: Path) -> None:
        with pytest.raises(MemoryError, match="width"):
            train_language_model(stories(200), tmp_path, width=10**9 // 8 * 8, context=32)

    def test_interrupted(self, tmp_path: Path) -> None:
        def stop(done: int, total: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            train_language_model(stories(200), tmp_path / "new", n_steps=5, progress=stop, **SMALL)
        assert list(tmp_path.iterdir()) == []
