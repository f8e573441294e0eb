"""Settings of the whole test suite.

Hypothesis runs from a fixed seed, so that a run says something about the code and not about luck;
``HYPOTHESIS_PROFILE=explore pytest tests/laws`` looks for new counterexamples instead.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

try:
    from hypothesis import HealthCheck, settings
except ImportError:  # test_smoke.py must run where only the wheel and pytest are installed
    pass
else:
    # No deadlines: a first call loads the core, and shared machines stall. Several matrices per
    # machine make examples large, which is no defect of the strategies.
    _common = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
    settings.register_profile("ci", _common, derandomize=True, max_examples=25)
    settings.register_profile("explore", _common, max_examples=400, print_blob=True)
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci"))


@pytest.fixture(scope="module")
def one_torch_thread() -> Iterator[None]:
    """Tiny matrix products are slower on several threads."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def language_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A folder with a tiny random model and a tokenizer for each architecture."""
    from hugging_face_models import save_folders

    return save_folders(tmp_path_factory.mktemp("language_models"))


@pytest.fixture(scope="session")
def gpt2(language_models: dict[str, Path]) -> Any:
    """The tiny GPT-2 as a machine."""
    from entroprod.neural import HuggingFaceMachine

    return HuggingFaceMachine(language_models["gpt2"], device="cpu")
