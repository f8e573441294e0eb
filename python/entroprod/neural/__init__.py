"""Machines run by torch, and entropy production as a torch function with its gradient.

Needs the extra ``torch``, and ``text`` for language models of transformers, which are imported
when they are first used; ``import entroprod`` alone imports neither.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError('entroprod.neural needs PyTorch: pip install "entroprod[torch]"') from error

from entroprod.neural.gradient import entropy_production, entropy_production_rate
from entroprod.neural.heads import GaussianHead
from entroprod.neural.recurrent import Cell, RecurrentMachine
from entroprod.neural.reverse_model import ReverseModelTraining, fit_reverse_model
from entroprod.neural.torch_machine import TorchMachine

if TYPE_CHECKING:
    from entroprod.neural.language_model.hugging_face import HuggingFaceMachine
    from entroprod.neural.language_model.self_test import SelfTest
    from entroprod.neural.language_model.tiny import LanguageModelTraining, train_language_model
    from entroprod.neural.language_model.tokens import EncodedTexts
    from entroprod.neural.language_model.windows import Window

# Where the names are that work with transformers.
_LANGUAGE_MODELS = {
    "EncodedTexts": "tokens",
    "HuggingFaceMachine": "hugging_face",
    "LanguageModelTraining": "tiny",
    "SelfTest": "self_test",
    "Window": "windows",
    "train_language_model": "tiny",
}

__all__ = [
    "Cell",
    "EncodedTexts",
    "GaussianHead",
    "HuggingFaceMachine",
    "LanguageModelTraining",
    "RecurrentMachine",
    "ReverseModelTraining",
    "SelfTest",
    "TorchMachine",
    "Window",
    "entropy_production",
    "entropy_production_rate",
    "fit_reverse_model",
    "train_language_model",
]


def __getattr__(name: str) -> Any:
    if name not in _LANGUAGE_MODELS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.language_model.{_LANGUAGE_MODELS[name]}")
    return getattr(module, name)


def __dir__() -> list[str]:
    return __all__
