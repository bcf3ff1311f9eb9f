"""Pages of the lecture: claims by chapter with their verdicts, or one claim worked through."""

import math
import textwrap

from tokenroof.present.asked import ask
from tokenroof.present.numbers import count
from tokenroof.present.page import Block, Column, KeyValues, Lines, Page, Table, numbers, words
from tokenroof.present.pages.parts import counted
from tokenroof.units import format_si
from tokenroof.usecases.lecture import CheckResult, ClaimResult, LectureResponse, StepResult, Value

__all__ = ["claim_page", "list_page"]

_WIDTH, _MOST_CLAIMS = 96, 14
MARKS = {"reproduced": "✓", "corrected": "≠", "claim": "·"}
RELATIONS = {"=": "", "in": "", "<": "< ", ">": "> ", "<=": "at most ", ">=": "at least "}
_SAID = {
    "reproduced": "What is stated comes out again.", "corrected": "What is stated is corrected",
    "claim": "What is stated has no number to compute.",
}  # fmt: skip


def _digits(text: str) -> int:
    """Printed significant digits of a stated number."""
    mantissa = text.partition(" ")[0].lower().partition("e")[0]
    return len(mantissa.replace(".", "").lstrip("-0")) or 1


def _number(value: float, significant: int, exponent: bool = False) -> str:
    """A number with about `significant` digits, whole thousands grouped, no trailing zeros."""
    if not math.isfinite(value):
        return "unlimited"
    if value == 0:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if exponent or not -5 <= magnitude < 15:
        mantissa, _, power = f"{value:.{significant - 1}e}".partition("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{int(power)}"
    decimals = max(0, significant - 1 - magnitude)
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _large(value: float) -> bool:
    """Whether a number reads better with an exponent."""
    return not 1e-4 <= abs(value) < 1e7


def _stated(check: CheckResult) -> str:
    unit = "" if check.unit == "1" else f" {check.unit}"
    if check.stated_upper is not None:
        return f"{_number(check.stated, 4)} to {_number(check.stated_upper, 4)}{unit}"
    relation = RELATIONS[check.relation]
    if not check.stated_text:
        return relation + _quantity(check.stated, check.unit)
    figure = check.stated_text.partition(" ")[0]
    if "e" in figure:
        return f"{relation}{_number(check.stated, _digits(figure), _large(check.stated))}{unit}"
    whole, dot, decimals = figure.partition(".")
    return f"{relation}{int(whole):,}{dot}{decimals}{unit}" if whole.isdigit() else f"{relation}{figure}{unit}"


def _computed(check: CheckResult) -> str:
    if not check.stated_text:
        return _quantity(check.computed, check.unit)
    unit = "" if check.unit == "1" else f" {check.unit}"
    exponent = "e" in check.stated_text.partition(" ")[0] and _large(check.computed)
    return _number(check.computed, max(4, _digits(check.stated_text) + 1), exponent) + unit


def _allowed(check: CheckResult) -> str:
    """The tolerance of an equality: half a printed digit unless the data say otherwise."""
    if check.relation != "=" or not check.tolerance:
        return ""
    return f"within {_number(check.tolerance, 2, _large(check.tolerance))}"


def _gap(check: CheckResult) -> str:
    """How far computed lies from stated, where they are two numbers that should be one."""
    if check.relation != "=":
        return "holds" if check.holds else "does not hold"
    if check.difference is None:
        return "same" if check.holds else "differs"
    if abs(check.difference) < 5e-6:
        return "same"
    if abs(check.difference) >= 1:
        factor = 1 + check.difference
        return f"x {_number(factor, 3)}"
    return f"{check.difference:+.2%}"


def _main_check(claim: ClaimResult) -> CheckResult | None:
    """The check a table shows: the first that fails, else the first."""
    return next((check for check in claim.checks if not check.holds), claim.checks[0] if claim.checks else None)


def _claim_lines(claim: ClaimResult) -> list[str]:
    """The question, and below it what is stated, what comes out and the verdict."""
    verdict = f"{MARKS[claim.verdict]} {claim.verdict}"
    check = _main_check(claim)
    if check is None:
        said = [f"stated: {claim.says}", *([f"right: {claim.right}"] if claim.right else [])]
    else:
        more = f" (+{len(claim.checks) - 1})" if len(claim.checks) > 1 else ""
        said = [f"stated {_stated(check)}", f"computed {_computed(check)}{more}"]
    return [
        *textwrap.wrap(f"{claim.id:<7}{claim.question}", _WIDTH, subsequent_indent=" " * 7),
        *_filled(f"{verdict}, {', '.join(said)}", 7, 9),
    ]


def _quantity(value: float, unit: str) -> str:
    """Bytes, seconds, FLOP and dollars with a prefix; counted things as plain numbers."""
    if unit == "1" or unit.partition("/")[0] in ("sequence", "param", "token", "GPU", "request"):
        shown = _number(value, 6, value != 0 and _large(value))
        return shown if unit == "1" else f"{shown} {unit}"
    if unit == "USD/token":
        return f"{_number(value * 1e6, 6)} USD/Mtoken"
    if (unit == "s" and value >= 1000) or value >= 1e21:
        return f"{_number(value, 6, _large(value))} {unit}"
    return format_si(value, unit, 6)


def _value(value: Value) -> str:
    return value.text or _quantity(value.value, value.unit)


def _chapters(response: LectureResponse) -> Table:
    rows = [
        (one.title, one.key, count(one.reproduced), count(one.corrected), count(one.claim)) for one in response.chapters
    ]
    heads = map(numbers, ("reproduced", "corrected", "nothing to compute"))
    return Table(name="chapters", columns=(words("chapter"), Column(head="key", whole=True), *heads), rows=rows)


def list_page(response: LectureResponse, whole: bool, full: bool) -> Page:
    """Counts by chapter; the claims themselves where a part is asked for (not `whole`), or with `full`."""
    counts = response.counts
    total = sum(counts.values())
    shown = response.claims if full else response.claims[:_MOST_CLAIMS]
    lines = [line for claim in shown for line in _claim_lines(claim)]
    if len(response.claims) > len(shown):
        lines.append(f"and {count(len(response.claims) - len(shown))} more: `full`")
    lines.append("(+2): two more numbers behind that claim")
    claims = Lines(title="Claims", lines=lines, full=whole)
    return Page(
        title="the lecture", kind="Lecture",
        sentence=f"{counted(total, 'claim')}: {counts['reproduced']} reproduced, {counts['corrected']} corrected, "
        f"{counts['claim']} with nothing to compute.",
        blocks=[*([_chapters(response)] if whole else []), claims],
        next=(ask("lecture", "S1", why=": one claim worked through"), "`chapter` batch", "`only` corrected", "`full`"),
    )  # fmt: skip


def _filled(line: str, indent: int, hang: int) -> list[str]:
    return textwrap.wrap(line, _WIDTH, initial_indent=" " * indent, subsequent_indent=" " * hang)


def _step_lines(index: int, step: StepResult, explained: bool) -> list[str]:
    result = _quantity(step.value, step.unit)
    if not step.formula:
        return [f"{index}. {step.name} = {step.text.replace('$', '')} = {result}"]
    lines = [f"{step.equation}   [{step.formula}]"]
    if not explained:
        said = step.summary.replace("`", "")  # names of the formula's own, not fields that a door could spell
        lines = [said, *lines, f"from {step.reference}"]
    lines.append("with " + ", ".join(f"{value.name} = {_value(value)}" for value in step.arguments))
    return [f"{index}. {step.name} = {result}", *(part for line in lines for part in _filled(line, 3, 5))]


def _worked(claim: ClaimResult) -> list[Block]:
    blocks: list[Block] = []
    if claim.inputs:
        blocks.append(
            KeyValues(title="Given", pairs=[(value.name, value.text) for value in claim.inputs], name="given")
        )
    if claim.steps:
        seen, lines = set[str](), []
        for index, step in enumerate(claim.steps, 1):
            lines += _step_lines(index, step, step.formula in seen)
            seen.add(step.formula)
        blocks.append(Lines(title="Worked", lines=lines))
    if claim.checks:
        rows = [
            (one.label, _stated(one), _allowed(one), _computed(one), _gap(one), "✓" if one.holds else "≠")
            for one in claim.checks
        ]
        heads = map(numbers, ("stated", "allowed", "computed", "gap"))
        columns = (words(), *heads, Column(whole=True))
        blocks.append(Table(name="checks", title="Stated against computed", columns=columns, rows=rows))
    return blocks


def claim_page(claim: ClaimResult, chapter: str) -> Page:
    """One claim worked through: formulas, numbers, stated against computed, verdict and source."""
    said = _SAID[claim.verdict]
    if claim.verdict == "corrected":
        said += f": {claim.right}." if claim.right else "."
    where = f", {claim.where}" if claim.where else ""
    also = (
        ("Verdict", f"{claim.verdict} ({claim.basis})"), ("Right form", claim.right), ("Why", claim.why),
        ("Source", " ".join(part for part in (f"{claim.source.title}{where}", claim.source.address) if part)),
    )  # fmt: skip
    return Page(
        title=claim.id, kind="Claim", sentence=f"{claim.question} {said}", scenario_label=claim.id,
        scenario=(f"{MARKS[claim.verdict]} {claim.verdict}", chapter, f"stated: {claim.says}"),
        blocks=_worked(claim), also=[pair for pair in also if pair[1]],
    )  # fmt: skip
