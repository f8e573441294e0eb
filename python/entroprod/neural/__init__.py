"""Entropy production as a torch function, with its gradient: an objective or a regulariser.

Needs the extra ``torch``; ``import entroprod`` alone never imports torch.
"""

from __future__ import annotations

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError('entroprod.neural needs PyTorch: pip install "entroprod[torch]"') from error

from entroprod.neural.gradient import entropy_production, entropy_production_rate
from entroprod.neural.heads import GaussianHead
from entroprod.neural.recurrent import Cell, RecurrentMachine
from entroprod.neural.torch_machine import TorchMachine

__all__ = [
    "Cell",
    "GaussianHead",
    "RecurrentMachine",
    "TorchMachine",
    "entropy_production",
    "entropy_production_rate",
]
