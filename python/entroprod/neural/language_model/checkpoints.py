"""Causal language models and tokenizers, from folders or the hub, or one-line errors."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from entroprod.boundary.errors import NumericalError
from entroprod.neural.language_model.quiet import quiet_transformers
from entroprod.neural.modules import Device, as_device, parameter_hash, placed

# One of them is in every folder that has a tokenizer.
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer.model",
    "vocab.json",
    "vocab.txt",
    "spiece.model",
    "sentencepiece.bpe.model",
    "tekken.json",
)
_LONGEST_REASON = 200


@dataclass(frozen=True)
class Source:
    """A model, its tokenizer, and where they are from."""

    model: Any
    tokenizer: Any
    name: str
    # Of the weights as they are in the files; None of a model that was handed over.
    sha256: str | None


def from_files(
    model: Any,
    tokenizer: Any,
    dtype: torch.dtype | None,
    device: Device,
    attention: str | None,
    trust_remote_code: bool,
) -> Source:
    """A model from a folder or the hub, in float32 unless told otherwise, on a GPU if there is one.

    Raises
    ------
    ValueError, TypeError
        Naming the argument, or what is wrong with the files.
    """
    if not isinstance(model, (str, os.PathLike)):
        raise TypeError(
            f"model must be a folder, a name on the Hugging Face hub or a model of transformers, "
            f"got {type(model).__name__}"
        )
    where = as_device("auto" if device is None else device)
    name = as_name(model)
    if tokenizer is None:
        tokenizer = load_tokenizer(name, trust_remote_code=trust_remote_code)
    loaded = load_model(
        name,
        dtype=torch.float32 if dtype is None else dtype,
        attention=attention,
        trust_remote_code=trust_remote_code,
    )
    return Source(loaded.to(where), tokenizer, str(model), parameter_hash(loaded))


def from_model(
    model: Any,
    tokenizer: Any,
    dtype: torch.dtype | None,
    device: Device,
    attention: str | None,
    trust_remote_code: bool,
) -> Source:
    """A model that was handed over, moved only where that was asked for."""
    for name, value in (("attention", attention), ("trust_remote_code", trust_remote_code or None)):
        if value is not None:
            raise ValueError(f"{name} has no effect on a model that was handed over")
    moved = placed(model, as_device(device, model), dtype)
    return Source(moved, tokenizer, type(model).__name__, None)


def is_model(value: Any) -> bool:
    """Whether it is a model of transformers, and no name of one."""
    import transformers

    return isinstance(value, transformers.PreTrainedModel)


def load_model(
    name: str, *, dtype: torch.dtype, attention: str | None, trust_remote_code: bool
) -> Any:
    """Causal language model in eval mode, on the CPU.

    Raises
    ------
    ValueError
        If there is no such model, if it isn't a causal one, or files are missing or corrupted.
    """
    from transformers import AutoModelForCausalLM

    options: dict[str, Any] = {"dtype": dtype, "trust_remote_code": trust_remote_code}
    if attention is not None:
        options["attn_implementation"] = attention

    def load(**more: Any) -> Any:
        return AutoModelForCausalLM.from_pretrained(
            name, output_loading_info=True, **options, **more
        )

    model, info = _from_cache_or_hub(load, name, "model")
    missing = sorted({*info["missing_keys"], *(str(key) for key in info["mismatched_keys"])})
    if missing:
        raise ValueError(
            f"model {name!r} lacks {len(missing)} of its weights, such as {missing[0]}: the file "
            "belongs to another model, or to a part of this one"
        )
    return model.eval()


def load_tokenizer(name: str, *, trust_remote_code: bool) -> Any:
    """Tokenizer of a model.

    Raises
    ------
    ValueError
        If there is none, or its files are corrupted.
    """
    from transformers import AutoTokenizer

    folder = Path(name)
    # transformers makes an empty one where there are no files.
    if folder.is_dir() and not any((folder / file).is_file() for file in _TOKENIZER_FILES):
        raise ValueError(f"folder {name!r} has no tokenizer: save it there, or pass tokenizer=")

    def load(**more: Any) -> Any:
        return AutoTokenizer.from_pretrained(name, trust_remote_code=trust_remote_code, **more)

    return _from_cache_or_hub(load, name, "tokenizer")


def as_name(value: str | os.PathLike[str]) -> str:
    """Folder or name on the hub; what looks like a path and isn't there is refused at once."""
    name = os.fspath(value)
    if not isinstance(name, str) or not name.strip():
        raise ValueError(f"model must be a folder, a name or a model, got {value!r}")
    path = Path(name).expanduser()
    if path.is_dir():
        if not (path / "config.json").is_file():
            raise ValueError(f"folder {name!r} holds no model: there is no config.json in it")
        return str(path)
    if path.is_file():
        raise ValueError(f"model must be a folder, and {name!r} is a file")
    of_path = not isinstance(value, str) or path.is_absolute() or name.startswith((".", "~"))
    if of_path or name.count("/") > 1 or "\\" in name:
        raise ValueError(f"there is no folder {name!r}")
    return name


