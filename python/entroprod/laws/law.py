"""What a law is, and what testing one gives.

A law is a theorem here, as in "second law". Where the library speaks of the law of sigma it means a
distribution, as in "law of a random variable": that is ``entroprod.sigma_law``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np

from entroprod.boundary.errors import NumericalError
from entroprod.laws.measurement import Measurement, NotApplicable
from entroprod.laws.pair_case import PairCase, emits_symbols
from entroprod.pairs.pair import NotAvailable, Pair
from entroprod.results.registry import storable
from entroprod.results.result import Result

# What a law is tested on.
CaseT = TypeVar("CaseT", bound=PairCase)


@storable
@dataclass(frozen=True, eq=False)
class LawResult(Result):
    """One law, tested on one machine.

    Attributes
    ----------
    name : str
        Short identifier, the same for every machine.
    statement : str
        The law in one line.
    residual, tolerance : float
        The law counts as kept when the residual is at most the tolerance; NaN when skipped.
    reason : str
        Why this tolerance; for a skipped law, why it was skipped.
    passed : bool or None
        None when the law was skipped.
    detail : str
        What was tested, and where the law is furthest from holding, if the law tells.
    about_values : bool
        False for laws of the object and of the form of its answers.

    Examples
    --------
    >>> from entroprod.laws import LawResult
    >>> LawResult("trace", "tr R = tr J", 1e-15, 1e-13, "rounding", True).skipped
    False
    """

    name: str
    statement: str
    residual: float
    tolerance: float
    reason: str
    passed: bool | None
    detail: str = ""
    about_values: bool = True

    @property
    def skipped(self) -> bool:
        """Whether the law did not apply, or could not be decided, for this machine."""
        return self.passed is None

    def to_dict(self) -> dict[str, Any]:
        """All fields, JSON-ready: a skipped law has None for its residual and tolerance."""
        unknown = {"residual": None, "tolerance": None} if self.skipped else {}
        return super().to_dict() | unknown


@dataclass(frozen=True)
class Law(Generic[CaseT]):
    """A law: a theorem that can be tested on a machine and its reader.

    Made by :func:`law`. Called with a case, it gives a :class:`LawResult`.

    Attributes
    ----------
    name : str
        Short identifier, the same for every machine.
    statement : str
        The law in one line.
    why : str
        Why its tolerance is what it is.
    measure : callable
        measure(case) gives a :class:`Measurement`, or raises :class:`NotApplicable`.
    on : type
        Class of the case that it is tested on: what laws of one kind of pair share.
    of : type
        Class of the pairs that it is about.
    symbols : bool or None
        Whether it is about machines of symbols, or of values; None for both.
    about_values : bool
        False for laws of the object and of the form of its answers, which hold whatever the values
        are.
    source : str
        Where it comes from.
    check : str
        Name of its function in ``entroprod.testing``.
    """

    name: str
    statement: str
    why: str
    measure: Callable[[CaseT], Measurement]
    on: type[CaseT]
    of: type[Pair]
    symbols: bool | None
    about_values: bool
    source: str
    check: str

    @property
    def about(self) -> str:
        """The pairs that it is about, in words."""
        words = (self.of.__doc__ or self.of.__name__).splitlines()[0].split(":")[0].rstrip(".")
        return words[0].lower() + words[1:]

    def concerns(self, pair: Pair) -> bool:
        """Whether it is about pairs like this one."""
        if not isinstance(pair, self.of):
            return False
        return self.symbols is None or self.symbols == emits_symbols(pair.machine)

    def __call__(self, case: CaseT) -> LawResult:
        """Test the law on one case; a law that does not apply is skipped, with the reason."""
        try:
            # Unstable machines reach the end of the doubles: what overflows is undecidable.
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                found = self.measure(case)
        except (NotApplicable, NotAvailable) as reason:
            return self._skip(str(reason))
        except NumericalError as error:
            return self._skip(f"a quantity it needs cannot be computed: {error}")
        except MemoryError as error:
            return self._skip(f"needs more memory than there is: {error}")
        except OverflowError:  # of Python's own floats, where NumPy's give infinity
            return self._skip("undecidable: the residual or its tolerance exceeds all doubles")
        if found.tolerance > found.decisive * found.scale:
            return self._skip(
                f"undecidable: rounding or sampling alone may reach {found.tolerance:.1e} where "
                f"the quantity itself is {found.scale:.1e}"
            )
        # NaN, in the residual or the tolerance, compares false and so fails, as it should.
        return LawResult(
            name=self.name,
            statement=self.statement,
            residual=found.residual,
            tolerance=found.tolerance,
            reason=f"{self.why} ({found.because})" if found.because else self.why,
            passed=bool(found.residual <= found.tolerance),
            detail=found.detail,
            about_values=self.about_values,
        )

    def _skip(self, reason: str) -> LawResult:
        return LawResult(
            self.name,
            self.statement,
            math.nan,
            math.nan,
            reason,
            passed=None,
            about_values=self.about_values,
        )


def law(
    statement: str,
    why: str,
    *,
    on: type[CaseT],
    of: type[Pair] | None = None,
    symbols: bool | None = None,
    about_values: bool = True,
    source: str = "",
    check: str = "",
) -> Callable[[Callable[[CaseT], Measurement]], Law[CaseT]]:
    """Decorator: a function that measures a case becomes a law of that name.

    This is all that a new law takes, in a module of ``entroprod.laws`` whose name ends in
    ``_laws``: ``entroprod.verify`` tests it, ``entroprod.testing`` has its check. Laws of kinds of
    machines from outside stand in the ``laws`` of their pair.

    Parameters
    ----------
    statement : str
        The law in one line.
    why : str
        Why its tolerance is what it is.
    on : type
        The case that it is tested on, such as :class:`MachineCase`.
    of : type, optional
        The pairs that it is about; by default all those of the case.
    symbols : bool, optional
        True for laws of machines of symbols alone, False for those of values.
    about_values : bool
        False where it holds whatever the values are.
    source : str
        Paper and equation.
    check : str
        Name of its check, by default ``check_`` and the name of the law.

    Examples
    --------
    Whatever a machine is read by, sigma of a single step is known before it is drawn:

    >>> import entroprod as ep
    >>> from entroprod.laws import Measurement, PairCase, law
    >>> @law("the first step alone produces nothing", "none", on=PairCase, source="[S26] eq 16")
    ... def one_step(case):
    ...     return Measurement(abs(case.pair.total(1).total), 0.0, 1.0)
    >>> class CoinPair(ep.ScoredPair):
    ...     laws = (one_step,)
    """

    def named(measure: Callable[[CaseT], Measurement]) -> Law[CaseT]:
        name = measure.__name__
        about = on.examines if of is None else of
        test = check or f"check_{name}"
        return Law(name, statement, why, measure, on, about, symbols, about_values, source, test)

    return named
