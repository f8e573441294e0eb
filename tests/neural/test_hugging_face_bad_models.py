"""What is no causal language model is refused in one line, and nothing else is printed."""

from __future__ import annotations

import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch
import transformers
from hugging_face_models import (
    FLOAT32,
    N_TOKENS,
    TEXTS,
    random_model,
    save_model,
    save_tokenizer,
)

import entroprod as ep
from entroprod.neural import HuggingFaceMachine
from entroprod.neural.language_model.architectures import ARCHITECTURES
from entroprod.neural.language_model.quiet import quiet_transformers

pytestmark = pytest.mark.usefixtures("one_torch_thread")


class TestBadModels:
    """One line that names what is wrong, from whichever library it comes."""

    def refused(self, model: Any, *words: str, **options: Any) -> None:
        with pytest.raises((ValueError, TypeError)) as caught:
            HuggingFaceMachine(model, **options)
        message = str(caught.value)
        assert "\n" not in message
        assert caught.value.__cause__ is None
        for word in words:
            assert word in message

    def test_no_folder(self, tmp_path: Path) -> None:
        self.refused(tmp_path / "none", "there is no folder", "none")
        self.refused(str(tmp_path / "none"), "there is no folder")
        self.refused("./none", "there is no folder")
        self.refused("a/b/c", "there is no folder")
        self.refused("", "model must be")

    def test_no_such_name(self, monkeypatch: pytest.MonkeyPatch) -> None:
        import huggingface_hub

        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        self.refused("nobody/nothing", "nobody/nothing", "neither a folder here nor on the hub")

    def test_a_file_and_an_empty_folder(self, tmp_path: Path) -> None:
        (tmp_path / "model.bin").write_bytes(b"")
        self.refused(tmp_path / "model.bin", "is a file")
        self.refused(tmp_path, "holds no model", "config.json")

    def test_broken_files(self, tmp_path: Path, language_models: dict[str, Path]) -> None:
        def copy(name: str) -> Path:
            folder = tmp_path / name
            folder.mkdir()
            for file in language_models["gpt2"].iterdir():
                (folder / file.name).write_bytes(file.read_bytes())
            return folder

        folder = copy("weights")
        (folder / "model.safetensors").write_bytes(b"\x10" * 1000)
        self.refused(folder, "model", "can't be read")
        folder = copy("none")
        (folder / "model.safetensors").unlink()
        self.refused(folder, "model.safetensors")
        folder = copy("config")
        (folder / "config.json").write_text("{")
        self.refused(folder, "JSON")
        folder = copy("kind")
        (folder / "config.json").write_text('{"model_type": "nonsense"}')
        self.refused(folder, "nonsense")
        folder = copy("tokenizer")
        (folder / "tokenizer.json").write_text("{")
        self.refused(folder, "tokenizer", "can't be read")

    def test_no_tokenizer(self, tmp_path: Path) -> None:
        save_model(random_model("gpt2", 50), tmp_path)
        self.refused(tmp_path, "no tokenizer", "tokenizer=")
        given = save_tokenizer(tmp_path / "elsewhere")
        assert HuggingFaceMachine(tmp_path, tokenizer=given, first_token=0).n_symbols == 50

    def test_missing_weights(self, tmp_path: Path) -> None:
        from safetensors.torch import load_file, save_file

        save_model(random_model("llama", 50), tmp_path)
        save_tokenizer(tmp_path)
        file = tmp_path / "model.safetensors"
        weights = load_file(file)
        del weights["model.layers.1.mlp.up_proj.weight"]
        save_file(weights, file, metadata={"format": "pt"})
        self.refused(tmp_path, "lacks 1 of its weights", "model.layers.1.mlp.up_proj.weight")

    def test_nan_weights(self) -> None:
        model = random_model("qwen3", 20)
        with torch.no_grad():
            model.model.layers[1].mlp.up_proj.weight[2, 3] = torch.nan
        with pytest.raises(ep.NumericalError, match=r"1 of.*layers.1.mlp.up_proj.weight.*NaN"):
            HuggingFaceMachine(model)

    def test_not_causal(self, tmp_path: Path) -> None:
        config = transformers.BertConfig(
            vocab_size=N_TOKENS,
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=32,
        )
        with quiet_transformers():
            transformers.BertLMHeadModel(config).save_pretrained(tmp_path)
        save_tokenizer(tmp_path)
        self.refused(tmp_path, "BertLMHeadModel is not a causal language model", "later token")

    def test_no_language_model(self, tmp_path: Path) -> None:
        config = transformers.T5Config(
            vocab_size=50, d_model=16, d_kv=8, num_layers=1, num_heads=2, d_ff=16
        )
        with quiet_transformers():
            transformers.T5ForConditionalGeneration(config).save_pretrained(tmp_path)
        save_tokenizer(tmp_path)
        self.refused(tmp_path, "not a causal language model", "T5Config")
        self.refused(torch.nn.Linear(2, 2), "model must be a folder", "Linear")
        self.refused(3, "model must be a folder", "int")

    def test_tokens_outside_of_the_vocabulary(self, gpt2: HuggingFaceMachine) -> None:
        with pytest.raises(ValueError, match="300"):
            gpt2.log_prob([1, 300])
        with pytest.raises(ValueError, match="-1"):
            gpt2.log_prob([[1, -1]])

    @pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
    def test_no_gpu(self, language_models: dict[str, Path]) -> None:
        self.refused(language_models["gpt2"], "cuda", "GPU", device="cuda")

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"dtype": "float8"}, "dtype"),
            ({"temperature": 0.0}, "temperature"),
            ({"device": "nowhere"}, "device"),
            ({"context": 0}, "context"),
            ({"batch_tokens": 0}, "batch_tokens"),
        ],
    )
    def test_bad_options(self, language_models: dict[str, Path], options: Any, named: str) -> None:
        self.refused(language_models["gpt2"], named, **options)

    def test_options_without_effect(self) -> None:
        self.refused(random_model("gpt2", 5), "attention", attention="eager")

    def test_attention(self, language_models: dict[str, Path]) -> None:
        eager = HuggingFaceMachine(language_models["gpt2"], attention="eager")
        usual = HuggingFaceMachine(language_models["gpt2"])
        assert eager.provenance()["attention"] == "eager"
        ids = usual.encode(TEXTS)[0]
        np.testing.assert_allclose(eager.log_prob(ids), usual.log_prob(ids), atol=FLOAT32)