def _from_cache_or_hub(load: Callable[..., Any], name: str, what: str) -> Any:
    """Load from a folder or the local cache, else from the hub; errors become one line."""
    with quiet_transformers():
        try:
            return load(local_files_only=True)
        except Exception as error:  # noqa: BLE001  (of whatever library reads the files)
            if Path(name).is_dir() or not isinstance(error, OSError):
                raise _readable(error, name, what) from None
        try:
            return load()
        except Exception as error:  # noqa: BLE001
            raise _readable(error, name, what) from None


def _readable(error: Exception, name: str, what: str) -> Exception:
    """One line that says what is wrong with the files."""
    if isinstance(error, (MemoryError, ImportError)):
        return error
    text = " ".join(str(error).split())
    if "Unrecognized configuration class" in text:
        kind = (
            text.split("class '")[1].split("'")[0].rsplit(".", 1)[-1] if "class '" in text else ""
        )
        return ValueError(
            f"{name!r} is not a causal language model: transformers has no such model for its "
            f"configuration {kind}".rstrip()
        )
    if "Unrecognized model" in text or ("model type" in text and "does not recognize" in text):
        return ValueError(
            f"transformers doesn't know the kind of {what} {name!r}: {_shortened(text)}"
        )
    if not Path(name).is_dir() and isinstance(error, OSError):
        if "huggingface.co" in text and "connect" in text:
            reason = "the Hugging Face hub can't be reached, and it isn't in the local cache"
        else:
            reason = _shortened(text)
        missing = "model with a tokenizer called" if what == "tokenizer" else what
        return ValueError(
            f"there is no {missing} {name!r}, neither a folder here nor on the hub: {reason}"
        )
    return ValueError(
        f"the {what} in {name!r} can't be read: {type(error).__name__}: {_shortened(text)}"
    )


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]} ..."


def require_finite_weights(model: torch.nn.Module) -> None:
    """Raise NumericalError naming the first weight that isn't finite."""
    for name, tensor in model.state_dict().items():
        if isinstance(tensor, torch.Tensor) and tensor.is_floating_point():
            wrong = ~tensor.isfinite()
            if wrong.any():
                raise NumericalError(
                    f"{int(wrong.sum())} of the {tensor.numel()} weights in {name} are NaN or "
                    "infinite"
                )


class TokenizerHash:
    """:func:`tokenizer_hash` of a tokenizer, which takes half a second for a large vocabulary.

    It is taken anew only where what the tokenizer writes of itself has changed.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._written = b""
        self._hash = ""

    def __call__(self) -> str:
        """The hash of the tokenizer as it is now."""
        backend = getattr(self._tokenizer, "backend_tokenizer", None)
        if backend is None:
            return tokenizer_hash(self._tokenizer)
        whole = f"{backend.to_str()} {self._tokenizer.special_tokens_map}"
        written = hashlib.sha256(whole.encode()).digest()
        if written != self._written:
            self._written, self._hash = written, tokenizer_hash(self._tokenizer)
        return self._hash


def tokenizer_hash(tokenizer: Any) -> str:
    """SHA-256 of all that a tokenizer does: its vocabulary, merges, rules and special tokens."""
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is not None:
        content = json.loads(backend.to_str())
        # What the last call padded or cut is no property of the tokenizer.
        for state in ("padding", "truncation"):
            content.pop(state, None)
    else:
        content = {"class": type(tokenizer).__name__, "vocabulary": tokenizer.get_vocab()}
    special = {name: str(token) for name, token in tokenizer.special_tokens_map.items()}
    whole = json.dumps([content, special], sort_keys=True, ensure_ascii=True)
    return hashlib.sha256(whole.encode()).hexdigest()


def configuration_hash(config: Any) -> str:
    """SHA-256 of a model's configuration, without where it was loaded from and by which version."""
    content = {
        name: value
        for name, value in config.to_dict().items()
        if name not in {"_name_or_path", "transformers_version", "dtype", "torch_dtype"}
    }
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
