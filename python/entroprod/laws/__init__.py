"""The laws that entropy production obeys, each as an object that can be tested on a machine.

A law is a theorem here; the distribution of sigma, which is also called its law, is
``entroprod.sigma_law``. ``CATALOGUE`` holds all laws of the library in the order of the report that
``entroprod.verify`` gives, ``laws_of(pair)`` those that are about a pair of machine and reader;
``entroprod.testing`` turns the same objects into assertions.
"""

from __future__ import annotations

from entroprod.laws.catalogue import CATALOGUE, laws_of
from entroprod.laws.law import Law, LawResult, law
from entroprod.laws.machine_case import MachineCase
from entroprod.laws.measurement import Measurement, NotApplicable
from entroprod.laws.pair_case import PairCase

__all__ = [
    "CATALOGUE",
    "Law",
    "LawResult",
    "MachineCase",
    "Measurement",
    "NotApplicable",
    "PairCase",
    "law",
    "laws_of",
]