class TestQuiet:
    def test_nothing_is_printed(
        self, language_models: dict[str, Path], capfd: pytest.CaptureFixture[str]
    ) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            for architecture in ARCHITECTURES:
                machine = HuggingFaceMachine(language_models[architecture])
                machine.log_prob_ragged(machine.encode(TEXTS))
                machine.sample(3, 2, rng=0)
        assert capfd.readouterr() == ("", "")

    def test_settings_come_back(self, gpt2: HuggingFaceMachine) -> None:
        from transformers.utils import logging

        settings: Any = logging
        before = settings.get_verbosity(), settings.is_progress_bar_enabled()
        gpt2.log_prob([1, 2])
        assert (settings.get_verbosity(), settings.is_progress_bar_enabled()) == before

    def test_transformers_is_imported_when_it_is_used(self) -> None:
        code = (
            "import sys; from entroprod.neural import entropy_production, TorchMachine; "
            "assert 'transformers' not in sys.modules; sys.modules['transformers'] = None\n"
            "from entroprod.neural import HuggingFaceMachine, train_language_model\n"
            "for call in (lambda: HuggingFaceMachine('x'), lambda: train_language_model('', '')):\n"
            "    try: call()\n"
            "    except ImportError as error: assert 'entroprod[text]' in str(error)\n"
            "    else: raise AssertionError\n"
        )
        subprocess.run([sys.executable, "-c", code], check=True)
