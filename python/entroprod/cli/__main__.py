"""``python -m entroprod.cli`` is the same as ``entroprod``."""

from entroprod.cli import main

main()
