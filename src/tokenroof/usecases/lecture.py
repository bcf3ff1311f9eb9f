"""Recompute every claim of the blackboard lecture, of the article about it and of the works around them.

A claim is data (catalog.claims). Its steps run through the formula registry with numbers that know their
dimensions, so that a figure in the wrong unit is a fault of the data and never a quiet factor of 1000.
The verdict is computed: `reproduced` when every check holds, `corrected` when one does not, `claim` when
there is nothing to compute. The verdict written in the data is only what the tests compare it with.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from tokenroof.catalog.claims import (
    Chapter,
    Check,
    Claim,
    Number,
    Operand,
    Ref,
    Source,
    Step,
    Verdict,
    load_chapters,
)
from tokenroof.errors import InputError, UnitError, UnknownName
from tokenroof.registry import get_formula, nearest
from tokenroof.units import dims_text, parse_unit
from tokenroof.xp import DIMS, Dim

__all__ = [
    "ChapterCount",
    "CheckResult",
    "ClaimResult",
    "LectureRequest",
    "LectureResponse",
    "StepResult",
    "judge",
    "lecture",
]

SAME = 1e-9  # two routes to one number may differ by rounding


@dataclass(frozen=True, slots=True, kw_only=True)
class LectureRequest:
    """Which claims to recompute: all, one by id, one chapter, one verdict."""

    claim: str | None = None
    chapter: str | None = None
    only: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """A number in base units with its unit; `text` as the source or the data writes it, where it does."""

    name: str
    value: float
    unit: str
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepResult:
    """One step with its arguments substituted. `formula` is empty for plain arithmetic."""

    name: str
    text: str
    formula: str
    summary: str
    equation: str
    reference: str
    arguments: tuple[Value, ...]
    value: float
    unit: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """Stated against computed, both in `unit`."""

    label: str
    relation: str
    stated: float
    stated_upper: float | None
    stated_text: str
    computed: float
    unit: str
    tolerance: float | None
    difference: float | None
    holds: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimResult:
    """A claim with its computed verdict. `basis` says what the verdict rests on."""

    id: str
    chapter: str
    question: str
    says: str
    inputs: tuple[Value, ...]
    steps: tuple[StepResult, ...]
    checks: tuple[CheckResult, ...]
    verdict: Verdict
    basis: str
    right: str
    why: str
    source: Source
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChapterCount:
    """How many claims of a chapter got which verdict."""

    key: str
    title: str
    reproduced: int
    corrected: int
    claim: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LectureResponse:
    """The claims asked for, and the counts over all that were looked at before `only` narrowed them."""

    counts: Mapping[str, int]
    chapters: tuple[ChapterCount, ...]
    claims: tuple[ClaimResult, ...]


def _dim(operand: Operand, known: Mapping[str, Dim]) -> Dim:
    return known[operand.name] if isinstance(operand, Ref) else Dim.in_unit(operand.value, dims_text_of(operand))


def dims_text_of(number: Number) -> str:
    """The base unit of a number, such as `B/s` for `3.35 TB/s`."""
    return dims_text(parse_unit(number.unit).dims)


def _value(name: str, number: Dim, text: str = "") -> Value:
    return Value(name=name, value=number.value, unit=dims_text(number.dims), text=text)


def _arithmetic(step: Step, numbers: list[Dim]) -> Dim:
    a, b = numbers[0], numbers[-1]
    match step.call:
        case "+":
            return a + b
        case "-":
            return a - b
        case "*":
            return a * b
        case "/":
            return a / b
        case "^":
            return a**b  # type: ignore[operator]
        case "max":
            return DIMS.maximum(a, b)  # type: ignore[no-any-return]
        case "min":
            return DIMS.minimum(a, b)  # type: ignore[no-any-return]
        case "ceil":
            return DIMS.ceil(a)  # type: ignore[no-any-return]
        case _:
            return DIMS.floor(a)  # type: ignore[no-any-return]


def _fits(number: Dim, unit: str) -> bool:
    free = not number.dims and (number.value == 0 or math.isinf(number.value))
    return free or number.dims == parse_unit(unit).dims


def _run_step(step: Step, known: Mapping[str, Dim]) -> tuple[Dim, StepResult]:
    arguments = {name: _dim(operand, known) for name, operand in step.arguments}
    shown = tuple(
        _value(operand.name if isinstance(operand, Ref) and not step.is_formula else name, arguments[name])
        for name, operand in step.arguments
    )
    if not step.is_formula:
        result = _arithmetic(step, list(arguments.values()))
        facts = ("", "", "", "")
    else:
        formula = get_formula(step.call)
        if set(arguments) != set(formula.inputs):
            raise InputError(
                f"step {step.name}", sorted(arguments), f"the inputs of {step.call}: {list(formula.inputs)}"
            )
        for name, number in arguments.items():
            if not _fits(number, formula.inputs[name].unit):
                wanted = formula.inputs[name].unit
                raise UnitError(f"step {step.name}: {name} is in {dims_text(number.dims)}, {step.call} takes {wanted}")
        result = Dim.of(formula.function(xp=DIMS, **arguments))
        facts = (formula.name, formula.summary, formula.equation, formula.source)
    return result, StepResult(
        name=step.name,
        text=step.text,
        formula=facts[0],
        summary=facts[1],
        equation=facts[2],
        reference=facts[3],
        arguments=shown,
        value=result.value,
        unit=dims_text(result.dims),
    )


def _holds(check: Check, computed: float, stated: float, tolerance: float) -> bool:
    match check.relation:
        case "=":
            if math.isinf(stated) or math.isinf(computed):
                return stated == computed
            return abs(computed - stated) <= tolerance + SAME * abs(stated)
        case "<":
            return computed < stated
        case "<=":
            return computed <= stated
        case ">":
            return computed > stated
        case ">=":
            return computed >= stated
        case _:
            assert check.upper is not None
            return stated <= computed <= check.upper.value


def _run_check(check: Check, known: Mapping[str, Dim]) -> CheckResult:
    computed, stated = known[check.of.name], _dim(check.stated, known)
    unit = check.stated.unit if isinstance(check.stated, Number) else dims_text(computed.dims)
    if not _fits(computed, unit) or not _fits(stated, unit):
        raise UnitError(f"check {check.label!r}: {dims_text(computed.dims)} against {dims_text(stated.dims)} ({unit})")
    tolerance = None
    if check.relation == "=":
        if math.isinf(stated.value) or math.isinf(computed.value):
            tolerance = 0.0
        elif check.within is not None:
            tolerance = check.within * max(abs(stated.value), abs(computed.value))
        elif isinstance(check.stated, Number):
            tolerance = check.stated.half_digit
        else:
            tolerance = 0.0
    finite = math.isfinite(stated.value) and math.isfinite(computed.value) and stated.value != 0
    scale = parse_unit(unit).scale
    return CheckResult(
        label=check.label,
        relation=check.relation,
        stated=stated.value / scale,
        stated_upper=None if check.upper is None else check.upper.value / scale,
        stated_text=check.text if isinstance(check.stated, Number) else "",
        computed=computed.value / scale,
        unit=unit,
        tolerance=None if tolerance is None else tolerance / scale,
        difference=computed.value / stated.value - 1 if finite else None,
        holds=_holds(check, computed.value, stated.value, tolerance or 0.0),
    )


def _verdict(claim: Claim, checks: Iterable[CheckResult]) -> tuple[Verdict, str]:
    checks = tuple(checks)
    if not checks:
        if claim.right:
            return Verdict.CORRECTED, "in words"
        return Verdict.CLAIM, "nothing to compute"
    failed = sum(not check.holds for check in checks)
    if failed:
        return Verdict.CORRECTED, f"computed: {failed} of {len(checks)} numbers differ"
    return Verdict.REPRODUCED, f"computed: {len(checks)} of {len(checks)} numbers agree"


def judge(claim: Claim, chapter: str) -> ClaimResult:
    """Recompute one claim and say whether its source was right."""
    known = {name: _dim(number, {}) for name, number in claim.given}
    inputs = tuple(_value(name, known[name], number.text) for name, number in claim.given)
    steps = []
    try:
        for step in claim.steps:
            known[step.name], result = _run_step(step, known)
            steps.append(result)
        checks = tuple(_run_check(check, known) for check in claim.checks)
    except UnitError as error:
        raise UnitError(f"claim {claim.id}, {error}") from None
    verdict, basis = _verdict(claim, checks)
    return ClaimResult(
        id=claim.id,
        chapter=chapter,
        question=claim.question,
        says=claim.says,
        inputs=inputs,
        steps=tuple(steps),
        checks=checks,
        verdict=verdict,
        basis=basis,
        right=claim.right,
        why=claim.why,
        source=claim.source,
        where=claim.where,
    )


def _wanted(request: LectureRequest, chapters: tuple[Chapter, ...]) -> list[tuple[Chapter, Claim]]:
    pairs = [(chapter, claim) for chapter in chapters for claim in chapter.claims]
    if request.claim is not None:
        pairs = [pair for pair in pairs if pair[1].id.lower() == request.claim.lower()]
        if not pairs:
            known = [claim.id for chapter in chapters for claim in chapter.claims]
            raise UnknownName("claim", request.claim, nearest(request.claim, known), "see tokenroof lecture")
    if request.chapter is not None:
        keys = [chapter.key for chapter in chapters]
        if request.chapter.lower() not in keys:
            raise UnknownName("chapter", request.chapter, nearest(request.chapter, keys) or keys[:3])
        pairs = [pair for pair in pairs if pair[0].key == request.chapter.lower()]
    return pairs


def lecture(request: LectureRequest) -> LectureResponse:
    """Recompute the claims asked for."""
    if request.only is not None and request.only not in list(Verdict):
        raise InputError("only", request.only, f"one of {', '.join(Verdict)}")
    for name in ("chapter", "only"):
        if request.claim is not None and getattr(request, name) is not None:
            raise InputError(name, getattr(request, name), "left out with one claim: it is about the list")
    chapters = load_chapters()
    results = [judge(claim, chapter.key) for chapter, claim in _wanted(request, chapters)]
    counts = []
    for chapter in chapters:
        verdicts = [result.verdict for result in results if result.chapter == chapter.key]
        if verdicts:
            tally = {verdict.value: verdicts.count(verdict) for verdict in Verdict}
            counts.append(ChapterCount(key=chapter.key, title=chapter.title, **tally))
    total = {verdict.value: sum(r.verdict is verdict for r in results) for verdict in Verdict}
    shown = tuple(result for result in results if request.only in (None, result.verdict.value))
    return LectureResponse(counts=total, chapters=tuple(counts), claims=shown)
