"""Published entropy production of two Kalman filters, to compare with.

Source: T. Sagawa, Stochastic Thermodynamics for Autoregressive Generative Models: A Non-Markovian
Perspective, arXiv:2604.07867 [S26], Figure 5: the analytic values of its two machines for
T = 1 .. 50, in nats, printed there with ten decimals.
"""

from __future__ import annotations

from dataclasses import dataclass

# Half a unit of the last printed decimal, and as much again for the rounding of the source's own
# computation.
PRINTED_ACCURACY = 1e-10


@dataclass(frozen=True)
class PublishedMachine:
    """A state-space model (the matrices) and S_y(1) .. S_y(50) as published, in nats."""

    name: str
    transition: tuple[tuple[float, ...], ...]
    emission: tuple[tuple[float, ...], ...]
    process_cov: tuple[tuple[float, ...], ...]
    obs_cov: tuple[tuple[float, ...], ...]
    curve: tuple[float, ...]


# fmt: off
_SCALAR_CURVE = (
    0.0000000000, 0.0417851635, 0.1128127122, 0.1874839725, 0.2544193152,
    0.3108757952, 0.3573556654, 0.3952518505, 0.4260288706, 0.4509847628,
    0.4712076866, 0.4875910771, 0.5008625438, 0.5116127321, 0.5203204824,
    0.5273737921, 0.5330869834, 0.5377146718, 0.5414631004, 0.5444993280,
    0.5469586724, 0.5489507415, 0.5505643174, 0.5518713139, 0.5529299811,
    0.5537875015, 0.5544820931, 0.5550447122, 0.5555004337, 0.5558695681,
    0.5561685670, 0.5564107561, 0.5566069293, 0.5567658295, 0.5568945387,
    0.5569987932, 0.5570832393, 0.5571516407, 0.5572070458, 0.5572519239,
    0.5572882752, 0.5573177197, 0.5573415698, 0.5573608884, 0.5573765364,
    0.5573892113, 0.5573994780, 0.5574077940, 0.5574145300, 0.5574199861,
)
_TWO_DIMENSIONAL_CURVE = (
    0.0000000000, 0.0686493711, 0.1715858034, 0.2763841389, 0.3729986507,
    0.4606804764, 0.5412315737, 0.6166753254, 0.6886388981, 0.7582920873,
    0.8264337784, 0.8935950614, 0.9601236859, 1.0262453353, 1.0921056925,
    1.1577984920, 1.2233839221, 1.2889005831, 1.3543732105, 1.4198176481,
    1.4852440407, 1.5506588833, 1.6160663333, 1.6814690518, 1.7468687420,
    1.8122664942, 1.8776630059, 1.9430587238, 2.0084539336, 2.0738488183,
    2.1392434948, 2.2046380381, 2.2700324963, 2.3354268998, 2.4008212684,
    2.4662156147, 2.5316099467, 2.5970042696, 2.6623985865, 2.7277928998,
    2.7931872106, 2.8585815199, 2.9239758282, 2.9893701359, 3.0547644432,
    3.1201587502, 3.1855530571, 3.2509473638, 3.3163416705, 3.3817359772,
)
# fmt: on

SCALAR = PublishedMachine(
    name="one state, one output",
    transition=((0.9,),),
    emission=((1.0,),),
    process_cov=((1.0,),),
    obs_cov=((1.0,),),
    curve=_SCALAR_CURVE,
)

TWO_DIMENSIONAL = PublishedMachine(
    name="two states, two outputs",
    transition=((0.8, 0.3), (0.0, 0.5)),
    emission=((1.0, 0.5), (0.0, 1.0)),
    process_cov=((1.0, 0.0), (0.0, 1.0)),
    obs_cov=((1.0, 0.0), (0.0, 1.0)),
    curve=_TWO_DIMENSIONAL_CURVE,
)
