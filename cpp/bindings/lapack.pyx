# Addresses of SciPy's BLAS and LAPACK routines for the core, so that it needs no BLAS of its own.
# The import of a routine fails with a TypeError if its integers aren't the expected 32-bit ones.
from scipy.linalg.cython_blas cimport dgemm


def dgemm_address():
    """Address of SciPy's dgemm (int)."""
    return <size_t><void*>dgemm
