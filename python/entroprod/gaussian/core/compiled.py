"""The compiled library: the only module that imports it.

Whoever asks it takes it from here, so that here another one, for another device, could be chosen.
"""

from __future__ import annotations

from entroprod import _core, _lapack

# The BLAS that SciPy brings, before anything is computed.
_core.set_gemm_address(_lapack.dgemm_address())

__all__ = ["_core", "instruction_set"]


def instruction_set() -> str:
    """The instructions that the kernels use on this processor: "avx512", "avx2" or "generic"."""
    return _core.instruction_set()
