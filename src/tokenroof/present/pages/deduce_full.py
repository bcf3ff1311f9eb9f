"""What the full page of `deduce` adds: every unknown, choices, regions, each channel alone with formula and caveat."""

from tokenroof.infer.deductions import Deduction
from tokenroof.infer.posterior import UNREAD
from tokenroof.present.numbers import percent
from tokenroof.present.page import RANGE, REMARK, Block, Column, Lines, Table, numbers, words
from tokenroof.present.pages.deduce_parts import NAMES, span, value, wrapped
from tokenroof.usecases.deduce.nearest import NEAR
from tokenroof.usecases.deduce.run import DeduceResponse

__all__ = ["full_blocks"]


def full_blocks(answer: DeduceResponse) -> list[Block]:
    """The blocks below the first screen."""
    blocks: list[Block] = [_unknowns(answer), _choices(answer), _regions(answer)]
    return [*blocks, *_agreement(answer), _alone(answer), _grounds(answer.deductions)]


def _left(name: str, width: float, silent: bool) -> str:
    return "not read" if name in UNREAD else "says nothing" if silent else percent(width)


def _unknowns(answer: DeduceResponse) -> Table:
    rows = [
        (
            NAMES[one.name], value(one.median, one.unit, one.name), span(one.low50, one.high50, one.unit, one.name),
            span(one.low80, one.high80, one.unit, one.name),
            span(one.prior_low80, one.prior_high80, one.unit, one.name), _left(one.name, one.width_left, one.silent),
        )
        for one in answer.estimates
    ]  # fmt: skip
    heads = (words("50 %", drop=RANGE), words("80 %"), words("prior 80 %", drop=REMARK))
    columns = (words(), numbers("median"), *heads, numbers("width left"))
    return Table(name="unknowns", title="All unknowns", columns=columns, rows=rows, full=True)


def _choices(answer: DeduceResponse) -> Table:
    rows = [
        (choice.name.replace("_", " "), found, percent(after), percent(before))
        for choice in answer.choices
        for found, before, after in zip(choice.values, choice.prior, choice.posterior, strict=True)
    ]
    columns = (words(), words(), numbers("chance"), numbers("before evidence"))
    return Table(name="choices", title="Choices", columns=columns, rows=rows, full=True)


def _regions(answer: DeduceResponse) -> Table:
    rows = [
        (" with ".join(NAMES[name] for name in one.names), f"{one.correlation:+.2f}", percent(one.area_left))
        for one in answer.regions
    ]
    inside = sum(one.level <= NEAR for one in answer.neighbours)
    columns = (Column(whole=True), numbers("correlation"), numbers("area left"))
    said = f"area left: of the prior's; {inside} of {len(answer.neighbours)} known models lie in the joint 80 % region"
    return Table(title="Joint 80 % regions", columns=columns, rows=rows, lines=(said,), full=True)


def _agreement(answer: DeduceResponse) -> list[Table]:
    rows = [(one.shown, f"{one.z:+.1f} sd{', unlikely' if one.unlikely else ''}") for one in answer.surprises]
    return [Table(title="Agrees with the rest", columns=(words(), words()), rows=rows, full=True)] if rows else []


def _alone(answer: DeduceResponse) -> Table:
    rows = [
        (
            one.name, one.quantity, one.direction, value(one.point, one.unit),
            "" if one.low == one.point == one.high else span(one.low, one.high, one.unit), _calibrated(one),
            one.verdict,
        )
        for one in answer.deductions
    ]  # fmt: skip
    columns = (
        Column(head="channel", whole=True), Column(head="quantity", whole=True), words("direction", drop=REMARK),
        numbers("formula gives"),
        Column(head="interval", whole=True, drop=RANGE), Column(head="80 % calibrated", whole=True), words(drop=REMARK),
    )  # fmt: skip
    active = value(answer.assumed_active_params, "param")
    said = f"on an {answer.machine.name}, with {active} active parameters"
    return Table(title="Each channel alone", columns=columns, rows=rows, lines=(said,), full=True)


def _calibrated(one: Deduction) -> str:
    if one.calibrated_low is None and one.calibrated_high is None:
        return ""
    return span(one.calibrated_low, one.calibrated_high, one.unit)


def _grounds(deductions: tuple[Deduction, ...]) -> Lines:
    """How each channel was computed, how far it is to be trusted, and what would break it; repeats are left out."""
    lines: list[str] = []
    for one in {found.name: found for found in deductions}.values():
        parts = (("formula", one.formula), ("calibration", one.calibration), ("caveat", one.caveat or "none"))
        lines += [one.name, *(line for label, said in parts for line in wrapped(f"  {label}", said))]
    return Lines(title="What each rests on", lines=lines, full=True)
