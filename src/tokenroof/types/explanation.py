"""Why a number is what it is: its terms, its inputs with their sources, and how far each input moves it.

An elasticity is the change of the number in per cent for one per cent more of the input. Elasticities of sums and
quotients follow from those of their parts, so explanations compose without computing anything again:

    combine   tpot = decode step + other requests' prefill          a weighted sum
    quotient  cost = price per second / tokens per second           a ratio
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tokenroof.errors import InputError
from tokenroof.provenance import Grade, worst_grade
from tokenroof.types.program import OperatorTime

__all__ = ["Explanation", "Input", "Term", "combine", "of_input", "quotient"]

_MOST = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Input:
    """One number that went in. `elasticity` is None for what is held fixed: the load, the layout.

    `value` is None where parts of the answer met different values, such as times that differ from pass to pass.
    """

    name: str
    value: float | None
    unit: str
    source: str
    grade: Grade
    as_of: str = ""
    note: str = ""
    elasticity: float | None = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One part of a sum: what it adds, the share of the sum that is, its counts over its rates in words.

    `bound` is what sets an operator's time: compute, memory, network, overhead, or hidden behind other work.
    `counts` are an operator's own, `rates` the names of the inputs that they are divided by, `flops_share` and
    `bytes_share` what the profile of `source` says that its kernels reach of them.
    """

    name: str
    value: float
    unit: str
    share: float
    text: str
    bound: str = ""
    counts: OperatorTime | None = None
    rates: tuple[str, ...] = ()
    flops_share: float | None = None
    bytes_share: float | None = None
    source: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "name": self.name, "value": self.value, "unit": self.unit, "share": self.share, "text": self.text,
            "bound": self.bound, "counts": None if self.counts is None else asdict(self.counts),
            "rates": list(self.rates), "flops_share": self.flops_share, "bytes_share": self.bytes_share,
            "source": self.source,
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """A number with its formula in words, its terms, its inputs and what it ignores. Values are in base units.

    `notes` say what its efficiencies rest on.
    """

    number: str
    value: float
    unit: str
    formula: str
    terms: tuple[Term, ...]
    inputs: tuple[Input, ...]
    left_out: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def movers(self) -> tuple[Input, ...]:
        """The two inputs that move it most."""
        moving = [one for one in self.inputs if one.elasticity]
        return tuple(sorted(moving, key=lambda one: (-abs(one.elasticity or 0.0), one.name))[:_MOST])

    @property
    def grade(self) -> Grade:
        """The worst grade among its inputs."""
        return worst_grade(one.grade for one in self.inputs)

    def to_dict(self) -> dict[str, Any]:
        """Plain data for JSON."""
        return {
            "name": self.number,
            "value": self.value if math.isfinite(self.value) else None,
            "unit": self.unit,
            "formula": self.formula,
            "worst_grade": self.grade.value,
            "movers": [one.name for one in self.movers],
            "left_out": list(self.left_out),
            "notes": list(self.notes),
            "inputs": [
                {
                    "name": one.name, "value": one.value, "unit": one.unit, "source": one.source, "as_of": one.as_of,
                    "grade": one.grade.value, "note": one.note, "elasticity": one.elasticity,
                }
                for one in self.inputs
            ],
            "terms": [term.to_dict() for term in self.terms],
        }  # fmt: skip


def of_input(given: Input) -> Explanation:
    """An input as an explanation of itself, to compose with others: a price, or a batch that is held fixed."""
    if given.value is None:
        raise InputError(given.name, None, "a number")
    moves = None if given.elasticity is None else 1.0
    return Explanation(
        number=given.name, value=given.value, unit=given.unit, formula=given.name, terms=(),
        inputs=(replace(given, elasticity=moves),),
    )  # fmt: skip


def combine(number: str, unit: str, formula: str, parts: Sequence[tuple[float, Explanation]]) -> Explanation:
    """A sum of explained numbers, each times a weight that no input moves; the terms are those of the parts."""
    value = sum(weight * part.value for weight, part in parts)
    several = len(parts) > 1
    terms = tuple(term for weight, part in parts for term in _terms(part, weight, value, unit, several))
    scaled = [(_over(weight * part.value, value), part) for weight, part in parts]
    return Explanation(
        number=number, value=value, unit=unit, formula=formula, terms=terms, inputs=_merged(scaled),
        left_out=_lines([part.left_out for _, part in parts]), notes=_lines([part.notes for _, part in parts]),
    )  # fmt: skip


def quotient(number: str, unit: str, formula: str, top: Explanation, bottom: Explanation) -> Explanation:
    """One explained number over another; the terms are those of whichever has any, the top's first."""
    if bottom.value == 0:
        raise InputError(bottom.number, 0.0, "a number above zero", "there is nothing to divide by")
    value = top.value / bottom.value
    terms = top.terms or bottom.terms
    return Explanation(
        number=number, value=value, unit=unit, formula=formula, terms=terms,
        inputs=_merged([(1.0, top), (-1.0, bottom)]), left_out=_lines((top.left_out, bottom.left_out)),
        notes=_lines((top.notes, bottom.notes)),
    )  # fmt: skip


def _terms(part: Explanation, weight: float, whole: float, unit: str, several: bool) -> list[Term]:
    """A part's own terms as they count in the whole, or the part itself where it has none."""
    name = f"{part.number}: " if several else ""
    if not part.terms:
        alone = weight * part.value
        return [Term(name=part.number, value=alone, unit=unit, share=_over(alone, whole), text=part.formula)]
    return [
        replace(
            term, name=f"{name}{term.name}", value=weight * term.value, unit=unit,
            share=_over(weight * term.value, whole),
        )
        for term in part.terms
    ]  # fmt: skip


def _over(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _lines(parts: Iterable[tuple[str, ...]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(line for part in parts for line in part))


def _merged(parts: Sequence[tuple[float, Explanation]]) -> tuple[Input, ...]:
    """Inputs of all parts, one of each name; the elasticity is the sum of the parts' times their factors."""
    found: dict[str, Input] = {}
    for factor, part in parts:
        for one in part.inputs:
            here = replace(one, elasticity=None if one.elasticity is None else factor * one.elasticity)
            found[one.name] = _joined(found[one.name], here) if one.name in found else here
    return tuple(found.values())


def _joined(first: Input, second: Input) -> Input:
    moves = [one.elasticity for one in (first, second) if one.elasticity is not None]
    return replace(
        first,
        value=first.value if first.value == second.value else None,
        source=first.source if first.source == second.source else f"{first.source}; {second.source}",
        grade=worst_grade((first.grade, second.grade)) if first.grade != second.grade else first.grade,
        elasticity=sum(moves) if moves else None,
    )
