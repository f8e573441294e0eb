"""Laws of the machine object: copies are equal, and equal machines are interchangeable."""

from __future__ import annotations

import copy
import pickle

from entroprod.gaussian.linear_gaussian import LinearGaussian
from entroprod.laws.gaussian_case import GaussianCase
from entroprod.laws.law import law
from entroprod.laws.measurement import Measurement


@law(
    "rebuilt, copied and pickled machines are equal and hash alike",
    "none: equal means identical",
    on=GaussianCase,
    about_values=False,
)
def round_trips(case: GaussianCase) -> Measurement:
    """Copies that differ from the machine."""
    machine = case.machine
    rebuilt = LinearGaussian(
        machine.state_matrix, machine.input_matrix, machine.output_matrix, machine.innovation_cov
    )
    copies = (rebuilt, copy.deepcopy(machine), pickle.loads(pickle.dumps(machine)))
    different = sum(other != machine or hash(other) != hash(machine) for other in copies)
    return Measurement(float(different), 0.0, float(len(copies)))
