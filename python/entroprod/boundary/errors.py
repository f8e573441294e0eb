"""Exceptions of the library.

Wrong arguments raise ``ValueError`` or ``TypeError``, too large ones ``MemoryError``; what fails in
the mathematics of valid arguments raises :class:`NumericalError`.
"""


class NumericalError(ArithmeticError):
    """A quantity doesn't exist or can't be computed, for a cause that the message names.

    Examples
    --------
    >>> import entroprod as ep
    >>> random_walk = ep.LinearGaussian.from_var([[[1.0]]], [[1.0]])
    >>> ep.entropy_production_rate(random_walk)
    Traceback (most recent call last):
        ...
    entroprod.NumericalError: machine has no stationary state: its transition F + G C has \
the eigenvalue 1 of modulus 1
    """
