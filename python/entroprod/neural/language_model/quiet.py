"""transformers without its remarks: what matters among them is checked here and raised."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Context in which transformers prints neither bars nor remarks, such as on slower kernels.

    Errors are still logged. The user's settings come back.
    """
    from huggingface_hub.utils import logging as hub_logging
    from transformers.utils import logging as model_logging

    # Their functions have no types.
    logging: Any = model_logging
    hub: Any = hub_logging
    verbosity, hub_verbosity = logging.get_verbosity(), hub.get_verbosity()
    bars = logging.is_progress_bar_enabled()
    hub.set_verbosity_error()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            # Of its own deprecations, and of what its code for old checkpoints does in torch.
            warnings.filterwarnings("ignore", module=r"(transformers|huggingface_hub)(\.|$)")
            yield
    finally:
        logging.set_verbosity(verbosity)
        hub.set_verbosity(hub_verbosity)
        if bars:
            logging.enable_progress_bar()


def require_transformers(what: str) -> None:
    """Raise ImportError with the line that installs transformers, unless it is there."""
    try:
        with warnings.catch_warnings():
            # In a notebook without widgets there are bars of text instead, and ours are off.
            warnings.filterwarnings("ignore", "IProgress not found")
            import transformers  # noqa: F401
    except ImportError as error:
        raise ImportError(f'{what} needs transformers: pip install "entroprod[text]"') from error
